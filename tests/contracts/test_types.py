"""What a type checker finds: at the seam of the frameworks, and in code of users."""

import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import lossbook

ROOT = Path(__file__).parents[2]
PACKAGE = Path(lossbook.__file__).parent
# Where the backend of PyTorch is returned as one, and held against the protocol.
DISPATCH = (PACKAGE / "backends/__init__.py").read_text(encoding="utf-8")
RETURNED = DISPATCH.splitlines().index("    return torch") + 1

# Faults at the seam: the file, what stands there once, its replacement, and what mypy
# must say of it.
PLANTED = {
    "a primitive that no framework has": (
        "losses/regression.py",
        "derivatives=[lambda xp, error: xp.sign(error)]",
        "derivatives=[lambda xp, error: xp.signum(error)]",
        '"Backend" has no attribute "signum"',
    ),
    "a derivative of other arguments than its formula": (
        "losses/margins.py",
        "lambda xp, margin: -xp.sigmoid(-margin)",
        "lambda xp, margin, scale: -xp.sigmoid(-margin)",
        "Cannot infer type of lambda",
    ),
    "a primitive called with too little": (
        "losses/surprise.py",
        "xp.take_labels(batch.scores, batch.labels)",
        "xp.take_labels(batch.scores)",
        'Too few arguments for "take_labels" of "Backend"',
    ),
    "a kernel asked for with its name in the place of the framework": (
        "core/pointwise.py",
        "call_fused(xp, self.name, *inputs",
        "call_fused(self.name, xp, *inputs",
        'Argument 1 to "call_fused" has incompatible type "str"; expected "Backend"',
    ),
    "a primitive that one framework lacks": (
        "backends/torch/ops.py",
        "expm1 = torch.expm1\n",
        "",
        'missing following "Backend" protocol member:\n'
        f"lossbook/backends/__init__.py:{RETURNED}: note:     expm1",
    ),
    "a primitive whose signature differs": (
        "backends/tensorflow/ops.py",
        "def max(x: Array, axis: int, keepdims: bool = False) -> Array:",
        "def max(x: Array, axis: int, keep: bool = False, keepdims: int = 0) -> int:",
        'Following member(s) of Module "lossbook.backends.tensorflow" have conflicts',
    ),
    "a shape that may be unknown, taken for a number": (
        "losses/linear_cross_entropy.py",
        "(width or 0) // 16",
        "width // 16",
        'Unsupported operand types for // ("None" and "int")',
    ),
}

HEAD = [
    "import lossbook as lb",
    "from typing import Any",
    "from lossbook.adapters import keras, torch",
    "p: Any; t: Any; w: Any",
]
# Lines of a user, and what mypy must say of each; nothing of the last three.
LINES = {
    'lb.mse([1.0], [2.0], reduction="avg")': "arg-type",
    "lb.hubber([1.0], [2.0])": "attr-defined",
    "lb.huber([1.0], [2.0], dleta=1.0)": "call-arg",
    'lb.gan_generator([0.0], kind="lsgan")': "arg-type",
    'lb.optim.adam(like="jax")': "arg-type",
    'torch.HuberLoss(reduction="average")': "arg-type",
    'keras.Huber(reduction="mean")': "arg-type",
    "torch.HuberLoss(delta=0.5)(p, t, sample_weight=w)": None,
    'keras.Huber(delta=0.5, reduction="sum", name="huber")': None,
    'lb.value_and_grad(lb.mse)([1.0], [2.0]), lb.plots.curve, lb.check("x", 1)': None,
}


def copied(folder):
    """Copy the package, and what mypy is told of it, into a folder."""
    shutil.copy(ROOT / "pyproject.toml", folder)
    ignore = shutil.ignore_patterns("__pycache__")
    return Path(shutil.copytree(PACKAGE, folder / "lossbook", ignore=ignore))


def mypy(folder, *paths):
    """Return what mypy says of these paths in a folder, line by line."""
    run = subprocess.run(
        [sys.executable, "-m", "mypy", "--no-error-summary", *map(str, paths)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode in (0, 1), run.stdout + run.stderr
    return run.stdout


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """Plant all faults into a copy, a user beside it; return what mypy says."""
    folder = tmp_path_factory.mktemp("typed")
    copy = copied(folder)
    user = folder / "user.py"
    user.write_text("\n".join([*HEAD, *LINES, ""]), encoding="utf-8")
    for file, old, new, _ in PLANTED.values():
        source = (copy / file).read_text(encoding="utf-8")
        assert source.count(old) == 1, f"{file}: this piece of source stands there once"
        (copy / file).write_text(source.replace(old, new), encoding="utf-8")
    return mypy(folder, "lossbook", user)


@pytest.mark.parametrize("fault", PLANTED)
def test_mypy_finds_at_the_seam(fault, said):
    assert PLANTED[fault][-1] in said


def test_mypy_finds_what_users_mistype_and_nothing_else(said):
    found = [
        line.partition("user.py:")[2]
        for line in said.splitlines()
        if "user.py:" in line and ": error:" in line
    ]
    for number, (line, kind) in enumerate(LINES.items(), len(HEAD) + 1):
        of_line = [text for text in found if text.startswith(f"{number}:")]
        assert len(of_line) == (kind is not None), (line, of_line)
        assert kind is None or f"[{kind}]" in of_line[0], (line, of_line)


def test_the_stubs_are_those_of_the_classes(capsys):
    tool = runpy.run_path(str(ROOT / "tools" / "stubs.py"))
    assert tool["main"](check=True) == 0, capsys.readouterr().out
