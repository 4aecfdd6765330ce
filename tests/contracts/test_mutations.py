"""Known faults, planted one at a time into a copy of the package: the suite sees each.

A fault in a formula is planted on the object that holds it (`planted.py`). Any other is
a piece of the source, which must stand there once, and what takes its place. With each
go the tests that must fail then.
"""

import compileall
import json
import py_compile
import shlex
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

import lossbook

from ..forked import run_pytest, start
from ..oracle import DEFINITIONS
from ..planted import FORMULAS

ROOT = Path(__file__).parents[2]
PLUGIN = "tests.planted"
# The tests that load no framework: a fault in shared code shows on NumPy, in seconds.
NUMPY = "-k 'numpy and not torch and not tensorflow and not jax and not tensors'"
ORACLE = "tests/numerics/test_oracle.py -k 'mpmath and numpy and float64'"
SEMANTICS = f"tests/contracts/test_semantics.py {NUMPY}"
NUMERICS = "tests/numerics/test_numerics.py -k 'numpy and not compile'"
BAD_INPUT = f"tests/contracts/test_bad_input.py {NUMPY}"
GRADIENTS = f"tests/numerics/test_gradients.py {NUMPY}"
CLASSES = f"tests/numerics/test_oracle_classes.py {NUMPY}"
OPTIM = "tests/optim/test_optim.py -k '50_steps_of_torch and numpy'"
RANKING = f"tests/losses/test_ranking.py {NUMPY}"
WEIGHTING = "tests/losses/test_weighting.py -k 'numpy and not workers and not replicas'"
LINEAR = f"tests/losses/test_linear_cross_entropy.py {NUMPY}"
REGRESSION, CLASSIFICATION = "losses/regression.py", "losses/classification.py"
CLASS_INPUTS = "core/class_inputs.py"
TORCH_GRAD, TORCH_KERNELS = (
    f"backends/torch/{name}.py" for name in ("custom_grad", "kernels")
)
TORCH_CHUNKS = "backends/torch/linear_chunks.py"
TF_GRAD = "backends/tensorflow/custom_grad.py"
JAX = "tests/frameworks/test_jax.py -k 'weighs or few'"
PENALTIES = "tests/losses/test_regularization.py -k 'penalty_sums and numpy'"


@dataclass(frozen=True)
class Fault:
    """What is planted where, and which tests must fail."""

    name: str
    file: str
    old: str
    new: str
    tests: str = ORACLE


# Which tests must see a fault that is planted on an object (see planted.py).
SEEN_BY = {
    "softmax": CLASSES,
    "kl": CLASSES,
    "ranking": RANKING,
    "length": RANKING,
    "gan": f"tests/losses/test_adversarial.py {NUMPY}",
    "penalty": PENALTIES,
    "multitask": WEIGHTING,
}

FAULTS = [
    Fault("huber: the half lost", REGRESSION,
          "return 0.5 * quadratic * quadratic",
          "return quadratic * quadratic"),
    Fault("huber: delta left out of the linear part", REGRESSION,
          "+ delta * linear", "+ linear"),
    Fault("log-cosh: log 2 left out", REGRESSION,
          "xp.zeros_like(size), size - LOG_2", "xp.zeros_like(size), size"),
    Fault("rmse: 0/0 at zero error", REGRESSION,
          "mean == 0, mean * 0, 0.5 / xp.sqrt(xp.where(mean == 0, mean + 1, mean))",
          "mean < 0, mean * 0, 0.5 / xp.sqrt(mean)", NUMERICS),
    Fault("poisson: log-rates taken for rates", REGRESSION,
          "loss = _POISSON_LOG if log_input", "loss = _POISSON if log_input"),
    Fault("probabilities clipped at 1e-7 in silence", CLASSIFICATION,
          "if eps is None:\n        return p",
          "if eps is None:\n        return xp.clip(p, 1e-7, 1 - 1e-7)"),
    Fault("logits taken for probabilities", CLASSIFICATION,
          'p = checks.within_unit(xp, p, "y_pred", USE_LOGITS, weights)', "pass",
          BAD_INPUT),
    Fault("label smoothing not divided by the classes", "losses/surprise.py",
          "uniform = label_smoothing / _number_of_classes(xp, y)",
          "uniform = label_smoothing", SEMANTICS),
    Fault("ignored labels counted in the mean", CLASS_INPUTS,
          "self.ignored, nothing, nothing + 1 if counted",
          "~self.ignored, nothing, nothing + 1 if counted", SEMANTICS),
    Fault("hinge: labels 0 and 1 let through", "losses/margins.py",
          "    y_true = checks.signs(xp, y_true, weights)\n", "", BAD_INPUT),
    Fault("focal: the power left out", "losses/focal_formulas.py",
          "return xp.power(xp.sigmoid(against), gamma) * xp.softplus(against)",
          "return xp.sigmoid(against) * xp.softplus(against)"),
    Fault("weights ignored", "core/inputs.py",
          "    if sample_weight is None:\n        return None\n    weight = xp.cast",
          "    if True:\n        return None\n    weight = xp.cast", SEMANTICS),
    Fault("what weighs nothing spoils the sum", "core/reduction.py",
          "losses * weight if positive else xp.multiply_no_nan(weight, losses)",
          "losses * weight", SEMANTICS),
    Fault("a weighted mean divided by n", "core/reduction.py",
          'if reduction == "mean" and weight is not None:',
          'if reduction == "sum" and weight is not None:', SEMANTICS),
    Fault("negative weights let through", "core/checks.py",
          "if low is not None and low >= 0:",
          "if low is not None and low >= -1e9:", BAD_INPUT),
    Fault("(n,) against (n, 1) broadcast", "core/inputs.py",
          "if left != right and not could_be_equal(left, right):", "if False:",
          BAD_INPUT),
    Fault("an unknown reduction taken for the mean", "core/reduction.py",
          "if not known and not", "if False and not", BAD_INPUT),
    Fault("nothing weighs anything: 0/0", "core/reduction.py",
          "if xp.any_of(nothing) is False:\n        return total",
          "if True:\n        return total", SEMANTICS),
    Fault("half precision left half", "backends/numpy/ops.py",
          "return x.astype(np.float32)", "return x", SEMANTICS),
    Fault("the tape: a broadcast gradient not summed", "backends/numpy/tape.py",
          "return full.sum(axis=stretched, keepdims=True) if stretched else full",
          "return full", GRADIENTS),
    Fault("the tape: the product's factors exchanged", "backends/numpy/vjps.py",
          "lambda r, a, b: (lambda g: g * b, lambda g: g * a)",
          "lambda r, a, b: (lambda g: g * a, lambda g: g * b)", GRADIENTS),
    Fault("the tape: a tie without a gradient", "backends/numpy/vjps.py",
          "np.greater(a, b) + np.equal(a, b) / 2", "np.greater(a, b)", GRADIENTS),
    Fault("adam: no bias correction", "optim/adam.py",
          "lr = h.lr * root / one_minus_power(xp, h.base1, h.t)", "lr = h.lr", OPTIM),
    Fault("adam: the parentheses of the second moment left out", "optim/adam.py",
          "h.beta2 * v + (1 - h.beta2) * g * g", "h.beta2 * v + 1 - h.beta2 * g * g",
          OPTIM),
    Fault("adam: eps moved under the root", "optim/adam.py",
          "lr * m / (xp.sqrt(v) + eps)", "lr * m / xp.sqrt(v + eps)", OPTIM),
    Fault("the step counter frozen", "optim/optimizer.py",
          "step = _count(xp, state) + 1",
          "step = _count(xp, state) * 0 + 1", OPTIM),
    Fault("adagrad forgets", "optim/rules.py", "s = s + g * g", "s = g * g", OPTIM),
    Fault("rmsprop accumulates all", "optim/rules.py",
          "s = h.rho * s + (1 - h.rho) * g * g\n    return p - h.lr",
          "s = s + g * g\n    return p - h.lr", OPTIM),
    Fault("eps of the other library", "optim/rules.py",
          "xp.sqrt(s + h.eps) if h.like ==", "xp.sqrt(s + h.eps) if h.like !=", OPTIM),
    Fault("momentum: the sign of the velocity", "optim/rules.py",
          "return p - h.lr * ahead, v", "return p + h.lr * ahead, v", OPTIM),
    Fault("adamw: decay coupled to nothing", "optim/optimizer.py",
          "(1 - h.lr * h.weight_decay) * p", "(1 - h.weight_decay) * p", OPTIM),
    Fault("a mean of means", "losses/weighting.py", "total / _not_zero(xp, weight))",
          "total / _not_zero(xp, weight * 0 + 1))", WEIGHTING),
    Fault("numpy, linear: the label left in the gradient",
          "backends/numpy/linear.py",
          "grad[at] -= row_weight if own is None else row_weight * own", "", LINEAR),
    Fault("torch: the gradient of a mean not divided", TORCH_GRAD,
          "cotangent = cotangent / _count(plan, inputs)", "pass",
          "tests/numerics/test_gradients.py "
          "-k 'reaches_the_truth and log_cosh and torch'"),
    Fault("torch: a row's cotangent without its axis", TORCH_GRAD,
          'elif plan.reduction == "none" and plan.rowwise:', "elif False:",
          "tests/numerics/test_oracle_classes.py -k 'cross_entropy and torch'"),
    Fault("torch: the tangent of a row not added up", TORCH_GRAD,
          "change.sum(-1) if plan.rowwise else change", "change",
          "tests/frameworks/test_transforms.py -k 'jvp and cross_entropy'"),
    Fault("torch: blocks of a mean added up as a sum", TORCH_GRAD,
          'if plan.reduction == "mean" else 1', 'if plan.reduction == "sum" else 1',
          "tests/numerics/test_numerics.py -k 'two_long_columns and torch'"),
    Fault("torch: soft targets of what is ruled out", TORCH_KERNELS,
          "cross_entropy(z, y, reduction=reduction)\n    return losses if",
          "cross_entropy(z, y, reduction=reduction)\n    return losses if True or",
          "tests/numerics/test_numerics.py -k 'torch and not compile'"),
    Fault("torch: shapes that differ taken for ready", "backends/torch/inputs.py",
          " or a.shape != b.shape", "", "tests/contracts/test_bad_input.py -k 'torch'"),
    Fault("torch: 0 times inf", "backends/torch/ops.py",
          "silent = (a == 0) & ~b.isfinite()", "silent = (a == 0) & b.isnan()",
          "tests/numerics/test_numerics.py -k 'torch and not compile'"),
    Fault("torch: the sign of the truth's derivative", "backends/torch/errors.py",
          "lambda y, p: -slope(y, p)", "lambda y, p: slope(y, p)",
          "tests/frameworks/test_kernels.py -k large_array"),
    Fault("torch: the slope of NaN is 0", "backends/torch/ops.py",
          "torch.where(x == x, torch.sign(x), torch.nan)", "torch.sign(x)",
          "tests/contracts/test_semantics.py "
          "-k 'nan_reaches_the_gradient and mae and torch'"),
    Fault("torch: the error turned round in bce", TORCH_KERNELS,
          "(p - y).div_(", "(y - p).div_(",
          "tests/frameworks/test_kernels.py -k 'kernel_gives and torch-bce'"),
    Fault("torch, linear: the label left in the gradient", TORCH_CHUNKS,
          ".scatter_add_(1, at, -mine[:, None])",
          ".scatter_add_(1, at, 0 * mine[:, None])",
          "tests/losses/test_linear_cross_entropy.py -k torch"),
    Fault("torch, linear: half precision counts labels twice",
          TORCH_CHUNKS, "torch.where(here, -mine, 0.0)",
          "torch.where(here, -2 * mine, 0.0)",
          "tests/losses/test_linear_cross_entropy.py -k half_precision_in_torch"),
    Fault("tensorflow: the gradient of a mean not divided", TF_GRAD,
          'if reduction != "mean":', "if True:",
          "tests/numerics/test_gradients.py "
          "-k 'reaches_the_truth and mse and tensorflow'"),
    Fault("tensorflow: a row's cotangent without its axis", TF_GRAD,
          'if rowwise and reduction == "none":', "if False:",
          "tests/numerics/test_oracle_classes.py "
          "-k 'cross_entropy and tensorflow'"),
    Fault("tensorflow: a graph for every value", "backends/tensorflow/graphs.py",
          "if len(function.met) > PATIENCE:", "if False:",
          "tests/contracts/test_crossings.py -k makes_no_graph_a_step"),
    Fault("tensorflow: the quick quotient where 0 meets 0",
          "backends/tensorflow/no_nan.py",
          "(tf.reduce_min(x) > low)", "(tf.reduce_min(x) >= low)",
          "tests/frameworks/test_kernels.py -k quick_quotient"),
    Fault("tensorflow: soft targets taken for ones", "backends/tensorflow/kernels.py",
          "(1 - y) - doubt", "0 * y - doubt",
          "tests/frameworks/test_kernels.py -k 'kernel_gives and tensorflow'"),
    Fault("a digit of the polynomial of log-cosh", "backends/polynomials.py",
          "0.49999999633985860", "0.49999699633985860",
          "tests/frameworks/test_kernels.py -k 'kernel_gives and tensorflow'"),
    Fault("tensorflow, linear: the label left in the gradient",
          "backends/tensorflow/linear.py",
          "tf.tensor_scatter_nd_sub(grad, places, mine)", "grad",
          "tests/losses/test_linear_cross_entropy.py -k 'has_them_too and eager'"),
    Fault("jax: 0 times inf on the way back", "backends/jax/products.py",
          "a == 0, jax", "a != a, jax", JAX),
    Fault("jax: the loop over many losses split", "backends/jax/custom_grad.py",
          "found.size >= _MANY", "found.size < 0",
          "tests/frameworks/test_jax.py -k added_up"),
    Fault("jax: a program for every value", "backends/jax/custom_grad.py",
          "len(self.by_values) >= PATIENCE", "False", JAX),
    Fault("triplet: the two distances exchanged", "losses/ranking.py",
          "norm(xp, a - p) - norm(xp, a - n)", "norm(xp, a - n) - norm(xp, a - p)",
          "tests/losses/test_ranking.py -k torch"),
    Fault("info_nce: the temperature multiplies", "losses/contrastive.py",
          "keys) / tau", "keys) * tau", RANKING),
    Fault("masks: misses cost nothing", "losses/segmentation.py",
          "wrong = alpha * alarms + beta * misses", "wrong = alpha * alarms", CLASSES),
    Fault("lovasz: the smallest error first", "losses/lovasz.py",
          "order = xp.argsort(-error)", "order = xp.argsort(error)", CLASSES),
    Fault("adapters: torch's order taken for ours", "adapters/torch_classes.py",
          "self.function(target, input, sample", "self.function(input, target, sample",
          "tests/frameworks/test_adapters.py -k gives_what"),
    Fault("adapters: Keras's labels 0 and 1 not turned", "adapters/keras_classes.py",
          "y_true = inputs.signs(y_true, weight)", "pass",
          "tests/frameworks/test_adapters.py -k 'keras_on and torch and meaning'"),
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
    # By its hash: a fault may leave the size of a file and the second as they were.
    by_hash = py_compile.PycInvalidationMode.CHECKED_HASH
    compileall.compile_dir(folder / "lossbook", quiet=1, invalidation_mode=by_hash)
    return folder


def run(folder, arguments, fault=""):
    """Run tests in the copy; return pytest's exit status, output and what failed."""
    environment = {
        # Loading them all takes a second, as long as the tests that find a fault.
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "LOSSBOOK_FAULT": fault,
    }
    options = ["-x", "-q", "--cache-clear", "-p", "pytest_timeout", "-p", PLUGIN]
    output = folder / "output.txt"
    process = start(run_pytest, folder, [*options, *arguments], environment, output)
    process.join()
    failed = folder / ".pytest_cache/v/cache/lastfailed"
    names = json.loads(failed.read_text()) if failed.exists() else {}
    return process.exitcode, output.read_text("utf-8"), list(names)


@contextmanager
def planted(fault, folder):
    """Put a fault into the source for a while."""
    path = folder / "lossbook" / fault.file
    sound = path.read_text(encoding="utf-8")
    assert sound.count(fault.old) == 1, f"{fault.name}: it stands there once"
    path.write_text(sound.replace(fault.old, fault.new), encoding="utf-8")
    try:
        yield
    finally:
        path.write_text(sound, encoding="utf-8")


def chosen_for(formula):
    """Return the tests that must see a fault of this name."""
    return SEEN_BY.get(formula.partition(" ")[0].rstrip(":"), ORACLE)


def narrowed(tests, fault):
    """Return the arguments of pytest; of the oracle, the tests of the fault's loss."""
    *files, words = shlex.split(tests)
    loss = fault.partition(":")[0].replace("-", "_").replace(" ", "_")
    if tests == ORACLE and any(d.loss.startswith(loss) for d in DEFINITIONS):
        words = f"{words} and {loss}"
    return [*files, words]


ALL_TESTS = {fault.tests for fault in FAULTS} | set(map(chosen_for, FORMULAS))


@pytest.mark.parametrize("tests", sorted(ALL_TESTS))
def test_each_planted_fault_fails_a_test_that_passes_without_it(tests, copy):
    if tests == JAX:
        pytest.importorskip("jax", reason='pip install "lossbook[jax]"')
    runs = {}
    for name in FORMULAS:
        if chosen_for(name) == tests:
            runs[name] = run(copy, narrowed(tests, name), name)
    for fault in FAULTS:
        if fault.tests == tests:
            with planted(fault, copy):
                runs[fault.name] = run(copy, narrowed(tests, fault.name))
    # Another status than 1 is a wrong name, or no test chosen: it proves nothing.
    blind = {
        name: out[-2000:] for name, (status, out, _) in runs.items() if status != 1
    }
    assert not blind
    assert not [name for name, (_, out, _) in runs.items() if "SyntaxError" in out]
    status, output, _ = run(
        copy, {name for *_, failed in runs.values() for name in failed}
    )
    assert status == 0, output[-2000:]
