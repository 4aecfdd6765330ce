"""Losses for masks: how far a predicted region and the true one overlap.

Each mask is judged as a whole, so that a small object counts as much as a large one and
the many pixels of the background do not. There is one loss a mask: one a sample, or one
a sample and class. All three count pixels as hits, false alarms and misses,

    hits = sum of y p,   alarms = sum of (1 - y) p,   misses = sum of y (1 - p)

with y the mask and p the probabilities.
"""

from __future__ import annotations

from collections.abc import Callable
from sys import float_info
from typing import Any

from lossbook.backends import Array, Backend
from lossbook.core import masks
from lossbook.core.checks import check_between, check_positive
from lossbook.core.pointwise import Rowwise
from lossbook.core.reduction import Reduction
from lossbook.core.registry import loss


@loss("masks", adapted=True)
def dice(
    y_true: Any,
    y_pred: Any,
    *,
    from_logits: bool = False,
    smooth: float = 1.0,
    axis: int | None = None,
    class_weight: Any = None,
    ignore_index: int | None = None,
    sample_weight: Any = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Dice loss: one minus twice the overlap over the sum of both areas.

    .. math:: \ell = 1 - \frac{2\sum_i y_i p_i + s}{\sum_i y_i + \sum_i p_i + s}
              = \frac{A + M}{2H + A + M + s}, \qquad
              \frac{\partial\ell}{\partial p_i}
              = \frac{1 - \ell - 2 y_i}{2H + A + M + s}

    with H hits, A false alarms and M misses, counted in probability. No term is a
    difference, so that a loss near 0 keeps its digits: it is at most 4 ulp off, and a
    slope at most 8.

    An empty mask (y = 0 everywhere) costs P / (P + s), where P is the sum of the
    probabilities: 0 if nothing is predicted, and there is a gradient that takes false
    alarms away. Without smoothing, s = 0, it costs 1 whatever is predicted, without a
    gradient; only if p = 0 everywhere it costs 0. To leave empty masks out, give them
    the weight 0: ``sample_weight=y_true.any(...)`` over the axes of the pixels.

    Parameters
    ----------
    y_true : array
        Masks of 0 and 1, shape (n, ...), or with `axis` one for each class.
    y_pred : array
        Probabilities in [0, 1], or logits; same shape as `y_true`.
    from_logits : bool
        Whether `y_pred` holds logits: of a sigmoid, or with `axis` of a softmax over
        the classes. Classes that overlap have a sigmoid each: take it before.
    smooth : float
        The constant s, 0 or more, in pixels.
    axis : int, optional
        Where the classes are; without it each sample is one mask. PyTorch images
        (N, C, H, W) have them on axis 1.
    class_weight : array, optional
        One weight a class; ``"mean"`` divides by their sum. 0 leaves a class out, the
        background for instance.
    ignore_index : int, optional
        What stands in `y_true` at pixels that are not there, 255 for instance; with
        `axis` in all classes. A sample without any other pixel counts nothing.
    sample_weight, reduction : optional
        As in :func:`lossbook.mse`; one weight a sample, or with `axis` one a sample and
        class.

    Returns
    -------
    array
        A scalar, or with ``"none"`` the losses, of shape (n,) or with `axis` (n, C).

    Raises
    ------
    ValueError
        If a mask holds anything but 0, 1 and `ignore_index`, probabilities leave
        [0, 1], `smooth` is negative, there is no axis of pixels, and as in
        :func:`lossbook.mse`.

    References
    ----------
    Milletari, F., N. Navab, S.-A. Ahmadi (2016), V-Net: fully convolutional neural
    networks for volumetric medical image segmentation.

    Examples
    --------
    >>> import lossbook as lb
    >>> float(lb.dice([[1, 1, 0, 0]], [[1.0, 0.5, 0.5, 0.0]]))  # 1 - (3 + 1) / (4 + 1)
    0.2
    """
    smooth = check_between("smooth", smooth, 0, float_info.max)
    found = masks.prepare(
        y_true,
        y_pred,
        from_logits,
        axis,
        class_weight,
        ignore_index,
        sample_weight,
        reduction,
    )
    # Halved throughout, which costs no digit.
    return _overlap(found, reduction, alpha=0.5, beta=0.5, smooth=smooth / 2)


@loss("masks", adapted=True)
def jaccard(
    y_true: Any,
    y_pred: Any,
    *,
    from_logits: bool = False,
    smooth: float = 1.0,
    axis: int | None = None,
    class_weight: Any = None,
    ignore_index: int | None = None,
    sample_weight: Any = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Soft Jaccard loss: one minus intersection over union.

    .. math:: \ell = 1 - \frac{H + s}{H + A + M + s} = \frac{A + M}{H + A + M + s},
              \qquad \frac{\partial\ell}{\partial p_i}
              = \frac{(1 - 2 y_i)(1 - \ell) - y_i \ell}{H + A + M + s}

    with H hits, A false alarms and M misses, counted in probability as in
    :func:`dice`. An empty mask is treated as there. With s = 0 and D the Dice loss it
    is 2 D / (1 + D), so that both order predictions alike.

    Parameters
    ----------
    y_true : array
        Masks of 0 and 1, shape (n, ...), or with `axis` one for each class.
    y_pred : array
        Probabilities in [0, 1], or logits; same shape as `y_true`.
    from_logits : bool
        Whether `y_pred` holds logits: of a sigmoid, or with `axis` of a softmax.
    smooth : float
        The constant s, 0 or more, in pixels.
    axis : int, optional
        Where the classes are, as in :func:`lossbook.dice`.
    class_weight : array, optional
        One weight a class, as in :func:`lossbook.dice`.
    ignore_index : int, optional
        What stands in `y_true` at pixels that are not there.
    sample_weight, reduction : optional
        As in :func:`lossbook.dice`.

    Returns
    -------
    array
        A scalar, or with ``"none"`` the losses, of shape (n,) or with `axis` (n, C).

    Raises
    ------
    ValueError
        As in :func:`lossbook.dice`.

    References
    ----------
    Rahman, M. A., Y. Wang (2016), Optimizing intersection-over-union in deep neural
    networks for image segmentation.

    Examples
    --------
    >>> import lossbook as lb
    >>> float(lb.jaccard([[1, 1, 0, 0]], [[1.0, 0.5, 0.5, 0.0]]))  # 1 / (2.5 + 1)
    0.2857142857142857
    """
    smooth = check_between("smooth", smooth, 0, float_info.max)
    found = masks.prepare(
        y_true,
        y_pred,
        from_logits,
        axis,
        class_weight,
        ignore_index,
        sample_weight,
        reduction,
    )
    return _overlap(found, reduction, alpha=1.0, beta=1.0, smooth=smooth)


@loss("masks", adapted=True)
def tversky(
    y_true: Any,
    y_pred: Any,
    *,
    from_logits: bool = False,
    alpha: float = 0.5,
    beta: float = 0.5,
    gamma: float = 1.0,
    smooth: float = 1.0,
    axis: int | None = None,
    class_weight: Any = None,
    ignore_index: int | None = None,
    sample_weight: Any = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Tversky loss: false alarms weigh alpha, misses weigh beta.

    .. math:: \ell = t^\gamma, \qquad
              t = 1 - \frac{H + s}{H + \alpha A + \beta M + s}
                = \frac{\alpha A + \beta M}{H + \alpha A + \beta M + s}

    with H hits, A false alarms and M misses, counted in probability as in
    :func:`dice`. With alpha = beta = 1 it is :func:`jaccard`, with ½ it is
    :func:`dice` with twice the `smooth`. A `beta` above `alpha` finds more of a small
    object, for the price of false alarms. An empty mask costs
    (αP / (αP + s))^γ, with P the sum of the probabilities; 1 or 0 where s = 0.

    The exponent is that of segmentation-models; the paper on focal Tversky loss calls
    1/γ what is γ here. Below 1 the slope grows without bound as the loss nears 0, where
    it counts as 0. The power costs 4 gamma ulp more than :func:`dice`.

    Parameters
    ----------
    y_true : array
        Masks of 0 and 1, shape (n, ...), or with `axis` one for each class.
    y_pred : array
        Probabilities in [0, 1], or logits; same shape as `y_true`.
    from_logits : bool
        Whether `y_pred` holds logits: of a sigmoid, or with `axis` of a softmax.
    alpha : float
        What a false alarm weighs, 0 or more.
    beta : float
        What a miss weighs, 0 or more; not 0 where `alpha` is.
    gamma : float
        The exponent, positive.
    smooth : float
        The constant s, 0 or more, in pixels.
    axis : int, optional
        Where the classes are, as in :func:`lossbook.dice`.
    class_weight : array, optional
        One weight a class, as in :func:`lossbook.dice`.
    ignore_index : int, optional
        What stands in `y_true` at pixels that are not there.
    sample_weight, reduction : optional
        As in :func:`lossbook.dice`.

    Returns
    -------
    array
        A scalar, or with ``"none"`` the losses, of shape (n,) or with `axis` (n, C).

    Raises
    ------
    ValueError
        If `alpha` or `beta` is negative or both are 0, `gamma` is not positive, and as
        in :func:`lossbook.dice`.

    References
    ----------
    Salehi, S. S. M., D. Erdogmus, A. Gholipour (2017), Tversky loss function for image
    segmentation using 3D fully convolutional deep networks.

    Abraham, N., N. M. Khan (2019), A novel focal Tversky loss function with improved
    attention U-Net for lesion segmentation.

    Examples
    --------
    >>> import lossbook as lb
    >>> lb.tversky([[1, 0]], [[0.5, 0.0]], alpha=0.25, beta=0.75, smooth=0.0).round(4)
    np.float64(0.4286)
    """
    alpha = check_between("alpha", alpha, 0, float_info.max)
    beta = check_between("beta", beta, 0, float_info.max)
    if alpha == beta == 0:
        raise ValueError(
            "alpha and beta must not both be 0: nothing would cost anything. For "
            "instance alpha=0.3, beta=0.7."
        )
    gamma = check_positive("gamma", gamma)
    smooth = check_between("smooth", smooth, 0, float_info.max)
    found = masks.prepare(
        y_true,
        y_pred,
        from_logits,
        axis,
        class_weight,
        ignore_index,
        sample_weight,
        reduction,
    )
    return _overlap(
        found, reduction, alpha=alpha, beta=beta, smooth=smooth, gamma=gamma
    )


def _overlap(
    found: masks.Masks, reduction: str, gamma: float = 1.0, **parameters: float
) -> Array:
    loss = _TVERSKY_LOGITS if found.logits else _TVERSKY
    return found.reduced(loss, reduction, gamma=gamma, **parameters)


def _shares(
    xp: Backend,
    y: Array,
    p: Array,
    not_p: Array,
    alpha: float,
    beta: float,
    smooth: float,
    keepdims: bool = False,
) -> tuple[Array, Array, Array]:
    """Return the wrong part of the whole, its right part, and the whole."""
    hits = xp.sum(y * p, axis=-1, keepdims=keepdims)
    alarms = xp.sum((1 - y) * p, axis=-1, keepdims=keepdims)
    misses = xp.sum(y * not_p, axis=-1, keepdims=keepdims)
    wrong = alpha * alarms + beta * misses
    whole = hits + smooth + wrong
    whole = xp.where(whole == 0, xp.zeros_like(whole) + 1, whole)  # nothing of nothing
    return wrong / whole, (hits + smooth) / whole, whole


def _tversky(
    xp: Backend, y: Array, p: Array, gamma: float, not_p: Any = None, **weights: Any
) -> Array:
    wrong, _, _ = _shares(xp, y, p, 1 - p if not_p is None else not_p, **weights)
    return xp.power(wrong, gamma)


def _tversky_derivative(
    xp: Backend,
    y: Array,
    p: Array,
    gamma: float,
    alpha: float,
    beta: float,
    smooth: float,
    not_p: Any = None,
) -> Array:
    not_p = 1 - p if not_p is None else not_p
    wrong, right, whole = _shares(xp, y, p, not_p, alpha, beta, smooth, keepdims=True)
    # In the mask -(beta right + wrong) / whole, outside of it alpha right / whole.
    by_p = ((alpha * (1 - y) - beta * y) * right - y * wrong) / whole
    power = gamma * xp.power(wrong, gamma - 1)
    return by_p * xp.where(power == float("inf"), xp.zeros_like(power), power)


def _tversky_logits(xp: Backend, y: Array, z: Array, **weights: Any) -> Array:
    return _tversky(xp, y, xp.sigmoid(z), not_p=xp.sigmoid(-z), **weights)


def _tversky_logits_derivative(
    xp: Backend, y: Array, z: Array, **weights: Any
) -> Array:
    p, not_p = xp.sigmoid(z), xp.sigmoid(-z)
    return _tversky_derivative(xp, y, p, not_p=not_p, **weights) * (p * not_p)


_TVERSKY = Rowwise[Callable[..., Array]](
    "tversky", _tversky, derivatives=[None, _tversky_derivative]
)
_TVERSKY_LOGITS = Rowwise[Callable[..., Array]](
    "tversky_logits", _tversky_logits, derivatives=[None, _tversky_logits_derivative]
)
