"""What users pass to a loss on JAX: made an array, traced ones as they are."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lossbook.backends import inputs as shared

Array = Any


def asarray(x: Any, name: str, like: Array = None) -> Array:
    """Return `x` as an array of real numbers, traced ones as they are."""
    if not isinstance(x, jax.Array):
        return _from_outside(x, name, like)
    if jnp.issubdtype(x.dtype, jax.dtypes.prng_key):
        raise TypeError(
            f"{name} is a key of random numbers, and must hold real numbers. Pass what "
            f"is drawn with it, for instance jax.random.uniform({name}, shape)."
        )
    if jnp.iscomplexobj(x):
        raise TypeError(
            f"{name} must hold real numbers, got dtype {x.dtype}. Pass "
            f"jax.numpy.real({name}) or jax.numpy.abs({name})."
        )
    return x


def are_ready(a: Any, b: Any) -> bool:
    """Say no: under jit it is asked once, and without it all else takes longer."""
    return False


def _from_outside(x: Any, name: str, like: Array) -> Array:
    lead = shared.first_of(x, jax.Array)
    if lead is not None:
        return _stacked(x, name, lead)
    array = shared.common(shared.plain(x, name))
    if array.dtype.kind in "iu" and not _fits(array):
        with jax.enable_x64(True):  # a label of 2**32 must not become one of 0
            return jnp.array(array)
    if shared.has_dtype(x) or array.dtype != np.float64:
        return jnp.array(array)
    # Python numbers have no dtype of their own: they take the array's, or the default.
    known = isinstance(like, jax.Array) and jnp.issubdtype(like.dtype, jnp.floating)
    return jnp.array(array, like.dtype if known else jnp.result_type(float))


def _fits(integers: Array) -> bool:
    """Say whether integers stay what they are in the 32 bits that JAX gives them."""
    if integers.dtype.itemsize < 8 or jax.config.jax_enable_x64 or not integers.size:
        return True
    ends = np.iinfo(np.int32 if integers.dtype.kind == "i" else np.uint32)
    return bool(integers.min() >= ends.min and integers.max() <= ends.max)


def _stacked(x: Any, name: str, lead: Array) -> Array:
    """Return the array of a list of arrays and numbers, with their gradients."""
    parts = [asarray(part, name, lead) for part in x]
    if any(part.shape != parts[0].shape for part in parts):
        raise shared.unequal_parts(name, parts, f"jax.numpy.concatenate({name})")
    return jnp.stack(parts)
