"""The losses as objectives and metrics of CatBoost.

::

    from lossbook.adapters.catboost import metric, objective, predictor

    huber = objective(lb.huber, delta=2.0)
    model = CatBoostRegressor(
        loss_function=huber,
        eval_metric=metric(lb.huber, delta=2.0),
        leaf_estimation_method="Newton",
    )
    model.fit(Pool(X, y, baseline=huber.start_scores(y)))
    predictor(model, huber, huber.start(y))(X)

What CatBoost does not tell you:

- It wants the derivatives of what is to grow, minus the loss; the objective turns both
  signs. It needs an ``eval_metric`` beside an objective of your own.
- With an objective of your own it starts at 0. What you pass as ``baseline`` it does
  not add to a prediction: `predictor` does.
- ``leaf_estimation_method="Gradient"`` divides by the sum of the weights and not by
  that of the curvatures. Name ``"Newton"``.
- ``l2_leaf_reg`` is 3 by default: a loss that is twice as large is shrunk half as much.
- For classes it takes the whole Hessian of a row, diag(p) - p p', and so do we.
- It calls Python for each row of several classes; that is slow. `predict` and `score`
  of a classifier raise an IndexError then, beside any objective of one's own:
  `predict_proba` works, and so does `predictor`.
- CatBoost 1.2.8 goes with scikit-learn up to 1.7; under 1.8 and newer
  ``cross_val_score`` needs CatBoost 1.2.9.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lossbook.adapters import boosting

try:
    import catboost  # noqa: F401
except ImportError as error:
    raise ImportError(
        'lossbook.adapters.catboost needs CatBoost: pip install "lossbook[catboost]"'
    ) from error

__all__ = ["metric", "objective", "predictor"]

Array = Any


def objective(
    loss: Callable[..., Any], *, curvature: str | float = "auto", **parameters: Any
) -> boosting.Objective:
    """Make an objective for CatBoost's parameter ``loss_function``.

    Derivatives are summed over the rows and multiplied once by the weights of the rows.

    Parameters
    ----------
    loss : callable
        One of lossbook's losses that work element by element, or
        :func:`lossbook.sparse_cross_entropy` for classes (with ``classes_count``).
        Scores are logits, or the logarithms of rates: ``from_logits=True`` and
        ``log_input=True`` are passed for you. The losses of margins take labels 0 and 1
        too.
    curvature : {"auto", "exact"} or number
        As in :func:`lossbook.adapters.xgboost.objective`.
    **parameters
        Those of the loss.

    Returns
    -------
    Objective
        An object for CatBoost, which pickles; with ``start(y)``, the best score before
        any tree, ``start_scores(y)``, the same for ``baseline``, and
        ``predictions(scores)``.

    Raises
    ------
    ValueError
        If the loss has no curvature (`mae`, `quantile`, `hinge`), unless it is given as
        a number; and as the loss itself does.
    TypeError
        If `loss` is none of these.
    """
    made = Objective(loss, curvature, parameters)
    return ClassObjective(loss, curvature, parameters) if made.rowwise else made


def metric(loss: Callable[..., Any], **parameters: Any) -> Metric:
    """Make a metric for CatBoost's parameter ``eval_metric``.

    It is the mean of the losses, weighted by the rows' weights; less is better.

    Parameters
    ----------
    loss : callable
        As in :func:`objective`, those without a second derivative too.
    **parameters
        Those of the loss. CatBoost gives metrics raw scores, beside its own objectives
        too.

    Returns
    -------
    Metric
        An object for CatBoost, which pickles.
    """
    return Metric(loss, parameters)


def predictor(model: Any, objective: boosting.Objective, start: Any = 0.0) -> Predictor:
    """Make a function of rows that gives predictions in the unit of the targets.

    Parameters
    ----------
    model : CatBoost, CatBoostRegressor or CatBoostClassifier
        Fitted; after early stopping its best iteration is used.
    objective : Objective
        What it was fitted with.
    start : number or array
        What was its ``baseline``: ``objective.start(y)`` of the training rows. CatBoost
        does not add it.

    Returns
    -------
    callable
        ``f(X, *, raw=False)``: probabilities, rates or values; ``raw=True`` gives the
        scores.
    """
    return Predictor(model, objective, start)


class _Unchanged:
    """What is its own copy, because nothing changes it.

    CatBoost copies its parameters, and scikit-learn's `clone` wants back what it gave.
    """

    def __deepcopy__(self, memo: Any) -> Any:
        return self


class Objective(_Unchanged, boosting.Objective):
    """An objective of one score a row; :func:`objective` makes it."""

    def calc_ders_range(
        self, approxes: Array, targets: Array, weights: Array | None
    ) -> list[tuple[float, float]]:
        """Return the derivatives of minus the loss, a pair for each row."""
        gradient, hessian = self.derivatives(targets, approxes, weights)
        return list(zip((-gradient).tolist(), (-hessian).tolist(), strict=True))


class ClassObjective(_Unchanged, boosting.Objective):
    """An objective of one score a class; :func:`objective` makes it."""

    def calc_ders_multi(
        self, approxes: Array, target: float, weight: float | None
    ) -> tuple[Array, Array]:
        """Return the gradient and the whole Hessian of minus the loss of one row."""
        p = self.predictions(approxes)  # without checks: this is called row by row
        if target == self.parameters.get("ignore_index"):
            return np.zeros(len(p)), np.zeros((len(p), len(p)))
        gradient, hessian = p.copy(), np.diag(p) - np.outer(p, p)
        gradient[int(target)] -= 1
        if not isinstance(self.curvature, str):
            hessian = self.curvature * np.eye(len(p))
        weight = 1.0 if weight is None else weight
        return -weight * gradient, -weight * hessian

    def calc_ders_range(self, *_: Any) -> Any:
        """Say what to do: of two classes CatBoost keeps one score."""
        raise ValueError(
            f"{boosting.ROWS} needs one score a class, and CatBoost has one score for "
            "two classes. Take binary_cross_entropy."
        )


class Metric(_Unchanged, boosting.Metric):
    """A metric for CatBoost; :func:`metric` makes it."""

    def is_max_optimal(self) -> bool:
        """Say that more is not better."""
        return False

    def evaluate(
        self, approxes: Any, target: Array, weight: Array | None
    ) -> tuple[float, float]:
        """Return the sum of the weighted losses, and that of the weights."""
        rows = len(target)
        total = rows if weight is None else float(np.sum(weight))
        return self.value(target, np.transpose(approxes), weight) * total, total

    def get_final_error(self, error: float, weight: float) -> float:
        """Return the mean."""
        return error / weight if weight else 0.0


class Predictor(boosting.Predictor):
    """A fitted model whose predictions are in the unit of the targets."""

    def scores(self, X: Any, **options: Any) -> Array:
        """Return what the trees add up to."""
        return self.model.predict(X, prediction_type="RawFormulaVal", **options)
