# Written by tools/stubs.py from the functions.
from typing import Any, Literal

import torch

_Reduction = Literal["mean", "sum", "none", "sum_over_batch_size"]

class AdaptiveRobustLoss(torch.nn.Module):  # type: ignore[misc]
    def __init__(
        self, *, alpha: Any = ..., scale: float = ..., reduction: _Reduction = ...
    ) -> None: ...
    def forward(self, input: Any, target: Any, sample_weight: Any = None) -> Any: ...

class BinaryCrossEntropyLoss(torch.nn.Module):  # type: ignore[misc]
    def __init__(
        self,
        *,
        from_logits: bool = ...,
        pos_weight: Any = ...,
        label_smoothing: float = ...,
        eps: float | None = ...,
        reduction: _Reduction = ...,
    ) -> None: ...
    def forward(self, input: Any, target: Any, sample_weight: Any = None) -> Any: ...

class CrossEntropyLoss(torch.nn.Module):  # type: ignore[misc]
    def __init__(
        self,
        *,
        from_logits: bool = ...,
        class_weight: Any = ...,
        label_smoothing: float = ...,
        axis: int = ...,
        eps: float | None = ...,
        ignore_index: int | None = ...,
        weight: Any = ...,
        reduction: _Reduction = ...,
    ) -> None: ...
    def forward(self, input: Any, target: Any, sample_weight: Any = None) -> Any: ...

class DiceLoss(torch.nn.Module):  # type: ignore[misc]
    def __init__(
        self,
        *,
        from_logits: bool = ...,
        smooth: float = ...,
        axis: int | None = ...,
        class_weight: Any = ...,
        ignore_index: int | None = ...,
        reduction: _Reduction = ...,
    ) -> None: ...
    def forward(self, input: Any, target: Any, sample_weight: Any = None) -> Any: ...

class FocalLoss(torch.nn.Module):  # type: ignore[misc]
    def __init__(
        self,
        *,
        gamma: float = ...,
        alpha: float | None = ...,
        from_logits: bool = ...,
        reduction: _Reduction = ...,
    ) -> None: ...
    def forward(self, input: Any, target: Any, sample_weight: Any = None) -> Any: ...

class GaussianNLLLoss(torch.nn.Module):  # type: ignore[misc]
    def __init__(
        self, *, full: bool = ..., eps: float = ..., reduction: _Reduction = ...
    ) -> None: ...
    def forward(
        self, input: Any, target: Any, var: Any, sample_weight: Any = None
    ) -> Any: ...

class HingeLoss(torch.nn.Module):  # type: ignore[misc]
    def __init__(self, *, reduction: _Reduction = ...) -> None: ...
    def forward(self, input: Any, target: Any, sample_weight: Any = None) -> Any: ...

class HuberLoss(torch.nn.Module):  # type: ignore[misc]
    def __init__(self, *, delta: float = ..., reduction: _Reduction = ...) -> None: ...
    def forward(self, input: Any, target: Any, sample_weight: Any = None) -> Any: ...

class InfoNCELoss(torch.nn.Module):  # type: ignore[misc]
    def __init__(
        self,
        *,
        temperature: float = ...,
        learned: bool = ...,
        reduction: _Reduction = ...,
    ) -> None: ...
    def forward(
        self,
        query: Any,
        key: Any,
        labels: Any = None,
        key_mask: Any = None,
        sample_weight: Any = None,
    ) -> Any: ...

class JaccardLoss(torch.nn.Module):  # type: ignore[misc]
    def __init__(
        self,
        *,
        from_logits: bool = ...,
        smooth: float = ...,
        axis: int | None = ...,
        class_weight: Any = ...,
        ignore_index: int | None = ...,
        reduction: _Reduction = ...,
    ) -> None: ...
    def forward(self, input: Any, target: Any, sample_weight: Any = None) -> Any: ...

class KLDivergenceLoss(torch.nn.Module):  # type: ignore[misc]
    def __init__(
        self,
        *,
        from_logits: bool = ...,
        axis: int = ...,
        eps: float | None = ...,
        reduction: _Reduction = ...,
    ) -> None: ...
    def forward(self, input: Any, target: Any, sample_weight: Any = None) -> Any: ...

class LinearCrossEntropyLoss(torch.nn.Module):  # type: ignore[misc]
    def __init__(
        self,
        in_features: int,
        num_classes: int,
        *,
        bias: bool = ...,
        label_smoothing: float = ...,
        class_weight: Any = ...,
        z_loss: float = ...,
        softcap: float | None = ...,
        ignore_index: int | None = ...,
        chunk_size: int | None = ...,
        reduction: _Reduction = ...,
        device: Any = ...,
        dtype: Any = ...,
    ) -> None: ...
    def forward(self, input: Any, target: Any, sample_weight: Any = None) -> Any: ...

class LogCoshLoss(torch.nn.Module):  # type: ignore[misc]
    def __init__(self, *, reduction: _Reduction = ...) -> None: ...
    def forward(self, input: Any, target: Any, sample_weight: Any = None) -> Any: ...

class LogLoss(torch.nn.Module):  # type: ignore[misc]
    def __init__(
        self, *, eps: float | None = ..., reduction: _Reduction = ...
    ) -> None: ...
    def forward(self, input: Any, target: Any, sample_weight: Any = None) -> Any: ...

class LogisticLoss(torch.nn.Module):  # type: ignore[misc]
    def __init__(self, *, reduction: _Reduction = ...) -> None: ...
    def forward(self, input: Any, target: Any, sample_weight: Any = None) -> Any: ...

class LovaszLoss(torch.nn.Module):  # type: ignore[misc]
    def __init__(
        self,
        *,
        from_logits: bool = ...,
        axis: int | None = ...,
        class_weight: Any = ...,
        ignore_index: int | None = ...,
        reduction: _Reduction = ...,
    ) -> None: ...
    def forward(self, input: Any, target: Any, sample_weight: Any = None) -> Any: ...

class MAELoss(torch.nn.Module):  # type: ignore[misc]
    def __init__(self, *, reduction: _Reduction = ...) -> None: ...
    def forward(self, input: Any, target: Any, sample_weight: Any = None) -> Any: ...

class MSELoss(torch.nn.Module):  # type: ignore[misc]
    def __init__(self, *, reduction: _Reduction = ...) -> None: ...
    def forward(self, input: Any, target: Any, sample_weight: Any = None) -> Any: ...

class MarginRankingLoss(torch.nn.Module):  # type: ignore[misc]
    def __init__(self, *, margin: float = ..., reduction: _Reduction = ...) -> None: ...
    def forward(
        self, input1: Any, input2: Any, target: Any, sample_weight: Any = None
    ) -> Any: ...

class MulticlassHingeLoss(torch.nn.Module):  # type: ignore[misc]
    def __init__(
        self, *, margin: float = ..., axis: int = ..., reduction: _Reduction = ...
    ) -> None: ...
    def forward(self, input: Any, target: Any, sample_weight: Any = None) -> Any: ...

class PoissonNLLLoss(torch.nn.Module):  # type: ignore[misc]
    def __init__(
        self,
        *,
        log_input: bool = ...,
        full: bool = ...,
        eps: float = ...,
        reduction: _Reduction = ...,
    ) -> None: ...
    def forward(self, input: Any, target: Any, sample_weight: Any = None) -> Any: ...

class QuantileLoss(torch.nn.Module):  # type: ignore[misc]
    def __init__(self, *, q: float = ..., reduction: _Reduction = ...) -> None: ...
    def forward(self, input: Any, target: Any, sample_weight: Any = None) -> Any: ...

class RMSELoss(torch.nn.Module):  # type: ignore[misc]
    def __init__(self, *, reduction: _Reduction = ...) -> None: ...
    def forward(self, input: Any, target: Any, sample_weight: Any = None) -> Any: ...

class SparseCrossEntropyLoss(torch.nn.Module):  # type: ignore[misc]
    def __init__(
        self,
        *,
        from_logits: bool = ...,
        class_weight: Any = ...,
        label_smoothing: float = ...,
        axis: int = ...,
        ignore_index: int | None = ...,
        eps: float | None = ...,
        reduction: _Reduction = ...,
    ) -> None: ...
    def forward(self, input: Any, target: Any, sample_weight: Any = None) -> Any: ...

class SparseFocalLoss(torch.nn.Module):  # type: ignore[misc]
    def __init__(
        self,
        *,
        gamma: float = ...,
        alpha: Any = ...,
        from_logits: bool = ...,
        axis: int = ...,
        ignore_index: int | None = ...,
        reduction: _Reduction = ...,
    ) -> None: ...
    def forward(self, input: Any, target: Any, sample_weight: Any = None) -> Any: ...

class SquaredHingeLoss(torch.nn.Module):  # type: ignore[misc]
    def __init__(self, *, reduction: _Reduction = ...) -> None: ...
    def forward(self, input: Any, target: Any, sample_weight: Any = None) -> Any: ...

class TripletLoss(torch.nn.Module):  # type: ignore[misc]
    def __init__(self, *, margin: float = ..., reduction: _Reduction = ...) -> None: ...
    def forward(
        self, anchor: Any, positive: Any, negative: Any, sample_weight: Any = None
    ) -> Any: ...

class TverskyLoss(torch.nn.Module):  # type: ignore[misc]
    def __init__(
        self,
        *,
        from_logits: bool = ...,
        alpha: float = ...,
        beta: float = ...,
        gamma: float = ...,
        smooth: float = ...,
        axis: int | None = ...,
        class_weight: Any = ...,
        ignore_index: int | None = ...,
        reduction: _Reduction = ...,
    ) -> None: ...
    def forward(self, input: Any, target: Any, sample_weight: Any = None) -> Any: ...
