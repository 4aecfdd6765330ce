"""The classes for PyTorch and Keras, which are generated from the functions."""

import copy
import inspect
import io
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import lossbook as lb
from lossbook import adapters
from lossbook.adapters import torch as for_torch
from lossbook.adapters import torch_others

from ..backends import array
from ..cases import CASES, LABEL, REAL

KERAS_CHECKS = Path(__file__).with_name("keras_checks.py")
NAMES = {adapters.class_name(loss): loss for loss in adapters.FUNCTIONS}
WITH_CLASS = [c for c in CASES if c.function in adapters.FUNCTIONS]
every_case = pytest.mark.parametrize("case", WITH_CLASS, ids=lambda case: case.label)


def class_of(case):
    name = adapters.class_name(case.function)
    return getattr(for_torch, name if name.endswith("Loss") else name + "Loss")


def options_of(case):
    """Return the options of the module that computes what the function does."""
    own = {option.name: option.default for option in adapters.options_of(case.function)}
    no_shift = {"eps": 0.0} if case.loss == "poisson_nll" else {}
    return {**own, **no_shift, **case.options}


# Both


def test_every_loss_of_truth_and_prediction_has_a_class():
    taking_two = [
        name
        for name in lb.__all__
        if list(inspect.signature(getattr(lb, name)).parameters)[:2]
        == ["y_true", "y_pred"]
    ]
    assert sorted(loss.__name__ for loss in adapters.FUNCTIONS) == sorted(
        set(taking_two) - {"zero_one"}  # nothing can be trained with it
    )
    assert {"MSE", "RMSE", "Huber", "LogCosh", "PoissonNLL", "KLDivergence"} <= set(
        NAMES
    )


def test_the_classes_are_found_by_either_way():
    assert lb.adapters.torch.HuberLoss is for_torch.HuberLoss
    assert {"torch", "keras"} <= set(dir(lb.adapters))
    for name in ("MSELoss", "RMSELoss", "BinaryCrossEntropyLoss", "LogLoss"):
        assert name in dir(for_torch)
    others = set(torch_others.CLASSES)
    assert len(set(dir(for_torch)) - others) == len(adapters.FUNCTIONS)
    assert others < set(dir(for_torch))
    with pytest.raises(AttributeError, match="no attribute 'jax'"):
        _ = lb.adapters.jax


@pytest.mark.parametrize("framework", ["torch", "keras"])
def test_a_missing_framework_is_told_with_the_extra_to_install(framework):
    code = (
        f"import sys; sys.modules[{framework!r}] = None\n"
        "import lossbook as lb\n"
        "try:\n"
        f"    lb.adapters.{framework}\n"
        "except ImportError as error:\n"
        "    print(error)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert 'pip install "lossbook[' in out.stdout, out.stderr


@pytest.mark.parametrize(
    "name", sorted(set(dir(for_torch)) - set(torch_others.CLASSES))
)
def test_the_docstring_is_that_of_the_function_with_the_parameters_of_the_class(name):
    made = getattr(for_torch, name)
    doc = inspect.getdoc(made)
    assert doc.startswith(inspect.getdoc(made.function).partition("\n")[0])
    assert "sample_weight=None)" in doc
    _, _, parameters = doc.partition("Parameters\n----------\n")
    listed = [line.split(" : ")[0] for line in parameters.splitlines() if " : " in line]
    assert listed == list(inspect.signature(made).parameters)
    for gone in ("y_true, y_pred :", "y_pred :", "Examples\n"):
        assert gone not in doc


# PyTorch


@every_case
def test_a_module_gives_what_its_function_gives(case):
    truth, pred = case.inputs("torch")
    pred.requires_grad_()
    weight = torch.tensor([1.0, 0.0, 2.0, 0.5])[: case.losses_shape[0]].double()
    for reduction in ("mean", "sum", "none", "sum_over_batch_size"):
        soft = case.loss == "cross_entropy" and "class_weight" in case.options
        if soft and reduction == "mean":
            continue  # PyTorch's denominator: see test_adapters_torch.py
        module = class_of(case)(reduction=reduction, **options_of(case))
        assert isinstance(module, torch.nn.Module)
        expected = case(truth, pred, reduction=reduction)
        torch.testing.assert_close(module(pred, truth), expected)
        expected = case(truth, pred, sample_weight=weight, reduction=reduction)
        torch.testing.assert_close(module(pred, truth, sample_weight=weight), expected)
    class_of(case)(**options_of(case))(pred, truth).backward()
    assert pred.grad.any()


def test_the_default_reduction_is_the_mean():
    assert for_torch.MAELoss()(torch.tensor([1.0, 3.0]), torch.zeros(2)) == 2


def test_a_module_shows_its_parameters():
    assert repr(for_torch.HuberLoss()) == "HuberLoss(delta=1.0, reduction='mean')"
    shown = repr(for_torch.SparseFocalLoss(alpha=[1, 2], gamma=0.5, reduction="sum"))
    assert shown == (
        "SparseFocalLoss(gamma=0.5, alpha=[1.0, 2.0], from_logits=False, axis=-1, "
        "ignore_index=None, reduction='sum')"
    )


WRONG = {
    "MSELoss": {"reduction": "avg"},
    "HuberLoss": {"delta": -1.0},
    "QuantileLoss": {"q": 1.5},
    "PoissonNLLLoss": {"log_input": "yes"},
    "AdaptiveRobustLoss": {"alpha": "1"},
    "BinaryCrossEntropyLoss": {"pos_weight": [1.0, -1.0]},
    "CrossEntropyLoss": {"label_smoothing": 2.0},
    "SparseCrossEntropyLoss": {"ignore_index": 0.5},
    "KLDivergenceLoss": {"axis": 1.5},
    "MulticlassHingeLoss": {"margin": 0},
    "FocalLoss": {"gamma": -1},
    "SparseFocalLoss": {"alpha": 0.25},
    "LogLoss": {"eps": 1.0},
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_parameter_is_refused_when_the_module_is_made(name):
    ((parameter, _),) = WRONG[name].items()
    with pytest.raises((ValueError, TypeError), match=parameter):
        getattr(for_torch, name)(**WRONG[name])


@pytest.mark.parametrize(
    ("name", "parameter"),
    [
        ("SparseCrossEntropyLoss", "class_weight"), ("CrossEntropyLoss", "weight"),
        ("BinaryCrossEntropyLoss", "pos_weight"), ("SparseFocalLoss", "alpha"),
    ],
)  # fmt: skip
def test_weights_by_label_are_refused_with_the_list_to_pass(name, parameter):
    made = getattr(for_torch, name)
    with pytest.raises(TypeError, match="in the order of the labels") as caught:
        made(**{parameter: {1: 5.0, 0: 1.0}})
    remedy = str(caught.value).partition("Use ")[2].rstrip(".")
    assert remedy.endswith("=[1.0, 5.0]")
    eval(f"made({remedy})")
    with pytest.raises(TypeError, match="labels, 0 to C - 1"):
        made(**{parameter: {"cat": 1.0, "dog": 5.0}})


def test_unknown_missing_and_positional_parameters_are_refused():
    with pytest.raises(TypeError, match=r"HuberLoss\(\*, delta.*'detla'"):
        for_torch.HuberLoss(detla=1.0)
    with pytest.raises(TypeError, match="alpha"):
        for_torch.AdaptiveRobustLoss()
    with pytest.raises(TypeError, match="positional"):
        for_torch.HuberLoss(1.0)


def test_axes_and_class_weights_of_any_number_are_accepted():
    scores = torch.tensor(np.random.default_rng(0).normal(size=(2, 5, 4, 3)))
    labels = torch.zeros(2, 4, 3, dtype=torch.int64)
    weight = [1.0, 2.0, 3.0, 4.0, 5.0]
    module = for_torch.SparseCrossEntropyLoss(
        class_weight=weight, axis=1, from_logits=True
    )
    expected = torch.nn.functional.cross_entropy(
        scores, labels, torch.tensor(weight).double()
    )
    torch.testing.assert_close(module(scores, labels), expected)


@pytest.mark.parametrize("make", [list, np.array, torch.tensor])
def test_arrays_are_buffers_that_move_with_the_module(make):
    module = for_torch.BinaryCrossEntropyLoss(pos_weight=make([1.0, 2.0, 3.0]))
    assert [name for name, _ in module.named_buffers()] == ["pos_weight"]
    assert module.to("meta").pos_weight.device.type == "meta"
    assert list(module.state_dict()) == ["pos_weight"]


def test_weights_that_are_set_later_move_with_the_module_too():
    module = for_torch.SparseCrossEntropyLoss()
    assert list(module.state_dict()) == []
    module.class_weight = torch.ones(3)
    assert list(module.state_dict()) == ["class_weight"]
    assert module.to("meta").class_weight.device.type == "meta"


def test_a_single_positive_weight_is_a_number():
    y, z = torch.ones(2), torch.zeros(2)
    for weight in (torch.tensor([3.0]), torch.tensor(3.0), [3.0], 3.0):
        module = for_torch.BinaryCrossEntropyLoss(from_logits=True, pos_weight=weight)
        expected = torch.nn.BCEWithLogitsLoss(pos_weight=torch.tensor([3.0]))(z, y)
        for shape in ((2,), (1, 2), (2, 1)):
            pair = z.reshape(shape), y.reshape(shape)
            torch.testing.assert_close(module(*pair), expected)


@pytest.mark.parametrize("backend", ["numpy", "torch", "tensorflow"])
def test_a_single_positive_weight_is_a_number_in_the_function(backend):
    y, z = array(backend, np.ones(2)), array(backend, np.zeros(2))
    loss = lb.binary_cross_entropy(y, z, from_logits=True, pos_weight=[3.0])
    assert abs(float(loss) - 3 * np.log(2)) < 1e-12


def test_a_shape_that_is_a_parameter_is_learned():
    alpha = torch.nn.Parameter(torch.tensor(1.0))
    module = for_torch.AdaptiveRobustLoss(alpha=alpha)
    assert [name for name, _ in module.named_parameters()] == ["alpha"]
    module(torch.tensor([1.0, 5.0]), torch.zeros(2)).backward()
    assert alpha.grad != 0


def test_a_module_can_be_copied_pickled_and_saved():
    module = for_torch.SparseCrossEntropyLoss(class_weight=[1.0, 2.0, 0.5], axis=1)
    labels, p = torch.tensor(LABEL), torch.full((4, 3), 1 / 3)
    expected = module(p, labels)
    for twin in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert twin(p, labels) == expected
        assert repr(twin) == repr(module)
    buffer = io.BytesIO()
    torch.save(module.state_dict(), buffer)
    buffer.seek(0)
    module.load_state_dict(torch.load(buffer))


def test_a_module_trains_and_compiles():
    torch.manual_seed(0)
    x = torch.randn(64, 3)
    y = x @ torch.tensor([1.0, -2.0, 0.5])
    model, loss = torch.nn.Linear(3, 1), for_torch.HuberLoss(delta=0.5)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.2)
    before = loss(model(x)[:, 0], y).item()
    for _ in range(50):
        optimizer.zero_grad()
        loss(model(x)[:, 0], y).backward()
        optimizer.step()
    assert loss(model(x)[:, 0], y).item() < before / 20
    with pytest.raises(ValueError, match=r"\(64,\).*\(64, 1\)"):
        loss(model(x), y)
    compiled = torch.compile(loss, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(x[0], x[1]), loss(x[0], x[1]))


# Keras, in a process of its own for each framework under it


@pytest.mark.parametrize(
    ("backend", "part"),
    [
        ("tensorflow", "classes"),
        ("tensorflow", "meaning"),
        ("tensorflow", "graphs"),
        ("torch", "classes"),
        ("torch", "meaning"),
        ("jax", "classes"),
        ("jax", "meaning"),
    ],
)
def test_keras_on(backend, part):
    pytest.importorskip(backend)
    environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-m", "tests.frameworks.keras_checks", part]
    root = KERAS_CHECKS.parents[2]
    done = subprocess.run(
        command, cwd=root, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "all checks passed" in done.stdout


def test_numpy_arrays_and_lists_are_targets_too():
    loss = for_torch.MSELoss()(array("torch", REAL), REAL.tolist())
    assert loss == 0
