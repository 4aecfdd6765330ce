"""Products of matrices that autocast of PyTorch leaves alone, there and back.

A product inside a loss would be cast to half precision under autocast, and its backward
pass wherever autocast is on then. The derivative is written by hand, so that both stay
in the precision of the factors.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import torch

from lossbook.backends.torch.transforms import levels_forwards

Array = Any


def matmul(a: Array, b: Array) -> Array:
    """Multiply matrices in the precision of their elements, also under autocast."""
    # torch.compile takes no function with a derivative forwards.
    if torch.compiler.is_compiling():
        return _Product.apply(a, b)
    if levels_forwards() > 1:
        return _Product.forward(a, b)
    return _DualProduct.apply(a, b)


def outside_autocast(x: Array) -> Any:
    """Return a context in which autocast is off, if the device of `x` has any."""
    kind = x.device.type
    if not torch.amp.is_autocast_available(kind):  # "meta" has shapes and no numbers
        return nullcontext()
    return torch.autocast(kind, enabled=False)


class _Product(torch.autograd.Function):  # type: ignore[misc]
    """A product, for torch.compile."""

    generate_vmap_rule = True

    @staticmethod
    def forward(a: Array, b: Array) -> Array:
        with outside_autocast(a):
            return torch.matmul(a, b)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Array) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> tuple[Array, Array]:
        a, b = ctx.saved_tensors
        return matmul(grad, b.mT), matmul(a.mT, grad)


class _DualProduct(_Product):
    """A product that has a derivative forwards too."""

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Array) -> None:
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def jvp(ctx: Any, by_a: Array | None, by_b: Array | None) -> Array:
        a, b = ctx.saved_tensors
        left = 0 if by_a is None else matmul(by_a, b)
        return left + (0 if by_b is None else matmul(a, by_b))
