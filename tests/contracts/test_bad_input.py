"""Bad input of every kind: an error that names the argument, and never a number.

The battery is a list of things that a reader may pass by mistake in the place of each
argument. A call passes if it raises ValueError or TypeError and the message says which
argument is wrong.
"""

import re

import numpy as np
import pytest

import lossbook as lb
from lossbook.core.reduction import REDUCTIONS

from ..backends import BACKENDS, array
from ..cases import CASES, ELEMENTS, FIRST_DEFINITIONS, LABEL, LABELS, REAL, one_a_loss
from ..refused import NOT_FLAGS, NOT_POSITIVE, NOT_SHARES, NOT_WEIGHTS

on_every_backend = pytest.mark.parametrize("backend", BACKENDS)
every_loss = pytest.mark.parametrize("case", one_a_loss(), ids=lambda case: case.label)

NAMES = {"gaussian_nll": ("y_true", "mean", "variance")}


class Unknown:
    """Something that no framework knows."""


def not_numbers(shape):
    return {
        "None": None,
        "a string": "0.5",
        "strings": np.full(shape, "0.5"),
        "objects": np.full(shape, None),
        "complex numbers": np.full(shape, 0.5 + 0j),
        "dates": np.zeros(shape, "datetime64[s]"),
        "a ragged list": [[1.0], [1.0, 2.0]],
        "a dict": {"a": 1.0},
        "a set": {1.0},
        "a function": np.mean,
        "an object": Unknown(),
        "a masked array": np.ma.masked_array(np.zeros(shape), np.ones(shape)),
    }


def refused(call, *words):
    """Say that `call` raises one of the two errors, with all the words in it."""
    with pytest.raises((ValueError, TypeError)) as caught:
        call()
    message = str(caught.value)
    for word in words:
        found = re.search(rf"(?<!\w){re.escape(word)}(?!\w)", message)
        assert found, f"{word!r} is not in: {message}"
    return message


@on_every_backend
@every_loss
def test_what_holds_no_real_numbers_is_refused_by_name(case, backend):
    names = NAMES.get(case.loss, ("y_true", "y_pred"))
    args = case.inputs(backend)
    for place, name in enumerate(names):
        for bad in not_numbers(case.args[place].shape).values():
            changed = [*args]
            changed[place] = bad
            refused(lambda changed=changed: case(*changed), name)
    for bad in list(not_numbers(case.losses_shape).values())[1:]:  # None: no weights
        refused(lambda bad=bad: case(*args, sample_weight=bad), "sample_weight")


@pytest.mark.parametrize("backend", ["torch", "tensorflow", "jax"])
@every_loss
def test_tensors_of_complex_numbers_are_refused_by_name(case, backend):
    args = case.inputs(backend)
    args[1] = array(backend, case.args[1] + 0j)
    name = NAMES.get(case.loss, ("y_true", "y_pred"))[1]
    refused(lambda: case(*args), name, "real")


def test_tensors_that_are_not_dense_are_refused():
    import tensorflow as tf
    import torch

    sparse = torch.zeros(2, 2).to_sparse()
    refused(lambda: lb.mse(sparse, sparse), "y_pred", "to_dense")
    ragged = tf.ragged.constant([[1.0], [1.0, 2.0]])
    refused(lambda: lb.mse(ragged, ragged), "y_pred")
    sparse = tf.sparse.from_dense([1.0, 2.0])
    refused(lambda: lb.mse(sparse, sparse), "y_pred")
    text = tf.constant(["1.0"])
    refused(lambda: lb.mse(text, text), "y_pred", "string")


@on_every_backend
@every_loss
def test_wrong_shapes_are_refused_by_name(case, backend):
    args = case.inputs(backend)
    for place in range(len(args)):
        name = NAMES.get(case.loss, ("y_true", "y_pred"))[place]
        x = np.asarray(case.args[place])
        wrong = [x[..., None], x[None], x[:-1], x.reshape(-1)[:1], x[:0]]
        if case.kind == ELEMENTS:
            wrong += [x.reshape(-1), x.T, x[:, :1]]
        for bad in wrong:
            if bad.shape == x.shape:
                continue
            changed = [*args]
            changed[place] = array(backend, bad)
            refused(lambda changed=changed: case(*changed), name)


@on_every_backend
@every_loss
def test_wrong_weights_are_refused_by_name(case, backend):
    args = case.inputs(backend)
    shape = case.losses_shape
    for bad in (
        np.ones((*shape, 1)),
        np.ones((1, *shape)),
        np.ones(shape[0] + 1),
        np.ones(1),
        np.ones((shape[0], 1)),
        -np.ones(shape),
        np.full(shape, -np.inf),
    ):
        weight = array(backend, bad)
        refused(
            lambda weight=weight: case(*args, sample_weight=weight), "sample_weight"
        )
    weight = array(backend, np.full(shape, np.nan))  # seen, since it becomes the result
    for reduction in REDUCTIONS:
        loss = case(*args, sample_weight=weight, reduction=reduction)
        assert np.isnan(np.asarray(loss)).all()


@on_every_backend
@every_loss
def test_an_unknown_reduction_is_refused(case, backend):
    args = case.inputs(backend)
    weight = array(backend, np.ones(case.losses_shape))
    wrong = ("avg", "Mean", None, 1, True, ["mean"], np.array("mean"), np.mean)
    for bad in wrong:
        for options in ({}, {"sample_weight": weight}):
            refused(
                lambda bad=bad, options=options: case(*args, reduction=bad, **options),
                "reduction must be one of 'mean', 'sum', 'none'",
            )


@every_loss
def test_unknown_and_positional_options_are_refused(case):
    refused(lambda: case(*case.args, sample_weights=None), "sample_weights")
    refused(lambda: case.function(*case.args, *case.args, *case.args), "positional")


# Of losses element by element: by loss and parameter, as tests/oracle.py has them.
OF_ELEMENTS = {
    (loss, name): values
    for loss, definition in FIRST_DEFINITIONS.items()
    for name, values in definition.refused.items()
}
OPTIONS = {
    "margin": ("multiclass_hinge", NOT_POSITIVE),
    "full": ("gaussian_nll", NOT_FLAGS),
    "pos_weight": ("binary_cross_entropy", NOT_WEIGHTS),
    "class_weight": ("cross_entropy", (1.0, *NOT_WEIGHTS)),
    "ignore_index": ("sparse_cross_entropy", (1.0, "1", True, [1], np.nan, 2**63)),
    "smooth": ("dice", (-1.0, *NOT_POSITIVE[2:])),
    "beta": ("tversky", (-1.0, *NOT_POSITIVE[2:])),
    "gamma": ("focal", (-1.0, np.nan, None, "2", True, [2.0], np.ones(2))),
}
EVERYWHERE = {
    "from_logits": NOT_FLAGS,
    "label_smoothing": NOT_SHARES,
    "eps": (-0.1, 0.6, np.nan, "1e-7", True, [0.1]),
    "axis": (2, -3, 0.0, None, "1", (0, 1)),
}
BATTERY = [(case.loss, name) for name, (loss, _) in OPTIONS.items()
           for case in one_a_loss() if case.loss == loss] + [
    (case.loss, name)
    for case in one_a_loss()
    for name in EVERYWHERE
    if name in case.function.__kwdefaults__
] + [("sparse_cross_entropy", "class_weight"), ("focal", "alpha"),
     ("sparse_focal", "gamma"), ("sparse_focal", "alpha")] + [
    (loss, name)
    for loss in ("dice", "jaccard", "tversky", "lovasz")
    for name in ("smooth", "class_weight", "ignore_index")
    if name in getattr(lb, loss).__kwdefaults__ and (loss, name) != ("dice", "smooth")
] + [("tversky", "alpha"), ("tversky", "gamma"),
     ("sparse_focal", "ignore_index"), *OF_ELEMENTS]  # fmt: skip
OTHERS = {
    **OF_ELEMENTS,
    ("sparse_focal", "ignore_index"): OPTIONS["ignore_index"][1],
    **{(loss, "smooth"): OPTIONS["smooth"][1] for loss in ("jaccard", "tversky")},
    **{
        (loss, "axis"): (0, 2, -3, 1.0, "1", True, (0, 1))
        for loss in ("dice", "jaccard", "tversky", "lovasz")
    },
    ("tversky", "alpha"): OPTIONS["beta"][1],
    ("tversky", "gamma"): NOT_POSITIVE,
    ("sparse_cross_entropy", "class_weight"): (1.0, *NOT_WEIGHTS),
    ("focal", "alpha"): (-0.1, 1.1, np.nan, "0.5", True, [0.5]),
    ("sparse_focal", "gamma"): OPTIONS["gamma"][1],
    ("sparse_focal", "alpha"): (0.5, *NOT_WEIGHTS),
}


@on_every_backend
@pytest.mark.parametrize(("loss", "name"), BATTERY)
def test_wrong_options_are_refused_by_name(loss, name, backend):
    case = next(case for case in CASES if case.loss == loss)
    values = OTHERS.get((loss, name)) or EVERYWHERE.get(name) or OPTIONS[name][1]
    args = case.inputs(backend)
    for bad in values:
        message = refused(lambda bad=bad: case(*args, **{name: bad}), name)
        assert message.endswith("."), message


@on_every_backend
@pytest.mark.parametrize(
    "case", [c for c in one_a_loss() if c.kind == LABELS], ids=lambda case: case.label
)
def test_labels_that_are_not_integers_are_refused(case, backend):
    scores = case.inputs(backend)[1]
    for bad in (LABEL.astype(float), LABEL == 1, np.eye(3)[LABEL]):
        labels = array(backend, bad)
        refused(lambda labels=labels: case(labels, scores), "y_true", "integer labels")


@on_every_backend
def test_values_outside_their_domain_are_refused_by_name(backend):
    def of(*values):
        return array(backend, np.array(values, float))

    half = of(0.5, 0.5)
    refused(lambda: lb.binary_cross_entropy(of(0, 2), half), "y_true", "[0, 1]")
    refused(lambda: lb.binary_cross_entropy(of(0, 1), of(0.5, 1.5)), "y_pred", "[0, 1]")
    refused(lambda: lb.cross_entropy(of(-1, 1), half), "y_true")
    refused(lambda: lb.kl_divergence(of(2, 1), half), "y_true")
    refused(lambda: lb.poisson_nll(of(-1, 1), half), "y_true", "counts")
    refused(lambda: lb.poisson_nll(of(1, 1), of(-1, 1)), "y_pred", "log_input=True")
    refused(lambda: lb.gaussian_nll(half, half, of(1, 0)), "variance", "positive")
    refused(lambda: lb.focal(of(0, 2), half), "y_true", "[0, 1]")
    refused(lambda: lb.hinge(of(1, 2), half), "y_true", "-1 and +1")
    refused(lambda: lb.hinge(of(1, 0.5), half), "y_true", "-1 and +1")


@on_every_backend
def test_scores_without_classes_are_refused(backend):
    none = array(backend, np.zeros((4, 0)))
    labels = array(backend, LABEL)
    refused(lambda: lb.sparse_cross_entropy(labels, none), "y_pred", "empty")
    refused(lambda: lb.multiclass_hinge(labels * 0, array(backend, REAL[:, :1])), "two")
    refused(lambda: lb.sparse_cross_entropy(0, array(backend, 0.5)), "y_pred", "axis")


def test_arrays_of_libraries_that_are_not_known_are_refused():
    class Foreign:
        __module__ = "cupy"

        def __array__(self, dtype=None, copy=None):
            return np.zeros(2)

    refused(lambda: lb.mse(np.zeros(2), Foreign()), "y_pred", "cupy", "get")
