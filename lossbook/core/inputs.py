"""From what a user gave to arrays that fit: framework, shapes, dtype, weights.

y_true goes to the framework, device and dtype of y_pred. Shapes that differ are
refused, so that nothing broadcasts silently.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from lossbook.backends import Array, Backend, backend_of
from lossbook.backends.inputs import reshaped, shape_of, with_one_axis_more
from lossbook.core.checks import Weights, checked_weight, lowest
from lossbook.core.reduction import MEANS, check_reduction


def prepare(
    y_true: Any,
    y_pred: Any,
    sample_weight: Any,
    reduction: str,
    *others: Any,
    difference: bool = False,
) -> tuple[Backend, Array, Array, Weights | None]:
    """Return the backend, y_true and y_pred as arrays that fit, and the weights.

    With `difference`, of integers only their difference is kept, in y_pred, because
    float32 would round large ones.
    """
    check_reduction(reduction)
    xp = backend_of(y_true, y_pred, sample_weight, *others)
    if xp.are_ready(y_true, y_pred):
        return xp, y_true, y_pred, weights_of(xp, sample_weight, y_pred)
    given, y_pred = y_pred, xp.asarray(y_pred, "y_pred", y_true)
    truth = xp.asarray(y_true, "y_true", y_pred)
    y_true = check_shapes(xp, truth, y_pred, given=(y_true, given))
    check_not_empty(xp, y_pred, "y_pred", reduction)
    if difference and xp.is_integer(y_pred) and xp.is_integer(y_true):
        y_pred = _difference(xp, y_true, y_pred)
        y_true = xp.zeros_like(y_pred)
    y_pred = xp.to_float(y_pred)
    y_true = xp.cast(y_true, y_pred)
    return xp, y_true, y_pred, weights_of(xp, sample_weight, y_pred)


def _difference(xp: Backend, y_true: Array, y_pred: Array) -> Array:
    """Return the difference of integers, exact unless it may not fit 64 bits."""
    exact = xp.to_int64(y_pred) - xp.to_int64(y_true)
    rough = xp.to_float(y_pred) - xp.to_float(y_true)
    return xp.where(xp.abs(rough) < 2.0**62, xp.to_float(exact), rough)


def float_arrays(
    arrays: dict[str, Any], dtype_of: str, sample_weight: Any, reduction: str
) -> tuple[Backend, list[Array]]:
    """Return the backend, and arrays of one shape in the dtype of the one named."""
    check_reduction(reduction)
    xp = backend_of(*arrays.values(), sample_weight)
    lead = xp.to_float(xp.asarray(arrays[dtype_of], dtype_of, *_tensors(xp, arrays)))
    fitting = []
    for name, value in arrays.items():
        array = lead
        if name != dtype_of:
            array = xp.cast(xp.asarray(value, name, lead), lead)
            given = value, arrays[dtype_of]
            array = check_shapes(xp, array, lead, (name, dtype_of), given)
        fitting.append(array)
    check_not_empty(xp, lead, dtype_of, reduction)
    return xp, fitting


def _tensors(xp: Backend, arrays: dict[str, Any]) -> list[Any]:
    """Return the first array of the framework, to put the others on its device."""
    return [a for a in arrays.values() if xp.owns(type(a))][:1]


def check_shapes(
    xp: Backend,
    a: Array,
    b: Array,
    names: tuple[str, str] = ("y_true", "y_pred"),
    given: tuple[Any, Any] | None = None,
) -> Array:
    """Refuse shapes that differ; return `a`, seen to fit `b`.

    The advice is for what was `given`, as the user has it.
    """
    left, right = xp.shape(a), xp.shape(b)
    if left != right and not could_be_equal(left, right):
        raise ValueError(
            f"{names[0]} and {names[1]} must have the same shape, got {names[0]} "
            f"{left} and {names[1]} {right}. "
            f"{_remedy(left, right, names, given or (a, b))}"
        )
    return xp.fitting(a, b, *names)


def check_not_empty(xp: Backend, x: Array, name: str, reduction: str) -> None:
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


def could_be_equal(left: Sequence[Any], right: Sequence[Any]) -> bool:
    """Say whether shapes are equal, as far as they are known."""
    return len(left) == len(right) and all(
        a is None or b is None or a == b for a, b in zip(left, right, strict=True)
    )


def _remedy(
    left: Sequence[Any],
    right: Sequence[Any],
    names: tuple[str, str],
    given: tuple[Any, Any],
) -> str:
    a, b = names
    a_as_b = reshaped(a, given[0], shape_of(b, given[1]))
    b_as_a = reshaped(b, given[1], shape_of(a, given[0]))
    if (*left, 1) == tuple(right):
        return f"Use {b_as_a}, or {with_one_axis_more(a, given[0])}."
    if tuple(left) == (*right, 1):
        return f"Use {a_as_b}, or {with_one_axis_more(b, given[1])}."
    if None not in (*left, *right) and prod(left) == prod(right):
        return f"If the elements are in the same order, use {a_as_b}."
    return "Nothing is broadcast: make the shapes equal."


def weights_of(xp: Backend, sample_weight: Any, losses: Array) -> Weights | None:
    """Return the weights of losses of this shape, or None where there are none."""
    if sample_weight is None:
        return None
    weight = xp.cast(xp.asarray(sample_weight, "sample_weight", losses), losses)
    want, got = xp.shape(losses), xp.shape(weight)
    if len(got) > len(want) or not could_be_equal(got, want[: len(got)]):
        flat = reshaped("sample_weight", sample_weight, "-1")
        raise ValueError(
            f"sample_weight must have one weight a loss, shape {want}, or one a "
            f"sample, the leading axes of that; got shape {got}. "
            f"Use {flat} if it has an axis of length 1 too many."
        )
    weight = xp.fitting(weight, losses, "sample_weight", "the losses")
    low = lowest(xp, weight)
    weight = checked_weight(xp, weight, "sample_weight", _TURN_AROUND, low)
    missing = len(want) - len(got)
    for _ in range(missing):
        weight = xp.expand_dims(weight, -1)
    if missing:
        weight = weight + xp.zeros_like(xp.stop_gradient(losses))
    return Weights(weight, low is not None and low > 0)


_TURN_AROUND = (
    " To turn a loss around, change its sign; to leave a sample out, use weight 0."
)


def trailing_like(xp: Backend, value: Any, name: str, x: Array) -> Array:
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
    array = along_last(xp, checked_weight(xp, array, name), x)
    return array + xp.zeros_like(xp.stop_gradient(x))


def along_last(xp: Backend, values: Array, x: Array) -> Array:
    """Return values of the last axis with as many axes as `x`.

    A framework may have been told to refuse what it would have to add an axis to.
    """
    if not xp.shape(values):
        return values
    return xp.reshape(values, (1,) * (len(xp.shape(x)) - 1) + (-1,))


def class_weight_of(
    xp: Backend, value: Any, classes: Any, name: str, like: Array
) -> Array:
    """Return class weights as an array of one a class."""
    weights = xp.cast(xp.asarray(value, name, like), like)
    if not could_be_equal(xp.shape(weights), (classes,)):
        raise ValueError(
            f"{name} must have one weight a class, shape ({classes},), got shape "
            f"{xp.shape(weights)}."
        )
    return checked_weight(xp, weights, name)
