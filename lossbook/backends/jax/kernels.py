"""The fused forms of whole losses, and of steps: most of them XLA fuses by itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp

from lossbook.backends.jax.custom_grad import with_derivatives
from lossbook.backends.jax.ops import softmax_minus_label, take_labels

Array = Any


def sparse_cross_entropy(labels: Array, logits: Array, reduction: str) -> Array:
    """Take the mean in the same step, so that one number comes back for all rows."""
    derivatives = [None, lambda labels, z: softmax_minus_label(z, labels)]
    return with_derivatives(
        _surprise,
        derivatives,
        labels,
        logits,
        reduction=reduction,
        rowwise=True,
        key=_surprise,
    )


def _surprise(labels: Array, z: Array) -> Array:
    # The label is picked before the top is taken off, so that no array of shifted
    # logits is written beside that of their exponentials, which the softmax shares.
    top = jnp.max(z, axis=-1)
    level = jnp.log(jnp.sum(jnp.exp(z - top[..., None]), axis=-1))
    return level - (take_labels(z, labels) - top)


KERNELS: Mapping[str, Callable[..., Any]] = {
    "sparse_cross_entropy": sparse_cross_entropy,
}
STEPS: Mapping[str, Callable[..., Any]] = {}
