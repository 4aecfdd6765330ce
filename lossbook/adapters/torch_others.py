"""Classes of PyTorch for losses of more, or of other, arrays than truth and prediction.

They are written by hand, because each is called in its own way. `GaussianNLLLoss` and
`MarginRankingLoss` take what PyTorch's class takes, in its order and with its defaults.
`LinearCrossEntropyLoss` holds the layer, as PyTorch's does, and has options of its own.
"""

from __future__ import annotations

from math import nan, sqrt
from sys import float_info
from typing import Any

import torch

from lossbook.adapters.torch_classes import as_buffer
from lossbook.backends import backend_of
from lossbook.core.checks import check_between, check_flag, check_positive
from lossbook.core.reduction import check_reduction
from lossbook.losses import contrastive, linear_cross_entropy, ranking, regression

_BIG = float_info.max


class _Loss(torch.nn.Module):  # type: ignore[misc]
    """What all of them share: a reduction, and parameters that are shown."""

    shown: tuple[str, ...] = ()

    def __init__(self, reduction: str) -> None:
        super().__init__()
        check_reduction(reduction)
        self.reduction: Any = reduction

    def extra_repr(self) -> str:
        """Return the parameters as they were given."""
        names = (*self.shown, "reduction")
        return ", ".join(f"{name}={getattr(self, name)!r}" for name in names)


class GaussianNLLLoss(_Loss):
    """Negative log-likelihood of Gaussian noise of a predicted variance, in nats.

    A ``torch.nn.Module`` around :func:`lossbook.gaussian_nll`, called with
    ``(input, target, var, sample_weight=None)``. As in ``torch.nn.GaussianNLLLoss`` a
    variance below `eps` counts as `eps`, and its gradient is that at `eps`. All three
    arrays have one shape.

    Parameters
    ----------
    full : bool
        Whether to add the constant log(2 pi) / 2.
    eps : float
        The least variance, 0 or more.
    reduction : {"mean", "sum", "none", "sum_over_batch_size"}
        ``"mean"`` is sum(w l) / sum(w); ``"sum_over_batch_size"`` is sum(w l) / n.
    """

    shown = ("full", "eps")

    def __init__(
        self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean"
    ) -> None:
        super().__init__(reduction)
        check_flag("full", full)
        eps = check_between("eps", eps, 0, _BIG)
        self.full, self.eps = full, eps

    def forward(
        self, input: Any, target: Any, var: Any, sample_weight: Any = None
    ) -> Any:
        """Return the loss of means `input` and variances `var`."""
        var = torch.as_tensor(var)
        # A variance below 0 is left, for the loss to refuse it.
        low = (var >= 0) & (var < self.eps)
        var = var + torch.where(low, self.eps - var, 0.0).detach()
        return regression.gaussian_nll(
            target,
            input,
            var,
            full=self.full,
            sample_weight=sample_weight,
            reduction=self.reduction,
        )


class MarginRankingLoss(_Loss):
    """Pairwise hinge loss: one score must lead the other by a margin.

    A ``torch.nn.Module`` around :func:`lossbook.margin_ranking`, called with
    ``(input1, input2, target, sample_weight=None)`` as ``torch.nn.MarginRankingLoss``:
    a target of 1 says that the first is to be ranked above, -1 the second.

    Parameters
    ----------
    margin : float
        The lead that costs nothing, 0 or more; 0 by default, as in PyTorch.
    reduction : {"mean", "sum", "none", "sum_over_batch_size"}
        ``"mean"`` is sum(w l) / sum(w); ``"sum_over_batch_size"`` is sum(w l) / n.
    """

    shown = ("margin",)

    def __init__(self, *, margin: float = 0.0, reduction: str = "mean") -> None:
        super().__init__(reduction)
        margin = check_between("margin", margin, 0, _BIG)
        self.margin = margin

    def forward(
        self, input1: Any, input2: Any, target: Any, sample_weight: Any = None
    ) -> Any:
        """Return the loss of pairs of scores, in the order that `target` says."""
        input1 = torch.as_tensor(input1)
        sign = _signs(torch.as_tensor(target, device=input1.device), input1)
        return ranking.margin_ranking(
            sign * input1,
            sign * torch.as_tensor(input2),
            margin=self.margin,
            sample_weight=sample_weight,
            reduction=self.reduction,
        )


def _signs(target: Any, like: Any) -> Any:
    """Return targets of -1 and 1; others are refused, or NaN where nobody can look."""
    if target.shape not in ((), (1,), like.shape):
        raise ValueError(
            f"target must be a single number or have the shape of input1, "
            f"{tuple(like.shape)}, got {tuple(target.shape)}."
        )
    sign = target.to(like.dtype if like.is_floating_point() else torch.float32)
    wrong = (sign.abs() != 1) & ~sign.isnan()
    if backend_of(wrong).any_of(wrong):
        raise ValueError(
            "target must hold -1 and 1 alone: 1 if input1 is to be ranked above, -1 if "
            "input2. Use 2 * target - 1 for 0 and 1."
        )
    return torch.where(wrong, torch.nan, sign)


class TripletLoss(_Loss):
    """Triplet loss: the anchor must be nearer to its own kind than to another.

    A ``torch.nn.Module`` around :func:`lossbook.triplet`, called with
    ``(anchor, positive, negative, sample_weight=None)``.

    Parameters
    ----------
    margin : float
        The lead that costs nothing, 0 or more, in the unit of the embeddings.
    reduction : {"mean", "sum", "none", "sum_over_batch_size"}
        ``"mean"`` is sum(w l) / sum(w); ``"sum_over_batch_size"`` is sum(w l) / n.
    """

    shown = ("margin",)

    def __init__(self, *, margin: float = 1.0, reduction: str = "mean") -> None:
        super().__init__(reduction)
        margin = check_between("margin", margin, 0, _BIG)
        self.margin = margin

    def forward(
        self, anchor: Any, positive: Any, negative: Any, sample_weight: Any = None
    ) -> Any:
        """Return the loss of triplets of embeddings."""
        return ranking.triplet(
            anchor,
            positive,
            negative,
            margin=self.margin,
            sample_weight=sample_weight,
            reduction=self.reduction,
        )


class InfoNCELoss(_Loss):
    """Contrastive loss: each query must find its own key among all of the batch.

    A ``torch.nn.Module`` around :func:`lossbook.info_nce`, called with
    ``(query, key, labels=None, key_mask=None, sample_weight=None)``.

    Parameters
    ----------
    temperature : float
        The unit of the cosines, positive; where a learned one starts.
    learned : bool
        Whether the temperature is a parameter. Its logarithm is what is learned, as
        `log_temperature`.
    reduction : {"mean", "sum", "none", "sum_over_batch_size"}
        ``"mean"`` is sum(w l) / sum(w); ``"sum_over_batch_size"`` is sum(w l) / n.
    """

    shown = ("temperature", "learned")

    def __init__(
        self,
        *,
        temperature: float = 0.1,
        learned: bool = False,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction)
        temperature = check_positive("temperature", temperature)
        check_flag("learned", learned)
        self.learned, self.start = learned, temperature
        if learned:
            start = torch.tensor(float(temperature)).log()
            self.log_temperature = torch.nn.Parameter(start)

    @property
    def temperature(self) -> float:
        """The temperature as it is now."""
        if not self.learned:
            return float(self.start)
        if self.log_temperature.is_meta:  # which has no values
            return nan
        return float(self.log_temperature.exp().item())

    def forward(
        self,
        query: Any,
        key: Any,
        labels: Any = None,
        key_mask: Any = None,
        sample_weight: Any = None,
    ) -> Any:
        """Return the loss of queries and keys, one in each row."""
        return contrastive.info_nce(
            query,
            key,
            temperature=self.log_temperature.exp() if self.learned else self.start,
            labels=labels,
            key_mask=key_mask,
            sample_weight=sample_weight,
            reduction=self.reduction,
        )


class LinearCrossEntropyLoss(_Loss):
    """Cross-entropy of a linear layer that it holds, computed chunk by chunk, in nats.

    A ``torch.nn.Module`` around :func:`lossbook.linear_cross_entropy`, called with
    ``(input, target, sample_weight=None)``. Like ``torch.nn.LinearCrossEntropyLoss`` it
    holds the layer: `weight`, of shape (num_classes, in_features), and `bias`. To share
    the weight of an embedding, assign it: ``loss.weight = embedding.weight``.

    Parameters
    ----------
    in_features, num_classes : int
        How many numbers a hidden state has, and how many classes there are.
    bias : bool
        Whether the layer has a bias.
    label_smoothing, class_weight, z_loss, softcap, ignore_index, chunk_size : optional
        As in :func:`lossbook.linear_cross_entropy`.
    reduction : {"mean", "sum", "none", "sum_over_batch_size"}
        ``"mean"`` is sum(w l) / sum(w); ``"sum_over_batch_size"`` is sum(w l) / n.
    device, dtype : optional
        Of the layer, as in ``torch.nn.Linear``.
    """

    shown = (
        "in_features", "num_classes", "label_smoothing", "z_loss", "softcap",
        "ignore_index",
    )  # fmt: skip

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        *,
        bias: bool = False,
        label_smoothing: float = 0.0,
        class_weight: Any = None,
        z_loss: float = 0.0,
        softcap: float | None = None,
        ignore_index: int | None = None,
        chunk_size: int | None = None,
        reduction: str = "mean",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(reduction)
        check_flag("bias", bias)
        self.in_features, self.num_classes = in_features, num_classes
        self.label_smoothing, self.z_loss = label_smoothing, z_loss
        self.softcap, self.ignore_index = softcap, ignore_index
        self.chunk_size = chunk_size
        where = {"device": device, "dtype": dtype}
        bound = 1 / sqrt(in_features)
        weight = torch.empty(num_classes, in_features, **where).uniform_(-bound, bound)
        self.weight = torch.nn.Parameter(weight)
        start = torch.empty(num_classes, **where).uniform_(-bound, bound)
        self.bias = torch.nn.Parameter(start) if bias else None
        given = None if class_weight is None else as_buffer(class_weight).to(device)
        self.register_buffer("class_weight", given)
        with torch.no_grad():  # a wrong parameter is told here, not in training
            self(weight.new_zeros(1, in_features), torch.zeros(1, dtype=torch.long))

    def forward(self, input: Any, target: Any, sample_weight: Any = None) -> Any:
        """Return the loss of hidden states `input` with the labels `target`."""
        return linear_cross_entropy.linear_cross_entropy(
            input,
            self.weight,
            target,
            self.bias,
            self.ignore_index,
            self.chunk_size,
            label_smoothing=self.label_smoothing,
            class_weight=self.class_weight,
            z_loss=self.z_loss,
            softcap=self.softcap,
            sample_weight=sample_weight,
            reduction=self.reduction,
        )


CLASSES = {
    made.__name__: made
    for made in (
        GaussianNLLLoss,
        InfoNCELoss,
        LinearCrossEntropyLoss,
        MarginRankingLoss,
        TripletLoss,
    )
}
