"""Metrics against scikit-learn, on labels of every backend."""

import numpy as np
import pytest
from sklearn import metrics as theirs

import lossbook as lb

from ..backends import BACKENDS, array

RNG = np.random.default_rng(5)
TRUTH, GUESS = RNG.integers(0, 3, 50), RNG.integers(0, 3, 50)
PAIRS = [
    ("accuracy", theirs.accuracy_score, {}),
    ("precision", theirs.precision_score, {"labels": [1], "average": "micro"}),
    ("recall", theirs.recall_score, {"labels": [1], "average": "micro"}),
    ("f1", theirs.f1_score, {"labels": [1], "average": "micro"}),
]


@pytest.mark.parametrize(("name", "reference", "options"), PAIRS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_metrics_of_labels_agree_with_scikit_learn(backend, name, reference, options):
    ours = getattr(lb.metrics, name)(array(backend, TRUTH), array(backend, GUESS))
    assert ours == pytest.approx(reference(TRUTH, GUESS, **options), rel=1e-15)
    assert type(ours) is float


def test_error_rate_is_the_zero_one_loss_and_what_accuracy_leaves():
    rate = lb.metrics.error_rate(TRUTH, GUESS)
    assert rate == float(lb.zero_one(TRUTH, GUESS))
    assert rate == pytest.approx(1 - lb.metrics.accuracy(TRUTH, GUESS))


@pytest.mark.parametrize("backend", BACKENDS)
def test_r2_agrees_with_scikit_learn(backend):
    y = RNG.normal(size=30).astype(np.float32)
    p = y + RNG.normal(size=30).astype(np.float32)
    ours = lb.metrics.r2(array(backend, y), array(backend, p))
    assert ours == pytest.approx(theirs.r2_score(y.astype(float), p.astype(float)))


def test_r2_of_a_truth_that_does_not_vary_is_that_of_scikit_learn():
    assert lb.metrics.r2([2.0, 2.0], [2.0, 2.0]) == 1.0
    assert lb.metrics.r2([2.0, 2.0], [2.0, 2.5]) == 0.0
    assert np.isnan(lb.metrics.r2([2.0, 2.0], [2.0, np.nan]))


def test_nothing_called_positive_and_no_positives_give_0():
    for name in ("precision", "recall", "f1"):
        assert getattr(lb.metrics, name)([0, 0], [0, 0]) == 0.0
    assert lb.metrics.f1([1, 0], [0, 1]) == 0.0


def test_the_positive_label_can_be_chosen():
    assert lb.metrics.recall([0, 0, 1], [0, 1, 1], positive=0) == 0.5


@pytest.mark.parametrize(
    "name", ["accuracy", "error_rate", "precision", "recall", "f1"]
)
def test_probabilities_empty_and_unequal_arrays_are_refused(name):
    metric = getattr(lb.metrics, name)
    with pytest.raises(ValueError, match=r"y_pred must hold labels.*p > 0\.5"):
        metric([0, 1], [0.2, 0.9])
    with pytest.raises(ValueError, match="empty"):
        metric([], [])
    with pytest.raises(ValueError, match=r"\(2,\) and y_pred \(2, 1\)"):
        metric([0, 1], [[0], [1]])


def test_a_truth_that_does_not_vary_is_known_though_its_mean_is_rounded():
    assert np.mean([0.1] * 3) != 0.1
    assert lb.metrics.r2([0.1] * 3, [0.2] * 3) == 0
    assert lb.metrics.r2([0.1] * 3, [0.1] * 3) == 1


def test_the_advice_on_shapes_is_for_what_was_passed():
    for column in ([[0], [1]], np.array([[0], [1]])):
        with pytest.raises(ValueError, match="same shape") as caught:
            lb.metrics.accuracy(column, [0, 1])
        remedy = str(caught.value).partition("Use ")[2].partition(",")[0]
        y_true, y_pred = column, [0, 1]
        fitting = eval(remedy, {"numpy": np, "y_true": y_true, "y_pred": y_pred})
        assert lb.metrics.accuracy(fitting, y_pred) == 1
