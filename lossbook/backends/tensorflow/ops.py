"""The primitives on TensorFlow, and the fused kernels that it has for whole losses."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any

import numpy as np
import tensorflow as tf

from lossbook.backends.tensorflow import inputs
from lossbook.backends.tensorflow.sums import (
    are_long_rows,
    is_large,
    wide_mean,
    wide_sum,
    wide_sum_of_rows,
)

try:
    from tensorflow.python.ops import control_flow_util
except ImportError:
    control_flow_util = None

Array = Any


abs = tf.abs
cos = tf.cos
sign = tf.sign
exp = tf.exp
expm1 = tf.math.expm1
sqrt = tf.sqrt
square = tf.square
sinh = tf.sinh
log = tf.math.log
isfinite = tf.math.is_finite
power = tf.pow
matmul = tf.matmul
reshape = tf.reshape
expand_dims = tf.expand_dims
zeros_like = tf.zeros_like
minimum = tf.minimum
maximum = tf.maximum
where = tf.where

_FLOATS = (tf.float32, tf.float64)
_HALF = (tf.float16, tf.bfloat16)
_FEW = 2**12  # elements up to which mending costs less than a branch
_SMALL = 10_000  # below it NumPy finds the extremes sooner


def owns(kind: type) -> bool:
    """Say whether arrays of this type belong here."""
    return issubclass(kind, (*inputs.TENSORS, *inputs.COMPOSED))


def to_float(x: Array) -> Array:
    """Give integers and half precision float32; leave the rest."""
    return x if x.dtype in _FLOATS else tf.cast(x, tf.float32)


def cast(x: Array, like: Array) -> Array:
    """Return `x` in the dtype of `like`."""
    return x if x.dtype == like.dtype else tf.cast(x, like.dtype)


def as_bfloat16(x: Array) -> Array:
    """Return float32 rounded to the digits that bfloat16 has.

    XLA drops a cast to bfloat16 and back, so that a graph rounds the bits by hand.
    """
    if tf.executing_eagerly():
        return tf.cast(tf.cast(x, tf.bfloat16), tf.float32)
    x = tf.cast(x, tf.float32)
    bits = tf.bitcast(x, tf.int32)
    odd = tf.bitwise.bitwise_and(tf.bitwise.right_shift(bits, 16), 1)
    kept = tf.bitwise.bitwise_and(bits + 0x7FFF + odd, -0x10000)
    return tf.where(tf.math.is_nan(x), x, tf.bitcast(kept, tf.float32))


def to_index(x: Array, like: Array) -> Array:
    """Return integer labels in the type that indexing wants."""
    return x if x.dtype in (tf.int32, tf.int64) else tf.cast(x, tf.int64)


def to_int64(x: Array) -> Array:
    """Return integers in the widest type, whose differences do not overflow."""
    return tf.cast(x, tf.int64)


def is_integer(x: Array) -> bool:
    """Say whether the dtype of `x` is an integer one (bool is not)."""
    return bool(x.dtype.is_integer)


def dtype_name(x: Array) -> str:
    """Return the dtype as an error message shows it."""
    return str(x.dtype.name)


def shape(x: Array) -> tuple[int | None, ...]:
    """Return the shape; None stands for an axis that is not known yet."""
    if x.shape.rank is None:
        raise ValueError(
            "lossbook needs to know how many axes a tensor has. Tell TensorFlow with "
            "tf.ensure_shape(x, [None, ...]) or in the input_signature."
        )
    return tuple(x.shape)


def fitting(a: Array, b: Array, name: str, other: str) -> Array:
    """Return `a`, made to fail in the graph where it has not the leading axes of `b`.

    XLA drops assertions, but it does refuse to reshape to another number of elements:
    the target is the shape of `a` where the two agree, and larger where they do not.
    """
    if a.shape.is_fully_defined() and b.shape.is_fully_defined():
        return a
    got, want = tf.shape(a), tf.shape(b)[: len(a.shape)]
    tf.debugging.assert_equal(got, want, f"{name} must have the shape of {other}")
    same = tf.reshape(a, want + 2 * tf.abs(got - want))
    same.set_shape(a.shape)
    return same


def not_empty(x: Array, name: str) -> None:
    """Make an empty batch fail in a graph whose sizes are not known."""
    if not x.shape.is_fully_defined():
        tf.debugging.assert_positive(tf.size(x), f"{name} must not be empty")


def size(x: Array) -> Any:
    """Return the number of elements, as a number where it is known."""
    known = x.shape.num_elements()
    return tf.size(x) if known is None else known


def range_of(x: Array) -> tuple[float, float] | None:
    """Return the smallest and the largest value, or None where they are not known.

    They are looked at on the CPU only: on a GPU it would stop the queue.
    """
    if not _open(x) or size(x) == 0:
        return None
    # While a graph is traced, constants in it have values that no operation can reach.
    if size(x) < _SMALL or not tf.executing_eagerly():
        values = x.numpy()
        return values.min(), values.max()
    return tf.reduce_min(x).numpy(), tf.reduce_max(x).numpy()


def _open(x: Array) -> bool:
    """Say whether one may look at values."""
    return is_known(x) and "GPU" not in x.device


def at_once(function: Callable[[Array], Array], x: Array) -> Array:
    """Return the function of `x`, with values even in a graph if `x` has them."""
    if tf.executing_eagerly() or not is_known(x):
        return function(x)
    with tf.init_scope():
        return function(x)


def any_of(mask: Array) -> bool | None:
    """Say whether the mask is True anywhere, or None where that is not known."""
    return bool(mask.numpy().any()) if _open(mask) else None


def explain(wrong: Array, words: Callable[[], str]) -> None:
    """Make a graph that meets what is wrong fail with these words (XLA drops them)."""
    if not tf.executing_eagerly():
        tf.debugging.Assert(~tf.reduce_any(wrong), [words()])


def where_needed(
    needed: Callable[[], Array] | tuple[float, float],
    mended: Callable[[], Array],
    x: Array,
) -> Array:
    """Return what `mended` makes of `x`, in a graph only if anything needs it.

    A look costs two or three passes over the data, mending them up to ten. Under XLA
    mending costs none, since it goes into the loop that reads the data anyway, which a
    branch would cut in two.
    """
    few = (x.shape.num_elements() or _FEW) < _FEW
    if few or _open(x) or is_under_xla():
        return mended()
    if isinstance(needed, tuple):
        asked = _leaves(x, *needed)
    else:
        asked = tf.reduce_any(needed())
    return tf.cond(asked, mended, lambda: x)


def _leaves(x: Array, low: float, high: float) -> Array:
    """Say whether any value is not in an interval, NaN included.

    A comparison of each element writes its answer, and these only read.
    """
    inside = tf.reduce_min(x) >= low
    if high < inf:
        inside &= tf.reduce_max(x) <= high
    return tf.logical_not(inside)


def is_under_xla() -> bool:
    """Say whether what is traced is compiled by XLA; False also if it is not known.

    Nothing public says it. Either answer is right, one is quicker.
    """
    ask = getattr(control_flow_util, "GraphOrParentsInXlaContext", None)
    return ask is not None and ask(tf.compat.v1.get_default_graph())


def nan_where(wrong: Array, x: Array) -> Array:
    """Return `x` with NaN added where something is wrong."""
    zero = tf.zeros((), x.dtype)
    return x + tf.where(wrong, zero + np.nan, zero)


def last_size(x: Array) -> Any:
    """Return the length of the last axis, as a number where it is known."""
    return x.shape[-1] or tf.shape(x)[-1]


def eps(x: Array) -> float:
    """Return the unit in the last place of 1."""
    return float(np.finfo(x.dtype.as_numpy_dtype).eps)


def to_numpy(x: Array) -> Any:
    """Return the values as a NumPy array, without a gradient."""
    return np.asarray(x)


def is_known(x: Array) -> bool:
    """Say whether there are values, on whatever device."""
    return hasattr(x, "numpy")


def full(x: Array) -> Array:
    """Return `x`: replicas of TensorFlow hold plain tensors."""
    return x


def stop_gradient(x: Array) -> Array:
    """Return the values alone, as a constant."""
    return tf.stop_gradient(x)


def clip(x: Array, low: Any = None, high: Any = None) -> Array:
    """Clip to an interval, either end of which may be left out."""
    above = x if low is None else tf.maximum(x, low)
    return above if high is None else tf.minimum(above, high)


def moveaxis(x: Array, source: int, destination: int) -> Array:
    """Move one axis to another place."""
    order = list(range(len(x.shape)))
    order.insert(destination % len(order), order.pop(source))
    return tf.transpose(x, order)


def log1p(x: Array) -> Array:
    """Return log(1 + x); float32 goes by way of float64, TensorFlow's is 3 ulp off."""
    return tf.cast(tf.math.log1p(tf.cast(x, tf.float64)), x.dtype)


def tanh(x: Array) -> Array:
    """Return tanh; TensorFlow's own is 4 to 7 ulp off where it nears 1."""
    return tf.where(tf.abs(x) < 1, tf.tanh(x), 2 * tf.sigmoid(2 * x) - 1)


def softplus(x: Array) -> Array:
    """Return log(1 + exp(x)) for any x; TensorFlow's own is 5 ulp off near -14."""
    return tf.maximum(x, 0.0) + tf.math.log1p(tf.exp(minus_abs(x)))


def sigmoid(x: Array) -> Array:
    """Return 1 / (1 + exp(-x)) for any x; TensorFlow's own is 5 ulp off near -17."""
    small = tf.exp(minus_abs(x))
    return tf.where(x >= 0, tf.ones_like(x), small) / (1 + small)


def minus_abs(x: Array) -> Array:
    """Return -|x|, with -1 as its derivative at 0, where that of tf.abs is 0.

    Second derivatives at 0 need it: there a sigmoid has the slope 1/4.
    """
    return tf.minimum(-x, x)


def sum(x: Array, axis: Any = None, keepdims: bool = False) -> Array:
    """Sum over all elements or along an axis."""
    if axis is None and is_large(x):
        return tf.cast(wide_sum(x, size(x)), x.dtype)
    if are_long_rows(x, axis):
        return tf.cast(wide_sum_of_rows(x, keepdims), x.dtype)
    return tf.reduce_sum(x, axis=axis, keepdims=keepdims)


def mean(x: Array) -> Array:
    """Return the mean of all elements."""
    if is_large(x):
        return tf.cast(wide_mean(x, size(x)), x.dtype)
    return tf.reduce_mean(x)


def max(x: Array, axis: int, keepdims: bool = False) -> Array:
    """Return the largest value along an axis."""
    return tf.reduce_max(x, axis=axis, keepdims=keepdims)


def log_softmax(x: Array) -> Array:
    """Return log softmax along the last axis."""
    return tf.nn.log_softmax(x)


def take_labels(x: Array, labels: Array) -> Array:
    """Return for each row of `x` the entry that its label names (last axis)."""
    return tf.gather(x, labels, batch_dims=len(labels.shape))


def take(values: Array, labels: Array) -> Array:
    """Return for each label the value that it names."""
    return tf.gather(values, labels)


def put_labels(x: Array, labels: Array, value: Any) -> Array:
    """Return `x` with a value, or one a row, in the place that each label names."""
    place = tf.one_hot(labels, last_size(x), True, False)
    values = tf.convert_to_tensor(value, x.dtype)
    return tf.where(place, values[..., None] if values.shape.rank else values, x)


def softmax_minus_label(z: Array, labels: Array) -> Array:
    """Return the softmax of each row, less 1 at its label."""
    one = tf.one_hot(labels, last_size(z), dtype=z.dtype)
    return tf.nn.softmax(z) - one


def positions(x: Array) -> Array:
    """Return 0, 1, 2, ... along the last axis, in the dtype of `x`."""
    return tf.cast(tf.range(tf.shape(x)[-1]), x.dtype)


def argsort(x: Array) -> Array:
    """Return the order of the last axis, the smallest first; ties stay in order."""
    return tf.argsort(tf.stop_gradient(x), axis=-1, stable=True)


def reorder(x: Array, order: Array) -> Array:
    """Return the last axis of `x` in another order."""
    return tf.gather(x, order, batch_dims=len(x.shape) - 1)


def cumsum(x: Array) -> Array:
    """Return the sums up to each place of the last axis."""
    return tf.cumsum(x, axis=-1)


def one_hot(labels: Array, classes: int, like: Array) -> Array:
    """Return rows of zeros with a one at the label."""
    return tf.one_hot(labels, classes, dtype=like.dtype)
