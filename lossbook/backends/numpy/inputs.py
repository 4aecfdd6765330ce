"""What users pass to a loss on NumPy: made an array, traced ones as they are."""

from __future__ import annotations

from typing import Any

import numpy as np

from lossbook.backends.inputs import first_of, is_list, plain, unequal_parts
from lossbook.backends.numpy.tape import Traced

Array = Any

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


def asarray(x: Any, name: str, like: Array = None) -> Array:
    """Return `x` as an array of real numbers, traced ones as they are."""
    if isinstance(x, Traced):
        return x
    if not is_list(x) or first_of(x, Traced) is None:
        return plain(x, name)
    parts = [asarray(element, name) for element in x]
    try:
        return np.stack(parts)
    except ValueError:
        raise unequal_parts(name, parts, f"numpy.concatenate({name})") from None


def are_ready(a: Any, b: Any) -> bool:
    """Say whether both are arrays of one shape and float dtype, not empty."""
    if not type(a) is type(b) is np.ndarray or a.dtype != b.dtype:
        return False
    return a.dtype in FLOATS and a.shape == b.shape and a.size > 0
