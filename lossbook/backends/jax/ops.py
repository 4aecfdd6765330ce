"""The primitives on JAX; what XLA computes with few digits on a CPU has its own form.

XLA's log1p is 113 ulp off in float64, its power 11 in float32, tanh, expm1 and sinh 4
to 24: those stand in `digits.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lossbook.backends.jax import digits

Array = Any

abs = jnp.abs
cos = jnp.cos
sign = jnp.sign
exp = jnp.exp
sqrt = jnp.sqrt
square = jnp.square
log = jnp.log
isfinite = jnp.isfinite
sigmoid = jax.nn.sigmoid
log_softmax = jax.nn.log_softmax
where = jnp.where
reshape = jnp.reshape
moveaxis = jnp.moveaxis
expand_dims = jnp.expand_dims
zeros_like = jnp.zeros_like
stop_gradient = jax.lax.stop_gradient
expm1, log1p, tanh = digits.expm1, digits.log1p, digits.tanh
sinh, softplus, power = digits.sinh, digits.softplus, digits.power

_FLOATS = (jnp.float32, jnp.float64)
_LARGE = 2**16  # elements from which on XLA adds up as a tree, to an ulp


def owns(kind: type) -> bool:
    """Say whether arrays of this type belong here."""
    return issubclass(kind, jax.Array | jax.core.Tracer)


def to_float(x: Array) -> Array:
    """Give integers the default dtype and half precision float32; leave the rest."""
    if x.dtype in _FLOATS:
        return x
    half = jnp.issubdtype(x.dtype, jnp.floating)
    return x.astype(jnp.float32 if half else jnp.result_type(float))


def cast(x: Array, like: Array) -> Array:
    """Return `x` in the dtype of `like`."""
    return x if x.dtype == like.dtype else x.astype(like.dtype)


def as_bfloat16(x: Array) -> Array:
    """Return float32 rounded to the digits of bfloat16, which XLA must not skip."""
    return jax.lax.reduce_precision(x.astype(jnp.float32), 8, 7)


def to_index(x: Array, like: Array) -> Array:
    """Return integer labels in the type that indexing wants."""
    if x.dtype.itemsize < 4:
        return x.astype(jnp.int32)
    if x.dtype == jnp.int32 or jax.config.jax_enable_x64:
        return x if x.dtype == jnp.int32 else x.astype(jnp.int64)
    # Out of range stays out of range where JAX has no more than 32 bits.
    ends = np.iinfo(np.int32)
    with jax.enable_x64(True):
        wide = jnp.clip(x.astype(jnp.int64), ends.min, ends.max)
        return jax.lax.convert_element_type(wide, jnp.int32)


def to_int64(x: Array) -> Array:
    """Return integers in the widest type, whose differences do not overflow."""
    with jax.enable_x64(True):  # otherwise JAX has no more than 32 bits
        return jax.lax.convert_element_type(x, jnp.int64)


def is_integer(x: Array) -> bool:
    """Say whether the dtype of `x` is an integer one (bool is not)."""
    return bool(jnp.issubdtype(x.dtype, jnp.integer))


def dtype_name(x: Array) -> str:
    """Return the dtype as an error message shows it."""
    return str(x.dtype)


def shape(x: Array) -> tuple[int | None, ...]:
    """Return the shape, which JAX knows in every context."""
    return tuple(x.shape)


def fitting(a: Array, b: Array, name: str, other: str) -> Array:
    """Return `a`; shapes that are not known before a graph runs do not occur here."""
    return a


def not_empty(x: Array, name: str) -> None:
    """Shapes that are not known before a graph runs do not occur here."""


def last_size(x: Array) -> Any:
    """Return the length of the last axis."""
    return x.shape[-1]


def eps(x: Array) -> float:
    """Return the unit in the last place of 1."""
    return float(jnp.finfo(x.dtype).eps)


def known_values(x: Array) -> Any:
    """Return the values as a NumPy array, or None where they are not known.

    Under jit and vmap only constants have them; under grad alone all do. On a GPU a
    look would stop the queue, and of an array spread over processes one has a part.
    """
    x = _inner(x)
    if isinstance(x, jax.core.Tracer) or not x.is_fully_addressable:
        return None
    on_cpu = all(device.platform == "cpu" for device in x.devices())
    return np.asarray(x) if on_cpu else None


def range_of(x: Array) -> tuple[Any, Any] | None:
    """Return the smallest and the largest value, or None where they are not known."""
    values = known_values(x)
    if values is None or values.size == 0:
        return None
    return values.min(), values.max()


def at_once(function: Callable[[Array], Array], x: Array) -> Array:
    """Return the function of `x`, with values even under jit if `x` has them."""
    if not is_known(x):
        return function(x)
    with jax.ensure_compile_time_eval():
        return function(x)


def any_of(mask: Array) -> bool | None:
    """Say whether the mask is True anywhere, or None where that is not known."""
    values = known_values(mask)
    return None if values is None else bool(values.any())


def explain(wrong: Array, words: Callable[[], str]) -> None:
    """Say nothing: a program of XLA has no messages."""


def where_needed(
    needed: Callable[[], Array] | tuple[float, float],
    mended: Callable[[], Array],
    x: Array,
) -> Array:
    """Return what `mended` makes of `x`; a graph of TensorFlow asks first."""
    return mended()


def nan_where(wrong: Array, x: Array) -> Array:
    """Return `x` with NaN added where something is wrong."""
    return x + jnp.where(wrong, jnp.nan, 0.0).astype(x.dtype)


def to_numpy(x: Array) -> Any:
    """Return the values as a NumPy array, without a gradient."""
    return np.asarray(_inner(x))


def is_known(x: Array) -> bool:
    """Say whether there are values, on whatever device."""
    return not isinstance(_inner(x), jax.core.Tracer)


def _inner(x: Array) -> Array:
    """Return what grad traces; jit would make a tracer of a constant, too."""
    return stop_gradient(x) if isinstance(x, jax.core.Tracer) else x


def full(x: Array) -> Array:
    """Return `x`: an array of JAX is whole, wherever its parts lie."""
    return x


def minimum(a: Array, b: Any) -> Array:
    """Return the smaller of an array and an array or number."""
    # Where it equals a number, the array keeps its gradient; jnp would halve it.
    return jnp.minimum(a, b) if jnp.ndim(b) else jnp.where(a > b, b, a)


def maximum(a: Array, b: Any) -> Array:
    """Return the larger of an array and an array or number."""
    return jnp.maximum(a, b) if jnp.ndim(b) else jnp.where(a < b, b, a)


def clip(x: Array, low: Any, high: Any) -> Array:
    """Clip to an interval; at its ends the gradient is whole."""
    return minimum(maximum(x, low), high)


def sum(x: Array, axis: Any = None, keepdims: bool = False) -> Array:
    """Sum over all elements or along an axis."""
    if axis is None and x.dtype == jnp.float32 and x.size < _LARGE:
        with jax.enable_x64(True):
            wide = jnp.sum(jax.lax.convert_element_type(x, jnp.float64))
            return jax.lax.convert_element_type(wide, jnp.float32)
    return jnp.sum(x, axis=axis, keepdims=keepdims)


def mean(x: Array) -> Array:
    """Return the mean of all elements."""
    return sum(x) / x.size


def max(x: Array, axis: int, keepdims: bool = False) -> Array:
    """Return the largest value along an axis."""
    return jnp.max(x, axis=axis, keepdims=keepdims)


def take_labels(x: Array, labels: Array) -> Array:
    """Return for each row of `x` the entry that its label names (last axis)."""
    picked = jnp.take_along_axis(x, labels[..., None], axis=-1, mode="clip")
    return picked[..., 0]


def take(values: Array, labels: Array) -> Array:
    """Return for each label the value that it names."""
    return jnp.take(values, labels, axis=0, mode="clip")


def put_labels(x: Array, labels: Array, value: Any) -> Array:
    """Return `x` with a value, or one a row, in the place that each label names."""
    place = labels[..., None] == _places(x, labels.dtype)
    values = value[..., None] if jnp.ndim(value) else value
    return jnp.where(place, values, x)


@digits.compiled
def softmax_minus_label(z: Array, labels: Array) -> Array:
    """Return the softmax of each row, less 1 at its label."""
    p = jax.nn.softmax(z)
    # One choice costs less than to make numbers of truth values and subtract those.
    return jnp.where(labels[..., None] == _places(z, labels.dtype), p - 1, p)


def positions(x: Array) -> Array:
    """Return 0, 1, 2, ... along the last axis, in the dtype of `x`."""
    return _places(x, x.dtype)


def _places(x: Array, dtype: Any) -> Array:
    """Return them with as many axes as `x`: JAX may have been told to add none."""
    shape = (1,) * (x.ndim - 1) + x.shape[-1:]
    return jax.lax.broadcasted_iota(dtype, shape, x.ndim - 1)


def argsort(x: Array) -> Array:
    """Return the order of the last axis, the smallest first; ties stay in order."""
    return jnp.argsort(stop_gradient(x), axis=-1, stable=True)


def reorder(x: Array, order: Array) -> Array:
    """Return the last axis of `x` in another order."""
    return jnp.take_along_axis(x, order, axis=-1)


def cumsum(x: Array) -> Array:
    """Return the sums up to each place of the last axis."""
    return jnp.cumsum(x, axis=-1)


def matmul(a: Array, b: Array) -> Array:
    """Multiply matrices, in the precision of their elements also on a GPU or TPU."""
    return jnp.matmul(a, b, precision="highest")


@digits.compiled
def multiply_no_nan(a: Array, b: Array) -> Array:
    """Return a b, with 0 times anything 0."""
    # Only what is not finite is silenced: a finite b is the derivative by a at 0.
    return jnp.where((a == 0) & ~jnp.isfinite(b), jnp.zeros_like(b), b) * a


@digits.compiled
def divide_no_nan(a: Array, b: Array) -> Array:
    """Return a / b, with 0 over 0 being 0."""
    # Only 0 / 0 is silenced: 0 / b has the derivative 1 / b by a.
    nothing = (a == 0) & (b == 0)
    return jnp.where(nothing, 0 * a, a / jnp.where(nothing, jnp.ones_like(b), b))


@digits.compiled
def xlogy(x: Array, y: Array) -> Array:
    """Return x log y, and 0 where x is 0."""
    nothing = (x == 0) & (y >= 0)
    return x * jnp.log(jnp.where(nothing, jnp.ones_like(y), y))


@digits.compiled
def xlog1py(x: Array, y: Array) -> Array:
    """Return x log(1 + y), and 0 where x is 0."""
    nothing = (x == 0) & (y >= -1)
    return x * log1p(jnp.where(nothing, jnp.zeros_like(y), y))
