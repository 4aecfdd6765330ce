"""Known faults, planted one at a time into a copy of the package: the suite sees each.

A fault is a piece of the source, what takes its place, and the tests that must fail
then. Where the source has changed so that it cannot be planted, the test says so.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

import lossbook

ROOT = Path(__file__).parents[1]
# The tests that load no framework: a fault in shared code shows on NumPy, in seconds.
NUMPY = "-k 'numpy and not torch and not tensorflow and not tensors'"
ORACLE = "tests/test_oracle.py -k 'mpmath and numpy and float64'"
SEMANTICS = f"tests/test_semantics.py {NUMPY}"
NUMERICS = "tests/test_numerics.py -k 'numpy and not compile'"
BAD_INPUT = f"tests/test_bad_input.py {NUMPY}"
GRADIENTS = f"tests/test_gradients.py {NUMPY}"
CLASSES = f"tests/test_oracle_classes.py {NUMPY}"
OPTIM = "tests/test_optim.py -k '50_steps_of_torch and numpy'"
RANKING = f"tests/test_ranking.py {NUMPY}"
WEIGHTING = "tests/test_weighting.py -k 'numpy and not workers and not replicas'"
PENALTIES = "tests/test_regularization.py -k 'penalty_sums and numpy'"


@dataclass(frozen=True)
class Fault:
    """What is planted where, and which tests must fail."""

    name: str
    file: str
    old: str
    new: str
    tests: str = ORACLE


FAULTS = [
    Fault("mse: the 2 of the slope lost", "regression.py",
          "[lambda xp, error: 2 * error]", "[lambda xp, error: error]"),
    Fault("mse: the minus dropped", "regression.py", "[lambda xp, error: 2 * error]",
          "[lambda xp, error: -2 * error]"),
    Fault("huber: the half lost", "regression.py", "return 0.5 * quadratic * quadratic",
          "return quadratic * quadratic"),
    Fault("huber: delta left out of the linear part", "regression.py",
          "+ delta * linear", "+ linear"),
    Fault("log-cosh: log 2 left out", "regression.py", "(size - LOG_2)", "size"),
    Fault("log-cosh: as the textbook writes it", "regression.py",
          "near = xp.log1p(2 * half * half)", "near = xp.log(1 + 2 * half * half)"),
    Fault("quantile: the two sides exchanged", "regression.py",
          "xp.maximum((1 - q) * error, -q * error)",
          "xp.maximum(q * error, -(1 - q) * error)"),
    Fault("rmse: 0/0 at zero error", "regression.py",
          "mean == 0, mean * 0, 0.5 / xp.sqrt(xp.where(mean == 0, mean + 1, mean))",
          "mean < 0, mean * 0, 0.5 / xp.sqrt(mean)", NUMERICS),
    Fault("poisson: log-rates taken for rates", "regression.py",
          "loss = _POISSON_LOG if log_input", "loss = _POISSON if log_input"),
    Fault("binary cross-entropy: the second term left out", "classification.py",
          "- xp.xlog1py(1 - y, -p),\n    slopes=[lambda xp, y, p: xp.log1p(-p) -",
          ",\n    slopes=[lambda xp, y, p: xp.log1p(-p) -"),
    Fault("binary cross-entropy: brackets left out, a sign flips", "classification.py",
          "-xp.xlogy(y, p) - xp.xlog1py(1 - y, -p),\n    slopes=[lambda xp, y, p: xp",
          "-xp.xlogy(y, p) + xp.xlog1py(1 - y, -p),\n    slopes=[lambda xp, y, p: xp"),
    Fault("binary cross-entropy: right answers cancel", "classification.py",
          "(1 - y) * xp.sigmoid(z) - y * xp.sigmoid(-z)", "xp.sigmoid(z) - y"),
    Fault("probabilities clipped at 1e-7 in silence", "classification.py",
          "if eps is None:\n        return p",
          "if eps is None:\n        return xp.clip(p, 1e-7, 1 - 1e-7)"),
    Fault("logits taken for probabilities", "classification.py",
          'p = _domain.within_unit(xp, p, "y_pred", USE_LOGITS, weights)', "pass",
          BAD_INPUT),
    Fault("softmax twice", "_classes.py",
          "z: -xp.take_labels(xp.log_softmax(z), labels)",
          "z: -xp.take_labels(xp.log_softmax(xp.exp(xp.log_softmax(z))), labels)",
          CLASSES),
    Fault("label smoothing not divided by the classes", "_classes.py",
          "share = label_smoothing / _number_of_classes(xp, y)",
          "share = label_smoothing", SEMANTICS),
    Fault("ignored labels counted in the mean", "_classes.py",
          "self.ignored, nothing, nothing + 1 if factor",
          "~self.ignored, nothing, nothing + 1 if factor", SEMANTICS),
    Fault("logistic: the minus dropped", "margins.py", "xp.softplus(-margin)",
          "xp.softplus(margin)"),
    Fault("hinge: no margin", "margins.py",
          "formula=lambda xp, margin: xp.maximum(1 - margin, 0.0)",
          "formula=lambda xp, margin: xp.maximum(0 - margin, 0.0)"),
    Fault("hinge: labels 0 and 1 let through", "margins.py",
          "    y_true = _domain.signs(xp, y_true, weights)\n", "", BAD_INPUT),
    Fault("focal: the power left out", "focal.py",
          "return xp.power(xp.sigmoid(against), gamma) * xp.softplus(against)",
          "return xp.sigmoid(against) * xp.softplus(against)"),
    Fault("weights ignored", "_loss.py",
          "    if sample_weight is None:\n        return None\n    values",
          "    if True:\n        return None\n    values", SEMANTICS),
    Fault("what weighs nothing spoils the sum", "_loss.py",
          "losses * weight if positive else xp.times(weight, losses)",
          "losses * weight", SEMANTICS),
    Fault("a weighted mean divided by n", "_loss.py",
          'if reduction == "mean" and weight is not None:',
          'if reduction == "sum" and weight is not None:', SEMANTICS),
    Fault("negative weights let through", "_loss.py",
          "if low is not None and low >= 0:",
          "if low is not None and low >= -1e9:", BAD_INPUT),
    Fault("(n,) against (n, 1) broadcast", "_loss.py",
          "if left != right and not _could_be_equal(left, right):", "if False:",
          BAD_INPUT),
    Fault("an unknown reduction taken for the mean", "_loss.py",
          "if reduction not in REDUCTIONS:", "if False:", BAD_INPUT),
    Fault("nothing weighs anything: 0/0", "_loss.py",
          "    nothing = weight == 0\n    one =", "    nothing = weight < 0\n    one =",
          SEMANTICS),
    Fault("half precision left half", "backends/numpy.py",
          "return x.astype(np.float32)", "return x", SEMANTICS),
    Fault("the tape: a broadcast gradient not summed", "_tape.py",
          "return share.sum(axis=stretched, keepdims=True) if stretched else share",
          "return share", GRADIENTS),
    Fault("the tape: the product's factors exchanged", "_vjps.py",
          "lambda r, a, b: (lambda g: g * b, lambda g: g * a)",
          "lambda r, a, b: (lambda g: g * a, lambda g: g * b)", GRADIENTS),
    Fault("the tape: a tie without a gradient", "_vjps.py",
          "np.greater(a, b) + np.equal(a, b) / 2", "np.greater(a, b)", GRADIENTS),
    Fault("adam: no bias correction", "optim.py",
          "rate = h.lr * root / _one_minus_power(xp, h.base1, h.t)", "rate = h.lr",
          OPTIM),
    Fault("adam: the parentheses of the second moment left out", "optim.py",
          "v = v + (1 - h.beta2) * (g * g - v)", "v = v + 1 - h.beta2 * (g * g - v)",
          OPTIM),
    Fault("adam: eps moved under the root", "optim.py",
          "p - rate * m / (xp.sqrt(v) + eps), m, v",
          "p - rate * m / xp.sqrt(v + eps), m, v", OPTIM),
    Fault("the step counter frozen", "_optimizer.py", "step = _count(xp, state) + 1",
          "step = _count(xp, state) * 0 + 1", OPTIM),
    Fault("adagrad forgets", "optim.py", "s = s + g * g", "s = g * g", OPTIM),
    Fault("rmsprop accumulates all", "optim.py",
          "s = h.rho * s + (1 - h.rho) * g * g\n    return p - h.lr",
          "s = s + g * g\n    return p - h.lr", OPTIM),
    Fault("eps of the other library", "optim.py",
          "xp.sqrt(s + h.eps) if h.like ==", "xp.sqrt(s + h.eps) if h.like !=", OPTIM),
    Fault("momentum: the sign of the velocity", "optim.py",
          "return p - h.lr * ahead, v", "return p + h.lr * ahead, v", OPTIM),
    Fault("adamw: decay coupled to nothing", "optim.py",
          "(1 - h.lr * h.weight_decay) * p", "(1 - h.weight_decay) * p", OPTIM),
    Fault("a mean of means", "weighting.py", "total / _not_zero(xp, weight))",
          "total / _not_zero(xp, weight * 0 + 1))", WEIGHTING),
]  # fmt: skip


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """Return a folder with the package and its tests, where faults may be planted."""
    folder = tmp_path_factory.mktemp("mutated")
    ignore = shutil.ignore_patterns("__pycache__", "site", "test_mutations.py")
    # The package that is under test, wherever it is installed.
    folders = (Path(lossbook.__file__).parent, ROOT / "tests", ROOT / "benchmarks")
    for path in folders:
        shutil.copytree(path, folder / path.name, ignore=ignore)
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def failures(folder, tests):
    """Run tests up to the first failure; return pytest's exit status and output."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(folder),
        "PYTHONDONTWRITEBYTECODE": "1",
        # Loading them all takes a second, as long as the tests that find a fault.
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
    options = "-x -q -p no:cacheprovider -p pytest_timeout"
    run = subprocess.run(
        f"{sys.executable} -m pytest {options} {tests}",
        shell=True,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    return run.returncode, run.stdout


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_the_suite_sees(fault, copy):
    path = copy / "lossbook" / fault.file
    sound = path.read_text(encoding="utf-8")
    assert sound.count(fault.old) >= 1, "this piece of source is gone: plant it anew"
    path.write_text(sound.replace(fault.old, fault.new, 1), encoding="utf-8")
    try:
        status, output = failures(copy, fault.tests)
    finally:
        path.write_text(sound, encoding="utf-8")
    # 1 is failed tests; anything else (a wrong name, no test chosen) proves nothing.
    assert status == 1, output[-2000:]
    assert "SyntaxError" not in output


@pytest.mark.parametrize("tests", sorted({fault.tests for fault in FAULTS}))
def test_without_a_fault_the_same_tests_pass(tests, copy):
    status, output = failures(copy, tests)
    assert status == 0, output[-2000:]
