"""The fused forms that PyTorch has, or that are quicker on it, of whole losses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import inf, isfinite
from typing import Any

import torch
import torch.nn.functional as F

from lossbook.backends.torch.custom_grad import reduced, with_derivatives
from lossbook.backends.torch.errors import CODES, huber, mae, mse, own, torchs
from lossbook.backends.torch.ops import (
    STEP,
    is_large,
    is_open,
    is_sharded,
    range_of,
    softplus,
)
from lossbook.backends.torch.transforms import is_transformed

Array = Any

_NO_LABEL = -(2**62)  # torch ignores -100 unless told otherwise
_SMALL = 2**16  # elements up to which a look at all of them costs next to nothing
_FEW = 2**12  # elements from which on torch's bce takes up to three times its parts'
_WIDE = 2**14  # classes from which on memory counts more than a quarter of the time
_FINITE = 80.0  # log-rates up to which exp(z) is finite in float32
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
        _signed_softplus,
        [_minus, _signed_sigmoid],
        y,
        z,
        reduction=reduction,
        lean=True,
    )


def _of_sign(sign: Array, z: Array, reduction: str) -> Array:
    """Reduce log(1 + exp(-sign z)), in a single step where exp cannot overflow."""
    known = range_of(z)
    if known is None or not max(-known[0], known[1]) < _GENTLE:  # NaN too
        return reduced(softplus(-(sign * z)), reduction)
    return own.soft_margin_loss(z, sign, CODES[reduction])


def _signed_softplus(y: Array, z: Array) -> Array:
    return _softplus_of(torch.sub(1.0, y, alpha=2), z)


def _softplus_of(made: Array, z: Array) -> Array:
    """Return log(1 + exp(made z)), in the place of what was made if that is private."""
    if not _is_private(made):
        return softplus(made * z)
    made.mul_(z)
    return torch.ops.aten.softplus.out(made, 1, 40.0, out=made)


def _signed_sigmoid(y: Array, z: Array) -> Array:
    sign = torch.sub(1.0, y, alpha=2)
    if not _is_private(sign):
        return (sign * z).sigmoid() * sign
    share = sign.mul_(z).sigmoid_()
    return share.addcmul_(y, share, value=-2)  # the sign again, exact at 0 and 1


def _is_private(made: Array) -> bool:
    """Say whether nobody differentiates what has been made here, nor maps it.

    Then it may be overwritten, which spares memory and half of the time that it costs
    to have it.
    """
    if torch.is_grad_enabled() or not is_open(made):
        return False
    return not is_transformed()


def _minus(y: Array, z: Array) -> Array:
    return -z


def _weighted_bce_logits(y: Array, z: Array, w: Array, reduction: str) -> Array | None:
    """Take the short way, softplus((1 - 2y) z) times w where y = 1."""
    if y.requires_grad or not _are_bits(y) or not _is_finite(z) or not _is_finite(w):
        return None
    if not _is_plain(y, reduction):
        return None
    return reduced(torch.where(y == 1, w, 1.0) * _signed_softplus(y, z), reduction)


def _logistic(y: Array, z: Array, reduction: str) -> Array:
    if not y.requires_grad and _is_plain(y, reduction):
        return _of_sign(y, z, reduction)
    slopes = [lambda y, z: _slope_of_margin(z, y), _slope_of_margin]
    return with_derivatives(
        _loss_of_margin, slopes, y, z, reduction=reduction, lean=True
    )


def _loss_of_margin(y: Array, z: Array) -> Array:
    return _softplus_of(-y, z)


def _slope_of_margin(by: Array, of: Array) -> Array:
    """Return the derivative of log(1 + exp(-y z)) by z, or the other way round by y."""
    against = by * of
    if not _is_private(against):
        return -(by * (-against).sigmoid())
    return against.neg_().sigmoid_().mul_(by).neg_()


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
        return own.binary_cross_entropy(p, y, None, CODES[reduction])
    derivatives = [_by_target, _inner_bce_derivative]
    return with_derivatives(_inner_bce, derivatives, y, p, reduction=reduction)


def _by_target(y: Array, p: Array) -> Array:
    return torch.log1p(-p) - torch.log(p)


def _inner_bce(y: Array, p: Array) -> Array:
    return torch.log(p).mul_(y).addcmul_(1 - y, torch.log1p(-p)).neg_()


def _inner_bce_derivative(y: Array, p: Array) -> Array:
    return (p - y).div_((1 - p).mul_(p))


def _poisson_log(y: Array, z: Array, reduction: str) -> Array | None:
    """Let torch derive what has no care to take: no rate is 0 or infinite."""
    known = range_of(z) if _is_plain(z, reduction) else None
    if known is None or not (-inf < known[0] and known[1] < _FINITE):
        return None
    return reduced(torch.exp(z) - y * z, reduction)


def _softmax_ce(y: Array, z: Array, reduction: str) -> Array | None:
    """Take the short way where no logit is -inf: there 0 * log p needs no care.

    That shows in the losses, of which there are fewer than logits.
    """
    if z.dim() != 2 or not is_open(z):
        return None
    losses = F.cross_entropy(z, y, reduction=reduction)
    return losses if _is_finite(losses) else None


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
    losses = torchs(_cross_entropy, logits, labels, reduction)
    return losses if reduction != "none" or _is_finite(losses) else None


def _cross_entropy(logits: Array, labels: Array, code: int) -> Array:
    return own.cross_entropy_loss(logits, labels, None, code, _NO_LABEL, 0.0)


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
    return own.mse_loss(y_pred, y_true, CODES["none"])


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
    "mse of error": mse,
    "mae of error": mae,
    "huber of error": huber,
    "bce": _bce,
    "bce_logits": _bce_logits,
    "poisson_nll_log": _poisson_log,
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
