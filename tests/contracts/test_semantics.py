"""The table of semantics, row by row, for every loss on every backend."""

from functools import partial

import numpy as np
import pytest
import tensorflow as tf

import lossbook as lb

from ..backends import BACKENDS, array, jax, numpy_of
from ..cases import CASES, CLASSES, ELEMENTS, LABEL, LABELS, LOGITS, REAL, SOFT, P
from ..numerics.test_numerics import typed

on_every_backend = pytest.mark.parametrize("backend", BACKENDS)
every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.label)
RNG = np.random.default_rng(3)
REDUCTIONS = ("mean", "sum", "none", "sum_over_batch_size")

# Losses whose mean is not that of their "none": the root comes last, or class weights
# and ignored labels are part of the mean. They have tests of their own.
PLAIN = [
    case
    for case in CASES
    if case.loss != "rmse" and not {"class_weight", "ignore_index"} & set(case.options)
]
every_plain_case = pytest.mark.parametrize("case", PLAIN, ids=lambda case: case.label)


def of_kind(*kinds):
    """Go through the cases of these kinds; log_loss of rows is of two at once."""
    rows = ("log_loss", 1)
    cases = [
        case
        for case in CASES
        if case.kind in kinds and (case.loss, case.args[1].ndim) != rows
    ]
    return pytest.mark.parametrize("case", cases, ids=lambda case: case.label)


# Shapes


@on_every_backend
@of_kind(ELEMENTS)
def test_a_column_against_a_row_is_refused_with_both_shapes_and_the_fix(case, backend):
    truth, *rest = case.inputs(backend)
    flat = [x[..., 0] if x.ndim == 2 else x for x in (numpy_of(x) for x in rest)]
    row = array(backend, numpy_of(truth).reshape(-1)[: len(flat[0])])
    columns = [array(backend, x[:, None]) for x in flat]
    with pytest.raises(ValueError, match=r"\(4,\).*\(4, 1\).*reshape|\(3,\).*\(3, 1\)"):
        case(row, *columns, **_plain_options(case))


def _plain_options(case):
    """Leave out what has one value a class: there are no classes here."""
    return {"pos_weight": None} if "pos_weight" in case.options else {}


@on_every_backend
@of_kind(ELEMENTS)
def test_what_numpy_would_broadcast_is_refused(case, backend):
    truth, *rest = case.inputs(backend)
    wide = [array(backend, np.stack([numpy_of(x)] * 2)) for x in rest]
    with pytest.raises(ValueError, match="same shape"):
        case(truth, *wide)


@on_every_backend
@of_kind(CLASSES)
def test_distributions_of_another_shape_are_refused(case, backend):
    truth, scores = case.inputs(backend)
    with pytest.raises(ValueError, match=r"\(3, 3\).*\(4, 3\)"):
        case(truth[1:], scores)


@on_every_backend
@of_kind(LABELS)
def test_labels_of_another_shape_are_refused_with_the_fix(case, backend):
    labels, scores = case.inputs(backend)
    one_hot = array(backend, np.eye(3, dtype=int)[LABEL])
    column = array(backend, LABEL[:, None])
    if case.loss == "log_loss":  # (n, 1) and (n, C) are as wrong there
        case = next(c for c in CASES if c.loss == "sparse_cross_entropy")
    with pytest.raises(ValueError, match=r"y_true\[\.\.\., 0\]"):
        case(column, scores)
    with pytest.raises(ValueError, match=r"cross_entropy for one-hot.*argmax"):
        case(one_hot, scores)
    with pytest.raises(ValueError, match=r"\(3,\).*\(4,\)"):
        case(labels[1:], scores)


@on_every_backend
def test_log_loss_takes_a_column_for_probabilities_of_label_1(backend):
    p = array(backend, [[0.1], [0.2], [0.7]])
    for labels, shape in (([0, 0, 1], (3,)), ([[0], [0], [1]], (3, 1))):
        each = lb.log_loss(array(backend, labels), p, reduction="none")
        assert numpy_of(each).shape == shape
        np.testing.assert_allclose(
            numpy_of(each).reshape(-1), -np.log([0.9, 0.8, 0.7]), rtol=1e-6
        )


@on_every_backend
def test_log_loss_does_not_choose_among_probabilities_for_a_single_label(backend):
    label, p = array(backend, 1), array(backend, [0.9, 0.1])
    for one in (p, p[:1]):
        with pytest.raises(ValueError, match="same shape"):
            lb.log_loss(label, one)


@on_every_backend
@every_case
def test_an_empty_batch_is_refused(case, backend):
    empty = [x[:0] for x in case.inputs(backend)]
    with pytest.raises(ValueError, match="empty"):
        case(*empty)


# Reductions and weights


def weights_of(case, backend, per_sample):
    shape = case.losses_shape[:1] if per_sample else case.losses_shape
    weight = RNG.uniform(0.5, 2.0, shape)
    return weight, array(backend, weight)


def reduced(losses, weight, reduction):
    """Reduce as the table says."""
    weight = np.broadcast_to(
        weight.reshape(weight.shape + (1,) * (losses.ndim - weight.ndim)), losses.shape
    )
    total = np.sum(losses * weight)
    return {
        "none": losses * weight,
        "sum": total,
        "mean": total / np.sum(weight),
        "sum_over_batch_size": total / losses.size,
    }[reduction]


@on_every_backend
@every_plain_case
def test_without_weights_both_means_are_the_mean(case, backend):
    args = case.inputs(backend)
    losses = numpy_of(case(*args, reduction="none"))
    assert losses.shape == case.losses_shape
    for reduction in ("mean", "sum_over_batch_size"):
        np.testing.assert_allclose(case(*args, reduction=reduction), losses.mean())
    np.testing.assert_allclose(case(*args, reduction="sum"), losses.sum())


@on_every_backend
@every_plain_case
@pytest.mark.parametrize("per_sample", [False, True], ids=["a loss", "a sample"])
def test_one_weight(case, backend, per_sample):
    args = case.inputs(backend)
    losses = numpy_of(case(*args, reduction="none"))
    weight, on_backend = weights_of(case, backend, per_sample)
    for reduction in REDUCTIONS:
        got = case(*args, sample_weight=on_backend, reduction=reduction)
        np.testing.assert_allclose(got, reduced(losses, weight, reduction), rtol=1e-9)


@on_every_backend
def test_rmse_takes_the_root_of_the_weighted_mean(backend):
    y, p = array(backend, [0.0, 0.0]), array(backend, [3.0, 1.0])
    weight = array(backend, [1.0, 3.0])
    assert float(lb.rmse(y, p, sample_weight=weight)) == pytest.approx(3**0.5)
    assert float(lb.rmse(y, p, reduction="sum")) == pytest.approx(10**0.5)
    total = lb.rmse(y, p, sample_weight=weight, reduction="sum_over_batch_size")
    assert float(total) == pytest.approx(6**0.5)
    assert numpy_of(lb.rmse(y, p, reduction="none")).tolist() == [3.0, 1.0]


@on_every_backend
def test_class_weights_are_weights_of_the_mean(backend):
    weight = np.array([1.0, 2.0, 0.5])
    p = array(backend, P)
    surprise = -np.log(P)
    options = {"class_weight": array(backend, weight)}

    sparse = surprise[range(4), LABEL] * weight[LABEL]
    got = lb.sparse_cross_entropy(LABEL, p, **options)
    np.testing.assert_allclose(got, sparse.sum() / weight[LABEL].sum())
    got = lb.sparse_cross_entropy(LABEL, p, reduction="sum_over_batch_size", **options)
    np.testing.assert_allclose(got, sparse.mean())

    soft = SOFT * weight
    got = lb.cross_entropy(SOFT, p, **options)
    np.testing.assert_allclose(got, (soft * surprise).sum() / soft.sum())

    each = np.array([1.0, 0.0, 3.0, 2.0])  # weights of samples come on top
    got = lb.sparse_cross_entropy(LABEL, p, sample_weight=each, **options)
    expected = (sparse * each).sum() / (weight[LABEL] * each).sum()
    np.testing.assert_allclose(got, expected)


@on_every_backend
@every_case
def test_weights_that_are_all_zero_give_loss_and_gradient_zero(case, backend):
    truth, pred, *rest = case.inputs(backend)
    weight = array(backend, np.zeros(case.losses_shape))

    def loss(p):
        return case(truth, p, *rest, sample_weight=weight)

    value, grad = lb.value_and_grad(loss)(pred)
    assert float(value) == 0
    assert not numpy_of(grad).any()


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_loss_that_weighs_nothing_is_not_there_even_if_it_is_nan(backend):
    y, p, w = ([1.0, np.nan], [2.0, 2.0], [1.0, 0.0])
    args = [array(backend, np.array(x)) for x in (y, p)]
    loss = lb.value_and_grad(lb.mse)
    value, gradient = loss(*args, sample_weight=array(backend, np.array(w)))
    assert float(value) == 1
    assert numpy_of(gradient).tolist() == [2, 0]


@on_every_backend
@every_case
def test_negative_weights_and_weights_of_another_shape_are_refused(case, backend):
    args = case.inputs(backend)
    negative = array(backend, -np.ones(case.losses_shape))
    with pytest.raises(ValueError, match="sample_weight must not be negative"):
        case(*args, sample_weight=negative)
    column = array(backend, np.ones((*case.losses_shape[:1], 1)))
    with pytest.raises(ValueError, match="sample_weight must have one weight a loss"):
        case(*args, sample_weight=column)


# Values


PLACES = [  # integer labels cannot be NaN
    pytest.param(case, place, id=f"{case.label}-{'prediction' if place else 'truth'}")
    for case in CASES
    for place in range(case.kind == LABELS, len(case.args))
]


@on_every_backend
@pytest.mark.parametrize(("case", "place"), PLACES)
def test_nan_reaches_the_result(case, backend, place):
    args = [numpy_of(x).copy() for x in case.inputs(backend)]
    args[place].reshape(-1)[0] = np.nan
    args = [array(backend, x) for x in args]
    losses = numpy_of(case(*args, reduction="none"))
    ignored = case.options.get("ignore_index") == LABEL[0]
    assert np.isnan(losses.reshape(-1)[0]) or ignored
    assert np.isfinite(losses[-1]).all()
    weight = array(backend, np.ones(case.losses_shape))
    for reduction in ("mean", "sum", "sum_over_batch_size"):
        assert np.isnan(float(case(*args, reduction=reduction)))
        assert np.isnan(float(case(*args, sample_weight=weight, reduction=reduction)))


@on_every_backend
@pytest.mark.parametrize(("case", "place"), PLACES)
def test_nan_reaches_the_gradient_of_its_own_loss_alone(case, backend, place):
    if case.loss in ("rmse", "zero_one"):
        pytest.skip("One root joins all losses; a step has no slope")
    args = [numpy_of(x).copy() for x in case.inputs(backend)]
    args[place].reshape(-1)[0] = np.nan
    truth, pred, *rest = (array(backend, x) for x in args)
    weight = array(backend, np.ones(case.losses_shape))
    ignored = case.options.get("ignore_index") == LABEL[0]
    ways = [{"reduction": "sum"}, {"reduction": "sum", "sample_weight": weight}]
    if "class_weight" not in case.options:  # else the truth is in the mean's divisor
        ways += [{}, {"sample_weight": weight}]
    for options in ways:
        value_and_grad = lb.value_and_grad(
            lambda p, o=options: case(truth, p, *rest, **o)
        )
        gradient = numpy_of(value_and_grad(pred)[1])
        assert np.isnan(gradient[0]).any() or ignored
        assert np.isfinite(gradient[-1]).all()


@on_every_backend
@pytest.mark.parametrize("loss", ["cross_entropy", "kl_divergence"])
def test_nan_is_not_masked_by_a_target_of_zero(loss, backend):
    y, p = array(backend, [[1.0, 0.0]]), array(backend, [[0.5, np.nan]])
    assert np.isnan(float(getattr(lb, loss)(y, p)))


@on_every_backend
def test_nan_does_not_hide_a_value_that_is_out_of_range(backend):
    nan = np.nan
    y, p = array(backend, [1.0, 1.0]), array(backend, [nan, 2.0])
    with pytest.raises(ValueError, match=r"\[0, 1\].*to 2"):
        lb.binary_cross_entropy(y, p)
    with pytest.raises(ValueError, match="negative, got -1"):
        lb.mse(y, p, sample_weight=array(backend, [nan, -1.0]))
    with pytest.raises(ValueError, match=r"-1 and \+1"):
        lb.hinge(array(backend, [nan, 0.0]), p)
    with pytest.raises(ValueError, match="0 and 1 alone"):
        lb.dice(array(backend, [[nan, 2.0]]), array(backend, [[nan, 1.0]]))
    with pytest.raises(ValueError, match="variance must be positive"):
        lb.gaussian_nll(y, y, array(backend, [nan, 0.0]))


@on_every_backend
@pytest.mark.parametrize(
    "loss", ["mse", "rmse", "mae", "huber", "log_cosh", "quantile", "adaptive_robust"]
)
def test_an_infinite_error_is_an_infinite_loss(loss, backend):
    options = {"alpha": 1.0} if loss == "adaptive_robust" else {}
    y, p = array(backend, [0.0, 0.0]), array(backend, [np.inf, 1.0])
    assert float(getattr(lb, loss)(y, p, **options)) == np.inf
    with np.errstate(invalid="ignore"):  # NumPy warns that inf - inf is nothing
        assert np.isnan(float(getattr(lb, loss)(p, p, **options)))


@on_every_backend
def test_no_counts_at_an_infinite_rate_are_an_infinite_loss(backend):
    counts, rates = array(backend, [0.0, 1.0]), array(backend, [np.inf, 1.0])
    losses = numpy_of(lb.poisson_nll(counts, rates, reduction="none"))
    np.testing.assert_array_equal(losses, [np.inf, 1.0])


@pytest.mark.parametrize("count", [0.0, 1.0, 50.0])
@on_every_backend
def test_an_infinite_log_rate_is_an_infinite_loss(backend, count):
    loss = partial(lb.poisson_nll, log_input=True, reduction="none")
    counts = array(backend, np.full(3, count, np.float32))
    losses = [loss(counts, array(backend, np.full(3, np.inf, np.float32)))]
    if backend == "jax":
        losses.append(jax().jit(loss)(counts, counts + np.inf))
    elif backend == "tensorflow":
        losses.append(tf.function(loss, jit_compile=True)(counts, counts + np.inf))
    for each in losses:
        np.testing.assert_array_equal(numpy_of(each), np.full(3, np.inf))


@on_every_backend
@pytest.mark.parametrize("half", ["float16", "bfloat16"])
@every_case
def test_half_precision_is_computed_in_float32(case, half, backend):
    labels = case.kind == LABELS
    args = [numpy_of(x) for x in case.inputs(backend)]
    low = [
        array(backend, x) if labels and i == 0 else typed(backend, x, half)
        for i, x in enumerate(args)
    ]
    if case.kind == CLASSES:  # rounded distributions
        args = [numpy_of(x).astype(np.float64) for x in low]
    got = numpy_of(case(*low))
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, case(*args), rtol=0.05)


@on_every_backend
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@every_case
def test_the_result_has_the_dtype_of_the_prediction(case, dtype, backend):
    args = case.inputs(backend, dtype)
    assert numpy_of(case(*args)).dtype == dtype
    if case.kind == ELEMENTS and set(np.unique(case.args[0])) <= {0, 1}:
        for kind in (np.int32, np.uint8, bool):
            truth = array(backend, case.args[0].astype(kind))
            got = numpy_of(case(truth, *args[1:]))
            assert got.dtype == dtype
            np.testing.assert_allclose(got, case(*args))


@on_every_backend
def test_labels_may_be_of_any_integer_dtype(backend):
    z = array(backend, REAL)
    expected = lb.sparse_cross_entropy(LABEL, REAL, **LOGITS)
    for kind in (np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64):
        labels = array(backend, LABEL.astype(kind))
        got = lb.sparse_cross_entropy(labels, z, ignore_index=-100, **LOGITS)
        np.testing.assert_allclose(got, expected)


@pytest.fixture
def half_by_default():
    torch = pytest.importorskip("torch")
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    yield torch
    torch.set_default_dtype(before)


def test_integers_keep_their_digits_where_the_default_of_torch_is_half(half_by_default):
    torch = half_by_default
    count, total = torch.tensor(1003), torch.tensor(1003.0, dtype=torch.float32)
    assert lb.global_mean(total, count) == lb.global_mean(total, 1003) == 1
    assert lb.mse(torch.tensor([0]), torch.tensor([1001])) == 1001**2


@on_every_backend
def test_without_a_float_the_default_dtype_is_taken(backend):
    y, p = array(backend, [1, 2]), array(backend, [2, 4])
    # JAX has been told to have float64.
    expected = np.float64 if backend in ("numpy", "jax") else np.float32
    loss = numpy_of(lb.mse(y, p))
    assert loss.dtype == expected
    assert loss == 2.5


# Frameworks


@pytest.mark.parametrize("backend", ["torch", "tensorflow", "jax"])
@every_case
def test_numpy_truth_goes_along_with_a_prediction_of_any_framework(case, backend):
    args = case.inputs(backend)
    expected = case(*args)
    got = case(case.args[0], *args[1:])
    assert type(got) is type(expected)
    np.testing.assert_allclose(got, expected)
    got = case(args[0], *case.args[1:])  # and the other way round
    assert type(got) is type(expected)
    np.testing.assert_allclose(got, expected)


@every_case
def test_torch_with_tensorflow_is_a_type_error(case):
    torch_args, tf_args = case.inputs("torch"), case.inputs("tensorflow")
    with pytest.raises(TypeError, match="PyTorch and TensorFlow"):
        case(torch_args[0], *tf_args[1:])
    weight = array("tensorflow", np.ones(case.losses_shape))
    with pytest.raises(TypeError, match="PyTorch and TensorFlow"):
        case(*torch_args, sample_weight=weight)


@pytest.mark.parametrize(
    ("loss", "name"),
    [
        ("binary_cross_entropy", "pos_weight"),
        ("cross_entropy", "class_weight"),
        ("sparse_cross_entropy", "class_weight"),
        ("sparse_focal", "alpha"),
    ],
)
def test_class_weights_of_another_framework_are_a_type_error(loss, name):
    case = next(case for case in CASES if case.loss == loss)
    foreign = {name: array("tensorflow", np.ones(3))}
    with pytest.raises(TypeError, match="PyTorch and TensorFlow"):
        case(*case.inputs("torch"), **foreign)
    assert type(case(*case.args, **foreign)) is type(array("tensorflow", 1.0))


@every_case
def test_lists_become_arrays(case):
    got = case(*(x.tolist() for x in case.args))
    np.testing.assert_allclose(got, case(*case.args))


@pytest.mark.parametrize("backend", ["torch", "tensorflow", "jax"])
def test_lists_take_the_framework_and_dtype_of_the_other_argument(backend):
    p = array(backend, np.array([0.1, 0.7], np.float64))
    loss = lb.mse([0.1, 0.2], p)
    assert numpy_of(loss).dtype == np.float64
    np.testing.assert_allclose(loss, 0.125, rtol=1e-15)
    assert numpy_of(lb.mse(p, [0.1, 0.2])).dtype == np.float64


@on_every_backend
def test_numbers_are_arrays_without_axes(backend):
    assert float(lb.mse(1.0, array(backend, 3.0))) == 4.0
    assert float(lb.mse(array(backend, 1), 3)) == 4.0


# Classes

with_axis = pytest.mark.parametrize(
    "case",
    [c for c in CASES if c.kind in (CLASSES, LABELS) and c.loss != "log_loss"],
    ids=lambda case: case.label,
)


@on_every_backend
@with_axis
def test_the_class_axis_may_stand_anywhere(case, backend):
    shape = (2, 5, 4, 3)  # N, H, W, C
    rng = np.random.default_rng(0)
    scores = rng.uniform(0.05, 0.3, shape)
    truth = rng.integers(0, 3, shape[:-1]) if case.kind == LABELS else scores[::-1]
    last = case(array(backend, truth), array(backend, scores), reduction="none")
    assert last.shape == shape[:-1]
    moved = np.moveaxis(scores, -1, 1)
    if case.kind != LABELS:
        truth = np.moveaxis(truth, -1, 1)
    for axis in (1, -3):
        first = case(
            array(backend, truth), array(backend, moved), axis=axis, reduction="none"
        )
        np.testing.assert_allclose(first, last)


@on_every_backend
@with_axis
def test_an_axis_that_is_not_there_is_refused(case, backend):
    for axis in (2, -3, 1.0):
        with pytest.raises(ValueError, match=r"axis must lie in \[-2, 1\]"):
            case(*case.inputs(backend), axis=axis)


@on_every_backend
@pytest.mark.parametrize("options", [LOGITS, {}], ids=["logits", "probabilities"])
@pytest.mark.parametrize("ignore", [-100, 255, 1])
def test_ignored_labels_count_nothing(ignore, options, backend):
    labels = np.array([0, ignore, 2, ignore])
    scores = array(backend, P)
    kept = np.array([True, False, True, False])
    expected = lb.sparse_cross_entropy(labels[kept], P[kept], **options)

    def loss(p, **more):
        truth = array(backend, labels)
        return lb.sparse_cross_entropy(truth, p, ignore_index=ignore, **options, **more)

    value, grad = lb.value_and_grad(loss)(scores)
    np.testing.assert_allclose(value, expected)
    assert not numpy_of(grad)[~kept].any()
    assert numpy_of(grad)[kept].any()
    assert not numpy_of(loss(scores, reduction="none"))[~kept].any()
    # All n count in the other mean.
    half = loss(scores, reduction="sum_over_batch_size")
    np.testing.assert_allclose(half, numpy_of(expected) / 2)


@on_every_backend
@of_kind(LABELS)
def test_labels_out_of_range_are_refused(case, backend):
    _, scores = case.inputs(backend)
    for wrong in (3, -1, -100):
        labels = array(backend, np.array([0, 1, 2, wrong]))
        with pytest.raises(
            ValueError, match=r"labels 0 to 2 for 3 classes.*leave a label out"
        ):
            case(labels, scores)


# Probabilities and logits


@on_every_backend
@pytest.mark.parametrize(
    "case",
    [c for c in CASES if c.args[1] is P or "from_logits" in c.options],
    ids=lambda case: case.label,
)
def test_logits_need_to_be_announced(case, backend):
    truth, _ = case.inputs(backend)
    logits = array(backend, REAL)
    options = {} if case.loss == "log_loss" else {"from_logits": False}
    with pytest.raises(ValueError, match=r"\[0, 1\].*Pass from_logits=True"):
        case(truth, logits, **options)


@on_every_backend
@pytest.mark.parametrize("loss", ["hinge", "squared_hinge", "logistic"])
def test_labels_zero_and_one_are_refused_with_the_formula(loss, backend):
    with pytest.raises(ValueError, match=r"2 \* y - 1"):
        getattr(lb, loss)(array(backend, [0.0, 1.0]), array(backend, [0.5, 0.5]))


@on_every_backend
def test_minus_log_zero_is_infinite_unless_eps_clips(backend):
    zero, one = array(backend, [0.0]), array(backend, [1.0])
    row = array(backend, [[1.0, 0.0]])
    target = array(backend, [[0.0, 1.0]])
    label = array(backend, [1])
    calls = {
        lb.binary_cross_entropy: (one, zero),
        lb.cross_entropy: (target, row),
        lb.kl_divergence: (target, row),
        lb.sparse_cross_entropy: (label, row),
        lb.log_loss: (label, row),
    }
    for loss, args in calls.items():
        assert float(loss(*args)) == np.inf
        clipped = float(loss(*args, eps=1e-3))
        assert clipped == pytest.approx(-np.log(1e-3), rel=1e-5)
    assert float(lb.focal(one, zero)) == np.inf
    assert float(lb.sparse_focal(label, row)) == np.inf


@on_every_backend
def test_label_smoothing_moves_the_targets(backend):
    p, y = array(backend, P), array(backend, SOFT)
    moved = SOFT * 0.9 + 0.1 / 3
    got = lb.cross_entropy(y, p, label_smoothing=0.1)
    np.testing.assert_allclose(got, lb.cross_entropy(moved, P))
    got = lb.sparse_cross_entropy(LABEL, p, label_smoothing=0.1)
    np.testing.assert_allclose(
        got, lb.cross_entropy(np.eye(3)[LABEL], P, label_smoothing=0.1)
    )
    got = lb.binary_cross_entropy(y, p, label_smoothing=0.1)
    np.testing.assert_allclose(got, lb.binary_cross_entropy(SOFT * 0.9 + 0.05, P))


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_ignore_index_beyond_int32_ignores_no_other_label(backend):
    labels = array(backend, np.array([1, 0, 2], np.int32))
    scores = array(backend, REAL[:3])
    plain = lb.sparse_cross_entropy(labels, scores, from_logits=True)
    for index in (2**40, -(2**63)):
        given = lb.sparse_cross_entropy(
            labels, scores, from_logits=True, ignore_index=index
        )
        assert given == plain
