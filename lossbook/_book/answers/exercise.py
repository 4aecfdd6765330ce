"""What an exercise is, and how an answer is compared with the ones that are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Exercise:
    """A right answer, and the wrong ones that are recognised.

    Attributes
    ----------
    right : number, array or function
        The answer. A function is compared by its values on `inputs`.
    wrong : sequence of (answer, diagnosis)
        Answers of the same kind, each with what went wrong.
    hint : str
        What to say to any other answer.
    inputs : sequence of tuples
        Arguments on which functions are compared.
    rtol : float
        How close a number must be.
    also : sequence
        Other answers that are right as well.
    """

    right: Any
    wrong: Sequence[tuple[Any, str]]
    hint: str
    inputs: Sequence[tuple[Any, ...]] = ()
    rtol: float = 2e-3
    also: Sequence[Any] = ()


def diagnose(exercise: Exercise, answer: Any) -> str | None:
    """Return None for the right answer, and otherwise what is wrong with it."""
    if callable(exercise.right) and not callable(answer):
        return "a function is asked for: pass it by its name, without calling it."
    if callable(answer) and not callable(exercise.right):
        return "a value is asked for: call your function and pass what it returns."
    try:
        values = _values(exercise, answer)
    except Exception as error:  # whatever the reader's own code raises is told to them
        return f"your function stopped with {type(error).__name__}: {error}"
    for right in (exercise.right, *exercise.also):
        if _agree(values, _values(exercise, right), exercise.rtol):
            return None
    for wrong, diagnosis in exercise.wrong:
        if _agree(values, _values(exercise, wrong), exercise.rtol):
            return diagnosis
    return exercise.hint


def _values(exercise: Exercise, answer: Any) -> list[Any]:
    results = (
        [answer(*arguments) for arguments in exercise.inputs]
        if callable(answer)
        else [answer]
    )
    return [np.asarray(_on_cpu(x), dtype=float) for x in results]


def _on_cpu(x: Any) -> Any:
    return x.detach().cpu() if hasattr(x, "detach") else x


def _agree(a: list[Any], b: list[Any], rtol: float) -> bool:
    return all(
        x.shape == y.shape and np.allclose(x, y, rtol=rtol, atol=1e-9, equal_nan=True)
        for x, y in zip(a, b, strict=True)
    )
