"""What the losses over classes share: where the classes are, labels, class weights."""

from numbers import Integral
from typing import Any, NamedTuple

from lossbook.backends import Array, Backend, backend_of
from lossbook.core import checks
from lossbook.core.checks import Weights
from lossbook.core.inputs import (
    check_not_empty,
    check_shapes,
    class_weight_of,
    weights_of,
)
from lossbook.core.inputs import prepare as prepare_elements
from lossbook.core.pointwise import Rowwise, multiplied
from lossbook.core.reduction import (
    Asked,
    check_reduction,
    reduce,
    without_silent_rows,
)


class ClassBatch(NamedTuple):
    """Labels and scores that fit each other.

    Attributes
    ----------
    xp : module
        The backend.
    labels : array of integers
        In range everywhere: 0 stands for a label that is ignored or wrong.
    scores : array
        One a class, the classes last.
    weights : Weights or None
        The sample weights, in the shape of the labels.
    ignored, wrong : array of bool, or None
        Which labels count nothing, and which are out of range although they count:
        known only when the values are, so that their losses must become NaN.
    class_weight : array or None
        The weights of the classes.
    """

    xp: Backend
    labels: Array
    scores: Array
    weights: Weights | None
    ignored: Array | None
    wrong: Array | None
    class_weight: Array | None = None

    @property
    def classes(self) -> Any:
        """How many classes there are."""
        return self.xp.shape(self.scores)[-1]

    @property
    def label_weight(self) -> Array | None:
        """For each label the weight of its class; a kernel does without."""
        by_class = self.class_weight
        return None if by_class is None else self.xp.take(by_class, self.labels)

    def settled(self, losses: Array) -> Array:
        """Return the losses, 0 where the label is ignored and NaN where it is wrong."""
        xp = self.xp
        if self.wrong is not None:
            # A factor, not a value in its place: the gradient is to be NaN as well.
            losses = losses * xp.nan_where(self.wrong, xp.zeros_like(losses) + 1)
        if self.ignored is not None:
            losses = xp.where(self.ignored, xp.zeros_like(losses), losses)
        return losses

    def hushed(self, losses: Array) -> Array:
        """Return the losses, 0 where one that is not finite counts nothing.

        Factors of the loss can be learned too: 0 times NaN would reach their gradient.
        """
        xp, silent = self.xp, self.ignored
        if self.weights is not None and not self.weights.positive:
            unweighted = self.weights.values == 0
            silent = unweighted if silent is None else silent | unweighted
        if silent is None:
            return losses
        silent = silent & ~xp.isfinite(losses)
        return xp.where(silent, xp.zeros_like(losses), losses)

    def reduce(self, losses: Array, reduction: str) -> Array:
        """Turn losses, weighted by class, into what `reduction` asks for."""
        losses = self.settled(losses)
        return reduce(self.xp, losses, self.weights, reduction, self._counted(losses))

    def reduced(self, loss: Rowwise[Any], reduction: str, **parameters: Any) -> Array:
        """Apply a loss of labels and scores, in one step where all count alike."""
        xp, inputs = self.xp, (self.labels, self.scores)
        if isinstance(reduction, Asked):
            found = loss.second_order(xp, inputs, parameters, reduction)
            counted = self.settled(xp.zeros_like(self.scores[..., 0]) + 1)
            return multiplied(xp, found, counted, self.weights)
        if self.weights is self.ignored is self.wrong is None:
            return loss.reduced(xp, *inputs, reduction=reduction, **parameters)
        counting = self.weights if self.ignored is self.wrong is None else None
        losses = loss.counted(xp, inputs, parameters, counting, reduction)
        return self.reduce(losses, reduction)

    def _counted(self, losses: Array) -> Array | None:
        """Return what each label weighs by itself: its class, or nothing if ignored."""
        xp, counted = self.xp, self.label_weight
        if self.ignored is None:
            return counted
        nothing = xp.zeros_like(xp.stop_gradient(losses))
        return xp.where(
            self.ignored, nothing, nothing + 1 if counted is None else counted
        )

    def safe_scores(self) -> Array:
        """Return the scores without rows that weigh nothing and are not finite."""
        scores = self.scores
        if self.ignored is not None:
            kept = self.xp.zeros_like(scores[..., 0]) + 1
            kept = self.xp.where(self.ignored, kept * 0, kept)
            (scores,) = without_silent_rows(self.xp, kept, scores)
        if self.weights is not None and not self.weights.positive:
            (scores,) = without_silent_rows(self.xp, self.weights.values, scores)
        return scores


def shape(x: Any, name: str) -> tuple[Any, ...]:
    """Return the shape of an array or nested list."""
    xp = backend_of(x)
    return tuple(xp.shape(xp.asarray(x, name)))


def prepare(
    y_true: Any,
    y_pred: Any,
    axis: int,
    ignore_index: int | None,
    sample_weight: Any,
    reduction: str,
    *others: Any,
    class_weight: Any = None,
    ignorable: bool = True,
) -> ClassBatch:
    """Return integer labels, scores with the classes last, and the weights.

    `others` may say which framework it is. `ignorable` says whether the loss has an
    ``ignore_index`` that its errors may name.
    """
    check_reduction(reduction)
    check_ignore_index(ignore_index)
    xp = backend_of(y_true, y_pred, sample_weight, class_weight, *others)
    scores = _last(xp, xp.to_float(xp.asarray(y_pred, "y_pred", y_true)), axis)
    labels = xp.asarray(y_true, "y_true", scores)
    if not xp.is_integer(labels):
        raise TypeError(
            f"y_true must hold integer labels, got dtype {xp.dtype_name(labels)}. Use "
            "cross_entropy for one-hot or soft targets, or convert the labels to int64."
        )
    labels = xp.to_index(_shaped(xp, labels, scores), scores)
    check_not_empty(xp, labels, "y_true", reduction)
    weights = _row_weights(xp, sample_weight, scores)
    batch = labelled(
        xp, labels, scores, weights, ignore_index, "y_true", ignorable=ignorable
    )
    if class_weight is None:
        return batch
    by_class = class_weight_of(
        xp, class_weight, batch.classes, "class_weight", batch.scores
    )
    return batch._replace(class_weight=by_class)


def labelled(
    xp: Backend,
    labels: Array,
    scores: Array,
    weights: Weights | None,
    ignore_index: int | None,
    name: str,
    classes: Any = None,
    ignorable: bool = True,
) -> ClassBatch:
    """Return the batch, its labels seen to name one of the classes."""
    classes = xp.shape(scores)[-1] if classes is None else classes
    ignored = None if ignore_index is None else is_label(xp, labels, ignore_index)
    if ignored is not None:
        labels = xp.where(ignored, xp.zeros_like(labels), labels)
    found = xp.range_of(labels)
    if classes is None:  # known when the graph runs
        classes = xp.cast(xp.last_size(scores), labels)
    is_number = isinstance(classes, int)  # and no symbol for one
    if is_number and found is not None and found[0] >= 0 and found[1] < classes:
        return ClassBatch(xp, labels, scores, weights, ignored, None)

    def words() -> str:
        known = isinstance(classes, int)
        wanted = f"{classes - 1} for {classes} classes" if known else "C - 1"
        got = f", got labels from {found[0]} to {found[1]}" if found else ""
        return (
            f"{name} must hold labels 0 to {wanted}{got}. "
            + "To leave a label out, "
            + ("pass ignore_index=... or " if ignorable else "")
            + "give it the sample_weight 0."
        )

    wrong = (labels < 0) | (labels >= classes)
    counted = checks.checked(xp, wrong, words, weights, found is not None)
    labels = xp.where(wrong, xp.zeros_like(labels), labels)
    return ClassBatch(xp, labels, scores, weights, ignored, counted)


def check_ignore_index(value: Any) -> None:
    """Refuse what is no label."""
    if value is None:
        return
    # To ask Integral takes a microsecond.
    known = type(value) is int
    if not known and (not isinstance(value, Integral) or isinstance(value, bool)):
        raise TypeError(
            f"ignore_index must be an integer label or None, got {value!r}."
        )
    if not -(2**63) <= int(value) < 2**63:
        raise ValueError(
            f"ignore_index must fit into int64, as labels do, got {value!r}. Pass None "
            "where no label is to be ignored."
        )


def is_label(xp: Backend, labels: Array, value: int) -> Array:
    """Say where a label stands; int32 would wrap a value beyond it to another one."""
    return (labels if abs(value) < 2**31 else xp.to_int64(labels)) == value


def _shaped(xp: Backend, labels: Array, scores: Array) -> Array:
    """Return the labels, seen to have the shape of the scores without the classes."""
    got, want = xp.shape(labels), xp.shape(scores)[:-1]
    if xp.shape(scores)[-1] == 0:
        raise ValueError(
            f"y_pred is empty (shape {xp.shape(scores)}): there are no classes."
        )
    if len(got) == len(want) + 1 and got[-1] == 1:
        raise ValueError(
            f"y_true must have the shape of y_pred without the class axis, {want}, got "
            f"{got}. Use y_true[..., 0]."
        )
    if len(got) == len(want) + 1 and got == xp.shape(scores):
        raise ValueError(
            f"y_true has the shape {got} of y_pred: it looks one-hot. Use "
            "cross_entropy for one-hot targets, or y_true.argmax(-1)."
        )
    if got == want and None not in want:
        return labels
    # A slice of the scores stands for the shape that the labels must have.
    names = ("y_true", "y_pred without its class axis")
    return check_shapes(xp, labels, scores[..., 0], names)


def distributions(
    y_true: Any,
    y_pred: Any,
    axis: int,
    sample_weight: Any,
    reduction: str,
    *others: Any,
) -> tuple[Backend, Array, Array, Weights | None]:
    """Return targets and scores with the classes last, and one weight a row."""
    xp, y_true, y_pred, _ = prepare_elements(
        y_true, y_pred, None, reduction, sample_weight, *others
    )
    y_true, y_pred = (_last(xp, x, axis) for x in (y_true, y_pred))
    return xp, y_true, y_pred, _row_weights(xp, sample_weight, y_pred)


def _row_weights(xp: Backend, sample_weight: Any, scores: Array) -> Weights | None:
    """Return the weights of losses that have the shape without the class axis."""
    if sample_weight is None:
        return None
    return weights_of(xp, sample_weight, scores[..., 0])


def _last(xp: Backend, x: Array, axis: int) -> Array:
    """Move the class axis to the end."""
    axes = len(xp.shape(x))
    if axes == 0:
        raise ValueError(
            "y_pred must have a class axis, got a single number. Use "
            "binary_cross_entropy for one probability."
        )
    if type(axis) is int and axis == -1:
        return x
    if not (isinstance(axis, Integral) and -axes <= axis < axes):
        raise ValueError(f"axis must lie in [{-axes}, {axes - 1}], got {axis!r}.")
    return x if axis in (-1, axes - 1) else xp.moveaxis(x, int(axis), -1)
