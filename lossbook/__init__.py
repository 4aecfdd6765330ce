"""Loss functions, right to the last digit, on NumPy, PyTorch, TensorFlow and JAX.

>>> import lossbook as lb
>>> float(lb.mse([3, 5], [2.5, 5.5]))
0.25
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from lossbook.losses.adversarial import (
    gan_discriminator,
    gan_generator,
    gradient_penalty,
)
from lossbook.losses.classification import (
    binary_cross_entropy,
    cross_entropy,
    kl_divergence,
    log_loss,
    sparse_cross_entropy,
)
from lossbook.losses.contrastive import info_nce
from lossbook.losses.focal import focal, sparse_focal
from lossbook.losses.linear_cross_entropy import linear_cross_entropy
from lossbook.losses.lovasz import lovasz
from lossbook.losses.margins import (
    hinge,
    logistic,
    multiclass_hinge,
    squared_hinge,
    zero_one,
)
from lossbook.losses.penalties import elastic_net, l1, l2, objective
from lossbook.losses.ranking import bpr, margin_ranking, triplet, warp
from lossbook.losses.regression import (
    gaussian_nll,
    huber,
    log_cosh,
    mae,
    mse,
    poisson_nll,
    quantile,
    rmse,
)
from lossbook.losses.robust import adaptive_robust
from lossbook.losses.segmentation import dice, jaccard, tversky
from lossbook.losses.weighting import class_weights, global_mean, multitask

if TYPE_CHECKING:
    from lossbook import adapters as adapters
    from lossbook import conventions as conventions
    from lossbook import datasets as datasets
    from lossbook import metrics as metrics
    from lossbook import optim as optim
    from lossbook import plots as plots
    from lossbook import results as results
    from lossbook._book.exercises import check
    from lossbook.constants import best_constant
    from lossbook.gradients import (
        check_gradient,
        gradient_hessian,
        numerical_gradient,
        value_and_grad,
    )

__version__ = "0.1.0"

__all__ = [
    "adaptive_robust",
    "best_constant",
    "binary_cross_entropy",
    "bpr",
    "check",
    "check_gradient",
    "class_weights",
    "cross_entropy",
    "dice",
    "elastic_net",
    "focal",
    "gan_discriminator",
    "gan_generator",
    "gaussian_nll",
    "global_mean",
    "gradient_hessian",
    "gradient_penalty",
    "hinge",
    "huber",
    "info_nce",
    "jaccard",
    "kl_divergence",
    "l1",
    "l2",
    "linear_cross_entropy",
    "log_cosh",
    "log_loss",
    "logistic",
    "lovasz",
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
    "tversky",
    "value_and_grad",
    "warp",
    "zero_one",
]

# What is no loss, or needs more than NumPy, is loaded when it is first used (PEP 562).
_LAZY = (
    "adapters",
    "conventions",
    "datasets",
    "metrics",
    "optim",
    "plots",
    "results",
)
_LAZY_FUNCTIONS = {
    "best_constant": "lossbook.constants",
    "check": "lossbook._book.exercises",
    "check_gradient": "lossbook.gradients",
    "gradient_hessian": "lossbook.gradients",
    "numerical_gradient": "lossbook.gradients",
    "value_and_grad": "lossbook.gradients",
}


def _not_rewritten(function: Any) -> Any:
    """Mark a function for TensorFlow's AutoGraph, which then leaves it as it is.

    There is no control flow on tensors in ours, and rewriting would only slow the
    first trace down.
    """
    function.autograph_info__ = {}
    return function


for _name in __all__:
    if _name in globals():
        _not_rewritten(globals()[_name])


# Not for type checkers: a name that does not exist is an error to them.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name in _LAZY:
            return import_module(f"lossbook.{name}")
        if name in _LAZY_FUNCTIONS:
            module = import_module(_LAZY_FUNCTIONS[name])
            globals()[name] = _not_rewritten(getattr(module, name))
            return globals()[name]
        raise AttributeError(f"module 'lossbook' has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*globals(), *_LAZY, *__all__})
