"""What is compared of every loss on DTensors; known without PyTorch."""

from .cases import CASES

LENGTHS = {"even": 8, "uneven": 7, "one": 1}
REDUCTIONS = ("mean", "sum", "none", "weighted mean")
WEIGHTS = [1.0, 0.0, 2.0, 0.5, 3.0, 1.0, 1.5, 2.0]

# By name: the case, the reduction, how many rows it has, the axis that is in parts.
CASE_ROWS = {
    f"{case.label}: {reduction}, {size} {kind}": (case, reduction, n, axis)
    for case in CASES
    for reduction in REDUCTIONS
    for axis, kind in enumerate(("rows", "columns"))
    for size, n in LENGTHS.items()
    if axis == 0 or (case.args[1].ndim > 1 and (reduction, size) == ("mean", "uneven"))
}
