"""The bound on the length of all gradients, beside the libraries'."""

from __future__ import annotations

import os

os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import numpy as np
import pytest

import lossbook as lb
from tests.backends import BACKENDS, array, numpy_of


def grads_of(backend, dtype="float64"):
    values = {"w": [[3.0, 0.0], [1.0, -2.0]], "b": [4.0]}
    return {key: array(backend, value, dtype) for key, value in values.items()}


@pytest.mark.parametrize("max_norm", [0.5, 30**0.5, 1e3])
@pytest.mark.parametrize("backend", BACKENDS)
def test_clipping_is_that_of_torch_and_keras(backend, max_norm):
    import keras
    import torch

    leaves = [torch.nn.Parameter(g) for g in grads_of("torch").values()]
    for p, g in zip(leaves, grads_of("torch").values(), strict=True):
        p.grad = g
    norm = torch.nn.utils.clip_grad_norm_(leaves, max_norm)
    optimizer = keras.optimizers.SGD(global_clipnorm=max_norm)
    of_keras = optimizer._clip_gradients(list(grads_of("tensorflow").values()))
    expected = {"torch": [p.grad for p in leaves], "keras": of_keras}
    for like, theirs in expected.items():
        grads = grads_of(backend)
        clipped, ours = lb.optim.clip_by_global_norm(grads, max_norm, like=like)
        assert float(ours) == pytest.approx(float(norm), rel=1e-15)
        for a, b in zip(clipped.values(), theirs, strict=True):
            # Keras rounds the bound to float32.
            assert np.allclose(
                numpy_of(a), numpy_of(b), rtol=1e-12 if like == "torch" else 1e-7
            )
    plain, _ = lb.optim.clip_by_global_norm(grads_of(backend), max_norm, like="optax")
    length = np.sqrt(sum(np.sum(numpy_of(g) ** 2) for g in plain.values()))
    assert length == pytest.approx(min(max_norm, 30**0.5), rel=1e-15)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_norm_is_right_where_squares_overflow(backend):
    for dtype, big in {"float16": 300.0, "float32": 3e30}.items():
        grads = [array(backend, [big, 0.0], dtype), array(backend, [0.0], dtype)]
        (clipped, _), norm = lb.optim.clip_by_global_norm(grads, 2.0)
        assert float(norm) == pytest.approx(big, rel=1e-3)
        assert dtype in str(clipped.dtype)
        assert numpy_of(clipped).tolist() == pytest.approx([2.0, 0.0], rel=1e-3)
    nothing, norm = lb.optim.clip_by_global_norm(
        array(backend, [0.0]), 1.0, like="keras"
    )
    assert float(norm) == 0 and float(nothing[0]) == 0


def test_clipping_in_graphs_and_with_an_infinite_gradient():
    import tensorflow as tf
    import torch

    def clip(grads):
        return lb.optim.clip_by_global_norm(grads, 0.5)

    plain, _ = clip(grads_of("numpy"))
    for backend, compiled in (
        ("tensorflow", tf.function(clip)),
        ("torch", torch.compile(clip, fullgraph=True, backend="aot_eager")),
    ):
        clipped, norm = compiled(grads_of(backend))
        assert float(norm) == pytest.approx(30**0.5)
        assert np.allclose(numpy_of(clipped["w"]), plain["w"], rtol=1e-12)
    grads = [np.array([1.0, np.inf])]
    for like, first in {"torch": 0.0, "optax": 0.0, "keras": np.nan}.items():
        with np.errstate(invalid="ignore"):
            (clipped,), norm = lb.optim.clip_by_global_norm(grads, 1.0, like=like)
        assert norm == np.inf
        assert np.array_equal(clipped, [first, np.nan], equal_nan=True)


def test_an_infinite_bound_gives_the_norm_alone():
    grads = (g for g in [np.array([3.0]), np.array([4.0])])
    same, norm = lb.optim.clip_by_global_norm(grads, np.inf)
    assert norm == 5 and same[0] == 3 and same[1] == 4


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("size", [3e200, 3e-200])
@pytest.mark.parametrize("backend", BACKENDS)
def test_the_norm_is_right_where_only_the_widest_dtype_has_it(backend, size, turned):
    grads = [array(backend, [size]), array(backend, [0.0], "float32")]
    clipped, norm = lb.optim.clip_by_global_norm(
        grads[::-1] if turned else grads, size / 3, like="optax"
    )
    assert float(norm) == pytest.approx(size, rel=1e-12)
    assert float(clipped[1 if turned else 0][0]) == pytest.approx(size / 3, rel=1e-12)
