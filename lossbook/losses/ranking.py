"""Losses for orders, which compare the score of one thing with that of another.

Only differences count: adding a constant to all scores changes nothing. `bpr` and
`margin_ranking` compare pairs, `warp` one with many, and `triplet` starts from
embeddings, vectors whose distance is the score; so does `info_nce` in `contrastive.py`.
"""

from __future__ import annotations

from sys import float_info
from typing import Any

from lossbook.backends import Array, Backend, backend_of
from lossbook.core.checks import Weights, check_between
from lossbook.core.inputs import check_not_empty, check_shapes, float_arrays, weights_of
from lossbook.core.reduction import (
    Reduction,
    check_reduction,
    reduce,
    without_silent_rows,
)
from lossbook.core.registry import loss
from lossbook.losses.margins import LOGISTIC, POSITIVE_PART
from lossbook.losses.vectors import norm


@loss("scores")
def margin_ranking(
    positive: Any,
    negative: Any,
    *,
    margin: float = 1.0,
    sample_weight: Any = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Pairwise hinge loss: the positive must lead the negative by a margin.

    .. math:: \ell = \max(0,\ m - (s_+ - s_-)), \qquad
              \frac{\partial\ell}{\partial s_-} = -\frac{\partial\ell}{\partial s_+}
              = [s_+ - s_- < m]

    At the kink the slope is 0. The error is at most 4 ulp of the largest of 1, margin
    and scores.

    Parameters
    ----------
    positive, negative : array
        Scores of what is to be ranked above and below, of the same shape.
    margin : float
        The lead m that costs nothing, 0 or more, in the unit of the scores.
    sample_weight, reduction : optional
        As in :func:`lossbook.mse`.

    Returns
    -------
    array
        A scalar, or with ``"none"`` the losses in the shape of `positive`.

    Raises
    ------
    ValueError
        If `margin` is negative, the shapes differ, and as in :func:`lossbook.mse`.

    References
    ----------
    Herbrich, R., T. Graepel, K. Obermayer (2000), Large margin rank boundaries for
    ordinal regression.

    Examples
    --------
    >>> import lossbook as lb
    >>> lb.margin_ranking([2.0, 0.5], [0.5, 1.0], reduction="none")
    array([0. , 1.5])
    """
    margin = check_between("margin", margin, 0, float_info.max)
    xp, lead, weights = _lead(positive, negative, sample_weight, reduction)
    return POSITIVE_PART.reduced(
        xp, margin - lead, weights=weights, reduction=reduction
    )


@loss("scores")
def bpr(
    positive: Any,
    negative: Any,
    *,
    sample_weight: Any = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Bayesian personalised ranking: how surprising a pair in this order is, in nats.

    .. math:: \ell = -\log \sigma(s_+ - s_-), \qquad
              \frac{\partial\ell}{\partial s_-} = -\frac{\partial\ell}{\partial s_+}
              = \sigma(s_- - s_+)

    The error is at most 4 ulp of the largest of 1 and the scores.

    Parameters
    ----------
    positive, negative : array
        Scores of what was chosen and of what was not, of the same shape.
    sample_weight, reduction : optional
        As in :func:`lossbook.mse`.

    Returns
    -------
    array
        A scalar, or with ``"none"`` the losses in the shape of `positive`.

    Raises
    ------
    ValueError
        If the shapes differ, and as in :func:`lossbook.mse`.

    References
    ----------
    Rendle, S., C. Freudenthaler, Z. Gantner, L. Schmidt-Thieme (2009), BPR: Bayesian
    personalized ranking from implicit feedback.

    Examples
    --------
    >>> import lossbook as lb
    >>> lb.bpr([1e4, -1e4], [0.0, 0.0], reduction="none")
    array([    0., 10000.])
    """
    xp, lead, weights = _lead(positive, negative, sample_weight, reduction)
    return LOGISTIC.reduced(xp, lead, weights=weights, reduction=reduction)


def _lead(
    positive: Any, negative: Any, sample_weight: Any, reduction: str
) -> tuple[Backend, Array, Weights | None]:
    pairs = {"positive": positive, "negative": negative}
    xp, (above, below) = float_arrays(pairs, "positive", sample_weight, reduction)
    return xp, above - below, weights_of(xp, sample_weight, above)


@loss("scores")
def warp(
    positive: Any,
    negatives: Any,
    *,
    margin: float = 1.0,
    sample_weight: Any = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Weighted approximate-rank pairwise loss, over all the negatives given.

    .. math:: \ell = \frac{H_r}{r} \sum_{k=1}^K h_k, \qquad
              h_k = \max(0,\ m - (s_+ - s_k)), \qquad
              r = \#\{k : h_k > 0\}, \qquad H_r = \sum_{i=1}^r \frac1i

    The rank r is the number of negatives that come too close, so that a mistake at the
    top of the list costs more than one at its end; H_0 / 0 counts as 0. This is the sum
    that the sampling of WSABIE approximates, computed without chance: if the K
    negatives are a sample of all, r is the rank within the sample. The slope takes r as
    the constant that it is between kinks:

    .. math:: \frac{\partial\ell}{\partial s_k} = \frac{H_r}{r}\,[h_k > 0], \qquad
              \frac{\partial\ell}{\partial s_+} = -H_r

    With one negative it is :func:`margin_ranking`. The error is at most 4 ulp of
    the largest of H_r margin and H_r times a score.

    Parameters
    ----------
    positive : array
        Scores of what is to be ranked above, shape (...).
    negatives : array
        Scores of what is to be ranked below, shape (..., K). A score of -inf never
        counts: use it to pad shorter lists.
    margin : float
        The lead m that costs nothing, 0 or more.
    sample_weight, reduction : optional
        As in :func:`lossbook.mse`; the losses have the shape of `positive`.

    Returns
    -------
    array
        A scalar, or with ``"none"`` the losses in the shape of `positive`.

    Raises
    ------
    ValueError
        If `margin` is negative, `negatives` does not have one more axis than
        `positive`, and as in :func:`lossbook.mse`.

    References
    ----------
    Weston, J., S. Bengio, N. Usunier (2011), WSABIE: scaling up to large vocabulary
    image annotation.

    Examples
    --------
    >>> import lossbook as lb
    >>> float(lb.warp([1.0], [[0.5, 1.5, -3.0]]))  # H_2 / 2 * (0.5 + 1.5)
    1.5
    """
    margin = check_between("margin", margin, 0, float_info.max)
    xp, above, below, weights = _one_with_many(
        positive, negatives, sample_weight, reduction
    )
    short = POSITIVE_PART.losses(xp, margin - (xp.expand_dims(above, -1) - below))
    counted = xp.stop_gradient(short)
    rank = xp.sum(xp.maximum(xp.sign(counted), 0.0), axis=-1)
    losses = _cost_of_each(xp, rank, counted) * xp.sum(short, axis=-1)
    return reduce(xp, losses, weights, reduction)


def _cost_of_each(xp: Backend, rank: Array, short: Array) -> Array:
    """Return H_r / r, and 1 for the rank 0, whose sum is 0 anyway."""
    place = xp.positions(short) + 1 + xp.zeros_like(short)
    counts = place <= xp.expand_dims(rank, -1)
    harmonic = xp.sum(xp.where(counts, 1 / place, xp.zeros_like(place)), axis=-1)
    nothing = rank == 0
    one = xp.zeros_like(rank) + 1
    return xp.where(nothing, one, harmonic / xp.where(nothing, one, rank))


def _one_with_many(
    positive: Any, negatives: Any, sample_weight: Any, reduction: str
) -> tuple[Backend, Array, Array, Weights | None]:
    """Return the scores, seen to have one axis of negatives beyond the positives."""
    check_reduction(reduction)
    xp = backend_of(positive, negatives, sample_weight)
    below = xp.to_float(xp.asarray(negatives, "negatives", positive))
    above = xp.cast(xp.asarray(positive, "positive", below), below)
    got, want = xp.shape(below), xp.shape(above)
    if len(got) != len(want) + 1 or got[-1] == 0:
        raise ValueError(
            f"negatives must have the shape {want} of positive and one more axis, with "
            f"one negative at least, got {got}. Use negatives[..., None] if there is "
            "one negative for each positive."
        )
    names = ("positive", "negatives without its last axis")
    above = check_shapes(xp, above, below[..., 0], names)
    check_not_empty(xp, above, "positive", reduction)
    weights = weights_of(xp, sample_weight, above)
    silent = None if weights is None else weights.values
    (rows,) = without_silent_rows(xp, silent, xp.expand_dims(above, -1))
    (below,) = without_silent_rows(xp, silent, below)
    return xp, rows[..., 0], below, weights


@loss("scores")
def triplet(
    anchor: Any,
    positive: Any,
    negative: Any,
    *,
    margin: float = 1.0,
    sample_weight: Any = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Triplet loss: the anchor must be nearer to its own kind than to another.

    .. math:: \ell = \max\bigl(0,\ m + \|a - p\| - \|a - n\|\bigr), \qquad
              \frac{\partial \|u\|}{\partial u} = \frac{u}{\|u\|}

    Distances are Euclidean, as in PyTorch; FaceNet squares them. Where two vectors are
    equal, and at the kink, the slope is 0. The error is at most 4 ulp of the largest of
    1, margin and distances.

    Parameters
    ----------
    anchor, positive, negative : array
        Embeddings, of the same shape (..., d).
    margin : float
        The lead m that costs nothing, 0 or more, in the unit of the embeddings.
    sample_weight, reduction : optional
        As in :func:`lossbook.mse`; the losses have the shape (...).

    Returns
    -------
    array
        A scalar, or with ``"none"`` one loss a triplet.

    Raises
    ------
    ValueError
        If `margin` is negative, the shapes differ or have no axis, and as in
        :func:`lossbook.mse`.

    References
    ----------
    Schroff, F., D. Kalenichenko, J. Philbin (2015), FaceNet: a unified embedding for
    face recognition and clustering.

    Examples
    --------
    >>> import lossbook as lb
    >>> float(lb.triplet([[0.0, 0.0]], [[3.0, 4.0]], [[0.0, 4.5]]))
    1.5
    """
    margin = check_between("margin", margin, 0, float_info.max)
    vectors = {"anchor": anchor, "positive": positive, "negative": negative}
    xp, (a, p, n) = float_arrays(vectors, "anchor", sample_weight, reduction)
    _check_vectors(xp, a, "anchor")
    weights = weights_of(xp, sample_weight, a[..., 0])
    lead = norm(xp, a - p) - norm(xp, a - n)
    return POSITIVE_PART.reduced(
        xp, margin + lead, weights=weights, reduction=reduction
    )


def _check_vectors(xp: Backend, x: Array, name: str) -> None:
    if xp.shape(x) == ():
        raise ValueError(
            f"{name} must be vectors, of shape (..., d), got a single number. Use "
            "margin_ranking for scores."
        )
