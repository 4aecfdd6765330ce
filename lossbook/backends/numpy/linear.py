"""The chunked linear cross-entropy on NumPy, for arrays that are traced or not."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from lossbook.backends.numpy.ops import cast, to_float
from lossbook.backends.numpy.tape import Traced, node, value_of
from lossbook.backends.terms import Terms

Array = Any


def operands(h: Array, w: Array) -> tuple[Array, Array]:
    """Return hidden states and weight in the precision of the weight."""
    w = to_float(w)
    return cast(to_float(h), w), w


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
    inputs = [x for x in (h, w, b) if x is not None]
    traced = any(isinstance(x, Traced) for x in inputs)
    each, grads = _run(h, w, b, labels, row_weight if traced else None, terms, chunk)
    silent = np.isinf(each) & (row_weight == 0)
    result = np.sum(np.where(silent, 0, each) * row_weight, dtype=np.float64)
    result = result.astype(each.dtype)
    if not traced:
        return result
    return node(result, inputs, [partial(np.multiply, x) for x in grads])


def losses(
    h: Array, w: Array, b: Array | None, labels: Array, terms: Terms, chunk: int
) -> Array:
    """Return the loss of each row."""
    inputs = [x for x in (h, w, b) if x is not None]
    each, _ = _run(h, w, b, labels, None, terms, chunk)
    if not any(isinstance(x, Traced) for x in inputs):
        return each

    def vjp(place: int) -> Any:
        # Each loss has a factor of its own, known only on the way back: start anew.
        return lambda g: _run(h, w, b, labels, g, terms, chunk)[1][place]

    return node(each, inputs, [vjp(i) for i in range(len(inputs))])


def _run(
    h: Array,
    w: Array,
    b: Array | None,
    labels: Array,
    row_weight: Array | None,
    terms: Terms,
    chunk: int,
) -> tuple[Array, list[Array]]:
    """Return the losses, and the gradients of the sum of row_weight times loss."""
    h, w, b = value_of(h), value_of(w), value_of(b)
    each = np.empty(len(h), w.dtype)
    grads = [np.zeros_like(x) for x in (h, w, b) if x is not None]
    for start in range(0, len(h), chunk):
        rows = slice(start, start + chunk)
        logits = h[rows] @ w.T
        if b is not None:
            logits += b
        own = terms.own if terms.own is None else terms.own[rows]
        weight = None if row_weight is None else row_weight[rows]
        each[rows], grad = _chunk(logits, labels[rows], weight, own, terms)
        if grad is None:
            continue
        grads[0][rows] = grad @ w
        grads[1] += grad.T @ h[rows]
        if b is not None:
            grads[2] += grad.sum(axis=0)
    return each, grads


def _bent(logits: Array, softcap: float | None) -> Array | None:
    """Cap the logits in their place; return the derivative of that."""
    if softcap is None:
        return None
    np.tanh(np.divide(logits, softcap, out=logits), out=logits)
    bend = (1 - logits) * (1 + logits)
    logits *= softcap
    return bend


def _chunk(
    logits: Array,
    labels: Array,
    row_weight: Array | None,
    own: Array | None,
    terms: Terms,
) -> tuple[Array, Array | None]:
    """Return the losses of some rows, and their gradient in the place of the logits."""
    at = np.arange(len(logits)), labels
    bend = _bent(logits, terms.softcap)
    top = logits.max(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):  # a row of -inf alone has no softmax
        logits -= top
    of_label = logits[at]
    spread = None
    if terms.spread is not None:
        spread = np.where(terms.spread == 0, 0, logits) @ terms.spread
    exps = np.exp(logits, out=logits)
    size = exps.sum(axis=1, dtype=np.float64).astype(exps.dtype)
    log_size = np.log(size)
    each = log_size - of_label
    factor = 1 if own is None else own
    each = each if own is None else own * each
    if terms.spread is not None:
        mass = terms.spread.sum()
        each, factor = each + (mass * log_size - spread), factor + mass
    if terms.z_loss:
        level = top[:, 0] + log_size
        each = each + terms.z_loss * level * level
        factor = factor + 2 * terms.z_loss * level
    if row_weight is None:
        return each, None
    grad = np.multiply(exps, (row_weight * factor / size)[:, None], out=exps)
    grad[at] -= row_weight if own is None else row_weight * own
    if terms.spread is not None:
        grad -= row_weight[:, None] * terms.spread
    return each, grad if bend is None else np.multiply(grad, bend, out=grad)
