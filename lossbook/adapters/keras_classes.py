"""Makes the classes of `lossbook.adapters.keras` from the functions."""

from __future__ import annotations

from functools import partial
from inspect import Signature, signature
from typing import Any, ClassVar

import numpy as np

from lossbook.adapters import (
    ELEMENTWISE,
    FUNCTIONS,
    OF_LABELS,
    OF_MASKS,
    Function,
    bound,
    check_options,
    class_name,
    document,
    initializer,
    keyword,
    options_of,
)
from lossbook.adapters.packed import PACKED
from lossbook.core.reduction import Reduction
from lossbook.losses import margins, regression

try:
    import keras
except ImportError as error:
    raise ImportError(
        "lossbook.adapters.keras needs Keras with a framework under it: "
        'pip install "lossbook[tensorflow]"'
    ) from error

from lossbook.adapters import keras_inputs as inputs

_REDUCTION = """\
reduction : {"sum_over_batch_size", "sum", "mean_with_sample_weight", "none"}
    As in Keras. What lossbook's functions call ``"mean"``, sum(w l) / sum(w), is
    ``"mean_with_sample_weight"`` here; weights of classes are not in the denominator.
name, dtype : str, optional
    As in Keras. Half precision is computed in float32."""


class _Loss(keras.losses.Loss):  # type: ignore[misc]
    """What all of them share: the function reduces, Keras's rules say by what.

    Keras's own `__call__` takes a weight of shape (n,) for one a time step where there
    are n of them, divides by weights before they are broadcast, and multiplies a mask
    into the caller's weights; so nothing of it is used here.
    """

    function: ClassVar[Function]
    options: ClassVar[Signature]

    def __init__(
        self,
        *,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
        **given: Any,
    ) -> None:
        wanted = keras.dtype_policies.get(dtype or keras.config.floatx()).compute_dtype
        # Half precision cannot hold targets above 2048 or 256 exactly.
        wide = "float32" if wanted in ("float16", "bfloat16") else wanted
        name = name or _name_of(type(self).__name__, self.function)
        super().__init__(name=name, reduction=reduction, dtype=wide)
        options = bound(self.options, given, type(self).__name__)
        self.given = {key: _plain(value) for key, value in options.items()}
        check_options(self.function, self.given)

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Return the loss of a batch as `reduction` asks for it."""
        mask = inputs.mask_of(y_pred)
        with keras.name_scope(self.name):
            weight = inputs.product(
                inputs.weight(sample_weight, self.dtype),
                inputs.weight(mask, self.dtype),
            )
            y_true, y_pred = self._fitting(y_true, y_pred, weight)
            counted = inputs.product(
                inputs.weight(mask, self.dtype), self._counted(y_true)
            )
            return self._reduced(y_true, y_pred, weight, counted)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the losses; those of the elements as their mean over the last axis."""
        y_true, y_pred = self._fitting(y_true, y_pred, None)
        return self._of_samples(self._losses(y_true, y_pred)(reduction="none"))

    def get_config(self) -> dict[str, Any]:
        """Return what the constructor needs to make this loss again."""
        return {**super().get_config(), "dtype": self.dtype, **self.given}

    def __reduce__(self) -> tuple[Any, ...]:
        # Keras would pickle it as a model's archive, which has no place for a loss.
        return type(self).from_config, (self.get_config(),)

    def _fitting(self, y_true: Any, y_pred: Any, weight: Any) -> tuple[Any, Any]:
        """Return tensors in the shapes and labels that the function takes."""
        y_pred = inputs.array(y_pred, "y_pred", self.dtype)
        if self.function in OF_LABELS or _has_classes(self.function, y_pred):
            return inputs.labels(y_true, y_pred, self.given.get("axis", -1))
        y_true = inputs.array(y_true, "y_true", self.dtype)
        if self.function in (*ELEMENTWISE, *OF_MASKS):
            y_true = inputs.column(y_true, y_pred)
        if self.function in (margins.hinge, margins.squared_hinge):
            y_true = inputs.signs(y_true, weight)
        return y_true, y_pred

    def _losses(self, y_true: Any, y_pred: Any, weight: Any = None) -> Any:
        """Return the function with all but the reduction given."""
        return partial(
            self.function, y_true, y_pred, sample_weight=weight, **self.given
        )

    def _counted(self, y_true: Any) -> Any:
        """Return 1 for the labels that are not ignored, None where all count."""
        ignored = self.given.get("ignore_index")
        if ignored is None or self.function in OF_MASKS:
            return None
        return keras.ops.cast(keras.ops.not_equal(y_true, ignored), self.dtype)

    def _of_samples(self, losses: Any) -> Any:
        if self.function in ELEMENTWISE and len(losses.shape) > 1:
            return keras.ops.mean(losses, axis=-1)
        return losses

    def _reduced(self, y_true: Any, y_pred: Any, weight: Any, counted: Any) -> Any:
        losses = self._losses(y_true, y_pred, weight)
        if self.reduction in (None, "none"):
            return self._of_samples(losses(reduction="none"))
        if self.reduction == "sum":
            total = losses(reduction="sum")
            several = self.function in ELEMENTWISE and len(y_pred.shape) > 1
            return self._over(total, keras.ops.shape(y_pred)[-1]) if several else total
        mean = losses(reduction="sum_over_batch_size")
        if self.reduction == "mean_with_sample_weight":
            counted = inputs.product(weight, counted)  # a mask is 0 or 1: twice is once
        if counted is not None:
            mean = self._over(mean, keras.ops.mean(counted))
        return inputs.share_of_replica(mean)

    def _over(self, total: Any, divisor: Any) -> Any:
        """Divide; what nothing adds to is 0, with a gradient of 0."""
        divisor = keras.ops.cast(divisor, total.dtype)
        return total / keras.ops.where(divisor == 0, 1, divisor)


class _RootLoss(_Loss):
    """The root comes last, after weights, sums and means."""

    def _of_samples(self, losses: Any) -> Any:
        losses = super()._of_samples(losses)
        nothing = losses == 0  # where the root alone has no slope
        root = keras.ops.sqrt(keras.ops.where(nothing, 1, losses))
        return keras.ops.where(nothing, 0, root)

    def _losses(self, y_true: Any, y_pred: Any, weight: Any = None) -> Any:
        def losses(reduction: Reduction) -> Any:
            loss = regression.mse if reduction == "none" else regression.rmse
            return loss(y_true, y_pred, sample_weight=weight, reduction=reduction)

        return losses

    def _over(self, total: Any, divisor: Any) -> Any:
        return super()._over(
            total, keras.ops.sqrt(keras.ops.cast(divisor, total.dtype))
        )


# Keras adds nothing to an area; but its classes have one loss a batch, not a mask.
_DEFAULTS: dict[str, dict[str, Any]] = {
    "Dice": {"smooth": 0.0},
    "Tversky": {"smooth": 0.0},
}


def _has_classes(loss: Function, y_pred: Any) -> bool:
    return loss.__name__ == "log_loss" and len(y_pred.shape) > 1


def _name_of(made: str, loss: Function) -> str:
    """Return the name that a loss has by default: Keras's where it has such a class."""
    namesake = getattr(keras.losses, made, None)
    parameters = signature(namesake).parameters if namesake else {}
    return str(parameters["name"].default) if parameters else loss.__name__


def _plain(value: Any) -> Any:
    """Return arrays as lists, which can be saved, and anything else as it is."""
    is_array = hasattr(value, "shape")
    return np.asarray(keras.ops.convert_to_numpy(value)).tolist() if is_array else value


def _loss_of(loss: Function) -> type[_Loss]:
    what = (
        f"A ``keras.losses.Loss`` around :func:`lossbook.{loss.__name__}`, for\n"
        "``model.compile``. y_true must have the shape of y_pred (labels: without the\n"
        "class axis); (n,) is taken for outputs (n, 1), and labels (n, 1) for (n,).\n"
        "Nothing is broadcast. Import this module before ``keras.saving.load_model``."
    )
    base = _RootLoss if loss is regression.rmse else _Loss
    name, own = class_name(loss), options_of(loss)
    defaults = _DEFAULTS.get(name, {})
    options = [p.replace(default=defaults.get(p.name, p.default)) for p in own]
    shared = {"reduction": "sum_over_batch_size", "name": _name_of(name, loss)}
    named = [keyword(*item) for item in {**shared, "dtype": None}.items()]
    members = {
        "__module__": "lossbook.adapters.keras",
        "__doc__": document(loss, what, _REDUCTION),
        "__init__": initializer(base, [*options, *named]),
        "function": staticmethod(loss),
        "options": Signature(options),
    }
    made = type(name, (base,), members)
    registered: type[_Loss] = keras.saving.register_keras_serializable("lossbook")(made)
    return registered


CLASSES = {made.__name__: made for made in map(_loss_of, (*FUNCTIONS, *PACKED))}
