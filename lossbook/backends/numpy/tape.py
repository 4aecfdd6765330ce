"""Reverse-mode differentiation for NumPy, small enough to read in one sitting.

A `Traced` array remembers how it was computed: its parents, and for each parent a
function that turns the gradient of the result into the gradient of that parent (a
vector-Jacobian product, `vjp`). `backward` walks these links from the loss to the
input. NumPy itself hands its functions over, through ``__array_ufunc__`` and
``__array_function__``, so that ordinary NumPy code can be traced.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lossbook.backends.numpy.vjps import UFUNC_VJPS, UNTRACED, Vjp

_ufuncs: Any = np  # their stubs do not know arrays of other kinds


class Traced:
    """An array that knows where it came from."""

    __slots__ = ("is_part", "parents", "value")
    __array_priority__ = 1000

    def __init__(self, value: Any, parents: Sequence[tuple[Traced, Vjp]] = ()) -> None:
        self.value = np.asarray(value)
        if self.value.dtype.kind == "c":  # the gradient would be its real part
            raise _cannot_trace("complex numbers", "__call__")
        self.parents = tuple(parents)
        self.is_part = False

    shape = property(lambda self: self.value.shape)
    dtype = property(lambda self: self.value.dtype)
    ndim = property(lambda self: self.value.ndim)
    size = property(lambda self: self.value.size)
    T = property(lambda self: np.transpose(self))

    def __bool__(self) -> bool:
        return bool(self.value)

    def __len__(self) -> int:
        return len(self.value)

    def __repr__(self) -> str:
        return f"Traced({self.value!r})"

    def __array_ufunc__(
        self, ufunc: Any, method: str, *inputs: Any, **options: Any
    ) -> Any:
        if ufunc in UNTRACED and method == "__call__":
            return ufunc(*map(value_of, inputs))
        if method != "__call__" or ufunc not in UFUNC_VJPS or options:
            raise _cannot_trace(f"np.{ufunc.__name__}", method)
        values = [value_of(x) for x in inputs]
        result = ufunc(*values)
        return node(result, inputs, UFUNC_VJPS[ufunc](result, *values))

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise _cannot_trace("np.asarray", "__call__")

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(str(_cannot_trace(f"the attribute .{name}", "__call__")))

    def __array_function__(self, fn: Any, types: Any, args: Any, options: Any) -> Any:
        if fn not in _FUNCTIONS:
            raise _cannot_trace(f"np.{fn.__name__}", "__call__")
        return _FUNCTIONS[fn](*args, **options)

    def __getitem__(self, key: Any) -> Traced:
        def spread(grad: Any) -> Any:
            full = np.zeros(self.shape, grad.dtype)
            np.add.at(full, key, grad)
            return full

        part = Traced(self.value[key], [(self, spread)])
        part.is_part = True
        return part

    def _in_place(self, other: Any) -> Any:
        """Leave `x += y` to `x = x + y`, which does not change what x is a part of."""
        if self.is_part:
            raise _cannot_trace("a change in place of a part of an array", "__call__")
        return NotImplemented

    __iadd__ = __isub__ = __imul__ = __itruediv__ = __ipow__ = _in_place

    def sum(self, axis: Any = None, keepdims: bool = False) -> Any:
        return _sum(self, axis=axis, keepdims=keepdims)

    def mean(self, axis: Any = None, keepdims: bool = False) -> Any:
        return _mean(self, axis=axis, keepdims=keepdims)

    def max(self, axis: Any = None, keepdims: bool = False) -> Traced:
        return _max(self, axis=axis, keepdims=keepdims)

    def reshape(self, *shape: Any) -> Traced:
        target = shape[0] if len(shape) == 1 else shape
        return _reshape(self, target)

    def astype(self, dtype: Any, copy: bool = True) -> Any:
        back = self.dtype
        if np.dtype(dtype).kind in "biu":  # steps have no gradient
            return self.value.astype(dtype)
        return Traced(self.value.astype(dtype), [(self, lambda g: g.astype(back))])

    # Comparisons have no gradient: they return plain arrays of booleans.
    def __lt__(self, other: Any) -> Any:
        return self.value < value_of(other)

    def __le__(self, other: Any) -> Any:
        return self.value <= value_of(other)

    def __gt__(self, other: Any) -> Any:
        return self.value > value_of(other)

    def __ge__(self, other: Any) -> Any:
        return self.value >= value_of(other)

    def __eq__(self, other: object) -> Any:
        return self.value == value_of(other)

    def __ne__(self, other: object) -> Any:
        return self.value != value_of(other)

    __hash__ = object.__hash__

    def __add__(self, other: Any) -> Any:
        return _ufuncs.add(self, other)

    def __radd__(self, other: Any) -> Any:
        return _ufuncs.add(other, self)

    def __sub__(self, other: Any) -> Any:
        return _ufuncs.subtract(self, other)

    def __rsub__(self, other: Any) -> Any:
        return _ufuncs.subtract(other, self)

    def __mul__(self, other: Any) -> Any:
        return _ufuncs.multiply(self, other)

    def __rmul__(self, other: Any) -> Any:
        return _ufuncs.multiply(other, self)

    def __truediv__(self, other: Any) -> Any:
        return _ufuncs.divide(self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return _ufuncs.divide(other, self)

    def __pow__(self, other: Any) -> Any:
        return _ufuncs.power(self, other)

    def __rpow__(self, other: Any) -> Any:
        return _ufuncs.power(other, self)

    def __matmul__(self, other: Any) -> Any:
        return _ufuncs.matmul(self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return _ufuncs.matmul(other, self)

    def __neg__(self) -> Any:
        return _ufuncs.negative(self)

    def __abs__(self) -> Any:
        return _ufuncs.absolute(self)


def backward(result: Traced, inputs: Sequence[Traced]) -> list[Any]:
    """Return the gradient of a scalar `result` with respect to each of `inputs`."""
    grads: dict[int, Any] = {id(result): np.ones_like(result.value)}
    for node in _newest_first(result):
        grad = grads.get(id(node))
        if grad is None:
            continue
        for parent, vjp in node.parents:
            with np.errstate(all="ignore"):  # an infinite slope shows in the gradient
                contribution = vjp(grad)
            known = grads.get(id(parent))
            grads[id(parent)] = contribution if known is None else known + contribution
    return [
        np.asarray(grads.get(id(x), np.zeros(x.shape)), dtype=x.dtype)[()]
        for x in inputs
    ]


def _newest_first(result: Traced) -> list[Traced]:
    """Order the nodes so that each stands before its parents."""
    order: list[Traced] = []
    seen: set[int] = set()
    stack: list[tuple[Traced, bool]] = [(result, False)]
    while stack:
        node, done = stack.pop()
        if done:
            order.append(node)
        elif id(node) not in seen:
            seen.add(id(node))
            stack.append((node, True))
            stack.extend((parent, False) for parent, _ in node.parents)
    return order[::-1]


def value_of(x: Any) -> Any:
    """Return the values of an array that is traced or not."""
    return x.value if isinstance(x, Traced) else x


def node(result: Any, inputs: Sequence[Any], vjps: Sequence[Vjp]) -> Traced:
    """Return a result, and how the gradient goes back from it to its inputs."""
    parents = [
        (x, _to_shape(x.shape, vjp))
        for x, vjp in zip(inputs, vjps, strict=True)
        if isinstance(x, Traced)
    ]
    return Traced(result, parents)


def _to_shape(shape: tuple[int, ...], vjp: Vjp) -> Vjp:
    """Undo NumPy's broadcasting: sum the gradient over the axes that were stretched."""

    def summed(grad: Any) -> Any:
        full = vjp(grad)
        extra = full.ndim - len(shape)
        if extra:
            full = full.sum(axis=tuple(range(extra)))
        stretched = tuple(i for i, n in enumerate(shape) if n == 1 != full.shape[i])
        return full.sum(axis=stretched, keepdims=True) if stretched else full

    return summed


def _cannot_trace(name: str, method: str) -> TypeError:
    call = name if method == "__call__" else f"{name}.{method}"
    return TypeError(
        f"value_and_grad cannot differentiate through {call} on NumPy arrays. Use "
        "lossbook.numerical_gradient, or the same code on PyTorch, TensorFlow or JAX."
    )


def _over(x: Traced, axis: Any, keepdims: bool) -> Vjp:
    """Return the function that stretches a reduced gradient to the shape of `x`."""

    def stretch(grad: Any) -> Any:
        if axis is not None and not keepdims:
            grad = np.expand_dims(grad, axis)
        return np.broadcast_to(grad, x.shape)

    return stretch


def _sum(x: Traced, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Any:
    stretch = _over(x, axis, keepdims)
    total = np.sum(x.value, axis=axis, dtype=dtype, keepdims=keepdims)
    return Traced(total, [(x, lambda g: stretch(g).astype(x.dtype))])


def _mean(
    x: Traced, axis: Any = None, dtype: Any = None, keepdims: bool = False
) -> Any:
    total = _sum(x, axis=axis, dtype=dtype, keepdims=keepdims)
    return total / (x.size / total.size)


def _max(x: Traced, axis: Any = None, keepdims: bool = False) -> Traced:
    top = np.max(x.value, axis=axis, keepdims=True)
    winners = x.value == top
    fraction = winners / np.sum(winners, axis=axis, keepdims=True)  # ties share alike
    stretch = _over(x, axis, keepdims)
    result = top if keepdims else np.max(x.value, axis=axis)
    return Traced(result, [(x, lambda g: stretch(g) * fraction)])


def _where(condition: Any, a: Any, b: Any) -> Traced:
    chosen = value_of(condition)
    result = np.where(chosen, value_of(a), value_of(b))
    return node(
        result,
        (a, b),
        (lambda g: np.where(chosen, g, 0), lambda g: np.where(chosen, 0, g)),
    )


def _clip(x: Any, a_min: Any = None, a_max: Any = None, **ends: Any) -> Any:
    low, high = ends.get("min", a_min), ends.get("max", a_max)
    if not isinstance(x, Traced) or isinstance(low, Traced) or isinstance(high, Traced):
        above = x if low is None else _ufuncs.maximum(x, low)
        return above if high is None else _ufuncs.minimum(above, high)
    result = np.clip(x.value, low, high)
    return Traced(result, [(x, lambda g: g * (result == x.value))])


def _reshape(x: Traced, shape: Any) -> Traced:
    return Traced(x.value.reshape(shape), [(x, lambda g: g.reshape(x.shape))])


def _transpose(x: Traced, axes: Any = None) -> Traced:
    back = None if axes is None else np.argsort(np.mod(axes, x.ndim))
    return Traced(np.transpose(x.value, axes), [(x, lambda g: np.transpose(g, back))])


def _moveaxis(x: Traced, source: int, destination: int) -> Traced:
    moved = np.moveaxis(x.value, source, destination)
    return Traced(moved, [(x, lambda g: np.moveaxis(g, destination, source))])


def _expand_dims(x: Traced, axis: Any) -> Traced:
    return _reshape(x, np.expand_dims(x.value, axis).shape)


def _squeeze(x: Traced, axis: Any = None) -> Traced:
    return _reshape(x, np.squeeze(x.value, axis).shape)


def _take_along_axis(x: Traced, indices: Any, axis: int = -1) -> Traced:
    places: list[Any] = list(np.ogrid[tuple(map(slice, x.shape))])
    places[axis] = indices

    def spread(grad: Any) -> Any:
        full = np.zeros(x.shape, grad.dtype)
        np.add.at(full, tuple(places), grad)  # an element may be taken twice
        return full

    return Traced(np.take_along_axis(x.value, indices, axis), [(x, spread)])


def _dot(a: Any, b: Any) -> Any:
    if 0 in (np.ndim(a), np.ndim(b)):
        return _ufuncs.multiply(a, b)
    if np.ndim(b) > 2:  # a product of all matrices with all others, unlike matmul
        raise _cannot_trace("np.dot of arrays with more than two axes", "__call__")
    return _ufuncs.matmul(a, b)


def _stack(arrays: Sequence[Any], axis: int = 0) -> Traced:
    vjps = [lambda g, i=i: np.take(g, i, axis) for i in range(len(arrays))]
    return node(np.stack([value_of(a) for a in arrays], axis), arrays, vjps)


def _concatenate(arrays: Sequence[Any], axis: int = 0) -> Traced:
    ends = np.cumsum([value_of(a).shape[axis] for a in arrays])[:-1]
    vjps = [lambda g, i=i: np.split(g, ends, axis)[i] for i in range(len(arrays))]
    return node(np.concatenate([value_of(a) for a in arrays], axis), arrays, vjps)


_FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.sum: _sum,
    np.mean: _mean,
    np.max: _max,
    np.where: _where,
    np.clip: _clip,
    np.reshape: _reshape,
    np.transpose: _transpose,
    np.moveaxis: _moveaxis,
    np.expand_dims: _expand_dims,
    np.squeeze: _squeeze,
    np.take_along_axis: _take_along_axis,
    np.stack: _stack,
    np.concatenate: _concatenate,
    np.dot: _dot,
    np.shape: lambda x: x.shape,
    np.ndim: lambda x: x.ndim,
    np.size: lambda x: x.size,
    np.zeros_like: lambda x, **options: np.zeros_like(x.value, **options),
    np.ones_like: lambda x, **options: np.ones_like(x.value, **options),
}
