"""Gradients on PyTorch."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from lossbook.backends.inputs import check_scalar
from lossbook.backends.torch.inputs import is_sharded
from lossbook.backends.torch.transforms import is_transformed
from lossbook.backends.tree import changed, flatten

Array = Any


class _Depth(threading.local):
    """How many functions are being differentiated by this thread, one in the other."""

    now = 0


_depth = _Depth()


def differentiate(loss: Callable[..., Any], leaves: list[Any]) -> tuple[Any, list[Any]]:
    """Return the value of a scalar loss, and its gradient by each of the leaves.

    Inside another function that is differentiated both can be differentiated again.
    """
    whole, inside = torch.get_default_dtype(), _depth.now > 0
    # In inference mode, and of tensors made in it, there would be gradients of zero.
    with torch.inference_mode(False), torch.enable_grad():
        inputs = [
            _input(x if x.is_floating_point() else x.to(whole), inside) for x in leaves
        ]
        _depth.now += 1
        try:
            value = loss(list(inputs), _outside_inference)
        finally:
            _depth.now -= 1
        check_scalar(np.shape(value))
        if not getattr(value, "requires_grad", False):  # it depends on no input
            return value, [torch.zeros_like(x) for x in leaves]
        grads = torch.autograd.grad(
            value,
            inputs,
            create_graph=inside,
            allow_unused=True,
            materialize_grads=True,
        )
    return value if inside else value.detach(), list(grads)


def _input(x: Any, inside: bool) -> Any:
    """Return what a loss is differentiated by: inside another, a part of its graph."""
    if inside and x.requires_grad:
        return x.view_as(x)  # not x itself, which the loss may use besides
    return _usual(x).requires_grad_()


def _usual(x: Any) -> Any:
    """Return a constant that autograd can keep, also of what inference mode made."""
    return (x.clone() if x.is_inference() else x).detach()


def _outside_inference(tree: Any) -> Any:
    """Return the arguments without tensors of inference mode; others as they are."""
    leaves, _ = flatten(tree)
    if not any(map(_of_inference, leaves)):
        return tree
    return changed(tree, lambda x: _usual(x) if _of_inference(x) else x)


def _of_inference(x: Any) -> bool:
    return isinstance(x, torch.Tensor) and x.is_inference()


def input_gradient(fn: Callable[[Array], Array], x: Array) -> Array:
    """Return the gradient of the sum of fn(x), to be differentiated once more."""
    if is_transformed():  # torch.func has a way of its own to differentiate inside
        return torch.func.grad(lambda x: fn(x).sum())(x.detach())
    with torch.inference_mode(False), torch.enable_grad():
        x = _usual(x).requires_grad_()
        return torch.autograd.grad(fn(x).sum(), x, create_graph=True)[0]


def random_fractions(like: Array, ones: list[int]) -> Array:
    """Draw one number in [0, 1) for each sample, with that many axes more."""
    fractions = torch.rand(len(like), *ones, dtype=like.dtype, device=like.device)
    if not is_sharded(like):
        return fractions
    # A DTensor: all processes take the fractions of the first.
    return torch.distributed.tensor.distribute_tensor(fractions, like.device_mesh)
