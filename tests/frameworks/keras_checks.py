"""Checks of the Keras classes, run by test_adapters.py for each Keras backend.

Keras takes its backend from the environment when it is imported, so that a process can
test one only: ``KERAS_BACKEND=torch python -m tests.frameworks.keras_checks classes``.
The other parts are "meaning" and, on TensorFlow, "graphs".
"""

import copy
import inspect
import os
import pickle
import subprocess
import sys
import tempfile
from pathlib import Path

import keras
import numpy as np
import pytest

import lossbook as lb
from lossbook import adapters
from lossbook.adapters import keras as for_keras
from lossbook.adapters.packed import PACKED

from ..cases import (
    CASES,
    CLASSES,
    ELEMENTS,
    LABEL,
    LABELS,
    MASKS,
    REAL,
    UNIT,
    P,
    one_a_loss,
)
from . import keras_meaning_checks

RNG = np.random.default_rng(2)
WEIGHT = np.array([1.0, 0.0, 2.0, 0.5])


def close(got, expected, rtol=2e-5):
    got = keras.ops.convert_to_numpy(got)
    np.testing.assert_allclose(got, expected, rtol=rtol, atol=1e-6)


def refused(call, *words):
    with pytest.raises((ValueError, TypeError)) as caught:
        call()
    for word in words:
        assert word in str(caught.value), f"{word!r} is not in: {caught.value}"


def per_sample(case):
    """Return the losses in Keras's way: the mean over the last axis of elements."""
    losses = case(*case.args, reduction="none")
    return losses.mean(-1) if losses.ndim > 1 else losses


def usable(cases=CASES):
    return [c for c in cases if c.function in adapters.FUNCTIONS and c.loss != "rmse"]


def made(case, **options):
    """Make the class, with the function's defaults where Keras has others."""
    defaults = {p.name: p.default for p in adapters.options_of(case.function)}
    return getattr(for_keras, adapters.class_name(case.function))(
        **{**defaults, **case.options, **options}
    )


def check_values_and_weights():
    for case in usable():
        losses = per_sample(case)
        weight = WEIGHT[: len(losses)]
        y, p = case.args
        close(made(case, reduction="none")(y, p), losses)
        close(made(case, reduction="sum")(y, p), losses.sum())
        close(made(case, reduction="sum")(y, p, weight), (losses * weight).sum())
        if "ignore_index" in case.options:
            continue
        close(made(case)(y, p), losses.mean())
        close(made(case)(y, p, sample_weight=weight), (losses * weight).mean())
        mean = made(case, reduction="mean_with_sample_weight")
        close(mean(y, p, weight), (losses * weight).sum() / weight.sum())


def check_names_and_docstrings():
    assert len(dir(for_keras)) == len(adapters.FUNCTIONS) + len(PACKED)
    assert {"MSE", "Huber", "LogCosh", "BinaryCrossEntropy"} <= set(dir(for_keras))
    assert lb.adapters.keras.Huber is for_keras.Huber
    for name in dir(for_keras):
        made = getattr(for_keras, name)
        assert issubclass(made, keras.losses.Loss)
        doc = inspect.getdoc(made)
        assert "model.compile" in doc
        assert "mean_with_sample_weight" in doc
        for option in made.options.parameters:
            assert f"\n{option} :" in doc
    assert for_keras.MSE().name == "mse"
    assert for_keras.Huber(name="mine").name == "mine"


def check_a_class_with_a_name_of_keras_has_its_defaults():
    shared = [name for name in dir(for_keras) if hasattr(keras.losses, name)]
    assert {"Hinge", "Huber", "KLDivergence", "LogCosh", "SquaredHinge"} <= set(shared)
    distribution = keras.ops.softmax(np.array([[0.3, 1.0], [2.0, -1.0]]))
    for name in shared:
        ours, theirs = getattr(for_keras, name), getattr(keras.losses, name)
        taken = inspect.signature(ours).parameters
        for option, parameter in inspect.signature(theirs).parameters.items():
            assert taken[option].default == parameter.default, (name, option)
            found = getattr(ours(), option, ours().given.get(option))
            assert found == getattr(theirs(), option, found), (name, option)
        p = keras.ops.convert_to_numpy(distribution)
        y = np.array([[0.0, 1.0], [1.0, 0.0]])
        if name in ("Dice", "Tversky"):  # one loss a batch there, one a mask here
            y, p = y[:1], p[:1]
        for reduction in ("sum_over_batch_size", "sum", "none"):
            expected = theirs(reduction=reduction)(y, p)
            close(ours(reduction=reduction)(y, p), keras.ops.convert_to_numpy(expected))


def check_losses_of_several_arrays_take_them_packed():
    a, b, c = RNG.normal(size=(3, 4, 5))
    y, weight = RNG.normal(size=4), WEIGHT
    mean, variance = RNG.normal(size=4), RNG.uniform(0.5, 2, 4)
    cases = {
        "GaussianNLL": (y, [mean, variance], -1, lb.gaussian_nll, (y, mean, variance)),
        "MarginRanking": (y, [mean, y], -1, lb.margin_ranking, (mean, y)),
        "Triplet": (y, [a, b, c], 1, lb.triplet, (a, b, c)),
        "InfoNCE": (y, [a, b], 1, lb.info_nce, (a, b)),
    }
    for name, (truth, arrays, axis, function, args) in cases.items():
        packed = np.stack(arrays, axis)
        loss = getattr(for_keras, name)
        close(loss()(truth, packed), function(*args))
        each = function(*args, reduction="none")
        close(loss()(truth, packed, weight), (each * weight).mean())
        close(loss(reduction="none")(truth, packed), each)
        twin = pickle.loads(pickle.dumps(loss(name="mine")))
        close(twin(truth, packed), function(*args))
        refused(lambda loss=loss, p=packed: loss()(y, p[:, :1]), "y_pred must hold")
    column = np.stack([mean, variance], -1)
    close(
        for_keras.GaussianNLL()(y[:, None], column), lb.gaussian_nll(y, mean, variance)
    )
    refused(lambda: for_keras.InfoNCE(temperature=0), "temperature")
    model = model_of(2, "softplus")
    model.compile("sgd", for_keras.GaussianNLL(), jit_compile=False)
    x = RNG.normal(size=(32, 3)).astype("float32")
    history = model.fit(x, np.abs(x[:, 0]), epochs=3, verbose=0).history["loss"]
    assert history[-1] < history[0]


def check_rmse_is_the_root_of_the_mean():
    y, p = np.zeros((4, 1)), np.array([[1.0], [2.0], [3.0], [4.0]])
    close(for_keras.RMSE()(y, p), 7.5**0.5)
    close(for_keras.RMSE(reduction="sum")(y, p), 30**0.5)
    weighted = for_keras.RMSE(reduction="mean_with_sample_weight")(y, p, WEIGHT)
    close(weighted, lb.rmse(y, p, sample_weight=WEIGHT))
    close(for_keras.RMSE()(y, y), 0)


def check_ignored_labels_are_not_counted():
    loss = for_keras.SparseCrossEntropy(ignore_index=2)
    close(loss(LABEL, P), lb.sparse_cross_entropy(LABEL, P, ignore_index=2))
    expected = lb.sparse_cross_entropy(
        LABEL, P, ignore_index=2, sample_weight=WEIGHT, reduction="sum"
    )
    close(loss(LABEL, P, WEIGHT), expected / np.sum(LABEL != 2))


def check_masks_are_heeded():
    p = keras.ops.convert_to_tensor(UNIT.astype("float32"))
    p._keras_mask = keras.ops.convert_to_tensor(np.array([True, False, True, True]))
    expected = lb.mse(REAL, UNIT, sample_weight=np.array([1.0, 0.0, 1.0, 1.0]))
    close(for_keras.MSE()(REAL, p), expected)


def check_bad_input():
    loss = for_keras.MSE()
    refused(lambda: loss(np.zeros((4, 1)), np.zeros(4)), "(4, 1)", "reshape")
    one_hot = np.eye(3)[LABEL]
    refused(lambda: for_keras.SparseCrossEntropy()(one_hot, P), "one-hot")
    half = LABEL + np.array([0.5, 0, 0, 0])
    refused(lambda: for_keras.SparseCrossEntropy()(half, P), "integer labels")
    refused(lambda: for_keras.SparseCrossEntropy()(LABEL + 1, P), "labels 0 to 2")
    refused(lambda: for_keras.Logistic()(LABEL > 0, REAL[:, 0]), "2 * y - 1")
    refused(lambda: for_keras.Huber(delta=0), "delta")
    refused(lambda: for_keras.Huber(detla=1.0), "Huber", "detla")
    refused(lambda: for_keras.SparseCrossEntropy(class_weight=[1, -1]), "class_weight")
    by_label = {1: 5.0, 0: 1.0}
    refused(
        lambda: for_keras.SparseCrossEntropy(class_weight=by_label),
        "Use class_weight=[1.0, 5.0]",
    )
    for_keras.SparseCrossEntropy(class_weight=[1.0, 5.0])
    refused(lambda: for_keras.MSE(reduction="avg"), "reduction")
    # Keras casts labels to the dtype of the loss: float16 would make 4097 to 4096.
    many = np.array([[0.0] * 4097 + [1.0]])
    close(for_keras.SparseCrossEntropy(dtype="float16")(np.array([4097]), many), 0)


def model_of(outputs, activation=None):
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [keras.layers.Input((3,)), keras.layers.Dense(outputs, activation=activation)]
    )


def check_every_loss_trains_a_model():
    x = RNG.normal(size=(32, 3)).astype("float32")
    for case in usable(one_a_loss()):
        rows = case.args[1].ndim == 1
        unit = case.args[1] is P or case.args[1] is UNIT or rows
        softmax = unit and case.kind != ELEMENTS
        activation = "softmax" if softmax else "sigmoid" if unit else None
        if case.loss == "poisson_nll" and not case.options:
            activation = "softplus"
        if rows:
            continue  # a Dense layer has two axes
        model = model_of(3, activation)
        model.compile("sgd", made(case), run_eagerly=False, jit_compile=False)
        y = np.concatenate([case.args[0]] * 8)
        history = model.fit(x, y, epochs=3, verbose=0, batch_size=32).history["loss"]
        assert np.isfinite(history).all(), case.label
        assert history[-1] < history[0], (case.label, history)


def check_sample_weights_and_class_weights_in_fit():
    x = RNG.normal(size=(32, 3)).astype("float32")
    y = RNG.integers(0, 3, 32)
    weight = RNG.uniform(0.5, 2, 32)
    class_weight = {0: 1.0, 1: 3.0, 2: 0.5}
    model = model_of(3, "softmax")
    p = keras.ops.convert_to_numpy(model(x))
    losses = lb.sparse_cross_entropy(y, p, reduction="none")
    model.compile("sgd", for_keras.SparseCrossEntropy(), jit_compile=False)

    def first(**weights):  # the loss of one batch before any step
        twin = model_of(3, "softmax")
        twin.compile("sgd", for_keras.SparseCrossEntropy(), jit_compile=False)
        history = twin.fit(x, y, batch_size=32, verbose=0, **weights).history
        return history["loss"][0]

    close(first(), losses.mean())
    close(first(sample_weight=weight), (losses * weight).mean())
    by_class = np.array([class_weight[label] for label in y])
    close(first(class_weight=class_weight), (losses * by_class).mean())
    close(model.evaluate(x, y, verbose=0), losses.mean())


def check_a_column_of_predictions_takes_a_row_of_truths():
    x = RNG.normal(size=(16, 3)).astype("float32")
    y = x @ np.array([1.0, -2.0, 0.5], "float32")
    column = y[:, None]
    histories = []
    for truth in (y, column):
        model = model_of(1)
        model.compile("sgd", for_keras.Huber(delta=0.5), jit_compile=_graph())
        history = model.fit(x, truth, epochs=20, verbose=0, shuffle=False).history
        histories.append(history["loss"])
        assert history["loss"][-1] < history["loss"][0]
    close(histories[0], histories[1])
    if _graph():  # which TensorFlow makes anew, for any number of axes
        refused(lambda: model.fit(x, y, verbose=0), "model.compile(...) again")
    model.compile("sgd", for_keras.Huber(delta=0.5), jit_compile=_graph())
    refused(lambda: model.fit(x, x, verbose=0), "the same shape")


def _graph():
    return keras.backend.backend() == "tensorflow"


def check_configurations():
    for case in usable():
        loss = made(case, reduction="sum")
        twin = type(loss).from_config(loss.get_config())
        assert twin.get_config() == loss.get_config()
        again = keras.losses.deserialize(keras.losses.serialize(loss))
        assert type(again) is type(loss)
        close(again(*case.args), keras.ops.convert_to_numpy(loss(*case.args)))
    root = for_keras.RMSE.from_config(for_keras.RMSE(reduction="sum").get_config())
    assert root.reduction == "sum"
    config = keras.saving.serialize_keras_object(for_keras.Huber(delta=0.5))
    assert config["registered_name"] == "lossbook>Huber"
    assert config["config"]["delta"] == 0.5


def check_losses_can_be_copied_and_pickled():
    for case in usable():
        loss = made(case, reduction="sum", name="mine")
        for twin in (copy.deepcopy(loss), pickle.loads(pickle.dumps(loss))):
            assert type(twin) is type(loss)
            assert twin.get_config() == loss.get_config()
            close(twin(*case.args), keras.ops.convert_to_numpy(loss(*case.args)))


_LOADED_ELSEWHERE = """
import sys, keras
try:
    keras.saving.load_model(sys.argv[1])
except TypeError as error:
    assert "SparseCrossEntropy" in str(error), error
else:
    raise SystemExit("a loss was found that nobody imported")
assert keras.saving.load_model(sys.argv[1], compile=False)
import lossbook.adapters.keras
print(keras.saving.load_model(sys.argv[1]).loss.get_config()["class_weight"])
"""


def check_saved_models():
    x, y = RNG.normal(size=(8, 3)), RNG.integers(0, 3, 8)
    model = model_of(3)
    weights = np.array([1.0, 2.0, 0.5])
    loss = for_keras.SparseCrossEntropy(class_weight=weights, from_logits=True)
    model.compile("adam", loss, jit_compile=False)
    model.fit(x, y, verbose=0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        loaded = keras.saving.load_model(path)
        command = [sys.executable, "-c", _LOADED_ELSEWHERE, str(path)]
        other = subprocess.run(command, capture_output=True, text=True, env=os.environ)
    assert loaded.loss.get_config() == loss.get_config()
    close(loaded.evaluate(x, y, verbose=0), model.evaluate(x, y, verbose=0))
    assert other.stdout.strip() == "[1.0, 2.0, 0.5]", other.stdout + other.stderr


def checks_of(part):
    """Return the checks of one of the three files of them."""
    if part == "meaning":
        return keras_meaning_checks.CHECKS
    if part == "graphs":
        from . import keras_graph_checks  # which splits TensorFlow's device in two

        return keras_graph_checks.CHECKS
    assert {ELEMENTS, CLASSES, MASKS, LABELS} == {case.kind for case in usable()}
    return [f for name, f in globals().items() if name.startswith("check_")]


def main(part):
    for check in checks_of(part):
        check()
    print(f"all checks passed: {part} on {keras.backend.backend()}")


if __name__ == "__main__":
    main(sys.argv[1])
