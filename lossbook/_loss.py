"""What every loss shares: checks, weights, reduction, and the way to its gradient.

A loss is written as a formula and its slope, element by element. Here it is applied:

1. `prepare` brings y_true to the framework, device and dtype of y_pred and refuses
   shapes that differ, so that nothing broadcasts silently.
2. The framework's fused kernel is called where it has one for exactly this loss;
   otherwise the formula, with the slope as its derivative.
3. `reduce` applies the weights and takes the mean or the sum.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf, prod
from numbers import Real
from typing import Any, Literal

from lossbook._dispatch import Array, backend_of

Reduction = Literal["mean", "sum", "none", "sum_over_batch_size"]
USE_LOGITS = "Pass from_logits=True if these are logits."
REDUCTIONS = ("mean", "sum", "none", "sum_over_batch_size")


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
    """

    name: str
    formula: Callable[..., Array]
    slopes: Sequence[Callable[..., Array] | None]

    def losses(self, xp: Any, *inputs: Array, **parameters: Any) -> Array:
        """Return the loss of each element."""
        return self._apply(xp, inputs, parameters, "none")

    def reduced(
        self,
        xp: Any,
        *inputs: Array,
        sample_weight: Any = None,
        reduction: str = "mean",
        **parameters: Any,
    ) -> Array:
        """Return what `reduction` asks for; without weights in one step."""
        if sample_weight is not None:
            losses = self._apply(xp, inputs, parameters, "none")
            return reduce(xp, losses, sample_weight, reduction)
        return self._apply(xp, inputs, parameters, plain_reduction(reduction))

    def _apply(
        self, xp: Any, inputs: Sequence[Array], parameters: dict[str, Any], total: str
    ) -> Array:
        kernel = xp.KERNELS.get(self.name)
        fused = kernel(*inputs, total, **parameters) if kernel else None
        if fused is not None:  # a kernel may be for some inputs only
            return fused
        return xp.with_slope(
            lambda *values: self.formula(xp, *values, **parameters),
            [
                slope and (lambda *v, slope=slope: slope(xp, *v, **parameters))
                for slope in self.slopes
            ],
            *inputs,
            total=total,
            key=(self.name, *parameters.items()),
        )


def of_error(
    loss: Pointwise,
    y_true: Any,
    y_pred: Any,
    sample_weight: Any,
    reduction: str,
    **parameters: Any,
) -> Array:
    """Apply a loss that is a function of the error y_pred - y_true."""
    xp, y_true, y_pred = prepare(y_true, y_pred, sample_weight)
    if kernel := xp.KERNELS.get(loss.name + " of error"):
        return with_kernel(
            xp, kernel, y_true, y_pred, sample_weight, reduction, **parameters
        )
    return loss.reduced(
        xp,
        y_pred - y_true,
        sample_weight=sample_weight,
        reduction=reduction,
        **parameters,
    )


def with_kernel(
    xp: Any,
    kernel: Callable[..., Array],
    y_true: Array,
    y_pred: Array,
    sample_weight: Any,
    reduction: str,
    **parameters: Any,
) -> Array:
    """Apply a fused kernel, which reduces by itself where there are no weights."""
    if sample_weight is None:
        return kernel(y_true, y_pred, plain_reduction(reduction), **parameters)
    losses = kernel(y_true, y_pred, "none", **parameters)
    return reduce(xp, losses, sample_weight, reduction)


def prepare(y_true: Any, y_pred: Any, *others: Any) -> tuple[Any, Array, Array]:
    """Return the backend, and y_true and y_pred as arrays that fit each other."""
    xp = backend_of(y_true, y_pred, *others)
    y_pred = xp.to_float(xp.asarray(y_pred, "y_pred", y_true))
    y_true = xp.cast(xp.asarray(y_true, "y_true", y_pred), y_pred)
    return xp, check_shapes(xp, y_true, y_pred), y_pred


def float_arrays(
    arrays: dict[str, Any], dtype_of: str, *others: Any
) -> tuple[Any, list[Array]]:
    """Return the backend, and arrays of one shape in the dtype of the one named."""
    xp = backend_of(*arrays.values(), *others)
    lead = xp.to_float(xp.asarray(arrays[dtype_of], dtype_of, *_tensors(xp, arrays)))
    fitting = []
    for name, value in arrays.items():
        array = lead
        if name != dtype_of:
            array = xp.cast(xp.asarray(value, name, lead), lead)
            array = check_shapes(xp, array, lead, (name, dtype_of))
        fitting.append(array)
    return xp, fitting


def _tensors(xp: Any, arrays: dict[str, Any]) -> list[Any]:
    """Return the first array of the framework, to put the others on its device."""
    return [a for a in arrays.values() if xp.owns(type(a))][:1]


def check_shapes(
    xp: Any, a: Array, b: Array, names: tuple[str, str] = ("y_true", "y_pred")
) -> Array:
    """Refuse shapes that differ, and empty batches; return `a`, seen to fit `b`."""
    left, right = xp.shape(a), xp.shape(b)
    if left != right and not _could_be_equal(left, right):
        raise ValueError(
            f"{names[0]} and {names[1]} must have the same shape, got {names[0]} "
            f"{left} and {names[1]} {right}. {_remedy(left, right, names)}"
        )
    if 0 in right:
        raise ValueError(
            f"{names[1]} is empty (shape {right}): the loss of an empty batch is not "
            "defined. Skip the batch."
        )
    return xp.fitting(a, b, *names)


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
    sample_weight: Any = None,
    reduction: str = "mean",
    base_weight: Array = None,
) -> Array:
    """Turn the losses of the elements into what `reduction` asks for.

    `base_weight` is what a loss already contains of weights (class weights): it counts
    in the denominator of the mean, and the losses have been multiplied by it before.
    """
    check_reduction(reduction)
    weight = base_weight
    if sample_weight is not None:
        sample_weight = weights_like(xp, sample_weight, losses)
        losses = weighted(xp, losses, sample_weight)
        weight = sample_weight if weight is None else sample_weight * weight
    if reduction == "none":
        return losses
    if reduction == "sum":
        return xp.sum(losses)
    if reduction == "mean" and weight is not None:
        return _ratio(xp, xp.sum(losses), xp.sum(weight))
    return xp.mean(losses)


def weighted(xp: Any, losses: Array, weight: Array) -> Array:
    """Multiply; an infinite loss that weighs nothing counts as 0, not as 0 * inf."""
    silent = xp.isinf(losses) & (weight == 0)
    return xp.where(silent, xp.zeros_like(losses), losses) * weight


def _ratio(xp: Any, total: Array, weight: Array) -> Array:
    """Divide; the mean of nothing is 0, with a gradient of 0."""
    nothing = weight == 0
    one = xp.zeros_like(weight) + 1
    return xp.where(nothing, total * 0, total / xp.where(nothing, one, weight))


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
    low = lowest(xp, weight)
    if low is not None and low < 0:
        raise ValueError(
            f"sample_weight must not be negative, got {low:g}. To turn a loss around, "
            "change its sign; to leave a sample out, use weight 0."
        )
    missing = len(want) - len(got)
    if missing:
        weight = xp.reshape(weight, (*_sizes(xp, weight), *(1,) * missing))
        weight = weight + xp.zeros_like(xp.stop_gradient(losses))
    return weight


def trailing_like(xp: Any, value: Any, name: str, x: Array) -> Array:
    """Return a number, or one value a class (the last axis), in the shape of `x`."""
    array = xp.cast(xp.asarray(value, name, x), x)
    got, want = xp.shape(array), xp.shape(x)
    if got not in ((), want[-1:]):
        raise ValueError(
            f"{name} must be a number or have one value a class, shape {want[-1:]}, "
            f"got shape {got}."
        )
    check_not_negative(xp, array, name)
    return array + xp.zeros_like(xp.stop_gradient(x))


def _sizes(xp: Any, x: Array) -> tuple[Any, ...]:
    """Return the shape in numbers that reshape takes: -1 for one that is not known."""
    return tuple(-1 if n is None else n for n in xp.shape(x))


def lowest(xp: Any, x: Array) -> float | None:
    """Return the smallest value, or None where values are not known."""
    values = known_range(xp, x)
    return None if values is None else float(values[0])


def check_not_negative(xp: Any, x: Array, name: str) -> None:
    """Refuse negative values."""
    low = lowest(xp, x)
    if low is not None and low < 0:
        raise ValueError(f"{name} must not be negative, got {low:g}.")


def known_range(xp: Any, x: Array, nan_as: float = 0.0) -> tuple[float, float] | None:
    """Return the smallest and largest value that is not NaN, or None if not known."""
    values = xp.range_of(x)
    if values is None or (values[0] == values[0] and values[1] == values[1]):
        return values  # type: ignore[no-any-return]
    known = xp.where(x == x, x, xp.zeros_like(x) + nan_as)
    return xp.range_of(known)  # type: ignore[no-any-return]


def check_range(
    xp: Any, x: Array, name: str, low: float, high: float, fix: str
) -> None:
    """Refuse values outside [low, high]; NaN passes, to be seen in the result."""
    values = known_range(xp, x, nan_as=low)
    if values is not None and (values[0] < low or values[1] > high):
        raise ValueError(
            f"{name} must lie in [{low:g}, {high:g}], got values from {values[0]:g} to "
            f"{values[1]:g}. {fix}"
        )


def check_positive(name: str, value: Any) -> None:
    """Refuse a parameter that is not a positive, finite number."""
    if not _is_number(value) or not 0 < value < inf:
        raise ValueError(
            f"{name} must be a positive number, got {value!r}. For instance {name}=1.0."
        )


def check_between(name: str, value: Any, low: float, high: float) -> None:
    """Refuse a parameter that is not a number in the closed interval [low, high]."""
    if not _is_number(value) or not low <= value <= high:
        raise ValueError(
            f"{name} must be a number in [{low:g}, {high:g}], got {value!r}."
        )


def check_flag(name: str, value: Any) -> None:
    """Refuse a switch that is neither True nor False."""
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, got {value!r}.")


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
