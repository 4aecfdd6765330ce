"""What the libraries take where nothing is said, and what a setting may be."""

from __future__ import annotations

from dataclasses import replace
from math import isfinite
from numbers import Integral, Real
from typing import Any, Literal

from lossbook.backends.tree import opened
from lossbook.core.checks import check_positive
from lossbook.optim.optimizer import Optimizer, Rate

Like = Literal["torch", "keras"]
AnyLike = Literal["torch", "keras", "optax"]


def _both(torch: float, keras: float) -> dict[str, float]:
    return {"torch": torch, "keras": keras}


_DEFAULTS: dict[str, dict[str, float]] = {
    "sgd lr": _both(1e-3, 1e-2),
    "sgd weight_decay": _both(0.0, 0.0),
    "adagrad lr": _both(1e-2, 1e-3),
    "adagrad initial_accumulator": _both(0.0, 0.1),
    "adagrad eps": _both(1e-10, 1e-7),
    "adagrad weight_decay": _both(0.0, 0.0),
    "rmsprop lr": _both(1e-2, 1e-3),
    "rmsprop rho": _both(0.99, 0.9),
    "rmsprop eps": _both(1e-8, 1e-7),
    "rmsprop weight_decay": _both(0.0, 0.0),
    "adam lr": _both(1e-3, 1e-3),
    "adam eps": _both(1e-8, 1e-7),
    "adam weight_decay": _both(0.0, 0.0),
    "adamw weight_decay": _both(1e-2, 4e-3),
    # optax has no default rate: a usual one.
    "lion lr": {"keras": 1e-3, "optax": 1e-3},
    "lion weight_decay": {"keras": 0.0, "optax": 1e-3},
    "muon lr": {**_both(1e-3, 1e-3), "optax": 1e-3},
    "muon weight_decay": {**_both(0.1, 4e-3), "optax": 0.0},
}


def given(like: str, name: str, value: float | None) -> float:
    """Return the value of "optimizer argument", or the library's default."""
    optimizer, argument = name.split()
    known = _DEFAULTS[name]
    if like not in known:
        wanted = " or ".join(f'"{library}"' for library in known)
        raise ValueError(f"like must be {wanted} for {optimizer}, got {like!r}.")
    return check_amount(argument, known[like] if value is None else value, known[like])


def rate(like: str, name: str, lr: Rate | None) -> Rate:
    """Return the learning rate of an optimizer, or the library's default."""
    default = given(like, f"{name} lr", None)
    return check_rate(default if lr is None else lr)


def decaying(
    optimizer: Optimizer,
    name: str,
    like: str,
    weight_decay: float | None,
    decay: Any,
    coupled: bool = False,
) -> Optimizer:
    """Return the optimizer with its weight decay, where there is one.

    A coupled decay is a part of the gradient; any other shrinks the weights beside it.
    """
    strength = given(like, f"{name} weight_decay", weight_decay)
    if strength == 0:
        if decay is not None:
            raise ValueError(
                "decay says which parameters decay, but weight_decay is 0: pass a "
                "weight_decay above 0, for instance 0.01."
            )
        return optimizer
    settings = {**optimizer.settings, "weight_decay": strength, "coupled": coupled}
    which = decay if decay is None or callable(decay) else opened(decay, "decay")
    return replace(optimizer, settings=settings, decay=which)


def check_rate(lr: Rate) -> Rate:
    """Return the learning rate; refuse a number that is not positive."""
    if callable(lr):
        return lr
    return float(check_positive("lr", lr))


def check_fraction(name: str, value: Any) -> float:
    """Return how much of the past is kept; refuse what is not in [0, 1)."""
    if not _is_number(value) or not 0 <= value < 1:
        raise ValueError(
            f"{name} must be a number in [0, 1), got {value!r}. At 1 nothing would "
            "ever be forgotten; 0.9 is usual."
        )
    return float(value)


def check_amount(name: str, value: Any, default: float) -> float:
    """Return the number; refuse what is negative or not finite."""
    if not _is_number(value) or not (isfinite(value) and value >= 0):
        raise ValueError(
            f"{name} must be a finite number of at least 0, got {value!r}. The default "
            f"is {default:g}."
        )
    return float(value)


def check_count(name: str, value: Any) -> None:
    """Refuse what is not a whole number of at least 1."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name} must be a whole number of at least 1, got {value!r}.")


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
