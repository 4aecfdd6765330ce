"""Structures of arrays: lists, tuples and dicts, as models and optimizers have them."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterator, ValuesView
from numbers import Real
from typing import Any

Array = Any

# Tuples, because torch.compile cannot trace `dict | list`.
_CONTAINERS, _OWN_DICTS = (dict, list, tuple), (OrderedDict, defaultdict)


def flatten(tree: Any) -> tuple[list[Array], Callable[[list[Any]], Any]]:
    """Return the arrays of a list, tuple or dict, and what puts others in place."""
    if not is_structure(tree):
        return [tree], lambda new: new[0]
    keys = list(tree) if isinstance(tree, dict) else range(len(tree))
    parts = [_flatten_part(tree[key]) for key in keys]
    make = _maker(tree)

    def rebuild(new: list[Any]) -> Any:
        rest = iter(new)
        return make([part([next(rest) for _ in own]) for own, part in parts])

    return [leaf for own, _ in parts for leaf in own], rebuild


def _flatten_part(tree: Any) -> tuple[list[Array], Callable[[list[Any]], Any]]:
    """Of an empty branch there are no arrays; a layer without parameters has one."""
    return ([], lambda new: tree) if is_empty(tree) else flatten(tree)


def _maker(tree: Any) -> Callable[[list[Any]], Any]:
    """Return what makes of parts a structure of the same type."""
    if isinstance(tree, dict):
        keys = list(tree)
        if not isinstance(tree, _OWN_DICTS):
            return lambda parts: dict(zip(keys, parts, strict=True))

        def filled(parts: list[Any]) -> Any:
            from copy import copy  # rarely needed, and it takes a while to load

            made = copy(tree)
            made.update(zip(keys, parts, strict=True))
            return made

        return filled
    return getattr(tree, "_make", type(tree))  # a named tuple has its own way


def is_structure(tree: Any) -> bool:
    """Tell a list of arrays from a list that stands for one array.

    Names say that their values belong apart, so that numbers under them are arrays.
    """
    if isinstance(tree, dict) or (isinstance(tree, tuple) and hasattr(tree, "_fields")):
        return True
    return isinstance(tree, list | tuple) and not _is_numbers(tree)


def is_empty(tree: Any) -> bool:
    """Say whether this is a structure without anything in it."""
    return isinstance(tree, _CONTAINERS) and not tree


def _is_numbers(tree: Any) -> bool:
    return all(
        isinstance(x, Real) or (isinstance(x, list) and _is_numbers(x)) for x in tree
    )


def changed(tree: Any, change: Callable[[Any], Any]) -> Any:
    """Return the structure with every array changed."""
    leaves, rebuild = flatten(tree)
    return rebuild([change(leaf) for leaf in leaves])


def opened(params: Any, name: str = "params") -> Any:
    """Return parameters that can be looked through more than once.

    An iterator becomes a list, and a variable of Keras the tensor that it holds.
    """
    # Lists and dicts that a tf.Module keeps are lists and dicts, and have both.
    model = not isinstance(params, _CONTAINERS)
    for attribute, call in (("parameters", "()"), ("trainable_weights", "")):
        if model and hasattr(params, attribute):
            raise TypeError(
                f"{name} must be arrays, got a model, {type(params).__name__}. Pass "
                f"model.{attribute}{call}, or those of them that are meant."
            )
    if isinstance(params, Iterator | ValuesView):
        params = list(params)
    return changed(params, _value)


def _value(leaf: Any) -> Array:
    of_keras = type(leaf).__module__.partition(".")[0] == "keras"
    return leaf.value if of_keras and hasattr(leaf, "value") else leaf
