"""The programs that the book runs as several processes, run here likewise."""

import functools
import signal
import subprocess

import numpy as np
import pytest

from lossbook._book import examples

SLEEP = "import time; time.sleep(1e6)"
FRAMEWORKS = ("torch_workers", "tensorflow_workers")
both_frameworks = pytest.mark.parametrize("program", FRAMEWORKS)
found_by = functools.cache(examples.run)


@both_frameworks
def test_global_mean_gives_two_workers_the_gradient_of_one_process(program):
    found = found_by(program)
    single, whole = (np.array(found["gradient"][k]) for k in ("single", "global_mean"))
    assert single.shape == (examples.CLASSES * examples.WIDTH,)
    assert found["off"]["single"] == 0
    assert found["off"]["global_mean"] < 1e-6
    np.testing.assert_allclose(whole, single, atol=1e-6 * np.abs(single).max())


@both_frameworks
def test_a_mean_of_means_gives_two_workers_another_gradient(program):
    found = found_by(program)
    assert found["off"]["mean_of_means"] > 0.5
    single, means = (
        np.array(found["gradient"][k]) for k in ("single", "mean_of_means")
    )
    cosine = single @ means / np.linalg.norm(single) / np.linalg.norm(means)
    assert cosine < 0.9


def test_both_frameworks_find_the_same_gradients():
    of_torch, of_tensorflow = (found_by(program) for program in FRAMEWORKS)
    assert of_torch["tokens"] == of_tensorflow["tokens"]
    for name, grad in of_torch["gradient"].items():
        np.testing.assert_allclose(
            of_tensorflow["gradient"][name], grad, rtol=1e-4, atol=1e-7
        )


@both_frameworks
def test_the_tokens_that_it_reports_are_those_that_are_no_padding(program):
    counted = [
        [int(np.sum(labels != examples.PAD)) for _, labels in examples.batches(worker)]
        for worker in range(examples.WORKERS)
    ]
    assert found_by(program)["tokens"] == counted


def test_chunks_hold_a_small_part_of_the_logits_of_a_large_vocabulary():
    found = found_by("peak_memory")
    logits = 4e-6 * found["rows"] * np.array(found["classes"])
    assert np.all(np.array(found["naive"]) > 1.9 * logits)
    assert found["chunked"][-1] < found["naive"][-1] / 5


def test_a_failing_worker_is_told_with_what_it_wrote():
    with pytest.raises(RuntimeError, match=r"a worker failed:\s+out of paper"):
        examples._lines_of([["-c", "raise SystemExit('out of paper')"]], 600)


@pytest.fixture
def started(monkeypatch):
    """Return the list of the processes that an example starts."""
    processes, popen = [], subprocess.Popen

    def start(*args, **kwargs):
        processes.append(popen(*args, **kwargs))
        return processes[-1]

    monkeypatch.setattr(examples.subprocess, "Popen", start)
    return processes


def test_a_failing_worker_stops_the_one_that_waits_for_it(started):
    programs = (SLEEP, "raise SystemExit('no more ink')")
    with pytest.raises(RuntimeError, match="no more ink"):
        examples._lines_of([["-c", program] for program in programs], 600)
    assert [each.returncode for each in started] == [-signal.SIGTERM, 1]


def test_a_worker_that_takes_too_long_is_stopped(started):
    with pytest.raises(RuntimeError, match=r"took more than 0\.5 s"):
        examples._lines_of([["-c", SLEEP]], 0.5)
    assert [each.returncode for each in started] == [-signal.SIGTERM]


def test_workers_inherit_no_proxy_and_no_role_from_elsewhere(monkeypatch):
    for name in ("http_proxy", "NO_PROXY", "TF_CONFIG", "LOCAL_RANK", "MASTER_ADDR"):
        monkeypatch.setenv(name, "elsewhere")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    of_worker = examples.environment()
    assert "elsewhere" not in of_worker.values()
    assert of_worker["CUDA_VISIBLE_DEVICES"] == "-1"


def test_an_unknown_program_is_refused():
    with pytest.raises(ValueError, match="no program 'jax_workers'"):
        examples.run("jax_workers")
