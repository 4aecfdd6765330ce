"""The rules: the update of one array p by its gradient g, each below its function."""

from __future__ import annotations

from collections.abc import Callable
from math import log
from typing import Any, Literal

import numpy as np

from lossbook.backends import Array, Backend
from lossbook.core.checks import check_flag
from lossbook.optim.optimizer import (
    Optimizer,
    Rate,
    check_amount,
    check_fraction,
    check_rate,
)

Like = Literal["torch", "keras"]
Rule = Callable[..., tuple[Array, ...]]

# What the libraries take where nothing is said: (torch, Keras).
_DEFAULTS = {
    "sgd lr": (1e-3, 1e-2),
    "adagrad lr": (1e-2, 1e-3),
    "adagrad initial_accumulator": (0.0, 0.1),
    "adagrad eps": (1e-10, 1e-7),
    "rmsprop lr": (1e-2, 1e-3),
    "rmsprop rho": (0.99, 0.9),
    "rmsprop eps": (1e-8, 1e-7),
    "adam lr": (1e-3, 1e-3),
    "adam eps": (1e-8, 1e-7),
    "adamw weight_decay": (1e-2, 4e-3),
}


def _given(like: str, name: str, value: float | None) -> float:
    """Return the value of "optimizer argument", or the library's default."""
    if like not in ("torch", "keras"):
        raise ValueError(f'like must be "torch" or "keras", got {like!r}.')
    default = _DEFAULTS[name][like == "keras"]
    return check_amount(name.split()[1], default if value is None else value, default)


def _rate(like: str, name: str, lr: Rate | None) -> Rate:
    default = _given(like, f"{name} lr", None)
    return check_rate(default if lr is None else lr)


def gradient_descent(lr: Rate | None = None, *, like: Like = "torch") -> Optimizer:
    r"""Gradient descent: a step against the gradient.

    .. math:: \theta \leftarrow \theta - \eta\, g

    Whether it is *stochastic* is a matter of the data that g comes from, not of the
    rule: this is :func:`sgd` without momentum.

    Parameters
    ----------
    lr, like : optional
        As in :func:`sgd`.

    Examples
    --------
    >>> import numpy as np, lossbook as lb
    >>> optimizer = lb.optim.gradient_descent(lr=0.1)
    >>> params = {"w": np.array([1.0, 2.0])}
    >>> grads = {"w": np.array([1.0, -1.0])}
    >>> params, state = optimizer.step(params, grads, optimizer.init(params))
    >>> params["w"].tolist()
    [0.9, 2.1]
    """
    return sgd(lr, like=like)


def sgd(
    lr: Rate | None = None,
    momentum: float = 0.0,
    nesterov: bool = False,
    *,
    like: Like = "torch",
) -> Optimizer:
    r"""Gradient descent with momentum: the step goes along a velocity.

    .. math:: v \leftarrow \mu v + g, \quad \theta \leftarrow \theta - \eta v
              \qquad\text{(torch)}

    .. math:: v \leftarrow \mu v - \eta g, \quad \theta \leftarrow \theta + v
              \qquad\text{(Keras)}

    The two part when the learning rate changes: Keras keeps steps of the old size in
    the velocity.

    Parameters
    ----------
    lr : float or callable, optional
        The learning rate, or a schedule; 0.001 in torch, 0.01 in Keras.
    momentum : float
        How much of the velocity is kept, in [0, 1).
    nesterov : bool
        Whether to look one step ahead along the velocity; it needs a momentum.
    like : {"torch", "keras"}
        Whose formula and defaults.

    References
    ----------
    Polyak, B. T. (1964), Some methods of speeding up the convergence of iteration
    methods. Y. E. Nesterov (1983), A method for solving the convex programming problem
    with convergence rate O(1/k²).

    Examples
    --------
    >>> import lossbook as lb
    >>> lb.optim.sgd(lr=0.1, momentum=0.9).settings
    {'momentum': 0.9, 'nesterov': False}
    """
    check_flag("nesterov", nesterov)
    lr, momentum = _rate(like, "sgd", lr), check_fraction("momentum", momentum)
    if momentum == 0:
        if nesterov:
            raise ValueError("nesterov=True needs a momentum, for instance 0.9.")
        return Optimizer(lr, {}, _sgd, {})
    settings = {"momentum": momentum, "nesterov": nesterov}
    rule = _momentum_keras if like == "keras" else _momentum
    return Optimizer(lr, settings, rule, {"velocity": 0.0})


def _sgd(xp: Backend, h: Any, p: Array, g: Array) -> tuple[Array, ...]:
    return (p - h.lr * g,)


def _momentum(xp: Backend, h: Any, p: Array, g: Array, v: Array) -> tuple[Array, ...]:
    v = h.momentum * v + g
    ahead = h.momentum * v + g if h.nesterov else v
    return p - h.lr * ahead, v


def _momentum_keras(
    xp: Backend, h: Any, p: Array, g: Array, v: Array
) -> tuple[Array, ...]:
    v = h.momentum * v - h.lr * g
    ahead = h.momentum * v - h.lr * g if h.nesterov else v
    return p + ahead, v


def adagrad(
    lr: Rate | None = None,
    initial_accumulator: float | None = None,
    eps: float | None = None,
    *,
    like: Like = "torch",
) -> Optimizer:
    r"""AdaGrad: each parameter's rate is divided by the root of all its squares so far.

    .. math:: s \leftarrow s + g^2, \qquad
              \theta \leftarrow \theta - \eta\, g / (\sqrt s + \epsilon)

    Keras adds eps under the root.

    Parameters
    ----------
    lr : float or callable, optional
        The learning rate, or a schedule; 0.01 in torch, 0.001 in Keras.
    initial_accumulator : float, optional
        Where s starts; 0 in torch, 0.1 in Keras.
    eps : float, optional
        Keeps the division finite; 1e-10 in torch, 1e-7 in Keras.
    like : {"torch", "keras"}
        Whose formula and defaults.

    References
    ----------
    Duchi, J., E. Hazan, Y. Singer (2011), Adaptive subgradient methods for online
    learning and stochastic optimization.

    Examples
    --------
    >>> import lossbook as lb
    >>> lb.optim.adagrad().lr, lb.optim.adagrad(like="keras").lr
    (0.01, 0.001)
    """
    start = _given(like, "adagrad initial_accumulator", initial_accumulator)
    settings = {"eps": _given(like, "adagrad eps", eps), "like": like}
    slots = {"squares": start}
    return Optimizer(_rate(like, "adagrad", lr), settings, _adagrad, slots)


def _adagrad(xp: Backend, h: Any, p: Array, g: Array, s: Array) -> tuple[Array, ...]:
    s = s + g * g
    return p - h.lr * g / _root(xp, h, s), s


def _root(xp: Backend, h: Any, s: Array) -> Array:
    return xp.sqrt(s + h.eps) if h.like == "keras" else xp.sqrt(s) + h.eps


def rmsprop(
    lr: Rate | None = None,
    rho: float | None = None,
    eps: float | None = None,
    momentum: float = 0.0,
    *,
    like: Like = "torch",
) -> Optimizer:
    r"""RMSProp, root mean square propagation: AdaGrad that forgets.

    .. math:: s \leftarrow \rho s + (1 - \rho)\, g^2, \qquad
              \theta \leftarrow \theta - \eta\, g / (\sqrt s + \epsilon)

    Keras adds eps under the root.

    Parameters
    ----------
    lr : float or callable, optional
        The learning rate, or a schedule; 0.01 in torch, 0.001 in Keras.
    rho : float, optional
        How much of the mean of the squares is kept; 0.99 in torch, 0.9 in Keras.
    eps : float, optional
        Keeps the division finite; 1e-8 in torch, 1e-7 in Keras.
    momentum : float
        How much of the last step is kept, in [0, 1).
    like : {"torch", "keras"}
        Whose formula and defaults.

    References
    ----------
    Tieleman, T., G. Hinton (2012), Lecture 6.5 of Neural Networks for Machine Learning.

    Examples
    --------
    >>> import lossbook as lb
    >>> lb.optim.rmsprop(like="keras").settings["rho"]
    0.9
    """
    rate = _rate(like, "rmsprop", lr)
    kept = check_fraction("rho", _given(like, "rmsprop rho", rho))
    settings = {"rho": kept, "eps": _given(like, "rmsprop eps", eps), "like": like}
    if check_fraction("momentum", momentum) == 0:
        return Optimizer(rate, settings, _rmsprop, {"squares": 0.0})
    settings["momentum"] = float(momentum)
    slots = {"squares": 0.0, "velocity": 0.0}
    return Optimizer(rate, settings, _rmsprop_momentum, slots)


def _rmsprop(xp: Backend, h: Any, p: Array, g: Array, s: Array) -> tuple[Array, ...]:
    s = h.rho * s + (1 - h.rho) * g * g
    return p - h.lr * g / _root(xp, h, s), s


def _rmsprop_momentum(
    xp: Backend, h: Any, p: Array, g: Array, s: Array, v: Array
) -> tuple[Array, ...]:
    s = h.rho * s + (1 - h.rho) * g * g
    inside, outside = (h.lr, 1) if h.like == "keras" else (1, h.lr)
    v = h.momentum * v + inside * g / _root(xp, h, s)
    return p - outside * v, s, v


def adam(
    lr: Rate | None = None,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float | None = None,
    *,
    like: Like = "torch",
) -> Optimizer:
    r"""Adam: momentum over RMSProp, both corrected for their start at zero.

    .. math:: m \leftarrow \beta_1 m + (1 - \beta_1)\, g, \qquad
              v \leftarrow \beta_2 v + (1 - \beta_2)\, g^2

    .. math:: \theta \leftarrow \theta - \eta\, \frac{m}{1 - \beta_1^t}
              \Big/ \Bigl(\sqrt{\frac{v}{1 - \beta_2^t}} + \epsilon\Bigr)

    Keras adds eps to the root of v before it is corrected.

    Parameters
    ----------
    lr : float or callable, optional
        The learning rate, or a schedule; 0.001.
    beta1, beta2 : float
        How much is kept of the mean and of the mean square, in [0, 1).
    eps : float, optional
        Keeps the division finite; 1e-8 in torch, 1e-7 in Keras.
    like : {"torch", "keras"}
        Whose formula and defaults.

    References
    ----------
    Kingma, D. P., J. Ba (2015), Adam: a method for stochastic optimization.

    Examples
    --------
    >>> import numpy as np, lossbook as lb
    >>> optimizer = lb.optim.adam(lr=0.1)
    >>> w = np.array([1.0, 1.0])
    >>> w, state = optimizer.step(w, np.array([1e-3, 1e3]), optimizer.init(w))
    >>> w.round(4).tolist()  # the first step is lr long, whatever the gradient
    [0.9, 0.9]
    """
    fractions = {"beta1": beta1, "beta2": beta2}
    settings: dict[str, Any] = {k: check_fraction(k, x) for k, x in fractions.items()}
    settings |= {"eps": _given(like, "adam eps", eps), "like": like}
    # For the powers of the corrections, and only there, Keras rounds the betas.
    rounded = np.float32 if like == "keras" else float
    settings |= {"base1": float(rounded(beta1)), "base2": float(rounded(beta2))}
    return Optimizer(_rate(like, "adam", lr), settings, _adam, {"m": 0.0, "v": 0.0})


def _adam(
    xp: Backend, h: Any, p: Array, g: Array, m: Array, v: Array
) -> tuple[Array, ...]:
    quicker = xp.STEPS.get("adam")
    moved = quicker(h, p, g, m, v) if quicker else None
    if moved is not None:
        return moved  # type: ignore[no-any-return]
    m = m + (1 - h.beta1) * (g - m)
    v = v + (1 - h.beta2) * (g * g - v)
    # Both corrections are numbers: they go into the rate, and torch's into eps.
    root = _one_minus_power(xp, h.base2, h.t) ** 0.5
    rate = h.lr * root / _one_minus_power(xp, h.base1, h.t)
    eps = h.eps if h.like == "keras" else h.eps * root
    return p - rate * m / (xp.sqrt(v) + eps), m, v


def _one_minus_power(xp: Backend, beta: float, t: Any) -> Any:
    """Return 1 - beta**t; inside a graph t is an array, maybe of few digits."""
    return 1 - beta**t if isinstance(t, int) else -xp.expm1(t * log(beta or 1e-300))


def adamw(
    lr: Rate | None = None,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float | None = None,
    weight_decay: float | None = None,
    *,
    like: Like = "torch",
) -> Optimizer:
    r"""AdamW: Adam, and beside it every weight shrinks by the same share.

    .. math:: \theta \leftarrow (1 - \eta\lambda)\,\theta, \quad
              \text{then the step of Adam}

    A penalty in the loss would be divided too: large gradients shield their weights.

    Parameters
    ----------
    lr, beta1, beta2, eps, like
        As in :func:`adam`.
    weight_decay : float, optional
        The strength of the decay; 0.01 in torch, 0.004 in Keras.

    References
    ----------
    Loshchilov, I., F. Hutter (2019), Decoupled weight decay regularization.

    Examples
    --------
    >>> import numpy as np, lossbook as lb
    >>> optimizer = lb.optim.adamw(lr=0.1, weight_decay=0.5)
    >>> w = np.array([2.0])
    >>> w, state = optimizer.step(w, np.array([0.0]), optimizer.init(w))
    >>> w.round(4).tolist()
    [1.9]
    """
    plain = adam(lr, beta1, beta2, eps, like=like)
    decay = _given(like, "adamw weight_decay", weight_decay)
    settings = {**plain.settings, "weight_decay": decay}
    return Optimizer(plain.lr, settings, _adamw, plain.slots)


def _adamw(
    xp: Backend, h: Any, p: Array, g: Array, m: Array, v: Array
) -> tuple[Array, ...]:
    return _adam(xp, h, (1 - h.lr * h.weight_decay) * p, g, m, v)
