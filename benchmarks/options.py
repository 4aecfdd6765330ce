"""Time losses with weights, smoothing and ignored labels beside PyTorch's own.

    python -m benchmarks.options [--rounds N]

Few elements, so that what costs is what stands around the arithmetic: looks at values,
steps that could be one, Python. The two sides of a row run in turn, and the row shows
the ratio of their best times.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from statistics import geometric_mean
from typing import Any

import torch
import torch.nn.functional as F
from tqdm import tqdm

import lossbook as lb
from benchmarks.losses import best_times, class_data, data, torch_step

MEAN_BAR, WORST_BAR = 1.35, 1.8
Loss = Callable[[Any], Any]


def element_cases() -> dict[str, tuple[str, Loss, Loss]]:
    """Return losses of 256 elements: what they are of, ours, and PyTorch's."""
    d = {k: torch.tensor(x) for k, x in data((256,)).items()}
    y, bit, w, three = d["y"], d["bit"], d["v"], torch.tensor(3.0)
    bce, of_logits = F.binary_cross_entropy, F.binary_cross_entropy_with_logits
    logits: dict[str, Any] = {"from_logits": True}
    return {
        "mse, weights": (
            "z",
            lambda x: lb.mse(y, x, sample_weight=w),
            lambda x: (w * F.mse_loss(x, y, reduction="none")).sum() / w.sum(),
        ),
        "bce": (
            "p",
            lambda x: lb.binary_cross_entropy(bit, x),
            lambda x: bce(x, bit),
        ),
        "bce logits": (
            "z",
            lambda x: lb.binary_cross_entropy(bit, x, **logits),
            lambda x: of_logits(x, bit),
        ),
        "bce logits, weights": (
            "z",
            lambda x: lb.binary_cross_entropy(bit, x, sample_weight=w, **logits),
            lambda x: of_logits(x, bit, weight=w, reduction="sum") / w.sum(),
        ),
        "bce, pos_weight": (
            "z",
            lambda x: lb.binary_cross_entropy(bit, x, pos_weight=three, **logits),
            lambda x: of_logits(x, bit, pos_weight=three),
        ),
        "logistic": (
            "z",
            lambda x: lb.logistic(d["sign"], x),
            lambda x: F.soft_margin_loss(x, d["sign"]),
        ),
    }


def class_cases() -> dict[str, tuple[str, Loss, Loss]]:
    """Return losses of 32 rows of 10 classes."""
    d = {k: torch.tensor(x) for k, x in class_data(32, 10).items()}
    label, by_class = d["label"], torch.linspace(0.5, 1.5, 10)
    some = label.clone()
    some[:5] = -100
    ours, theirs = lb.sparse_cross_entropy, F.cross_entropy
    logits: dict[str, Any] = {"from_logits": True}
    return {
        "ce": (
            "z",
            lambda x: ours(label, x, **logits),
            lambda x: theirs(x, label),
        ),
        "ce, ignore_index": (
            "z",
            lambda x: ours(some, x, ignore_index=-100, **logits),
            lambda x: theirs(x, some, ignore_index=-100),
        ),
        "ce, class weights": (
            "z",
            lambda x: ours(label, x, class_weight=by_class, **logits),
            lambda x: theirs(x, label, weight=by_class),
        ),
        "ce, smoothing": (
            "z",
            lambda x: ours(label, x, label_smoothing=0.1, **logits),
            lambda x: theirs(x, label, label_smoothing=0.1),
        ),
        "ce of probabilities": (
            "p",
            lambda x: ours(label, x),
            lambda x: F.nll_loss(x.log(), label),
        ),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=60)
    rounds = parser.parse_args().rounds
    groups = [
        (element_cases(), data((256,)), "256"),
        (class_cases(), class_data(32, 10), "32 x 10"),
    ]
    rows = [(n, c, x, s) for cases, x, s in groups for n, c in cases.items()]
    print(f"{'torch, options':22}{'size':>10}{'lossbook':>11}{'torch':>11}{'ratio':>8}")
    ratios = []
    for name, (at, *losses), arrays, size in tqdm(rows, leave=False, file=sys.stderr):
        steps = [torch_step(loss, arrays[at]) for loss in losses]
        ours, theirs = best_times(steps[0], steps[1], rounds)
        ratios.append(ours / theirs)
        times = f"{ours * 1e6:11.1f}{theirs * 1e6:11.1f}"
        print(f"{name:22}{size:>10}{times}{ratios[-1]:8.2f}", flush=True)
    mean = geometric_mean(ratios)
    print(f"geometric mean {mean:.2f} (at most {MEAN_BAR}), ", end="")
    print(f"worst {max(ratios):.2f} (at most {WORST_BAR})")
    return 0 if mean <= MEAN_BAR and max(ratios) <= WORST_BAR else 1


if __name__ == "__main__":
    raise SystemExit(main())
