"""Gradients on TensorFlow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from lossbook.backends.inputs import check_scalar

Array = Any


def differentiate(loss: Callable[..., Any], leaves: list[Any]) -> tuple[Any, list[Any]]:
    """Return the value of a scalar loss, and its gradient by each of the leaves."""
    # Copies are watched: the tape would follow the originals wherever `loss` uses them.
    inputs = [
        tf.identity(x) if x.dtype.is_floating else tf.cast(x, tf.float32)
        for x in leaves
    ]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        value = loss(list(inputs), lambda constant: constant)
    check_scalar(np.shape(value))
    grads = tape.gradient(value, inputs, unconnected_gradients="zero")
    return value, [tf.convert_to_tensor(grad) for grad in grads]  # a gather's is sparse


def input_gradient(fn: Callable[[Array], Array], x: Array) -> Array:
    """Return the gradient of the sum of fn(x), to be differentiated once more."""
    x = tf.stop_gradient(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        values = fn(x)
    return tape.gradient(values, x, unconnected_gradients="zero")


def random_fractions(like: Array, ones: list[int]) -> Array:
    """Draw one number in [0, 1) for each sample, with that many axes more."""
    return tf.random.uniform([tf.shape(like)[0], *ones], dtype=like.dtype)
