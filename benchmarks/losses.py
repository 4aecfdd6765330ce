"""Time value and gradient of lossbook's losses beside the frameworks' own.

    python -m benchmarks.losses [torch] [keras] [graph] [jax] [--rounds N]

The two sides of a row run in turn within one process, and the row shows the ratio of
their best times: a figure of one machine and one minute, but of the same one for both.
JAX stands under jit beside Optax, which has the losses that `jax.nn` has not; it is
measured in CPU time on one thread.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from statistics import geometric_mean
from typing import Any

import numpy as np
from tqdm import tqdm

import lossbook as lb

Run = Callable[[], object]
Clock = Callable[[], float]
Row = tuple[str, Run, Run]

SIZES = {
    "256": (256,),
    "1M": (1_000_000,),
    "4096 x 1000": (4096, 1000),
}
# Few rows of the other frameworks are in benchmarks.options. On PyTorch and JAX two
# million elements go other ways than one does.
MORE = {"torch": {"2M": (2_000_000,)}, "jax": {"32 x 10": (32, 10), "2M": (2_000_000,)}}
SMALL = ("256", "32 x 10")
BARS = {
    ("torch", "small"): 1.6,
    ("torch", "large"): 1.05,
    ("keras", "small"): 0.8,
    ("keras", "large"): 0.8,
    ("graph", "small"): 1.0,
    ("graph", "large"): 1.0,
    ("jax", "small"): 1.05,
    ("jax", "large"): 0.8,
}


def data(shape: tuple[int, ...]) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=shape).astype(np.float32)
    bits = (rng.random(shape) > 0.5).astype(np.float32)
    return {
        "y": rng.normal(size=shape).astype(np.float32),
        "z": logits,
        "bit": bits,
        "sign": 2 * bits - 1,
        "p": (1 / (1 + np.exp(-logits))).astype(np.float32),
        "v": (rng.random(shape) + 0.1).astype(np.float32),
        "count": rng.poisson(2.0, shape).astype(np.float32),
    }


def class_data(rows: int, classes: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(rows, classes)).astype(np.float32)
    soft = np.exp(rng.normal(size=(rows, classes)))
    soft /= soft.sum(-1, keepdims=True)
    p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    return {
        "label": rng.integers(0, classes, rows),
        "soft": soft.astype(np.float32),
        "z": logits,
        "p": p,
    }


def torch_rows(shape: tuple[int, ...]) -> Iterator[Row]:
    import torch
    import torch.nn.functional as F

    if len(shape) == 1:
        d = {k: torch.tensor(x) for k, x in data(shape).items()}
        pairs = {
            "mse": ("z", lambda x: lb.mse(d["y"], x), lambda x: F.mse_loss(x, d["y"])),
            "mae": ("z", lambda x: lb.mae(d["y"], x), lambda x: F.l1_loss(x, d["y"])),
            "huber": (
                "z",
                lambda x: lb.huber(d["y"], x),
                lambda x: F.huber_loss(x, d["y"]),
            ),
            "bce logits": (
                "z",
                lambda x: lb.binary_cross_entropy(d["bit"], x, from_logits=True),
                lambda x: F.binary_cross_entropy_with_logits(x, d["bit"]),
            ),
            "bce": (
                "p",
                lambda x: lb.binary_cross_entropy(d["bit"], x),
                lambda x: F.binary_cross_entropy(x, d["bit"]),
            ),
            "poisson": (
                "z",
                lambda x: lb.poisson_nll(d["count"], x, log_input=True),
                lambda x: F.poisson_nll_loss(x, d["count"]),
            ),
            "gaussian": (
                "z",
                lambda x: lb.gaussian_nll(d["y"], x, d["v"]),
                lambda x: F.gaussian_nll_loss(x, d["y"], d["v"]),
            ),
            "logistic": (
                "z",
                lambda x: lb.logistic(d["sign"], x),
                lambda x: F.soft_margin_loss(x, d["sign"]),
            ),
        }
    else:
        d = {k: torch.tensor(x) for k, x in class_data(*shape).items()}
        pairs = {
            "sparse ce": (
                "z",
                lambda x: lb.sparse_cross_entropy(d["label"], x, from_logits=True),
                lambda x: F.cross_entropy(x, d["label"]),
            ),
            "soft ce": (
                "z",
                lambda x: lb.cross_entropy(d["soft"], x, from_logits=True),
                lambda x: F.cross_entropy(x, d["soft"]),
            ),
            "kl logits": (
                "z",
                lambda x: lb.kl_divergence(d["soft"], x, from_logits=True),
                lambda x: F.kl_div(
                    F.log_softmax(x, -1), d["soft"], reduction="batchmean"
                ),
            ),
            "sparse ce p": (
                "p",
                lambda x: lb.sparse_cross_entropy(d["label"], x),
                lambda x: F.nll_loss(x.log(), d["label"]),
            ),
        }
    arrays = data(shape) if len(shape) == 1 else class_data(*shape)
    for name, (at, ours, theirs) in pairs.items():
        yield name, torch_step(ours, arrays[at]), torch_step(theirs, arrays[at])


def torch_step(loss: Callable[[Any], Any], x: np.ndarray) -> Run:
    """Return a call that takes the loss and its gradient."""
    import torch

    leaf = torch.tensor(x, requires_grad=True)

    def run() -> None:
        leaf.grad = None
        loss(leaf).backward()

    return run


def keras_rows(shape: tuple[int, ...], graph: bool) -> Iterator[Row]:
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    import keras
    import tensorflow as tf

    losses = keras.losses

    def step(loss: Callable[[object], object], x: np.ndarray) -> Run:
        leaf = tf.constant(x)

        def value_and_grad(leaf: object) -> object:
            with tf.GradientTape() as tape:
                tape.watch(leaf)
                value = loss(leaf)
            return value, tape.gradient(value, leaf)

        run = tf.function(value_and_grad) if graph else value_and_grad
        return lambda: run(leaf)[1].numpy()

    if len(shape) == 1:
        arrays = data(shape)
        d = {k: tf.constant(x) for k, x in arrays.items()}
        bce = losses.BinaryCrossentropy
        pairs = {
            "mse": ("z", lambda x: lb.mse(d["y"], x), losses.MeanSquaredError(), "y"),
            "mae": ("z", lambda x: lb.mae(d["y"], x), losses.MeanAbsoluteError(), "y"),
            "huber": ("z", lambda x: lb.huber(d["y"], x), losses.Huber(), "y"),
            "log-cosh": ("z", lambda x: lb.log_cosh(d["y"], x), losses.LogCosh(), "y"),
            "bce logits": (
                "z",
                lambda x: lb.binary_cross_entropy(d["bit"], x, from_logits=True),
                bce(from_logits=True),
                "bit",
            ),
            "bce": ("p", lambda x: lb.binary_cross_entropy(d["bit"], x), bce(), "bit"),
            "hinge": ("z", lambda x: lb.hinge(d["sign"], x), losses.Hinge(), "sign"),
        }
    else:
        arrays = class_data(*shape)
        d = {k: tf.constant(x) for k, x in arrays.items()}
        pairs = {
            "sparse ce": (
                "z",
                lambda x: lb.sparse_cross_entropy(d["label"], x, from_logits=True),
                losses.SparseCategoricalCrossentropy(from_logits=True),
                "label",
            ),
            "soft ce": (
                "z",
                lambda x: lb.cross_entropy(d["soft"], x, from_logits=True),
                losses.CategoricalCrossentropy(from_logits=True),
                "soft",
            ),
            "kl": (
                "p",
                lambda x: lb.kl_divergence(d["soft"], x),
                losses.KLDivergence(),
                "soft",
            ),
        }
    for name, (at, ours, theirs, truth) in pairs.items():
        target = d[truth]
        yield (
            name,
            step(ours, arrays[at]),
            step(lambda x, t=target, k=theirs: k(t, x), arrays[at]),
        )


def jax_rows(shape: tuple[int, ...]) -> Iterator[Row]:
    one_thread = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    os.environ.setdefault("XLA_FLAGS", one_thread)
    import jax
    import optax.losses as theirs

    # CPU time of another thread arrives late, in whole ticks of Linux.
    jax.config.update("jax_cpu_enable_async_dispatch", False)

    def step(loss: Callable[[Any], Any], x: Any) -> Run:
        run = jax.jit(jax.value_and_grad(lambda x: loss(x).mean()))
        return lambda: jax.block_until_ready(run(x))

    arrays = data(shape) if len(shape) == 1 else class_data(*shape)
    d = {k: jax.numpy.asarray(x) for k, x in arrays.items()}
    logits = {"from_logits": True}
    focal = {"gamma": 2.0, **logits}
    sparse, bce = lb.sparse_cross_entropy, lb.binary_cross_entropy
    elements: dict[str, Any] = {
        "mse": ("y", lb.mse, {}, theirs.squared_error),
        "huber": ("y", lb.huber, {}, theirs.huber_loss),
        "log-cosh": ("y", lb.log_cosh, {}, theirs.log_cosh),
        "bce logits": ("bit", bce, logits, theirs.sigmoid_binary_cross_entropy),
        "hinge": ("sign", lb.hinge, {}, theirs.hinge_loss),
        "focal": ("bit", lb.focal, focal, theirs.sigmoid_focal_loss),
    }
    by_label = theirs.softmax_cross_entropy_with_integer_labels
    classes: dict[str, Any] = {
        "sparse ce": ("label", sparse, logits, by_label),
        "soft ce": ("soft", lb.cross_entropy, logits, theirs.softmax_cross_entropy),
        "kl logits": (
            "soft",
            lb.kl_divergence,
            logits,
            lambda z, y: theirs.kl_divergence(jax.nn.log_softmax(z), y),
        ),
    }
    pairs = elements if len(shape) == 1 else classes
    for name, (truth, ours, options, other) in pairs.items():
        y = d[truth]
        yield (
            name,
            step(lambda z, y=y, f=ours, o=options: f(y, z, **o), d["z"]),
            step(lambda z, y=y, f=other: f(z, y), d["z"]),
        )


SIDES: dict[str, tuple[Callable[[tuple[int, ...]], Iterator[Row]], Clock]] = {
    "torch": (torch_rows, time.perf_counter),
    "keras": (partial(keras_rows, graph=False), time.perf_counter),
    "graph": (partial(keras_rows, graph=True), time.perf_counter),
    "jax": (jax_rows, time.process_time),
}


def best_times(
    ours: Run, theirs: Run, rounds: int, clock: Clock = time.perf_counter
) -> tuple[float, float]:
    """Run both sides in turn and return the best time of each, in seconds a call."""
    for run in (ours, theirs, ours, theirs):
        run()
    repeats = max(1, int(0.004 / max(_time(theirs, 1, clock), 1e-6)))
    best = [float("inf"), float("inf")]
    for _ in range(rounds):
        for side, run in enumerate((ours, theirs)):
            best[side] = min(best[side], _time(run, repeats, clock))
    return best[0], best[1]


def _time(run: Run, repeats: int, clock: Clock) -> float:
    start = clock()
    for _ in range(repeats):
        run()
    return (clock() - start) / repeats


def report(side: str, rounds: int) -> bool:
    """Print the table of one side, and say whether its bars are met."""
    ratios: dict[str, list[float]] = {"small": [], "large": []}
    print(f"\n{side}: value and gradient, microseconds")
    print(f"{'loss':14}{'size':>12}{'lossbook':>12}{'framework':>12}{'ratio':>8}")
    make, clock = SIDES[side]
    for size, shape in (SIZES | MORE.get(side, {})).items():
        rows = make(shape)
        for name, ours, theirs in tqdm(list(rows), leave=False, file=sys.stderr):
            a, b = best_times(ours, theirs, rounds, clock)
            ratios["small" if size in SMALL else "large"].append(a / b)
            print(f"{name:14}{size:>12}{a * 1e6:12.1f}{b * 1e6:12.1f}{a / b:8.2f}")
    met = True
    for kind, values in ratios.items():
        mean = geometric_mean(values)
        bar = BARS[side, kind]
        met &= mean <= bar
        print(f"geometric mean, {kind} arrays: {mean:.2f} (at most {bar})")
    return met


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("sides", nargs="*", default=[], help=", ".join(SIDES))
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    sides = options.sides or list(SIDES)
    met = [report(side, options.rounds) for side in sides]  # each table is printed
    return 0 if all(met) else 1


if __name__ == "__main__":
    raise SystemExit(main())
