"""Writes what type checkers read of the adapters, whose classes are made at run time.

python tools/stubs.py          # writes lossbook/adapters/*.pyi
python tools/stubs.py --check  # fails if they are not as they would be written
"""

import subprocess
import sys
from importlib import import_module
from inspect import Parameter, signature
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "lossbook" / "adapters"
HEAD = {
    "torch": """\
# Written by tools/stubs.py from the functions.
from typing import Any, Literal

import torch

_Reduction = Literal["mean", "sum", "none", "sum_over_batch_size"]
""",
    "keras": """\
# Written by tools/stubs.py from the functions.
from typing import Any, Literal

import keras

_Reduction = Literal["sum_over_batch_size", "sum", "mean_with_sample_weight", "none"]
""",
}
BASE = {"torch": "torch.nn.Module", "keras": "keras.losses.Loss"}
CALL = {
    "torch": (
        "forward",
        "(self, input: Any, target: Any, sample_weight: Any = None) -> Any: ...",
    ),
    "keras": (
        "__call__",
        "(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any: ...",
    ),
}
BY_NAME = Parameter.KEYWORD_ONLY
# Parameters that are not those of the function.
OTHERS = {
    "reduction": "_Reduction",
    "name": "str | None",
    "ignore_index": "int | None",
    "full": "bool",
    "eps": "float",
}


def written(option: Parameter) -> str:
    """Return a parameter as a stub has it."""
    kind = "_Reduction" if option.name == "reduction" else option.annotation
    if kind is Parameter.empty:
        kind = OTHERS.get(option.name, "Any")
    name = kind if isinstance(kind, str) else getattr(kind, "__name__", str(kind))
    if option.default is None and name != "Any" and "None" not in name:
        name += " | None"
    return f"{option.name}: {name} = ..."


def listed(options: list[Parameter]) -> str:
    """Return parameters with a star before those that are given by name."""
    placed = [f"{p.name}: {p.annotation}" for p in options if p.kind is not BY_NAME]
    named = [written(p) for p in options if p.kind is BY_NAME]
    return ", ".join([*placed, "*", *named])


def call_of(made: type) -> str:
    """Return how a class is called that takes arrays of its own."""
    if not made.__module__.endswith("_others"):
        return ""
    _, *arrays = signature(made.forward).parameters.values()  # type: ignore[attr-defined]
    default = {
        p.name: "" if p.default is Parameter.empty else " = None" for p in arrays
    }
    given = ", ".join(f"{name}: Any{end}" for name, end in default.items())
    return f"(self, {given}) -> Any: ..."


def stub(framework: str) -> str:
    """Return the text of one stub."""
    module = import_module(f"lossbook.adapters.{framework}")
    name, call = CALL[framework]
    lines = [HEAD[framework]]
    for made in module.__all__:
        _, *options = signature(getattr(module, made).__init__).parameters.values()
        lines += [
            f"class {made}({BASE[framework]}):  # type: ignore[misc]",
            f"    def __init__(self, {listed(options)}) -> None: ...",
            f"    def {name}{call_of(getattr(module, made)) or call}",
        ]
    return formatted("\n".join(lines))


def formatted(text: str) -> str:
    """Return the text as the formatter of the repository writes it."""
    command = [sys.executable, "-m", "ruff", "format", "--stdin-filename", "a.pyi", "-"]
    done = subprocess.run(
        command, input=text, capture_output=True, text=True, check=True, cwd=FOLDER
    )
    return done.stdout


def main(check: bool) -> int:
    """Write the stubs, or say which differ."""
    old = []
    for framework in HEAD:
        path = FOLDER / f"{framework}.pyi"
        text = stub(framework)
        if check and (not path.exists() or path.read_text("utf-8") != text):
            old.append(path.name)
        elif not check:
            path.write_text(text, encoding="utf-8")
    if old:
        print(f"{', '.join(old)} are old: run python tools/stubs.py")
    return bool(old)


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
