"""The loop over the chunks as one operator, for torch.compile.

Traced, the loop would be laid out chunk by chunk, and each number of rows would need a
graph of its own. As an operator it is one node of the graph, of which no more than the
shapes of what it returns must be known.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.autograd import forward_ad

from lossbook.backends.terms import Terms
from lossbook.backends.torch.linear_chunks import HALF, run

Array = Any

# Written out: the oldest torch that we take reads no annotations that are strings.
_SCHEMA = (
    "(Tensor h, Tensor w, Tensor? b, Tensor labels, Tensor? row_weight, Tensor? own,"
    " Tensor? spread, float z_loss, float? softcap, int chunk, bool[] wanted)"
    " -> Tensor[]"
)


@torch.library.custom_op(  # type: ignore[untyped-decorator]
    "lossbook::linear_cross_entropy", mutates_args=(), schema=_SCHEMA
)
def _operator(
    h: Array,
    w: Array,
    b: Array | None,
    labels: Array,
    row_weight: Array | None,
    own: Array | None,
    spread: Array | None,
    z_loss: float,
    softcap: float | None,
    chunk: int,
    wanted: list[bool],
) -> list[Array]:
    """Return the losses, and those of the gradients that are wanted."""
    if forward_ad._current_level >= 0:  # whether they are dual cannot be seen here
        raise NotImplementedError(
            "A linear_cross_entropy that torch.compile has compiled takes no dual "
            "numbers. Call torch.func.jvp inside of what is compiled."
        )
    terms = Terms(own, spread, z_loss, softcap)
    each, grads = run(h, w, b, labels, row_weight, terms, chunk, wanted)
    return [each, *(g for g in grads if g is not None)]


@_operator.register_fake  # type: ignore[untyped-decorator]
def _shapes(h: Array, w: Array, b: Array | None, *others: Any) -> list[Array]:
    wide = torch.float32 if w.dtype in HALF else w.dtype
    layer = zip((h, w, b), others[-1], strict=True)
    grads = [torch.empty_like(x) for x, want in layer if want]
    return [h.new_empty(h.shape[0], dtype=wide), *grads]


def run_as_one(
    h: Array,
    w: Array,
    b: Array | None,
    labels: Array,
    row_weight: Array | None,
    terms: Terms,
    chunk: int,
    wanted: list[bool],
) -> tuple[Array, list[Array | None]]:
    """Return what `run` does; in a graph by the operator."""
    if not torch.compiler.is_compiling():
        return run(h, w, b, labels, row_weight, terms, chunk, wanted)
    each, *found = _operator(h, w, b, labels, row_weight, *terms, chunk, wanted)
    grads = iter(found)
    return each, [next(grads) if want else None for want in wanted]
