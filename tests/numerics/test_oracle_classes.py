"""Losses over classes and candidates against mpmath, value and gradient, everywhere.

The exact gradient is a central difference at 100 digits, whose error is below 1e-35:
the definitions below are the formulas of the losses alone. Errors are measured in units
in the last place of max(1, largest |logit|), and of the result where that is larger.
With LOSSBOOK_TABLES set to a folder, the largest error of each is written there.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mpmath as mp
import numpy as np
import pytest

import lossbook as lb

from ..backends import BACKENDS, array, numpy_of
from ..oracle import softplus

CLASSES = 5
WEIGHTS = [1.0, 2.0, 0.5, 3.0, 0.0]
DIGITS = 100
STEP = mp.mpf("1e-20")


def _log(x):
    return mp.log(x) if x else mp.mpf("-inf")


def _log_softmax(z):
    top = max(z)
    total = top + mp.log(mp.fsum(mp.exp(x - top) for x in z))
    return [x - total for x in z]


def _plogq(p, log_q):
    return p * log_q if p else mp.mpf(0)


def _soft_ce(y, log_p):
    return -mp.fsum(_plogq(a, b) for a, b in zip(y, log_p, strict=True))


def _logs(p):
    return [_log(x) for x in p]


def _smoothed(y, z):
    log_p = _log_softmax(z)
    return -(7 * log_p[y] + mp.fsum(log_p) / CLASSES) / 8


def _kl(y, log_p):
    return _soft_ce(y, log_p) - _soft_ce(y, _logs(y))


def _focal(log_p, gamma):
    return -((-mp.expm1(log_p)) ** gamma) * log_p


def _multiclass_hinge(y, s):
    return max(mp.mpf(0), 1 + max(x for c, x in enumerate(s) if c != y) - s[y])


def _warp(above, below):
    short = [max(mp.mpf(0), 1 - (above[()] - s)) for s in below]
    rank = sum(h > 0 for h in short)
    harmonic = mp.fsum(mp.mpf(1) / i for i in range(1, rank + 1))
    return harmonic / rank * mp.fsum(short) if rank else mp.mpf(0)


def _length(x):
    return mp.sqrt(mp.fsum(a * a for a in x))


def _triplet(a, p, n):
    return max(mp.mpf(0), 1 + _length(a - p) - _length(a - n))


def _info_nce(query, key):
    losses = mp.mpf(0)
    for i, q in enumerate(query):
        cosines = [mp.fsum(q * k) / (_length(q) * _length(k)) for k in key]
        losses -= _log_softmax([10 * c for c in cosines])[i]
    return losses


def _linear(hidden, weight, labels, bias):
    losses = mp.mpf(0)
    for h, y in zip(hidden, labels, strict=True):
        logits = [mp.fsum(h * w) + b for w, b in zip(weight, bias, strict=True)]
        losses -= _log_softmax(logits)[y]
    return losses


def _tversky(y, p, alpha, beta, smooth, gamma=1):
    hits = mp.fsum(a * b for a, b in zip(y, p, strict=True))
    alarms = mp.fsum((1 - a) * b for a, b in zip(y, p, strict=True))
    misses = mp.fsum(a * (1 - b) for a, b in zip(y, p, strict=True))
    index = (hits + smooth) / (hits + alpha * alarms + beta * misses + smooth)
    return (1 - index) ** gamma


def _dice(y, p, smooth=1):
    overlap = mp.fsum(a * b for a, b in zip(y, p, strict=True))
    return 1 - (2 * overlap + smooth) / (mp.fsum(y) + mp.fsum(p) + smooth)


def _jaccard_if_wrong(y, wrong):
    """One minus intersection over union of the mask and what is predicted of it."""
    pred = [1 - a if i in wrong else a for i, a in enumerate(y)]
    union = mp.fsum(max(a, b) for a, b in zip(y, pred, strict=True))
    both = mp.fsum(a * b for a, b in zip(y, pred, strict=True))
    return 1 - both / union if union else mp.mpf(0)


def _lovasz(y, p):
    errors = [abs(a - b) for a, b in zip(y, p, strict=True)]
    order = sorted(range(len(y)), key=lambda i: -errors[i])
    total, before, wrong = mp.mpf(0), mp.mpf(0), set()
    for i in order:
        wrong.add(i)
        now = _jaccard_if_wrong(y, wrong)
        total, before = total + errors[i] * (now - before), now
    return total


def _sigmoids(z):
    return [1 / (1 + mp.exp(-x)) for x in z]


def _of_classes(loss):
    """Sum a loss of masks over the classes of a softmax, of shape (1, C, pixels)."""

    def exact(y, z):
        p = np.array([[mp.exp(x) for x in _log_softmax(row)] for row in z[0].T])
        return mp.fsum(
            loss(mask, column) for mask, column in zip(y[0], p.T, strict=True)
        )

    return exact


def _linear_with_terms(hidden, weight, labels, bias):
    losses = mp.mpf(0)
    for h, y in zip(hidden, labels, strict=True):
        raw = [mp.fsum(h * w) + b for w, b in zip(weight, bias, strict=True)]
        z = [3 * mp.tanh(u / 3) for u in raw]
        log_p = _log_softmax(z)
        smooth = mp.fsum(w * x for w, x in zip(WEIGHTS, log_p, strict=True)) / CLASSES
        level = mp.log(mp.fsum(mp.exp(x) for x in z))
        losses += level**2 / 4 - (7 * WEIGHTS[y] * log_p[y] + smooth) / 8
    return losses


def _largest_terms(hidden, weight, labels, bias):
    sums = np.abs(hidden) @ np.abs(weight).T + np.abs(bias)
    return largest(sums)


def largest(*arrays):
    return max(float(abs(x)) for a in arrays for x in np.ravel(a) if abs(x) < mp.inf)


# What the arguments are drawn from: one problem after another, easy and extreme ones.


def _logits(rng):
    yield np.array([0.0, -1e4, 1e4, 1.0, -1.0])
    yield np.array([0.0, -np.inf, 3.0, -np.inf, 1.0])
    yield np.array([88.0, 88.0, -88.0, 0.0, 20.5])
    yield np.array([40.0, 0.0, 0.0, 0.0, 0.0])  # the loss of class 0 is nearly 0
    yield np.array([1e-30, 0.0, -1e-30, 1e-4, -1e-4])
    for scale in np.repeat([0.01, 1.0, 30.0], 5):
        yield rng.normal(size=CLASSES) * scale


def _finite_logits(rng):
    return (z for z in _logits(rng) if np.isfinite(z).all())


def _probabilities(rng):
    yield np.array([1e-30, 0.25, 0.5, 1e-7, 0.25])
    yield np.array([1.0, 0.5, 0.25, 0.125, 0.125])
    for scale in np.repeat([0.01, 1.0, 10.0], 5):
        z = np.exp(rng.normal(size=CLASSES) * scale)
        yield z / z.sum()


def _targets(rng):
    yield np.eye(CLASSES)[0]
    yield np.array([0.5, 0.0, 0.5, 0.0, 0.0])
    while True:
        z = np.exp(rng.normal(size=CLASSES))
        yield z / z.sum()


def _labels(rng):
    yield from (0, 2, 0)
    while True:
        yield int(rng.choice([0, 2, 4]))


def _with(first, second):
    """Pair what each of two generators yields, one problem a row."""
    return lambda rng: (pair for pair in zip(first(rng), second(rng), strict=False))


def _scores(rng):
    yield from ((1e4, -1e4), (-1e4, 1e4), (0.0, 0.0), (0.5, 20.5), (3.0, 1e-20))
    for scale in np.repeat([0.01, 1.0, 30.0], 8):
        yield tuple(rng.normal(size=2) * scale)


def _one_with_many(rng):
    yield 1e4, np.array([0.0, 1.0, 2.0, 3.0, 1.2e4])
    yield 0.0, np.array([-np.inf, 0.5, -np.inf, -3.0, 7.0])
    yield 0.0, np.full(CLASSES, -5.0)
    for scale in np.repeat([0.3, 1.0, 30.0], 6):
        yield rng.normal() * scale, rng.normal(size=CLASSES) * scale


def _triplets(rng):
    yield np.zeros(3), np.array([3.0, 4.0, 0.0]), np.array([1e-20, 4.5, 0.0])
    for scale in np.repeat([0.3, 1.0, 30.0], 6):
        yield tuple(rng.normal(size=(3, 3)) * scale)


def _rows(rng):
    for scale in np.repeat([1.0, 1.0, 5.0], 2):
        yield tuple(rng.normal(size=(2, 3, 4)) * scale)


def _masks(rng):
    yield from np.array([[0, 0, 0, 0, 0], [1, 1, 1, 1, 1], [0, 0, 1, 0, 0]]) * 1.0
    while True:
        yield rng.integers(0, 2, CLASSES) * 1.0


def _shares(rng):
    yield np.array([1e-30, 2e-7, 0.25, 1e-3, 0.5])
    yield np.array([1 - 2.0**-20, 0.75, 0.25, 1e-30, 0.9375])
    yield np.array([0.125, 1e-7, 1 - 2.0**-20, 1e-9, 2e-30])
    for _ in range(12):
        yield rng.uniform(size=CLASSES)


def _mask_logits(rng):
    yield np.array([-60.0, -20.0, 0.0, 3.0, 2.0])
    yield np.array([60.0, 30.0, 20.0, 15.0, -1.0])
    yield np.array([-9.0, -12.0, 15.0, -30.0, -40.0])
    for scale in np.repeat([0.01, 1.0, 10.0], 4):
        yield rng.normal(size=CLASSES) * scale


def _pictures(rng):
    for scale in np.repeat([0.01, 1.0, 5.0], 2):
        labels = rng.integers(0, 3, 6)
        mask = labels == np.arange(3)[:, None]
        yield mask[None] * 1.0, rng.normal(size=(1, 3, 6)) * scale


def _heads(rng):
    labels = np.array([0, 2, 4])
    for scale in (0.1, 1.0, 3.0):
        hidden, weight = rng.normal(size=(3, 4)), rng.normal(size=(CLASSES, 4))
        yield hidden * scale, weight, labels, rng.normal(size=CLASSES)


@dataclass(frozen=True)
class Definition:
    """One loss: its formula for one problem, its problems, and what the slopes are by.

    `batched` says that the problems are rows of one call, `ulp` how many units the
    result may be off, `size` the largest logit of a problem, which is `least` if it is
    smaller. Slopes may be off by `slope_ulp`, where that is another number.
    """

    loss: str
    exact: Callable[..., Any]
    problems: Callable[..., Any]
    by: tuple[int, ...]
    size: Callable[..., float]
    options: dict[str, Any] = field(default_factory=dict)
    batched: bool = True
    ulp: float = 4.0
    least: float = 1.0
    slope_ulp: float | None = None

    @property
    def label(self) -> str:
        options = ", ".join(f"{k}={v}" for k, v in self.options.items())
        return f"{self.loss}({options})"


LOGITS = {"from_logits": True}
OF_LOGITS = {"by": (1,), "size": lambda y, z: largest(z)}
OF_MASK = {"by": (1,), "size": lambda y, p: 0.0, "least": 0.0, "slope_ulp": 8.0}
OF_P = {"by": (1,), "size": lambda y, p: largest(_logs(p))}

DEFINITIONS = [
    Definition(
        "cross_entropy", lambda y, z: _soft_ce(y, _log_softmax(z)),
        _with(_targets, _logits), **OF_LOGITS, options=LOGITS,
    ),
    Definition(
        "cross_entropy", lambda y, p: _soft_ce(y, _logs(p)),
        _with(_targets, _probabilities), **OF_P,
    ),
    Definition(
        "cross_entropy",
        lambda y, z: _soft_ce(y * np.array(WEIGHTS), _log_softmax(z)),
        _with(_targets, _logits), (1,), lambda y, z: 3 * largest(z),
        options={"class_weight": WEIGHTS, **LOGITS},
    ),
    Definition(
        "kl_divergence", lambda y, z: _kl(y, _log_softmax(z)),
        _with(_targets, _logits), **OF_LOGITS, options=LOGITS,
    ),
    Definition(
        "kl_divergence", lambda y, p: _kl(y, _logs(p)),
        _with(_targets, _probabilities), **OF_P,
    ),
    Definition(
        "sparse_cross_entropy", lambda y, z: -_log_softmax(z)[y],
        _with(_labels, _logits), **OF_LOGITS, options=LOGITS,
    ),
    Definition(
        "sparse_cross_entropy", _smoothed, _with(_labels, _finite_logits), **OF_LOGITS,
        options={"label_smoothing": 0.125, **LOGITS},
    ),
    Definition(
        "sparse_cross_entropy", lambda y, p: -_log(p[y]),
        _with(_labels, _probabilities), **OF_P,
    ),
    Definition(
        "log_loss", lambda y, p: -_log(p[y]), _with(_labels, _probabilities), **OF_P
    ),
    *(
        Definition(
            "sparse_focal", lambda y, z, g=g: _focal(_log_softmax(z)[y], g),
            _with(_labels, _logits), **OF_LOGITS, options={"gamma": g, **LOGITS},
            ulp=4 + 2 * g,
        )
        for g in (0.0, 0.5, 2.0)
    ),
    Definition(
        "sparse_focal", lambda y, p: _focal(_log(p[y]), 2),
        _with(_labels, _probabilities), **OF_P, ulp=8,
    ),
    Definition(
        "multiclass_hinge", _multiclass_hinge, _with(_labels, _logits), **OF_LOGITS
    ),
    Definition(
        "margin_ranking", lambda a, b: max(mp.mpf(0), 1 - (a[()] - b[()])),
        _scores, (0, 1), largest,
    ),
    Definition(
        "bpr", lambda a, b: softplus(b[()] - a[()]), _scores, (0, 1), largest
    ),
    Definition(
        "warp", _warp, _one_with_many, (0, 1), lambda a, b: 137 / 60 * largest(a, b)
    ),
    Definition(
        "triplet", _triplet, _triplets, (0, 1, 2),
        lambda a, p, n: float(max(_length(a - p), _length(a - n))),
    ),
    Definition(
        "info_nce", _info_nce, _rows, (0, 1), lambda q, k: 10.0, batched=False
    ),
    Definition(
        "linear_cross_entropy", _linear, _heads, (0, 1, 3), _largest_terms,
        options={"chunk_size": 2}, batched=False,
    ),
    Definition(
        "linear_cross_entropy", _linear_with_terms, _heads, (0, 1, 3),
        lambda *head: 3 * _largest_terms(*head), batched=False,
        options={
            "chunk_size": 2, "label_smoothing": 0.125, "class_weight": WEIGHTS,
            "z_loss": 0.25, "softcap": 3.0,
        },
    ),
    Definition("dice", _dice, _with(_masks, _shares), **OF_MASK),
    Definition(
        "dice", lambda y, z: _dice(y, _sigmoids(z)), _with(_masks, _mask_logits),
        **OF_MASK, options=LOGITS,
    ),
    Definition(
        "dice", _of_classes(_dice), _pictures, (1,), lambda y, z: largest(z),
        options={"axis": 1, **LOGITS}, batched=False,
    ),
    Definition(
        "jaccard", lambda y, p: _tversky(y, p, 1, 1, 0), _with(_masks, _shares),
        **OF_MASK, options={"smooth": 0.0},
    ),
    *(
        Definition(
            "tversky",
            lambda y, z, g=g: _tversky(y, _sigmoids(z), 0.25, 0.75, 1, g),
            _with(_masks, _mask_logits), **OF_MASK, ulp=4 + 2 * g,
            options={"alpha": 0.25, "beta": 0.75, "gamma": g, **LOGITS},
        )
        for g in (1.0, 0.5, 2.0)
    ),
    Definition("lovasz", _lovasz, _with(_masks, _shares), **OF_MASK),
    Definition(
        "lovasz", lambda y, z: _lovasz(y, _sigmoids(z)), _with(_masks, _mask_logits),
        **OF_MASK, options=LOGITS,
    ),
]  # fmt: skip


def exactly(x):
    """Return numbers as mpmath's, labels as they are."""
    x = np.asarray(x)
    if x.dtype.kind == "i":
        return x[()]
    made = np.empty(x.shape, object)
    for index in np.ndindex(x.shape):
        made[index] = mp.mpf(float(x[index]))
    return made


def derivative(exact, args, k):
    """Return the slopes by argument `k`, as central differences at 100 digits."""
    slopes = np.empty(args[k].shape, object)
    for index in np.ndindex(args[k].shape):
        x = args[k][index]
        h = abs(x) * STEP if x else STEP
        ends = []
        for moved in (x + h, x - h):
            changed = [*args]
            changed[k] = args[k].copy()
            changed[k][index] = moved
            ends.append(exact(*changed))
        slopes[index] = (ends[0] - ends[1]) / (2 * h) if abs(x) < mp.inf else mp.mpf(0)
    return slopes


def measured(definition, dtype):
    """Return the problems as arrays, with exact losses, slopes and sizes."""
    rng = np.random.default_rng(3)
    problems, answers = [], []
    with mp.workdps(DIGITS):
        for problem in definition.problems(rng):
            rounded = [np.asarray(x) for x in problem]
            rounded = [x if x.dtype.kind == "i" else x.astype(dtype) for x in rounded]
            args = [exactly(x) for x in rounded]
            slopes = [derivative(definition.exact, args, k) for k in definition.by]
            problems.append(rounded)
            size = max(definition.least, definition.size(*args))
            answers.append((definition.exact(*args), slopes, size))
    return problems, answers


def evaluate(definition, backend, args):
    """Return the losses and the slopes by each argument as lossbook computes them."""
    loss = getattr(lb, definition.loss)
    args = [array(backend, x) for x in args]
    reduction = "none" if definition.batched else "sum"
    losses = loss(*args, reduction=reduction, **definition.options)
    slopes = [
        lb.value_and_grad(loss, argnum=k)(*args, reduction="sum", **definition.options)[
            1
        ]
        for k in definition.by
    ]
    return numpy_of(losses), [numpy_of(s) for s in slopes]


def ulps(got, exact, size, dtype):
    """Return the error in units of the last place of the largest of all that counts."""
    size = max(size, abs(float(exact)), float(np.finfo(dtype).tiny))
    if not np.isfinite(got):
        return float("inf")
    return abs(float(mp.mpf(float(got)) - exact)) / float(np.spacing(dtype(size)))


def worst(definition, backend, dtype):
    """Return the largest error of the losses and of the slopes, and where it is."""
    problems, answers = measured(definition, dtype)
    found = [(0.0, None), (0.0, None)]
    if definition.batched:
        together = [np.stack(column) for column in zip(*problems, strict=True)]
        losses, slopes = evaluate(definition, backend, together)
        got = [(losses[i], [s[i] for s in slopes]) for i in range(len(problems))]
    else:
        got = [evaluate(definition, backend, problem) for problem in problems]
    for (loss, slopes), (exact, exact_slopes, size), problem in zip(
        got, answers, problems, strict=True
    ):
        pairs = [(0, loss, exact)]
        for ours, theirs in zip(slopes, exact_slopes, strict=True):
            pairs += [(1, a, b) for a, b in zip(ours.flat, theirs.flat, strict=True)]
        for part, ours, theirs in pairs:
            error = ulps(ours, theirs, size, dtype)
            if error > found[part][0]:
                found[part] = (error, (problem, float(ours), float(theirs)))
    return found


def note(definition, backend, dtype, value, slope):
    folder = os.environ.get("LOSSBOOK_TABLES")
    if folder:
        name = f"{definition.label},{backend},{dtype.__name__}"
        with (Path(folder) / "oracle.csv").open("a") as table:
            table.write(f"{name},{value:.2f},{slope:.2f}\n")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("definition", DEFINITIONS, ids=lambda d: d.label)
def test_value_and_gradient_are_within_a_few_ulp_of_mpmath(definition, backend, dtype):
    value, slope = worst(definition, backend, dtype)
    note(definition, backend, dtype, value[0], slope[0])
    assert value[0] <= definition.ulp, f"value off by {value[0]:.1f} ulp at {value[1]}"
    bound = definition.slope_ulp or definition.ulp
    assert slope[0] <= bound, f"slope off by {slope[0]:.1f} ulp at {slope[1]}"
