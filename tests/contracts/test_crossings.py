"""Where a loss meets something else: autocast, graphs, weights of zero, wrong values.

Each rule of the page on semantics is held for every loss, value and gradient.
"""

import math
from functools import partial

import numpy as np
import pytest
import tensorflow as tf
import torch

import lossbook as lb

from ..backends import BACKENDS, array, jax, numpy_of
from ..cases import CASES, CLASSES, LABELS, LOGITS, OTHER, REAL, SHAPE, P

every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.label)
every_backend = pytest.mark.parametrize("backend", BACKENDS)
NAN = math.nan
HALF = pytest.mark.parametrize("half", [torch.bfloat16, torch.float16], ids=str)


def value_and_gradient(case, args, **options):
    fn = lb.value_and_grad(lambda p: case(args[0], p, *args[2:], **options))
    return [numpy_of(x) for x in fn(args[1])]


def same(got, expected, rtol=1e-6):
    for a, b in zip(got, expected, strict=True):
        np.testing.assert_allclose(numpy_of(a), numpy_of(b), rtol=rtol, atol=1e-9)


# --- what weighs nothing is not there -------------------------------------------------


def spoiled(case, backend):
    """Return arguments whose last sample is NaN wherever a NaN can stand."""
    args = [np.array(x) for x in case.inputs("numpy")]
    for place, x in enumerate(args):
        if x.dtype.kind == "f":
            args[place][-1] = NAN
        elif case.kind != LABELS:
            args[place] = x.astype(float)
            args[place][-1] = NAN
    return [array(backend, x) for x in args]


@every_backend
@every_case
def test_a_sample_that_weighs_nothing_is_not_there_even_if_it_is_nan(case, backend):
    samples = case.losses_shape[0]
    weight = np.linspace(1.0, 2.0, samples)
    without = [array(backend, numpy_of(x)[:-1]) for x in case.inputs(backend)]
    expected = value_and_gradient(case, without, sample_weight=weight[:-1])
    weight[-1] = 0
    value, gradient = value_and_gradient(
        case, spoiled(case, backend), sample_weight=array(backend, weight)
    )
    same((value, gradient[:-1]), expected)
    assert not gradient[-1].any()


@pytest.mark.parametrize("bad", [NAN, -math.inf, math.inf])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@every_backend
def test_a_row_whose_label_is_ignored_has_no_gradient(backend, smoothing, bad):
    z = array(backend, np.array([[1.0, 2.0, 0.5], [bad] * 3]))
    labels = array(backend, np.array([1, -100]))
    how = {"ignore_index": -100, "label_smoothing": smoothing, **LOGITS}
    value, gradient = lb.value_and_grad(lb.sparse_cross_entropy)(labels, z, **how)
    alone = lb.sparse_cross_entropy(labels[:1], z[:1], **how)
    same([value], [alone])
    assert np.isfinite(numpy_of(gradient)).all()
    assert not numpy_of(gradient)[1].any()


@every_backend
def test_embeddings_that_weigh_nothing_spoil_no_sum(backend):
    def f(x):
        return array(backend, np.array(x))

    good, bad = [[1.0, 0.0], [0.6, 0.8]], [[1.0, 0.0], [NAN, 0.8]]
    weight = f([1.0, 0.0])
    for loss, rest in (
        (lb.info_nce, [f(good)]),
        (lb.triplet, [f(good), f(good)]),
        (lb.linear_cross_entropy, [f(good), f([0, 1])]),
    ):
        expected = lb.value_and_grad(loss, 0)(f(good), *rest, sample_weight=weight)
        got = lb.value_and_grad(loss, 0)(f(bad), *rest, sample_weight=weight)
        same(got, expected)


@every_backend
def test_a_value_out_of_its_domain_is_not_looked_at_where_it_weighs_nothing(backend):
    y, p = (array(backend, np.array(x)) for x in ([1.0, 3.0], [0.5, 7.0]))
    weight = array(backend, np.array([1.0, 0.0]))
    loss = lb.value_and_grad(lb.binary_cross_entropy)
    value, gradient = loss(y, p, sample_weight=weight)
    same((value, gradient), (math.log(2), [-2.0, 0.0]))
    labels = array(backend, np.array([0, 7]))
    z = array(backend, np.zeros((2, 2)))
    value = lb.sparse_cross_entropy(labels, z, sample_weight=weight, **LOGITS)
    same([value], [math.log(2)])


def test_a_weight_of_zero_still_has_a_derivative():
    # Learning to reweight starts from weights of zero, and from their gradient.
    weight = torch.zeros(3, requires_grad=True)
    y, p = torch.zeros(3), torch.tensor([1.0, 2.0, 3.0])
    lb.mse(y, p, sample_weight=weight, reduction="sum").backward()
    assert weight.grad.tolist() == [1, 4, 9]


# --- where values cannot be looked at, a wrong one gives NaN --------------------------

WRONG = {
    "probabilities": (lb.binary_cross_entropy, [1.0, 1.0], [2.0, 0.5], {}),
    "probability of classes": (
        lb.cross_entropy,
        [[0.0, 1.0], [1.0, 0.0]],
        [[-1.0, 2.0], [0.5, 0.5]],
        {},
    ),
    "targets": (lb.binary_cross_entropy, [3.0, 1.0], [2.0, 0.5], LOGITS),
    "signs": (lb.hinge, [0.0, 1.0], [0.5, 0.5], {}),
    "squared signs": (lb.squared_hinge, [0.0, 1.0], [0.5, 0.5], {}),
    "logistic signs": (lb.logistic, [0.0, 1.0], [0.5, 0.5], {}),
    "soft targets of focal": (lb.focal, [1.5, 1.0], [0.5, 0.5], {}),
    "masks": (lb.dice, [[0.5, 1.0], [1.0, 0.0]], [[0.5, 0.5], [0.5, 0.5]], {}),
    "counts": (lb.poisson_nll, [-1.0, 1.0], [0.5, 0.5], {}),
    "rates": (lb.poisson_nll, [1.0, 1.0], [-0.5, 0.5], {}),
    "distributions": (
        lb.kl_divergence,
        [[0.0, 1.0], [1.0, 0.0]],
        [[-1.0, 2.0], [0.5, 0.5]],
        {},
    ),
    "labels": (lb.sparse_cross_entropy, [7, 0], [[1.0, 2.0], [0.5, 0.5]], LOGITS),
    "labels of probabilities": (
        lb.sparse_cross_entropy,
        [7, 0],
        [[0.4, 0.6], [0.5, 0.5]],
        {},
    ),
    "labels of margins": (lb.multiclass_hinge, [-1, 0], [[1.0, 2.0], [0.5, 0.5]], {}),
    "labels of focal": (lb.sparse_focal, [2, 0], [[0.4, 0.6], [0.5, 0.5]], {}),
    "weights": (lb.mse, [3.0, 1.0], [2.0, 4.0], {"sample_weight": [-1.0, 2.0]}),
}
each_wrong = pytest.mark.parametrize("name", WRONG)


@each_wrong
def test_torch_compile_makes_loss_and_gradient_nan(name):
    loss, y, p, how = WRONG[name]
    torch.compiler.reset()  # or it gives up: one function with so many closures
    how = {k: torch.tensor(v) if isinstance(v, list) else v for k, v in how.items()}
    compiled = torch.compile(lambda y, p: loss(y, p, **how), backend="aot_eager")
    p = torch.tensor(p, requires_grad=True)
    value = compiled(torch.tensor(y), p)
    value.backward()
    assert value.isnan()
    assert p.grad[0].isnan().any()
    with pytest.raises(ValueError, match=r"must|labels"):
        loss(torch.tensor(y), p, **how)


@each_wrong
def test_xla_gives_nan_and_a_graph_says_why(name):
    loss, y, p, how = WRONG[name]
    y, p = tf.constant(y), tf.constant(p)

    def gradients(y, p):
        with tf.GradientTape() as tape:
            tape.watch(p)
            value = loss(y, p, **how)
        return value, tape.gradient(value, p)

    if name != "weights":  # constants in a graph, which are looked at
        value, gradient = tf.function(gradients, jit_compile=True)(y, p)
        assert np.isnan(value)
        assert np.isnan(gradient[0]).any()
    with pytest.raises((tf.errors.InvalidArgumentError, ValueError), match="must"):
        tf.function(gradients)(y, p)


@pytest.mark.parametrize("name", ["targets", "signs", "logistic signs", "masks"])
@pytest.mark.parametrize("graph", ["tf.function", "XLA", "jit"])
def test_a_wrong_truth_that_is_a_constant_of_a_graph_is_refused(graph, name):
    loss, y, p, how = WRONG[name]
    backend = "jax" if graph == "jit" else "tensorflow"
    y = np.array(y)
    for truth in (y, np.concatenate([np.full_like(y, np.nan), y])):
        run = partial(loss, array(backend, truth), **how)
        if graph == "jit":
            run = jax().jit(run)
        else:
            run = tf.function(run, jit_compile=graph == "XLA")
        with pytest.raises(ValueError, match="must"):
            run(array(backend, np.resize(p, truth.shape)))


def test_vmap_makes_a_wrong_probability_nan():
    p = torch.tensor([2.0, 0.5])
    value = torch.func.vmap(lb.binary_cross_entropy)(torch.ones(2), p)
    assert value[0].isnan()
    assert value[1] == pytest.approx(math.log(2))


@every_backend
def test_rounding_above_one_is_no_fault_and_more_is_shown_with_its_digits(backend):
    one = np.float32(1) + np.float32(2**-22)
    p = array(backend, np.array([one]))
    assert float(lb.binary_cross_entropy(np.ones(1, np.float32), p)) == 0
    p = array(backend, np.array([1.0000001]))
    with pytest.raises(ValueError, match=r"from 1\.0000001 to 1\.0000001"):
        lb.binary_cross_entropy(np.ones(1), p)


# --- autocast changes nothing inside a loss -------------------------------------------


@HALF
@every_case
def test_autocast_changes_neither_value_nor_gradient(case, half):
    args = case.inputs("torch", np.float32)
    expected = value_and_gradient(case, args)
    with torch.autocast("cpu", half):
        inside = value_and_gradient(case, args)
    same(inside, expected, rtol=0)
    p = args[1].clone().requires_grad_()
    with torch.autocast("cpu", half):
        value = case(args[0], p, *args[2:])
    value.backward()
    same((value, p.grad), expected, rtol=0)


@HALF
@pytest.mark.parametrize("inside", [True, False])
def test_autocast_leaves_products_of_matrices_alone(half, inside):
    a = torch.tensor([[1.0, 0.0], [0.6, 0.8]], requires_grad=True)
    b = torch.tensor([[0.8, 0.6], [0.6, 0.8]])
    labels = torch.tensor([0, 1])
    for loss in (
        lambda: lb.info_nce(a, b, temperature=0.01, reduction="none"),
        lambda: lb.linear_cross_entropy(100 * a, b, labels, reduction="none"),
        lambda: lb.linear_cross_entropy(100 * a, b, labels),
    ):
        expected = loss().sum()
        (plain,) = torch.autograd.grad(expected, a)
        with torch.autocast("cpu", half):
            value = loss().sum()
            if inside:
                (gradient,) = torch.autograd.grad(value, a)
        if not inside:
            (gradient,) = torch.autograd.grad(value, a)
        same((value, gradient), (expected, plain), rtol=0)


def test_half_precision_weights_work_inside_autocast():
    torch.manual_seed(0)
    h, w = torch.randn(6, 8), torch.randn(11, 8).bfloat16()
    labels = torch.arange(6)
    for reduction in ("mean", "sum", "none"):
        expected = lb.linear_cross_entropy(h, w, labels, reduction=reduction)
        with torch.autocast("cpu", torch.bfloat16):
            got = lb.linear_cross_entropy(h, w, labels, reduction=reduction)
        assert torch.equal(got, expected)


def test_equal_rows_pull_nowhere_although_their_shares_underflow_in_half_precision():
    h = torch.zeros(1024, 1, requires_grad=True)
    labels = torch.zeros(1024, dtype=torch.long)
    with torch.autocast("cpu", torch.float16):
        loss = lb.linear_cross_entropy(h, torch.ones(40_000, 1), labels)
        loss.backward()
    assert h.grad.abs().max() < 1e-3 / 1024


# --- integers, large sums, empty batches ----------------------------------------------


@every_backend
@pytest.mark.parametrize("loss", [lb.zero_one, lb.mae, lb.mse, lb.huber, lb.rmse])
def test_integers_are_compared_as_integers(loss, backend):
    a, b = (array(backend, np.array([x])) for x in (2**24 + 1, 2**24))
    expected = 0.5 if loss is lb.huber else 1.0
    assert float(loss(a, b)) == expected


@every_backend
@pytest.mark.parametrize("weighted", [False, True])
def test_thirty_million_losses_have_their_mean_to_the_last_digits(backend, weighted):
    n = 30_000_000 // (4 if weighted else 1)
    p = array(backend, np.full(n, 0.1, np.float32))
    zeros = array(backend, np.zeros(n, np.float32))
    weight = array(backend, np.ones(n, np.float32)) if weighted else None
    got = float(lb.mae(zeros, p, sample_weight=weight))
    tenth = float(np.float32(0.1))
    assert abs(got - tenth) <= 4 * np.spacing(np.float32(0.1))


@every_backend
def test_an_empty_batch_has_no_mean_a_sum_of_zero_and_no_losses(backend):
    empty = array(backend, np.zeros((0, 3)))
    labels = array(backend, np.zeros(0, np.int64))
    for loss, y in ((lb.mse, empty), (lb.sparse_cross_entropy, labels)):
        how = LOGITS if loss is lb.sparse_cross_entropy else {}
        with pytest.raises(ValueError, match="empty"):
            loss(y, empty, **how)
        assert float(loss(y, empty, reduction="sum", **how)) == 0
        assert 0 in loss(y, empty, reduction="none", **how).shape
    _, gradient = lb.value_and_grad(lb.mse)(empty, empty, reduction="sum")
    assert tuple(gradient.shape) == (0, 3)


def test_the_sum_of_an_empty_batch_has_a_graph_behind_it():
    z = torch.zeros(0, 3, requires_grad=True)
    lb.sparse_cross_entropy(
        torch.zeros(0, dtype=torch.long), z, reduction="sum", **LOGITS
    ).backward()
    assert z.grad.shape == (0, 3)


# --- one function, many ways to differentiate it --------------------------------------


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_a_function_of_rows_has_one_gradient_in_every_transform(reduction, monkeypatch):
    from lossbook.backends import torch as xp
    from lossbook.losses.surprise import LOGIT_SURPRISE

    monkeypatch.setattr(xp, "KERNELS", {})  # the function itself

    labels, z = torch.tensor([0, 2, 1, 2]), torch.tensor(REAL)

    def loss(z):
        if reduction == "none":
            return LOGIT_SURPRISE.losses(xp, labels, z).sum()
        return LOGIT_SURPRISE.reduced(xp, labels, z, reduction=reduction)

    expected = (torch.softmax(z, -1) - torch.eye(3)[labels]).double()
    expected = expected / (4 if reduction == "mean" else 1)
    leaf = z.clone().requires_grad_()
    loss(leaf).backward()
    torch.testing.assert_close(leaf.grad, expected)
    compiled = z.clone().requires_grad_()
    torch.compile(loss, backend="aot_eager")(compiled).backward()
    torch.testing.assert_close(compiled.grad, expected)
    torch.testing.assert_close(torch.func.grad(loss)(z), expected)
    tangent = torch.tensor(OTHER)
    _, change = torch.func.jvp(loss, (z,), (tangent,))
    torch.testing.assert_close(change, (expected * tangent).sum())


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("how", [{}, {"jit_compile": True}])
def test_a_function_of_rows_has_one_gradient_in_every_graph(reduction, how):
    labels, z = tf.constant([0, 2, 1, 2]), tf.constant(REAL)

    def gradient(z):
        with tf.GradientTape() as tape:
            tape.watch(z)
            value = lb.multiclass_hinge(labels, z, reduction=reduction)
        return tape.gradient(value, z)

    expected = gradient(z)
    same([tf.function(gradient, **how)(z), gradient(z)], [expected, expected])
    numpy = lb.value_and_grad(lb.multiclass_hinge)
    if reduction != "none":
        _, plain = numpy(np.array([0, 2, 1, 2]), REAL, reduction=reduction)
        same([expected], [plain])


@pytest.mark.parametrize("loss", [lb.log_cosh, lb.mse, lb.binary_cross_entropy])
def test_dual_numbers_carry_the_derivative(loss):
    from torch.autograd import forward_ad

    y, p = torch.tensor([0.0, 1.0]), torch.tensor([0.25, 0.5])
    _, gradient = lb.value_and_grad(loss)(y, p)
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(p, torch.tensor([1.0, -2.0]))
        change = forward_ad.unpack_dual(loss(y, dual)).tangent
    torch.testing.assert_close(change, gradient[0] - 2 * gradient[1])


def test_dual_numbers_pass_a_linear_layer():
    from torch.autograd import forward_ad

    torch.manual_seed(0)
    h, w, labels = torch.randn(3, 4), torch.randn(5, 4), torch.tensor([0, 4, 2])
    direction = torch.randn(3, 4)
    _, gradient = lb.value_and_grad(lb.linear_cross_entropy, 0)(h, w, labels)
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(h, direction)
        loss = lb.linear_cross_entropy(dual, w, labels)
        change = forward_ad.unpack_dual(loss).tangent
    torch.testing.assert_close(change, (gradient * direction).sum())


# --- graphs that TensorFlow keeps -----------------------------------------------------


def test_a_parameter_that_changes_with_each_step_makes_no_graph_a_step():
    from lossbook.backends.tensorflow.graphs import GRAPHS, PATIENCE

    y, z = tf.constant([0.0, 1.0, 1.0]), tf.constant([0.5, -0.5, 3.0])
    before = len(GRAPHS)
    for epoch in range(2):
        for gamma in np.linspace(0.5, 3.0, 40):
            got = lb.focal(y, z, gamma=float(gamma), **LOGITS)
            if epoch:
                plain = lb.focal(y.numpy(), z.numpy(), gamma=float(gamma), **LOGITS)
                np.testing.assert_allclose(got, plain, rtol=2e-6)
    assert len(GRAPHS) - before <= PATIENCE + 1


# --- what a search for more crossings found -------------------------------------------


def test_forward_mode_sees_the_derivative_by_the_target():
    y, z, p = (
        torch.tensor(x) for x in ([1.0, 0, 1], [0.3, -2.0, 1.5], [0.2, 0.5, 0.9])
    )
    for pred, how in ((z, LOGITS), (p, {})):
        forwards = torch.func.jacfwd(
            lambda y, p=pred, h=how: lb.binary_cross_entropy(y, p, **h)
        )
        backwards = torch.func.jacrev(
            lambda y, p=pred, h=how: lb.binary_cross_entropy(y, p, **h)
        )
        assert backwards(y).any()
        torch.testing.assert_close(forwards(y), backwards(y))


def test_forward_mode_is_right_where_target_and_probability_are_both_0_or_1():
    for y, p, expected in ((0.0, 0.0, 1.0), (1.0, 1.0, -1.0)):
        y, p = torch.tensor([y]), torch.tensor([p])
        one = torch.ones(1)
        _, change = torch.func.jvp(
            lambda p, y=y: lb.binary_cross_entropy(y, p), (p,), (one,)
        )
        assert change == expected


@pytest.mark.parametrize(
    ("loss", "y", "p", "expected"),
    [
        (lb.poisson_nll, 2.0, 2.0, 0.5),
        (lb.binary_cross_entropy, 0.5, 0.5, 4.0),
        (lb.binary_cross_entropy, 0.0, 0.0, 1.0),
        (lb.binary_cross_entropy, 1.0, 1.0, 1.0),
    ],
)
def test_the_second_derivative_is_right_where_prediction_and_truth_agree(
    loss, y, p, expected
):
    leaf = torch.tensor([p, 0.25], requires_grad=True)
    total = loss(torch.tensor([y, 0.5]), leaf, reduction="sum")
    (slope,) = torch.autograd.grad(total, leaf, create_graph=True)
    (curvature,) = torch.autograd.grad(slope.sum(), leaf)
    assert curvature[0] == pytest.approx(expected)
    hessian = torch.func.hessian(lambda p: loss(torch.tensor([y]), p))
    assert hessian(torch.tensor([p])).item() == pytest.approx(expected)


def test_integers_of_unlike_and_small_width_do_not_overflow():
    far = lb.mae(tf.constant([2_000_000_000]), tf.constant([-2_000_000_000]))
    assert float(far) == 4e9
    assert float(lb.mae(tf.constant([1]), tf.constant([2], tf.int64))) == 1
    assert float(lb.zero_one([1, 2], tf.constant([1, 2]))) == 0
    assert float(lb.mae(np.array([1], np.uint8), np.array([3], np.uint8))) == 2


def test_a_negative_weight_of_the_whole_makes_the_mean_nan_where_it_is_not_seen():
    compiled = torch.compile(lb.global_mean, backend="aot_eager")
    assert compiled(torch.tensor(4.0), torch.tensor(-2.0)).isnan()
    graph = tf.function(lb.global_mean, jit_compile=True)
    assert np.isnan(graph(tf.constant(4.0), tf.constant(-2.0)))


def test_autocast_of_the_backward_pass_alone_changes_nothing():
    torch.manual_seed(0)
    a, b = torch.randn(64, 4, requires_grad=True), torch.randn(64, 4)
    value = lb.info_nce(a, b, temperature=1.0)
    (plain,) = torch.autograd.grad(value, a, retain_graph=True)
    with torch.autocast("cpu", torch.float16):
        (inside,) = torch.autograd.grad(value, a)
    assert torch.equal(plain, inside)


@pytest.mark.parametrize("how", [{"ignore_index": -100}, {"sample_weight": [1.0, 0.0]}])
def test_what_counts_nothing_does_not_spoil_the_gradient_of_class_weights(how):
    weight = torch.tensor([1.0, 2.0, 0.5], requires_grad=True)
    labels = torch.tensor([1, -100 if "ignore_index" in how else 0])
    z = torch.tensor([[1.0, 2.0, 0.5], [NAN] * 3])
    how = {**how, "class_weight": weight, "reduction": "sum", **LOGITS}
    lb.sparse_cross_entropy(labels, z, **how).backward()
    expected = lb.sparse_cross_entropy(labels[:1], z[:1], **LOGITS)
    torch.testing.assert_close(weight.grad, torch.tensor([0, expected.item(), 0]))


@pytest.mark.parametrize("framework", [torch, tf])
def test_a_sample_of_nan_that_weighs_nothing_spoils_no_gradient_penalty(framework):
    make = torch.tensor if framework is torch else tf.constant
    real, fake = make([[1.0, 2.0], [NAN, 1.0]]), make([[0.0, 1.0], [1.0, 1.0]])
    square = (
        (lambda x: (x * x).sum(1))
        if framework is torch
        else (lambda x: tf.reduce_sum(x * x, 1))
    )
    got = lb.gradient_penalty(
        square, real, fake, mix=0.5, sample_weight=make([1.0, 0.0])
    )
    expected = lb.gradient_penalty(square, real[:1], fake[:1], mix=0.5)
    same([got], [expected])


@every_backend
def test_hidden_states_that_overflow_but_weigh_nothing_are_not_there(backend):
    h, w = ([[1.0, 0.0], [3e38, 3e38]], [[10.0, 0.0], [0.0, 10.0]])
    h, w = (array(backend, np.array(x, np.float32)) for x in (h, w))
    labels = array(backend, np.array([0, 1]))
    weight = array(backend, np.array([1.0, 0.0], np.float32))
    got = lb.linear_cross_entropy(h, w, labels, sample_weight=weight)
    same([got], [lb.linear_cross_entropy(h[:1], w, labels[:1])])


@every_backend
def test_an_empty_batch_of_vectors_has_a_sum(backend):
    empty = array(backend, np.zeros((0, 2)))
    layer = array(backend, np.ones((4, 2)))
    labels = array(backend, np.zeros(0, np.int64))
    assert float(lb.linear_cross_entropy(empty, layer, labels, reduction="sum")) == 0
    assert float(lb.info_nce(empty, empty, reduction="sum")) == 0


def test_smoothing_all_of_the_target_leaves_nothing_of_an_infinite_loss():
    z = [[-math.inf, 0.0]]
    got = lb.sparse_cross_entropy([0], z, label_smoothing=1.0, **LOGITS)
    assert got == math.inf
    p = [[0.0, 1.0]]
    assert lb.sparse_cross_entropy([0], p, label_smoothing=1.0) == math.inf


def test_weights_fit_sequences_of_any_length():
    spec = [tf.TensorSpec((None, None, 3))] * 2 + [tf.TensorSpec((None, None))]

    @tf.function(input_signature=spec)
    def loss(y, p, w):
        return lb.mse(y, p, sample_weight=w)

    ones = tf.ones((2, 4, 3))
    assert float(loss(ones, 3 * ones, tf.ones((2, 4)))) == 4


def test_a_jacobian_is_computed_in_one_batch():
    x = torch.tensor([0.5, -2.0])
    jacobian = torch.autograd.functional.jacobian(
        lambda p: lb.log_cosh(torch.zeros(2), p, reduction="none"), x, vectorize=True
    )
    torch.testing.assert_close(jacobian, torch.diag(torch.tanh(x)))


def test_the_shape_of_a_case_is_what_the_tests_above_cut():
    assert {case.losses_shape[0] for case in CASES if case.kind == CLASSES} == {4}
    assert P.shape == SHAPE


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.label)
def test_a_loss_in_a_branch_of_a_graph_has_a_gradient_from_outside(case):
    truth, pred, *rest = case.inputs("tensorflow")

    @tf.function
    def branch(on, pred):
        return tf.cond(
            on, lambda: case(truth, pred, *rest), lambda: tf.zeros([], pred.dtype)
        )

    with tf.GradientTape() as tape:
        tape.watch(pred)
        value = branch(tf.constant(True), pred)
    expected = value_and_gradient(case, case.inputs("tensorflow"))
    same((value, tape.gradient(value, pred)), expected)


def test_what_numpy_would_do_behind_the_tape_is_refused():
    def of_complex(x):
        return lb.mse(np.zeros(2), np.abs(x * (1 + 1j)))

    def of_part(x):
        double = 2 * x
        part = double[:1]
        part *= 3.0  # on NumPy's own arrays this changes `double`
        return lb.mse(np.zeros(2), double)

    def of_name(x):
        double = 2 * x
        double += x
        return lb.mse(np.zeros(2), double)

    x = np.array([0.5, 2.0])
    for function, words in ((of_complex, "complex"), (of_part, "in place")):
        with pytest.raises(TypeError, match=words):
            lb.value_and_grad(function)(x)
    assert lb.value_and_grad(of_name)(x)[1].tolist() == [4.5, 18.0]
