"""Focal losses: cross-entropy that stops attending to what is already right."""

from __future__ import annotations

from typing import Any

from lossbook.backends import Array, Backend
from lossbook.core import checks, class_inputs
from lossbook.core.checks import USE_LOGITS, check_between, check_flag
from lossbook.core.inputs import class_weight_of, prepare
from lossbook.core.reduction import Reduction, weighted
from lossbook.core.registry import loss
from lossbook.losses import surprise
from lossbook.losses.classification import BITS_OR_PROBABILITIES
from lossbook.losses.focal_formulas import FOCAL_OF_LOG, FORMULAS


@loss("elements", adapted=True)
def focal(
    y_true: Any,
    y_pred: Any,
    *,
    gamma: float = 2.0,
    alpha: float | None = None,
    from_logits: bool = False,
    sample_weight: Any = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Focal loss for 0/1 or soft targets, in nats.

    .. math:: \ell = -\alpha_t\,(1 - p_t)^\gamma \log p_t, \qquad
              p_t = \begin{cases} p & y = 1 \\ 1 - p & y = 0 \end{cases}

    and between 0 and 1, as in torchvision, Keras and Optax,

    .. math:: \ell = -\alpha_y\,(1 - p_y)^\gamma
              \bigl[y \log p + (1 - y) \log(1 - p)\bigr],

    .. math:: p_y = y p + (1 - y)(1 - p), \qquad
              \alpha_y = y \alpha + (1 - y)(1 - \alpha),

    which for a soft target need not be least at p = y. With gamma = 0 it is binary
    cross-entropy. The power costs digits: the error is at most 4 + 4 gamma ulp.

    Parameters
    ----------
    y_true : array
        Targets in [0, 1].
    y_pred : array
        Probabilities in [0, 1], or logits; same shape as `y_true`.
    gamma : float
        How fast an easy example fades, 0 or more.
    alpha : float, optional
        Weight of the positives; 1 - alpha is that of the negatives.
    from_logits : bool
        Whether `y_pred` holds logits.
    sample_weight, reduction : optional
        As in :func:`lossbook.mse`.

    Returns
    -------
    array
        A scalar, or with ``"none"`` the losses in the shape of `y_pred`.

    Raises
    ------
    ValueError
        If targets or probabilities leave [0, 1], `gamma` is negative, `alpha` leaves
        [0, 1], and as in :func:`lossbook.mse`.

    References
    ----------
    Lin, T.-Y., Goyal, P., Girshick, R., He, K., Dollár, P. (2017), Focal loss for dense
    object detection.

    Examples
    --------
    >>> import lossbook as lb
    >>> lb.focal([1, 1], [-1e4, 100.0], from_logits=True, reduction="none").round(3)
    array([10000.,     0.])
    """
    gamma = check_between("gamma", gamma, 0, float("inf"))
    check_flag("from_logits", from_logits)
    if alpha is not None:
        alpha = check_between("alpha", alpha, 0, 1)
    xp, y_true, y_pred, weights = prepare(y_true, y_pred, sample_weight, reduction)
    hard = checks.are_bits(xp, y_true)
    if not hard:
        y_true = checks.within_unit(
            xp, y_true, "y_true", BITS_OR_PROBABILITIES, weights
        )
    if not from_logits:
        y_pred = checks.within_unit(xp, y_pred, "y_pred", USE_LOGITS, weights)
    formula = FORMULAS[bool(from_logits), hard]
    return formula.reduced(
        xp,
        y_true,
        y_pred,
        weights=weights,
        factor=None if alpha is None else _alpha_of(xp, y_true, alpha),
        reduction=reduction,
        gamma=gamma,
    )


def _alpha_of(xp: Backend, y: Array, alpha: float) -> Array:
    """Return alpha for the positives and 1 - alpha for the negatives."""
    one = xp.zeros_like(y) + 1
    factor = alpha * y + (1 - alpha) * (1 - y)
    return xp.where(y == y, factor, one)  # NaN stays what it is in the loss


@loss("labels", adapted=True)
def sparse_focal(
    y_true: Any,
    y_pred: Any,
    *,
    gamma: float = 2.0,
    alpha: Any = None,
    from_logits: bool = False,
    axis: int = -1,
    ignore_index: int | None = None,
    sample_weight: Any = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Focal loss for integer labels, in nats.

    .. math:: \ell = -\alpha_y\,(1 - p_y)^\gamma \log p_y

    Parameters
    ----------
    y_true : array of integers
        Labels 0 to C - 1, in the shape of `y_pred` without the class axis.
    y_pred : array
        Probabilities in [0, 1], or logits, one a class.
    gamma : float
        How fast an easy example fades, 0 or more.
    alpha : array, optional
        One factor a class; it multiplies the loss and does not enter the mean's
        denominator.
    from_logits : bool
        Whether `y_pred` holds logits.
    axis : int
        Where the classes are.
    ignore_index : int, optional
        A label that counts nothing. If all are ignored, loss and gradient are 0.
    sample_weight, reduction : optional
        As in :func:`lossbook.mse`; the losses have the shape of the labels.

    Returns
    -------
    array
        A scalar, or with ``"none"`` the losses in the shape of `y_true`.

    Raises
    ------
    ValueError
        If a label is out of range, probabilities leave [0, 1], `gamma` is negative, and
        as in :func:`lossbook.mse`.
    TypeError
        If the labels are not integers.

    References
    ----------
    Lin, T.-Y., Goyal, P., Girshick, R., He, K., Dollár, P. (2017), Focal loss for dense
    object detection.

    Examples
    --------
    >>> import lossbook as lb
    >>> round(float(lb.sparse_focal([0], [[0.9, 0.1]])), 6)
    0.001054
    """
    gamma = check_between("gamma", gamma, 0, float("inf"))
    check_flag("from_logits", from_logits)
    batch = class_inputs.prepare(
        y_true, y_pred, axis, ignore_index, sample_weight, reduction, alpha
    )
    xp, scores = batch.xp, batch.scores
    if not from_logits:
        scores = checks.within_unit(xp, scores, "y_pred", USE_LOGITS, batch.weights)
        batch = batch._replace(scores=scores)
    losses = batch.hushed(_sparse_focal(batch, from_logits, gamma))
    if alpha is not None:
        by_class = class_weight_of(xp, alpha, batch.classes, "alpha", scores)
        losses = weighted(xp, losses, xp.take(by_class, batch.labels))
    return batch.reduce(losses, reduction)


def _sparse_focal(batch: class_inputs.ClassBatch, logits: bool, gamma: float) -> Array:
    xp = batch.xp
    if logits:
        log_p = -surprise.surprise(batch, from_logits=True)
        return FOCAL_OF_LOG.losses(xp, log_p, gamma=gamma)
    p = xp.take_labels(batch.scores, batch.labels)
    return FORMULAS[False, True].losses(xp, xp.zeros_like(p) + 1, p, gamma=gamma)
