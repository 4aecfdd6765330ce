"""Every loss of the list has all that goes with a loss."""

import re
from pathlib import Path

import pytest

import lossbook as lb
from lossbook import adapters
from lossbook.conventions.spellings import CASES
from lossbook.core.registry import LOSSES

from . import oracle, test_oracle_classes, test_oracle_sums

API = Path(__file__).parents[1] / "book" / "reference" / "api.md"
DEFINED = {
    definition.loss
    for table in (oracle, test_oracle_classes, test_oracle_sums)
    for definition in table.DEFINITIONS
}
# Where the right value is not a formula of numbers, the tests that hold it.
HELD_ELSEWHERE = {
    "gradient_penalty": "test_adversarial.py",  # a critic whose slope is known
}
# No other library has it as a function or class that can be called beside it.
NOWHERE_ELSE = {
    "adaptive_robust",
    "global_mean",
    "gradient_penalty",
    "multitask",
    "sparse_focal",
    "warp",
    # Libraries have them in parts: the table has no row for these yet.
    "bpr",
    "elastic_net",
    "gan_discriminator",
    "gan_generator",
    "gaussian_nll",
    "info_nce",
    "l1",
    "l2",
    "linear_cross_entropy",
    "log_loss",
    "margin_ranking",
    "triplet",
}
NO_LOSSES = {  # public functions that are none
    "check",
    "check_gradient",
    "class_weights",
    "numerical_gradient",
    "objective",
    "value_and_grad",
}


def test_the_list_holds_all_public_losses():
    assert set(LOSSES) == set(lb.__all__) - NO_LOSSES


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_has_an_oracle(name):
    if name in HELD_ELSEWHERE:
        text = (Path(__file__).parent / HELD_ELSEWHERE[name]).read_text("utf-8")
        assert name not in DEFINED
        assert re.search(rf"\b{name}\b", text)
    else:
        assert name in DEFINED


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_has_a_row_of_the_api_page(name):
    assert f".. autofunction:: {name}\n" in API.read_text("utf-8")


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_has_a_row_of_conventions_or_no_peer(name):
    compared = {loss for case in CASES for loss, _ in [case.names["lossbook"]]}
    assert (name in compared) != (name in NOWHERE_ELSE)


@pytest.mark.parametrize("name", [n for n, entry in LOSSES.items() if entry.adapted])
def test_an_adapted_loss_has_a_class_in_both_frameworks(name):
    made = adapters.class_name(LOSSES[name].function)
    assert {made, made + "Loss"} & set(adapters.torch.__all__)
    assert made in adapters.keras.__all__
