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
from jax.scipy.special import logsumexp

from lossbook.backends.jax.custom_grad import with_derivatives
from lossbook.backends.jax.kernels import sparse_cross_entropy
from lossbook.backends.jax.ops import (
    cast,
    log_softmax,
    matmul,
    multiply_no_nan,
    softmax_minus_label,
    sum,
    take_labels,
    tanh,
    to_float,
)
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
    each = losses(h, w, b, labels, terms, chunk)
    return sum(multiply_no_nan(row_weight, each))


def losses(
    h: Array, w: Array, b: Array | None, labels: Array, terms: Terms, chunk: int
) -> Array:
    """Return the loss of each row."""
    own, spread, z_loss, softcap = terms
    return _losses(h, w, b, labels, own, spread, z_loss, softcap, chunk)


@partial(jax.jit, static_argnames=("z_loss", "softcap", "chunk"))
def _losses(
    h: Array,
    w: Array,
    b: Array | None,
    labels: Array,
    own: Array | None,
    spread: Array | None,
    z_loss: float,
    softcap: float | None,
    chunk: int,
) -> Array:
    def rows(part: tuple[Any, ...]) -> Array:
        some, labels, own = part
        logits = _logits(some, w, b, softcap)
        return _of_logits(labels, logits, own, spread, z_loss)

    if len(h) <= chunk or _is_spread(h):
        return rows((h, labels, own))

    def step(_: None, part: tuple[Any, ...]) -> tuple[None, Array]:
        return None, rows(part)

    parts = tuple(None if x is None else _in_chunks(x, chunk) for x in (h, labels, own))
    _, each = jax.lax.scan(jax.checkpoint(step, prevent_cse=False), None, parts)
    return each.reshape(-1)[: len(h)]


def _logits(h: Array, w: Array, b: Array | None, softcap: float | None) -> Array:
    z = matmul(h, w.T)
    z = z if b is None else z + b
    return z if softcap is None else softcap * tanh(z / softcap)


def _of_logits(
    labels: Array, z: Array, own: Array | None, spread: Array | None, z_loss: float
) -> Array:
    if own is spread is None and not z_loss:
        return sparse_cross_entropy(labels, z, "none")
    own = jnp.ones_like(z[:, 0]) if own is None else own
    spread = jnp.zeros_like(z[0]) if spread is None else spread
    return with_derivatives(
        partial(_with_terms, z_loss),
        [None, partial(_by_logits, z_loss), None, None],
        *(labels, z, own, spread),
        rowwise=True,
    )


def _with_terms(
    z_loss: float, labels: Array, z: Array, own: Array, spread: Array
) -> Array:
    log_p = log_softmax(z)
    each = own * -take_labels(log_p, labels)
    # A class that weighs nothing may be ruled out by a logit of -inf.
    each = each - jnp.sum(jnp.where(spread == 0, 0, log_p) * spread, axis=-1)
    return each + z_loss * jnp.square(logsumexp(z, axis=-1))


def _by_logits(
    z_loss: float, labels: Array, z: Array, own: Array, spread: Array
) -> Array:
    level = logsumexp(z, axis=-1, keepdims=True)
    of_label = own[:, None] * softmax_minus_label(z, labels)
    mass = jnp.sum(spread) + 2 * z_loss * level
    return of_label + jnp.exp(log_softmax(z)) * mass - spread


def _is_spread(h: Array) -> bool:
    """Say whether the rows lie on several devices, by explicit axes of a mesh."""
    places = jax.typeof(h).sharding.spec
    return bool(places) and places[0] is not None


def _in_chunks(x: Array, chunk: int) -> Array:
    """Return the rows in chunks, the last of them filled up with zeros."""
    missing = -len(x) % chunk
    filled = jnp.pad(x, [(0, missing), *[(0, 0)] * (x.ndim - 1)])
    return filled.reshape(-1, chunk, *x.shape[1:])
