"""The losses as ``torch.nn.Module`` classes.

>>> from lossbook.adapters.torch import HuberLoss  # doctest: +SKIP
>>> HuberLoss(delta=0.5)(input, target)  # doctest: +SKIP

A class that bears a name of ``torch.nn`` (`CrossEntropyLoss`, `HuberLoss`, `MSELoss`,
`PoissonNLLLoss`) has the parameters, defaults and class axis of PyTorch's class, and
gives its values; only shapes that PyTorch would broadcast are refused, and a mean in
which nothing counts is 0. All parameters are given by name.

`GaussianNLLLoss`, `MarginRankingLoss`, `TripletLoss`, `InfoNCELoss` and
`LinearCrossEntropyLoss` take other arrays than a prediction and its truth.
"""

from lossbook.adapters import torch_classes, torch_others

CLASSES = {**torch_classes.CLASSES, **torch_others.CLASSES}
globals().update(CLASSES)

__all__ = sorted(CLASSES)


def __dir__() -> list[str]:
    return __all__
