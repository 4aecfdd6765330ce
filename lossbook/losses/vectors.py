"""Lengths and directions of vectors along the last axis, right for any size of them."""

from __future__ import annotations

from lossbook.backends import Array, Backend, Of1
from lossbook.core.pointwise import Rowwise


def norm(xp: Backend, x: Array) -> Array:
    """Return the Euclidean length; the slope of the vector of zeros is 0."""
    return _NORM.losses(xp, x)


def direction(xp: Backend, x: Array) -> Array:
    """Return vectors of length 1; the vector of zeros stays, with a slope of 0."""
    length = xp.expand_dims(norm(xp, x), -1)
    nothing = length == 0
    one = xp.zeros_like(length) + 1
    # Zero times the vector, not the vector over one: the slope must be 0 as well.
    return x * xp.where(nothing, one * 0, 1 / xp.where(nothing, one, length))


def _scaled(xp: Backend, x: Array) -> tuple[Array, Array]:
    """Return the largest element, and x over it: squares then stay within range."""
    largest = xp.max(xp.abs(xp.stop_gradient(x)), axis=-1, keepdims=True)
    usual = (largest > 0) & (largest < float("inf"))
    unit = xp.where(usual, largest, xp.zeros_like(largest) + 1)
    return unit, x / unit


def _norm(xp: Backend, x: Array) -> Array:
    unit, scaled = _scaled(xp, x)
    return unit[..., 0] * xp.sqrt(xp.sum(scaled * scaled, axis=-1))


def _norm_derivative(xp: Backend, x: Array) -> Array:
    _, scaled = _scaled(xp, x)
    square = xp.sum(scaled * scaled, axis=-1, keepdims=True)
    # Where all is 0 the root must not see it: its own slope there is infinite.
    return scaled / xp.sqrt(xp.where(square == 0, xp.zeros_like(square) + 1, square))


_NORM = Rowwise[Of1]("norm", _norm, derivatives=[_norm_derivative])
