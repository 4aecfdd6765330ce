"""Exercises of the chapter on boosted trees."""

from __future__ import annotations

import numpy as np

from lossbook._book.answers.exercise import Exercise

_ERRORS = [(np.array([-3.0, -0.5, 0.25, 1.0, 40.0]),)]

EXERCISES: dict[str, Exercise] = {
    # projects/boosted-trees
    "leaf-of-three": Exercise(
        right=6 / 7,
        wrong=[
            (-6 / 7, "the sign is turned: the leaf is minus G / (H + lambda)."),
            (1.0, "you left the penalty out of the denominator."),
            (0.75, "that is for half the square: lb.mse has the derivative 2 e."),
            (2 / 3, "you took the mean of the derivatives; a leaf takes sums."),
            (2.0, "you divided by the number of rows and not by H + lambda."),
        ],
        hint="add up 2 e for G and 2 for H, then take -G / (H + 1).",
    ),
    "cauchy-parabola": Exercise(
        right=lambda error: 1 / (1 + error**2 / 2),
        wrong=[
            (
                lambda error: (1 - error**2 / 2) / (1 + error**2 / 2) ** 2,
                "that is the second derivative, which is negative far out.",
            ),
            (
                lambda error: error / (1 + error**2 / 2),
                "that is the derivative; divide it by the error.",
            ),
            (
                lambda error: 1 / (1 + error**2),
                "that is for log(1 + e²) / 2; the loss here has e²/2 in it.",
            ),
        ],
        hint="differentiate the loss with respect to the error, divide by the error.",
        inputs=_ERRORS,
    ),
}
