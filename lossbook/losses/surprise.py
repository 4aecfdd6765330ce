"""The surprise -log p of classes, which the losses of classes are made of."""

from __future__ import annotations

from typing import Any

from lossbook.backends import Array, Backend, Of1, Of2
from lossbook.core.class_inputs import ClassBatch
from lossbook.core.pointwise import Elementwise, Rowwise, call_fused
from lossbook.core.reduction import weighted


def smoothed(xp: Backend, y: Array, label_smoothing: float) -> Array:
    """Move targets a little towards the uniform distribution."""
    if not label_smoothing:
        return y
    uniform = label_smoothing / _number_of_classes(xp, y)
    return y * (1 - label_smoothing) + uniform


def _number_of_classes(xp: Backend, x: Array) -> Any:
    """Return a number, or where only the graph knows it one in the dtype of `x`."""
    known = xp.shape(x)[-1]
    return xp.cast(xp.last_size(x), x) if known is None else known


def soft(xp: Backend, y: Array, y_pred: Array, from_logits: bool) -> Array:
    """Return -sum of y log p over the classes, for each sample."""
    if not from_logits:
        return xp.sum(_CROSS_ENTROPY.losses(xp, y, y_pred), axis=-1)
    return _SOFTMAX_CE.losses(xp, y, y_pred)


def _softmax_ce(xp: Backend, y: Array, z: Array) -> Array:
    # A class ruled out by a logit of -inf costs nothing where its target is 0.
    return -xp.sum(xp.multiply_no_nan(y, xp.log_softmax(z)), axis=-1)


def _softmax_ce_derivative(xp: Backend, y: Array, z: Array) -> Array:
    return xp.exp(xp.log_softmax(z)) * xp.sum(y, axis=-1, keepdims=True) - y


_SOFTMAX_CE = Rowwise[Of2](
    "softmax_ce",
    _softmax_ce,
    derivatives=[lambda xp, y, z: -xp.log_softmax(z), _softmax_ce_derivative],
)

_CROSS_ENTROPY = Elementwise[Of2](
    "cross_entropy_of_probabilities",
    formula=lambda xp, y, p: -xp.xlogy(y, p),
    derivatives=[
        lambda xp, y, p: -xp.log(p),
        lambda xp, y, p: -xp.divide_no_nan(y, p),
    ],
)

_SURPRISE = Elementwise[Of1](
    "surprise",
    formula=lambda xp, p: -xp.log(p),
    derivatives=[lambda xp, p: -1 / p],
)

LOGIT_SURPRISE = Rowwise[Of2](
    "sparse_cross_entropy",
    formula=lambda xp, labels, z: -xp.take_labels(xp.log_softmax(z), labels),
    derivatives=[None, lambda xp, labels, z: xp.softmax_minus_label(z, labels)],
    curvature=lambda xp, labels, z: _softmax_curvature(xp, z),
    predicted=1,
)


def _softmax_curvature(xp: Backend, z: Array) -> Array:
    """Return p (1 - p), what stands on the diagonal of the Hessian diag(p) - p p'."""
    log_p = xp.log_softmax(z)
    return -xp.exp(log_p) * xp.expm1(log_p)


def surprise(batch: ClassBatch, from_logits: bool) -> Array:
    """Return -log p of each label, by itself: nothing is weighted, ignored or wrong."""
    xp = batch.xp
    if from_logits:
        return LOGIT_SURPRISE.losses(xp, batch.labels, batch.scores)
    return _SURPRISE.losses(xp, _of_labels(batch))


def _of_labels(batch: ClassBatch) -> Array:
    """Return of each row the probability that its label names."""
    return batch.xp.take_labels(batch.scores, batch.labels)


def surprise_at_once(
    batch: ClassBatch, from_logits: bool, label_smoothing: float, reduction: str
) -> Array | None:
    """Return the reduced -log p of the labels, None where it takes several steps.

    A kernel may know ignored labels, class weights and smoothing; of a mean that
    divides by all labels, and of sample weights, none does.
    """
    if not batch.weights is batch.wrong is None or reduction not in ("mean", "sum"):
        return None
    if batch.ignored is batch.class_weight is None and not label_smoothing:
        if from_logits:
            return batch.reduced(LOGIT_SURPRISE, reduction)
        name, inputs = "surprise of labels", (batch.labels, batch.scores)
        fused = call_fused(batch.xp, name, *inputs, reduction=reduction)
        if fused is not None:
            return fused
        return _SURPRISE.reduced(batch.xp, _of_labels(batch), reduction=reduction)
    if not from_logits:
        return None
    return call_fused(
        batch.xp,
        "weighted_sparse_cross_entropy",
        batch.labels,
        batch.scores,
        reduction=reduction,
        ignored=batch.ignored,
        class_weight=batch.class_weight,
        label_smoothing=label_smoothing,
    )


def weighted_surprise(
    batch: ClassBatch, from_logits: bool, label_smoothing: float
) -> Array:
    """Return -log p of the labels, weighted by class and smoothed over all classes."""
    losses = batch.hushed(surprise(batch, from_logits))
    by_label = batch.label_weight
    if by_label is not None:
        losses = weighted(batch.xp, losses, by_label)
    if not label_smoothing:
        return losses
    spread = _spread_surprise(batch, from_logits)
    kept = (1 - label_smoothing) * losses if label_smoothing < 1 else 0
    return kept + label_smoothing * spread


def _spread_surprise(batch: ClassBatch, from_logits: bool) -> Array:
    """Return the mean over the classes of -log p, each class with its weight."""
    xp, scores, class_weight = batch.xp, batch.safe_scores(), batch.class_weight
    each = -xp.log_softmax(scores) if from_logits else _SURPRISE.losses(xp, scores)
    if class_weight is not None:
        ruled_out = (class_weight == 0) & ~xp.isfinite(each)
        each = xp.where(ruled_out, xp.zeros_like(each), each) * class_weight
    return xp.sum(each, axis=-1) / _number_of_classes(xp, scores)


def divergence(xp: Backend, y: Array, y_pred: Array, from_logits: bool) -> Array:
    """Return sum of y log(y / p) over the classes, for each sample."""
    if not from_logits:
        return xp.sum(_DIVERGENCE.losses(xp, y, y_pred), axis=-1)
    negative_entropy = xp.sum(_X_LOG_X.losses(xp, y), axis=-1)
    return soft(xp, y, y_pred, from_logits=True) + negative_entropy


_X_LOG_X = Elementwise[Of1](
    "x_log_x",
    formula=lambda xp, x: xp.xlogy(x, x),
    derivatives=[lambda xp, x: xp.log(x) + 1],
)


_DIVERGENCE = Elementwise[Of2](
    "divergence",
    formula=lambda xp, y, p: xp.xlogy(y, y) - xp.xlogy(y, p),
    derivatives=[
        lambda xp, y, p: xp.log(y) - xp.log(p) + 1,
        lambda xp, y, p: -xp.divide_no_nan(y, p),
    ],
)
