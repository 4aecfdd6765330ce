"""The losses that are one number a call, and the sums, against mpmath at 100 digits."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import mpmath as mp
import numpy as np
import pytest
import tensorflow as tf
import torch

import lossbook as lb

from ..backends import BACKENDS, array, needs_inductor, numpy_of
from ..oracle import softplus
from .test_oracle_classes import DIGITS, derivative, exactly, largest, ulps

RNG = np.random.default_rng(11)
SCALES = np.repeat([0.01, 1.0, 30.0], 3)


@dataclass(frozen=True)
class Definition:
    """A loss as a call, its formula, its problems, and the size of its largest term."""

    loss: str
    label: str
    call: Callable[..., Any]
    exact: Callable[..., Any]
    problems: list[tuple[Any, ...]]
    size: Callable[..., Any]


def _mean(values):
    values = list(values)
    return mp.fsum(values) / len(values)


def _squares(error):
    return [e * e for e in error]


def _gaussian(y, mean, variance):
    terms = zip(y, mean, variance, strict=True)
    return mp.fsum((mp.log(v) + (m - t) ** 2 / v) / 2 for t, m, v in terms)


def _gaussian_size(y, mean, variance):
    share = [(m - t) / v for t, m, v in zip(y, mean, variance, strict=True)]
    return largest(variance * np.square(share), np.square(share), share, 1 / variance)


def _info_nce(query, key, temperature):
    losses = mp.mpf(0)
    for i, q in enumerate(query):
        length = mp.sqrt(mp.fsum(q * q))
        logits = [
            mp.fsum(q * k) / (length * mp.sqrt(mp.fsum(k * k)) * temperature)
            for k in key
        ]
        losses += mp.log(mp.fsum(mp.exp(z) for z in logits)) - logits[i]
    return losses


_UP = {  # by kind: the loss of a real sample, of a fake one, and of the generator
    "minimax": (lambda s: softplus(-s), softplus, lambda f: -softplus(f)),
    "non_saturating": (lambda s: softplus(-s), softplus, lambda f: softplus(-f)),
    "least_squares": (
        lambda s: (s - 1) ** 2 / 2,
        lambda f: f**2 / 2,
        lambda f: (f - 1) ** 2 / 2,
    ),
    "wasserstein": (lambda s: -s, lambda f: f, lambda f: -f),
    "hinge": (
        lambda s: max(mp.mpf(0), 1 - s),
        lambda f: max(mp.mpf(0), 1 + f),
        lambda f: -f,
    ),
}


def _gan_size(*scores):
    # The mean of terms of both signs: the last place is that of the largest one.
    return 1 + largest(*scores) ** 2


def _games():
    scores = [tuple(RNG.normal(size=(2, 5)) * s) for s in SCALES]
    for kind, (real, fake, made) in _UP.items():
        yield Definition(
            "gan_discriminator",
            kind,
            lambda s, f, kind=kind: lb.gan_discriminator(s, f, kind=kind),
            lambda s, f, a=real, b=fake: _mean(map(a, s)) + _mean(map(b, f)),
            scores,
            _gan_size,
        )
        yield Definition(
            "gan_generator",
            kind,
            lambda f, kind=kind: lb.gan_generator(f, kind=kind),
            lambda f, g=made: _mean(map(g, f)),
            [(f,) for _, f in scores],
            _gan_size,
        )


VECTORS = [(RNG.normal(size=6) * s,) for s in SCALES]
PAIRS = [tuple(RNG.normal(size=(2, 6)) * s) for s in SCALES]
TASKS = [(RNG.uniform(0.1, 9, 3) * s, RNG.normal(size=3)) for s in SCALES]
DEFINITIONS = [
    Definition(
        "rmse",
        "of six",
        lb.rmse,
        lambda y, p: mp.sqrt(_mean(_squares(p - y))),
        PAIRS,
        largest,
    ),
    Definition(
        "zero_one",
        "of six",
        lb.zero_one,
        lambda y, p: _mean(mp.mpf(int(a != b)) for a, b in zip(y, p, strict=True)),
        [([0.0, 1.0, 2.0, 2.0, 0.0, 1.0], [0.0, 1.0, 1.0, 2.0, 1.0, 0.0])],
        lambda y, p: 1,
    ),
    Definition(
        "gaussian_nll",
        "sum of five",
        lambda y, m, v: lb.gaussian_nll(y, m, v, reduction="sum"),
        _gaussian,
        [(*RNG.normal(size=(2, 5)) * s, RNG.uniform(0.1, 9, 5)) for s in SCALES],
        _gaussian_size,
    ),
    Definition(
        "multitask",
        "three tasks",
        lb.multitask,
        lambda each, s: mp.fsum((mp.exp(-t) * x + t) / 2 for x, t in zip(each, s)),  # noqa: B905
        TASKS,
        lambda each, s: max(mp.exp(-t) * x + 1 for x, t in zip(each, s, strict=True)),
    ),
    Definition(
        "global_mean",
        "two parts",
        lambda sums: lb.global_mean(sums, [2.0, 8.0, 1.0, 1.0, 3.0, 0.0]),
        lambda sums: mp.fsum(sums) / 15,
        VECTORS,
        largest,
    ),
    Definition(
        "info_nce",
        "learned temperature",
        lambda q, k, t: lb.info_nce(q, k, temperature=t, reduction="sum"),
        lambda q, k, t: _info_nce(q, k, t[()]),
        [(*RNG.normal(size=(2, 3, 4)), np.array(t)) for t in (0.05, 0.5, 3.0)],
        # The slope by the temperature is a difference of logits over it.
        lambda q, k, t: max(float(1 / t[()]), 3 * float(1 / t[()]) ** 2),
    ),
    Definition("l1", "of six", lb.l1, lambda w: mp.fsum(map(abs, w)), VECTORS, largest),
    Definition("l2", "of six", lb.l2, lambda w: mp.fsum(_squares(w)), VECTORS, largest),
    Definition(
        "elastic_net",
        "0.25",
        lambda w: lb.elastic_net(w, l1_ratio=0.25),
        lambda w: mp.fsum(abs(x) / 4 + 3 * x * x / 8 for x in w),
        VECTORS,
        largest,
    ),
    *_games(),
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("definition", DEFINITIONS, ids=lambda d: f"{d.loss} {d.label}")
def test_value_and_gradients_are_within_4_ulp_of_mpmath(definition, backend, dtype):
    for problem in definition.problems:
        rounded = [np.asarray(x).astype(dtype) for x in problem]
        args = [array(backend, x) for x in rounded]
        value = numpy_of(definition.call(*args))
        with mp.workdps(DIGITS):
            exact_args = [exactly(x) for x in rounded]
            exact = definition.exact(*exact_args)
            size = float(definition.size(*exact_args))
            wanted = [
                derivative(definition.exact, exact_args, k) for k in range(len(args))
            ]
        assert ulps(float(value), exact, size, dtype) <= 4, (problem, value, exact)
        for k, slopes in enumerate(wanted):
            got = lb.value_and_grad(definition.call, argnum=k)(*args)[1]
            for a, b in zip(numpy_of(got).flat, slopes.flat, strict=True):
                assert ulps(float(a), b, size, dtype) <= 4, (problem, k, a, b)


def _sliced(rows):
    return rows[:, :64]


def _one_for_many(rows):
    wide = np.broadcast_to if isinstance(rows, np.ndarray) else torch.broadcast_to
    return wide(rows[:, :1], (len(rows), 64))


@pytest.mark.parametrize("part", [_sliced, _one_for_many])
@pytest.mark.parametrize("backend", ["numpy", "torch"])
def test_weights_that_are_a_view_are_added_up_as_exactly(backend, part):
    rows = np.random.default_rng(0).random((2**14, 128), dtype=np.float32)
    exact = part(rows).astype(np.float64).sum()
    total = _sum_of_weights(part(array(backend, rows)))
    assert abs(float(total) - exact) <= 4 * np.spacing(np.float32(exact))


@pytest.mark.parametrize("backend", ["numpy", "torch"])
def test_so_are_those_in_float64(backend):
    rows = array(backend, np.full((2**18, 4), 0.1))[:, :2]
    with mp.workdps(DIGITS):
        exact = float(2**19 * mp.mpf(0.1))
    assert abs(float(_sum_of_weights(rows)) - exact) <= 4 * np.spacing(exact)


def _sum_of_weights(weight):
    """Return what a mean is divided by: the sum over the mean, of errors of 1."""
    error = weight * 0 + 1
    how = {"sample_weight": weight}
    total = lb.mae(0 * error, error, reduction="sum", **how)
    return total / lb.mae(0 * error, error, **how)


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("jit", [True, False])
def test_long_sums_in_graphs_of_tensorflow_keep_their_digits(jit, known):
    n = 1_000_000
    spec = tf.TensorSpec([n if known else None])
    mean = tf.function(
        lambda y, p: lb.mae(y, p, sample_weight=y + 1),
        input_signature=[spec, spec],
        autograph=False,
        jit_compile=jit,
    )
    found = float(mean(tf.zeros(n), tf.fill([n], 0.3)))
    assert abs(found - np.float32(0.3)) <= 4 * np.spacing(np.float32(0.3))


@pytest.mark.parametrize("n", [2**18, 2**20 - 1])
@pytest.mark.parametrize("jit", [None, True, False])
def test_long_rows_of_tensorflow_keep_their_digits(jit, n):
    y, p = np.ones((2, n), np.float32), np.full((2, n), 0.3, np.float32)
    exact = lb.dice(y.astype(np.float64), p.astype(np.float64))
    dice = lb.dice if jit is None else tf.function(lb.dice, jit_compile=jit)
    found = dice(tf.constant(y), tf.constant(p))
    assert abs(float(found) - exact) <= 4 * np.spacing(np.float32(1))


@pytest.mark.parametrize("n", [10_000, 300_000])
def test_equal_losses_of_tensorflow_are_added_up_as_exactly_as_others(n):
    found = lb.mae(tf.zeros(n), tf.fill([n], 0.3), reduction="sum")
    exact = n * float(np.float32(0.3))
    assert abs(float(found) - exact) <= 4 * np.spacing(np.float32(exact))


def test_rows_whose_elements_are_no_neighbours_are_added_up_as_exactly():
    y, p = np.ones((2**18, 2)), np.full((2**18, 2), 0.3)
    found = lb.dice(y[None], p[None], axis=-1, reduction="none")
    near = lb.dice(*(np.ascontiguousarray(x.T)[None] for x in (y, p)), axis=1,
                   reduction="none")  # fmt: skip
    assert np.abs(found - near).max() <= 4 * np.spacing(1.0)


@needs_inductor
def test_equal_losses_are_added_up_as_exactly_in_a_graph_of_inductor():
    labels = torch.zeros(2**18, dtype=torch.long)
    y, p = torch.zeros(2**18), torch.full((2**18,), 0.3)

    @torch.compile(fullgraph=True)
    def evaluate(y, p, labels):
        return [
            lb.mse(y, p + 0.2),
            lb.mae(y, p, sample_weight=p),
            lb.huber(y, p),
            lb.log_cosh(y, p, reduction="sum"),
            lb.binary_cross_entropy(y, p - 0.3, from_logits=True),
            lb.sparse_cross_entropy(labels, y[:, None] + y[:2], from_logits=True),
            lb.dice(y[None] + 1, p[None]),
        ]

    eager = evaluate.__wrapped__(*(x.double() for x in (y, p)), labels)
    for found, exact in zip(evaluate(y, p, labels), eager, strict=True):
        assert found.dtype == torch.float32
        exact = exact.item()
        assert abs(found.item() - exact) <= 4 * np.spacing(np.float32(exact)), exact
