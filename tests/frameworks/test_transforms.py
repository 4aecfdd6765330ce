"""Losses under torch.compile, torch.func, vmap, tf.function and XLA.

`test_contexts.py` goes through all losses; here stands what is special to a transform.
"""

import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
import torch

import lossbook as lb

from ..backends import array, needs_inductor, numpy_of
from ..cases import (
    CASES,
    ELEMENTS,
    LABEL,
    LABELS,
    LOGITS,
    MASKS,
    REAL,
    SHAPE,
    P,
    one_a_loss,
)

every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.label)
# Of a single row log_loss is another loss: of the probabilities of label 1.
each_row = pytest.mark.parametrize(
    "case", [c for c in CASES if c.loss != "log_loss"], ids=lambda case: case.label
)
FRAMEWORKS = ("torch", "tensorflow")
WEIGHT = np.array([1.0, 0.0, 2.0, 0.5])


def value_and_slope(case, backend):
    """Return what the loss gives eagerly, with weights."""
    truth, pred, *rest = case.inputs(backend)
    weight = array(backend, WEIGHT[: case.losses_shape[0]])
    loss = lb.value_and_grad(lambda p: case(truth, p, *rest, sample_weight=weight))
    return loss(pred)


def same(got, expected):
    for a, b in zip(got, expected, strict=True):
        np.testing.assert_allclose(numpy_of(a), numpy_of(b), rtol=1e-10, atol=1e-14)


# PyTorch


@needs_inductor
def test_inductor_takes_every_loss_into_one_graph():
    cases = one_a_loss()  # each with all its options takes it two minutes
    inputs = [case.inputs("torch") for case in cases]
    weights = [torch.tensor(WEIGHT[: case.losses_shape[0]]) for case in cases]
    for _, pred, *_ in inputs:
        pred.requires_grad_()

    @torch.compile(fullgraph=True, backend="inductor")
    def evaluate(inputs, weights):
        return [
            case(*args, sample_weight=weight)
            for case, args, weight in zip(cases, inputs, weights, strict=True)
        ]

    losses = evaluate(inputs, weights)
    torch.autograd.backward(losses)
    for case, loss, (_, pred, *_) in zip(cases, losses, inputs, strict=True):
        same((loss, pred.grad), value_and_slope(case, "torch"))


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name", ["mse", "logistic", "binary_cross_entropy"])
def test_torch_compile_takes_rows_whose_number_only_the_values_tell(name, reduction):
    labels, z = torch.tensor([1.0, -1, 1, 0]), torch.tensor([0.5, 5, 0.25, 0])
    loss = getattr(lb, name)
    torch.compiler.reset()  # or it gives up: one function of so many losses

    def labelled(labels, z):
        keep = (labels > 0).nonzero()[:, 0]
        return loss(labels[keep], z[keep], reduction=reduction)

    with torch._dynamo.config.patch(capture_dynamic_output_shape_ops=True):
        compiled = torch.compile(labelled, fullgraph=True, backend="eager")
        found = compiled(labels, z)
    torch.testing.assert_close(found, labelled(labels, z))


def test_torch_compile_takes_unknown_batch_sizes_and_options_that_are_arrays():
    weight = np.array([1.0, 2.0, 0.5])

    @torch.compile(fullgraph=True, backend="eager", dynamic=True)
    def evaluate(labels, z):
        sparse = lb.sparse_cross_entropy(labels, z, class_weight=weight, **LOGITS)
        return sparse + lb.mse(0.5, z.sum()) + lb.huber([[0.0] * 3] * 2, z[:2])

    for n in (2, 5, 7):
        z = torch.tensor(np.random.default_rng(n).normal(size=(n, 3)))
        labels = torch.arange(n) % 3
        expected = lb.sparse_cross_entropy(labels, z, class_weight=weight, **LOGITS)
        expected = expected + lb.mse(0.5, z.sum()) + lb.huber(np.zeros((2, 3)), z[:2])
        np.testing.assert_allclose(evaluate(labels, z), expected)


@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize(
    "wrong",
    [np.ma.masked_array([1.0, 2.0], [True, False]), np.array([1j, 2.0]), [1j, 2.0]],
    ids=["masked", "complex", "list"],
)
def test_torch_compile_refuses_what_would_lose_a_mask_or_a_part(wrong, full):
    compiler = torch.compile(fullgraph=full, backend="eager")
    pred = torch.ones(2)
    refused = (TypeError, torch._dynamo.exc.Unsupported) if full else TypeError
    with pytest.raises(refused):
        compiler(lambda y, p: lb.mse(y, p))(wrong, pred)
    with pytest.raises(refused):
        compiler(lambda p: lb.mse(wrong, p))(pred)
    with pytest.raises(refused):
        compiler(lambda p, w: lb.mse(p, p, sample_weight=w))(pred, wrong)


def test_torch_compile_takes_a_loss_that_was_never_called_before():
    # In a new process: the backend is then found for the first time while tracing.
    code = (
        "import torch, lossbook as lb, numpy as np\n"
        "from torch._dynamo.testing import CompileCounter\n"
        "count = CompileCounter()\n"
        "f = lambda y, p: lb.huber(y, p)\n"
        "f = torch.compile(f, fullgraph=True, backend=count)\n"
        "y = torch.zeros(4)\n"
        "assert float(f(y, y + 1)) == 0.5\n"
        "f(y, y)\n"
        "before = count.frame_count\n"
        "lb.mse([1.0], [2.0]); lb.mse(np.zeros(2), np.float32([1, 2]))\n"
        "lb.mse(1, 2.0)\n"
        "f(y, y)\n"
        "assert count.frame_count == before, 'compiled again'\n"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)


def test_torch_compile_still_refuses_shapes_that_differ():
    compiled = torch.compile(lb.mse, backend="eager")
    with pytest.raises(Exception, match="same shape"):
        compiled(torch.zeros(1), torch.zeros(4))


def test_torch_compile_does_not_ignore_the_label_that_torch_ignores():
    @torch.compile(fullgraph=True, backend="eager")
    def loss(labels, z):
        return lb.sparse_cross_entropy(labels, z, **LOGITS)

    labels = torch.tensor([0, -100, 2, 1])
    assert loss(labels, torch.tensor(REAL)).isnan()


def test_torch_compile_takes_losses_that_need_no_gradient():
    y, p = torch.tensor([0.0, 1.0]), torch.tensor([0.25, 0.5], requires_grad=True)

    def loss(p):
        robust = lb.adaptive_robust(y, p, alpha=1.0)
        return lb.binary_cross_entropy(y, p) + lb.gaussian_nll(y, p, p) + robust

    compiled = torch.compile(loss, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(p.detach()), loss(p.detach()))
    with torch.no_grad():
        torch.testing.assert_close(compiled(p), loss(p))


def test_torch_compile_takes_torch_func_grad():
    def loss(z):  # which reaches two inputs of gaussian_nll, one of them as it is
        soft = lb.gaussian_nll(torch.zeros(3), z, z * z + 1) + lb.gaussian_nll(z, z, z)
        return soft + lb.binary_cross_entropy(torch.zeros(3), z, from_logits=True)

    z = torch.tensor([0.5, 1.0, 2.0])
    slope = torch.compile(torch.func.grad(loss), fullgraph=True, backend="eager")
    torch.testing.assert_close(slope(z), torch.func.grad(loss)(z))

    def at_zero(z):
        return lb.binary_cross_entropy(torch.zeros(3), z, from_logits=True)

    slope = torch.compile(torch.func.grad(at_zero), fullgraph=True, backend="eager")
    torch.testing.assert_close(slope(z * 0), torch.full((3,), 0.5 / 3))


@pytest.mark.filterwarnings(
    "ignore::torch.jit.TracerWarning"
)  # shapes become constants
def test_torch_jit_trace_does_not_keep_what_held_for_the_first_values_only():
    y = torch.tensor([0.0, 1.0])
    traced = torch.jit.trace(
        lambda p: lb.binary_cross_entropy(y, p), (y * 0 + 0.5,), check_trace=False
    )
    assert traced(y) == 0


def of_one(case):
    """Return the loss of one sample; masks come in batches, and be it of one."""
    if case.kind != MASKS:
        return case
    return lambda y, p: case(y[None], p[None])


@each_row
def test_vmap_over_samples(case):
    args = case.inputs("torch")
    expected = case(*args, reduction="none")
    if expected.dim() > 1:
        expected = expected.mean(-1)
    if case.loss == "rmse":
        expected = case(*args, reduction="none").square().mean(-1).sqrt()
    if {"class_weight", "ignore_index"} & set(case.options):
        expected = torch.stack([case(*(x[i] for x in args)) for i in range(4)])
    loss = of_one(case)
    got = torch.func.vmap(lambda *row: loss(*row))(*args)
    torch.testing.assert_close(got, expected)


@each_row
def test_gradients_of_single_samples(case):
    args = case.inputs("torch")
    loss = of_one(case)
    grads = torch.func.vmap(torch.func.grad(lambda y, p, *r: loss(y, p, *r), argnums=1))
    for i, got in enumerate(grads(*args)):
        row = [x[i] for x in args]
        expected = lb.value_and_grad(lambda *r: loss(*r), argnum=1)(*row)[1]
        torch.testing.assert_close(got, expected)


@pytest.mark.parametrize(
    "case",
    [c for c in CASES if c.by_truth and c.loss != "poisson_nll"],
    ids=lambda case: case.label,
)
def test_torch_func_grad_by_the_truth(case):
    args = case.inputs("torch")
    got = torch.func.grad(lambda y, *rest: case(y, *rest))(*args)
    truth = args[0].requires_grad_()
    case(*args).backward()
    torch.testing.assert_close(got, truth.grad)
    assert got.any()


def test_the_truth_is_not_differentiated_where_it_needs_no_gradient():
    y, p = torch.zeros(3), torch.ones(3, requires_grad=True)
    lb.mse(y, p).backward()
    assert y.grad is None
    assert p.grad is not None


def of_one_row(case):
    """Return the loss of one row as a function, its prediction, and a direction."""
    truth, pred, *rest = case.inputs("torch")
    row = [truth[0], *(x[0] for x in rest)]
    v = torch.tensor(np.random.default_rng(5).normal(size=pred[0].shape))
    return lambda p: of_one(case)(row[0], p, *row[1:]), pred[0], v


@each_row
def test_torch_func_jvp_and_hessian(case):
    loss, p, v = of_one_row(case)
    value, slope = torch.func.jvp(loss, (p,), (v,))
    grad = torch.func.grad(loss)(p)
    torch.testing.assert_close(slope, (grad * v).sum())
    hessian = torch.func.hessian(loss)(p)
    by_hand = torch.autograd.functional.hessian(loss, p)
    torch.testing.assert_close(hessian, by_hand)
    assert value.shape == ()


@each_row
def test_torch_differentiates_forwards_twice_and_forwards_over_backwards(case):
    loss, p, v = of_one_row(case)

    def along(f, p):
        return torch.func.jvp(f, (p,), (v,))[1]

    hessian = torch.autograd.functional.hessian(loss, p)
    bend = hessian.reshape(v.numel(), -1) @ v.reshape(-1)
    product = along(torch.func.grad(loss), p)
    torch.testing.assert_close(product.reshape(-1), bend)
    twice = along(lambda q: along(loss, q), p)
    torch.testing.assert_close(twice, bend @ v.reshape(-1))


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_torch_takes_class_weights_and_targets_that_alone_are_mapped_or_dual(reduction):
    z = torch.tensor(np.random.default_rng(6).normal(size=(5, 3)))
    labels, p = torch.tensor([0, 1, 2, 1, 0]), torch.tensor([0.2, 0.7]).double()
    weights = torch.tensor(np.random.default_rng(7).uniform(0.1, 2, (4, 3)))
    options = {"reduction": reduction, "from_logits": True}

    def weighted(w):
        return lb.sparse_cross_entropy(labels, z, class_weight=w, **options)

    one_by_one = torch.stack([weighted(w) for w in weights])
    torch.testing.assert_close(torch.func.vmap(weighted)(weights), one_by_one)
    backwards = torch.func.jacrev(weighted)(weights[0])
    assert backwards.any()
    torch.testing.assert_close(torch.func.jacfwd(weighted)(weights[0]), backwards)

    def by_truth(y):
        return lb.binary_cross_entropy(y, p, reduction=reduction)

    truths = torch.tensor([[1.0, 0.0], [0.0, 1.0]]).double()
    one_by_one = torch.stack([by_truth(y) for y in truths])
    torch.testing.assert_close(torch.func.vmap(by_truth)(truths), one_by_one)


# TensorFlow


@pytest.mark.parametrize("n", [3, 20_000])
def test_constants_of_a_graph_are_checked_when_it_is_traced(n):
    z = tf.zeros(n)

    def loss(y):
        return tf.function(lambda z: lb.binary_cross_entropy(y, z, **LOGITS))(z)

    np.testing.assert_allclose(loss(tf.ones(n)), np.log(2), rtol=1e-4)
    with pytest.raises(ValueError, match="y_true must lie in"):
        loss(tf.fill([n], 2.0))


UNKNOWN = tf.TensorSpec([None], tf.float32)


@pytest.mark.parametrize("jit_compile", [False, True], ids=["graph", "xla"])
def test_a_graph_asks_before_it_mends_and_xla_which_would_be_cut_in_two_does_not(
    jit_compile,
):
    @tf.function(input_signature=[UNKNOWN] * 2, jit_compile=jit_compile)
    def loss(y, rate):
        return lb.poisson_nll(y, rate)

    operations = loss.get_concrete_function().graph.get_operations()
    branches = {op.type for op in operations} & {"If", "StatelessIf"}
    assert bool(branches) != jit_compile


@pytest.mark.parametrize("jit_compile", [False, True], ids=["graph", "xla"])
@pytest.mark.parametrize(
    "sizes", [(1, 4, 4), (4, 1, 1), (3, 4, 4), (4, 4, 1), (4, 4, 3)]
)
def test_shapes_that_turn_out_to_differ_fail_when_the_graph_runs(sizes, jit_compile):
    @tf.function(input_signature=[UNKNOWN] * 3, jit_compile=jit_compile)
    def loss(y, p, weight):
        return lb.mae(y, p, sample_weight=weight)

    assert loss(*(tf.ones(4) for _ in sizes)) == 0
    with pytest.raises(tf.errors.InvalidArgumentError):
        loss(*(tf.ones(n) for n in sizes))


def test_shapes_that_turn_out_swapped_fail_when_the_graph_runs():
    @tf.function(input_signature=[tf.TensorSpec([None, None])] * 2)
    def loss(y, p):
        return lb.mae(y, p)

    with pytest.raises(tf.errors.InvalidArgumentError):
        loss(tf.ones((2, 3)), tf.ones((3, 2)))


def test_an_empty_batch_fails_when_the_graph_runs():
    @tf.function(input_signature=[UNKNOWN] * 2)
    def loss(y, p):
        return lb.mae(y, p)

    with pytest.raises(tf.errors.InvalidArgumentError, match="empty"):
        loss(tf.ones(0), tf.ones(0))


def test_an_unknown_number_of_axes_is_refused_with_the_remedy():
    @tf.function(input_signature=[tf.TensorSpec(None)] * 2, autograph=False)
    def loss(y, p):
        return lb.mae(y, p)

    with pytest.raises(ValueError, match="ensure_shape"):
        loss(tf.ones(2), tf.ones(2))


def test_autograph_leaves_the_losses_as_they_are():
    @tf.function
    def loss(y, p):
        return lb.huber(y, p, delta=0.5)

    np.testing.assert_allclose(loss(tf.zeros(2), tf.ones(2)), 0.375)


def test_a_keras_variable_is_refused_instead_of_losing_its_gradient():
    class Variable:
        __module__ = "keras.src.backend"

        value = tf.ones(3)

        def __array__(self, dtype=None, copy=None):
            return np.ones(3)

    with pytest.raises(TypeError, match=r"Pass y_pred\.value\."):
        lb.mse(tf.zeros(3), Variable())


@pytest.mark.parametrize("kind", [tf.Variable, torch.nn.Parameter])
def test_variables_and_parameters_are_arrays_like_others(kind):
    backend = "torch" if kind is torch.nn.Parameter else "tensorflow"
    y, p = array(backend, np.zeros(2)), kind(array(backend, np.array([1.0, 2.0])))
    value, grad = lb.value_and_grad(lb.mse)(y, p)
    assert float(value) == 2.5
    assert numpy_of(grad).tolist() == [1.0, 2.0]


# Devices: a copy to the host would stop the queue of an accelerator


class OnADevice(torch.Tensor):
    """A tensor that claims to be on an accelerator and shows its values to nobody."""

    @property
    def is_cpu(self):
        return False

    def item(self):
        raise AssertionError("a value was copied to the host")

    tolist = numpy = cpu = __bool__ = __float__ = item


@every_case
def test_no_value_is_copied_to_the_host(case):
    expected = case(*case.inputs("torch"))
    args = [x.as_subclass(OnADevice) for x in case.inputs("torch")]
    weight = torch.ones(case.losses_shape).as_subclass(OnADevice)
    got = case(*args).as_subclass(torch.Tensor)
    torch.testing.assert_close(got, expected)
    case(*args, sample_weight=weight)


def test_the_tensor_that_claims_to_be_on_a_device_does_notice_a_copy():
    x = torch.ones(2).as_subclass(OnADevice)
    with pytest.raises(AssertionError, match="copied"):
        bool((x > 0).all())


def test_float64_stays_float64_under_torch_compile():
    @torch.compile(fullgraph=True, backend="eager")
    def loss(p):
        return lb.binary_cross_entropy([[0.1] * 3] * 4, p, pos_weight=0.1)

    expected = lb.binary_cross_entropy(np.full(SHAPE, 0.1), P, pos_weight=0.1)
    assert loss(torch.tensor(P)).dtype == torch.float64
    np.testing.assert_allclose(loss(torch.tensor(P)), expected, rtol=1e-14)
    assert LABEL.dtype.kind == "i"
    assert {ELEMENTS, LABELS} <= {case.kind for case in CASES}
