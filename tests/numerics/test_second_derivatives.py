"""First and second derivative of every elementwise loss against mpmath, everywhere."""

import pickle
import re
from functools import partial

import mpmath as mp
import numpy as np
import pytest

import lossbook as lb
from lossbook.core.reduction import ABOVE, EXACT
from lossbook.gradients import NO_CURVATURE, derivatives

from .. import oracle
from ..backends import BACKENDS, array, numpy_of
from .test_oracle import DTYPES, points

CURVED = [d for d in oracle.DEFINITIONS if d.loss not in NO_CURVATURE]


def some_points(definition, dtype):
    """All pairs of extremes, and a few random ones."""
    y, p = points(definition, dtype)
    return y[:-240], p[:-240]


def exact_values(definition, y, p):
    pairs = [(mp.mpf(float(a)), mp.mpf(float(b))) for a, b in zip(y, p, strict=True)]
    return pairs, [
        (
            (definition.slope(*pair), definition.slope_size(*pair)),
            (definition.curvature(*pair), definition.curvature_size(*pair)),
        )
        for pair in pairs
    ]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("definition", CURVED, ids=lambda d: d.label)
def test_both_derivatives_are_within_a_few_ulp_of_mpmath(definition, dtype):
    y, p = some_points(definition, dtype)
    pairs, exact = exact_values(definition, y, p)
    both = lb.gradient_hessian(getattr(lb, definition.loss))
    for backend in BACKENDS:
        found = both(array(backend, y), array(backend, p), **definition.options)
        for k, name in enumerate(("gradient", "hessian")):
            got = numpy_of(found[k])
            assert got.dtype == dtype
            for pair, value, (want, size) in zip(
                pairs, got, (row[k] for row in exact), strict=True
            ):
                error = oracle.ulps(value, want, size, dtype)
                assert error <= float(definition.ulp(*pair)), (
                    f"{name} off by {error:.1f} ulp on {backend} at {pair}: "
                    f"{value}, not {mp.nstr(want, 12)}"
                )


# Probabilities and rates are no scores: nobody adds steps to them.
OF_SCORES = [d for d in CURVED if d.p == oracle.REAL]


@pytest.mark.parametrize("definition", OF_SCORES, ids=lambda d: d.label)
def test_the_curvature_from_above_is_positive_and_its_parabola_above_the_loss(
    definition,
):
    y, p = _grid(definition)
    loss = getattr(lb, definition.loss)
    exact = derivatives(loss, EXACT, y, p, **definition.options).hessian
    slope, above = derivatives(loss, ABOVE, y, p, **definition.options)
    assert (above >= exact * (1 - 1e-12)).all()
    assert (above > 0).all()
    if getattr(lb, definition.loss) in ROBUST:
        start = loss(y, p, reduction="none", **definition.options)
        for step in (-20.0, -1.0, -0.01, 0.01, 1.0, 20.0):
            ahead = loss(y, p + step, reduction="none", **definition.options)
            parabola = start + slope * step + above * step**2 / 2
            assert (ahead <= parabola * (1 + 1e-9) + 1e-9).all()


ROBUST = (lb.mse, lb.huber, lb.log_cosh, lb.squared_hinge, lb.adaptive_robust)


def _grid(definition):
    truths = {oracle.REAL: [0.0], oracle.SIGN: [-1.0, 1.0], oracle.BIT: [0.0, 1.0]}
    y, p = np.meshgrid(truths.get(definition.y, [0.0, 1.0]), np.linspace(-8.1, 8, 200))
    return y.ravel(), p.ravel()


@pytest.mark.parametrize("backend", BACKENDS)
def test_of_rows_of_scores_it_is_the_diagonal_of_the_hessian(backend):
    z = np.array([[0.5, -1.0, 2.0], [np.nan, 0.0, 0.0], [9.0, -1e4, -1e4]])
    both = lb.gradient_hessian(lb.sparse_cross_entropy)
    gradient, hessian = both(
        array(backend, np.array([2, 1, 0])),
        array(backend, z),
        from_logits=True,
        sample_weight=array(backend, np.array([2.0, 0.0, 1.0])),
    )
    p = np.exp(z[0]) / np.exp(z[0]).sum()
    np.testing.assert_allclose(numpy_of(gradient)[0], 2 * (p - [0, 0, 1]), rtol=1e-14)
    np.testing.assert_allclose(numpy_of(hessian)[0], 2 * p * (1 - p), rtol=1e-14)
    assert (numpy_of(gradient)[1] == 0).all() and (numpy_of(hessian)[1] == 0).all()
    assert (numpy_of(hessian)[2] == 0).all()


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_weighs_nothing_has_no_derivatives_and_nan_that_counts_stays(backend):
    for name in ("mse", "huber", "log_cosh"):
        both = lb.gradient_hessian(getattr(lb, name))
        y = array(backend, np.zeros(3))
        p = array(backend, np.array([np.nan, np.nan, 0.5]))
        weight = array(backend, np.array([0.0, 1.0, 3.0]))
        plain = both(y, p)
        for one, x in zip(plain, both(y, p, sample_weight=weight), strict=True):
            x = numpy_of(x)
            assert x[0] == 0 and np.isnan(x[1]) and x[2] == 3 * numpy_of(one)[2]


def test_factors_and_scales_of_the_losses_come_through():
    y, z = np.array([0.0, 1.0]), np.array([0.3, -0.7])
    plain = lb.gradient_hessian(lb.focal)(y, z, from_logits=True)
    given = lb.gradient_hessian(lb.focal)(y, z, from_logits=True, alpha=0.25)
    for one, other in zip(plain, given, strict=True):
        np.testing.assert_allclose(other, one * [0.75, 0.25], rtol=1e-15)
    plain = lb.gradient_hessian(lb.adaptive_robust)(y / 4, z / 4, alpha=0.5)
    given = lb.gradient_hessian(lb.adaptive_robust)(y, z, alpha=0.5, scale=4.0)
    for power, (one, other) in enumerate(zip(plain, given, strict=True), 1):
        np.testing.assert_allclose(other, one / 4**power, rtol=1e-15)
    mean = lb.gradient_hessian(lb.gaussian_nll)(y, z, variance=[2.0, 4.0])
    np.testing.assert_allclose(mean, [(z - y) / [2, 4], [0.5, 0.25]])


def test_it_pickles_and_takes_a_partial():
    made = pickle.loads(pickle.dumps(lb.gradient_hessian(partial(lb.huber, delta=2.0))))
    np.testing.assert_array_equal(made([0.0, 0.0], [1.0, 3.0]), [[1, 2], [1, 0]])


def test_what_has_no_second_derivative_is_refused_with_the_reason():
    for name, reason in NO_CURVATURE.items():
        with pytest.raises(ValueError, match=re.escape(f"{name} has no second")) as e:
            lb.gradient_hessian(getattr(lb, name))
        assert reason in str(e.value)
    for wrong in (np.mean, "mse", None, lb.warp, partial(np.mean, axis=0)):
        with pytest.raises(TypeError, match=r"y_true and y_pred.*got"):
            lb.gradient_hessian(wrong)
    both = lb.gradient_hessian(lb.sparse_cross_entropy)
    with pytest.raises(ValueError, match="from_logits=True"):
        both([0], [[0.5, 0.5]])
    with pytest.raises(ValueError, match=r"axis cannot.*last axis"):
        both([0, 1], [[0.5, 0.5]], from_logits=True, axis=0)
    with pytest.raises(ValueError, match=r"eps cannot.*from_logits"):
        lb.gradient_hessian(lb.binary_cross_entropy)([0.0], [0.5], eps=1e-3)
    with pytest.raises(TypeError, match="Leave reduction out"):
        lb.gradient_hessian(lb.mse)([0.0], [0.5], reduction="sum")
    with pytest.raises(ValueError, match=r"\(2,\).*\(2, 1\)"):
        lb.gradient_hessian(lb.mse)([0.0, 1.0], [[0.5], [1.0]])
    with pytest.raises(ValueError, match="reduction must be one of"):
        lb.mse([0.0], [0.5], reduction=str(EXACT))


def test_graphs_and_transforms_give_the_same_and_nothing_is_differentiated():
    import tensorflow as tf
    import torch

    both = partial(lb.gradient_hessian(lb.focal), from_logits=True)
    y, z = np.array([0.0, 1.0, 1.0]), np.array([0.3, -2.0, 4.0])
    expected = both(y, z)
    args = torch.tensor(y), torch.tensor(z, requires_grad=True)
    compiled = torch.compile(both, backend="eager", fullgraph=True)
    for found in (
        both(*args),
        compiled(*args),
        torch.func.vmap(both)(*args),
        tf.function(both)(tf.constant(y), tf.constant(z)),
    ):
        for one, other in zip(found, expected, strict=True):
            assert not getattr(one, "requires_grad", False)
            np.testing.assert_allclose(numpy_of(one), other, rtol=1e-14)
