"""Weights between classes, between tasks, and between the parts of a batch.

A mean is a sum divided by the sum of the weights. `class_weights` and `multitask`
choose weights; `global_mean` keeps the division right where a batch comes in parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from numbers import Integral
from operator import add
from typing import Any, Literal

import numpy as np

from lossbook.backends import Array, Backend, Of2, Of4, backend_of
from lossbook.core.checks import check_flag, checked_weight, refuse_unknown
from lossbook.core.class_inputs import check_ignore_index
from lossbook.core.pointwise import Elementwise
from lossbook.core.registry import loss


def class_weights(
    labels: Any,
    kind: Literal["balanced"] | None = "balanced",
    *,
    classes: int | None = None,
    ignore_index: int | None = None,
) -> Array:
    r"""Weights that let each class count the same, however rare it is.

    .. math:: w_c = \frac{n}{C\, n_c}

    as in scikit-learn's ``compute_class_weight``: the weights of all samples sum to n,
    and C is the number of classes that occur.

    Parameters
    ----------
    labels : array of integers
        The labels 0 to C - 1 of the training set; they are counted on the CPU, once.
    kind : {"balanced", None}
        None gives each class the weight 1.
    classes : int, optional
        How many classes there are, where some may not occur in these labels: balanced,
        their weight is 0. By default each must occur, and the largest label is the
        last.
    ignore_index : int, optional
        A label that is not counted.

    Returns
    -------
    array
        Of shape (C,), for ``class_weight=``: float64 on NumPy, the framework's usual
        float, on the device of `labels`, otherwise.

    Raises
    ------
    ValueError
        If there are no labels, one is negative or not below `classes`, a class below
        the largest label has no sample though `classes` is not given, or `kind` is
        unknown.
    TypeError
        If the labels are not integers, or not known yet, as inside a graph.

    References
    ----------
    King, G., L. Zeng (2001), Logistic regression in rare events data.

    Examples
    --------
    >>> import lossbook as lb
    >>> lb.class_weights([0, 0, 0, 1])
    array([0.66666667, 2.        ])
    >>> lb.class_weights([0, 0, 0, 2, 255], classes=3, ignore_index=255)
    array([0.66666667, 0.        , 2.        ])
    """
    _check_classes(classes)
    check_ignore_index(ignore_index)
    if kind not in ("balanced", None):
        raise ValueError(f"kind must be 'balanced' or None, got {kind!r}.")
    xp = backend_of(labels)
    known = xp.asarray(labels, "labels")
    if 0 in xp.shape(known):
        raise ValueError("labels is empty: there is nothing to count. Pass all labels.")
    if not xp.is_integer(known):
        raise TypeError(
            f"labels must be integers 0 to C - 1, got dtype {xp.dtype_name(known)}. "
            "Use np.unique(labels, return_inverse=True)[1] to number other labels."
        )
    if not xp.is_known(known):
        refuse_unknown("class_weights", "labels")
    counts = _counts(_without(xp.to_numpy(known), ignore_index), classes)
    occur = counts > 0
    weights = counts.sum() / (occur.sum() * np.where(occur, counts, 1)) * occur
    if kind is None:
        weights = np.ones(len(counts))
    return xp.asarray(weights.tolist(), "class weights", known)


def _check_classes(classes: Any) -> None:
    whole = isinstance(classes, Integral) and not isinstance(classes, bool)
    if classes is not None and not (whole and classes > 0):
        raise ValueError(
            f"classes must be a positive whole number, got {classes!r}. For instance "
            "classes=10 for the labels 0 to 9."
        )


def _without(labels: Any, ignore_index: int | None) -> Any:
    kept = labels if ignore_index is None else labels[labels != ignore_index]
    if not kept.size:
        raise ValueError(
            f"labels holds nothing but ignore_index={ignore_index!r}: there is nothing "
            "to count. Pass all labels."
        )
    return kept


def _counts(labels: Any, classes: int | None) -> Any:
    if labels.min() < 0:
        raise ValueError(
            f"labels must be 0 to C - 1, got {labels.min()}. Pass "
            f"ignore_index={labels.min()} if it counts nothing."
        )
    if classes is not None and labels.max() >= classes:
        raise ValueError(
            f"labels must be 0 to {classes - 1} for classes={classes}, got "
            f"{labels.max()}. Pass ignore_index={labels.max()} if it counts nothing."
        )
    counts = np.bincount(labels.reshape(-1), minlength=classes or 0)
    if classes is None and 0 in counts:
        raise ValueError(
            f"labels has no sample of class {int(np.argmin(counts))} of {len(counts)}: "
            "its weight would be infinite. Pass classes=... to give it the weight 0, "
            "or number the classes without gaps: "
            "np.unique(labels, return_inverse=True)[1]."
        )
    return counts


@loss("sum")
def multitask(losses: Any, log_variances: Any) -> Array:
    r"""Sum of the losses of several tasks, each weighted by a noise that is learned.

    .. math:: L = \sum_t \tfrac12\bigl(e^{-s_t} L_t + s_t\bigr), \qquad
              \frac{\partial L}{\partial L_t} = \tfrac12 e^{-s_t}, \qquad
              \frac{\partial L}{\partial s_t} = \tfrac12\bigl(1 - e^{-s_t} L_t\bigr)

    with s the logarithm of the variance, learned with the model: for a constant loss
    the best is s = log L, and no task wins by its unit. For squared errors it is the
    likelihood of Gaussian noise. The factor 1/σ² that the paper has for classification
    is the same with s shifted by log 2.

    Parameters
    ----------
    losses : list of scalars, or array of shape (T,)
        One loss a task, 0 or more; one that can become negative pulls s to -inf.
    log_variances : list of scalars, or array of shape (T,)
        The parameters s, one a task. Start at the logarithms of the first losses: at 0
        all weigh alike, and a task wins by its unit.

    Returns
    -------
    array
        A scalar, in the dtype of the first loss.

    Raises
    ------
    ValueError
        If there are not as many log variances as losses, or none.

    References
    ----------
    Kendall, A., Y. Gal, R. Cipolla (2018), Multi-task learning using uncertainty to
    weigh losses for scene geometry and semantics.

    Examples
    --------
    >>> import numpy as np, lossbook as lb
    >>> float(lb.multitask([4.0, 1.0], [0.0, 0.0]))
    2.5
    >>> round(float(lb.multitask([4.0, 1.0], np.log([4.0, 1.0]))), 4)
    1.6931
    """
    xp = backend_of(*_parts(losses), *_parts(log_variances))
    each = _scalars(xp, losses, "losses", *_tensors(xp, losses, log_variances))
    noise = _scalars(xp, log_variances, "log_variances", each[0])
    if len(each) != len(noise):
        raise ValueError(
            f"log_variances must hold one parameter a task, got {len(noise)} for "
            f"{len(each)} losses."
        )
    terms = [
        _TASK.losses(xp, xp.cast(loss, each[0]), xp.cast(s, each[0]))
        for loss, s in zip(each, noise, strict=True)
    ]
    return reduce(add, terms)


_TASK = Elementwise[Of2](
    "multitask",
    formula=lambda xp, loss, s: 0.5 * (xp.multiply_no_nan(loss, xp.exp(-s)) + s),
    derivatives=[
        lambda xp, loss, s: 0.5 * xp.exp(-s),
        lambda xp, loss, s: 0.5 * (1 - xp.multiply_no_nan(loss, xp.exp(-s))),
    ],
)


@loss("sum")
def global_mean(
    loss_sum: Any, weight_sum: Any, *, across_workers: bool = True
) -> Array:
    r"""Mean over a whole batch that comes in parts: sum of all losses / of all weights.

    .. math:: L = \frac{\sum_p S_p}{\sum_p W_p}, \qquad
              \frac{\partial L}{\partial S_p} = \frac{1}{\sum_p W_p}

    The mean of the means of the parts is another number as soon as the parts differ in
    size, in padding or in weights. Where PyTorch has a process group, TensorFlow runs
    in a strategy, or JAX is inside ``jax.shard_map`` or ``jax.pmap``, both sums are
    also taken over all workers: every worker gets the same value. On JAX that is a
    ``jax.lax.psum`` over the axes of devices on which the sums differ, which need not
    be named.

    Gradients come out right by each framework's own convention. DistributedDataParallel
    averages the gradients of K workers, so that dL/dS is K / W here; TensorFlow adds
    them, so that it is 1 / W. (Keras's ``fit`` divides by K by itself: use it in
    training loops of your own.) So it is in JAX: ``jax.shard_map`` adds the gradients
    of what all devices share by itself, under ``jax.pmap`` and with
    ``check_vma=False`` add them with ``jax.lax.psum``, not ``pmean``.

    A DTensor of PyTorch is taken with the parts of all processes, so that the number
    beside it must be that of all of them as well; the mean is a plain tensor.

    Parameters
    ----------
    loss_sum : array or list of arrays
        Sums of weighted losses, ``reduction="sum"``, of one or several parts; or the
        losses themselves. All elements are added.
    weight_sum : number, array or list of them
        Sums of the weights (numbers of samples or tokens that count), likewise; a
        constant, which has no gradient.
    across_workers : bool
        Whether to add over workers. It must be called on all of them, or with False
        where one works alone.

    Returns
    -------
    array
        A scalar; 0, with gradient 0, where nothing weighs anything.

    Raises
    ------
    ValueError
        If a weight is negative or a list is empty.

    Examples
    --------
    Unequal batches of an evaluation: 2 losses of 1 and 8 of 3 have the mean 2.6.

    >>> import lossbook as lb
    >>> float(lb.global_mean([2 * 1.0, 8 * 3.0], [2, 8]))
    2.6

    Accumulation: each part divides by the weight of all parts, known before the first
    backward pass, and the gradients add up. (On several workers each has as many
    parts.)

    >>> weights = [2, 8]
    >>> parts = [lb.global_mean(s, weights) for s in (2 * 1.0, 8 * 3.0)]
    >>> round(float(sum(parts)), 12)
    2.6

    Workers, each with the tokens of its own share of the batch:

    >>> losses = lb.sparse_cross_entropy(
    ...     labels, logits, from_logits=True, ignore_index=-1, reduction="sum"
    ... )  # doctest: +SKIP
    >>> loss = lb.global_mean(losses, (labels != -1).sum())  # doctest: +SKIP
    >>> loss.backward()  # doctest: +SKIP
    """
    check_flag("across_workers", across_workers)
    xp = backend_of(*_parts(loss_sum), *_parts(weight_sum))
    total = _sum(xp, loss_sum, "loss_sum", *_tensors(xp, loss_sum, weight_sum))
    weight = xp.cast(_sum(xp, weight_sum, "weight_sum", total), total)
    total, weight = xp.full(total), xp.full(weight)
    weight = xp.stop_gradient(weight)
    whole, scale = total, 1  # with its gradient: an exported program has no other
    if across_workers:
        whole, weight, scale = xp.sum_over_workers(total, weight)
    return _MEAN.losses(xp, total, whole, weight, scale=scale)


def _mean(xp: Backend, part: Array, total: Array, weight: Array, scale: int) -> Array:
    return xp.where(weight == 0, weight * 0, total / _not_zero(xp, weight))


def _mean_derivative(
    xp: Backend, part: Array, total: Array, weight: Array, scale: int
) -> Array:
    return xp.where(weight == 0, weight * 0, scale / _not_zero(xp, weight))


_MEAN = Elementwise[Of4](
    "global_mean", _mean, derivatives=[_mean_derivative, None, None]
)


def _not_zero(xp: Backend, weight: Array) -> Array:
    return xp.where(weight == 0, weight + 1, weight)


def _sum(xp: Backend, value: Any, name: str, *like: Array) -> Array:
    """Return the sum of all elements of an array, or of all arrays of a list."""
    parts = [xp.to_float(xp.asarray(x, name, *like)) for x in _parts(value)]
    if not parts:
        raise ValueError(f"{name} is an empty list: there is nothing to add.")
    if name == "weight_sum":
        parts = [checked_weight(xp, part, name) for part in parts]
    return reduce(add, [xp.sum(xp.cast(part, parts[0])) for part in parts])


def _parts(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else [value]


def _tensors(xp: Backend, *values: Any) -> list[Array]:
    """Return the first array of the framework, for others to go to its device."""
    return [x for value in values for x in _parts(value) if xp.owns(type(x))][:1]


def _scalars(xp: Backend, value: Any, name: str, *like: Array) -> list[Array]:
    """Return the scalars of a list or of an array with one axis."""
    parts = [xp.to_float(xp.asarray(x, name, *like)) for x in _parts(value)]
    if not isinstance(value, list | tuple) and len(xp.shape(parts[0])) == 1:
        (tasks,) = xp.shape(parts[0])
        if tasks is None:
            raise ValueError(
                f"{name} must have a known number of tasks. Pass a list of scalars."
            )
        parts = [parts[0][i] for i in range(tasks)]
    shapes = [xp.shape(part) for part in parts if xp.shape(part) != ()]
    if shapes or not parts:
        got = f"an element of shape {shapes[0]}" if shapes else "none"
        raise ValueError(
            f"{name} must hold one scalar a task, got {got}. Reduce each loss with "
            'reduction="mean" first.'
        )
    return parts
