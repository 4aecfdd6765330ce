"""The optimizer family: how a gradient becomes a step.

Each optimizer has two pure functions: ``init(params)`` makes its state, and
``step(params, grads, state)`` returns new parameters and a new state and changes
nothing. ``like="torch"`` and ``like="keras"`` give the formula and the defaults of
that library, which differ in more than spelling; of Lion and Muon there is optax's too.
"""

from lossbook.optim.adam import adam, adamw
from lossbook.optim.clipping import clip_by_global_norm
from lossbook.optim.lion import lion
from lossbook.optim.muon import muon
from lossbook.optim.optimizer import Optimizer
from lossbook.optim.rules import adagrad, gradient_descent, rmsprop, sgd
from lossbook.optim.schedules import constant, cosine, lr_range_test, one_cycle, step

__all__ = [
    "Optimizer",
    "adagrad",
    "adam",
    "adamw",
    "clip_by_global_norm",
    "constant",
    "cosine",
    "gradient_descent",
    "lion",
    "lr_range_test",
    "muon",
    "one_cycle",
    "rmsprop",
    "sgd",
    "step",
]
