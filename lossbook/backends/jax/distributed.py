"""Several workers: the devices over which jax.shard_map or jax.pmap spread a batch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import jax

Array = Any


def sum_over_workers(total: Array, weight: Array) -> tuple[Array, Array, int]:
    """Add over the devices on which the sums differ, whose gradients JAX adds."""
    names = _axes(total, weight)
    if not names:
        return total, weight, 1
    both = [varying(jax.lax.stop_gradient(x), names) for x in (total, weight)]
    total, weight = (jax.lax.psum(x, names) for x in both)
    return total, weight, 1


def varies_over(x: Array) -> frozenset[str]:
    """Return the axes of devices on which JAX knows an array to differ."""
    kind = jax.typeof(x)
    known = getattr(kind, "manual_axis_type", None)  # from JAX 0.10 on
    return getattr(kind, "vma", frozenset()) if known is None else known.varying


def _axes(*sums: Array) -> tuple[str, ...]:
    """Return the axes of devices to add over: of all, where JAX does not follow them.

    An axis on which both sums are the same changes nothing in the mean.
    """
    names = jax.sharding.get_abstract_mesh().manual_axes
    followed = any(varies_over(jax.lax.axis_index(name)) for name in names)
    if not followed:
        return tuple(names)
    return tuple(frozenset().union(*map(varies_over, sums)))


def varying(x: Array, names: Iterable[str]) -> Array:
    """Return an array that counts as one on each device, also where it is the same."""
    missing = tuple(set(names) - varies_over(x))
    return jax.lax.pcast(x, missing, to="varying") if missing else x
