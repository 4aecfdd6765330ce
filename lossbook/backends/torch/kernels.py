"""The fused forms that PyTorch has, or that are quicker on it, of whole losses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import inf, isfinite
from typing import Any

import torch
import torch.nn.functional as F

from lossbook.backends.torch.custom_grad import reduced, with_derivatives
from lossbook.backends.torch.ops import (
    STEP,
    is_large,
    is_open,
    is_sharded,
    range_of,
    softplus,
)
from lossbook.backends.torch.sums import in_graph_of_cpu
from lossbook.backends.torch.transforms import is_transformed

Array = Any

_NO_LABEL = -(2**62)  # torch ignores -100 unless told otherwise
_SMALL = 2**16  # elements up to which a look at all of them costs next to nothing
_FEW = 2**12  # elements from which on torch's bce takes up to three times its parts'
_WIDE = 2**14  # classes from which on memory counts more than a quarter of the time
_GENTLE = 40.0  # size of scores up to which exp(z) squared does not overflow
_EDGE = 1e-11  # torch's derivative of bce takes p (1 - p) for 1e-12 at least


def _are_bits(x: Array) -> bool:
    """Say whether all values are known to be 0 or 1, where x - x^2 is 0.

    On many elements `torch.equal` takes as long as the sigmoid, and this a third.
    """
    try:
        if not is_open(x):
            return False
        if x.numel() <= _SMALL:
            return bool(torch.equal(x, x * x))
        blocks = x.detach().reshape(-1).split(STEP)
        edges = (torch.aminmax(torch.addcmul(b, b, b, value=-1)) for b in blocks)
        return all(low.item() == 0 == high.item() for low, high in edges)
    except RuntimeError:  # vmap has no single value to show
        return False


def _bce_logits(y: Array, z: Array, reduction: str) -> Array | None:
    """Take the short way, softplus((1 - 2y) z), where all targets are 0 or 1.

    The two agree at 0 and 1 only, so the slope by y is that of the formula, -z.
    """
    if y.requires_grad or not _are_bits(y):
        return None
    if _is_plain(y, reduction):
        return _of_sign(torch.add(-1.0, y, alpha=2), z, reduction)
    return with_derivatives(
        _signed_softplus, [_minus, _signed_sigmoid], y, z, reduction=reduction
    )


def _of_sign(sign: Array, z: Array, reduction: str) -> Array:
    """Reduce log(1 + exp(-sign z)), in a single step where exp cannot overflow."""
    known = range_of(z)
    if known is None or not max(-known[0], known[1]) < _GENTLE:  # NaN too
        return reduced(softplus(-(sign * z)), reduction)
    return F.soft_margin_loss(z, sign, reduction=reduction)


def _signed_softplus(y: Array, z: Array) -> Array:
    return softplus(torch.sub(1.0, y, alpha=2) * z)


def _signed_sigmoid(y: Array, z: Array) -> Array:
    sign = torch.sub(1.0, y, alpha=2)
    share = (sign * z).sigmoid_()
    return share * sign if torch.is_grad_enabled() else share.mul_(sign)


def _minus(y: Array, z: Array) -> Array:
    return -z


def _weighted_bce_logits(y: Array, z: Array, w: Array, reduction: str) -> Array | None:
    """Take the short way, softplus((1 - 2y) z) times w where y = 1."""
    if y.requires_grad or not _are_bits(y) or not _is_finite(z) or not _is_finite(w):
        return None
    if not _is_plain(y, reduction):
        return None
    return reduced(torch.where(y == 1, w, 1.0) * _signed_softplus(y, z), reduction)


def _logistic(y: Array, z: Array, reduction: str) -> Array | None:
    if y.requires_grad or not _is_plain(y, reduction):
        return None
    return _of_sign(y, z, reduction)


def _is_plain(x: Array, reduction: str) -> bool:
    """Say whether torch may derive a formula itself, a third quicker on few elements.

    Not where weights may follow, which silence what is not finite; nor where many
    elements need blocks; nor where somebody differentiates by a tensor that does not
    say so, as torch.func and forward_ad do.
    """
    if reduction == "none" or not is_open(x) or x.numel() > _SMALL:
        return False
    return not is_transformed()


def _bce(y: Array, p: Array, reduction: str) -> Array | None:
    """Take the short way where no probability is 0 or 1: there is no 0 * inf."""
    known = range_of(p)
    if y.requires_grad or known is None or not (known[0] > 0 and known[1] < 1):
        return None
    if is_transformed():  # of y alone vmap may have several
        return None
    inside = known[0] > _EDGE and known[1] < 1 - _EDGE
    few = y.numel() <= _FEW
    if inside and few and _is_finite(y):  # torch refuses NaN
        return F.binary_cross_entropy(p, y, reduction=reduction)
    derivatives = [_by_target, _inner_bce_derivative]
    return with_derivatives(_inner_bce, derivatives, y, p, reduction=reduction)


def _by_target(y: Array, p: Array) -> Array:
    return torch.log1p(-p) - torch.log(p)


def _inner_bce(y: Array, p: Array) -> Array:
    return torch.log(p).mul_(y).addcmul_(1 - y, torch.log1p(-p)).neg_()


def _inner_bce_derivative(y: Array, p: Array) -> Array:
    return (p - y).div_((1 - p).mul_(p))


def _softmax_ce(y: Array, z: Array, reduction: str) -> Array | None:
    """Take the short way where no logit is -inf: there 0 * log p needs no care."""
    if z.dim() != 2 or not _is_finite(z):
        return None
    return F.cross_entropy(z, y, reduction=reduction)


def _needs_own_derivative(y_true: Array, y_pred: Array, reduction: str) -> bool:
    """Say where torch's own kernel will not do.

    Weights may follow on "none", and 0 times its infinite slope is NaN; of large arrays
    it adds up the losses in float32; of DTensors it takes the mean of the means, and
    multiplies the gradient by the number of processes; and those of MSE and Huber have
    no derivative forwards of that backwards.
    """
    if reduction == "none" or is_sharded(y_pred) or is_large(y_true, y_pred):
        return True
    return is_transformed()


def _torchs(
    loss: Callable[..., Array], x: Array, y: Array, reduction: str, **options: Any
) -> Array:
    """Call a loss of torch's; a graph on a CPU gets a sum that loses no digits."""
    if reduction == "none" or not in_graph_of_cpu(x):
        return loss(x, y, reduction=reduction, **options)
    return reduced(loss(x, y, reduction="none", **options), reduction)


def _mse(y_true: Array, y_pred: Array, reduction: str) -> Array:
    if _needs_own_derivative(y_true, y_pred, reduction):
        return _of_difference(torch.square, _twice, y_true, y_pred, reduction)
    return _torchs(F.mse_loss, y_pred, y_true, reduction)


def _mae(y_true: Array, y_pred: Array, reduction: str) -> Array:
    if _needs_own_derivative(y_true, y_pred, reduction):
        return _of_difference(torch.abs, torch.sign, y_true, y_pred, reduction)
    return _torchs(F.l1_loss, y_pred, y_true, reduction)


def _huber(y_true: Array, y_pred: Array, reduction: str, delta: float) -> Array:
    if not _needs_own_derivative(y_true, y_pred, reduction):
        return _torchs(F.huber_loss, y_pred, y_true, reduction, delta=delta)

    def loss(error: Array) -> Array:
        size = error.abs()
        quadratic = size.clamp(max=delta)
        return 0.5 * quadratic * quadratic + delta * (size - quadratic)

    def derivative(error: Array) -> Array:
        return error.clamp(-delta, delta)

    return _of_difference(loss, derivative, y_true, y_pred, reduction)


def _twice(x: Array) -> Array:
    return 2 * x


def _of_difference(
    loss: Callable[[Array], Array],
    derivative: Callable[[Array], Array],
    y_true: Array,
    y_pred: Array,
    reduction: str,
) -> Array:
    """Apply a loss of the error, which is not held where the result is one number."""
    if reduction == "none":
        return with_derivatives(loss, [derivative], y_pred - y_true)
    derivatives = [lambda y, p: -derivative(p - y), lambda y, p: derivative(p - y)]
    return with_derivatives(
        lambda y, p: loss(p - y), derivatives, y_true, y_pred, reduction=reduction
    )


def _sparse_cross_entropy(labels: Array, logits: Array, reduction: str) -> Any:
    """Leave rows to the formula that may weigh nothing and whose loss is not finite.

    Their gradient is NaN in torch, also where 0 arrives on the way back.
    """
    if is_sharded(logits):  # as for the mean of errors
        return None
    if reduction == "none" and logits.shape[-1] >= _WIDE and is_large(logits):
        return None  # torch holds three times the logits, the formula its gradient
    if logits.dim() > 2:
        flat = labels.reshape(-1), logits.reshape(-1, logits.shape[-1])
        losses = _sparse_cross_entropy(*flat, reduction)
        reduced = losses is None or reduction != "none"
        return losses if reduced else losses.reshape(labels.shape)
    losses = _torchs(F.cross_entropy, logits, labels, reduction, ignore_index=_NO_LABEL)
    return losses if reduction != "none" or _is_finite(losses) else None


def _weighted_sparse_cross_entropy(
    labels: Array,
    logits: Array,
    reduction: str,
    ignored: Array | None,
    class_weight: Array | None,
    label_smoothing: float,
) -> Array | None:
    """Take torch's kernel where nothing that it leaves out could spoil the gradient."""
    learned = class_weight is not None and class_weight.requires_grad
    if logits.dim() != 2 or learned or not _is_plain(logits, reduction):
        return None  # a class weight under torch.func does not say that it is learned
    if not _is_finite(logits):
        return None
    if ignored is not None:
        labels = labels.masked_fill(ignored, _NO_LABEL)
    loss = F.cross_entropy(
        logits, labels, class_weight, reduction=reduction, ignore_index=_NO_LABEL,
        label_smoothing=label_smoothing,
    )  # fmt: skip
    return loss if isfinite(loss.item()) else None  # the mean of nothing is 0, not NaN


def _surprise(p: Array, reduction: str) -> Array | None:
    known = range_of(p)
    if known is None or known[0] <= 0 or not _is_plain(p, reduction):
        return None
    return -reduced(torch.log(p), reduction)


def _surprise_of_labels(labels: Array, p: Array, reduction: str) -> Array | None:
    """Take one step less than to pick and then to ask, where no class is ruled out."""
    if p.dim() != 2 or not _is_plain(p, reduction):
        return None
    known = range_of(p)
    if known is None or not known[0] > 0:
        return None  # NaN too, and 0 times the infinite slope of another class
    log_p = torch.log(p)
    return F.nll_loss(log_p, labels, ignore_index=_NO_LABEL, reduction=reduction)


def _each_mse(y_true: Array, y_pred: Array, reduction: str) -> Array | None:
    if not _is_plain(y_pred, reduction):
        return None
    return F.mse_loss(y_pred, y_true, reduction="none")


def _each_bce_logits(y: Array, z: Array, reduction: str) -> Array | None:
    if y.requires_grad or not _is_plain(y, reduction) or not _are_bits(y):
        return None
    return _signed_softplus(y, z)


def _each_logistic(y: Array, z: Array, reduction: str) -> Array | None:
    return softplus(-(y * z)) if _is_plain(y, reduction) else None


def _each_sparse_cross_entropy(
    labels: Array, logits: Array, reduction: str
) -> Array | None:
    if logits.dim() != 2 or not _is_plain(logits, reduction):
        return None
    return F.cross_entropy(logits, labels, reduction="none", ignore_index=_NO_LABEL)


def _is_finite(x: Array) -> bool:
    """Say whether all values are known to be finite."""
    known = range_of(x)
    return known is not None and -inf < known[0] and known[1] < inf


def _adam(h: Any, p: Array, g: Array, m: Array, v: Array) -> Any:
    """Take Adam's step in place on new arrays, which halves its time on a CPU."""
    if isinstance(h.t, torch.Tensor) or isinstance(h.lr, torch.Tensor):
        return None
    root = (1 - h.base2**h.t) ** 0.5
    rate = h.lr * root / (1 - h.base1**h.t)
    eps = h.eps if h.like == "keras" else h.eps * root
    m = torch.lerp(m, g, 1 - h.beta1)
    v = (h.beta2 * v).addcmul_(g, g, value=1 - h.beta2)
    return torch.addcdiv(p, m, v.sqrt().add_(eps), value=-rate), m, v


def _newton_schulz(x: Array, steps: int, a: float, b: float, c: float) -> Array:
    """Multiply in bfloat16 proper, as torch.optim.Muon does: tensor cores are quick."""
    x = x.bfloat16()
    for _ in range(steps):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x


# Whole losses in one pass over the data. A test holds each against its formula.
KERNELS: Mapping[str, Callable[..., Any]] = {
    "mse of error": _mse,
    "mae of error": _mae,
    "huber of error": _huber,
    "bce": _bce,
    "bce_logits": _bce_logits,
    "softmax_ce": _softmax_ce,
    "sparse_cross_entropy": _sparse_cross_entropy,
    "surprise": _surprise,
    "surprise of labels": _surprise_of_labels,
    "logistic of margin": _logistic,
    "mse of error, each": _each_mse,
    "bce_logits, each": _each_bce_logits,
    "logistic of margin, each": _each_logistic,
    "sparse_cross_entropy, each": _each_sparse_cross_entropy,
    "weighted_bce_logits": _weighted_bce_logits,
    "weighted_sparse_cross_entropy": _weighted_sparse_cross_entropy,
}

# Steps of optimizers, by the name of the rule.
STEPS: Mapping[str, Callable[..., Any]] = {
    "adam": _adam,
    "newton_schulz": _newton_schulz,
}
