"""The fused forms of whole losses, and of steps: XLA fuses the formulas by itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

KERNELS: Mapping[str, Callable[..., Any]] = {}
STEPS: Mapping[str, Callable[..., Any]] = {}
