"""The primitives on PyTorch, and the fused kernels that it has for whole losses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf
from typing import Any

import torch
import torch.nn.functional as F

from lossbook.backends.torch import inputs

Array = Any


is_sharded = inputs.is_sharded
_is_tracing = torch._C._is_tracing  # what torch.jit.is_tracing asks
abs = torch.abs
cos = torch.cos
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

_HALF = (torch.float16, torch.bfloat16)
LARGE = 2**21  # elements from which on blocks, in the cache, outweigh their calls
STEP = 2**20  # elements that a look goes over at a time, so that it holds few


def owns(kind: type) -> bool:
    """Say whether arrays of this type belong here."""
    return issubclass(kind, torch.Tensor)


def to_float(x: Array) -> Array:
    """Give integers the default dtype and half precision float32; leave the rest."""
    if x.dtype in inputs.FLOATS:
        return x
    return x.to(torch.float32 if x.dtype in _HALF else wide_default())


def wide_default() -> torch.dtype:
    """Return the default dtype, float32 where that is half precision.

    Which rounds counts: 1003 is 1000 in bfloat16, and 70,000 infinite in float16.
    """
    default = torch.get_default_dtype()
    return torch.float32 if default in _HALF else default


def cast(x: Array, like: Array) -> Array:
    """Return `x` in the dtype of `like`."""
    return x if x.dtype == like.dtype else x.to(like.dtype)


def as_bfloat16(x: Array) -> Array:
    """Return float32 rounded to the digits that bfloat16 has."""
    return x.bfloat16().float()


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
    if not is_open(x) or x.numel() == 0:
        return None
    try:
        low, high = torch.aminmax(x.detach() if x.requires_grad else x)
        return low.item(), high.item()
    except RuntimeError:  # vmap has no single value to show
        return None


def is_open(x: Array) -> bool:
    """Say whether one may look at values, as far as one can say without looking."""
    if type(x) is not torch.Tensor and is_sharded(x):
        return False
    return x.is_cpu and not _in_graph()


def _in_graph() -> bool:
    return bool(torch.compiler.is_compiling() or _is_tracing())


def at_once(function: Callable[[Array], Array], x: Array) -> Array:
    """Return the function of `x`; what torch.compile traces has no values."""
    return function(x)


def any_of(mask: Array) -> bool | None:
    """Say whether the mask is True anywhere, or None where that is not known."""
    try:
        return bool(mask.any()) if is_open(mask) else None
    except RuntimeError:  # vmap has no single value to show
        return None


def explain(wrong: Array, words: Callable[[], str]) -> None:
    """Say nothing: torch has no message that neither stops a GPU nor a graph."""


def where_needed(
    needed: Callable[[], Array] | tuple[float, float],
    mended: Callable[[], Array],
    x: Array,
) -> Array:
    """Return what `mended` makes of `x`; a graph of TensorFlow asks first."""
    return mended()


def nan_where(wrong: Array, x: Array) -> Array:
    """Return `x` with NaN added where something is wrong."""
    return x + torch.zeros_like(x).masked_fill(wrong, torch.nan)


def sign(x: Array) -> Array:
    """Return the sign, and NaN of NaN, of which torch's own says 0."""
    if is_seen_without_nan(x):
        return torch.sign(x)
    return torch.where(x == x, torch.sign(x), torch.nan)


def is_seen_without_nan(x: Array) -> bool:
    """Say whether no value is NaN, as far as one may look."""
    known = range_of(x)
    return known is not None and known[0] == known[0]


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


def to_numpy(x: Array) -> Any:
    """Return the values as a NumPy array, without a gradient."""
    # NumPy has no bfloat16.
    return (x.float() if x.dtype == torch.bfloat16 else x).detach().cpu().numpy()


def is_known(x: Array) -> bool:
    """Say whether there are values, on whatever device."""
    if _in_graph():
        return False
    try:
        x.detach().reshape(-1)[:1].tolist()
    except RuntimeError:  # vmap has no single value to show
        return False
    return True


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
    probs, at = _rows(torch.softmax(z, dim=-1)), labels.unsqueeze(-1)
    return probs.scatter_add(-1, at, -torch.ones_like(at, dtype=probs.dtype))


def positions(x: Array) -> Array:
    """Return 0, 1, 2, ... along the last axis, in the dtype of `x`."""
    return _places(x.shape[-1], x, x.dtype)


def argsort(x: Array) -> Array:
    """Return the order of the last axis, the smallest first; ties stay in order."""
    return torch.argsort(x.detach(), dim=-1, stable=True)


def reorder(x: Array, order: Array) -> Array:
    """Return the last axis of `x` in another order."""
    return _rows(x).gather(-1, order)


def cumsum(x: Array) -> Array:
    """Return the sums up to each place of the last axis."""
    return x.cumsum(dim=-1)


def _places(count: int, like: Array, dtype: Any) -> Array:
    places = torch.arange(count, dtype=dtype, device=like.device)
    return inputs.on_all(places, like) if is_sharded(like) else places


def one_hot(labels: Array, classes: int, like: Array) -> Array:
    """Return rows of zeros with a one at the label."""
    places = _places(classes, labels, labels.dtype)  # F.one_hot looks at values
    return (labels.unsqueeze(-1) == places).to(like.dtype)


def multiply_no_nan(a: Array, b: Array) -> Array:
    """Return a b, with 0 times anything 0; `where` is slow on a CPU and avoided."""
    known = range_of(b)
    if known and -inf < known[0] and known[1] < inf:
        return a * b
    # Only what is not finite is silenced: a finite b is the derivative by a at 0.
    silent = (a == 0) & ~b.isfinite()
    return torch.where(silent, torch.zeros_like(b), b) * a


def divide_no_nan(a: Array, b: Array) -> Array:
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
    if known and known[0] > 0 and known[1] < inf:  # 0 * inf is no 0
        return x * torch.log(y)
    # torch's 0 log y is 0 for a negative y as well.
    return torch.special.xlogy(x, y.masked_fill(y < 0, torch.nan))


def xlog1py(x: Array, y: Array) -> Array:
    """Return x log(1 + y), and 0 where x is 0."""
    known = range_of(y)
    if known and known[0] > -1 and known[1] < inf:
        return x * torch.log1p(y)
    return torch.special.xlog1py(x, y.masked_fill(y < -1, torch.nan))


def is_large(*inputs: Array) -> bool:
    """Say whether it pays to go over the elements in blocks that fit the cache."""
    return is_open(inputs[0]) and all(
        x.numel() >= LARGE and x.is_contiguous() and x.is_cpu for x in inputs
    )
