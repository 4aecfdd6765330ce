"""The numbers that must come out, where other libraries give NaN, 0 or 16.118.

Each row holds on every backend, eagerly and compiled, in float32 unless it says so.
"""

from dataclasses import dataclass, field
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import lossbook as lb

from ..backends import BACKENDS, array, jax, numpy_of

INF = np.inf


@dataclass(frozen=True)
class Row:
    """Truth and prediction, and the losses and slopes that they must give.

    A slope of None stands for: any, as long as it is finite.
    """

    name: str
    loss: str
    y: Any
    p: Any
    losses: Any
    slopes: Any = None
    options: dict[str, Any] = field(default_factory=dict)
    dtype: str = "float32"
    reduction: str = "none"
    rtol: float = 1e-6

    def inputs(self, backend):
        y = np.asarray(self.y)
        labels = y.dtype.kind == "i"
        truth = array(backend, y) if labels else typed(backend, y, self.dtype)
        return truth, typed(backend, np.asarray(self.p), self.dtype)

    def evaluate(self, y, p):
        return getattr(lb, self.loss)(y, p, reduction=self.reduction, **self.options)

    def check(self, losses, slopes):
        losses, slopes = numpy_of(losses), numpy_of(slopes).astype(np.float64)
        wide = "float64" if self.dtype == "float64" else "float32"
        assert losses.dtype == wide
        np.testing.assert_allclose(losses, self.losses, rtol=self.rtol, atol=1e-40)
        if self.slopes is None:
            assert np.isfinite(slopes).all()
        else:
            np.testing.assert_allclose(slopes, self.slopes, rtol=self.rtol, atol=1e-40)


def typed(backend, values, dtype):
    """Make an array of any floating dtype, bfloat16 too."""
    if backend == "numpy":
        return values.astype(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype)
    wide = array(backend, values.astype(np.float64))
    if backend == "jax":
        return wide.astype(dtype)
    if backend == "tensorflow":
        import tensorflow as tf

        return tf.cast(wide, dtype)
    import torch

    return wide.to(getattr(torch, dtype))


BCE = "binary_cross_entropy"
LOGITS = {"from_logits": True}
TAIL = 2.0611536e-9  # log(1 + exp(-20)), and sigmoid(-20)

ROWS = [
    Row("BCE of logits of 1e4", BCE, [0.0, 1, 0, 1], [1e4, 1e4, -1e4, -1e4],
        [1e4, 0, 0, 1e4], [1, 0, 0, -1], LOGITS),
    Row("BCE of a logit of -20", BCE, [0.0, 1], [-20.0, 20], [TAIL, TAIL],
        [TAIL, -TAIL], LOGITS),
    Row("BCE of infinite logits", BCE, [1.0, 0, 1], [INF, -INF, -INF], [0, 0, INF],
        [0, 0, -1], LOGITS),
    Row("BCE of soft targets", BCE, [0.5, 0.5], [1e4, -1e4], [5e3, 5e3], [0.5, -0.5],
        LOGITS),
    Row("BCE of logits with pos_weight", BCE, [0.0, 1, 1], [-1e4, 1e4, -1e4],
        [0, 0, 2e4], [0, 0, -2], {"from_logits": True, "pos_weight": 2.0}),
    Row("logistic at margin -1e4", "logistic", [1.0, -1, 1], [-1e4, 1e4, 1e4],
        [1e4, 1e4, 0], [-1, 1, 0]),
    Row("CE of logits of 0 and -inf", "cross_entropy", [[1.0, 0]], [[0, -INF]], [0],
        [[0, 0]], LOGITS),
    Row("sparse CE of logits of 0 and -inf", "sparse_cross_entropy", [0], [[0, -INF]],
        [0], [[0, 0]], LOGITS),
    Row("KL of logits of 0 and -inf", "kl_divergence", [[1.0, 0]], [[0, -INF]], [0],
        [[0, 0]], LOGITS),
    Row("CE where all logits are -inf", "cross_entropy", [[1.0, 0]], [[-INF, -INF]],
        [np.nan], [[np.nan, np.nan]], LOGITS),
    Row("focal of a logit of -1e4", "focal", [1.0, 0], [-1e4, 1e4], [1e4, 1e4], [-1, 1],
        LOGITS),
    Row("focal with gamma 0 where it is easy", "focal", [1.0], [100.0], [0], [0],
        {"gamma": 0.0, **LOGITS}),
    Row("focal with gamma 1/2 where it is easy", "focal", [1.0], [100.0], [0], [0],
        {"gamma": 0.5, **LOGITS}),
    Row("sparse focal where it is sure", "sparse_focal", [0, 1], [[1e4, 0], [1e4, 0]],
        [0, 1e4], [[0, 0], [1, -1]], LOGITS),
    Row("BCE of sure, right probabilities", BCE, [1.0, 0], [1.0, 0], [0, 0], [-1, 1]),
    *(
        Row(f"BCE of sure, right {half}", BCE, [1.0, 0], [1.0, 0], [0, 0], None,
            dtype=half)
        for half in ("float16", "bfloat16")
    ),
    Row("RMSE at zero error", "rmse", [1.0, 2], [1.0, 2], 0, [0, 0], reduction="mean"),
    Row("RMSE of errors whose squares overflow", "rmse", [0.0, 0], [3e30, 3e30], 3e30,
        [0.5, 0.5], reduction="mean"),
    Row("KL where target and prediction are 0", "kl_divergence", [[1.0, 0]], [[1.0, 0]],
        [0], [[-1, 0]]),
    Row("CE where target and prediction are 0", "cross_entropy", [[1.0, 0]],
        [[1.0, 0]], [0], [[-1, 0]]),
    Row("log-cosh of a small error", "log_cosh", [0.0, 0], [1e-4, -1e-4], [5e-9, 5e-9],
        [1e-4, -1e-4]),
    Row("log-cosh of a large error", "log_cosh", [0.0], [1e3], [999.30685], [1]),
    Row("Huber of an infinite error", "huber", [0.0, 0], [INF, -INF], [INF, INF],
        [0.5, -0.5], {"delta": 0.5}),
    Row("softplus at 0 and far out", "logistic", [-1.0, -1, -1], [0.0, 1e4, -1e4],
        [np.log(2), 1e4, 0], [0.5, 1, 0]),
    Row("softplus in float64 at 20.5", "logistic", [-1.0], [20.5],
        [20.500000001250152866], None, dtype="float64", rtol=1e-15),
    Row("all labels ignored", "sparse_cross_entropy", [7, 7], [[1.0, 2], [3, 4]], 0,
        [[0, 0], [0, 0]], {"ignore_index": 7, **LOGITS}, reduction="mean"),
    Row("all labels ignored, of probabilities", "sparse_cross_entropy", [7, 7],
        [[1.0, 0], [0, 1]], 0, [[0, 0], [0, 0]], {"ignore_index": 7}, reduction="mean"),
    Row("float16 error of 300, squared", "mse", [0.0], [300.0], [9e4], [600],
        dtype="float16"),
    Row("bfloat16 mean", "mse", [0.0] * 300, [1.0] * 300, 1, None, dtype="bfloat16",
        reduction="mean"),
    Row("weights that are all 0", "mse", [0.0, 0], [1.0, INF], 0, [0, 0],
        {"sample_weight": [0.0, 0.0]}, reduction="mean"),
    Row("log 0 of a right answer", BCE, [0.0, 1], [0.0, 1], [0, 0], [1, -1]),
    Row("log 0 of a wrong answer", BCE, [1.0, 0], [0.0, 1], [INF, INF], [-INF, INF]),
    Row("log 0 of a label", "sparse_cross_entropy", [1], [[1.0, 0]], [INF],
        [[0, -INF]]),
    Row("log 0 of a weightless class", "sparse_cross_entropy", [1], [[1.0, 0]], [0],
        [[0, 0]], {"class_weight": [1.0, 0.0]}),
    Row("Poisson of no counts at rate 0", "poisson_nll", [0.0, 2], [0.0, 2],
        [0, 2 - 2 * np.log(2)], [1, 0]),
]  # fmt: skip


def eagerly(backend, rows):
    for row in rows:
        y, p = row.inputs(backend)
        total = "sum" if row.reduction == "none" else row.reduction
        evaluate = lb.value_and_grad(getattr(lb, row.loss))
        _, slopes = evaluate(y, p, reduction=total, **row.options)
        yield row, row.evaluate(y, p), slopes


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
@pytest.mark.parametrize("backend", [b for b in BACKENDS if b != "jax"])
def test_eagerly(backend, row):
    with np.errstate(over="ignore"):
        for _, losses, slopes in eagerly(backend, [row]):
            row.check(losses, slopes)


def check_all(results):
    """Check all rows, and name those that fail."""
    failed = []
    for row, losses, slopes in results:
        try:
            row.check(losses, slopes)
        except AssertionError as error:
            failed.append(f"{row.name}: {error}")
    assert not failed, "\n".join(failed)


def compiled_in_torch(**how):
    """Compile one function of all rows: a graph a row would take minutes."""
    import torch

    inputs = [row.inputs("torch") for row in ROWS]
    predictions = [p.requires_grad_() for _, p in inputs]

    @torch.compile(fullgraph=True, **how)
    def evaluate(predictions):
        return [
            row.evaluate(y, p)
            for row, (y, _), p in zip(ROWS, inputs, predictions, strict=True)
        ]

    losses = evaluate(predictions)
    torch.autograd.backward([x.sum() for x in losses])
    return zip(ROWS, losses, [p.grad for p in predictions], strict=True)


def compiled_in_tensorflow(**how):
    import tensorflow as tf

    truths, predictions = zip(*(row.inputs("tensorflow") for row in ROWS), strict=True)

    @tf.function(autograph=False, **how)
    def evaluate(truths, predictions):
        with tf.GradientTape() as tape:
            tape.watch(predictions)
            losses = [
                row.evaluate(y, p)
                for row, y, p in zip(ROWS, truths, predictions, strict=True)
            ]
            totals = [tf.reduce_sum(x) for x in losses]
        return losses, tape.gradient(totals, predictions)

    return zip(ROWS, *evaluate(truths, predictions), strict=True)


def compiled_in_jax():
    """Compile one program of all rows, as eager JAX would many of each."""
    truths, predictions = zip(*(row.inputs("jax") for row in ROWS), strict=True)

    @jax().jit
    def evaluate(truths, predictions):
        def total(predictions):
            losses = [
                row.evaluate(y, p)
                for row, y, p in zip(ROWS, truths, predictions, strict=True)
            ]
            return sum(x.sum().astype("float32") for x in losses), losses

        return jax().grad(total, has_aux=True)(predictions)[::-1]

    return zip(ROWS, *evaluate(truths, predictions), strict=True)


def test_under_jit():
    check_all(compiled_in_jax())


def test_under_torch_compile():
    check_all(compiled_in_torch(backend="aot_eager"))


def test_under_tf_function():
    check_all(compiled_in_tensorflow())


def test_under_xla():
    check_all(compiled_in_tensorflow(jit_compile=True))


@pytest.mark.parametrize("backend", BACKENDS)
def test_float16_mean_of_70000_losses_of_one_is_one(backend):
    zeros, ones = np.zeros(70_000, np.float16), np.ones(70_000, np.float16)
    loss = lb.mae(array(backend, zeros), array(backend, ones))
    assert float(loss) == 1.0
    assert numpy_of(loss).dtype == np.float32


@pytest.mark.parametrize("backend", BACKENDS)
def test_float32_mean_of_two_long_columns_of_ones_is_one(backend):
    # Added up one by one in float32, a column stops growing at 2^24.
    zeros = array(backend, np.zeros((2**25, 2), np.float32))
    assert float(lb.mae(zeros, zeros + 1)) == 1.0


def test_numpy_adds_float32_up_in_float64():
    p = np.random.default_rng(0).uniform(size=100_001).astype(np.float32)
    exact = np.float32(p.sum(dtype=np.float64))
    assert lb.mae(np.zeros_like(p), p, reduction="sum") == exact
    mean = lb.mae(np.zeros_like(p), p, sample_weight=np.ones_like(p))
    np.testing.assert_array_max_ulp(mean, exact / np.float32(p.size), 1)


@pytest.mark.parametrize("alpha", [0.0, 2.0, INF, -INF, 1e-4, -1e-4, 2 + 1e-4])
@pytest.mark.parametrize("backend", BACKENDS)
def test_adaptive_robust_and_its_derivative_by_alpha_are_finite(backend, alpha):
    y = array(backend, np.zeros(3, np.float32))
    p = array(backend, np.array([0.0, 0.5, 3.0], np.float32))
    shape = array(backend, np.float32(alpha))
    if alpha == INF:  # exp of large errors leaves the range: small ones stay
        p = p / 3e9

    def loss(a):
        return lb.adaptive_robust(y, p, alpha=a)

    value, slope = lb.value_and_grad(loss)(shape)
    assert np.isfinite(numpy_of(value))
    assert np.isfinite(numpy_of(slope))


@pytest.mark.parametrize("backend", BACKENDS)
def test_adaptive_robust_has_the_limits_of_its_shape(backend):
    y, p = array(backend, [0.0]), array(backend, [2.0])
    tiny = array(backend, np.float32([1e-17]))
    welsch = lb.adaptive_robust(array(backend, np.float32([0])), tiny, alpha=-INF)
    np.testing.assert_allclose(welsch, 5e-35, rtol=1e-6)
    limits = {2.0: 2.0, 0.0: np.log(3), -INF: 1 - np.exp(-2)}
    for alpha, limit in limits.items():
        for near in (alpha, alpha + 1e-9):
            loss = float(lb.adaptive_robust(y, p, alpha=near))
            np.testing.assert_allclose(loss, limit, rtol=1e-6)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("loss", ["mae", "huber", "log_cosh", "mse"])
def test_zero_weights_silence_infinite_losses_and_their_slopes(backend, loss):
    y, p = array(backend, [0.0, 1.0]), array(backend, [INF, 3.0])
    weight = array(backend, [0.0, 1.0])
    value, slope = lb.value_and_grad(getattr(lb, loss))(y, p, sample_weight=weight)
    assert np.isfinite(float(value))
    assert numpy_of(slope)[0] == 0
