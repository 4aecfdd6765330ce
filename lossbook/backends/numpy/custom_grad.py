"""Functions with a derivative written by hand, on NumPy: a node of the tape each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from lossbook.backends.numpy.ops import mean, stop_gradient, sum
from lossbook.backends.numpy.tape import Traced, node

Array = Any

LARGE = 2**20  # elements from which on it pays to go over them in blocks
_BLOCK = 2**15  # elements whose intermediate results stay in the cache


def with_derivatives(
    formula: Callable[..., Array],
    derivatives: Sequence[Callable[..., Array] | None],
    *inputs: Array,
    reduction: str = "none",
    rowwise: bool = False,
    parameters: Mapping[str, Any] | None = None,
    key: Any = None,
) -> Array:
    """Apply `formula`; its derivatives by the inputs are these, not derived."""
    given = parameters or {}
    values = [stop_gradient(x) for x in inputs]
    if reduction != "none" and not rowwise and _are_large(values):
        return _reduced_in_blocks(
            formula, derivatives, inputs, values, reduction, given
        )
    with np.errstate(all="ignore"):
        losses = formula(*values, **given)
    if any(isinstance(x, Traced) for x in inputs):
        vjps = [_vjp(derivative, values, rowwise, given) for derivative in derivatives]
        losses = node(losses, inputs, vjps)
    if reduction == "none":
        return losses
    return sum(losses) if reduction == "sum" else mean(losses)


def _are_large(values: Sequence[Array]) -> bool:
    return all(
        x.size >= LARGE and x.shape == values[0].shape and x.flags.c_contiguous
        for x in values
    )


def _reduced_in_blocks(
    formula: Callable[..., Array],
    derivatives: Sequence[Callable[..., Array] | None],
    inputs: Sequence[Array],
    values: Sequence[Array],
    reduction: str,
    parameters: Mapping[str, Any],
) -> Array:
    """Reduce without holding the losses; go over the data once for value and gradient.

    The sums of the blocks are accumulated in float64, as `sum` and `mean` do.
    """
    flat = [x.reshape(-1) for x in values]
    gradients = [
        np.empty_like(x) if derivative and isinstance(given, Traced) else None
        for x, given, derivative in zip(flat, inputs, derivatives, strict=True)
    ]
    wide = np.promote_types(flat[-1].dtype, np.float64)
    totals = []
    with np.errstate(all="ignore"):
        for start in range(0, flat[0].size, _BLOCK):
            here = slice(start, start + _BLOCK)
            block = [x[here] for x in flat]
            totals.append(np.sum(formula(*block, **parameters), dtype=wide))
            for gradient, derivative in zip(gradients, derivatives, strict=True):
                if gradient is not None and derivative is not None:
                    gradient[here] = derivative(*block, **parameters)
    count = flat[0].size if reduction == "mean" else 1
    result = (np.sum(np.array(totals, wide)) / count).astype(flat[-1].dtype)
    if not any(isinstance(x, Traced) for x in inputs):
        return result
    vjps = [_of_sum(gradient, values[0].shape, count) for gradient in gradients]
    return node(result, inputs, vjps)


def _of_sum(gradient: Array | None, shape: tuple[int, ...], count: int) -> Any:
    """Return what multiplies the gradient, in place: a tape goes back once."""

    def pull(cotangent: Array) -> Array:
        if gradient is None or cotangent == 0:
            return np.zeros(shape, np.asarray(cotangent).dtype)
        factor = (cotangent / count).astype(gradient.dtype)
        return np.multiply(gradient, factor, out=gradient).reshape(shape)

    return pull


def _vjp(
    derivative: Callable[..., Array] | None,
    values: Sequence[Array],
    rowwise: bool,
    parameters: Mapping[str, Any],
) -> Any:
    def pull(cotangent: Array) -> Array:
        if derivative is None:
            return np.zeros(np.shape(cotangent), np.asarray(cotangent).dtype)
        with np.errstate(all="ignore"):
            by_input = derivative(*values, **parameters)
            if rowwise:
                cotangent = np.expand_dims(cotangent, -1)
            # A weight of zero silences its element, even of an infinite derivative.
            return np.where(cotangent == 0, 0, cotangent * by_input)

    return pull
