"""Polynomials that replace what is slow or loses digits, found with mpmath.chebyfit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Array = Any

# log(cosh(e)) / e² in e² for |e| < 1, off by 4e-9.
LOG_COSH = (
    *(0.49999999633985860, -0.083332973339135570, 0.022216355218102883),
    *(-0.0067095120689262960, 0.0020755784299680070, -0.00055466549522567720),
    8.6054102012888820e-05,
)


def horner(coefficients: Sequence[float], x: Array) -> Array:
    """Return the polynomial with these coefficients, the constant first."""
    *others, value = coefficients
    for c in reversed(others):
        value = value * x + c
    return value
