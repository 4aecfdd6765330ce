"""The losses as classes of PyTorch and Keras, generated from the functions.

`lossbook.adapters.torch` and `lossbook.adapters.keras` hold one class for each loss of
(y_true, y_pred); a framework is imported when its module is first used. A class that
bears a name of its framework has the defaults and the axis of that framework's class.
Here stands what the two share: names, parameters, their check and the docstring.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib import import_module
from inspect import Parameter, Signature, getdoc, signature
from typing import Any

import numpy as np

from lossbook.adapters.packed import PACKED
from lossbook.core.registry import adapted
from lossbook.losses import classification

Function = Callable[..., Any]

ELEMENTWISE = adapted("elements")
OF_DISTRIBUTIONS = adapted("distributions")
OF_LABELS = adapted("labels")
OF_MASKS = adapted("masks")
FUNCTIONS = (
    *ELEMENTWISE,
    *OF_DISTRIBUTIONS,
    *OF_MASKS,
    *OF_LABELS,
    *adapted("either"),
)

_SPELLED = {"mse": "MSE", "rmse": "RMSE", "mae": "MAE", "nll": "NLL", "kl": "KL"}
_SPELLED |= {"info": "Info", "nce": "NCE"}
_ADAPTERS = ("torch", "keras", "xgboost", "lightgbm", "catboost")


def __getattr__(name: str) -> Any:
    if name in _ADAPTERS:
        return import_module(f"lossbook.adapters.{name}")
    raise AttributeError(f"module 'lossbook.adapters' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(_ADAPTERS)


def class_name(loss: Function) -> str:
    """Return the name of a loss in CamelCase."""
    words = loss.__name__.split("_")
    return "".join(_SPELLED.get(word, word.capitalize()) for word in words)


def options_of(loss: Function) -> list[Parameter]:
    """Return the parameters of a loss that a class takes when it is made."""
    return [
        parameter
        for parameter in signature(loss).parameters.values()
        if parameter.kind is Parameter.KEYWORD_ONLY
        and parameter.name not in ("sample_weight", "reduction")
    ]


def is_per_class(option: Parameter) -> bool:
    """Say whether a parameter takes one number a class, or nothing."""
    return option.annotation in (Any, "Any") and option.default is None


def bound(options: Signature, given: dict[str, Any], owner: str) -> dict[str, Any]:
    """Return all options by name, the defaults filled in."""
    try:
        arguments = options.bind(**given)
    except TypeError as error:
        raise TypeError(f"{owner}{options}: {error}.") from None
    arguments.apply_defaults()
    for name, value in arguments.arguments.items():
        if isinstance(value, dict) and is_per_class(options.parameters[name]):
            raise TypeError(_no_dict(name, value))
    return dict(arguments.arguments)


def initializer(base: type, options: list[Parameter]) -> Function:
    """Return an ``__init__`` that shows these parameters.

    A ``__signature__`` of the class would do, were it not that of its objects as well.
    """

    def __init__(self: Any, **given: Any) -> None:
        base.__init__(self, **given)  # type: ignore[misc]

    itself = Parameter("self", Parameter.POSITIONAL_OR_KEYWORD)
    __init__.__signature__ = Signature([itself, *options])  # type: ignore[attr-defined]
    return __init__


def keyword(name: str, default: Any) -> Parameter:
    """Return a parameter that is given by name."""
    return Parameter(name, Parameter.KEYWORD_ONLY, default=default)


def _no_dict(name: str, value: dict[Any, Any]) -> str:
    """Return what to write instead of a dict, which is what Keras's fit takes."""
    complaint = f"{name} must have one number a class, in the order of the labels, got"
    if set(value) == set(range(len(value))):
        numbers = [value[label] for label in range(len(value))]
        return f"{complaint} the dict {value!r}. Use {name}={numbers!r}."
    return (
        f"{complaint} a dict with the keys {list(value)}. Its keys must be the labels, "
        f"0 to C - 1 for C classes: pass the list of its values in their order."
    )


def check_options(loss: Function, options: dict[str, Any]) -> None:
    """Call the loss on one sample: a wrong parameter is told here, not in training."""
    classes = max([2, *(len(x) for x in options.values() if np.ndim(x) == 1)])
    if loss in PACKED:
        truth, pred = PACKED[loss]
        loss(np.ones(truth), np.full(pred, 0.5), **options)
        return
    if loss in OF_MASKS:
        _check_options_of_masks(loss, options, classes)
        return
    if loss not in (*OF_DISTRIBUTIONS, *OF_LABELS):
        shape = (1,) if loss is classification.log_loss else (1, classes)
        loss(np.ones(shape), np.full(shape, 0.5), **options)
        return
    axis = options.get("axis", -1)
    if isinstance(axis, int):
        sizes = [1] * max(2, axis + 1, -axis)
        sizes[axis] = classes
    else:
        sizes = [1, classes]
    scores = np.full(sizes, 1 / classes)
    labels = np.zeros(sizes, np.int64).sum(axis if isinstance(axis, int) else -1)
    loss(labels if loss in OF_LABELS else scores, scores, **options)


def _check_options_of_masks(
    loss: Function, options: dict[str, Any], classes: int
) -> None:
    axis = options.get("axis")
    sizes = [1] * 3
    if isinstance(axis, int) and axis:
        sizes = [1] * max(3, axis + 1, 1 - axis)
        sizes[axis] = classes
    loss(np.zeros(sizes), np.full(sizes, 0.5), **options)


def document(loss: Function, what: str, *added: str) -> str:
    """Derive the docstring of a class from that of its function.

    `added` are entries of parameters that the function has not, or has otherwise.
    """
    text = re.sub(r":func:`(?!lossbook)", ":func:`lossbook.", getdoc(loss) or "")
    sections = re.split(r"\n\n(?=[A-Z]\w+\n-+\n)", text)
    named = {section.partition("\n")[0]: section for section in sections[1:]}
    entries = re.split(r"\n(?=\S)", named["Parameters"])[2:]
    fixed = ("y_true", "y_pred", "sample_weight", "reduction")
    options = [entry for entry in entries if not entry.startswith(fixed)]
    described = {entry.partition(" : ")[0]: entry for entry in (*options, *added)}
    parameters = "\n".join(["Parameters", "-" * 10, *described.values()])
    rest = [named[key] for key in ("Raises", "References") if key in named]
    return "\n\n".join([sections[0], what, parameters, *rest]) + "\n"
