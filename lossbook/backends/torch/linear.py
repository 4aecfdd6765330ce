"""The chunked linear cross-entropy on PyTorch: its place in autograd and on shards.

The loop over the chunks is in `linear_chunks.py`.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from lossbook.backends.terms import Terms
from lossbook.backends.torch.custom_grad import needs_transforms
from lossbook.backends.torch.inputs import is_sharded
from lossbook.backends.torch.linear_chunks import HALF, capped, factor_of
from lossbook.backends.torch.linear_op import run_as_one as run
from lossbook.backends.torch.ops import full, wide_default
from lossbook.backends.torch.products import matmul

Array = Any
is_exporting = getattr(torch.compiler, "is_exporting", lambda: False)


def operands(h: Array, w: Array) -> tuple[Array, Array]:
    """Return both in the precision of the weight; the loop widens half precision."""
    w = w if w.is_floating_point() else w.to(wide_default())
    return h if w.dtype in HALF and h.is_floating_point() else h.to(w.dtype), w


def _takes_formula() -> bool:
    """Say whether this gets the formula, with all logits at once.

    A program of torch.export keeps no gradient written by hand, and its backward pass
    takes no step in place. In a graph of torch.compile torch.func cannot look into the
    operator: a derivative forwards would be 0.
    """
    inside = torch.compiler.is_compiling()
    return is_exporting() or (inside and torch._C._are_functorch_transforms_active())


def total(
    h: Array,
    w: Array,
    b: Array | None,
    labels: Array,
    row_weight: Array,
    terms: Terms,
    chunk: int,
) -> Array:
    """Return the sum of row_weight times loss over the rows."""
    if is_sharded(h):
        mine, w, b, terms, labels, row_weight = _parts(
            h, w, b, terms, labels, row_weight
        )
        return _of_all(total(mine, w, b, labels, row_weight, terms, chunk), h, "sum")
    if _takes_formula():
        return _sum(_plain_losses(h, w, b, labels, terms), row_weight)
    try:
        return _Total.apply(
            h, w, b, labels, row_weight, terms, chunk, torch.is_grad_enabled()
        )
    except RuntimeError as error:
        if not needs_transforms(error):
            raise
        return _sum(_plain_losses(h, w, b, labels, terms), row_weight)


def losses(
    h: Array, w: Array, b: Array | None, labels: Array, terms: Terms, chunk: int
) -> Array:
    """Return the loss of each row."""
    if is_sharded(h):
        mine, w, b, terms, labels = _parts(h, w, b, terms, labels)
        return _of_all(losses(mine, w, b, labels, terms, chunk), h, "none")
    if _takes_formula():
        return _plain_losses(h, w, b, labels, terms)
    try:
        return _Losses.apply(h, w, b, labels, terms, chunk)
    except RuntimeError as error:
        if not needs_transforms(error):
            raise
        return _plain_losses(h, w, b, labels, terms)


def _parts(h: Array, w: Array, b: Array | None, terms: Terms, *rows: Array) -> Any:
    """Return what this process computes with: its rows, and all of the layer.

    The gradient of the layer is a sum over the processes that have rows of their own.
    """
    from torch.distributed.tensor import Partial, Replicate

    mesh, places = h.device_mesh, _row_placements(h)
    whole = [Replicate()] * mesh.ndim
    sums = [Partial() if place.is_shard() else Replicate() for place in places]
    w = _local(w, mesh, whole, sums)
    b = b if b is None else _local(b, mesh, whole, sums)
    if terms.own is not None:
        terms = terms._replace(own=_local(terms.own, mesh, places, places))
    if terms.spread is not None:
        terms = terms._replace(spread=full(terms.spread))
    h, *others = (_local(x, mesh, places, places) for x in (h, *rows))
    return h, w, b, terms, *others


def _local(x: Array, mesh: Any, places: Any, grad_places: Any) -> Array:
    return x.redistribute(mesh, places).to_local(grad_placements=grad_places)


def _row_placements(h: Array) -> list[Any]:
    """Return how rows are spread: as the hidden states, which stay in place."""
    from torch.distributed.tensor import Replicate, Shard

    kinds = [type(place) is Shard and place.dim == 0 for place in h.placements]
    return [Shard(0) if rows else Replicate() for rows in kinds]


def _of_all(x: Array, h: Array, reduction: str) -> Array:
    """Return the DTensor of the losses, or of their sum, from those of each process."""
    from torch.distributed.tensor import DTensor, Partial

    places, options = _row_placements(h), {}
    if reduction == "sum":
        places = [Partial() if place.is_shard() else place for place in places]
    else:
        options = {"shape": h.shape[:1], "stride": (1,)}
    return DTensor.from_local(x, h.device_mesh, places, run_check=False, **options)


def _sum(each: Array, row_weight: Array) -> Array:
    silent = each.isinf() & (row_weight == 0)
    return (each.masked_fill(silent, 0) * row_weight).sum()


class _Total(torch.autograd.Function):  # type: ignore[misc]
    """Knows the gradients, but for a factor, when it knows the loss.

    In float16 they would underflow before that factor, a loss scale, arrives: there
    they are computed on the way back.
    """

    @staticmethod
    def forward(
        ctx: Any,
        h: Array,
        w: Array,
        b: Array | None,
        labels: Array,
        row_weight: Array,
        terms: Terms,
        chunk: int,
        trains: bool,
    ) -> Array:
        wanted = [trains and need for need in ctx.needs_input_grad[:3]]
        ctx.wanted, ctx.chunk, ctx.terms = wanted, chunk, terms
        ctx.later = w.dtype == torch.float16
        now = [want and not ctx.later for want in wanted]
        each, ctx.grads = run(h, w, b, labels, row_weight, terms, chunk, now)
        ctx.save_for_backward(h, w, b, labels, row_weight)
        return _sum(each, row_weight)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> tuple[Any, ...]:
        h, w, b, labels, row_weight = ctx.saved_tensors
        layer = h, w, b, labels
        if torch.is_grad_enabled():  # a second derivative is to come
            return (*_plain_grads(*layer, row_weight * grad, ctx.terms), *[None] * 5)
        if ctx.later:
            weight = row_weight * grad
            _, grads = run(*layer, weight, ctx.terms, ctx.chunk, ctx.wanted)
            return (*grads, *[None] * 5)
        grads, ctx.grads = ctx.grads, None
        if grads is None:  # a second use: the first has given the gradients away
            _, grads = run(*layer, row_weight, ctx.terms, ctx.chunk, ctx.wanted)
        return (*(g if g is None else _scaled(g, grad) for g in grads), *[None] * 5)


def _scaled(g: Array, grad: Array) -> Array:
    try:
        return g.mul_(grad)
    except RuntimeError:  # several gradients at once, under vmap
        return g * grad


class _Losses(torch.autograd.Function):  # type: ignore[misc]
    """Each loss has a factor of its own, known only on the way back: it starts anew."""

    @staticmethod
    def forward(
        ctx: Any,
        h: Array,
        w: Array,
        b: Array | None,
        labels: Array,
        terms: Terms,
        chunk: int,
    ) -> Array:
        ctx.chunk, ctx.terms = chunk, terms
        ctx.save_for_backward(h, w, b, labels)
        return run(h, w, b, labels, None, terms, chunk, [False] * 3)[0]

    @staticmethod
    def backward(ctx: Any, grad: Array) -> tuple[Any, ...]:
        h, w, b, labels = ctx.saved_tensors
        if torch.is_grad_enabled():
            return (*_plain_grads(h, w, b, labels, grad, ctx.terms), *[None] * 3)
        wanted = list(ctx.needs_input_grad[:3])
        _, grads = run(h, w, b, labels, grad, ctx.terms, ctx.chunk, wanted)
        return (*grads, *[None] * 3)


def _plain_logits(h: Array, w: Array, b: Array | None) -> Array:
    """Return all logits at once, for what needs the formula itself to differentiate."""
    wide = w.float() if w.dtype in HALF else w
    logits = matmul(h.to(wide.dtype), wide.t())
    return logits if b is None else logits + b.to(wide.dtype)


def _plain_losses(
    h: Array, w: Array, b: Array | None, labels: Array, terms: Terms
) -> Array:
    z = capped(_plain_logits(h, w, b), terms.softcap)
    log_p = torch.log_softmax(z, dim=1)
    each = -log_p.gather(1, labels[:, None])[:, 0]
    each = each if terms.own is None else terms.own * each
    if terms.spread is not None:
        known = torch.where(terms.spread == 0, torch.zeros_like(log_p), log_p)
        each = each - (terms.spread * known).sum(dim=1)
    return each + terms.z_loss * z.logsumexp(dim=1) ** 2 if terms.z_loss else each


def _plain_grads(
    h: Array,
    w: Array,
    b: Array | None,
    labels: Array,
    row_weight: Array,
    terms: Terms,
) -> tuple[Array | None, ...]:
    z = capped(_plain_logits(h, w, b), terms.softcap)
    label = F.one_hot(labels, len(w))
    factor = factor_of(terms, z.logsumexp(dim=1))
    p = torch.softmax(z, dim=1)
    off = p if factor is None else p * factor[..., None]
    off = off - (label if terms.own is None else label * terms.own[:, None])
    off = off if terms.spread is None else off - terms.spread
    if terms.softcap is not None:
        bent = z / terms.softcap
        off = off * (1 - bent) * (1 + bent)
    off = off * row_weight[:, None]
    by_h = matmul(off, w.to(off.dtype))
    by_w = matmul(off.t(), h.to(off.dtype))
    by_b = None if b is None else off.sum(dim=0).to(b.dtype)
    return by_h.to(h.dtype), by_w.to(w.dtype), by_b
