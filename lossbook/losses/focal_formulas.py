"""The formulas of focal loss, hard and soft, with their derivatives."""

from __future__ import annotations

from lossbook.backends import Array, Backend, Of2, Of3
from lossbook.core.pointwise import Elementwise


def _over(xp: Backend, x: Array, distance: Array, limit: Array) -> Array:
    """Return x / distance, and its limit where the distance is 0.

    Of a surprise -log(1 - w) and the distance w the limit is 1.
    """
    nothing = distance == 0
    safe = xp.where(nothing, distance + 1, distance)
    return xp.where(nothing, limit, x / safe)


def _focal_logits(xp: Backend, y: Array, z: Array, gamma: float) -> Array:
    against = (1 - 2 * y) * z  # -z where y = 1
    return xp.power(xp.sigmoid(against), gamma) * xp.softplus(against)


def _focal_logits_derivative(xp: Backend, y: Array, z: Array, gamma: float) -> Array:
    sign = 1 - 2 * y
    against = sign * z
    p_wrong = xp.sigmoid(against)
    inner = p_wrong + gamma * xp.sigmoid(-against) * xp.softplus(against)
    return sign * xp.power(p_wrong, gamma) * inner


def _focal_logits_terms(
    xp: Backend, y: Array, z: Array, gamma: float
) -> tuple[Array, Array, Array]:
    """Return what the curvature is the product and the sum of.

    With q the probability of the wrong class it is
    q^gamma (1 - q) [(2 gamma + 1) q + gamma (gamma (1 - q) - q) softplus]; the last
    term is negative where the answer is wrong.
    """
    against = (1 - 2 * y) * z
    p_wrong, p_right = xp.sigmoid(against), xp.sigmoid(-against)
    factor = xp.power(p_wrong, gamma) * p_right
    turning = gamma * (gamma * p_right - p_wrong)
    return factor, (2 * gamma + 1) * p_wrong, turning * xp.softplus(against)


def _focal_logits_curvature(xp: Backend, y: Array, z: Array, gamma: float) -> Array:
    factor, first, second = _focal_logits_terms(xp, y, z, gamma)
    return factor * (first + second)


def _focal_logits_above(xp: Backend, y: Array, z: Array, gamma: float) -> Array:
    factor, first, second = _focal_logits_terms(xp, y, z, gamma)
    return factor * (first + xp.maximum(second, 0.0))


_FOCAL_LOGITS = Elementwise[Of3](
    "focal_logits",
    _focal_logits,
    [None, _focal_logits_derivative],
    curvature=_focal_logits_curvature,
    parabola=_focal_logits_above,
    predicted=1,
)


def _focal(xp: Backend, y: Array, p: Array, gamma: float) -> Array:
    p_wrong = y * (1 - p) + (1 - y) * p  # exact for 0 and 1, and NaN for NaN
    return xp.power(p_wrong, gamma) * _surprise(xp, y, p)


def _surprise(xp: Backend, y: Array, p: Array) -> Array:
    """Return -log of the right class; the side not taken has no infinite slope."""
    true = y == 1
    of_one = xp.log(xp.where(true, p, xp.zeros_like(p) + 1))
    return -xp.where(true, of_one, xp.log1p(xp.where(true, xp.zeros_like(p), -p)))


def _focal_derivative(xp: Backend, y: Array, p: Array, gamma: float) -> Array:
    p_wrong, p_right = y * (1 - p) + (1 - y) * p, xp.where(y == 1, p, 1 - p)
    ratio = _over(xp, _surprise(xp, y, p), p_wrong, p_right)
    power = xp.power(p_wrong, gamma)
    # gamma = 0 leaves 1 / p_right alone, also where the ratio is infinite
    inner = xp.multiply_no_nan(xp.zeros_like(p) + gamma, ratio) + 1 / p_right
    return xp.where(y == 1, -power, power) * inner


def _focal_curvature(xp: Backend, y: Array, p: Array, gamma: float) -> Array:
    p_wrong, p_right = y * (1 - p) + (1 - y) * p, xp.where(y == 1, p, 1 - p)
    ratio = _over(xp, _surprise(xp, y, p), p_wrong, p_right)
    # x log x nears 0 with x
    bend = xp.where(p_right == 0, p_right, (gamma - 1) * ratio * p_right)
    turning = xp.divide_no_nan(gamma * (bend + 2), p_right)
    flat = xp.power(p_wrong, gamma) / xp.square(p_right)
    return flat + xp.multiply_no_nan(turning, xp.power(p_wrong, gamma - 1))


_FOCAL = Elementwise[Of3](
    "focal",
    _focal,
    [None, _focal_derivative],
    curvature=_focal_curvature,
    predicted=1,
)


# For soft targets, and where it cannot be seen that they are hard. With w the distance
# from the target, and s the surprise, the loss is w^gamma s.


def _soft_focal_logits(xp: Backend, y: Array, z: Array, gamma: float) -> Array:
    distance, surprise = _of_logits(xp, y, z)
    return xp.power(distance, gamma) * surprise


def _of_logits(xp: Backend, y: Array, z: Array) -> tuple[Array, Array]:
    distance = y * xp.sigmoid(-z) + (1 - y) * xp.sigmoid(z)
    surprise = xp.multiply_no_nan(y, xp.softplus(-z))
    return distance, surprise + xp.multiply_no_nan(1 - y, xp.softplus(z))


def _soft_focal_by_z(xp: Backend, y: Array, z: Array, gamma: float) -> Array:
    distance, surprise = _of_logits(xp, y, z)
    p, not_p, sign = xp.sigmoid(z), xp.sigmoid(-z), 1 - 2 * y
    ratio = _over(xp, sign * p * not_p, distance, sign)  # far out it is 1 - w = 1
    by_z = (1 - y) * p - y * not_p
    return xp.power(distance, gamma) * (gamma * ratio * surprise + by_z)


def _soft_focal_by_y_of_logits(xp: Backend, y: Array, z: Array, gamma: float) -> Array:
    distance, surprise = _of_logits(xp, y, z)
    growth = xp.sigmoid(-z) - xp.sigmoid(z)
    return _by_target(xp, distance, surprise, growth, -z, gamma)


def _by_target(
    xp: Backend, w: Array, surprise: Array, w_growth: Array, growth: Array, gamma: float
) -> Array:
    """Return the derivative of w^gamma times surprise, 0 where w is 0."""
    nothing = w == 0
    ratio = w_growth / xp.where(nothing, w + 1, w)
    found = xp.power(w, gamma) * (gamma * ratio * surprise + growth)
    return xp.where(nothing, xp.zeros_like(w), found)


def _of_probabilities(xp: Backend, y: Array, p: Array) -> tuple[Array, Array]:
    distance = y * (1 - p) + (1 - y) * p
    return distance, -xp.xlogy(y, p) - xp.xlog1py(1 - y, -p)


def _soft_focal(xp: Backend, y: Array, p: Array, gamma: float) -> Array:
    distance, surprise = _of_probabilities(xp, y, p)
    return xp.power(distance, gamma) * surprise


def _soft_focal_by_p(xp: Backend, y: Array, p: Array, gamma: float) -> Array:
    distance, surprise = _of_probabilities(xp, y, p)
    ratio = _over(xp, surprise, distance, distance + 1)
    by_p = xp.divide_no_nan(1 - y, 1 - p) - xp.divide_no_nan(y, p)
    # gamma = 0 leaves the slope of cross-entropy, also where the ratio is infinite
    inner = xp.multiply_no_nan(xp.zeros_like(p) + gamma, (1 - 2 * y) * ratio)
    return xp.power(distance, gamma) * (inner + by_p)


def _soft_focal_by_y(xp: Backend, y: Array, p: Array, gamma: float) -> Array:
    distance, surprise = _of_probabilities(xp, y, p)
    growth = xp.log1p(-p) - xp.log(p)
    return _by_target(xp, distance, surprise, 1 - 2 * p, growth, gamma)


def _soft_focal_terms(
    xp: Backend, y: Array, z: Array, gamma: float
) -> tuple[Array, Array, Array, Array]:
    """Return w^gamma and the three terms in brackets of the curvature by z.

    With r = w' / w it is w^gamma [gamma s ((gamma - 1) r² + r (1 - 2p)) + 2 gamma r s'
    + p (1 - p)].
    """
    distance, surprise = _of_logits(xp, y, z)
    p, not_p, sign = xp.sigmoid(z), xp.sigmoid(-z), 1 - 2 * y
    ratio = _over(xp, sign * p * not_p, distance, sign)
    turning = gamma * ratio * ((gamma - 1) * ratio + (not_p - p))
    crossed = 2 * gamma * ratio * ((1 - y) * p - y * not_p)
    return xp.power(distance, gamma), turning * surprise, crossed, p * not_p


def _soft_focal_curvature_by_z(xp: Backend, y: Array, z: Array, gamma: float) -> Array:
    factor, turning, crossed, plain = _soft_focal_terms(xp, y, z, gamma)
    return factor * (plain + crossed + turning)


def _soft_focal_above(xp: Backend, y: Array, z: Array, gamma: float) -> Array:
    factor, turning, crossed, plain = _soft_focal_terms(xp, y, z, gamma)
    return factor * (plain + xp.maximum(crossed, 0.0) + xp.maximum(turning, 0.0))


def _soft_focal_curvature_by_p(xp: Backend, y: Array, p: Array, gamma: float) -> Array:
    distance, surprise = _of_probabilities(xp, y, p)
    ratio, sign = _over(xp, surprise, distance, distance + 1), 1 - 2 * y
    by_zero, by_one = xp.divide_no_nan(1 - y, 1 - p), xp.divide_no_nan(y, p)
    outer = xp.zeros_like(p) + gamma * (gamma - 1)
    turning = xp.multiply_no_nan(outer, sign * sign * ratio)
    crossed = xp.multiply_no_nan(outer * 0 + 2 * gamma, sign * (by_zero - by_one))
    bend = xp.multiply_no_nan(turning + crossed, xp.power(distance, gamma - 1))
    plain = xp.divide_no_nan(by_zero, 1 - p) + xp.divide_no_nan(by_one, p)
    return bend + xp.power(distance, gamma) * plain


_SOFT_FOCAL_LOGITS = Elementwise[Of3](
    "soft_focal_logits",
    _soft_focal_logits,
    [_soft_focal_by_y_of_logits, _soft_focal_by_z],
    curvature=_soft_focal_curvature_by_z,
    parabola=_soft_focal_above,
    predicted=1,
)
_SOFT_FOCAL = Elementwise[Of3](
    "soft_focal",
    _soft_focal,
    [_soft_focal_by_y, _soft_focal_by_p],
    curvature=_soft_focal_curvature_by_p,
    predicted=1,
)
# By (from_logits, whether all targets are seen to be 0 or 1).
FORMULAS = {
    (True, True): _FOCAL_LOGITS,
    (False, True): _FOCAL,
    (True, False): _SOFT_FOCAL_LOGITS,
    (False, False): _SOFT_FOCAL,
}


def _focal_of_log_derivative(xp: Backend, log_p: Array, gamma: float) -> Array:
    p_wrong = -xp.expm1(log_p)
    ratio = _over(xp, -log_p, p_wrong, p_wrong + 1)
    return -xp.power(p_wrong, gamma) * (1 + gamma * xp.exp(log_p) * ratio)


FOCAL_OF_LOG = Elementwise[Of2](
    "focal_of_log",
    formula=lambda xp, log_p, gamma: -xp.power(-xp.expm1(log_p), gamma) * log_p,
    derivatives=[_focal_of_log_derivative],
)
