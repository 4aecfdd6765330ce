"""Checks of the Keras classes in TensorFlow's graphs, under XLA and on two replicas."""

import subprocess
import sys
import tempfile

import keras
import numpy as np
import pytest
import tensorflow as tf

import lossbook as lb
from lossbook.adapters import keras as for_keras

from .keras_meaning_checks import close

_CPU = tf.config.list_physical_devices("CPU")[0]
_HALF = tf.config.LogicalDeviceConfiguration()
tf.config.set_logical_device_configuration(_CPU, [_HALF, _HALF])

RNG = np.random.default_rng(6)
JIT = (False, True)


def graph(loss, *specs, jit=False):
    """Return a loss as a graph that knows nothing of the batch but the number of axes.

    A spec is the shape of an argument, with its dtype behind it if it is no float32.
    """
    signature = [
        tf.TensorSpec(spec[0], spec[1])
        if isinstance(spec[0], tuple | list)
        else tf.TensorSpec(spec)
        for spec in specs
    ]
    return tf.function(loss, input_signature=signature, jit_compile=jit)


def floats(*arrays):
    return [tf.constant(x, tf.float32) for x in arrays]


def check_unknown_batches():
    y, p = floats(*RNG.normal(size=(2, 3, 3, 1)))
    (weight,) = floats(RNG.uniform(0.5, 2, 3))
    for jit in JIT:
        for reduction in ("sum_over_batch_size", "sum", "mean_with_sample_weight"):
            loss = for_keras.MSE(reduction=reduction)
            traced = graph(loss, [None, None, 1], [None, None, 1], [None], jit=jit)
            close(traced(y, p, weight), loss(y, p, weight).numpy())
        loss = for_keras.Huber()
        column = graph(loss, [None], [None, 1], jit=jit)
        close(column(y[0, :, 0], p[0]), loss(y[0], p[0]).numpy())
        root = for_keras.RMSE()
        close(graph(root, [None, 2], [None, 2], jit=jit)(y[0] * [1, 1], p[0] * [1, 1]),
              root(y[0], p[0]).numpy())  # fmt: skip


def check_labels_in_graphs():
    labels, (scores,) = tf.constant([[0], [2], [1]]), floats(RNG.normal(size=(3, 3)))
    loss = for_keras.SparseCrossEntropy(from_logits=True, ignore_index=1)
    expected = lb.sparse_cross_entropy(
        labels[:, 0], scores, from_logits=True, ignore_index=1
    )
    for jit in JIT:
        for dtype in (tf.int32, tf.float32):
            traced = graph(loss, ([None, 1], dtype), [None, 3], jit=jit)
            close(traced(tf.cast(labels, dtype), scores), expected.numpy())


def check_labels_that_do_not_fit_repeat_nothing_in_graphs():
    loss = for_keras.SparseCrossEntropy(from_logits=True)
    one_hot, (scores,) = tf.eye(3), floats(RNG.normal(size=(3, 3)))
    with pytest.raises(ValueError, match="looks one-hot"):
        graph(loss, [None, 3], [None, 3])(one_hot, scores)
    hinge = for_keras.Hinge()
    errors = (ValueError, tf.errors.InvalidArgumentError)
    for jit in JIT:
        traced = graph(loss, [None], [None, 3], jit=jit)
        with pytest.raises(errors):
            traced(tf.constant([0.0, 1.0, 2.0]), scores[:1])
        traced = graph(hinge, [None, 3], [None, 3], [None], jit=jit)
        with pytest.raises(errors):
            traced(one_hot[:1], scores, tf.ones(3))
        close(traced(one_hot, scores, tf.ones(3)), hinge(one_hot, scores).numpy())


def check_fractional_labels_in_graphs():
    (scores,) = floats(RNG.normal(size=(2, 3)))
    labels = tf.constant([0.5, 1.0])
    loss = for_keras.SparseCrossEntropy(from_logits=True)
    with pytest.raises(tf.errors.InvalidArgumentError, match="integer labels"):
        graph(loss, [None], [None, 3])(labels, scores)

    def slope(labels, scores):
        with tf.GradientTape() as tape:
            tape.watch(scores)
            value = loss(labels, scores)
        return value, tape.gradient(value, scores)

    value, grad = graph(slope, [None], [None, 3], jit=True)(labels, scores)
    assert np.isnan(value)
    assert np.isnan(grad[0]).all()  # XLA has no assertions
    value, _ = graph(slope, [None], [None, 3], jit=True)(tf.round(labels), scores)
    assert np.isfinite(value)


def check_hinges_decide_in_the_graph():
    (scores,) = floats([0.5, 0.5, -2.0])
    for jit in JIT:
        for name in ("Hinge", "SquaredHinge"):
            loss = getattr(for_keras, name)()
            traced = graph(loss, [None], [None], jit=jit)
            for y in ([0.0, 1, 1], [-1.0, 1, 1], [1.0, 1, 1], [0.0, 0, 0]):
                theirs = getattr(keras.losses, name)()(np.array(y), scores)
                close(traced(tf.constant(y), scores), theirs.numpy())


def check_fit_compiled_by_xla():
    x = RNG.normal(size=(10, 3)).astype("float32")
    y, weight = RNG.integers(0, 2, 10), RNG.uniform(0.5, 2, 10)
    for loss in (for_keras.Hinge(), for_keras.MSE(), for_keras.BinaryCrossEntropy(
        from_logits=True, pos_weight=[3.0]
    )):  # fmt: skip
        values = []
        for jit in JIT:
            keras.utils.set_random_seed(0)
            layers = [keras.layers.Input((3,)), keras.layers.Dense(1)]
            model = keras.Sequential(layers)
            model.compile("sgd", loss, jit_compile=jit)
            history = model.fit(
                x, y, 4, 3, sample_weight=weight, verbose=0, shuffle=False
            )
            values.append(history.history["loss"])
        close(values[0], values[1])


def check_two_replicas_share_a_batch():
    x = RNG.normal(size=(8, 3)).astype("float32")
    y = RNG.normal(size=(8, 1)).astype("float32")

    def weights(scope, reduction):
        with scope:
            keras.utils.set_random_seed(0)
            layers = [keras.layers.Input((3,)), keras.layers.Dense(1)]
            model = keras.Sequential(layers)
            loss = for_keras.Huber(reduction=reduction)
            model.compile(keras.optimizers.SGD(0.1), loss, jit_compile=False)
            model.fit(x, y, batch_size=8, epochs=3, verbose=0, shuffle=False)
        return model.get_weights()[0]

    alone = tf.distribute.get_strategy()
    both = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    for reduction in ("sum_over_batch_size", "sum"):
        one, two = weights(alone.scope(), reduction), weights(both.scope(), reduction)
        np.testing.assert_allclose(one, two, rtol=1e-5)


def check_a_saved_graph_needs_no_lossbook():
    loss = for_keras.Huber(delta=0.5)
    module = tf.Module()
    module.loss = graph(loss, [None], [None, 1])
    reload = (
        "import sys, tensorflow as tf\n"
        "saved = tf.saved_model.load(sys.argv[1])\n"
        "y, p = tf.constant([0.0, 1.0]), tf.constant([[1.0], [3.0]])\n"
        "print(saved.loss(y, p).numpy())\n"
        "assert not any(name.startswith('lossbook') for name in sys.modules)"
    )
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder)
        command = [sys.executable, "-c", reload, folder]
        done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    close(float(done.stdout), lb.huber([0.0, 1.0], [1.0, 3.0], delta=0.5))


CHECKS = [f for name, f in globals().items() if name.startswith("check_")]
