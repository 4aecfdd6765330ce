"""What the three libraries of boosted trees share: an objective, a metric, a predictor.

A tree is fitted to the first and second derivative of the loss by the raw score, summed
and never averaged over the rows, each multiplied once by its weight. The libraries
differ in signs, shapes and in who adds the start; that stands in a module each.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any

import numpy as np

from lossbook.constants import MissingClassError, best_constant
from lossbook.core.checks import is_number
from lossbook.core.pointwise import Derivatives
from lossbook.core.reduction import ABOVE, EXACT
from lossbook.gradients import NO_CURVATURE, derivatives, loss_name

Array = Any

ROWS = "sparse_cross_entropy"
_SIGNED = ("hinge", "logistic", "squared_hinge")
_FLAT = ("rmse", "zero_one")
# A sum of trees can be any number: what makes the loss take one, and what the
# prediction is then.
_ANY_NUMBER: dict[str, tuple[str, Callable[[Array], Array]]] = {
    "binary_cross_entropy": ("from_logits", lambda z: _sigmoid(z)),
    "focal": ("from_logits", lambda z: _sigmoid(z)),
    "poisson_nll": ("log_input", np.exp),
    ROWS: ("from_logits", lambda z: _softmax(z)),
}


def _sigmoid(z: Array) -> Array:
    small = np.exp(-np.abs(z))
    return np.where(z >= 0, 1, small) / (1 + small)


def _softmax(z: Array) -> Array:
    p = np.exp(z - z.max(axis=-1, keepdims=True))
    return p / p.sum(axis=-1, keepdims=True)


class _Scored:
    """A loss of raw scores, with its parameters."""

    def __init__(self, loss: Callable[..., Any], parameters: dict[str, Any]) -> None:
        self.loss, self.parameters = loss, parameters
        self.loss_name = loss_name(loss, type(self).__name__.lower())
        self.__name__ = self.loss_name
        if self.loss_name == "gaussian_nll":
            raise TypeError(
                "gaussian_nll needs a variance for each row beside the score. Fit the "
                "mean with mse, and its residuals' squares with another model."
            )
        if "reduction" in parameters or "sample_weight" in parameters:
            raise TypeError(
                "reduction and sample_weight are no parameters here: derivatives are "
                "summed, and weights come with the data set of the library."
            )

    @property
    def rowwise(self) -> bool:
        """Whether a row has several scores, one a class."""
        return self.loss_name == ROWS

    def truth(self, y_true: Any) -> Array:
        """Return the labels that a library stores as the loss wants them."""
        y = np.asarray(y_true, np.float64)
        if y.size == 0:
            raise ValueError(
                "the data set has no labels. Make it with label=y, and the evaluation "
                "sets too."
            )
        if self.loss_name in _SIGNED:  # classifiers number their classes 0 and 1
            return np.where(y == 0, -1.0, y)
        if not self.rowwise:
            return y
        if (y != np.round(y)).any():
            raise ValueError(f"labels must be integers 0 to C - 1, got {y[:3]}, ...")
        return y.astype(np.int64)

    def scores(self, y_pred: Any, rows: int) -> Array:
        """Return float64 scores: (n,), or (n, C) for a loss of classes."""
        z = np.asarray(y_pred, np.float64)
        if self.rowwise and (z.ndim == 1 or z.shape[1] < 2):
            raise ValueError(
                f"{ROWS} needs one score a class, got scores of shape {z.shape}. Set "
                "the number of classes, or take binary_cross_entropy for two."
            )
        if not self.rowwise and z.size != rows:
            raise ValueError(
                f"{self.loss_name} needs one score a row, got scores of shape "
                f"{z.shape} for {rows} labels. Fit a model for each column of labels."
            )
        return z if self.rowwise else z.reshape(rows)


class Objective(_Scored):
    """The derivatives of a loss, as a library of boosted trees asks for them.

    Attributes
    ----------
    loss : callable
    parameters : dict
    curvature : {"auto", "exact"} or number
    """

    def __init__(
        self,
        loss: Callable[..., Any],
        curvature: str | float = "auto",
        parameters: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(loss, dict(parameters or {}))
        self.curvature = curvature
        name = self.loss_name
        if name in _FLAT:
            raise ValueError(f"no tree can be fitted to {name}: {NO_CURVATURE[name]}")
        if name in _ANY_NUMBER:
            option = _ANY_NUMBER[name][0]
            if not self.parameters.setdefault(option, True):
                raise ValueError(
                    f"{option}=False is for predictions that have bounds, and a sum of "
                    f"trees has none. Leave {option} out: the objective passes True."
                )
        self._check_curvature()
        # A wrong parameter is told here, and not by a library of compiled code.
        self.derivatives([1.0], [[0.5, 0.5]] if self.rowwise else [0.5])

    def _check_curvature(self) -> None:
        """Refuse what says nothing, and a loss that has none with the reason."""
        known = self.curvature in ("auto", "exact")
        if not known and not (
            is_number(self.curvature) and 0 < float(self.curvature) < inf
        ):
            raise ValueError(
                f"curvature must be 'auto', 'exact' or a positive number, got "
                f"{self.curvature!r}."
            )
        if known and self.loss_name in NO_CURVATURE:
            raise ValueError(
                f"{self.loss_name} has no curvature by which a leaf could be told its "
                f"size: {NO_CURVATURE[self.loss_name]} Or pass a number for all rows, "
                "such as curvature=1.0: each round then moves a score by the mean "
                "slope at most, times the learning rate, however far it has to go. "
                "The library's own objective sets its leaves afresh and needs none."
            )

    def derivatives(
        self, y_true: Any, y_pred: Any, sample_weight: Any = None
    ) -> tuple[Array, Array]:
        """Return gradient and curvature of each row, weighted, in float64.

        Parameters
        ----------
        y_true : array
            Labels, as the library stores them.
        y_pred : array
            Raw scores.
        sample_weight : array, optional
            Both are multiplied by it.
        """
        y = self.truth(y_true)
        z = self.scores(y_pred, len(y))
        if sample_weight is not None and np.size(sample_weight) == 0:
            sample_weight = None
        asked = EXACT if self.curvature == "exact" else ABOVE
        found: Derivatives = derivatives(
            self.loss, asked, y, z, sample_weight, **self.parameters
        )
        if isinstance(self.curvature, str):
            return found.gradient, found.hessian
        weight = np.ones(len(y)) if sample_weight is None else sample_weight
        weight = np.asarray(weight, np.float64).reshape(-1, *[1] * (z.ndim - 1))
        return found.gradient, self.curvature * weight * np.ones_like(z)

    def start(self, y_true: Any, sample_weight: Any = None) -> Any:
        """Return the raw score that is best before any tree: a number, or one a class.

        Parameters
        ----------
        y_true : array
            The labels of the training rows.
        sample_weight : array, optional
            Their weights.

        Returns
        -------
        float or array
            :func:`lossbook.best_constant` of them. There are as many classes as the
            largest label says.

        Raises
        ------
        ValueError
            If no finite score is best, as for a class that no row has.
        """
        truth = self.truth(y_true)
        try:
            best = best_constant(
                self.loss, truth, sample_weight=sample_weight, **self.parameters
            )
        except MissingClassError as error:
            raise ValueError(
                f"{str(error).partition('.')[0]}. Start at lossbook.best_constant("
                f"lossbook.{ROWS}, y, from_logits=True, label_smoothing=0.01)."
            ) from None
        return np.asarray(best) if self.rowwise else float(best)

    def start_scores(
        self, y_true: Any, sample_weight: Any = None, *, start: Any = None
    ) -> Array:
        """Return the start once for each row, (n,) or (n, C).

        Parameters
        ----------
        y_true : array
            The labels of the rows.
        sample_weight : array, optional
            Their weights.
        start : number or array, optional
            What :meth:`start` returned for the training rows; evaluation rows have to
            start where these do.
        """
        if start is None:
            start = self.start(y_true, sample_weight)
        return np.tile(np.asarray(start, np.float64), (len(y_true), 1)).squeeze(
            () if self.rowwise else 1
        )

    def predictions(self, scores: Any) -> Array:
        """Return what raw scores predict: probabilities, rates, or themselves."""
        z = np.asarray(scores, np.float64)
        if self.loss_name == "logistic":
            return _sigmoid(z)
        link = _ANY_NUMBER.get(self.loss_name)
        return link[1](z) if link else z


class Metric(_Scored):
    """The mean of a loss, as a library of boosted trees asks for it."""

    def __init__(
        self,
        loss: Callable[..., Any],
        parameters: dict[str, Any],
        name: str | None = None,
    ) -> None:
        super().__init__(loss, dict(parameters))
        self.__name__ = name or self.loss_name
        if self.loss_name in _ANY_NUMBER:
            self.parameters.setdefault(_ANY_NUMBER[self.loss_name][0], True)
        if "class_weight" not in self.parameters:  # which fits its own classes alone
            self.value([1.0], [[0.5, 0.5]] if self.rowwise else [0.5])

    def value(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> float:
        """Return the weighted mean of the losses."""
        y = self.truth(y_true)
        z = self.scores(y_pred, len(y))
        if sample_weight is not None and np.size(sample_weight) == 0:
            sample_weight = None
        return float(self.loss(y, z, sample_weight=sample_weight, **self.parameters))


class Predictor:
    """A fitted model whose predictions are in the unit of the targets.

    Calling it with rows gives what they predict; ``raw=True`` gives scores. The start
    that the library leaves out is added.

    Attributes
    ----------
    model, objective : object
    start : number or array
    """

    def __init__(self, model: Any, objective: Objective, start: Any = 0.0) -> None:
        self.model, self.objective, self.start = model, objective, start

    def scores(self, X: Any, **options: Any) -> Array:
        """Return what the library's trees add up to."""
        raise NotImplementedError

    def __call__(self, X: Any, *, raw: bool = False, **options: Any) -> Array:
        """Return predictions, or raw scores; the model gets the `options`."""
        scores = np.asarray(self.scores(X, **options), np.float64) + self.start
        return scores if raw else self.objective.predictions(scores)


def labels_first(
    data_set: Any, a: Any, b: Any, sample_weight: Any
) -> tuple[Any, Any, Any]:
    """Return labels, scores and weights of either interface of a library.

    The native one gives scores and a data set, that of scikit-learn all three.
    """
    if isinstance(b, data_set):
        return b.get_label(), a, b.get_weight()
    return a, b, sample_weight
