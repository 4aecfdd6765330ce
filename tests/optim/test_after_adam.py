"""Lion, Muon, decays, the largest square so far, and clipping beside the libraries."""

from __future__ import annotations

import os
import pickle

os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import numpy as np
import pytest

import lossbook as lb
from benchmarks.optimizers import (
    LATER,
    START,
    STEPS,
    Case,
    gradient,
    relative_difference,
    run_keras,
    run_ours,
    run_torch,
)
from tests.backends import BACKENDS, array, numpy_of
from tests.optim.test_optim import WAYS, eight_steps, run

MUON = ("torch", "keras", "optax")
BOUNDS = {
    # Whatever it is told, Keras rounds momenta and decays to float32.
    ("torch", "float64"): 1e-12,
    ("keras", "float64"): 1e-6,
    ("optax", "float64"): 1e-12,
    ("torch", "float32"): 1e-5,
    ("keras", "float32"): 1e-5,
    ("optax", "float32"): 1e-5,
}

# --- the same steps as the libraries ----------------------------------------------


def expect_our_steps(case, like, dtype, theirs):
    for backend in BACKENDS:
        ours = run_ours(case, like, backend, dtype)
        assert relative_difference(ours, theirs) < BOUNDS[like, dtype], backend


CASES = [(case, "float64") for case in LATER]
CASES += [(case, "float32") for case in LATER if case.change and "rms" not in str(case)]


@pytest.mark.parametrize(("case", "dtype"), CASES, ids=str)
def test_50_steps_of_torch_and_keras(case, dtype):
    for like in case.libraries:
        theirs = {"torch": run_torch, "keras": run_keras}[like](case, dtype)
        expect_our_steps(case, like, dtype, theirs)


OPTAX = [
    Case("lion", {"lr": 0.02, "beta1": 0.8}, 0.005),
    Case("muon", {"lr": 0.05, "weight_decay": 0.3}, 0.01),
    Case("muon", {"lr": 0.05, "momentum": 0.8, "nesterov": False, "steps": 3}),
    Case("muon", {"lr": 0.05, "rms": 0.2}),
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", OPTAX, ids=str)
def test_50_steps_of_optax(case, dtype):
    pytest.importorskip("optax", reason="optax is not installed")
    import jax

    with jax.enable_x64(dtype == "float64"):
        expect_our_steps(case, "optax", dtype, run_optax(case, dtype))


def run_optax(case, dtype):
    import jax
    import jax.numpy as jnp
    import optax

    names = {"beta1": "b1", "momentum": "beta", "steps": "ns_steps"}
    names["rms"] = "consistent_rms"
    settings = {names.get(k, k): v for k, v in case.settings.items() if k != "lr"}
    if "weight_decay" in settings:
        settings["adam_weight_decay"] = settings["weight_decay"]
    lr, then = case.settings["lr"], case.change or case.settings["lr"]
    make = optax.lion if case.name == "lion" else optax.contrib.muon
    optimizer = make(lambda done: jnp.where(done < STEPS // 2, lr, then), **settings)
    params = {key: jnp.asarray(value, dtype) for key, value in START.items()}
    state, update, path = optimizer.init(params), jax.jit(optimizer.update), []
    for step in range(STEPS):
        slopes = {k: gradient(k, np.asarray(p), step) for k, p in params.items()}
        grads = {k: jnp.asarray(slope, dtype) for k, slope in slopes.items()}
        moves, state = update(grads, state, params)
        params = optax.apply_updates(params, moves)
        path.append(np.concatenate([np.ravel(params[key]) for key in START]))
    return np.array(path)


# --- where the libraries part -----------------------------------------------------


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_first_step_of_muon_is_that_of_each_library(backend):
    """Along the identity, rate 0.1: -.1125, -.0313 and -.1108; a vector moves -.147."""
    found = {}
    for like in MUON:
        optimizer = lb.optim.muon(0.1, weight_decay=0.0, like=like)
        w = array(backend, np.zeros((2, 2)), "float32")
        found[like] = numpy_of(run(optimizer, w, array(backend, np.eye(2)), 1))
        assert found[like][0, 1] == 0
    first = [round(float(found[like][0, 0]), 4) for like in MUON]
    assert first == [-0.1125, -0.0313, -0.1108]
    vectors = [
        run(
            lb.optim.muon(0.1, like=like),
            array(backend, [0.0]),
            array(backend, [2.0]),
            1,
        )
        for like in ("keras", "optax")
    ]
    assert [round(float(numpy_of(v)[0]), 3) for v in vectors] == [-0.1, -0.147]


@pytest.mark.parametrize(
    ("name", "settings", "torch", "keras"),
    [
        # Adam divides a decay that is a part of the gradient, whatever its strength.
        ("adam", {"lr": 0.1, "weight_decay": 0.5}, -0.1, -0.05),
        # A velocity of .9 adds such a decay up: .5 (1 + 1.9 - .05) in place of .5 2.
        ("sgd", {"lr": 0.1, "weight_decay": 0.5, "momentum": 0.9}, -0.1425, -0.0975),
    ],
)
def test_how_far_decays_of_torch_and_keras_lead_apart(name, settings, torch, keras):
    steps = 1 if name == "adam" else 2
    for like, expected in {"torch": torch, "keras": keras}.items():
        optimizer = getattr(lb.optim, name)(**settings, like=like)
        moved = run(optimizer, np.ones(1), np.zeros(1), steps)
        assert moved[0] - 1 == pytest.approx(expected, rel=1e-6)


def test_without_momentum_the_decays_of_sgd_are_one():
    steps = [
        run(lb.optim.sgd(0.1, weight_decay=0.5, like=like), np.ones(2), np.ones(2))
        for like in ("torch", "keras")
    ]
    assert np.allclose(*steps, rtol=1e-15)


def test_keras_and_optax_have_one_lion_with_different_decays():
    case = Case("lion", {"lr": 0.02, "weight_decay": 0.3})
    same = [run_ours(case, like, "numpy") for like in ("keras", "optax")]
    assert np.array_equal(*same)
    decays = [lb.optim.lion(like=x).settings.get("weight_decay") for x in MUON[1:]]
    assert decays == [None, 0.001]


# --- which parameters decay -------------------------------------------------------


def has_rank(p):
    return len(p.shape) > 0


@pytest.mark.parametrize("backend", BACKENDS)
def test_which_parameters_decay_is_said_by_a_function_or_by_a_structure(backend):
    params = {"w": array(backend, [4.0]), "b": (array(backend, 4.0),)}
    still = {"w": array(backend, [0.0]), "b": (array(backend, 0.0),)}
    for decay in (has_rank, {"b": [False], "w": True}, {"b": (False,), "w": np.True_}):
        optimizer = lb.optim.adamw(0.1, weight_decay=0.5, decay=decay)
        moved = run(optimizer, params, still, 1)
        assert float(moved["w"][0]) == pytest.approx(3.8) and float(moved["b"][0]) == 4


def test_a_decay_that_does_not_fit_is_refused():
    w = [np.ones(2), np.ones(3)]
    for decay, message in (
        ([True], "decay must have the structure of params"),
        ([True, 0.1], r"decay\[1\] must be True or False, got 0.1"),
        (lambda p: p.ndim, r"decay\(parameter\) must be True or False, got 1"),
    ):
        with pytest.raises(ValueError, match=message):
            run(lb.optim.adamw(decay=decay), w, w)
    with pytest.raises(ValueError, match="weight_decay is 0"):
        lb.optim.sgd(0.1, decay=[True])


# --- states, dtypes, graphs -------------------------------------------------------

NEW = {
    "lion": lb.optim.lion(0.05, weight_decay=0.1, decay=has_rank),
    "amsgrad": lb.optim.adamw(0.05, beta2=0.5, amsgrad=True),
    "muon, torch": lb.optim.muon(0.05),
    "muon, keras": lb.optim.muon(0.05, like="keras"),
    "muon, optax": lb.optim.muon(lb.optim.cosine(0.05, 20), like="optax"),
}
MATRICES = [
    [[1.0, 2.0], [0.3, -1.0], [0.5, 4.0]],
    [[0.7, -2.0], [1.0, 0.1], [2.0, 0.4]],
]
each_new = pytest.mark.parametrize("name", NEW)


@each_new
@pytest.mark.parametrize(
    ("way", "backend"),
    [(w, b) for w in WAYS for b in BACKENDS if w != "torch.save" or b == "torch"],
)
def test_a_stored_state_continues_to_the_same_numbers(name, way, backend):
    optimizer = pickle.loads(pickle.dumps(NEW[name]))
    params = [array(backend, x, "float32") for x in MATRICES]
    params, state = optimizer.step(params, params, optimizer.init(params))
    expected, _ = optimizer.step(params, params, state)
    found, _ = optimizer.step(params, params, WAYS[way](state))
    for a, b, old in zip(found, expected, params, strict=True):
        assert np.array_equal(numpy_of(a), numpy_of(b))
        assert not np.array_equal(numpy_of(a), numpy_of(old))


def test_muon_remembers_one_array_for_a_matrix_and_two_for_a_vector():
    optimizer = lb.optim.muon(like="keras")
    params = {"w": np.ones((3, 2)), "b": np.ones(3)}
    for state in (
        optimizer.init(params),
        optimizer.step(params, params, optimizer.init(params))[1],
    ):
        shapes = {k: v.shape for k, v in state["squares"].items()}
        assert shapes == {"w": (), "b": (3,)}
        assert state["momentum"]["w"].shape == (3, 2)


@each_new
@pytest.mark.parametrize("backend", BACKENDS)
def test_half_precision_is_computed_in_float32_and_stays_half(name, backend):
    w = array(backend, MATRICES[0], "float16")
    optimizer = NEW[name]
    moved, state = optimizer.step(w, w, optimizer.init(w))
    w = array(backend, numpy_of(w), "float32")
    wide = run(optimizer, w, w, 1)
    assert "float16" in str(moved.dtype) and "float32" in str(moved_slot(state).dtype)
    assert np.array_equal(numpy_of(moved), numpy_of(wide).astype(np.float16))


def moved_slot(state):
    return next(value for key, value in state.items() if key != "step")


@pytest.mark.parametrize("name", ["lion", "muon, torch", "muon, optax"])
def test_compiled_steps_are_the_plain_ones(name):
    import tensorflow as tf
    import torch

    torch._dynamo.reset()
    optimizer = NEW[name]
    steps = {
        "torch": torch.compile(optimizer.step, fullgraph=True, backend="aot_eager"),
        "tensorflow": tf.function(optimizer.step, jit_compile=True),
    }
    # Beside a matrix the graphs meet a vector, where the library takes one.
    values = MATRICES[:1] if name == "muon, torch" else [MATRICES[0], [1.0, -0.5]]
    for backend, step in steps.items():
        params = [array(backend, x, "float64") for x in values]
        plain = eight_steps(optimizer.step, optimizer, params)
        for a, b in zip(eight_steps(step, optimizer, params), plain, strict=True):
            assert np.allclose(a, b, rtol=1e-11, atol=1e-12)


def test_the_kernel_of_torch_multiplies_as_the_formula_rounds(monkeypatch):
    import torch

    from lossbook.backends import torch as backend

    optimizer = lb.optim.muon(0.1)
    params = [torch.tensor(x) for x in MATRICES]
    with_kernel = eight_steps(optimizer.step, optimizer, params)
    monkeypatch.setattr(backend, "STEPS", {})
    for a, b in zip(
        with_kernel, eight_steps(optimizer.step, optimizer, params), strict=True
    ):
        assert np.allclose(a, b, rtol=1e-6)


@pytest.mark.parametrize("backend", BACKENDS)
def test_bfloat16_is_rounded_to_even_and_keeps_what_is_no_number(backend):
    from lossbook.backends import backend_of

    values = [1.0, 1 + 2**-8, 1 + 3 * 2**-8, -3.14159, 1e-40, np.inf, -np.inf, np.nan]
    x = array(backend, values, "float32")
    found = numpy_of(backend_of(x).as_bfloat16(x))
    expected = [1.0, 1.0, 1 + 2**-6, -3.140625, 9.18355e-41, np.inf, -np.inf, np.nan]
    assert np.allclose(found, expected, rtol=1e-6, atol=1e-42, equal_nan=True)


@pytest.mark.parametrize("like", MUON)
def test_muon_does_not_care_how_large_gradients_are_or_which_way_they_lie(like):
    optimizer = lb.optim.muon(0.1, weight_decay=0.0, rms=0.2, like=like)
    g = np.array(MATRICES[0], np.float32)
    start = np.zeros_like(g)
    step = run(optimizer, start, g, 1)
    assert np.allclose(
        run(optimizer, start, g * np.float32(2.0**100), 1), step, rtol=1e-6
    )
    assert np.allclose(run(optimizer, start.T, g.T, 1).T, step, rtol=1e-6)
    values = np.linalg.svd(step, compute_uv=False) / (0.1 * 0.2 * 3**0.5)
    assert values.min() > 0.65 and values.max() < 1.25
    assert np.linalg.svd(g, compute_uv=False).max() > 2.5 * values.max()


# --- what is refused --------------------------------------------------------------


CLIP = lb.optim.clip_by_global_norm
REFUSED = {
    'like must be "keras" or "optax" for lion': lambda: lb.optim.lion(like="torch"),
    'like must be "torch" or "keras" or "optax"': lambda: lb.optim.muon(like="jax"),
    "lr must be a positive number": lambda: lb.optim.muon(lr=0),
    "momentum must be a number in": lambda: lb.optim.muon(momentum=1),
    "steps must be a whole number": lambda: lb.optim.muon(steps=0),
    "rms must be a finite number": lambda: lb.optim.muon(rms=-1),
    "beta2 must be a number in": lambda: lb.optim.lion(beta2=1.0),
    "weight_decay must be a finite": lambda: lb.optim.adam(weight_decay=-1),
    "takes matrices, got shape": lambda: run(lb.optim.muon(), np.ones(3), np.ones(3)),
    "grads is empty": lambda: CLIP([], 1.0),
    "in grads is None": lambda: CLIP([None], 1.0),
    "max_norm must be a positive": lambda: CLIP([np.ones(1)], 0),
    'like must be "torch", "keras" or': lambda: CLIP([np.ones(1)], 1, like="jax"),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_is_refused(message):
    with pytest.raises(ValueError, match=message):
        REFUSED[message]()


def test_flags_are_refused_that_are_none():
    for call in (
        lambda: lb.optim.adam(amsgrad=1),
        lambda: lb.optim.muon(nesterov=None),
    ):
        with pytest.raises(TypeError, match="must be"):
            call()
