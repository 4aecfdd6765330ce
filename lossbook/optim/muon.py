"""Muon: the momentum of a matrix, with all its singular values made equal."""

from __future__ import annotations

from typing import Any

from lossbook.backends import Array, Backend
from lossbook.core.checks import check_flag
from lossbook.optim.adam import (
    adam_rule,
    adam_settings,
    one_minus_power,
    running_means,
)
from lossbook.optim.clipping import global_norm
from lossbook.optim.optimizer import Optimizer, Rate
from lossbook.optim.settings import (
    AnyLike,
    check_amount,
    check_count,
    check_fraction,
    decaying,
    rate,
)

# The polynomial a s + b s^3 + c s^5 that lifts small singular values fastest (Jordan).
A, B, C = 3.4445, -4.7750, 2.0315


def muon(
    lr: Rate | None = None,
    momentum: float = 0.95,
    nesterov: bool = True,
    weight_decay: float | None = None,
    *,
    steps: int = 5,
    rms: float | None = None,
    decay: Any = None,
    like: AnyLike = "torch",
) -> Optimizer:
    r"""Muon: the momentum of each matrix is made orthogonal before the step.

    .. math:: M \leftarrow \mu M + (1 - \mu)\, G, \qquad
              \theta \leftarrow (1 - \eta\lambda)\,\theta
              - \eta\, r\, \operatorname{NS}\bigl((1 - \mu)\, G + \mu M\bigr)

    NS divides by the Frobenius norm and applies ``steps`` times

    .. math:: X \leftarrow a X + (b A + c A^2) X, \qquad A = X X^\top,

    which brings the singular values near 1 and leaves the singular vectors. Without
    `nesterov` it is taken of M. Where the libraries differ, here for m rows and n
    columns:

    ======= ======================= ========== ==================== ==================
    like    r                       NS in      decay, by default    other arrays
    ======= ======================= ========== ==================== ==================
    torch   max(1, m / n) ** 0.5    bfloat16   0.1                  refused
    keras   0.2 max(m, n) ** 0.5    their own  0.004                Adam
    optax   max(1, n / m) ** 0.5    their own  0                    Adam with Nesterov
    ======= ======================= ========== ==================== ==================

    optax also corrects both terms for their start at zero. Embeddings and the last
    layer are better left to :func:`adamw`; Keras knows the former by their names, which
    arrays have not.

    Parameters
    ----------
    lr : float or callable, optional
        The learning rate, or a schedule; 0.001, which is torch's and Keras's (optax has
        none). Other arrays than matrices have the same.
    momentum : float
        How much of the momentum is kept, in [0, 1).
    nesterov : bool
        Whether the step looks ahead along the momentum.
    weight_decay : float, optional
        The share, times lr, by which weights shrink, as in the table.
    steps : int
        How often the polynomial is applied.
    rms : float, optional
        Take r = rms max(m, n) ** 0.5 whatever `like` is. With 0.2 the steps have about
        the size of Adam's, so that rates of Adam serve.
    decay : callable or structure of bool, optional
        Which parameters decay, as in :func:`sgd`. Other arrays than matrices decay like
        these; Keras and optax have a share of their own for them, 0.004 and 0.
    like : {"torch", "keras", "optax"}
        Whose formula and defaults.

    Raises
    ------
    ValueError
        If an array is no matrix and like="torch".

    References
    ----------
    Jordan, K., and others (2024), Muon: an optimizer for hidden layers in neural
    networks. Liu, J., and others (2025), Muon is scalable for LLM training (rms).

    Examples
    --------
    >>> import numpy as np, lossbook as lb
    >>> optimizer = lb.optim.muon(lr=0.1, weight_decay=0.0, like="optax")
    >>> w = np.zeros((2, 2))
    >>> w, state = optimizer.step(w, np.diag([5.0, 0.5]), optimizer.init(w))
    >>> abs(w).round(2).tolist()  # a tenth of the gradient, and the same step
    [[0.07, 0.0], [0.0, 0.07]]
    """
    learning_rate = rate(like, "muon", lr)
    check_flag("nesterov", nesterov)
    check_count("steps", steps)
    settings = {
        "momentum": check_fraction("momentum", momentum),
        "nesterov": nesterov,
        "steps": steps,
        "rms": 0.2 if rms is None and like == "keras" else rms,
        **adam_settings(0.9, 0.999, 1e-7 if like == "keras" else 1e-8, like),
    }
    if rms is not None:
        settings["rms"] = check_amount("rms", rms, 0.2)
    slots = {"momentum": 0.0}
    if like != "torch":
        slots["squares"] = 0.0
    plain = Optimizer(
        learning_rate, settings, _muon, slots, needs={"squares": _is_no_matrix}
    )
    return decaying(plain, "muon", like, weight_decay, decay)


def _is_no_matrix(xp: Backend, p: Array) -> bool:
    return len(xp.shape(p)) != 2


def _muon(
    xp: Backend, h: Any, p: Array, g: Array, m: Array, *squares: Array
) -> tuple[Array, ...]:
    if _is_no_matrix(xp, p):
        return _other(xp, h, p, g, m, *squares)
    m, ahead = _momentum(xp, h, g, m)
    step = orthogonalized(xp, h, ahead)
    return p - h.lr * _ratio(h, xp.shape(p)) * xp.cast(step, p), m, *squares


def _momentum(xp: Backend, h: Any, g: Array, m: Array) -> tuple[Array, Array]:
    """Return the momentum, and the matrix whose direction the step takes."""
    if h.like == "keras":
        m = h.momentum * m + g
        return m, g + h.momentum * m if h.nesterov else m
    m = h.momentum * m + (1 - h.momentum) * g
    if h.like == "torch":
        return m, h.momentum * m + (1 - h.momentum) * g if h.nesterov else m
    if not h.nesterov:
        return m, m / one_minus_power(xp, h.momentum, h.t)
    return m, _ahead(xp, h.t, h.momentum, h.momentum, m, g)


def _ahead(xp: Backend, t: Any, beta: Any, base: Any, m: Array, g: Array) -> Array:
    """Return where optax's momentum will be, both terms without their start at 0."""
    now, then = one_minus_power(xp, base, t), one_minus_power(xp, base, t + 1)
    return beta * m / then + (1 - beta) * g / now


def orthogonalized(xp: Backend, h: Any, x: Array) -> Array:
    """Return the matrix with singular values near 1, by Newton's and Schulz's way."""
    rounded = xp.as_bfloat16 if h.like == "torch" else _as_it_is
    x, tiny = rounded(x), 1e-8 if h.like == "optax" else 1e-7
    norm = rounded(global_norm(xp, [x]))
    x = rounded(x / (xp.maximum(norm, tiny) if h.like == "torch" else norm + tiny))
    rows, columns = xp.shape(x)
    turned = rows is not None and columns is not None and rows > columns
    x = xp.moveaxis(x, 0, 1) if turned else x
    quicker = xp.STEPS.get("newton_schulz") if h.like == "torch" else None
    x = quicker(x, h.steps, A, B, C) if quicker else _newton_schulz(xp, h, x, rounded)
    return xp.moveaxis(x, 0, 1) if turned else x


def _newton_schulz(xp: Backend, h: Any, x: Array, rounded: Any) -> Array:
    for _ in range(h.steps):
        a = rounded(xp.matmul(x, xp.moveaxis(x, 0, 1)))
        b = rounded(B * a + C * xp.matmul(a, a))
        x = rounded(A * x + xp.matmul(b, x))
    return x


def _as_it_is(x: Array) -> Array:
    return x


def _ratio(h: Any, shape: tuple[Any, ...]) -> float:
    """Return how long the step is beside the orthogonal matrix."""
    if None in shape:
        raise ValueError(
            f"muon needs the shape of a matrix, got {shape}: the length of the step "
            "depends on it. Trace the graph with a fixed shape."
        )
    rows, columns = shape
    if h.rms is not None:
        return float(h.rms * max(rows, columns) ** 0.5)
    if h.like == "torch":
        return float(max(1, rows / max(1, columns)) ** 0.5)
    return float(max(1, columns / max(1, rows)) ** 0.5)


def _other(
    xp: Backend, h: Any, p: Array, g: Array, m: Array, *squares: Array
) -> tuple[Array, ...]:
    """Take the step of Adam, where the library does."""
    if h.like == "torch":
        raise ValueError(
            f"muon with like='torch' takes matrices, got shape {xp.shape(p)}. Give "
            "other parameters to adamw, or pass like='keras' or like='optax'."
        )
    if h.like == "keras" or not h.nesterov:
        return adam_rule(xp, h, p, g, m, *squares)
    (v,) = squares
    m, v = running_means(h, g, m, v)
    ahead = _ahead(xp, h.t, h.beta1, h.base1, m, g)
    root = one_minus_power(xp, h.base2, h.t) ** 0.5
    return p - h.lr * root * ahead / (xp.sqrt(v) + h.eps * root), m, v
