from __future__ import annotations

import copy
import os
from collections import OrderedDict, namedtuple
from functools import cache

os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import numpy as np
import pytest

import lossbook as lb
from benchmarks.optimizers import (
    CASES,
    Case,
    relative_difference,
    run_keras,
    run_ours,
    run_torch,
)
from lossbook.backends.tree import changed, flatten
from tests.backends import BACKENDS, array, needs_inductor, numpy_of

ALL = ["gradient_descent", "sgd", "adagrad", "rmsprop", "adam", "adamw"]
NESTEROV = {"momentum": 0.9, "nesterov": True}


# --- the same steps as the libraries ----------------------------------------------


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_50_steps_of_torch(case, backend):
    ours, theirs = run_ours(case, "torch", backend), run_torch(case)
    assert relative_difference(ours, theirs) < 1e-12


@cache
def steps_of_keras(number):
    return run_keras(CASES[number])


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_50_steps_of_keras(case, backend):
    ours, theirs = run_ours(case, "keras", backend), steps_of_keras(CASES.index(case))
    assert relative_difference(ours, theirs) < 1e-6


def test_keras_to_the_last_digits():
    """Where float32 holds the settings, Keras's own rounding is out of the way."""
    exact = [
        Case("sgd", {"lr": 0.03, "momentum": 0.875}, 0.002),
        Case("sgd", {"lr": 0.03, "momentum": 0.875, "nesterov": True}, 0.002),
        Case("adagrad", {"lr": 0.3, "initial_accumulator": 0.5, "eps": 2**-10}),
        Case(
            "rmsprop", {"lr": 0.03, "rho": 0.875, "eps": 2**-10, "momentum": 0.75}, 0.01
        ),
        Case("adam", {"beta1": 0.875, "beta2": 1 - 2**-10, "eps": 2**-10}, 0.02),
        Case("adamw", {"beta1": 0.875, "beta2": 1 - 2**-7, "weight_decay": 0.25}, 0.02),
    ]
    for case in exact:
        ours, theirs = run_ours(case, "keras", "numpy"), run_keras(case)
        assert relative_difference(ours, theirs) < 1e-12, case


def test_the_libraries_part_where_their_formulas_do():
    """SGD is the same in both until momentum meets a change of the learning rate."""
    for case in CASES:
        same = case.name == "sgd" and bool(case.settings)
        same &= not (case.change and "momentum" in case.settings)
        a, b = run_ours(case, "torch", "numpy"), run_ours(case, "keras", "numpy")
        assert (relative_difference(a, b) < 1e-12) == same, str(case)


def test_momentum_after_a_change_of_the_learning_rate():
    """By hand: slope 1 twice, rate 0.1 and then 0.01, momentum 0.9."""
    for like, expected in {"torch": -0.1 - 0.019, "keras": -0.1 - 0.09 - 0.01}.items():
        optimizer = lb.optim.sgd(0.1, momentum=0.9, like=like)
        w, slope = np.array(0.0), np.array(1.0)
        w, state = optimizer.step(w, slope, optimizer.init(w))
        w, state = optimizer.step(w, slope, state, lr=0.01)
        assert np.isclose(w, expected, rtol=1e-15)


# --- pure, on any structure -------------------------------------------------------


def make(name, like="torch", **settings):
    return getattr(lb.optim, name)(like=like, **settings)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", ALL)
def test_nothing_is_changed(name, backend):
    optimizer = make(name)
    params = {"w": array(backend, [1.0, 2.0]), "b": array(backend, 3.0)}
    grads = {"w": array(backend, [0.5, -1.0]), "b": array(backend, 0.1)}
    state = optimizer.init(params)
    first, first_state = optimizer.step(params, grads, state)
    optimizer.step(first, grads, first_state)
    again, _ = optimizer.step(params, grads, state)
    assert np.array_equal(numpy_of(params["w"]), [1.0, 2.0])
    assert np.array_equal(numpy_of(grads["w"]), [0.5, -1.0])
    assert float(state["step"]) == 0 and float(first_state["step"]) == 1
    assert np.array_equal(numpy_of(first["w"]), numpy_of(again["w"]))
    assert not np.array_equal(numpy_of(first["w"]), [1.0, 2.0])


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", [*ALL, "momentum"])
def test_every_structure_gives_the_same(name, backend):
    settings = NESTEROV if name == "momentum" else {}
    optimizer = make("sgd" if name == "momentum" else name, **settings)
    w, g = array(backend, [1.0, -2.0, 3.0]), array(backend, [0.3, 0.2, -0.1])
    trees = {
        "list": (lambda x: [x], lambda tree: tree[0]),
        "tuple": (lambda x: (x,), lambda tree: tree[0]),
        "dict": (lambda x: {"w": x}, lambda tree: tree["w"]),
        "nested": (lambda x: {"a": [(x,)]}, lambda tree: tree["a"][0][0]),
    }
    alone = run(optimizer, w, g)
    for put, take in trees.values():
        moved = run(optimizer, put(w), put(g))
        assert type(moved) is type(put(w))
        assert type(take(moved)) is type(alone)
        assert np.array_equal(numpy_of(take(moved)), numpy_of(alone))


def run(optimizer, params, grads, steps=3):
    state = optimizer.init(params)
    for _ in range(steps):
        params, state = optimizer.step(params, grads, state)
    return params


Line = namedtuple("Line", "w b")
LINES = {
    "dict": {"w": np.array(0.0), "b": np.array(0.0)},
    "dict of dicts": {"one": {"w": np.array(0.0), "b": np.array(0.0)}},
    "named tuple": Line(np.array(0.0), np.array(0.0)),
    "list": [np.array(0.0), np.array(0.0)],
    "dict of numbers": {"w": 0.0, "b": 0.0},
    "named tuple of numbers": Line(0.0, 0.0),
    "ordered": OrderedDict(w=np.array(0.0), b=np.array(0.0)),
}


OPTIMIZERS_OF_NUMBERS = {
    name: getattr(lb.optim, name)(lr=0.1) for name in ("sgd", "adam", "lion")
}


@pytest.mark.parametrize("kind", LINES)
@pytest.mark.parametrize("name", ["sgd", "adam", "lion"])
def test_parameters_that_are_single_numbers_stay_what_they_are(name, kind):
    params, optimizer = LINES[kind], OPTIMIZERS_OF_NUMBERS[name]
    state = optimizer.init(params)
    for _ in range(3):
        params, state = optimizer.step(params, params, state, lr=0.0)
        grads = changed(params, lambda p: p + 1.0)
        params, state = optimizer.step(params, grads, state)
    assert type(params) is type(LINES[kind])
    leaves, _ = flatten(params)
    assert [x.shape for x in leaves] == [(), ()]
    assert leaves[0] == leaves[1] < 0


def test_a_decay_is_asked_of_each_number_in_every_step():
    optimizer = lb.optim.adamw(1.0, weight_decay=0.5, decay=lambda p: p.ndim > 0)
    params = [np.array(1.0), np.array(1.0)]
    state = optimizer.init(params)
    for _ in range(3):
        params, state = optimizer.step(params, [np.array(0.0)] * 2, state)
    assert params == [1.0, 1.0]


def test_layers_without_parameters_are_kept_as_they_are():
    w = np.ones(2)
    params = {"dense": w, "relu": {}, "more": [(w,), ()]}
    optimizer = lb.optim.adam(0.1)
    moved, state = optimizer.step(params, params, optimizer.init(params))
    assert moved["relu"] == {} and moved["more"][1] == ()
    assert np.allclose(moved["more"][0][0], 0.9)
    assert state["m"]["relu"] == {}
    clipped, norm = lb.optim.clip_by_global_norm(params, 1.0)
    assert clipped["relu"] == {} and norm == 2
    assert lb.l2(params) == 4


@pytest.mark.parametrize("backend", BACKENDS)
def test_adam_that_remembers_nothing_forgets_a_large_gradient(backend):
    optimizer = lb.optim.adam(0.1, beta1=0.0, beta2=0.0)
    w = array(backend, [0.0], "float32")
    state = optimizer.init(w)
    for grad in (1.0, 1e-5):
        w, state = optimizer.step(w, array(backend, [grad], "float32"), state)
    assert numpy_of(w)[0] == pytest.approx(-0.2, rel=1e-3)


@pytest.mark.parametrize("backend", BACKENDS)
def test_one_rate_for_each_element_is_refused(backend):
    w, rates = array(backend, [0.0, 0.0]), array(backend, [0.1, 0.5])
    optimizer = lb.optim.sgd()
    with pytest.raises(ValueError, match=r"one number, got shape \(2,\)"):
        optimizer.step(w, w, optimizer.init(w), lr=rates)
    with pytest.raises(ValueError, match="one number"):
        lb.optim.sgd(lambda t: rates).step(w, w, optimizer.init(w))


def test_dicts_are_matched_by_key():
    optimizer = lb.optim.gradient_descent(1.0)
    params = {"a": np.array([0.0]), "b": np.array([0.0])}
    grads = {"b": np.array([2.0]), "a": np.array([1.0])}
    moved, _ = optimizer.step(params, grads, optimizer.init(params))
    assert list(moved) == ["a", "b"]
    assert moved["a"] == -1 and moved["b"] == -2


def test_numbers_and_lists_are_arrays():
    optimizer = lb.optim.gradient_descent(0.5)
    assert run(optimizer, 1.0, 1.0, 1) == 0.5
    assert run(optimizer, [3, 4], [1, 1], 1).tolist() == [2.5, 3.5]


def test_no_gradient_flows_through_a_step():
    import torch

    w = torch.nn.Parameter(torch.ones(3))
    moved = run(lb.optim.adam(), w, torch.ones(3))
    assert not moved.requires_grad and w.grad is None


def test_variables_give_tensors():
    import tensorflow as tf

    w = tf.Variable([1.0, 2.0])
    moved = run(lb.optim.sgd(0.5, momentum=0.5), w, tf.constant([1.0, 1.0]), 1)
    assert np.allclose(moved, [0.5, 1.5]) and np.allclose(w, [1.0, 2.0])


# --- models, iterators, states that were stored -------------------------------------


def test_the_parameters_of_a_torch_model_are_read_one_by_one():
    import torch

    model = torch.nn.Linear(2, 1)
    for p in model.parameters():
        p.grad = torch.ones_like(p)
    optimizer = lb.optim.adam(0.1)
    state = optimizer.init(model.parameters())
    grads = (p.grad for p in model.parameters())
    moved, state = optimizer.step(model.parameters(), grads, state)
    for new, p in zip(moved, model.parameters(), strict=True):
        assert torch.allclose(new, p.detach() - 0.1)
    again, _ = optimizer.step(moved, [torch.ones_like(p) for p in moved], state)
    assert torch.allclose(again[0], moved[0] - 0.1)


def test_the_variables_of_a_keras_model_give_tensors():
    import keras
    import tensorflow as tf

    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    optimizer = lb.optim.sgd(0.5, momentum=0.9)
    variables = model.trainable_variables
    state = optimizer.init(variables)
    grads = [tf.ones_like(v.value) for v in variables]
    moved, state = optimizer.step(variables, grads, state)
    for new, variable in zip(moved, variables, strict=True):
        np.testing.assert_allclose(new, variable.numpy() - 0.5)
        variable.assign(new)


def test_a_range_test_takes_the_parameters_of_a_model_in_inference_mode_too():
    import torch

    model = torch.nn.Linear(1, 1, bias=False)
    slope = lb.value_and_grad(lambda params: lb.l2(params))

    def losses():
        params = model.parameters()
        return lb.optim.lr_range_test(lb.optim.sgd(), slope, params, steps=50)[1]

    with torch.inference_mode():
        inside = losses()
    np.testing.assert_array_equal(inside, losses())
    assert inside.min() < 0.01 * inside[0]


def test_a_sparse_gradient_moves_the_rows_that_it_names():
    import tensorflow as tf

    table = tf.Variable([[1.0], [2.0], [3.0]])
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.gather(table, [0, 0, 1]))
    grad = tape.gradient(loss, table)
    assert isinstance(grad, tf.IndexedSlices)
    moved = run(lb.optim.sgd(0.5), table, grad, 1)
    assert moved.numpy().ravel().tolist() == [0.0, 1.5, 3.0]


def as_lists(state):
    import json

    return json.loads(json.dumps(state, default=lambda x: np.asarray(x).tolist()))


def as_pickled(state):
    import pickle

    return pickle.loads(pickle.dumps(state))


def as_numpy(state):
    """Store each slot as one array: numpy.savez stacks arrays of one shape."""
    import io

    file = io.BytesIO()
    slots = {k: np.asarray([numpy_of(x) for x in v]) for k, v in state.items()
             if k != "step"}  # fmt: skip
    np.savez(file, step=numpy_of(state["step"]), **slots)
    file.seek(0)
    return np.load(file)


def as_saved_by_torch(state):
    import io

    import torch

    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


def with_an_int(state):
    return {**state, "step": int(state["step"])}


WAYS = {
    "JSON": as_lists,
    "pickle": as_pickled,
    "a copy": copy.deepcopy,
    "npz": as_numpy,
    "torch.save": as_saved_by_torch,
    "an int": with_an_int,
}


@pytest.mark.parametrize(
    ("way", "backend"),
    [(w, b) for w in WAYS for b in BACKENDS if w != "torch.save" or b == "torch"],
)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_a_stored_state_continues_to_the_same_numbers(way, backend, dtype):
    optimizer = lb.optim.adam(lb.optim.cosine(0.1, 20))
    params = [array(backend, x, dtype) for x in ([1.0, 0.3], [0.7, -2.0])]
    state = optimizer.init(params)
    for _ in range(3):
        params, state = optimizer.step(params, params, state)
    expected, kept = optimizer.step(params, params, state)
    found, back = optimizer.step(params, params, WAYS[way](state))
    assert float(back["step"]) == float(kept["step"]) == 4
    for ours, theirs in ((found, expected), (back["m"], kept["m"])):
        for a, b in zip(ours, theirs, strict=True):
            assert np.array_equal(numpy_of(a), numpy_of(b))


def as_objects(state):
    import io

    file = io.BytesIO()
    np.savez(file, **state)
    file.seek(0)
    return np.load(file, allow_pickle=True)


@pytest.mark.parametrize("store", [as_lists, as_objects])
def test_a_stored_state_keeps_the_structure_of_its_parameters(store):
    optimizer = lb.optim.adam(0.1)
    params = {0: np.array([1.0, 0.3]), "rest": (np.array([[2.0]]), {1: np.ones(3)})}
    _, state = optimizer.step(params, params, optimizer.init(params))
    expected, _ = optimizer.step(params, params, state)
    found, _ = optimizer.step(params, params, store(state))
    assert list(found) == [0, "rest"]
    for ours, theirs in zip(leaves_of(found), leaves_of(expected), strict=True):
        assert np.array_equal(ours, theirs)


def leaves_of(tree):
    return [tree[0], tree["rest"][0], tree["rest"][1][1]]


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("schedule", ["constant", "step", "cosine", "one_cycle"])
def test_an_optimizer_with_a_schedule_is_pickled_and_copied(schedule, name):
    settings = (
        {}
        if schedule == "constant"
        else {"step": {"size": 3}}.get(schedule, {"steps": 20})
    )
    optimizer = make(name, lr=getattr(lb.optim, schedule)(0.1, **settings))
    w, g = np.array([1.0, -2.0]), np.array([0.3, 0.2])
    expected = run(optimizer, w, g, 5)
    for again in (as_pickled(optimizer), copy.deepcopy(optimizer)):
        assert np.array_equal(run(again, w, g, 5), expected)


# --- dtypes -----------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_dtypes_stay(name, backend, dtype):
    w = array(backend, [1.0, 2.0], dtype)
    g = array(backend, [1e-4, 2.0], dtype)
    optimizer = make(name)
    state = optimizer.init(w)
    for _ in range(3):
        w, state = optimizer.step(w, g, state, lr=np.float64(0.1))
    assert dtype in str(w.dtype)
    wide = "float32" if dtype == "float16" else dtype
    for slot in optimizer.slots:
        assert wide in str(state[slot].dtype)


@pytest.mark.parametrize("backend", ["torch", "tensorflow"])
@pytest.mark.parametrize("half", ["float16", "bfloat16"])
def test_half_precision_keeps_small_squares(backend, half):
    """1e-5 squared is 0 in float16: a state of that dtype would divide by eps."""
    cast = half_of(backend, half)
    w, g = cast([1.0]), cast([1e-5])
    moved = run(lb.optim.adam(0.1), w, g, 1)
    assert half in str(moved.dtype)
    assert np.isclose(numpy32(moved)[0], 0.9, atol=4e-3)


def half_of(backend, half):
    if backend == "torch":
        import torch

        return lambda values: torch.tensor(values, dtype=getattr(torch, half))
    import tensorflow as tf

    return lambda values: tf.constant(values, getattr(tf, half))


def numpy32(x):
    return np.asarray(x.float() if hasattr(x, "float") else x, dtype=np.float32)


# --- graphs -----------------------------------------------------------------------

GRAPH_CASES = {
    "sgd": make("sgd", lr=0.01),
    "nesterov": make("sgd", lr=0.01, **NESTEROV),
    "momentum, keras": make("sgd", "keras", lr=0.01, momentum=0.9),
    "adagrad": make("adagrad", lr=0.1),
    "rmsprop": make("rmsprop", lr=0.01, momentum=0.5),
    "adam": make("adam", lr=0.01),
    "adam, keras": make("adam", "keras", lr=0.01),
    "adam, beta1 0": make("adam", lr=0.01, beta1=0.0),
    "adamw": make("adamw", lr=0.01, weight_decay=0.1),
    "cosine": make("adam", lr=lb.optim.cosine(0.01, 5)),
    "one cycle": make("sgd", lr=lb.optim.one_cycle(0.01, 8)),
    "step": make("sgd", lr=lb.optim.step(0.01, 2, 0.5)),
    "constant": make("sgd", lr=lb.optim.constant(0.01)),
}


def eight_steps(step, optimizer, params):
    state = optimizer.init(params)
    for _ in range(8):
        params, state = step(params, [3 * p for p in params], state)
    return [numpy_of(p) for p in params]


@pytest.mark.parametrize("jit", [None, True], ids=["graph", "xla"])
@pytest.mark.parametrize("name", GRAPH_CASES)
def test_tf_function(name, jit):
    import tensorflow as tf

    optimizer = GRAPH_CASES[name]
    traces = []

    @tf.function(jit_compile=jit)
    def step(params, grads, state):
        traces.append(1)
        return optimizer.step(params, grads, state)

    for dtype in (np.float32, np.float64):
        params = [tf.constant([1.0, 2.0], dtype), tf.constant(3.0, dtype)]
        traces.clear()
        compiled = eight_steps(step, optimizer, params)
        assert len(traces) == 1  # the count of the steps must not be a constant
        plain = eight_steps(optimizer.step, optimizer, params)
        for a, b in zip(compiled, plain, strict=True):
            assert np.allclose(a, b, rtol=4e-6 if dtype == np.float32 else 1e-12)


@pytest.mark.parametrize("name", GRAPH_CASES)
def test_torch_compile(name):
    import torch

    optimizer = GRAPH_CASES[name]
    torch._dynamo.reset()
    step = torch.compile(optimizer.step, fullgraph=True, backend="aot_eager")
    params = [torch.tensor([1.0, 2.0]).double(), torch.tensor(3.0).double()]
    compiled = eight_steps(step, optimizer, params)
    plain = eight_steps(optimizer.step, optimizer, params)
    for a, b in zip(compiled, plain, strict=True):
        assert np.allclose(a, b, rtol=1e-12)


@needs_inductor
def test_torch_compile_with_inductor_compiles_nothing_after_the_first_step():
    import torch
    import torch._dynamo.testing

    torch._dynamo.reset()
    optimizer = lb.optim.adamw(0.01)
    traced = torch._dynamo.testing.CompileCounterWithBackend("inductor")
    step = torch.compile(optimizer.step, fullgraph=True, backend=traced)
    params = [torch.tensor([1.0, 2.0]), torch.tensor(3.0)]
    # With a cold cache inductor traces the first step twice; later ones must be free.
    step(params, [3 * p for p in params], optimizer.init(params))
    after_one = traced.frame_count
    compiled = eight_steps(step, optimizer, params)
    assert traced.frame_count == after_one
    for a, b in zip(
        compiled, eight_steps(optimizer.step, optimizer, params), strict=True
    ):
        assert np.allclose(a, b, rtol=1e-6)


@pytest.mark.gpu
def test_stays_on_the_gpu():
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    for optimizer in GRAPH_CASES.values():
        params = [
            torch.tensor([1.0, 2.0]).double().cuda(),
            torch.tensor(3.0).double().cuda(),
        ]
        on_gpu = eight_steps(optimizer.step, optimizer, params)
        on_cpu = eight_steps(optimizer.step, optimizer, [p.cpu() for p in params])
        moved, state = optimizer.step(params, params, optimizer.init(params))
        assert moved[0].is_cuda and all(state[s][0].is_cuda for s in optimizer.slots)
        for a, b in zip(on_gpu, on_cpu, strict=True):
            assert np.allclose(a, b, rtol=1e-12)


@pytest.mark.parametrize("like", ["torch", "keras"])
def test_the_kernel_of_torch_is_the_formula(like, monkeypatch):
    import torch

    from lossbook.backends import torch as backend

    optimizer = lb.optim.adam(0.05, 0.8, 0.95, 1e-3, like=like)
    params = [torch.tensor([1.0, 2.0]).double()]
    with_kernel = eight_steps(optimizer.step, optimizer, params)
    monkeypatch.setattr(backend, "KERNELS", {})
    formula = eight_steps(optimizer.step, optimizer, params)
    assert np.allclose(with_kernel, formula, rtol=1e-13)


# --- what is refused --------------------------------------------------------------


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("lr", [0, -0.1, float("nan"), float("inf"), "fast", True])
def test_bad_learning_rates(name, lr):
    with pytest.raises(ValueError, match="lr must be a positive number"):
        make(name, lr=lr)


@pytest.mark.parametrize(
    ("name", "argument"),
    [("adam", "beta1"), ("adam", "beta2"), ("adamw", "beta1"), ("adamw", "beta2"),
     ("rmsprop", "rho"), ("rmsprop", "momentum"), ("sgd", "momentum")],
)  # fmt: skip
@pytest.mark.parametrize("value", [1, 1.5, -0.1, float("nan"), "0.9"])
def test_bad_shares(name, argument, value):
    with pytest.raises(ValueError, match=argument):
        make(name, **{argument: value})


@pytest.mark.parametrize(
    ("name", "argument"),
    [("adam", "eps"), ("rmsprop", "eps"), ("adagrad", "eps"), ("adamw", "weight_decay"),
     ("adagrad", "initial_accumulator")],
)  # fmt: skip
@pytest.mark.parametrize("value", [-1e-9, float("nan"), float("inf"), "small"])
def test_bad_amounts(name, argument, value):
    with pytest.raises(ValueError, match=f"{argument} must be"):
        make(name, **{argument: value})


def test_other_bad_arguments():
    with pytest.raises(ValueError, match='"torch" or "keras"'):
        lb.optim.adam(like="jax")
    with pytest.raises(ValueError, match="needs a momentum"):
        lb.optim.sgd(nesterov=True)
    with pytest.raises(TypeError, match="nesterov"):
        lb.optim.sgd(momentum=0.9, nesterov=1)


W = {"w": np.ones(3), "b": np.ones(1)}


@pytest.mark.parametrize(
    ("grads", "message"),
    [
        ({"w": np.ones(3)}, "structure of params"),
        ({"w": np.ones(3), "b": np.ones(1), "c": np.ones(1)}, "structure of params"),
        ([np.ones(3), np.ones(1)], "structure of params"),
        (np.ones(3), "structure of params"),
        ({"w": np.ones((3, 1)), "b": np.ones(1)}, r"grads\['w'\].*\(3,\).*\(3, 1\)"),
        ({"w": np.ones(3), "b": np.ones(())}, r"grads\['b'\] must have the shape"),
        ({"w": None, "b": np.ones(1)}, r"grads\['w'\] is None"),
    ],
)
def test_gradients_that_do_not_match(grads, message):
    optimizer = lb.optim.adam()
    with pytest.raises(ValueError, match=message):
        optimizer.step(W, grads, optimizer.init(W))


def test_a_list_of_another_length_or_no_parameters():
    optimizer = lb.optim.adam()
    two, three = [np.ones(2)] * 2, [np.ones(2)] * 3
    for params, grads in ((two, three), (three, two)):
        with pytest.raises(ValueError, match="structure"):
            optimizer.step(params, grads, optimizer.init(params))
    for nothing in ([], {}, ()):
        with pytest.raises(ValueError, match="no parameters"):
            optimizer.init(nothing)


def test_the_state_of_another_optimizer():
    with pytest.raises(ValueError, match="no 'm'"):
        lb.optim.adam().step(W, W, lb.optim.sgd().init(W))
    other = lb.optim.adam().init({"w": np.ones(2), "b": np.ones(1)})
    with pytest.raises(ValueError, match=r"state\['m'\]\['w'\] must have the shape"):
        lb.optim.adam().step(W, W, other)


@pytest.mark.parametrize("rate", [-0.1, float("nan"), float("inf")])
def test_a_schedule_that_goes_wrong(rate):
    for optimizer, lr in (
        (lb.optim.sgd(lambda done: rate), None),
        (lb.optim.sgd(), rate),
    ):
        with pytest.raises(ValueError, match="learning rate of a step"):
            optimizer.step(W, W, optimizer.init(W), lr=lr)


def test_frameworks_do_not_mix():
    import tensorflow as tf
    import torch

    optimizer = lb.optim.sgd()
    with pytest.raises(TypeError, match="cannot be mixed"):
        optimizer.step(torch.ones(2), tf.ones(2), optimizer.init(torch.ones(2)))


def test_nan_gradients_are_seen():
    assert np.isnan(run(lb.optim.adam(), np.ones(2), np.array([np.nan, 1.0]), 1)[0])


# --- schedules --------------------------------------------------------------------


def torch_rates(make_scheduler, lr, steps):
    import torch

    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=lr)
    scheduler = make_scheduler(torch.optim.lr_scheduler, optimizer)
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


def test_schedules_of_torch():
    pairs = [
        (lb.optim.step(0.3, 7, 0.5), lambda s, o: s.StepLR(o, 7, 0.5), 30),
        (lb.optim.step(0.3, 7), lambda s, o: s.StepLR(o, 7), 30),
        (lb.optim.cosine(0.3, 30), lambda s, o: s.CosineAnnealingLR(o, 30), 31),
        (
            lb.optim.cosine(0.3, 30, 0.01),
            lambda s, o: s.CosineAnnealingLR(o, 30, eta_min=0.01),
            31,
        ),
        (lb.optim.one_cycle(0.3, 50), lambda s, o: s.OneCycleLR(o, 0.3, 50), 50),
        (
            lb.optim.one_cycle(0.3, 50, warmup=0.5, start=0.1, final=0.001),
            lambda s, o: s.OneCycleLR(
                o, 0.3, 50, pct_start=0.5, div_factor=10, final_div_factor=100
            ),
            50,
        ),
    ]
    for ours, theirs, steps in pairs:
        expected = torch_rates(theirs, 0.3, steps)
        rates = [ours(t) for t in range(steps)]
        assert all(type(rate) is float for rate in rates)
        assert np.allclose(rates, expected, rtol=1e-12, atol=1e-15)
        assert np.allclose(ours(np.arange(steps)), expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize(
    "schedule",
    [
        lb.optim.constant(0.5), lb.optim.step(0.8, 10, 0.5), lb.optim.cosine(1.0, 100),
        lb.optim.one_cycle(1.0, 100),
    ],
)  # fmt: skip
def test_tensorflow_counts_steps_in_integers_too(schedule, inside):
    import tensorflow as tf

    made = tf.function(schedule) if inside else schedule
    assert float(made(tf.constant(15))) == pytest.approx(schedule(15), rel=1e-6)


def test_schedules_end():
    assert lb.optim.cosine(1.0, 10, 0.1)(1000) == pytest.approx(0.1)
    assert lb.optim.one_cycle(1.0, 10)(1000) == pytest.approx(4e-6)
    assert lb.optim.constant(0.1)(1000) == 0.1


def test_a_schedule_counts_the_steps_taken():
    seen = []
    optimizer = lb.optim.sgd(lambda done: seen.append(done) or 0.1)
    run(optimizer, np.ones(2), np.ones(2))
    assert seen == [0, 1, 2]


@pytest.mark.parametrize(
    "bad",
    [
        lambda: lb.optim.constant(0.0),
        lambda: lb.optim.step(0.1, 0),
        lambda: lb.optim.step(0.1, 2.5),
        lambda: lb.optim.step(0.1, 2, 0.0),
        lambda: lb.optim.step(0.1, 2, 1.5),
        lambda: lb.optim.cosine(float("nan"), 10),
        lambda: lb.optim.cosine(0.1, 10, 0.2),
        lambda: lb.optim.one_cycle(0.1, 2),
        lambda: lb.optim.one_cycle(0.1, 100, warmup=1.0),
        lambda: lb.optim.one_cycle(0.1, 100, start=0),
    ],
)
def test_bad_schedules(bad):
    with pytest.raises(ValueError, match=r"got|leaves no step"):
        bad()


# --- range test -------------------------------------------------------------------


def parabola(curvature):
    return lb.value_and_grad(lambda x: lb.mse(np.zeros(1), x * curvature**0.5))


@pytest.mark.parametrize("curvature", [0.1, 1.0, 10.0])
def test_range_test_finds_where_descent_diverges(curvature):
    start = np.array([1.0])
    rates, losses = lb.optim.lr_range_test(
        lb.optim.sgd(), parabola(curvature), start, highest=1e3, steps=200
    )
    assert len(rates) == len(losses) and rates[0] == 1e-6
    assert 1 / curvature < rates[-1] < 20 / curvature
    assert losses.min() < 1e-3 * losses[0] and start == 1


def test_range_test_goes_on_below_zero_until_a_loss_rises():
    def steady(params):
        return -1.0, np.zeros(1)

    def rising(params, losses=iter([-2.0, -3.0, 5.9, 6.1, 7.0])):  # noqa: B008
        return next(losses), np.zeros(1)

    optimizer, start = lb.optim.sgd(), np.zeros(1)
    assert len(lb.optim.lr_range_test(optimizer, steady, start, steps=50)[0]) == 50
    assert len(lb.optim.lr_range_test(optimizer, rising, start, steps=50)[0]) == 4


def test_range_test_stops_at_nan_and_at_the_end():
    rates, losses = lb.optim.lr_range_test(
        lb.optim.sgd(), lambda p: (np.nan, p), np.ones(1), steps=5
    )
    assert len(rates) == 1 and np.isnan(losses[0])
    rates, _ = lb.optim.lr_range_test(
        lb.optim.adam(), parabola(1.0), np.ones(1), highest=1e-3, steps=5
    )
    assert len(rates) == 5 and rates[-1] == pytest.approx(1e-3)


@pytest.mark.parametrize(
    "bad", [{"lowest": 0}, {"lowest": 1, "highest": 0.1}, {"steps": 1}, {"stop": -1}]
)
def test_bad_range_tests(bad):
    with pytest.raises(ValueError, match=r"got|smaller"):
        lb.optim.lr_range_test(lb.optim.sgd(), parabola(1.0), np.ones(1), **bad)


# --- imports ----------------------------------------------------------------------


def test_imports_numpy_alone():
    import subprocess
    import sys

    code = (
        "import sys, lossbook as lb; lb.optim.adam(); "
        "assert not {'torch', 'tensorflow', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
