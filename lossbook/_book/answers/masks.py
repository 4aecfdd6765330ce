"""Exercises of the chapter on masks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lossbook._book.answers.exercise import Exercise

_MASKS = [
    (np.array([1.0, 1, 0, 0]), np.array([1.0, 0.5, 0.25, 0]), 0.3, 0.7),
    (np.array([0.0, 1, 1]), np.array([0.2, 0.9, 0.4]), 0.5, 1.5),
]


def _tversky(
    loss: Callable[[Any, Any, Any, Any, Any], Any],
) -> Callable[..., Any]:
    def of_mask(y: Any, p: Any, alpha: Any, beta: Any) -> Any:
        hits, alarms = np.sum(y * p), np.sum((1 - y) * p)
        return loss(hits, alarms, np.sum(y * (1 - p)), alpha, beta)

    return of_mask


EXERCISES: dict[str, Exercise] = {
    # math/masks
    "dice-by-hand": Exercise(
        right=0.4,
        wrong=[
            (0.6, "that is the overlap; the loss is one minus it."),
            (2 / 3.5, "that is the Jaccard loss; Dice counts the hits twice."),
            (1 / 3, "you smoothed with s = 1; here s is 0."),
            (2.0, "those are the false alarms and misses; divide by the two areas."),
        ],
        hint="(A + M) / (2 H + A + M), with H = 1.5.",
    ),
    "tversky-code": Exercise(
        right=_tversky(lambda h, a, m, x, y: (x * a + y * m) / (h + x * a + y * m)),
        wrong=[
            (
                _tversky(lambda h, a, m, x, y: h / (h + x * a + y * m)),
                "that is the overlap; the loss is one minus it.",
            ),
            (
                _tversky(lambda h, a, m, x, y: (y * a + x * m) / (h + y * a + x * m)),
                "you exchanged the two: alpha weighs false alarms, beta misses.",
            ),
            (
                _tversky(lambda h, a, m, x, y: (a + m) / (2 * h + a + m)),
                "that is the Dice loss: alpha and beta have no part in it.",
            ),
            (
                _tversky(
                    lambda h, a, m, x, y: (x * a + y * m) / (h + x * a + y * m + 1)
                ),
                "you smoothed with s = 1; here s is 0.",
            ),
        ],
        inputs=_MASKS,
        hint="count hits, alarms and misses, weigh the last two, and divide by all.",
    ),
    "dice-limit": Exercise(
        right=0.3,
        wrong=[
            (0.5, "that is the limit for the fewest wrong pixels; here it is D / 2."),
            (0.6, "that is the score itself; take half of it."),
            (0.7, "that comes from 1 - D / 2; a pixel belongs in above D / 2."),
        ],
        hint="half of the best score.",
    ),
}
