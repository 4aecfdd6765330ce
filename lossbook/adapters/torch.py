"""The losses as ``torch.nn.Module`` classes.

>>> from lossbook.adapters.torch import HuberLoss  # doctest: +SKIP
>>> HuberLoss(delta=0.5)(input, target)  # doctest: +SKIP
"""

from __future__ import annotations

from inspect import Parameter, Signature
from typing import Any, ClassVar

import numpy as np

from lossbook.adapters import (
    FUNCTIONS,
    Function,
    bound,
    check_options,
    class_name,
    document,
    options_of,
)

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
    """What all of them share: parameters become attributes, arrays become buffers."""

    function: ClassVar[Function]
    options: ClassVar[Signature]

    def __init__(self, **given: Any) -> None:
        super().__init__()
        options = bound(self.options, given, type(self).__name__)
        check_options(self.function, {k: _plain(x) for k, x in options.items()})
        for name, value in options.items():
            if _is_array(value) and not isinstance(value, torch.nn.Parameter):
                self.register_buffer(name, torch.as_tensor(value))
            else:
                setattr(self, name, value)

    def forward(self, input: Any, target: Any, sample_weight: Any = None) -> Any:
        """Return the loss of the prediction `input` where `target` is the truth."""
        options = {name: getattr(self, name) for name in self.options.parameters}
        return self.function(target, input, sample_weight=sample_weight, **options)

    def extra_repr(self) -> str:
        """Return the parameters as they were given."""
        return ", ".join(
            f"{name}={_plain(getattr(self, name))!r}"
            for name in self.options.parameters
        )


def _is_array(value: Any) -> bool:
    return isinstance(value, torch.Tensor | np.ndarray | list | tuple)


def _plain(value: Any) -> Any:
    """Return a tensor as a number or list, and anything else as it is."""
    return value.tolist() if isinstance(value, torch.Tensor | np.ndarray) else value


def _module_of(loss: Function) -> type[_Loss]:
    stem = class_name(loss)
    name = stem if stem.endswith("Loss") else stem + "Loss"
    reduction = Parameter("reduction", Parameter.KEYWORD_ONLY, default="mean")
    options = Signature([*options_of(loss), reduction])
    what = (
        f"A ``torch.nn.Module`` around :func:`lossbook.{loss.__name__}`, called with\n"
        "``(input, target, sample_weight=None)``: prediction first, as in PyTorch.\n"
        "Arrays among the parameters are buffers and move with ``.to(device)``."
    )
    members = {
        "__module__": __name__,
        "__doc__": document(loss, what, _REDUCTION),
        "__signature__": options,
        "function": staticmethod(loss),
        "options": options,
    }
    return type(name, (_Loss,), members)


_CLASSES = {made.__name__: made for made in map(_module_of, FUNCTIONS)}
globals().update(_CLASSES)

__all__ = sorted(_CLASSES)


def __dir__() -> list[str]:
    return __all__
