"""What users pass to a loss on PyTorch: made a tensor, with its gradient."""

from __future__ import annotations

from typing import Any

import torch

from lossbook.backends import inputs as shared

Array = Any

FLOATS = (torch.float32, torch.float64)


def asarray(x: Any, name: str, like: Array = None) -> Array:
    """Return `x` as a tensor of real numbers, on the device of `like`."""
    if not isinstance(x, torch.Tensor):
        made = _from_outside(x, name, like)
        return on_all(made, like) if is_sharded(like) else made
    if x.is_nested or x.layout is not torch.strided or x.dtype.is_complex or _masked(x):
        raise _not_taken(x, name)
    if x.is_quantized:
        raise TypeError(f"{name} is quantized. Pass {name}.dequantize().")
    if type(like) is not torch.Tensor and is_sharded(like) and not is_sharded(x):
        raise _part_or_whole(x, name)
    return x


def are_ready(a: Any, b: Any) -> bool:
    """Say whether both are plain tensors of one shape and float dtype, not empty."""
    if not type(a) is type(b) is torch.Tensor or a.is_nested or b.is_nested:
        return False
    if a.dtype is not b.dtype or a.dtype not in FLOATS or a.shape != b.shape:
        return False
    # Of a size that torch.compile does not know yet this alone can be answered.
    return a.layout is b.layout is torch.strided and 0 not in a.shape


def is_sharded(x: Any) -> bool:
    """Say whether `x` is a DTensor, of which each process may hold a part."""
    return type(x) is not torch.Tensor and hasattr(x, "device_mesh")


def on_all(x: Array, like: Array) -> Array:
    """Return the DTensor of a tensor that every process holds whole, beside `like`."""
    if is_sharded(x):
        return x
    # Whoever has a DTensor has imported this, which is slow; a plain tensor does not.
    from torch.distributed.tensor import DTensor, Replicate

    mesh = like.device_mesh
    return DTensor.from_local(x, mesh, [Replicate()] * mesh.ndim, run_check=False)


def whole(x: Array) -> Array:
    """Return the DTensor with all of it on every process."""
    from torch.distributed.tensor import Replicate

    return x.redistribute(placements=[Replicate()] * x.device_mesh.ndim)


def has_equal_parts(x: Array) -> bool:
    """Say whether a DTensor lies in parts, all of one shape."""
    shards = [
        x.shape[place.dim] % count
        for count, place in zip(x.device_mesh.shape, x.placements, strict=True)
        if place.is_shard()
    ]
    return bool(shards) and not any(shards)


def _part_or_whole(x: Array, name: str) -> TypeError:
    return TypeError(
        f"{name} is a plain tensor, of shape {tuple(x.shape)}, beside a DTensor: it "
        "could be a part or the whole. Pass torch.distributed.tensor.DTensor."
        f"from_local({name}, other.device_mesh), with the mesh of the DTensor, if "
        "every process holds all of it; if each holds its rows, add the placements "
        "[torch.distributed.tensor.Shard(0)], and where they differ in their number "
        "shape= and stride= of the whole."
    )


def _from_outside(x: Any, name: str, like: Array) -> Array:
    lead = shared.first_of(x, torch.Tensor)
    if lead is not None:
        return _stacked(x, name, lead)
    array = _traced(x, name) if torch.compiler.is_compiling() else _copied(x, name)
    known = isinstance(like, torch.Tensor)
    device = like.device if known else None
    tensor = torch.as_tensor(array, device=device)
    if tensor.is_complex():
        wrong = shared.no_reals(tensor.dtype, name)
        raise TypeError(f"{name} must hold real numbers, got {wrong}")
    if shared.has_dtype(x) or not tensor.is_floating_point():
        return tensor
    # Python numbers have no dtype of their own: they take the tensor's, or the default.
    floating = known and like.is_floating_point()
    dtype = like.dtype if floating else torch.get_default_dtype()
    return torch.as_tensor(array, dtype=dtype, device=device)


def _traced(x: Any, name: str) -> Any:
    """Return `x`: torch.compile can look into few types, and takes numbers as such."""
    shared.refuse_masked(x, name)
    return x


def _copied(x: Any, name: str) -> Any:
    return shared.common(shared.plain(x, name)).copy()


def _stacked(x: Any, name: str, lead: Array) -> Array:
    """Return the tensor of a list of tensors and numbers, with their gradients."""
    parts = [asarray(part, name, lead) for part in x]
    if any(part.shape != parts[0].shape for part in parts):
        raise shared.unequal_parts(name, parts, f"torch.cat({name})")
    return torch.stack(parts)


def _masked(x: Array) -> bool:
    return type(x) is not torch.Tensor and hasattr(x, "get_mask")


def _not_taken(x: Array, name: str) -> TypeError:
    if x.is_nested:
        return TypeError(
            f"{name} must be a dense tensor, got a nested one. Pass "
            f"torch.cat({name}.unbind()), all parts in a row, and the other arguments "
            f"alike; or torch.nested.to_padded_tensor({name}, 0.0), with "
            f"sample_weight=torch.nested.to_padded_tensor(torch.ones_like({name}), 0.0)"
            " to leave out what is filled in."
        )
    if _masked(x):
        return TypeError(
            f"{name} is a masked tensor, whose mask would be lost. Pass "
            f"{name}.get_data(), and sample_weight={name}.get_mask() to leave out what "
            "is masked."
        )
    if x.layout != torch.strided:
        return TypeError(
            f"{name} must be a dense tensor, got layout {x.layout}. Pass "
            f"{name}.to_dense()."
        )
    return TypeError(
        f"{name} must hold real numbers, got dtype {x.dtype}. Pass {name}.real or "
        f"{name}.abs()."
    )
