"""Exercises of projects/recommendation: ranking what visitors may click next."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lossbook._book.answers.exercise import Exercise


def _slope(
    factor: Callable[[Any], Any],
    direction: Callable[[Any, Any], Any] = lambda q_i, q_j: q_i - q_j,
) -> Callable[..., Any]:
    """Return the gradient of BPR by the visitor's vector, or one with a mistake.

    `factor` takes the sigmoid of minus the lead: how surprising the click is.
    """

    def slope(p: Any, q_i: Any, q_j: Any) -> Any:
        lead = p @ q_i - p @ q_j
        return factor(1 / (1 + np.exp(lead))) * direction(q_i, q_j)

    return slope


EXERCISES: dict[str, Exercise] = {
    "precision-at-three": Exercise(
        right=2 / 3,
        wrong=[
            (1 / 3, "the training clicks still take two of the three places."),
            (1.0, "training clicks are no hits: the model has seen them."),
            (1 / 2, "that is the share of the held-out clicks found: the recall."),
            (1 / 4, "that is the recall, with the training clicks left in."),
            (2.0, "divide by the number of places, 3."),
        ],
        hint="leave out the places 1 and 3, then look at the first three of the rest.",
    ),
    "bpr-visitor-slope": Exercise(
        right=_slope(lambda surprise: -surprise),
        wrong=[
            (
                _slope(lambda surprise: surprise),
                "the sign is turned: a step against this goes away from the click.",
            ),
            (
                _slope(lambda surprise: surprise - 1),
                "the factor is the sigmoid of minus the lead: small for a large lead.",
            ),
            (
                _slope(lambda surprise: 1 - surprise),
                "both the sign and the lead inside the sigmoid are turned.",
            ),
            (
                _slope(lambda surprise: -surprise, lambda q_i, q_j: q_i),
                "the thing without a click is missing: its score depends on p too.",
            ),
            (
                _slope(lambda surprise: -surprise, lambda q_i, q_j: q_i + q_j),
                "the two things pull opposite ways: take their difference.",
            ),
            (
                _slope(lambda surprise: surprise * 0 - 1),
                "that is the slope of the lead alone; the factor of -log sigma is "
                "missing.",
            ),
            (
                _slope(lambda surprise: -surprise * (1 - surprise)),
                "that is the slope of -sigma; the logarithm takes one factor away.",
            ),
        ],
        inputs=[
            (np.array([1.0, -0.5]), np.array([0.3, 0.8]), np.array([-0.4, 0.1])),
            (np.array([0.2, 2.0]), np.array([1.0, 0.6]), np.array([0.5, -0.3])),
        ],
        hint="by the chain rule, -sigma(-lead) times the slope of the lead, q_i - q_j.",
    ),
    "first-of-six": Exercise(
        right=0.9**5,
        wrong=[
            (0.9, "that is for one of the five; none of all five may be ahead."),
            (1 - 0.9**5, "that is the chance that at least one is ahead."),
            (0.1**5, "that is the chance that all five are ahead."),
            (0.5, "chances of different draws do not add up: multiply 0.9 by itself."),
            (1 / 6, "that is for a click at a place by chance; it is ahead of 90 %."),
            (0.9**6, "five are drawn; the click itself is not one of them."),
        ],
        hint="each of the five stays behind with probability 0.9.",
    ),
}
