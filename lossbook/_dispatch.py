"""Finds the framework that arrays belong to.

A framework is looked at only if its module has been imported already: arrays of a
framework that nobody imported cannot exist, so `import lossbook` stays quick and works
where neither PyTorch nor TensorFlow is installed. The answer is kept by array type.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from lossbook.backends import numpy as _numpy
from lossbook.backends._inputs import is_list, only_numbers

Array = Any  # numpy.ndarray, torch.Tensor or tf.Tensor: one loss serves all three


# Statements, not importlib: torch.compile can trace the one and not the other.
def _torch() -> Any:
    from lossbook.backends import torch

    return torch


def _tensorflow() -> Any:
    from lossbook.backends import tensorflow

    return tensorflow


# The registry. A new framework is one file in backends/ and one line here.
_FRAMEWORKS = {"torch": _torch, "tensorflow": _tensorflow}

# The usual types stand here from the beginning: when this grows, torch.compile has to
# compile again what has looked into it.
_USUAL = (np.ndarray, np.float64, np.float32, np.int64, float, int, bool, list, tuple)
_backend_of_type: dict[type, Any] = dict.fromkeys((*_USUAL, type(None)), _numpy)


def backend_of(*arrays: Array) -> Any:
    """Return the backend module for these arrays.

    NumPy arrays and numbers go along with any framework, and so do lists, unless they
    hold tensors; two frameworks at once are an error.

    Raises
    ------
    TypeError
        If PyTorch and TensorFlow tensors come together.
    """
    chosen: Any = _numpy
    for array in arrays:
        if is_list(array):
            backend = _numpy if only_numbers(array) else backend_of(*array)
        else:
            backend = _backend_of_type.get(type(array)) or _look_up(type(array))
        if backend is not _numpy and backend is not chosen:
            if chosen is not _numpy:
                raise TypeError(
                    "PyTorch and TensorFlow tensors cannot be mixed in one loss. Pass "
                    "the one that needs no gradient as a NumPy array: x.numpy() in "
                    "TensorFlow, x.detach().cpu().numpy() in PyTorch."
                )
            chosen = backend
    return chosen


def _look_up(kind: type) -> Any:
    found: Any = _numpy
    for framework, load in _FRAMEWORKS.items():
        # A module that is still being imported has no Tensor class yet.
        if hasattr(sys.modules.get(framework), "Tensor") and load().owns(kind):
            found = load()
    _backend_of_type[kind] = found
    return found
