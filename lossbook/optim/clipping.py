"""The length of all gradients together, and a bound on it."""

from __future__ import annotations

from math import inf, isinf
from typing import Any

from lossbook.backends import Array, Backend, backend_of
from lossbook.backends.tree import flatten, opened
from lossbook.core.checks import check_positive
from lossbook.optim.settings import AnyLike


def clip_by_global_norm(
    grads: Any, max_norm: float, *, like: AnyLike = "torch"
) -> tuple[Any, Array]:
    r"""Shorten all gradients by one factor, so that together they are not too long.

    .. math:: g \leftarrow g\, \min\Bigl(1, \frac{c}{\lVert g \rVert}\Bigr), \qquad
              \lVert g \rVert^2 = \sum_i g_i^2 \text{ over all parameters}

    The direction stays. torch adds 1e-6 to the norm, so that what is as long as c
    already is shortened a little. The norm is right also where squares would overflow.

    Parameters
    ----------
    grads : array, or list, tuple, dict or iterator of arrays
        The gradients of any one backend.
    max_norm : float
        The greatest length c, above 0; inf clips nothing and gives the norm.
    like : {"torch", "keras", "optax"}
        Whose formula. If the norm is inf, Keras makes all gradients NaN; torch and
        optax make the finite ones 0 and the others NaN.

    Returns
    -------
    (grads, norm)
        In the structure and dtype of `grads`, and the norm before.

    Raises
    ------
    ValueError
        If `max_norm` is not a positive number, or there are no gradients.

    References
    ----------
    Pascanu, R., T. Mikolov, Y. Bengio (2013), On the difficulty of training recurrent
    neural networks.

    Examples
    --------
    >>> import numpy as np, lossbook as lb
    >>> grads = {"w": np.array([3.0, 0.0]), "b": np.array(4.0)}
    >>> clipped, norm = lb.optim.clip_by_global_norm(grads, 2.5, like="optax")
    >>> float(norm), clipped["w"].tolist(), float(clipped["b"])
    (5.0, [1.5, 0.0], 2.0)
    """
    if max_norm != inf:
        max_norm = check_positive("max_norm", max_norm)
    if like not in ("torch", "keras", "optax"):
        raise ValueError(
            f'like must be "torch", "keras" or "optax" for clip_by_global_norm, got '
            f"{like!r}."
        )
    leaves, rebuild = flatten(opened(grads, "grads"))
    xp = _backend(leaves)
    kept = [xp.asarray(g, "grads") for g in leaves]
    wide = [xp.to_float(xp.stop_gradient(g)) for g in kept]
    norm = global_norm(xp, wide)
    if isinf(max_norm):
        return rebuild(kept), norm
    longest = xp.maximum(norm + (1e-6 if like == "torch" else 0.0), max_norm)
    factor = max_norm / longest
    if like == "keras":
        factor = xp.where(xp.isfinite(norm), factor, xp.zeros_like(norm) + float("nan"))
    clipped = [
        g if xp.is_integer(k) else xp.cast(g, k)
        for g, k in zip([g * xp.cast(factor, g) for g in wide], kept, strict=True)
    ]
    return rebuild(clipped), norm


def _backend(leaves: list[Any]) -> Backend:
    if any(isinstance(g, list | tuple) and not g for g in leaves) or not leaves:
        raise ValueError("grads is empty: pass at least one gradient.")
    if any(g is None for g in leaves):
        raise ValueError(
            "a gradient in grads is None: the loss does not depend on its parameter. "
            "Pass zeros, or leave the parameter out."
        )
    return backend_of(*leaves)


def global_norm(xp: Backend, arrays: list[Array]) -> Array:
    """Return the root of the sum of all squares, which overflows with the norm only."""
    flat = [xp.reshape(x, (-1,)) for x in arrays if 0 not in xp.shape(x)]
    if not flat:
        return xp.sum(arrays[0])
    # In float32 what is beside it in float64 would overflow, or vanish.
    widest = ([x for x in flat if "64" in xp.dtype_name(x)] or flat)[0]
    tops = [xp.cast(xp.max(xp.abs(x), 0), widest) for x in flat]
    top = tops[0]
    for other in tops[1:]:
        top = xp.maximum(top, other)
    # Nothing is divided by 0; by inf, which would make NaN of inf, neither.
    unit = xp.where((top > 0) & xp.isfinite(top), top, xp.zeros_like(top) + 1)
    squares = [xp.sum(xp.square(xp.cast(x, widest) / unit)) for x in flat]
    total = squares[0]
    for other in squares[1:]:
        total = total + other
    return unit * xp.sqrt(total)
