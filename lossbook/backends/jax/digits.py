"""Functions of which XLA gives few digits on a CPU, with the digits that there are.

The usual trick, to compute 1 + x and to correct by what its rounding did, is of no use:
XLA takes (1 + x) - 1 for x. So there are series near 0, where terms would cancel.
Each has its derivative beside it, so that a second derivative goes through neither a
`where` nor the terms that cancel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import factorial
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


def _series(coefficients: Sequence[float], x: Array, single: int) -> Array:
    """Return the sum of coefficients times powers of x, from the smallest term on.

    Of float32 there are `single` terms: the next is below a tenth of its last digit.
    """
    *others, value = coefficients[: single if x.dtype == jnp.float32 else None]
    for c in reversed(others):
        value = value * x + c
    return value


# (expm1(x) - x) / x² in powers of x; (sinh(x) - x) / x³ and 2 (artanh(s) - s) / s³ in
# powers of the square. The first ten terms do for float32. The term that is left out
# is added last: all that was rounded before counts little beside it.
_EXPM1 = [1 / factorial(k + 2) for k in range(18)]
_SINH = [1 / factorial(2 * k + 3) for k in range(10)]
_ARTANH = [2 / (2 * k + 3) for k in range(12)]


@_with_slope(jnp.exp)
def expm1(x: Array) -> Array:
    """Return exp(x) - 1."""
    return jnp.where(jnp.abs(x) < 1, x + x * x * _series(_EXPM1, x, 10), jnp.exp(x) - 1)


@_with_slope(lambda x: 1 / (1 + x))
def log1p(x: Array) -> Array:
    """Return log(1 + x), near 0 as 2 artanh(s) with s = x / (2 + x)."""
    s, half = x / (2 + x), 0.5 * x * x
    rest = s * s * _series(_ARTANH, s * s, 5)
    near = (x > -0.3) & (x < 0.7)
    return jnp.where(near, x - (half - s * (half + rest)), jnp.log(1 + x))


def _tanh_slope(x: Array) -> Array:
    return 1 - jnp.square(tanh(x))


@_with_slope(_tanh_slope)
def tanh(x: Array) -> Array:
    """Return tanh(x)."""
    less = expm1(-2 * jnp.abs(x))
    return jnp.sign(x) * (-less / (2 + less))


@_with_slope(jnp.cosh)
def sinh(x: Array) -> Array:
    """Return sinh(x) for sizes of at most 1, and NaN beyond.

    No loss asks for more, and XLA's own costs half as much as all else in log-cosh.
    """
    near = x + x * (x * x * _series(_SINH, x * x, 5))
    return jnp.where(jnp.abs(x) <= 1, near, jnp.nan)


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
