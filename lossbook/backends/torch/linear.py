"""The chunked linear cross-entropy on PyTorch.

In full precision the loop goes over chunks of rows: logits, softmax in their place, and
from it at once what the rows add to the gradients, so that no chunk is seen twice. In
half precision the sums over chunks would have to be held in float32, twice the size of
the weight: there it goes over chunks of classes, whose part of the gradient is complete
when it is written, for the price of computing the logits a second time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F

from lossbook.backends.torch.custom_grad import needs_transforms
from lossbook.backends.torch.inputs import is_sharded
from lossbook.backends.torch.products import matmul

Array = Any
_HALF = (torch.float16, torch.bfloat16)
# A program of torch.export keeps no gradient written by hand, and its backward pass
# takes no step in place: it gets the formula, with all logits at once.
is_exporting = getattr(torch.compiler, "is_exporting", lambda: False)


def operands(h: Array, w: Array) -> tuple[Array, Array]:
    """Return both in the precision of the weight; the loop widens half precision."""
    w = w if w.is_floating_point() else w.to(torch.get_default_dtype())
    return h if w.dtype in _HALF and h.is_floating_point() else h.to(w.dtype), w


def total(
    h: Array, w: Array, b: Array | None, labels: Array, row_weight: Array, chunk: int
) -> Array:
    """Return the sum of row_weight times loss over the rows."""
    if is_sharded(h):
        mine, w, b, labels, row_weight = _parts(h, w, b, labels, row_weight)
        return _of_all(total(mine, w, b, labels, row_weight, chunk), h, "sum")
    if is_exporting():
        return _sum(_plain_losses(h, w, b, labels), row_weight)
    try:
        return _Total.apply(h, w, b, labels, row_weight, chunk, torch.is_grad_enabled())
    except RuntimeError as error:
        if not needs_transforms(error):
            raise
        return _sum(_plain_losses(h, w, b, labels), row_weight)


def losses(h: Array, w: Array, b: Array | None, labels: Array, chunk: int) -> Array:
    """Return the loss of each row."""
    if is_sharded(h):
        mine, w, b, labels = _parts(h, w, b, labels)
        return _of_all(losses(mine, w, b, labels, chunk), h, "none")
    if is_exporting():
        return _plain_losses(h, w, b, labels)
    try:
        return _Losses.apply(h, w, b, labels, chunk)
    except RuntimeError as error:
        if not needs_transforms(error):
            raise
        return _plain_losses(h, w, b, labels)


def _parts(h: Array, w: Array, b: Array | None, *rows: Array) -> Any:
    """Return what this process computes with: its rows, and all of the layer.

    The gradient of the layer is a sum over the processes that have rows of their own.
    """
    from torch.distributed.tensor import Partial, Replicate

    mesh, places = h.device_mesh, _row_placements(h)
    whole = [Replicate()] * mesh.ndim
    sums = [Partial() if place.is_shard() else Replicate() for place in places]
    w = _local(w, mesh, whole, sums)
    b = b if b is None else _local(b, mesh, whole, sums)
    h, *others = (_local(x, mesh, places, places) for x in (h, *rows))
    return h, w, b, *others


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
    """Knows the gradients, but for a factor, when it knows the loss."""

    @staticmethod
    def forward(
        ctx: Any,
        h: Array,
        w: Array,
        b: Array | None,
        labels: Array,
        row_weight: Array,
        chunk: int,
        trains: bool,
    ) -> Array:
        wanted = [trains and need for need in ctx.needs_input_grad[:3]]
        each, ctx.grads = _run(h, w, b, labels, row_weight, chunk, wanted)
        ctx.wanted, ctx.chunk = wanted, chunk
        ctx.save_for_backward(h, w, b, labels, row_weight)
        return _sum(each, row_weight)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> tuple[Any, ...]:
        h, w, b, labels, row_weight = ctx.saved_tensors
        if torch.is_grad_enabled():  # a second derivative is to come
            return (*_plain_grads(h, w, b, labels, row_weight * grad), *[None] * 4)
        grads, ctx.grads = ctx.grads, None
        if grads is None:  # a second use: the first has given the gradients away
            _, grads = _run(h, w, b, labels, row_weight, ctx.chunk, ctx.wanted)
        return (*(g if g is None else _scaled(g, grad) for g in grads), *[None] * 4)


def _scaled(g: Array, grad: Array) -> Array:
    try:
        return g.mul_(grad)
    except RuntimeError:  # several gradients at once, under vmap
        return g * grad


class _Losses(torch.autograd.Function):  # type: ignore[misc]
    """Each loss has a factor of its own, known only on the way back: it starts anew."""

    @staticmethod
    def forward(
        ctx: Any, h: Array, w: Array, b: Array | None, labels: Array, chunk: int
    ) -> Array:
        ctx.chunk = chunk
        ctx.save_for_backward(h, w, b, labels)
        return _run(h, w, b, labels, None, chunk, [False] * 3)[0]

    @staticmethod
    def backward(ctx: Any, grad: Array) -> tuple[Any, ...]:
        h, w, b, labels = ctx.saved_tensors
        if torch.is_grad_enabled():
            return (*_plain_grads(h, w, b, labels, grad), None, None)
        wanted = list(ctx.needs_input_grad[:3])
        _, grads = _run(h, w, b, labels, grad, ctx.chunk, wanted)
        return (*grads, None, None)


def _plain_logits(h: Array, w: Array, b: Array | None) -> Array:
    """Return all logits at once, for what needs the formula itself to differentiate."""
    wide = w.float() if w.dtype in _HALF else w
    logits = matmul(h.to(wide.dtype), wide.t())
    return logits if b is None else logits + b.to(wide.dtype)


def _plain_losses(h: Array, w: Array, b: Array | None, labels: Array) -> Array:
    log_p = torch.log_softmax(_plain_logits(h, w, b), dim=1)
    return -log_p.gather(1, labels[:, None])[:, 0]


def _plain_grads(
    h: Array, w: Array, b: Array | None, labels: Array, row_weight: Array
) -> tuple[Array | None, ...]:
    p = torch.softmax(_plain_logits(h, w, b), dim=1)
    off = (p - F.one_hot(labels, len(w))) * row_weight[:, None]
    by_h = matmul(off, w.to(off.dtype))
    by_w = matmul(off.t(), h.to(off.dtype))
    by_b = None if b is None else off.sum(dim=0).to(b.dtype)
    return by_h.to(h.dtype), by_w.to(w.dtype), by_b


def _run(
    h: Array,
    w: Array,
    b: Array | None,
    labels: Array,
    row_weight: Array | None,
    chunk: int,
    wanted: list[bool],
) -> tuple[Array, list[Array | None]]:
    """Return the losses, and the gradients of the sum of row_weight times loss.

    Autocast stays outside, on the way back too: in half precision what a row weighs in
    the gradient underflows before any loss scale reaches it.
    """
    grads = [
        torch.zeros_like(x) if x is not None and want else None
        for x, want in zip((h, w, b), wanted, strict=True)
    ]
    walk = _by_classes if w.dtype in _HALF else _by_rows
    with torch.autocast(w.device.type, enabled=False):
        return walk(h, w, b, labels, row_weight, chunk, grads), grads


def _by_rows(
    h: Array,
    w: Array,
    b: Array | None,
    labels: Array,
    row_weight: Array | None,
    chunk: int,
    grads: list[Array | None],
) -> Array:
    by_h, by_w, by_b = grads
    each = w.new_empty(len(h))
    room = w.new_empty(min(chunk, len(h)), len(w))
    for rows in _slices(len(h), chunk):
        x = h[rows]
        logits = room[: len(x)]
        if b is None:
            torch.mm(x, w.t(), out=logits)
        else:
            torch.addmm(b, x, w.t(), out=logits)
        at = labels[rows, None]
        logits.sub_(logits.amax(dim=1, keepdim=True))
        of_label = logits.gather(1, at)
        exps = logits.exp_()
        size = exps.sum(dim=1, keepdim=True)
        each[rows] = (size.log() - of_label)[:, 0]
        if row_weight is None or all(g is None for g in grads):
            continue
        scale = row_weight[rows, None]
        grad = exps.mul_(scale / size).scatter_add_(1, at, -scale)
        if by_h is not None:
            by_h[rows] = grad @ w
        if by_w is not None:
            by_w.addmm_(grad.t(), x)
        if by_b is not None:
            by_b += grad.sum(dim=0)
    return each


def _by_classes(
    h: Array,
    w: Array,
    b: Array | None,
    labels: Array,
    row_weight: Array | None,
    chunk: int,
    grads: list[Array | None],
) -> Array:
    by_h, by_w, by_b = grads
    # Nothing is lost by smaller parts here: the room is a quarter of that for rows.
    parts = list(_slices(len(w), max(1, chunk * len(w) // max(1, 4 * len(h)))))
    of_label = (h.float() * w[labels].float()).sum(dim=1)
    if b is not None:
        of_label += b[labels]
    top = torch.full_like(of_label, -torch.inf)
    for part in parts:
        top = torch.logaddexp(top, _logits(h, w, b, part).logsumexp(dim=1))
    if row_weight is None or all(g is None for g in grads):
        return top - of_label
    wide = torch.zeros(h.shape, dtype=torch.float32, device=h.device)
    for part in parts:
        probs = _logits(h, w, b, part).sub_(top[:, None]).exp_()
        here = (labels >= part.start) & (labels < part.start + probs.shape[1])
        at = torch.where(here, labels - part.start, 0)[:, None]
        grad = probs.mul_(row_weight[:, None])
        grad.scatter_add_(1, at, torch.where(here, -row_weight, 0.0)[:, None])
        if by_h is not None:
            wide += _product(grad, w[part])
        if by_w is not None:
            by_w[part] = _product(grad.t(), h)
        if by_b is not None:
            by_b[part] = grad.sum(dim=0)
        del probs, grad  # before the next is made
    if by_h is not None:
        by_h.copy_(wide)
    return top - of_label


def _logits(h: Array, w: Array, b: Array | None, part: slice) -> Array:
    z = _product(h, w[part].t())
    return z if b is None else z.add_(b[part])


def _product(a: Array, b: Array) -> Array:
    """Multiply, adding up in float32, as a GPU can with factors of half precision."""
    if a.is_cuda:
        half = b.dtype if b.dtype in _HALF else a.dtype
        return torch.mm(a.to(half), b.to(half), out_dtype=torch.float32)
    return a.float() @ b.float()


def _slices(n: int, size: int) -> Iterator[slice]:
    return (slice(start, start + size) for start in range(0, n, size))
