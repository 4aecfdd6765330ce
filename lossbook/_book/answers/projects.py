"""Exercises of Part IV, Projects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lossbook._book.answers.exercise import Exercise


def _logistic_slope(
    sign: float = 1, total: bool = False, squared: bool = False, linear: bool = False
) -> Callable[..., Any]:
    """Return the gradient of a mean logistic loss, or one with a classic mistake."""

    def slope(x: Any, y: Any, w: Any, b: float) -> Any:
        p = 1 / (1 + np.exp(-(x @ w + b)))
        error = sign * ((x @ w + b if linear else p) - y)
        if squared:
            error = error * 2 * p * (1 - p)
        if not total:
            error = error / len(y)
        return np.array([*(error @ x), error.sum()])

    return slope


def _naive(y: Any, z: Any) -> Any:
    with np.errstate(all="ignore"):
        p = 1 / (1 + np.exp(-z[:, 0]))
        return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))


_COLUMN = [
    (np.array([1.0, 0.0, 1.0]), np.array([[0.5], [-2.0], [-0.7]])),
    (np.array([1.0, 0.0, 0.0]), np.array([[-1000.0], [2.0], [1000.0]])),
]


def _interval_score(
    fine: float, width: float = 1.0, total: bool = False
) -> Callable[..., Any]:
    def score(truth: Any, low: Any, high: Any) -> Any:
        outside = np.maximum(low - truth, 0) + np.maximum(truth - high, 0)
        each = width * (high - low) + fine * outside
        return np.sum(each) if total else np.mean(each)

    return score


_INTERVALS = [
    (
        np.array([1.0, 5.0, 9.0, 3.0]),
        np.array([2.0, 4.0, 3.0, 1.0]),
        np.array([4.0, 7.0, 6.5, 8.0]),
    )
]


def _softmax(z: Any) -> Any:
    e = np.exp(z - np.max(z))
    return e / e.sum()


def _brier_slope(
    factor: float = 2, mean: bool = True, centre: bool = True
) -> Callable[..., Any]:
    def slope(y: Any, z: Any) -> Any:
        p = _softmax(z)
        d = p - y
        inner = d - np.sum(p * d) if centre else d
        return factor / (len(z) if mean else 1) * p * inner

    return slope


_ROWS = [
    (np.array([0.0, 1.0, 0.0]), np.array([0.5, -1.0, 0.2])),
    (np.array([0.0, 0.0, 0.0, 1.0]), np.array([2.0, 0.0, -1.0, 1.0])),
]


def _bits(factor: float) -> Callable[..., Any]:
    def bits(labels: Any, logits: Any) -> Any:
        p = [_softmax(z)[y] for y, z in zip(labels, logits, strict=True)]
        return -factor * np.mean(np.log(p))

    return bits


_TWO_INPUTS = [
    (
        np.array([[0.5, 1.0], [2.0, -1.0], [-1.0, 0.3]]),
        np.array([1.0, 0.0, 1.0]),
        np.array([0.4, -0.7]),
        0.2,
    )
]

# Of a one and of a zero that a perfect network puts through two sigmoids.
_ONE, _ZERO = np.log1p(np.exp(-1.0)), np.log(2.0)

_SOFTPLUS_2 = np.log1p(np.exp(-2.0))

EXERCISES: dict[str, Exercise] = {
    # projects/mnist
    "untrained-loss": Exercise(
        right=np.log(10),
        wrong=[
            (
                np.log2(10),
                "you took the logarithm to base 2: those are bits, not nats.",
            ),
            (np.log10(10), "you took the logarithm to base 10; losses are in nats."),
            (0.9, "that is the error rate of guessing, not its cross-entropy."),
            (-np.log(10), "the sign is turned: -log(1/10) is positive."),
            (0.1, "that is the probability; the loss is -log of it."),
        ],
        hint="ten classes, each with probability 1/10: the loss is -log(1/10).",
    ),
    "softmax-twice": Exercise(
        right=-np.log(np.e / (np.e + 9)),
        wrong=[
            (0.0, "that is the loss of softmax once; the second one flattens it."),
            (
                np.log(10),
                "that is the loss of an even guess; the right class still has 1.",
            ),
            (-np.log2(np.e / (np.e + 9)), "that is in bits; losses are in nats."),
        ],
        hint="apply softmax to (1, 0, ..., 0), ten numbers, and -log of the first.",
    ),
    # projects/xor
    "xor-by-hand": Exercise(
        right=_SOFTPLUS_2,
        wrong=[
            (4 * _SOFTPLUS_2, "you added the four losses; take their mean."),
            (_SOFTPLUS_2 / np.log(2), "that is in bits; nats take ln."),
            (-_SOFTPLUS_2, "the sign is turned: -log p is positive."),
            (
                _SOFTPLUS_2 / 2,
                "the dark points are missing: they cost -log(1 - p).",
            ),
            (2 + _SOFTPLUS_2, "that is -log of the wrong answer's probability."),
            (
                1 - 1 / (1 + np.exp(-2.0)),
                "that is 1 - p, the missing probability; the loss is -log p.",
            ),
            (0.0, "all four are right, but not with probability 1."),
        ],
        hint="the logits are -2, 2, 2, -2, so each right answer has sigma(2).",
    ),
    "xor-gradient": Exercise(
        right=_logistic_slope(),
        wrong=[
            (_logistic_slope(sign=-1), "the sign is turned: with it descent climbs."),
            (
                _logistic_slope(total=True),
                "you summed over the points; the mean divides by n.",
            ),
            (
                _logistic_slope(squared=True),
                "that is the gradient of (p - y)^2; here p (1 - p) cancels.",
            ),
            (
                _logistic_slope(linear=True),
                "you compared the logit with y; compare p = sigma(z).",
            ),
        ],
        inputs=_TWO_INPUTS,
        hint="it is the mean of (p - y) x for the weights and of p - y for b.",
    ),
    # projects/synthetic-classification
    "sigmoid-twice": Exercise(
        right=(_ONE + 3 * _ZERO) / 4,
        wrong=[
            (
                (_ONE + _ZERO) / 2,
                "that is the mean for equal classes; a quarter here are ones.",
            ),
            (
                (3 * _ONE + _ZERO) / 4,
                "you turned the shares round: ones are a quarter.",
            ),
            (_ONE, "that is the loss of a one; zeros cost more."),
            (
                (_ONE + 3 * _ZERO) / 4 / np.log(2),
                "that is in bits; losses are in nats.",
            ),
            (0.0, "the second sigmoid makes 0.73 of 1 and 0.5 of 0."),
            (_ONE / 4, "the zeros are missing: each costs -log(1 - 0.5)."),
            (
                0.25 * np.log(4) + 0.75 * np.log(4 / 3),
                "that is the entropy of the labels, the loss without any input.",
            ),
        ],
        hint="a one costs -log sigma(1), a zero -log(1 - sigma(0)); weigh them 1 to 3.",
    ),
    "bce-of-a-column": Exercise(
        right=lambda y, z: np.mean(np.logaddexp(0, z[:, 0]) - y * z[:, 0]),
        wrong=[
            (
                lambda y, z: np.mean(np.logaddexp(0, z) - y * z),
                "(n,) against (n, 1) set every label against every logit: squeeze z.",
            ),
            (
                lambda y, z: np.sum(np.logaddexp(0, z[:, 0]) - y * z[:, 0]),
                "you summed over the rows; the loss is their mean.",
            ),
            (
                lambda y, z: -np.mean(np.logaddexp(0, z[:, 0]) - y * z[:, 0]),
                "the sign is turned.",
            ),
            (
                lambda y, z: np.mean(y * np.logaddexp(0, -z[:, 0])),
                "the second term is missing: zeros cost log(1 + exp(z)).",
            ),
            (_naive, "right for small logits, but not a number at 1000."),
        ],
        inputs=_COLUMN,
        hint="squeeze z to (n,), then take the mean of log(1 + exp(z)) - y z.",
    ),
    # projects/house-prices
    "pinball-of-two": Exercise(
        right=24.0,
        wrong=[
            (16.0, "you turned q round: too low costs 0.9 a unit, too high 0.1."),
            (48.0, "you added the two losses; take their mean."),
            (40.0, "that is the MAE; the two sides have different prices."),
            (20.0, "that is q = 0.5, half of the MAE."),
            (21.0, "too high costs 1 - q as well: add it, do not subtract it."),
            (22.5, "the first prediction costs 0.1 a unit, not nothing."),
        ],
        hint="30 too high costs 0.1 a unit, 50 too low costs 0.9 a unit.",
    ),
    "interval-score": Exercise(
        right=_interval_score(10.0),
        wrong=[
            (_interval_score(20.0), "that is for 90 %; 80 % leaves alpha = 0.2."),
            (_interval_score(5.0), "the fine is 2 / alpha, not 1 / alpha."),
            (_interval_score(0.0), "that is the width alone: misses cost nothing."),
            (_interval_score(2.5), "you took alpha = 0.8; it is what is outside, 0.2."),
            (_interval_score(10.0, width=0.0), "the width is missing."),
            (
                _interval_score(10.0, total=True),
                "you summed over the rows; the score is their mean.",
            ),
            (
                lambda t, a, b: np.mean(b - a + 10.0 * ((t < a) | (t > b))),
                "a miss costs by how far it is outside, not once.",
            ),
        ],
        inputs=_INTERVALS,
        hint="the width, plus 2 / 0.2 for each unit outside; then the mean.",
    ),
    # projects/mnist-wrong-loss
    "brier-of-an-even-bet": Exercise(
        right=0.09,
        wrong=[
            (0.9, "you added the ten squares; MSE takes their mean."),
            (0.081, "the nine wrong classes are missing: each is off by 0.1."),
            (0.3, "you took the root: that is the RMSE."),
            (0.18, "that is the mean of the absolute errors; square them."),
            (np.log(10), "that is the cross-entropy of an even bet."),
            (0.01, "that is for targets of 0 alone; the right class has target 1."),
        ],
        hint="the right class is off by 0.9, nine others by 0.1: square, then mean.",
    ),
    "mse-through-softmax": Exercise(
        right=_brier_slope(),
        wrong=[
            (_brier_slope(factor=-2), "the sign is turned: with it descent climbs."),
            (_brier_slope(factor=1), "the factor 2 of the square is missing."),
            (_brier_slope(mean=False), "you summed over the classes; MSE divides."),
            (
                _brier_slope(centre=False),
                "the softmax ties the outputs together: subtract sum(p * d).",
            ),
            (
                lambda y, z: _softmax(z) - y,
                "that is the gradient of cross-entropy.",
            ),
            (
                lambda y, z: 2 / len(z) * (_softmax(z) - y),
                "that is the slope for the probabilities; go on to the logits.",
            ),
        ],
        inputs=_ROWS,
        hint="with d = p - y it is 2 / K * p * (d - sum(p * d)).",
    ),
    # projects/language-model
    "perplexity-of-four": Exercise(
        right=2**2.25,
        wrong=[
            (2.25, "those are the bits per character; raise 2 to them."),
            (np.exp(2.25), "bits go with 2, nats with e: 2 to the power of the bits."),
            (2.25 * np.log(2), "that is the loss in nats; take exp of it."),
            (5.5, "that is the mean of 1 / p; average the surprises first."),
            (4.0, "that is 1 over the mean probability; average the surprises."),
            (512.0, "you added the surprises; take their mean."),
            (2**-2.25, "that is the mean probability; the perplexity is 1 over it."),
        ],
        hint="the surprises are 1, 2, 3 and 3 bits; 2 to the power of their mean.",
    ),
    "bits-per-character": Exercise(
        right=_bits(1 / np.log(2)),
        wrong=[
            (_bits(1.0), "that is in nats; divide by log 2."),
            (_bits(np.log(2)), "divide by log 2, do not multiply."),
            (_bits(-1 / np.log(2)), "the sign is turned."),
            (_bits(2 / np.log(2)), "you added the surprises; take their mean."),
            (
                lambda labels, logits: np.exp(_bits(1.0)(labels, logits)),
                "that is the perplexity.",
            ),
            (
                lambda labels, logits: _bits(1 / np.log(2))(
                    labels, [_softmax(z) for z in logits]
                ),
                "softmax twice: the logits go into the loss as they are.",
            ),
        ],
        inputs=[(np.array([0, 2]), np.array([[1.0, 0.0, -1.0], [0.5, 2.0, 1.0]]))],
        hint="the cross-entropy from logits, divided by log 2.",
    ),
    # projects/multi-task
    "best-noise": Exercise(
        right=1.0,
        wrong=[
            (2.125, "that is for s = 0; the best s is log L."),
            (4.25, "that is the plain sum of the losses."),
            (2.0, "the factor 1/2 is missing."),
            (1 + np.log(4), "the two logarithms have opposite signs: they cancel."),
            (0.0, "each term keeps its 1: exp(-s) L is 1 at the best s."),
            ((1 + np.log(4)) / 2, "that is the first task alone."),
        ],
        hint="at s = log L each task adds (1 + log L) / 2.",
    ),
    "multitask-slope": Exercise(
        right=lambda losses, s: (1 - np.exp(-s) * losses) / 2,
        wrong=[
            (
                lambda losses, s: (np.exp(-s) * losses - 1) / 2,
                "the sign is turned: the derivative of exp(-s) is -exp(-s).",
            ),
            (
                lambda losses, s: (1 + np.exp(-s) * losses) / 2,
                "the derivative of exp(-s) is -exp(-s).",
            ),
            (
                lambda losses, s: 1 - np.exp(-s) * losses,
                "the factor 1/2 is missing.",
            ),
            (
                lambda losses, s: -np.exp(-s) * losses / 2,
                "the price + s is missing: its derivative is 1/2.",
            ),
            (
                lambda losses, s: np.exp(-s) / 2,
                "that is the gradient with respect to the losses.",
            ),
            (
                lambda losses, s: np.sum(1 - np.exp(-s) * losses) / 2,
                "return one slope a task, not their sum.",
            ),
        ],
        inputs=[(np.array([2.0, 0.3, 7.0]), np.array([0.5, -1.0, 1.0]))],
        hint="differentiate (exp(-s) L + s) / 2, task by task.",
    ),
}
