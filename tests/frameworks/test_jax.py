"""What JAX has for itself: devices, 32 bits, compilation that keeps few programs."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import lossbook as lb
from lossbook.losses.regression import _HUBER

from ..backends import array, numpy_of
from ..backends import jax as imported
from ..calls import LOSSES, Call, rounded
from ..cases import one_a_loss

jax = imported()

from lossbook.backends.jax import custom_grad  # noqa: E402

TOLERANCE = 1e-12


@pytest.fixture(scope="module")
def two_devices():
    result = subprocess.run(
        [sys.executable, "-m", "tests.frameworks.jax_devices"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout.splitlines()[-1])


@pytest.mark.parametrize("experiment", ["means", "arrays"])
def test_what_lies_on_two_devices_is_as_on_one(experiment, two_devices):
    found = two_devices[experiment]
    assert len(found) == {"means": 5, "arrays": 3}[experiment]
    assert {name: off for name, off in found.items() if not off < TOLERANCE} == {}


@pytest.fixture
def without_x64():
    with jax.enable_x64(False):
        yield


def test_integers_keep_their_digits_where_jax_has_32_bits(without_x64):
    large = jax.numpy.array([2_000_000_000])
    assert lb.mae(large, -large) == 4e9
    assert lb.mae(jax.numpy.array([16777217]), jax.numpy.array([16777216])) == 1
    assert lb.mae(np.array([2**40 + 1]), jax.numpy.array([0])) == np.float32(2**40)


@pytest.mark.parametrize("wrap", [lambda step: step, jax.jit])
def test_steps_are_counted_beyond_those_that_float32_can_tell_apart(wrap, without_x64):
    optimizer = lb.optim.adam(lb.optim.cosine(0.1, 2**24 + 2))
    w = jax.numpy.ones(2)
    state = {**optimizer.init(w), "step": 2**24}
    step = wrap(optimizer.step)
    rates = []
    for _ in range(3):
        moved, state = step(w, w, state)
        rates.append(float(abs(moved - w).max()))
    assert int(state["step"]) == 2**24 + 3
    assert rates[-1] == 0


def test_a_label_beyond_32_bits_is_not_taken_for_one_within(without_x64):
    logits = jax.numpy.zeros((1, 3))
    with pytest.raises(ValueError, match="3 classes, got labels from 2147483647"):
        lb.sparse_cross_entropy(np.array([2**32 + 1]), logits, from_logits=True)


def test_a_wrong_value_is_refused_under_grad_and_is_nan_under_jit_and_vmap():
    def loss(p):
        return lb.binary_cross_entropy(jax.numpy.array([1.0, 0.0]), p)

    wrong = jax.numpy.array([0.5, 1.5])
    with pytest.raises(ValueError, match="y_pred must lie in"):
        jax.grad(loss)(wrong)
    both = [jax.jit(jax.value_and_grad(loss))(wrong)]
    both.append([x[0] for x in jax.vmap(jax.value_and_grad(loss))(wrong[None])])
    for value, gradient in both:
        assert np.isnan(value)
        assert np.isnan(gradient).tolist() == [False, True]
    with pytest.raises(ValueError, match="same shape"):
        jax.jit(lambda p: lb.mse(jax.numpy.zeros((2, 1)), p))(wrong)


def test_what_weighs_nothing_has_no_gradient_although_its_derivative_is_infinite():
    y, p, w = map(jax.numpy.array, ([1.0, 1.0], [0.0, 0.5], [0.0, 1.0]))

    def loss(p):
        return lb.binary_cross_entropy(y, p, sample_weight=w)

    @jax.jit
    def derivatives(p):
        rows = jax.vmap(jax.grad(loss))(jax.numpy.stack([p, p]))
        return jax.grad(loss)(p), jax.jacfwd(loss)(p), *rows, jax.hessian(loss)(p)

    *first, second = derivatives(p)
    assert [x.tolist() for x in (*first, jax.grad(loss)(p))] == [[0.0, -2.0]] * 5
    assert second.tolist() == [[0.0, 0.0], [0.0, 4.0]]


def test_every_loss_is_traced_where_jax_may_add_no_axes():
    refused = {}
    with jax.numpy_rank_promotion("raise"):
        for loss in LOSSES:
            made = Call(loss, [array("jax", x) for x in rounded(loss, np.float64)])
            try:
                jax.eval_shape(jax.grad(lambda p, made=made: made(p).sum()), made.pred)
            except ValueError as error:
                refused[loss.name] = str(error)
    assert refused == {}


def test_a_parameter_that_changes_with_the_steps_gets_few_programs():
    y, p = jax.numpy.zeros(3), jax.numpy.array([0.5, 1.0, 3.0])
    deltas = [0.1 * k for k in range(1, 12)]
    values = [lb.huber(y, p, delta=delta) for delta in deltas]
    wanted = [lb.huber(np.zeros(3), np.asarray(p), delta=delta) for delta in deltas]
    np.testing.assert_allclose(values, wanted, rtol=1e-15)
    programs = custom_grad._programs((_HUBER.formula, "mean", False, ("delta",)))
    assert len(programs.by_values) <= custom_grad.PATIENCE + 1


def test_chunks_of_a_layer_give_what_numpy_gives_and_second_derivatives():
    rng = np.random.default_rng(0)
    h, w, labels = rng.normal(size=(7, 3)), rng.normal(size=(5, 3)), np.arange(7) % 5

    def loss(h):
        return lb.linear_cross_entropy(h, w, labels, chunk_size=3)

    def plain(h):
        return lb.sparse_cross_entropy(labels, h @ w.T, from_logits=True)

    traced = jax.numpy.array(h)
    np.testing.assert_allclose(loss(traced), loss(h), rtol=1e-14)
    transforms = jax.grad, jax.jacfwd, jax.hessian
    pairs = jax.jit(lambda h: [(t(loss)(h), t(plain)(h)) for t in transforms])(traced)
    for found, wanted in pairs:
        np.testing.assert_allclose(found, wanted, atol=1e-15)


@pytest.mark.parametrize("case", one_a_loss(), ids=lambda case: case.label)
def test_many_losses_have_the_mean_and_the_gradient_that_few_have(case, monkeypatch):
    truth, pred, *rest = case.inputs("jax")

    def found():
        custom_grad._programs.cache_clear()
        return jax.jit(jax.value_and_grad(lambda p: case(truth, p, *rest)))(pred)

    as_few = found()
    monkeypatch.setattr(custom_grad, "_MANY", 1)
    for a, b in zip(as_few, found(), strict=True):
        np.testing.assert_allclose(numpy_of(a), numpy_of(b), rtol=1e-12, atol=1e-15)
    custom_grad._programs.cache_clear()


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("mse", {}),
        ("huber", {}),
        ("log_cosh", {}),
        ("logistic", {}),
        ("poisson_nll", {"log_input": True}),
        ("binary_cross_entropy", {"from_logits": True}),
    ],
)
def test_many_losses_are_added_up_beside_two_arrays_and_the_gradient(name, options):
    pred = jax.ShapeDtypeStruct((2**18,), np.float32)

    def mean(pred, truth):
        return getattr(lb, name)(truth, pred, **options)

    program = jax.jit(jax.value_and_grad(mean)).lower(pred, pred).compile()
    held = program.memory_analysis().temp_size_in_bytes
    assert held < 2.1 * 4 * 2**18, "XLA splits the loop over the losses"
