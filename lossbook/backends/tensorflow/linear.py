"""The chunked linear cross-entropy on TensorFlow: one loop, eagerly and in graphs."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from lossbook.backends.tensorflow.ops import cast, tanh, to_float
from lossbook.backends.terms import Terms

Array = Any


def operands(h: Array, w: Array) -> tuple[Array, Array]:
    """Return hidden states and weight in the precision of the weight."""
    w = to_float(w)
    return cast(to_float(h), w), w


def total(
    h: Array,
    w: Array,
    b: Array | None,
    labels: Array,
    row_weight: Array,
    terms: Terms,
    chunk: int,
) -> Array:
    """Return the sum of row_weight times loss over the rows."""

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def apply(*inputs: Array) -> Any:
        each, grads = _run(inputs, labels, row_weight, terms, chunk)
        silent = tf.math.is_inf(each) & (row_weight == 0)
        value = tf.reduce_sum(tf.where(silent, tf.zeros_like(each), each) * row_weight)

        def pull(g: Array) -> Any:
            scaled = [g * x for x in grads]
            return _grads(scaled, row_weight * g, inputs, labels, terms)

        return value, pull

    return apply(*_given(h, w, b))


def losses(
    h: Array, w: Array, b: Array | None, labels: Array, terms: Terms, chunk: int
) -> Array:
    """Return the loss of each row."""

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def apply(*inputs: Array) -> Any:
        each, _ = _run(inputs, labels, None, terms, chunk)

        def pull(g: Array) -> Any:
            # Each loss has a factor of its own, known only on the way back: start anew.
            _, grads = _run(inputs, labels, g, terms, chunk)
            return _grads(grads, g, inputs, labels, terms)

        return each, pull

    return apply(*_given(h, w, b))


def _grads(
    values: list[Array], row_weight: Array, inputs: Any, labels: Array, terms: Terms
) -> Any:
    """Return the gradients; their derivative is that of the formula of all logits."""

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def apply(row_weight: Array, *inputs: Array) -> Any:
        def pull(*upstream: Array) -> Any:
            with tf.GradientTape() as tape:
                tape.watch([row_weight, *inputs])
                plain = _plain_grads(row_weight, labels, terms, *inputs)
            return tape.gradient(
                plain, [row_weight, *inputs], output_gradients=upstream
            )

        return values, pull

    return apply(row_weight, *inputs)


def _plain_grads(
    row_weight: Array,
    labels: Array,
    terms: Terms,
    h: Array,
    w: Array,
    b: Array | None = None,
) -> list[Array]:
    z = tf.matmul(h, w, transpose_b=True)
    z, bend = _bent(z if b is None else z + b, terms.softcap)
    label = tf.one_hot(labels, tf.shape(w)[0], dtype=z.dtype)
    factor = _factor(terms, tf.reduce_logsumexp(z, axis=1))
    off = tf.nn.softmax(z) * factor[:, None]
    off -= label if terms.own is None else label * terms.own[:, None]
    off = (off if terms.spread is None else off - terms.spread) * row_weight[:, None]
    off = off if bend is None else off * bend
    grads = [tf.matmul(off, w), tf.matmul(off, h, transpose_a=True)]
    return grads if b is None else [*grads, tf.reduce_sum(off, axis=0)]


def _factor(terms: Terms, level: Array) -> Array:
    """Return what the softmax counts in the gradient of each row."""
    factor = tf.ones_like(level) if terms.own is None else terms.own
    if terms.spread is not None:
        factor += tf.reduce_sum(terms.spread)
    return factor + 2 * terms.z_loss * level if terms.z_loss else factor


def _bent(z: Array, softcap: float | None) -> tuple[Array, Array | None]:
    """Return the logits bent towards the cap, and the derivative of that."""
    if softcap is None:
        return z, None
    bent = tanh(z / softcap)
    return softcap * bent, (1 - bent) * (1 + bent)


def _given(*inputs: Array | None) -> list[Array]:
    # Copies, or in a branch of tf.cond the derivative loses track of them (graphs.py).
    return [tf.identity(x) for x in inputs if x is not None]


def _run(
    inputs: Any, labels: Array, row_weight: Array | None, terms: Terms, chunk: int
) -> tuple[Array, list[Array]]:
    """Return the losses, and the gradients of the sum of row_weight times loss."""
    # Constants: a tape must not keep the chunks.
    h, w, *b = [tf.stop_gradient(x) for x in inputs]
    chunk = min(chunk, h.shape[0] or chunk)  # a chunk is filled up to its length
    rows = tf.shape(h)[0]
    steps = (rows + chunk - 1) // chunk
    x, at = _padded(h, steps, chunk), _padded(labels, steps, chunk)
    factor = None if row_weight is None else _padded(row_weight, steps, chunk)
    own = None if terms.own is None else _padded(terms.own, steps, chunk)

    def body(i: Array, each: Array, by_h: Array, *sums: Array) -> Any:
        logits = tf.matmul(x[i], w, transpose_b=True)
        logits = logits + b[0] if b else logits
        mine = terms if own is None else terms._replace(own=own[i])
        weight = None if factor is None else factor[i]
        losses, grad = _chunk(logits, at[i], weight, mine)
        each = each.write(i, losses)
        if grad is None:
            return i + 1, each, by_h, *sums
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


def _chunk(
    logits: Array, labels: Array, row_weight: Array | None, terms: Terms
) -> tuple[Array, Array | None]:
    """Return the losses of some rows, and their gradient by the logits."""
    logits, bend = _bent(logits, terms.softcap)
    top = tf.reduce_max(logits, axis=1, keepdims=True)
    logits -= top
    each = -tf.gather(logits, labels, batch_dims=1)
    exps = tf.exp(logits)
    size = tf.reduce_sum(exps, axis=1)
    log_size = tf.math.log(size)
    level = top[:, 0] + log_size
    each = log_size + each if terms.own is None else terms.own * (log_size + each)
    if terms.spread is not None:
        known = tf.where(terms.spread == 0, tf.zeros_like(logits), logits)
        spread = tf.linalg.matvec(known, terms.spread)
        each += log_size * tf.reduce_sum(terms.spread) - spread
    each = each + terms.z_loss * level * level if terms.z_loss else each
    if row_weight is None:
        return each, None
    grad = exps * (row_weight * _factor(terms, level) / size)[:, None]
    del logits, exps  # else an eager loop holds them beside the gradient
    places = tf.stack([tf.range(labels.shape[0], dtype=labels.dtype), labels], axis=1)
    mine = row_weight if terms.own is None else row_weight * terms.own
    grad = tf.tensor_scatter_nd_sub(grad, places, mine)
    if terms.spread is not None:
        grad -= row_weight[:, None] * terms.spread
    return each, grad if bend is None else grad * bend


def _padded(x: Array, steps: Array, chunk: int) -> Array:
    """Return the rows in chunks, the last of them filled up with zeros."""
    missing = steps * chunk - tf.shape(x)[0]
    filled = tf.pad(x, [[0, missing], *[[0, 0]] * (len(x.shape) - 1)])
    return tf.reshape(filled, (-1, chunk, *x.shape[1:]))


def _parts(like: Array, steps: Array, *shape: int) -> Array:
    return tf.TensorArray(like.dtype, size=steps, element_shape=shape)
