"""The contract of a framework: what losses may ask of it, under one set of names.

A loss is written once, in these primitives. Each package of `backends/` has all of
them, and mypy holds its modules against this class: a primitive that is missing, or has
another signature, is an error there and not at a user's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from lossbook.backends.terms import Terms

Array = Any  # numpy.ndarray, torch.Tensor or tf.Tensor: one loss serves them all

# A formula or its derivative by one input: the backend, then arrays, then parameters.
Of1 = Callable[["Backend", Array], Array]
Of2 = Callable[["Backend", Array, Array], Array]
Of3 = Callable[["Backend", Array, Array, Any], Array]
Of4 = Callable[["Backend", Array, Array, Any, Any], Array]


InputGradient = Callable[[Callable[[Array], Array], Array], Array]


class LinearKernels(Protocol):
    """The parts of `linear_cross_entropy` that each framework has for itself.

    h are the rows of hidden states, w the weight of the last layer, one row a class,
    and b its bias; no more than a chunk of the logits h w' + b is held at once, and as
    much of the derivative of a softcap.
    """

    def operands(self, h: Array, w: Array, /) -> tuple[Array, Array]:
        """Return both in the precision in which they are multiplied."""

    def total(
        self,
        h: Array,
        w: Array,
        b: Any,
        labels: Array,
        row_weight: Array,
        terms: Terms,
        chunk: int,
        /,
    ) -> Array:
        """Return the sum of row_weight times loss over the rows."""

    def losses(
        self, h: Array, w: Array, b: Any, labels: Array, terms: Terms, chunk: int, /
    ) -> Array:
        """Return the loss of each row."""


class Backend(Protocol):
    """A framework, as a package with these functions."""

    NAME: str
    # Fused forms of whole losses by name, called by `core.pointwise.call_fused` alone:
    # kernel(*inputs, reduction, **parameters). A kernel may assume arrays of this
    # framework, of one shape and float dtype, whose values lie in the domain of the
    # loss or are not known. It gives None where it is not meant for these inputs.
    KERNELS: Mapping[str, Callable[..., Any]]
    # Steps of optimizers by the name of the rule, with the arguments of the rule.
    STEPS: Mapping[str, Callable[..., Any]]
    LINEAR: LinearKernels

    # Arrays: what is one, its dtype and shape.

    def owns(self, kind: type, /) -> bool:
        """Say whether arrays of this type belong here."""

    def asarray(self, x: Any, name: str, like: Any = None) -> Array:
        """Return `x` as an array of real numbers, on the device of `like`."""

    def are_ready(self, a: Any, b: Any, /) -> bool:
        """Say whether both are arrays of one shape and float dtype, and not empty.

        Nothing is to be made of them then, nor refused. False where it is not seen.
        """

    def to_numpy(self, x: Array, /) -> Any:
        """Return the values as a NumPy array, without a gradient."""

    def is_known(self, x: Array, /) -> bool:
        """Say whether there are values, on whatever device: none in a graph or vmap."""

    def to_float(self, x: Array, /) -> Array:
        """Give integers a float dtype and half precision float32; leave the rest."""

    def cast(self, x: Array, like: Array, /) -> Array:
        """Return `x` in the dtype of `like`."""

    def as_bfloat16(self, x: Array, /) -> Array:
        """Return float32 rounded to the digits that bfloat16 has, also under XLA."""

    def to_index(self, x: Array, like: Array, /) -> Array:
        """Return integer labels in the type that indexing wants."""

    def to_int64(self, x: Array, /) -> Array:
        """Return integers in the widest type, whose differences do not overflow."""

    def is_integer(self, x: Array, /) -> bool:
        """Say whether the dtype of `x` is an integer one (bool is not)."""

    def dtype_name(self, x: Array, /) -> str:
        """Return the dtype as an error message shows it."""

    def eps(self, x: Array, /) -> float:
        """Return the unit in the last place of 1."""

    def shape(self, x: Array, /) -> tuple[int | None, ...]:
        """Return the shape; None stands for an axis that is not known yet."""

    def last_size(self, x: Array, /) -> Any:
        """Return the length of the last axis, as a number where it is known."""

    def reshape(self, x: Array, sizes: Any, /) -> Array:
        """Return `x` in another shape."""

    def expand_dims(self, x: Array, axis: int, /) -> Array:
        """Return `x` with one more axis."""

    def moveaxis(self, x: Array, source: int, destination: int, /) -> Array:
        """Move one axis to another place."""

    def zeros_like(self, x: Array, /) -> Array:
        """Return zeros in the shape and dtype of `x`."""

    def full(self, x: Array, /) -> Array:
        """Return what all processes hold of an array that is spread over them."""

    def stop_gradient(self, x: Array, /) -> Array:
        """Return the values alone, as a constant."""

    # Element by element.

    def abs(self, x: Array, /) -> Array: ...
    def sign(self, x: Array, /) -> Array: ...
    def cos(self, x: Array, /) -> Array: ...
    def exp(self, x: Array, /) -> Array: ...
    def expm1(self, x: Array, /) -> Array: ...
    def log(self, x: Array, /) -> Array: ...
    def log1p(self, x: Array, /) -> Array: ...
    def sqrt(self, x: Array, /) -> Array: ...
    def square(self, x: Array, /) -> Array: ...
    def sinh(self, x: Array, /) -> Array: ...  # of sizes up to 1; JAX has no others
    def tanh(self, x: Array, /) -> Array: ...
    def sigmoid(self, x: Array, /) -> Array: ...
    def softplus(self, x: Array, /) -> Array: ...
    def isfinite(self, x: Array, /) -> Array: ...
    def power(self, x: Array, exponent: Any, /) -> Array: ...
    def minimum(self, a: Array, b: Any, /) -> Array: ...
    def maximum(self, a: Array, b: Any, /) -> Array: ...
    def clip(self, x: Array, low: Any, high: Any, /) -> Array: ...
    def where(self, condition: Array, a: Any, b: Any, /) -> Array: ...

    def multiply_no_nan(self, a: Array, b: Array, /) -> Array:
        """Return a b, with 0 times anything 0."""

    def divide_no_nan(self, a: Array, b: Array, /) -> Array:
        """Return a / b, with 0 over 0 being 0."""

    def xlogy(self, x: Array, y: Array, /) -> Array:
        """Return x log y, and 0 where x is 0."""

    def xlog1py(self, x: Array, y: Array, /) -> Array:
        """Return x log(1 + y), and 0 where x is 0."""

    # Along axes; labels name a place on the last one.

    def sum(self, x: Array, axis: Any = None, keepdims: bool = False) -> Array:
        """Sum over all elements or along an axis."""

    def mean(self, x: Array, /) -> Array:
        """Return the mean of all elements."""

    def max(self, x: Array, axis: int, keepdims: bool = False) -> Array:
        """Return the largest value along an axis."""

    def log_softmax(self, x: Array, /) -> Array:
        """Return log softmax along the last axis."""

    def take_labels(self, x: Array, labels: Array, /) -> Array:
        """Return for each row of `x` the entry that its label names."""

    def take(self, values: Array, labels: Array, /) -> Array:
        """Return for each label the value that it names."""

    def put_labels(self, x: Array, labels: Array, value: Any, /) -> Array:
        """Return `x` with a value, or one a row, in the place that each label names."""

    def softmax_minus_label(self, z: Array, labels: Array, /) -> Array:
        """Return the softmax of each row, less 1 at its label."""

    def positions(self, x: Array, /) -> Array:
        """Return 0, 1, 2, ... along the last axis, in the dtype of `x`.

        Axes of length 1 may stand before it.
        """

    def argsort(self, x: Array, /) -> Array:
        """Return the order of the last axis, the smallest first; ties stay in order."""

    def reorder(self, x: Array, order: Array, /) -> Array:
        """Return the last axis of `x` in another order."""

    def cumsum(self, x: Array, /) -> Array:
        """Return the sums up to each place of the last axis."""

    def matmul(self, a: Array, b: Array, /) -> Array:
        """Multiply matrices, in the precision of their elements."""

    # What is known of values, and what happens where nothing is.

    def range_of(self, x: Array, /) -> tuple[Any, Any] | None:
        """Return the smallest and the largest value, or None where not known."""

    def at_once(self, function: Callable[[Array], Array], x: Array, /) -> Array:
        """Return the function of `x`, with values even in a graph if `x` has them."""

    def any_of(self, mask: Array, /) -> bool | None:
        """Say whether the mask is True anywhere, or None where that is not known."""

    def fitting(self, a: Array, b: Array, name: str, other: str, /) -> Array:
        """Return `a`, made to fail in a graph where it has not the shape of `b`."""

    def not_empty(self, x: Array, name: str, /) -> None:
        """Make an empty batch fail in a graph whose sizes are not known."""

    def explain(self, wrong: Array, words: Callable[[], str], /) -> None:
        """Make what meets a wrong value say these words, where that costs nothing."""

    def where_needed(
        self,
        needed: Callable[[], Array] | tuple[float, float],
        mended: Callable[[], Array],
        x: Array,
        /,
    ) -> Array:
        """Return what `mended` makes of `x`; a graph may ask first what needs it.

        `needed` says so of each element, or is an interval of what needs nothing.
        """

    def nan_where(self, wrong: Array, x: Array, /) -> Array:
        """Return `x` with NaN added where something is wrong."""

    # Derivatives.

    def with_derivatives(
        self,
        formula: Callable[..., Array],
        derivatives: Sequence[Callable[..., Array] | None],
        *inputs: Array,
        reduction: str = "none",
        rowwise: bool = False,
        parameters: Mapping[str, Any] | None = None,
        key: Any = None,
    ) -> Array:
        """Apply `formula`; its derivatives by the inputs are these, not derived.

        Parameters
        ----------
        formula, derivatives
            Functions of the inputs and parameters; None for an input that is constant.
        reduction : {"none", "mean", "sum"}
            What becomes of the losses.
        rowwise : bool
            Whether the formula drops the last axis, which its derivatives keep.
        parameters : mapping, optional
            Numbers by name.
        key : hashable, optional
            What tells the formula from others where graphs of it are kept.
        """

    def differentiate(
        self, loss: Callable[..., Any], leaves: list[Any], /
    ) -> tuple[Any, list[Any]]:
        """Return the value of a scalar loss, and its gradient by each of the leaves.

        ``loss(arrays, constant)`` takes the leaves, and what makes a constant of
        everything else that it uses.
        """

    @property
    def input_gradient(self) -> InputGradient | None:
        """The gradient of the sum of fn(x), to be differentiated once more.

        None where a framework does not differentiate twice.
        """

    def random_fractions(self, like: Array, ones: list[int], /) -> Array:
        """Draw one number in [0, 1) for each sample, with that many axes more."""

    # Several workers.

    def sum_over_workers(
        self, total: Array, weight: Array, /
    ) -> tuple[Array, Array, int]:
        """Add both over all workers.

        The third is what the gradient of a part is to be multiplied by, because the
        framework averages gradients over the workers. Sums of several have no gradient.
        """
