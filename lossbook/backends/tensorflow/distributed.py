"""Several workers: the replicas of a strategy of TensorFlow."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

Array = Any


def sum_over_workers(total: Array, weight: Array) -> tuple[Array, Array, int]:
    """Add over the replicas, whose gradients TensorFlow adds by itself."""
    replica = tf.distribute.get_replica_context()
    if replica is None or replica.num_replicas_in_sync == 1:
        return total, weight, 1
    both = [tf.stop_gradient(total), weight]
    total, weight = replica.all_reduce(tf.distribute.ReduceOp.SUM, both)
    return total, weight, 1
