"""Functions of which XLA gives few digits on a CPU, with the digits that there are.

Each has its derivative beside it, so that a second derivative goes through neither a
`where` nor the terms that cancel.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp

Array = Any
F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """Return jax.jit of a function, with its type, which JAX alone does not tell."""
    return jax.jit(function)  # type: ignore[no-any-return]


def _with_slope(slope: Callable[[Array], Array]) -> Callable[..., Any]:
    """Give a function of one array this derivative."""

    def decorate(function: Callable[[Array], Array]) -> Callable[[Array], Array]:
        known = jax.custom_jvp(function)
        known.defjvps(lambda tangent, result, x: tangent * slope(x))
        return compiled(known)  # type: ignore[no-any-return]

    return decorate


@_with_slope(jnp.exp)
def expm1(x: Array) -> Array:
    """Return exp(x) - 1: what rounding does to exp(x) is undone by its logarithm."""
    u = jnp.exp(x)
    plain = (u == 1) | (u == 0) | jnp.isinf(u)
    inner = jnp.where(plain, 2.0, u).astype(x.dtype)
    return jnp.where(plain, jnp.where(u == 1, x, u - 1), (u - 1) * (x / jnp.log(inner)))


@_with_slope(lambda x: 1 / (1 + x))
def log1p(x: Array) -> Array:
    """Return log(1 + x): what rounding does to 1 + x is undone by a division."""
    u = 1 + x
    plain = (u == 1) | jnp.isinf(u)
    rest = jnp.where(plain, 1.0, u - 1).astype(x.dtype)
    return jnp.where(plain, jnp.where(u == 1, x, u), jnp.log(u) * (x / rest))


def _tanh_slope(x: Array) -> Array:
    return 1 - jnp.square(tanh(x))


@_with_slope(_tanh_slope)
def tanh(x: Array) -> Array:
    """Return tanh(x)."""
    less = expm1(-2 * jnp.abs(x))
    return jnp.sign(x) * (-less / (2 + less))


@_with_slope(jnp.cosh)
def sinh(x: Array) -> Array:
    """Return sinh(x)."""
    more = expm1(jnp.abs(x))
    half = jnp.where(jnp.isinf(more), more, (more + more / (more + 1)) / 2)
    return jnp.sign(x) * half


@_with_slope(jax.nn.sigmoid)
def softplus(x: Array) -> Array:
    """Return log(1 + exp(x)) for any x."""
    return jnp.maximum(x, 0) + log1p(jnp.exp(-jnp.abs(x)))


def power(x: Array, exponent: Any) -> Array:
    """Return x ** exponent."""
    return _power(x, jnp.asarray(exponent, x.dtype))


def _plain_power(x: Array, exponent: Array) -> Array:
    """Compute float32 by way of float64, which takes 11 ulp of error away."""
    if x.dtype != jnp.float32:
        return jnp.power(x, exponent)
    with jax.enable_x64(True):
        wide = [jax.lax.convert_element_type(y, jnp.float64) for y in (x, exponent)]
        return jax.lax.convert_element_type(jax.lax.pow(*wide), jnp.float32)


def _power_by_base(tangent: Array, result: Array, x: Array, exponent: Array) -> Array:
    return tangent * (exponent * _power(x, exponent - 1))


def _power_by_exponent(
    tangent: Array, result: Array, x: Array, exponent: Array
) -> Array:
    log_x = jnp.log(jnp.where(x == 0, jnp.ones_like(x), x))
    return tangent * jnp.where(x == 0, jnp.zeros_like(x), result * log_x)


_custom_power = jax.custom_jvp(_plain_power)
_custom_power.defjvps(_power_by_base, _power_by_exponent)
_power = compiled(_custom_power)
