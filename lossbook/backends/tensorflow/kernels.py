"""The fused forms that TensorFlow has, or that are quicker on it, of whole losses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import log
from typing import Any

import tensorflow as tf

from lossbook.backends.polynomials import LOG_COSH, horner
from lossbook.backends.tensorflow.custom_grad import (
    chained,
    part_of_mean,
    reduced,
    with_derivatives,
)
from lossbook.backends.tensorflow.graphs import GRAPHS
from lossbook.backends.tensorflow.no_nan import multiply_no_nan
from lossbook.backends.tensorflow.ops import any_of, minus_abs, tanh

Array = Any


def _bce_logits(y: Array, z: Array, reduction: str) -> Array:
    """Compute exp(-|z|) once, for the loss and for its derivative."""

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def apply(y: Array, z: Array) -> Any:
        small = tf.exp(minus_abs(z))
        wrong = multiply_no_nan(1 - y, tf.nn.relu(z)) - multiply_no_nan(
            y, tf.minimum(z, 0.0)
        )
        losses = tf.math.log1p(small) + wrong

        def pull(cotangent: Array) -> tuple[Array, Array]:
            cotangent = part_of_mean(cotangent, losses, reduction)
            doubt = small / (1 + small)
            derivative = tf.where(z >= 0, (1 - y) - doubt, doubt - y)
            return chained(cotangent, -z), chained(cotangent, derivative)

        return reduced(losses, reduction), pull

    return GRAPHS.call((_bce_logits, reduction), lambda _: apply, [y, z], {})


def _log_cosh(error: Array, reduction: str) -> Array | None:
    """Go without sinh, which is slow in TensorFlow, and log1p, 3 ulp off near 0."""
    if error.dtype != tf.float32:
        return None
    return with_derivatives(
        _log_cosh_of, [tanh], error, reduction=reduction, key=_log_cosh_of
    )


def _log_cosh_of(error: Array) -> Array:
    size, square = tf.abs(error), tf.square(error)
    near = square * horner(LOG_COSH, square)
    far = size + (tf.math.log1p(tf.exp(-2 * size)) - log(2))
    return tf.where(size < 1, near, far)


# So many logits take the formula as long as TensorFlow's operation; at four million the
# formula takes 0.6 of its time.
_FEW = 2**16


def _sparse_cross_entropy(labels: Array, logits: Array, reduction: str) -> Array | None:
    """Leave many logits to the formula, and rows that may weigh nothing.

    Where the loss of such a row is not finite, its gradient is NaN in TensorFlow, also
    where 0 arrives on the way back.
    """
    if (logits.shape.num_elements() or _FEW) >= _FEW:
        return None
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    if reduction == "none" and any_of(~tf.math.is_finite(losses)) is not False:
        return None
    return reduced(losses, reduction)


# Whole losses in few passes over the data. A test holds each against its formula.
KERNELS: Mapping[str, Callable[..., Any]] = {
    "bce_logits": _bce_logits,
    "log_cosh": _log_cosh,
    "sparse_cross_entropy": _sparse_cross_entropy,
}

STEPS: Mapping[str, Callable[..., Any]] = {}  # of optimizers
