"""The primitives on NumPy. Traced arrays (see `tape.py`) pass through all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lossbook.backends.numpy.tape import Traced

Array = Any


abs = np.abs
cos = np.cos
sign = np.sign
exp = np.exp
expm1 = np.expm1
sqrt = np.sqrt
square = np.square
tanh = np.tanh
sinh = np.sinh
log1p = np.log1p
minimum = np.minimum
maximum = np.maximum
clip = np.clip
isfinite = np.isfinite
power = np.power
moveaxis = np.moveaxis
matmul = np.matmul
reshape = np.reshape
expand_dims = np.expand_dims
zeros_like = np.zeros_like


_LONG = 2**16  # elements from which on it matters in which order they are added up
_LONG_ROW = 2**7  # the same, where they are added up one by one


def owns(kind: type) -> bool:
    """Say whether arrays of this type belong here."""
    return issubclass(kind, np.ndarray | np.generic | Traced)


def to_float(x: Array) -> Array:
    """Give integers float64 and half precision float32; leave the rest."""
    if x.dtype.kind in "biu":
        return x.astype(np.float64)
    return x.astype(np.float32) if x.dtype.itemsize < 4 else x


def cast(x: Array, like: Array) -> Array:
    """Return `x` in the dtype (and on the device) of `like`."""
    return x if x.dtype == like.dtype else x.astype(like.dtype)


def as_bfloat16(x: Array) -> Array:
    """Return float32 rounded to the digits that bfloat16 has."""
    bits = np.asarray(x, np.float32).view(np.uint32)
    # Half of the last place that stays; a tie goes to the even one.
    kept = (bits + (0x7FFF + ((bits >> 16) & 1))) & 0xFFFF0000
    return np.where(np.isnan(x), np.float32("nan"), kept.view(np.float32))[()]


def to_index(x: Array, like: Array) -> Array:
    """Return integer labels in the type that indexing wants."""
    if x.dtype == np.uint64:  # what is beyond must not turn round to ignore_index
        x = np.minimum(x, np.uint64(np.iinfo(np.int64).max))
    return x.astype(np.int64)


def to_int64(x: Array) -> Array:
    """Return integers in the widest type, whose differences do not overflow."""
    return x.astype(np.int64)


def is_integer(x: Array) -> bool:
    """Say whether the dtype of `x` is an integer one (bool is not)."""
    return bool(x.dtype.kind in "iu")


def dtype_name(x: Array) -> str:
    """Return the dtype as an error message shows it."""
    return str(x.dtype)


def shape(x: Array) -> tuple[int | None, ...]:
    """Return the shape; None stands for an axis that is not known yet."""
    known: tuple[int | None, ...] = x.shape
    return known


def fitting(a: Array, b: Array, name: str, other: str) -> Array:
    """Return `a`; shapes that are not known before a graph runs do not occur here."""
    return a


def not_empty(x: Array, name: str) -> None:
    """Shapes that are not known before a graph runs do not occur here."""


def size(x: Array) -> int:
    """Return the number of elements."""
    return int(x.size)


def last_size(x: Array) -> int:
    """Return the length of the last axis."""
    return int(x.shape[-1])


def eps(x: Array) -> float:
    """Return the unit in the last place of 1."""
    return float(np.finfo(x.dtype).eps)


def range_of(x: Array) -> tuple[float, float] | None:
    """Return the smallest and the largest value, or None where there are none."""
    value = x.value if isinstance(x, Traced) else x
    return (value.min(), value.max()) if value.size else None


def at_once(function: Callable[[Array], Array], x: Array) -> Array:
    """Return the function of `x`, whose values are always known."""
    return function(x)


def any_of(mask: Array) -> bool:
    """Say whether the mask is True anywhere."""
    return bool(np.any(mask))


def explain(wrong: Array, words: Callable[[], str]) -> None:
    """Values are always known here, and what is wrong has been refused."""


def where_needed(
    needed: Callable[[], Array] | tuple[float, float],
    mended: Callable[[], Array],
    x: Array,
) -> Array:
    """Return what `mended` makes of `x`; a graph of TensorFlow asks first."""
    return mended()


def nan_where(wrong: Array, x: Array) -> Array:
    """Return `x` with NaN added where something is wrong."""
    return x + np.where(wrong, np.nan, 0.0).astype(x.dtype)


def to_numpy(x: Array) -> Any:
    """Return the values as a NumPy array, without a gradient."""
    return np.asarray(stop_gradient(x))


def is_known(x: Array) -> bool:
    """Say that there are values, as always in NumPy."""
    return True


def full(x: Array) -> Array:
    """Return `x`: no array of NumPy is spread over processes."""
    return x


def stop_gradient(x: Array) -> Array:
    """Return the values alone, as a constant."""
    return x.value if isinstance(x, Traced) else x


def where(condition: Array, a: Array, b: Array) -> Array:
    """Return `a` where the condition holds, else `b`; a scalar if all are scalars."""
    if isinstance(condition, np.ndarray) and _FEW < condition.size < _MANY:
        dtype = _one_dtype(condition.shape, a, b)
        if dtype is not None:
            return _by_bits(condition, np.asarray(a, dtype), np.asarray(b, dtype))
    chosen: Any = np.where(condition, a, b)
    return chosen if isinstance(chosen, Traced) else chosen[()]


# np.where guesses at each element which way it goes, and takes eight times as long as
# the bits where that is a matter of chance; which costs two arrays more.
_FEW, _MANY = 2**10, 2**20
_BITS = {np.dtype(np.float32): np.int32, np.dtype(np.float64): np.int64}


def _one_dtype(shape: tuple[int, ...], a: Any, b: Any) -> Any:
    """Return the dtype of arrays of this shape, or of one and a number; else None."""
    arrays = [x for x in (a, b) if isinstance(x, np.ndarray)]
    numbers = [x for x in (a, b) if type(x) in (int, float)]
    if len(arrays) + len(numbers) < 2 or not arrays:
        return None
    (dtype, *others) = {x.dtype for x in arrays}
    fit = all(x.shape == shape for x in arrays)
    return dtype if fit and not others and dtype in _BITS else None


def _by_bits(condition: Array, a: Array, b: Array) -> Array:
    """Choose bit by bit, whatever number they stand for."""
    bits = _BITS[b.dtype]
    chosen = np.bitwise_xor(a.view(bits), b.view(bits))
    chosen &= -condition.astype(bits)  # all bits, or none
    chosen ^= b.view(bits)
    return chosen.view(b.dtype)


def log(x: Array) -> Array:
    """Return the natural logarithm; log 0 is -inf, without a warning."""
    with np.errstate(divide="ignore"):
        return np.log(x)


def multiply_no_nan(a: Array, b: Array) -> Array:
    """Return a b, with 0 times anything 0."""
    # Only what is not finite is silenced: a finite b is the derivative by a at 0.
    return where((a == 0) & ~np.isfinite(b), 0, b) * a


def divide_no_nan(a: Array, b: Array) -> Array:
    """Return a / b, with 0 over anything 0."""
    nothing = (a == 0) & (b == 0)
    return where(nothing, 0 * a, a / where(nothing, 1, b))


def xlogy(x: Array, y: Array) -> Array:
    """Return x log y, and 0 where x is 0."""
    return where((x == 0) & (y >= 0), 0 * x, x * log(y))


def xlog1py(x: Array, y: Array) -> Array:
    """Return x log(1 + y), and 0 where x is 0."""
    return where((x == 0) & (y >= -1), 0 * x, x * np.log1p(y))


def softplus(x: Array) -> Array:
    """Return log(1 + exp(x)) for any x."""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def sigmoid(x: Array) -> Array:
    """Return 1 / (1 + exp(-x)) for any x.

    Of float32 it is computed in float64: NumPy's exp is 2.5 ulp off in float32, which
    focal loss would raise to a power.
    """
    if isinstance(x, np.ndarray) and x.dtype == np.float32:
        return sigmoid(x.astype(np.float64)).astype(np.float32)
    small = np.exp(-np.abs(x))
    return where(x >= 0, 1, small) / (1 + small)


def sum(x: Array, axis: Any = None, keepdims: bool = False) -> Array:
    """Sum; float32 is accumulated in float64 and returned as float32."""
    x = _without_gaps(x, axis)
    wide = np.sum(x, axis=axis, dtype=_wide(x), keepdims=keepdims)
    return wide.astype(x.dtype)


def mean(x: Array) -> Array:
    """Return the mean of all elements, accumulated in float64."""
    wide = np.sum(_without_gaps(x, None), dtype=_wide(x)) / x.size
    return wide.astype(x.dtype)


def _without_gaps(x: Array, axis: int | None) -> Array:
    """Return a copy in float64 where NumPy would add up one by one what is far apart.

    Of a long slice that is 10 ulp off at 3e7 elements, a copy 1; of rows whose elements
    are not neighbours 75 000 ulp at 1e6 equal ones.
    """
    if not isinstance(x, np.ndarray) or x.dtype != _wide(x):
        return x
    if axis is None:
        return x if x.flags.forc or x.size < _LONG else x.copy()
    if x.strides[axis] == x.itemsize or x.shape[axis] < _LONG_ROW:
        return x
    return np.moveaxis(np.moveaxis(x, axis, -1).copy(), -1, axis)


def _wide(x: Array) -> Any:
    """Return the dtype to accumulate in: longdouble stays what it is."""
    return np.promote_types(x.dtype, np.float64)


def max(x: Array, axis: int, keepdims: bool = False) -> Array:
    """Return the largest value along an axis."""
    return np.max(x, axis=axis, keepdims=keepdims)


def log_softmax(x: Array) -> Array:
    """Return log softmax along the last axis."""
    top = stop_gradient(x).max(axis=-1, keepdims=True)
    # A row of -inf alone has no softmax: inf - inf says so as NaN.
    with np.errstate(invalid="ignore"):
        shifted = x - top
    return shifted - np.log(np.sum(np.exp(shifted), axis=-1, keepdims=True))


def take_labels(x: Array, labels: Array) -> Array:
    """Return for each row of `x` the entry that its label names (last axis)."""
    picked = np.take_along_axis(x, labels[..., None], axis=-1)
    return np.squeeze(picked, -1)


def take(values: Array, labels: Array) -> Array:
    """Return for each label the value that it names."""
    return values[labels]


def put_labels(x: Array, labels: Array, value: Any) -> Array:
    """Return `x` with a value, or one a row, in the place that each label names."""
    changed = x.copy()
    values = np.asarray(value, x.dtype)
    np.put_along_axis(changed, labels[..., None], values[..., None], axis=-1)
    return changed


def softmax_minus_label(z: Array, labels: Array) -> Array:
    """Return the softmax of each row, less 1 at its label."""
    derivative = np.exp(log_softmax(z))
    at = labels[..., None]
    np.put_along_axis(
        derivative, at, np.take_along_axis(derivative, at, -1) - 1, axis=-1
    )
    return derivative


def positions(x: Array) -> Array:
    """Return 0, 1, 2, ... along the last axis, in the dtype of `x`."""
    return np.arange(x.shape[-1], dtype=x.dtype)


def argsort(x: Array) -> Array:
    """Return the order of the last axis, the smallest first; ties stay in order."""
    return np.argsort(stop_gradient(x), axis=-1, kind="stable")


def reorder(x: Array, order: Array) -> Array:
    """Return the last axis of `x` in another order."""
    return np.take_along_axis(x, order, axis=-1)


def cumsum(x: Array) -> Array:
    """Return the sums up to each place of the last axis."""
    return np.cumsum(x, axis=-1)


def one_hot(labels: Array, classes: int, like: Array) -> Array:
    """Return rows of zeros with a one at the label."""
    return (labels[..., None] == np.arange(classes)).astype(like.dtype)
