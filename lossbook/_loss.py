"""What every loss shares: inputs, weights, reduction, and the way to its gradient.

A loss is written as a formula and its slope, element by element. Here it is applied:

1. `prepare` brings y_true to the framework, device and dtype of y_pred and refuses
   shapes that differ, so that nothing broadcasts silently.
2. The framework's fused kernel is called where it has one for exactly this loss;
   otherwise the formula, with the slope as its derivative.
3. `reduce` applies the weights and takes the mean or the sum. What weighs nothing is
   not there: not in the value, the gradient or the denominator, even if it is NaN.

`_domain.py` refuses the values that a loss is not made for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import Any, Literal

import numpy as np

from lossbook import _domain
from lossbook._dispatch import Array, backend_of
from lossbook._domain import Weights

Reduction = Literal["mean", "sum", "none", "sum_over_batch_size"]
REDUCTIONS = ("mean", "sum", "none", "sum_over_batch_size")
MEANS = ("mean", "sum_over_batch_size")


@dataclass(frozen=True)
class Pointwise:
    """A loss that works element by element.

    Attributes
    ----------
    name : str
        Where the framework has a fused kernel, its key in ``KERNELS``; with
        `` of error`` behind it, that of a kernel which takes y_true and y_pred.
    formula : callable
        ``formula(xp, *inputs, **parameters)``, the loss of each element.
    slopes : sequence of callables
        The derivative of the formula by each input, with the same arguments; None where
        an input is a constant.
    rowwise : bool
        Whether the formula works on rows, the last axis, of which it keeps nothing.
    """

    name: str
    formula: Callable[..., Array]
    slopes: Sequence[Callable[..., Array] | None]
    rowwise: bool = False

    def losses(self, xp: Any, *inputs: Array, **parameters: Any) -> Array:
        """Return the loss of each element."""
        return self._apply(xp, inputs, parameters, "none")

    def reduced(
        self,
        xp: Any,
        *inputs: Array,
        weights: Weights | None = None,
        reduction: str = "mean",
        **parameters: Any,
    ) -> Array:
        """Return what `reduction` asks for; without weights in one step."""
        if weights is not None:
            losses = self._apply(xp, inputs, parameters, "none")
            return reduce(xp, losses, weights, reduction)
        return self._apply(xp, inputs, parameters, plain_reduction(reduction))

    def _apply(
        self, xp: Any, inputs: Sequence[Array], parameters: dict[str, Any], total: str
    ) -> Array:
        fused = call_fused(xp, self.name, *inputs, reduction=total, **parameters)
        if fused is not None:
            return fused
        return xp.with_slope(
            partial(self.formula, xp),
            [slope and partial(slope, xp) for slope in self.slopes],
            *inputs,
            total=total,
            rowwise=self.rowwise,
            parameters=parameters,
            key=self.formula,
        )


def call_fused(
    xp: Any, name: str, *inputs: Array, reduction: str, **parameters: Any
) -> Array | None:
    """Return what the framework's kernel of this name gives, None where it has none.

    A kernel may be for some inputs only: it then returns None for the others.
    """
    kernel = xp.KERNELS.get(name)
    return kernel(*inputs, reduction, **parameters) if kernel else None


def of_error(
    loss: Pointwise,
    y_true: Any,
    y_pred: Any,
    sample_weight: Any,
    reduction: str,
    **parameters: Any,
) -> Array:
    """Apply a loss that is a function of the error y_pred - y_true."""
    xp, y_true, y_pred, weights = prepare(
        y_true, y_pred, sample_weight, reduction, difference=True
    )
    total = "none" if weights else plain_reduction(reduction)
    losses = call_fused(
        xp, loss.name + " of error", y_true, y_pred, reduction=total, **parameters
    )
    if losses is None:
        losses = loss._apply(xp, [y_pred - y_true], parameters, total)
    return reduce(xp, losses, weights, reduction) if weights else losses


def prepare(
    y_true: Any,
    y_pred: Any,
    sample_weight: Any,
    reduction: str,
    *others: Any,
    difference: bool = False,
) -> tuple[Any, Array, Array, Weights | None]:
    """Return the backend, y_true and y_pred as arrays that fit, and the weights.

    With `difference`, of integers only their difference is kept, in y_pred, because
    float32 would round large ones.
    """
    check_reduction(reduction)
    xp = backend_of(y_true, y_pred, sample_weight, *others)
    y_pred = xp.asarray(y_pred, "y_pred", y_true)
    y_true = check_shapes(xp, xp.asarray(y_true, "y_true", y_pred), y_pred)
    check_not_empty(xp, y_pred, "y_pred", reduction)
    if difference and xp.is_integer(y_pred) and xp.is_integer(y_true):
        wide = xp.to_int64(y_true)
        y_true, y_pred = xp.zeros_like(wide), xp.to_int64(y_pred) - wide
    y_pred = xp.to_float(y_pred)
    y_true = xp.cast(y_true, y_pred)
    return xp, y_true, y_pred, weights_of(xp, sample_weight, y_pred)


def float_arrays(
    arrays: dict[str, Any], dtype_of: str, sample_weight: Any, reduction: str
) -> tuple[Any, list[Array]]:
    """Return the backend, and arrays of one shape in the dtype of the one named."""
    check_reduction(reduction)
    xp = backend_of(*arrays.values(), sample_weight)
    lead = xp.to_float(xp.asarray(arrays[dtype_of], dtype_of, *_tensors(xp, arrays)))
    fitting = []
    for name, value in arrays.items():
        array = lead
        if name != dtype_of:
            array = xp.cast(xp.asarray(value, name, lead), lead)
            array = check_shapes(xp, array, lead, (name, dtype_of))
        fitting.append(array)
    check_not_empty(xp, lead, dtype_of, reduction)
    return xp, fitting


def _tensors(xp: Any, arrays: dict[str, Any]) -> list[Any]:
    """Return the first array of the framework, to put the others on its device."""
    return [a for a in arrays.values() if xp.owns(type(a))][:1]


def check_shapes(
    xp: Any, a: Array, b: Array, names: tuple[str, str] = ("y_true", "y_pred")
) -> Array:
    """Refuse shapes that differ; return `a`, seen to fit `b`."""
    left, right = xp.shape(a), xp.shape(b)
    if left != right and not _could_be_equal(left, right):
        raise ValueError(
            f"{names[0]} and {names[1]} must have the same shape, got {names[0]} "
            f"{left} and {names[1]} {right}. {_remedy(left, right, names)}"
        )
    return xp.fitting(a, b, *names)


def check_not_empty(xp: Any, x: Array, name: str, reduction: str) -> None:
    """Refuse the mean of an empty batch; its sum is 0, and it has no losses."""
    if reduction not in MEANS:
        return
    if 0 in xp.shape(x):
        raise ValueError(
            f"{name} is empty (shape {xp.shape(x)}): an empty batch has no mean. Skip "
            "the batch, or where other workers wait for this one use "
            'reduction="sum", which is 0, and lossbook.global_mean.'
        )
    xp.not_empty(x, name)


def _could_be_equal(left: Sequence[Any], right: Sequence[Any]) -> bool:
    return len(left) == len(right) and all(
        a is None or b is None or a == b for a, b in zip(left, right, strict=True)
    )


def _remedy(left: Sequence[Any], right: Sequence[Any], names: tuple[str, str]) -> str:
    a, b = names
    if (*left, 1) == tuple(right):
        return f"Use {b}.reshape({a}.shape), or {a}[..., None]."
    if tuple(left) == (*right, 1):
        return f"Use {a}.reshape({b}.shape), or {b}[..., None]."
    if None not in (*left, *right) and prod(left) == prod(right):
        return f"If the elements are in the same order, use {a}.reshape({b}.shape)."
    return "Nothing is broadcast: make the shapes equal."


def plain_reduction(reduction: str) -> str:
    """Return "mean", "sum" or "none": without weights both means are the same."""
    check_reduction(reduction)
    return "mean" if reduction == "sum_over_batch_size" else reduction


def check_reduction(reduction: str) -> None:
    """Refuse an unknown reduction."""
    if reduction not in REDUCTIONS:
        raise ValueError(
            f"reduction must be one of {', '.join(map(repr, REDUCTIONS))}, "
            f"got {reduction!r}."
        )


def reduce(
    xp: Any,
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
        return _ratio(xp, xp.sum(losses), xp.sum(weight))
    return xp.mean(losses)


def weighted(xp: Any, losses: Array, weight: Array, positive: bool = False) -> Array:
    """Multiply; a loss that weighs nothing counts as 0, also where it is not finite.

    A finite loss stays what it is, because its weight has a derivative even at 0.
    """
    return losses * weight if positive else xp.times(weight, losses)


def without_silent_rows(
    xp: Any, weight: Array | None, *arrays: Array
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


def _without(xp: Any, nothing: Array, x: Array) -> Array:
    known = xp.where(xp.isfinite(xp.stop_gradient(x)), 0.0, float("nan"))
    known = xp.sum(known, axis=-1)  # NaN where one element of a row is not finite
    spoiled = nothing & (known != known)
    if xp.any_of(spoiled) is False:
        return x
    return xp.where(xp.expand_dims(spoiled, -1), xp.zeros_like(x), x)


def _ratio(xp: Any, total: Array, weight: Array) -> Array:
    """Divide; the mean of nothing is 0, with a gradient of 0."""
    nothing = weight == 0
    one = xp.zeros_like(weight) + 1
    return xp.where(nothing, total * 0, total / xp.where(nothing, one, weight))


def weights_of(xp: Any, sample_weight: Any, losses: Array) -> Weights | None:
    """Return the weights of losses of this shape, or None where there are none."""
    if sample_weight is None:
        return None
    values = weights_like(xp, sample_weight, losses)
    low = lowest(xp, values)
    return Weights(values, low is not None and low > 0)


def weights_like(xp: Any, sample_weight: Any, losses: Array) -> Array:
    """Return the weights in the shape of the losses: one a loss, or one a sample."""
    weight = xp.cast(xp.asarray(sample_weight, "sample_weight", losses), losses)
    want, got = xp.shape(losses), xp.shape(weight)
    if len(got) > len(want) or not _could_be_equal(got, want[: len(got)]):
        raise ValueError(
            f"sample_weight must have one weight a loss, shape {want}, or one a "
            f"sample, the leading axes of that; got shape {got}. "
            "Use sample_weight.reshape(-1) if it has an axis of length 1 too many."
        )
    weight = xp.fitting(weight, losses, "sample_weight", "the losses")
    weight = checked_weight(xp, weight, "sample_weight", _TURN_AROUND)
    missing = len(want) - len(got)
    for _ in range(missing):
        weight = xp.expand_dims(weight, -1)
    if missing:
        weight = weight + xp.zeros_like(xp.stop_gradient(losses))
    return weight


_TURN_AROUND = (
    " To turn a loss around, change its sign; to leave a sample out, use weight 0."
)


def checked_weight(xp: Any, weight: Array, name: str, fix: str = "") -> Array:
    """Return weights of 0 or more."""
    low = lowest(xp, weight)
    if low is not None and low >= 0:
        return weight

    def words() -> str:
        low = lowest(xp, weight)
        got = "" if low is None else f", got {_domain.digits(low)}"
        return f"{name} must not be negative{got}.{fix}"

    return _domain.without(xp, weight, lambda: weight < 0, words, None, low is not None)


def trailing_like(xp: Any, value: Any, name: str, x: Array) -> Array:
    """Return a number, or one value a class (the last axis), in the shape of `x`."""
    array = xp.cast(xp.asarray(value, name, x), x)
    got, want = xp.shape(array), xp.shape(x)
    if got == (1,):
        array, got = xp.reshape(array, ()), ()
    if got not in ((), want[-1:]):
        raise ValueError(
            f"{name} must be a number or have one value a class, shape {want[-1:]}, "
            f"got shape {got}."
        )
    array = checked_weight(xp, array, name)
    return array + xp.zeros_like(xp.stop_gradient(x))


def class_weight_of(xp: Any, value: Any, classes: Any, name: str, like: Array) -> Array:
    """Return class weights as an array of one a class."""
    weights = xp.cast(xp.asarray(value, name, like), like)
    if not _could_be_equal(xp.shape(weights), (classes,)):
        raise ValueError(
            f"{name} must have one weight a class, shape ({classes},), got shape "
            f"{xp.shape(weights)}."
        )
    return checked_weight(xp, weights, name)


def lowest(xp: Any, x: Array) -> float | None:
    """Return the smallest value that is not NaN, or None where values are not known."""
    values = _domain.known_range(xp, x)
    return None if values is None else float(values[0])


def check_flag(name: str, value: Any) -> None:
    """Refuse a switch that is neither True nor False."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be True or False, got {value!r}.")
