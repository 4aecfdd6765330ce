"""Which of PyTorch's transforms are at work: torch.func and forward_ad."""

from __future__ import annotations

import torch
from torch.autograd import forward_ad


def is_transformed() -> bool:
    """Say whether somebody differentiates by a tensor that does not say so.

    torch.compile looks into what torch.func does, and has no need to know.
    """
    if torch.compiler.is_compiling():
        return False
    dual = forward_ad._current_level >= 0
    return bool(dual or torch._C._are_functorch_transforms_active())


def levels_forwards() -> int:
    """Return how many of the transforms at work differentiate forwards.

    What a function says of its derivative forwards is a constant to a second of them.
    """
    levels = torch._C._functorch.get_interpreter_stack() or ()
    forwards = torch._C._functorch.TransformType.Jvp
    return sum(level.key() == forwards for level in levels)
