"""The primitives on PyTorch, and the fused kernels that it has for whole losses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from math import isfinite
from typing import Any

import torch
import torch.nn.functional as F

from lossbook._linear import torch as linear
from lossbook.backends import torch_inputs as inputs

Array = Any

NAME = "torch"
LINEAR = linear  # the kernels of linear_cross_entropy

asarray = inputs.asarray
abs = torch.abs
cos = torch.cos
sign = torch.sign
exp = torch.exp
expm1 = torch.expm1
sqrt = torch.sqrt
square = torch.square
tanh = torch.tanh
sinh = torch.sinh
log = torch.log
log1p = torch.log1p
isinf = torch.isinf
sigmoid = torch.sigmoid
power = torch.pow
moveaxis = torch.movedim
matmul = torch.matmul
reshape = torch.reshape
expand_dims = torch.unsqueeze
zeros_like = torch.zeros_like
clip = torch.clamp
where = torch.where

_FLOATS = (torch.float32, torch.float64)
_HALF = (torch.float16, torch.bfloat16)
_NO_LABEL = -(2**62)  # torch ignores -100 unless told otherwise


def owns(kind: type) -> bool:
    """Say whether arrays of this type belong here."""
    return issubclass(kind, torch.Tensor)


def to_float(x: Array) -> Array:
    """Give integers the default dtype and half precision float32; leave the rest."""
    if x.dtype in _FLOATS:
        return x
    return x.to(torch.float32 if x.dtype in _HALF else torch.get_default_dtype())


def cast(x: Array, like: Array) -> Array:
    """Return `x` in the dtype of `like`."""
    return x if x.dtype == like.dtype else x.to(like.dtype)


def to_index(x: Array, like: Array) -> Array:
    """Return integer labels in the type that indexing wants."""
    return x if x.dtype == torch.int64 else x.long()


def is_integer(x: Array) -> bool:
    """Say whether the dtype of `x` is an integer one (bool is not)."""
    return not x.dtype.is_floating_point and x.dtype != torch.bool


def dtype_name(x: Array) -> str:
    """Return the dtype as an error message shows it."""
    return str(x.dtype)


def shape(x: Array) -> tuple[int | None, ...]:
    """Return the shape."""
    return tuple(x.shape)


def fitting(a: Array, b: Array, name: str, other: str) -> Array:
    """Return `a`; shapes that are not known before a graph runs do not occur here."""
    return a


def size(x: Array) -> int:
    """Return the number of elements."""
    return int(x.numel())


def range_of(x: Array) -> tuple[float, float] | None:
    """Return the smallest and the largest value, or None where they are not known.

    They are looked at on the CPU only: on a GPU it would stop the queue.
    """
    if not _open(x):
        return None
    try:
        low, high = torch.aminmax(x.detach())
        return low.item(), high.item()
    except RuntimeError:  # vmap has no single value to show
        return None


def _open(x: Array) -> bool:
    """Say whether one may look at values, as far as one can say without looking."""
    in_graph = torch.compiler.is_compiling() or torch.jit.is_tracing()
    return x.is_cpu and not in_graph


def _whole(x: Array) -> bool:
    """Say whether all values are known to be integers."""
    try:
        return _open(x) and torch.equal(x, x.round())
    except RuntimeError:  # vmap has no single value to show
        return False


def stop_gradient(x: Array) -> Array:
    """Return the values alone, as a constant."""
    return x.detach()


def minimum(a: Array, b: Any) -> Array:
    """Return the smaller of a tensor and a tensor or number."""
    return torch.minimum(a, b) if isinstance(b, torch.Tensor) else a.clamp(max=b)


def maximum(a: Array, b: Any) -> Array:
    """Return the larger of a tensor and a tensor or number."""
    return torch.maximum(a, b) if isinstance(b, torch.Tensor) else a.clamp(min=b)


def softplus(x: Array) -> Array:
    """Return log(1 + exp(x)) for any x.

    From 40 on it is x itself in every dtype; torch's own threshold of 20 loses digits.
    """
    return F.softplus(x, threshold=40.0)


def sum(x: Array, axis: Any = None, keepdims: bool = False) -> Array:
    """Sum over all elements or along an axis."""
    return x.sum() if axis is None else x.sum(dim=axis, keepdim=keepdims)


def mean(x: Array) -> Array:
    """Return the mean of all elements."""
    return x.mean()


def max(x: Array, axis: int, keepdims: bool = False) -> Array:
    """Return the largest value along an axis."""
    return x.amax(dim=axis, keepdim=keepdims)


def log_softmax(x: Array) -> Array:
    """Return log softmax along the last axis."""
    return torch.log_softmax(x, dim=-1)


def take_labels(x: Array, labels: Array) -> Array:
    """Return for each row of `x` the entry that its label names (last axis)."""
    return x.gather(-1, labels.unsqueeze(-1)).squeeze(-1)


def positions(x: Array) -> Array:
    """Return 0, 1, 2, ... along the last axis, in the dtype of `x`."""
    return torch.arange(x.shape[-1], dtype=x.dtype, device=x.device)


def one_hot(labels: Array, classes: int, like: Array) -> Array:
    """Return rows of zeros with a one at the label."""
    places = torch.arange(classes, device=labels.device)  # F.one_hot looks at values
    return (labels.unsqueeze(-1) == places).to(like.dtype)


def times(a: Array, b: Array) -> Array:
    """Return a b, with 0 times anything 0; `where` is slow on a CPU and avoided."""
    known = range_of(b)
    if known and isfinite(known[0]) and isfinite(known[1]):
        return a * b
    return torch.where(a == 0, torch.zeros_like(a), a * b)


def over(a: Array, b: Array) -> Array:
    """Return a / b, with 0 over anything 0."""
    known = range_of(b)
    if known and (known[0] > 0 or known[1] < 0):
        return a / b
    nothing = a == 0
    return torch.where(nothing, torch.zeros_like(a), a / torch.where(nothing, 1.0, b))


def xlogy(x: Array, y: Array) -> Array:
    """Return x log y, and 0 where x is 0; torch's own is ten times slower on a CPU."""
    known = range_of(y)
    return x * torch.log(y) if known and known[0] > 0 else torch.special.xlogy(x, y)


def xlog1py(x: Array, y: Array) -> Array:
    """Return x log(1 + y), and 0 where x is 0."""
    known = range_of(y)
    return (
        x * torch.log1p(y) if known and known[0] > -1 else torch.special.xlog1py(x, y)
    )


def with_slope(
    formula: Callable[..., Array],
    slopes: Sequence[Callable[..., Array] | None],
    *inputs: Array,
    total: str = "none",
    key: Any = None,
) -> Array:
    """Apply `formula`; its derivative by each input is `slopes`, not derived."""
    if torch.compiler.is_compiling():
        # Under torch.func.grad it overlooks an input that is the argument itself.
        inputs = tuple(x.view_as(x) for x in inputs)
        if torch.is_grad_enabled() and any(x.requires_grad for x in inputs):
            return _TransformableSlope.apply(formula, slopes, total, *inputs)
        return _reduced(formula(*inputs), total)
    try:
        return _Slope.apply(formula, slopes, total, *inputs)
    except RuntimeError as error:
        if "setup_context" not in str(error):
            raise
        return _DualSlope.apply(formula, slopes, total, *inputs)


def _reduced(losses: Array, total: str) -> Array:
    if total == "none":
        return losses
    return losses.sum() if total == "sum" else losses.mean()


def _pull(ctx: Any, grad: Array) -> tuple[Any, ...]:
    inputs = ctx.saved_tensors
    if ctx.total == "mean":
        grad = grad / ctx.count
    # Nobody else holds the slope, unless a second derivative or a transform is at work.
    in_place = ctx.quick and not torch.is_grad_enabled()
    needed = zip(ctx.slopes, ctx.needs_input_grad[3:], strict=True)
    return (None, None, None, *(
        _chained(grad, slope(*inputs), in_place) if slope and wanted else None
        for slope, wanted in needed
    ))  # fmt: skip


def _chained(grad: Array, slope: Array, in_place: bool) -> Array:
    """Multiply; a weight of zero silences its element even if the slope is infinite."""
    if grad.dim() == 0:
        return slope.mul_(grad) if in_place else slope * grad
    if grad.dim() < slope.dim():
        grad = grad.unsqueeze(-1)
    return times(grad, slope)


class _Slope(torch.autograd.Function):  # type: ignore[misc]
    """The quick form: torch binds no arguments for it, which saves 25 us a call."""

    @staticmethod
    def forward(
        ctx: Any, formula: Any, slopes: Any, total: str, *inputs: Array
    ) -> Array:
        ctx.slopes, ctx.total, ctx.quick = slopes, total, True
        ctx.save_for_backward(*inputs)
        losses = formula(*inputs)
        ctx.count = losses.numel()
        return _reduced(losses, total)

    backward = staticmethod(_pull)


class _TransformableSlope(torch.autograd.Function):  # type: ignore[misc]
    """The form that torch.compile understands."""

    generate_vmap_rule = True

    @staticmethod
    def forward(formula: Any, slopes: Any, total: str, *inputs: Array) -> Array:
        return _reduced(formula(*inputs), total)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Array) -> None:
        _, ctx.slopes, ctx.total, *tensors = inputs
        ctx.quick = False
        ctx.count = tensors[-1].numel()
        ctx.save_for_backward(*tensors)

    backward = staticmethod(_pull)


class _DualSlope(_TransformableSlope):
    """The form that torch.func understands; torch.compile takes none with a `jvp`."""

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Array) -> None:
        _TransformableSlope.setup_context(ctx, inputs, output)
        ctx.save_for_forward(*inputs[3:])
        ctx.over_classes = ctx.total == "none" and output.dim() < inputs[-1].dim()

    @staticmethod
    def jvp(ctx: Any, *tangents: Array) -> Array:
        shares = [
            slope(*ctx.saved_tensors) * tangent
            for slope, tangent in zip(ctx.slopes, tangents[3:], strict=True)
            if slope and tangent is not None
        ]
        change = reduce(torch.add, shares)
        return change.sum(-1) if ctx.over_classes else _reduced(change, ctx.total)


def _bce_logits(y: Array, z: Array, total: str) -> Array | None:
    """Take the short way, softplus((1 - 2y) z), where all targets are 0 or 1.

    The two agree at 0 and 1 only, so it gives no gradient by y.
    """
    if y.requires_grad or not _whole(y):
        return None
    signed = torch.sub(1.0, y, alpha=2) * z
    return with_slope(softplus, [torch.sigmoid], signed, total=total)


def _bce(y: Array, p: Array, total: str) -> Array | None:
    """Take the short way where no probability is 0 or 1: there is no 0 * inf."""
    known = range_of(p)
    if y.requires_grad or known is None or not (known[0] > 0 and known[1] < 1):
        return None
    return with_slope(_inner_bce, [None, _inner_bce_slope], y, p, total=total)


def _inner_bce(y: Array, p: Array) -> Array:
    return torch.log(p).mul_(y).addcmul_(1 - y, torch.log1p(-p)).neg_()


def _inner_bce_slope(y: Array, p: Array) -> Array:
    return (p - y).div_((1 - p).mul_(p))


def _softmax_ce(y: Array, z: Array, total: str) -> Array | None:
    """Take the short way where no logit is -inf: there 0 * log p needs no care."""
    known = range_of(z)
    if known is None or not (isfinite(known[0]) and isfinite(known[1])):
        return None
    return F.cross_entropy(z, y, reduction=total) if z.dim() == 2 else None


def _mse(y_true: Array, y_pred: Array, reduction: str) -> Array:
    if reduction == "none":  # weights may follow, and 0 times an infinite slope is NaN
        return with_slope(torch.square, [lambda error: 2 * error], y_pred - y_true)
    return F.mse_loss(y_pred, y_true, reduction=reduction)


def _mae(y_true: Array, y_pred: Array, reduction: str) -> Array:
    return F.l1_loss(y_pred, y_true, reduction=reduction)


def _huber(y_true: Array, y_pred: Array, reduction: str, delta: float) -> Array:
    return F.huber_loss(y_pred, y_true, reduction=reduction, delta=delta)


def _sparse_cross_entropy(labels: Array, logits: Array, reduction: str) -> Array:
    if logits.dim() <= 2:
        return F.cross_entropy(
            logits, labels, reduction=reduction, ignore_index=_NO_LABEL
        )
    losses = _sparse_cross_entropy(
        labels.reshape(-1), logits.reshape(-1, logits.shape[-1]), reduction
    )
    return losses.reshape(labels.shape) if reduction == "none" else losses


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


# Whole losses in one pass over the data. A test holds each against its formula.
KERNELS: dict[str, Callable[..., Array]] = {
    "mse of error": _mse,
    "mae of error": _mae,
    "huber of error": _huber,
    "bce": _bce,
    "bce_logits": _bce_logits,
    "softmax_ce": _softmax_ce,
    "sparse_cross_entropy": _sparse_cross_entropy,
    "_adam": _adam,
}
