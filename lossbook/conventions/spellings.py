"""The names under which the libraries have each loss, and inputs to try them on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Case:
    """A loss, two samples to try it on, and its names: each with options that it needs.

    `y` is the truth and `p` the prediction; where there is no truth, `p` is the first
    argument and `y` the second. `more` holds further arguments; a penalty has `y`
    alone. `zero` is a sample whose right answer has the probability 0; `far` is one
    where definitions that agree elsewhere may part, with the words for it.
    """

    label: str
    y: Any
    p: Any
    names: dict[str, tuple[str, dict[str, Any]]]
    zero: tuple[Any, Any] | None = None
    far: tuple[str, Any, Any] | None = None
    one_hot: tuple[str, ...] = ()
    logs: tuple[str, ...] = ()
    classes: tuple[int, ...] = ()
    more: tuple[Any, ...] = ()

    @property
    def inputs(self) -> tuple[Any, ...]:
        """The samples; of a penalty the parameters alone."""
        return (self.y,) if self.p is None else (self.y, self.p, *self.more)


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
_WEIGHTS: dict[str, Any] = {"y": _floats(3.0, -4.0), "p": None}
_SIGN: dict[str, Any] = {
    "y": _floats(1, -1),
    "p": _floats(-2.0, 0.5),
    "classes": [-1, 1],
}
_P = _floats([0.25, 0.5, 0.25], [0.5, 0.375, 0.125])
_Z = _floats([0.5, -1.0, 2.0], [0.0, 1.0, -1.0])
_LABEL: dict[str, Any] = {"y": np.array([0, 2]), "classes": (0, 1, 2)}
# As much missed as alarmed about: what alpha and beta weigh makes no difference.
_MASK: dict[str, Any] = {"y": _floats([1, 0, 1]), "p": _floats([0.5, 0.5, 1.0])}
_SOFT: dict[str, Any] = {"y": _floats([1, 0, 0], [0, 0.5, 0.5])}

CASES = (
    Case(
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
    Case("rmse", **_REAL, names=_named("rmse", sklearn="root_mean_squared_error")),
    Case(
        "mae",
        **_REAL,
        names=_named(
            "mae",
            torch="l1_loss",
            keras="MeanAbsoluteError",
            sklearn="mean_absolute_error",
        ),
    ),
    Case(
        "huber",
        **_REAL,
        names=_named("huber", torch="huber_loss", keras="Huber", optax="huber_loss"),
    ),
    Case(
        "log_cosh",
        **_REAL,
        far=("at an error of 1e-4", _floats(0), _floats(1e-4)),
        names=_named("log_cosh", keras="LogCosh", optax="log_cosh"),
    ),
    Case("quantile", **_REAL, names=_named("quantile", sklearn="mean_pinball_loss")),
    Case(
        "gaussian_nll",
        **_REAL,
        more=(_floats(0.5, 2.0),),
        names=_named("gaussian_nll", torch="gaussian_nll_loss"),
    ),
    Case(
        "poisson_nll",
        **_COUNT,
        names=_named(
            "poisson_nll",
            torch=("poisson_nll_loss", {"log_input": False}),
            keras="Poisson",
        ),
    ),
    Case(
        "poisson_nll of log-rates",
        **_COUNT,
        names=_named("poisson_nll", {"log_input": True}, torch="poisson_nll_loss"),
    ),
    Case(
        "zero_one",
        y=np.array([0, 1]),
        p=np.array([1, 1]),
        names=_named("zero_one", sklearn="zero_one_loss"),
    ),
    Case(
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
    Case(
        "binary_cross_entropy of logits",
        **_BIT_LOGIT,
        far=("at a logit of −20", _floats(0), _floats(-20)),
        names=_named(
            "binary_cross_entropy",
            _LOGITS,
            torch="binary_cross_entropy_with_logits",
            keras=("BinaryCrossentropy", _LOGITS),
            optax="sigmoid_binary_cross_entropy",
        ),
    ),
    Case(
        "cross_entropy",
        **_SOFT,
        p=_P,
        zero=(_floats([1, 0, 0]), _floats([0, 0.5, 0.5])),
        names=_named("cross_entropy", keras="CategoricalCrossentropy"),
    ),
    Case(
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
    Case(
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
    Case(
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
    Case(
        "log_loss",
        **_LABEL,
        p=_P,
        zero=(np.array([0]), _floats([0, 0.5, 0.5])),
        names=_named("log_loss", sklearn="log_loss"),
    ),
    Case(
        "kl_divergence",
        **_SOFT,
        p=_P,
        logs=("PyTorch", "Optax"),
        names=_named(
            "kl_divergence", torch="kl_div", keras="KLDivergence", optax="kl_divergence"
        ),
    ),
    Case(
        "hinge",
        **_SIGN,
        names=_named("hinge", keras="Hinge", sklearn="hinge_loss", optax="hinge_loss"),
    ),
    Case("squared_hinge", **_SIGN, names=_named("squared_hinge", keras="SquaredHinge")),
    Case(
        "multiclass_hinge",
        **_LABEL,
        p=_Z,
        one_hot=("Keras",),
        far=("at scores below 0", np.array([0]), _floats([-2.0, -1.5, -3.0])),
        names=_named(
            "multiclass_hinge",
            torch="multi_margin_loss",
            keras="CategoricalHinge",
            sklearn="hinge_loss",
            optax="multiclass_hinge_loss",
        ),
    ),
    Case(
        "logistic",
        **_SIGN,
        far=("at a margin of −200", _floats(1), _floats(-200)),
        names=_named("logistic", torch="soft_margin_loss"),
    ),
    Case(
        "focal of logits",
        **_BIT_LOGIT,
        far=("at a logit of −200", _floats(1), _floats(-200)),
        names=_named(
            "focal",
            _LOGITS,
            keras=("BinaryFocalCrossentropy", _LOGITS),
            optax="sigmoid_focal_loss",
        ),
    ),
    Case(
        "dice without smoothing",
        **_MASK,
        far=("where nothing is and nothing said", _floats([0, 0]), _floats([0, 0])),
        names=_named("dice", {"smooth": 0.0}, keras="Dice"),
    ),
    Case(
        "tversky without smoothing",
        **_MASK,
        far=("where a mask is half missed", _floats([1, 1]), _floats([1, 0])),
        names=_named(
            "tversky",
            {"alpha": 0.2, "beta": 0.6, "smooth": 0.0},
            keras=("Tversky", {"alpha": 0.2, "beta": 0.6}),
        ),
    ),
    Case(
        "margin_ranking of margin 0",
        y=_floats(1.0, 4.5),
        p=_floats(0.5, 2.0),
        names=_named(
            "margin_ranking",
            {"margin": 0.0},
            torch=("margin_ranking_loss", {"target": _floats(1)}),
        ),
    ),
    Case(
        "triplet",
        y=_floats([3, 4], [0, 1]),
        p=_floats([0, 0], [0, 0]),
        more=(_floats([0, 4.5], [0, 1.5]),),
        names=_named(
            "triplet", torch="triplet_margin_loss", optax="triplet_margin_loss"
        ),
    ),
    Case("l1", **_WEIGHTS, names=_named("l1", keras="regularizers.L1")),
    Case("l2", **_WEIGHTS, names=_named("l2", keras="regularizers.L2")),
    Case(
        "elastic_net",
        **_WEIGHTS,
        names=_named(
            "elastic_net", keras=("regularizers.L1L2", {"l1": 0.5, "l2": 0.25})
        ),
    ),
)
