"""From the losses of the elements to what was asked for: weights, mean or sum.

What weighs nothing is not there: not in the value, the gradient or the denominator,
even if it is NaN.
"""

from __future__ import annotations

from typing import Literal, get_args

from lossbook.backends import Array, Backend
from lossbook.core.checks import Weights

Reduction = Literal["mean", "sum", "none", "sum_over_batch_size"]
REDUCTIONS = get_args(Reduction)
MEANS = ("mean", "sum_over_batch_size")


class Asked(str):
    """What a loss is asked for in the place of a reduction; users cannot ask for it."""

    __slots__ = ()


EXACT = Asked("the first and the second derivative of each loss")
ABOVE = Asked("the first derivative, and a curvature that is positive everywhere")


def plain_reduction(reduction: str) -> str:
    """Return "mean", "sum" or "none": without weights both means are the same."""
    return "mean" if reduction == "sum_over_batch_size" else reduction


def check_reduction(reduction: str) -> None:
    """Refuse an unknown reduction."""
    known = isinstance(reduction, str) and reduction in REDUCTIONS
    if not known and not isinstance(reduction, Asked):
        raise ValueError(
            f"reduction must be one of {', '.join(map(repr, REDUCTIONS))}, "
            f"got {reduction!r}."
        )


def reduce(
    xp: Backend,
    losses: Array,
    weights: Weights | None,
    reduction: str,
    base_weight: Array = None,
) -> Array:
    """Turn the losses of the elements into what `reduction` asks for.

    `base_weight` is what a loss already contains of weights (class weights): it counts
    in the denominator of the mean, and the losses have been multiplied by it before.
    """
    weight = base_weight
    if weights is not None:
        losses = weighted(xp, losses, weights.values, weights.positive)
        factor = weights.values
        weight = factor if weight is None else weighted(xp, weight, factor)
    if reduction == "none":
        return losses
    if reduction == "sum":
        return xp.sum(losses)
    if reduction == "mean" and weight is not None:
        positive = base_weight is None and weights is not None and weights.positive
        return _ratio(xp, xp.sum(losses), xp.sum(weight), positive)
    return xp.mean(losses)


def weighted(
    xp: Backend, losses: Array, weight: Array, positive: bool = False
) -> Array:
    """Multiply; a loss that weighs nothing counts as 0, also where it is not finite.

    A finite loss stays what it is, because its weight has a derivative even at 0.
    """
    return losses * weight if positive else xp.multiply_no_nan(weight, losses)


def without_silent_rows(
    xp: Backend, weight: Array | None, *arrays: Array
) -> tuple[Array, ...]:
    """Return arrays of vectors without what could spoil the sum over the rows.

    A row that weighs nothing and is not finite becomes 0: products with it, and with
    its cotangent of 0, would be NaN.
    """
    if weight is None:
        return arrays
    nothing = weight == 0
    if xp.any_of(nothing) is False:
        return arrays
    return tuple(_without(xp, nothing, array) for array in arrays)


def _without(xp: Backend, nothing: Array, x: Array) -> Array:
    known = xp.where(xp.isfinite(xp.stop_gradient(x)), 0.0, float("nan"))
    known = xp.sum(known, axis=-1)  # NaN where one element of a row is not finite
    spoiled = nothing & (known != known)
    if xp.any_of(spoiled) is False:
        return x
    return xp.where(xp.expand_dims(spoiled, -1), xp.zeros_like(x), x)


def _ratio(xp: Backend, total: Array, weight: Array, positive: bool) -> Array:
    """Divide; the mean of nothing is 0, with a gradient of 0."""
    if positive:
        return total / weight
    nothing = weight == 0
    if xp.any_of(nothing) is False:
        return total / weight
    one = xp.zeros_like(weight) + 1
    return xp.where(nothing, total * 0, total / xp.where(nothing, one, weight))
