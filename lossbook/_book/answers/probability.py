"""Exercises of Part II, from robust losses to margins."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lossbook._book.answers.exercise import Exercise


def _bce(positives: float, negatives: float, scale: float = 1.0) -> Callable[..., Any]:
    """Return the mean over the label's own term alone."""

    def loss(y: Any, p: Any) -> Any:
        own = np.log(np.where(y == 1, p, 1 - p))
        return scale * np.mean(np.where(y == 1, positives, negatives) * own)

    return loss


def _bce_as_typed(
    positives: float, negatives: float, scale: float = 1.0
) -> Callable[..., Any]:
    """Return the same from both terms: NaN where the other one is 0 log 0."""

    def loss(y: Any, p: Any) -> Any:
        with np.errstate(all="ignore"):
            terms = positives * y * np.log(p) + negatives * (1 - y) * np.log(1 - p)
        return scale * np.mean(terms)

    return loss


def _bce_clipped(y: Any, p: Any) -> Any:
    return _bce(-1.0, -1.0)(y, np.clip(p, 1e-7, 1 - 1e-7))


_BCE_MISTAKES = [
    ((1.0, 1.0), "the sign is turned: a loss is minus the logarithm."),
    (
        (-1.0, 1.0),
        "the minus reaches the first term only: put both into brackets.",
    ),
    (
        (-1.0, 0.0),
        "the second term is missing: y = 0 with a high p costs nothing.",
    ),
    ((-1.0, -1.0, 5.0), "you took the sum; take the mean."),
    ((-1.0, -1.0, 1 / np.log(2)), "that is in bits; use the natural logarithm."),
    (
        (-1.0, -1.0, 0.5),
        "it is halved: take the mean over the examples, not over the terms.",
    ),
]

_FORECASTS = [
    (np.array([1.0, 0.0, 1.0, 0.0, 0.0]), np.array([0.9, 0.3, 0.8, 0.2, 0.6])),
    (np.array([1.0, 0.0]), np.array([1.0, 0.0])),  # a perfect one
]


def _log_softmax(z: Any) -> Any:
    shifted = z - np.max(z)
    return shifted - np.log(np.sum(np.exp(shifted)))


def _unshifted(z: Any) -> Any:
    with np.errstate(all="ignore"):
        return z - np.log(np.sum(np.exp(z)))


def _log_of_quotient(z: Any) -> Any:
    with np.errstate(all="ignore"):
        return np.log(np.exp(z) / np.sum(np.exp(z)))


def _log_of_softmax(z: Any) -> Any:
    with np.errstate(all="ignore"):
        return np.log(_softmax(z))


def _softmax(z: Any) -> Any:
    e = np.exp(z - np.max(z))
    return e / np.sum(e)


def _quantile(
    below: Callable[[Any], Any], above: Callable[[Any], Any], n: float = 1
) -> Callable[..., Any]:
    """Return a tilted absolute error: the cost of a unit too low, and too high."""

    def loss(y: Any, p: Any, q: float) -> Any:
        return n * np.mean(np.where(p < y, below(q) * (y - p), above(q) * (p - y)))

    return loss


_WAITS = [
    (np.array([3.0, 5.0, 9.0, 4.0]), np.array([4.0, 4.5, 6.0, 6.0]), 0.9),
    (np.array([3.0, 5.0, 9.0, 4.0]), np.array([4.0, 4.5, 6.0, 6.0]), 0.2),
]


def _multiclass_hinge(rivals: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    """Return the mean of a loss of (scores of a row, its label)."""

    def loss(labels: Any, scores: Any) -> Any:
        pairs = zip(scores, labels, strict=True)
        return np.mean([rivals(row, label) for row, label in pairs])

    return loss


def _short(row: Any, label: Any) -> Any:
    """Return by how much each rival comes too near to the label's score."""
    return 1 + np.delete(row, label) - row[label]


_SCORES = [
    (
        np.array([0, 2, 1]),
        np.array([[2.0, 1.5, 1.2], [0.4, 1.0, -0.3], [0.0, 4.0, 1.0]]),
    )
]

_LOGITS = [
    (np.array([1.0, 2.0, 0.0]),),
    (np.array([0.0, -1000.0]),),
    (np.array([1e4, -1e4, 9999.0]),),
]

EXERCISES: dict[str, Exercise] = {
    # math/cross-entropy
    "surprise-in-bits": Exercise(
        right=4.0,
        wrong=[
            (np.log(16), "that is in nats; bits take the logarithm to base 2."),
            (np.log10(16), "you took the logarithm to base 10; bits take base 2."),
            (-4.0, "the sign is turned: minus the logarithm of 1/16 is positive."),
            (1 / 16, "that is the probability; the surprise is minus its logarithm."),
            (0.25, "that is 4 / 16; how often do you halve 1 to get 1/16?"),
        ],
        hint="minus the logarithm of 1/16 to base 2: how many heads in a row is that?",
    ),
    "kl-of-a-coin": Exercise(
        right=0.5 * np.log(0.5 / 0.9) + 0.5 * np.log(0.5 / 0.1),
        wrong=[
            (
                0.9 * np.log(0.9 / 0.5) + 0.1 * np.log(0.1 / 0.5),
                "you turned it round: the weights are the true probabilities, 0.5.",
            ),
            (
                -0.5 * np.log(0.9) - 0.5 * np.log(0.1),
                "that is the cross-entropy; take the entropy of the coin away.",
            ),
            (np.log(2), "that is the entropy of the coin, the floor."),
            (
                0.5 * np.log2(0.5 / 0.9) + 0.5 * np.log2(0.5 / 0.1),
                "that is in bits; nats take the natural logarithm.",
            ),
            (
                0.5 * np.log(0.9 / 0.5) + 0.5 * np.log(0.1 / 0.5),
                "the sign is turned: it is log(y / p), and never negative.",
            ),
        ],
        hint="sum over both sides of the coin: y log(y / p).",
    ),
    "bce-in-code": Exercise(
        right=_bce(-1.0, -1.0),
        wrong=[
            (
                _bce_as_typed(-1.0, -1.0),
                "the formula is right, but a perfect forecast gets nan, 0 times -inf: "
                "take the logarithm of np.where(y == 1, p, 1 - p) only.",
            ),
            (
                _bce_clipped,
                "nearly: clipping makes a perfect forecast cost a little. Take the "
                "logarithm of np.where(y == 1, p, 1 - p), with nothing to clip.",
            ),
            *(
                (form(*factors), diagnosis)
                for form in (_bce, _bce_as_typed)
                for factors, diagnosis in _BCE_MISTAKES
            ),
        ],
        inputs=_FORECASTS,
        hint="the mean of -log of what was given to the truth: p, or 1 - p for y = 0.",
    ),
    # math/logits-and-stability
    "softmax-gradient": Exercise(
        right=np.array([-0.5, 0.25, 0.25]),
        wrong=[
            ([0.5, -0.25, -0.25], "the sign is turned: it is p - y, not y - p."),
            ([0.5, 0.25, 0.25], "those are the probabilities; take the truth away."),
            (
                [np.log(2) - 1, 0.0, 0.0],
                "you took the truth from the logits; softmax comes first.",
            ),
            (
                [-2.0, 0.0, 0.0],
                "that is the slope by the probability, -1/p; go on to the logits.",
            ),
        ],
        hint="softmax of (ln 2, 0, 0) is in proportion 2 : 1 : 1; then subtract y.",
    ),
    "log-softmax": Exercise(
        right=_log_softmax,
        wrong=[
            (_unshifted, "exp overflows at 1e4: subtract the largest logit first."),
            (_log_of_quotient, "exp overflows at 1e4: subtract the largest logit."),
            (
                _log_of_softmax,
                "a probability was rounded to 0 before its logarithm: use "
                "z - log-sum-exp(z), without forming the quotient.",
            ),
            (
                lambda z: z - np.log(np.sum(np.exp(z - np.max(z)))),
                "the largest logit was taken away inside and not given back.",
            ),
            (_softmax, "that is softmax; its logarithm is asked for."),
            (lambda z: -_log_softmax(z), "the sign is turned: log p is negative."),
            (
                lambda z: _log_softmax(z) / np.log(2),
                "that is the logarithm to base 2; use the natural one.",
            ),
        ],
        inputs=_LOGITS,
        hint="log softmax(z) = z - log(sum(exp(z))), with the largest z taken out.",
    ),
    "bce-from-logit": Exercise(
        right=np.log1p(np.exp(3.0)),
        wrong=[
            (np.log1p(np.exp(-3.0)), "that is the loss for the label 0."),
            (1 / (1 + np.exp(3.0)), "that is the probability; take -log of it."),
            (-np.log1p(np.exp(3.0)), "the sign is turned: a loss is minus the log."),
            (np.log2(1 + np.exp(3.0)), "that is in bits; use the natural logarithm."),
            (3.0, "that is what it nears for large logits; log(1 + e^3) is asked for."),
            (1 / (1 + np.exp(3.0)) - 1, "that is the slope, p - y."),
        ],
        hint="the probability is sigmoid(-3); the loss is minus its logarithm.",
    ),
    # math/absolute-and-robust
    "huber-by-hand": Exercise(
        right=0.875,
        wrong=[
            (2.625, "you added the three losses; take their mean."),
            (
                3.125 / 3,
                "the line is delta (|e| - delta/2): without the half it does not "
                "meet the square.",
            ),
            (2.75 / 3, "the half of the square is missing for the small error."),
            (1.75, "the factor 1/2 is missing throughout."),
            ((0.125 + 4.5) / 3, "the error of -3 is beyond delta: there it is a line."),
            (3.5 / 3, "that is the MAE."),
            (9.25 / 3, "that is the MSE."),
        ],
        hint="0.5 is within delta: half its square; -3 is beyond: |e| - 1/2.",
    ),
    "mean-and-median": Exercise(
        right=np.array([30.0, 13.0]),
        wrong=[
            ([13.0, 30.0], "the order is turned round: MSE first, then MAE."),
            ([30.0, 30.0], "MAE has its minimum at the median, not at the mean."),
            ([13.0, 13.0], "MSE has its minimum at the mean, not at the median."),
            ([150.0, 13.0], "you took the sum; the mean divides by five."),
            (
                [30.0, 55.0],
                "the median is the middle value, not the middle of the range.",
            ),
        ],
        hint="which constant does each loss find: the mean, or the median?",
    ),
    "quantile-in-code": Exercise(
        right=_quantile(lambda q: q, lambda q: 1 - q),
        wrong=[
            (
                _quantile(lambda q: 1 - q, lambda q: q),
                "the sides are exchanged: q is the price of a prediction below y.",
            ),
            (
                _quantile(lambda q: q, lambda q: 1 - q, 4),
                "that is the sum; take the mean.",
            ),
            (
                _quantile(lambda q: -q, lambda q: q - 1),
                "the sign is turned: a loss is not negative.",
            ),
            (_quantile(lambda q: 1, lambda q: 1), "that is the MAE; q is not in it."),
            (
                _quantile(lambda q: 0.5, lambda q: 0.5),
                "q is not in it: that is MAE / 2.",
            ),
            (
                _quantile(lambda q: q, lambda q: 0),
                "a prediction above y costs 1 - q a unit; that side is missing.",
            ),
            (_quantile(lambda q: q, lambda q: q), "both sides have the same price q."),
            (
                _quantile(lambda q: q, lambda q: q - 1),
                "the side above y has the wrong sign: use max(q d, (q - 1) d).",
            ),
        ],
        inputs=_WAITS,
        hint="the mean of max(q (y - p), (q - 1) (y - p)).",
    ),
    # math/margins
    "hinge-by-hand": Exercise(
        right=3.7 / 3,
        wrong=[
            (3.7, "that is the sum; take the mean."),
            (9.49 / 3, "you squared them: that is the squared hinge."),
            (0.9, "a margin above 1 costs 0, not less: max(0, 1 - m)."),
            (4.7 / 3, "you took |1 - m|: a margin above 1 costs nothing."),
            (4.3 / 3, "the sign is turned: it is 1 - m, not 1 + m."),
            (1 / 3, "that is the share of mistakes, the zero-one loss."),
            (2 / 3, "that is max(0, -m); the hinge wants a margin of 1."),
        ],
        hint="the margins are y s = 0.3, 2 and -2; each costs max(0, 1 - m).",
    ),
    "log-odds": Exercise(
        right=np.log(4.0),
        wrong=[
            (-np.log(4.0), "the sign is turned: more than half are positive."),
            (0.6, "that is the best score for the squared hinge, 2p - 1."),
            (1.0, "that is the best score for the hinge."),
            (0.8, "that is the probability; the score is its log-odds."),
            (4.0, "those are the odds; take their logarithm."),
            (2.0, "that is the logarithm to base 2; take the natural one."),
            (np.log10(4.0), "that is the logarithm to base 10; take the natural one."),
            (
                1 / (1 + np.exp(-0.8)),
                "that is the sigmoid of 0.8; its inverse is asked.",
            ),
        ],
        hint="set the slope to 0: sigmoid(s) = 0.8.",
    ),
    "multiclass-hinge": Exercise(
        right=_multiclass_hinge(lambda row, k: max(0.0, _short(row, k).max())),
        wrong=[
            (
                _multiclass_hinge(lambda row, k: max(0.0, 1 + row.max() - row[k])),
                "the label is its own rival: leave it out of the maximum.",
            ),
            (
                _multiclass_hinge(lambda row, k: np.maximum(0, _short(row, k)).sum()),
                "you added up all rivals; only the best one counts here.",
            ),
            (
                _multiclass_hinge(
                    lambda row, k: np.maximum(0, _short(row, k)).sum() / len(row)
                ),
                "that is PyTorch's form: all rivals, divided by the classes.",
            ),
            (
                _multiclass_hinge(lambda row, k: _short(row, k).max()),
                "a lead above 1 costs 0, not less: max(0, ...) is missing.",
            ),
            (
                _multiclass_hinge(lambda row, k: 3 * max(0.0, _short(row, k).max())),
                "that is the sum over the examples; take the mean.",
            ),
            (
                _multiclass_hinge(lambda row, k: max(0.0, _short(row, k).max() - 1)),
                "the margin of 1 is missing.",
            ),
        ],
        inputs=_SCORES,
        hint="the mean of max(0, 1 + best rival - score of the label).",
    ),
}
