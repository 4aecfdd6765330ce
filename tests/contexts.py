"""The contexts in which a loss is met: each gives its value and gradient there.

A context takes a call: a loss, arrays of one framework, and which of them is the
prediction. It returns the value and the gradient by the prediction, or the value alone
where there is none; a gradient that is None is a fault. `python -m tests.contexts`
prints the table of all losses in all contexts.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np
import tensorflow as tf
import torch
from torch.utils.checkpoint import checkpoint

import lossbook as lb

from .backends import array, jax, numpy_of
from .calls import LOSSES, Call, Loss, all_at_once, expected, rounded


class Context(NamedTuple):
    """What is done with a call, in which framework, and how near it must come."""

    backend: str
    run: Callable[[Call], tuple[Any, ...]]
    together: bool = False  # all losses at once: what compiles takes its time
    dtype: Any = np.float64
    tolerance: float = 1e-10


# --- PyTorch --------------------------------------------------------------------------


def _backward(made: Call, run: Callable[[Any], Any]) -> tuple[Any, Any]:
    pred = made.pred.detach().requires_grad_()
    value = run(pred)
    return value.detach(), torch.autograd.grad(value.sum(), pred)[0]


def torch_eager(made: Call) -> tuple[Any, Any]:
    return _backward(made, made)


def torch_not_contiguous(made: Call) -> tuple[Any, Any]:
    def turned(x: Any) -> Any:
        return x.mT.contiguous().mT if x.dim() > 1 else x.repeat_interleave(2)[::2]

    return torch_eager(made._replace(args=list(map(turned, made.args))))


def torch_checkpoint(made: Call) -> tuple[Any, Any]:
    return _backward(made, lambda p: checkpoint(made, p, use_reentrant=False))


def torch_func_grad(made: Call) -> tuple[Any, Any]:
    return torch.func.grad_and_value(made)(made.pred)[::-1]


def torch_func_jacfwd(made: Call) -> tuple[Any, Any]:
    return made(made.pred), torch.func.jacfwd(made)(made.pred)


def torch_func_vmap(made: Call) -> tuple[Any, Any]:
    both = torch.stack([made.pred, made.pred.flip(0)])
    gradients, values = torch.func.vmap(torch.func.grad_and_value(made))(both)
    return values[0], gradients[0]


def torch_forward_ad(made: Call) -> tuple[Any, Any]:
    """Return the derivative in each direction by itself, as dual numbers give it."""
    gradient = torch.zeros_like(made.pred)
    with torch.autograd.forward_ad.dual_level():
        for place in np.ndindex(*made.pred.shape):
            direction = torch.zeros_like(made.pred)
            direction[place] = 1
            dual = torch.autograd.forward_ad.make_dual(made.pred, direction)
            value, tangent = torch.autograd.forward_ad.unpack_dual(made(dual))
            gradient[place] = tangent
    return value, gradient


def torch_inference(made: Call) -> tuple[Any]:
    with torch.inference_mode():
        return (made(made.pred),)


def torch_no_grad(made: Call) -> tuple[Any]:
    with torch.no_grad():
        return (made(made.pred.clone().requires_grad_()),)


def torch_compiled(backend: str) -> Callable[[Call], tuple[Any, Any]]:
    def run(made: Call) -> tuple[Any, Any]:
        torch.compiler.reset()  # or it gives up: one function of so many cases
        return _backward(made, torch.compile(made, fullgraph=True, backend=backend))

    return run


class _Module(torch.nn.Module):
    def __init__(self, made: Call) -> None:
        super().__init__()
        self.made = made

    def forward(self, *args: Any) -> Any:
        return self.made.loss.function(*args)


def torch_exported(strict: bool) -> Callable[[Call], tuple[Any, Any]]:
    def run(made: Call) -> tuple[Any, Any]:
        module, args = _Module(made), tuple(made.args)
        program = torch.export.export(module, args, strict=strict).module()
        again = made._replace(loss=made.loss._replace(function=program))
        return _backward(again, again)

    return run


def torch_autocast(half: torch.dtype, inside: bool) -> Callable[[Call], Any]:
    def run(made: Call) -> tuple[Any, Any]:
        pred = made.pred.clone().requires_grad_()
        with torch.autocast("cpu", half):
            value = made(pred)
        with torch.autocast("cpu", half, enabled=inside):
            (gradient,) = torch.autograd.grad(65536 * value, pred)
        return value.detach(), gradient / 65536

    return run


# --- TensorFlow -----------------------------------------------------------------------


def _taped(made: Call, pred: Any) -> tuple[Any, Any]:
    with tf.GradientTape() as tape:
        tape.watch(pred)
        value = made(pred)
    return value, tape.gradient(value, pred)


def tf_eager(made: Call) -> tuple[Any, Any]:
    return _taped(made, made.pred)


def tf_third_call(made: Call) -> tuple[Any, Any]:
    for _ in range(2):  # from the second on it runs in a graph of its own
        _taped(made, made.pred)
    return _taped(made, made.pred)


def tf_persistent(made: Call) -> tuple[Any, Any]:
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(made.pred)
        value = made(made.pred)
    tape.gradient(value, made.pred)
    return value, tape.gradient(value, made.pred)


def tf_variable(made: Call) -> tuple[Any, Any]:
    pred = tf.Variable(made.pred)
    with tf.GradientTape() as tape:
        value = made(pred)
    return value, tape.gradient(value, pred)


def tf_list_of_variables(made: Call) -> tuple[Any, Any]:
    rows = [tf.Variable(row) for row in made.pred]
    with tf.GradientTape() as tape:
        value = made(rows)
    return value, tf.stack(tape.gradient(value, rows))


def tf_mixed_policy(made: Call) -> tuple[Any, Any]:
    before = tf.keras.mixed_precision.global_policy()
    tf.keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        return _taped(made, made.pred)
    finally:
        tf.keras.mixed_precision.set_global_policy(before)


def tf_graph(jit: bool, unknown: bool = False) -> Callable[[Call], tuple[Any, Any]]:
    def run(made: Call) -> tuple[Any, Any]:
        def taped(*args: Any) -> Any:
            inside = made._replace(args=list(args))
            return _taped(inside, inside.pred)

        specs = [tf.TensorSpec([None, *x.shape[1:]], x.dtype) for x in made.args]
        graph = tf.function(
            taped,
            autograph=False,
            jit_compile=jit,
            input_signature=specs if unknown else None,
        )
        return graph(*made.args)

    return run


def tf_saved(made: Call) -> tuple[Any, Any]:
    module = tf.Module()
    specs = [tf.TensorSpec(x.shape, x.dtype) for x in made.args]
    module.loss = tf.function(
        lambda *args: made.loss.function(*args),
        autograph=False,
        input_signature=specs,
    )
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder)
        loaded = tf.saved_model.load(folder)
        again = made._replace(loss=made.loss._replace(function=loaded.loss))
        return _taped(again, again.pred)


# --- JAX ------------------------------------------------------------------------------


def _with_values(made: Call) -> Callable[[Any], tuple[Any, Any]]:
    """Return the sum of the values, which is differentiated, and the values."""

    def run(pred: Any) -> tuple[Any, Any]:
        values = made(pred)
        return values.sum(), values

    return run


def _jitted(function: Any) -> Any:
    # The tests of numerics hold the digits; this compiles in half the time.
    quickly = {"xla_backend_optimization_level": "0"}
    return jax().jit(function, compiler_options=quickly)


def jax_jit(made: Call) -> tuple[Any, Any]:
    gradient, value = _jitted(jax().grad(_with_values(made), has_aux=True))(made.pred)
    return value, gradient


def jax_vmap(made: Call) -> tuple[Any, Any]:
    both = jax().numpy.stack([made.pred, 0.9 * made.pred])
    gradient = _jitted(jax().vmap(jax().grad(_with_values(made), has_aux=True)))
    gradients, values = gradient(both)
    return values[0], gradients[0]


def jax_jacfwd(made: Call) -> tuple[Any, Any]:
    """Return the derivative forwards, in each direction by itself."""
    gradient = _jitted(jax().jacfwd(_with_values(made), has_aux=True))
    return gradient(made.pred)[::-1]


def jax_without_x64(made: Call) -> tuple[Any, Any]:
    with jax().enable_x64(False):
        return jax_jit(made._replace(args=list(map(jax().numpy.array, made.args))))


# --- NumPy ----------------------------------------------------------------------------


def numpy_as(change: Callable[[Any], Any]) -> Callable[[Call], tuple[Any, Any]]:
    def run(made: Call) -> tuple[Any, Any]:
        changed = made._replace(args=[change(x) for x in made.args])
        before = [np.array(x) for x in changed.args]
        result = lb.value_and_grad(changed)(changed.pred)
        for x, y in zip(before, changed.args, strict=True):
            np.testing.assert_array_equal(x, y)  # nothing of the caller's is written to
        return result

    return run


def read_only(x: Any) -> Any:
    x = x.copy()
    x.flags.writeable = False
    return x


def big_endian(x: Any) -> Any:
    return x.astype(x.dtype.newbyteorder(">"))


def every_second(x: Any) -> Any:
    return np.repeat(x, 2, axis=0)[::2]


CONTEXTS = {
    "torch: eager": Context("torch", torch_eager),
    "torch: float16": Context("torch", torch_eager, dtype=np.float16, tolerance=1e-3),
    "torch: not contiguous": Context("torch", torch_not_contiguous),
    "torch: checkpoint": Context("torch", torch_checkpoint),
    "torch: func.grad": Context("torch", torch_func_grad),
    "torch: func.jacfwd": Context("torch", torch_func_jacfwd),
    "torch: func.vmap": Context("torch", torch_func_vmap),
    "torch: forward_ad": Context("torch", torch_forward_ad),
    "torch: inference_mode": Context("torch", torch_inference),
    "torch: no_grad": Context("torch", torch_no_grad),
    "torch: compile": Context(
        "torch",
        torch_compiled("aot_eager"),
        together=True,
    ),
    "torch: export": Context("torch", torch_exported(strict=False), together=True),
    "torch: strict export": Context(
        "torch", torch_exported(strict=True), together=True
    ),
    "tensorflow: eager": Context("tensorflow", tf_eager),
    "tensorflow: float16": Context(
        "tensorflow", tf_eager, dtype=np.float16, tolerance=1e-3
    ),
    "tensorflow: third call": Context("tensorflow", tf_third_call),
    "tensorflow: persistent tape": Context("tensorflow", tf_persistent),
    "tensorflow: Variable": Context("tensorflow", tf_variable),
    "tensorflow: list of Variables": Context("tensorflow", tf_list_of_variables),
    "tensorflow: mixed policy": Context("tensorflow", tf_mixed_policy),
    "tensorflow: function": Context("tensorflow", tf_graph(jit=False), together=True),
    "tensorflow: unknown batch": Context("tensorflow", tf_graph(False, unknown=True)),
    "tensorflow: XLA": Context("tensorflow", tf_graph(jit=True), together=True),
    "tensorflow: saved and loaded": Context("tensorflow", tf_saved, together=True),
    "jax: vmap": Context("jax", jax_vmap, together=True),
    "jax: jacfwd": Context("jax", jax_jacfwd, together=True),
    "jax: bfloat16": Context("jax", jax_jit, True, ml_dtypes.bfloat16, 8e-3),
    "jax: jit without x64": Context("jax", jax_without_x64, True, np.float32, 1e-5),
    "numpy: read-only": Context("numpy", numpy_as(read_only)),
    "numpy: Fortran order": Context("numpy", numpy_as(np.asfortranarray)),
    "numpy: big-endian": Context("numpy", numpy_as(big_endian)),
    "numpy: every second row": Context("numpy", numpy_as(every_second)),
}
for _half in (torch.bfloat16, torch.float16):
    _name = str(_half).removeprefix("torch.")
    for _where in ("inside", "outside"):
        CONTEXTS[f"torch: autocast {_name}, backward {_where}"] = Context(
            "torch",
            torch_autocast(_half, _where == "inside"),
            dtype=np.float32,
            tolerance=2e-6,
        )


# What a context cannot have: each is refused, with these words in the message.
REFUSED = {
    "tensorflow: unknown batch": {"multitask": "Pass a list of scalars"},
}


def found_in(context: Context, loss: Loss) -> tuple[Any, ...]:
    args = [array(context.backend, x) for x in rounded(loss, context.dtype)]
    return tuple(map(numpy_of, context.run(Call(loss, args))))


def off(found: tuple[Any, ...], wanted: tuple[Any, Any]) -> float:
    """Return by how much value or gradient are off, of the largest number in each."""
    pairs = zip(
        found, wanted, strict=False
    )  # of the value alone where no more is found
    return max(float(np.abs(a - b).max() / (np.abs(b).max() or 1)) for a, b in pairs)


def row(name: str) -> dict[str, float | str]:
    """Return for each loss how far off it is in a context, or the error it raises."""
    context = CONTEXTS[name]
    losses = [loss for loss in LOSSES if loss.name not in REFUSED.get(name, ())]
    if context.together:
        found = found_in(context, all_at_once(losses))
        return dict(_split(losses, context.dtype, *found))
    found: dict[str, float | str] = {}
    for loss in losses:
        try:
            found[loss.name] = off(
                found_in(context, loss), expected(loss, context.dtype)
            )
        except Exception as error:  # whatever it is, it belongs into the table
            found[loss.name] = f"{type(error).__name__}: {error}"
    return found


def _split(losses: list[Loss], dtype: Any, values: Any, gradient: Any) -> Any:
    start = 0
    for loss, value in zip(losses, values, strict=True):
        value_wanted, wanted = expected(loss, dtype)
        part = gradient[start : start + wanted.size].reshape(wanted.shape)
        yield loss.name, off((value, part), (value_wanted, wanted))
        start += wanted.size


def failures(name: str) -> dict[str, float | str]:
    """Return the losses that are wrong in a context, or raise an error there."""
    limit = CONTEXTS[name].tolerance
    return {
        loss: found
        for loss, found in row(name).items()
        if isinstance(found, str) or not found < limit
    }


def main() -> None:
    for name in CONTEXTS:
        start = time.perf_counter()
        bad = failures(name)
        took = time.perf_counter() - start
        held = len(LOSSES) - len(REFUSED.get(name, ())) - len(bad)
        print(f"{name:45} {held} of {len(LOSSES)}  {took:5.1f} s", flush=True)
        for loss, found in bad.items():
            print("   ", loss, str(found)[:300].replace("\n", " "), flush=True)


if __name__ == "__main__":
    sys.exit(main())
