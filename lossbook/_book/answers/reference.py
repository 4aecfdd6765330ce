"""Exercises of the reference part: the errata and the field guide."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lossbook._book.answers.exercise import Exercise

_STEP = [(0.5, np.array([1.0, 2.0, 4.0]), np.array([2.0, 3.0, 7.0]), 0.1)]
_KEPT = 0.9**9
_BATCHES = [(np.array([1.0, 2.0, 5.0]), np.array([32.0, 32.0, 2.0]))]


def _step(factor: float, total: bool = False) -> Callable[..., Any]:
    def step(w: float, x: Any, y: Any, lr: float) -> Any:
        products = (w * x - y) * x
        return w - lr * factor * (products.sum() if total else products.mean())

    return step


def _slope(w: float, x: Any, y: Any, lr: float) -> Any:
    return 2 * np.mean((w * x - y) * x)


def _weighted_sum(means: Any, sizes: Any) -> Any:
    return np.sum(means * sizes)


def _pooled(means: Any, sizes: Any) -> Any:
    return _weighted_sum(means, sizes) / np.sum(sizes)


def _over_batches(means: Any, sizes: Any) -> Any:
    return _weighted_sum(means, sizes) / len(sizes)


def _plain_mean(means: Any, sizes: Any) -> Any:
    return np.mean(means)


EXERCISES: dict[str, Exercise] = {
    # reference/errata
    "errata-bce": Exercise(
        right=-(np.log(0.8) + np.log(0.6)) / 2,
        wrong=[
            (-(np.log(0.8) + np.log(0.6)), "that is the sum; the mean divides by 2."),
            (-(np.log2(0.8) + np.log2(0.6)) / 2, "that is in bits; take ln for nats."),
            (-np.log(0.8) / 2, "the second term is missing: label 0 costs -ln(1 - p)."),
            (-np.log(0.8), "you took the first example only; take the mean of both."),
            (
                (-np.log(0.8) + np.log(0.6)) / 2,
                "the brackets are missing: the minus belongs to both terms.",
            ),
            (
                -(np.log(0.8) + np.log(0.4)) / 2,
                "label 0 costs -ln(1 - p), and here 1 - p is 0.6.",
            ),
            (
                -(np.log(0.2) + np.log(0.4)) / 2,
                "the labels are turned round: label 1 costs -ln(p).",
            ),
        ],
        hint="label 1 costs -ln(0.8), label 0 costs -ln(1 - 0.4); take the mean.",
    ),
    "errata-step": Exercise(
        right=_step(2.0),
        wrong=[
            (_step(-1.0), "that is the script: it climbs. The minus is still lost."),
            (_step(-2.0), "the sign is turned: this step climbs."),
            (_step(1.0), "the factor 2 of the square's derivative is missing."),
            (_step(2.0, total=True), "you summed over the points; the loss is a mean."),
            (_slope, "you returned the gradient; return w after the step."),
        ],
        inputs=_STEP,
        hint="return w - lr * dL/dw for the mean of (w x - y)^2.",
    ),
    "errata-rmsprop": Exercise(
        right=_KEPT * 10 + 1 - _KEPT,
        wrong=[
            (109.0, "that is AdaGrad's sum; RMSProp keeps a running mean."),
            (10.9, "that is the plain mean; RMSProp lets old squares fade."),
            (
                np.sqrt(_KEPT * 10 + 1 - _KEPT),
                "you took the root; the question is about the mean of the squares.",
            ),
            (_KEPT * 10, "the nine gradients of 1 count too."),
            (
                0.1**9 * 90 + 1 - 0.1**9,
                "rho is what is kept: s = 0.9 s + 0.1 g^2.",
            ),
            (_KEPT * 100 + 1 - _KEPT, "the first square enters with 0.1, as s = 10."),
        ],
        hint="start at s = 0 and repeat s = 0.9 s + 0.1 g^2 ten times.",
    ),
    # reference/field-guide
    "guide-floor": Exercise(
        right=np.log(np.e + 4) - 1,
        wrong=[
            (np.log(5), "that is the loss before any training, the same for all five."),
            (0.0, "0 is the floor of one softmax; the second one sees only 0 and 1."),
            (np.log(np.e + 5) - 1, "five classes: one right and four others."),
            (np.log(np.e + 9) - 1, "that is for ten classes; here there are five."),
            ((np.log(np.e + 4) - 1) / np.log(2), "that is in bits; take ln for nats."),
            (np.e / (np.e + 4), "that is the probability; the loss is minus its ln."),
            (1 - np.log(np.e + 4), "the sign is turned: a loss is not negative."),
        ],
        hint="put (1, 0, 0, 0, 0) through softmax and take -ln of the first.",
    ),
    "guide-batches": Exercise(
        right=_pooled,
        wrong=[
            (_plain_mean, "a batch of two counts as much as one of 32: weigh them."),
            (_weighted_sum, "that is the sum of all losses; divide by all examples."),
            (_over_batches, "divide by the number of examples, not of batches."),
        ],
        inputs=_BATCHES,
        hint="turn the means back into sums, add them, divide by all examples.",
    ),
}
