"""Sums of many elements on TensorFlow, block by block."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

Array = Any

_LARGE = 2**20  # elements from which on sums go over blocks
_LONG = 2**12  # the same in a graph
_BLOCK = 2**8


def is_large(x: Array) -> bool:
    """Say whether a sum of all elements goes over blocks.

    In a graph much shorter ones do: XLA may compile it, which adds up one by one, 2 %
    off at 4e7 elements. Those whose number is not known yet may be of any length.
    """
    known = x.shape.num_elements()
    if not tf.executing_eagerly():
        return x.dtype.is_floating and (known is None or known >= _LONG)
    return x.dtype == tf.float32 and known is not None and known >= _LARGE


def wide_sum(x: Array, size: Any) -> Array:
    """Add up blocks, and their sums in float64: float32 alone is 6 ulp off at 3e7."""
    flat = tf.reshape(x, [-1])
    if not tf.executing_eagerly():  # zeros behind it cost a gradient less than a cut
        missing = -size % _BLOCK
        if not isinstance(missing, int) or missing:
            flat = tf.pad(flat, [[0, missing]])
        return tf.reduce_sum(tf.cast(_of_blocks(flat), tf.float64))
    whole = size // _BLOCK * _BLOCK
    rest = tf.cast(tf.reduce_sum(flat[whole:]), tf.float64)
    return tf.reduce_sum(tf.cast(_of_blocks(flat[:whole]), tf.float64)) + rest


def wide_mean(x: Array, size: Any) -> Array:
    """Return the same over their number."""
    return wide_sum(x, size) / tf.cast(size, tf.float64)


def _of_blocks(flat: Array) -> Array:
    return tf.reduce_sum(tf.reshape(flat, [-1, _BLOCK]), axis=1)
