"""Exercises of projects/at-scale: many workers, large vocabularies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lossbook._book.answers.exercise import Exercise

# Losses of single tokens add up to the sums; the last worker has padding only.
_PARTS = [
    (np.array([6.0, 40.0, 9.0]), np.array([3.0, 10.0, 1.0])),
    (np.array([6.0, 40.0, 0.0]), np.array([3.0, 10.0, 0.0])),
]


def _combined(sums: Any, counts: Any) -> Any:
    return np.sum(sums) / np.sum(counts)


def _mean_of_means(sums: Any, counts: Any) -> Any:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.mean(np.asarray(sums) / np.asarray(counts))


def _mean_of_means_that_exist(sums: Any, counts: Any) -> Any:
    used = np.asarray(counts) > 0
    return np.mean(np.asarray(sums)[used] / np.asarray(counts)[used])


_SHARDS = [
    ([np.array([1.0, 2.0]), np.array([0.5, -1.0]), np.array([3.0])],),
    ([np.array([1000.0, 998.0]), np.array([1001.0]), np.array([-5.0, 1000.5])],),
]


def _quietly(value: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def of_shards(shards: Any) -> Any:
        with np.errstate(over="ignore"):
            return value([np.asarray(z, dtype=float) for z in shards])

    return of_shards


def _log_sum_exp(z: Any) -> Any:
    return np.max(z) + np.log(np.sum(np.exp(z - np.max(z))))


def _without_own_scale(shards: Any) -> Any:
    """Every shard keeps its own maximum as the zero of its sum."""
    total = sum(np.sum(np.exp(z - np.max(z))) for z in shards)
    return max(np.max(z) for z in shards) + np.log(total)


_sharded = _quietly(lambda shards: _log_sum_exp(np.concatenate(shards)))

EXERCISES: dict[str, Exercise] = {
    # projects/at-scale
    "mean-of-means-error": Exercise(
        right=0.8,
        wrong=[
            (3.0, "that is the mean of the means; subtract the mean over all tokens."),
            (2.2, "that is the mean over all tokens; how far above is the other one?"),
            (-0.8, "the sign is turned: the mean of means is the larger one here."),
            (
                0.8 / 2.2,
                "that is the error relative to the mean; the difference is asked for.",
            ),
            (1.8, "that is how far the first worker's own mean is off; average both."),
        ],
        hint="the share of the first worker is w = 0.1: use (1/2 - w)(m0 - m1).",
    ),
    "combine-workers": Exercise(
        right=_combined,
        wrong=[
            (
                _mean_of_means,
                "that is the mean of the means; and a worker without tokens gives nan.",
            ),
            (
                _mean_of_means_that_exist,
                "that is the mean of the means: each worker counts the same, however "
                "few tokens it has.",
            ),
            (
                lambda sums, counts: np.mean(sums),
                "you divided by the number of workers; divide by that of the tokens.",
            ),
            (
                lambda sums, counts: np.sum(sums),
                "that is the sum; divide it by the number of all tokens.",
            ),
            (
                lambda sums, counts: np.sum(sums) / np.max(counts),
                "you divided by the tokens of one worker; divide by those of all.",
            ),
        ],
        inputs=_PARTS,
        hint="add all sums, add all counts, divide once.",
    ),
    "sharded-log-sum-exp": Exercise(
        right=_sharded,
        wrong=[
            (
                _quietly(lambda shards: np.log(sum(np.sum(np.exp(z)) for z in shards))),
                "right on paper, but logits near 1000 overflow: subtract the largest "
                "logit of all shards before exp, and add it back.",
            ),
            (
                _quietly(lambda shards: sum(_log_sum_exp(z) for z in shards)),
                "you added the log-sum-exps; the sums of the shards add up, their "
                "logarithms do not.",
            ),
            (
                _quietly(lambda shards: np.mean([_log_sum_exp(z) for z in shards])),
                "you took the mean of the log-sum-exps; add the sums inside the "
                "logarithm.",
            ),
            (
                _quietly(lambda shards: max(_log_sum_exp(z) for z in shards)),
                "you kept the largest log-sum-exp; the other shards count too.",
            ),
            (
                _quietly(_without_own_scale),
                "each shard subtracted a maximum of its own, so the sums do not share "
                "a scale: exchange the maximum first.",
            ),
            (
                _quietly(
                    lambda shards: (
                        _log_sum_exp(np.concatenate(shards))
                        - max(np.max(z) for z in shards)
                    )
                ),
                "the maximum that you subtracted has to be added back.",
            ),
        ],
        inputs=_SHARDS,
        hint="the maximum of all shards first, then the sum of exp(z - maximum) over "
        "all of them, then maximum + log(sum).",
    ),
}
