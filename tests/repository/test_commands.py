"""What `make test` does with its three parts, which stand in for the real ones here."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

MAKEFILE = Path(__file__).parents[2] / "Makefile"
pytestmark = pytest.mark.skipif(
    shutil.which("make") is None or not MAKEFILE.exists(), reason="no make here"
)
# In this order each is newer than what it depends on, so that nothing is installed.
INSTALLED = (
    "pyproject.toml",
    "constraints.txt",
    "package.json",
    "package-lock.json",
    ".venv/bin/python",
    ".venv/.book",
    ".venv/.test",
    "node_modules/.installed",
)


def make_test(folder, **parts):
    """Run `make test` with other commands for its parts; return status and output."""
    for age, name in enumerate(reversed(INSTALLED)):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        os.utime(path, (1e9 - age, 1e9 - age))
    recipes = "".join(f"{name}:\n\t{command}\n" for name, command in parts.items())
    makefile = f"include {MAKEFILE}\nbook: ;\n{recipes}"
    (folder / "Makefile").write_text(makefile, encoding="utf-8")
    clean = {name: os.environ[name] for name in os.environ if "MAKE" not in name}
    run = subprocess.run(
        ["make", "test"], cwd=folder, env=clean, capture_output=True, text=True
    )
    return run.returncode, run.stdout


def last_lines(output):
    return [re.sub(r"\d+ s$", "n s", line) for line in output.splitlines()[-3:]]


def test_make_test_runs_every_part_and_fails_if_one_does(tmp_path):
    status, output = make_test(
        tmp_path, unit="@false", notebooks="@echo replayed", site="@echo opened"
    )
    assert status != 0
    assert "replayed" in output and "opened" in output
    assert [line.split() for line in last_lines(output)] == [
        ["unit", "FAILED", "n", "s"],
        ["notebooks", "passed", "n", "s"],
        ["site", "passed", "n", "s"],
    ]


def test_make_test_passes_if_every_part_does_and_says_how_long_each_took(tmp_path):
    status, output = make_test(
        tmp_path, unit="@true", notebooks="@true", site="@sleep 2"
    )
    assert status == 0
    assert all("passed" in line for line in last_lines(output))
    assert int(output.split()[-2]) >= 2
