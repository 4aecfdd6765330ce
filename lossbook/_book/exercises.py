"""Checks the answers to the book's exercises, and names the classic mistakes it sees.

The exercises themselves are in `_answers/`, one module a part of the book.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lossbook._book.answers import (
    concepts,
    generation,
    masks,
    math,
    optimizers,
    probability,
    projects,
    recommendation,
    reference,
    scale,
    tasks,
    trees,
)
from lossbook._book.answers.exercise import Exercise, diagnose

EXERCISES: dict[str, Exercise] = {
    **concepts.EXERCISES,
    **math.EXERCISES,
    **probability.EXERCISES,
    **tasks.EXERCISES,
    **masks.EXERCISES,
    **optimizers.EXERCISES,
    **projects.EXERCISES,
    **trees.EXERCISES,
    **recommendation.EXERCISES,
    **generation.EXERCISES,
    **scale.EXERCISES,
    **reference.EXERCISES,
}


@dataclass(frozen=True)
class Verdict:
    """What was found; it is true for a right answer."""

    right: bool
    message: str

    def __bool__(self) -> bool:
        return self.right

    def _ipython_display_(self) -> None:
        """Show nothing in a notebook, where the message has just been printed."""


def check(exercise: str, answer: Any) -> Verdict:
    """Say whether an answer to an exercise of the book is right.

    Parameters
    ----------
    exercise : str
        The name that the exercise gives.
    answer : number, array or function
        Your answer; None for none yet.

    Returns
    -------
    Verdict
        True if it is right. What was found is printed.

    Raises
    ------
    KeyError
        If there is no such exercise.

    Examples
    --------
    >>> import lossbook as lb
    >>> right = lb.check("mse-by-hand", 1.25)
    Right.
    >>> wrong = lb.check("mse-by-hand", 2.5)
    Not yet: you took the sum of the squares; divide by the number of points.
    >>> bool(right), bool(wrong)
    (True, False)
    """
    if exercise not in EXERCISES:
        known = ", ".join(sorted(EXERCISES))
        raise KeyError(f"no exercise {exercise!r}; there are: {known}")
    verdict = _verdict(EXERCISES[exercise], answer)
    print(verdict.message)
    return verdict


def _verdict(exercise: Exercise, answer: Any) -> Verdict:
    if answer is None:
        return Verdict(
            False,
            "No answer yet: put yours in the place of None and run the cell again.",
        )
    found = diagnose(exercise, answer)
    return Verdict(found is None, "Right." if found is None else f"Not yet: {found}")
