"""What the same loss is called elsewhere, and what it does there by default.

Written down here are only the names that belong together, and inputs to try them on.
Argument order, defaults, reduction, factors and clipping are read from the installed
libraries, or measured by calling them: a new version shows as it is.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from inspect import Parameter, isclass, signature
from math import exp, isfinite, isinf
from typing import Any

import numpy as np

import lossbook
from lossbook._dispatch import Array

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
        Its first two arguments, in order.
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
    """

    name: str
    arguments: tuple[str, ...]
    defaults: dict[str, Any]
    reduction: str
    factor: float
    at_zero: float | None = None

    @property
    def eps(self) -> float | None:
        """The probability that takes the place of 0; None where none does."""
        clipped = self.at_zero is not None and isfinite(self.at_zero)
        return exp(-self.at_zero) if clipped and self.at_zero else None

    def __str__(self) -> str:
        defaults = [f"{name}={value!r}" for name, value in self.defaults.items()]
        call = f"{self.name}({', '.join([*self.arguments, *defaults])})"
        parts = [f"`{call}`", self.reduction]
        if abs(self.factor - 1) > 1e-3:
            parts.append(f"{self.factor:.4g} times lossbook's")
        if self.at_zero is not None:
            clip = "" if isinf(self.at_zero) else f" (eps {self.eps:.1e})"
            parts.append(f"−log 0 = {self.at_zero:.4g}{clip}")
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
    that is missing gives a column of dashes.

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
            Row(case.label, {name: case.entry(name, m) for name, m in modules.items()})
            for case in _CASES
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


@dataclass(frozen=True)
class _Case:
    """A loss, two samples to try it on, and its names: each with options that it needs.

    `zero` is a sample whose right answer has the probability 0.
    """

    label: str
    y: Any
    p: Any
    names: dict[str, tuple[str, dict[str, Any]]]
    zero: tuple[Any, Any] | None = None
    one_hot: tuple[str, ...] = ()
    logs: tuple[str, ...] = ()
    classes: tuple[int, ...] = ()

    def entry(self, library: str, module: Any) -> Entry | None:
        name, options = self.names.get(library, ("", {}))
        loss = getattr(module, name, None)
        if loss is None:
            return None
        order = _order(loss)
        call = self._caller(library, loss, order, options)
        reduction = _reduction(call, self.y, self.p)
        return Entry(
            name,
            order,
            {**_defaults(loss, order), **options},
            reduction,
            float(call(self.y, self.p).sum()) / self._ours(reduction),
            float(call(*self.zero).sum()) if self.zero else None,
        )

    def _ours(self, reduction: str) -> float:
        name, options = self.names["lossbook"]
        total = "sum" if reduction == "none" else reduction
        loss = getattr(lossbook, name)
        return float(loss(self.y, self.p, reduction=total, **options))

    def _caller(
        self, library: str, loss: Any, order: tuple[str, ...], options: dict[str, Any]
    ) -> Callable[[Any, Any], Any]:
        """Return the loss as a function of our arguments and NumPy arrays."""
        if isclass(loss):
            loss, options = loss(**options), {}
        elif "labels" in signature(loss).parameters and "labels" not in order:
            options = {**options, "labels": list(self.classes)}

        def call(y: Any, p: Any) -> Any:
            if library in self.one_hot:
                y = np.eye(len(self.classes), dtype=p.dtype)[y]
            if library in self.logs:
                p = np.log(p)
            if library == "Keras" and p.ndim == 1:
                y, p = y[:, None], p[:, None]
            pair = (y, p) if order[0] in _TRUTH else (p, y)
            return _numpy(loss(*(_array(library, x) for x in pair), **options))

        return call


def _order(loss: Any) -> tuple[str, ...]:
    called = getattr(loss, "call", loss)  # Keras has classes
    names = [name for name in signature(called).parameters if name != "self"]
    return tuple(names[:2])


def _defaults(loss: Any, order: tuple[str, ...]) -> dict[str, Any]:
    return {
        name: parameter.default
        for name, parameter in signature(loss).parameters.items()
        if name not in (*order, *_NO_CONVENTION)
        and parameter.default not in (None, Parameter.empty, "deprecated")
    }


def _reduction(call: Callable[[Any, Any], Any], y: Any, p: Any) -> str:
    """Tell what is done with the losses of samples: a mean stays if all come twice."""
    once, twice = call(y, p), call(np.concatenate([y, y]), np.concatenate([p, p]))
    if once.shape != ():
        return "none"
    return "mean" if abs(float(twice / once) - 1) < 0.5 else "sum"


def _array(library: str, x: Any) -> Array:
    if library != "PyTorch":
        return x
    return import_module("torch").tensor(x)


def _numpy(x: Any) -> Any:
    return np.asarray(x.detach().cpu() if hasattr(x, "detach") else x)


def _named(loss: str, options: dict[str, Any] | None = None, **names: Any) -> Any:
    """Return the names by library; a pair holds the options that are needed too."""
    spelled = {"torch": "PyTorch", "keras": "Keras", "sklearn": "scikit-learn"}
    spelled["optax"] = "Optax"
    found = {"lossbook": (loss, options or {})}
    for library, name in names.items():
        found[spelled[library]] = name if isinstance(name, tuple) else (name, {})
    return found


def _floats(*values: Any) -> Any:
    return np.array(values, np.float32)


_LOGITS: dict[str, Any] = {"from_logits": True}
_REAL: dict[str, Any] = {"y": _floats(0.5, 2.0), "p": _floats(1.0, 4.5)}
_COUNT: dict[str, Any] = {"y": _floats(1.0, 3.0), "p": _floats(2.0, 2.5)}
_BIT: dict[str, Any] = {
    "y": _floats(1, 0),
    "p": _floats(0.75, 0.125),
    "classes": [0, 1],
}
_BIT_LOGIT: dict[str, Any] = {
    "y": _floats(1, 0),
    "p": _floats(-2.0, 0.5),
    "classes": [0, 1],
}
_SIGN: dict[str, Any] = {
    "y": _floats(1, -1),
    "p": _floats(-2.0, 0.5),
    "classes": [-1, 1],
}
_P = _floats([0.25, 0.5, 0.25], [0.5, 0.375, 0.125])
_Z = _floats([0.5, -1.0, 2.0], [0.0, 1.0, -1.0])
_LABEL: dict[str, Any] = {"y": np.array([0, 2]), "classes": (0, 1, 2)}
_SOFT: dict[str, Any] = {"y": _floats([1, 0, 0], [0, 0.5, 0.5])}

_CASES = (
    _Case(
        "mse",
        **_REAL,
        names=_named(
            "mse",
            torch="mse_loss",
            keras="MeanSquaredError",
            sklearn="mean_squared_error",
            optax="squared_error",
        ),
    ),
    _Case("rmse", **_REAL, names=_named("rmse", sklearn="root_mean_squared_error")),
    _Case(
        "mae",
        **_REAL,
        names=_named(
            "mae",
            torch="l1_loss",
            keras="MeanAbsoluteError",
            sklearn="mean_absolute_error",
        ),
    ),
    _Case(
        "huber",
        **_REAL,
        names=_named("huber", torch="huber_loss", keras="Huber", optax="huber_loss"),
    ),
    _Case(
        "log_cosh", **_REAL, names=_named("log_cosh", keras="LogCosh", optax="log_cosh")
    ),
    _Case("quantile", **_REAL, names=_named("quantile", sklearn="mean_pinball_loss")),
    _Case(
        "poisson_nll",
        **_COUNT,
        names=_named(
            "poisson_nll",
            torch=("poisson_nll_loss", {"log_input": False}),
            keras="Poisson",
        ),
    ),
    _Case(
        "poisson_nll of log-rates",
        **_COUNT,
        names=_named("poisson_nll", {"log_input": True}, torch="poisson_nll_loss"),
    ),
    _Case(
        "zero_one",
        y=np.array([0, 1]),
        p=np.array([1, 1]),
        names=_named("zero_one", sklearn="zero_one_loss"),
    ),
    _Case(
        "binary_cross_entropy",
        **_BIT,
        zero=(_floats(1), _floats(0)),
        names=_named(
            "binary_cross_entropy",
            torch="binary_cross_entropy",
            keras="BinaryCrossentropy",
            sklearn="log_loss",
        ),
    ),
    _Case(
        "binary_cross_entropy of logits",
        **_BIT_LOGIT,
        names=_named(
            "binary_cross_entropy",
            _LOGITS,
            torch="binary_cross_entropy_with_logits",
            keras=("BinaryCrossentropy", _LOGITS),
            optax="sigmoid_binary_cross_entropy",
        ),
    ),
    _Case(
        "cross_entropy",
        **_SOFT,
        p=_P,
        zero=(_floats([1, 0, 0]), _floats([0, 0.5, 0.5])),
        names=_named("cross_entropy", keras="CategoricalCrossentropy"),
    ),
    _Case(
        "cross_entropy of logits",
        **_SOFT,
        p=_Z,
        names=_named(
            "cross_entropy",
            _LOGITS,
            torch="cross_entropy",
            keras=("CategoricalCrossentropy", _LOGITS),
            optax="softmax_cross_entropy",
        ),
    ),
    _Case(
        "sparse_cross_entropy",
        **_LABEL,
        p=_P,
        zero=(np.array([0]), _floats([0, 0.5, 0.5])),
        names=_named(
            "sparse_cross_entropy",
            keras="SparseCategoricalCrossentropy",
            sklearn="log_loss",
        ),
    ),
    _Case(
        "sparse_cross_entropy of logits",
        **_LABEL,
        p=_Z,
        names=_named(
            "sparse_cross_entropy",
            _LOGITS,
            torch="cross_entropy",
            keras=("SparseCategoricalCrossentropy", _LOGITS),
            optax="softmax_cross_entropy_with_integer_labels",
        ),
    ),
    _Case(
        "kl_divergence",
        **_SOFT,
        p=_P,
        logs=("PyTorch", "Optax"),
        names=_named(
            "kl_divergence", torch="kl_div", keras="KLDivergence", optax="kl_divergence"
        ),
    ),
    _Case(
        "hinge",
        **_SIGN,
        names=_named("hinge", keras="Hinge", sklearn="hinge_loss", optax="hinge_loss"),
    ),
    _Case(
        "squared_hinge", **_SIGN, names=_named("squared_hinge", keras="SquaredHinge")
    ),
    _Case(
        "multiclass_hinge",
        **_LABEL,
        p=_Z,
        one_hot=("Keras",),
        names=_named(
            "multiclass_hinge",
            torch="multi_margin_loss",
            keras="CategoricalHinge",
            sklearn="hinge_loss",
            optax="multiclass_hinge_loss",
        ),
    ),
    _Case("logistic", **_SIGN, names=_named("logistic", torch="soft_margin_loss")),
    _Case(
        "focal of logits",
        **_BIT_LOGIT,
        names=_named(
            "focal",
            _LOGITS,
            keras=("BinaryFocalCrossentropy", _LOGITS),
            optax="sigmoid_focal_loss",
        ),
    ),
)
