"""The best constant: by formula or by search, everywhere, and when there is none."""

from functools import partial

import numpy as np
import pytest

import lossbook as lb

from ..backends import BACKENDS, array, jax, numpy_of
from ..cases import BIT, CASES, COUNT, ELEMENTS, LOGITS, REAL

RNG = np.random.default_rng(5)
WEIGHT = RNG.integers(0, 4, REAL.shape).astype(float)
NOT_ONE_CONSTANT = {"pos_weight"}  # a list of them: one a class


def one_constant(case):
    return not any(np.ndim(case.options.get(name)) for name in NOT_ONE_CONSTANT)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    "case",
    [
        c
        for c in CASES
        if c.kind == ELEMENTS and c.loss != "log_loss" and one_constant(c)
    ],
    ids=lambda case: case.label,
)
def test_no_other_constant_has_a_smaller_loss(case, weighted):
    y, y_pred, *rest = case.args
    given = dict(zip(("variance",), rest, strict=False))
    given |= {"sample_weight": WEIGHT} if weighted else {}
    best = lb.best_constant(case.function, y, **case.options, **given)
    assert isinstance(best, np.float64)

    def total(c):
        return float(case(y, np.full(y.shape, c), **given))

    tried = [best + step for step in (-1e-3, -1e-5, 1e-5, 1e-3)]
    probabilities = y_pred.min() >= 0 and y_pred.max() <= 1
    tried += list(np.linspace(0, 1, 101) if probabilities else np.linspace(-4, 4, 161))
    if probabilities or case.label == "poisson_nll()":
        tried = [c for c in tried if c > 0 and (c < 1 or not probabilities)]
    losses = [total(c) for c in tried]
    assert total(best) <= min(losses) * (1 + 1e-12) + 1e-15


@pytest.mark.parametrize("backend", BACKENDS)
def test_it_is_what_the_textbook_says_in_the_dtype_of_the_data(backend):
    y = array(backend, np.array([0.0, 0.0, 3.0, 101.0], np.float32))
    weight = array(backend, np.array([1.0, 1.0, 2.0, 0.0], np.float32))
    for loss, options, plain, weighted in (
        (lb.mse, {}, 26.0, 1.5),
        (lb.rmse, {}, 26.0, 1.5),
        (lb.mae, {}, 1.5, 1.5),
        (lb.quantile, {"q": 0.9}, 101.0, 3.0),
        (lb.huber, {"delta": 1e-3}, 1.5, 1.5),
        (lb.zero_one, {}, 0.0, 0.0),
        (lb.poisson_nll, {}, 26.0, 1.5),
        (lb.poisson_nll, {"log_input": True}, np.log(26.0), np.log(1.5)),
    ):
        for given, want in (({}, plain), ({"sample_weight": weight}, weighted)):
            found = lb.best_constant(loss, y, **options, **given)
            assert type(found) is type(lb.mse(y, y))
            assert numpy_of(found).dtype == np.float32 and numpy_of(found).shape == ()
            assert float(found) == pytest.approx(want, rel=1e-6), loss.__name__


def test_odds_and_frequencies():
    bce, y = lb.binary_cross_entropy, [1, 1, 1, 0]
    assert float(lb.best_constant(bce, y)) == 0.75
    assert float(lb.best_constant(bce, y, **LOGITS)) == pytest.approx(np.log(3))
    by_weight = lb.best_constant(partial(bce, pos_weight=2.0), y, **LOGITS)
    assert float(by_weight) == pytest.approx(np.log(6))
    smooth = lb.best_constant(bce, [1, 1], label_smoothing=0.2, **LOGITS)
    assert float(smooth) == pytest.approx(np.log(9))
    signs = np.array([1, 1, 1, -1])
    assert float(lb.best_constant(lb.logistic, signs)) == pytest.approx(np.log(3))
    assert float(lb.best_constant(lb.squared_hinge, signs)) == 0.5
    assert float(lb.best_constant(lb.hinge, signs)) == 1
    ce, labels = lb.sparse_cross_entropy, np.array([0, 0, 2, 1])
    np.testing.assert_allclose(lb.best_constant(ce, labels), [0.5, 0.25, 0.25])
    z = lb.best_constant(ce, labels, sample_weight=[1, 1, 4, 2], **LOGITS)
    np.testing.assert_allclose(z, np.log([0.25, 0.25, 0.5]))
    z = lb.best_constant(ce, labels, class_weight=[1.0, 2.0, 2.0], **LOGITS)
    np.testing.assert_allclose(z, np.log([1 / 3] * 3))


def test_the_middle_is_taken_where_all_are_as_good():
    assert float(lb.best_constant(lb.huber, [0.0, 100.0], delta=1.0)) == 50.0
    assert float(lb.best_constant(lb.quantile, range(1, 11), q=0.9)) == 9.5
    assert float(lb.best_constant(lb.quantile, [1.0, 2.0], q=0.0)) == 1.0
    assert float(lb.best_constant(lb.hinge, [1, -1])) == 0.0


def test_the_lowest_of_several_valleys_is_found():
    y = np.concatenate([RNG.normal(0, 0.1, 40), RNG.normal(50, 0.1, 60), [1e6]])
    for alpha in (0.0, -2.0, float("-inf")):
        best = lb.best_constant(lb.adaptive_robust, y, alpha=alpha)
        assert abs(best - 50) < 0.1
    far = lb.best_constant(lb.huber, [1e9, 0.0, 0.0])
    assert float(far) == pytest.approx(0.5, abs=1e-9)


@pytest.mark.parametrize("half", ["bfloat16", "float16"])
def test_half_precision_of_pytorch_is_taken_and_gives_float32(half):
    import torch

    y, weight = (
        torch.tensor(x).to(getattr(torch, half)) for x in ([1.0, 2, 5], [1, 1, 2])
    )
    best = lb.best_constant(lb.mse, y, sample_weight=weight)
    assert best.dtype == torch.float32
    assert float(best) == 3.25
    labels, weights = torch.tensor([0, 1, 1]), weight[:2]
    frequencies = lb.best_constant(
        lb.sparse_cross_entropy, labels, class_weight=weights
    )
    torch.testing.assert_close(frequencies, torch.tensor([1 / 3, 2 / 3]))


def test_on_a_device_that_is_not_looked_at_values_are_looked_at_once(monkeypatch):
    import torch

    monkeypatch.setattr("lossbook.backends.torch.ops.is_open", lambda x: False)
    y, weight = torch.tensor([1.0, 2.0, 6.0]), torch.tensor([1.0, 1.0, 2.0])
    assert float(lb.best_constant(lb.mse, y, sample_weight=weight)) == 3.75
    for given in ({"y_true": -y}, {"y_true": y, "sample_weight": -weight}):
        with pytest.raises(ValueError, match="must"):
            lb.best_constant(lb.poisson_nll, **given)
    with pytest.raises(ValueError, match="empty"):
        lb.best_constant(lb.mse, y[:0])


@pytest.mark.parametrize("where", ["compile", "vmap", "tf.function", "jit"])
@pytest.mark.parametrize(
    "look", [lb.class_weights, partial(lb.best_constant, lb.zero_one)]
)
def test_values_that_are_not_known_yet_are_refused_with_the_remedy(look, where):
    backend = {"tf.function": "tensorflow", "jit": "jax"}.get(where, "torch")
    y = array(backend, np.array([[0, 1, 1]]))
    if backend == "torch":
        import torch

        transform = torch.compile if where == "compile" else torch.func.vmap
    elif backend == "jax":
        transform = jax().jit
    else:
        import tensorflow as tf

        transform = tf.function
    look_later = transform(lambda labels: look(labels))
    with pytest.raises(TypeError, match=r"looks at the values .* before the graph"):
        look_later(y)


SOFT = ([0.3, 0.3, 0.3], [0.3, 0.7, 0.6], [0.2, 0.4, 1.0], [0.0, 0.5], [0.0, 1.0, 1.0])


@pytest.mark.parametrize("y", SOFT)
@pytest.mark.parametrize("options", [{}, {"alpha": 0.25}, {"gamma": 0.5}, {"gamma": 5}])
def test_the_best_constant_of_focal_loss_is_that_of_soft_targets_too(y, options):
    p = np.linspace(0.001, 0.999, 999)
    least = min(lb.focal(y, np.full(len(y), c), **options) for c in p)
    best = lb.best_constant(lb.focal, y, **options)
    assert lb.focal(y, np.full(len(y), best), **options) <= least * (1 + 1e-12)
    z = lb.best_constant(lb.focal, y, **LOGITS, **options)
    assert 1 / (1 + np.exp(-z)) == pytest.approx(best, abs=1e-12)


@pytest.mark.parametrize(("alpha", "alone"), [(1.0, 1.0), (0.0, 0.0)])
def test_an_alpha_that_leaves_one_class_has_the_best_constant_of_that_class(
    alpha, alone
):
    assert lb.best_constant(lb.focal, [0, 1, 1], alpha=alpha) == alone
    with pytest.raises(ValueError, match="no finite logit"):
        lb.best_constant(lb.focal, [0, 1, 1], alpha=alpha, **LOGITS)
    with pytest.raises(ValueError, match=r"alpha=.* leaves no target that counts"):
        lb.best_constant(lb.focal, [1 - alone], alpha=alpha)


def test_where_no_constant_is_best_it_says_so():
    bce = lb.binary_cross_entropy
    for call, words in (
        (lambda: lb.best_constant(bce, [1, 1], **LOGITS), "no finite logit.*smoothing"),
        (lambda: lb.best_constant(lb.logistic, [1, 1]), "no finite logit"),
        (lambda: lb.best_constant(lb.focal, [0], **LOGITS), "no finite logit"),
        (lambda: lb.best_constant(lb.poisson_nll, [0], log_input=True), "log-rate"),
        (
            lambda: lb.best_constant(lb.sparse_cross_entropy, [0, 2], **LOGITS),
            "no label 1",
        ),
        (lambda: lb.best_constant(lb.mse, []), "y_true is empty"),
        (lambda: lb.best_constant(lb.mse, [1.0], sample_weight=[0.0]), "0 everywhere"),
        (
            lambda: lb.best_constant(lb.mse, [1.0], sample_weight=[-1.0]),
            "sample_weight",
        ),
        (lambda: lb.best_constant(lb.huber, [1.0], delta=-1), "delta must be"),
        (lambda: lb.best_constant(bce, [2.0]), "y_true must lie in"),
        (lambda: lb.best_constant(bce, BIT, pos_weight=[1, 2, 3]), "pos_weight must"),
        (lambda: lb.best_constant(lb.poisson_nll, -COUNT), "y_true must lie in"),
    ):
        with pytest.raises(ValueError, match=words):
            call()
    with pytest.raises(TypeError, match="best_constant takes one of lossbook's losses"):
        lb.best_constant(np.mean, [1.0])
    assert np.isnan(lb.best_constant(lb.mse, [1.0, np.nan]))
    assert np.isnan(lb.best_constant(lb.huber, [1.0, np.nan]))
    assert lb.best_constant(lb.mae, [1.0, np.nan], sample_weight=[1, 0]) == 1


def test_in_a_graph_where_nothing_is_known_it_is_refused():
    import tensorflow as tf

    with pytest.raises(TypeError, match="values of y_true, which are not known"):
        tf.function(lambda y: lb.best_constant(lb.mse, y), autograph=False)(tf.ones(3))


def test_weights_and_a_reduction_in_a_partial_are_heeded():
    for loss, best in ((lb.mse, 1.0), (lb.huber, 1.0), (lb.mae, 1.0)):
        weighted = partial(loss, sample_weight=[5.0, 0.0, 0.0], reduction="sum")
        assert lb.best_constant(weighted, [1.0, 2.0, 9.0]) == best
        others = lb.best_constant(weighted, [1.0, 2.0, 9.0], sample_weight=[0, 0, 1])
        assert others == 9


def test_there_are_as_many_classes_as_weights_or_as_the_largest_label_that_counts():
    labels = [0, 0, 1, 255]
    best = partial(lb.best_constant, lb.sparse_cross_entropy)
    both = {"ignore_index": 255, "class_weight": [1.0, 2.0]}
    np.testing.assert_allclose(best(labels, **both), [0.5, 0.5])
    np.testing.assert_allclose(best([0, 1], class_weight=[1, 1, 1]), [0.5, 0.5, 0])
    for options in ({}, {"class_weight": [1, 1, 1]}):
        found = best([0, 1, 2], sample_weight=[2, 1, 0], **options)
        np.testing.assert_allclose(found, [2 / 3, 1 / 3, 0])
