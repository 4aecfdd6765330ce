"""The chunked linear cross-entropy on TensorFlow: one loop, eagerly and in graphs."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from lossbook.backends.tensorflow.ops import cast, to_float

Array = Any


def operands(h: Array, w: Array) -> tuple[Array, Array]:
    """Return hidden states and weight in the precision of the weight."""
    w = to_float(w)
    return cast(to_float(h), w), w


def total(
    h: Array, w: Array, b: Array | None, labels: Array, share: Array, chunk: int
) -> Array:
    """Return the sum of share times loss over the rows."""

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def apply(*inputs: Array) -> Any:
        each, grads = _run(inputs, labels, share, chunk)
        silent = tf.math.is_inf(each) & (share == 0)
        value = tf.reduce_sum(tf.where(silent, tf.zeros_like(each), each) * share)

        def pull(g: Array) -> Any:
            return _grads([g * x for x in grads], share * g, inputs, labels)

        return value, pull

    return apply(*_given(h, w, b))


def losses(h: Array, w: Array, b: Array | None, labels: Array, chunk: int) -> Array:
    """Return the loss of each row."""

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def apply(*inputs: Array) -> Any:
        each, _ = _run(inputs, labels, None, chunk)

        def pull(g: Array) -> Any:
            # Each loss has a factor of its own, known only on the way back: start anew.
            return _grads(_run(inputs, labels, g, chunk)[1], g, inputs, labels)

        return each, pull

    return apply(*_given(h, w, b))


def _grads(values: list[Array], share: Array, inputs: Any, labels: Array) -> Any:
    """Return the gradients, with the formula, of all logits at once, as their slope."""

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def apply(share: Array, *inputs: Array) -> Any:
        def pull(*upstream: Array) -> Any:
            with tf.GradientTape() as tape:
                tape.watch([share, *inputs])
                plain = _plain_grads(share, labels, *inputs)
            return tape.gradient(plain, [share, *inputs], output_gradients=upstream)

        return values, pull

    return apply(share, *inputs)


def _plain_grads(
    share: Array, labels: Array, h: Array, w: Array, b: Array | None = None
) -> list[Array]:
    z = tf.matmul(h, w, transpose_b=True)
    p = tf.nn.softmax(z if b is None else z + b)
    off = (p - tf.one_hot(labels, tf.shape(w)[0], dtype=p.dtype)) * share[:, None]
    grads = [tf.matmul(off, w), tf.matmul(off, h, transpose_a=True)]
    return grads if b is None else [*grads, tf.reduce_sum(off, axis=0)]


def _given(*inputs: Array | None) -> list[Array]:
    return [x for x in inputs if x is not None]


def _run(
    inputs: Any, labels: Array, share: Array | None, chunk: int
) -> tuple[Array, list[Array]]:
    """Return the losses, and the gradients of the sum of share times loss."""
    # Constants: a tape must not keep the chunks.
    h, w, *b = [tf.stop_gradient(x) for x in inputs]
    rows = tf.shape(h)[0]
    steps = (rows + chunk - 1) // chunk
    x, at = _padded(h, steps, chunk), _padded(labels, steps, chunk)
    factor = None if share is None else _padded(share, steps, chunk)

    def body(i: Array, each: Array, by_h: Array, *sums: Array) -> Any:
        z = tf.matmul(x[i], w, transpose_b=True)
        z = z + b[0] if b else z
        z -= tf.reduce_max(z, axis=1, keepdims=True)
        of_label = tf.gather(z, at[i], batch_dims=1)
        p = tf.exp(z)
        size = tf.reduce_sum(p, axis=1)
        each = each.write(i, tf.math.log(size) - of_label)
        if factor is None:
            return i + 1, each, by_h, *sums
        p *= (factor[i] / size)[:, None]
        places = tf.stack([tf.range(chunk, dtype=at.dtype), at[i]], axis=1)
        p = tf.tensor_scatter_nd_sub(p, places, factor[i])
        by_h = by_h.write(i, tf.matmul(p, w))
        by_w = sums[0] + tf.matmul(p, x[i], transpose_a=True)
        by_b = [sums[1] + tf.reduce_sum(p, axis=0)] if b else []
        return i + 1, each, by_h, by_w, *by_b

    sums = [] if share is None else [tf.zeros_like(y) for y in (w, *b)]
    start = (0, _parts(w, steps, chunk), _parts(w, steps, chunk, h.shape[1]), *sums)
    _, each, by_h, *sums = tf.while_loop(
        lambda i, *_: i < steps, body, start, parallel_iterations=1
    )
    each = tf.reshape(each.stack(), (-1,))[:rows]
    if share is None:
        return each, []
    return each, [tf.reshape(by_h.stack(), (-1, h.shape[1]))[:rows], *sums]


def _padded(x: Array, steps: Array, chunk: int) -> Array:
    """Return the rows in chunks, the last of them filled up with zeros."""
    missing = steps * chunk - tf.shape(x)[0]
    filled = tf.pad(x, [[0, missing], *[[0, 0]] * (len(x.shape) - 1)])
    return tf.reshape(filled, (-1, chunk, *x.shape[1:]))


def _parts(like: Array, steps: Array, *shape: int) -> Array:
    return tf.TensorArray(like.dtype, size=steps, element_shape=shape)
