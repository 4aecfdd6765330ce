"""The backends, as the tests use them. JAX is left out where it is not installed."""

import os
import shutil

import numpy as np
import pytest

BACKENDS = ("numpy", "torch", "tensorflow", "jax")
needs_inductor = pytest.mark.skipif(
    not any(map(shutil.which, (os.environ.get("CXX", "g++"), "clang++"))),
    reason="torch.compile's own backend needs a C++ compiler: apt install g++",
)


def array(backend, values, dtype=None):
    """Make an array of a backend from NumPy values."""
    values = np.array(values, dtype)  # a copy, since torch takes no negative strides
    if backend == "torch":
        import torch

        return torch.tensor(values)
    if backend == "tensorflow":
        import tensorflow as tf

        return tf.constant(values)
    if backend == "jax":
        return jax().numpy.array(values)
    return values


def jax():
    """Return JAX, told to have float64; skip the test where it is not installed."""
    module = pytest.importorskip("jax", reason='pip install "lossbook[jax]"')
    module.config.update("jax_enable_x64", True)
    return module


def numpy_of(x):
    """Return a NumPy array of the values of any backend's."""
    if hasattr(x, "detach"):
        x = x.detach().cpu()
        x = x.float() if str(x.dtype) == "torch.bfloat16" else x
    if type(x).__module__.startswith("jax"):
        x = jax().lax.stop_gradient(x)
    return np.asarray(x)
