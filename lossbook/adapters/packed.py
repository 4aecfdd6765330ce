"""Losses of several predicted arrays, packed into the one that Keras hands to a loss.

Keras knows a truth and one prediction. What else a loss takes is an axis of y_pred:
stack it in the model, for instance with ``keras.layers.Concatenate``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lossbook.backends import Array, backend_of
from lossbook.core.reduction import Reduction
from lossbook.losses import contrastive, ranking, regression


def gaussian_nll(
    y_true: Any,
    y_pred: Any,
    *,
    full: bool = False,
    sample_weight: Any = None,
    reduction: Reduction = "mean",
) -> Array:
    """Negative log-likelihood of Gaussian noise of a predicted variance, in nats.

    Parameters
    ----------
    y_true, y_pred : array
        Truth, shape (...) or (..., 1), and predicted mean and variance, (..., 2).
    full : bool
        Whether to add the constant log(2 pi) / 2.
    """
    mean, variance = _unpacked(y_pred, -1, 2, "mean and variance")
    if len(_shape(y_true)) == len(_shape(mean)) + 1 and _shape(y_true)[-1] == 1:
        y_true = y_true[..., 0]
    return regression.gaussian_nll(
        y_true,
        mean,
        variance,
        full=full,
        sample_weight=sample_weight,
        reduction=reduction,
    )


def margin_ranking(
    y_true: Any,
    y_pred: Any,
    *,
    margin: float = 1.0,
    sample_weight: Any = None,
    reduction: Reduction = "mean",
) -> Array:
    """Pairwise hinge loss: the positive must lead the negative by a margin.

    Parameters
    ----------
    y_true, y_pred : array
        Anything, which is not looked at, and scores of the positive and the negative,
        (..., 2).
    margin : float
        The lead that costs nothing, 0 or more, in the unit of the scores.
    """
    positive, negative = _unpacked(y_pred, -1, 2, "positive and negative")
    return ranking.margin_ranking(
        positive,
        negative,
        margin=margin,
        sample_weight=sample_weight,
        reduction=reduction,
    )


def triplet(
    y_true: Any,
    y_pred: Any,
    *,
    margin: float = 1.0,
    sample_weight: Any = None,
    reduction: Reduction = "mean",
) -> Array:
    """Triplet loss: the anchor must be nearer to its own kind than to another.

    Parameters
    ----------
    y_true, y_pred : array
        Anything, which is not looked at, and embeddings of anchor, positive and
        negative, (n, 3, d).
    margin : float
        The lead that costs nothing, 0 or more, in the unit of the embeddings.
    """
    anchor, positive, negative = _unpacked(
        y_pred, -2, 3, "anchor, positive and negative"
    )
    return ranking.triplet(
        anchor,
        positive,
        negative,
        margin=margin,
        sample_weight=sample_weight,
        reduction=reduction,
    )


def info_nce(
    y_true: Any,
    y_pred: Any,
    *,
    temperature: float = 0.1,
    sample_weight: Any = None,
    reduction: Reduction = "mean",
) -> Array:
    """Contrastive loss: each query must find its own key among all of the batch.

    Parameters
    ----------
    y_true, y_pred : array
        Anything, which is not looked at, and embeddings of query and key, (n, 2, d).
    temperature : float
        The unit of the cosines, positive.
    """
    query, key = _unpacked(y_pred, -2, 2, "query and key")
    return contrastive.info_nce(
        query,
        key,
        temperature=temperature,
        sample_weight=sample_weight,
        reduction=reduction,
    )


# A loss, with shapes of truth and prediction on which its options can be tried.
PACKED: dict[Callable[..., Any], tuple[tuple[int, ...], tuple[int, ...]]] = {
    gaussian_nll: ((1,), (1, 2)),
    info_nce: ((1,), (1, 2, 2)),
    margin_ranking: ((1,), (1, 2)),
    triplet: ((1,), (1, 3, 2)),
}


def _shape(x: Any) -> tuple[Any, ...]:
    return tuple(x.shape)


def _unpacked(y_pred: Any, axis: int, count: int, names: str) -> list[Array]:
    """Return the arrays that are packed along an axis."""
    sizes = _shape(y_pred)
    if len(sizes) < -axis + 1 or sizes[axis] != count:
        wanted = f"(..., {count})" if axis == -1 else f"(n, {count}, d)"
        raise ValueError(
            f"y_pred must hold {names}, shape {wanted}, got {sizes}. Stack them in the "
            "model."
        )
    moved = backend_of(y_pred).moveaxis(y_pred, axis, 0)
    return [moved[i] for i in range(count)]
