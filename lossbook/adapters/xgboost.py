"""The losses as objectives and metrics of XGBoost.

::

    from lossbook.adapters.xgboost import metric, objective, predictor

    huber = objective(lb.huber, delta=2.0)
    start = {"base_score": huber.start(y), "min_child_weight": 0}
    rows = xgb.DMatrix(X, label=y)
    booster = xgb.train(start, rows, obj=huber, custom_metric=metric(lb.huber, delta=2))
    predictor(booster, huber)(X)

or ``XGBRegressor(objective=huber, base_score=huber.start(y), ...)``. What XGBoost does
not tell you:

- Without ``base_score`` it starts at 0.5, whatever the targets are. `XGBClassifier`
  keeps its own link beside your objective, whatever the loss, and wants the start as
  a probability: ``base_score=1 / (1 + numpy.exp(-huber.start(y)))`` for two classes.
- ``min_child_weight`` is 1 by default and compared with the sum of the curvatures of a
  child. Robust losses curve little far from the truth, so that it can forbid the first
  split: set it to 0, or begin at the start. Where the sums show it, you are warned.
- ``reg_lambda`` is 1 by default and added to the sum of the curvatures: a loss that is
  twice as large is shrunk half as much. `lossbook.mse` is e², XGBoost's own e²/2.
- Its own softmax takes twice the curvature p (1 - p), and its own Poisson objective
  multiplies the curvature by exp(max_delta_step): their leaves are smaller than ours.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from lossbook.adapters import boosting

try:
    import xgboost
except ImportError as error:
    raise ImportError(
        'lossbook.adapters.xgboost needs XGBoost: pip install "lossbook[xgboost]"'
    ) from error

__all__ = ["metric", "objective", "predictor"]

Array = Any


def objective(
    loss: Callable[..., Any], *, curvature: str | float = "auto", **parameters: Any
) -> Objective:
    """Make an objective for ``xgb.train(obj=)`` and ``XGBRegressor(objective=)``.

    Derivatives are summed over the rows, computed from float64 scores, and multiplied
    once by the weights of the rows.

    Parameters
    ----------
    loss : callable
        One of lossbook's losses that work element by element, or
        :func:`lossbook.sparse_cross_entropy` for classes. Scores are logits, or the
        logarithms of rates: ``from_logits=True`` and ``log_input=True`` are passed for
        you. The losses of margins take labels 0 and 1 too.
    curvature : {"auto", "exact"} or number
        What divides the gradient in a leaf. ``"auto"`` takes the second derivative
        where it is always positive, and otherwise the curvature of a parabola that
        touches the loss and lies above it: the exact one of Huber's is 0 far out, and a
        leaf of such rows never moves. For `focal`, which has no such parabola in closed
        form, it is the second derivative without its negative term. A number is the
        same for all rows.
    **parameters
        Those of the loss.

    Returns
    -------
    Objective
        A function for XGBoost, which pickles; with ``start(y)``, the best score before
        any tree, for ``base_score``, and ``predictions(scores)``.

    Raises
    ------
    ValueError
        If the loss has no curvature (`mae`, `quantile`, `hinge`), unless it is given as
        a number; and as the loss itself does.
    TypeError
        If `loss` is none of these.
    """
    return Objective(loss, curvature, parameters)


def metric(
    loss: Callable[..., Any], *, name: str | None = None, **parameters: Any
) -> Metric:
    """Make a metric for ``xgb.train(custom_metric=)`` and ``eval_metric=``.

    It is the mean of the losses, weighted by the rows' weights; less is better.

    Parameters
    ----------
    loss : callable
        As in :func:`objective`, those without a second derivative too.
    name : str, optional
        What XGBoost shows and files it under; that of the loss, if not given.
    **parameters
        Those of the loss. Beside one of XGBoost's own objectives a metric is given
        probabilities or rates: pass ``from_logits=False`` or ``log_input=False`` then.

    Returns
    -------
    Metric
        A function for XGBoost, which pickles.
    """
    return Metric(loss, parameters, name)


def predictor(model: Any, objective: Objective) -> Predictor:
    """Make a function of rows that gives predictions in the unit of the targets.

    XGBoost itself gives raw scores after an objective of one's own, or what its own
    link makes of them.

    Parameters
    ----------
    model : Booster, or a model of the scikit-learn interface
        Fitted; after early stopping its best iteration is used.
    objective : Objective
        What it was fitted with.

    Returns
    -------
    callable
        ``f(X, *, raw=False)``: probabilities, rates or values; ``raw=True`` gives the
        scores.
    """
    return Predictor(model, objective)


class Objective(boosting.Objective):
    """An objective for XGBoost; :func:`objective` makes it."""

    _before: Any = None
    _times = 0

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Return gradients and curvatures.

        XGBoost calls it with (scores, DMatrix), its scikit-learn interface with labels,
        scores and weights.
        """
        y_true, y_pred, sample_weight = boosting.labels_first(
            xgboost.DMatrix, y_true, y_pred, sample_weight
        )
        found = self.derivatives(y_true, y_pred, sample_weight)
        self._tell_if_nothing_moves(np.asarray(y_pred), *found)
        return found

    def _tell_if_nothing_moves(self, z: Array, gradient: Array, hessian: Array) -> None:
        """Warn where a round leaves all scores alike, and sums that are too small.

        Where they move together, some were to rise and others to fall. Where they do
        not move, it takes two rounds: one may be that of another fit.
        """
        total, before = hessian.sum(axis=0).min(), self._before
        both = bool(gradient.min() < 0 < gradient.max())
        alike = z.min() == z.max() and gradient.any()
        self._before = (len(z), z.min(), both) if alike else None
        again = alike and before is not None and before[0] == len(z)
        same = again and before[1] == z.min()
        self._times = self._times + 1 if same else 0
        moved = again and not same and before[2]
        if (moved or self._times > 1) and total <= 2:
            fix = "Set min_child_weight=0, or base_score to objective.start(y)."
            if self.curvature == "exact":
                fix = 'Take curvature="auto".'
            warnings.warn(
                f"no tree has split: the curvatures of all rows sum to {total:.3g}, "
                "and each side of a split needs min_child_weight, by default 1. " + fix,
                stacklevel=4,
            )


class Metric(boosting.Metric):
    """A metric for XGBoost; :func:`metric` makes it."""

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Return the value, and for ``xgb.train`` the name before it."""
        native = isinstance(y_pred, xgboost.DMatrix)
        value = self.value(
            *boosting.labels_first(xgboost.DMatrix, y_true, y_pred, sample_weight)
        )
        return (self.__name__, value) if native else value


class Predictor(boosting.Predictor):
    """A fitted model whose predictions are in the unit of the targets."""

    def scores(self, X: Any, **options: Any) -> Array:
        """Return the margins; XGBoost has added base_score."""
        if not isinstance(self.model, xgboost.Booster):
            return self.model.predict(X, output_margin=True, **options)
        data = X if isinstance(X, xgboost.DMatrix) else xgboost.DMatrix(X)
        best = getattr(self.model, "best_iteration", None)
        if best is not None:
            options.setdefault("iteration_range", (0, best + 1))
        return self.model.predict(data, output_margin=True, **options)
