"""The three backends, as the tests use them."""

import numpy as np

BACKENDS = ("numpy", "torch", "tensorflow")


def array(backend, values, dtype=None):
    """Make an array of a backend from NumPy values."""
    values = np.array(values, dtype)  # a copy, since torch takes no negative strides
    if backend == "torch":
        import torch

        return torch.tensor(values)
    if backend == "tensorflow":
        import tensorflow as tf

        return tf.constant(values)
    return values


def numpy_of(x):
    """Return a NumPy array of the values of any backend's."""
    if hasattr(x, "detach"):
        x = x.detach().cpu()
        x = x.float() if str(x.dtype) == "torch.bfloat16" else x
    return np.asarray(x)
