"""Every loss of the list has all that goes with a loss."""

import re
from importlib import import_module
from inspect import signature
from pathlib import Path

import pytest

import lossbook as lb
from lossbook import adapters
from lossbook.backends import Backend
from lossbook.conventions.spellings import CASES
from lossbook.core.reduction import EXACT
from lossbook.core.registry import LOSSES
from lossbook.gradients import NO_CURVATURE, derivatives

from .. import cases, oracle
from ..numerics import test_oracle_classes, test_oracle_sums
from .test_bad_input import BATTERY

REFERENCE = Path(__file__).parents[2] / "book" / "reference"
TESTS = Path(__file__).parents[1]
BACKENDS = Path(lb.backends.__file__).parent
COMPARING = ("elements", "distributions", "masks", "labels", "either")
DEFINED = {
    definition.loss
    for table in (oracle, test_oracle_classes, test_oracle_sums)
    for definition in table.DEFINITIONS
}
COMPARED = {case.names["lossbook"][0] for case in CASES}
# Where the right value is not a formula of numbers, the tests that hold it.
HELD_ELSEWHERE = {
    "gradient_penalty": "losses/test_adversarial.py",  # a critic whose slope is known
}
# Of three arrays, which tests/oracle.py has not.
CURVATURE_HELD_ELSEWHERE = {"gaussian_nll"}  # numerics/test_second_derivatives.py
# Why there is nothing in the libraries of the table that could be called beside it.
NOWHERE_ELSE = {
    **{d.loss: d.nowhere_else for d in oracle.DEFINITIONS if d.nowhere_else},
    "bpr": "recommenders write it in their own code",
    "gan_discriminator": "each GAN writes it down in its training loop",
    "gan_generator": "each GAN writes it down in its training loop",
    "global_mean": "a mean over parts of a batch, which they leave to the user",
    "gradient_penalty": "it takes a critic; written in training loops",
    "info_nce": "written as cross-entropy of a matrix of cosines",
    "jaccard": "none of them has it; test_segmentation.py has three that do",
    "linear_cross_entropy": "they have the layer and the loss apart",
    "lovasz": "none of them has it; test_segmentation.py has two that do",
    "multitask": "none of them has it",
    "sparse_focal": "Keras's CategoricalFocalCrossentropy adds the other classes",
    "warp": "recommenders write it in their own code",
}
NO_LOSSES = {  # public functions that are none
    "best_constant",
    "check",
    "check_gradient",
    "class_weights",
    "gradient_hessian",
    "numerical_gradient",
    "objective",
    "value_and_grad",
}


def test_the_list_holds_all_public_losses():
    public = set(lb.__all__) - NO_LOSSES
    assert set(LOSSES) == public, (
        f"{sorted(set(LOSSES) ^ public)}: a loss has the decorator, is imported in "
        "lossbook/__init__.py, and stands in __all__ there"
    )


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_has_an_oracle(name):
    if name in HELD_ELSEWHERE:
        text = (TESTS / HELD_ELSEWHERE[name]).read_text("utf-8")
        assert name not in DEFINED
        assert re.search(rf"\b{name}\b", text)
    else:
        assert name in DEFINED, (
            f"{name} needs a Definition in tests/oracle.py, or in tests/numerics/ in "
            "test_oracle_classes.py or test_oracle_sums.py"
        )


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_has_a_row_of_one_api_page(name):
    line = f".. autofunction:: {name}\n"
    pages = [page.name for page in sorted(REFERENCE.glob("api*.md"))]
    having = [page for page in pages if line in (REFERENCE / page).read_text("utf-8")]
    assert len(having) == 1, f"one of {pages} in book/reference needs {line}"


@pytest.mark.parametrize("name", [n for n, e in LOSSES.items() if e.kind in COMPARING])
def test_a_loss_of_truth_and_prediction_is_tried_with_good_and_with_bad_input(name):
    assert name in cases.LOSSES, (
        f"{name} needs a Definition in tests/oracle.py; of rows, a case in "
        "tests/cases.py"
    )
    options = set(LOSSES[name].function.__kwdefaults__)
    untried = {
        option
        for option in options - {"sample_weight", "reduction"}
        if (name, option) not in BATTERY
    }
    assert not untried, (
        f"{name} needs {untried} in `refused` of its first Definition in "
        "tests/oracle.py; of rows, in OPTIONS of tests/contracts/test_bad_input.py"
    )


@pytest.mark.parametrize("name", [n for n, e in LOSSES.items() if e.kind == "elements"])
def test_an_elementwise_loss_has_a_second_derivative_or_a_reason(name):
    held = {d.loss for d in oracle.DEFINITIONS if d.curvature is not None}
    first = next(case for case in cases.CASES if case.loss == name)
    has = False
    if name != "rmse":  # which is no sum of losses at all
        found = derivatives(first.function, EXACT, *first.args[:2], **_named(first))
        has = found.hessian is not None
    assert has != (name in NO_CURVATURE), (
        f"{name} needs a curvature in its Elementwise, and predicted=1 where the "
        "prediction is the second input; otherwise a reason in NO_CURVATURE of "
        "lossbook/gradients.py; not both"
    )
    in_oracle = name in held or name in CURVATURE_HELD_ELSEWHERE
    assert in_oracle == has, f"{name} needs a curvature in tests/oracle.py"


def _named(case):
    """Return the options, and by name what comes after the prediction."""
    names = list(signature(case.function).parameters)
    return {**case.options, **dict(zip(names[2:], case.args[2:], strict=False))}


FRAMEWORKS = [path.parent.name for path in BACKENDS.glob("*/__init__.py")]


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_framework_has_all_that_losses_ask_for(framework):
    pytest.importorskip(framework)
    module = import_module(f"lossbook.backends.{framework}")
    asked = {*vars(Backend), *Backend.__annotations__}
    asked = {name for name in asked if not name.startswith("_")}
    lacking = sorted(asked - set(vars(module)))
    assert not lacking, f"backends/{framework} lacks {lacking}: see protocol.py"


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_has_a_row_of_conventions_or_no_peer(name):
    assert (name in COMPARED) != (name in NOWHERE_ELSE), (
        f"{name} needs a Case in conventions/spellings.py where a library of the table "
        "has it, otherwise a reason in nowhere_else of its first Definition in "
        "tests/oracle.py, or in NOWHERE_ELSE here; not both"
    )


def test_no_reason_is_kept_of_a_loss_that_is_gone():
    assert set(NOWHERE_ELSE) <= set(LOSSES)


@pytest.mark.parametrize("name", [n for n, entry in LOSSES.items() if entry.adapted])
def test_an_adapted_loss_has_a_class_in_both_frameworks(name):
    made = adapters.class_name(LOSSES[name].function)
    assert {made, made + "Loss"} & set(adapters.torch.__all__)
    assert made in adapters.keras.__all__
