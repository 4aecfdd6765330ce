"""Gradients of a loss, on any backend, and ways to check them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from numbers import Integral
from typing import Any

import numpy as np

from lossbook.backends import Array, backend_of
from lossbook.backends.tree import flatten, opened
from lossbook.core.pointwise import Derivatives
from lossbook.core.reduction import EXACT, Asked
from lossbook.core.registry import LOSSES


def value_and_grad(
    fn: Callable[..., Array], argnum: int | None = None
) -> Callable[..., tuple[Array, Any]]:
    """Make a function that returns the value of `fn` and its gradient.

    Parameters
    ----------
    fn : callable
        Returns a scalar loss. On NumPy it may use lossbook's losses and common NumPy
        functions.
    argnum : int, optional
        Which positional argument to differentiate by: an array, or a list, tuple, dict
        or iterator of arrays. By default the prediction (argument 1) if `fn` is one of
        lossbook's losses of (y_true, y_pred), otherwise the first (argument 0).

    Returns
    -------
    callable
        With the arguments of `fn`; it returns (value, gradient), the gradient in the
        structure, dtype and framework of the argument.

    Raises
    ------
    ValueError
        If the value is not a scalar.
    TypeError
        If on NumPy `fn` uses a function that cannot be differentiated, or `argnum` is
        no integer.

    Examples
    --------
    >>> import numpy as np, lossbook as lb
    >>> y_true, y_pred = np.array([3.0, 5.0]), np.array([2.5, 5.5])
    >>> value, grad = lb.value_and_grad(lb.mse)(y_true, y_pred)
    >>> float(value), grad.tolist()
    (0.25, [-0.5, 0.5])
    >>> X = np.array([[1.0, 2.0], [3.0, 4.0]])
    >>> loss = lambda w: lb.mse([1.0, 2.0], X @ w)
    >>> lb.value_and_grad(loss)(np.zeros(2))[1].tolist()
    [-7.0, -10.0]
    """
    position = _argument_of(fn) if argnum is None else argnum
    if not isinstance(position, Integral) or isinstance(position, bool):
        raise TypeError(
            f"argnum must be the position of one argument, got {position!r}. To "
            "differentiate by several, pass them as one list, tuple or dict."
        )
    # Not a function in a function, which neither pickle nor deepcopy can take.
    return partial(_evaluate, fn, int(position))


def _evaluate(
    fn: Callable[..., Array], position: int, /, *args: Any, **options: Any
) -> tuple[Array, Any]:
    if not -len(args) <= position < len(args):
        raise TypeError(
            f"value_and_grad differentiates by positional argument {position}, but "
            f"got {len(args)} of them. Pass it by position, or another argnum."
        )
    leaves, rebuild = flatten(opened(args[position], f"argument {position}"))
    xp = backend_of(*leaves)
    leaves = [xp.asarray(leaf, f"argument {position}") for leaf in leaves]

    def loss(arrays: list[Array], constant: Callable[[Any], Any]) -> Array:
        positional = [constant(arg) for arg in args]
        positional[position] = rebuild(arrays)
        found = fn(*positional, **{key: constant(x) for key, x in options.items()})
        if found is None or isinstance(found, str):
            raise ValueError(
                f"value_and_grad needs a scalar loss, got {found!r}. Return the loss "
                "from the function."
            )
        return found

    value, grads = xp.differentiate(loss, leaves)
    return value, rebuild(_apart(grads))


def _apart(grads: list[Array]) -> list[Array]:
    """Return gradients of which each may be changed in place by itself."""
    owners = [id(_owner(g)) for g in grads]
    last = {owner: i for i, owner in enumerate(owners)}
    return [g if last[owners[i]] == i else g + 0 for i, g in enumerate(grads)]


def _owner(g: Array) -> Any:
    """Return the array whose memory this is."""
    viewed = g.base if isinstance(g, np.ndarray) else None
    return g if viewed is None else viewed


def _argument_of(fn: Callable[..., Any]) -> int:
    from inspect import signature  # it takes a third of the time of `import lossbook`

    fn, _ = unwrapped(fn)
    module = getattr(fn, "__module__", None) or ""
    if module.partition(".")[0] != "lossbook":
        return 0
    return int(next(iter(signature(fn).parameters)) == "y_true")


def gradient_hessian(loss: Callable[..., Array]) -> Callable[..., tuple[Array, Array]]:
    r"""Make a function that returns the first and the second derivative of each loss.

    .. math:: g_i = w_i \frac{\partial \ell_i}{\partial \hat y_i}, \qquad
              h_i = w_i \frac{\partial^2 \ell_i}{\partial \hat y_i^2}

    Nothing is reduced: they add up to the derivatives of the ``"sum"``. That is what
    Newton's method and boosted trees ask for. Both are within a few ulp of the exact
    values (held against mpmath); where the terms of one cancel, as in focal loss,
    within a few ulp of the larger term.

    Parameters
    ----------
    loss : callable
        One of lossbook's losses that work element by element, or sparse_cross_entropy
        from logits; or a partial of one, with its parameters.

    Returns
    -------
    callable
        ``f(y_true, y_pred, *, sample_weight=None, **parameters)``, with the parameters
        of the loss. It returns (gradient, hessian) in the shape, dtype and framework of
        `y_pred`, in float32 for half precision, as constants: nothing is differentiated
        through them. For rows of scores the second is the diagonal of the Hessian of
        each row.

    Raises
    ------
    TypeError
        If `loss` is none of these.
    ValueError
        If it has no second derivative to work with, such as `mae`; when called, if
        `eps` or `axis` is asked for, or class weights or smoothed labels of classes;
        and as the loss itself does.

    Examples
    --------
    >>> import lossbook as lb
    >>> derivatives = lb.gradient_hessian(lb.binary_cross_entropy)
    >>> derivatives([1.0, 0.0], [0.0, 0.0], from_logits=True)
    (array([-0.5,  0.5]), array([0.25, 0.25]))
    >>> lb.gradient_hessian(lb.mse)([3.0, 5.0], [2.5, 5.5], sample_weight=[1.0, 2.0])
    (array([-1.,  2.]), array([2., 4.]))
    """
    name = loss_name(loss, "gradient_hessian")
    if name in NO_CURVATURE:
        raise ValueError(
            f"{name} has no second derivative to work with: {NO_CURVATURE[name]}"
        )
    return partial(_second_order, loss)


# Why a loss of (y_true, y_pred) has no second derivative, or none that helps.
NO_CURVATURE = {
    "hinge": "it is made of straight lines. Use squared_hinge or logistic.",
    "mae": "it is 0 wherever it exists. Use huber or log_cosh, which are round near 0.",
    "quantile": "it is 0 wherever it exists. Nothing round has the same minimum.",
    "rmse": "its root ties all elements together. Use mse, which has the same minimum.",
    "zero_one": "it is flat. Use logistic, hinge or binary_cross_entropy.",
}
_ROWS = "sparse_cross_entropy"


def unwrapped(fn: Callable[..., Any]) -> tuple[Callable[..., Any], dict[str, Any]]:
    """Return the function in a partial that binds by name alone, and what it binds."""
    inner: Any = fn
    bound: dict[str, Any] = {}
    while isinstance(inner, partial) and not inner.args:
        inner, bound = inner.func, {**inner.keywords, **bound}
    return inner, bound


def loss_name(loss: Callable[..., Any], owner: str) -> str:
    """Return the name of a loss of numbers or labels, or of the one in a partial."""
    inner, _ = unwrapped(loss)
    name = getattr(inner, "__name__", "")
    entry = LOSSES.get(name)
    fits = entry is not None and (entry.kind == "elements" or name == _ROWS)
    if entry is None or entry.function is not inner or not fits:
        raise TypeError(
            f"{owner} takes one of lossbook's losses of y_true and y_pred that work "
            f"element by element, or lossbook.{_ROWS}, got {loss!r}."
        )
    return name


def derivatives(
    loss: Callable[..., Array],
    asked: Asked,
    y_true: Any,
    y_pred: Any,
    sample_weight: Any = None,
    **parameters: Any,
) -> Derivatives:
    """Return what is asked for of a loss that `loss_name` has let pass."""
    _check_smooth(loss, parameters)
    if sample_weight is not None:  # otherwise a partial may have one
        parameters["sample_weight"] = sample_weight
    found = loss(y_true, y_pred, reduction=asked, **parameters)
    if not isinstance(found, Derivatives):
        raise ValueError(
            f"{_ROWS} has second derivatives from logits alone. Pass from_logits=True."
        )
    return found


def _check_smooth(loss: Callable[..., Array], parameters: dict[str, Any]) -> None:
    """Refuse parameters that second derivatives cannot have."""
    inner, bound = unwrapped(loss)
    given = {**bound, **parameters}
    refused = _NOT_SMOOTH_IN_ROWS if inner.__name__ == _ROWS else _NOT_SMOOTH
    for name, (usual, fix) in refused.items():
        value = given.get(name, usual)
        if value is not usual and not (np.isscalar(value) and value == usual):
            raise ValueError(f"{name} cannot be had in second derivatives. {fix}")


_NOT_SMOOTH: dict[str, tuple[Any, str]] = {
    "eps": (None, "It cuts probabilities off, with a kink. Pass from_logits=True."),
    "axis": (-1, "Move the classes to the last axis."),
}
_NOT_SMOOTH_IN_ROWS: dict[str, tuple[Any, str]] = {
    **_NOT_SMOOTH,
    "class_weight": (None, "Give each row the weight of its class, as sample_weight."),
    "label_smoothing": (0.0, "Leave it out."),
}


def _second_order(
    loss: Callable[..., Array],
    /,
    y_true: Any,
    y_pred: Any,
    *,
    sample_weight: Any = None,
    **parameters: Any,
) -> tuple[Array, Array]:
    if "reduction" in parameters:
        raise TypeError("gradient_hessian reduces nothing. Leave reduction out.")
    return tuple(derivatives(loss, EXACT, y_true, y_pred, sample_weight, **parameters))  # type: ignore[return-value]


def numerical_gradient(
    fn: Callable[[Any], Any], x: Any, *, step: float | None = None
) -> Any:
    r"""Estimate a gradient by central differences, two evaluations an element.

    .. math:: \frac{\partial f}{\partial x_i} \approx
              \frac{f(x + h e_i) - f(x - h e_i)}{2h}

    Parameters
    ----------
    fn : callable
        Returns a scalar for an array like `x`.
    x : array
        Where to take the gradient; any backend.
    step : float, optional
        The step h for elements up to 1 in size, scaled with larger ones. By default the
        cube root of the dtype's rounding unit, where truncation and rounding balance.

    Returns
    -------
    array
        NumPy float64, in the shape of `x`.

    Examples
    --------
    >>> import numpy as np, lossbook as lb
    >>> lb.numerical_gradient(lambda p: lb.mse([0.0], p), np.array([3.0])).round(6)
    array([6.])
    """
    up, down, width = _beside(fn, x, step)
    return (up - down) / width


def _beside(fn: Callable[[Any], Any], x: Any, step: float | None) -> tuple[Any, ...]:
    """Return the values a step above and below each element, and how far apart."""
    xp = backend_of(x)
    start = xp.to_float(xp.asarray(x, "x"))
    values = xp.to_numpy(start)
    h0 = np.finfo(values.dtype).eps ** (1 / 3) if step is None else step
    found = np.zeros((3, *values.shape))
    for index in np.ndindex(values.shape):
        h = h0 * max(1.0, abs(float(values[index])))
        ends = []
        for sign in (1, -1):
            moved = values.copy()
            moved[index] += sign * h
            value = _number(fn(xp.asarray(moved, "x", start)))
            ends.append((value, float(moved[index])))
        (up, x_up), (down, x_down) = ends
        found[(slice(None), *index)] = up, down, x_up - x_down
    return tuple(found)


def _number(value: Any) -> float:
    return float(backend_of(value).to_numpy(value))


def check_gradient(
    fn: Callable[[Any], Any], x: Any, *, rtol: float | None = None
) -> float:
    """Compare the gradient of `fn` at `x` with central differences.

    Parameters
    ----------
    fn : callable
        Returns a scalar for an array like `x`.
    x : array
        Where to compare; float64 leaves most digits.
    rtol : float, optional
        The largest relative difference allowed. By default 1e-6 in float64 and 1e-2 in
        float32, whose differences carry two to three digits.

    Returns
    -------
    float
        The largest difference found, relative to the largest element of the gradient,
        or at a minimum, where that is 0, to what it becomes a hundred steps away. What
        the rounding of the values alone may do to a difference is no error, unless
        `rtol` is 0.

    Raises
    ------
    AssertionError
        If it exceeds `rtol`; the message names the element.

    Examples
    --------
    >>> import numpy as np, lossbook as lb
    >>> loss = lambda p: lb.log_cosh([1.0, 2.0], p)
    >>> lb.check_gradient(loss, np.array([0.5, 4.0])) < 1e-6
    True
    """
    value, grad = value_and_grad(fn, argnum=0)(x)
    exact, middle = backend_of(grad).to_numpy(grad), _number(value)
    up, down, width = _beside(fn, x, None)
    estimate, bend = (up - down) / width, (up - 2 * middle + down) / (width / 2)
    usual = 1e-6 if exact.dtype == np.float64 else 1e-2
    limit = usual if rtol is None else rtol
    largest = max(float(np.max(np.abs(exact), initial=0.0)), 1e-12)
    rounding = 4 * np.finfo(exact.dtype).eps * abs(middle) / width if limit else 0.0
    apart = np.maximum(np.abs(exact - estimate) - rounding, 0)
    error = apart / np.maximum(largest, 100 * np.abs(bend))
    worst = float(np.max(error, initial=0.0))
    if not worst <= limit:
        place = np.unravel_index(np.argmax(error), error.shape)
        raise AssertionError(
            f"the gradient at {tuple(map(int, place))} is {exact[place]:g}, central "
            f"differences give {estimate[place]:g}: {worst:.2g} apart, {limit:g} "
            "allowed."
        )
    return worst
