"""Exercises of the project on generation: a GAN on eight islands, then on digits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lossbook._book.answers.exercise import Exercise

_CENTRES = np.array([[2.0, 0.0], [0.0, 2.0], [-2.0, 0.0], [0.0, -2.0]])
# Of 100 samples: 60, 30, 4 and 1 on four islands, 5 at sea. Half of the 60 and all of
# the 30 are two spreads away from their centre.
_SAMPLES = np.concatenate(
    [
        np.tile([2.05, 0.0], (30, 1)),
        np.tile([2.2, 0.0], (30, 1)),
        np.tile([0.0, 2.2], (30, 1)),
        np.tile([-2.0, 0.05], (4, 1)),
        np.tile([0.0, -2.0], (1, 1)),
        np.tile([0.0, -1.0], (5, 1)),
    ]
)
_FAR = np.concatenate(  # one sample on an island, all others at sea
    [
        np.tile([2.0, 0.0], (1, 1)),
        np.tile([0.0, 9.0], (50, 1)),
        np.tile([0.0, -9.0], (49, 1)),
    ]
)


def _modes(
    limit: float = 3.0, share: float = 0.02, of_good: bool = False
) -> Callable[..., Any]:
    def modes(samples: Any, centres: Any, spread: float) -> Any:
        distance = np.linalg.norm(samples[:, None] - centres, axis=-1)
        good = distance.min(axis=1) < limit * spread
        counts = np.bincount(distance.argmin(axis=1)[good], minlength=len(centres))
        total = np.sum(good) if of_good else len(samples)
        return np.sum((counts >= share * total) & (counts > 0))

    return modes


EXERCISES: dict[str, Exercise] = {
    # projects/gan
    "collapse-kl": Exercise(
        right=np.log(4),
        wrong=[
            (2.0, "that is in bits; in nats take the natural logarithm."),
            (np.log(2), "that is the entropy of the shares; take ln 8 minus it."),
            (np.log(8), "that is one island alone; here there are two."),
            (-np.log(4), "the sign is turned: a KL divergence is never negative."),
            (
                np.inf,
                "you took it the other way round: of the equal shares from these.",
            ),
            (2 * np.log(4), "you left out the shares 1/2 in front of the logarithms."),
        ],
        hint="sum p ln(8 p) over the two islands that have a share p.",
    ),
    "sigmoid-floor": Exercise(
        right=np.log1p(np.exp(-1)) + np.log(2),
        wrong=[
            (
                0.0,
                "that holds for logits; a sigmoid cannot give plus or minus infinity.",
            ),
            (
                2 * np.log1p(np.exp(-1)),
                "you gave the fake the score -1; a sigmoid gives 0 at the lowest.",
            ),
            (np.log(4), "that is the undecided one, with both scores at 0."),
            (np.log1p(np.exp(-1)), "the fake's part, ln 2, is missing."),
            (
                (np.log1p(np.exp(-1)) + np.log(2)) / 2,
                "you took the mean of the two parts; the loss is their sum.",
            ),
        ],
        hint="the best scores are 1 for real and 0 for fake: put them into the loss.",
    ),
    "modes-found": Exercise(
        right=_modes(),
        wrong=[
            (
                _modes(share=0.0),
                "one stray sample is enough for you; ask for 2 % of the samples.",
            ),
            (_modes(limit=1.0), "you took one spread as the limit; take three."),
            (
                _modes(limit=np.inf),
                "you gave every sample to its nearest island, however far away it is.",
            ),
            (
                _modes(of_good=True),
                "you took 2 % of the good samples; take 2 % of all samples.",
            ),
        ],
        inputs=[(_SAMPLES, _CENTRES, 0.1), (_FAR, _CENTRES, 0.1)],
        hint="count the islands with at least 2 % of all samples within 3 spreads.",
    ),
}
