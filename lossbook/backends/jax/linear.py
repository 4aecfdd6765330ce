"""The chunked linear cross-entropy on JAX: one scan over chunks of rows.

On the way back a chunk of logits is computed a second time (`jax.checkpoint`), so that
none is kept. The same program then has derivatives forwards, second ones, and those
under vmap; a rule for reverse mode alone would save a third of the products.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from lossbook.backends.jax.custom_grad import with_derivatives
from lossbook.backends.jax.ops import (
    cast,
    log_softmax,
    matmul,
    multiply_no_nan,
    softmax_minus_label,
    sum,
    take_labels,
    to_float,
)

Array = Any


def operands(h: Array, w: Array) -> tuple[Array, Array]:
    """Return hidden states and weight in the precision of the weight."""
    w = to_float(w)
    return cast(to_float(h), w), w


def total(
    h: Array, w: Array, b: Array | None, labels: Array, row_weight: Array, chunk: int
) -> Array:
    """Return the sum of row_weight times loss over the rows."""
    each = losses(h, w, b, labels, chunk)
    return sum(multiply_no_nan(row_weight, each))


@partial(jax.jit, static_argnames="chunk")
def losses(h: Array, w: Array, b: Array | None, labels: Array, chunk: int) -> Array:
    """Return the loss of each row."""
    if len(h) <= chunk or _is_spread(h):
        return _rows(h, w, b, labels)

    def step(_: None, part: tuple[Array, Array]) -> tuple[None, Array]:
        return None, _rows(part[0], w, b, part[1])

    parts = _in_chunks(h, chunk), _in_chunks(labels, chunk)
    _, each = jax.lax.scan(jax.checkpoint(step, prevent_cse=False), None, parts)
    return each.reshape(-1)[: len(h)]


def _rows(h: Array, w: Array, b: Array | None, labels: Array) -> Array:
    z = matmul(h, w.T)
    derivatives = [None, lambda labels, z: softmax_minus_label(z, labels)]
    inputs = labels, z if b is None else z + b
    return with_derivatives(_surprise, derivatives, *inputs, rowwise=True)


def _surprise(labels: Array, z: Array) -> Array:
    return -take_labels(log_softmax(z), labels)


def _is_spread(h: Array) -> bool:
    """Say whether the rows lie on several devices, by explicit axes of a mesh."""
    places = jax.typeof(h).sharding.spec
    return bool(places) and places[0] is not None


def _in_chunks(x: Array, chunk: int) -> Array:
    """Return the rows in chunks, the last of them filled up with zeros."""
    missing = -len(x) % chunk
    filled = jnp.pad(x, [(0, missing), *[(0, 0)] * (x.ndim - 1)])
    return filled.reshape(-1, chunk, *x.shape[1:])
