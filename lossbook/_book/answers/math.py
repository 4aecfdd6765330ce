"""Exercises of Part II, Mathematics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lossbook._book.answers.exercise import Exercise

_LINE = [(np.array([1.0, 2.0, 4.0]), np.array([3.0, 5.0, 8.0]), 1.5, 0.5)]


def _line_gradient(factor: float) -> Callable[..., Any]:
    def gradient(x: Any, y: Any, w: float, b: float) -> Any:
        error = w * x + b - y
        return np.array([factor * np.mean(error * x), factor * np.mean(error)])

    return gradient


EXERCISES: dict[str, Exercise] = {
    # math/mean-squared-error
    "mse-by-hand": Exercise(
        right=1.25,
        wrong=[
            (2.5, "you took the sum of the squares; divide by the number of points."),
            (np.sqrt(1.25), "you took the root: that is the RMSE."),
            (1.0, "you took the mean of the absolute errors: that is the MAE."),
            (0.625, "you halved it: this book's MSE has no factor 1/2."),
        ],
        hint="the errors are 0.5 and 1.5: square them and take the mean.",
    ),
    "mse-gradient": Exercise(
        right=_line_gradient(2.0),
        wrong=[
            (_line_gradient(-2.0), "the sign is turned: with it descent climbs."),
            (
                _line_gradient(1.0),
                "the factor 2 of the square's derivative is missing.",
            ),
            (_line_gradient(6.0), "you summed over the points; the mean divides by n."),
            (_line_gradient(3.0), "sum for mean, and the factor 2 is missing."),
        ],
        inputs=_LINE,
        hint="return np.array([dL/dw, dL/db]) of the mean of (w x + b - y)^2.",
    ),
    "mse-weighted": Exercise(
        right=3.25,
        wrong=[
            (6.5, "you divided by the number of points; divide by the sum of weights."),
            (13.0, "that is the weighted sum; divide by the sum of the weights."),
            (2.5, "the weights are not in it."),
        ],
        hint="multiply each squared error by its weight, and divide by their sum.",
    ),
}
