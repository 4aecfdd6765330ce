"""Adam and AdamW, also with the largest mean square so far (AMSGrad)."""

from __future__ import annotations

from math import log
from typing import Any

import numpy as np

from lossbook.backends import Array, Backend
from lossbook.core.checks import check_flag
from lossbook.optim.optimizer import Optimizer, Rate
from lossbook.optim.settings import Like, check_fraction, decaying, given, rate


def adam(
    lr: Rate | None = None,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float | None = None,
    *,
    amsgrad: bool = False,
    weight_decay: float = 0.0,
    decay: Any = None,
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
    amsgrad : bool
        Whether to divide by the largest v so far, which is taken before v is corrected:
        only the fading correction then lets a rate grow.
    weight_decay, decay : optional
        As in :func:`sgd`: in torch a part of the gradient, which is divided as well;
        in Keras this is :func:`adamw`.
    like : {"torch", "keras"}
        Whose formula and defaults. Keras has the betas of the corrections in float32.

    References
    ----------
    Kingma, D. P., J. Ba (2015), Adam: a method for stochastic optimization. Reddi, S.
    J., S. Kale, S. Kumar (2018), On the convergence of Adam and beyond (amsgrad).

    Examples
    --------
    >>> import numpy as np, lossbook as lb
    >>> optimizer = lb.optim.adam(lr=0.1)
    >>> w = np.array([1.0, 1.0])
    >>> w, state = optimizer.step(w, np.array([1e-3, 1e3]), optimizer.init(w))
    >>> w.round(4).tolist()  # the first step is lr long, whatever the gradient
    [0.9, 0.9]
    """
    plain = _plain(lr, beta1, beta2, eps, amsgrad, like)
    coupled = like == "torch"
    return decaying(plain, "adam", like, weight_decay, decay, coupled)


def _plain(
    lr: Rate | None,
    beta1: float,
    beta2: float,
    eps: float | None,
    amsgrad: bool,
    like: Like,
) -> Optimizer:
    """Return Adam without a decay."""
    check_flag("amsgrad", amsgrad)
    settings = adam_settings(beta1, beta2, given(like, "adam eps", eps), like)
    slots = {"m": 0.0, "v": 0.0, **({"v_max": 0.0} if amsgrad else {})}
    rule = _amsgrad if amsgrad else adam_rule
    return Optimizer(rate(like, "adam", lr), settings, rule, slots)


def adam_settings(beta1: float, beta2: float, eps: float, like: str) -> dict[str, Any]:
    """Return the numbers that the rule reads."""
    fractions = {"beta1": beta1, "beta2": beta2}
    settings: dict[str, Any] = {k: check_fraction(k, x) for k, x in fractions.items()}
    settings |= {"eps": eps, "like": like}
    # For the powers of the corrections, and only there, Keras rounds the betas.
    rounded = np.float32 if like == "keras" else float
    return settings | {"base1": float(rounded(beta1)), "base2": float(rounded(beta2))}


def adam_rule(
    xp: Backend, h: Any, p: Array, g: Array, m: Array, v: Array
) -> tuple[Array, ...]:
    """Take Adam's step, which Muon takes too where an array is no matrix."""
    quicker = xp.STEPS.get("adam")
    moved = quicker(h, p, g, m, v) if quicker else None
    if moved is not None:
        return moved  # type: ignore[no-any-return]
    m, v = running_means(h, g, m, v)
    return _divided(xp, h, p, m, v), m, v


def _amsgrad(
    xp: Backend, h: Any, p: Array, g: Array, m: Array, v: Array, v_max: Array
) -> tuple[Array, ...]:
    m, v = running_means(h, g, m, v)
    v_max = xp.maximum(v_max, v)
    return _divided(xp, h, p, m, v_max), m, v, v_max


def running_means(h: Any, g: Array, m: Array, v: Array) -> tuple[Array, Array]:
    """Return the mean of the gradients and that of their squares, one step on."""
    if h.like == "keras":  # in its own order, which loses v where beta2 is near 0
        return m + (1 - h.beta1) * (g - m), v + (1 - h.beta2) * (g * g - v)
    return h.beta1 * m + (1 - h.beta1) * g, h.beta2 * v + (1 - h.beta2) * g * g


def _divided(xp: Backend, h: Any, p: Array, m: Array, v: Array) -> Array:
    # Both corrections are numbers: they go into the rate, and torch's into eps.
    root = one_minus_power(xp, h.base2, h.t) ** 0.5
    lr = h.lr * root / one_minus_power(xp, h.base1, h.t)
    eps = h.eps if h.like == "keras" else h.eps * root
    return p - lr * m / (xp.sqrt(v) + eps)


def one_minus_power(xp: Backend, beta: float, t: Any) -> Any:
    """Return 1 - beta**t; inside a graph t is an array, maybe of few digits."""
    return 1 - beta**t if isinstance(t, int) else -xp.expm1(t * log(beta or 1e-300))


def adamw(
    lr: Rate | None = None,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float | None = None,
    weight_decay: float | None = None,
    *,
    amsgrad: bool = False,
    decay: Any = None,
    like: Like = "torch",
) -> Optimizer:
    r"""AdamW: Adam, and beside it every weight shrinks by the same share.

    .. math:: \theta \leftarrow (1 - \eta\lambda)\,\theta, \quad
              \text{then the step of Adam}

    A penalty in the loss would be divided too: large gradients shield their weights.

    Parameters
    ----------
    lr, beta1, beta2, eps, amsgrad, like
        As in :func:`adam`.
    weight_decay : float, optional
        The strength of the decay; 0.01 in torch, 0.004 in Keras.
    decay : callable or structure of bool, optional
        Which parameters decay, as in :func:`sgd`.

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
    plain = _plain(lr, beta1, beta2, eps, amsgrad, like)
    return decaying(plain, "adamw", like, weight_decay, decay)
