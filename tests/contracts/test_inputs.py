"""What comes in at the door: lists of tensors, arrays of every layout, NumPy's scalars.

Each is taken for what it means, with its gradient, on every backend.
"""

import numpy as np
import pytest

import lossbook as lb

from ..backends import BACKENDS, array, numpy_of
from ..cases import CASES, LABEL, one_a_loss

on_every_backend = pytest.mark.parametrize("backend", BACKENDS)
every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.label)
TRUTH = np.array([[0.0, 0.0], [1.0, 1.0]])
PRED = np.array([[1.0, 3.0], [0.5, 2.0]])
SLOPES = (PRED - TRUTH) / 2  # those of the mean of 4 squares


# Lists of tensors and variables


def torch_parameters():
    """Return a nested list of scalars that require grad, and what differentiates."""
    import torch

    leaves = [[torch.tensor(v, requires_grad=True) for v in row] for row in PRED]

    def grads(loss):
        loss().backward()
        return [[leaf.grad for leaf in row] for row in leaves]

    return leaves, grads


def tensorflow_variables():
    import tensorflow as tf

    leaves = [[tf.Variable(v) for v in row] for row in PRED]

    def grads(loss):
        with tf.GradientTape() as tape:
            value = loss()
        return tape.gradient(value, leaves)

    return leaves, grads


PARAMETERS = {"torch": torch_parameters, "tensorflow": tensorflow_variables}
of_each_framework = pytest.mark.parametrize("framework", PARAMETERS)


@of_each_framework
@pytest.mark.parametrize("truth", ["array", "list", "tensor"])
def test_a_nested_list_of_scalars_is_stacked_with_its_gradient(framework, truth):
    leaves, grads = PARAMETERS[framework]()
    y = {"array": TRUTH, "list": TRUTH.tolist(), "tensor": array(framework, TRUTH)}
    found = grads(lambda: lb.mse(y[truth], leaves))
    np.testing.assert_allclose(numpy_of_nested(found), SLOPES)


def numpy_of_nested(tree):
    return np.array([[float(x) for x in row] for row in tree])


@of_each_framework
def test_the_truth_and_the_weights_may_be_lists_of_tensors_too(framework):
    leaves, grads = PARAMETERS[framework]()
    found = grads(lambda: lb.mse(leaves, TRUTH))
    np.testing.assert_allclose(numpy_of_nested(found), SLOPES)

    leaves, grads = PARAMETERS[framework]()
    found = grads(lambda: lb.mae(0 * TRUTH, 0 * TRUTH + 1, sample_weight=leaves))
    np.testing.assert_allclose(numpy_of_nested(found), 0, atol=1e-7)

    leaves, grads = PARAMETERS[framework]()
    errors = np.array([[1.0, 2.0], [3.0, 4.0]])
    found = grads(lambda: lb.mae(0 * TRUTH, errors, sample_weight=leaves))
    mean = (PRED * errors).sum() / PRED.sum()
    np.testing.assert_allclose(numpy_of_nested(found), (errors - mean) / PRED.sum())


@of_each_framework
def test_numbers_and_tensors_may_stand_in_one_list(framework):
    leaves, _ = PARAMETERS[framework]()
    mixed = [[leaves[0][0], 3], (0.5, leaves[1][1])]
    loss = lb.mse(TRUTH, mixed)
    assert numpy_of(loss).dtype == np.float64  # the dtype of the tensors
    np.testing.assert_allclose(numpy_of(loss), np.mean((PRED - TRUTH) ** 2))
    rows = [array(framework, PRED[0]), PRED[1]]
    np.testing.assert_allclose(numpy_of(lb.mse(TRUTH, rows)), numpy_of(loss))


@of_each_framework
def test_a_list_of_label_tensors_stays_labels(framework):
    scores = array(framework, PRED)
    labels = [array(framework, 0), array(framework, 1)]
    found = lb.sparse_cross_entropy(labels, scores, from_logits=True)
    expected = lb.sparse_cross_entropy([0, 1], PRED, from_logits=True)
    np.testing.assert_allclose(numpy_of(found), expected)


@of_each_framework
def test_integers_and_floats_of_a_framework_in_one_list_become_floats(framework):
    found = lb.mse([0.0, 0.0], [array(framework, 1), array(framework, np.float32(3))])
    assert float(found) == 5.0
    assert numpy_of(found).dtype == np.float32


def test_lists_of_tensors_are_stacked_in_graphs_too():
    import tensorflow as tf
    import torch

    def loss(a, b):
        return lb.mse([0.0, 0.0], [a, b])

    one, three = torch.tensor(1.0, requires_grad=True), torch.tensor(3.0)
    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")(one, three)
    compiled.backward()
    assert (compiled.item(), one.grad.item()) == (5.0, 1.0)
    assert torch.func.grad(loss, argnums=1)(one, three).item() == 3.0
    graph = tf.function(loss)(tf.constant(1.0), tf.constant(3.0))
    assert float(graph) == 5.0


def test_a_list_of_both_frameworks_is_refused():
    both = [array("torch", 1.0), array("tensorflow", 1.0)]
    with pytest.raises(TypeError, match="cannot be mixed"):
        lb.mse([0.0, 0.0], both)


@on_every_backend
def test_a_list_is_differentiated_element_by_element(backend):
    leaves = [array(backend, 1.0), array(backend, 3.0)]
    value, grads = lb.value_and_grad(lb.mse)([0.0, 0.0], leaves)
    assert float(value) == 5.0
    assert [float(g) for g in grads] == [1.0, 3.0]


def test_what_is_traced_on_numpy_may_stand_in_a_nested_list():
    def loss(x):
        return lb.mse(TRUTH, [[x[0], 3], [0.5, 2 * x[1]]])

    assert lb.check_gradient(loss, np.array([1.0, 1.0])) < 1e-6
    _, grad = lb.value_and_grad(loss)(np.array([1.0, 1.0]))
    np.testing.assert_allclose(grad, [SLOPES[0, 0], 2 * SLOPES[1, 1]])


def test_a_sparse_gradient_is_a_dense_array():
    import tensorflow as tf

    slices = tf.IndexedSlices(tf.constant([[1.0, 2.0]]), tf.constant([1]), [2, 2])
    assert float(lb.mse(np.zeros((2, 2)), slices)) == 1.25


# Arrays of every layout and dtype


class Column:
    """A labelled column, as pandas has them: positions count, not labels."""

    def __init__(self, values, index):
        self.values, self.index = np.asarray(values), index

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype)


def on_disk(values, path):
    kept = np.memmap(path, dtype=values.dtype, mode="w+", shape=values.shape)
    kept[:] = values
    kept.flush()
    return np.memmap(path, dtype=values.dtype, mode="r", shape=values.shape)


def read_only(values):
    values = values.copy()
    values.flags.writeable = False
    return values


LAYOUTS = {
    "read-only": read_only,
    "Fortran order": np.asfortranarray,
    "negative strides": lambda x: x[::-1, ::-1].copy()[::-1, ::-1],
    "a view with gaps": lambda x: np.repeat(x, 2, axis=1)[:, ::2],
    "big-endian": lambda x: x.astype(">f8"),
    "big-endian float32": lambda x: x.astype(">f4"),
    "longdouble": lambda x: x.astype(np.longdouble),
    "half precision": lambda x: x.astype(np.float16),
    "a labelled table": lambda x: Column(x, [[3, 1], [0, 2]]),
    "a list of rows": list,
    "a tuple of lists": lambda x: tuple(x.tolist()),
    "NumPy's own scalars": lambda x: [[np.float32(v) for v in row] for row in x],
}


@on_every_backend
@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_array_counts_by_its_values_however_it_is_stored(layout, backend):
    pred = LAYOUTS[layout](PRED)
    expected = np.mean((PRED - TRUTH) ** 2)  # exact in every dtype
    truth = array(backend, TRUTH)
    assert float(lb.mse(truth, pred)) == expected
    assert float(lb.mse(pred, truth)) == expected
    weighted = lb.mae(truth, array(backend, PRED), sample_weight=pred)
    np.testing.assert_allclose(
        float(weighted), np.average(abs(PRED - TRUTH), weights=PRED)
    )


@on_every_backend
def test_a_file_in_memory_is_an_array(backend, tmp_path):
    pred = on_disk(PRED, tmp_path / "pred")
    assert float(lb.mse(array(backend, TRUTH), pred)) == np.mean((PRED - TRUTH) ** 2)


@on_every_backend
@pytest.mark.parametrize("dtype", ["u1", "u2", "u4", "u8", "i1", ">i2", ">i4", ">i8"])
def test_labels_have_any_integer_dtype(dtype, backend):
    scores = array(backend, np.log(np.arange(1.0, 13).reshape(4, 3)))
    labels = LABEL.astype(dtype)
    found = lb.sparse_cross_entropy(labels, scores, from_logits=True)
    expected = lb.sparse_cross_entropy(LABEL, scores, from_logits=True)
    assert float(found) == float(expected)


@on_every_backend
@pytest.mark.parametrize("dtype", ["bfloat16", "float8_e5m2"])
def test_the_small_floats_of_other_packages_are_numbers(dtype, backend):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    pred = PRED.astype(getattr(ml_dtypes, dtype))
    found = lb.mse(pred, array(backend, TRUTH))
    assert float(found) == np.mean((PRED - TRUTH) ** 2)


def test_longdouble_keeps_its_digits_on_numpy():
    third = np.full(2, np.longdouble(1) / 3)
    found = lb.mse(np.zeros(2), third, reduction="sum")
    assert found == 2 * (third[0] * third[0])
    assert found.dtype == np.longdouble


def test_a_column_of_pandas_counts_by_position():
    pandas = pytest.importorskip("pandas")
    y = pandas.Series([1.0, 2.0, 3.0], index=[2, 0, 1])
    p = pandas.Series([1.0, 2.0, 5.0], index=[0, 1, 2])
    assert float(lb.mse(y, p)) == pytest.approx(4 / 3)


@on_every_backend
def test_a_labelled_column_keeps_the_dtype_that_it_has(backend):
    column = Column(np.array([0.1, 0.2]), [1, 0])
    found = lb.mse([0.0, 0.0], column, sample_weight=array(backend, [1.0, 1.0]))
    assert numpy_of(found).dtype == np.float64
    np.testing.assert_allclose(float(found), 0.025, rtol=1e-15)


@every_case
def test_arrays_that_must_not_be_written_to_are_not(case):
    args = [read_only(x) for x in case.inputs("numpy")]
    weight = read_only(np.ones(case.losses_shape))
    value, grad = lb.value_and_grad(case, argnum=1)(*args, sample_weight=weight)
    expected = lb.value_and_grad(case, argnum=1)(*case.inputs("numpy"))
    np.testing.assert_allclose(value, expected[0])
    np.testing.assert_allclose(grad, expected[1])


@pytest.mark.parametrize("dtype", [">f4", ">f8"])
def test_the_gradient_of_a_big_endian_array_has_the_byte_order_of_the_machine(dtype):
    _, grad = lb.value_and_grad(lb.mse)(TRUTH, PRED.astype(dtype))
    assert grad.dtype == np.dtype(dtype).newbyteorder("=")
    np.testing.assert_allclose(grad, SLOPES)


# Scalars of NumPy, in and out


@every_case
@pytest.mark.parametrize("reduction", ["mean", "sum", "sum_over_batch_size"])
def test_a_scalar_result_on_numpy_is_a_numpy_scalar(case, reduction):
    shape = case.losses_shape
    for weight in (None, 1.0, np.ones(shape[0]), np.ones(shape), np.zeros(shape)):
        args = case.inputs("numpy")
        found = case(*args, sample_weight=weight, reduction=reduction)
        assert isinstance(found, np.floating), weight
        assert round(found, 2) == pytest.approx(float(found), abs=0.006)


@pytest.mark.parametrize(
    "case", [c for c in one_a_loss() if c.kind == "elements"], ids=lambda c: c.label
)
def test_the_loss_of_two_numbers_is_a_numpy_scalar(case):
    numbers = [float(x[0, 0]) for x in case.args]
    found = case(*numbers, sample_weight=1.0, reduction="none")
    assert isinstance(found, np.floating)


def test_sums_means_and_gradients_of_numbers_are_numpy_scalars():
    assert isinstance(lb.global_mean([2.0, 24.0], [2, 8]), np.floating)
    assert isinstance(lb.multitask([4.0, 1.0], [0.0, 0.0]), np.floating)
    assert isinstance(lb.l1([1.0, 2.0]), np.floating)
    assert isinstance(lb.info_nce(np.eye(2), np.eye(2)), np.floating)
    for fn in (np.square, lambda x: np.float64(3.0)):
        value, grad = lb.value_and_grad(fn)(3.0)
        assert isinstance(value, np.floating)
        assert isinstance(grad, np.floating)


@on_every_backend
def test_integers_and_flags_of_numpy_are_as_good_as_those_of_python(backend):
    scores = array(backend, np.array([[0.2, 0.8], [0.5, 0.5], [0.3, 0.7]]))
    labels = array(backend, np.array([0, 1, 1]))
    pairs = [
        ({"ignore_index": np.int64(1)}, {"ignore_index": 1}),
        ({"ignore_index": np.uint8(1)}, {"ignore_index": 1}),
        ({"axis": np.int64(1)}, {"axis": 1}),
        ({"axis": np.int32(-1)}, {"axis": -1}),
        ({"from_logits": np.True_}, {"from_logits": True}),
    ]
    for theirs, ours in pairs:
        found = lb.sparse_cross_entropy(labels, scores, **theirs)
        assert float(found) == float(lb.sparse_cross_entropy(labels, scores, **ours))
    columns = array(backend, np.array([[0.2, 0.5, 0.3], [0.8, 0.5, 0.7]]))
    found = lb.sparse_cross_entropy(labels, columns, axis=np.int64(0))
    assert float(found) == float(lb.sparse_cross_entropy(labels, scores))


@on_every_backend
@pytest.mark.parametrize(("q", "slopes"), [(0, [0, 1, 0]), (1, [-1, 0, 0])])
def test_the_outermost_quantiles_cost_on_one_side_only(q, slopes, backend):
    y, p = array(backend, np.zeros(3)), array(backend, [-2.0, 3.0, 0.0])
    losses = lb.quantile(y, p, q=q, reduction="none")
    np.testing.assert_array_equal(numpy_of(losses), [2 * q, 3 * (1 - q), 0])
    _, grad = lb.value_and_grad(lb.quantile)(y, p, q=q, reduction="sum")
    np.testing.assert_array_equal(numpy_of(grad), slopes)


def test_the_outermost_quantiles_are_those_of_scikit_learn():
    from sklearn.metrics import mean_pinball_loss

    for q in (0, 0.3, 1):
        found = lb.quantile(TRUTH, PRED, q=q)
        expected = mean_pinball_loss(TRUTH.ravel(), PRED.ravel(), alpha=q)
        assert found == pytest.approx(expected, rel=1e-15)


# Arrays of which nothing is to be made


@pytest.mark.parametrize("backend", ["numpy", "torch"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_arrays_of_one_shape_and_float_dtype_are_ready(backend, dtype):
    xp = lb.backends.backend_of(array(backend, TRUTH))
    a = array(backend, TRUTH.astype(dtype))
    assert xp.are_ready(a, a + 1)
    assert not xp.are_ready(a, a[:1]) and not xp.are_ready(a[0], a)
    other = {np.float32: np.float64, np.float64: np.float32}[dtype]
    assert not xp.are_ready(a, array(backend, TRUTH.astype(other)))
    kinds = [array(backend, TRUTH.astype(t)) for t in (np.int64, np.float16, bool)]
    for b in [*kinds, a[:0], TRUTH.tolist(), 1.0]:
        assert not any(xp.are_ready(*pair) for pair in ((a, b), (b, a), (b, b)))


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested")
def test_what_is_refused_or_converted_is_not_ready():
    import torch

    plain = torch.tensor(TRUTH)
    for x in (
        torch.nested.nested_tensor([plain, plain]),
        plain.to_sparse(),
        plain.to(torch.complex64),
        plain.numpy(),
    ):
        assert not lb.backends.torch.are_ready(x, x)
    masked = np.ma.masked_array(TRUTH, mask=[[0, 1], [0, 0]])
    for x in (masked, np.matrix(TRUTH), TRUTH.astype(">f8"), np.float64(1), plain):
        assert not lb.backends.numpy.are_ready(x, x)
