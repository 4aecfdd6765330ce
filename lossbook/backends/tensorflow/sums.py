"""Sums of many elements on TensorFlow, block by block."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

Array = Any

_LARGE = 2**20  # elements from which on sums go over blocks
_MEDIUM = 2**13  # those from which on they are taken in float64
_LONG = 2**12  # elements from which on sums in a graph go over blocks
_BLOCK = 2**6


def is_large(x: Array) -> bool:
    """Say whether a sum of all elements needs more than float32.

    TensorFlow's own is 12 ulp off at 10 000 equal elements, 24 at more. In a graph much
    shorter ones do: XLA may compile it, which adds up one by one, 2 % off at 4e7
    elements. Those whose number is not known yet may be of any length.
    """
    known = x.shape.num_elements()
    if not tf.executing_eagerly():
        return x.dtype.is_floating and (known is None or known >= _LONG)
    return x.dtype == tf.float32 and known is not None and known >= _MEDIUM


def are_long_rows(x: Array, axis: Any) -> bool:
    """Say whether sums along an axis, the last, need more than float32.

    In a graph XLA may add up one by one, 6 000 ulp off at a million equal elements.
    """
    long = axis == -1 and (x.shape[-1] or 0) >= _LONG
    return bool(long and x.dtype == tf.float32)


def wide_sum_of_rows(x: Array, keepdims: bool = False) -> Array:
    """Add up blocks of each row, and their sums in float64."""
    whole = x.shape[-1] // _BLOCK * _BLOCK
    start = x if whole == x.shape[-1] else x[..., :whole]
    lead = tf.shape(x)[:-1]
    blocks = tf.reshape(start, tf.concat([lead, [whole // _BLOCK, _BLOCK]], 0))
    blocks.set_shape([*x.shape[:-1], whole // _BLOCK, _BLOCK])
    sums = tf.reduce_sum(blocks, axis=-1)
    if start is not x:
        rest = tf.reduce_sum(x[..., whole:], axis=-1, keepdims=True)
        sums = tf.concat([sums, rest], -1)
    return tf.reduce_sum(tf.cast(sums, tf.float64), axis=-1, keepdims=keepdims)


def wide_sum(x: Array, size: Any) -> Array:
    """Add up blocks, and their sums in float64: float32 alone is 6 ulp off at 3e7."""
    flat = tf.reshape(x, [-1])
    if not tf.executing_eagerly():  # zeros behind it cost a gradient less than a cut
        missing = -size % _BLOCK
        if not isinstance(missing, int) or missing:
            flat = tf.pad(flat, [[0, missing]])
        sums = tf.reduce_sum(tf.reshape(flat, [-1, _BLOCK]), axis=1)
        return tf.reduce_sum(tf.cast(sums, tf.float64))
    if size < _LARGE:
        return tf.reduce_sum(tf.cast(flat, tf.float64))
    return wide_sum_of_rows(flat)


def wide_mean(x: Array, size: Any) -> Array:
    """Return the same over their number."""
    return wide_sum(x, size) / tf.cast(size, tf.float64)
