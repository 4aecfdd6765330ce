"""Makes the classes of `lossbook.adapters.torch` from the functions."""

from __future__ import annotations

from inspect import Signature
from math import pi
from typing import Any, ClassVar

import numpy as np

from lossbook.adapters import (
    FUNCTIONS,
    Function,
    bound,
    check_options,
    class_name,
    document,
    initializer,
    is_per_class,
    keyword,
    options_of,
)
from lossbook.backends import backend_of
from lossbook.core.inputs import weights_of
from lossbook.core.reduction import reduce
from lossbook.losses import classification

try:
    import torch
except ImportError as error:
    raise ImportError(
        'lossbook.adapters.torch needs PyTorch: pip install "lossbook[torch]"'
    ) from error

_REDUCTION = """\
reduction : {"mean", "sum", "none", "sum_over_batch_size"}
    ``"mean"`` is sum(w l) / sum(w); ``"sum_over_batch_size"`` is sum(w l) / n."""


class _Loss(torch.nn.Module):  # type: ignore[misc]
    """What all of them share: parameters become attributes, arrays become buffers.

    A subclass says with `defaults` where PyTorch's differ from those of the function,
    with `added` what PyTorch's class takes besides (and in `entries` what it is), and
    with `notes` what its users should know.
    """

    function: ClassVar[Function]
    options: ClassVar[Signature]
    defaults: ClassVar[dict[str, Any]] = {}
    added: ClassVar[dict[str, Any]] = {}
    entries: ClassVar[tuple[str, ...]] = ()
    notes: ClassVar[str] = ""

    def __init__(self, **given: Any) -> None:
        super().__init__()
        options = bound(self.options, given, type(self).__name__)
        self.check({name: _plain(value) for name, value in options.items()})
        for name, value in options.items():
            per_class = is_per_class(self.options.parameters[name])
            if value is None and per_class:
                self.register_buffer(name, None)
            elif not _is_array(value) or isinstance(value, torch.nn.Parameter):
                setattr(self, name, value)
            elif per_class or getattr(value, "requires_grad", False):
                self.register_buffer(name, as_buffer(value))
            else:  # an array of no axes, where the function takes a number
                setattr(self, name, _plain(value))

    def check(self, options: dict[str, Any]) -> None:
        """Refuse a wrong parameter."""
        check_options(self.function, options)

    def forward(self, input: Any, target: Any, sample_weight: Any = None) -> Any:
        """Return the loss of the prediction `input` where `target` is the truth."""
        options = {name: getattr(self, name) for name in self.options.parameters}
        return self.function(target, input, sample_weight=sample_weight, **options)

    def extra_repr(self) -> str:
        """Return the parameters as they were given."""
        return ", ".join(
            f"{name}={_shown(getattr(self, name))}" for name in self.options.parameters
        )


class _CrossEntropyLoss(_Loss):
    """PyTorch's class of that name: from labels, or from distributions."""

    defaults: ClassVar[dict[str, Any]] = {"from_logits": True, "axis": 1}
    added: ClassVar[dict[str, Any]] = {"ignore_index": -100}
    entries: ClassVar[tuple[str, ...]] = (
        "class_weight : array, optional\n"
        '    One weight a class. With labels, ``"mean"`` divides by the sum of their\n'
        "    weights; with distributions, as PyTorch does, by the number of rows, not\n"
        "    by the sum of w_c y_c as :func:`lossbook.cross_entropy` does.",
        "ignore_index : int, optional\n    A label that counts nothing.",
        "weight : array, optional\n    PyTorch's name for `class_weight`.",
    )
    notes: ClassVar[str] = (
        "As in ``torch.nn.CrossEntropyLoss``, the input holds logits with the classes\n"
        "on axis 1 (a single row: on its only axis). A target of the input's shape\n"
        "holds distributions, any other integer labels, which have no class axis."
    )

    def __init__(self, *, weight: Any = None, **given: Any) -> None:
        if weight is not None:
            if given.get("class_weight") is not None:
                raise TypeError(
                    "weight and class_weight are two names of one parameter. Pass "
                    "class_weight alone."
                )
            given["class_weight"] = weight
        super().__init__(**given)

    @property
    def weight(self) -> Any:
        """The class weights, by PyTorch's name."""
        return self.class_weight

    def check(self, options: dict[str, Any]) -> None:
        """Refuse a wrong parameter."""
        check_options(classification.sparse_cross_entropy, options)

    def forward(self, input: Any, target: Any, sample_weight: Any = None) -> Any:
        """Return the loss of the prediction `input` where `target` is the truth."""
        shape = _shape(input)
        options = {
            "from_logits": self.from_logits,
            "class_weight": self.class_weight,
            "label_smoothing": self.label_smoothing,
            "axis": 0 if len(shape) == 1 and self.axis == 1 else self.axis,
            "eps": self.eps,
            "sample_weight": sample_weight,
        }
        if shape != _shape(target):
            options["ignore_index"] = self.ignore_index
            return classification.sparse_cross_entropy(
                target, input, reduction=self.reduction, **options
            )
        if self.reduction != "mean" or self.class_weight is None:
            return self.function(target, input, reduction=self.reduction, **options)
        mean = self.function(target, input, reduction="sum_over_batch_size", **options)
        return mean if sample_weight is None else mean / _mean(sample_weight, mean)


class _PoissonNLLLoss(_Loss):
    """PyTorch's class of that name, with its Stirling term and its `eps`."""

    defaults: ClassVar[dict[str, Any]] = {"log_input": True}
    added: ClassVar[dict[str, Any]] = {"full": False, "eps": 1e-8}
    entries: ClassVar[tuple[str, ...]] = (
        "full : bool\n    Whether to add Stirling's log y!, where y > 1.",
        "eps : float\n    Added to a rate before its logarithm is taken.",
    )
    notes: ClassVar[str] = (
        "As in ``torch.nn.PoissonNLLLoss``, the input holds the logarithms of rates\n"
        "unless ``log_input=False``."
    )

    def check(self, options: dict[str, Any]) -> None:
        """Refuse a wrong parameter."""
        full, eps = options["full"], options["eps"]
        if not isinstance(full, bool):
            raise TypeError(f"full must be True or False, got {full!r}.")
        if isinstance(eps, bool) or not isinstance(eps, int | float) or not eps >= 0:
            raise ValueError(f"eps must be a number, 0 or more, got {eps!r}.")
        kept = {k: v for k, v in options.items() if k not in self.added}
        check_options(self.function, kept)

    def forward(self, input: Any, target: Any, sample_weight: Any = None) -> Any:
        """Return the loss of the prediction `input` where `target` is the truth."""
        shift = 0.0 if self.log_input else self.eps
        options = {"log_input": self.log_input, "sample_weight": sample_weight}
        if not shift and not self.full:
            return self.function(target, input, reduction=self.reduction, **options)
        input, target = torch.as_tensor(input), torch.as_tensor(target)
        options["sample_weight"] = None
        losses = self.function(target, input + shift, reduction="none", **options)
        losses = losses - shift
        if self.full:
            losses = losses + _stirling(target.to(losses))
        xp = backend_of(losses, sample_weight)
        weights = weights_of(xp, sample_weight, losses)
        return reduce(xp, losses, weights, self.reduction)


def _stirling(count: Any) -> Any:
    """Return log y! as PyTorch approximates it, and 0 up to 1."""
    safe = count.clamp(min=1.0)
    terms = safe * safe.log() - safe + 0.5 * (2 * pi * safe).log()
    return torch.where(count > 1, terms, torch.zeros_like(terms))


def _mean(sample_weight: Any, like: Any) -> Any:
    """Return the mean of the weights, or 1 where they are all 0."""
    mean = torch.as_tensor(sample_weight).to(like).mean()
    return torch.where(mean == 0, torch.ones_like(mean), mean)


def _shape(x: Any) -> tuple[int, ...]:
    return tuple(x.shape if hasattr(x, "shape") else np.shape(x))


def _is_array(value: Any) -> bool:
    is_one = hasattr(value, "__array__") and not np.isscalar(value)
    return is_one or isinstance(value, list | tuple)


def as_buffer(value: Any) -> Any:
    """Return weights as a tensor of floats, which shares no memory with an array.

    A buffer of integers would cut off what a checkpoint or an average puts into it.
    """
    if not isinstance(value, torch.Tensor | list | tuple):
        value = torch.tensor(np.array(value))
    tensor = torch.as_tensor(value)
    whole = not tensor.is_floating_point()
    return tensor.to(torch.get_default_dtype()) if whole else tensor


def _plain(value: Any) -> Any:
    """Return an array as a number or list, and anything else as it is."""
    if isinstance(value, torch.Tensor):
        return value.tolist()
    return np.asarray(value).tolist() if hasattr(value, "__array__") else value


def _shown(value: Any) -> str:
    if isinstance(value, torch.Tensor) and value.is_meta:
        return f"tensor(..., device='meta', size={tuple(value.shape)})"
    return repr(_plain(value))


_AS_IN_TORCH = {
    "CrossEntropyLoss": _CrossEntropyLoss,
    "PoissonNLLLoss": _PoissonNLLLoss,
}


def _module_of(loss: Function) -> type[_Loss]:
    stem = class_name(loss)
    name = stem if stem.endswith("Loss") else stem + "Loss"
    base = _AS_IN_TORCH.get(name, _Loss)
    own = [
        p.replace(default=base.defaults.get(p.name, p.default))
        for p in options_of(loss)
    ]
    extra = [keyword(name, default) for name, default in base.added.items()]
    options = [*own, *extra, keyword("reduction", "mean")]
    shown = list(options)
    if hasattr(base, "weight"):
        shown.insert(-1, keyword("weight", None))
    what = (
        f"A ``torch.nn.Module`` around :func:`lossbook.{loss.__name__}`, called with\n"
        "``(input, target, sample_weight=None)``: prediction first, as in PyTorch.\n"
        "Arrays among the parameters are buffers and move with ``.to(device)``."
    )
    if base.notes:
        what += f"\n\n{base.notes}"
    members = {
        "__module__": "lossbook.adapters.torch",
        "__doc__": document(loss, what, *base.entries, _REDUCTION),
        "__init__": initializer(base, shown),
        "function": staticmethod(loss),
        "options": Signature(options),
    }
    return type(name, (base,), members)


CLASSES = {made.__name__: made for made in map(_module_of, FUNCTIONS)}
