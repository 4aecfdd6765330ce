"""The memory that the cross-entropy of a large vocabulary holds at its peak.

    python -m lossbook.examples.peak_memory

Forward and backward pass of one batch in PyTorch, with all logits and in chunks, for
several sizes of the vocabulary. PyTorch's profiler writes down each block of memory
that is taken or given back; the largest sum of them is the peak. What else the machine
does plays no part in it. One line of JSON is printed.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch.profiler import profile

import lossbook as lb

ROWS, WIDTH, CHUNK = 1024, 64, 64
SIZES = [1000, 4000, 8000, 16000, 32000]

Tensor = Any


def naive(hidden: Tensor, weight: Tensor, labels: Tensor) -> Tensor:
    """Return the loss of all logits."""
    return F.cross_entropy(hidden @ weight.T, labels)


def chunked(hidden: Tensor, weight: Tensor, labels: Tensor) -> Tensor:
    """Return the loss of the same logits, of which few are held at once."""
    return lb.linear_cross_entropy(hidden, weight, labels, chunk_size=CHUNK)


def peak(loss_of: Callable[..., Tensor], classes: int) -> float:
    """Return the most megabytes held in a forward and backward pass."""
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(ROWS, WIDTH, generator=generator, requires_grad=True)
    weight = torch.randn(classes, WIDTH, generator=generator, requires_grad=True)
    labels = torch.randint(classes, (ROWS,), generator=generator)
    with profile(profile_memory=True) as recorded:
        loss_of(hidden, weight, labels).backward()
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder) / "trace.json"
        recorded.export_chrome_trace(str(trace))
        events = json.loads(trace.read_text(encoding="utf-8"))["traceEvents"]
    changes = [e["args"]["Bytes"] for e in events if e.get("name") == "[memory]"]
    return float(max(accumulate(changes)) / 1e6)


def main() -> None:
    """Measure all of them."""
    found = {f.__name__: [peak(f, n) for n in SIZES] for f in (naive, chunked)}
    print(json.dumps({"rows": ROWS, "classes": SIZES, **found}))


if __name__ == "__main__":
    main()
