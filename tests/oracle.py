"""The losses from their definitions, in mpmath at 50 digits. Shares no code with them.

For each loss that works element by element: its value and its derivatives by the
prediction at one pair of numbers, the values that `y` and `p` may take, and where its
terms cancel the size of the larger one, to whose last digit the error is then measured.
The first definition of a loss also says which values of its parameters are refused, and
why no library has it if none has. The other tests take what they need from here.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import mpmath as mp
import numpy as np

from .refused import NOT_A_SHAPE, NOT_FLAGS, NOT_POSITIVE, NOT_SHARES

mp.mp.dps = 50

REAL = "real"
POSITIVE = "positive"
UNIT = "unit"
COUNT = "count"
BIT = "bit"
SIGN = "sign"


@dataclass(frozen=True)
class Definition:
    """One loss as its textbook writes it."""

    loss: str
    value: Callable[[Any, Any], Any]
    slope: Callable[[Any, Any], Any]
    y: str = REAL
    p: str = REAL
    options: dict[str, Any] = field(default_factory=dict)
    curvature: Callable[[Any, Any], Any] | None = None
    curvature_size: Callable[[Any, Any], Any] = lambda y, p: 0
    value_size: Callable[[Any, Any], Any] = lambda y, p: 0
    slope_size: Callable[[Any, Any], Any] = lambda y, p: 0
    ulp: Callable[[Any, Any], float] = lambda y, p: 4.0
    refused: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    nowhere_else: str = ""

    @property
    def label(self) -> str:
        options = ", ".join(f"{k}={v}" for k, v in self.options.items())
        return f"{self.loss}({options})"


def _sign(x):
    return mp.sign(x)


def softplus(x):
    return mp.log1p(mp.exp(x)) if x < 0 else x + mp.log1p(mp.exp(-x))


def _sigmoid(x):
    return 1 / (1 + mp.exp(-x)) if x >= 0 else mp.exp(x) / (1 + mp.exp(x))


def _log(x):
    return mp.log(x) if x else mp.mpf("-inf")


def _spread(z):
    return _sigmoid(z) * _sigmoid(-z)


def _log_cosh(e):
    e = abs(e)
    if e < mp.mpf("1e-12"):
        return e**2 / 2 - e**4 / 12
    return e - mp.log(2) + mp.log1p(mp.exp(-2 * e))


def _huber(delta):
    def value(y, p):
        e = abs(p - y)
        return e**2 / 2 if e <= delta else delta * e - mp.mpf(delta) ** 2 / 2

    def slope(y, p):
        return p - y if abs(p - y) <= delta else delta * _sign(p - y)

    def curvature(y, p):
        # On the seam the rounding of p - y decides; 1 belongs to delta itself.
        return mp.mpf(abs(p - y) <= delta * (1 + mp.mpf(2) ** -20))

    return {"value": value, "slope": slope, "curvature": curvature}


def _pinball(q):
    def value(y, p):
        return q * (y - p) if y >= p else (1 - mp.mpf(q)) * (p - y)

    def slope(y, p):
        return 0 if y == p else (-mp.mpf(q) if y > p else 1 - mp.mpf(q))

    return value, slope


def _bce(y, p):
    first = -y * _log(p) if y else mp.mpf(0)
    second = -(1 - y) * mp.log1p(-p) if y != 1 and p != 1 else mp.mpf(0)
    if p == 1 and y != 1:
        second = mp.inf
    return first + second


def _bce_slope(y, p):
    if p == y and p in (0, 1):
        return 1 - 2 * p
    if p == 0:
        return -mp.inf
    return mp.inf if p == 1 else (p - y) / (p * (1 - p))


def _bce_curvature(y, p):
    first = y / p**2 if p else (mp.inf if y else mp.mpf(0))
    second = (1 - y) / (1 - p) ** 2 if p != 1 else (mp.inf if y != 1 else mp.mpf(0))
    return first + second


def _bce_logits_slope(y, z):
    return (1 - y) * _sigmoid(z) - y * _sigmoid(-z)


def _weighted(w):
    return (
        lambda y, z: w * y * softplus(-z) + (1 - y) * softplus(z),
        lambda y, z: (1 - y) * _sigmoid(z) - w * y * _sigmoid(-z),
        lambda y, z: max((1 - y) * _sigmoid(z), w * y * _sigmoid(-z)),
    )


def _focal_logits(gamma):
    def value(y, z):
        s = z if y else -z
        return _sigmoid(-s) ** gamma * softplus(-s)

    def slope(y, z):
        s, sign = (z, 1) if y else (-z, -1)
        q = _sigmoid(-s)
        return -sign * q**gamma * (q + gamma * _sigmoid(s) * softplus(-s))

    def terms(y, z):
        s = z if y else -z
        q, p = _sigmoid(-s), _sigmoid(s)
        bend = gamma * softplus(-s)
        factor = p * q**gamma
        return factor * ((2 * gamma + 1) * q + bend * gamma * p), factor * bend * q

    return {
        "value": value,
        "slope": slope,
        "curvature": lambda y, z: terms(y, z)[0] - terms(y, z)[1],
        # TensorFlow's float32 has no exp(-88), a factor of both terms.
        "curvature_size": lambda y, z: max(*terms(y, z), mp.mpf("1e-29")),
    }


def _focal(gamma):
    def value(y, p):
        right = p if y else 1 - p
        return -((1 - right) ** gamma) * _log(right)

    def slope(y, p):
        right, sign = (p, -1) if y else (1 - p, 1)
        if right == 0:
            return sign * mp.inf
        if right == 1:
            return sign * (mp.mpf(1) if gamma == 0 else mp.mpf(0))
        q = 1 - right
        return sign * (q**gamma / right - gamma * q ** (gamma - 1) * mp.log(right))

    def curvature(y, p):
        right = p if y else 1 - p
        if right == 0:
            return mp.inf
        if right == 1:
            return {0: mp.mpf(1), 2: mp.mpf(0)}[gamma]
        q, log = 1 - right, mp.log(right)
        return (
            q**gamma / right**2
            + 2 * gamma * q ** (gamma - 1) / right
            - gamma * (gamma - 1) * q ** (gamma - 2) * log
        )

    return {"value": value, "slope": slope, "curvature": curvature}


def _soft_focal(gamma):
    """As torchvision, Keras and Optax define it; its slope as a difference."""

    def value(y, z):
        distance = y * _sigmoid(-z) + (1 - y) * _sigmoid(z)
        return distance**gamma * (y * softplus(-z) + (1 - y) * softplus(z))

    def slope(y, z):
        with mp.workdps(90):
            h = (abs(z) or 1) * mp.mpf("1e-25")
            return (value(y, z + h) - value(y, z - h)) / (2 * h)

    def size(y, z):
        """Return the larger of the terms of the slope, which cancel."""
        distance = y * _sigmoid(-z) + (1 - y) * _sigmoid(z)
        both = [(1 - y) * _sigmoid(z), y * _sigmoid(-z)]
        surprise = value(y, z) / distance**gamma
        ratio = abs(1 - 2 * y) * _sigmoid(z) * _sigmoid(-z) / distance
        return distance**gamma * max(*both, gamma * ratio * surprise)

    def curvature(y, z):
        with mp.workdps(250):  # the second difference is 1e-200 of the value
            h = (abs(z) or 1) * mp.mpf("1e-25")
            return (value(y, z + h) - 2 * value(y, z) + value(y, z - h)) / (h * h)

    def curvature_size(y, z):
        """Return the larger of the terms of the curvature, which cancel."""
        p, q = _sigmoid(z), _sigmoid(-z)
        distance = y * q + (1 - y) * p
        surprise = value(y, z) / distance**gamma
        ratio = (1 - 2 * y) * p * q / distance
        turning = gamma * surprise * max(gamma * ratio**2, abs(ratio) * max(p, q))
        crossed = 2 * gamma * abs(ratio) * max((1 - y) * p, y * q)
        # TensorFlow has 0 for p q below 1e-38, and 88 stands before it.
        return distance**gamma * max(turning, crossed, p * q, mp.mpf("1e-29"))

    return {
        "value": value, "slope": slope, "slope_size": size,
        "curvature": curvature, "curvature_size": curvature_size,
    }  # fmt: skip


def _hinge(y, s):
    return max(mp.mpf(0), 1 - y * s)


def _adaptive(alpha):
    b = abs(mp.mpf(alpha) - 2)

    def value(y, p):
        s = (p - y) ** 2
        if alpha == 2:
            return s / 2
        if alpha == 0:
            return mp.log1p(s / 2)
        if alpha == float("-inf"):
            return -mp.expm1(-s / 2)
        return b / alpha * mp.expm1(mp.mpf(alpha) / 2 * mp.log1p(s / b))

    def slope(y, p):
        s = (p - y) ** 2
        if alpha == 2:
            return p - y
        if alpha == float("-inf"):
            return (p - y) * mp.exp(-s / 2)
        return (p - y) * mp.exp((mp.mpf(alpha) / 2 - 1) * mp.log1p(s / b))

    def bound(y, p):
        s = (p - y) ** 2
        if alpha == float("-inf"):
            return 10 + 8 * s / 2
        return 10 + 8 * abs(alpha) / 2 * mp.log1p(s / max(b, mp.mpf("1e-7")))

    def curvature(y, p):
        s = (p - y) ** 2
        if alpha == float("-inf"):
            return (1 - s) * mp.exp(-s / 2)
        if alpha == 2:
            return mp.mpf(1)
        power = mp.exp((mp.mpf(alpha) / 2 - 2) * mp.log1p(s / b))
        return power * (1 + (mp.mpf(alpha) - 1) * s / b)

    def curvature_size(y, p):
        s = (p - y) ** 2
        if alpha == float("-inf"):
            return max(1, s) * mp.exp(-s / 2)  # its terms cancel
        if alpha == 2:
            return mp.mpf(1)
        power = mp.exp((mp.mpf(alpha) / 2 - 2) * mp.log1p(s / b))
        magnified = 1 + mp.log1p(s / b)
        return magnified * power * max(1, abs(alpha - 1) * s / b)

    return {
        "value": value,
        "slope": slope,
        "curvature": curvature,
        "curvature_size": curvature_size,
        "ulp": bound,
        "options": {"alpha": alpha},
    }


def _poisson_log_size(y, z):
    return max(mp.exp(z), abs(y * z))


DEFINITIONS = [
    Definition(
        "mse",
        lambda y, p: (p - y) ** 2, lambda y, p: 2 * (p - y),
        curvature=lambda y, p: mp.mpf(2),
    ),
    Definition("mae", lambda y, p: abs(p - y), lambda y, p: _sign(p - y)),
    *(
        Definition(
            "huber", **_huber(d), options={"delta": d},
            refused={"delta": NOT_POSITIVE},
        )
        for d in (1.0, 0.25, 8.0)
    ),
    Definition(
        "log_cosh",
        lambda y, p: _log_cosh(p - y), lambda y, p: mp.tanh(p - y),
        curvature=lambda y, p: 1 / mp.cosh(p - y) ** 2,
        # An exponential magnifies the rounding of the error.
        curvature_size=lambda y, p: (1 + abs(p - y)) / mp.cosh(p - y) ** 2,
        ulp=lambda y, p: 5.0,
    ),
    *(
        Definition(
            "quantile", *_pinball(q), options={"q": q}, refused={"q": NOT_SHARES}
        )
        for q in (0.5, 0.875)
    ),
    *(
        Definition(
            "adaptive_robust", **_adaptive(a),
            refused={"alpha": NOT_A_SHAPE, "scale": NOT_POSITIVE},
            nowhere_else="none of them has it",
        )
        for a in (2, 1, 0, -2, float("-inf"))
    ),
    Definition(
        "poisson_nll",
        lambda y, p: p - (y * _log(p) if y else 0),
        lambda y, p: 1 - y / p if p else (mp.mpf(1) if not y else -mp.inf),
        y=COUNT, p=POSITIVE, refused={"log_input": NOT_FLAGS},
        curvature=lambda y, p: y / p**2,
        value_size=lambda y, p: max(p, abs(y * _log(p)) if y else 0),
    ),
    Definition(
        "poisson_nll",
        lambda y, z: mp.exp(z) - y * z,
        lambda y, z: mp.exp(z) - y,
        y=COUNT, options={"log_input": True},
        curvature=lambda y, z: mp.exp(z),
        value_size=_poisson_log_size,
        slope_size=lambda y, z: max(mp.exp(z), y),
    ),
    Definition(
        "binary_cross_entropy", _bce, _bce_slope,
        y=BIT, p=UNIT, curvature=_bce_curvature,
    ),
    Definition(
        "binary_cross_entropy",
        lambda y, z: y * softplus(-z) + (1 - y) * softplus(z),
        _bce_logits_slope,
        y=BIT, options={"from_logits": True},
        curvature=lambda y, z: _spread(z),
    ),
    Definition(
        "binary_cross_entropy",
        lambda y, z: y * softplus(-z) + (1 - y) * softplus(z),
        _bce_logits_slope,
        y=UNIT, options={"from_logits": True},
        curvature=lambda y, z: _spread(z),
        slope_size=lambda y, z: max((1 - y) * _sigmoid(z), y * _sigmoid(-z)),
    ),
    Definition(
        "binary_cross_entropy",
        *_weighted(3)[:2],
        y=BIT, options={"from_logits": True, "pos_weight": 3.0}, ulp=lambda y, z: 5.0,
        curvature=lambda y, z: (1 + 2 * y) * _spread(z),
        slope_size=_weighted(3)[2],
    ),
    Definition(
        "hinge", _hinge, lambda y, s: -y if y * s < 1 else mp.mpf(0), y=SIGN
    ),
    Definition(
        "squared_hinge",
        lambda y, s: _hinge(y, s) ** 2, lambda y, s: -2 * y * _hinge(y, s), y=SIGN,
        curvature=lambda y, s: mp.mpf(2 * (y * s < 1)),
    ),
    Definition(
        "logistic",
        lambda y, s: softplus(-y * s), lambda y, s: -y * _sigmoid(-y * s), y=SIGN,
        curvature=lambda y, s: _spread(s),
    ),
    *(
        Definition(
            "focal", **_focal_logits(g), y=BIT,
            options={"gamma": g, "from_logits": True},
            ulp=lambda y, z, g=g: 4 + 4 * g,
        )
        for g in (0.0, 0.5, 2.0)
    ),
    *(
        Definition(
            "focal", **_focal(g), y=BIT, p=UNIT, options={"gamma": g},
            ulp=lambda y, p, g=g: 4 + 2 * g,
        )
        for g in (0.0, 2.0)
    ),
    Definition(
        "focal", **_soft_focal(2), y=UNIT, options={"from_logits": True},
        ulp=lambda y, z: 12,
    ),
]  # fmt: skip


def ulps(got, exact, size, dtype) -> float:
    """Return how many units in the last place `got` is away from `exact`.

    The unit is that of the larger of the result and `size`. Differences of a few times
    the smallest normal number do not count: TensorFlow computes with 0 below it.
    """
    info = np.finfo(dtype)
    if abs(exact) > float(info.max):
        limit = dtype(np.inf) if exact > 0 else dtype(-np.inf)
        near = abs(float(got)) > 0.99 * float(info.max) and np.sign(got) == np.sign(
            limit
        )
        return 0.0 if near else float("inf")
    if not np.isfinite(got):
        return float("inf")
    unit = np.spacing(dtype(max(abs(float(exact)), float(size), float(info.tiny))))
    difference = abs(mp.mpf(float(got)) - exact)
    return (
        0.0 if difference <= 64 * info.tiny else float(difference / mp.mpf(float(unit)))
    )
