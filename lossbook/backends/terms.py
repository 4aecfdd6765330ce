"""What a linear cross-entropy is made of."""

from typing import Any, NamedTuple

Array = Any


class Terms(NamedTuple):
    """What `linear_cross_entropy` makes of logits besides the surprise of the label.

    With s_c = log(sum of exp z) - z_c, the surprise of each class, the loss of a row is
    ``own s_y + sum of spread_c s_c + z_loss (log(sum of exp z))^2``, and z is
    ``softcap tanh(z / softcap)`` of the layer's output.

    Attributes
    ----------
    own : array or None
        One factor a row; None is 1.
    spread : array or None
        One factor a class; None is 0.
    z_loss : float
    softcap : float or None
    """

    own: Array = None
    spread: Array = None
    z_loss: float = 0.0
    softcap: float | None = None
