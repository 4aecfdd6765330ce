"""The product in which 0 times anything is 0, also on the way back.

A loss that weighs nothing has a cotangent of 0, and its derivative may be infinite: for
the plain product that is NaN. A rule of JAX has to be linear in the tangent, and JAX
turns it around by itself; asking there whether the tangent is 0 would not be linear.
So this product is a primitive of its own, linear in each factor by definition.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import Primitive
from jax.extend.core.primitives import mul_p
from jax.interpreters import ad, batching, mlir

from lossbook.backends.jax.distributed import varies_over, varying

Array = Any

_silent_p = Primitive("lossbook_silent_product")


def silent_product(a: Array, b: Array) -> Array:
    """Return a b for arrays of one dtype, which is 0 where a is."""
    names = varies_over(a) | varies_over(b)
    a, b = (varying(x, names) for x in jnp.broadcast_arrays(a, b))
    return _silent_p.bind(a, b)


def _formula(a: Array, b: Array) -> Array:
    return jax.lax.select(a == 0, jax.lax.full_like(a, 0), a * b)


def _by_left(cotangent: Array, a: Array, b: Array) -> Array:
    return _silent_p.bind(cotangent, b)


def _by_right(cotangent: Array, a: Array, b: Array) -> Array:
    return _silent_p.bind(a, cotangent)


def _batched(factors: Any, axes: Any) -> tuple[Array, int]:
    (size,) = {x.shape[k] for x, k in zip(factors, axes, strict=True) if k is not None}
    a, b = (
        jnp.broadcast_to(x, (size, *x.shape)) if k is None else jnp.moveaxis(x, k, 0)
        for x, k in zip(factors, axes, strict=True)
    )
    return _silent_p.bind(a, b), 0


_silent_p.def_impl(jax.jit(_formula))
# Shapes, dtypes and the axes of devices are those of a plain product.
_silent_p.def_effectful_abstract_eval(mul_p.abstract_eval)
mlir.register_lowering(_silent_p, mlir.lower_fun(_formula, multiple_results=False))
batching.primitive_batchers[_silent_p] = _batched
ad.defbilinear(_silent_p, _by_left, _by_right)
