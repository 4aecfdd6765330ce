"""Forms of whole losses that are quicker on NumPy or hold less, and of steps: none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from lossbook.backends.numpy.custom_grad import LARGE, with_derivatives
from lossbook.backends.numpy.ops import range_of, where
from lossbook.backends.polynomials import LOG_COSH, horner

Array = Any


def _of_difference(
    loss: Callable[..., Array], derivative: Callable[..., Array]
) -> Callable[..., Array | None]:
    """Return the kernel of a loss of the error, which holds no array of errors."""

    def kernel(
        y_true: Array, y_pred: Array, reduction: str, **parameters: Any
    ) -> Array | None:
        if reduction == "none" or y_pred.size < LARGE:
            return None
        return with_derivatives(
            lambda y, p, **given: loss(p - y, **given),
            [
                lambda y, p, **given: -derivative(p - y, **given),
                lambda y, p, **given: derivative(p - y, **given),
            ],
            y_true,
            y_pred,
            reduction=reduction,
            parameters=parameters,
        )

    return kernel


def _huber(error: Array, delta: float) -> Array:
    size = np.abs(error)
    quadratic = np.minimum(size, delta)
    return 0.5 * quadratic * quadratic + delta * (size - quadratic)


def _log_cosh(error: Array, reduction: str) -> Array | None:
    """Go without sinh and log1p, which NumPy takes element by element."""
    if error.dtype != np.float32:
        return None
    return with_derivatives(_log_cosh_of, [np.tanh], error, reduction=reduction)


def _log_cosh_of(error: Array) -> Array:
    size, square = np.abs(error), np.square(error)
    near = square * horner(LOG_COSH, square)
    # From 1 on log(1 + x) has the digits of log1p that count beside the size, and near
    # 1 the first difference is exact.
    far = (size - np.log(np.float32(2))) + np.log(1 + np.exp(-2 * size))
    return where(size < 1, near, far)


def _large_log_cosh(y_true: Array, y_pred: Array, reduction: str) -> Array | None:
    if y_pred.dtype != np.float32:
        return None
    return _of_difference(_log_cosh_of, np.tanh)(y_true, y_pred, reduction)


def _bce(y: Array, p: Array, reduction: str) -> Array | None:
    """Take the short way where no probability is 0 or 1: there is no 0 * inf."""
    known = range_of(p)
    if known is None or not (known[0] > 0 and known[1] < 1):
        return None
    derivatives = [lambda y, p: np.log1p(-p) - np.log(p), _inner_bce_derivative]
    return with_derivatives(_inner_bce, derivatives, y, p, reduction=reduction)


def _inner_bce(y: Array, p: Array) -> Array:
    return -(y * np.log(p) + (1 - y) * np.log1p(-p))


def _inner_bce_derivative(y: Array, p: Array) -> Array:
    return (p - y) / (p * (1 - p))


# A test holds each against its formula.
KERNELS: Mapping[str, Callable[..., Any]] = {
    "mse of error": _of_difference(np.square, lambda error: 2 * error),
    "huber of error": _of_difference(
        _huber, lambda error, delta: np.clip(error, -delta, delta)
    ),
    "log_cosh of error": _large_log_cosh,
    "log_cosh": _log_cosh,
    "bce": _bce,
}
STEPS: Mapping[str, Callable[..., Any]] = {}
