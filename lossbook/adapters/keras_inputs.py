"""What the Keras classes make of targets, labels and weights before the function.

Keras's users bring columns where lossbook's functions want none, labels that have
become floats, and 0/1 labels for a hinge. What repeats no element is taken here; the
rest reaches the function, which refuses it.
"""

from __future__ import annotations

from typing import Any

import keras

from lossbook.backends import backend_of

_FRACTIONS = (
    "y_true must hold integer labels, got fractions or NaN. Use CrossEntropy for soft "
    "targets."
)


def array(value: Any, name: str, dtype: str | None = None) -> Any:
    """Return a tensor whose number of axes is known."""
    x = keras.ops.convert_to_tensor(value, dtype=dtype)
    try:
        len(x.shape)
    except ValueError:  # a graph that TensorFlow has made for several shapes
        raise ValueError(
            f"{name} has a number of axes that TensorFlow does not know. If the model "
            "has met several, call model.compile(...) again before another shape "
            "comes; if the data set does not say, use tf.ensure_shape in it."
        ) from None
    return x


def column(y_true: Any, y_pred: Any) -> Any:
    """Return targets (n,) as a column where the outputs are one, (n, 1)."""
    if len(y_true.shape) + 1 == len(y_pred.shape) and y_pred.shape[-1] == 1:
        return keras.ops.expand_dims(y_true, -1)
    return y_true


def labels(y_true: Any, y_pred: Any, axis: int) -> tuple[Any, Any]:
    """Return integer labels without a class axis, and the scores.

    Where values cannot be looked at, the scores of a label that is not whole are NaN.
    """
    found, broken = _whole(array(y_true, "y_true"))
    want = _without(tuple(y_pred.shape), axis)
    for place in (axis, -1):
        if _is_needless(place, tuple(found.shape), want):
            found = keras.ops.squeeze(found, place)
            broken = None if broken is None else keras.ops.squeeze(broken, place)
            break
    if broken is not None and _fit(tuple(found.shape), want):
        y_pred = _spoilt(y_pred, broken, axis)
    return found, y_pred


def _spoilt(y_pred: Any, broken: Any, axis: int) -> Any:
    """Return the scores with NaN where a label is broken; the gradient is NaN too."""
    factor = keras.ops.cast(keras.ops.where(broken, float("nan"), 1.0), y_pred.dtype)
    # The product would repeat scores where the batch is too short.
    one = keras.ops.take(y_pred, 0, axis=axis)
    name = "y_pred without its class axis"
    factor = backend_of(y_pred).fitting(factor, one, "y_true", name)
    return y_pred * keras.ops.expand_dims(factor, axis)


def _whole(y_true: Any) -> tuple[Any, Any]:
    """Return labels as integers, and which were none where it cannot be seen yet."""
    # JAX has no more than 32 bits, unless it is told to, and warns where one asks.
    widest = "int32" if keras.backend.backend() == "jax" else "int64"
    found = keras.ops.cast(y_true, widest)
    if not keras.backend.is_float_dtype(keras.backend.standardize_dtype(y_true.dtype)):
        return found, None
    xp = backend_of(y_true)
    lost = xp.range_of(xp.abs(xp.cast(found, y_true) - y_true))
    if lost is not None:
        if lost[0] != 0 or lost[1] != 0:
            raise ValueError(_FRACTIONS)
        return found, None
    whole = keras.ops.cast(found, y_true.dtype) == y_true
    if keras.backend.backend() == "tensorflow":
        _assert_in_graph(whole)
    return keras.ops.where(whole, found, 0), ~whole


def _assert_in_graph(whole: Any) -> None:
    """Let a graph say what is wrong; XLA leaves this out, and a GPU need not wait."""
    import tensorflow as tf

    if not tf.executing_eagerly():
        tf.debugging.Assert(tf.reduce_all(whole), [_FRACTIONS])


def _is_needless(place: int, got: tuple[Any, ...], want: tuple[Any, ...]) -> bool:
    """Say whether labels have one axis of length 1 more than is wanted."""
    one_more = len(got) == len(want) + 1 and -len(got) <= place < len(got)
    return one_more and got[place] == 1 and _fit(_without(got, place), want)


def _fit(got: tuple[Any, ...], want: tuple[Any, ...]) -> bool:
    """Say whether shapes are equal, as far as they are known."""
    return len(got) == len(want) and all(
        None in (a, b) or a == b for a, b in zip(got, want, strict=True)
    )


def _without(shape: tuple[Any, ...], axis: int) -> tuple[Any, ...]:
    axis %= len(shape) or 1
    return (*shape[:axis], *shape[axis + 1 :])


def signs(y_true: Any, weight: Any) -> Any:
    """Return labels -1 and +1 where a batch holds 0 and 1, as Keras's hinges do.

    It is decided from what weighs something, and inside the graph; a batch that holds
    -1 and 0 is left for the function to refuse.
    """
    zeros = y_true == 0
    bits = zeros | (y_true == 1)
    if weight is None or len(weight.shape) > len(y_true.shape):
        turn = keras.ops.all(bits)
    else:
        silent = _expanded(weight, len(y_true.shape)) == 0
        turn = keras.ops.all(bits | silent) | keras.ops.all(~zeros | silent)
    return keras.ops.where(turn & zeros, -1, y_true)


def mask_of(y_pred: Any) -> Any:
    """Return the mask that a layer of Keras has left on its output, or None.

    What JAX traces takes no attributes: there Keras keeps the mask beside it.
    """
    from keras.src import backend

    kept = getattr(backend, "get_keras_mask", None)  # older ones know attributes alone
    return kept(y_pred) if kept else getattr(y_pred, "_keras_mask", None)


def weight(value: Any, dtype: str) -> Any:
    """Return weights or a mask as a tensor without axes of length 1 at the end."""
    if value is None:
        return None
    weight = keras.ops.cast(array(value, "sample_weight"), dtype)
    while len(weight.shape) > 1 and weight.shape[-1] == 1:
        weight = keras.ops.squeeze(weight, -1)
    return weight


def product(a: Any, b: Any) -> Any:
    """Return the product of weights of one a sample, one an element, or None."""
    if a is None or b is None:
        return b if a is None else a
    shared = zip(tuple(a.shape), tuple(b.shape), strict=False)
    if any(None not in (m, n) and m != n for m, n in shared):
        raise ValueError(
            f"sample_weight and mask must have the same leading axes, got shapes "
            f"{tuple(a.shape)} and {tuple(b.shape)}."
        )
    rank = max(len(a.shape), len(b.shape))
    return _expanded(a, rank) * _expanded(b, rank)


def _expanded(x: Any, rank: int) -> Any:
    """Return an array with axes of length 1 at the end, up to `rank` of them in all."""
    missing = tuple(range(len(x.shape), rank))
    return keras.ops.expand_dims(x, missing) if missing else x


def share_of_replica(mean: Any) -> Any:
    """Divide a mean by the number of replicas, whose losses TensorFlow adds up."""
    if keras.backend.backend() != "tensorflow":
        return mean
    import tensorflow as tf

    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    return mean / replicas if replicas > 1 else mean
