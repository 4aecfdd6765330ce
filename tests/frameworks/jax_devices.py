"""Losses of JAX over two devices, compared with one: `python -m` it, it prints JSON.

Two devices of a CPU have to be asked for before JAX is imported, so that this runs in a
process of its own; `tests/frameworks/test_jax.py` starts it and reads what it found.
"""

import json
import os
from functools import partial

os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=2"

import jax
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

import lossbook as lb

jax.config.update("jax_enable_x64", True)

RNG = np.random.default_rng(3)
X, Y, W = RNG.normal(size=(8, 3)), RNG.normal(size=8), RNG.normal(size=3)
# Three of the rows on one device count, two of those on the other.
KEPT = np.array([1, 0, 1, 1, 1, 1, 0, 0.0])
MESH = jax.make_mesh((2,), ("rows",))
ROWS, SAME = PartitionSpec("rows"), PartitionSpec()
SPECS = (SAME, ROWS, ROWS, ROWS)


def part(w, x, y, kept):
    losses = lb.mse(y, x @ w, sample_weight=kept, reduction="sum")
    return lb.global_mean(losses, kept.sum())


def added(*args):
    value, gradient = jax.value_and_grad(part)(*args)
    return value, jax.lax.psum(gradient, "rows")


def over_devices(function, **options):
    return jax.jit(
        jax.shard_map(function, mesh=MESH, in_specs=SPECS, out_specs=SAME, **options)
    )


def off(found, wanted):
    return float(np.abs(np.asarray(found) - np.asarray(wanted)).max())


def means():
    """Return by how much value and gradient of a mean over devices are off."""
    args = jax.device_put(W, NamedSharding(MESH, SAME)), *spread(X, Y, KEPT)
    halves = [x.reshape(2, 4, *x.shape[1:]) for x in (X, Y, KEPT)]
    mean = over_devices(part)
    results = {
        "shard_map": over_devices(jax.value_and_grad(part))(*args),
        "shard_map, not followed": over_devices(added, check_vma=False)(*args),
        "pmap": jax.pmap(added, axis_name="rows", in_axes=(None, 0, 0, 0))(W, *halves),
        "differentiated from outside": jax.jit(jax.value_and_grad(mean))(*args),
        "forwards": (mean(*args), jax.jit(jax.jacfwd(mean))(*args)),
    }
    alone = lb.value_and_grad(lambda w: lb.mse(Y, X @ w, sample_weight=KEPT))(W)
    return {name: max(map(off, found, alone)) for name, found in results.items()}


def arrays():
    """Return by how much losses of rows on two devices are off, value and gradient."""
    labels = np.arange(8) % 3
    layer = partial(lb.linear_cross_entropy, chunk_size=3, reduction="sum")
    cases = {
        "mse": (lambda x, y, kept: lb.mse(y, x[:, 0], sample_weight=kept), X, Y, KEPT),
        "sparse_cross_entropy": (
            lambda x, labels: lb.sparse_cross_entropy(
                labels, x, from_logits=True, ignore_index=2
            ),
            X, labels,
        ),
        "linear_cross_entropy": (lambda x, at: layer(x, np.eye(3), at), X, labels),
    }  # fmt: skip
    found = {}
    for name, (loss, *rows) in cases.items():
        with jax.set_mesh(MESH):
            ours = lb.value_and_grad(loss)(*spread(*rows))
        both = ours, lb.value_and_grad(loss)(*rows)
        found[name] = max(map(off, *both))
    return found


def spread(*rows):
    return [jax.device_put(x, NamedSharding(MESH, ROWS)) for x in rows]


if __name__ == "__main__":
    print(json.dumps({"means": means(), "arrays": arrays()}))
