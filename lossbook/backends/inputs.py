"""What users pass as numbers: made a NumPy array, or refused with what to do instead.

Each message names the argument, says what came and what is wanted, and ends with a
remedy that works as it stands; `tests/contracts/test_messages.py` follows all of them.
"""

from __future__ import annotations

from collections.abc import (
    Callable,
    Iterator,
    KeysView,
    Mapping,
    Sequence,
    Set,
    ValuesView,
)
from numbers import Number
from typing import Any

import numpy as np

Array = Any

# The types of most elements of most lists: a list of them alone needs no second look.
_NUMBERS = frozenset(
    (bool, int, float, np.float64, np.float32, np.int64, np.int32, np.bool_)
)


def reshaped(name: str, x: Any, shape: str) -> str:
    """Return the code that reshapes what a user has passed under this name."""
    if _is_of_tensorflow(x):
        return f"tf.reshape({name}, {shape})"
    return f"{_as_array(name, x)}.reshape({shape})"


def with_one_axis_more(name: str, x: Any) -> str:
    """Return the code that adds an axis of length 1 at the end."""
    return f"{name if _is_of_tensorflow(x) else _as_array(name, x)}[..., None]"


def shape_of(name: str, x: Any) -> str:
    """Return the code for the shape of what a user has passed under this name."""
    return f"{name}.shape" if hasattr(x, "shape") else f"numpy.shape({name})"


def _as_array(name: str, x: Any) -> str:
    """Return the code for an array: a list, a DataFrame or a numpy.matrix is none."""
    is_array = hasattr(x, "reshape") and not isinstance(x, np.matrix)
    return name if is_array else f"numpy.asarray({name})"


def _is_of_tensorflow(x: Any) -> bool:
    return _of_package("tensorflow")(x)


def is_list(x: Any) -> bool:
    """Say whether `x` is a list that stands for an array."""
    return isinstance(x, list | tuple)


def only_numbers(x: Any) -> bool:
    """Say whether a list holds the usual numbers and nothing else."""
    return set(map(type, x)) <= _NUMBERS


def first_of(x: Any, kinds: Any) -> Any:
    """Return the first array of these types in a nested list, or None."""
    if isinstance(x, kinds):
        return x
    if is_list(x) and not only_numbers(x):
        for element in x:
            found = first_of(element, kinds)
            if found is not None:
                return found
    return None


def has_dtype(x: Any) -> bool:
    """Say whether `x` has a dtype of its own, which Python's numbers and lists lack."""
    return isinstance(x, np.generic) or not isinstance(x, list | tuple | Number)


def plain(x: Any, name: str) -> Array:
    """Return `x` as an array of real numbers in the byte order of the machine."""
    _check(x, name)
    try:
        array = np.asarray(x)
    except (ValueError, TypeError, RuntimeError) as error:
        raise _no_array(x, name, error) from None
    if array.dtype.kind not in "biuf" and array.dtype.name != "bfloat16":
        raise TypeError(
            f"{name} must hold real numbers, got {_no_numbers(array, name)}"
        )
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder())


def common(array: Array) -> Array:
    """Return the array in a dtype that every framework has."""
    if array.dtype.type.__module__ != "numpy":  # bfloat16 and float8 of ml_dtypes
        return array.astype(np.float32)
    return array.astype(np.float64) if array.dtype == np.longdouble else array


def check_scalar(shape: Sequence[int]) -> None:
    """Refuse to differentiate what is more than one number."""
    if tuple(shape) != ():
        raise ValueError(
            f"value_and_grad needs a scalar loss, got shape {tuple(shape)}. Use "
            'reduction="mean" or "sum".'
        )


def unequal_parts(name: str, parts: list[Any], join: str) -> ValueError:
    """Return the error for a list of arrays that cannot be stacked."""
    shapes = " and ".join(sorted({str(tuple(part.shape)) for part in parts}))
    return ValueError(
        f"{name} is a list of arrays that must have one shape, got {shapes}. Join them "
        f"with {join}, and those of the other arguments alike."
    )


def _no_array(x: Any, name: str, error: Exception) -> TypeError:
    if not is_list(x):
        return TypeError(
            f"{name} is a {type(x).__name__} that NumPy cannot make an array of "
            f"({error}). Pass the numbers that it holds, as an array or list."
        )
    return TypeError(
        f"{name} is a list whose parts have different lengths, and must be an array. "
        f"Join them with numpy.concatenate({name}), and those of the other arguments "
        "alike."
    )


def _check(x: Any, name: str) -> None:
    """Refuse what NumPy would take without its meaning, or not at all."""
    if is_list(x):
        for i, element in enumerate(() if only_numbers(x) else x):
            if not isinstance(element, Number | str | bytes):
                _check(element, f"{name}[{i}]")
        return
    if type(x) is np.ndarray or isinstance(x, Number):
        return
    refuse_masked(x, name)
    for is_it, text in _REFUSED:
        if is_it(x):
            kind = f"{type(x).__module__}.{type(x).__qualname__}"
            kind = kind.removeprefix("builtins.")
            advice = text.format(name=name, kind=kind, short=repr(x)[:40])
            raise TypeError(f"{name} {advice}")


def refuse_masked(x: Any, name: str) -> None:
    """Refuse NumPy's masked arrays, which make themselves arrays without their mask."""
    if not isinstance(x, np.ma.MaskedArray):
        return
    remedy = f"{name}.filled(0): then what is masked weighs nothing."
    if not name.startswith("sample_weight"):
        remedy = (
            f"{name}.filled(0), and sample_weight=~numpy.ma.getmaskarray({name}) to "
            "leave out what is masked."
        )
    raise TypeError(
        f"{name} is a masked array, whose mask would be lost. Pass {remedy}"
    )


def no_reals(dtype: Any, name: str) -> str:
    """Return what is wrong with complex numbers, and what to do about it."""
    return f"dtype {dtype}. Pass numpy.real({name}) or numpy.abs({name})."


def _no_numbers(array: Array, name: str) -> str:
    """Return what is wrong with a dtype, and what to do about it."""
    dtype = f"dtype {array.dtype}."
    if array.dtype.kind == "c":
        return no_reals(array.dtype, name)
    if array.dtype.kind in "US" or all(isinstance(x, str) for x in array.flat):
        if _are_numbers(array):
            return f"{dtype} Pass numpy.asarray({name}, dtype=float)."
        return (
            f"{dtype} If these are names of classes, number them with "
            f"numpy.unique({name}, return_inverse=True)[1]."
        )
    if array.dtype.names:
        return f"{dtype} Pass one of its fields: {name}[{array.dtype.names[0]!r}]."
    if array.dtype.kind == "O":
        return dtype + _among_objects(array, name)
    return f"{dtype} Convert it with numpy.asarray({name}).astype(float)."


def _are_numbers(texts: Array) -> bool:
    try:
        texts.astype(float)
    except ValueError:
        return False
    return True


def _among_objects(array: Array, name: str) -> str:
    others = [(i, x) for i, x in np.ndenumerate(array) if not isinstance(x, Number)]
    if not others:
        return (
            f" All of it are numbers: pass numpy.asarray({name}, dtype=float), or "
            "dtype=int for labels."
        )
    place, other = others[0]
    if not place:
        return f" Pass the numbers that the {type(other).__name__} holds."
    where = f"{name}[{', '.join(map(str, place))}]"
    if isinstance(other, np.ndarray | list):
        return f" Its parts are arrays: join them with numpy.concatenate({name})."
    return (
        f" {where} is {repr(other)[:40]}, which is no number: leave it out, or put a "
        "number there and give it the sample_weight 0."
    )


def _of_package(*packages: str) -> Callable[[Any], bool]:
    return lambda x: type(x).__module__.partition(".")[0] in packages


def _is_sparse(x: Any) -> bool:
    return _of_package("scipy", "sparse")(x) and hasattr(x, "nnz")


def _is_function(x: Any) -> bool:
    return callable(x) and not hasattr(x, "__array__")


_UNKNOWN = "is a {kind}, which lossbook does not know. "

# What is refused: how it is told, and what the message says after the name.
_REFUSED: list[tuple[Callable[[Any], bool], str]] = [
    (
        lambda x: x is None,
        "is None, and must be an array, a list or a number. Look at what made it: a "
        "function without a return gives None.",
    ),
    (
        lambda x: isinstance(x, str | bytes),
        "is the text {short}, and must be an array, a list or a number. Pass "
        "float({name}) if it is a number in quotes.",
    ),
    (_is_function, "is a function or class, {short}. Pass what it returns."),
    (_of_package("cupy"), _UNKNOWN + "Pass {name}.get()."),
    (_of_package("mxnet"), _UNKNOWN + "Pass {name}.asnumpy()."),
    (_of_package("paddle"), _UNKNOWN + "Pass {name}.numpy()."),
    (_of_package("dask"), _UNKNOWN + "Pass {name}.compute()."),
    (
        lambda x: _of_package("keras")(x) and not hasattr(x, "value"),
        "is a {kind}, a symbol that has no values yet. Give the loss to "
        "model.compile(loss=...), with a class of lossbook.adapters.keras.",
    ),
    (_of_package("keras"), _UNKNOWN + "Pass {name}.value."),
    (_is_sparse, "is a sparse {kind}. Pass {name}.toarray()."),
    (
        lambda x: isinstance(x, Mapping),
        "is a dict, and must be an array, a list or a number. For one number a class "
        "pass [{name}[c] for c in sorted({name})].",
    ),
    (
        lambda x: isinstance(x, Iterator | KeysView | ValuesView),
        "is a {kind}, which gives its values one by one. Pass list({name}).",
    ),
    (
        lambda x: isinstance(x, Set),
        "is a {kind}, which has no order. Pass a list; sorted({name}) is one.",
    ),
]
