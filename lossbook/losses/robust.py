"""A family that holds the squared, Huber-like, Cauchy and Welsch losses at once."""

from __future__ import annotations

from typing import Any

from lossbook.backends import Array, Backend, Of3
from lossbook.core.checks import check_positive
from lossbook.core.inputs import prepare
from lossbook.core.pointwise import Elementwise
from lossbook.core.reduction import Reduction
from lossbook.core.registry import loss

_FAR = 1e18  # beyond this alpha the loss is its limit to the last digit of its data


@loss("elements", adapted=True)
def adaptive_robust(
    y_true: Any,
    y_pred: Any,
    *,
    alpha: Any,
    scale: float = 1.0,
    sample_weight: Any = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Barron's general and adaptive robust loss.

    .. math:: \ell = \frac{|\alpha - 2|}{\alpha}
              \Bigl[\Bigl(\frac{(e/s)^2}{|\alpha - 2|} + 1\Bigr)^{\alpha/2} - 1\Bigr]

    with its limits: alpha = 2 half the squared error, 1 a smooth absolute error, 0 the
    Cauchy loss log(1 + (e/s)²/2), -2 Geman-McClure, -inf Welsch 1 - exp(-(e/s)²/2). The
    published formula is 0/0 at 0 and 2; here it is

    .. math:: \ell = b\,\frac{\operatorname{expm1}(\alpha u / 2)}{\alpha}, \qquad
              u = \log(1 + (e/s)^2 / b), \qquad b = \max(|\alpha - 2|, \epsilon).

    An exponential magnifies the rounding of its exponent t = alpha u / 2: value and
    slope are at most 10 + 8 \|t\| ulp off.

    Parameters
    ----------
    y_true, y_pred : array
        Truth and prediction, of the same shape; e = y_pred - y_true.
    alpha : number or scalar array
        The shape; the lower, the less an outlier pulls. An array of the framework is
        differentiated too, so that alpha can be learned. Its derivative grows without
        bound, like -log b, near alpha = 2 and is finite at 2 itself.
    scale : float
        The size s of an ordinary error, in the unit of the data.
    sample_weight, reduction : optional
        As in :func:`lossbook.mse`.

    Returns
    -------
    array
        A scalar, or with ``"none"`` the losses in the shape of `y_pred`.

    Raises
    ------
    ValueError
        If `scale` is not positive or `alpha` is not a single number, and as in
        :func:`lossbook.mse`.

    References
    ----------
    Barron, J. T. (2019), A general and adaptive robust loss function.

    Examples
    --------
    >>> import lossbook as lb
    >>> [round(float(lb.adaptive_robust([0.0], [2.0], alpha=a)), 4) for a in (2, 1, 0)]
    [2.0, 1.2361, 1.0986]
    """
    scale = check_positive("scale", scale)
    xp, y_true, y_pred, weights = prepare(
        y_true, y_pred, sample_weight, reduction, alpha, difference=True
    )
    shape = xp.cast(xp.asarray(alpha, "alpha", y_pred), y_pred)
    if xp.shape(shape) not in ((), (1,)):
        raise ValueError(
            f"alpha must be a single number, got shape {xp.shape(shape)}. Call the "
            "loss once for each alpha."
        )
    shape = xp.clip(xp.reshape(shape, ()), -_FAR, _FAR)
    error = y_pred - y_true
    # The slope by alpha is one number an element; adding zeros sums it in the gradient.
    each = shape + xp.zeros_like(xp.stop_gradient(error))
    return _ADAPTIVE.reduced(
        xp, error, each, weights=weights, reduction=reduction, scale=scale
    )


def _parts(xp: Backend, error: Array, alpha: Array) -> tuple[Array, Array, Array]:
    """Return b = max(|alpha - 2|, eps), u = |e| / sqrt(b), log r of r² = 1 + u².

    Here and below the error is one in units of the scale.
    """
    b = xp.maximum(xp.abs(alpha - 2), 1e-7)
    u = xp.abs(error) / xp.sqrt(b)
    v = _at_least_one(xp, u)
    near, far = xp.log1p(u * u) / 2, xp.log(v) + xp.log1p(1 / (v * v)) / 2
    return b, u, xp.where(u < 1, near, far)


def _at_least_one(xp: Backend, u: Array) -> Array:
    """Return `u`, 1 where it is less and not used, so that no slope there is NaN."""
    return xp.maximum(u, 1.0)


def _power_of_r(xp: Backend, exponent: Array, u: Array, log_r: Array) -> Array:
    """Return r ** exponent: where r is large a power keeps more digits than exp."""
    v = _at_least_one(xp, u)
    far = xp.power(v * xp.sqrt(1 + 1 / (v * v)), exponent)
    return xp.where(u < 1, xp.exp(exponent * log_r), far)


def _adaptive(xp: Backend, error: Array, alpha: Array) -> Array:
    b, u, log_r = _parts(xp, error, alpha)
    t = alpha * log_r
    # Where u² would underflow, b log r is half the square of the error.
    core = xp.where(u < 1e-9, error * error / 2, b * log_r)
    smooth = core * _expm1_over(xp, t)
    # b r^alpha may fit where r^alpha alone does not: half of the power, twice.
    half = _power_of_r(xp, alpha / 2, u, log_r)
    plain = (b * half * half - b) / xp.where(alpha == 0, b, alpha)
    return xp.where((u < 1) | (xp.abs(t) < 0.5), smooth, plain)


def _expm1_over(xp: Backend, t: Array) -> Array:
    """Return expm1(t) / t, which is 1 at 0."""
    safe = xp.where(t == 0, t + 1, t)
    return xp.where(t == 0, t + 1, xp.expm1(safe) / safe)


def _by_error(xp: Backend, error: Array, alpha: Array) -> Array:
    _, u, log_r = _parts(xp, error, alpha)
    v = _at_least_one(xp, u)
    far = error / (v * xp.sqrt(1 + 1 / (v * v))) * _power_of_r(xp, alpha - 1, u, log_r)
    return xp.where(u < 1, error * xp.exp((alpha - 2) * log_r), far)


def _by_alpha(xp: Backend, error: Array, alpha: Array) -> Array:
    b, u, log_r = _parts(xp, error, alpha)
    side = xp.where(alpha < 2, alpha * 0 - 1, alpha * 0 + 1)
    t = alpha * log_r
    power, v = _power_of_r(xp, alpha, u, log_r), _at_least_one(xp, u)
    fraction = xp.where(u < 1, u * u / (1 + u * u), 1 / (1 + 1 / (v * v)))
    tail = -side * power * fraction / 2
    # Near alpha = 0 the two terms of the derivative cancel; there a series is used.
    near = xp.abs(t) < 0.05
    small = xp.where(near, t, t * 0)
    series = 0.5 + small * (1 / 3 + small * (1 / 8 + small * (1 / 30 + small / 144)))
    at_zero = log_r * (2 * series * log_r - power)
    safe = xp.where(near, alpha * 0 + 1, alpha)
    away = log_r / safe * (2 * side * _expm1_over(xp, t) + b * power)
    return xp.where(near & (alpha < 2), at_zero, away) + tail


def _by_error_twice(xp: Backend, error: Array, alpha: Array) -> Array:
    """Return r^(alpha - 4) (1 + (alpha - 1) u²); for alpha below 1 it changes sign."""
    _, u, log_r = _parts(xp, error, alpha)
    near = xp.exp((alpha - 4) * log_r) * (1 + (alpha - 1) * u * u)
    v = _at_least_one(xp, u)
    over = 1 / (v * v)
    far = _power_of_r(xp, alpha - 2, u, log_r) * (over + (alpha - 1)) / (1 + over)
    return xp.where(u < 1, near, far)


def _above(xp: Backend, error: Array, alpha: Array) -> Array:
    """Return gradient / error = r^(alpha - 2), above alpha = 2 the curvature."""
    _, u, log_r = _parts(xp, error, alpha)
    ratio = _power_of_r(xp, alpha - 2, u, log_r)
    return xp.where(alpha > 2, _by_error_twice(xp, error, alpha), ratio)


_ADAPTIVE = Elementwise[Of3](
    "adaptive_robust",
    formula=lambda xp, error, alpha, scale: _adaptive(xp, error / scale, alpha),
    derivatives=[
        lambda xp, error, alpha, scale: _by_error(xp, error / scale, alpha) / scale,
        lambda xp, error, alpha, scale: _by_alpha(xp, error / scale, alpha),
    ],
    curvature=lambda xp, error, alpha, scale: (
        _by_error_twice(xp, error / scale, alpha) / (scale * scale)
    ),
    parabola=lambda xp, error, alpha, scale: (
        _above(xp, error / scale, alpha) / (scale * scale)
    ),
)
