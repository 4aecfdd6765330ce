"""Extra peak memory of losses, value and gradient, beside the plain way of each.

    python -m benchmarks.memory [torch] [numpy] [classes]

Each side runs in a process of its own, and its memory is the peak of the resident size
during one step over what the process held before, gradient included. Few rows of many
classes are held against the size of the logits, because a gradient of that size is all
that such a loss should need. The NumPy table shows the time beside the plain formula's.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from statistics import geometric_mean
from typing import Any

import numpy as np
from tqdm import tqdm

import lossbook as lb
from benchmarks import in_own_process, peak_during

N, ROWS, CLASSES = 10_000_000, 256, 32_000
WARM_UP = 1 / 7  # of the size, which still takes the ways of large arrays
Step = Callable[[], object]
BARS = {"torch": (1.0, 1.3), "numpy": (1.0, 1.3), "classes": (1.1, 1.1)}
NUMPY_TIME_BAR = 1.0


def arrays(n: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    z = rng.standard_normal(n, dtype=np.float32)
    bit = (rng.random(n, dtype=np.float32) > 0.5).astype(np.float32)
    p = (rng.random(n, dtype=np.float32) * 0.98 + 0.01).astype(np.float32)
    return {"z": z, "y": z[::-1].copy(), "bit": bit, "p": p}


def torch_steps(size: float = 1) -> dict[str, tuple[Step, Step]]:
    """Return (ours, theirs) by name, on ten million elements."""
    import torch
    import torch.nn.functional as F

    d = {name: torch.from_numpy(x) for name, x in arrays(int(size * N)).items()}
    ours = {
        "mse": ("y", "z", lb.mse, F.mse_loss),
        "mae": ("y", "z", lb.mae, F.l1_loss),
        "huber": ("y", "z", lb.huber, F.huber_loss),
        "bce": ("bit", "p", lb.binary_cross_entropy, F.binary_cross_entropy),
        "bce logits": (
            "bit",
            "z",
            lambda y, x: lb.binary_cross_entropy(y, x, from_logits=True),
            F.binary_cross_entropy_with_logits,
        ),
        "poisson": (
            "bit",
            "z",
            lambda y, x: lb.poisson_nll(y, x, log_input=True),
            F.poisson_nll_loss,
        ),
    }

    def step(loss: Callable[..., Any], *args: Any) -> Step:
        def run() -> object:
            leaf = args[-1].detach().requires_grad_()
            loss(*args[:-1], leaf).backward()
            return leaf.grad

        return run

    def turned(theirs: Callable[..., Any]) -> Callable[..., Any]:
        return lambda y, x: theirs(x, y)

    return {
        name: (step(own, d[y], d[x]), step(turned(theirs), d[y], d[x]))
        for name, (y, x, own, theirs) in ours.items()
    }


def plain_mse(y: np.ndarray, p: np.ndarray) -> tuple[float, np.ndarray]:
    error = p - y
    return np.mean(error * error), 2 * error / error.size


def plain_huber(y: np.ndarray, p: np.ndarray) -> tuple[float, np.ndarray]:
    error = p - y
    size = np.abs(error)
    losses = np.where(size <= 1, 0.5 * error * error, size - 0.5)
    return losses.mean(), np.clip(error, -1, 1) / error.size


def plain_log_cosh(y: np.ndarray, p: np.ndarray) -> tuple[float, np.ndarray]:
    error = p - y
    size = np.abs(error)
    losses = size + np.log1p(np.exp(-2 * size)) - np.log(np.float32(2))
    return losses.mean(), np.tanh(error) / error.size


def plain_bce(y: np.ndarray, p: np.ndarray) -> tuple[float, np.ndarray]:
    losses = -(y * np.log(p) + (1 - y) * np.log1p(-p))
    return losses.mean(), (p - y) / (p * (1 - p)) / p.size


def numpy_steps(size: float = 1) -> dict[str, tuple[Step, Step]]:
    d = arrays(int(size * N))
    rows = {
        "mse": ("y", "z", lb.mse, plain_mse),
        "huber": ("y", "z", lb.huber, plain_huber),
        "log-cosh": ("y", "z", lb.log_cosh, plain_log_cosh),
        "bce": ("bit", "p", lb.binary_cross_entropy, plain_bce),
    }

    def pair(y: str, x: str, own: Any, plain: Any) -> tuple[Step, Step]:
        with_gradient = lb.value_and_grad(own)
        return lambda: with_gradient(d[y], d[x]), lambda: plain(d[y], d[x])

    return {name: pair(*row) for name, row in rows.items()}


def class_steps(size: float = 1) -> dict[str, tuple[Step, Step]]:
    """Return (ours, a copy of the logits) of few rows of many classes."""
    import torch

    torch.manual_seed(0)
    z = torch.randn(int(size * ROWS), CLASSES)
    label = torch.randint(CLASSES, (len(z),))
    weight = torch.rand(CLASSES) + 0.5
    losses: dict[str, Callable[[Any], Any]] = {
        "class weights": lambda x: lb.sparse_cross_entropy(
            label, x, from_logits=True, class_weight=weight
        ),
        "focal alpha": lambda x: lb.sparse_focal(
            label, x, from_logits=True, alpha=weight
        ),
        "multiclass hinge": lambda x: lb.multiclass_hinge(label, x),
    }

    def step(loss: Callable[[Any], Any]) -> Step:
        def run() -> object:
            leaf = z.detach().requires_grad_()
            loss(leaf).backward()
            return leaf.grad

        return run

    return {name: (step(loss), z.clone) for name, loss in losses.items()}


GROUPS: dict[str, Callable[..., dict[str, tuple[Step, Step]]]] = {
    "torch": torch_steps,
    "numpy": numpy_steps,
    "classes": class_steps,
}


def measure(group: str, name: str, side: int) -> dict[str, float]:
    """Return the extra peak in MB and the seconds of one side, in this process."""
    GROUPS[group](WARM_UP)[name][side]()  # what it loads is no part of the step
    step = GROUPS[group]()[name][side]
    peak, _ = peak_during(step)
    seconds = []
    for _ in range(7):
        start = time.process_time()
        step()
        seconds.append(time.process_time() - start)
    return {"memory": peak / 1e6, "seconds": min(seconds)}


def best(group: str, name: str, side: int, rounds: int, key: str) -> float:
    """Return the least memory or time of a few runs of one side."""
    # What is freed goes back at once, or the peak would be that of the heap; but to get
    # and to give back each block takes time.
    heap = {"MALLOC_MMAP_THRESHOLD_": "65536"} if key == "memory" else {}
    options = ("--one", group, name, str(side))
    runs = [
        in_own_process("benchmarks.memory", *options, **heap) for _ in range(rounds)
    ]
    found: float = min(run[key] for run in runs)
    return found


def report(group: str, rounds: int) -> bool:
    """Print the table of a group, and say whether its bars are met."""
    timed, ratios, times = group == "numpy", [], []
    head = f"{'ours, MB':>12}{'plain, MB':>12}{'ratio':>8}"
    print(f"\n{group:20}{head}{'    time' if timed else ''}")
    for name in tqdm(GROUPS[group](), leave=False, file=sys.stderr, disable=None):
        ours, plain = (best(group, name, side, rounds, "memory") for side in (0, 1))
        ratios.append(ours / plain)
        line = f"{name:20}{ours:12.0f}{plain:12.0f}{ratios[-1]:8.2f}"
        if timed:
            own, their = (best(group, name, k, rounds, "seconds") for k in (0, 1))
            times.append(own / their)
            line += f"{times[-1]:8.2f}"
        print(line, flush=True)
    mean, worst = BARS[group]
    print(
        f"geometric mean {geometric_mean(ratios):.2f} (at most {mean}), "
        f"worst {max(ratios):.2f} (at most {worst})"
    )
    met = geometric_mean(ratios) <= mean and max(ratios) <= worst
    if timed:
        print(f"time {geometric_mean(times):.2f} (at most {NUMPY_TIME_BAR})")
        met = met and geometric_mean(times) <= NUMPY_TIME_BAR
    return met


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("groups", nargs="*", choices=[[], *GROUPS], help="all, or some")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        group, name, side = options.one
        print(json.dumps(measure(group, name, int(side))))
        return 0
    met = [report(group, options.rounds) for group in options.groups or GROUPS]
    return 0 if all(met) else 1


if __name__ == "__main__":
    raise SystemExit(main())
