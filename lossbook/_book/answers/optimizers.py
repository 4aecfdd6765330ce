"""Exercises of Part III, The optimizer family."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lossbook._book.answers.exercise import Exercise

_BOWL = [(lambda w: np.array([1.0, 5.0]) * w, np.array([2.0, -1.0]), 0.1, 3)]


def _descent(sign: float = -1.0, extra: int = 0, scaled: bool = True) -> Any:
    def descent(slope: Any, start: Any, lr: float, steps: int) -> Any:
        position = start
        for _ in range(steps + extra):
            position = position + sign * (lr if scaled else 1.0) * slope(position)
        return position

    return descent


def _stale_descent(slope: Any, start: Any, lr: float, steps: int) -> Any:
    return start - steps * lr * slope(start)


_BATCH = [
    (
        np.array([1.0, 2.0, 4.0, 3.0]),
        np.array([3.0, 5.0, 8.0, 1.0]),
        1.5,
        np.array([0, 2, 3]),
    )
]


def _batch_slope(factor: float, everything: bool = False) -> Callable[..., Any]:
    def slope(x: Any, y: Any, w: float, chosen: Any) -> Any:
        x, y = (x, y) if everything else (x[chosen], y[chosen])
        return factor * np.mean((w * x - y) * x)

    return slope


_STEP = [(np.array([1.0, -2.0]), np.array([0.5, 0.3]), np.array([0.2, -1.0]), 0.1, 0.9)]


def _momentum(kind: str) -> Callable[..., Any]:
    def step(w: Any, v: Any, g: Any, lr: float, mu: float) -> Any:
        if kind == "keras":
            v = mu * v - lr * g
            return np.array([w + v, v])
        new = mu * v + (1 - mu) * g if kind == "average" else mu * v + g
        sign = 1 if kind == "sign" else -1
        used = {"stale": v, "plain": g}.get(kind, new)
        return np.array([w + sign * lr * used, new])

    return step


_ADAM = [
    (np.array([1.0, -2.0]), np.array([0.3, 2.0]), np.zeros(2), np.zeros(2), 1),
    (
        np.array([1.0, -2.0]),
        np.array([0.3, 2.0]),
        np.array([0.1, -0.5]),
        np.array([0.2, 1.5]),
        4,
    ),
]


def _adamw(kind: str = "") -> Callable[..., Any]:
    def step(w: Any, g: Any, m: Any, v: Any, t: int) -> Any:
        g = g + 0.5 * w if kind == "coupled" else g
        m, v = 0.9 * m + 0.1 * g, 0.99 * v + 0.01 * g * g
        used = t + 1 if kind == "from zero" else t
        m_hat, v_hat = m / (1 - 0.9**used), v / (1 - 0.99**used)
        if kind == "uncorrected":
            m_hat, v_hat = m, v
        root = v_hat if kind == "no root" else np.sqrt(v_hat)
        move = -0.1 * m_hat / (root + 1e-8)
        decays = {"coupled": 0.0, "plain": 0.0, "no rate": 0.5, "grows": -0.05}
        keep = 1 - decays.get(kind, 0.05)
        return keep * (w + move) if kind == "late" else keep * w + move

    return step


_GRADS = [
    ([np.array([3.0, 0.0]), np.array([4.0, 12.0])], 6.5),
    ([np.array([0.3, 0.1]), np.array([-0.4, 0.2])], 2.0),
]


def _clip(kind: str = "") -> Callable[..., Any]:
    def clip(grads: Any, c: float) -> Any:
        norms = [np.sqrt(np.sum(g**2)) for g in grads]
        norm = np.sqrt(np.sum(np.square(norms)))
        each = {"each": norms, "sum": [sum(norms)] * 2, "square": [norm**2] * 2}
        lengths = each.get(kind, [norm] * len(grads))
        if kind == "value":
            return [np.clip(g, -c, c) for g in grads]
        factors = [c / n if kind == "grows" else min(1, c / n) for n in lengths]
        factors = [1 / n for n in lengths] if kind == "unit" else factors
        return [g * f for g, f in zip(grads, factors, strict=True)]

    return clip


_RACES = [
    (np.array([[0.1, 1.5, 2.0, 40.0], [9.0, 1.5, 2.0, 40.0], [9.0, 30.0, 2.0, 40.0]]),)
]

_COUNTS = [(0.2, 100, 0), (0.2, 100, 25), (0.2, 100, 50), (0.2, 100, 100)]


def _cosine(kind: str = "") -> Callable[..., Any]:
    def rate(lr: float, steps: int, t: int) -> float:
        angle = (2 if kind == "whole" else 1) * np.pi * t / steps
        if kind == "sine":
            return float(lr * (1 + np.sin(angle)) / 2)
        if kind == "quarter":
            return float(lr * np.cos(angle / 2))
        if kind == "line":
            return lr * (1 - t / steps)
        return float(lr * (1 + np.cos(angle)) / (1 if kind == "twice" else 2))

    return rate


EXERCISES: dict[str, Exercise] = {
    # optimizers/gradient-descent
    "largest-rate": Exercise(
        right=0.25,
        wrong=[
            (0.125, "that is 1/a, the rate that is at the bottom after one step."),
            (4.0, "you turned the fraction: it is 2/a, not a/2."),
            (16.0, "you multiplied; a steeper valley needs a smaller step."),
        ],
        hint="each step multiplies the distance by 1 - lr * a; when is that above -1?",
    ),
    "descent": Exercise(
        right=_descent(),
        wrong=[
            (_descent(sign=1.0), "the sign is turned: that climbs."),
            (_descent(scaled=False), "the learning rate is not in it."),
            (_descent(extra=1), "that is one step too many."),
            (_descent(extra=-1), "that is one step too few."),
            (_stale_descent, "take the slope anew at each step, where you are then."),
        ],
        inputs=_BOWL,
        hint="repeat position = position - lr * slope(position), and return it.",
    ),
    "share-left": Exercise(
        right=0.8,
        wrong=[
            (0.2, "that is the best rate, 2 / (1 + 9); which factor does it give?"),
            (1.25, "you turned the fraction; above 1 it would grow."),
            (0.9, "close to 1 - 1/10, but it is (kappa - 1) / (kappa + 1)."),
            (-0.8, "that is the factor of the steep direction; the share has no sign."),
        ],
        hint="(kappa - 1) / (kappa + 1), with kappa = 9.",
    ),
    # optimizers/sgd-and-mini-batches
    "steps-per-epoch": Exercise(
        right=32.0,
        wrong=[
            (31.25, "steps are whole: the last batch is smaller, but it is a step."),
            (31.0, "you dropped the last, smaller batch: 1000 - 31 * 32 = 8 are left."),
            (1000.0, "that is one example a step; a batch has 32."),
        ],
        hint="how many batches of at most 32 does it take to see 1000 examples?",
    ),
    "batch-gradient": Exercise(
        right=_batch_slope(2.0),
        wrong=[
            (_batch_slope(-2.0), "the sign is turned: with it descent climbs."),
            (_batch_slope(1.0), "the factor 2 of the square's derivative is missing."),
            (_batch_slope(6.0), "you summed over the batch; take the mean."),
            (_batch_slope(1.5), "divide by the size of the batch, not of the data."),
            (_batch_slope(2.0, everything=True), "that is the gradient of all data."),
        ],
        inputs=_BATCH,
        hint="choose x[chosen] and y[chosen], then 2 * mean((w x - y) x) over them.",
    ),
    "batch-for-noise": Exercise(
        right=64.0,
        wrong=[
            (8.0, "that holds if noise fell like 1/B; it falls like 1 over its root."),
            (4096.0, "you squared twice: the noise falls with the root of the batch."),
            (512.0, "that is 4 * 128; solve 4 / sqrt(B) = 0.5."),
            (16.0, "that is 4 squared: it brings the noise to 1, not to 0.5."),
        ],
        hint="the noise of the mean is 4 / sqrt(B).",
    ),
    # optimizers/momentum
    "terminal-step": Exercise(
        right=0.2,
        wrong=[
            (0.02, "that is a step without momentum; the velocity adds up to ten."),
            (0.018, "you multiplied by mu; the sum of its powers is 1 / (1 - mu)."),
            (20.0, "that is the velocity; the step is lr times it."),
            (0.002, "you multiplied by 1 - mu; divide by it."),
            (-0.2, "the size of the step is asked for, without a sign."),
        ],
        hint="when the velocity no longer changes, v = mu v + g. The step is lr * v.",
    ),
    "momentum-step": Exercise(
        right=_momentum("torch"),
        wrong=[
            (_momentum("sign"), "the sign is turned: subtract lr * v."),
            (_momentum("keras"), "that is Keras's form; here lr stays outside of v."),
            (_momentum("average"), "that is an average; here g enters v as it is."),
            (_momentum("stale"), "you moved along the old velocity; update it first."),
            (_momentum("plain"), "you moved along the gradient; move along v."),
        ],
        inputs=_STEP,
        hint="v = mu v + g, then w = w - lr v; return np.array([w, v]).",
    ),
    "best-momentum": Exercise(
        right=0.64,
        wrong=[
            (0.8, "that is the root of it: the share left after each step."),
            (0.9756, "that is the share left without momentum, (81 - 1) / (81 + 1)."),
            (0.36, "that is 1 - 0.64."),
            (0.9518, "the formula has the root of kappa in it, not kappa."),
        ],
        hint="((sqrt(kappa) - 1) / (sqrt(kappa) + 1)) squared, with kappa = 81.",
    ),
    # optimizers/adaptive-methods
    "adagrad-rate": Exercise(
        right=0.02,
        wrong=[
            (0.0008, "you forgot the root: divide by the root of the sum of squares."),
            (0.1, "that is the rate after one step; the squares add up."),
            (0.004, "you divided by the sum of the gradients, 25 * 5."),
            (0.5, "that is the rate before it is divided."),
        ],
        hint="the sum of squares is 25 * 5**2; divide the rate 0.5 by its root.",
    ),
    "adamw-step": Exercise(
        right=_adamw(),
        wrong=[
            (_adamw("coupled"), "that is Adam with a penalty: keep decay out of g."),
            (_adamw("plain"), "that is Adam: the decay is missing."),
            (_adamw("no rate"), "the decay of a step is lr times lambda, here 0.05."),
            (_adamw("grows"), "the sign of the decay is turned: w shrinks."),
            (_adamw("late"), "decay w before the step, so that the step stays whole."),
            (_adamw("uncorrected"), "the bias correction is missing."),
            (_adamw("from zero"), "t counts from 1: the powers are beta ** t."),
            (_adamw("no root"), "the root of v is missing."),
        ],
        inputs=_ADAM,
        hint="w = (1 - 0.1 * 0.5) w, then Adam's step with m and v of g alone.",
    ),
    "first-adam-step": Exercise(
        right=0.01,
        wrong=[
            (0.001, "that is without bias correction of m: (1 - 0.9) of the rate."),
            (0.0316, "that is without the correction: 0.1 / sqrt(0.001) of the rate."),
            (5.0, "that is a step of gradient descent; Adam divides by the size of g."),
            (-0.01, "the length of the step is asked for, without a sign."),
        ],
        hint="after the correction m is g and v is g squared: what is g / |g|?",
    ),
    # optimizers/after-adam
    "lion-step": Exercise(
        right=1.9,
        wrong=[
            (2.1, "that follows the sign of the gradient; the momentum outweighs it."),
            (1.99, "you took the value 0.1 times the rate; Lion takes its sign."),
            (1.8, "the step is one rate long, and the rate is 0.1."),
            (1.909, "that steps along the momentum kept for next time; take its sign."),
        ],
        hint="the sign of 0.9 * 1 + 0.1 * (-8), then one rate against it.",
        rtol=1e-4,
    ),
    "clip": Exercise(
        right=_clip(),
        wrong=[
            (_clip("value"), "that cuts each number, so that the direction changes."),
            (_clip("each"), "that clips each array for itself; one norm is for all."),
            (_clip("grows"), "short gradients stay as they are: min(1, c / norm)."),
            (_clip("unit"), "the norm is to be c, not 1, and only if it was longer."),
            (_clip("sum"), "add the squares of the norms, not the norms."),
            (_clip("square"), "the root of the sum of squares is missing."),
        ],
        inputs=_GRADS,
        hint="norm over all arrays, then each array times min(1, c / norm).",
    ),
    # optimizers/a-fair-race
    "fair-winner": Exercise(
        right=lambda losses: np.argmin(np.median(losses, axis=0)),
        wrong=[
            (lambda losses: np.argmin(losses) % 4, "that is the luckiest single run."),
            (lambda losses: np.argmin(np.mean(losses, 0)), "one bad run moves a mean."),
            (lambda losses: np.argmax(np.median(losses, 0)), "the smallest loss wins."),
            (
                lambda losses: np.median(losses, axis=0).min(),
                "return which optimizer it is, its column, not its loss.",
            ),
        ],
        inputs=_RACES,
        hint="np.argmin(np.median(losses, axis=0)): rows are seeds.",
    ),
    "trials": Exercise(
        right=54.0,
        wrong=[
            (540.0, "the ten seeds come after the choice of the rate, not in it."),
            (9.0, "that is for one optimizer; there are six."),
            (15.0, "multiply: each of the six has nine rates."),
        ],
        hint="six optimizers, nine rates each, one run a rate.",
    ),
    # optimizers/learning-rates
    "step-decay": Exercise(
        right=0.001,
        wrong=[
            (0.01, "25 // 10 is 2: it has been cut twice by then."),
            (0.0001, "that is three cuts; the third comes at step 30."),
            (0.1 * 0.1**2.5, "the cuts come at whole multiples of 10."),
        ],
        hint="the rate has been multiplied by 0.1 after 10 and after 20 steps.",
    ),
    "cosine": Exercise(
        right=_cosine(),
        wrong=[
            (_cosine("whole"), "that is a whole period: it ends where it began."),
            (_cosine("twice"), "the half is missing: it starts at twice the rate."),
            (_cosine("sine"), "a sine starts in the middle; take the cosine."),
            (_cosine("quarter"), "that is a quarter of a period; take a half of one."),
            (_cosine("line"), "that is a straight line."),
        ],
        inputs=_COUNTS,
        hint="lr * (1 + cos(pi t / steps)) / 2.",
    ),
    "range-test": Exercise(
        right=0.1,
        wrong=[
            (1.0, "there the loss turns upward: that is the edge, step back from it."),
            (1 / 3, "a third of the turn is for a rate that falls; this one stays."),
            (0.3, "a third of the turn is for a rate that falls; this one stays."),
            (0.001, "there the loss hardly moves."),
            (10.0, "there the training has diverged."),
        ],
        hint="for a rate that stays, a tenth of that at which the loss turns upward.",
    ),
}
