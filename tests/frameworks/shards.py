"""What is compared of every loss on DTensors; known without PyTorch."""

from ..cases import CASES

LENGTHS = {"even": 8, "uneven": 7, "one": 1}
REDUCTIONS = ("mean", "sum", "none", "weighted mean")
WEIGHTS = [1.0, 0.0, 2.0, 0.5, 3.0, 1.0, 1.5, 2.0]


def _rows(case):
    """Yield how a case is spread: reduction, size, and axis that is in parts."""
    for reduction in REDUCTIONS:
        yield from ((reduction, size, 0) for size in ("even", "uneven"))
    yield "mean", "one", 0
    if case.args[1].ndim > 1:
        yield "mean", "uneven", 1


# By name: the case, the reduction, how many rows it has, the axis that is in parts.
CASE_ROWS = {
    f"{case.label}: {reduction}, {size} {('rows', 'columns')[axis]}": (
        case, reduction, LENGTHS[size], axis
    )
    for case in CASES
    for reduction, size, axis in _rows(case)
}  # fmt: skip
