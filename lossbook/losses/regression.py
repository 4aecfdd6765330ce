"""Losses for numbers, which say what it costs to miss the truth by so much.

Most of them are a function of one thing, the error e = y_pred - y_true. Below each
public function stand its formula and, as the optimizer sees only that, its slope dl/de;
then its curvature, where it has one, for Newton's method and boosted trees.
"""

from __future__ import annotations

from math import inf, log, pi
from typing import Any

from lossbook.backends import Array, Backend, Of1, Of2, Of3
from lossbook.core import checks
from lossbook.core.checks import check_between, check_flag, check_positive
from lossbook.core.inputs import float_arrays, prepare, weights_of
from lossbook.core.pointwise import Elementwise, constant_like, of_error
from lossbook.core.reduction import Reduction, reduce
from lossbook.core.registry import loss

LOG_2 = log(2)


@loss("elements", adapted=True)
def mse(
    y_true: Any,
    y_pred: Any,
    *,
    sample_weight: Any = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Mean squared error.

    .. math:: \ell = (\hat y - y)^2, \qquad \ell' = 2(\hat y - y)

    Its minimum over a constant is the mean of the data; it is the negative
    log-likelihood of Gaussian noise, up to a factor and a constant.

    Parameters
    ----------
    y_true, y_pred : array
        Truth and prediction, of the same shape. The loss has the square of their unit.
    sample_weight : array, optional
        One weight a loss, or one a sample (the leading axes).
    reduction : {"mean", "sum", "none", "sum_over_batch_size"}
        ``"mean"`` is sum(w l) / sum(w); ``"sum_over_batch_size"`` is sum(w l) / n.

    Returns
    -------
    array
        A scalar, or with ``"none"`` the losses in the shape of `y_pred`.

    Raises
    ------
    ValueError
        If the shapes differ, a weight is negative, or a mean is asked of an empty
        batch, whose sum is 0.

    References
    ----------
    Gauss, C. F. (1809), Theoria motus corporum coelestium.

    Examples
    --------
    >>> import lossbook as lb
    >>> float(lb.mse([3, 5], [2.5, 5.5]))
    0.25
    """
    return of_error(_MSE, y_true, y_pred, sample_weight, reduction)


_MSE = Elementwise[Of1](
    "mse",
    formula=lambda xp, error: error * error,
    derivatives=[lambda xp, error: 2 * error],
    curvature=lambda xp, error: constant_like(xp, error, 2.0),
)


@loss("elements", adapted=True)
def rmse(
    y_true: Any,
    y_pred: Any,
    *,
    sample_weight: Any = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Root of the mean squared error, in the unit of the data.

    .. math:: L = \sqrt{\tfrac1n \textstyle\sum_i (\hat y_i - y_i)^2}, \qquad
              \frac{\partial L}{\partial \hat y_i} = \frac{\hat y_i - y_i}{n L}

    It has its minimum where `mse` has. At zero error the gradient is taken as 0, where
    the formula alone would give 0/0.

    Parameters
    ----------
    y_true, y_pred : array
        Truth and prediction, of the same shape.
    sample_weight : optional
        As in :func:`mse`.
    reduction : {"mean", "sum", "none", "sum_over_batch_size"}
        Applied under the root. With ``"none"`` the root is taken of each squared error,
        which makes it the absolute error, and a weight multiplies that.

    Returns
    -------
    array
        A scalar, or with ``"none"`` the losses in the shape of `y_pred`.

    Examples
    --------
    >>> import lossbook as lb
    >>> float(lb.rmse([3, 5], [2.5, 5.5]))
    0.5
    """
    if reduction == "none":
        return mae(y_true, y_pred, sample_weight=sample_weight, reduction=reduction)
    xp, y_true, y_pred, weights = prepare(
        y_true, y_pred, sample_weight, reduction, difference=True
    )
    if 0 in xp.shape(y_pred):  # the sum of nothing, whose largest error is unknown
        return xp.sum(y_pred)
    # Squares of errors beyond 1e19 or below 1e-19 leave the range of float32: divide by
    # the largest error that counts first.
    size = xp.stop_gradient(xp.abs(y_pred - y_true))
    if weights is not None:
        size = xp.where(weights.values == 0, xp.zeros_like(size), size)
    largest = xp.max(xp.reshape(size, (-1,)), axis=0)
    usual = (largest > 0) & (largest < inf)
    unit = xp.where(usual, largest, xp.zeros_like(largest) + 1)
    squares = _MSE.losses(xp, (y_pred - y_true) / unit)
    mean = reduce(xp, squares, weights, reduction)
    return unit * _ROOT.losses(xp, mean)


_ROOT = Elementwise[Of1](
    "root",
    formula=lambda xp, mean: xp.sqrt(mean),
    derivatives=[
        lambda xp, mean: xp.where(
            mean == 0, mean * 0, 0.5 / xp.sqrt(xp.where(mean == 0, mean + 1, mean))
        )
    ],
)


@loss("elements", adapted=True)
def mae(
    y_true: Any,
    y_pred: Any,
    *,
    sample_weight: Any = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Mean absolute error.

    .. math:: \ell = |\hat y - y|, \qquad \ell' = \operatorname{sign}(\hat y - y)

    Its minimum over a constant is the median; an outlier pulls no harder than any other
    point. At zero error the slope is 0.

    Parameters
    ----------
    y_true, y_pred : array
        Truth and prediction, of the same shape. The loss has their unit.
    sample_weight, reduction : optional
        As in :func:`mse`.

    Returns
    -------
    array
        A scalar, or with ``"none"`` the losses in the shape of `y_pred`.

    Examples
    --------
    >>> import lossbook as lb
    >>> float(lb.mae([3, 5], [2.5, 5.5]))
    0.5
    """
    return of_error(_MAE, y_true, y_pred, sample_weight, reduction)


_MAE = Elementwise[Of1](
    "mae",
    formula=lambda xp, error: xp.abs(error),
    derivatives=[lambda xp, error: xp.sign(error)],
)


@loss("elements", adapted=True)
def huber(
    y_true: Any,
    y_pred: Any,
    *,
    delta: float = 1.0,
    sample_weight: Any = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Huber loss: squared near zero, absolute beyond `delta`.

    .. math:: \ell = \tfrac12 q^2 + \delta\,(|e| - q), \quad q = \min(|e|, \delta),
              \qquad \ell' = \operatorname{clip}(e, -\delta, \delta)

    Parameters
    ----------
    y_true, y_pred : array
        Truth and prediction, of the same shape; e = y_pred - y_true.
    delta : float
        Where the parabola becomes a line, in the unit of the data.
    sample_weight, reduction : optional
        As in :func:`mse`.

    Returns
    -------
    array
        A scalar, or with ``"none"`` the losses in the shape of `y_pred`.

    Raises
    ------
    ValueError
        If `delta` is not positive, and as in :func:`mse`.

    References
    ----------
    Huber, P. J. (1964), Robust estimation of a location parameter.

    Examples
    --------
    >>> import lossbook as lb
    >>> lb.huber([0, 0], [0.5, 3.0], reduction="none")
    array([0.125, 2.5  ])
    """
    delta = check_positive("delta", delta)
    return of_error(_HUBER, y_true, y_pred, sample_weight, reduction, delta=delta)


def _huber(xp: Backend, error: Array, delta: float) -> Array:
    size = xp.abs(error)
    quadratic = xp.minimum(size, delta)
    linear = size - quadratic
    return 0.5 * quadratic * quadratic + delta * linear


_HUBER = Elementwise[Of2](
    "huber",
    formula=_huber,
    derivatives=[lambda xp, error, delta: xp.clip(error, -delta, delta)],
    curvature=lambda xp, error, delta: xp.where(
        xp.abs(error) > delta, xp.zeros_like(error), constant_like(xp, error, 1.0)
    ),
    parabola=lambda xp, error, delta: delta / xp.maximum(xp.abs(error), delta),
)


@loss("elements", adapted=True)
def log_cosh(
    y_true: Any,
    y_pred: Any,
    *,
    sample_weight: Any = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Logarithm of the hyperbolic cosine of the error: a Huber loss without a seam.

    .. math:: \ell = \log\cosh e, \qquad \ell' = \tanh e

    Near zero it is e²/2, far out ``|e| - log 2``. Both ends keep their digits: 5e-9 at
    an error of 1e-4, where log(cosh(e)) as written gives 0 in float32. It is at most 5
    ulp off, of which the rounding of the error itself is 1 to 2.

    Parameters
    ----------
    y_true, y_pred : array
        Truth and prediction, of the same shape; e = y_pred - y_true.
    sample_weight, reduction : optional
        As in :func:`mse`.

    Returns
    -------
    array
        A scalar, or with ``"none"`` the losses in the shape of `y_pred`.

    Examples
    --------
    >>> import lossbook as lb
    >>> round(float(lb.log_cosh(0.0, 1000.0)), 4)
    999.3069
    """
    return of_error(_LOG_COSH, y_true, y_pred, sample_weight, reduction)


def _log_cosh(xp: Backend, error: Array) -> Array:
    size = xp.abs(error)
    # cosh e = 1 + 2 sinh²(e/2): no digit of a small error is lost in the 1.
    half = xp.sinh(xp.minimum(size, 2.0) / 2)
    near = size < 2
    # Far out cosh e = e^|e| (1 + e^-2|e|) / 2. One logarithm serves both ends.
    beyond_one = xp.where(near, 2 * half * half, xp.exp(-2 * size))
    line = xp.where(near, xp.zeros_like(size), size - LOG_2)
    return line + xp.log1p(beyond_one)


def _sech_squared(xp: Backend, error: Array) -> Array:
    # 1 - tanh² would lose all digits far out; there e^-|e| does not overflow.
    small = xp.exp(-2 * xp.abs(error))
    return 4 * small / xp.square(1 + small)


def _tanh_over_error(xp: Backend, error: Array) -> Array:
    safe = xp.where(error == 0, error + 1, error)
    return xp.where(error == 0, error + 1, xp.tanh(safe) / safe)


_LOG_COSH = Elementwise[Of1](
    "log_cosh",
    formula=_log_cosh,
    derivatives=[lambda xp, error: xp.tanh(error)],
    curvature=_sech_squared,
    parabola=_tanh_over_error,
)


@loss("elements", adapted=True)
def quantile(
    y_true: Any,
    y_pred: Any,
    *,
    q: float = 0.5,
    sample_weight: Any = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Quantile (pinball) loss: a miss costs q a unit below the truth, 1 - q above it.

    .. math:: \ell = \max\bigl(q\,(y - \hat y),\ (q-1)\,(y - \hat y)\bigr), \qquad
              \ell' = \begin{cases} 1-q & \hat y > y \\ -q & \hat y < y \end{cases}

    Its minimum over a constant is the q-quantile of the data; q = 0.5 is half of `mae`.
    At zero error the slope is 0.

    Parameters
    ----------
    y_true, y_pred : array
        Truth and prediction, of the same shape.
    q : float
        Which quantile to predict, in [0, 1]. At 0 and 1, the smallest and the largest
        value, misses on one side cost nothing: there the derivative is 0.
    sample_weight, reduction : optional
        As in :func:`mse`.

    Returns
    -------
    array
        A scalar, or with ``"none"`` the losses in the shape of `y_pred`.

    Raises
    ------
    ValueError
        If `q` is not in [0, 1], and as in :func:`mse`.

    References
    ----------
    Koenker, R., Bassett, G. (1978), Regression quantiles.

    Examples
    --------
    >>> import lossbook as lb
    >>> lb.quantile([0.0, 0.0], [-1.0, 1.0], q=0.9, reduction="none").round(3)
    array([0.9, 0.1])
    """
    q = check_between("q", q, 0, 1)
    return of_error(_QUANTILE, y_true, y_pred, sample_weight, reduction, q=q)


_QUANTILE = Elementwise[Of2](
    "quantile",
    formula=lambda xp, error, q: xp.maximum((1 - q) * error, -q * error),
    derivatives=[
        lambda xp, error, q: (
            (1 - q) * xp.maximum(xp.sign(error), 0.0)
            + q * xp.minimum(xp.sign(error), 0.0)
        )
    ],
)


@loss("elements", adapted=True)
def poisson_nll(
    y_true: Any,
    y_pred: Any,
    *,
    log_input: bool = False,
    sample_weight: Any = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Negative log-likelihood of counts under a Poisson distribution, in nats.

    .. math:: \ell = \hat y - y \log \hat y, \qquad \ell' = 1 - y / \hat y

    The term log y!, which no prediction changes, is left out. Where the two terms
    cancel, the last digits do too: the error is at most 4 ulp of the largest of the
    terms and their sum.

    Parameters
    ----------
    y_true : array
        Counts, 0 or more.
    y_pred : array
        Expected counts; with `log_input` their logarithms, of the same shape.
    log_input : bool
        Whether `y_pred` is z = log(rate): the loss is then exp(z) - y z.
    sample_weight, reduction : optional
        As in :func:`mse`.

    Returns
    -------
    array
        A scalar, or with ``"none"`` the losses in the shape of `y_pred`.

    Raises
    ------
    ValueError
        If a count, or a rate that is not a logarithm, is negative; and as in
        :func:`mse`.

    Examples
    --------
    >>> import lossbook as lb
    >>> float(lb.poisson_nll([0, 2], [1.0, 1.0]))
    1.0
    """
    check_flag("log_input", log_input)
    xp, y_true, y_pred, weights = prepare(y_true, y_pred, sample_weight, reduction)
    fix = "Poisson counts are not negative."
    y_true = checks.not_negative(xp, y_true, "y_true", fix, weights)
    if not log_input:
        fix = "Pass log_input=True for log-rates."
        y_pred = checks.not_negative(xp, y_pred, "y_pred", fix, weights)
    loss = _POISSON_LOG if log_input else _POISSON
    return loss.reduced(xp, y_true, y_pred, weights=weights, reduction=reduction)


_POISSON = Elementwise[Of2](
    "poisson_nll",
    formula=lambda xp, y, rate: rate - xp.xlogy(y, rate),
    derivatives=[
        lambda xp, y, rate: -xp.log(rate),
        # 1 - y / rate, which is 1 where both are 0
        lambda xp, y, rate: xp.divide_no_nan(rate - y, rate) + (1 - xp.sign(rate + y)),
    ],
    curvature=lambda xp, y, rate: xp.divide_no_nan(xp.divide_no_nan(y, rate), rate),
    predicted=1,
)


def _times_log_rate(xp: Backend, y: Array, z: Array) -> Array:
    """Return y z, 0 where y is, without z whose exp(z) is infinite anyway.

    Of these XLA would make inf - inf, and say that it is -inf.
    """
    known = xp.range_of(z)
    if known is not None and -inf < known[0] and known[1] < 1e4:
        return y * z
    return xp.multiply_no_nan(y, xp.minimum(z, 1e4))


_POISSON_LOG = Elementwise[Of2](
    "poisson_nll_log",
    formula=lambda xp, y, z: xp.exp(z) - _times_log_rate(xp, y, z),
    derivatives=[lambda xp, y, z: -z, lambda xp, y, z: xp.exp(z) - y],
    curvature=lambda xp, y, z: xp.exp(z),
    predicted=1,
)


@loss("elements")
def gaussian_nll(
    y_true: Any,
    mean: Any,
    variance: Any,
    *,
    full: bool = False,
    sample_weight: Any = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Negative log-likelihood of Gaussian noise of a predicted variance, in nats.

    .. math:: \ell = \tfrac12\Bigl(\log v + \frac{(\hat y - y)^2}{v}\Bigr), \qquad
              \frac{\partial\ell}{\partial\hat y} = \frac{\hat y - y}{v}, \qquad
              \frac{\partial\ell}{\partial v} = \frac{v - (\hat y - y)^2}{2 v^2}

    Where the two terms cancel, the last digits do too: the error is at most 4 ulp of
    the largest of the terms, with `full` its constant among them, and their sum.

    Parameters
    ----------
    y_true, mean, variance : array
        Truth, predicted mean and predicted variance (the square of the unit), all of
        the same shape; the variance is positive.
    full : bool
        Whether to add the constant log(2 pi) / 2.
    sample_weight, reduction : optional
        As in :func:`mse`.

    Returns
    -------
    array
        A scalar, or with ``"none"`` the losses in the shape of `mean`.

    Raises
    ------
    ValueError
        If a variance is not positive, and as in :func:`mse`.

    References
    ----------
    Nix, D. A., Weigend, A. S. (1994), Estimating the mean and variance of the target
    probability distribution.

    Examples
    --------
    >>> import lossbook as lb
    >>> float(lb.gaussian_nll([0.0], [2.0], [1.0]))
    2.0
    """
    check_flag("full", full)
    arrays = {"y_true": y_true, "mean": mean, "variance": variance}
    xp, (y_true, mean, variance) = float_arrays(
        arrays, "mean", sample_weight, reduction
    )
    weights = weights_of(xp, sample_weight, mean)
    variance = checks.positive(xp, variance, "variance", _POSITIVE_VARIANCE, weights)
    return _GAUSSIAN.reduced(
        xp,
        mean - y_true,
        variance,
        weights=weights,
        reduction=reduction,
        constant=log(2 * pi) / 2 if full else 0.0,
    )


_POSITIVE_VARIANCE = (
    "Predict its logarithm and pass exp of that, or pass softplus of the output."
)


_GAUSSIAN = Elementwise[Of3](
    "gaussian_nll",
    formula=lambda xp, error, v, constant: (
        0.5 * (xp.log(v) + error / v * error) + constant
    ),
    derivatives=[
        lambda xp, error, v, constant: error / v,
        lambda xp, error, v, constant: 0.5 * (1 - error / v * error) / v,
    ],
    curvature=lambda xp, error, v, constant: constant_like(xp, error, 1.0) / v,
)
