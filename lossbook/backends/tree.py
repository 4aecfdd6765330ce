"""Structures of arrays: lists, tuples and dicts, as models and optimizers have them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, ValuesView
from numbers import Real
from typing import Any

Array = Any


def flatten(tree: Any) -> tuple[list[Array], Callable[[list[Any]], Any]]:
    """Return the arrays of a list, tuple or dict, and what puts others in place."""
    if isinstance(tree, dict):
        keys = list(tree)
        leaves, rebuild = flatten([tree[key] for key in keys])
        return leaves, lambda new: dict(zip(keys, rebuild(new), strict=True))
    if not isinstance(tree, list | tuple) or is_numbers(tree):
        return [tree], lambda new: new[0]
    parts = [flatten(part) for part in tree]

    make = getattr(tree, "_make", type(tree))  # a named tuple has its own way

    def rebuild_all(new: list[Any]) -> Any:
        rest = iter(new)
        return make(part([next(rest) for _ in own]) for own, part in parts)

    return [leaf for own, _ in parts for leaf in own], rebuild_all


def is_numbers(tree: Any) -> bool:
    """Tell a list that stands for one array from a list of arrays."""
    return all(
        isinstance(x, Real) or (isinstance(x, list) and is_numbers(x)) for x in tree
    )


def changed(tree: Any, change: Callable[[Any], Any]) -> Any:
    """Return the structure with every array changed."""
    leaves, rebuild = flatten(tree)
    return rebuild([change(leaf) for leaf in leaves])


def opened(params: Any, name: str = "params") -> Any:
    """Return parameters that can be looked through more than once.

    An iterator becomes a list, and a variable of Keras the tensor that it holds.
    """
    for attribute, call in (("parameters", "()"), ("trainable_weights", "")):
        if hasattr(params, attribute):
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
