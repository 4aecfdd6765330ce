"""The losses as objectives and metrics of LightGBM.

::

    from lossbook.adapters.lightgbm import metric, objective, predictor

    huber = objective(lb.huber, delta=2.0)
    rows = lgb.Dataset(X, y, init_score=huber.start_scores(y))
    booster = lgb.train({"objective": huber}, rows)
    predictor(booster, huber, huber.start(y))(X)

or ``LGBMRegressor(objective=huber).fit(X, y, init_score=huber.start_scores(y))``. What
LightGBM does not tell you:

- With an objective of your own it starts at 0, and ``boost_from_average`` is off. What
  you pass as ``init_score`` it never adds to a prediction: `predictor` does. Evaluation
  rows need it as well: ``start_scores(y_valid, start=start)``.
- `LGBMClassifier` gives raw scores for labels; `predictor` gives probabilities.
- Its scikit-learn interface puts a metric of its own, of raw scores, before yours, and
  early stopping follows that one: pass ``metric="None"`` to the model.
- A split needs a sum of curvatures of ``min_sum_hessian_in_leaf``, by default 1e-3, and
  20 rows a leaf.
- Its own softmax multiplies the curvature p (1 - p) by C / (C - 1), and its own Poisson
  objective by exp(0.7): their leaves are smaller than ours. Its own ``huber`` is
  ``objective(lb.huber, curvature=1.0)``.
- Under scikit-learn 1.6 and newer, models of LightGBM 4.6 that are fitted to an array
  warn at `predict` that it has no names of features. The numbers are right; LightGBM
  4.7 says nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lossbook.adapters import boosting

try:
    import lightgbm
except ImportError as error:
    raise ImportError(
        'lossbook.adapters.lightgbm needs LightGBM: pip install "lossbook[lightgbm]"'
    ) from error

__all__ = ["metric", "objective", "predictor"]

Array = Any


def objective(
    loss: Callable[..., Any], *, curvature: str | float = "auto", **parameters: Any
) -> Objective:
    """Make an objective for LightGBM's parameter ``objective``, in both interfaces.

    Derivatives are summed over the rows and multiplied once by the weights of the rows.

    Parameters
    ----------
    loss : callable
        One of lossbook's losses that work element by element, or
        :func:`lossbook.sparse_cross_entropy` for classes (with ``num_class``). Scores
        are logits, or the logarithms of rates: ``from_logits=True`` and
        ``log_input=True`` are passed for you. The losses of margins take labels 0 and 1
        too.
    curvature : {"auto", "exact"} or number
        As in :func:`lossbook.adapters.xgboost.objective`.
    **parameters
        Those of the loss.

    Returns
    -------
    Objective
        A function for LightGBM, which pickles; with ``start(y)``, the best score before
        any tree, ``start_scores(y)``, the same for ``init_score``, and
        ``predictions(scores)``.

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
    """Make a metric for ``lgb.train(feval=)`` and ``fit(eval_metric=)``.

    It is the mean of the losses, weighted by the rows' weights; less is better.

    Parameters
    ----------
    loss : callable
        As in :func:`objective`, those without a second derivative too.
    name : str, optional
        What LightGBM files it under: that of the loss, if not given. Two metrics of one
        loss need two names, or their values come in one list.
    **parameters
        Those of the loss. Beside one of LightGBM's own objectives a metric is given
        probabilities or rates: pass ``from_logits=False`` or ``log_input=False`` then.

    Returns
    -------
    Metric
        A function for LightGBM, which pickles.
    """
    return Metric(loss, parameters, name)


def predictor(model: Any, objective: Objective, start: Any = 0.0) -> Predictor:
    """Make a function of rows that gives predictions in the unit of the targets.

    Parameters
    ----------
    model : Booster, or a model of the scikit-learn interface
        Fitted; after early stopping its best iteration is used.
    objective : Objective
        What it was fitted with.
    start : number or array
        What was its ``init_score``: ``objective.start(y)`` of the training rows.
        LightGBM does not add it.

    Returns
    -------
    callable
        ``f(X, *, raw=False)``: probabilities, rates or values; ``raw=True`` gives the
        scores.
    """
    return Predictor(model, objective, start)


class Objective(boosting.Objective):
    """An objective for LightGBM; :func:`objective` makes it."""

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Return gradients and curvatures.

        ``lgb.train`` calls it with (scores, Dataset), the scikit-learn interface with
        labels, scores and weights.
        """
        return self.derivatives(
            *boosting.labels_first(lightgbm.Dataset, y_true, y_pred, sample_weight)
        )


class Metric(boosting.Metric):
    """A metric for LightGBM; :func:`metric` makes it."""

    def __call__(
        self, y_true: Any, y_pred: Any, sample_weight: Any = None
    ) -> tuple[str, float, bool]:
        """Return the name, the value, and that more is not better."""
        value = self.value(
            *boosting.labels_first(lightgbm.Dataset, y_true, y_pred, sample_weight)
        )
        return self.__name__, value, False


class Predictor(boosting.Predictor):
    """A fitted model whose predictions are in the unit of the targets."""

    def scores(self, X: Any, **options: Any) -> Array:
        """Return what the trees add up to."""
        return self.model.predict(X, raw_score=True, **options)
