"""The chunked linear cross-entropy on NumPy, for arrays that are traced or not."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from lossbook.backends.numpy.ops import cast, to_float
from lossbook.backends.numpy.tape import Traced, node, value_of

Array = Any


def operands(h: Array, w: Array) -> tuple[Array, Array]:
    """Return hidden states and weight in the precision of the weight."""
    w = to_float(w)
    return cast(to_float(h), w), w


def total(
    h: Array, w: Array, b: Array | None, labels: Array, row_weight: Array, chunk: int
) -> Array:
    """Return the sum of row_weight times loss over the rows."""
    inputs = [x for x in (h, w, b) if x is not None]
    traced = any(isinstance(x, Traced) for x in inputs)
    each, grads = _run(h, w, b, labels, row_weight if traced else None, chunk)
    silent = np.isinf(each) & (row_weight == 0)
    result = np.sum(np.where(silent, 0, each) * row_weight, dtype=np.float64)
    result = result.astype(each.dtype)
    if not traced:
        return result
    return node(result, inputs, [partial(np.multiply, x) for x in grads])


def losses(h: Array, w: Array, b: Array | None, labels: Array, chunk: int) -> Array:
    """Return the loss of each row."""
    inputs = [x for x in (h, w, b) if x is not None]
    each, _ = _run(h, w, b, labels, None, chunk)
    if not any(isinstance(x, Traced) for x in inputs):
        return each

    def vjp(place: int) -> Any:
        # Each loss has a factor of its own, known only on the way back: start anew.
        return lambda g: _run(h, w, b, labels, g, chunk)[1][place]

    return node(each, inputs, [vjp(i) for i in range(len(inputs))])


def _run(
    h: Array,
    w: Array,
    b: Array | None,
    labels: Array,
    row_weight: Array | None,
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
        at = np.arange(len(logits)), labels[rows]
        with np.errstate(invalid="ignore"):  # a row of -inf alone has no softmax
            logits -= logits.max(axis=1, keepdims=True)
        of_label = logits[at]
        exps = np.exp(logits, out=logits)
        size = exps.sum(axis=1, dtype=np.float64).astype(exps.dtype)
        each[rows] = np.log(size) - of_label
        if row_weight is None:
            continue
        grad = np.multiply(exps, (row_weight[rows] / size)[:, None], out=exps)
        grad[at] -= row_weight[rows]
        grads[0][rows] = grad @ w
        grads[1] += grad.T @ h[rows]
        if b is not None:
            grads[2] += grad.sum(axis=0)
    return each, grads
