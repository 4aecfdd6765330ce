"""What users pass to a loss on NumPy: made an array, traced ones as they are."""

from __future__ import annotations

from typing import Any

import numpy as np

from lossbook.backends.inputs import first_of, is_list, plain, unequal_parts
from lossbook.backends.numpy.tape import Traced

Array = Any


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
