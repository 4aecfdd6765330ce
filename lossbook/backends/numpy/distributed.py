"""Several workers: NumPy knows of none."""

from __future__ import annotations

from typing import Any

Array = Any


def sum_over_workers(total: Array, weight: Array) -> tuple[Array, Array, int]:
    """Return both as they are, with the factor 1 for the gradient of a part."""
    return total, weight, 1
