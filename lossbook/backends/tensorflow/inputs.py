"""What users pass to a loss on TensorFlow: made a tensor, with its gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from lossbook.backends import inputs as shared

Array = Any

TENSORS = (tf.Tensor, tf.Variable)
COMPOSED = (tf.IndexedSlices, tf.SparseTensor, tf.RaggedTensor)


def asarray(x: Any, name: str, like: Array = None) -> Array:
    """Return `x` as a tensor of real numbers."""
    if not isinstance(x, TENSORS):
        return _from_outside(x, name, like)
    if not (x.dtype.is_floating or x.dtype.is_integer or x.dtype.is_bool):
        raise TypeError(
            f"{name} must hold real numbers, got dtype {x.dtype.name}. Pass "
            + _as_numbers(name, x)
        )
    return tf.convert_to_tensor(x) if isinstance(x, tf.Variable) else x


def are_ready(a: Any, b: Any) -> bool:
    """Say no: a call of TensorFlow takes a hundred times what this would spare."""
    return False


def _as_numbers(name: str, x: Any) -> str:
    if x.dtype.is_quantized:
        return f"tf.quantization.dequantize({name}, low, high), with the range it has."
    code = "tf.math.real" if x.dtype.is_complex else "tf.strings.to_number"
    return f"{code}({name})."


def _from_outside(x: Any, name: str, like: Array) -> Array:
    if isinstance(x, COMPOSED):
        return _dense(x, name)
    lead = shared.first_of(x, (*TENSORS, *COMPOSED))
    if lead is not None:
        return _stacked(x, name, lead)
    array = shared.common(shared.plain(x, name))
    if shared.has_dtype(x) or array.dtype != np.float64:
        return tf.convert_to_tensor(array)
    # Python numbers have no dtype of their own: they take the tensor's, or float32.
    known = isinstance(like, TENSORS) and like.dtype.is_floating
    return tf.convert_to_tensor(array, like.dtype if known else tf.float32)


def _dense(x: Any, name: str) -> Array:
    """Return the gradient of a gather as a tensor; refuse what has holes."""
    if isinstance(x, tf.IndexedSlices):
        return tf.convert_to_tensor(x)
    if isinstance(x, tf.SparseTensor):
        raise TypeError(
            f"{name} must be a dense tensor, got a SparseTensor. Pass "
            f"tf.sparse.to_dense(tf.sparse.reorder({name}))."
        )
    raise TypeError(
        f"{name} must be a dense tensor, got a RaggedTensor. Pass {name}.flat_values, "
        f"all rows in one, and the other arguments alike; or {name}.to_tensor(), with "
        f"sample_weight=tf.ones_like({name}).to_tensor() to leave out what is filled "
        "in."
    )


def _stacked(x: Any, name: str, lead: Array) -> Array:
    """Return the tensor of a list of tensors and numbers, with their gradients."""
    parts = [asarray(part, name, lead) for part in x]
    # A floating dtype before an integer one, and then the wider one.
    dtype = max((p.dtype for p in parts), key=lambda d: (d.is_floating, d.size))
    try:
        return tf.stack([tf.cast(part, dtype) for part in parts])
    except (ValueError, tf.errors.InvalidArgumentError):
        raise shared.unequal_parts(name, parts, f"tf.concat({name}, 0)") from None
