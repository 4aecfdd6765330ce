"""Imports run one way, and frameworks are named in their own rooms alone."""

import ast
from pathlib import Path

import pytest

import lossbook

PACKAGE = Path(lossbook.__file__).parent
# From the ground up: a module imports from its own floor and from those below.
FLOORS = [
    {"backends"},
    {"core"},
    {"losses"},
    {"constants", "gradients", "metrics", "optim"},
    {"adapters", "conventions"},
    {"_book"},
    {"datasets", "examples", "plots", "results"},  # the public names of the course
]
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
FILES = sorted(
    path.relative_to(PACKAGE)
    for path in PACKAGE.rglob("*.py")
    if path.name != "__init__.py" or len(path.relative_to(PACKAGE).parts) > 1
)


def room(path):
    return path.parts[0].removesuffix(".py")


def imported(path):
    """Return the modules that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse((PACKAGE / path).read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module == "lossbook":
            yield from (f"lossbook.{name.name}" for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module


@pytest.mark.parametrize("path", FILES, ids=str)
def test_a_file_imports_nothing_from_above(path):
    for module in imported(path):
        package, _, rest = module.partition(".")
        target = rest.partition(".")[0]
        if package == "lossbook" and target in FLOOR:
            assert FLOOR[target] <= FLOOR[room(path)], f"{path} imports {module}"


@pytest.mark.parametrize("path", [p for p in FILES if FLOOR[room(p)] < 3], ids=str)
def test_frameworks_are_named_in_their_own_folders_alone(path):
    folder = path.parts[1] if len(path.parts) > 2 else ""
    others = {"torch", "tensorflow", "keras", "jax"} - {folder}
    found = {module.partition(".")[0] for module in imported(path)}
    assert not found & others
    if room(path) != "backends":
        source = (PACKAGE / path).read_text("utf-8")
        tree = ast.parse(source)
        calls = [n for n in ast.walk(tree) if isinstance(n, ast.Call)]
        asked = {ast.unparse(call) for call in calls if "hasattr" in ast.unparse(call)}
        assert not asked, "ask the backend, not the array"
        assert ".NAME" not in source, "ask the backend for what is needed, not its name"


def test_every_room_stands_on_a_floor():
    assert {room(path) for path in FILES} == set(FLOOR)


def test_no_file_is_longer_than_a_reader_holds():
    longer = {
        str(path): len((PACKAGE / path).read_text("utf-8").splitlines())
        for path in FILES
    }
    longer = {path: lines for path, lines in longer.items() if lines > 400}
    # Half of these lines are docstrings with formulas, errors and sources; the answers
    # and the files of MNIST are lists.
    assert set(longer) <= {
        "losses/classification.py",
        "losses/regression.py",
        "losses/ranking.py",
        "_book/answers/concepts.py",
        "_book/datasets.py",
        "_book/plots.py",
    }, longer
