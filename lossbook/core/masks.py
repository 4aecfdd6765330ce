"""What the losses of masks share: one row of pixels for each mask, and what counts."""

from math import prod
from numbers import Integral
from typing import Any

from lossbook.backends import Array, Backend
from lossbook.core import checks
from lossbook.core.checks import USE_LOGITS, Weights, check_flag
from lossbook.core.class_inputs import check_ignore_index
from lossbook.core.inputs import along_last, class_weight_of, weights_of
from lossbook.core.inputs import prepare as prepare_elements
from lossbook.core.pointwise import Rowwise
from lossbook.core.reduction import reduce, weighted, without_silent_rows


class Masks:
    """Masks and scores that fit each other, the pixels on the last axis.

    Attributes
    ----------
    xp : module
        The backend.
    y, scores : array
        Shape (n, pixels), or (n, C, pixels). A pixel that is ignored is 0 in both, and
        -inf where the scores are logits.
    logits : bool
        Whether the scores are logits of a sigmoid.
    weights : Weights or None
        The sample weights, in the shape of the losses.
    ignored : array of bool, or None
        Which pixels are not there.
    class_weight : array or None
        One weight a class.
    """

    # No NamedTuple, which takes ten times as long to make when this is imported.
    def __init__(
        self,
        xp: Backend,
        y: Array,
        scores: Array,
        logits: bool,
        weights: Weights | None,
        ignored: Array | None,
        class_weight: Array | None,
    ) -> None:
        self.xp = xp
        self.y = y
        self.scores = scores
        self.logits = logits
        self.weights = weights
        self.ignored = ignored
        self.class_weight = class_weight

    def without_ignored(self, value: float) -> "Masks":
        """Put another score in the place of ignored pixels."""
        if self.ignored is not None:
            self.scores = _put(self.xp, self.ignored, self.scores, value)
        return self

    def reduced(self, loss: Rowwise[Any], reduction: str, **parameters: Any) -> Array:
        """Apply a loss of masks and scores, in one step where all count alike."""
        xp, inputs = self.xp, (self.y, self.scores)
        if self.ignored is None and self.class_weight is None:
            return loss.reduced(
                xp, *inputs, weights=self.weights, reduction=reduction, **parameters
            )
        losses = loss.losses(xp, *inputs, **parameters)
        counted = xp.zeros_like(xp.stop_gradient(losses)) + 1
        if self.class_weight is not None:
            counted = counted * along_last(xp, self.class_weight, counted)
            losses = weighted(xp, losses, counted)
        if self.ignored is not None:
            nothing = xp.zeros_like(xp.stop_gradient(self.y))
            seen = xp.max(xp.where(self.ignored, nothing, nothing + 1), axis=-1)
            counted = counted * seen
        return reduce(xp, losses, self.weights, reduction, counted)


def prepare(
    y_true: Any,
    y_pred: Any,
    from_logits: bool,
    axis: int | None,
    class_weight: Any,
    ignore_index: int | None,
    sample_weight: Any,
    reduction: str,
) -> Masks:
    """Return masks and scores with the pixels last, and what each weighs."""
    check_flag("from_logits", from_logits)
    check_ignore_index(ignore_index)
    xp, y, scores, _ = prepare_elements(
        y_true, y_pred, None, reduction, sample_weight, class_weight
    )
    _check_axis(xp, scores, axis)
    y, scores = (_in_rows(xp, x, axis) for x in (y, scores))
    weights = weights_of(xp, sample_weight, scores[..., 0])
    ignored = None if ignore_index is None else y == ignore_index
    if axis is not None and from_logits:
        scores = _softmax(xp, scores, weights, ignored)
    logits = from_logits and axis is None
    if ignored is not None:
        y = _put(xp, ignored, y, 0.0)
        scores = _put(xp, ignored, scores, float("-inf") if logits else 0.0)
    y = checks.bits(xp, y, _NO_MASK, weights)
    if not from_logits:
        scores = checks.within_unit(xp, scores, "y_pred", USE_LOGITS, weights)
    by_class = _class_weight(xp, class_weight, scores, axis)
    return Masks(xp, y, scores, logits, weights, ignored, by_class)


_NO_MASK = (
    "y_true must hold masks of 0 and 1 alone. Use y_true > 0.5 for grey values or soft "
    "masks, y_true[..., None] == numpy.arange(C) with axis=-1 for labels, and "
    "ignore_index=255 if 255 marks pixels to leave out."
)


def _check_axis(xp: Backend, x: Array, axis: Any) -> None:
    """Refuse an axis that is not there or that holds the samples, and lone pixels."""
    sizes = xp.shape(x)
    rank = len(sizes)
    whole = isinstance(axis, Integral) and not isinstance(axis, bool)
    if axis is not None and not (
        whole and -rank <= axis < rank and axis not in (0, -rank)
    ):
        raise ValueError(
            f"axis must be that of the classes, None or a number in [1, {rank - 1}] or "
            f"[{1 - rank}, -1], got {axis!r}. Axis 0 holds the samples; pixels are on "
            "all that are left."
        )
    least = 2 if axis is None else 3
    if rank < least or 0 in sizes[1:]:
        wanted = "(n, ...)" if axis is None else "(n, ...) and an axis of classes"
        raise ValueError(
            f"y_pred must have the shape {wanted}, with at least one pixel, got "
            f"{sizes}. Use y_pred[None] and y_true[None] for a single mask."
        )


def _in_rows(xp: Backend, x: Array, axis: int | None) -> Array:
    """Return (n, pixels), or (n, C, pixels)."""
    if axis is not None:
        x = xp.moveaxis(x, int(axis), 1)
    lead = 1 if axis is None else 2
    sizes = xp.shape(x)
    pixels = None if None in sizes[lead:] else prod(sizes[lead:])  # type: ignore[arg-type]
    if len(sizes) == lead + 1:
        return x
    kept = [_size(xp, x, i) for i in range(lead)]
    if pixels is None:
        return xp.reshape(x, (*kept, -1))
    return xp.reshape(x, (*kept, pixels))


def _size(xp: Backend, x: Array, axis: int) -> Any:
    """Return the length of an axis, as a number where it is known."""
    known = xp.shape(x)[axis]
    return xp.last_size(xp.moveaxis(x, axis, -1)) if known is None else known


def _softmax(
    xp: Backend, z: Array, weights: Weights | None, ignored: Array | None
) -> Array:
    """Return the probabilities of the classes, on axis 1."""
    if xp.shape(z)[1] == 1:
        raise ValueError(
            "y_pred has a single class on its class axis, whose softmax is 1. Leave "
            "axis out: the logits of one mask go through a sigmoid."
        )
    z = _without_silent_pixels(xp, z, weights, ignored)
    powers = xp.exp(z - xp.max(xp.stop_gradient(z), axis=1, keepdims=True))
    return powers / xp.sum(powers, axis=1, keepdims=True)


def _without_silent_pixels(
    xp: Backend, z: Array, weights: Weights | None, ignored: Array | None
) -> Array:
    """Return logits, 0 at a pixel that counts in no class and is not finite."""
    if ignored is None and (weights is None or weights.positive):
        return z
    nothing = xp.zeros_like(xp.stop_gradient(z))
    counts = nothing + 1 if ignored is None else xp.where(ignored, nothing, nothing + 1)
    if weights is not None:
        counts = counts * xp.expand_dims(xp.stop_gradient(weights.values), -1)
    anywhere = xp.max(counts, axis=1)
    (last,) = without_silent_rows(xp, anywhere, xp.moveaxis(z, 1, -1))
    return xp.moveaxis(last, -1, 1)


def _class_weight(
    xp: Backend, value: Any, scores: Array, axis: int | None
) -> Array | None:
    if value is None:
        return None
    if axis is None:
        raise ValueError(
            "class_weight must come with axis, which says where the classes are. Use "
            "sample_weight to weigh masks."
        )
    return class_weight_of(xp, value, xp.shape(scores)[1], "class_weight", scores)


def _put(xp: Backend, where: Array, x: Array, value: float) -> Array:
    return xp.where(where, xp.zeros_like(x) + value, x)
