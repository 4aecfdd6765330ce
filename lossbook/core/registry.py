"""The one list of losses: what kind each is, and what goes with it.

A loss enters the list by the decorator above its definition. The adapters make a class
of each that has one, and `tests/contracts/test_registry.py` says of every loss where it
lacks an oracle, a row of the API page, a class, or a row of the table of conventions.
"""

from collections.abc import Callable
from typing import Any, Literal, TypeVar

Kind = Literal[
    "elements",  # y_true and y_pred of one shape, one loss an element
    "distributions",  # y_true and y_pred of one shape, one loss a row
    "masks",  # y_true and y_pred of one shape, one loss a mask
    "labels",  # integer labels against scores with one axis more
    "either",  # elements or labels, by the shape of y_pred
    "scores",  # scores or vectors against each other, no truth among them
    "layer",  # hidden states and the weight of a last layer
    "penalty",  # parameters of a model
    "sum",  # losses that are added up with weights
]


class Entry:
    """A loss in the list.

    Attributes
    ----------
    function : callable
        The public function.
    kind : str
        Which arguments it takes.
    adapted : bool
        Whether the adapters make a class of it.
    """

    def __init__(self, function: Callable[..., Any], kind: Kind, adapted: bool) -> None:
        self.function = function
        self.kind = kind
        self.adapted = adapted


LOSSES: dict[str, Entry] = {}

F = TypeVar("F", bound=Callable[..., Any])


def loss(kind: Kind, *, adapted: bool = False) -> Callable[[F], F]:
    """Enter a function into the list of losses."""

    def enter(function: F) -> F:
        LOSSES[function.__name__] = Entry(function, kind, adapted)
        return function

    return enter


def adapted(*kinds: Kind) -> tuple[Callable[..., Any], ...]:
    """Return the losses of these kinds of which the adapters make a class."""
    return tuple(
        entry.function
        for entry in LOSSES.values()
        if entry.adapted and entry.kind in kinds
    )
