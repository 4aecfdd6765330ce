"""Functions with a derivative written by hand, on JAX.

The rule is one forwards (`custom_jvp`); JAX turns it around for reverse mode, so that
the two cannot differ. Eagerly each function is one program of XLA, kept by its formula.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial, reduce
from operator import add
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero

from lossbook.backends.jax.distributed import varies_over
from lossbook.backends.jax.ops import mean, sum
from lossbook.backends.jax.products import silent_product

Array = Any

PATIENCE = 4  # values of the parameters of one function that get a program each
ROOM = 512  # functions, with all that distinguishes them, that are remembered
_MANY = 2**18  # losses from which on it pays to keep their sum to itself
_OF_TERMS = ("= add", "= exp", "= log", "= max")  # what formulas of one term lack


def with_derivatives(
    formula: Callable[..., Array],
    derivatives: Sequence[Callable[..., Array] | None],
    *inputs: Array,
    reduction: str = "none",
    rowwise: bool = False,
    parameters: Mapping[str, Any] | None = None,
    key: Any = None,
) -> Array:
    """Apply `formula`; its derivatives by the inputs are these, not derived."""
    given = dict(parameters or {})
    plan = _Plan(formula, derivatives, reduction, rowwise)
    if key is None:
        return _function(plan, given)(inputs, {})  # type: ignore[no-any-return]
    programs = _programs((key, reduction, rowwise, tuple(given)))
    return programs.call(plan, inputs, given)


class _Plan(NamedTuple):
    """What is to be applied, and how it is reduced."""

    formula: Callable[..., Array]
    derivatives: Sequence[Callable[..., Array] | None]
    reduction: str
    rowwise: bool


class _Programs:
    """The programs of one function, each with the values of its parameters."""

    def __init__(self) -> None:
        self.by_values: dict[Any, Callable[..., Array]] = {}

    def call(self, plan: _Plan, inputs: Any, given: dict[str, Any]) -> Array:
        """Call the program of these values; of many, one that takes them as inputs."""
        values: Any = tuple(given.values())
        if values not in self.by_values and len(self.by_values) >= PATIENCE:
            values = None
        if values not in self.by_values:
            fixed = {} if values is None else given
            # Inlined, a mean is taken before the gradient is written, in its place.
            program = jax.jit(_function(plan, fixed), inline=True)
            self.by_values[values] = program
        return self.by_values[values](inputs, given if values is None else {})


@lru_cache(maxsize=ROOM)
def _programs(key: Any) -> _Programs:
    return _Programs()


def _function(plan: _Plan, fixed: Mapping[str, Any]) -> Callable[..., Array]:
    """Return the function of the inputs, and of parameters that are not fixed."""

    def losses(inputs: Sequence[Array], given: Mapping[str, Any]) -> Array:
        formula = partial(plan.formula, **fixed, **given)
        found = formula(*inputs)
        if plan.reduction != "none" and not plan.rowwise and found.size >= _MANY:
            found = _of_one_loop(found, formula, inputs)
        return _reduced(found, plan.reduction)

    apply = jax.custom_jvp(losses)

    def rule(primals: Any, tangents: Any) -> tuple[Array, Array]:
        inputs, given = primals
        result = apply(inputs, given)
        changes = [
            silent_product(tangent, derivative(*inputs, **fixed, **given))
            for derivative, tangent in zip(plan.derivatives, tangents[0], strict=True)
            if derivative and not isinstance(tangent, SymbolicZero)
        ]
        if not changes:
            return result, jnp.zeros_like(result)
        change = reduce(add, changes)
        change = _reduced(change.sum(-1) if plan.rowwise else change, plan.reduction)
        return result, _over_workers(change, result)

    apply.defjvp(rule, symbolic_zeros=True)
    return apply  # type: ignore[no-any-return]


def _of_one_loop(
    losses: Array, formula: Callable[..., Array], inputs: Sequence[Array]
) -> Array:
    """Return the losses behind a choice that changes nothing.

    On a CPU XLA hands a long sum to YNNPACK, and with it the last additions and
    products before it. Their operands it writes to memory: of binary cross-entropy
    eight arrays, which at two million elements takes five times as long. A choice it
    hands on to nobody: all before it stays in one loop. A single term loses by that.
    """
    steps = str(jax.make_jaxpr(formula)(*inputs))
    if not any(step in steps for step in _OF_TERMS):
        return losses
    return jnp.where(losses == losses, losses, jnp.full_like(losses, jnp.nan))


def _reduced(losses: Array, reduction: str) -> Array:
    if reduction == "none":
        return losses
    return sum(losses) if reduction == "sum" else mean(losses)


def _over_workers(change: Array, result: Array) -> Array:
    """Add a change over the workers over which the result was added before."""
    names = tuple(varies_over(change) - varies_over(result))
    return jax.lax.psum(change, names) if names else change
