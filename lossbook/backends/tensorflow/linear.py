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
    h: Array, w: Array, b: Array | None, labels: Array, row_weight: Array, chunk: int
) -> Array:
    """Return the sum of row_weight times loss over the rows."""

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def apply(*inputs: Array) -> Any:
        each, grads = _run(inputs, labels, row_weight, chunk)
        silent = tf.math.is_inf(each) & (row_weight == 0)
        value = tf.reduce_sum(tf.where(silent, tf.zeros_like(each), each) * row_weight)

        def pull(g: Array) -> Any:
            return _grads([g * x for x in grads], row_weight * g, inputs, labels)

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


def _grads(values: list[Array], row_weight: Array, inputs: Any, labels: Array) -> Any:
    """Return the gradients; their derivative is that of the formula of all logits."""

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def apply(row_weight: Array, *inputs: Array) -> Any:
        def pull(*upstream: Array) -> Any:
            with tf.GradientTape() as tape:
                tape.watch([row_weight, *inputs])
                plain = _plain_grads(row_weight, labels, *inputs)
            return tape.gradient(
                plain, [row_weight, *inputs], output_gradients=upstream
            )

        return values, pull

    return apply(row_weight, *inputs)


def _plain_grads(
    row_weight: Array, labels: Array, h: Array, w: Array, b: Array | None = None
) -> list[Array]:
    z = tf.matmul(h, w, transpose_b=True)
    p = tf.nn.softmax(z if b is None else z + b)
    off = (p - tf.one_hot(labels, tf.shape(w)[0], dtype=p.dtype)) * row_weight[:, None]
    grads = [tf.matmul(off, w), tf.matmul(off, h, transpose_a=True)]
    return grads if b is None else [*grads, tf.reduce_sum(off, axis=0)]


def _given(*inputs: Array | None) -> list[Array]:
    return [x for x in inputs if x is not None]


def _run(
    inputs: Any, labels: Array, row_weight: Array | None, chunk: int
) -> tuple[Array, list[Array]]:
    """Return the losses, and the gradients of the sum of row_weight times loss."""
    # Constants: a tape must not keep the chunks.
    h, w, *b = [tf.stop_gradient(x) for x in inputs]
    rows = tf.shape(h)[0]
    steps = (rows + chunk - 1) // chunk
    x, at = _padded(h, steps, chunk), _padded(labels, steps, chunk)
    factor = None if row_weight is None else _padded(row_weight, steps, chunk)

    def body(i: Array, each: Array, by_h: Array, *sums: Array) -> Any:
        logits = tf.matmul(x[i], w, transpose_b=True)
        logits = logits + b[0] if b else logits
        logits -= tf.reduce_max(logits, axis=1, keepdims=True)
        of_label = tf.gather(logits, at[i], batch_dims=1)
        exps = tf.exp(logits)
        size = tf.reduce_sum(exps, axis=1)
        each = each.write(i, tf.math.log(size) - of_label)
        if factor is None:
            return i + 1, each, by_h, *sums
        grad = exps * (factor[i] / size)[:, None]
        del logits, exps  # else an eager loop holds them beside the gradient
        places = tf.stack([tf.range(chunk, dtype=at.dtype), at[i]], axis=1)
        grad = tf.tensor_scatter_nd_sub(grad, places, factor[i])
        by_h = by_h.write(i, tf.matmul(grad, w))
        by_w = sums[0] + tf.matmul(grad, x[i], transpose_a=True)
        by_b = [sums[1] + tf.reduce_sum(grad, axis=0)] if b else []
        return i + 1, each, by_h, by_w, *by_b

    sums = [] if row_weight is None else [tf.zeros_like(y) for y in (w, *b)]
    start = (0, _parts(w, steps, chunk), _parts(w, steps, chunk, h.shape[1]), *sums)
    _, each, by_h, *sums = tf.while_loop(
        lambda i, *_: i < steps, body, start, parallel_iterations=1
    )
    each = tf.reshape(each.stack(), (-1,))[:rows]
    if row_weight is None:
        return each, []
    return each, [tf.reshape(by_h.stack(), (-1, h.shape[1]))[:rows], *sums]


def _padded(x: Array, steps: Array, chunk: int) -> Array:
    """Return the rows in chunks, the last of them filled up with zeros."""
    missing = steps * chunk - tf.shape(x)[0]
    filled = tf.pad(x, [[0, missing], *[[0, 0]] * (len(x.shape) - 1)])
    return tf.reshape(filled, (-1, chunk, *x.shape[1:]))


def _parts(like: Array, steps: Array, *shape: int) -> Array:
    return tf.TensorArray(like.dtype, size=steps, element_shape=shape)
