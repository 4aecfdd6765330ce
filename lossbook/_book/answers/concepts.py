"""Exercises of Part I, Concepts."""

from __future__ import annotations

from typing import Any

import numpy as np

from lossbook._book.answers.exercise import Exercise
from lossbook.losses.classification import (
    binary_cross_entropy,
    cross_entropy,
    sparse_cross_entropy,
)
from lossbook.losses.focal import focal, sparse_focal
from lossbook.losses.margins import multiclass_hinge
from lossbook.losses.ranking import bpr, margin_ranking
from lossbook.losses.regression import (
    huber,
    log_cosh,
    mae,
    mse,
    poisson_nll,
    quantile,
    rmse,
)

_RIDGE = [
    (
        np.array([1.0, -2.0, 0.5]),
        np.array([[1.0, 0.0, 1.0], [2.0, 1.0, 0.0], [0.0, 3.0, 2.0]]),
        np.array([2.0, -1.0, -5.0]),
        0.3,
    )
]
_WAITS = [(np.array([0.5, 3.0, 4.0]), np.array([2.0, 1.5, 5.0]))]

_DAYS = [(np.array([1.0, 4.0, 9.0, 2.0]), np.array([2.0, 2.0, 5.5, 6.0]))]
_COUNTS = [(np.array([0.0, 2.0, 5.0]), np.array([0.5, 1.5, 3.0]))]
_CATEGORIES = [
    (np.array([2, 0]), np.array([[0.2, 0.3, 0.5], [0.6, 0.1, 0.3]])),
]
_TAGS = [
    (
        np.array([[1.0, 1.0, 0.0], [0.0, 1.0, 0.0]]),
        np.array([[0.9, 0.6, 0.2], [0.3, 0.8, 0.1]]),
    )
]
_WINDOW = [(np.array([2.0, 0.3, 1.0]), np.array([0.5, 0.9, -1.0]))]
_WISHES = [(np.array([-3.0, -0.2, 0.0, 0.4, 2.5]), 0.8, 0.7)]
_LOG_P = [
    (
        np.log(np.array([[0.6, 0.3, 0.1], [0.2, 0.2, 0.6]])),
        np.array([[0.7, 0.2, 0.1], [0.2, 0.5, 0.3]]),
    )
]


def _with(loss: Any, **options: Any) -> Any:
    return lambda y_true, y_pred: loss(y_true, y_pred, **options)


def _soft(a: Any, cut: float) -> Any:
    return np.sign(a) * np.maximum(np.abs(a) - cut, 0)


EXERCISES: dict[str, Exercise] = {
    # concepts/what-is-a-loss
    "loss-of-three": Exercise(
        right=2.0,
        wrong=[
            (6.0, "you added the three losses; the loss of the data is their mean."),
            (np.sqrt(2.0), "you took the root: that is the RMSE."),
            (4 / 3, "you took the absolute errors; here each error is squared."),
        ],
        hint="square each of the three errors 1, -2 and 1, then take the mean.",
    ),
    "one-step-down": Exercise(
        right=0.6,
        wrong=[
            (
                -0.6,
                "you added the gradient: that climbs. The step is w - lr * gradient.",
            ),
            (0.3, "the factor 2 of the derivative of the square is missing."),
            (1.2, "you summed over the two points; the loss is their mean."),
        ],
        hint="the gradient at w = 0 is -6, and the step is w - lr * gradient.",
    ),
    # concepts/losses-as-likelihoods
    "coin-nll": Exercise(
        right=-(3 * np.log(0.75) + np.log(0.25)) / 4,
        wrong=[
            (
                -(3 * np.log(0.75) + np.log(0.25)),
                "you added the four losses; take their mean.",
            ),
            (
                -(3 * np.log2(0.75) + np.log2(0.25)) / 4,
                "that is in bits; nats take the natural logarithm.",
            ),
            (
                (3 * np.log(0.75) + np.log(0.25)) / 4,
                "the sign is turned: a negative log-likelihood of a coin is positive.",
            ),
            (
                -3 * np.log(0.75) / 4,
                "the dry day is missing: it costs -log(1 - p).",
            ),
            (
                -np.log(0.75),
                "that is the loss of a rainy day; a dry one costs -log(1 - p).",
            ),
        ],
        hint="three days cost -log 0.75 each, the dry one -log 0.25; take the mean.",
    ),
    "exponential-loss": Exercise(
        right=lambda y, m: np.mean(np.log(m) + y / m),
        wrong=[
            (
                lambda y, m: -np.mean(np.log(m) + y / m),
                "the sign is turned: that is the log-likelihood.",
            ),
            (
                lambda y, m: np.sum(np.log(m) + y / m),
                "you summed over the waits; the loss is their mean.",
            ),
            (
                lambda y, m: np.mean(y / m),
                "log m is missing; it depends on the prediction, so it must stay.",
            ),
            (
                lambda y, m: np.mean(-np.log(m) + y / m),
                "-log(1/m) is +log m: this one term has the wrong sign.",
            ),
            (
                lambda y, m: np.mean(-np.log(m) + y * m),
                "m is the mean wait here, not the rate 1/m.",
            ),
            (
                lambda y, m: np.log(m) + y / m,
                "those are the losses of the single waits; return their mean.",
            ),
            (
                lambda y, m: np.mean(np.log2(m) + y / m),
                "you mixed bits and nats: take the natural logarithm.",
            ),
            (
                lambda y, m: -np.log(np.mean(np.exp(-y / m) / m)),
                "first the logarithm of each density, then the mean.",
            ),
        ],
        inputs=_WAITS,
        hint="take -log of exp(-y / m) / m; two terms are left. Then the mean.",
    ),
    "two-thermometers": Exercise(
        right=18.4,
        wrong=[
            (19.0, "that is the plain mean: the cheap one should have a smaller vote."),
            (
                (18 + 20 / 2) / (1 + 1 / 2),
                "you weighted by 1/sigma; the loss divides by its square.",
            ),
            (
                (18 + 20 * 4) / 5,
                "the weights are turned round: a large sigma means a small vote.",
            ),
            (
                (18 + 20 * 2) / 3,
                "the weights are turned round, and they go with the square of sigma.",
            ),
        ],
        hint="set the slope (m - 18) / 1 + (m - 20) / 4 to 0.",
        rtol=1e-4,
    ),
    # concepts/loss-cost-objective-metric
    "bold-filter": Exercise(
        right=-(3 * np.log(0.95) + np.log(0.4)) / 4,
        wrong=[
            (
                -(3 * np.log(0.95) + np.log(0.4)),
                "you added the four losses; L is their mean.",
            ),
            (
                -(3 * np.log2(0.95) + np.log2(0.4)) / 4,
                "that is in bits; nats take the natural logarithm.",
            ),
            (
                (3 * np.log(0.95) + np.log(0.4)) / 4,
                "the sign is turned: the loss is minus the logarithm.",
            ),
            (0.25, "that is the error rate, a metric."),
            (
                -np.log(0.8125),
                "first the logarithm of each probability, then the mean.",
            ),
            (
                -(3 * np.log(0.05) + np.log(0.6)) / 4,
                "you took 1 - p: that is the loss if none of them were spam.",
            ),
        ],
        hint="take minus the natural logarithm of each of the four, then the mean.",
    ),
    "ridge-objective": Exercise(
        right=lambda w, x, y, s: np.mean((x @ w - y) ** 2) + s * np.sum(w**2),
        wrong=[
            (
                lambda w, x, y, s: np.mean((x @ w - y) ** 2),
                "that is the loss; the penalty is missing.",
            ),
            (
                lambda w, x, y, s: np.mean((x @ w - y) ** 2) - s * np.sum(w**2),
                "with a minus large weights would be rewarded; the penalty is added.",
            ),
            (
                lambda w, x, y, s: np.sum((x @ w - y) ** 2) + s * np.sum(w**2),
                "you summed the squared errors; the loss is their mean.",
            ),
            (
                lambda w, x, y, s: np.mean((x @ w - y) ** 2) + s * np.mean(w**2),
                "you took the mean of the squared weights; the penalty is their sum.",
            ),
            (
                lambda w, x, y, s: np.mean((x @ w - y) ** 2) + s * np.sum(np.abs(w)),
                "that penalty is L1, the sum of absolute values; square the weights.",
            ),
            (
                lambda w, x, y, s: np.mean((x @ w - y) ** 2) + s * np.sum(w**2) / 2,
                "you halved the penalty; no factor 1/2 is asked for.",
            ),
            (
                lambda w, x, y, s: (
                    np.mean((x @ w - y) ** 2) + s * np.sqrt(np.sum(w**2))
                ),
                "you took the root of the penalty; the plain sum of squares is asked.",
            ),
        ],
        inputs=_RIDGE,
        hint="return mean((x @ w - y)^2) + strength * sum(w^2), one number.",
    ),
    "f1-by-hand": Exercise(
        right=2 / 3,
        wrong=[
            (0.675, "you took the plain mean of precision and recall; F1 is harmonic."),
            (0.75, "that is the precision: of the alarms, how many were right."),
            (0.6, "that is the recall: of the spam, how much was caught."),
            (
                0.5,
                "hits over hits, misses and false alarms: that is the Jaccard index.",
            ),
            (0.45, "that is precision times recall; F1 is 2 P R / (P + R)."),
            (1 / 3, "the factor 2 is missing: F1 is 2 P R / (P + R)."),
        ],
        hint="precision is 30 of 40 alarms, recall 30 of 50; F1 is 2 P R / (P + R).",
    ),
    # concepts/families-and-choosing
    "softmax-two-labels": Exercise(
        right=2 * np.log(2),
        wrong=[
            (np.log(2), "that is one of the two true tags; both of them cost."),
            (0.0, "three sigmoids could get there; softmax has to share."),
            (2.0, "that is in bits; nats take the natural logarithm."),
            (2 * np.log(3), "an even bet; better put nothing on the third tag."),
            (-2 * np.log(2), "the sign is turned: no loss of this kind is below 0."),
        ],
        hint="share the probability between the two true tags; each costs -log p.",
    ),
    "choose-half": Exercise(
        right=mae,
        wrong=[
            (mse, "MSE leads to the mean; the question asks for the median."),
            (rmse, "RMSE has its minimum where MSE has: at the mean."),
            (huber, "Huber ends between median and mean; only MAE gives the median."),
            (log_cosh, "log-cosh ends between median and mean; take the median's."),
            (_with(quantile, q=0.9), "within that nine of ten parcels arrive."),
        ],
        inputs=_DAYS,
        also=[_with(quantile, q=0.5)],  # half of MAE, with its minimum
        hint="half arrive earlier: that is the median. Which loss has it as minimum?",
    ),
    "choose-promise": Exercise(
        right=_with(quantile, q=0.9),
        wrong=[
            (_with(quantile, q=0.1), "turned round: only one of ten would arrive."),
            (quantile, "q is 0.5 where nothing is said: half of them would be late."),
            (mae, "MAE gives the median: half of the parcels would be late."),
            (mse, "MSE gives the mean, and no promise at all about the share."),
            (huber, "Huber gives a typical case, not a bound."),
        ],
        inputs=_DAYS,
        hint="nine of ten arrive within it: that is the 0.9-quantile.",
    ),
    "choose-returns": Exercise(
        right=poisson_nll,
        wrong=[
            (mse, "MSE assumes the same scatter for small and large counts."),
            (mae, "MAE gives the median, for rare returns simply 0."),
            (huber, "Huber is for amounts with outliers; these are counts."),
            (
                _with(poisson_nll, log_input=True),
                "the model predicts the rate itself, not its logarithm.",
            ),
        ],
        inputs=_COUNTS,
        hint="counts 0, 1, 2, ... have a distribution of their own.",
    ),
    "choose-category": Exercise(
        right=sparse_cross_entropy,
        wrong=[
            (
                _with(sparse_cross_entropy, from_logits=True),
                "the model returns probabilities: softmax would be applied twice.",
            ),
            (multiclass_hinge, "hinge losses give a side and no probabilities."),
            (sparse_focal, "focal loss bends probabilities; no class is rare here."),
            (
                _with(sparse_cross_entropy, reduction="sum"),
                "you summed over the examples; leave the mean.",
            ),
        ],
        inputs=_CATEGORIES,
        hint="one of three, integer labels, probabilities: which cross-entropy?",
    ),
    "choose-tagging": Exercise(
        right=binary_cross_entropy,
        wrong=[
            (
                _with(binary_cross_entropy, from_logits=True),
                "the model returns probabilities: a sigmoid would be applied twice.",
            ),
            (
                cross_entropy,
                "that asks which ONE is true; false alarms would cost nothing.",
            ),
            (mse, "it would work, but hardly punishes being sure and wrong."),
            (focal, "focal loss bends probabilities; no tag is said to be rare."),
        ],
        inputs=_TAGS,
        hint="every tag is a yes-or-no question of its own.",
    ),
    "choose-window": Exercise(
        right=bpr,
        wrong=[
            (
                margin_ranking,
                "it orders too, but a lead beyond 1 is worth nothing to it.",
            ),
            (lambda a, b: bpr(b, a), "turned round: the clicked ones would sink."),
            (mse, "MSE would make the two scores equal."),
            (mae, "MAE would make the two scores equal."),
        ],
        inputs=_WINDOW,
        hint="look for a pairwise ranking loss.",
    ),
    # concepts/regularization
    "elastic-by-hand": Exercise(
        right=9.75,
        wrong=[
            (16.0, "the square has a factor (1 - rho) / 2, which is 1/4 here."),
            (7.0, "that is L1 alone; half of it, and a quarter of the squares."),
            (25.0, "that is L2 alone; a quarter of it, and half of L1."),
            (32.0, "you added both penalties whole; rho shares between them."),
            (6.0, "you took the root of the sum of squares; there is no root in L2."),
            (
                0.5 * (3 - 4) + 0.25 * 25,
                "L1 takes absolute values: 3 + 4, not 3 - 4.",
            ),
            (4.875, "you took the mean over the weights; the penalty is a sum."),
        ],
        hint="rho times the sum of |w|, plus (1 - rho) / 2 times the sum of w^2.",
    ),
    "elastic-minimum": Exercise(
        right=lambda a, s, r: _soft(a, r * s) / (1 + (1 - r) * s),
        wrong=[
            (
                lambda a, s, r: _soft(a, r * s / 2) / (1 + (1 - r) * s / 2),
                "that is for a loss of (w - a)^2; here it is halved.",
            ),
            (
                lambda a, s, r: _soft(a, r * s) / (1 + 2 * (1 - r) * s),
                "the square in the penalty is halved too: its slope is (1 - rho) w.",
            ),
            (
                lambda a, s, r: _soft(a, (1 - r) * s) / (1 + r * s),
                "rho is the share of L1, the part that cuts.",
            ),
            (lambda a, s, r: _soft(a, s), "that is L1 alone."),
            (lambda a, s, r: a / (1 + s), "that is half of L2 alone."),
            (lambda a, s, r: _soft(a, r * s), "you cut; the square shrinks as well."),
            (
                lambda a, s, r: a / (1 + (1 - r) * s),
                "you shrink; the absolute value cuts as well.",
            ),
            (
                lambda a, s, r: _soft(a / (1 + (1 - r) * s), r * s),
                "the other way round: first cut, then shrink.",
            ),
            (
                lambda a, s, r: np.maximum(np.abs(a) - r * s, 0) / (1 + (1 - r) * s),
                "the sign is lost: a wish of -3 ends below 0.",
            ),
            (
                lambda a, s, r: np.maximum(a - r * s, 0) / (1 + (1 - r) * s),
                "negative wishes are cut too, not dropped.",
            ),
            (
                lambda a, s, r: (a - r * s * np.sign(a)) / (1 + (1 - r) * s),
                "small wishes cross zero: they must stop there.",
            ),
        ],
        inputs=_WISHES,
        hint="for w > 0 set the slope w - a + strength * (rho + (1 - rho) w) to 0.",
    ),
    "ridge-of-one": Exercise(
        right=4.0,
        wrong=[
            (4.8, "the square's factor 2 stands on both sides: it is 6 / (1 + 0.5)."),
            (5.75, "that is what L1 would do: cut off half of lambda."),
            (5.5, "you cut off lambda; a square shrinks in proportion."),
            (12.0, "the sign is turned: the penalty pulls towards 0."),
            (3.0, "you multiplied by lambda; it is 6 / (1 + lambda)."),
            (6.0, "that is where the loss alone is smallest."),
        ],
        hint="set the slope 2 (w - 6) + 2 * 0.5 * w to 0.",
    ),
    # concepts/conventions
    "keras-weighted": Exercise(
        right=8.0,
        wrong=[
            (2.4, "you divided by the sum of the weights, as the others do."),
            (24.0, "that is the weighted sum; it is divided by the number of losses."),
            (2.0, "the weights are not in it."),
            (0.8, "you divided twice; divide by the number of losses alone."),
        ],
        hint="add weight times loss, and divide by the number of losses.",
    ),
    "kl-in-torch-order": Exercise(
        right=lambda p, q: np.sum(q * (np.log(q) - p)) / len(q),
        wrong=[
            (
                lambda p, q: np.mean(q * (np.log(q) - p)),
                "you divided by all elements; divide by the number of rows.",
            ),
            (
                lambda p, q: np.sum(q * (np.log(q) - p)),
                "you summed over the rows; take their mean.",
            ),
            (
                lambda p, q: np.sum(q * (p - np.log(q))) / len(q),
                "the sign is turned.",
            ),
            (
                lambda p, q: -np.sum(q * p) / len(q),
                "that is the cross-entropy; the entropy of the target is missing.",
            ),
            (
                lambda p, q: np.sum(np.exp(p) * (p - np.log(q))) / len(q),
                "the two have changed places: the target does the weighting.",
            ),
            (
                lambda p, q: np.sum(q * (np.log2(q) - p / np.log(2))) / len(q),
                "that is in bits; nats take the natural logarithm.",
            ),
            (
                lambda p, q: np.sum(q * (np.log(q) - np.log(np.abs(p)))) / len(q),
                "the input holds logarithms already.",
            ),
        ],
        inputs=_LOG_P,
        hint="sum target * (log target - input), and divide by the number of rows.",
    ),
}
