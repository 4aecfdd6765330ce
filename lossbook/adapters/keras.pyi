# Written by tools/stubs.py from the functions.
from typing import Any, Literal

import keras

_Reduction = Literal["sum_over_batch_size", "sum", "mean_with_sample_weight", "none"]

class AdaptiveRobust(keras.losses.Loss):  # type: ignore[misc]
    def __init__(
        self,
        *,
        alpha: Any = ...,
        scale: float = ...,
        reduction: _Reduction = ...,
        name: str | None = ...,
        dtype: Any = ...,
    ) -> None: ...
    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any: ...

class BinaryCrossEntropy(keras.losses.Loss):  # type: ignore[misc]
    def __init__(
        self,
        *,
        from_logits: bool = ...,
        pos_weight: Any = ...,
        label_smoothing: float = ...,
        eps: float | None = ...,
        reduction: _Reduction = ...,
        name: str | None = ...,
        dtype: Any = ...,
    ) -> None: ...
    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any: ...

class CrossEntropy(keras.losses.Loss):  # type: ignore[misc]
    def __init__(
        self,
        *,
        from_logits: bool = ...,
        class_weight: Any = ...,
        label_smoothing: float = ...,
        axis: int = ...,
        eps: float | None = ...,
        reduction: _Reduction = ...,
        name: str | None = ...,
        dtype: Any = ...,
    ) -> None: ...
    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any: ...

class Dice(keras.losses.Loss):  # type: ignore[misc]
    def __init__(
        self,
        *,
        from_logits: bool = ...,
        smooth: float = ...,
        axis: int | None = ...,
        class_weight: Any = ...,
        ignore_index: int | None = ...,
        reduction: _Reduction = ...,
        name: str | None = ...,
        dtype: Any = ...,
    ) -> None: ...
    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any: ...

class Focal(keras.losses.Loss):  # type: ignore[misc]
    def __init__(
        self,
        *,
        gamma: float = ...,
        alpha: float | None = ...,
        from_logits: bool = ...,
        reduction: _Reduction = ...,
        name: str | None = ...,
        dtype: Any = ...,
    ) -> None: ...
    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any: ...

class GaussianNLL(keras.losses.Loss):  # type: ignore[misc]
    def __init__(
        self,
        *,
        full: bool = ...,
        reduction: _Reduction = ...,
        name: str | None = ...,
        dtype: Any = ...,
    ) -> None: ...
    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any: ...

class Hinge(keras.losses.Loss):  # type: ignore[misc]
    def __init__(
        self, *, reduction: _Reduction = ..., name: str | None = ..., dtype: Any = ...
    ) -> None: ...
    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any: ...

class Huber(keras.losses.Loss):  # type: ignore[misc]
    def __init__(
        self,
        *,
        delta: float = ...,
        reduction: _Reduction = ...,
        name: str | None = ...,
        dtype: Any = ...,
    ) -> None: ...
    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any: ...

class InfoNCE(keras.losses.Loss):  # type: ignore[misc]
    def __init__(
        self,
        *,
        temperature: float = ...,
        reduction: _Reduction = ...,
        name: str | None = ...,
        dtype: Any = ...,
    ) -> None: ...
    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any: ...

class Jaccard(keras.losses.Loss):  # type: ignore[misc]
    def __init__(
        self,
        *,
        from_logits: bool = ...,
        smooth: float = ...,
        axis: int | None = ...,
        class_weight: Any = ...,
        ignore_index: int | None = ...,
        reduction: _Reduction = ...,
        name: str | None = ...,
        dtype: Any = ...,
    ) -> None: ...
    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any: ...

class KLDivergence(keras.losses.Loss):  # type: ignore[misc]
    def __init__(
        self,
        *,
        from_logits: bool = ...,
        axis: int = ...,
        eps: float | None = ...,
        reduction: _Reduction = ...,
        name: str | None = ...,
        dtype: Any = ...,
    ) -> None: ...
    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any: ...

class LogCosh(keras.losses.Loss):  # type: ignore[misc]
    def __init__(
        self, *, reduction: _Reduction = ..., name: str | None = ..., dtype: Any = ...
    ) -> None: ...
    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any: ...

class LogLoss(keras.losses.Loss):  # type: ignore[misc]
    def __init__(
        self,
        *,
        eps: float | None = ...,
        reduction: _Reduction = ...,
        name: str | None = ...,
        dtype: Any = ...,
    ) -> None: ...
    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any: ...

class Logistic(keras.losses.Loss):  # type: ignore[misc]
    def __init__(
        self, *, reduction: _Reduction = ..., name: str | None = ..., dtype: Any = ...
    ) -> None: ...
    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any: ...

class Lovasz(keras.losses.Loss):  # type: ignore[misc]
    def __init__(
        self,
        *,
        from_logits: bool = ...,
        axis: int | None = ...,
        class_weight: Any = ...,
        ignore_index: int | None = ...,
        reduction: _Reduction = ...,
        name: str | None = ...,
        dtype: Any = ...,
    ) -> None: ...
    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any: ...

class MAE(keras.losses.Loss):  # type: ignore[misc]
    def __init__(
        self, *, reduction: _Reduction = ..., name: str | None = ..., dtype: Any = ...
    ) -> None: ...
    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any: ...

class MSE(keras.losses.Loss):  # type: ignore[misc]
    def __init__(
        self, *, reduction: _Reduction = ..., name: str | None = ..., dtype: Any = ...
    ) -> None: ...
    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any: ...

class MarginRanking(keras.losses.Loss):  # type: ignore[misc]
    def __init__(
        self,
        *,
        margin: float = ...,
        reduction: _Reduction = ...,
        name: str | None = ...,
        dtype: Any = ...,
    ) -> None: ...
    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any: ...

class MulticlassHinge(keras.losses.Loss):  # type: ignore[misc]
    def __init__(
        self,
        *,
        margin: float = ...,
        axis: int = ...,
        reduction: _Reduction = ...,
        name: str | None = ...,
        dtype: Any = ...,
    ) -> None: ...
    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any: ...

class PoissonNLL(keras.losses.Loss):  # type: ignore[misc]
    def __init__(
        self,
        *,
        log_input: bool = ...,
        reduction: _Reduction = ...,
        name: str | None = ...,
        dtype: Any = ...,
    ) -> None: ...
    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any: ...

class Quantile(keras.losses.Loss):  # type: ignore[misc]
    def __init__(
        self,
        *,
        q: float = ...,
        reduction: _Reduction = ...,
        name: str | None = ...,
        dtype: Any = ...,
    ) -> None: ...
    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any: ...

class RMSE(keras.losses.Loss):  # type: ignore[misc]
    def __init__(
        self, *, reduction: _Reduction = ..., name: str | None = ..., dtype: Any = ...
    ) -> None: ...
    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any: ...

class SparseCrossEntropy(keras.losses.Loss):  # type: ignore[misc]
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
        name: str | None = ...,
        dtype: Any = ...,
    ) -> None: ...
    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any: ...

class SparseFocal(keras.losses.Loss):  # type: ignore[misc]
    def __init__(
        self,
        *,
        gamma: float = ...,
        alpha: Any = ...,
        from_logits: bool = ...,
        axis: int = ...,
        ignore_index: int | None = ...,
        reduction: _Reduction = ...,
        name: str | None = ...,
        dtype: Any = ...,
    ) -> None: ...
    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any: ...

class SquaredHinge(keras.losses.Loss):  # type: ignore[misc]
    def __init__(
        self, *, reduction: _Reduction = ..., name: str | None = ..., dtype: Any = ...
    ) -> None: ...
    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any: ...

class Triplet(keras.losses.Loss):  # type: ignore[misc]
    def __init__(
        self,
        *,
        margin: float = ...,
        reduction: _Reduction = ...,
        name: str | None = ...,
        dtype: Any = ...,
    ) -> None: ...
    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any: ...

class Tversky(keras.losses.Loss):  # type: ignore[misc]
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
        name: str | None = ...,
        dtype: Any = ...,
    ) -> None: ...
    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any: ...
