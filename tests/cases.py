"""Every loss with inputs that it accepts: what the tests of semantics go through."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import lossbook as lb

from . import oracle
from .backends import array

ELEMENTS = "elements"  # one loss an element; y_true has the shape of y_pred
CLASSES = "classes"  # distributions over the last axis
MASKS = "masks"  # masks of 0 and 1, whose pixels are on the last axis
LABELS = "labels"  # integer labels against scores over the last axis

_rng = np.random.default_rng(7)
SHAPE = (4, 3)
REAL = _rng.normal(size=SHAPE)
OTHER = REAL + _rng.normal(size=SHAPE)
RATE = _rng.uniform(0.5, 4.0, SHAPE)
COUNT = _rng.integers(0, 5, SHAPE)
BIT = np.array([[0, 1, 1], [1, 0, 0], [0, 0, 1], [1, 1, 0]])
UNIT = _rng.uniform(0.1, 0.9, SHAPE)
SOFT = UNIT / UNIT.sum(-1, keepdims=True)
P = RATE / RATE.sum(-1, keepdims=True)
LABEL = np.array([0, 2, 1, 2])


@dataclass(frozen=True)
class Case:
    """A loss, arguments that it accepts (truth first), and its options.

    `by_truth` says whether the loss has a gradient by y_true, `smooth` whether it has a
    second derivative by y_pred that is not zero everywhere.
    """

    loss: str
    args: tuple[np.ndarray, ...]
    options: dict[str, Any] = field(default_factory=dict)
    kind: str = ELEMENTS
    by_truth: bool = False
    smooth: bool = False

    @property
    def function(self) -> Callable[..., Any]:
        return getattr(lb, self.loss)

    @property
    def label(self) -> str:
        options = ",".join(f"{k}={v}" for k, v in self.options.items())
        return f"{self.loss}({options}){'' if self.args[1].ndim > 1 else ' of rows'}"

    @property
    def losses_shape(self) -> tuple[int, ...]:
        shape = self.args[1].shape
        return shape if self.kind == ELEMENTS else shape[:-1]

    def inputs(self, backend: str, dtype: Any = np.float64) -> list[Any]:
        """Return the arguments as arrays of a backend; labels stay integers."""
        first = self.args[0] if self.kind == LABELS else self.args[0].astype(dtype)
        rest = [x.astype(dtype) for x in self.args[1:]]
        return [array(backend, x) for x in (first, *rest)]

    def __call__(self, *args: Any, **options: Any) -> Any:
        return self.function(*args, **{**self.options, **options})


def _elements(loss, y, p, by_truth=True, smooth=True, **options):
    return Case(loss, (y, p), options, by_truth=by_truth, smooth=smooth)


def _classes(loss, y, p, **options):
    return Case(loss, (y, p), options, CLASSES, by_truth=True, smooth=True)


def _labels(loss, p, smooth=True, **options):
    return Case(loss, (LABEL, p), options, LABELS, smooth=smooth)


def _masks(loss, p, curved=True, **options):
    return Case(loss, (BIT, p), options, MASKS, smooth=curved)


SIGN = 2 * BIT - 1
LOGITS = {"from_logits": True}

TRUTHS = {
    oracle.REAL: REAL,
    oracle.POSITIVE: RATE,
    oracle.UNIT: UNIT,
    oracle.COUNT: COUNT,
    oracle.BIT: BIT,
    oracle.SIGN: SIGN,
}
PREDICTIONS = {oracle.REAL: OTHER, oracle.POSITIVE: RATE, oracle.UNIT: P}


def _of_definition(d):
    """Return a case of a loss that tests/oracle.py has, and nothing below."""
    return _elements(
        d.loss,
        TRUTHS[d.y],
        PREDICTIONS[d.p],
        by_truth=d.y not in (oracle.BIT, oracle.SIGN),  # which cannot be moved
        smooth=d.curvature is not None,
        **d.options,
    )


OWN_CASES = [
    _elements("rmse", REAL, OTHER),
    _elements("huber", REAL, OTHER, delta=0.5),
    _elements("quantile", REAL, OTHER, smooth=False, q=0.8),
    _elements("poisson_nll", COUNT, RATE),
    _elements("poisson_nll", COUNT, REAL, log_input=True),
    Case("gaussian_nll", (REAL, OTHER, RATE), {"full": True}, ELEMENTS, True, True),
    _elements("adaptive_robust", REAL, OTHER, alpha=1.0, scale=0.5),
    _elements("adaptive_robust", REAL, OTHER, alpha=-2.5),
    _elements("zero_one", BIT, BIT[::-1], by_truth=False, smooth=False),
    _elements("binary_cross_entropy", UNIT, P),
    _elements("binary_cross_entropy", UNIT, REAL, **LOGITS),
    _elements(  # without a gradient by the truth, whose 0 and 1 cannot be moved
        "binary_cross_entropy", BIT, REAL, False, label_smoothing=0.2, **LOGITS
    ),
    _elements("binary_cross_entropy", UNIT, REAL, pos_weight=[1.0, 2.0, 3.0], **LOGITS),
    _elements("binary_cross_entropy", UNIT, P, pos_weight=2.0, eps=1e-3),
    _elements("focal", BIT, P, by_truth=False),
    _elements("focal", BIT, REAL, by_truth=False, gamma=1.5, alpha=0.25, **LOGITS),
    _classes("cross_entropy", SOFT, P),
    _classes("cross_entropy", SOFT, REAL, **LOGITS),
    _classes("cross_entropy", SOFT, REAL, class_weight=[1.0, 2.0, 0.5], **LOGITS),
    _classes("cross_entropy", SOFT, P, label_smoothing=0.1, eps=1e-3),
    _classes("kl_divergence", SOFT, P),
    _classes("kl_divergence", SOFT, REAL, **LOGITS),
    _labels("sparse_cross_entropy", P),
    _labels("sparse_cross_entropy", REAL, **LOGITS),
    _labels("sparse_cross_entropy", REAL, class_weight=[1.0, 2.0, 0.5], **LOGITS),
    _labels("sparse_cross_entropy", P, label_smoothing=0.1, ignore_index=1),
    _labels("log_loss", P),
    Case("log_loss", (BIT[0], UNIT[0]), smooth=True),
    _labels("multiclass_hinge", OTHER, smooth=False, margin=0.5),
    _labels("sparse_focal", P, gamma=0.5),
    _labels("sparse_focal", REAL, alpha=[1.0, 2.0, 0.5], **LOGITS),
    _masks("dice", REAL, **LOGITS),
    _masks("jaccard", P, smooth=0.0),
    _masks("tversky", REAL, alpha=0.25, beta=0.75, gamma=1.5, **LOGITS),
    _masks("lovasz", P, curved=False),
]

FIRST_DEFINITIONS = {d.loss: d for d in reversed(oracle.DEFINITIONS)}
CASES = [
    _of_definition(definition)
    for loss, definition in reversed(FIRST_DEFINITIONS.items())
    if loss not in {case.loss for case in OWN_CASES}
] + OWN_CASES

LOSSES = sorted({case.loss for case in CASES})
# By label, a few of different kinds, for what takes long.
FEW = (
    "binary_cross_entropy(from_logits=True)",
    "sparse_cross_entropy(label_smoothing=0.1,ignore_index=1)",
)


def one_a_loss() -> list[Case]:
    """Return the first case of each loss."""
    return list({case.loss: case for case in reversed(CASES)}.values())[::-1]
