"""Penalties on the parameters of a model, and the objective that contains one.

A loss says how badly a model fits, a penalty how large its parameters are; the
objective that is minimised is their weighted sum. Here a penalty is a sum over all
elements, not a mean: a model of twice the size pays for twice as many parameters.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from operator import add
from sys import float_info
from typing import Any

from lossbook.backends import Array, Of1, Of2, backend_of
from lossbook.backends.tree import flatten, opened
from lossbook.core.checks import check_between
from lossbook.core.pointwise import Elementwise
from lossbook.core.registry import loss


@loss("penalty")
def l1(params: Any) -> Array:
    r"""Sum of the absolute values of all parameters: the lasso penalty.

    .. math:: R = \sum_i |w_i|, \qquad
              \frac{\partial R}{\partial w_i} = \operatorname{sign} w_i

    It pulls small and large parameters equally hard, so that many end at 0. At 0 itself
    the slope is 0.

    Parameters
    ----------
    params : array, or list, tuple, dict or iterator of arrays
        The parameters, of any shapes: also ``model.parameters()`` of PyTorch and
        ``model.trainable_weights`` of Keras.

    Returns
    -------
    array
        A scalar in the unit of the parameters, in the dtype of the first array.

    Raises
    ------
    ValueError
        If there are no parameters, as in an iterator that has been used up.
    TypeError
        If `params` is the model itself.

    References
    ----------
    Tibshirani, R. (1996), Regression shrinkage and selection via the lasso.

    Examples
    --------
    >>> import numpy as np, lossbook as lb
    >>> float(lb.l1([np.array([3.0, -4.0]), np.array([[1.0]])]))
    8.0
    """
    return _summed(_ABSOLUTE, params)


_ABSOLUTE = Elementwise[Of1](
    "absolute",
    formula=lambda xp, w: xp.abs(w),
    derivatives=[lambda xp, w: xp.sign(w)],
)


@loss("penalty")
def l2(params: Any) -> Array:
    r"""Sum of the squares of all parameters: the ridge penalty.

    .. math:: R = \sum_i w_i^2, \qquad \frac{\partial R}{\partial w_i} = 2 w_i

    There is no factor ½, as in scikit-learn's ``Ridge`` and Keras's ``L2``. Conventions
    differ, and with them what a strength means: ``weight_decay`` of PyTorch's SGD is
    the slope of ½ R, and ``tf.nn.l2_loss`` is ½ R.

    Parameters
    ----------
    params : array, or list, tuple, dict or iterator of arrays
        As in :func:`l1`.

    Returns
    -------
    array
        A scalar in the square of the unit, in the dtype of the first array.

    Raises
    ------
    ValueError, TypeError
        As in :func:`l1`.

    References
    ----------
    Hoerl, A. E., R. W. Kennard (1970), Ridge regression: biased estimation for
    nonorthogonal problems.

    Examples
    --------
    >>> import numpy as np, lossbook as lb
    >>> float(lb.l2({"w": np.array([3.0, -4.0]), "b": np.array([1.0])}))
    26.0
    """
    return _summed(SQUARE, params)


SQUARE = Elementwise[Of1](
    "square",
    formula=lambda xp, w: w * w,
    derivatives=[lambda xp, w: 2 * w],
)


@loss("penalty")
def elastic_net(params: Any, l1_ratio: float = 0.5) -> Array:
    r"""Mixture of both penalties, in the convention of scikit-learn's ``ElasticNet``.

    .. math:: R = \rho \sum_i |w_i| + \frac{1 - \rho}{2} \sum_i w_i^2, \qquad
              \frac{\partial R}{\partial w_i} = \rho \operatorname{sign} w_i
              + (1 - \rho)\, w_i

    Here the square has its factor ½, by which both parts pull equally hard at a
    parameter of size 1: with `l1_ratio` 0 it is half of :func:`l2`.

    Parameters
    ----------
    params : array, or list, tuple, dict or iterator of arrays
        As in :func:`l1`.
    l1_ratio : float
        The share of the absolute values, in [0, 1].

    Returns
    -------
    array
        A scalar, in the dtype of the first array.

    Raises
    ------
    ValueError
        If `l1_ratio` leaves [0, 1], and as in :func:`l1`.

    References
    ----------
    Zou, H., T. Hastie (2005), Regularization and variable selection via the elastic
    net.

    Examples
    --------
    >>> import numpy as np, lossbook as lb
    >>> float(lb.elastic_net(np.array([3.0, -4.0])))
    9.75
    """
    l1_ratio = check_between("l1_ratio", l1_ratio, 0, 1)
    return _summed(_ELASTIC, params, l1_ratio=l1_ratio)


_ELASTIC = Elementwise[Of2](
    "elastic",
    formula=lambda xp, w, l1_ratio: l1_ratio * xp.abs(w) + (1 - l1_ratio) / 2 * (w * w),
    derivatives=[lambda xp, w, l1_ratio: l1_ratio * xp.sign(w) + (1 - l1_ratio) * w],
)


def objective(
    loss: Any, params: Any, regularizer: Callable[[Any], Array], strength: float
) -> Array:
    r"""Return what training minimises: the loss and a penalty on the parameters.

    .. math:: J(\theta) = L(\theta) + \lambda R(\theta)

    Parameters
    ----------
    loss : scalar array
        The loss L, reduced. Its mean keeps the balance with R at any batch size.
    params : array, or list, tuple, dict or iterator of arrays
        What to penalise, as in :func:`l1`; biases are left out by custom.
    regularizer : callable
        The penalty R: :func:`l1`, :func:`l2`, :func:`elastic_net` or your own.
    strength : float
        The factor λ, 0 or more.

    Returns
    -------
    array
        A scalar in the dtype of `loss`.

    Raises
    ------
    ValueError
        If `loss` is not a scalar or `strength` is negative, and as in :func:`l1`.
    TypeError
        If `regularizer` is not a function, and as in :func:`l1`.

    Examples
    --------
    >>> import numpy as np, lossbook as lb
    >>> w = np.array([3.0, -4.0])
    >>> float(lb.objective(lb.mse([1.0], [2.0]), w, lb.l2, strength=0.1))
    3.5
    """
    if not callable(regularizer):
        raise TypeError(
            f"regularizer must be a function of the parameters, got {regularizer!r}. "
            "For instance regularizer=lossbook.l2."
        )
    strength = check_between("strength", strength, 0, float_info.max)
    penalty = regularizer(params)
    xp = backend_of(loss, penalty)
    loss = xp.to_float(xp.asarray(loss, "loss", penalty))
    penalty = xp.cast(xp.asarray(penalty, "the penalty", loss), loss)
    for name, value in (("loss", loss), ("the penalty", penalty)):
        if xp.shape(value) != ():
            raise ValueError(
                f"{name} must be a scalar, got shape {xp.shape(value)}. Use "
                'reduction="mean", or "sum" in a penalty of your own.'
            )
    return loss + strength * penalty


def _summed(penalty: Elementwise[Any], params: Any, **parameters: Any) -> Array:
    """Sum a penalty over all elements of all arrays."""
    arrays, _ = flatten(opened(params))
    xp = backend_of(*arrays)
    arrays = [xp.to_float(xp.asarray(array, "params", arrays[0])) for array in arrays]
    if all(0 in xp.shape(array) for array in arrays):
        raise ValueError(
            "params holds no parameters. An iterator such as model.parameters() is "
            "used up by its first reader: pass list(model.parameters())."
        )
    sums = [
        penalty.reduced(xp, array, reduction="sum", **parameters) for array in arrays
    ]
    return reduce(add, [xp.cast(each, sums[0]) for each in sums])
