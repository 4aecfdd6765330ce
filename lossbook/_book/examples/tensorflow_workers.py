"""Two workers of TensorFlow compute the gradient of one batch.

    python -m lossbook.examples.tensorflow_workers 0 PORT0 PORT1 &
    python -m lossbook.examples.tensorflow_workers 1 PORT0 PORT1

Each accumulates over two micro-batches; the two gradients are added. The first worker
also computes the gradient of the whole batch alone, and prints all of them as one line
of JSON.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

import lossbook as lb
from lossbook._book.examples import PAD, WORKERS, batches, first_weight, report

Tensor = Any
Loss = Callable[[Tensor, Tensor, list[int]], Tensor]


def mean_of_means(logits: Tensor, labels: Tensor, counts: list[int]) -> Tensor:
    """Return the mean of this micro-batch, over micro-batches and workers."""
    counted = labels != PAD
    each = tf.nn.sparse_softmax_cross_entropy_with_logits(
        labels[counted], logits[counted]
    )
    return tf.reduce_mean(each) / (len(counts) * WORKERS)


def mean_of_all(logits: Tensor, labels: Tensor, counts: list[int]) -> Tensor:
    """Return the sum of this micro-batch, over the tokens of all workers."""
    total = lb.sparse_cross_entropy(
        labels, logits, from_logits=True, ignore_index=PAD, reduction="sum"
    )
    return lb.global_mean(total, counts)


def gradient(loss_of: Loss, mine: list[tuple[Tensor, Tensor]], weight: Any) -> Tensor:
    """Return the gradient after the micro-batches of this worker and the adding."""
    counts = [int(np.sum(labels != PAD)) for _, labels in mine]
    grads = []
    for hidden, labels in mine:
        with tf.GradientTape() as tape:
            logits = tf.matmul(hidden, weight, transpose_b=True)
            loss = loss_of(logits, tf.constant(labels), counts)
        grads.append(tape.gradient(loss, weight))
    replica = tf.distribute.get_replica_context()
    return replica.all_reduce(tf.distribute.ReduceOp.SUM, tf.add_n(grads))


def alone() -> Tensor:
    """Return the gradient of the mean over all tokens, in one process."""
    weight = tf.constant(first_weight())
    parts = [part for worker in range(WORKERS) for part in batches(worker)]
    hidden, labels = (np.concatenate(each) for each in zip(*parts, strict=True))
    counted = labels != PAD
    with tf.GradientTape() as tape:
        tape.watch(weight)
        each = tf.nn.sparse_softmax_cross_entropy_with_logits(
            labels[counted], tf.matmul(hidden[counted], weight, transpose_b=True)
        )
        loss = tf.reduce_mean(each)
    return tape.gradient(loss, weight)


def main(rank: int, ports: list[int]) -> None:
    """Run one worker of those that listen on these ports."""
    cluster = {"worker": [f"127.0.0.1:{port}" for port in ports]}
    task = {"type": "worker", "index": rank}
    os.environ["TF_CONFIG"] = json.dumps({"cluster": cluster, "task": task})
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    with strategy.scope():
        weight = tf.Variable(first_weight())
    mine = batches(rank)

    @tf.function(autograph=False)  # type: ignore[untyped-decorator]
    def both() -> tuple[Tensor, Tensor]:
        return (
            gradient(mean_of_means, mine, weight),
            gradient(mean_of_all, mine, weight),
        )

    means, whole = strategy.run(both)
    if rank == 0:
        print(report(alone(), means, whole), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), [int(port) for port in sys.argv[2:]])
