"""Functions with a derivative written by hand, on TensorFlow."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from lossbook.backends.tensorflow.graphs import GRAPHS
from lossbook.backends.tensorflow.ops import mean, size, sum

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

    def with_these(given: Mapping[str, Any]) -> Callable[..., Array]:
        @tf.custom_gradient  # type: ignore[untyped-decorator]
        def apply(*values: Array) -> Any:
            losses = formula(*values, **given)

            def pull(cotangent: Array) -> list[Array | None]:
                cotangent = part_of_mean(cotangent, losses, reduction)
                if rowwise and reduction == "none":
                    cotangent = cotangent[..., None]
                return [
                    derivative and chained(cotangent, derivative(*values, **given))
                    for derivative in derivatives
                ]

            return reduced(losses, reduction), pull

        return apply  # type: ignore[no-any-return]

    return GRAPHS.call((key, reduction, rowwise), with_these, inputs, parameters or {})


def part_of_mean(cotangent: Array, losses: Array, reduction: str) -> Array:
    """Return what of a gradient reaches each loss; a mean divides it."""
    if reduction != "mean":
        return cotangent
    return cotangent / tf.cast(size(losses), cotangent.dtype)


def chained(cotangent: Array, derivative: Array) -> Array:
    """Multiply; a weight of zero silences its element even if the slope is infinite."""
    if len(cotangent.shape) == 0:
        return derivative * cotangent
    return tf.math.multiply_no_nan(derivative, cotangent)


def reduced(losses: Array, reduction: str) -> Array:
    """Return the losses, their sum or their mean."""
    if reduction == "none":
        return losses
    return sum(losses) if reduction == "sum" else mean(losses)
