"""Every loss in every context: value and gradient are those of the plain case."""

from pathlib import Path

import pytest

from lossbook.core.registry import LOSSES as REGISTERED

from .. import contexts
from ..contexts import CONTEXTS, LOSSES, REFUSED

SEMANTICS = Path(__file__).parents[2] / "book/reference/semantics.ipynb"


@pytest.mark.parametrize("name", CONTEXTS)
def test_every_loss_gives_in_a_context_what_it_gives_without(name):
    assert contexts.failures(name) == {}


@pytest.mark.parametrize(
    ("name", "loss", "words"),
    [(name, *pair) for name, pairs in REFUSED.items() for pair in pairs.items()],
)
def test_a_context_that_a_loss_cannot_have_is_refused_with_the_remedy(
    name, loss, words
):
    (refused,) = (each for each in LOSSES if each.name == loss)
    with pytest.raises(ValueError, match=words):
        contexts.found_in(CONTEXTS[name], refused)


def test_no_loss_of_the_list_is_missing_here():
    # gradient_penalty takes a critic: test_adversarial.py has its contexts.
    met = {loss.name.partition("(")[0].partition(",")[0] for loss in LOSSES}
    lacking = set(REGISTERED) - {"gradient_penalty"} - met
    assert not lacking, f"{lacking} needs a case in tests/cases.py or tests/calls.py"


def test_what_is_off_is_told_from_what_is_not():
    def wrong(made):
        value, gradient = contexts.torch_eager(made)
        return value, 1.001 * gradient

    context = contexts.Context("torch", wrong)
    for loss in LOSSES:
        found = contexts.off(
            contexts.found_in(context, loss), contexts.expected(loss, context.dtype)
        )
        nothing = loss.name.startswith("zero_one")
        assert found == 0 if nothing else 5e-4 < found < 2e-3


def test_the_page_on_semantics_names_each_context():
    text = SEMANTICS.read_text(encoding="utf-8").partition("## Every context")[2]
    section = text.partition("## ")[0]
    for name in CONTEXTS:
        context = name.partition(": ")[2]
        assert context.partition(",")[0].removeprefix("autocast ") in section
    for losses in REFUSED.values():
        assert all(f"`{loss}`" in section for loss in losses)


def test_a_gradient_that_is_lost_is_a_fault():
    lost = contexts.Context("torch", lambda made: (made(made.pred), None))
    with pytest.raises(TypeError):
        contexts.off(
            contexts.found_in(lost, LOSSES[0]), contexts.expected(LOSSES[0], lost.dtype)
        )
