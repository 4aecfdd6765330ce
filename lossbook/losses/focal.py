"""Focal losses: cross-entropy that stops attending to what is already right."""

from __future__ import annotations

from typing import Any

from lossbook.backends import Array, Backend, Of2, Of3
from lossbook.core import checks, class_inputs
from lossbook.core.checks import USE_LOGITS, check_between, check_flag
from lossbook.core.inputs import class_weight_of, prepare
from lossbook.core.pointwise import Elementwise
from lossbook.core.reduction import Reduction, weighted
from lossbook.core.registry import loss
from lossbook.losses import surprise


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
    r"""Focal loss for 0/1 targets, in nats.

    .. math:: \ell = -\alpha_t\,(1 - p_t)^\gamma \log p_t, \qquad
              p_t = \begin{cases} p & y = 1 \\ 1 - p & y = 0 \end{cases}

    With gamma = 0 it is binary cross-entropy. The power costs digits: the error is at
    most 4 + 2 gamma ulp.

    Parameters
    ----------
    y_true : array
        Targets 0 and 1.
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
        If targets leave {0, 1} or probabilities [0, 1], `gamma` is negative, `alpha`
        leaves [0, 1], and as in :func:`lossbook.mse`.

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
    check_between("gamma", gamma, 0, float("inf"))
    check_flag("from_logits", from_logits)
    if alpha is not None:
        check_between("alpha", alpha, 0, 1)
    xp, y_true, y_pred, weights = prepare(y_true, y_pred, sample_weight, reduction)
    y_true = checks.bits(xp, y_true, weights)
    if not from_logits:
        y_pred = checks.within_unit(xp, y_pred, "y_pred", USE_LOGITS, weights)
    formula = _FOCAL_LOGITS if from_logits else _FOCAL
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
    factor = xp.where(y == 1, alpha * one, (1 - alpha) * one)
    return xp.where(y == y, factor, one)  # NaN stays what it is in the loss


def _focal_logits(xp: Backend, y: Array, z: Array, gamma: float) -> Array:
    against = (1 - 2 * y) * z  # -z where y = 1
    return xp.power(xp.sigmoid(against), gamma) * xp.softplus(against)


def _focal_logits_derivative(xp: Backend, y: Array, z: Array, gamma: float) -> Array:
    sign = 1 - 2 * y
    against = sign * z
    p_wrong = xp.sigmoid(against)
    inner = p_wrong + gamma * xp.sigmoid(-against) * xp.softplus(against)
    return sign * xp.power(p_wrong, gamma) * inner


def _focal_logits_terms(
    xp: Backend, y: Array, z: Array, gamma: float
) -> tuple[Array, Array, Array]:
    """Return what the curvature is the product and the sum of.

    With q the probability of the wrong class it is
    q^gamma (1 - q) [(2 gamma + 1) q + gamma (gamma (1 - q) - q) softplus]; the last
    term is negative where the answer is wrong.
    """
    against = (1 - 2 * y) * z
    p_wrong, p_right = xp.sigmoid(against), xp.sigmoid(-against)
    factor = xp.power(p_wrong, gamma) * p_right
    turning = gamma * (gamma * p_right - p_wrong)
    return factor, (2 * gamma + 1) * p_wrong, turning * xp.softplus(against)


def _focal_logits_curvature(xp: Backend, y: Array, z: Array, gamma: float) -> Array:
    factor, first, second = _focal_logits_terms(xp, y, z, gamma)
    return factor * (first + second)


def _focal_logits_above(xp: Backend, y: Array, z: Array, gamma: float) -> Array:
    factor, first, second = _focal_logits_terms(xp, y, z, gamma)
    return factor * (first + xp.maximum(second, 0.0))


_FOCAL_LOGITS = Elementwise[Of3](
    "focal_logits",
    _focal_logits,
    [None, _focal_logits_derivative],
    curvature=_focal_logits_curvature,
    parabola=_focal_logits_above,
    predicted=1,
)


def _focal(xp: Backend, y: Array, p: Array, gamma: float) -> Array:
    p_wrong = y * (1 - p) + (1 - y) * p  # exact for 0 and 1, and NaN for NaN
    surprise = xp.where(y == 1, -xp.log(p), -xp.log1p(-p))
    return xp.power(p_wrong, gamma) * surprise


def _focal_derivative(xp: Backend, y: Array, p: Array, gamma: float) -> Array:
    p_wrong, p_right = y * (1 - p) + (1 - y) * p, xp.where(y == 1, p, 1 - p)
    surprise = xp.where(y == 1, -xp.log(p), -xp.log1p(-p))
    # -log(1 - x) / x nears 1 as x nears 0
    safe = xp.where(p_wrong == 0, p_wrong + 1, p_wrong)
    ratio = xp.where(p_wrong == 0, p_right, surprise / safe)
    power = xp.power(p_wrong, gamma)
    # gamma = 0 leaves 1 / p_right alone, also where the ratio is infinite
    inner = xp.multiply_no_nan(xp.zeros_like(p) + gamma, ratio) + 1 / p_right
    return xp.where(y == 1, -power, power) * inner


def _focal_curvature(xp: Backend, y: Array, p: Array, gamma: float) -> Array:
    p_wrong, p_right = y * (1 - p) + (1 - y) * p, xp.where(y == 1, p, 1 - p)
    surprise = xp.where(y == 1, -xp.log(p), -xp.log1p(-p))
    safe = xp.where(p_wrong == 0, p_wrong + 1, p_wrong)
    ratio = xp.where(p_wrong == 0, p_right, surprise / safe)
    # x log x nears 0 with x
    bend = xp.where(p_right == 0, p_right, (gamma - 1) * ratio * p_right)
    turning = xp.divide_no_nan(gamma * (bend + 2), p_right)
    flat = xp.power(p_wrong, gamma) / xp.square(p_right)
    return flat + xp.multiply_no_nan(turning, xp.power(p_wrong, gamma - 1))


_FOCAL = Elementwise[Of3](
    "focal",
    _focal,
    [None, _focal_derivative],
    curvature=_focal_curvature,
    predicted=1,
)


@loss("labels", adapted=True)
def sparse_focal(
    y_true: Any,
    y_pred: Any,
    *,
    gamma: float = 2.0,
    alpha: Any = None,
    from_logits: bool = False,
    axis: int = -1,
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
    check_between("gamma", gamma, 0, float("inf"))
    check_flag("from_logits", from_logits)
    batch = class_inputs.prepare(
        y_true, y_pred, axis, None, sample_weight, reduction, alpha, ignorable=False
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
        return _FOCAL_OF_LOG.losses(xp, log_p, gamma=gamma)
    p = xp.take_labels(batch.scores, batch.labels)
    return _FOCAL.losses(xp, xp.zeros_like(p) + 1, p, gamma=gamma)


def _focal_of_log_derivative(xp: Backend, log_p: Array, gamma: float) -> Array:
    p_wrong = -xp.expm1(log_p)
    ratio = xp.where(
        p_wrong == 0, p_wrong + 1, -log_p / xp.where(p_wrong == 0, p_wrong + 1, p_wrong)
    )
    return -xp.power(p_wrong, gamma) * (1 + gamma * xp.exp(log_p) * ratio)


_FOCAL_OF_LOG = Elementwise[Of2](
    "focal_of_log",
    formula=lambda xp, log_p, gamma: -xp.power(-xp.expm1(log_p), gamma) * log_p,
    derivatives=[_focal_of_log_derivative],
)
