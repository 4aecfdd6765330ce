"""Two workers of PyTorch compute the gradient of one batch.

    torchrun --standalone --nproc-per-node 2 -m lossbook.examples.torch_workers

Each accumulates over two micro-batches; DistributedDataParallel averages the two
gradients. The first worker also computes the gradient of the whole batch alone, and
prints all of them as one line of JSON.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch.nn.parallel import DistributedDataParallel

import lossbook as lb
from lossbook._book.examples import (
    CLASSES,
    PAD,
    WIDTH,
    WORKERS,
    batches,
    first_weight,
    report,
)

Tensor = Any
Loss = Callable[[Tensor, Tensor, list[int]], Tensor]


def mean_of_means(logits: Tensor, labels: Tensor, counts: list[int]) -> Tensor:
    """Return the mean of this micro-batch, over the number of micro-batches."""
    mean = F.cross_entropy(logits.mT, labels, ignore_index=PAD)
    return mean / len(counts)


def mean_of_all(logits: Tensor, labels: Tensor, counts: list[int]) -> Tensor:
    """Return the sum of this micro-batch, over the tokens of all workers."""
    total = lb.sparse_cross_entropy(
        labels, logits, from_logits=True, ignore_index=PAD, reduction="sum"
    )
    return lb.global_mean(total, counts)


def gradient(loss_of: Loss, mine: list[tuple[Tensor, Tensor]]) -> Tensor:
    """Return the gradient after the micro-batches of this worker and the averaging."""
    model = linear()
    parallel = DistributedDataParallel(model)
    counts = [int((labels != PAD).sum()) for _, labels in mine]
    for step, (hidden, labels) in enumerate(mine, 1):
        # Only the last backward pass talks to the other worker.
        with nullcontext() if step == len(mine) else parallel.no_sync():
            loss_of(parallel(hidden), labels, counts).backward()
    return model.weight.grad


def alone() -> Tensor:
    """Return the gradient of the mean over all tokens, in one process."""
    model = linear()
    parts = [part for worker in range(WORKERS) for part in tensors(worker)]
    hidden, labels = (torch.cat(each) for each in zip(*parts, strict=True))
    F.cross_entropy(model(hidden).mT, labels, ignore_index=PAD).backward()
    return model.weight.grad


def linear() -> Any:
    """Return the model, the same on each worker."""
    model = torch.nn.Linear(WIDTH, CLASSES, bias=False)
    model.weight.data = torch.tensor(first_weight())
    return model


def tensors(worker: int) -> list[tuple[Tensor, Tensor]]:
    """Return the micro-batches of a worker."""
    return [(torch.tensor(x), torch.tensor(y)) for x, y in batches(worker)]


def main() -> None:
    """Run one worker; torchrun has said in the environment which one."""
    dist.init_process_group("gloo")
    mine = tensors(dist.get_rank())
    means, whole = gradient(mean_of_means, mine), gradient(mean_of_all, mine)
    if dist.get_rank() == 0:
        print(report(alone(), means, whole), flush=True)
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
