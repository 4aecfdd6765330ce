"""What the same loss is called elsewhere, and what it does there by default.

Written down here are only the names that belong together, and inputs to try them on.
Argument order, defaults, reduction, factors and clipping are read from the installed
libraries, or measured by calling them: a new version shows as it is.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from inspect import Parameter, isclass, signature
from math import exp, isfinite, isinf
from typing import Any

import numpy as np

import lossbook
from lossbook.backends import Array, backend_of
from lossbook.conventions.spellings import CASES, Case

# Where the losses of each library are, and under which name the table shows it.
_MODULES = {
    "lossbook": "lossbook",
    "PyTorch": "torch.nn.functional",
    "Keras": "keras.losses",
    "scikit-learn": "sklearn.metrics",
    "Optax": "optax.losses",
}
LIBRARIES = tuple(_MODULES)

_TRUTH = ("y_true", "target", "targets", "labels")
_NO_CONVENTION = ("reduction", "name", "dtype", "size_average", "reduce")


@dataclass(frozen=True)
class Entry:
    """One loss in one library.

    Attributes
    ----------
    name : str
        The function or class.
    arguments : tuple of str
        Its first two arguments, in order; of a penalty the one.
    defaults : dict
        Its other parameters, as far as they have a default that is not None.
    reduction : str
        What it does by default with the losses of several samples, measured:
        ``"mean"``, ``"sum"`` or ``"none"``.
    factor : float
        Its value, measured, as a multiple of lossbook's in the same reduction.
    at_zero : float or None
        What it gives for -log 0, measured in float32; inf where nothing is clipped,
        None where it does not take probabilities.
    parting : str
        What it gives on a sample far out, measured, where `factor` does not explain
        it; empty where they agree.
    """

    name: str
    arguments: tuple[str, ...]
    defaults: dict[str, Any]
    reduction: str
    factor: float
    at_zero: float | None = None
    parting: str = ""

    @property
    def eps(self) -> float | None:
        """The probability that takes the place of 0; None where none does."""
        clipped = self.at_zero is not None and isfinite(self.at_zero)
        return exp(-self.at_zero) if clipped and self.at_zero else None

    def __str__(self) -> str:
        defaults = [f"{name}={value!r}" for name, value in self.defaults.items()]
        call = f"{self.name}({', '.join([*self.arguments, *defaults])})"
        parts = [f"`{call}`", self.reduction]
        if abs(self.factor - 1) > 1e-3 and not self.parting:
            parts.append(f"{self.factor:.4g} times lossbook's")
        if self.at_zero is not None:
            clip = "" if isinf(self.at_zero) else f" (eps {self.eps:.1e})"
            parts.append(f"−log 0 = {self.at_zero:.4g}{clip}")
        if self.parting:
            parts.append(self.parting)
        return "; ".join(parts)


@dataclass(frozen=True)
class Row:
    """One loss in all libraries; an entry is None where a library does not have it."""

    loss: str
    entries: dict[str, Entry | None]


@dataclass(frozen=True)
class Table:
    """What :func:`table` returns: rows, and the versions that they were read from."""

    rows: tuple[Row, ...]
    versions: dict[str, str | None]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __contains__(self, loss: object) -> bool:
        """Say whether the table has a row of this loss."""
        return any(loss in (row.loss, row) for row in self.rows)

    def __getitem__(self, loss: str) -> Row:
        """Return the row of a loss, by the name that the table shows."""
        for row in self.rows:
            if row.loss == loss:
                return row
        raise KeyError(f"no loss {loss!r}; there are {[row.loss for row in self.rows]}")

    def __repr__(self) -> str:
        return self._repr_markdown_()

    def _repr_markdown_(self) -> str:
        """Render as a table of Markdown, which notebooks and pages show."""
        heads = [f"{name} {v or ''}".strip() for name, v in self.versions.items()]
        lines = [["loss", *heads], ["---"] * (len(heads) + 1)]
        for row in self.rows:
            cells = [str(row.entries[name] or "–") for name in self.versions]
            lines.append([row.loss, *cells])
        return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


@cache
def table() -> Table:
    """Read from the installed libraries how they spell, order and reduce each loss.

    The libraries that are there are imported, which takes seconds the first time; one
    that is missing gives a column of dashes. Optax stands for JAX: `jax.nn` has the
    parts of losses, such as `log_softmax`, and no loss.

    Returns
    -------
    Table
        Iterates over rows; ``table()["huber"].entries["PyTorch"].defaults`` has the
        details; a notebook shows it as a table.

    Examples
    --------
    >>> import lossbook as lb
    >>> row = lb.conventions.table()["quantile"]
    >>> row.entries["lossbook"].arguments, row.entries["lossbook"].defaults
    (('y_true', 'y_pred'), {'q': 0.5})
    """
    modules = {name: _module(path) for name, path in _MODULES.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about single samples, and log 0
        rows = tuple(
            Row(
                case.label, {name: _entry(case, name, m) for name, m in modules.items()}
            )
            for case in CASES
        )
    return Table(rows, {name: _version(module) for name, module in modules.items()})


def _module(path: str) -> Any:
    try:
        return import_module(path)
    except ImportError:
        return None


def _version(module: Any) -> str | None:
    if module is None:
        return None
    return str(import_module(module.__name__.partition(".")[0]).__version__)


def _entry(case: Case, library: str, module: Any) -> Entry | None:
    name, options = case.names.get(library, ("", {}))
    loss = _find(module, name)
    if loss is None:
        return None
    order = _order(loss)
    call = _caller(case, library, loss, order, options)
    reduction = _reduction(call, *case.inputs)
    factor = float(call(*case.inputs).sum()) / _ours(case, case.inputs, reduction)
    return Entry(
        name,
        order,
        {**_defaults(loss, order), **_numbers(options)},
        reduction,
        factor,
        float(call(*case.zero).sum()) if case.zero else None,
        _parting(case, call, factor),
    )


def _find(module: Any, name: str) -> Any:
    """Return the loss, None where there is none; ``folder.name`` is from the top."""
    folder, _, name = name.rpartition(".")
    if module is not None and folder:
        module = _module(f"{module.__name__.partition('.')[0]}.{folder}")
    return getattr(module, name, None)


def _ours(case: Case, inputs: Sequence[Any], reduction: str) -> float:
    name, options = case.names["lossbook"]
    loss = getattr(lossbook, name)
    if "reduction" in signature(loss).parameters:
        total = "sum" if reduction == "none" else reduction
        options = {**options, "reduction": total}
    return float(loss(*_in_order(_order(loss), inputs), **options))


def _in_order(order: tuple[str, ...], inputs: Sequence[Any]) -> list[Any]:
    """Return truth, prediction and what else there is as the loss wants them."""
    pair = inputs[:2] if order[0] in _TRUTH else inputs[1::-1]
    return [*pair, *inputs[2:]]


def _numbers(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options, an array of one element as that number."""
    return {k: x.item() if isinstance(x, np.ndarray) else x for k, x in options.items()}


def _parting(case: Case, call: Callable[[Any, Any], Any], factor: float) -> str:
    """Say what the library gives on the far sample, where that is not lossbook's."""
    if case.far is None:
        return ""
    where, y, p = case.far
    ours, theirs = _ours(case, (y, p), "sum"), float(call(y, p).sum())
    if np.isclose(theirs, factor * ours, rtol=1e-2, atol=0):
        return ""
    return f"{where}: {theirs:.3g} (lossbook {ours:.3g})"


def _caller(
    case: Case, library: str, loss: Any, order: tuple[str, ...], options: dict[str, Any]
) -> Callable[..., Any]:
    """Return the loss as a function of our arguments and NumPy arrays."""
    if isclass(loss):
        loss, options = loss(**options), {}
    elif "labels" in signature(loss).parameters and "labels" not in order:
        options = {**options, "labels": list(case.classes)}

    options = {name: _option(library, x) for name, x in options.items()}

    def call(*inputs: Any) -> Any:
        if len(inputs) > 1:
            inputs = _as_wanted(case, library, *inputs)
        ordered = _in_order(order, inputs)
        found = loss(*(_array(library, x) for x in ordered), **options)
        return np.asarray(backend_of(found).to_numpy(found))

    return call


def _as_wanted(case: Case, library: str, y: Any, p: Any, *others: Any) -> Any:
    if library in case.one_hot:
        y = np.eye(len(case.classes), dtype=p.dtype)[y]
    if library in case.logs:
        p = np.log(p)
    if library == "Keras" and p.ndim == 1:
        y, p = y[:, None], p[:, None]
    return y, p, *others


def _order(loss: Any) -> tuple[str, ...]:
    called = getattr(loss, "call", loss)  # Keras has classes
    if isclass(called):
        called = called.__call__
    arrays = [
        name
        for name, parameter in signature(called).parameters.items()
        if name != "self" and parameter.default in (Parameter.empty, None)
    ]
    return tuple(arrays[:2])


def _defaults(loss: Any, order: tuple[str, ...]) -> dict[str, Any]:
    return {
        name: parameter.default
        for name, parameter in signature(loss).parameters.items()
        if name not in (*order, *_NO_CONVENTION)
        and parameter.default not in (None, Parameter.empty, "deprecated")
    }


def _reduction(call: Callable[..., Any], *inputs: Any) -> str:
    """Tell what is done with the losses of samples: a mean stays if all come twice."""
    once, twice = call(*inputs), call(*(np.concatenate([x, x]) for x in inputs))
    if once.shape != ():
        return "none"
    return "mean" if abs(float(twice / once) - 1) < 0.5 else "sum"


def _option(library: str, x: Any) -> Any:
    return _array(library, x) if isinstance(x, np.ndarray) else x


def _array(library: str, x: Any) -> Array:
    if library != "PyTorch":
        return x
    return import_module("torch").tensor(x)
