"""The rules: the update of one array p by its gradient g, each below its function.

Adam, Lion and Muon have modules of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lossbook.backends import Array, Backend
from lossbook.core.checks import check_flag
from lossbook.optim.optimizer import Optimizer, Rate
from lossbook.optim.settings import Like, check_fraction, decaying, given, rate

Rule = Callable[..., tuple[Array, ...]]


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
    weight_decay: float = 0.0,
    decay: Any = None,
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
    weight_decay : float
        The strength of the weight decay: in torch a part of the gradient, in Keras a
        share by which the weights shrink beside the step.
    decay : callable or structure of bool, optional
        Which parameters decay: a function of one, such as ``lambda p: p.ndim > 1``,
        or True and False in the structure of the parameters. All, if not given.
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
    lr, momentum = rate(like, "sgd", lr), check_fraction("momentum", momentum)
    if momentum == 0:
        if nesterov:
            raise ValueError("nesterov=True needs a momentum, for instance 0.9.")
        plain = Optimizer(lr, {}, _sgd, {})
    else:
        settings = {"momentum": momentum, "nesterov": nesterov}
        rule = _momentum_keras if like == "keras" else _momentum
        plain = Optimizer(lr, settings, rule, {"velocity": 0.0})
    return decaying(plain, "sgd", like, weight_decay, decay, coupled=like == "torch")


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
    weight_decay: float = 0.0,
    decay: Any = None,
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
    weight_decay, decay : optional
        As in :func:`sgd`.
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
    start = given(like, "adagrad initial_accumulator", initial_accumulator)
    settings = {"eps": given(like, "adagrad eps", eps), "like": like}
    plain = Optimizer(rate(like, "adagrad", lr), settings, _adagrad, {"squares": start})
    coupled = like == "torch"
    return decaying(plain, "adagrad", like, weight_decay, decay, coupled)


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
    weight_decay: float = 0.0,
    decay: Any = None,
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
    weight_decay, decay : optional
        As in :func:`sgd`.
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
    lr = rate(like, "rmsprop", lr)
    kept = check_fraction("rho", given(like, "rmsprop rho", rho))
    settings = {"rho": kept, "eps": given(like, "rmsprop eps", eps), "like": like}
    if check_fraction("momentum", momentum) == 0:
        plain = Optimizer(lr, settings, _rmsprop, {"squares": 0.0})
    else:
        settings["momentum"] = float(momentum)
        slots = {"squares": 0.0, "velocity": 0.0}
        plain = Optimizer(lr, settings, _rmsprop_momentum, slots)
    coupled = like == "torch"
    return decaying(plain, "rmsprop", like, weight_decay, decay, coupled)


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
