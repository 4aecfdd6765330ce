"""The loop over the chunks of a linear cross-entropy on PyTorch.

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

from lossbook.backends.terms import Terms
from lossbook.backends.torch.products import outside_autocast

Array = Any
HALF = (torch.float16, torch.bfloat16)


def capped(z: Array, softcap: float | None) -> Array:
    """Return the logits bent towards the cap."""
    return z if softcap is None else softcap * torch.tanh(z / softcap)


def factor_of(terms: Terms, level: Array) -> Array | None:
    """Return what the softmax counts in the gradient, None for 1 in every row."""
    if terms.own is None and terms.spread is None and not terms.z_loss:
        return None
    factor = torch.ones_like(level) if terms.own is None else terms.own
    if terms.spread is not None:
        factor = factor + terms.spread.sum()
    return factor + 2 * terms.z_loss * level if terms.z_loss else factor


def run(
    h: Array,
    w: Array,
    b: Array | None,
    labels: Array,
    row_weight: Array | None,
    terms: Terms,
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
    walk = _by_classes if w.dtype in HALF else _by_rows
    if all(g is None for g in grads):
        row_weight = None
    with outside_autocast(w):
        return walk(h, w, b, labels, row_weight, terms, chunk, grads), grads


def _by_rows(
    h: Array,
    w: Array,
    b: Array | None,
    labels: Array,
    row_weight: Array | None,
    terms: Terms,
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
        own = terms.own if terms.own is None else terms.own[rows]
        weight = None if row_weight is None else row_weight[rows]
        mine = terms._replace(own=own)
        each[rows], grad = _chunk(logits, labels[rows, None], weight, mine)
        if grad is None:
            continue
        if by_h is not None:
            by_h[rows] = grad @ w
        if by_w is not None:
            by_w.addmm_(grad.t(), x)
        if by_b is not None:
            by_b += grad.sum(dim=0)
    return each


def _chunk(
    logits: Array, at: Array, row_weight: Array | None, terms: Terms
) -> tuple[Array, Array | None]:
    """Return the losses of some rows, and their gradient in the place of the logits."""
    bend = _bent(logits, terms.softcap)
    top = logits.amax(dim=1, keepdim=True)
    logits.sub_(top)
    of_label, spread = logits.gather(1, at)[:, 0], _spread(logits, terms)
    exps = logits.exp_()
    size = exps.sum(dim=1)
    log_size = size.log()
    level = top[:, 0] + log_size
    each = _row_losses(log_size, of_label, spread, level, terms)
    if row_weight is None:
        return each, None
    factor = factor_of(terms, level)
    scale = row_weight / size if factor is None else row_weight * factor / size
    mine = row_weight if terms.own is None else row_weight * terms.own
    grad = exps.mul_(scale[:, None]).scatter_add_(1, at, -mine[:, None])
    if terms.spread is not None:
        grad.addr_(row_weight, terms.spread, alpha=-1)
    return each, grad if bend is None else grad.mul_(bend)


def _row_losses(
    log_size: Array, of_label: Array, spread: Any, level: Array, terms: Terms
) -> Array:
    """Return the losses; only `level`, log(sum of exp), is of logits as they are."""
    each = log_size - of_label
    each = each if terms.own is None else each * terms.own
    if terms.spread is not None:
        each = each + (log_size * terms.spread.sum() - spread)
    return each + terms.z_loss * level * level if terms.z_loss else each


def _spread(logits: Array, terms: Terms, part: slice = slice(None)) -> Any:
    """Return the sum of spread times logit; a class that weighs nothing may be -inf."""
    if terms.spread is None:
        return 0
    spread = terms.spread[part].to(logits.dtype)
    return logits.masked_fill(spread == 0, 0) @ spread


def _bent(logits: Array, softcap: float | None) -> Array | None:
    """Cap the logits in their place; return the derivative of that."""
    if softcap is None:
        return None
    logits.div_(softcap).tanh_()
    bend = (1 - logits).mul_(1 + logits)
    logits.mul_(softcap)
    return bend


def _by_classes(
    h: Array,
    w: Array,
    b: Array | None,
    labels: Array,
    row_weight: Array | None,
    terms: Terms,
    chunk: int,
    grads: list[Array | None],
) -> Array:
    by_h, by_w, by_b = grads
    # Nothing is lost by smaller parts here: the room is a quarter of that for rows.
    parts = list(_slices(len(w), max(1, chunk * len(w) // max(1, 4 * len(h)))))
    of_label = (h.float() * w[labels].float()).sum(dim=1)
    if b is not None:
        of_label += b[labels]
    of_label = capped(of_label, terms.softcap)
    top, spread = torch.full_like(of_label, -torch.inf), 0
    for part in parts:
        logits = capped(_logits(h, w, b, part), terms.softcap)
        top = torch.logaddexp(top, logits.logsumexp(dim=1))
        spread = spread + _spread(logits, terms, part)
    each = _row_losses(top, of_label, spread, top, terms)
    if row_weight is None:
        return each
    factor = factor_of(terms, top)
    scale = row_weight if factor is None else row_weight * factor
    mine = row_weight if terms.own is None else row_weight * terms.own
    wide = torch.zeros(h.shape, dtype=torch.float32, device=h.device)
    for part in parts:
        logits = _logits(h, w, b, part)
        bend = _bent(logits, terms.softcap)
        probs = logits.sub_(top[:, None]).exp_()
        here = (labels >= part.start) & (labels < part.start + probs.shape[1])
        at = torch.where(here, labels - part.start, 0)[:, None]
        grad = probs.mul_(scale[:, None])
        grad.scatter_add_(1, at, torch.where(here, -mine, 0.0)[:, None])
        if terms.spread is not None:
            grad.addr_(row_weight, terms.spread[part], alpha=-1)
        grad = grad if bend is None else grad.mul_(bend)
        if by_h is not None:
            wide += _product(grad, w[part])
        if by_w is not None:
            by_w[part] = _product(grad.t(), h)
        if by_b is not None:
            by_b[part] = grad.sum(dim=0)
        del logits, probs, grad, bend  # before the next is made
    if by_h is not None:
        by_h.copy_(wide)
    return each


def _logits(h: Array, w: Array, b: Array | None, part: slice) -> Array:
    z = _product(h, w[part].t())
    return z if b is None else z.add_(b[part])


def _product(a: Array, b: Array) -> Array:
    """Multiply, adding up in float32, as a GPU can with factors of half precision."""
    if a.is_cuda:
        half = b.dtype if b.dtype in HALF else a.dtype
        return torch.mm(a.to(half), b.to(half), out_dtype=torch.float32)
    return a.float() @ b.float()


def _slices(n: int, size: int) -> Iterator[slice]:
    return (slice(start, start + size) for start in range(0, n, size))
