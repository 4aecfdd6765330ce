"""The contrastive loss: of all keys of a batch, each query must find its own."""

from __future__ import annotations

from typing import Any

from lossbook.backends import Array, Backend, backend_of
from lossbook.core.checks import Weights, bits, check_positive, checked, is_number
from lossbook.core.checks import positive as positive_array
from lossbook.core.class_inputs import ClassBatch, labelled
from lossbook.core.inputs import check_not_empty, check_shapes, weights_of
from lossbook.core.reduction import (
    Reduction,
    check_reduction,
    reduce,
    without_silent_rows,
)
from lossbook.core.registry import loss
from lossbook.losses.surprise import LOGIT_SURPRISE
from lossbook.losses.vectors import direction


@loss("scores")
def info_nce(
    query: Any,
    key: Any,
    *,
    temperature: Any = 0.1,
    labels: Any = None,
    key_mask: Any = None,
    sample_weight: Any = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Contrastive loss: each query must find its own key among all of the batch.

    .. math:: \ell_i = -\log \frac{e^{z_{iy}}}{\sum_j e^{z_{ij}}}, \qquad
              z_{ij} = \frac{\cos(q_i, k_j)}{\tau}, \qquad
              \frac{\partial\ell_i}{\partial z_{ij}} = p_{ij} - [j = y_i], \qquad
              \frac{\partial\ell_i}{\partial\tau}
              = \frac{z_{iy} - \sum_j p_{ij} z_{ij}}{\tau}

    in nats, with y the key that belongs to the query, i itself unless `labels` say
    otherwise: :func:`lossbook.sparse_cross_entropy` with the other keys as wrong
    classes. For the loss of CLIP take the mean of both directions, with a temperature
    that is learned, ``temperature=log_temperature.exp()``. The cosine with a vector of
    zeros is 0, and so is its slope. The error is at most 4 ulp of the larger
    of 1/τ and the loss.

    Parameters
    ----------
    query, key : array
        Embeddings, of the same shape (n, d); row i of one belongs to row i of the
        other. With `labels` there may be any number m of keys, (m, d).
    temperature : float or array without axes
        The unit τ of the cosines; the smaller, the harder the loss looks at the nearest
        wrong key. A tensor has a gradient.
    labels : array of integers, optional
        For each query which key belongs to it, 0 to m - 1, shape (n,).
    key_mask : array, optional
        1 or True for the keys that are there, 0 for padding, shape (m,); or (n, m), one
        a query, where some keys are no wrong answers. The own key must be there.
    sample_weight, reduction : optional
        As in :func:`lossbook.mse`; one loss a query.

    Returns
    -------
    array
        A scalar, or with ``"none"`` the losses, of shape (n,).

    Raises
    ------
    ValueError
        If `temperature` is not positive, the shapes differ or are not (n, d), a label
        is out of range, `key_mask` leaves out the own key of a query, and as in
        :func:`lossbook.mse`.
    TypeError
        If the labels are not integers.

    References
    ----------
    van den Oord, A., Y. Li, O. Vinyals (2018), Representation learning with contrastive
    predictive coding.

    Examples
    --------
    >>> import lossbook as lb
    >>> rows = [[1.0, 0.0], [0.0, 2.0]]
    >>> round(float(lb.info_nce(rows, rows, temperature=1.0)), 4)
    0.3133
    """
    check_reduction(reduction)
    xp = backend_of(query, key, temperature, labels, key_mask, sample_weight)
    query, key = _embeddings(xp, query, key, temperature, labels)
    check_not_empty(xp, query, "query", reduction)
    weights = weights_of(xp, sample_weight, query[..., 0])
    tau = _temperature(xp, temperature, query)
    if weights is not None:
        (query,) = without_silent_rows(xp, weights.values, query)
    if 0 in xp.shape(query):  # nobody to find
        return reduce(xp, xp.sum(query, axis=-1), weights, reduction)
    there = None if key_mask is None else _there(xp, key_mask, query, key)
    if there is not None:
        seen = there if weights is None else _where_weighed(xp, there, weights.values)
        (key,) = without_silent_rows(xp, xp.max(seen, axis=0), key)
    keys = xp.moveaxis(direction(xp, key), 0, 1)
    logits = xp.matmul(direction(xp, query), keys) / tau
    batch = _own_keys(xp, labels, logits, weights)
    if there is not None:
        batch = _padded(batch, there)
    return batch.reduced(LOGIT_SURPRISE, reduction)


def _embeddings(
    xp: Backend, query: Any, key: Any, temperature: Any, labels: Any
) -> tuple[Array, Array]:
    """Return queries and keys of as many numbers each."""
    tensors = [x for x in (query, key, labels, temperature) if xp.owns(type(x))][:1]
    query = xp.to_float(xp.asarray(query, "query", *tensors))
    key = xp.cast(xp.asarray(key, "key", query), query)
    rows, others = xp.shape(query), xp.shape(key)
    if labels is None:
        key = check_shapes(xp, key, query, ("key", "query"))
    if len(rows) != 2 or len(others) != 2:
        raise ValueError(
            f"query and key must have the shape (n, d), got {rows} and {others}. Use "
            "query.reshape(-1, query.shape[-1]) if all rows belong to one batch."
        )
    if None not in (rows[1], others[1]) and rows[1] != others[1]:
        raise ValueError(
            f"query and key must have as many numbers a row, got {rows} and {others}. "
            "Use key.T if its rows are the numbers."
        )
    if others[0] == 0 and rows[0] != 0:
        raise ValueError(f"key is empty (shape {others}): there is nothing to find.")
    return query, key


def _temperature(xp: Backend, value: Any, like: Array) -> Any:
    """Return a positive number, or one that is learned."""
    if is_number(value) or value is None or isinstance(value, bool | str):
        check_positive("temperature", value)
        return value
    tau = xp.cast(xp.asarray(value, "temperature", like), like)
    if xp.shape(tau) not in ((), (1,)):
        raise ValueError(
            f"temperature must be a single number, got shape {xp.shape(tau)}. Divide "
            "the queries by temperatures of their own."
        )
    return positive_array(xp, xp.reshape(tau, ()), "temperature", _LEARN_THE_LOG)


_LEARN_THE_LOG = "Learn its logarithm: temperature=log_temperature.exp()."


def _there(xp: Backend, key_mask: Any, query: Array, key: Array) -> Array:
    """Return 1 for each pair of query and key that is there, 0 for the others."""
    known = xp.asarray(key_mask, "key_mask", query)
    got, n, m = xp.shape(known), xp.shape(query)[0], xp.shape(key)[0]
    fits = got[-1:] in ((m,), (None,)) or m is None
    if (
        len(got) not in (1, 2)
        or not fits
        or (len(got) == 2 and got[0] not in (n, None))
    ):
        raise ValueError(
            f"key_mask must have one value a key, shape ({m},), or one a query and "
            f"key, ({n}, {m}), got {got}."
        )
    known = bits(xp, xp.cast(known, query), _NO_KEY_MASK)
    zeros = xp.zeros_like(xp.stop_gradient(query[:, :1]))
    return known + zeros


def _where_weighed(xp: Backend, there: Array, weight: Array) -> Array:
    """Return 0 also for the keys of queries that weigh nothing."""
    silent = xp.expand_dims(weight == 0, -1)
    return xp.where(silent, xp.zeros_like(there), there)


_NO_KEY_MASK = "key_mask must hold 0 and 1 alone: 1 or True for a key that is there."


def _own_keys(
    xp: Backend, labels: Any, logits: Array, weights: Weights | None
) -> ClassBatch:
    if labels is None:
        own = xp.to_index(xp.positions(xp.stop_gradient(logits)), logits)
        own = check_shapes(xp, xp.reshape(own, (-1,)), logits[..., 0])
        return ClassBatch(xp, own, logits, weights, None, None)
    own = xp.asarray(labels, "labels", logits)
    if not xp.is_integer(own):
        raise TypeError(
            f"labels must be integers, got dtype {xp.dtype_name(own)}: for each query "
            "the number of its key."
        )
    own = check_shapes(
        xp, own, logits[..., 0], ("labels", "query without its last axis")
    )
    own = xp.to_index(own, logits)
    return labelled(xp, own, logits, weights, None, "labels", ignorable=False)


def _padded(batch: ClassBatch, there: Array) -> ClassBatch:
    """Return the batch without keys that are not there."""
    xp = batch.xp
    lost = xp.take_labels(there, batch.labels) == 0

    def words() -> str:
        return (
            "key_mask must not leave out the key that belongs to a query. Give such a "
            "query the sample_weight 0."
        )

    lost = checked(xp, lost, words, batch.weights)
    wrong = lost if batch.wrong is None else batch.wrong | lost
    nothing = xp.zeros_like(batch.scores) + float("-inf")
    scores = xp.where(there == 0, nothing, batch.scores)
    seen = xp.any_of(wrong) is False
    return batch._replace(scores=scores, wrong=None if seen else wrong)
