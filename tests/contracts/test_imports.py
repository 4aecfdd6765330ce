"""What `import lossbook` loads and costs, and what its names say about themselves."""

import doctest
import importlib
import inspect
import pkgutil
import subprocess
import sys

import pytest

import lossbook as lb

HEAVY = (
    "torch",
    "tensorflow",
    "jax",
    "keras",
    "matplotlib",
    "sklearn",
    "pooch",
    "tqdm",
)
# Their examples need more than NumPy.
NOT_ALONE = (
    "adapters.torch",
    "adapters.keras",
    "adapters.xgboost",
    "adapters.lightgbm",
    "adapters.catboost",
    "backends.torch",
    "backends.tensorflow",
    "backends.jax",
    "datasets",
    "plots",
    "conventions",
    "_book.datasets",
    "_book.plots",
    "_book.widgets",
)
MODULES = [
    module.name
    for module in pkgutil.walk_packages(lb.__path__, "lossbook.")
    if not module.name.removeprefix("lossbook.").startswith(NOT_ALONE)
]


def run(code):
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_importing_lossbook_loads_neither_a_framework_nor_a_plotting_library():
    code = f"import lossbook, sys; print([m for m in {HEAVY} if m in sys.modules])"
    assert run(code) == "[]"


def test_importing_lossbook_loads_the_losses_and_not_the_course():
    rooms = "('_book', 'adapters', 'conventions', 'optim', 'metrics', 'plots')"
    code = (
        "import lossbook, sys\n"
        f"print([m for m in sys.modules if m.startswith('lossbook.') "
        f"and m.split('.')[1] in {rooms}])"
    )
    assert run(code) == "[]"


def test_the_figures_say_what_to_install_where_matplotlib_is_missing():
    code = (
        "import sys\n"
        "sys.modules['matplotlib'] = None\n"
        "import lossbook as lb\n"
        "try:\n"
        "    lb.plots\n"
        "except ModuleNotFoundError as error:\n"
        "    print(error)"
    )
    assert run(code) == 'the figures need matplotlib: pip install "lossbook[data]"'


def test_a_loss_of_numpy_arrays_loads_no_framework():
    code = (
        "import lossbook as lb, numpy as np, sys\n"
        "lb.value_and_grad(lb.huber)(np.zeros(3), np.ones(3))\n"
        "lb.sparse_cross_entropy([0], [[0.5, 0.5]])\n"
        f"print([m for m in {HEAVY} if m in sys.modules])"
    )
    assert run(code) == "[]"


def test_the_primitives_on_numpy_are_loaded_with_the_first_loss_of_numpy_arrays():
    code = (
        "import lossbook as lb, sys\n"
        "before = 'lossbook.backends.numpy' in sys.modules\n"
        "lb.mse([1.0], [2.0])\n"
        "print(before, 'lossbook.backends.numpy' in sys.modules)"
    )
    assert run(code) == "False True"


def test_importing_lossbook_takes_no_longer_than_importing_numpy_twice():
    code = (
        "import time\n"
        "start = time.process_time()\n"
        "import numpy\n"
        "middle = time.process_time()\n"
        "import lossbook\n"
        "print((time.process_time() - middle) / (middle - start))"
    )
    assert min(float(run(code)) for _ in range(3)) < 2


def test_what_needs_more_is_loaded_when_it_is_first_used():
    code = (
        "import lossbook as lb, sys\n"
        "assert 'adapters' in dir(lb) and 'lossbook.adapters' not in sys.modules\n"
        "lb.adapters\n"
        "assert 'lossbook.adapters' in sys.modules and 'torch' not in sys.modules\n"
    )
    run(code)
    with pytest.raises(AttributeError, match="no attribute 'hubber'"):
        _ = lb.hubber


def test_the_public_names_are_there_and_in_order():
    assert lb.__all__ == sorted(lb.__all__)
    assert set(lb.__all__) <= set(dir(lb))
    assert lb.__version__.count(".") == 2


@pytest.mark.parametrize("name", lb.__all__)
def test_a_public_name_says_what_it_takes_and_gives_and_shows_an_example(name):
    doc = inspect.getdoc(getattr(lb, name))
    sections = ("Parameters\n----------", "Returns\n-------", "Examples\n--------")
    for section in sections:
        assert section in doc, f"{name} has no section {section.splitlines()[0]}"
    assert ">>>" in doc.partition("Examples\n")[2]
    assert doc.partition("\n")[0].endswith((".", "?")), "the first line is a sentence"
    for parameter in inspect.signature(getattr(lb, name)).parameters:
        assert parameter in doc, f"{name} does not explain {parameter}"


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_come_out_as_shown(name):
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0


def test_there_are_examples():
    names = ("lossbook", "lossbook.losses.regression", "lossbook.losses.classification")
    finder = doctest.DocTestFinder(exclude_empty=True)
    for name in names:
        found = finder.find(importlib.import_module(name))
        assert sum(len(test.examples) for test in found) >= 2, name
