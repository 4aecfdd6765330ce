"""Penalties: values and slopes, what they take as parameters, and the objective."""

import numpy as np
import pytest

import lossbook as lb

from ..backends import BACKENDS, array, numpy_of

WEIGHTS = np.array([[3.0, -4.0], [0.0, 0.5]])
BIAS = np.array([1.0, -1.0])


@pytest.mark.parametrize(
    ("penalty", "value", "slope"),
    [
        (lb.l1, 9.5, np.sign),
        (lb.l2, 27.25, lambda w: 2 * w),
        (lb.elastic_net, 4.75 + 27.25 / 4, lambda w: (np.sign(w) + w) / 2),
    ],
)
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_penalty_sums_over_all_arrays(backend, penalty, value, slope):
    params = [array(backend, WEIGHTS), array(backend, BIAS)]
    found, slopes = lb.value_and_grad(penalty)(params)
    assert float(found) == value
    np.testing.assert_allclose(numpy_of(slopes[0]), slope(WEIGHTS))
    np.testing.assert_allclose(numpy_of(slopes[1]), slope(BIAS))


@pytest.mark.parametrize(
    "params",
    [
        (WEIGHTS, BIAS),
        {"w": WEIGHTS, "b": BIAS},
        {"layer": [WEIGHTS, BIAS]},
        iter([WEIGHTS, BIAS]),
        {"w": WEIGHTS, "b": BIAS}.values(),
        np.concatenate([WEIGHTS.ravel(), BIAS]),
        [3.0, -4.0, 0.0, 0.5, 1.0, -1.0],
    ],
)
def test_parameters_come_in_any_container(params):
    assert float(lb.l1(params)) == 9.5


def test_scikit_learn_minimises_this_elastic_net_and_this_ridge():
    from sklearn.linear_model import ElasticNet, Ridge

    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 3)), rng.normal(size=40)
    tight = {"fit_intercept": False, "tol": 1e-12}
    net = ElasticNet(alpha=0.1, l1_ratio=0.3, max_iter=10_000, **tight).fit(X, y)
    ridge = Ridge(alpha=2.0, fit_intercept=False).fit(X, y)

    def of_net(w):
        loss = lb.mse(y, X @ w) / 2
        return lb.objective(loss, w, lambda p: lb.elastic_net(p, 0.3), 0.1)

    def of_ridge(w):
        return lb.objective(lb.mse(y, X @ w, reduction="sum"), w, lb.l2, 2.0)

    for fn, best in ((of_net, net.coef_), (of_ridge, ridge.coef_)):
        assert (best != 0).all()
        np.testing.assert_allclose(lb.value_and_grad(fn)(best)[1], 0, atol=1e-9)


def test_keras_has_the_same_l2_and_torch_the_slope_of_half_of_it():
    import keras
    import torch

    theirs = keras.regularizers.L2(0.5)(WEIGHTS.astype(np.float32))
    assert float(theirs) == 0.5 * float(lb.l2(WEIGHTS))
    w = torch.tensor(WEIGHTS, requires_grad=True)
    w.grad = torch.zeros_like(w)
    torch.optim.SGD([w], lr=1.0, weight_decay=0.5).step()
    _, slope = lb.value_and_grad(lb.l2)(WEIGHTS)
    np.testing.assert_allclose(WEIGHTS - w.detach().numpy(), 0.5 * slope / 2)


def test_the_parameters_of_a_torch_model_are_penalised():
    import torch

    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Linear(2, 1))
    lb.l2(model.parameters()).backward()
    for p in model.parameters():
        torch.testing.assert_close(p.grad, 2 * p.detach())


def test_the_weights_of_a_keras_model_are_penalised():
    import keras
    import tensorflow as tf

    model = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(2)])
    with tf.GradientTape() as tape:
        penalty = lb.l2(model.trainable_weights)
    found = tape.gradient(penalty, [v.value for v in model.trainable_weights])
    for slope, variable in zip(found, model.trainable_weights, strict=True):
        np.testing.assert_allclose(slope, 2 * variable.numpy())


def test_a_model_itself_is_refused_with_the_call_that_it_has():
    import keras
    import torch

    with pytest.raises(TypeError, match=r"model\.parameters\(\)"):
        lb.l1(torch.nn.Linear(2, 1))
    with pytest.raises(TypeError, match=r"model\.trainable_weights,"):
        lb.l1(keras.Sequential())


@pytest.mark.parametrize("nothing", [[], {}, iter([]), np.zeros((0, 3))])
def test_no_parameters_are_an_error(nothing):
    with pytest.raises(ValueError, match="holds no parameters"):
        lb.l2(nothing)


@pytest.mark.parametrize("backend", BACKENDS)
def test_half_precision_is_summed_in_float32(backend):
    many = array(backend, np.ones(70_000, np.float16))
    total = lb.l2([many, array(backend, np.ones(1))])
    assert numpy_of(total).dtype == np.float32
    assert float(total) == 70_001


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_objective_adds_strength_times_penalty(backend):
    loss, w = array(backend, np.float32(2.0)), array(backend, BIAS)
    total, slope = lb.value_and_grad(lambda w: lb.objective(loss, w, lb.l2, 0.25))(w)
    assert float(total) == 2.5
    assert numpy_of(total).dtype == np.float32
    np.testing.assert_allclose(numpy_of(slope), BIAS / 2)


def test_the_objective_says_what_is_wrong():
    w = np.ones(2)
    with pytest.raises(ValueError, match=r"loss must be a scalar, got shape \(2,\)"):
        lb.objective(w, w, lb.l2, 1.0)
    with pytest.raises(ValueError, match="the penalty must be a scalar"):
        lb.objective(1.0, w, np.square, 1.0)
    with pytest.raises(ValueError, match="strength"):
        lb.objective(1.0, w, lb.l2, -1.0)
    with pytest.raises(ValueError, match="strength"):
        lb.objective(1.0, w, lb.l2, float("inf"))
    with pytest.raises(TypeError, match=r"regularizer=lossbook\.l2"):
        lb.objective(1.0, w, "l2", 1.0)
    with pytest.raises(ValueError, match="l1_ratio"):
        lb.elastic_net(w, 1.5)
