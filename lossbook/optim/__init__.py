"""The optimizer family: how a gradient becomes a step.

Each optimizer has two pure functions: ``init(params)`` makes its state, and
``step(params, grads, state)`` returns new parameters and a new state and changes
nothing. ``like="torch"`` and ``like="keras"`` give the formula and the defaults of
that library, which differ in more than spelling.
"""

from lossbook.optim.optimizer import Optimizer
from lossbook.optim.rules import (
    adagrad,
    adam,
    adamw,
    gradient_descent,
    rmsprop,
    sgd,
)
from lossbook.optim.schedules import constant, cosine, lr_range_test, one_cycle, step

__all__ = [
    "Optimizer",
    "adagrad",
    "adam",
    "adamw",
    "constant",
    "cosine",
    "gradient_descent",
    "lr_range_test",
    "one_cycle",
    "rmsprop",
    "sgd",
    "step",
]
