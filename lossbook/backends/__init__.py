"""The frameworks, one package each, and which of them arrays belong to.

`protocol.py` says what a framework must have; a new one is a package with the same
files, and a line of `_FRAMEWORKS` with the statement that loads it.

A framework is looked at only if its module has been imported already: arrays of a
framework that nobody imported cannot exist, so `import lossbook` stays quick and works
where none of them is installed. The answer is kept by array type.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lossbook.backends.inputs import is_list, only_numbers

if TYPE_CHECKING:
    from lossbook.backends.protocol import Array, Backend, Of1, Of2, Of3, Of4
else:  # named in annotations only; to make these classes takes as long as two losses
    Array = Backend = Of1 = Of2 = Of3 = Of4 = Any

__all__ = ["Array", "Backend", "Of1", "Of2", "Of3", "Of4", "backend_of"]


# Statements, not importlib: torch.compile can trace the one and not the other.
def _numpy() -> Backend:
    from lossbook.backends import numpy

    return numpy


def _torch() -> Backend:
    from lossbook.backends import torch

    return torch


def _tensorflow() -> Backend:
    from lossbook.backends import tensorflow

    return tensorflow


def _jax() -> Backend:
    from lossbook.backends import jax

    return jax


# The module of the framework, its type of array, and what loads the package here.
_FRAMEWORKS: list[tuple[str, str, Callable[[], Backend]]] = [
    ("torch", "Tensor", _torch),
    ("tensorflow", "Tensor", _tensorflow),
    ("jax", "Array", _jax),
]

# The usual types stand here from the beginning: when this grows, torch.compile has to
# compile again what has looked into it. None is NumPy, loaded when it is first needed.
_USUAL = (np.ndarray, np.float64, np.float32, np.int64, float, int, bool, list, tuple)
_backend_of_type: dict[type, Backend | None] = dict.fromkeys((*_USUAL, type(None)))


def backend_of(*arrays: Array) -> Backend:
    """Return the backend module for these arrays.

    NumPy arrays and numbers go along with any framework, and so do lists, unless they
    hold tensors; two frameworks at once are an error.

    Raises
    ------
    TypeError
        If arrays of two frameworks come together.
    """
    chosen = _framework_of(arrays)
    return _numpy() if chosen is None else chosen


def _framework_of(arrays: Sequence[Array]) -> Backend | None:
    """Return the backend of the framework besides NumPy, None where there is none."""
    chosen = None
    for array in arrays:
        kind = type(array)
        known = kind in _backend_of_type
        backend = _backend_of_type[kind] if known else _look_up(kind)
        if backend is None and is_list(array) and not only_numbers(array):
            backend = _framework_of(array)
        if backend is not None and backend is not chosen:
            if chosen is not None:
                raise TypeError(
                    "PyTorch and TensorFlow tensors and JAX arrays cannot be mixed in "
                    "one loss. Pass the one that needs no gradient as a NumPy array: "
                    "x.detach().cpu().numpy() in PyTorch, x.numpy() in TensorFlow, "
                    "numpy.asarray(x) in JAX."
                )
            chosen = backend
    return chosen


def _look_up(kind: type) -> Backend | None:
    """Return the backend of a type that has not been met, and keep the answer."""
    found = None
    for framework, array, load in _FRAMEWORKS:
        # A module that is still being imported has no class of arrays yet.
        if hasattr(sys.modules.get(framework), array) and load().owns(kind):
            found = load()
            break
    _backend_of_type[kind] = found
    return found
