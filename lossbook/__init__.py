"""Loss functions that are right to the last digit, on NumPy, PyTorch and TensorFlow.

>>> import lossbook as lb
>>> float(lb.mse([3, 5], [2.5, 5.5]))
0.25
"""

from importlib import import_module
from typing import Any

from lossbook.adversarial import gan_discriminator, gan_generator, gradient_penalty
from lossbook.classification import (
    binary_cross_entropy,
    cross_entropy,
    kl_divergence,
    log_loss,
    sparse_cross_entropy,
)
from lossbook.exercises import check
from lossbook.focal import focal, sparse_focal
from lossbook.gradients import check_gradient, numerical_gradient, value_and_grad
from lossbook.linear_cross_entropy import linear_cross_entropy
from lossbook.margins import (
    hinge,
    logistic,
    multiclass_hinge,
    squared_hinge,
    zero_one,
)
from lossbook.ranking import bpr, info_nce, margin_ranking, triplet, warp
from lossbook.regression import (
    gaussian_nll,
    huber,
    log_cosh,
    mae,
    mse,
    poisson_nll,
    quantile,
    rmse,
)
from lossbook.regularization import elastic_net, l1, l2, objective
from lossbook.robust import adaptive_robust
from lossbook.weighting import class_weights, global_mean, multitask

__version__ = "0.1.0"

__all__ = [
    "adaptive_robust",
    "binary_cross_entropy",
    "bpr",
    "check",
    "check_gradient",
    "class_weights",
    "cross_entropy",
    "elastic_net",
    "focal",
    "gan_discriminator",
    "gan_generator",
    "gaussian_nll",
    "global_mean",
    "gradient_penalty",
    "hinge",
    "huber",
    "info_nce",
    "kl_divergence",
    "l1",
    "l2",
    "linear_cross_entropy",
    "log_cosh",
    "log_loss",
    "logistic",
    "mae",
    "margin_ranking",
    "mse",
    "multiclass_hinge",
    "multitask",
    "numerical_gradient",
    "objective",
    "poisson_nll",
    "quantile",
    "rmse",
    "sparse_cross_entropy",
    "sparse_focal",
    "squared_hinge",
    "triplet",
    "value_and_grad",
    "warp",
    "zero_one",
]

# What needs more than NumPy is loaded when it is first used (PEP 562).
_LAZY = (
    "adapters",
    "conventions",
    "datasets",
    "metrics",
    "optim",
    "plots",
    "results",
)

# TensorFlow's AutoGraph leaves functions with this mark as they are: there is no
# control flow on tensors in them, and rewriting would only slow the first trace down.
for _name in __all__:
    globals()[_name].autograph_info__ = {}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return import_module(f"lossbook.{name}")
    raise AttributeError(f"module 'lossbook' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_LAZY])
