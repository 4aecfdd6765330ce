"""The Lovász loss of masks, which sorts the pixels by their error."""

from __future__ import annotations

from typing import Any

from lossbook.backends import Array, Backend, Of2
from lossbook.core import masks
from lossbook.core.pointwise import Rowwise
from lossbook.core.reduction import Reduction
from lossbook.core.registry import loss


@loss("masks", adapted=True)
def lovasz(
    y_true: Any,
    y_pred: Any,
    *,
    from_logits: bool = False,
    axis: int | None = None,
    class_weight: Any = None,
    ignore_index: int | None = None,
    sample_weight: Any = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Lovász loss: the Jaccard loss of hard masks, made convex in the errors.

    .. math:: \ell = \sum_k m_{(k)} \bigl(J_k - J_{k-1}\bigr), \qquad
              m_i = |y_i - p_i|, \qquad
              J_k = 1 - \frac{G - h_k}{G + k - h_k}

    with the errors sorted, the largest first, G the area of the mask, and h_k how many
    of the k largest errors are in it: J_k is the Jaccard loss if just these k pixels
    are wrong. At 0 and 1 it is the Jaccard loss itself. The slope takes the order as
    the constant that it is between ties:

    .. math:: \frac{\partial\ell}{\partial p_i} = (1 - 2 y_i)\,(J_k - J_{k-1}),
              \qquad J_k - J_{k-1} =
              \begin{cases} 1/(G + f) & y_i = 1 \\
              (G - h_k)/\bigl((G + f)(G + f - 1)\bigr) & y_i = 0 \end{cases}

    with f = k - h_k. An empty mask costs the largest probability, and only that pixel
    has a slope. Binary logits go through a sigmoid: this is Lovász-softmax, not the
    Lovász hinge. For only the classes that occur, weigh the others with 0:
    ``sample_weight=y_true.any(...)`` over the axes of the pixels.

    Parameters
    ----------
    y_true : array
        Masks of 0 and 1, shape (n, ...), or with `axis` one for each class.
    y_pred : array
        Probabilities in [0, 1], or logits; same shape as `y_true`.
    from_logits : bool
        Whether `y_pred` holds logits: of a sigmoid, or with `axis` of a softmax.
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
    Berman, M., A. Rannen Triki, M. B. Blaschko (2018), The Lovász-Softmax loss: a
    tractable surrogate for the optimization of the intersection-over-union measure in
    neural networks.

    Examples
    --------
    >>> import lossbook as lb
    >>> float(lb.lovasz([[1, 1, 0, 0]], [[1.0, 0.0, 1.0, 0.0]]))  # 2 of 3 are wrong
    0.6666666666666666
    """
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
    if found.logits:
        return found.reduced(_LOVASZ_LOGITS, reduction)
    return found.without_ignored(-1.0).reduced(_LOVASZ, reduction)


def _steps(xp: Backend, y: Array, error: Array) -> Array:
    """Return how much the Jaccard loss grows when each pixel becomes wrong in turn."""
    order = xp.argsort(-error)
    inside = xp.reorder(y, order)
    hit = xp.cumsum(inside)
    area = xp.sum(y, axis=-1, keepdims=True)
    union = area + (xp.positions(hit) + 1 - hit)
    # Not J_k - J_(k-1), whose digits cancel. A first alarm in an empty mask costs 1.
    alarm = (area - hit) / (union * xp.maximum(union - 1, 1.0))
    alarm = xp.where(union == 1, xp.zeros_like(alarm) + 1, alarm)
    steps = xp.where(inside == 1, 1 / union, alarm)
    return xp.reorder(steps, xp.argsort(order))


def _error(xp: Backend, y: Array, p: Array) -> Array:
    return xp.where(y == 1, 1 - p, p)


def _lovasz(xp: Backend, y: Array, p: Array) -> Array:
    error = _error(xp, y, p)  # below 0 it is a pixel that is not there, the last of all
    return xp.sum(_steps(xp, y, error) * xp.maximum(error, 0.0), axis=-1)


def _lovasz_derivative(xp: Backend, y: Array, p: Array) -> Array:
    slope = (1 - 2 * y) * _steps(xp, y, _error(xp, y, p))
    return xp.nan_where(p != p, slope)


def _lovasz_logits(xp: Backend, y: Array, z: Array) -> Array:
    wrong = (1 - 2 * y) * z
    return xp.sum(_steps(xp, y, wrong) * xp.sigmoid(wrong), axis=-1)


def _lovasz_logits_derivative(xp: Backend, y: Array, z: Array) -> Array:
    sign = 1 - 2 * y
    slope = xp.sigmoid(z) * xp.sigmoid(-z)
    return sign * _steps(xp, y, sign * z) * slope


_LOVASZ = Rowwise[Of2](
    "lovasz",
    _lovasz,
    derivatives=[None, _lovasz_derivative],
)
_LOVASZ_LOGITS = Rowwise[Of2](
    "lovasz_logits", _lovasz_logits, derivatives=[None, _lovasz_logits_derivative]
)
