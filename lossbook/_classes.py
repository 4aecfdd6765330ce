"""What the losses over classes share: where the classes are, labels, class weights."""

from __future__ import annotations

from numbers import Integral
from typing import Any

from lossbook._dispatch import Array, backend_of
from lossbook._loss import Pointwise, check_not_negative, check_shapes, weighted


def rank(x: Any) -> int:
    """Return the number of axes of an array or nested list."""
    xp = backend_of(x)
    return len(xp.shape(xp.asarray(x, "y_pred")))


def prepare(
    y_true: Any, y_pred: Any, axis: int, ignore_index: int | None, *others: Any
) -> tuple[Any, Array, Array]:
    """Return the backend, integer labels, and scores with the classes last."""
    _check_ignore_index(ignore_index)
    xp = backend_of(y_true, y_pred, *others)
    scores = last(xp, xp.to_float(xp.asarray(y_pred, "y_pred", y_true)), axis)
    labels = xp.asarray(y_true, "y_true", scores)
    if not xp.is_integer(labels):
        raise TypeError(
            f"y_true must hold integer labels, got dtype {xp.dtype_name(labels)}. Use "
            "cross_entropy for one-hot or soft targets, or convert the labels to int64."
        )
    labels = xp.to_index(_shaped(xp, labels, scores), scores)
    _check_labels(xp, labels, scores, ignore_index)
    return xp, labels, scores


def _check_ignore_index(value: Any) -> None:
    if value is not None and (
        isinstance(value, bool) or not isinstance(value, Integral)
    ):
        raise TypeError(
            f"ignore_index must be an integer label or None, got {value!r}."
        )


def _shaped(xp: Any, labels: Array, scores: Array) -> Array:
    """Return the labels, seen to have the shape of the scores without the classes."""
    got, want = xp.shape(labels), xp.shape(scores)[:-1]
    if xp.shape(scores)[-1] == 0:
        raise ValueError(
            f"y_pred is empty (shape {xp.shape(scores)}): there are no classes."
        )
    if len(got) == len(want) + 1 and got[-1] == 1:
        raise ValueError(
            f"y_true must have the shape of y_pred without the class axis, {want}, got "
            f"{got}. Use y_true[..., 0]."
        )
    if len(got) == len(want) + 1 and got == xp.shape(scores):
        raise ValueError(
            f"y_true has the shape {got} of y_pred: it looks one-hot. Use "
            "cross_entropy for one-hot targets, or y_true.argmax(-1)."
        )
    # A slice of the scores stands for the shape that the labels must have.
    names = ("y_true", "y_pred without its class axis")
    return check_shapes(xp, labels, scores[..., 0], names)


def _check_labels(xp: Any, labels: Array, scores: Array, ignore: int | None) -> None:
    classes = xp.shape(scores)[-1]
    if ignore is not None:
        labels = xp.where(labels == ignore, xp.zeros_like(labels), labels)
    found = xp.range_of(labels)
    if found is not None and (found[0] < 0 or found[1] >= classes):
        raise ValueError(
            f"y_true must hold labels 0 to {classes - 1} for {classes} classes, got "
            f"labels from {found[0]} to {found[1]}. Pass ignore_index=... for a label "
            "that counts nothing."
        )


def last(xp: Any, x: Array, axis: int) -> Array:
    """Move the class axis to the end."""
    axes = len(xp.shape(x))
    if axes == 0:
        raise ValueError(
            "y_pred must have a class axis, got a single number. Use "
            "binary_cross_entropy for one probability."
        )
    if not (isinstance(axis, Integral) and -axes <= axis < axes):
        raise ValueError(f"axis must lie in [{-axes}, {axes - 1}], got {axis!r}.")
    return x if axis in (-1, axes - 1) else xp.moveaxis(x, int(axis), -1)


def weight(
    xp: Any, value: Any, scores: Array, name: str = "class_weight"
) -> Array | None:
    """Return the class weights as an array of one a class."""
    if value is None:
        return None
    weights = xp.cast(xp.asarray(value, name, scores), scores)
    classes = xp.shape(scores)[-1]
    if xp.shape(weights) != (classes,):
        raise ValueError(
            f"{name} must have one weight a class, shape ({classes},), got shape "
            f"{xp.shape(weights)}."
        )
    check_not_negative(xp, weights, name)
    return weights


def smoothed(xp: Any, y: Array, label_smoothing: float) -> Array:
    """Move targets a little towards the uniform distribution."""
    if not label_smoothing:
        return y
    return y * (1 - label_smoothing) + label_smoothing / xp.shape(y)[-1]


def soft(xp: Any, y: Array, y_pred: Array, from_logits: bool) -> Array:
    """Return -sum of y log p over the classes, for each sample."""
    if not from_logits:
        return xp.sum(_CROSS_ENTROPY.losses(xp, y, y_pred), axis=-1)
    return _SOFTMAX_CE.losses(xp, y, y_pred)


def _softmax_ce(xp: Any, y: Array, z: Array) -> Array:
    # A class ruled out by a logit of -inf costs nothing where its target is 0.
    return -xp.sum(xp.times(y, xp.log_softmax(z)), axis=-1)


def _softmax_ce_slope(xp: Any, y: Array, z: Array) -> Array:
    return xp.exp(xp.log_softmax(z)) * xp.sum(y, axis=-1, keepdims=True) - y


_SOFTMAX_CE = Pointwise(
    "softmax_ce",
    _softmax_ce,
    slopes=[lambda xp, y, z: -xp.log_softmax(z), _softmax_ce_slope],
)

_CROSS_ENTROPY = Pointwise(
    "cross_entropy_of_probabilities",
    formula=lambda xp, y, p: -xp.xlogy(y, p),
    slopes=[
        lambda xp, y, p: -xp.log(p),
        lambda xp, y, p: -xp.over(y, p),
    ],
)

_SURPRISE = Pointwise(
    "surprise",
    formula=lambda xp, p: -xp.log(p),
    slopes=[lambda xp, p: -1 / p],
)


def sparse(
    xp: Any,
    labels: Array,
    y_pred: Array,
    from_logits: bool,
    class_weight: Array | None,
    label_smoothing: float,
    ignore_index: int | None,
) -> tuple[Array, Array | None]:
    """Return the loss of each label, weights applied, and the weight of each label."""
    ignored = None if ignore_index is None else labels == ignore_index
    if ignored is not None:
        labels = xp.where(ignored, xp.zeros_like(labels), labels)
    log_p: Array = xp.log_softmax(y_pred) if from_logits else None
    losses = (
        -xp.take_labels(log_p, labels)
        if from_logits
        else _SURPRISE.losses(xp, xp.take_labels(y_pred, labels))
    )
    counted = None
    if class_weight is not None:
        counted = xp.sum(
            xp.one_hot(labels, xp.shape(y_pred)[-1], y_pred) * class_weight, axis=-1
        )
        losses = weighted(xp, losses, counted)
    if label_smoothing:
        each = -log_p if from_logits else _SURPRISE.losses(xp, y_pred)
        spread = each if class_weight is None else weighted(xp, each, class_weight)
        share = label_smoothing / xp.shape(y_pred)[-1]
        losses = (1 - label_smoothing) * losses + share * xp.sum(spread, axis=-1)
    if ignored is not None:
        nothing = xp.zeros_like(xp.stop_gradient(losses))
        losses = xp.where(ignored, nothing, losses)
        counted = xp.where(
            ignored, nothing, nothing + 1 if counted is None else counted
        )
    return losses, counted


def divergence(xp: Any, y: Array, y_pred: Array, from_logits: bool) -> Array:
    """Return sum of y log(y / p) over the classes, for each sample."""
    if not from_logits:
        return xp.sum(_DIVERGENCE.losses(xp, y, y_pred), axis=-1)
    negative_entropy = xp.sum(_X_LOG_X.losses(xp, y), axis=-1)
    return soft(xp, y, y_pred, from_logits=True) + negative_entropy


_X_LOG_X = Pointwise(
    "x_log_x",
    formula=lambda xp, x: xp.xlogy(x, x),
    slopes=[lambda xp, x: xp.log(x) + 1],
)


_DIVERGENCE = Pointwise(
    "divergence",
    formula=lambda xp, y, p: xp.xlogy(y, y) - xp.xlogy(y, p),
    slopes=[
        lambda xp, y, p: xp.log(y) - xp.log(p) + 1,
        lambda xp, y, p: -xp.over(y, p),
    ],
)
