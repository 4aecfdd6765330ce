"""What every optimizer shares: structure, dtype and checks around a rule.

A rule moves one array: ``rule(xp, h, p, g, *slots) -> (p, *slots)``. p is a parameter,
g its gradient, the slots are what is remembered from step to step. h holds the numbers:
the learning rate ``h.lr``, the step ``h.t`` counted from 1, and the settings.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

import numpy as np

from lossbook.backends import Array, Backend, backend_of
from lossbook.backends.tree import changed, flatten, is_empty, is_structure, opened

Rate = float | Callable[[Any], Any]


@dataclass(frozen=True)
class Optimizer:
    """An update rule with its settings, made by the functions of ``lb.optim``.

    Attributes
    ----------
    lr : float or callable
        The learning rate, or a schedule: a function of the number of steps taken.
    settings : dict
        The other numbers of the rule.
    rule : callable
        The update of one array: of the backend, the numbers, a parameter, its gradient
        and its slots it makes the new parameter and slots.
    slots : dict
        What is remembered for each parameter, and the value that it starts with.
    decay : callable or structure of bool, optional
        Which parameters the ``weight_decay`` of the settings shrinks; all, if None.
    needs : dict
        The parameters that a slot is kept for, as a function, where that is not all.
    """

    lr: Rate
    settings: dict[str, Any]
    rule: Callable[..., tuple[Array, ...]] = field(repr=False)
    slots: dict[str, float] = field(repr=False)
    decay: Any = field(default=None, repr=False)
    needs: dict[str, Callable[..., bool]] = field(default_factory=dict, repr=False)

    def init(self, params: Any) -> dict[str, Any]:
        """Return the state before the first step.

        Parameters
        ----------
        params : array, or list, tuple, dict or iterator of arrays
            The parameters, of any one backend: also ``model.parameters()`` of PyTorch
            and ``model.trainable_variables`` of Keras.

        Returns
        -------
        dict
            ``"step"``, the number of steps taken, and an entry for each slot in the
            structure of `params`, an iterator being a list; for half precision in
            float32.
        """
        leaves, rebuild = _parameters(opened(params))
        xp = backend_of(*leaves)
        zeros = [xp.zeros_like(xp.to_float(xp.asarray(p, "params"))) for p in leaves]
        state: dict[str, Any] = {"step": _counter(xp, np.float64(0))}
        for slot, start in self.slots.items():
            state[slot] = rebuild([self._kept(xp, slot, x) + start for x in zeros])
        return state

    def _kept(self, xp: Backend, slot: str, p: Array) -> Array:
        """Return what has the shape of a slot: a number where it is not needed."""
        needed = self.needs.get(slot)
        if needed is None or needed(xp, p):
            return p
        return xp.cast(xp.asarray(np.zeros(()), slot, p), xp.to_float(p))

    def step(
        self, params: Any, grads: Any, state: dict[str, Any], *, lr: Any = None
    ) -> tuple[Any, dict[str, Any]]:
        """Return the parameters and the state after one step; nothing is changed.

        Parameters
        ----------
        params : array, or list, tuple, dict or iterator of arrays
            Where you are.
        grads : like `params`
            The gradient there.
        state : dict
            From `init`, or from the step before; also one that was stored, with lists
            or NumPy arrays in the place of arrays and an int as the step.
        lr : float, optional
            The learning rate of this step, instead of the optimizer's own.

        Returns
        -------
        (params, state)
            In the structure, dtype and framework of `params`, on its device. No
            derivative is carried through a step.

        Raises
        ------
        ValueError
            If gradients or state do not match the parameters, or the learning rate is
            negative or not a finite number.
        """
        params, grads = opened(params), opened(grads, "grads")
        leaves, rebuild = _parameters(params)
        xp = backend_of(*leaves)
        remembered = [self._slot(xp, params, state, slot) for slot in self.slots]
        step = _count(xp, state) + 1
        h = self._numbers(xp, step, lr)
        moved = [
            _move(xp, self.rule, h, *arrays)
            for arrays in zip(
                self._decays(xp, params, leaves),
                leaves,
                _leaves_like(xp, params, grads, "grads"),
                *remembered,
                strict=True,
            )
        ]
        new, *slots = [rebuild(list(arrays)) for arrays in zip(*moved, strict=True)]
        return new, {"step": step, **dict(zip(self.slots, slots, strict=True))}

    def _slot(
        self, xp: Backend, params: Any, state: dict[str, Any], slot: str
    ) -> list[Array]:
        _check_slot(state, slot)
        if slot in self.needs:
            params = changed(
                params, lambda p: self._kept(xp, slot, xp.asarray(p, "params"))
            )
        return _leaves_like(xp, params, state[slot], f"state[{slot!r}]")

    def _decays(self, xp: Backend, params: Any, leaves: list[Array]) -> list[bool]:
        """Say of each parameter whether it decays."""
        if "weight_decay" not in self.settings:
            return [False] * len(leaves)
        if self.decay is None:
            return [True] * len(leaves)
        if callable(self.decay):
            return [_flag(self.decay(xp.asarray(p, "params"))) for p in leaves]
        return _leaves_like(
            xp, params, self.decay, "decay", lambda xp, p, flag, name: _flag(flag, name)
        )

    def _numbers(self, xp: Backend, step: Array, lr: Any) -> Numbers:
        known = xp.range_of(step)  # None inside a graph: there the count is an array
        if known is not None and not known[0] >= 1:
            raise _bad_count(f"{known[0] - 1:g}")
        t = step if known is None else int(known[0])
        rate = _rate_at(self.lr if lr is None else lr, t - 1)
        return Numbers({**self.settings, "t": t, "lr": rate})


class Numbers:
    """The numbers of a rule, by name."""

    def __init__(self, numbers: dict[str, Any]) -> None:
        self.all = numbers
        for name, value in numbers.items():
            setattr(self, name, value)


def _move(
    xp: Backend, rule: Any, h: Numbers, decays: bool, p: Array, *others: Array
) -> list[Any]:
    """Apply the rule to one parameter, in float32 if it has half precision."""
    kept = xp.asarray(p, "params")
    p = xp.to_float(xp.stop_gradient(kept))
    g, *slots = (xp.cast(xp.stop_gradient(x), p) for x in others)
    in_graph = {n: xp.cast(x, p) for n, x in h.all.items() if hasattr(x, "shape")}
    if in_graph:
        h = Numbers({**h.all, **in_graph})
    if decays:
        p, g = _decayed(h, p, g)
    new, *slots = (xp.cast(x, p) for x in rule(xp, h, p, g, *slots))
    new = new if xp.is_integer(kept) else xp.cast(new, kept)
    # NumPy makes a number of an array without axes, and a list of numbers is an array.
    return [xp.asarray(x, "params") for x in (new, *slots)]


def _decayed(h: Any, p: Array, g: Array) -> tuple[Array, Array]:
    if h.coupled:  # the gradient of a penalty, which goes the way of the gradient
        return p, g + h.weight_decay * p
    return (1 - h.lr * h.weight_decay) * p, g


def _flag(value: Any, name: str = "decay(parameter)") -> bool:
    if not isinstance(value, bool | np.bool_):
        raise ValueError(
            f"{name} must be True or False, got {value!r}. Say of each parameter "
            "whether it decays."
        )
    return bool(value)


def _parameters(params: Any) -> tuple[list[Array], Callable[[list[Any]], Any]]:
    leaves, rebuild = flatten(params)
    if not leaves or is_empty(params):
        raise ValueError(
            "there are no parameters: pass at least one array. An iterator such as "
            "model.parameters() is used up by its first reader: call it anew, or pass "
            "list(model.parameters())."
        )
    return leaves, rebuild


def _count(xp: Backend, state: dict[str, Any]) -> Array:
    """Return the steps taken, as an array; a stored state may have a number."""
    _check_slot(state, "step")
    step = state["step"]
    if not xp.owns(type(step)):
        try:
            step = _counter(xp, np.float64(step))
        except (TypeError, ValueError):
            raise _bad_count(repr(step)) from None
    if xp.shape(step) != ():
        raise _bad_count(f"shape {xp.shape(step)}")
    return step


def _counter(xp: Backend, steps: Any) -> Array:
    """Return a count of steps: whole where floats have 32 bits, and end at 2**24."""
    count = xp.asarray(steps, "state['step']")
    whole = xp.eps(count) > 1e-9 and steps == np.floor(steps) < 2**31
    return xp.asarray(np.int32(steps), "state['step']") if whole else count


def _bad_count(got: str) -> ValueError:
    return ValueError(
        f"state['step'] must be the number of steps taken, 0 or more, got {got}. Pass "
        "the state that init or the step before returned."
    )


def _check_slot(state: dict[str, Any], slot: str) -> None:
    if slot not in state:
        raise ValueError(
            f"state has {list(state)} but no {slot!r}: make it with the init of the "
            "same optimizer."
        )


def _leaves_like(
    xp: Backend, params: Any, tree: Any, name: str, leaf: Any = None
) -> list[Any]:
    """Return the leaves of `tree` in the order of `params`, whose structure it has."""
    if is_empty(params):
        return []
    if not is_structure(params):
        return [(leaf or _leaf_like)(xp, params, tree, name)]
    tree = _from_file(params, tree)
    if not isinstance(params, dict):
        params = dict(enumerate(params))
        tree = dict(enumerate(tree)) if isinstance(tree, list | tuple) else tree
    if not isinstance(tree, dict) or set(tree) != set(params):
        got = list(tree) if isinstance(tree, dict) else f"a {type(tree).__name__}"
        fix = "Differentiate by the params that you pass."
        raise ValueError(
            f"{name} must have the structure of params, with {list(params)}; got "
            f"{got}. {fix if leaf is None else 'Say of each whether it decays.'}"
        )
    leaves = []
    for key in params:
        leaves += _leaves_like(xp, params[key], tree[key], f"{name}[{key!r}]", leaf)
    return leaves


def _from_file(params: Any, tree: Any) -> Any:
    """Return the structure that JSON or NumPy has stored in a way of its own."""
    if isinstance(tree, np.ndarray) and tree.ndim:  # a list of arrays of one shape
        return list(tree)
    if isinstance(tree, np.ndarray) and tree.dtype == object:
        tree = tree.item()
    if isinstance(tree, dict) and isinstance(params, dict):
        names = {str(key): key for key in params}
        if set(tree) == set(names):  # JSON has no keys but texts
            return {names[key]: value for key, value in tree.items()}
    return tree


def _leaf_like(xp: Backend, p: Array, x: Any, name: str) -> Array:
    if x is None:
        raise ValueError(
            f"{name} is None: the loss does not depend on this parameter. Pass zeros, "
            "or leave the parameter out."
        )
    backend_of(p, x)  # PyTorch and TensorFlow cannot be mixed
    p = xp.asarray(p, "params")
    # Numbers from a file take the dtype of the state, which is not half precision.
    x = xp.asarray(x, name, p if xp.owns(type(x)) else xp.to_float(p))
    got, want = xp.shape(x), xp.shape(p)
    if len(got) != len(want) or any(
        None not in (a, b) and a != b for a, b in zip(got, want, strict=True)
    ):
        raise ValueError(
            f"{name} must have the shape of its parameter, {want}, got {got}. Nothing "
            "is broadcast: differentiate by the params that you pass."
        )
    return x


def _rate_at(lr: Any, done: Any) -> Any:
    """Return the learning rate after so many steps; inside a graph it is an array."""
    rate = lr(done) if callable(lr) else lr
    if hasattr(rate, "shape"):
        xp = backend_of(rate)
        if xp.shape(rate) not in ((), None):
            raise ValueError(
                f"the learning rate of a step must be one number, got shape "
                f"{xp.shape(rate)}. Step parameters with rates of their own apart."
            )
        known = xp.range_of(xp.asarray(rate, "lr"))
        if known is None:
            return rate
        rate = known[0]
    if not (isfinite(rate) and rate >= 0):
        raise ValueError(
            "the learning rate of a step must be a finite number of at least 0, got "
            f"{rate!r}. Look at your schedule."
        )
    return float(rate)
