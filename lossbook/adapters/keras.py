"""The losses as ``keras.losses.Loss`` classes, for Keras on TensorFlow or PyTorch.

>>> from lossbook.adapters.keras import Huber  # doctest: +SKIP
>>> model.compile(optimizer="adam", loss=Huber(delta=0.5))  # doctest: +SKIP
"""

from __future__ import annotations

from inspect import Signature
from typing import Any, ClassVar

import numpy as np

from lossbook import regression
from lossbook._dispatch import backend_of
from lossbook.adapters import (
    ELEMENTWISE,
    FUNCTIONS,
    OF_LABELS,
    Function,
    bound,
    check_options,
    class_name,
    document,
    options_of,
)

try:
    import keras
except ImportError as error:
    raise ImportError(
        "lossbook.adapters.keras needs Keras with a framework under it: "
        'pip install "lossbook[tensorflow]"'
    ) from error

_REDUCTION = """\
reduction : {"sum_over_batch_size", "sum", "mean_with_sample_weight", "none"}
    As in Keras. What lossbook's functions call ``"mean"``, sum(w l) / sum(w), is
    ``"mean_with_sample_weight"`` here.
name, dtype : str, optional
    As in Keras. Half precision is computed in float32."""


class _Loss(keras.losses.Loss):  # type: ignore[misc]
    """What all of them share: `call` returns one loss a sample, Keras does the rest."""

    function: ClassVar[Function]
    options: ClassVar[Signature]

    def __init__(
        self,
        *,
        reduction: str = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
        **given: Any,
    ) -> None:
        wanted = keras.dtype_policies.get(dtype or keras.config.floatx()).compute_dtype
        # Keras casts y_true too, and half precision cannot hold labels above 256.
        wide = "float32" if wanted in ("float16", "bfloat16") else wanted
        name = name or self.function.__name__
        super().__init__(name=name, reduction=reduction, dtype=wide)
        options = bound(self.options, given, type(self).__name__)
        self.given = {key: _plain(value) for key, value in options.items()}
        check_options(self.function, self.given)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the losses; those of the elements as their mean over the last axis."""
        if self.function in OF_LABELS or _has_classes(self.function, y_pred):
            y_true = _labels(y_true)
        losses = self.function(y_true, y_pred, reduction="none", **self.given)
        if self.function in ELEMENTWISE and len(losses.shape) > 1:
            return keras.ops.mean(losses, axis=-1)
        ignored = self.given.get("ignore_index")
        if ignored is not None:  # Keras divides by the number of the others
            losses._keras_mask = y_true != ignored
        return losses

    def get_config(self) -> dict[str, Any]:
        """Return what the constructor needs to make this loss again."""
        return {**super().get_config(), "dtype": self.dtype, **self.given}


class _RootLoss(_Loss):
    """The root comes after the mean over all samples, which Keras takes."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the squared errors."""
        squares = regression.mse(y_true, y_pred, reduction="none")
        return keras.ops.mean(squares, axis=-1) if len(squares.shape) > 1 else squares

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        mean = super().__call__(y_true, y_pred, sample_weight)
        return regression._ROOT.losses(backend_of(mean), mean)


def _has_classes(loss: Function, y_pred: Any) -> bool:
    return loss.__name__ == "log_loss" and len(y_pred.shape) > 1


def _labels(y_true: Any) -> Any:
    """Turn the labels, which Keras has made floats, into integers again."""
    labels = keras.ops.cast(y_true, "int64")
    xp = backend_of(y_true)
    lost = xp.range_of(xp.abs(xp.cast(labels, y_true) - y_true))
    if lost is not None and lost[1] != 0:
        raise ValueError(
            "y_true must hold integer labels, got fractions or NaN. Use CrossEntropy "
            "for soft targets."
        )
    return labels


def _plain(value: Any) -> Any:
    """Return arrays as lists, which can be saved, and anything else as it is."""
    is_array = hasattr(value, "shape")
    return np.asarray(keras.ops.convert_to_numpy(value)).tolist() if is_array else value


def _loss_of(loss: Function) -> type[_Loss]:
    what = (
        f"A ``keras.losses.Loss`` around :func:`lossbook.{loss.__name__}`, for\n"
        "``model.compile``. y_true must have the shape of y_pred (labels: without the\n"
        "class axis): (n,) against (n, 1) is refused, not broadcast."
    )
    members = {
        "__module__": __name__,
        "__doc__": document(loss, what, _REDUCTION),
        "function": staticmethod(loss),
        "options": Signature(options_of(loss)),
    }
    base = _RootLoss if loss is regression.rmse else _Loss
    made = type(class_name(loss), (base,), members)
    registered: type[_Loss] = keras.saving.register_keras_serializable("lossbook")(made)
    return registered


_CLASSES = {made.__name__: made for made in map(_loss_of, FUNCTIONS)}
globals().update(_CLASSES)

__all__ = sorted(_CLASSES)


def __dir__() -> list[str]:
    return __all__
