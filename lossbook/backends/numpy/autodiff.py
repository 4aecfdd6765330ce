"""Gradients on NumPy, by the tape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lossbook.backends.inputs import check_scalar
from lossbook.backends.numpy.tape import Traced, backward

Array = Any


def differentiate(loss: Callable[..., Any], leaves: list[Any]) -> tuple[Any, list[Any]]:
    """Return the value of a scalar loss, and its gradient by each of the leaves."""
    whole = ("b", "i", "u")
    inputs = [
        Traced(x.astype(np.float64) if x.dtype.kind in whole else x) for x in leaves
    ]
    result = loss(list(inputs), lambda constant: constant)
    if not isinstance(result, Traced):
        check_scalar(np.shape(result))
        value = result[()] if isinstance(result, np.ndarray) else result
        return value, [np.zeros_like(x.value)[()] for x in inputs]
    check_scalar(result.shape)
    return result.value[()], backward(result, inputs)


input_gradient = None  # the tape does not differentiate what it has differentiated


def random_fractions(like: Array, ones: list[int]) -> Array:
    """Draw one number in [0, 1) for each sample, with that many axes more."""
    return np.random.default_rng().random((len(like), *ones)).astype(like.dtype)
