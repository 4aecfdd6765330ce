"""The constant that a loss likes best: what a model says before it has seen a feature.

Where there is a formula for it, it stands here: a mean, a quantile, the logarithm of
odds. Otherwise the sum of the losses is searched for the place where its derivative
changes sign, and where it can have several valleys, for the lowest of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from lossbook.backends import Array, Backend, backend_of
from lossbook.core.checks import refuse_unknown
from lossbook.core.inputs import weights_of
from lossbook.core.reduction import EXACT
from lossbook.gradients import derivatives, loss_name, unwrapped

Options = Mapping[str, Any]


def best_constant(
    loss: Callable[..., Array],
    y_true: Any,
    *,
    sample_weight: Any = None,
    **parameters: Any,
) -> Array:
    r"""Return the constant prediction that minimises a loss.

    .. math:: c = \arg\min_c \sum_i w_i\, \ell(y_i, c)

    It is the mean for `mse` and `rmse`, the median for `mae`, a quantile for
    `quantile`, the logarithm of the odds for cross-entropy from logits, that of the
    mean for `poisson_nll` with ``log_input=True``, the most frequent label for
    `zero_one`. Where every constant between two is as good, it is the middle of them.

    The others are searched for: to the last digits where the loss is convex; where it
    is not, the lowest of the minima that a grid can tell apart, for `adaptive_robust`
    with alpha below 1 of 256 quantiles of the data, for `focal` of logits from -60 to
    60 in steps of a quarter.

    Parameters
    ----------
    loss : callable
        One of lossbook's losses that work element by element, or sparse_cross_entropy;
        or a partial of one, with its parameters.
    y_true : array
        The truth, of any shape: one constant is returned for all of it.
    sample_weight : array, optional
        One weight a loss, or one a sample (the leading axes).
    **parameters
        Those of the loss, such as ``delta`` or ``from_logits``; for `gaussian_nll` the
        ``variance``.

    Returns
    -------
    array
        A scalar in the unit of a prediction, in the float dtype and framework of
        `y_true`, float32 for half precision; for sparse_cross_entropy one number a
        class, of which from logits the exponentials sum to 1.

    Raises
    ------
    ValueError
        If no finite constant is best, as for logits where all targets are 1; if nothing
        has a weight; and as the loss itself does.
    TypeError
        If `loss` is none of these, or the values of `y_true` are not known yet.

    Examples
    --------
    >>> import lossbook as lb
    >>> float(lb.best_constant(lb.mae, [0.0, 0.0, 3.0, 100.0]))
    1.5
    >>> y = [1, 1, 1, 0]
    >>> round(float(lb.best_constant(lb.binary_cross_entropy, y, from_logits=True)), 4)
    1.0986
    """
    name = loss_name(loss, "best_constant")
    loss, bound = unwrapped(loss)
    parameters = {**bound, **parameters}
    parameters.pop("reduction", None)  # any has the same minimum
    own_weight = parameters.pop("sample_weight", None)
    sample_weight = own_weight if sample_weight is None else sample_weight
    xp = backend_of(y_true, sample_weight)
    truth = xp.asarray(y_true, "y_true")
    if not xp.is_known(truth):
        refuse_unknown("best_constant", "y_true")
    known = xp.to_numpy(truth)
    if not known.size:
        raise ValueError("y_true is empty: there is no best constant. Pass the data.")
    on_cpu = {key: _on_cpu(value) for key, value in parameters.items()}
    options = {**_options(loss), **on_cpu}
    labels = name == "sparse_cross_entropy"
    like = xp.zeros_like(truth) + 0.5 if labels else xp.to_float(truth)
    if labels:
        options["classes"] = _number_of_classes(known, options)
    _try(loss, xp, truth, options.get("classes"), sample_weight, parameters)
    if xp.range_of(truth) is None:  # on a GPU, where the loss has not looked
        weight = _on_cpu(sample_weight)
        _try(loss, backend_of(known), known, options.get("classes"), weight, on_cpu)
    weights = weights_of(xp, sample_weight, like)
    data = _data(known, weights and xp.to_numpy(weights.values), options)
    solve = _SOLUTIONS.get(name) or partial(_searched, loss, on_cpu)
    found = np.asarray(solve(data, options))
    result = xp.cast(xp.asarray(found, "the best constant", like), like)
    return result if labels else xp.sum(result)


class MissingClassError(ValueError):
    """No finite logits are best, because no row has one of the classes."""


class _Data(NamedTuple):
    """Values that differ, and what each weighs; NaN stays NaN."""

    values: Any
    weights: Any

    def weight_of(self, value: float) -> float:
        return float(self.weights[self.values == value].sum())

    def mean(self) -> float:
        return float((self.weights * self.values).sum() / self.weights.sum())


def _options(loss: Callable[..., Any]) -> dict[str, Any]:
    """Return the defaults of a loss."""
    from inspect import signature  # it takes a third of the time of `import lossbook`

    named = signature(loss).parameters.values()
    return {p.name: p.default for p in named if p.default is not p.empty}


def _try(
    loss: Callable[..., Array],
    xp: Backend,
    truth: Array,
    classes: int | None,
    sample_weight: Any,
    parameters: Options,
) -> None:
    """Call the loss once: it refuses what it is not made for."""
    if classes is not None:
        scores = np.full((*xp.to_numpy(truth).shape, classes), 1 / classes)
        y_pred = xp.asarray(scores, "y_pred", truth)
    else:
        y_pred = xp.zeros_like(xp.to_float(truth)) + 0.5
    loss(truth, y_pred, sample_weight=sample_weight, reduction="sum", **parameters)


def _on_cpu(value: Any) -> Any:
    return backend_of(value).to_numpy(value) if hasattr(value, "shape") else value


def _number_of_classes(labels: Any, options: Options) -> int:
    """Return how many classes there are: a weight each, or up to the largest label."""
    weights = options["class_weight"]
    if weights is not None:
        return int(np.size(weights))
    counted = labels[labels != options["ignore_index"]]
    known = counted.size and counted.dtype.kind in "iu"
    return max(int(counted.max()) + 1 if known else 0, 2)


def _data(truth: Any, weight: Any, options: Options) -> _Data:
    """Return the values that differ, without those that weigh nothing."""
    values = truth.reshape(-1).astype(np.float64)
    weights = np.ones(len(values))
    if weight is not None:
        weights = weight.reshape(-1).astype(np.float64)
    if "variance" in options:
        variance = np.asarray(options["variance"], np.float64)
        weights = weights / variance.reshape(-1)
    if options.get("ignore_index") is not None:
        weights = np.where(values == options["ignore_index"], 0, weights)
    counted = weights != 0
    if not counted.any():
        raise ValueError(
            "sample_weight is 0 everywhere, or all labels are ignored: every constant "
            "is as good. Pass data that count."
        )
    different, which = np.unique(values[counted], return_inverse=True)
    return _Data(different, np.bincount(which.reshape(-1), weights[counted]))


def _mean(data: _Data, options: Options) -> float:
    return data.mean()


def _quantile(data: _Data, options: Options) -> float:
    """Return the middle of all that halve the weight, or divide it at q."""
    if np.isnan(data.values).any():
        return float("nan")
    below = np.cumsum(data.weights)
    wanted, total = options.get("q", 0.5) * below[-1], below[-1]
    last = len(below) - 1
    slack = 1e-12 * total  # sums of weights are rounded
    low = min(int(np.searchsorted(below, wanted - slack)), last)
    high = min(int(np.searchsorted(below, wanted + slack, side="right")), last)
    return float((data.values[low] + data.values[high]) / 2)


def _most_frequent(data: _Data, options: Options) -> float:
    return float(data.values[np.argmax(data.weights)])


def _poisson(data: _Data, options: Options) -> float:
    mean = data.mean()
    if not options["log_input"]:
        return mean
    if mean == 0:
        raise ValueError(
            "no finite log-rate is best: y_true holds nothing but 0. Pass counts of "
            "which one is positive."
        )
    return float(np.log(mean))


def _odds(for_one: float, for_other: float, labels: str) -> float:
    """Return the logarithm of the odds; both must be there."""
    if for_one == 0 or for_other == 0:
        raise ValueError(
            f"no finite logit is best: y_true holds one of {labels} alone. Pass data "
            "that hold both; binary_cross_entropy also takes label_smoothing=0.01."
        )
    return float(np.log(for_one) - np.log(for_other))


def _binary(data: _Data, options: Options) -> float:
    smoothing, factor = options["label_smoothing"], options["pos_weight"]
    if np.size(factor) != 1:
        raise ValueError(
            "pos_weight must be one number for one best constant, got shape "
            f"{np.shape(factor)}. Call best_constant once for each class."
        )
    target = data.values * (1 - smoothing) + smoothing / 2
    factor = 1.0 if factor is None else float(np.reshape(factor, ()))
    for_one = factor * float((data.weights * target).sum())
    for_zero = float((data.weights * (1 - target)).sum())
    if options["from_logits"]:
        return _odds(for_one, for_zero, "0 and 1")
    p = for_one / (for_one + for_zero)
    eps = options["eps"] or 0.0
    return min(max(p, eps), 1 - eps)


def _hinge(data: _Data, options: Options) -> float:
    return float(np.sign(data.weight_of(1) - data.weight_of(-1)))


def _logistic(data: _Data, options: Options) -> float:
    return _odds(data.weight_of(1), data.weight_of(-1), "-1 and +1")


def _classes(data: _Data, options: Options) -> Any:
    """Return the frequencies of the classes, or their logarithms."""
    labels, classes = data.values.astype(np.int64), options["classes"]
    counts = np.bincount(labels, data.weights, classes)
    smoothing, weights = options["label_smoothing"], options["class_weight"]
    mass = (1 - smoothing) * counts + smoothing * counts.sum() / len(counts)
    if weights is not None:
        mass = mass * np.asarray(weights, np.float64)
    p = mass / mass.sum()
    if options["from_logits"] and (p == 0).any():
        raise MissingClassError(
            f"no finite logit is best: y_true holds no label {int(np.argmin(p))}. "
            "Number the classes without gaps, or pass label_smoothing=0.01."
        )
    return np.log(p) if options["from_logits"] else p


def _focal(data: _Data, options: Options) -> float:
    """Search among logits: targets of 1 alone, or of 0, want an infinite one."""
    from lossbook.losses.focal import focal

    y, alpha = data.values, options["alpha"]
    if np.isnan(y).any():
        return float("nan")
    counted = y if alpha is None else y[alpha * y + (1 - alpha) * (1 - y) > 0]
    if not counted.size:
        raise ValueError(
            f"alpha={alpha} leaves no target that counts: every constant is as good. "
            "Pass an alpha between 0 and 1."
        )
    least, most = counted[0], counted[-1]
    if least == most and least in (0, 1):
        if not options["from_logits"]:
            return float(least)
        _odds(float(least), 1 - float(least), "0 and 1")
    given = {"gamma": options["gamma"], "alpha": options["alpha"], "from_logits": True}
    z = _lowest(focal, given, data, np.linspace(-60, 60, 481))
    return z if options["from_logits"] else float(1 / (1 + np.exp(-z)))


_SOLUTIONS: dict[str, Callable[[_Data, Options], Any]] = {
    "mse": _mean,
    "rmse": _mean,
    "gaussian_nll": _mean,
    "mae": _quantile,
    "quantile": _quantile,
    "zero_one": _most_frequent,
    "poisson_nll": _poisson,
    "binary_cross_entropy": _binary,
    "hinge": _hinge,
    "squared_hinge": _mean,
    "logistic": _logistic,
    "sparse_cross_entropy": _classes,
    "focal": _focal,
}
_VALLEYS = 256


def _searched(
    loss: Callable[..., Array], parameters: Options, data: _Data, options: Options
) -> float:
    """Search between the smallest and the largest truth: the loss is of the error."""
    if not np.isfinite(data.values).all():
        return float("nan")
    if "alpha" in options:
        alpha = float(options["alpha"])
        parameters = {**parameters, "alpha": alpha}
    ends = data.values[[0, -1]]
    if options.get("alpha") is not None and alpha < 1:
        share = np.linspace(0, 1, _VALLEYS)
        ends = np.unique(np.quantile(data.values, share))
    return _lowest(loss, parameters, data, ends)


def _lowest(
    loss: Callable[..., Array], parameters: Options, data: _Data, places: Any
) -> float:
    """Return the lowest minimum between neighbours among these places."""
    values, weights = data

    def total(c: float) -> float:
        y_pred = np.full(len(values), c)
        losses = loss(values, y_pred, reduction="none", **parameters)
        return float((weights * losses).sum())

    def slope(c: float) -> float:
        y_pred = np.full(len(values), c)
        found = derivatives(loss, EXACT, values, y_pred, weights, **parameters)
        return float(found.gradient.sum())

    if len(places) == 1:
        return float(places[0])
    slopes = np.array([slope(c) for c in places])
    pairs = np.flatnonzero((slopes[:-1] <= 0) & (slopes[1:] >= 0))
    minima = [_valley(slope, places[i], places[i + 1]) for i in pairs]
    return float(min(minima, key=total)) if minima else float(min(places, key=total))


def _valley(slope: Callable[[float], float], low: float, high: float) -> float:
    """Return the middle of where the slope is 0, between one below 0 and one above."""
    left = _last(lambda c: slope(c) < 0, low, high)
    right = _last(lambda c: slope(c) <= 0, low, high)
    return left + (right - left) / 2


def _last(holds: Callable[[float], bool], low: float, high: float) -> float:
    """Return by bisection the last place at which something holds."""
    for _ in range(100):
        middle = low + (high - low) / 2
        if not low < middle < high:
            break
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low + (high - low) / 2
