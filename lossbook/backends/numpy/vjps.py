"""The derivatives of NumPy's ufuncs, each as a vector-Jacobian product per input."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Vjp = Callable[[Any], Any]


def _matmul_vjps(a: Any, b: Any) -> tuple[Vjp, Vjp]:
    """Take a vector for a matrix of one row, or of one column, as matmul does."""
    row, column = np.ndim(a) == 1, np.ndim(b) == 1
    left = np.expand_dims(a, 0) if row else a
    right = np.expand_dims(b, 1) if column else b

    def matrix(grad: Any) -> Any:
        grad = np.expand_dims(grad, -1) if column else grad
        return np.expand_dims(grad, -2) if row else grad

    def by_left(grad: Any) -> Any:
        product = matrix(grad) @ np.swapaxes(right, -1, -2)
        return product[..., 0, :] if row else product

    def by_right(grad: Any) -> Any:
        product = np.swapaxes(left, -1, -2) @ matrix(grad)
        return product[..., 0] if column else product

    return by_left, by_right


def _power_vjps(r: Any, a: Any, b: Any) -> tuple[Vjp, Vjp]:
    """Return b a^(b-1), which is 0 at b = 0, and a^b log a, which is 0 at a = 0."""
    base = np.where(np.equal(b, 0), 1, a) if np.any(np.equal(b, 0)) else a

    def by_exponent(grad: Any) -> Any:
        nothing = np.equal(a, 0) & np.greater_equal(b, 0)
        return grad * np.where(nothing, 0, r * np.log(np.where(nothing, 1, a)))

    return lambda g: g * b * np.power(base, b - 1), by_exponent


def _larger(a: Any, b: Any) -> Any:
    """Return 1 where `a` is larger, 0 where it is smaller, and ½ where they tie."""
    return np.greater(a, b) + np.equal(a, b) / 2


# For each ufunc: from its result and inputs to one vjp an input.
UFUNC_VJPS: dict[Any, Callable[..., Sequence[Vjp]]] = {
    np.add: lambda r, a, b: (lambda g: g, lambda g: g),
    np.subtract: lambda r, a, b: (lambda g: g, lambda g: -g),
    np.multiply: lambda r, a, b: (lambda g: g * b, lambda g: g * a),
    np.divide: lambda r, a, b: (lambda g: g / b, lambda g: -g * r / b),
    np.power: lambda r, a, b: _power_vjps(r, a, b),
    np.matmul: lambda r, a, b: _matmul_vjps(a, b),
    np.negative: lambda r, a: (lambda g: -g,),
    np.absolute: lambda r, a: (lambda g: g * np.sign(a),),
    np.square: lambda r, a: (lambda g: 2 * g * a,),
    np.sqrt: lambda r, a: (lambda g: g / (2 * r),),
    np.exp: lambda r, a: (lambda g: g * r,),
    np.expm1: lambda r, a: (lambda g: g * (r + 1),),
    np.log: lambda r, a: (lambda g: g / a,),
    np.log1p: lambda r, a: (lambda g: g / (1 + a),),
    np.sin: lambda r, a: (lambda g: g * np.cos(a),),
    np.cos: lambda r, a: (lambda g: -g * np.sin(a),),
    np.sinh: lambda r, a: (lambda g: g * np.cosh(a),),
    np.tanh: lambda r, a: (lambda g: g * (1 - r * r),),
    np.maximum: lambda r, a, b: (
        lambda g: g * _larger(a, b),
        lambda g: g * _larger(b, a),
    ),
    np.minimum: lambda r, a, b: (
        lambda g: g * _larger(b, a),
        lambda g: g * _larger(a, b),
    ),
}

UNTRACED = {
    np.sign, np.isnan, np.isinf, np.isfinite, np.equal, np.not_equal, np.greater,
    np.greater_equal, np.less, np.less_equal, np.logical_and, np.logical_or, np.floor,
}  # fmt: skip
