"""One of several processes that hold DTensors in parts, compared with one process.

    python -m tests.frameworks.sharded_worker RANK PROCESSES FILE

`FILE` is where the processes meet. The first of them prints, as one line of JSON, what
each experiment found; `tests/frameworks/test_sharded.py` starts them and reads it.
"""

import json
import sys
import warnings
from contextlib import nullcontext

import numpy as np
import torch
import torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, Replicate, Shard, distribute_tensor
from torch.distributed.tensor.parallel import loss_parallel
from torch.nn.parallel import DistributedDataParallel

import lossbook as lb
from lossbook.adapters.torch import HuberLoss, MSELoss

from ..cases import LABELS
from .shards import CASE_ROWS, WEIGHTS

random = torch.Generator().manual_seed(0)


def normal(*shape):
    return torch.randn(*shape, generator=random, dtype=torch.float64)


def labels(*shape):
    return torch.randint(0, 5, shape, generator=random)


class Team:
    """The processes, and how a tensor is spread over them."""

    def __init__(self, rank, processes, file):
        torch.set_num_threads(1)
        dist.init_process_group(
            "gloo", init_method=f"file://{file}", rank=rank, world_size=processes
        )
        self.rank, self.size = rank, processes
        self.mesh = init_device_mesh("cpu", (processes,))

    def spread(self, x, axis=None):
        """Return a tensor in parts along an axis, or whole on each process."""
        place = Replicate() if axis is None or x.dim() <= axis else Shard(axis)
        return distribute_tensor(x.detach(), self.mesh, [place])

    def off(self, loss, tensors, axes, weight=None, constants=0, **options):
        """Return by how much value and gradients differ from those of one process."""
        alone = [x.detach() for x in tensors]
        parts = [self.spread(x, axis) for x, axis in zip(alone, axes, strict=True)]
        for x in alone[constants:] + parts[constants:]:
            x.requires_grad_(x.is_floating_point())
        weights = [{}, {}]
        if weight is not None:
            weights = [{"sample_weight": w} for w in (weight, self.spread(weight, 0))]
        wanted = with_gradients(loss(*alone, **weights[0], **options), alone)
        got = with_gradients(loss(*parts, **weights[1], **options), parts)
        return max(map(difference, got, wanted))


def with_gradients(value, tensors):
    """Return the value, and the gradients of a sum in which no two losses are alike."""
    factors = torch.linspace(1, 2, value.numel(), dtype=value.dtype)
    factors = factors.reshape(value.shape)
    if isinstance(value, DTensor):
        factors = distribute_tensor(factors, value.device_mesh)
    (value * factors).sum().backward()
    return [whole(value)] + [whole(x.grad) for x in tensors if x.requires_grad]


def whole(x):
    """Return a plain tensor of what all processes hold, without its gradient."""
    if x is None:
        return torch.zeros(())
    return (x.full_tensor() if isinstance(x, DTensor) else x).detach()


def difference(got, wanted):
    if got.shape != wanted.shape:
        return float("inf")
    off = (got - wanted).abs().max() / wanted.abs().max().clamp(min=1.0)
    return float(off.nan_to_num(nan=torch.inf))


def tensors_of(case, n):
    """Return the arguments of a case, as tensors of n rows."""
    arrays = [np.concatenate([x, x[::-1], x])[:n] for x in case.args]
    kept = 1 if case.kind == LABELS else 0
    return [torch.tensor(x) for x in arrays[:kept]] + [
        torch.tensor(x.astype(np.float64)) for x in arrays[kept:]
    ]


def weighed(reduction, n):
    """Return the weights of n rows, and the reduction, that a name stands for."""
    weight = torch.tensor(WEIGHTS[:n]) if reduction == "weighted mean" else None
    return {"weight": weight, "reduction": reduction.removeprefix("weighted ")}


def cases(team):
    """Every loss of the registry of cases, in rows and in columns."""
    found = {}
    for name, (case, reduction, n, axis) in CASE_ROWS.items():
        tensors = tensors_of(case, n)
        found[name] = team.off(
            case,
            tensors,
            [axis] * len(tensors),
            constants=0 if case.by_truth else 1,
            **weighed(reduction, n),
        )
    return found


def cube(x):
    return (x * x * x).sum(-1)


def penalized(real, fake, **options):
    return lb.gradient_penalty(cube, real, fake, mix=0.3, **options)


def others(team):
    """Losses that compare, classes on other axes, and penalties."""
    n = 7
    q, k, r = normal(n, 3), normal(n, 3), normal(n, 3)
    classes = {"from_logits": True, "class_weight": [1.0, 2.0, 3.0, 4.0, 5.0]}
    losses = {
        "info_nce": (lb.info_nce, (q, k), {}),
        "triplet": (lb.triplet, (q, k, r), {}),
        "warp": (lb.warp, (normal(n), k), {}),
        "bpr": (lb.bpr, (q, k), {}),
        "margin_ranking": (lb.margin_ranking, (q, k), {}),
        "gan_discriminator": (lb.gan_discriminator, (q, k), {}),
        "gan_generator": (lb.gan_generator, (q,), {}),
        "gradient_penalty": (penalized, (q, k), {}),
        "images": (
            lb.sparse_cross_entropy,
            (labels(n, 2), normal(n, 5, 2)),
            {"axis": 1, "ignore_index": 0, **classes},
        ),
        "sequences": (
            lb.sparse_cross_entropy,
            (labels(n, 2), normal(n, 2, 5)),
            classes,
        ),
    }
    found = {
        f"{name}, {reduction}, {axis}": team.off(
            loss,
            tensors,
            [axis] * len(tensors),
            **weighed(reduction, n),
            **options,
        )
        for name, (loss, tensors, options) in losses.items()
        for reduction in ("mean", "none", "weighted mean")
        for axis in (0, 1)
    }
    penalties = {f.__name__: f for f in (lb.l1, lb.l2, lb.elastic_net)}
    return found | {name: team.off(f, [q], [0]) for name, f in penalties.items()}


def layers(team):
    """linear_cross_entropy with hidden states, labels, weight or bias in parts."""
    given = {"hidden": normal(7, 3), "weight": normal(5, 3), "labels": labels(7)}
    given["bias"] = normal(5)
    spreads = {
        "rows": {"hidden": 0, "labels": 0},
        "hidden": {"hidden": 0},
        "labels": {"labels": 0},
        "width": {"hidden": 1, "weight": 1},
        "weight": {"weight": 0, "bias": 0},
        "weight as FSDP": {"hidden": 0, "labels": 0, "weight": 0, "bias": 0},
    }
    found = {
        f"{name}, {reduction}": team.off(
            lb.linear_cross_entropy,
            list(given.values()),
            [axes.get(x) for x in given],
            ignore_index=1,
            **weighed(reduction, 7),
        )
        for name, axes in spreads.items()
        for reduction in ("mean", "sum", "none", "weighted mean")
    }
    tokens = normal(7, 2, 3), given["weight"], labels(7, 2)
    for reduction in ("mean", "none"):
        found[f"tokens, {reduction}"] = team.off(
            lb.linear_cross_entropy, tokens, [0, None, 0], reduction=reduction
        )
    return found


def compiled(team):
    """What torch.compile makes of them."""
    y, z, w, truth = normal(7, 3), normal(7, 3), normal(3, 3), labels(7) % 3
    logits = {"from_logits": True}
    losses = {
        "mse": (lb.mse, (y, z), {}),
        "rmse": (lb.rmse, (y, z), {}),
        "HuberLoss": (HuberLoss(reduction="sum_over_batch_size"), (y, z), {}),
        "sparse_cross_entropy": (lb.sparse_cross_entropy, (truth, z), logits),
        "linear_cross_entropy": (lb.linear_cross_entropy, (y, w, truth), {}),
    }
    found = {}
    for name, (loss, tensors, options) in losses.items():
        made = torch.compile(loss, backend="aot_eager")
        axes = [None if x is w else 0 for x in tensors]
        found[name] = team.off(made, tensors, axes, **options)
    return found


def adapters(team):
    """The classes, and reductions that are a mean of another name."""
    tensors = normal(7, 3), normal(7, 3)
    found = {}
    for reduction in ("mean", "sum_over_batch_size", "sum", "none"):
        for kind in (MSELoss, HuberLoss):
            loss = kind(reduction=reduction)
            for axis in (0, 1):
                name = f"{kind.__name__}, {reduction}, {axis}"
                found[name] = team.off(loss, tensors, [axis, axis])
    found["a parameter"] = team.off(
        lambda x, y, w: lb.mse(y, x @ w), (normal(6, 4), normal(6, 2), normal(4, 2)),
        [0, 0, 0],
    )  # fmt: skip
    return found


def wrong_values(team):
    """What each process sees where only the first holds a value out of its domain."""
    y, p = torch.full((8,), 0.5), torch.full((8,), 0.5)
    p[0], truth, z = 2.0, torch.zeros(8, dtype=torch.long), torch.zeros(8, 3)
    truth[0] = 7
    found = {
        "probability": lb.binary_cross_entropy(team.spread(y, 0), team.spread(p, 0)),
        "sign": lb.hinge(team.spread(y, 0), team.spread(p, 0)),
        "label": lb.sparse_cross_entropy(team.spread(truth, 0), team.spread(z, 0)),
        "weight": lb.mse(
            team.spread(y, 0), team.spread(y, 0), sample_weight=team.spread(-p, 0)
        ),
    }
    seen = torch.tensor([float(whole(x)) for x in found.values()])
    dist.all_reduce(seen)  # NaN if it is so on any of them
    return dict(zip(found, seen.tolist(), strict=True))


def said(call, *args, **options):
    try:
        call(*args, **options)
    except (TypeError, ValueError, RuntimeError) as error:
        return f"{type(error).__name__}: {error}"
    return "nothing"


def plain_beside(team):
    """A plain tensor beside a DTensor, and what the message tells to do."""
    y, p = normal(7), normal(7)
    y_pred, wanted = team.spread(p, 0), float(lb.mse(y, p))
    mine = torch.tensor_split(y, team.size)[team.rank]
    made = {
        "whole": DTensor.from_local(y, y_pred.device_mesh),
        "part": DTensor.from_local(
            mine, y_pred.device_mesh, [Shard(0)], shape=y.shape, stride=y.stride()
        ),
        "a list": y.tolist(),
        "an array": y.numpy(),
    }
    return {
        "truth": said(lb.mse, y, y_pred),
        "prediction": said(lb.mse, y_pred, y),
        "weight": said(lb.mse, y_pred, y_pred, sample_weight=y.abs()),
        "wanted": wanted,
        **{name: float(whole(lb.mse(x, y_pred))) for name, x in made.items()},
    }


def means(team):
    """global_mean of DTensors, the parts of a batch, and its gradient."""
    y, p, w = normal(7), normal(7), torch.tensor(WEIGHTS[:7])
    found = {
        "a sum and a number": team.off(
            lambda y, p: lb.global_mean(lb.mse(y, p, reduction="sum"), 7),
            (y, p),
            [0, 0],
        ),
        "losses and weights": team.off(
            lambda y, p, w: lb.global_mean(
                lb.mse(y, p, sample_weight=w, reduction="none"), w.detach()
            ),
            (y, p, w),
            [0, 0, 0],
        ),
    }
    z = team.spread(p, 0).requires_grad_()
    loss = lb.global_mean(
        lb.mse(team.spread(y, 0), z, sample_weight=team.spread(w, 0), reduction="sum"),
        team.spread(w, 0),
    )
    loss.backward()
    alone = p.clone().requires_grad_()
    wanted = lb.mse(y, alone, sample_weight=w)
    wanted.backward()
    found["value"] = difference(loss.detach(), wanted.detach())
    found["gradient"] = difference(whole(z.grad), alone.grad)
    found["a plain tensor"] = float(isinstance(loss, DTensor))
    return found


def model():
    torch.manual_seed(3)
    return torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.Linear(6, 2)).double()


def training(team):
    """FSDP2, and DistributedDataParallel with a process that has no rows."""
    x, y = normal(2 * team.size, 4), normal(2 * team.size, 2)
    alone = model()
    wanted = lb.mse(y, alone(x))
    wanted.backward()
    grads = [p.grad for p in alone.parameters()]

    sharded = model()
    for layer in (*sharded, sharded):
        fully_shard(layer, mesh=team.mesh)
    rows = slice(2 * team.rank, 2 * team.rank + 2)
    lb.mse(y[rows], sharded(x[rows])).backward()
    found = {"FSDP2": largest(sharded, grads)}
    penalty = lb.l2(list(sharded.parameters()))
    found["FSDP2, l2"] = difference(
        whole(penalty), lb.l2(list(alone.parameters())).detach()
    )

    parallel = DistributedDataParallel(model())
    rows = slice(0) if team.rank else slice(None)  # the first has them all
    total = lb.mse(y[rows], parallel(x[rows]), reduction="sum")
    count = y[rows].numel()
    loss = lb.global_mean(total, count)
    loss.backward()
    found["DDP, an empty process"] = largest(parallel, grads)
    found["DDP, its value"] = difference(loss.detach(), wanted.detach())
    found["empty mean"] = said(lb.mse, y[:0], x[:0, :2])
    return found


def largest(module, grads):
    """Return the largest difference of the gradients of a module from others."""
    pairs = zip(module.parameters(), grads, strict=True)
    return max(difference(whole(p.grad), grad) for p, grad in pairs)


def by_logits(z, y, reduction):
    return lb.sparse_cross_entropy(y, z, from_logits=True, reduction=reduction)


def parallel_losses(team):
    """Logits in parts by class, as a tensor-parallel head gives them."""
    z, y = normal(6, 5), labels(6)
    found = {}
    for name, context in (("on", loss_parallel), ("off", nullcontext)):
        for reduction in ("mean", "none"):
            with context():
                found[f"{name}, {reduction}"] = team.off(
                    by_logits, (z, y), [1, None], reduction=reduction
                )
    return found


def few_rows(team):
    """One row alone: the other processes hold none."""
    h, w, y = normal(1, 3), normal(5, 3), labels(1)
    return {
        f"linear_cross_entropy, {dtype}, {reduction}": team.off(
            lb.linear_cross_entropy,
            (h.to(dtype), w.to(dtype), y),
            [0, None, 0],
            reduction=reduction,
        )
        for dtype in (torch.float64, torch.bfloat16)
        for reduction in ("mean", "none")
    }


EXPERIMENTS = {
    f.__name__: f
    for f in (cases, others, layers, compiled, adapters, wrong_values, plain_beside,
              means, training, parallel_losses,
              few_rows)
}  # fmt: skip


def main(rank, processes, file, *names):
    """Run experiments, all of them unless some are named."""
    warnings.simplefilter("ignore")
    team = Team(int(rank), int(processes), file)
    found = {name: EXPERIMENTS[name](team) for name in names or EXPERIMENTS}
    if team.rank == 0:
        print(json.dumps(found), flush=True)
    dist.destroy_process_group()


if __name__ == "__main__":
    main(*sys.argv[1:])
