"""Lion: steps of one length, in the direction of the momentum's sign."""

from __future__ import annotations

from typing import Any, Literal

from lossbook.backends import Array, Backend
from lossbook.optim.optimizer import Optimizer, Rate
from lossbook.optim.settings import check_fraction, decaying, rate


def lion(
    lr: Rate | None = None,
    beta1: float = 0.9,
    beta2: float = 0.99,
    weight_decay: float | None = None,
    *,
    decay: Any = None,
    like: Literal["keras", "optax"] = "keras",
) -> Optimizer:
    r"""Lion: the sign of the momentum, so that every weight moves by the same amount.

    .. math:: \theta \leftarrow (1 - \eta\lambda)\,\theta
              - \eta\, \operatorname{sign}\bigl(\beta_1 m + (1 - \beta_1)\, g\bigr),
              \qquad m \leftarrow \beta_2 m + (1 - \beta_2)\, g

    Keras and optax have one formula and differ in the decay that they take by default.
    A step is longer than Adam's: take a rate 3 to 10 times as small.

    Parameters
    ----------
    lr : float or callable, optional
        The learning rate, or a schedule; 0.001, which is Keras's (optax has none).
    beta1 : float
        How much of the momentum goes into the step beside the gradient, in [0, 1).
    beta2 : float
        How much of the momentum is kept for the next step, in [0, 1).
    weight_decay : float, optional
        The share, times lr, by which weights shrink; 0 in Keras, 0.001 in optax.
    decay : callable or structure of bool, optional
        Which parameters decay, as in :func:`sgd`.
    like : {"keras", "optax"}
        Whose defaults; torch.optim has no Lion.

    References
    ----------
    Chen, X., and others (2023), Symbolic discovery of optimization algorithms.

    Examples
    --------
    >>> import numpy as np, lossbook as lb
    >>> optimizer = lb.optim.lion(lr=0.1)
    >>> w = np.array([1.0, 1.0, 1.0])
    >>> w, state = optimizer.step(w, np.array([1e-9, -5, 0]), optimizer.init(w))
    >>> w.tolist()
    [0.9, 1.1, 1.0]
    """
    fractions = {"beta1": beta1, "beta2": beta2}
    settings = {name: check_fraction(name, x) for name, x in fractions.items()}
    plain = Optimizer(rate(like, "lion", lr), settings, _lion, {"momentum": 0.0})
    return decaying(plain, "lion", like, weight_decay, decay)


def _lion(xp: Backend, h: Any, p: Array, g: Array, m: Array) -> tuple[Array, ...]:
    step = xp.sign(h.beta1 * m + (1 - h.beta1) * g)
    return p - h.lr * step, h.beta2 * m + (1 - h.beta2) * g
