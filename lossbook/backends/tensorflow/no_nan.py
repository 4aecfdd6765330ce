"""Products, quotients and logarithms in which 0 outweighs what is not finite.

With that care they take two to five times as long as without. In a graph one look at
many elements says whether any of them needs it; XLA makes one loop of it all anyway.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any

import numpy as np
import tensorflow as tf

from lossbook.backends.tensorflow.ops import is_under_xla

Array = Any

_MANY = 2**14  # elements from which on a look costs less than the care


def multiply_no_nan(a: Array, b: Array) -> Array:
    """Return a b, with 0 times anything 0."""
    return tf.math.multiply_no_nan(b, a)


def divide_no_nan(a: Array, b: Array) -> Array:
    """Return a / b, with 0 over anything 0."""
    return _if_all_above(0.0, b, lambda: a / b, lambda: _divide_no_nan(a, b))


def _divide_no_nan(a: Array, b: Array) -> Array:
    # Only 0 / 0 is silenced: 0 / b has the derivative 1 / b by a.
    nothing = (a == 0) & (b == 0)
    one = tf.ones((), b.dtype)
    return tf.where(nothing, tf.zeros((), a.dtype), a / tf.where(nothing, one, b))


def xlogy(x: Array, y: Array) -> Array:
    """Return x log y, and 0 where x is 0."""
    log = tf.math.log
    return _if_all_above(0.0, y, lambda: x * log(y), lambda: _times(x, log, y, 0.0))


def xlog1py(x: Array, y: Array) -> Array:
    """Return x log(1 + y), and 0 where x is 0."""
    log = tf.math.log1p
    return _if_all_above(-1.0, y, lambda: x * log(y), lambda: _times(x, log, y, -1.0))


def _times(x: Array, log: Callable[[Array], Array], y: Array, low: float) -> Array:
    product = tf.math.multiply_no_nan(log(y), x)
    return tf.where(y >= low, product, np.nan)


def _if_all_above(
    low: float, x: Array, quick: Callable[[], Array], careful: Callable[[], Array]
) -> Array:
    """Return the quick form where all of `x` lie above `low` and are finite."""
    many = (x.shape.num_elements() or 0) >= _MANY
    if tf.executing_eagerly() or not many or is_under_xla():
        return careful()
    inside = (tf.reduce_min(x) > low) & (tf.reduce_max(x) < inf)
    return tf.cond(inside, quick, careful)
