"""Functions with a derivative written by hand, and the one way to a fused kernel.

A loss is written as a formula and its derivatives, element by element or row by row.
Where the framework has a fused kernel for exactly this loss, that is called; otherwise
the formula, with the derivatives as they stand here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

from lossbook.backends import Array, Backend
from lossbook.core.checks import Weights
from lossbook.core.inputs import prepare
from lossbook.core.reduction import EXACT, Asked, plain_reduction, reduce, weighted

F = TypeVar("F", bound=Callable[..., Array])


class Derivatives(NamedTuple):
    """The derivatives of each loss by its prediction; None where there is no second."""

    gradient: Array
    hessian: Array | None


class Function(Generic[F]):
    """A function of arrays and numbers; take `Elementwise` or `Rowwise`.

    Attributes
    ----------
    name : str
        Where a framework has a fused kernel, its key in ``KERNELS``; with
        `` of error`` behind it, that of a kernel which takes y_true and y_pred.
    formula : callable
        ``formula(xp, *inputs, **parameters)``.
    derivatives : sequence of callables
        The derivative of the formula with respect to each input, with the same
        arguments and in the shape of the inputs; None where an input is a constant.
    curvature : callable, optional
        The second derivative with respect to the input that moves with the prediction;
        of a row of scores, that by each score.
    parabola : callable, optional
        Where the curvature can be 0 or negative: that of a parabola which touches the
        loss at the prediction and lies above it, or another that is at least the
        curvature, and positive.
    predicted : int
        Which input moves with the prediction, at the same rate.
    """

    drops_last_axis: ClassVar[bool]

    def __init__(
        self,
        name: str,
        formula: F,
        derivatives: Sequence[F | None],
        curvature: F | None = None,
        parabola: F | None = None,
        predicted: int = 0,
    ) -> None:
        self.name = name
        self.formula = formula
        self.derivatives = derivatives
        self.curvature = curvature
        self.parabola = parabola
        self.predicted = predicted

    def losses(self, xp: Backend, *inputs: Array, **parameters: Any) -> Array:
        """Return the loss of each element, or of each row."""
        return self.apply(xp, inputs, parameters, "none")

    def reduced(
        self,
        xp: Backend,
        *inputs: Array,
        weights: Weights | None = None,
        factor: Array | None = None,
        reduction: str = "mean",
        **parameters: Any,
    ) -> Array:
        """Return what `reduction` asks for; without weights in one step.

        `factor` multiplies the losses and is no part of the denominator of a mean.
        """
        if isinstance(reduction, Asked):
            found = self.second_order(xp, inputs, parameters, reduction)
            return multiplied(xp, found, factor, weights)
        if weights is None and factor is None:
            return self.apply(xp, inputs, parameters, plain_reduction(reduction))
        if factor is None:
            losses = self.counted(xp, inputs, parameters, weights, reduction)
        else:
            losses = weighted(xp, self.apply(xp, inputs, parameters, "none"), factor)
        return reduce(xp, losses, weights, reduction)

    def counted(
        self,
        xp: Backend,
        inputs: Sequence[Array],
        parameters: dict[str, Any],
        weights: Weights | None,
        reduction: str,
    ) -> Array:
        """Return the losses, which `weights` and `reduction` are to follow."""
        fused = call_each(
            xp, self.name, weights, *inputs, reduction=reduction, **parameters
        )
        return self.apply(xp, inputs, parameters, "none") if fused is None else fused

    def apply(
        self,
        xp: Backend,
        inputs: Sequence[Array],
        parameters: dict[str, Any],
        reduction: str,
    ) -> Array:
        """Return the losses, their mean or sum, by a kernel where there is one."""
        fused = call_fused(xp, self.name, *inputs, reduction=reduction, **parameters)
        if fused is not None:
            return fused
        return xp.with_derivatives(
            partial(self.formula, xp),
            [by_input and partial(by_input, xp) for by_input in self.derivatives],
            *inputs,
            reduction=reduction,
            rowwise=self.drops_last_axis,
            parameters=parameters,
            key=self.formula,
        )

    def second_order(
        self,
        xp: Backend,
        inputs: Sequence[Array],
        parameters: dict[str, Any],
        asked: Asked,
    ) -> Derivatives:
        """Return the first and second derivative by the prediction, as constants."""
        second = self.curvature if asked is EXACT else self.parabola or self.curvature
        values = [xp.stop_gradient(x) for x in inputs]

        def of(function: F | None) -> Array | None:
            return function and xp.with_derivatives(
                partial(function, xp),
                [None] * len(values),
                *values,
                parameters=parameters,
                key=function,
            )

        return Derivatives(of(self.derivatives[self.predicted]), of(second))


def multiplied(
    xp: Backend, found: Derivatives, factor: Array | None, weights: Weights | None
) -> Derivatives:
    """Multiply both derivatives; where a loss weighs nothing they are 0."""

    def by_all(x: Array) -> Array:
        for values in (factor, weights and weights.values):
            if values is not None:
                if len(xp.shape(values)) < len(xp.shape(x)):  # one for a row of scores
                    values = xp.expand_dims(values, -1)
                x = weighted(xp, x, values)
        return x

    gradient, hessian = found
    return Derivatives(by_all(gradient), None if hessian is None else by_all(hessian))


class Elementwise(Function[F]):
    """A function of each element by itself: it keeps the shape."""

    drops_last_axis = False


class Rowwise(Function[F]):
    """A function of each row, the last axis, of which it keeps nothing."""

    drops_last_axis = True


def call_fused(
    xp: Backend, name: str, *inputs: Array, reduction: str, **parameters: Any
) -> Array | None:
    """Return what the framework's kernel of this name gives, None where it has none.

    A kernel may be for some inputs only: it then returns None for the others.
    """
    kernel = xp.KERNELS.get(name)
    return kernel(*inputs, reduction, **parameters) if kernel else None


def call_each(
    xp: Backend,
    name: str,
    weights: Weights | None,
    *inputs: Array,
    reduction: str,
    **parameters: Any,
) -> Array | None:
    """Return the losses from a kernel for where each weighs something, or None.

    Nothing is silenced on the way back then, so the framework may derive by itself what
    it has in one step. Of ``"none"`` nobody knows what will be multiplied with it.
    """
    if weights is None or not weights.positive or reduction == "none":
        return None
    name += ", each"
    return call_fused(xp, name, *inputs, reduction=reduction, **parameters)


def constant_like(xp: Backend, x: Array, value: float) -> Array:
    """Return a number in the shape of `x`, NaN where that is NaN."""
    return xp.where(x == x, xp.zeros_like(x) + value, x)


def of_error(
    loss: Elementwise[Any],
    y_true: Any,
    y_pred: Any,
    sample_weight: Any,
    reduction: str,
    **parameters: Any,
) -> Array:
    """Apply a loss that is a function of the error y_pred - y_true."""
    xp, y_true, y_pred, weights = prepare(
        y_true, y_pred, sample_weight, reduction, difference=True
    )
    if isinstance(reduction, Asked):
        error = [y_pred - y_true]
        found = loss.second_order(xp, error, parameters, reduction)
        return multiplied(xp, found, None, weights)
    name = loss.name + " of error"
    inputs = y_true, y_pred
    plain = plain_reduction(reduction)
    if weights is not None:
        plain = "none"
        each = call_each(xp, name, weights, *inputs, reduction=reduction, **parameters)
        if each is not None:
            return reduce(xp, each, weights, reduction)
    losses = call_fused(xp, name, *inputs, reduction=plain, **parameters)
    if losses is None:
        losses = loss.apply(xp, [y_pred - y_true], parameters, plain)
    return losses if weights is None else reduce(xp, losses, weights, reduction)
