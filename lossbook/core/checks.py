"""Values that a loss is not made for: refused where one can look, NaN where one cannot.

In a graph, under XLA, torch.compile or vmap, and on a GPU, where a look would stop the
queue, nobody knows the values before they are used. There a value outside of its domain
becomes NaN, in the loss and in its gradient, instead of a plausible number. A value
that weighs nothing is not looked at.
"""

from collections.abc import Callable
from math import inf
from numbers import Real
from typing import Any

import numpy as np

from lossbook.backends import Array, Backend

USE_LOGITS = "Pass from_logits=True if these are logits."
_ROUNDING = 4  # as many units in the last place of 1 a probability may be off


class Weights:
    """The weights of the losses, in their shape.

    Attributes
    ----------
    values : array
    positive : bool
        Whether all are known to be above 0, so that nothing has to be silenced.
    """

    def __init__(self, values: Array, positive: bool) -> None:
        self.values = values
        self.positive = positive


def refuse_unknown(owner: str, name: str) -> None:
    """Say that a function needs values where a graph or vmap has none.

    The caller asks `xp.is_known`, in its own frame: an error of a function that it
    calls torch.compile takes for a reason to go on outside of its graph, with values.
    """
    raise TypeError(
        f"{owner} looks at the values of {name}, which are not known here. Call it "
        "before the graph, on values."
    )


def known_range(
    xp: Backend, x: Array, nan_as: float = 0.0
) -> tuple[float, float] | None:
    """Return the smallest and largest value that is not NaN, or None if not known."""
    values = xp.range_of(x)
    if values is None or (values[0] == values[0] and values[1] == values[1]):
        return values

    def without_nan(x: Array) -> Array:
        return xp.where(x == x, x, xp.zeros_like(x) + nan_as)

    return xp.range_of(xp.at_once(without_nan, x))


def within_unit(
    xp: Backend, x: Array, name: str, fix: str, weights: Weights | None = None
) -> Array:
    """Return values in [0, 1]; what leaves it by rounding alone becomes 0 or 1."""
    values = known_range(xp, x)
    if values is not None and values[0] >= 0 and values[1] <= 1:
        return x
    room = _ROUNDING * xp.eps(x)
    words = _range_words(xp, x, name, "[0, 1]", fix)

    def mended() -> Array:
        wrong = (x < -room) | (x > 1 + room)
        wrong = checked(xp, wrong, words, weights, values is not None)
        # A constant is added, exact so near to 0 or 1; clipped, what is wrong would
        # have no gradient to become NaN.
        return x + xp.nan_where(wrong, xp.stop_gradient(xp.clip(x, 0.0, 1.0) - x))

    return xp.where_needed((0.0, 1.0), mended, x)


def not_negative(
    xp: Backend, x: Array, name: str, fix: str, weights: Weights | None = None
) -> Array:
    """Return values of 0 or more."""
    values = known_range(xp, x)
    if values is not None and values[0] >= 0:
        return x
    words = _range_words(xp, x, name, "[0, inf]", fix)
    known = values is not None
    return without(xp, x, lambda: x < 0, words, weights, known, inside=(0.0, inf))


def positive(
    xp: Backend, x: Array, name: str, fix: str, weights: Weights | None = None
) -> Array:
    """Return values above 0."""
    values = known_range(xp, x, nan_as=1.0)
    if values is not None and values[0] > 0:
        return x

    def words() -> str:
        low = known_range(xp, x, nan_as=1.0)
        got = f", got {digits(low[0])}" if low else ""
        return f"{name} must be positive{got}. {fix}"

    return without(xp, x, lambda: x <= 0, words, weights, values is not None)


def signs(xp: Backend, y: Array, weights: Weights | None = None) -> Array:
    """Return labels of -1 and +1."""
    sizes = known_range(xp, xp.at_once(xp.abs, y), nan_as=1.0)
    if sizes is not None and sizes[0] >= 1 and sizes[1] <= 1:
        return y

    def words() -> str:
        values = known_range(xp, y, nan_as=1.0)
        got = _from_to(values) if values else ""
        return (
            f"y_true must hold labels -1 and +1{got}. Use 2 * y - 1 to turn labels 0 "
            "and 1 into them."
        )

    return without(xp, y, lambda: xp.abs(y) != 1, words, weights, sizes is not None)


def are_bits(xp: Backend, y: Array) -> bool:
    """Say whether all targets are seen to be 0 or 1."""
    off = known_range(xp, xp.at_once(_off_bits, y))
    return off is not None and off[0] == 0 and off[1] == 0


def _off_bits(y: Array) -> Array:
    return y * (1 - y)  # 0 for 0 and 1 alone


def bits(xp: Backend, y: Array, words: str, weights: Weights | None = None) -> Array:
    """Return targets of 0 and 1; `words` say what is wrong with others."""
    off = known_range(xp, xp.at_once(_off_bits, y))
    if off is not None and off[0] == 0 and off[1] == 0:
        return y

    def wrong() -> Array:  # in one comparison, which a compiler fuses best
        return _off_bits(y) != 0

    return without(xp, y, wrong, lambda: words, weights, off is not None)


def without(
    xp: Backend,
    x: Array,
    wrong: Callable[[], Array],
    words: Callable[[], str],
    weights: Weights | None,
    known: bool,
    inside: tuple[float, float] | None = None,
) -> Array:
    """Return `x` as `refuse` does, which is not asked where nothing is wrong.

    Nothing is where all values lie `inside`, which is seen quicker than each by itself.
    """
    return xp.where_needed(
        inside or wrong, lambda: refuse(xp, x, wrong(), words, weights, known), x
    )


def refuse(
    xp: Backend,
    x: Array,
    wrong: Array,
    words: Callable[[], str],
    weights: Weights | None = None,
    known: bool = False,
) -> Array:
    """Refuse `x` where `wrong` is seen; where it cannot be seen make it NaN there.

    The NaN is added, so that the gradient is NaN as well; it would be 0 if the NaN were
    put in the place of the value. A NaN of the user's may be wrong too: it stays one,
    and nobody complains of it.
    """
    counts = checked(xp, wrong & (x == x), words, weights, known)
    return xp.nan_where(counts if weights else wrong, x)


def checked(
    xp: Backend,
    wrong: Array,
    words: Callable[[], str],
    weights: Weights | None = None,
    known: bool = False,
) -> Array:
    """Return where `wrong` counts; raise if that is seen to be anywhere.

    `known` says that something was seen to be wrong before: of constants in a graph the
    values are at hand, but not those of what is computed from them.
    """
    if weights is not None:
        counts = weights.values != 0
        if len(xp.shape(counts)) < len(xp.shape(wrong)):  # one weight for all classes
            counts = xp.expand_dims(counts, -1)
        wrong = wrong & counts
    seen = xp.any_of(wrong)
    if seen or (seen is None and known and weights is None):
        raise ValueError(words())
    if seen is None:
        xp.explain(wrong, words)
    return wrong


def _range_words(
    xp: Backend, x: Array, name: str, interval: str, fix: str
) -> Callable[[], str]:
    def words() -> str:
        values = known_range(xp, x)
        got = _from_to(values) if values else ""
        return f"{name} must lie in {interval}{got}. {fix}"

    return words


def _from_to(values: tuple[float, float]) -> str:
    return f", got values from {digits(values[0])} to {digits(values[1])}"


def digits(value: Any) -> str:
    """Write a number short, but with all the digits that tell it from its like."""
    short = f"{value:g}"
    return short if float(short) == float(value) else str(value)


def check_positive(name: str, value: Any) -> Any:
    """Return a positive, finite number as Python's; refuse any other parameter."""
    if not is_number(value) or not 0 < plain(value) < inf:
        raise ValueError(
            f"{name} must be a positive number, got {value!r}. For instance {name}=1.0."
            + _bind(name, value)
        )
    return plain(value)


def check_between(name: str, value: Any, low: float, high: float) -> Any:
    """Return a number in [low, high] as Python's; refuse any other parameter."""
    if not is_number(value) or not low <= plain(value) <= high:
        raise ValueError(
            f"{name} must be a number in [{low:g}, {high:g}], got {value!r}."
            + _bind(name, value)
        )
    return plain(value)


def _bind(name: str, value: Any) -> str:
    """Say what to do with a number that came as an array, as a compiler passes it."""
    if isinstance(value, Real | str | type(None)):
        return ""
    return (
        f" Pass float({name}), or before you compile or map the loss bind a number, "
        f"functools.partial(loss, {name}=1.0)."
    )


def plain(value: Any) -> Any:
    """Return a number without a dtype: minus a numpy.uint8 of 1 would be 255.

    And with a numpy.float64 NumPy would make float64 of all that it meets.
    """
    kind = type(value)
    return value if kind is float or kind is int else float(value)


def is_number(value: Any) -> bool:
    """Say whether this is a real number, which True and False are not."""
    kind = type(value)  # looked at first: to ask Real takes a microsecond
    if kind is float or kind is int:
        return True
    return isinstance(value, Real) and not isinstance(value, bool)


def checked_weight(
    xp: Backend, weight: Array, name: str, fix: str = "", low: float | None = None
) -> Array:
    """Return weights of 0 or more; `low` is the lowest if somebody has looked."""
    low = lowest(xp, weight) if low is None else low
    if low is not None and low >= 0:
        return weight

    def words() -> str:
        low = lowest(xp, weight)
        got = "" if low is None else f", got {digits(low)}"
        return f"{name} must not be negative{got}.{fix}"

    known, inside = low is not None, (0.0, inf)
    return without(xp, weight, lambda: weight < 0, words, None, known, inside)


def lowest(xp: Backend, x: Array) -> float | None:
    """Return the smallest value that is not NaN, or None where values are not known."""
    values = known_range(xp, x)
    return None if values is None else float(values[0])


def check_flag(name: str, value: Any) -> None:
    """Refuse a switch that is neither True nor False."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be True or False, got {value!r}.")
