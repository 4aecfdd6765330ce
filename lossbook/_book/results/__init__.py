"""Measurements too long for a chapter: `benchmarks/` writes them, the book draws."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

__all__ = ["mnist_race"]


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
    text = (files(__name__) / "mnist_race.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found
