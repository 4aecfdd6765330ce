"""Fused kernels against the plain formulas, and against the frameworks' own losses."""

import numpy as np
import pytest
import tensorflow as tf
import torch
import torch.nn.functional as F

import lossbook as lb
from lossbook.backends import numpy as on_numpy
from lossbook.backends import tensorflow as on_tensorflow
from lossbook.backends import torch as on_torch
from lossbook.backends.numpy import custom_grad as numpy_grad
from lossbook.backends.numpy import kernels as numpy_kernels
from lossbook.backends.tensorflow import no_nan
from lossbook.backends.tensorflow import ops as tensorflow_ops
from lossbook.backends.torch import custom_grad as torch_grad
from lossbook.backends.torch import kernels
from lossbook.backends.torch import ops as torch_ops
from lossbook.backends.torch import sums as torch_sums

from ..backends import array, numpy_of
from ..cases import (
    BIT,
    CASES,
    COUNT,
    LABEL,
    LOGITS,
    OTHER,
    RATE,
    REAL,
    SIGN,
    SOFT,
    UNIT,
    P,
)

BACKENDS = {"numpy": on_numpy, "torch": on_torch, "tensorflow": on_tensorflow}
NAMES = [(backend, name) for backend, xp in BACKENDS.items() for name in xp.KERNELS]
EPS = {np.float32: 2.0**-23, np.float64: 2.0**-52}

# For each kernel, calls that must go through it.
USES = {
    "mse of error": [("mse", REAL, OTHER, {})],
    "mae of error": [("mae", REAL, OTHER, {})],
    "huber of error": [("huber", REAL, OTHER, {"delta": d}) for d in (0.5, 2.0)],
    # the second so near to 0 that torch's own kernel cuts the derivative off
    "bce": [
        ("binary_cross_entropy", y, p, {})
        for y in (BIT, UNIT)
        for p in (P, np.where(P < 0.5, 1e-13, P))
    ],
    "bce_logits": [
        ("binary_cross_entropy", BIT, 5 * REAL, LOGITS),
        ("binary_cross_entropy", BIT, 1e4 * REAL, LOGITS),
    ],
    "poisson_nll_log": [
        ("poisson_nll", COUNT, s * REAL, {"log_input": True}) for s in (1.0, 100.0)
    ],
    "softmax_ce": [("cross_entropy", SOFT, 5 * REAL, LOGITS)],
    "sparse_cross_entropy": [
        ("sparse_cross_entropy", LABEL, 5 * REAL, LOGITS),
        ("sparse_cross_entropy", np.tile(LABEL, (2, 1)), np.stack([REAL] * 2), LOGITS),
        ("sparse_cross_entropy", LABEL[0], REAL[0], LOGITS),
    ],
    "surprise": [("sparse_cross_entropy", LABEL, P, {})],
    "logistic of margin": [("logistic", SIGN, 5 * REAL, {})],
    "weighted_bce_logits": [
        ("binary_cross_entropy", BIT, 5 * REAL, {**LOGITS, "pos_weight": 3.0})
    ],
    "weighted_sparse_cross_entropy": [
        ("sparse_cross_entropy", LABEL, 5 * REAL, {**LOGITS, **more})
        for more in (
            {"label_smoothing": 0.1},
            {"ignore_index": int(LABEL[0])},
            {"class_weight": np.arange(1.0, 1 + REAL.shape[-1])},
        )
    ],
    "surprise of labels": [("sparse_cross_entropy", LABEL, P, {})],
    "mse of error, each": [("mse", REAL, OTHER, {})],
    "bce_logits, each": [
        ("binary_cross_entropy", BIT, s * REAL, LOGITS) for s in (5, 1e4)
    ],
    "logistic of margin, each": [("logistic", SIGN, s * REAL, {}) for s in (5, 1e4)],
    "sparse_cross_entropy, each": [("sparse_cross_entropy", LABEL, 5 * REAL, LOGITS)],
    "log_cosh": [("log_cosh", REAL, REAL + s * OTHER, {}) for s in (1e-3, 1.0, 100.0)],
    "log_cosh of error": [
        ("log_cosh", REAL, REAL + s * OTHER, {}) for s in (1e-3, 2.0)
    ],
}


def call_few_many(backend, monkeypatch):
    """Let the few elements of the cases go the ways of many, in several blocks.

    Of TensorFlow they are those of a graph, which looks at many before it computes.
    """
    if backend == "numpy":
        monkeypatch.setattr(numpy_grad, "LARGE", 1)
        monkeypatch.setattr(numpy_kernels, "LARGE", 1)
        monkeypatch.setattr(numpy_grad, "_BLOCK", 5)
    elif backend == "torch":
        monkeypatch.setattr(torch_ops, "LARGE", 1)
        monkeypatch.setattr(torch_sums, "LARGE", 1)
        monkeypatch.setattr(kernels, "_FEW", 1)
        monkeypatch.setattr(kernels, "_SMALL", 0)
        monkeypatch.setattr(torch_grad, "_MANY_IN_ROWS", 1)
        monkeypatch.setattr(torch_grad, "_WIDE", 7)
        monkeypatch.setattr(torch_grad, "_WIDE_OF_ROWS", 7)
    elif backend == "tensorflow":
        monkeypatch.setattr(no_nan, "_MANY", 1)
        monkeypatch.setattr(tensorflow_ops, "_FEW", 1)


def evaluate(backend, loss, y, p, dtype, options):
    y = array(
        backend,
        y if y.dtype.kind == "i" and loss.startswith("sparse") else y.astype(dtype),
    )
    p = array(backend, p.astype(dtype))
    results = []
    for reduction in ("mean", "sum"):
        value_and_grad = lb.value_and_grad(getattr(lb, loss))
        results += value_and_grad(y, p, reduction=reduction, **options)
    results.append(getattr(lb, loss)(y, p, reduction="none", **options))
    weight = array(backend, np.ones(np.shape(results[-1]), dtype))
    results += value_and_grad(y, p, sample_weight=weight, **options)
    return [numpy_of(x) for x in results]


@pytest.mark.parametrize("dtype", EPS)
@pytest.mark.parametrize(("backend", "name"), NAMES)
def test_a_kernel_gives_what_its_formula_gives(backend, name, dtype, monkeypatch):
    kernels = BACKENDS[backend].KERNELS
    called = []
    if backend == "numpy":
        call_few_many(backend, monkeypatch)

    def watched(*args, **options):
        result = kernels[name](*args, **options)
        called.append(result is not None)
        return result

    monkeypatch.setattr(BACKENDS[backend], "KERNELS", {name: watched})
    fused = [evaluate(backend, *use[:3], dtype, use[3]) for use in USES[name]]
    declines = name.startswith("log_cosh") and dtype is np.float64
    assert any(called) != declines, "the kernel was not asked"
    assert len(called) >= len(USES[name])
    monkeypatch.setattr(BACKENDS[backend], "KERNELS", {})
    for use, results in zip(USES[name], fused, strict=True):
        plain = evaluate(backend, *use[:3], dtype, use[3])
        size = max(1.0, np.abs(use[2]).max()) if "cross_entropy" in name else 0
        for a, b in zip(results, plain, strict=True):
            assert a.shape == b.shape
            assert a.dtype == b.dtype
            tolerance = {"rtol": 16 * EPS[dtype], "atol": 8 * EPS[dtype] * size}
            np.testing.assert_allclose(a, b, **tolerance)


@pytest.mark.parametrize("name", ["mse", "mae", "huber"])
def test_the_gradient_of_a_large_array_by_the_truth_is_minus_that_by_the_prediction(
    name,
):
    loss = getattr(lb, name)
    y, p = torch.randn(2, 2**21, generator=torch.Generator().manual_seed(0))
    by_truth, by_prediction = (
        lb.value_and_grad(loss, argnum=k)(y, p, reduction="sum")[1] for k in (0, 1)
    )
    few = slice(0, 100)
    small = lb.value_and_grad(loss, argnum=0)(y[few], p[few], reduction="sum")[1]
    torch.testing.assert_close(by_truth[few], small)
    torch.testing.assert_close(by_truth, -by_prediction)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.label)
def test_many_elements_give_every_loss_what_few_give_it(case, backend, monkeypatch):
    truth, pred, *rest = case.inputs(backend)
    weight = array(backend, np.array([1.0, 0.0, 2.0, 0.5])[: case.losses_shape[0]])

    def found():
        for options in ({}, {"reduction": "sum"}, {"sample_weight": weight}):
            both = lb.value_and_grad(lambda p, o=options: case(truth, p, *rest, **o))
            yield from (tf.function(both) if backend == "tensorflow" else both)(pred)

    as_few = list(found())
    call_few_many(backend, monkeypatch)
    for a, b in zip(as_few, found(), strict=True):
        np.testing.assert_allclose(numpy_of(a), numpy_of(b), rtol=1e-12, atol=1e-15)


EDGES = [0.0, 1.0, 0.5, 1e-30, np.inf, np.nan, -1.0]


@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize("name", ["xlogy", "xlog1py", "divide_no_nan"])
def test_a_graph_takes_the_quick_form_only_where_it_is_right(name, edge, monkeypatch):
    y, x = (tf.reshape(t, [-1]) for t in tf.meshgrid([0.3, 0.7, edge], EDGES))

    def value_and_slopes(x, y):
        with tf.GradientTape() as tape:
            tape.watch([x, y])
            value = getattr(no_nan, name)(x, y)
        return value, *tape.gradient(value, [x, y])

    careful = tf.function(value_and_slopes)(x, y)
    monkeypatch.setattr(no_nan, "_MANY", 1)
    for a, b in zip(careful, tf.function(value_and_slopes)(x, y), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_quick_quotient_of_a_graph_has_second_derivatives(monkeypatch):
    monkeypatch.setattr(no_nan, "_MANY", 1)
    for b in ([0.0, 0.5, 2.0], [1.0, 0.5, 2.0]):
        a, b = tf.constant([0.0, 0.0, 3.0]), tf.constant(b)

        @tf.function
        def curvature(a, b):
            with tf.GradientTape() as again:
                again.watch(b)
                with tf.GradientTape() as tape:
                    tape.watch(b)
                    value = no_nan.divide_no_nan(a, b)
                slope = tape.gradient(value, b)
            return again.gradient(slope, b)

        np.testing.assert_allclose(curvature(a, b), [0.0, 0.0, 2 * 3 / 2**3])


def test_numpy_chooses_by_bits_what_it_chooses_by_elements():
    rng = np.random.default_rng(0)
    special = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e-45, 3.0])
    for dtype in EPS:
        a, b = rng.choice(special, (2, 3, 1000)).astype(dtype)
        condition = rng.random((3, 1000)) > 0.5
        for pair in ((a, b), (a, 0), (1.0, b)):
            by_bits = on_numpy.where(condition, *pair)
            by_elements = np.where(condition, *pair)
            assert by_bits.dtype == by_elements.dtype == dtype
            assert by_bits.tobytes() == by_elements.tobytes()


def test_every_kernel_has_a_test():
    assert {name for _, name in NAMES} == set(USES)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.label)
def test_kernels_or_not_the_result_is_the_same(case, backend, monkeypatch):
    args = case.inputs(backend)
    value_and_grad = lb.value_and_grad(lambda p: case(args[0], p, *args[2:]))
    fused = value_and_grad(args[1])
    monkeypatch.setattr(BACKENDS[backend], "KERNELS", {})
    for a, b in zip(fused, value_and_grad(args[1]), strict=True):
        np.testing.assert_allclose(numpy_of(a), numpy_of(b), rtol=1e-12, atol=1e-15)


# Kernels decline what they would get wrong


def test_the_short_way_of_torch_is_not_taken_where_it_is_wrong():
    y, z = torch.tensor([0.5]), torch.tensor([3.0])
    assert kernels._bce_logits(y, z, "none") is None
    assert kernels._bce_logits(y.round().requires_grad_(), z, "none") is None
    assert kernels._bce(y, torch.tensor([1.0]), "none") is None
    assert kernels._bce(y, torch.tensor([float("nan")]), "none") is None
    infinite = torch.tensor([[0.0, -float("inf")]])
    assert kernels._softmax_ce(infinite, infinite, "none") is None


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_row_that_a_mask_leaves_out_leaves_no_nan_in_the_gradient(backend):
    logits = REAL.copy()
    logits[1] = np.nan
    mask = array(backend, np.array([1.0, 0.0, 1.0, 1.0]))
    labels = array(backend, np.array([0, 2, 1, 2]))

    def masked(z):
        losses = lb.sparse_cross_entropy(labels, z, from_logits=True, reduction="none")
        return BACKENDS[backend].sum(BACKENDS[backend].multiply_no_nan(mask, losses))

    value, gradient = lb.value_and_grad(masked)(array(backend, logits))
    assert np.isfinite(numpy_of(value))
    assert (numpy_of(gradient)[1] == 0).all()
    assert np.isfinite(numpy_of(gradient)).all()


# Parity with the frameworks' own losses, where these are right

T = torch.tensor
WEIGHT = [1.0, 2.0, 0.5]
IGNORED = np.where(LABEL == 2, -100, LABEL)
IMAGE = np.moveaxis(np.stack([REAL.reshape(2, 2, 3)] * 2), -1, 1)  # (N, C, H, W)

REAL_T, OTHER_T, RATE_T = T(REAL), T(OTHER), T(RATE)
TORCH = {
    "mse_loss": (lambda r: lb.mse(REAL, OTHER_T, reduction=r),
                 lambda r: F.mse_loss(OTHER_T, REAL_T, reduction=r)),
    "l1_loss": (lambda r: lb.mae(REAL, OTHER_T, reduction=r),
                lambda r: F.l1_loss(OTHER_T, REAL_T, reduction=r)),
    "huber_loss": (lambda r: lb.huber(REAL, OTHER_T, delta=0.7, reduction=r),
                   lambda r: F.huber_loss(OTHER_T, REAL_T, reduction=r, delta=0.7)),
    "smooth_l1_loss": (
        lambda r: lb.huber(REAL, OTHER_T, delta=0.5, reduction=r) / 0.5,
        lambda r: F.smooth_l1_loss(OTHER_T, REAL_T, reduction=r, beta=0.5)),
    "binary_cross_entropy": (
        lambda r: lb.binary_cross_entropy(UNIT, T(P), reduction=r),
        lambda r: F.binary_cross_entropy(T(P), T(UNIT), reduction=r)),
    "binary_cross_entropy_with_logits": (
        lambda r: lb.binary_cross_entropy(UNIT, REAL_T, reduction=r, **LOGITS),
        lambda r: F.binary_cross_entropy_with_logits(REAL_T, T(UNIT), reduction=r)),
    "pos_weight": (
        lambda r: lb.binary_cross_entropy(
            UNIT, REAL_T, pos_weight=WEIGHT, reduction=r, **LOGITS),
        lambda r: F.binary_cross_entropy_with_logits(
            REAL_T, T(UNIT), pos_weight=T(WEIGHT), reduction=r)),
    "cross_entropy": (
        lambda r: lb.sparse_cross_entropy(LABEL, REAL_T, reduction=r, **LOGITS),
        lambda r: F.cross_entropy(REAL_T, T(LABEL), reduction=r)),
    "cross_entropy of images": (
        lambda r: lb.sparse_cross_entropy(
            [[[0, 2], [1, 2]]] * 2, T(IMAGE), axis=1, reduction=r, **LOGITS),
        lambda r: F.cross_entropy(T(IMAGE), T([[[0, 2], [1, 2]]] * 2), reduction=r)),
    "cross_entropy with weights": (
        lambda r: lb.sparse_cross_entropy(
            LABEL, REAL_T, class_weight=WEIGHT, reduction=r, **LOGITS),
        lambda r: F.cross_entropy(
            REAL_T, T(LABEL), T(WEIGHT).double(), reduction=r)),
    "cross_entropy with ignore_index": (
        lambda r: lb.sparse_cross_entropy(
            IGNORED, REAL_T, ignore_index=-100, reduction=r, **LOGITS),
        lambda r: F.cross_entropy(REAL_T, T(IGNORED), reduction=r)),
    "cross_entropy with label smoothing": (
        lambda r: lb.sparse_cross_entropy(
            LABEL, REAL_T, label_smoothing=0.3, reduction=r, **LOGITS),
        lambda r: F.cross_entropy(
            REAL_T, T(LABEL), label_smoothing=0.3, reduction=r)),
    "cross_entropy with all three": (
        lambda r: lb.sparse_cross_entropy(
            IGNORED, REAL_T, class_weight=WEIGHT, label_smoothing=0.3,
            ignore_index=-100, reduction=r, **LOGITS),
        lambda r: F.cross_entropy(
            REAL_T, T(IGNORED), T(WEIGHT).double(), label_smoothing=0.3, reduction=r)),
    "cross_entropy of soft targets": (
        lambda r: lb.cross_entropy(SOFT, REAL_T, reduction=r, **LOGITS),
        lambda r: F.cross_entropy(REAL_T, T(SOFT), reduction=r)),
    "cross_entropy of smoothed soft targets": (
        lambda r: lb.cross_entropy(
            SOFT, REAL_T, label_smoothing=0.3, reduction=r, **LOGITS),
        lambda r: F.cross_entropy(
            REAL_T, T(SOFT), label_smoothing=0.3, reduction=r)),
    "nll_loss": (
        lambda r: lb.sparse_cross_entropy(LABEL, T(P), reduction=r),
        lambda r: F.nll_loss(T(P).log(), T(LABEL), reduction=r)),
    "kl_div": (
        lambda r: lb.kl_divergence(SOFT, T(P), reduction=r),
        lambda r: F.kl_div(T(P).log(), T(SOFT), reduction="none").sum(-1)
        if r == "none" else F.kl_div(
            T(P).log(), T(SOFT), reduction="batchmean" if r == "mean" else r)),
    "poisson_nll_loss": (
        lambda r: lb.poisson_nll(COUNT, REAL_T, log_input=True, reduction=r),
        lambda r: F.poisson_nll_loss(REAL_T, T(COUNT), reduction=r)),
    "poisson_nll_loss of rates": (
        lambda r: lb.poisson_nll(COUNT, RATE_T, reduction=r),
        lambda r: F.poisson_nll_loss(
            RATE_T, T(COUNT), log_input=False, eps=0, reduction=r)),
    "gaussian_nll_loss": (
        lambda r: lb.gaussian_nll(REAL, OTHER_T, RATE_T, reduction=r),
        lambda r: F.gaussian_nll_loss(OTHER_T, REAL_T, RATE_T, reduction=r)),
    "gaussian_nll_loss, full": (
        lambda r: lb.gaussian_nll(REAL, OTHER_T, RATE_T, full=True, reduction=r),
        lambda r: F.gaussian_nll_loss(
            OTHER_T, REAL_T, RATE_T, full=True, reduction=r)),
    "soft_margin_loss": (
        lambda r: lb.logistic(SIGN, OTHER_T, reduction=r),
        lambda r: F.soft_margin_loss(OTHER_T, T(SIGN), reduction=r)),
}  # fmt: skip


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name", TORCH)
def test_parity_with_torch(name, reduction):
    ours, theirs = TORCH[name]
    torch.testing.assert_close(ours(reduction), theirs(reduction), rtol=1e-12, atol=0)


def keras_losses():
    import keras

    k = keras.losses
    one_hot = np.eye(3)[LABEL]
    return {
        k.MeanSquaredError(): (lb.mse, REAL, OTHER, {}),
        k.MeanAbsoluteError(): (lb.mae, REAL, OTHER, {}),
        k.Huber(delta=0.5): (lb.huber, REAL, OTHER, {"delta": 0.5}),
        k.LogCosh(): (lb.log_cosh, REAL, OTHER, {}),
        k.Poisson(): (lb.poisson_nll, COUNT, RATE, {}),
        k.BinaryCrossentropy(): (lb.binary_cross_entropy, UNIT, P, {}),
        k.BinaryCrossentropy(from_logits=True, label_smoothing=0.2): (
            lb.binary_cross_entropy, BIT, REAL, {"label_smoothing": 0.2, **LOGITS}),
        k.BinaryFocalCrossentropy(apply_class_balancing=True): (
            lb.focal, BIT, P, {"alpha": 0.25}),
        k.CategoricalCrossentropy(): (lb.cross_entropy, SOFT, P, {}),
        k.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1): (
            lb.cross_entropy, SOFT, REAL, {"label_smoothing": 0.1, **LOGITS}),
        k.CategoricalFocalCrossentropy(alpha=1.0): (lb.sparse_focal, LABEL, P, {}),
        k.SparseCategoricalCrossentropy(): (lb.sparse_cross_entropy, LABEL, P, {}),
        k.SparseCategoricalCrossentropy(from_logits=True, ignore_class=1): (
            lb.sparse_cross_entropy, LABEL, REAL, {"ignore_index": 1, **LOGITS}),
        k.KLDivergence(): (lb.kl_divergence, SOFT, P, {}),
        k.Hinge(): (lb.hinge, SIGN, OTHER, {}),
        k.SquaredHinge(): (lb.squared_hinge, SIGN, OTHER, {}),
    }, {LABEL.tobytes(): one_hot}  # fmt: skip


def test_parity_with_keras_on_tensorflow():
    losses, one_hot = keras_losses()
    for theirs, (ours, y, p, options) in losses.items():
        got = ours(y, tf.constant(p, tf.float32), **options)
        target = y
        if "CategoricalFocal" in type(theirs).__name__:
            target = one_hot[y.tobytes()]
        expected = theirs(target, tf.constant(p, tf.float32))
        name = type(theirs).__name__
        np.testing.assert_allclose(got, expected, rtol=2e-5, err_msg=name)
