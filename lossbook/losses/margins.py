"""Losses for scores and margins, which ask by how much an answer is right.

With labels y = -1 or +1 and a score s, the margin y s is positive where the sign of the
score is right. Every loss here is a function of the margin and an upper bound, or the
thing itself, of the zero-one loss (`logistic` after division by log 2).
"""

from __future__ import annotations

from typing import Any

from lossbook.backends import Array, Backend, Of1, Of2, Of3
from lossbook.core import checks, class_inputs
from lossbook.core.checks import check_positive
from lossbook.core.inputs import prepare
from lossbook.core.pointwise import Elementwise, Rowwise, constant_like
from lossbook.core.reduction import Reduction
from lossbook.core.registry import loss


@loss("elements")
def zero_one(
    y_true: Any,
    y_pred: Any,
    *,
    sample_weight: Any = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Zero-one loss: 1 for a wrong label, 0 for the right one.

    .. math:: \ell = [\hat y \neq y]

    Its slope is 0 wherever it has one, so nothing can be trained with it.

    Parameters
    ----------
    y_true, y_pred : array
        Labels, of the same shape.
    sample_weight, reduction : optional
        As in :func:`lossbook.mse`.

    Returns
    -------
    array
        A scalar, or with ``"none"`` the losses in the shape of `y_pred`.

    Examples
    --------
    >>> import lossbook as lb
    >>> float(lb.zero_one([0, 1, 2, 2], [0, 1, 1, 2]))
    0.25
    """
    xp, y_true, y_pred, weights = prepare(
        y_true, y_pred, sample_weight, reduction, difference=True
    )
    return _ZERO_ONE.reduced(xp, y_true, y_pred, weights=weights, reduction=reduction)


def _zero_one(xp: Backend, y: Array, label: Array) -> Array:
    difference = label - y
    wrong = xp.abs(xp.sign(difference))
    return xp.where(difference == difference, wrong, difference)  # NaN is no label


_ZERO_ONE = Elementwise[Of2](
    "zero_one",
    formula=_zero_one,
    derivatives=[lambda xp, y, label: 0 * label, lambda xp, y, label: 0 * label],
    predicted=1,
)


@loss("elements", adapted=True)
def hinge(
    y_true: Any,
    y_pred: Any,
    *,
    sample_weight: Any = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Hinge loss: nothing to pay once the margin has reached 1.

    .. math:: \ell = \max(0, 1 - y s), \qquad
              \ell' = \begin{cases} -y & y s < 1 \\ 0 & y s \ge 1 \end{cases}

    Parameters
    ----------
    y_true : array
        Labels -1 and +1.
    y_pred : array
        Scores s, of the same shape.
    sample_weight, reduction : optional
        As in :func:`lossbook.mse`.

    Returns
    -------
    array
        A scalar, or with ``"none"`` the losses in the shape of `y_pred`.

    Raises
    ------
    ValueError
        If a label is not -1 or +1, and as in :func:`lossbook.mse`.

    References
    ----------
    Cortes, C., Vapnik, V. (1995), Support-vector networks.

    Examples
    --------
    >>> import lossbook as lb
    >>> lb.hinge([1, 1, -1], [2.0, 0.5, 0.5], reduction="none")
    array([0. , 0.5, 1.5])
    """
    return _labelled(_HINGE, y_true, y_pred, sample_weight, reduction)


_HINGE = Elementwise[Of1](
    "hinge",
    formula=lambda xp, margin: xp.maximum(1 - margin, 0.0),
    derivatives=[lambda xp, margin: -xp.sign(xp.maximum(1 - margin, 0.0))],
)


@loss("elements", adapted=True)
def squared_hinge(
    y_true: Any,
    y_pred: Any,
    *,
    sample_weight: Any = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Squared hinge loss: the hinge without its kink.

    .. math:: \ell = \max(0, 1 - y s)^2, \qquad \ell' = -2 y \max(0, 1 - y s)

    Parameters
    ----------
    y_true : array
        Labels -1 and +1.
    y_pred : array
        Scores s, of the same shape.
    sample_weight, reduction : optional
        As in :func:`lossbook.mse`.

    Returns
    -------
    array
        A scalar, or with ``"none"`` the losses in the shape of `y_pred`.

    Raises
    ------
    ValueError
        If a label is not -1 or +1, and as in :func:`lossbook.mse`.

    Examples
    --------
    >>> import lossbook as lb
    >>> lb.squared_hinge([1, 1, -1], [2.0, 0.5, 0.5], reduction="none")
    array([0.  , 0.25, 2.25])
    """
    return _labelled(_SQUARED_HINGE, y_true, y_pred, sample_weight, reduction)


_SQUARED_HINGE = Elementwise[Of1](
    "squared_hinge",
    formula=lambda xp, margin: xp.square(xp.maximum(1 - margin, 0.0)),
    derivatives=[lambda xp, margin: -2 * xp.maximum(1 - margin, 0.0)],
    curvature=lambda xp, margin: xp.where(
        margin >= 1, xp.zeros_like(margin), constant_like(xp, margin, 2.0)
    ),
    parabola=lambda xp, margin: constant_like(xp, margin, 2.0),
)


@loss("elements", adapted=True)
def logistic(
    y_true: Any,
    y_pred: Any,
    *,
    sample_weight: Any = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Logistic loss: binary cross-entropy from logits, for labels -1 and +1, in nats.

    .. math:: \ell = \log(1 + e^{-y s}), \qquad \ell' = -y\,\sigma(-y s)

    Parameters
    ----------
    y_true : array
        Labels -1 and +1.
    y_pred : array
        Scores s (logits), of the same shape.
    sample_weight, reduction : optional
        As in :func:`lossbook.mse`.

    Returns
    -------
    array
        A scalar, or with ``"none"`` the losses in the shape of `y_pred`.

    Raises
    ------
    ValueError
        If a label is not -1 or +1, and as in :func:`lossbook.mse`.

    Examples
    --------
    >>> import lossbook as lb
    >>> lb.logistic([1, -1], [-1e4, -1e4], reduction="none")
    array([10000.,     0.])
    """
    return _labelled(LOGISTIC, y_true, y_pred, sample_weight, reduction)


LOGISTIC = Elementwise[Of1](
    "logistic",
    formula=lambda xp, margin: xp.softplus(-margin),
    derivatives=[lambda xp, margin: -xp.sigmoid(-margin)],
    curvature=lambda xp, margin: xp.sigmoid(margin) * xp.sigmoid(-margin),
)


@loss("labels", adapted=True)
def multiclass_hinge(
    y_true: Any,
    y_pred: Any,
    *,
    margin: float = 1.0,
    axis: int = -1,
    sample_weight: Any = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Hinge loss for many classes: the right score must lead by a margin.

    .. math:: \ell = \max\Bigl(0,\ m + \max_{c \ne y} s_c - s_y\Bigr)

    Where the kink or a tie of the other scores is met exactly, the slope is 0 at the
    kink, and the tied scores share it.

    Parameters
    ----------
    y_true : array of integers
        Labels 0 to C - 1, in the shape of `y_pred` without the class axis.
    y_pred : array
        Scores, one a class.
    margin : float
        The lead m that costs nothing.
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
        If there are fewer than two classes, a label is out of range, or `margin` is not
        positive; and as in :func:`lossbook.mse`.
    TypeError
        If the labels are not integers.

    References
    ----------
    Crammer, K., Singer, Y. (2001), On the algorithmic implementation of multiclass
    kernel-based vector machines.

    Examples
    --------
    >>> import lossbook as lb
    >>> float(lb.multiclass_hinge([0], [[2.0, 1.5, 0.0]]))
    0.5
    """
    margin = check_positive("margin", margin)
    batch = class_inputs.prepare(
        y_true, y_pred, axis, None, sample_weight, reduction, ignorable=False
    )
    if batch.classes is not None and batch.classes < 2:
        raise ValueError(
            "multiclass_hinge needs the scores of two classes or more, got "
            f"{batch.classes}. Use hinge with labels -1 and +1 for one score."
        )
    return batch.reduced(_MULTICLASS, reduction, margin=margin)


def _multiclass(xp: Backend, labels: Array, scores: Array, margin: float) -> Array:
    rivals = xp.put_labels(scores, labels, float("-inf"))
    lead = xp.take_labels(scores, labels) - xp.max(rivals, axis=-1)
    return xp.maximum(margin - lead, 0.0)


def _multiclass_derivative(
    xp: Backend, labels: Array, scores: Array, margin: float
) -> Array:
    rivals = xp.put_labels(scores, labels, float("-inf"))
    top = xp.max(rivals, axis=-1, keepdims=True)
    lead = xp.expand_dims(xp.take_labels(scores, labels), -1) - top
    pulls = xp.maximum(xp.sign(margin - lead), 0.0)
    # The highest rivals share what pulls them down; a NaN stays one.
    first = xp.where(rivals == top, xp.zeros_like(rivals) + 1, 0 * top)
    by_rivals = first * (pulls / xp.sum(first, axis=-1, keepdims=True))
    return xp.put_labels(by_rivals, labels, -pulls[..., 0])


_MULTICLASS = Rowwise[Of3](
    "multiclass_hinge", _multiclass, derivatives=[None, _multiclass_derivative]
)

POSITIVE_PART = Elementwise[Of1](
    "positive_part",
    formula=lambda xp, x: xp.maximum(x, 0.0),
    derivatives=[lambda xp, x: xp.maximum(xp.sign(x), 0.0)],
)


def _of_margin(loss: Elementwise[Of1]) -> Elementwise[Of2]:
    """Return a loss of the margin y s as one of label and score.

    The factor y belongs to the derivative: where it weighs nothing it may be NaN.
    """
    (derivative,) = loss.derivatives
    assert derivative is not None
    second, above = loss.curvature, loss.parabola
    return Elementwise[Of2](
        f"{loss.name} of margin",
        formula=lambda xp, y, s: loss.formula(xp, y * s),
        derivatives=[
            lambda xp, y, s: s * derivative(xp, y * s),
            lambda xp, y, s: y * derivative(xp, y * s),
        ],
        # y² is 1
        curvature=second and (lambda xp, y, s: second(xp, y * s)),
        parabola=above and (lambda xp, y, s: above(xp, y * s)),
        predicted=1,
    )


_BY_MARGIN = {
    loss.name: _of_margin(loss) for loss in (_HINGE, _SQUARED_HINGE, LOGISTIC)
}


def _labelled(
    loss: Elementwise[Any], y_true: Any, y_pred: Any, sample_weight: Any, reduction: str
) -> Array:
    xp, y_true, y_pred, weights = prepare(y_true, y_pred, sample_weight, reduction)
    y_true = checks.signs(xp, y_true, weights)
    return _BY_MARGIN[loss.name].reduced(
        xp, y_true, y_pred, weights=weights, reduction=reduction
    )
