"""The remedies that messages name: each is carried out as it is written, and works.

A remedy is a piece of code in the message. `follow` finds it there and evaluates it, so
that a message cannot advise what fails.
"""

import os
from collections import OrderedDict
from decimal import Decimal
from fractions import Fraction

os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import numpy as np
import pytest

import lossbook as lb

from ..backends import BACKENDS, array, jax, numpy_of

on_every_backend = pytest.mark.parametrize("backend", BACKENDS)
both_frameworks = pytest.mark.parametrize("framework", ["torch", "tensorflow"])


def refusal(call):
    """Return the message of the error that `call` raises: one or more sentences."""
    with pytest.raises((TypeError, ValueError)) as caught:
        call()
    message = str(caught.value)
    assert message.endswith(".")
    return message


def follow(message, code, **scope):
    """Return what the advice in the message evaluates to."""
    assert code in message
    return eval(code, {"numpy": np, **scope})


def loss_of(y_pred, **options):
    return lb.mse(np.zeros(np.shape(y_pred)), y_pred, **options)


# What is no array of numbers


def stand_in(module, name, **members):
    """Return an object of a library that is not installed here."""
    return type(name, (), {"__module__": module, **members})()


def sparse_matrix():
    import scipy.sparse

    return scipy.sparse.csr_array([[0.0, 2.0], [1.0, 0.0]])


def keras_variable():
    import keras

    return keras.Variable([1.0, 2.5])


def float8():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    return np.array([1.0, 2.5], ml_dtypes.float8_e4m3fn)


NUMBERS = [1.0, 2.5]
AS_FLOAT = "numpy.asarray(y_pred, dtype=float)"
REMEDIES = {
    "objects": (lambda: np.array([1, 2.5], object), AS_FLOAT),
    "decimals": (lambda: [Decimal("1"), Decimal("2.5")], AS_FLOAT),
    "fractions": (lambda: [Fraction(1), Fraction(5, 2)], AS_FLOAT),
    "numbers in quotes": (lambda: ["1", "2.5"], AS_FLOAT),
    "an array of quotes": (lambda: np.array(["1", "2.5"]), AS_FLOAT),
    "quotes as objects": (lambda: np.array(["1", "2.5"], object), AS_FLOAT),
    "one text": (lambda: "2.5", "float(y_pred)"),
    "complex": (lambda: np.array([1 + 3j, 2.5]), "numpy.real(y_pred)"),
    "a list of complex": (lambda: [1 + 0j, 2.5 + 0j], "numpy.abs(y_pred)"),
    "dates": (
        lambda: np.array([1, 2], "datetime64[s]"),
        "numpy.asarray(y_pred).astype(float)",
    ),
    "float8": (float8, "numpy.asarray(y_pred).astype(float)"),
    "a record": (lambda: np.array([(1.0,), (2.5,)], [("a", "f8")]), "y_pred['a']"),
    "a generator": (lambda: (x for x in NUMBERS), "list(y_pred)"),
    "an iterator": (lambda: map(float, NUMBERS), "list(y_pred)"),
    "values of a dict": (lambda: {0: 1.0, 1: 2.5}.values(), "list(y_pred)"),
    "keys of a dict": (lambda: {1.0: 0, 2.5: 1}.keys(), "list(y_pred)"),
    "a set": (lambda: {1.0, 2.5}, "sorted(y_pred)"),
    "a dict": (
        lambda: OrderedDict({1: 2.5, 0: 1.0}),
        "[y_pred[c] for c in sorted(y_pred)]",
    ),
    "a ragged list": (lambda: [[1.0], [2.5, 3.0]], "numpy.concatenate(y_pred)"),
    "an array of arrays": (
        lambda: np.array([np.ones(1), np.ones(2)], object),
        "numpy.concatenate(y_pred)",
    ),
    "arrays of two lengths": (
        lambda: [np.ones(1), np.ones(2)],
        "numpy.concatenate(y_pred)",
    ),
    "a sparse matrix": (sparse_matrix, "y_pred.toarray()"),
    "a variable of Keras": (keras_variable, "y_pred.value"),
    "an array of CuPy": (
        lambda: stand_in("cupy", "ndarray", get=lambda self: np.array(NUMBERS)),
        "y_pred.get()",
    ),
    "an array of Dask": (
        lambda: stand_in("dask.array", "Array", compute=lambda self: NUMBERS),
        "y_pred.compute()",
    ),
}


@on_every_backend
@pytest.mark.parametrize("kind", REMEDIES)
def test_what_is_no_array_of_numbers_is_one_after_the_remedy(kind, backend):
    make, code = REMEDIES[kind]
    bad = make()
    some = array(backend, np.zeros(2))
    message = refusal(lambda: lb.mse(some, bad))
    assert "y_pred" in message
    fixed = follow(message, code, y_pred=bad)
    np.testing.assert_allclose(float(loss_of(fixed)), np.mean(np.square(fixed)))
    message = refusal(lambda: lb.mse(some, some, sample_weight=bad))
    assert code.replace("y_pred", "sample_weight") in message


def test_an_object_array_of_labels_becomes_one_of_integers():
    labels = np.array([0, 1], object)
    scores = [[0.5, 0.5], [0.5, 0.5]]
    message = refusal(lambda: lb.sparse_cross_entropy(labels, scores))
    assert "dtype=int for labels" in message
    fixed = np.asarray(labels, dtype=int)
    assert lb.sparse_cross_entropy(fixed, scores) == pytest.approx(np.log(2))


@pytest.mark.parametrize(
    "labels",
    [
        ["cat", "dog", "cat"],
        np.array(["cat", "dog", "cat"]),
        np.array(["cat", "dog", "cat"], object),  # as pandas has them
    ],
)
def test_names_of_classes_are_numbered(labels):
    scores = np.full((3, 2), 0.5)
    code = "numpy.unique(y_true, return_inverse=True)[1]"
    message = refusal(lambda: lb.sparse_cross_entropy(labels, scores))
    numbers = follow(message, code, y_true=labels)
    assert lb.sparse_cross_entropy(numbers, scores) == pytest.approx(np.log(2))

    code = code.replace("y_true", "labels")
    message = refusal(lambda: lb.class_weights(labels))
    numbers = follow(message, code, labels=labels)
    np.testing.assert_allclose(lb.class_weights(numbers), [0.75, 1.5])


@on_every_backend
def test_flags_and_floats_are_no_labels_and_say_how_they_become_some(backend):
    scores = array(backend, np.full((2, 2), 0.5))
    for labels in (np.array([True, False]), np.array([1.0, 0.0])):
        message = refusal(
            lambda y=labels: lb.sparse_cross_entropy(array(backend, y), scores)
        )
        assert "convert the labels to int64" in message
        fixed = array(backend, labels.astype(np.int64))
        assert float(lb.sparse_cross_entropy(fixed, scores)) == pytest.approx(np.log(2))
        code = "np.unique(labels, return_inverse=True)[1]"
        message = refusal(lambda y=labels: lb.class_weights(y))
        numbers = follow(message, code, np=np, labels=labels)
        np.testing.assert_array_equal(lb.class_weights(numbers), [1.0, 1.0])


@on_every_backend
def test_flags_are_numbers_where_numbers_are_wanted(backend):
    flags = array(backend, np.array([True, False]))
    assert float(lb.mse(array(backend, [0.0, 1.0]), flags)) == 1.0
    assert float(lb.mae([2.0, 9.0], [0.0, 0.0], sample_weight=flags)) == 2.0


def test_labels_without_any_are_named():
    assert "labels is empty" in refusal(lambda: lb.class_weights([]))


@on_every_backend
def test_what_is_masked_is_left_out_after_the_remedy(backend):
    y_pred = np.ma.masked_array([1.0, 9.0, 3.0], [False, True, False])
    truth = array(backend, np.zeros(3))
    message = refusal(lambda: lb.mse(truth, y_pred))
    filled = follow(message, "y_pred.filled(0)", y_pred=y_pred)
    code = "~numpy.ma.getmaskarray(y_pred)"
    assert f"sample_weight={code}" in message
    weight = follow(message, code, y_pred=y_pred)
    assert float(lb.mse(truth, filled, sample_weight=weight)) == 5.0
    unmasked = np.ma.masked_array([1.0, 2.0, 3.0])
    assert follow(message, code, y_pred=unmasked).tolist() == [True] * 3


@on_every_backend
def test_masked_weights_weigh_nothing_after_the_remedy(backend):
    sample_weight = np.ma.masked_array([1.0, 9.0], [False, True])
    truth, pred = array(backend, np.zeros(2)), array(backend, [2.0, 5.0])
    message = refusal(lambda: lb.mse(truth, pred, sample_weight=sample_weight))
    fixed = follow(message, "sample_weight.filled(0)", sample_weight=sample_weight)
    assert float(lb.mse(truth, pred, sample_weight=fixed)) == 4.0


def test_a_mask_inside_a_list_is_not_lost():
    rows = [np.ma.masked_array([1.0, 2.0], [0, 1]), [1.0, 2.0]]
    message = refusal(lambda: lb.mse(np.zeros((2, 2)), rows))
    assert "y_pred[0] is a masked array" in message


def test_a_missing_number_is_named_with_its_place():
    message = refusal(lambda: lb.mse([1.0, 2.0], [1.0, None]))
    assert "y_pred[1] is None" in message
    message = refusal(lambda: lb.mse([1.0, 2.0], np.array([1.0, None])))
    assert "y_pred[1] is None" in message
    assert "sample_weight 0" in message
    assert lb.mse([1.0, 2.0], [2.0, 0.0], sample_weight=[1, 0]) == 1.0


@on_every_backend
def test_none_and_functions_say_what_is_wanted(backend):
    some = array(backend, np.zeros(2))
    assert "without a return" in refusal(lambda: lb.mse(some, None))
    assert "Pass what it returns" in refusal(lambda: lb.mse(np.mean, some))


def test_class_weights_in_a_dict_come_in_the_order_of_the_classes():
    class_weight = {1: 5.0, 0: 1.0}
    labels, scores = [0, 1], [[0.5, 0.5], [0.2, 0.8]]
    message = refusal(
        lambda: lb.sparse_cross_entropy(labels, scores, class_weight=class_weight)
    )
    code = "[class_weight[c] for c in sorted(class_weight)]"
    weights = follow(message, code, class_weight=class_weight)
    found = lb.sparse_cross_entropy(labels, scores, class_weight=weights)
    assert found == pytest.approx(-(np.log(0.5) + 5 * np.log(0.8)) / 6)


def test_losses_in_a_dict_come_as_a_list():
    losses = {"a": 4.0, "b": 1.0}
    message = refusal(lambda: lb.multitask(losses, [0.0, 0.0]))
    code = "[losses[c] for c in sorted(losses)]"
    each = follow(message, code, losses=losses)
    assert lb.multitask(each, [0.0, 0.0]) == 2.5


def test_a_symbol_of_keras_is_sent_to_compile():
    import keras

    message = refusal(lambda: lb.mse([1.0], keras.KerasTensor((1,))))
    assert "model.compile(loss=...)" in message
    from lossbook.adapters.keras import MSE

    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(loss=MSE())
    assert np.isfinite(model.evaluate(np.ones((2, 1)), np.ones((2, 1)), verbose=0))


# Tensors that are not dense


@pytest.mark.filterwarnings("ignore:.*nested tensors:UserWarning")
@pytest.mark.parametrize("layout", ["strided", "jagged"])
@pytest.mark.parametrize("way", ["in a row", "filled"])
def test_nested_tensors_keep_their_parts_and_their_gradient(layout, way):
    import torch

    parts = [torch.tensor([1.0, 2.0]), torch.tensor([4.0])]
    y_pred = torch.nested.nested_tensor(
        parts, layout=getattr(torch, layout), requires_grad=True
    )
    y_true = torch.nested.nested_tensor(
        [0 * part for part in parts], layout=getattr(torch, layout)
    )
    message = refusal(lambda: lb.mse(y_true, y_pred))
    if way == "in a row":
        code = "torch.cat(y_pred.unbind())"
        args = [follow(message, code, torch=torch, y_pred=y) for y in (y_true, y_pred)]
        loss = lb.mse(*args)
    else:
        code = "torch.nested.to_padded_tensor(y_pred, 0.0)"
        args = [follow(message, code, torch=torch, y_pred=y) for y in (y_true, y_pred)]
        code = "torch.nested.to_padded_tensor(torch.ones_like(y_pred), 0.0)"
        weight = follow(message, code, torch=torch, y_pred=y_pred)
        loss = lb.mse(*args, sample_weight=weight)
    assert loss.item() == 7.0
    loss.backward()
    found = torch.cat(y_pred.grad.unbind())
    np.testing.assert_allclose(found, np.array([2.0, 4.0, 8.0]) / 3)


@pytest.mark.filterwarnings("ignore:.*:UserWarning")
@pytest.mark.parametrize("kind", ["to_sparse", "to_sparse_csr"])
def test_sparse_tensors_of_torch_become_dense(kind):
    import torch

    y_pred = getattr(torch.tensor([[0.0, 2.0], [0.0, 0.0]]), kind)()
    message = refusal(lambda: lb.mse(torch.zeros(2, 2), y_pred))
    fixed = follow(message, "y_pred.to_dense()", y_pred=y_pred)
    assert lb.mse(torch.zeros(2, 2), fixed).item() == 1.0


@pytest.mark.filterwarnings("ignore:.*:UserWarning")
def test_quantized_tensors_of_torch_are_to_be_taken_out_of_their_code():
    import torch

    y_pred = torch.quantize_per_tensor(torch.tensor([1.0, 2.0]), 0.5, 0, torch.quint8)
    message = refusal(lambda: lb.mse(torch.zeros(2), y_pred))
    fixed = follow(message, "y_pred.dequantize()", y_pred=y_pred)
    assert lb.mse(torch.zeros(2), fixed).item() == 2.5


@pytest.mark.filterwarnings("ignore:.*:UserWarning")
def test_masked_tensors_of_torch_leave_out_what_is_masked():
    import torch
    from torch.masked import masked_tensor

    y_pred = masked_tensor(torch.tensor([2.0, 9.0]), torch.tensor([True, False]))
    message = refusal(lambda: lb.mse(torch.zeros(2), y_pred))
    data = follow(message, "y_pred.get_data()", y_pred=y_pred)
    weight = follow(message, "y_pred.get_mask()", y_pred=y_pred)
    assert lb.mse(torch.zeros(2), data, sample_weight=weight).item() == 4.0


@pytest.mark.parametrize("way", ["in a row", "filled"])
def test_ragged_tensors_keep_their_rows_and_their_gradient(way):
    import tensorflow as tf

    values = tf.constant([1.0, 2.0, 4.0])
    with tf.GradientTape() as tape:
        tape.watch(values)
        y_pred = tf.RaggedTensor.from_row_lengths(values, [2, 1])
        message = refusal(lambda: lb.mse(y_pred * 0, y_pred))
        code = {"in a row": "y_pred.flat_values", "filled": "y_pred.to_tensor()"}[way]
        pred = follow(message, code, y_pred=y_pred)
        weight = None
        if way == "filled":
            code = "tf.ones_like(y_pred).to_tensor()"
            weight = follow(message, code, tf=tf, y_pred=y_pred)
        loss = lb.mse(tf.zeros_like(pred), pred, sample_weight=weight)
    assert float(loss) == 7.0
    found = tf.convert_to_tensor(tape.gradient(loss, values))
    np.testing.assert_allclose(found, np.array([2.0, 4.0, 8.0]) / 3)


def test_sparse_tensors_of_tensorflow_become_dense_in_any_order():
    import tensorflow as tf

    y_pred = tf.SparseTensor([[1, 0], [0, 1]], [2.0, 4.0], [2, 2])
    message = refusal(lambda: lb.mse(tf.zeros((2, 2)), y_pred))
    code = "tf.sparse.to_dense(tf.sparse.reorder(y_pred))"
    fixed = follow(message, code, tf=tf, y_pred=y_pred)
    assert float(lb.mse(tf.zeros((2, 2)), fixed)) == 5.0


def test_texts_and_complex_numbers_of_the_frameworks_become_real():
    import tensorflow as tf
    import torch

    cases = [
        (tf.constant(["1", "3"]), "tf.strings.to_number(y_pred)"),
        (tf.constant([1 + 1j, 3]), "tf.math.real(y_pred)"),
        (torch.tensor([1 + 1j, 3]), "y_pred.real"),
        (torch.tensor([1 + 0j, 3]), "y_pred.abs()"),
    ]
    for y_pred, code in cases:
        message = refusal(lambda y_pred=y_pred: lb.mse([0.0, 0.0], y_pred))
        fixed = follow(message, code, tf=tf, y_pred=y_pred)
        assert float(lb.mse([0.0, 0.0], fixed)) == 5.0


@both_frameworks
def test_tensors_of_two_lengths_are_joined(framework):
    import tensorflow as tf
    import torch

    y_pred = [array(framework, [1.0]), array(framework, [2.0, 4.0])]
    y_true = [0 * part for part in y_pred]
    message = refusal(lambda: lb.mse(y_true, y_pred))
    assert "(1,) and (2,)" in message
    code = {"torch": "torch.cat(y_pred)", "tensorflow": "tf.concat(y_pred, 0)"}
    y, p = (
        follow(message, code[framework], tf=tf, torch=torch, y_pred=x)
        for x in (y_true, y_pred)
    )
    assert float(lb.mse(y, p)) == 7.0


def test_two_frameworks_meet_as_numpy_arrays():
    import tensorflow as tf
    import torch

    theirs, ours = tf.constant([1.0]), torch.tensor([3.0], requires_grad=True)
    message = refusal(lambda: lb.mse(theirs, ours))
    loss = lb.mse(follow(message, "x.numpy()", x=theirs), ours)
    loss.backward()
    assert (loss.item(), ours.grad.item()) == (4.0, 4.0)
    loss = lb.mse(follow(message, "x.detach().cpu().numpy()", x=ours), theirs)
    assert float(loss) == 4.0


def test_an_array_of_jax_meets_a_tensor_as_a_numpy_array():
    import torch

    theirs, ours = array("jax", [1.0]), torch.tensor([3.0])
    for pair in ((theirs, ours), (ours, theirs)):
        message = refusal(lambda pair=pair: lb.mse(*pair))
    both = follow(message, "numpy.asarray(x)", numpy=np, x=theirs), ours
    assert float(lb.mse(*both)) == 4.0
    traced = refusal(lambda: jax().jit(lambda x: lb.mse(ours, x))(theirs))
    assert traced == message


# Shapes, parameters, states


@on_every_backend
@pytest.mark.parametrize("short", ["y_true", "y_pred"])
def test_a_row_of_numbers_fits_a_column_after_the_remedy(short, backend):
    row, column = array(backend, np.full(3, 2.0)), array(backend, np.ones((3, 1)))
    args = (row, column) if short == "y_true" else (column, row)
    message = refusal(lambda: lb.mse(*args))
    fixed = follow(message, f"{short}[..., None]", **{short: row})
    assert float(lb.mse(fixed, column)) == 1.0


KINDS = {
    **{backend: lambda x, b=backend: array(b, x) for backend in BACKENDS},
    "matrix": np.asmatrix,
    "list": np.ndarray.tolist,
    "pandas": lambda x: pytest.importorskip("pandas").DataFrame(x),
}


@pytest.mark.parametrize("kind", KINDS)
def test_shapes_of_one_size_are_reshaped_as_the_kind_of_array_wants_it(kind):
    import tensorflow as tf

    make = KINDS[kind]
    y_true, y_pred = make(np.zeros((1, 4))), make(np.ones((2, 2)))
    message = refusal(lambda: lb.mse(y_true, y_pred))
    code = message.partition(", use ")[2].removesuffix(".")
    fixed = follow(message, code, y_true=y_true, y_pred=y_pred, tf=tf)
    assert float(lb.mse(fixed, y_pred)) == 1.0
    weight = make(np.ones((1, 4)))
    message = refusal(lambda: lb.mse(np.zeros(4), np.ones(4), sample_weight=weight))
    code = message.partition("Use ")[2].partition(" if ")[0]
    fixed = follow(message, code, sample_weight=weight, tf=tf)
    assert float(lb.mse(np.zeros(4), np.ones(4), sample_weight=fixed)) == 1.0


def test_an_iterator_that_is_used_up_says_how_to_keep_it():
    import torch

    model = torch.nn.Linear(2, 1)
    params = model.parameters()
    lb.l2(params)
    for call in (lambda: lb.l2(params), lambda: lb.optim.adam().init(params)):
        message = refusal(call)
        kept = follow(message, "list(model.parameters())", model=model)
        lb.l2(kept)
        lb.optim.adam().init(kept)
        assert lb.l2(kept).item() > 0


def test_a_model_is_sent_to_its_parameters():
    import keras
    import torch

    model = torch.nn.Linear(2, 1)
    optimizer = lb.optim.sgd()
    for call in (lambda: optimizer.init(model), lambda: lb.l1(model)):
        params = follow(refusal(call), "model.parameters()", model=model)
        optimizer.init(params)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    message = refusal(lambda: optimizer.init(model))
    optimizer.init(follow(message, "model.trainable_weights", model=model))


@pytest.mark.parametrize("step", ["three", -1, float("nan"), None, [1, 2]])
def test_a_count_of_steps_that_is_none_is_refused(step):
    optimizer, w = lb.optim.adam(), np.ones(2)
    state = {**optimizer.init(w), "step": step}
    message = refusal(lambda: optimizer.step(w, w, state))
    assert "state['step'] must be the number of steps taken" in message


@pytest.mark.parametrize("argnum", [(0, 1), "y_pred", 1.0, True])
def test_one_argument_is_differentiated_which_may_be_a_list(argnum):
    message = refusal(lambda: lb.value_and_grad(np.sum, argnum=argnum))
    assert "argnum" in message and "one list, tuple or dict" in message
    _, grads = lb.value_and_grad(lambda both: both[0] * both[1])([2.0, 3.0])
    assert np.asarray(grads).tolist() == [3.0, 2.0]
    assert numpy_of(grads).shape == (2,)
