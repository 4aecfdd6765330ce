"""Value and slope of every elementwise loss against mpmath, on every backend.

With LOSSBOOK_TABLES set to a folder, the largest error of each is written there.
"""

import os
from pathlib import Path

import mpmath as mp
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import lossbook as lb

from .. import oracle
from ..backends import BACKENDS, array, jax, numpy_of

DTYPES = (np.float32, np.float64)
TINY, HUGE = 1e-30, 1e30
QUICK = [backend for backend in BACKENDS if backend != "jax"]  # lengths differ
KNOWN = {}  # what mpmath has computed
EXTREMES = {
    oracle.REAL: [0.0, 1.0, -1.0, 0.25, 20.5, -20.0, 88.0, -88.0, 1e4, -1e4, TINY,
                  -TINY, HUGE, -HUGE, 1e-4, 1e3, -1e3, 36.5, -16.6, 2.0],
    oracle.POSITIVE: [1.0, TINY, HUGE, 2.0, 1e-4, 1e4],
    oracle.UNIT: [0.0, 1.0, 0.5, TINY, 1e-7, 1 - 2.0**-23, 0.25, 0.9375],
    oracle.COUNT: [0.0, 1.0, 3.0, 1000.0],
    oracle.BIT: [0.0, 1.0],
    oracle.SIGN: [-1.0, 1.0],
}  # fmt: skip


def random_values(domain, rng, n):
    if domain == oracle.REAL:
        return rng.normal(size=n) * 10.0 ** rng.uniform(-4, 3, n)
    if domain == oracle.POSITIVE:
        return 10.0 ** rng.uniform(-4, 4, n)
    if domain == oracle.UNIT:
        return rng.uniform(size=n)
    return rng.choice(EXTREMES[domain], n)


def points(definition, dtype):
    """All pairs of extremes, and random pairs."""
    rng = np.random.default_rng(1)
    y, p = np.meshgrid(EXTREMES[definition.y], EXTREMES[definition.p])
    y = np.concatenate([y.ravel(), random_values(definition.y, rng, 300)])
    p = np.concatenate([p.ravel(), random_values(definition.p, rng, 300)])
    return y.astype(dtype), p.astype(dtype)


def evaluate(definition, backend, y, p):
    """Return the losses and their slopes as lossbook computes them."""
    loss, options = getattr(lb, definition.loss), definition.options

    def both(y, p):
        losses = loss(y, p, reduction="none", **options)
        return losses, lb.value_and_grad(loss)(y, p, reduction="sum", **options)[1]

    if backend == "jax":  # one program, where eagerly there would be many
        both = jax().jit(both)
    return map(numpy_of, both(array(backend, y), array(backend, p)))


def worst(definition, backend, dtype, y, p):
    """Return for value and slope the error that comes closest to its bound.

    Each as (error in ulp, error as a share of the bound, the point).
    """
    losses, slopes = evaluate(definition, backend, y, p)
    found = [(0.0, 0.0, None), (0.0, 0.0, None)]
    for yi, pi, loss, slope, (bound, *both) in zip(
        y, p, losses, slopes, exactly(definition, y, p), strict=True
    ):
        for k, (got, (exact, size)) in enumerate(zip((loss, slope), both, strict=True)):
            error = oracle.ulps(got, exact, size, dtype)
            if error / bound > found[k][1]:
                where = (float(yi), float(pi), float(got), float(exact))
                found[k] = (error, error / bound, where)
    return found


def exactly(definition, y, p):
    """Return the bound, value and slope at each point, once for all backends."""
    key = id(definition), y.dtype, y.tobytes(), p.tobytes()  # zeros are zeros in all
    if key not in KNOWN:
        exact = ([mp.mpf(float(number)) for number in x] for x in (y, p))
        KNOWN[key] = [
            (
                float(definition.ulp(*pair)),
                (definition.value(*pair), definition.value_size(*pair)),
                (definition.slope(*pair), definition.slope_size(*pair)),
            )
            for pair in zip(*exact, strict=True)
        ]
    return KNOWN[key]


def note(definition, backend, dtype, found):
    folder = os.environ.get("LOSSBOOK_TABLES")
    if folder:
        (value, *_), (slope, *_) = found
        row = [f'"{definition.label}"', backend, dtype.__name__, value, slope]
        line = ",".join(f"{x:.2f}" if isinstance(x, float) else x for x in row)
        with (Path(folder) / "oracle.csv").open("a") as table:
            table.write(line + "\n")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("definition", oracle.DEFINITIONS, ids=lambda d: d.label)
def test_value_and_slope_are_within_a_few_ulp_of_mpmath(definition, backend, dtype):
    found = worst(definition, backend, dtype, *points(definition, dtype))
    note(definition, backend, dtype, found)
    value, slope = found
    assert value[1] <= 1, f"value off by {value[0]:.1f} ulp at {value[2]}"
    assert slope[1] <= 1, f"slope off by {slope[0]:.1f} ulp at {slope[2]}"


def many_points(definition, n=100_000):
    """Return float32 pairs, half of those without bounds where sigmoids turn."""
    rng = np.random.default_rng(2)
    pairs = [random_values(domain, rng, n) for domain in (definition.y, definition.p)]
    for domain, values in zip((definition.y, definition.p), pairs, strict=True):
        if domain == oracle.REAL:
            values[::2] = rng.uniform(-12, 12, n // 2)
    return [values.astype(np.float32) for values in pairs]


def furthest(definition, backend, y, p):
    """Return the pairs that are further off float64 than others, by three measures."""
    narrow = evaluate(definition, backend, y, p)
    wide = evaluate(definition, "numpy", y.astype(np.float64), p.astype(np.float64))
    size, chosen = np.maximum(abs(y), abs(p)), set()
    for got, exact in zip(narrow, wide, strict=True):
        for least in (1e-30, 1, size):  # what is less TensorFlow takes for 0
            with np.errstate(over="ignore", invalid="ignore"):  # too large for float32
                unit = np.spacing(np.maximum(abs(exact), least).astype(np.float32))
                error = abs(got - exact) / unit
            chosen.update(np.argsort(np.nan_to_num(error, nan=0.0, posinf=0.0))[-5:])
    rows = sorted(chosen)
    return y[rows], p[rows]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("definition", oracle.DEFINITIONS, ids=lambda d: d.label)
def test_of_many_pairs_in_float32_the_furthest_are_within_the_bound(
    definition, backend
):
    value, slope = worst(
        definition,
        backend,
        np.float32,
        *furthest(definition, backend, *many_points(definition)),
    )
    assert value[1] <= 1, f"value off by {value[0]:.1f} ulp at {value[2]}"
    assert slope[1] <= 1, f"slope off by {slope[0]:.1f} ulp at {slope[2]}"


@pytest.mark.parametrize("definition", oracle.DEFINITIONS, ids=lambda d: d.label)
@given(data=st.data())
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
)
def test_no_pair_that_hypothesis_finds_is_further_off(definition, data):
    finite = {"allow_nan": False, "allow_infinity": False, "width": 32}
    domains = {
        oracle.REAL: st.floats(-(2.0**60), 2.0**60, **finite),
        oracle.POSITIVE: st.floats(2.0**-60, 2.0**60, **finite),
        oracle.UNIT: st.floats(0, 1, **finite),
        oracle.COUNT: st.integers(0, 10**6).map(float),
        oracle.BIT: st.sampled_from([0.0, 1.0]),
        oracle.SIGN: st.sampled_from([-1.0, 1.0]),
    }
    pairs = st.lists(
        st.tuples(domains[definition.y], domains[definition.p]), min_size=1, max_size=20
    )
    y, p = np.array(data.draw(pairs), np.float32).T
    for backend in QUICK:
        for dtype in DTYPES:
            flush = backend == "tensorflow"  # there a subnormal number counts as 0
            found = worst(
                definition,
                backend,
                dtype,
                _cast(y, dtype, flush),
                _cast(p, dtype, flush),
            )
            assert found[0][1] <= 1, (backend, dtype, "value", found[0])
            assert found[1][1] <= 1, (backend, dtype, "slope", found[1])


def _cast(values, dtype, flush):
    tiny = np.finfo(np.float32).tiny
    return np.where(flush & (np.abs(values) < tiny), 0, values).astype(dtype)
