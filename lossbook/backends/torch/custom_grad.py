"""Functions with a derivative written by hand, on PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any, NamedTuple

import torch

from lossbook.backends.torch import sums
from lossbook.backends.torch.ops import is_large, is_open, multiply_no_nan
from lossbook.backends.torch.transforms import levels_forwards

Array = Any

# Elements of a block, which gives all cores their parts. Where other programs hold a
# core each operation waits for it, so they must not be many.
_WIDE, _WIDE_OF_ROWS = 2**19, 2**17
_MANY_IN_ROWS = 2**20  # elements from which on rows go in blocks


def with_derivatives(
    formula: Callable[..., Array],
    derivatives: Sequence[Callable[..., Array] | None],
    *inputs: Array,
    reduction: str = "none",
    rowwise: bool = False,
    parameters: Mapping[str, Any] | None = None,
    key: Any = None,
    lean: bool = False,
) -> Array:
    """Apply `formula`; its derivatives by the inputs are these, not derived.

    `lean` says that a derivative holds nothing beside what it returns, if nobody
    differentiates it: for a mean or a sum it needs no blocks, which take time.
    """
    plan = _Plan(formula, derivatives, parameters or {}, reduction, rowwise, lean)
    if torch.compiler.is_compiling():
        # Under torch.func.grad it overlooks an input that is the argument itself.
        inputs = tuple(x.view_as(x) for x in inputs)
        if torch.is_grad_enabled() and any(x.requires_grad for x in inputs):
            return _Compiled.apply(plan, *inputs)
        return reduced(_losses(plan, inputs), reduction)
    try:
        return _Eager.apply(plan, *inputs)
    except RuntimeError as error:
        if not needs_transforms(error):
            raise
        if levels_forwards() > 1:
            return reduced(_losses(plan, inputs), reduction)
        return _Transformed.apply(plan, *inputs)


class _Plan(NamedTuple):
    """What is to be applied, and how it is reduced; torch.compile takes tuples."""

    formula: Callable[..., Array]
    derivatives: Sequence[Callable[..., Array] | None]
    parameters: Mapping[str, Any]
    reduction: str
    rowwise: bool
    lean: bool


def _losses(plan: _Plan, inputs: Sequence[Array]) -> Array:
    return plan.formula(*inputs, **plan.parameters)


def _losses_of_rows(plan: _Plan, inputs: Sequence[Array]) -> Array:
    """Return the losses of many rows, some rows at a time."""
    rows, size = _in_rows(plan, inputs)
    parts = zip(*(x.split(size) for x in rows), strict=True)
    losses = torch.cat([_losses(plan, part) for part in parts])
    return losses.reshape(inputs[-1].shape[:-1])


def _in_rows(plan: _Plan, inputs: Sequence[Array]) -> tuple[list[Array], int]:
    """Return the inputs with one axis for all losses, and the length of a block."""
    last = inputs[-1]
    if not plan.rowwise:
        return [x.reshape(-1) for x in inputs], _WIDE
    width = last.shape[-1]
    rows = [
        x.reshape(-1, width) if x.dim() == last.dim() else x.reshape(-1) for x in inputs
    ]
    return rows, max(1, _WIDE_OF_ROWS // width)


def _go_in_blocks(plan: _Plan, inputs: Sequence[Array]) -> bool:
    if not plan.rowwise:
        return is_large(*inputs)
    last = inputs[-1]
    losses = last.shape[:-1]
    fit = all(x.shape in (losses, last.shape) and x.is_contiguous() for x in inputs)
    many = is_open(last) and last.numel() >= _MANY_IN_ROWS
    return many and fit and len(losses) > 0


def _count(plan: _Plan, inputs: Sequence[Array]) -> int:
    """Return how many losses there are."""
    last = inputs[-1]
    return int(last.numel() // last.shape[-1] if plan.rowwise else last.numel())


def reduced(losses: Array, reduction: str) -> Array:
    """Return the losses, their mean or their sum."""
    if reduction == "none":
        return losses
    return sums.sum(losses) if reduction == "sum" else sums.mean(losses)


def _reduced_in_blocks(plan: _Plan, inputs: Sequence[Array]) -> Array:
    """Reduce without holding the losses; the sums of the blocks add up in float64."""
    flat = [x.reshape(-1) for x in inputs]
    blocks = zip(*(x.split(_WIDE) for x in flat), strict=True)
    total = torch.stack([_losses(plan, block).sum() for block in blocks]).double().sum()
    count = _count(plan, inputs) if plan.reduction == "mean" else 1
    return (total / count).to(inputs[-1].dtype)


def _pull(ctx: Any, cotangent: Array) -> tuple[Any, ...]:
    inputs, plan = ctx.saved_tensors, ctx.plan
    if cotangent is None:  # nothing depends on the loss
        return (None,) * (1 + len(inputs))
    if plan.reduction == "mean":
        cotangent = cotangent / _count(plan, inputs)
    elif plan.reduction == "none" and plan.rowwise:
        cotangent = cotangent.unsqueeze(-1)
    # Nobody else holds the derivative, unless a second one or a transform is at work.
    in_place = ctx.quick and not torch.is_grad_enabled()
    lean = plan.lean and plan.reduction != "none"
    blocks = in_place and not lean and is_open(cotangent)
    blocks = blocks and _go_in_blocks(plan, inputs)
    needed = zip(plan.derivatives, ctx.needs_input_grad[1:], strict=True)
    return (None, *(
        None if not (derivative and wanted)
        else _pulled_in_blocks(plan, derivative, inputs, cotangent) if blocks
        else _chained(cotangent, derivative(*inputs, **plan.parameters), in_place)
        for derivative, wanted in needed
    ))  # fmt: skip


def _pulled_in_blocks(
    plan: _Plan,
    derivative: Callable[..., Array],
    inputs: Sequence[Array],
    cotangent: Array,
) -> Array:
    """Return the gradient, beside which no more is held than a block."""
    rows, size = _in_rows(plan, inputs)
    gradient = torch.empty_like(rows[-1])
    each = cotangent.dim() > 0
    if each:
        cotangent = cotangent.reshape(-1, 1) if plan.rowwise else cotangent.reshape(-1)
    for start in range(0, len(gradient), size):
        here = slice(start, start + size)
        part = derivative(*(x[here] for x in rows), **plan.parameters)
        if each:
            gradient[here] = multiply_no_nan(cotangent[here], part)
        else:
            torch.mul(part, cotangent, out=gradient[here])
    return gradient.reshape(inputs[-1].shape)


def _chained(cotangent: Array, derivative: Array, in_place: bool) -> Array:
    """Multiply; a weight of zero silences its element even if the slope is infinite."""
    if cotangent.dim() == 0:
        try:
            if in_place:
                return derivative.mul_(cotangent)
            return derivative * cotangent
        except RuntimeError:  # several gradients at once, under vmap
            return derivative * cotangent
    return multiply_no_nan(cotangent, derivative)


class _Eager(torch.autograd.Function):  # type: ignore[misc]
    """The quick form: torch binds no arguments for it, which saves 25 us a call."""

    @staticmethod
    def forward(ctx: Any, plan: _Plan, *inputs: Array) -> Array:
        ctx.plan, ctx.quick = plan, True
        ctx.save_for_backward(*inputs)
        if not _go_in_blocks(plan, inputs):
            return reduced(_losses(plan, inputs), plan.reduction)
        if plan.rowwise:
            return reduced(_losses_of_rows(plan, inputs), plan.reduction)
        if plan.reduction != "none":
            return _reduced_in_blocks(plan, inputs)
        return _losses(plan, inputs)

    backward = staticmethod(_pull)


class _Compiled(torch.autograd.Function):  # type: ignore[misc]
    """The form that torch.compile understands."""

    generate_vmap_rule = True

    @staticmethod
    def forward(plan: _Plan, *inputs: Array) -> Array:
        return reduced(_losses(plan, inputs), plan.reduction)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Array) -> None:
        ctx.plan, *tensors = inputs
        ctx.quick = False
        ctx.save_for_backward(*tensors)

    backward = staticmethod(_pull)


class _Transformed(_Compiled):
    """The form that torch.func understands; torch.compile takes none with a `jvp`."""

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Array) -> None:
        _Compiled.setup_context(ctx, inputs, output)
        ctx.set_materialize_grads(False)  # a constant has no tangent, not one of 0
        ctx.save_for_forward(*inputs[1:])

    @staticmethod
    def jvp(ctx: Any, *tangents: Array) -> Array:
        plan = ctx.plan
        changes = [
            multiply_no_nan(tangent, derivative(*ctx.saved_tensors, **plan.parameters))
            for derivative, tangent in zip(plan.derivatives, tangents[1:], strict=True)
            if derivative and tangent is not None
        ]
        change = reduce(torch.add, changes)
        return reduced(change.sum(-1) if plan.rowwise else change, plan.reduction)


def needs_transforms(error: RuntimeError) -> bool:
    """Say whether torch.func, or forward_ad, cannot look into a function."""
    return "setup_context" in str(error) or "jvp" in str(error)
