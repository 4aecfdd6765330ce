"""Exercises of Part II, from imbalance to backpropagation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lossbook._book.answers.exercise import Exercise

_STATED = [
    (np.array([0.5, 0.9, 0.2, 0.01]), 49.0),
    (np.array([0.3, 0.7]), 4.0),
]


_TANH = [
    (
        np.array([[1.0, -0.5], [0.3, 2.0], [-1.2, 0.7]]),
        np.array([1.0, 0.0, 1.0]),
        np.array([[0.4, -0.9, 1.5], [-0.3, 0.8, 0.6]]),
        np.array([0.7, -1.1, 0.5]),
    )
]


def _tanh_gradient(
    sign: float = 1.0,
    mean: bool = True,
    local: Callable[[Any, Any], Any] = lambda a, h: 1 - h**2,
    top: Callable[[Any, Any], Any] = lambda p, y: p - y,
) -> Callable[..., Any]:
    def gradient(X: Any, y: Any, W: Any, w: Any) -> Any:
        a = X @ W
        h = np.tanh(a)
        dz = sign * top(1 / (1 + np.exp(-h @ w)), y) / (len(y) if mean else 1)
        return X.T @ (np.outer(dz, w) * local(a, h))

    return gradient


_SCORES = [
    (np.array([2.0, 0.5, 1.0]), np.array([1.0, 0.0, 1.5, 0.5])),
    (np.array([0.3]), np.array([0.3, -1.0])),
]


def _auc(tie: float) -> Callable[..., Any]:
    def area(positive: Any, negative: Any) -> Any:
        lead = positive[:, None] - negative
        return np.mean((lead > 0) + tie * (lead == 0))

    return area


def _minus_sigmoid(sign: float) -> Callable[..., Any]:
    return lambda f: -1 / (1 + np.exp(sign * f))


EXERCISES: dict[str, Exercise] = {
    # math/imbalance-and-many-labels
    "balanced-weight": Exercise(
        right=5.0,
        wrong=[
            (100 / 180, "that is the weight of the other 90; spam has n_k = 10."),
            (10.0, "you left the number of classes out: n / (K n_k), and K is 2."),
            (9.0, "that is the ratio of the two weights, 90 / 10."),
            (0.2, "you turned the quotient round: the rare class weighs more."),
            (0.1, "that is the share of spam; the weight is n / (K n_k)."),
        ],
        hint="n / (K n_k) with n = 100, K = 2 and n_k = 10.",
    ),
    "unweight": Exercise(
        right=lambda p, ratio: p / (p + ratio * (1 - p)),
        wrong=[
            (
                lambda p, ratio: ratio * p / (ratio * p + 1 - p),
                "you put the weights in once more: divide the odds by the ratio.",
            ),
            (
                lambda p, ratio: p / ratio,
                "you divided the probability; it is the odds p / (1 - p) that the "
                "weights multiplied.",
            ),
            (
                lambda p, ratio: p / (1 - p) / ratio,
                "those are the true odds; turn them back into a probability.",
            ),
            (
                lambda p, ratio: 1 / (1 + np.exp(-(np.log(p / (1 - p)) - ratio))),
                "you took the ratio from the logit; take its logarithm from it.",
            ),
            (
                lambda p, ratio: np.log(p / (1 - p)) - np.log(ratio),
                "that is the true logit; turn it back into a probability.",
            ),
        ],
        inputs=_STATED,
        hint="divide the odds p / (1 - p) by the ratio, and turn them back into p.",
    ),
    "focal-by-hand": Exercise(
        right=-(0.25**2) * np.log(0.75),
        wrong=[
            (
                -np.log(0.75),
                "that is the cross-entropy: the factor (1 - p)^2 is missing.",
            ),
            (
                -(0.75**2) * np.log(0.75),
                "the factor is (1 - p)^gamma: it fades what is already right.",
            ),
            (-0.25 * np.log(0.75), "you took gamma = 1; here it is 2."),
            (
                -(0.25**2) * np.log2(0.75),
                "that is in bits; take the natural logarithm.",
            ),
            (
                -(0.75**2) * np.log(0.25),
                "that is the loss if the case were a negative.",
            ),
            (0.25**2 * np.log(0.75), "the sign is turned: minus the logarithm of p."),
            (0.25**2, "that is the factor alone; multiply it by -log p."),
        ],
        hint="multiply (1 - 0.75)^2 by -log 0.75.",
    ),
    # math/backpropagation
    "backprop-by-hand": Exercise(
        right=0.5,
        wrong=[
            (-0.5, "that is p - 1, the slope for y = 1; here the truth is 0."),
            (
                0.125,
                "p (1 - p) is too much: with cross-entropy dz is p - y.",
            ),
            (1.0, "that is h, the local slope; multiply it by dz."),
            (np.log(2), "that is the loss; the slope at the logit is p - y."),
        ],
        hint="dz = p - y with p = 0.5 and y = 0; then dw = h dz with h = 1.",
    ),
    "two-ways": Exercise(
        right=16.0,
        wrong=[
            (4.0, "that is the way over u alone; add the one over v."),
            (12.0, "that is the way over v alone; add the one over u."),
            (48.0, "you multiplied the two ways; where ways meet their slopes add."),
            (7.0, "dv = 3 has still to be multiplied by the slope of x^2, which is 4."),
            (
                5.0,
                "that is du/dx + dv/dx; multiply the first by v, the other by u.",
            ),
        ],
        hint="du = v and dv = u; du/dx = 1 and dv/dx = 2x; add both ways.",
    ),
    "tanh-network": Exercise(
        right=_tanh_gradient(),
        wrong=[
            (_tanh_gradient(sign=-1.0), "the sign is turned: dz is p - y."),
            (
                _tanh_gradient(mean=False),
                "you summed over the examples; the mean divides by their number.",
            ),
            (
                _tanh_gradient(local=lambda a, h: 1 + 0 * h),
                "the slope of tanh, 1 - h^2, is missing between dh and da.",
            ),
            (
                _tanh_gradient(local=lambda a, h: 1 - a**2),
                "you squared the sum a: the slope is 1 - tanh(a)^2.",
            ),
            (
                _tanh_gradient(local=lambda a, h: h > 0),
                "that is the mask of a rectifier; tanh has the slope 1 - h^2.",
            ),
            (
                _tanh_gradient(top=lambda p, y: (p - y) * p * (1 - p)),
                "p (1 - p) is too much: with cross-entropy dz is p - y.",
            ),
            (
                lambda *arguments: _tanh_gradient()(*arguments).T,
                "that is the transpose: W has one row an input.",
            ),
        ],
        inputs=_TANH,
        hint="dz = (p - y) / n, dh = dz times w, da = dh (1 - h^2), dW = X.T @ da.",
    ),
    # math/ranking
    "pairwise-hinge-by-hand": Exercise(
        right=0.35,
        wrong=[
            (0.7, "that is the sum; take the mean over the two pairs."),
            (0.2, "a lead beyond the margin costs 0, not less: cut the hinge at 0."),
            (1.8, "you turned the lead round: it is the wanted score minus the other."),
            (0.0, "you left the margin out: a lead of 0.3 is short of 1 by 0.7."),
            (0.8, "that is the mean lead; the loss is what is missing from 1."),
            (
                np.mean(np.log1p(np.exp([-0.3, -1.3]))),
                "that is BPR; the pairwise hinge is max(0, 1 - lead).",
            ),
        ],
        hint="the leads are 0.3 and 1.3; the hinge is max(0, 1 - lead); take the mean.",
    ),
    "auc-in-code": Exercise(
        right=_auc(0.5),
        wrong=[
            (_auc(0.0), "a tie counts half; you counted it as wrong."),
            (_auc(1.0), "a tie counts half; you counted it as right."),
            (
                lambda positive, negative: _auc(0.5)(negative, positive),
                "you turned the pairs round: the positive has to lead.",
            ),
            (
                lambda positive, negative: (
                    _auc(0.5)(positive, negative) * len(positive) * len(negative)
                ),
                "that is the number of pairs; divide by how many there are.",
            ),
            (
                lambda positive, negative: np.mean(positive) - np.mean(negative),
                "AUC counts pairs in order; the size of the lead does not matter.",
            ),
        ],
        inputs=_SCORES,
        hint="compare each positive with each negative, and take the mean.",
    ),
    "warp-by-hand": Exercise(
        right=11 / 18 * 2.9,
        wrong=[
            (2.9, "that is the sum of the hinges; multiply it by H_r / r."),
            (2.9 / 3, "that is the mean of the hinges above 0; H_r is missing."),
            (11 / 6 * 2.9, "you multiplied by H_r; divide by r as well."),
            (2.9 / 4, "that is the mean of the hinges; WARP weights by H_r / r."),
            (25 / 48 * 2.9, "only three come too close: -3 has the hinge 0."),
            (11 / 24 * 2.9, "divide by r, which is 3, not by the number of pages."),
            (1.5, "0.9 is within the margin too, so r is 3."),
        ],
        hint="hinges max(0, s_k), r of them above 0; H_r = 1 + 1/2 + ... + 1/r.",
    ),
    # math/adversarial
    "undecided-hinge": Exercise(
        right=2.0,
        wrong=[
            (
                np.log(4),
                "that is the loss with logarithms, ln 4; here it is the hinge.",
            ),
            (1.0, "that is one of the two terms; add the other."),
            (0.0, "a score of 0 is short of the margin by 1, for real and for fake."),
            (np.log(2), "that is half of the loss with logarithms; take the hinge."),
        ],
        hint="put s = 0 and f = 0 into max(0, 1 - s) + max(0, 1 + f).",
    ),
    "non-saturating-slope": Exercise(
        right=_minus_sigmoid(1.0),
        wrong=[
            (
                _minus_sigmoid(-1.0),
                "that is -sigma(f), minimax, which vanishes for fakes that are seen "
                "through.",
            ),
            (
                lambda f: -_minus_sigmoid(1.0)(f),
                "the sign is turned: a higher score makes the loss smaller.",
            ),
            (
                lambda f: -_minus_sigmoid(-1.0)(f),
                "that is sigma(f), the slope of the discriminator at a fake.",
            ),
            (lambda f: np.log1p(np.exp(-f)), "that is the loss; take its derivative."),
            (lambda f: f - 1, "that is the slope of least squares."),
            (lambda f: -1 + 0 * f, "that is the slope of Wasserstein and hinge."),
            (
                lambda f: np.mean(_minus_sigmoid(1.0)(f)),
                "that is the mean; return one slope a score.",
            ),
        ],
        inputs=[(np.array([-3.0, -0.5, 0.0, 2.0]),)],
        hint="the loss is log(1 + exp(-f)); its derivative is -sigma(-f).",
    ),
    "gradient-penalty-by-hand": Exercise(
        right=16.0,
        wrong=[
            (13.0, "take the norm of the gradient first: 5, then (5 - 1)^2."),
            (25.0, "that is the target 0, R1; here the target is 1."),
            (
                24.0,
                "you took 1 from the squared norm; take it from the norm, then square.",
            ),
            (4.0, "you forgot to square the 5 - 1."),
            (160.0, "the factor of ten is left out here."),
            (36.0, "you took the sum of the sizes, 7, for the norm, which is 5."),
        ],
        hint="the norm of (3, -4) is 5; the penalty is the square of norm minus 1.",
    ),
}
