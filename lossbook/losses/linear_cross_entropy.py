"""Cross-entropy over a large vocabulary, without holding all of its logits.

The last layer of a language model turns n hidden states into n times V logits, of which
the loss needs one number a row: with V = 128 000 they are by far the largest array of a
training step, and there are several copies of it. Here layer and loss are one function.
"""

from __future__ import annotations

from math import inf
from sys import float_info
from typing import TYPE_CHECKING, Any

from lossbook.backends import Array, Backend, backend_of
from lossbook.core import class_inputs
from lossbook.core.checks import check_between, check_positive
from lossbook.core.inputs import (
    check_not_empty,
    check_shapes,
    class_weight_of,
    weights_of,
)
from lossbook.core.reduction import Reduction, check_reduction, weighted
from lossbook.core.registry import loss

if TYPE_CHECKING:
    from lossbook.backends.terms import Terms

_ROOM = 2**23  # logits held at once if nobody says otherwise and d is not large


@loss("layer")
def linear_cross_entropy(
    hidden: Any,
    weight: Any,
    labels: Any,
    bias: Any = None,
    ignore_index: int | None = None,
    chunk_size: int | None = None,
    *,
    label_smoothing: float = 0.0,
    class_weight: Any = None,
    z_loss: float = 0.0,
    softcap: float | None = None,
    sample_weight: Any = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Cross-entropy of a linear layer, computed chunk by chunk, in nats.

    .. math:: \ell = -\log \operatorname{softmax}(W h + b)_y, \qquad
              \frac{\partial\ell}{\partial h} = W^\top (p - e_y), \quad
              \frac{\partial\ell}{\partial W} = (p - e_y)\, h^\top, \quad
              \frac{\partial\ell}{\partial b} = p - e_y

    and with all that can be added, for the logits z = c tanh((W h + b) / c) under a
    softcap c, the smoothing s, the weights w of the classes and the z-loss k,

    .. math:: \ell = -(1 - s)\, w_y \log p_y - \frac sV \sum_c w_c \log p_c
              + k \Bigl(\log \sum_c e^{z_c}\Bigr)^2 .

    The same number as :func:`lossbook.sparse_cross_entropy` of the logits, at most 4
    ulp off, of what a logit is when all its terms have one sign. The gradients are
    computed with the loss, while a chunk of logits is at hand, and multiplied by what
    arrives on the way back. With ``"none"`` that differs from row to row: the chunks
    are then computed a second time, and so they are in float16 on PyTorch, where they
    would underflow before a loss scale arrives, and always on JAX, where derivatives
    forwards and second ones go by chunks too. Elsewhere second derivatives, and
    torch.func, hold all logits at once. ``tf.autodiff.ForwardAccumulator`` gets no
    tangent of it: give it ``sparse_cross_entropy`` of the logits.

    Parameters
    ----------
    hidden : array
        Hidden states, shape (..., d).
    weight : array
        One row a class, shape (V, d), as in ``torch.nn.Linear``; the kernel of a Keras
        layer is its transpose.
    labels : array of integers
        Labels 0 to V - 1, shape (...).
    bias : array, optional
        One number a class, shape (V,).
    ignore_index : int, optional
        A label that counts nothing. If all are ignored, loss and gradients are 0.
    chunk_size : int, optional
        How many rows of logits are held at once; by default as many as make 8 million
        numbers, or d / 16 if that is more. In half precision PyTorch holds a quarter of
        that, in columns.
    label_smoothing : float
        Spreads this share of each target evenly over all classes.
    class_weight : array, optional
        One weight a class; ``"mean"`` divides by the sum of the weights of the labels.
        The z-loss is not weighted by class.
    z_loss : float
        What the square of log sum exp z counts, 0 or more; it keeps logits near the
        logarithms of probabilities.
    softcap : float, optional
        Bends the logits, so that none leaves [-c, c]. A second chunk is held then.
    sample_weight, reduction : optional
        As in :func:`lossbook.mse`; one weight a label. Weights are constants here,
        those of classes too.

    Returns
    -------
    array
        A scalar, or with ``"none"`` the losses in the shape of `labels`; float32 if
        `weight` is in half precision, whose logits are added up in float32.

    Raises
    ------
    ValueError
        If shapes do not fit, a label is out of range, `chunk_size` or `softcap` is not
        positive, `label_smoothing` leaves [0, 1], `z_loss` is negative, and as in
        :func:`lossbook.mse`.
    TypeError
        If the labels are not integers.

    References
    ----------
    Hsu, P.-L. et al. (2024), Liger kernel: efficient Triton kernels for LLM training.

    Chowdhery, A. et al. (2022), PaLM: scaling language modeling with pathways.

    Gemma Team (2024), Gemma 2: improving open language models at a practical size.

    Examples
    --------
    >>> import numpy as np, lossbook as lb
    >>> h, W = np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([[1.0, 2.0], [0.0, 1.0]])
    >>> round(float(lb.linear_cross_entropy(h, W, [0, 1])), 6)
    0.813262
    >>> round(float(lb.sparse_cross_entropy([0, 1], h @ W.T, from_logits=True)), 6)
    0.813262
    """
    check_reduction(reduction)
    class_inputs.check_ignore_index(ignore_index)
    _check_chunk(chunk_size)
    label_smoothing = check_between("label_smoothing", label_smoothing, 0, 1)
    z_loss = check_between("z_loss", z_loss, 0, float_info.max)
    if softcap is not None:
        softcap = check_positive("softcap", softcap)
    xp = backend_of(hidden, weight, labels, bias, sample_weight, class_weight)
    weight = xp.asarray(weight, "weight", hidden)
    hidden = xp.asarray(hidden, "hidden", weight)
    hidden, weight = xp.LINEAR.operands(hidden, weight)
    labels = xp.asarray(labels, "labels", weight)
    _check_layer(xp, hidden, weight)
    if bias is not None:
        bias = _bias(xp, xp.asarray(bias, "bias", weight), weight)
    labels = _labels(xp, labels, hidden)
    check_not_empty(xp, labels, "labels", reduction)
    batch = _batch(xp, labels, hidden, weight, ignore_index, sample_weight)
    counts = _counts(batch)
    by_class = _by_class(batch, class_weight, weight)
    by_label = None if by_class is None else xp.take(by_class, batch.labels)
    if label_smoothing and by_class is None:
        by_class = _ones(batch, weight)
    terms = _terms(batch, by_class, by_label, label_smoothing, z_loss, softcap)
    denominator = _denominator(xp, _product(counts, by_label), reduction)
    if terms.own is None:  # then it weighs the whole loss of the row
        counts = _product(counts, by_label)
    rows = xp.reshape(hidden, (-1, xp.shape(hidden)[-1]))
    if any(x is not None for x in (batch.ignored, batch.weights, by_label)):
        # What does not count must not spoil the sums by being NaN.
        silent = xp.reshape(counts, (-1, 1)) == 0
        rows = xp.where(silent, xp.zeros_like(rows), rows)
    layer = rows, weight, bias, xp.reshape(batch.labels, (-1,))
    chunk = chunk_size or _default_chunk(xp, weight)
    if reduction == "none":
        each = _in_shape(xp, xp.LINEAR.losses(*layer, terms, chunk), batch.labels)
        return weighted(xp, batch.settled(each), counts)
    # The weight of a wrong label, where it could not be seen, makes loss and gradients
    # NaN: it multiplies all that the row adds to them.
    row_weight = batch.settled(counts / denominator)
    return xp.LINEAR.total(*layer, xp.reshape(row_weight, (-1,)), terms, chunk)


def _by_class(
    batch: class_inputs.ClassBatch, class_weight: Any, weight: Array
) -> Array | None:
    """Return the weights of the classes, in the precision of the loss; constants."""
    if class_weight is None:
        return None
    xp, classes = batch.xp, batch.xp.shape(weight)[0]
    values = class_weight_of(xp, class_weight, classes, "class_weight", batch.scores)
    return xp.stop_gradient(values)


def _ones(batch: class_inputs.ClassBatch, weight: Array) -> Array:
    xp = batch.xp
    one_a_class = xp.cast(xp.stop_gradient(weight[..., 0]), batch.scores)
    return xp.zeros_like(one_a_class) + 1


def _terms(
    batch: class_inputs.ClassBatch,
    by_class: Array | None,
    by_label: Array | None,
    label_smoothing: float,
    z_loss: float,
    softcap: float | None,
) -> Terms:
    """Return what is added to the surprise of the labels."""
    # Here, because to make the class takes as long as all else of this module.
    from lossbook.backends.terms import Terms

    xp, own, spread = batch.xp, None, None
    if label_smoothing or (z_loss and by_label is not None):
        own = xp.reshape(batch.scores + 1, (-1,)) * (1 - label_smoothing)
        own = own if by_label is None else own * xp.reshape(by_label, (-1,))
    if label_smoothing and by_class is not None:
        classes = xp.sum(xp.zeros_like(by_class) + 1)
        spread = label_smoothing * by_class / classes
    return Terms(own, spread, float(z_loss), softcap and float(softcap))


def _product(counts: Array, by_label: Array | None) -> Array:
    return counts if by_label is None else counts * by_label


def _check_chunk(chunk_size: Any) -> None:
    whole = isinstance(chunk_size, int) and not isinstance(chunk_size, bool)
    if chunk_size is not None and not (whole and chunk_size > 0):
        raise ValueError(
            f"chunk_size must be a positive whole number of rows, got {chunk_size!r}."
        )


def _check_layer(xp: Backend, hidden: Array, weight: Array) -> None:
    states, classes = xp.shape(hidden), xp.shape(weight)
    if len(classes) != 2 or not states or states[-1] != classes[1]:
        turned = len(classes) == 2 and states[-1:] == classes[:1]
        fix = " Pass weight.T, one row a class." if turned else ""
        raise ValueError(
            "hidden must have the shape (..., d) and weight (V, d), got hidden "
            f"{states} and weight {classes}.{fix}"
        )
    if 0 in (states[-1], *classes):
        raise ValueError(
            f"hidden (shape {states}) or weight (shape {classes}) is empty: there is "
            "no layer."
        )


def _labels(xp: Backend, labels: Array, hidden: Array) -> Array:
    if not xp.is_integer(labels):
        raise TypeError(
            f"labels must be integers, got dtype {xp.dtype_name(labels)}. Convert them "
            "to int64."
        )
    names = ("labels", "hidden without its last axis")
    return xp.to_index(check_shapes(xp, labels, hidden[..., 0], names), hidden)


def _bias(xp: Backend, bias: Array, weight: Array) -> Array:
    if xp.shape(bias) != xp.shape(weight)[:1]:
        raise ValueError(
            f"bias must have one number a class, shape {xp.shape(weight)[:1]}, got "
            f"shape {xp.shape(bias)}."
        )
    return xp.cast(bias, weight)


def _batch(
    xp: Backend,
    labels: Array,
    hidden: Array,
    weight: Array,
    ignore_index: int | None,
    sample_weight: Any,
) -> class_inputs.ClassBatch:
    """Return labels and weights; one number a row stands for the scores."""
    precision = xp.to_float(xp.stop_gradient(weight[:1, 0]))
    zeros = xp.zeros_like(xp.cast(xp.stop_gradient(hidden[..., 0]), precision))
    weights = weights_of(xp, sample_weight, zeros)
    classes = xp.shape(weight)[0]
    if classes is None:  # known when the graph runs
        classes = xp.cast(xp.last_size(xp.moveaxis(weight, 0, -1)), labels)
    return class_inputs.labelled(
        xp, labels, zeros, weights, ignore_index, "labels", classes
    )


def _counts(batch: class_inputs.ClassBatch) -> Array:
    """Return the weight of each label, in the precision of the loss; a constant."""
    xp, counts = batch.xp, batch.scores + 1
    if batch.weights is not None:
        counts = xp.stop_gradient(batch.weights.values)
    if batch.ignored is None:
        return counts
    return xp.where(batch.ignored, xp.zeros_like(counts), counts)


def _denominator(xp: Backend, weights: Array, reduction: str) -> Array:
    """Return what the weights are divided by: infinity where they add up to 0.

    There no row counts, not for its z-loss either.
    """
    counted = weights if reduction == "mean" else xp.zeros_like(weights) + 1
    total = xp.sum(counted)
    zero = xp.zeros_like(total)
    return zero + 1 if reduction == "sum" else xp.where(total == 0, zero + inf, total)


def _default_chunk(xp: Backend, weight: Array) -> int:
    """Return as many rows as fit into the room, which grows with the weight."""
    classes, width = xp.shape(weight)
    if classes is None:
        return 1024
    rows: int = max(_ROOM // classes, (width or 0) // 16, 1)
    return rows


def _in_shape(xp: Backend, losses: Array, labels: Array) -> Array:
    sizes = xp.shape(labels)
    if len(sizes) == 1:
        return losses
    return xp.reshape(losses, tuple(-1 if n is None else n for n in sizes))
