"""Time losses in graphs with and without the rule for what cannot be looked at.

    python -m benchmarks.nan_rule [graph] [xla] [compile] [--rounds N]

Where values cannot be looked at, one out of its domain gives NaN. What that costs is
the ratio of the time of value and gradient with the rule to that without it: the two
are built from the same losses, the second with the checks of values taken out, and run
in turn within one process.

The checks of a graph in eager calls are no part of it: there the values are looked at.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import geometric_mean, median
from time import process_time
from typing import Any
from unittest import mock

import numpy as np
from tqdm import tqdm

import lossbook as lb
from lossbook.core import checks, inputs

Run = Callable[[], object]
Case = tuple[Any, ...]
BAR = 1.05


def cases(n: int = 1_000_000) -> dict[str, Case]:
    """Return (loss, y_true, y_pred, weight or None, options) by name."""
    rng = np.random.default_rng(0)
    bits = rng.integers(0, 2, n).astype(np.float32)
    p = rng.uniform(0.01, 0.99, n).astype(np.float32)
    z = rng.normal(size=n).astype(np.float32)
    labels = rng.integers(0, 1000, 4096)
    logits = rng.normal(size=(4096, 1000)).astype(np.float32)
    soft = np.exp(logits[::-1]) / np.exp(logits[::-1]).sum(-1, keepdims=True)
    from_logits = {"from_logits": True}
    return {
        "weighted mse": (lb.mse, z, p, p, {}),
        "bce": (lb.binary_cross_entropy, bits, p, None, {}),
        "bce logits": (lb.binary_cross_entropy, bits, z, None, from_logits),
        "focal": (lb.focal, bits, p, None, {}),
        "hinge": (lb.hinge, 2 * bits - 1, z, None, {}),
        "logistic": (lb.logistic, 2 * bits - 1, z, None, {}),
        "poisson": (lb.poisson_nll, bits, p, None, {}),
        "soft ce": (lb.cross_entropy, soft, logits, None, from_logits),
        "sparse ce": (lb.sparse_cross_entropy, labels, logits, None, from_logits),
    }


@contextmanager
def without_the_rule() -> Iterator[None]:
    """Take out what looks at values: each check returns its array as it came."""
    names = ("within_unit", "not_negative", "positive", "signs", "bits")
    # of labels `checked` says which rows become NaN
    nothing = {**dict.fromkeys(names, _same), "checked": _nothing}
    with (
        mock.patch.multiple(checks, **nothing),
        mock.patch.object(inputs, "checked_weight", _same),
    ):
        yield


def _same(xp: Any, x: Any, *others: Any) -> Any:
    return x


def _nothing(*_: Any) -> None:
    return None


def graph_step(case: Case, xla: bool) -> Callable[..., Any]:
    import tensorflow as tf

    loss, y_true, y_pred, weight, options = case
    tensors = [None if a is None else tf.constant(a) for a in (y_true, y_pred, weight)]

    @tf.function(autograph=False, jit_compile=xla)
    def step(y_true: Any, y_pred: Any, weight: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(y_pred)
            value = loss(y_true, y_pred, sample_weight=weight, **options)
        return value, tape.gradient(value, y_pred)

    return lambda: step(*tensors)[1].numpy()


def compiled_step(case: Case) -> Callable[..., Any]:
    import torch

    loss, y_true, y_pred, weight, options = case
    tensors = [None if a is None else torch.tensor(a) for a in (y_true, y_pred, weight)]
    leaf = tensors[1].requires_grad_()
    torch._dynamo.config.recompile_limit = 64

    @torch.compile(fullgraph=True, dynamic=False)
    def forward(y_true: Any, y_pred: Any, weight: Any) -> Any:
        return loss(y_true, y_pred, sample_weight=weight, **options)

    def step() -> Any:
        leaf.grad = None
        forward(tensors[0], leaf, tensors[2]).backward()
        return leaf.grad

    return step


STEPS: dict[str, Callable[[Case], Run]] = {
    "graph": lambda case: graph_step(case, xla=False),
    "xla": lambda case: graph_step(case, xla=True),
    "compile": compiled_step,
}


def ratio(step: Callable[[Case], Run], case: Case, rounds: int) -> tuple[float, float]:
    """Return the median ratio of the times with and without, and the latter in ms."""
    run = step(case)
    run()
    with without_the_rule():
        plain = step(case)
        plain()
    times: list[tuple[float, float]] = []
    for _ in range(rounds):
        first = seconds(run)
        with without_the_rule():  # torch.compile looks whether the checks are the same
            times.append((first, seconds(plain)))
    return median(a / b for a, b in times), 1e3 * median(b for _, b in times)


def seconds(run: Run) -> float:
    start = process_time()
    run()
    return process_time() - start


def report(where: str, rounds: int) -> bool:
    """Print the table of one kind of graph, and say whether its bar is met."""
    print(f"\n{where}: value and gradient of a million elements, or 4096 x 1000")
    print(f"{'loss':14}{'without, ms':>14}{'with':>8}")
    ratios = []
    for name, case in tqdm(cases().items(), leave=False, file=sys.stderr):
        value, base = ratio(STEPS[where], case, rounds)
        ratios.append(value)
        print(f"{name:14}{base:14.2f}{value:8.2f}", flush=True)
    mean = geometric_mean(ratios)
    print(f"geometric mean: {mean:.3f} (at most {BAR})")
    return mean <= BAR


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("where", nargs="*", choices=[[], *STEPS], help="all, or some")
    parser.add_argument("--rounds", type=int, default=31)
    options = parser.parse_args()
    met = [report(where, options.rounds) for where in options.where or STEPS]
    return 0 if all(met) else 1


if __name__ == "__main__":
    raise SystemExit(main())
