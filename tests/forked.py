"""Processes forked from one that has loaded the frameworks, and nothing of ours.

Loading PyTorch, TensorFlow and matplotlib takes longer than most chapters, and than any
run for a planted fault. The package is not loaded: each process loads its own copy.
"""

import gc
import multiprocessing
import os
import sys
from functools import cache

# In this order: Triton ends the process if it comes after TensorFlow (lossbook/_book).
# PyTorch's optimizers load _dynamo at their first step.
PRELOADED = [
    *("tests.forked", "mpmath", "hypothesis", "ipykernel.kernelapp"),
    *("matplotlib.pyplot", "triton", "torch._dynamo", "tensorflow"),
]
# What matplotlib and TensorFlow read when they are loaded, as a kernel sets it.
ENVIRONMENT = {
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "TF_CPP_MIN_LOG_LEVEL": "3",
}


@cache
def forks():
    """Return the context of multiprocessing that forks such processes."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context


def start(target, *arguments):
    """Start a process that runs a function with these arguments."""
    before = {name: os.environ.get(name) for name in ENVIRONMENT}
    os.environ.update(ENVIRONMENT)
    process = forks().Process(target=target, args=arguments)
    process.start()
    for name, value in before.items():
        if value is None:
            del os.environ[name]
        else:
            os.environ[name] = value
    return process


def run_pytest(folder, arguments, environment, output):
    """Run pytest in a folder, its output in a file, and leave with its status."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "tests"]:
        del sys.modules[name]
    _enter(folder, environment, output)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.path.insert(0, str(folder))
    import pytest

    sys.exit(int(pytest.main(arguments)))


def run_kernel(folder, environment, arguments):
    """Run a kernel of Jupyter in a group of its own, until it is shut down."""
    os.setsid()
    _enter(folder, environment, os.devnull)
    from ipykernel.kernelapp import launch_new_instance

    launch_new_instance(argv=arguments)


def _enter(folder, environment, output):
    assert not any(name.partition(".")[0] == "lossbook" for name in sys.modules)
    # What the frameworks hold stays: to go through it takes pytest as long as a test.
    gc.freeze()
    os.chdir(folder)
    os.environ.update(environment)
    with open(output, "wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
