"""The primitives on PyTorch, and the fused kernels that it has for whole losses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from math import inf
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F

from lossbook import _products
from lossbook._linear import torch as linear
from lossbook.backends import torch_inputs as inputs

Array = Any

NAME = "torch"
LINEAR = linear  # the kernels of linear_cross_entropy

asarray = inputs.asarray
matmul = _products.matmul
is_sharded = inputs.is_sharded
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
isfinite = torch.isfinite
sigmoid = torch.sigmoid
power = torch.pow
moveaxis = torch.movedim
expand_dims = torch.unsqueeze
zeros_like = torch.zeros_like
clip = torch.clamp
where = torch.where

_FLOATS = (torch.float32, torch.float64)
_HALF = (torch.float16, torch.bfloat16)
_LARGE = 2**20  # elements from which on sums go over blocks
_BLOCK = 2**15  # elements whose intermediate results stay in the cache
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


def to_int64(x: Array) -> Array:
    """Return integers in the widest type, whose differences do not overflow."""
    return x.long()


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


def not_empty(x: Array, name: str) -> None:
    """Shapes that are not known before a graph runs do not occur here."""


def size(x: Array) -> int:
    """Return the number of elements."""
    return int(x.numel())


def last_size(x: Array) -> int:
    """Return the length of the last axis."""
    return int(x.shape[-1])


def eps(x: Array) -> float:
    """Return the unit in the last place of 1."""
    return float(torch.finfo(x.dtype).eps)


def range_of(x: Array) -> tuple[float, float] | None:
    """Return the smallest and the largest value, or None where they are not known.

    They are looked at on the CPU only: on a GPU it would stop the queue. Of a DTensor
    each process sees its own part, and all of them must go the same way.
    """
    if not _open(x) or x.numel() == 0:
        return None
    try:
        low, high = torch.aminmax(x.detach())
        return low.item(), high.item()
    except RuntimeError:  # vmap has no single value to show
        return None


def _open(x: Array) -> bool:
    """Say whether one may look at values, as far as one can say without looking."""
    in_graph = torch.compiler.is_compiling() or torch.jit.is_tracing()
    return x.is_cpu and not in_graph and not is_sharded(x)


def _whole(x: Array) -> bool:
    """Say whether all values are known to be integers."""
    try:
        return _open(x) and torch.equal(x, x.round())
    except RuntimeError:  # vmap has no single value to show
        return False


def any_of(mask: Array) -> bool | None:
    """Say whether the mask is True anywhere, or None where that is not known."""
    try:
        return bool(mask.any()) if _open(mask) else None
    except RuntimeError:  # vmap has no single value to show
        return None


def explain(wrong: Array, words: Callable[[], str]) -> None:
    """Say nothing: torch has no message that neither stops a GPU nor a graph."""


def where_needed(
    needed: Callable[[], Array], mended: Callable[[], Array], x: Array
) -> Array:
    """Return what `mended` makes of `x`; a graph of TensorFlow asks first."""
    return mended()


def nan_where(wrong: Array, x: Array) -> Array:
    """Return `x` with NaN added where something is wrong."""
    return x + torch.zeros_like(x).masked_fill(wrong, torch.nan)


def reshape(x: Array, sizes: Sequence[int]) -> Array:
    """Return `x` in another shape."""
    if not is_sharded(x) or inputs.has_equal_parts(x):
        return torch.reshape(x, sizes)
    # Parts of different sizes are no parts of the new shape, nor those of the gradient.
    return inputs.whole(torch.reshape(inputs.whole(x), sizes))


def full(x: Array) -> Array:
    """Return a plain tensor with what all processes hold of a DTensor."""
    return x.full_tensor() if is_sharded(x) else x


def _rows(x: Array) -> Array:
    """Return `x` with the last axis whole on every process, to be indexed by labels."""
    if not is_sharded(x):
        return x
    kept = [p if p.is_shard() and p.dim != x.dim() - 1 else None for p in x.placements]
    if None not in kept:
        return x
    other = inputs.on_all(torch.zeros(()), x).placements[0]
    return x.redistribute(placements=[p or other for p in kept])


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
    if axis is None:
        return _wide_sum(x).to(x.dtype) if _is_large(x) else x.sum()
    return x.sum(dim=axis, keepdim=keepdims)


def mean(x: Array) -> Array:
    """Return the mean of all elements."""
    return (_wide_sum(x) / x.numel()).to(x.dtype) if _is_large(x) else _mean(x)


def _mean(x: Array) -> Array:
    """Divide the sum of a DTensor by all elements: parts may differ in size."""
    return x.sum() / x.numel() if is_sharded(x) else x.mean()


def _wide_sum(x: Array) -> Array:
    """Add up blocks, and their sums in float64: float32 alone is 6 ulp off at 3e7."""
    flat = x.reshape(-1)
    whole = len(flat) // _BLOCK * _BLOCK
    sums = flat[:whole].view(-1, _BLOCK).sum(dim=1)
    return sums.double().sum() + flat[whole:].sum().double()


def max(x: Array, axis: int, keepdims: bool = False) -> Array:
    """Return the largest value along an axis."""
    return x.amax(dim=axis, keepdim=keepdims)


def log_softmax(x: Array) -> Array:
    """Return log softmax along the last axis."""
    return torch.log_softmax(x, dim=-1)


def take_labels(x: Array, labels: Array) -> Array:
    """Return for each row of `x` the entry that its label names (last axis)."""
    return _rows(x).gather(-1, labels.unsqueeze(-1)).squeeze(-1)


def take(values: Array, labels: Array) -> Array:
    """Return for each label the value that it names."""
    # Not values[labels]: vmap would have to look at a single label.
    found = _rows(values).index_select(0, reshape(labels, (-1,)))
    return reshape(found, labels.shape)


def put_labels(x: Array, labels: Array, value: Any) -> Array:
    """Return `x` with a value, or one a row, in the place that each label names."""
    x, at = _rows(x), labels.unsqueeze(-1)
    if isinstance(value, torch.Tensor):
        return x.scatter(-1, at, value.unsqueeze(-1))
    return x.scatter(-1, at, value)


def softmax_minus_label(z: Array, labels: Array) -> Array:
    """Return the softmax of each row, less 1 at its label."""
    p, at = _rows(torch.softmax(z, dim=-1)), labels.unsqueeze(-1)
    return p.scatter_add(-1, at, -torch.ones_like(at, dtype=p.dtype))


def positions(x: Array) -> Array:
    """Return 0, 1, 2, ... along the last axis, in the dtype of `x`."""
    return _places(x.shape[-1], x, x.dtype)


def _places(count: int, like: Array, dtype: Any) -> Array:
    places = torch.arange(count, dtype=dtype, device=like.device)
    return inputs.on_all(places, like) if is_sharded(like) else places


def one_hot(labels: Array, classes: int, like: Array) -> Array:
    """Return rows of zeros with a one at the label."""
    places = _places(classes, labels, labels.dtype)  # F.one_hot looks at values
    return (labels.unsqueeze(-1) == places).to(like.dtype)


def times(a: Array, b: Array) -> Array:
    """Return a b, with 0 times anything 0; `where` is slow on a CPU and avoided."""
    known = range_of(b)
    if known and -inf < known[0] and known[1] < inf:
        return a * b
    # Only what is not finite is silenced: a finite b is the derivative by a at 0.
    silent = (a == 0) & ~b.isfinite()
    return torch.where(silent, torch.zeros_like(b), b) * a


def over(a: Array, b: Array) -> Array:
    """Return a / b, with 0 over anything 0."""
    known = range_of(b)
    if known and (known[0] > 0 or known[1] < 0):
        return a / b
    # Only 0 / 0 is silenced: 0 / b has the derivative 1 / b by a.
    nothing = (a == 0) & (b == 0)
    return torch.where(nothing, torch.zeros_like(a), a / torch.where(nothing, 1.0, b))


def xlogy(x: Array, y: Array) -> Array:
    """Return x log y, and 0 where x is 0; torch's own is ten times slower on a CPU."""
    known = range_of(y)
    if known and known[0] > 0:
        return x * torch.log(y)
    # torch's 0 log y is 0 for a negative y as well.
    return torch.special.xlogy(x, y.masked_fill(y < 0, torch.nan))


def xlog1py(x: Array, y: Array) -> Array:
    """Return x log(1 + y), and 0 where x is 0."""
    known = range_of(y)
    if known and known[0] > -1:
        return x * torch.log1p(y)
    return torch.special.xlog1py(x, y.masked_fill(y < -1, torch.nan))


def with_slope(
    formula: Callable[..., Array],
    slopes: Sequence[Callable[..., Array] | None],
    *inputs: Array,
    total: str = "none",
    rowwise: bool = False,
    parameters: Mapping[str, Any] | None = None,
    key: Any = None,
) -> Array:
    """Apply `formula`; its derivative by each input is `slopes`, not derived."""
    plan = _Plan(formula, slopes, parameters or {}, total, rowwise)
    if torch.compiler.is_compiling():
        # Under torch.func.grad it overlooks an input that is the argument itself.
        inputs = tuple(x.view_as(x) for x in inputs)
        if torch.is_grad_enabled() and any(x.requires_grad for x in inputs):
            return _TransformableSlope.apply(plan, *inputs)
        return _reduced(_losses(plan, inputs), total)
    try:
        return _Slope.apply(plan, *inputs)
    except RuntimeError as error:
        if not linear.needs_transforms(error):
            raise
        return _DualSlope.apply(plan, *inputs)


class _Plan(NamedTuple):
    """What is to be applied, and how it is reduced; torch.compile takes tuples."""

    formula: Callable[..., Array]
    slopes: Sequence[Callable[..., Array] | None]
    parameters: Mapping[str, Any]
    total: str
    rowwise: bool


def _losses(plan: _Plan, inputs: Sequence[Array]) -> Array:
    return plan.formula(*inputs, **plan.parameters)


def _count(plan: _Plan, inputs: Sequence[Array]) -> int:
    """Return how many losses there are."""
    last = inputs[-1]
    return int(last.numel() // last.shape[-1] if plan.rowwise else last.numel())


def _reduced(losses: Array, total: str) -> Array:
    if total == "none":
        return losses
    return losses.sum() if total == "sum" else _mean(losses)


def _is_large(*inputs: Array) -> bool:
    """Say whether it pays to go over the elements in blocks that fit the cache."""
    return _open(inputs[0]) and all(
        x.numel() >= _LARGE and x.is_contiguous() and x.is_cpu for x in inputs
    )


def _reduced_in_blocks(plan: _Plan, inputs: Sequence[Array]) -> Array:
    """Reduce without holding the losses; the sums of the blocks add up in float64."""
    flat = [x.reshape(-1) for x in inputs]
    total = torch.zeros((), dtype=torch.float64)
    for blocks in zip(*(x.split(_BLOCK) for x in flat), strict=True):
        total += _losses(plan, blocks).sum()
    count = _count(plan, inputs) if plan.total == "mean" else 1
    return (total / count).to(inputs[-1].dtype)


def _pull(ctx: Any, grad: Array) -> tuple[Any, ...]:
    inputs, plan = ctx.saved_tensors, ctx.plan
    if grad is None:  # nothing depends on the loss
        return (None,) * (1 + len(inputs))
    if plan.total == "mean":
        grad = grad / _count(plan, inputs)
    elif plan.total == "none" and plan.rowwise:
        grad = grad.unsqueeze(-1)
    # Nobody else holds the slope, unless a second derivative or a transform is at work.
    in_place = ctx.quick and not torch.is_grad_enabled()
    needed = zip(plan.slopes, ctx.needs_input_grad[1:], strict=True)
    return (None, *(
        _chained(grad, slope(*inputs, **plan.parameters), in_place)
        if slope and wanted else None
        for slope, wanted in needed
    ))  # fmt: skip


def _chained(grad: Array, slope: Array, in_place: bool) -> Array:
    """Multiply; a weight of zero silences its element even if the slope is infinite."""
    if grad.dim() == 0:
        try:
            return slope.mul_(grad) if in_place else slope * grad
        except RuntimeError:  # several gradients at once, under vmap
            return slope * grad
    return times(grad, slope)


class _Slope(torch.autograd.Function):  # type: ignore[misc]
    """The quick form: torch binds no arguments for it, which saves 25 us a call."""

    @staticmethod
    def forward(ctx: Any, plan: _Plan, *inputs: Array) -> Array:
        ctx.plan, ctx.quick = plan, True
        ctx.save_for_backward(*inputs)
        if plan.total != "none" and not plan.rowwise and _is_large(*inputs):
            return _reduced_in_blocks(plan, inputs)
        return _reduced(_losses(plan, inputs), plan.total)

    backward = staticmethod(_pull)


class _TransformableSlope(torch.autograd.Function):  # type: ignore[misc]
    """The form that torch.compile understands."""

    generate_vmap_rule = True

    @staticmethod
    def forward(plan: _Plan, *inputs: Array) -> Array:
        return _reduced(_losses(plan, inputs), plan.total)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Array) -> None:
        ctx.plan, *tensors = inputs
        ctx.quick = False
        ctx.save_for_backward(*tensors)

    backward = staticmethod(_pull)


class _DualSlope(_TransformableSlope):
    """The form that torch.func understands; torch.compile takes none with a `jvp`."""

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Array) -> None:
        _TransformableSlope.setup_context(ctx, inputs, output)
        ctx.set_materialize_grads(False)  # a constant has no tangent, not one of 0
        ctx.save_for_forward(*inputs[1:])

    @staticmethod
    def jvp(ctx: Any, *tangents: Array) -> Array:
        plan = ctx.plan
        shares = [
            times(tangent, slope(*ctx.saved_tensors, **plan.parameters))
            for slope, tangent in zip(plan.slopes, tangents[1:], strict=True)
            if slope and tangent is not None
        ]
        change = reduce(torch.add, shares)
        return _reduced(change.sum(-1) if plan.rowwise else change, plan.total)


def _bce_logits(y: Array, z: Array, total: str) -> Array | None:
    """Take the short way, softplus((1 - 2y) z), where all targets are 0 or 1.

    The two agree at 0 and 1 only, so the slope by y is that of the formula, -z.
    """
    if y.requires_grad or not _whole(y):
        return None
    return with_slope(_signed_softplus, [_minus, _signed_sigmoid], y, z, total=total)


def _signed_softplus(y: Array, z: Array) -> Array:
    return softplus(torch.sub(1.0, y, alpha=2) * z)


def _signed_sigmoid(y: Array, z: Array) -> Array:
    sign = torch.sub(1.0, y, alpha=2)
    return sign * torch.sigmoid(sign * z)


def _minus(y: Array, z: Array) -> Array:
    return -z


def _bce(y: Array, p: Array, total: str) -> Array | None:
    """Take the short way where no probability is 0 or 1: there is no 0 * inf."""
    known = range_of(p)
    if y.requires_grad or known is None or not (known[0] > 0 and known[1] < 1):
        return None
    slopes = [_by_target, _inner_bce_slope]
    return with_slope(_inner_bce, slopes, y, p, total=total)


def _by_target(y: Array, p: Array) -> Array:
    return torch.log1p(-p) - torch.log(p)


def _inner_bce(y: Array, p: Array) -> Array:
    return torch.log(p).mul_(y).addcmul_(1 - y, torch.log1p(-p)).neg_()


def _inner_bce_slope(y: Array, p: Array) -> Array:
    return (p - y).div_((1 - p).mul_(p))


def _softmax_ce(y: Array, z: Array, total: str) -> Array | None:
    """Take the short way where no logit is -inf: there 0 * log p needs no care."""
    known = range_of(z)
    if known is None or not (-inf < known[0] and known[1] < inf):
        return None
    return F.cross_entropy(z, y, reduction=total) if z.dim() == 2 else None


def _own_slope(y_true: Array, y_pred: Array, reduction: str) -> bool:
    """Say where torch's own kernel will not do.

    Weights may follow on "none", and 0 times its infinite slope is NaN; of large arrays
    it adds up the losses in float32; of DTensors it takes the mean of the means, and
    multiplies the gradient by the number of processes.
    """
    return reduction == "none" or is_sharded(y_pred) or _is_large(y_true, y_pred)


def _mse(y_true: Array, y_pred: Array, reduction: str) -> Array:
    if _own_slope(y_true, y_pred, reduction):
        return _of_difference(torch.square, _twice, y_true, y_pred, reduction)
    return F.mse_loss(y_pred, y_true, reduction=reduction)


def _mae(y_true: Array, y_pred: Array, reduction: str) -> Array:
    if _own_slope(y_true, y_pred, reduction):
        return _of_difference(torch.abs, torch.sign, y_true, y_pred, reduction)
    return F.l1_loss(y_pred, y_true, reduction=reduction)


def _huber(y_true: Array, y_pred: Array, reduction: str, delta: float) -> Array:
    if not _own_slope(y_true, y_pred, reduction):
        return F.huber_loss(y_pred, y_true, reduction=reduction, delta=delta)

    def loss(error: Array) -> Array:
        size = error.abs()
        quadratic = size.clamp(max=delta)
        return 0.5 * quadratic * quadratic + delta * (size - quadratic)

    def slope(error: Array) -> Array:
        return error.clamp(-delta, delta)

    return _of_difference(loss, slope, y_true, y_pred, reduction)


def _twice(x: Array) -> Array:
    return 2 * x


def _of_difference(
    loss: Callable[[Array], Array],
    slope: Callable[[Array], Array],
    y_true: Array,
    y_pred: Array,
    reduction: str,
) -> Array:
    """Apply a loss of the error, which is not held where the result is one number."""
    if reduction == "none":
        return with_slope(loss, [slope], y_pred - y_true)
    slopes = [lambda y, p: -slope(p - y), lambda y, p: slope(p - y)]
    return with_slope(lambda y, p: loss(p - y), slopes, y_true, y_pred, total=reduction)


def _sparse_cross_entropy(labels: Array, logits: Array, reduction: str) -> Any:
    if is_sharded(logits):  # as for the mean of errors
        return None
    if logits.dim() > 2:
        flat = labels.reshape(-1), logits.reshape(-1, logits.shape[-1])
        losses = _sparse_cross_entropy(*flat, reduction)
        return losses.reshape(labels.shape) if reduction == "none" else losses
    return F.cross_entropy(logits, labels, reduction=reduction, ignore_index=_NO_LABEL)


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
