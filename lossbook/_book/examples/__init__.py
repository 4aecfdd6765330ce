"""Small programs that the book runs as several processes on one machine.

`torch_workers` and `tensorflow_workers` compute the gradient of one batch that is
spread over two workers, in two ways; `peak_memory` measures what a loss holds. `run`
starts either of them and returns what it found.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = [
    "LENGTHS",
    "PAD",
    "WORKERS",
    "batches",
    "environment",
    "first_weight",
    "free_ports",
    "report",
    "run",
]

WORKERS = 2
CLASSES, WIDTH = 5, 8
PAD = -1  # the label of a place behind the end of a sentence: it counts nothing
# The lengths of four sentences in each of the two micro-batches of each worker.
LENGTHS = [[(2, 1, 3, 2), (1, 1, 2, 1)], [(16, 12, 15, 16), (9, 14, 16, 11)]]

Batch = tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]


def batches(worker: int) -> list[Batch]:
    """Return hidden states (4, 16, WIDTH) and labels (4, 16) of each micro-batch."""
    rng = np.random.default_rng(worker)
    found = []
    for lengths in LENGTHS[worker]:
        hidden = rng.normal(size=(len(lengths), 16, WIDTH)).astype(np.float32)
        labels = rng.integers(0, CLASSES, (len(lengths), 16))
        labels[np.arange(16) >= np.array(lengths)[:, None]] = PAD
        found.append((hidden, labels))
    return found


def first_weight() -> npt.NDArray[np.float32]:
    """Return the weight (CLASSES, WIDTH) from which both workers start."""
    weight = np.random.default_rng(0).normal(size=(CLASSES, WIDTH)) / 4
    return weight.astype(np.float32)


def report(single: Any, means: Any, whole: Any) -> str:
    """Return three gradients and how far two of them are from the first, as JSON."""
    rows = {"single": single, "mean_of_means": means, "global_mean": whole}
    grads = {name: np.asarray(grad, np.float64) for name, grad in rows.items()}
    size = np.abs(grads["single"]).max()
    off = {
        name: float(np.abs(grad - grads["single"]).max() / size)
        for name, grad in grads.items()
    }
    counts = [[int(np.sum(n)) for n in lengths] for lengths in LENGTHS]
    lists = {name: grad.ravel().tolist() for name, grad in grads.items()}
    return json.dumps({"tokens": counts, "gradient": lists, "off": off})


def run(program: str, seconds: float = 1200) -> dict[str, Any]:
    """Start a program of this folder and return what its first process found.

    Parameters
    ----------
    program : {"torch_workers", "tensorflow_workers", "peak_memory"}
        torchrun starts the two workers of PyTorch, this function those of TensorFlow.
    seconds : float
        How long it may take; on a busy machine the imports alone take minutes.

    Returns
    -------
    dict
        From the workers: the "tokens" that count, by worker and micro-batch; the
        "gradient" of the single process, by the mean of means and by `global_mean`;
        and how far each is "off", in units of the largest entry.

    Raises
    ------
    RuntimeError
        If a process fails or takes too long; with what the processes wrote.
    ValueError
        If there is no such program.
    """
    module = f"lossbook.examples.{program}"
    if program == "torch_workers":
        torchrun = "torch.distributed.run --standalone --local-addr 127.0.0.1"
        commands = [f"{torchrun} --nproc-per-node {WORKERS} -m {module}"]
    elif program == "tensorflow_workers":
        ports = " ".join(map(str, free_ports(WORKERS)))
        commands = [f"{module} {rank} {ports}" for rank in range(WORKERS)]
    elif program == "peak_memory":
        commands = [module]
    else:
        raise ValueError(f"no program {program!r} in lossbook/examples.")
    lines = _lines_of([["-m", *command.split()] for command in commands], seconds)
    found: dict[str, Any] = json.loads(next(x for x in lines if x.startswith("{")))
    return found


def free_ports(count: int) -> list[int]:
    """Return ports of this machine that nobody listens on.

    They lie below those that systems hand out themselves, since whoever asks for any
    port could else be given one of these before a worker has taken it.
    """
    tried = random.SystemRandom().sample(range(20_000, 32_768), 1000)
    ports = list(itertools.islice(filter(_is_free, tried), count))
    if len(ports) < count:
        raise OSError("no free ports between 20000 and 32767: close some programs")
    return ports


def _is_free(port: int) -> bool:
    with socket.socket() as each:
        try:
            each.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _lines_of(commands: list[list[str]], seconds: float) -> list[str]:
    """Run the commands of Python side by side and return the lines they print."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        started = [
            subprocess.Popen(
                [sys.executable, *command], stdout=out, stderr=err, env=environment()
            )
            for command in commands
        ]
        end, failed = time.monotonic() + seconds, ""
        try:
            while not failed and any(each.poll() is None for each in started):
                if any(each.poll() for each in started):
                    failed = "a worker failed"
                elif time.monotonic() > end:
                    failed = f"the workers took more than {seconds:g} s"
                time.sleep(0.05)
        finally:
            _stop(started)
        out.seek(0), err.seek(0)
        if failed or any(each.returncode for each in started):
            raise RuntimeError(f"{failed or 'a worker failed'}:\n{err.read()[-5000:]}")
        return out.read().splitlines()


def _stop(started: list[subprocess.Popen[bytes]]) -> None:
    for each in started:
        each.terminate()  # torchrun passes it on to its workers
    for each in started:
        try:
            each.wait(10)
        except subprocess.TimeoutExpired:
            each.kill()
            each.wait()


def environment() -> dict[str, str]:
    """Return the environment of a worker: no GPU, no proxy, one machine, few logs."""
    drop = ("PROXY", "TF_CONFIG", "RANK", "WORLD_SIZE", "MASTER_", "TORCHELASTIC")
    kept = {
        name: value
        for name, value in os.environ.items()
        if not any(part in name.upper() for part in drop)
    }
    if sys.platform == "linux":
        kept["GLOO_SOCKET_IFNAME"] = "lo"
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "GRPC_VERBOSITY": "ERROR"}
    return kept | quiet | {"CUDA_VISIBLE_DEVICES": "-1", "OMP_NUM_THREADS": "1"}
