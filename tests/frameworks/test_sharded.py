"""Losses of PyTorch's DTensors, spread over processes, are those of one process.

Two processes, and three, run `sharded_worker.py` once; each test reads what one
experiment found: by how much value and gradients differ from those of one process.
"""

import json
import math
import tempfile
from pathlib import Path

import pytest

from lossbook._book import examples

from .shards import CASE_ROWS

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.skipif(
    not torch.distributed.is_available(), reason="this PyTorch has no processes"
)
TOLERANCE = 1e-12  # of the largest element, in float64
HALF = 4e-3  # gradients are rounded to bfloat16


# What glibc says of a heap that native code has spoiled. Once, on a busy machine, a
# worker in the middle of a collective of gloo ended so; no Python of ours can do that.
SPOILED = "malloc()"


def _run(processes, *names):
    try:
        return _found(processes, *names)
    except RuntimeError as error:
        if SPOILED not in str(error):
            raise
    return _found(processes, *names)


def _found(processes, *names):
    with tempfile.TemporaryDirectory() as folder:
        meet = Path(folder) / "meet"
        module = "tests.frameworks.sharded_worker"
        commands = [["-m", module, rank, processes, meet] for rank in range(processes)]
        words = [[str(word) for word in (*each, *names)] for each in commands]
        lines = examples._lines_of(words, 1200)
        return json.loads(next(x for x in lines if x.startswith("{")))


@pytest.fixture(scope="module")
def two():
    return _run(2)


@pytest.fixture(scope="module")
def three():
    return _run(3, "adapters", "few_rows")


@pytest.mark.parametrize("row", CASE_ROWS)
def test_a_loss_in_parts_is_that_of_one_process(row, two):
    assert two["cases"][row] < TOLERANCE


@pytest.mark.parametrize(
    "experiment",
    ["others", "layers", "compiled", "adapters", "means", "parallel_losses"],
)
def test_more_in_parts_is_as_in_one_process(experiment, two):
    found = two[experiment]
    assert found
    assert {name: off for name, off in found.items() if not off < TOLERANCE} == {}


def test_the_gradient_is_not_multiplied_by_the_number_of_processes(three):
    assert len(three["adapters"]) == 17
    assert max(three["adapters"].values()) < TOLERANCE


@pytest.mark.parametrize("processes", ["two", "three"])
def test_a_process_without_rows_takes_its_part(processes, request):
    found = request.getfixturevalue(processes)["few_rows"]
    assert {name for name, off in found.items() if not off < HALF} == set()


def test_what_one_process_alone_sees_to_be_wrong_becomes_nan_on_all(two):
    assert set(two["wrong_values"]) == {"probability", "sign", "label", "weight"}
    assert all(map(math.isnan, two["wrong_values"].values()))


@pytest.mark.parametrize("role", ["truth", "prediction", "weight"])
def test_a_plain_tensor_beside_a_dtensor_is_refused(role, two):
    name = {"truth": "y_true", "prediction": "y_pred", "weight": "sample_weight"}[role]
    said = two["plain_beside"][role]
    assert said.startswith(f"TypeError: {name} is a plain tensor, of shape (7,)")
    assert f"torch.distributed.tensor.DTensor.from_local({name}" in said


@pytest.mark.parametrize("remedy", ["whole", "part", "a list", "an array"])
def test_what_the_refusal_tells_to_do_gives_the_loss_of_one_process(remedy, two):
    found = two["plain_beside"]
    assert math.isclose(found[remedy], found["wanted"], rel_tol=TOLERANCE)


def test_a_model_under_fsdp2_has_the_gradient_of_one_process(two):
    assert two["training"]["FSDP2"] < TOLERANCE
    assert two["training"]["FSDP2, l2"] < TOLERANCE


def test_a_worker_without_rows_does_as_the_message_on_empty_batches_says(two):
    found = two["training"]
    assert (
        'use reduction="sum", which is 0, and lossbook.global_mean'
        in (found["empty mean"])
    )
    assert found["DDP, an empty process"] < TOLERANCE
    assert found["DDP, its value"] < TOLERANCE
