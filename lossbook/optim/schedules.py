"""Learning rates that change: functions of the number of steps taken, and a range test.

They are part of ``lossbook.optim``, which takes them in the place of a number:
``lb.optim.adam(lb.optim.cosine(1e-3, steps=1000))``. The count may also be an array
inside a graph of PyTorch, TensorFlow or JAX.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import pi
from typing import Any

import numpy as np

from lossbook.backends import backend_of
from lossbook.backends.tree import opened
from lossbook.core.checks import check_between, check_positive
from lossbook.optim.settings import check_count

Schedule = Callable[[Any], Any]


def constant(lr: float) -> Schedule:
    """Return the schedule that stays at `lr`.

    Examples
    --------
    >>> import lossbook as lb
    >>> lb.optim.constant(0.1)(1000)
    0.1
    """
    check_positive("lr", lr)
    return partial(_constant, float(lr))


def _constant(lr: float, done: Any) -> Any:
    return lr + 0 * _as_float(done)


def step(lr: float, size: int, gamma: float = 0.1) -> Schedule:
    r"""Return the schedule that multiplies by `gamma` after every `size` steps.

    .. math:: \eta_t = \eta\,\gamma^{\lfloor t / s \rfloor}

    Parameters
    ----------
    lr : float
        The learning rate at the start.
    size : int
        Steps between two cuts.
    gamma : float
        What is left after a cut, in (0, 1].

    Examples
    --------
    >>> import lossbook as lb
    >>> rate = lb.optim.step(0.8, size=10, gamma=0.5)
    >>> [rate(t) for t in (0, 9, 10, 20)]
    [0.8, 0.8, 0.4, 0.2]
    """
    check_positive("lr", lr)
    check_count("size", size)
    check_positive("gamma", gamma)
    check_between("gamma", gamma, 0, 1)
    return partial(_step, float(lr), int(size), float(gamma))


def _step(lr: float, size: int, gamma: float, done: Any) -> Any:
    return lr * gamma ** _as_float(done // size)


def cosine(lr: float, steps: int, final: float = 0.0) -> Schedule:
    r"""Return the schedule that glides from `lr` to `final` along half a cosine.

    .. math:: \eta_t = \eta_T + \tfrac12 (\eta - \eta_T)
              \bigl(1 + \cos\tfrac{\pi t}{T}\bigr)

    Parameters
    ----------
    lr : float
        The learning rate at the start.
    final : float
        The learning rate from step `steps` on.
    steps : int
        How long it takes.

    References
    ----------
    Loshchilov, I., F. Hutter (2017), SGDR: stochastic gradient descent with warm
    restarts.

    Examples
    --------
    >>> import lossbook as lb
    >>> rate = lb.optim.cosine(0.8, steps=100)
    >>> [round(rate(t), 6) for t in (0, 50, 100, 200)]
    [0.8, 0.4, 0.0, 0.0]
    """
    lr = check_positive("lr", lr)
    check_count("steps", steps)
    final = check_between("final", final, 0, lr)
    return partial(_cosine, lr, steps, final)


def _cosine(lr: float, steps: int, final: float, done: Any) -> Any:
    return _plain(_glide(lr, final, done / steps), done)


def one_cycle(
    lr: float,
    steps: int,
    warmup: float = 0.3,
    start: float = 1 / 25,
    final: float = 1 / 250_000,
) -> Schedule:
    """Return the schedule that rises to `lr` and falls again, each along half a cosine.

    The defaults are those of ``torch.optim.lr_scheduler.OneCycleLR``.

    Parameters
    ----------
    lr : float
        The largest learning rate.
    steps : int
        Steps of the whole training.
    warmup : float
        Share of the steps in which it rises, strictly between 0 and 1.
    start : float
        The first learning rate, as a share of `lr`.
    final : float
        The last learning rate, as a share of `lr`.

    References
    ----------
    Smith, L. N., N. Topin (2019), Super-convergence: very fast training of neural
    networks using large learning rates.

    Examples
    --------
    >>> import lossbook as lb
    >>> rate = lb.optim.one_cycle(1.0, steps=100)
    >>> [round(rate(t), 6) for t in (0, 29, 99)]
    [0.04, 1.0, 4e-06]
    """
    lr = check_positive("lr", lr)
    check_count("steps", steps)
    for name, value in {"warmup": warmup, "start": start, "final": final}.items():
        check_positive(name, value)
        check_between(name, value, 0, 1)
    top, end = warmup * steps - 1, steps - 1
    if not 0 < top < end:
        raise ValueError(
            f"warmup={warmup!r} of steps={steps!r} leaves no step to rise or to fall. "
            "Take more steps, or a warmup near 0.3."
        )

    return partial(_one_cycle, lr, lr * start, lr * final, top, end)


def _one_cycle(
    lr: float, start: float, final: float, top: float, end: int, done: Any
) -> Any:
    done = _as_float(done)
    up = _glide(start, lr, done / top)
    down = _glide(lr, final, (done - top) / (end - top))
    return _plain(backend_of(done).where(done < top, up, down), done)


def _glide(first: float, last: float, fraction: Any) -> Any:
    """Go from `first` to `last` along half a cosine, and stay there."""
    xp = backend_of(fraction)
    fraction = xp.clip(fraction, 0.0, 1.0)
    return last + (first - last) / 2 * (1 + xp.cos(pi * fraction))


def _as_float(count: Any) -> Any:
    """Return a count that TensorFlow multiplies with a float."""
    if isinstance(count, int | float):
        return count
    return backend_of(count).to_float(count)


def _plain(rate: Any, done: Any) -> Any:
    """Return a float where the count is a number; for arrays of counts an array."""
    return float(rate) if isinstance(done, int | float) else rate


def lr_range_test(
    optimizer: Any,
    loss_and_grads: Callable[[Any], tuple[Any, Any]],
    params: Any,
    *,
    lowest: float = 1e-6,
    highest: float = 10.0,
    steps: int = 100,
    stop: float = 4.0,
) -> tuple[Any, Any]:
    """Raise the learning rate with every step and note the losses.

    Draw the losses over the logarithm of the rates: where they fall fastest, training
    is quick; where they turn upward, the rate is too large.

    Parameters
    ----------
    optimizer : Optimizer
        Any of ``lb.optim``; its own learning rate is not used.
    loss_and_grads : callable
        From parameters to (loss, gradients), for instance ``lb.value_and_grad(loss)``;
        it may take a new batch at each call.
    params : array, or list, tuple, dict or iterator of arrays
        Where to start. They are not changed.
    lowest : float
        The first learning rate; from step to step it grows by a fixed factor.
    highest : float
        The last learning rate.
    steps : int
        How many steps, at least 2.
    stop : float
        The test ends once a loss is more than `stop` times the smallest one (where that
        is negative, more than `stop` - 1 times its size above it), or is not finite.

    Returns
    -------
    (rates, losses)
        NumPy arrays of one length: each rate, and the loss before the step with it.

    Raises
    ------
    ValueError
        If `lowest` is not below `highest`, or another argument is out of range.

    References
    ----------
    Smith, L. N. (2017), Cyclical learning rates for training neural networks.

    Examples
    --------
    >>> import numpy as np, lossbook as lb
    >>> slope = lb.value_and_grad(lambda x: lb.mse([0.0], x))
    >>> rates, losses = lb.optim.lr_range_test(lb.optim.sgd(), slope, np.array([1.0]))
    >>> bool(1.0 < rates[-1] < 10)  # beyond 1 this parabola diverges
    True
    """
    for name, value in {"lowest": lowest, "highest": highest, "stop": stop}.items():
        check_positive(name, value)
    check_count("steps", steps)
    if steps < 2 or not lowest < highest:
        raise ValueError(
            f"lowest={lowest!r}, highest={highest!r}, steps={steps!r}: pass a smaller "
            "rate first, and at least 2 steps."
        )
    rates = np.geomspace(lowest, highest, steps)
    params = opened(params)
    state, losses = optimizer.init(params), []
    for rate in rates:
        loss, grads = loss_and_grads(params)
        losses.append(float(loss))
        least = min(losses)
        if not losses[-1] - least <= (stop - 1) * abs(least):  # NaN and inf too
            break
        params, state = optimizer.step(params, grads, state, lr=float(rate))
    return rates[: len(losses)], np.array(losses)
