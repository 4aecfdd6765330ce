"""Several workers: the process group of PyTorch."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as group

Array = Any


def sum_over_workers(total: Array, weight: Array) -> tuple[Array, Array, int]:
    """Add over the process group, whose size undoes that it averages gradients."""
    if not (group.is_available() and group.is_initialized()):
        return total, weight, 1
    both = torch.stack([total, weight]).detach()
    group.all_reduce(both)
    return both[0], both[1], group.get_world_size()
