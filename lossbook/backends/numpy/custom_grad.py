"""Functions with a derivative written by hand, on NumPy: a node of the tape each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from lossbook.backends.numpy.ops import mean, stop_gradient, sum
from lossbook.backends.numpy.tape import Traced, node

Array = Any


def with_derivatives(
    formula: Callable[..., Array],
    derivatives: Sequence[Callable[..., Array] | None],
    *inputs: Array,
    reduction: str = "none",
    rowwise: bool = False,
    parameters: Mapping[str, Any] | None = None,
    key: Any = None,
) -> Array:
    """Apply `formula`; its derivatives by the inputs are these, not derived."""
    given = parameters or {}
    values = [stop_gradient(x) for x in inputs]
    with np.errstate(all="ignore"):
        losses = formula(*values, **given)
    if any(isinstance(x, Traced) for x in inputs):
        vjps = [_vjp(derivative, values, rowwise, given) for derivative in derivatives]
        losses = node(losses, inputs, vjps)
    if reduction == "none":
        return losses
    return sum(losses) if reduction == "sum" else mean(losses)


def _vjp(
    derivative: Callable[..., Array] | None,
    values: Sequence[Array],
    rowwise: bool,
    parameters: Mapping[str, Any],
) -> Any:
    def pull(cotangent: Array) -> Array:
        if derivative is None:
            return np.zeros(np.shape(cotangent), np.asarray(cotangent).dtype)
        with np.errstate(all="ignore"):
            by_input = derivative(*values, **parameters)
            if rowwise:
                cotangent = np.expand_dims(cotangent, -1)
            # A weight of zero silences its element, even of an infinite derivative.
            return np.where(cotangent == 0, 0, cotangent * by_input)

    return pull
