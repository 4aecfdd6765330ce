"""Losses of an error on PyTorch: by its own kernels, where these have no fault."""

from __future__ import annotations

from collections.abc import Callable
from math import isnan, nan
from typing import Any, NamedTuple

import torch

from lossbook.backends.torch.custom_grad import reduced, with_derivatives
from lossbook.backends.torch.ops import (
    is_large,
    is_open,
    is_seen_without_nan,
    is_sharded,
    sign,
)
from lossbook.backends.torch.sums import in_graph_of_cpu
from lossbook.backends.torch.transforms import is_transformed

Array = Any

# What torch.nn.functional calls in the end, but of equal shapes without broadcasting,
# which puts two more steps on the way back. Its stubs say that these codes are texts.
own: Any = torch._C._nn
CODES = {"none": 0, "mean": 1, "sum": 2}


def _needs_own_derivative(y_true: Array, y_pred: Array, reduction: str) -> bool:
    """Say where torch's own kernel will not do.

    Weights may follow on "none", and 0 times its infinite slope is NaN; of large arrays
    it adds up the losses in float32; of DTensors it takes the mean of the means, and
    multiplies the gradient by the number of processes; and those of MSE and Huber have
    no derivative forwards of that backwards.
    """
    if reduction == "none" or is_sharded(y_pred) or is_large(y_true, y_pred):
        return True
    return is_transformed()


def torchs(
    loss: Callable[..., Array], x: Array, y: Array, reduction: str, *options: Any
) -> Array:
    """Call a loss of torch's; a graph on a CPU gets a sum that loses no digits."""
    if reduction == "none" or not in_graph_of_cpu(x):
        return loss(x, y, CODES[reduction], *options)
    return reduced(loss(x, y, CODES["none"], *options), reduction)


def mse(y_true: Array, y_pred: Array, reduction: str) -> Array:
    """Square it."""
    if _needs_own_derivative(y_true, y_pred, reduction):
        return _of_difference(_SQUARE, y_true, y_pred, reduction)
    return torchs(own.mse_loss, y_pred, y_true, reduction)


def mae(y_true: Array, y_pred: Array, reduction: str) -> Array:
    """Take its size; the slope of NaN is NaN, and not 0 as in torch."""
    if _needs_own_derivative(y_true, y_pred, reduction):
        return _of_difference(_SIZE, y_true, y_pred, reduction)
    if torch.compiler.is_compiling():
        error = y_pred - y_true
        return reduced(error.abs() * torch.where(error == error, 1.0, nan), reduction)
    loss = own.l1_loss(y_pred, y_true, CODES[reduction])
    if is_open(loss) and not isnan(loss.item()):
        return loss
    return _of_difference(_SIZE, y_true, y_pred, reduction)


def huber(y_true: Array, y_pred: Array, reduction: str, delta: float) -> Array:
    """Square it up to delta, and go on straight."""
    if not _needs_own_derivative(y_true, y_pred, reduction):
        return torchs(own.huber_loss, y_pred, y_true, reduction, delta)

    def loss(error: Array) -> Array:
        size = error.abs()
        quadratic = size.clamp(max=delta)
        return 0.5 * quadratic * quadratic + delta * (size - quadratic)

    of_error = _OfError(
        loss,
        lambda error: error.clamp(-delta, delta),
        lambda error: error.clamp_(-delta, delta),
        lambda p, y, code: own.huber_loss(p, y, code, delta),
    )
    return _of_difference(of_error, y_true, y_pred, reduction)


class _OfError(NamedTuple):
    """A loss of the error, its derivative, and both as they cost the least memory.

    Attributes
    ----------
    in_place : callable
        The derivative, in the place of an error that nobody else holds.
    at_once : callable
        The loss as torch has it, from the prediction, the truth and a code.
    """

    loss: Callable[[Array], Array]
    derivative: Callable[[Array], Array]
    in_place: Callable[[Array], Array]
    at_once: Callable[..., Array]


def _sign_in_place(error: Array) -> Array:
    return error.sign_() if is_seen_without_nan(error) else sign(error)


_SQUARE = _OfError(torch.square, lambda e: 2 * e, lambda e: e.mul_(2), own.mse_loss)
_SIZE = _OfError(torch.abs, sign, _sign_in_place, own.l1_loss)


def _of_difference(of: _OfError, y_true: Array, y_pred: Array, reduction: str) -> Array:
    """Apply a loss of the error, which is not held where the result is one number."""
    if reduction == "none":
        return with_derivatives(of.loss, [of.derivative], y_pred - y_true)

    def losses(y: Array, p: Array) -> Array:
        if torch.is_grad_enabled():
            return of.loss(p - y)
        return of.at_once(p, y, CODES["none"])

    def slope(y: Array, p: Array) -> Array:
        return (of.derivative if torch.is_grad_enabled() else of.in_place)(p - y)

    derivatives = [lambda y, p: -slope(y, p), slope]
    return with_derivatives(
        losses, derivatives, y_true, y_pred, reduction=reduction, lean=True
    )
