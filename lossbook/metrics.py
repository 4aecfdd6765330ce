"""Metrics: what one wants of a model, and cannot train it by.

All but `r2` take labels, not probabilities, and count, so that a small change of the
parameters changes nothing: their slope is 0 or nowhere. They are here to be set beside
the losses; scikit-learn has the rest of them. They take arrays of any framework, and
return a Python float without a unit.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lossbook.backends import backend_of
from lossbook.core.inputs import check_not_empty, check_shapes


def accuracy(y_true: Any, y_pred: Any) -> float:
    r"""Share of the labels that are right.

    .. math:: \frac1n \sum_i [\hat y_i = y_i]

    Parameters
    ----------
    y_true, y_pred : array
        Labels, of the same shape: ``scores.argmax(-1)`` or ``p > 0.5``.

    Returns
    -------
    float
        Between 0 and 1.

    Raises
    ------
    ValueError
        If the shapes differ, there are no labels, or `y_pred` holds no labels but
        probabilities or scores.

    Examples
    --------
    >>> import lossbook as lb
    >>> lb.metrics.accuracy([0, 1, 2, 2], [0, 1, 1, 2])
    0.75
    """
    y_true, y_pred = _labels(y_true, y_pred)
    return float(np.mean(y_true == y_pred))


def error_rate(y_true: Any, y_pred: Any) -> float:
    r"""Share of the labels that are wrong: the mean of the zero-one loss.

    .. math:: \frac1n \sum_i [\hat y_i \neq y_i]

    Parameters
    ----------
    y_true, y_pred : array
        As in :func:`accuracy`.

    Returns
    -------
    float
        Between 0 and 1.

    Raises
    ------
    ValueError
        As in :func:`accuracy`.

    Examples
    --------
    >>> import lossbook as lb
    >>> lb.metrics.error_rate([0, 1, 2, 2], [0, 1, 1, 2])
    0.25
    """
    y_true, y_pred = _labels(y_true, y_pred)
    return float(np.mean(y_true != y_pred))


def precision(y_true: Any, y_pred: Any, *, positive: int = 1) -> float:
    r"""Share of those called positive that are.

    .. math:: \frac{TP}{TP + FP}

    Parameters
    ----------
    y_true, y_pred : array
        As in :func:`accuracy`.
    positive : int
        The label that counts as positive; all others are negative.

    Returns
    -------
    float
        Between 0 and 1; 0 where nothing is called positive, as in scikit-learn.

    Raises
    ------
    ValueError
        As in :func:`accuracy`.

    Examples
    --------
    >>> import lossbook as lb
    >>> lb.metrics.precision([1, 0, 1, 0], [1, 1, 1, 1])
    0.5
    """
    hits, called, _ = _counts(y_true, y_pred, positive)
    return hits / called if called else 0.0


def recall(y_true: Any, y_pred: Any, *, positive: int = 1) -> float:
    r"""Share of the positives that are found.

    .. math:: \frac{TP}{TP + FN}

    Parameters
    ----------
    y_true, y_pred : array
        As in :func:`accuracy`.
    positive : int
        As in :func:`precision`.

    Returns
    -------
    float
        Between 0 and 1; 0 where there are no positives, as in scikit-learn.

    Raises
    ------
    ValueError
        As in :func:`accuracy`.

    Examples
    --------
    >>> import lossbook as lb
    >>> lb.metrics.recall([1, 0, 1, 0], [1, 0, 0, 0])
    0.5
    """
    hits, _, there = _counts(y_true, y_pred, positive)
    return hits / there if there else 0.0


def f1(y_true: Any, y_pred: Any, *, positive: int = 1) -> float:
    r"""Harmonic mean of precision and recall.

    .. math:: \frac{2\,TP}{2\,TP + FP + FN}

    Parameters
    ----------
    y_true, y_pred : array
        As in :func:`accuracy`.
    positive : int
        As in :func:`precision`.

    Returns
    -------
    float
        Between 0 and 1; 0 where nothing is positive in either, as in scikit-learn.

    Raises
    ------
    ValueError
        As in :func:`accuracy`.

    Examples
    --------
    >>> import lossbook as lb
    >>> lb.metrics.f1([1, 0, 1, 1], [1, 1, 0, 1]) == 2 / 3
    True
    """
    hits, called, there = _counts(y_true, y_pred, positive)
    return 2 * hits / (called + there) if called + there else 0.0


def r2(y_true: Any, y_pred: Any) -> float:
    r"""Coefficient of determination: the share of the variance that is explained.

    .. math:: 1 - \frac{\sum_i (\hat y_i - y_i)^2}{\sum_i (y_i - \bar y)^2}

    Parameters
    ----------
    y_true, y_pred : array
        Truth and prediction, of the same shape.

    Returns
    -------
    float
        1 at best, 0 for the mean of the truth, below it for worse. Where the truth does
        not vary 1 if the prediction is exact, else 0.

    Raises
    ------
    ValueError
        If the shapes differ or there is nothing to compare.

    Examples
    --------
    >>> import lossbook as lb
    >>> lb.metrics.r2([1.0, 2.0, 3.0], [1.0, 2.0, 2.0])
    0.5
    """
    y_true, y_pred = (x.astype(np.float64) for x in _on_cpu(y_true, y_pred))
    missed = float(np.sum((y_pred - y_true) ** 2))
    if y_true.min() == y_true.max():  # its mean is rounded, and may be another number
        return missed if np.isnan(missed) else float(missed == 0)
    return 1 - missed / float(np.sum((y_true - y_true.mean()) ** 2))


def _on_cpu(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Return two NumPy arrays of one shape."""
    arrays = []
    for name, x in (("y_true", y_true), ("y_pred", y_pred)):
        xp = backend_of(x)
        array = xp.asarray(x, name)
        whole = xp.is_integer(array) or "bool" in xp.dtype_name(array)
        arrays.append(xp.to_numpy(array if whole else xp.to_float(array)))
    truth, pred = arrays
    check_shapes(backend_of(), truth, pred, given=(y_true, y_pred))
    check_not_empty(backend_of(), pred, "y_pred", "mean")
    return truth, pred


def _labels(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    y_true, y_pred = _on_cpu(y_true, y_pred)
    for name, x in (("y_true", y_true), ("y_pred", y_pred)):
        if np.any(x != np.round(x)):
            raise ValueError(
                f"{name} must hold labels, got fractions or NaN. Use p > 0.5 or "
                "scores.argmax(-1) to turn probabilities or scores into labels."
            )
    return y_true, y_pred


def _counts(y_true: Any, y_pred: Any, positive: int) -> tuple[int, int, int]:
    """Return how many positives are found, are called so, and are there."""
    y_true, y_pred = _labels(y_true, y_pred)
    there, called = y_true == positive, y_pred == positive
    return int(np.sum(there & called)), int(np.sum(called)), int(np.sum(there))
