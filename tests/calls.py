"""Every loss as a call on arrays of one framework: what the contexts are given."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple, get_args

import numpy as np
import tensorflow as tf
import torch

import lossbook as lb
from lossbook.losses import adversarial

from .backends import jax
from .cases import CASES

RNG = np.random.default_rng(13)
WEIGHT = np.array([1.0, 0.0, 2.0, 0.5])
SCORES, MORE = RNG.normal(size=(2, 4))
VECTORS = RNG.normal(size=(3, 4, 5))
OUTPUT = RNG.normal(size=(6, 5))


class Loss(NamedTuple):
    """A loss, what it takes as NumPy arrays, and which of them is the prediction."""

    name: str
    function: Callable[..., Any]
    arrays: tuple[Any, ...]
    argnum: int = 0


def _of_case(case: Any) -> Loss:
    def function(*args: Any) -> Any:
        return case(*args[:-1], sample_weight=args[-1])

    weight = WEIGHT[: case.losses_shape[0]]
    return Loss(case.label, function, (*case.inputs("numpy"), weight), 1)


def _of_classes(name: str) -> Loss:
    """Masks of three classes under a softmax, a pixel of them not there."""
    y = (RNG.integers(0, 3, (4, 1, 5)) == np.arange(3)[:, None]) * 1.0
    y[0, :, 2] = 255

    def function(y: Any, pred: Any, weight: Any) -> Any:
        options: dict[str, Any] = {"axis": 1, "from_logits": True, "ignore_index": 255}
        options["class_weight"] = [0.0, 1.0, 2.0]
        return getattr(lb, name)(y, pred, sample_weight=weight, **options)

    return Loss(f"{name}(axis=1)", function, (y, RNG.normal(size=(4, 3, 5)), WEIGHT), 1)


def _weighted(name: str, *arrays: Any, **options: Any) -> Loss:
    def function(*args: Any) -> Any:
        return getattr(lb, name)(*args[:-1], sample_weight=args[-1], **options)

    label = ",".join([name, *map(str, options.values())])
    return Loss(label, function, (*arrays, WEIGHT))


LOSSES = [
    *map(_of_case, CASES),
    _of_classes("dice"),
    _of_classes("lovasz"),
    _weighted("triplet", *VECTORS),
    _weighted("info_nce", *VECTORS[:2]),
    _weighted("margin_ranking", SCORES, MORE),
    _weighted("bpr", SCORES, MORE),
    _weighted("warp", SCORES, RNG.normal(size=(4, 3))),
    _weighted("linear_cross_entropy", VECTORS[0], OUTPUT, np.array([0, 5, 2, 2])),
    *(
        _weighted(name, *scores, kind=kind)
        for kind in get_args(adversarial.Kind)
        for name, scores in (
            ("gan_discriminator", (SCORES, MORE)), ("gan_generator", (MORE,)),
        )
    ),
    Loss("l1", lb.l1, (SCORES,)),
    Loss("l2", lb.l2, (SCORES,)),
    Loss("elastic_net", lb.elastic_net, (SCORES,)),
    Loss("multitask", lb.multitask, (SCORES**2, MORE)),
    Loss("global_mean", lb.global_mean, (SCORES, WEIGHT)),
]  # fmt: skip


def all_at_once(losses: list[Loss]) -> Loss:
    """Return one loss of all predictions, end to end, whose value is all values."""
    flat = np.concatenate([loss.arrays[loss.argnum].ravel() for loss in losses])
    others = [_without_prediction(loss) for loss in losses]

    def function(pred: Any, *rest: Any) -> Any:
        reshape, stack = _reshape_and_stack(pred)
        values, start, remaining = [], 0, list(rest)
        for loss, those in zip(losses, others, strict=True):
            shape = loss.arrays[loss.argnum].shape
            size = math.prod(shape)
            args = [remaining.pop(0) for _ in those]
            args.insert(loss.argnum, reshape(pred[start : start + size], shape))
            values.append(loss.function(*args))
            start += size
        return stack(values)

    return Loss("all", function, (flat, *(x for those in others for x in those)))


def _reshape_and_stack(x: Any) -> tuple[Any, Any]:
    if isinstance(x, torch.Tensor):
        return torch.reshape, torch.stack
    if tf.is_tensor(x):
        return tf.reshape, tf.stack
    return jax().numpy.reshape, jax().numpy.stack


def _without_prediction(loss: Loss) -> list[Any]:
    return [x for k, x in enumerate(loss.arrays) if k != loss.argnum]


class Call(NamedTuple):
    """A loss with arrays of one framework, as a function of the prediction alone."""

    loss: Loss
    args: list[Any]

    @property
    def pred(self) -> Any:
        return self.args[self.loss.argnum]

    def __call__(self, pred: Any) -> Any:
        k = self.loss.argnum
        return self.loss.function(*self.args[:k], pred, *self.args[k + 1 :])


def rounded(loss: Loss, dtype: Any) -> list[Any]:
    """Return what a loss takes, its floating-point numbers rounded to a dtype."""
    floats = (x if x.dtype.kind in "iu" else x.astype(dtype) for x in loss.arrays)
    return list(floats)


def expected(loss: Loss, dtype: Any) -> tuple[Any, Any]:
    """Return value and gradient in the plain case, which the oracles hold."""
    wide = [
        x if x.dtype.kind in "iu" else x.astype(np.float64)
        for x in rounded(loss, dtype)
    ]
    plain = Call(loss, wide)
    return lb.value_and_grad(plain)(plain.pred)
