"""Time and memory of linear_cross_entropy beside torch's own forms, both passes.

    python -m benchmarks.linear_cross_entropy [--rows N --width D --classes V]
        [--dtype float32] [--device cpu] [--rounds R]

Each form runs in a process of its own: its memory is the peak during its first step,
over what the process held before, gradients included. Times are the best of some steps;
the processes take turns, so that a busy minute does not hit one form alone.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable

from benchmarks import in_own_process, peak_during

NAIVE, OURS, THEIRS = "naive", "lossbook", "torch chunked"
MEMORY_BAR, TIME_BAR = 1 / 5, 1.1


def step_of(form: str, args: argparse.Namespace) -> Callable[[], float]:
    """Return one step of training, from hidden states and weight to their gradients."""
    import torch
    import torch.nn.functional as F

    import lossbook as lb

    torch.manual_seed(0)
    how = {"device": args.device, "dtype": getattr(torch, args.dtype)}
    hidden = torch.randn(args.rows, args.width, **how).requires_grad_()
    weight = (torch.randn(args.classes, args.width, **how) / 16).requires_grad_()
    labels = torch.randint(args.classes, (args.rows,), device=args.device)
    losses = {
        NAIVE: lambda: F.cross_entropy(F.linear(hidden, weight), labels),
        OURS: lambda: lb.linear_cross_entropy(hidden, weight, labels),
    }
    if hasattr(F, "linear_cross_entropy"):
        options = torch.nn.LinearCrossEntropyOptions()
        losses[THEIRS] = lambda: F.linear_cross_entropy(
            hidden, weight, labels, options=options
        )

    def step() -> float:
        hidden.grad = weight.grad = None
        loss = losses[form]()
        loss.backward()
        return loss.item()

    return step


def measure(form: str, args: argparse.Namespace) -> dict[str, float]:
    """Return memory in MB, seconds and the loss of one form, in this process."""
    import torch

    torch.ones(64, 64).mm(torch.ones(64, 64))  # start the threads
    step = step_of(form, args)
    if args.device == "cpu":
        memory, loss = peak_during(step)
    else:
        memory, loss = peak_on_gpu(step)
    seconds = []
    for _ in range(args.steps):
        start = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - start)
    return {"memory": memory / 1e6, "seconds": min(seconds), "loss": loss}


def peak_on_gpu(step: Callable[[], float]) -> tuple[int, float]:
    """Return by how many bytes the memory of the GPU peaks, and the loss."""
    import torch

    torch.ones(64, 64, device="cuda").mm(torch.ones(64, 64, device="cuda"))
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    loss = step()
    return torch.cuda.max_memory_allocated() - before, loss


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=2048)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--classes", type=int, default=32_000)
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--form", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.form:
        print(json.dumps(measure(args.form, args)))
        return
    import torch

    forms = [NAIVE, OURS]
    if hasattr(torch.nn.functional, "linear_cross_entropy"):
        forms.append(THEIRS)
    found: dict[str, list[dict[str, float]]] = {form: [] for form in forms}
    for _ in range(args.rounds):
        for form in forms:
            options = (*sys.argv[1:], "--form", form)
            run = in_own_process("benchmarks.linear_cross_entropy", *options)
            found[form].append(run)
    best = {
        form: {key: min(run[key] for run in runs) for key in runs[0]}
        for form, runs in found.items()
    }
    print(f"{args.rows} x {args.width} x {args.classes}, {args.dtype} on {args.device}")
    for form, row in best.items():
        memory, seconds = (row[key] / best[NAIVE][key] for key in ("memory", "seconds"))
        print(
            f"{form:15s} {row['memory']:7.0f} MB ({memory:.2f})"
            f" {row['seconds']:7.3f} s ({seconds:.2f})  loss {row['loss']:.6f}"
        )
    memory, seconds = (best[OURS][k] / best[NAIVE][k] for k in ("memory", "seconds"))
    held = memory <= MEMORY_BAR and seconds <= TIME_BAR
    print(f"bars {MEMORY_BAR:.2f} and {TIME_BAR:.2f}: {'held' if held else 'missed'}")
    sys.exit(not held)


if __name__ == "__main__":
    main()
