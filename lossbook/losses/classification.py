"""Losses for classes, which ask how surprised a model is by the right answer.

`y_true` holds 0/1 targets, labels or distributions over classes; `y_pred` holds
probabilities, or with ``from_logits=True`` the raw scores before sigmoid or softmax,
which keep their digits where probabilities have become 0 or 1. Losses are in nats.
"""

from __future__ import annotations

from typing import Any

from lossbook.backends import Array, Backend, Of2, Of3, backend_of
from lossbook.core import checks, class_inputs
from lossbook.core.checks import USE_LOGITS, Weights, check_between, check_flag
from lossbook.core.inputs import (
    along_last,
    class_weight_of,
    prepare,
    trailing_like,
)
from lossbook.core.pointwise import Elementwise
from lossbook.core.reduction import Reduction, reduce
from lossbook.core.registry import loss
from lossbook.losses import surprise

BITS_OR_PROBABILITIES = "Targets are 0 and 1, or probabilities."
PROBABILITIES = "Targets are probabilities."


@loss("elements", adapted=True)
def binary_cross_entropy(
    y_true: Any,
    y_pred: Any,
    *,
    from_logits: bool = False,
    pos_weight: Any = None,
    label_smoothing: float = 0.0,
    eps: float | None = None,
    sample_weight: Any = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Binary cross-entropy: the negative log-likelihood of a biased coin, in nats.

    .. math:: \ell = -\bigl[y \log p + (1 - y)\log(1 - p)\bigr], \qquad
              p = \sigma(z), \qquad \frac{\partial\ell}{\partial z} = p - y

    From logits it is computed as softplus(-\|z\|) plus a term that is exactly 0 for a
    right answer, so a loss of 2e-9 at z = -20 is not rounded to 0. For soft targets the
    slope p - y passes through 0, and its error is at most 4 ulp of the larger one.

    Parameters
    ----------
    y_true : array
        Targets in [0, 1].
    y_pred : array
        Probabilities in [0, 1], or logits; same shape as `y_true`.
    from_logits : bool
        Whether `y_pred` holds logits z.
    pos_weight : number or array, optional
        Multiplies the term of the positives, for 1 ulp more; one a class (the last
        axis) if an array.
    label_smoothing : float
        Moves targets to y (1 - s) + s/2.
    eps : float, optional
        Clips probabilities to [eps, 1 - eps]. Without it the loss of p = 0 at y = 1 is
        inf.
    sample_weight, reduction : optional
        As in :func:`lossbook.mse`.

    Returns
    -------
    array
        A scalar, or with ``"none"`` the losses in the shape of `y_pred`.

    Raises
    ------
    ValueError
        If targets or probabilities leave [0, 1], and as in :func:`lossbook.mse`.

    Examples
    --------
    >>> import lossbook as lb
    >>> round(float(lb.binary_cross_entropy([1, 0], [0.9, 0.1])), 3)
    0.105
    >>> lb.binary_cross_entropy([1, 0], [1e4, 1e4], from_logits=True, reduction="none")
    array([    0., 10000.])
    """
    check_flag("from_logits", from_logits)
    label_smoothing = check_between("label_smoothing", label_smoothing, 0, 1)
    xp, y_true, y_pred, weights = prepare(
        y_true, y_pred, sample_weight, reduction, pos_weight
    )
    y_true = checks.within_unit(xp, y_true, "y_true", BITS_OR_PROBABILITIES, weights)
    if label_smoothing:
        y_true = y_true * (1 - label_smoothing) + label_smoothing / 2
    if not from_logits:
        y_pred = _probabilities(xp, y_pred, eps, weights)
    inputs = [y_true, y_pred]
    if pos_weight is not None:
        inputs.append(trailing_like(xp, pos_weight, "pos_weight", y_pred))
    loss = _BINARY[bool(from_logits), pos_weight is not None]
    return loss.reduced(xp, *inputs, weights=weights, reduction=reduction)


def _bce_logits(xp: Backend, y: Array, z: Array) -> Array:
    # A right answer, y = 1 and z > 0 say, leaves exactly 0 in the two products.
    above, below = xp.maximum(z, 0.0), xp.minimum(z, 0.0)
    right = xp.multiply_no_nan(1 - y, above) - xp.multiply_no_nan(y, below)
    return xp.softplus(-xp.abs(z)) + right


_BCE_LOGITS = Elementwise[Of2](
    "bce_logits",
    _bce_logits,
    derivatives=[
        lambda xp, y, z: -z,
        lambda xp, y, z: (1 - y) * xp.sigmoid(z) - y * xp.sigmoid(-z),
    ],
    curvature=lambda xp, y, z: xp.sigmoid(z) * xp.sigmoid(-z) + 0 * y,
    predicted=1,
)


def _bce_derivative(xp: Backend, y: Array, p: Array) -> Array:
    # Two quotients, not (p - y) / p (1 - p): at p = y = 0 or 1 each is right by itself.
    return xp.divide_no_nan(1 - y, 1 - p) - xp.divide_no_nan(y, p)


def _bce_curvature(xp: Backend, y: Array, p: Array, w: Any) -> Array:
    by_negatives = xp.divide_no_nan(xp.divide_no_nan(1 - y, 1 - p), 1 - p)
    return by_negatives + xp.divide_no_nan(xp.divide_no_nan(w * y, p), p)


_BCE = Elementwise[Of2](
    "bce",
    formula=lambda xp, y, p: -xp.xlogy(y, p) - xp.xlog1py(1 - y, -p),
    derivatives=[lambda xp, y, p: xp.log1p(-p) - xp.log(p), _bce_derivative],
    curvature=lambda xp, y, p: _bce_curvature(xp, y, p, 1.0),
    predicted=1,
)

_WEIGHTED_BCE_LOGITS = Elementwise[Of3](
    "weighted_bce_logits",
    formula=lambda xp, y, z, w: (
        xp.multiply_no_nan(w * y, xp.softplus(-z))
        + xp.multiply_no_nan(1 - y, xp.softplus(z))
    ),
    derivatives=[
        lambda xp, y, z, w: w * xp.softplus(-z) - xp.softplus(z),
        lambda xp, y, z, w: (1 - y) * xp.sigmoid(z) - w * y * xp.sigmoid(-z),
        lambda xp, y, z, w: xp.multiply_no_nan(y, xp.softplus(-z)),
    ],
    curvature=lambda xp, y, z, w: (1 - y + w * y) * (xp.sigmoid(z) * xp.sigmoid(-z)),
    predicted=1,
)

_WEIGHTED_BCE = Elementwise[Of3](
    "weighted_bce",
    formula=lambda xp, y, p, w: -xp.xlogy(w * y, p) - xp.xlog1py(1 - y, -p),
    derivatives=[
        lambda xp, y, p, w: xp.log1p(-p) - w * xp.log(p),
        lambda xp, y, p, w: xp.divide_no_nan(1 - y, 1 - p) - xp.divide_no_nan(w * y, p),
        lambda xp, y, p, w: -xp.xlogy(y, p),
    ],
    curvature=_bce_curvature,
    predicted=1,
)

# By (from_logits, has pos_weight).
_BINARY: dict[tuple[bool, bool], Elementwise[Any]] = {
    (False, False): _BCE,
    (True, False): _BCE_LOGITS,
    (False, True): _WEIGHTED_BCE,
    (True, True): _WEIGHTED_BCE_LOGITS,
}


def _probabilities(
    xp: Backend, p: Array, eps: float | None, weights: Weights | None
) -> Array:
    p = checks.within_unit(xp, p, "y_pred", USE_LOGITS, weights)
    if eps is None:
        return p
    eps = check_between("eps", eps, 0, 0.5)
    # In PyTorch and TensorFlow the slope of a clip is 0 at NaN.
    return xp.where(p == p, xp.clip(p, eps, 1 - eps), p)


@loss("distributions", adapted=True)
def cross_entropy(
    y_true: Any,
    y_pred: Any,
    *,
    from_logits: bool = False,
    class_weight: Any = None,
    label_smoothing: float = 0.0,
    axis: int = -1,
    eps: float | None = None,
    sample_weight: Any = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Cross-entropy against one-hot or soft targets, in nats.

    .. math:: \ell = -\sum_c y_c \log p_c, \qquad p = \operatorname{softmax}(z), \qquad
              \frac{\partial\ell}{\partial z_c} = p_c \sum_k y_k - y_c

    which is p_c - y_c for targets that sum to 1. It is at most 4 ulp of the largest of
    1, the sizes of the logits and the loss off. Logits of -inf rule a class out; a row
    of nothing else has no softmax and gives NaN.

    Parameters
    ----------
    y_true : array
        Distributions over the classes (0 or more; they need not sum to 1).
    y_pred : array
        Probabilities in [0, 1], or logits; same shape as `y_true`.
    from_logits : bool
        Whether `y_pred` holds logits z.
    class_weight : array, optional
        One weight a class: the loss is -sum w_c y_c log p_c, and ``"mean"`` divides by
        the sum of w_c y_c.
    label_smoothing : float
        Moves targets to y (1 - s) + s / C.
    axis : int
        Where the classes are; PyTorch images (N, C, H, W) have them on axis 1.
    eps : float, optional
        Clips probabilities to [eps, 1 - eps].
    sample_weight, reduction : optional
        As in :func:`lossbook.mse`; the losses have the shape without the class axis.

    Returns
    -------
    array
        A scalar, or with ``"none"`` the losses of the samples.

    Raises
    ------
    ValueError
        If probabilities leave [0, 1], a target is negative, and as in
        :func:`lossbook.mse`.

    Examples
    --------
    >>> import lossbook as lb
    >>> round(float(lb.cross_entropy([[1, 0]], [[0.9, 0.1]])), 3)
    0.105
    """
    check_flag("from_logits", from_logits)
    label_smoothing = check_between("label_smoothing", label_smoothing, 0, 1)
    xp, y_true, y_pred, weights = class_inputs.distributions(
        y_true, y_pred, axis, sample_weight, reduction, class_weight
    )
    y_true = checks.not_negative(xp, y_true, "y_true", PROBABILITIES, weights)
    if not from_logits:
        y_pred = _probabilities(xp, y_pred, eps, weights)
    y_smooth, mass = surprise.smoothed(xp, y_true, label_smoothing), None
    if class_weight is not None:
        classes = xp.shape(y_pred)[-1]
        weight = class_weight_of(xp, class_weight, classes, "class_weight", y_pred)
        weight = along_last(xp, weight, y_pred)
        y_smooth, mass = y_smooth * weight, xp.sum(y_true * weight, axis=-1)
    losses = surprise.soft(xp, y_smooth, y_pred, from_logits)
    return reduce(xp, losses, weights, reduction, mass)


@loss("labels", adapted=True)
def sparse_cross_entropy(
    y_true: Any,
    y_pred: Any,
    *,
    from_logits: bool = False,
    class_weight: Any = None,
    label_smoothing: float = 0.0,
    axis: int = -1,
    ignore_index: int | None = None,
    eps: float | None = None,
    sample_weight: Any = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Cross-entropy against integer labels, in nats.

    .. math:: \ell = -\log p_y, \qquad p = \operatorname{softmax}(z), \qquad
              \frac{\partial\ell}{\partial z_c} = p_c - [c = y]

    Parameters
    ----------
    y_true : array of integers
        Labels 0 to C - 1, in the shape of `y_pred` without the class axis.
    y_pred : array
        Probabilities in [0, 1], or logits, one a class.
    from_logits : bool
        Whether `y_pred` holds logits z.
    class_weight : array, optional
        One weight a class; ``"mean"`` divides by the sum of the weights of the labels.
    label_smoothing : float
        Spreads this share of each target evenly over all classes.
    axis : int
        Where the classes are; PyTorch images (N, C, H, W) have them on axis 1.
    ignore_index : int, optional
        A label that counts nothing. If all are ignored, loss and gradient are 0.
    eps : float, optional
        Clips probabilities to [eps, 1 - eps].
    sample_weight, reduction : optional
        As in :func:`lossbook.mse`; the losses have the shape of the labels.

    Returns
    -------
    array
        A scalar, or with ``"none"`` the losses in the shape of `y_true`.

    Raises
    ------
    ValueError
        If a label is out of range, probabilities leave [0, 1], and as in
        :func:`lossbook.mse`.
    TypeError
        If the labels are not integers.

    Examples
    --------
    >>> import lossbook as lb
    >>> round(float(lb.sparse_cross_entropy([0], [[0.9, 0.1]])), 3)
    0.105
    """
    check_flag("from_logits", from_logits)
    label_smoothing = check_between("label_smoothing", label_smoothing, 0, 1)
    batch = class_inputs.prepare(
        y_true,
        y_pred,
        axis,
        ignore_index,
        sample_weight,
        reduction,
        class_weight=class_weight,
    )
    if not from_logits:
        p = _probabilities(batch.xp, batch.scores, eps, batch.weights)
        batch = batch._replace(scores=p)
    loss = surprise.surprise_at_once(batch, from_logits, label_smoothing, reduction)
    if loss is not None:
        return loss
    if from_logits and class_weight is None and not label_smoothing:
        return batch.reduced(surprise.LOGIT_SURPRISE, reduction)
    losses = surprise.weighted_surprise(batch, from_logits, label_smoothing)
    return batch.reduce(losses, reduction)


@loss("distributions", adapted=True)
def kl_divergence(
    y_true: Any,
    y_pred: Any,
    *,
    from_logits: bool = False,
    axis: int = -1,
    eps: float | None = None,
    sample_weight: Any = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Kullback-Leibler divergence of the prediction from the truth, in nats.

    .. math:: \ell = \sum_c y_c \log\frac{y_c}{p_c}

    It is the cross-entropy less the entropy of the truth, so its floor is 0. A class
    with y = 0 adds nothing, even where p = 0.

    Parameters
    ----------
    y_true : array
        Distributions over the classes.
    y_pred : array
        Probabilities in [0, 1], or logits; same shape.
    from_logits : bool
        Whether `y_pred` holds logits z.
    axis : int
        Where the classes are.
    eps : float, optional
        Clips probabilities to [eps, 1 - eps].
    sample_weight, reduction : optional
        As in :func:`lossbook.mse`; the losses have the shape without the class axis.

    Returns
    -------
    array
        A scalar, or with ``"none"`` the losses of the samples.

    Raises
    ------
    ValueError
        If targets or probabilities leave [0, 1], and as in :func:`lossbook.mse`.

    References
    ----------
    Kullback, S., Leibler, R. A. (1951), On information and sufficiency.

    Examples
    --------
    >>> import lossbook as lb
    >>> float(lb.kl_divergence([[0.5, 0.5, 0.0]], [[0.5, 0.5, 0.0]]))
    0.0
    """
    check_flag("from_logits", from_logits)
    xp, y_true, y_pred, weights = class_inputs.distributions(
        y_true, y_pred, axis, sample_weight, reduction
    )
    y_true = checks.within_unit(xp, y_true, "y_true", PROBABILITIES, weights)
    if not from_logits:
        y_pred = _probabilities(xp, y_pred, eps, weights)
    losses = surprise.divergence(xp, y_true, y_pred, from_logits)
    return reduce(xp, losses, weights, reduction)


@loss("either", adapted=True)
def log_loss(
    y_true: Any,
    y_pred: Any,
    *,
    eps: float | None = None,
    sample_weight: Any = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Cross-entropy of labels and probabilities, as scikit-learn calls it, in nats.

    .. math:: \ell = -\log p_y

    Parameters
    ----------
    y_true : array of integers
        Labels, of shape (n,).
    y_pred : array
        Probabilities, of shape (n, C); or (n,) or (n, 1), those of label 1.
    eps : float, optional
        Clips probabilities to [eps, 1 - eps]; scikit-learn does so by the dtype's eps.
    sample_weight, reduction : optional
        As in :func:`lossbook.mse`.

    Returns
    -------
    array
        A scalar, or with ``"none"`` the losses in the shape of `y_true`.

    Raises
    ------
    ValueError
        As in :func:`sparse_cross_entropy` and :func:`binary_cross_entropy`.

    Examples
    --------
    >>> import lossbook as lb
    >>> round(float(lb.log_loss([1, 0], [0.9, 0.1])), 3)
    0.105
    """
    options: Any = {"eps": eps, "sample_weight": sample_weight, "reduction": reduction}
    shape = class_inputs.shape(y_pred, "y_pred")
    if len(shape) > 1 and shape[-1] != 1:
        return sparse_cross_entropy(y_true, y_pred, **options)
    if 1 < len(shape) == 1 + len(class_inputs.shape(y_true, "y_true")):
        y_pred = backend_of(y_pred).asarray(y_pred, "y_pred")[..., 0]
    return binary_cross_entropy(y_true, y_pred, **options)
