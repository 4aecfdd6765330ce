"""What a chapter does not measure itself: long runs, and libraries not installed."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

__all__ = ["elsewhere", "mnist_race"]


def mnist_race() -> dict[str, Any]:
    """Return how long some recipes took to a test accuracy of 0.9879 on MNIST.

    Returns
    -------
    dict
        ``"target"``, the accuracy; ``"threads"``; ``"versions"``; and ``"runs"``, each
        with its ``"recipe"``, its ``"seed"`` and its ``"curve"``: the epochs done, the
        seconds that they took and the accuracy then, up to the target.

    Notes
    -----
    ``python -m benchmarks.mnist_race`` measures anew.
    """
    return _read("mnist_race.json")


def elsewhere() -> dict[str, Any]:
    """Return what surprised in libraries that the tests do not install.

    Returns
    -------
    dict
        ``"seen"``, the date; ``"boosting"``, a table with its ``"columns"`` and
        ``"rows"``; and ``"rows"``, each with its ``"part"``, ``"library"``,
        ``"version"``, what one would have ``"expected"``, what was ``"found"``, and
        the ``"script"`` of ``findings/`` that shows it again, where there is one.
    """
    return _read("elsewhere.json")


def _read(name: str) -> dict[str, Any]:
    text = (files(__name__) / name).read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found
