"""Gradients of every loss and of ordinary NumPy code, and what checks them."""

import copy
import os
import pickle
from collections import namedtuple
from functools import partial

os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import numpy as np
import pytest

import lossbook as lb

from ..backends import BACKENDS, array, jax, numpy_of
from ..cases import CASES, LOGITS

on_every_backend = pytest.mark.parametrize("backend", BACKENDS)
every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.label)
RNG = np.random.default_rng(11)
X = RNG.normal(size=(3, 4))
W = RNG.normal(size=4)


# The losses


@on_every_backend
@every_case
@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_the_gradient_of_every_loss_is_that_of_central_differences(
    case, reduction, backend
):
    truth, pred, *rest = case.inputs(backend)
    weight = array(backend, RNG.uniform(0.5, 2.0, case.losses_shape[:1]))

    def loss(p):
        return case(truth, p, *rest, sample_weight=weight, reduction=reduction)

    assert lb.check_gradient(loss, pred) < 1e-6


@on_every_backend
@pytest.mark.parametrize(
    "case", [c for c in CASES if c.by_truth], ids=lambda case: case.label
)
def test_the_gradient_reaches_the_truth(case, backend):
    truth, pred, *rest = case.inputs(backend)
    if case.loss == "poisson_nll":
        truth = truth + 0.5
    assert lb.check_gradient(lambda y: case(y, pred, *rest), truth) < 1e-6
    _, grad = lb.value_and_grad(lambda y: case(y, pred, *rest))(truth)
    assert numpy_of(grad).any()


@on_every_backend
def test_the_gradient_reaches_all_parameters_that_are_arrays(backend):
    y, p = (array(backend, x) for x in (X, X + W))
    variance = array(backend, np.exp(X))
    assert lb.check_gradient(lambda v: lb.gaussian_nll(y, p, v), variance) < 1e-6
    alpha = array(backend, 1.3)
    robust = lb.value_and_grad(lambda a: lb.adaptive_robust(y, p, alpha=a))(alpha)[1]
    assert robust.shape == ()
    assert lb.check_gradient(lambda a: lb.adaptive_robust(y, p, alpha=a), alpha) < 1e-6


# Their second derivatives

SMOOTH = [case for case in CASES if case.smooth]
AT_ZERO = [  # where |x| has no slope, and the formula uses it
    ("binary_cross_entropy", [0.0, 1.0, 0.25], LOGITS),
    ("logistic", [-1.0, 1.0, 1.0], {}),
    ("focal", [0.0, 1.0, 1.0], LOGITS),
    ("binary_cross_entropy", [0.0, 1.0, 1.0], {"pos_weight": 2.0, **LOGITS}),
]


def hessian_times(backend, loss, x, v):
    """Return the second derivative along v, by differentiating the gradient."""
    if backend == "torch":
        import torch

        x.requires_grad_()
        (grad,) = torch.autograd.grad(loss(x), x, create_graph=True)
        return torch.autograd.grad((grad * v).sum(), x)[0]
    import tensorflow as tf

    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            value = loss(x)
        along = tf.reduce_sum(inner.gradient(value, x) * v)
    return outer.gradient(along, x)


def differences_of_gradients(loss, x, v, step=1e-5):
    up, down = (lb.value_and_grad(loss)(x + s * v)[1] for s in (step, -step))
    return (numpy_of(up) - numpy_of(down)) / (2 * step)


@pytest.mark.parametrize("backend", ["torch", "tensorflow"])
@pytest.mark.parametrize("case", SMOOTH, ids=lambda case: case.label)
def test_second_derivatives_are_those_of_differences_of_gradients(case, backend):
    truth, pred, *rest = case.inputs(backend)
    v = array(backend, RNG.normal(size=case.args[1].shape))

    def loss(p):
        return case(truth, p, *rest, reduction="sum")

    for _ in range(2):  # TensorFlow takes another way from the second time on
        got = numpy_of(hessian_times(backend, loss, pred, v))
        expected = differences_of_gradients(loss, pred, v)
        np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-8)
    assert np.abs(got).max() > 1e-3


@pytest.mark.parametrize("backend", ["torch", "tensorflow"])
@pytest.mark.parametrize(("loss", "y", "options"), AT_ZERO)
def test_second_derivatives_are_right_at_a_logit_of_zero(loss, y, options, backend):
    y, zero = array(backend, y), array(backend, np.zeros(3))
    one = array(backend, np.ones(3))

    def total(z):
        return getattr(lb, loss)(y, z, reduction="sum", **options)

    for _ in range(2):
        got = numpy_of(hessian_times(backend, total, zero, one))
        expected = differences_of_gradients(total, zero, one)
        np.testing.assert_allclose(got, expected, rtol=1e-6)


# value_and_grad


@pytest.mark.parametrize(
    ("loss", "y", "p", "options"),
    [
        *(("adaptive_robust", 0.0, 0.0, {"alpha": a}) for a in (-2.0, 0.0, 1.0, 2.0)),
        ("focal", 1.0, 1.0, {}),
        ("focal", 0.0, 0.0, {}),
    ],
)
@pytest.mark.parametrize("backend", ["torch", "tensorflow", "jax"])
def test_second_derivatives_are_right_where_the_answer_is(loss, y, p, options, backend):
    function = partial(getattr(lb, loss), **options)
    y, p = array(backend, [y]), array(backend, [p])
    bend = lb.gradient_hessian(function)(y, p)[1]

    def slope(p):
        return lb.value_and_grad(function)(y, p)[1][0]

    second = lb.value_and_grad(slope)(p)[1]
    np.testing.assert_allclose(numpy_of(second), numpy_of(bend), atol=1e-12)


@on_every_backend
def test_a_loss_is_differentiated_by_its_prediction(backend):
    y, p = array(backend, [3.0, 5.0]), array(backend, [2.5, 5.5])
    value, grad = lb.value_and_grad(lb.mse)(y, p)
    assert float(value) == 0.25
    assert numpy_of(grad).tolist() == [-0.5, 0.5]
    assert type(grad) is type(p)
    _, by_truth = lb.value_and_grad(lb.mse, argnum=0)(y, p)
    assert numpy_of(by_truth).tolist() == [0.5, -0.5]
    _, weighted = lb.value_and_grad(lb.mse)(y, p, reduction="sum")
    assert numpy_of(weighted).tolist() == [-1.0, 1.0]


@on_every_backend
def test_other_functions_are_differentiated_by_their_first_argument(backend):
    a, b = array(backend, 2.0), array(backend, 3.0)
    value, grad = lb.value_and_grad(lambda x, y: x * x * y)(a, b)
    assert (float(value), float(grad)) == (12.0, 12.0)
    _, grad = lb.value_and_grad(lambda x, y: x * x * y, argnum=1)(a, b)
    assert float(grad) == 4.0


Line = namedtuple("Line", "slope intercept")


@on_every_backend
@pytest.mark.parametrize("kind", ["list", "tuple", "named tuple", "dict", "nested"])
def test_the_gradient_has_the_structure_of_the_argument(kind, backend):
    w, b, x = (array(backend, v) for v in (W, np.float64(0.5), X))
    y = array(backend, [1.0, 2.0, 3.0])

    def predict(w, b):
        return (x * w).sum(-1) + b if backend != "tensorflow" else _tf_sum(x * w) + b

    makers = {
        "list": (lambda w, b: [w, b], lambda t: t),
        "tuple": (lambda w, b: (w, b), lambda t: t),
        "named tuple": (Line, lambda t: (t.slope, t.intercept)),
        "dict": (lambda w, b: {"w": w, "b": b}, lambda t: (t["w"], t["b"])),
        "nested": (lambda w, b: [{"w": (w,)}, b], lambda t: (t[0]["w"][0], t[1])),
    }
    make, take = makers[kind]
    tree = make(w, b)
    value, grads = lb.value_and_grad(lambda t: lb.mse(y, predict(*take(t))))(tree)
    assert type(grads) is type(tree)
    _, by_w = lb.value_and_grad(lambda v: lb.mse(y, predict(v, b)))(w)
    _, by_b = lb.value_and_grad(lambda v: lb.mse(y, predict(w, v)))(b)
    np.testing.assert_allclose(take(grads)[0], by_w)
    np.testing.assert_allclose(take(grads)[1], by_b)
    np.testing.assert_allclose(value, lb.mse(y, predict(w, b)))
    assert np.shape(take(grads)[1]) == ()


def _tf_sum(x):
    import tensorflow as tf

    return tf.reduce_sum(x, -1)


def test_a_list_of_numbers_is_one_array():
    value, grad = lb.value_and_grad(lb.mse)([1, 2], [2, 4])
    assert float(value) == 2.5
    assert grad.tolist() == [1.0, 2.0]


@on_every_backend
def test_whole_numbers_are_taken_as_real_ones(backend):
    y, p = array(backend, [1, 2]), array(backend, [2, 4])
    value, grad = lb.value_and_grad(lb.mse)(y, p)
    assert float(value) == 2.5
    assert numpy_of(grad).tolist() == [1.0, 2.0]


@on_every_backend
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_gradient_has_the_dtype_of_the_argument(dtype, backend):
    y, p = (array(backend, [1.0, v], dtype) for v in (2.0, 4.0))
    _, grad = lb.value_and_grad(lb.mse)(y, p)
    assert numpy_of(grad).dtype == dtype
    assert numpy_of(grad).tolist() == [0.0, 2.0]


@on_every_backend
def test_what_does_not_depend_on_the_argument_has_gradient_zero(backend):
    p = array(backend, [1.0, 2.0])
    value, grad = lb.value_and_grad(lambda x: lb.mse(p, p))(p)
    assert float(value) == 0
    assert numpy_of(grad).tolist() == [0.0, 0.0]
    _, grads = lb.value_and_grad(lambda t: lb.mse(p, t[0]))([p + 1, p])
    assert numpy_of(grads[0]).tolist() == [1.0, 1.0]
    assert numpy_of(grads[1]).tolist() == [0.0, 0.0]


@on_every_backend
def test_a_loss_that_is_no_scalar_is_refused(backend):
    p = array(backend, [1.0, 2.0])
    with pytest.raises(ValueError, match=r'scalar loss, got shape \(2,\).*"mean"'):
        lb.value_and_grad(lb.mse)(p, p, reduction="none")


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_function_that_returns_nothing_is_told_to(backend):
    def forgot(w):
        lb.mse([0.0, 0.0], w)

    with pytest.raises(ValueError, match=r"got None\. Return the loss"):
        lb.value_and_grad(forgot)(array(backend, [1.0, 2.0]))


@pytest.mark.parametrize("backend", ["torch", "tensorflow", "jax"])
def test_a_gradient_inside_a_loss_is_differentiated_too(backend):
    def penalized(w):
        _, slope = lb.value_and_grad(lambda u: lb.mse([0.0, 0.0], u))(w)
        return lb.mse([0.0, 0.0], w) + (slope[0] ** 2 + slope[1] ** 2)

    value, slope = lb.value_and_grad(penalized)(array(backend, [1.0, 2.0]))
    assert float(value) == 7.5  # |w|^2 / 2 + |w|^2
    np.testing.assert_allclose(numpy_of(slope), [3.0, 6.0])


def test_of_the_same_tensor_used_beside_it_an_inner_gradient_knows_nothing():
    def outer(x):
        return lb.value_and_grad(lambda y: (y * x).sum())(x)[1].sum()

    x = array("torch", [2.0, 3.0])
    value, slope = lb.value_and_grad(outer)(x)
    assert (float(value), slope.tolist()) == (5.0, [1.0, 1.0])
    value, slope = lb.value_and_grad(lambda x: (x * x).sum())(x)
    assert not value.requires_grad and not slope.requires_grad


@pytest.mark.parametrize("backend", ["numpy", "torch"])
def test_each_gradient_can_be_changed_in_place_by_itself(backend):
    pair = [array(backend, [0.0, 0.0]), array(backend, [0.0, 0.0])]
    _, grads = lb.value_and_grad(lambda p: lb.mse([1.0, 1.0], p[0] + p[1]))(pair)
    for grad in grads:
        grad *= 0.5
    assert [grad.tolist() for grad in grads] == [[-0.5, -0.5]] * 2


def test_a_condition_on_a_traced_number_is_that_of_numpy():
    def bent(x):
        return (x * 2 if x else x * 5).sum()

    for start, slope in ((0.0, 5.0), (1.0, 2.0)):
        assert lb.value_and_grad(bent)(np.array([start]))[1] == [slope]


def test_an_argument_that_is_missing_or_holds_no_numbers_is_refused():
    with pytest.raises(TypeError, match="positional argument 1"):
        lb.value_and_grad(lb.mse)([1.0])
    for bad in (None, "1", np.array(1j), np.array([None])):
        with pytest.raises(TypeError, match="argument 0"):
            lb.value_and_grad(np.sum)(bad)


def test_numpy_parameters_cannot_meet_tensors():
    truth = array("torch", [1.0, 2.0])
    with pytest.raises(TypeError, match="value_and_grad cannot differentiate"):
        lb.value_and_grad(lb.mse)(truth, [1.0, 2.0])
    with pytest.raises(TypeError, match="value_and_grad cannot differentiate"):
        lb.value_and_grad(lb.mse)(array("tensorflow", [1.0, 2.0]), [1.0, 2.0])


# Ordinary NumPy code

PROGRAMS = {
    "matrix times vector": lambda x: np.sum((x @ W) ** 2),
    "vector times matrix": lambda x: np.sum((np.ones(3) @ x) ** 2),
    "matrix times matrix": lambda x: np.sum((x @ X.T) ** 2),
    "matrix from the right": lambda x: np.sum((X.T @ x) ** 2),
    "vector times vector": lambda x: (x[0] @ x[1]) ** 2,
    "dot": lambda x: np.sum(np.dot(x, W) ** 2),
    "batches of matrices": lambda x: np.sum(np.exp(np.stack([x, 2 * x]) @ X.T)),
    "broadcasting": lambda x: np.sum(x[:, :1] * W + x[1] - x[:1] / (2 + W**2)),
    "numbers on the left": lambda x: np.sum(2 - x + 3 * x - 1 / (x * x + 1) + 2**x),
    "powers": lambda x: np.sum(x**3 + (x * x + 1) ** -0.5 + (x * x) ** x[0]),
    "exp and log": lambda x: np.sum(np.log(1 + np.exp(x)) + np.log1p(x * x)),
    "expm1 and sqrt": lambda x: np.mean(np.expm1(x) * np.sqrt(x * x + 1)),
    "square and abs": lambda x: np.sum(np.square(x) + abs(x) + np.abs(x - 1)),
    "circles": lambda x: np.sum(np.sin(x) * np.cos(2 * x)),
    "hyperbolas": lambda x: np.sum(np.tanh(x) + np.sinh(x)),
    "maximum": lambda x: np.sum(np.maximum(x, 0.1) - np.minimum(x, X.T[0, 0])),
    "max of rows": lambda x: np.sum(np.max(x, axis=1) ** 2),
    "max that stays": lambda x: np.sum((x - x.max(axis=0, keepdims=True)) ** 2),
    "max of all": lambda x: np.max(x) ** 2,
    "where": lambda x: np.sum(np.where(x > 0, x * x, np.exp(x))),
    "clip": lambda x: np.sum(np.clip(x, -0.5, 0.5) ** 2),
    "clip from one side": lambda x: np.sum(np.clip(x, None, 0.5) ** 2),
    "sums over axes": lambda x: (
        np.sum(x.sum(axis=0) ** 2) + np.sum(x, axis=(0, 1)) ** 2
    ),
    "means over axes": lambda x: np.sum(x.mean(axis=1, keepdims=True) * x),
    "indexing": lambda x: x[0, 1] * x[2, 3] + np.sum(x[1:, ::2] ** 2) + np.sum(x[-1]),
    "the same element twice": lambda x: np.sum(x[[0, 0, 1]] ** 2),
    "masks": lambda x: np.sum(x[X > 0] ** 2),
    "take_along_axis": lambda x: np.sum(
        np.take_along_axis(x, np.array([[0], [3], [1]]), 1) ** 2
    ),
    "concatenate": lambda x: np.sum(np.concatenate([x, X, x[:1]]) ** 3),
    "concatenate columns": lambda x: np.sum(np.concatenate([x, X], axis=1) ** 3),
    "stack": lambda x: np.sum(np.stack([x, X, x], axis=1) ** 3),
    "reshape": lambda x: np.sum((x.reshape(4, 3) @ X) ** 2) + x.reshape((-1,))[5],
    "transpose": lambda x: np.sum((x.T @ X) ** 2) + np.sum(np.transpose(x)[0] ** 2),
    "axes": lambda x: np.sum(np.moveaxis(x[None], 0, 2)[..., 0] * X**2 * x),
    "squeeze": lambda x: np.sum(np.squeeze(np.expand_dims(x, 1), 1) ** 2 * X),
    "iteration": lambda x: sum(np.sum(row) ** 2 for row in x) / len(x),
    "astype": lambda x: np.sum(x.astype(np.float64) ** 2),
    "shapes": lambda x: np.sum(x**2) / np.size(x) * np.shape(x)[0] * x.ndim,
    "zeros_like": lambda x: np.sum((x + np.zeros_like(x) + np.ones_like(x)) ** 2),
    "matrices times vector": lambda x: np.sum(np.exp(np.stack([x] * 3) @ W)),
    "vector times matrices": lambda x: np.sum(np.exp(x[:, 0] @ np.stack([x, X, -x]))),
    "matrix times matrices": lambda x: np.sum(np.exp(X.T @ np.stack([x, 2 * x]))),
    "dot with a number": lambda x: np.sum(np.dot(x, 2.0) ** 2),
    "axes counted from the end": lambda x: np.sum(
        np.transpose(x[:, :3], (-1, 0)) ** 2 * X[:, :3]
    ),
    "take_along_axis twice": lambda x: np.sum(
        np.take_along_axis(x, np.array([[0, 0, 3], [3, 1, 1], [1, 2, 1]]), 1) ** 3
    ),
    "take_along_axis for all rows": lambda x: np.sum(
        np.take_along_axis(x, np.array([[2, 2]]), -1) ** 3
    ),
    "clip by what is traced": lambda x: np.sum(
        np.clip(X, x - 0.1, None) ** 2 + np.clip(x, x[:1] - 0.2, a_max=0.3) ** 2
    ),
    "clip by name": lambda x: np.sum(np.clip(x, a_min=-0.5, a_max=0.5) ** 2),
    "comparisons": lambda x: np.sum(x * (x > 0) * (x <= 9) + x * (x != 0) - (x < 0)),
    "softmax": lambda x: lb.sparse_cross_entropy(
        [0, 3, 1], np.exp(x) / np.exp(x).sum(-1, keepdims=True)
    ),
    "a network": lambda x: lb.huber(np.ones(3), np.tanh(x @ X.T) @ W[:3] + x[0, 0]),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_ordinary_numpy_code_is_differentiated(name):
    program = PROGRAMS[name]
    with np.errstate(all="raise"):
        assert lb.check_gradient(program, X + 0.01) < 1e-6
    value, grad = lb.value_and_grad(program)(X)
    assert np.any(grad != 0)
    np.testing.assert_array_equal(value, program(X))


G = 3.0  # what comes from above
AT_EDGES = {
    "maximum of one and the same": (lambda x: np.maximum(x, x), 1.0, 1.0),
    "minimum of one and the same": (lambda x: np.minimum(x, x), 1.0, 1.0),
    "maximum at a tie": (lambda x: np.maximum(x, 1.0), 1.0, 0.5),
    "minimum at a tie": (lambda x: np.minimum(1.0, x), 1.0, 0.5),
    "maximum past a tie": (lambda x: np.maximum(x, 0.5), 1.0, 1.0),
    "max of ties": (lambda x: np.max(np.stack([x, x])), 1.0, 1.0),
    "clip at its lower end": (lambda x: np.clip(x, 0.0, 1.0), 0.0, 1.0),
    "clip at its upper end": (lambda x: np.clip(x, 0.0, 1.0), 1.0, 1.0),
    "absolute at 0": (np.abs, 0.0, 0.0),
    "sqrt at 0": (np.sqrt, 0.0, np.inf),
    "where of one and the same": (lambda x: np.where(x > 0, x, x), 1.0, 1.0),
    "power 0 of 0": (lambda x: x**0, 0.0, 0.0),
    "power 0.0 of 0": (lambda x: np.power(x, np.array(0.0)), 0.0, 0.0),
    "power 1 of 0": (lambda x: x**1, 0.0, 1.0),
    "power 2 of -3": (lambda x: x**2, -3.0, -6.0),
    "a power of 0": (lambda x: 0.0**x, 2.0, 0.0),
    "the 0th power of 0": (lambda x: 0.0**x, 0.0, 0.0),
    "steps": (lambda x: x.astype(int) * x, 2.5, 2.0),
}


@pytest.mark.filterwarnings("ignore:divide by zero")
@pytest.mark.filterwarnings("ignore:invalid value")
@pytest.mark.parametrize("name", AT_EDGES)
def test_at_an_edge_numpy_code_has_the_derivative_of_that_side_or_a_shared_one(name):
    program, at, slope = AT_EDGES[name]
    _, grad = lb.value_and_grad(lambda x: G * program(x))(at)
    assert grad == G * slope


@pytest.mark.parametrize("name", ["maximum of one and the same", "absolute at 0"])
def test_an_edge_has_the_derivative_of_torch(name):
    import torch

    theirs = {"absolute at 0": torch.abs}.get(name, lambda x: torch.maximum(x, x))
    program, at, _ = AT_EDGES[name]
    x = torch.tensor(at, requires_grad=True)
    theirs(x).backward()
    assert lb.value_and_grad(program)(at)[1] == x.grad.item()


@pytest.mark.filterwarnings("ignore:overflow")
def test_an_overflow_in_a_chain_of_numpy_code_is_nan_and_no_plausible_gradient():
    """Its cotangent of 0 comes from a division by inf: it says nothing."""
    far = np.array([-1e4])
    value, grad = lb.value_and_grad(lambda z: np.sum(np.log(1 + np.exp(-z))))(far)
    assert np.isinf(value) and np.isnan(grad).all()


def test_dot_of_many_matrices_is_refused_because_matmul_is_another_product():
    with pytest.raises(TypeError, match=r"np\.dot of arrays with more than two axes"):
        lb.value_and_grad(lambda x: np.sum(np.dot(x, np.ones((2, 4, 3)))))(X)


UNTRACEABLE = {
    "np.cumsum": np.cumsum,
    "np.einsum": lambda x: np.einsum("ij->", x),
    "np.linalg.norm": np.linalg.norm,
    "np.add.reduce": np.add.reduce,
    "np.arctan": lambda x: np.sum(np.arctan(x)),
    "np.exp into an array": lambda x: np.exp(x, out=np.zeros((3, 4))),
    "adding to an array": lambda x: np.zeros((3, 4)).__iadd__(x),
    "np.asarray": lambda x: np.sum(np.asarray(x)),
    "np.array of elements": lambda x: np.sum(np.array([x[0, 0], x[1, 1]])),
    "float": lambda x: float(x[0, 0]),
}


@pytest.mark.parametrize("name", UNTRACEABLE)
def test_what_cannot_be_traced_is_a_type_error_and_no_gradient_of_zero(name):
    with pytest.raises(TypeError, match=r"value_and_grad cannot|Traced|implementation"):
        lb.value_and_grad(UNTRACEABLE[name])(X)


def test_methods_that_cannot_be_traced_say_so():
    with pytest.raises(AttributeError, match=r"cannot differentiate.*\.cumsum"):
        lb.value_and_grad(lambda x: x.cumsum()[0])(X)
    assert "Traced" in repr(_seen_by(lambda x: x))


def _seen_by(look):
    seen = []
    lb.value_and_grad(lambda x: [seen.append(look(x)), np.sum(x)][1])(X)
    return seen[0]


# The functions that check


@on_every_backend
def test_numerical_gradient_is_central_differences(backend):
    x = array(backend, X)
    got = lb.numerical_gradient(lambda p: lb.mse(np.zeros((3, 4)), p), x)
    assert isinstance(got, np.ndarray)
    assert got.dtype == np.float64
    np.testing.assert_allclose(got, 2 * X / 12, rtol=1e-8)
    coarse = lb.numerical_gradient(lambda p: (p * p * p).sum(), X, step=1.0)
    np.testing.assert_allclose(coarse, 3 * X**2 + np.maximum(1, abs(X)) ** 2)


@on_every_backend
def test_check_gradient_passes_for_a_right_gradient(backend):
    y = array(backend, np.zeros((3, 4), np.float32))
    x = array(backend, X.astype(np.float32))
    assert lb.check_gradient(lambda p: lb.log_cosh(y, p), x) < 1e-2
    assert lb.check_gradient(lambda p: lb.log_cosh(y, p), array(backend, X)) < 1e-6


def half_of_its_gradient(backend):
    """Return a square whose gradient lacks the factor 2."""
    if backend == "torch":
        return lambda x: (x.detach() * x).sum()
    if backend == "tensorflow":
        import tensorflow as tf

        return lambda x: tf.reduce_sum(tf.stop_gradient(x) * x)
    if backend == "jax":
        return lambda x: (jax().lax.stop_gradient(x) * x).sum()
    return lambda x: np.sum(getattr(x, "value", x) * x)


@on_every_backend
def test_check_gradient_names_the_element_of_a_wrong_gradient(backend):
    x = array(backend, [[0.5, 3.0]])
    with pytest.raises(AssertionError, match=r"at \(0, 1\) is 3, central.*give 6"):
        lb.check_gradient(half_of_its_gradient(backend), x)
    assert lb.check_gradient(half_of_its_gradient(backend), x, rtol=2.0) > 0.9


MINIMA = [
    (lb.mse, {}, [1.0, 200.0], lambda y: y),
    (lb.log_cosh, {}, [1.0, -3.0], lambda y: y),
    (lb.poisson_nll, {"log_input": True}, [np.e, 2.0, 5000.0], np.log),
    (lb.binary_cross_entropy, {}, [0.3, 0.6], lambda y: y),
    (lb.binary_cross_entropy, LOGITS, [0.3, 0.6], lambda y: np.log(y / (1 - y))),
    (lb.cross_entropy, LOGITS, [0.3, 0.7], np.log),
]


@on_every_backend
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("loss", "options", "y", "best"), MINIMA)
def test_check_gradient_passes_at_a_minimum_where_the_gradient_is_rounding(
    loss, options, y, best, dtype, backend
):
    y = np.array(y)
    truth, pred = (array(backend, x.astype(dtype)) for x in (y, best(y)))
    lb.check_gradient(lambda p: 1 + loss(truth, p, **options), pred)


def test_check_gradient_sees_a_small_slope_that_is_wrong_at_a_minimum():
    import torch

    y = torch.tensor([1.0, 2.0], dtype=torch.float64)

    def tilted(p):
        return 1 + lb.mse(y, p) + 1e-8 * (p - p.detach()).sum()

    with pytest.raises(AssertionError, match=r"is 1e-08, central"):
        lb.check_gradient(tilted, y)


@pytest.mark.parametrize("half", ["bfloat16", "float16"])
def test_check_gradient_takes_half_precision(half):
    import torch

    y = torch.tensor([1.0, 2.0]).to(getattr(torch, half))
    assert lb.check_gradient(lambda p: lb.mse(y, p), y + 1) < 1e-2


@on_every_backend
def test_check_gradient_does_not_pass_nan(backend):
    x = array(backend, [1.0, np.nan])
    with pytest.raises(AssertionError, match="nan"):
        lb.check_gradient(lambda p: lb.mse(x * 0, p), x)


def test_a_partial_of_a_loss_is_differentiated_by_the_prediction_too():
    y, p = np.array([1.0, 2.0]), np.array([1.5, 5.0])
    _, plain = lb.value_and_grad(lb.huber)(y, p, delta=2.0)
    _, bound = lb.value_and_grad(partial(lb.huber, delta=2.0))(y, p)
    np.testing.assert_array_equal(bound, plain)


# Where it is used: pickled, in inference mode, with the parameters of a model


def test_a_gradient_function_is_pickled_and_copied():
    made = lb.value_and_grad(partial(lb.huber, delta=2.0))
    for again in (pickle.loads(pickle.dumps(made)), copy.deepcopy(made)):
        value, grad = again([0.0, 0.0], [1.0, 5.0])
        assert float(value) == 4.25
        assert grad.tolist() == [0.5, 1.0]


def test_the_position_may_be_counted_from_the_end():
    _, grad = lb.value_and_grad(lb.mse, argnum=-2)([1.0], [3.0])
    assert grad.tolist() == [-4.0]
    with pytest.raises(TypeError, match="positional argument -3"):
        lb.value_and_grad(lb.mse, argnum=-3)([1.0], [3.0])


@pytest.mark.parametrize("mode", ["inference_mode", "no_grad"])
@pytest.mark.parametrize("made", ["inside", "outside"])
def test_there_are_gradients_where_torch_follows_none(mode, made):
    import torch

    def arrays():
        return torch.zeros(3), torch.ones(3)

    args = arrays() if made == "outside" else None
    with getattr(torch, mode)():
        y, p = args or arrays()
        value, grad = lb.value_and_grad(lb.mse)(y, p, sample_weight=torch.ones(3))
        _, grads = lb.value_and_grad(lambda t: lb.mse([0.0] * 3, t["p"][0]))({"p": [p]})
    assert value.item() == 1
    assert grad.tolist() == pytest.approx([2 / 3] * 3)
    assert grads["p"][0].tolist() == pytest.approx([2 / 3] * 3)
    assert not grad.requires_grad and not grad.is_inference()


def test_what_inference_mode_made_has_gradients_outside_of_it_too():
    import torch

    with torch.inference_mode():
        y, p = torch.zeros(3), torch.ones(3)
    _, grad = lb.value_and_grad(lb.huber)(y, p)
    assert grad.tolist() == pytest.approx([1 / 3] * 3)
    assert p.is_inference() and y.is_inference()


def test_the_gradient_of_a_gather_is_dense():
    import tensorflow as tf

    table = tf.constant([[1.0], [2.0], [3.0]])

    def loss(tables):
        return tf.reduce_sum(tf.gather(tables["t"], [0, 0, 1]) ** 2)

    for evaluate in (lb.value_and_grad(loss), tf.function(lb.value_and_grad(loss))):
        _, grads = evaluate({"t": table})
        assert isinstance(grads["t"], tf.Tensor)
        assert grads["t"].numpy().ravel().tolist() == [4.0, 4.0, 0.0]


def test_nothing_of_a_torch_model_is_written_to():
    import torch

    model = torch.nn.Linear(2, 1)
    model.bias.requires_grad_(False)
    model.weight.grad = torch.full_like(model.weight, 7.0)
    x = torch.tensor([[1.0, 2.0]])
    params = dict(model.named_parameters())
    before = {k: p.detach().clone() for k, p in params.items()}

    def loss(p):
        return lb.mse(torch.zeros(1, 1), torch.func.functional_call(model, p, (x,)))

    value, grads = lb.value_and_grad(loss)(params)
    out = model(x).item()
    assert value.item() == pytest.approx(out**2)
    assert grads["weight"].tolist() == [pytest.approx([2 * out, 4 * out])]
    assert grads["bias"].tolist() == [pytest.approx(2 * out)]
    for name, p in params.items():
        assert torch.equal(p, before[name])
    assert model.weight.grad.tolist() == [[7.0, 7.0]]
    assert model.bias.grad is None
    assert model.weight.requires_grad and not model.bias.requires_grad


def test_the_parameters_of_a_model_may_come_one_by_one():
    import keras
    import torch

    model = torch.nn.Linear(2, 1)
    _, grads = lb.value_and_grad(lb.l2)(model.parameters())
    for grad, p in zip(grads, model.parameters(), strict=True):
        assert torch.equal(grad, 2 * p.detach())
    variables = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(2)]
    ).trainable_variables
    _, grads = lb.value_and_grad(lb.l2)(variables)
    for grad, variable in zip(grads, variables, strict=True):
        np.testing.assert_allclose(grad, 2 * variable.numpy())


def test_weights_in_a_partial_count_in_both_derivatives():
    weighted = partial(lb.mse, sample_weight=[5.0, 1.0])
    args = [1.0, 1.0], [2.0, 3.0]
    found = lb.gradient_hessian(weighted)(*args)
    np.testing.assert_array_equal(found, [[10.0, 4.0], [10.0, 2.0]])
    by_name = lb.gradient_hessian(lb.mse)(
        y_true=args[0], y_pred=args[1], sample_weight=[5.0, 1.0]
    )
    np.testing.assert_array_equal(found, by_name)


def test_a_tolerance_of_zero_is_taken_at_its_word():
    with pytest.raises(AssertionError, match="0 allowed"):
        lb.check_gradient(lambda p: lb.log_cosh([1.0], p), np.array([0.5]), rtol=0)
