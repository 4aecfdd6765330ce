"""Gradients on JAX."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lossbook.backends.inputs import check_scalar
from lossbook.backends.jax.ops import is_integer

Array = Any


def differentiate(loss: Callable[..., Any], leaves: list[Any]) -> tuple[Any, list[Any]]:
    """Return the value of a scalar loss, and its gradient by each of the leaves."""
    whole = jnp.result_type(float)
    inputs = [
        x.astype(whole) if is_integer(x) or x.dtype == bool else x for x in leaves
    ]

    def scalar(arrays: list[Array]) -> Array:
        value = loss(list(arrays), lambda constant: constant)
        check_scalar(np.shape(value))
        return jnp.asarray(value)

    value, pull = jax.vjp(scalar, inputs)
    (grads,) = pull(jnp.ones_like(value))
    return value, grads


def input_gradient(fn: Callable[[Array], Array], x: Array) -> Array:
    """Return the gradient of the sum of fn(x), to be differentiated once more."""
    return jax.grad(lambda x: fn(x).sum())(jax.lax.stop_gradient(x))


def random_fractions(like: Array, ones: list[int]) -> Array:
    """Draw one number in [0, 1) for each sample, with that many axes more."""
    if isinstance(jax.lax.stop_gradient(like), jax.core.Tracer):
        raise ValueError(
            "mix must be given under jax.jit and jax.vmap: numbers drawn there would "
            "be the same in every call. Pass mix=jax.random.uniform(key, "
            f"({like.shape[0]},)), with a new key for each step."
        )
    fractions = np.random.default_rng().random((len(like), *ones))
    return jnp.asarray(fractions, like.dtype)
