"""The findings are well formed, are listed, and their runner tells three ends apart.

What they find is not looked at here: `make findings` installs and runs them.
"""

import os
import re
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "findings"
SCRIPTS = sorted(p for p in FOLDER.glob("*.sh") if p.name != "run.sh")
PIN = re.compile(r"(@?[A-Za-z][\w./-]*)(?:==|@)(\d[\w.]*)")
each_script = pytest.mark.parametrize("script", SCRIPTS, ids=lambda p: p.stem)


def installed(text):
    """Return the words behind `pip install` or `npm install` that are not options."""
    command = re.search(r"(?:pip\"|npm) install (.*?) \|\| exit 2", text, re.DOTALL)
    words = command[1].replace("\\\n", " ").replace('--prefix "$tmp"', "").split()
    return [word for word in words if not word.startswith("-")]


def listed():
    """Return the pinned versions in the README's table, by script."""
    lines = (FOLDER / "README.md").read_text(encoding="utf-8").splitlines()
    cells = [line.split(" | ") for line in lines if line.startswith("| [")]
    return {re.search(r"\((.*)\)", row[0])[1]: set(row[1].split(", ")) for row in cells}


def test_the_readme_lists_every_script_with_the_versions_that_it_pins():
    pins = {p.name: installed(p.read_text(encoding="utf-8")) for p in SCRIPTS}
    assert len(pins) > 20
    assert listed() == {
        name: {" ".join(PIN.fullmatch(word).groups()) for word in words}
        for name, words in pins.items()
    }


@each_script
def test_a_script_pins_every_package_that_it_installs(script):
    words = installed(script.read_text(encoding="utf-8"))
    assert words
    assert [word for word in words if not PIN.fullmatch(word)] == []


@each_script
def test_a_script_can_be_run_and_is_sound_bash(script):
    assert os.access(script, os.X_OK)
    assert script.read_text(encoding="utf-8").startswith("#!/usr/bin/env bash\n# ")
    subprocess.run(["bash", "-n", script], check=True)


@each_script
def test_a_script_cleans_up_whatever_happens(script):
    text = script.read_text(encoding="utf-8")
    start = "set -eu\ntmp=$(mktemp -d)\ntrap 'rm -rf \"$tmp\"' EXIT\n"
    start += "trap 'exit 2' HUP INT TERM"
    before = text.split(" install ")[0]
    assert start in before
    assert "\nexport TMPDIR=$tmp " in before


@each_script
def test_a_script_says_what_one_expects_before_what_happens(script):
    text = script.read_text(encoding="utf-8")
    assert 0 < text.index('"One would expect: ') < text.index('"What happens: ')


@each_script
def test_a_script_decides_by_what_it_saw(script):
    text = script.read_text(encoding="utf-8")
    assert re.search(r"^(sys|process)\.exit\(.*(==|!=|not ).*\)", text, re.MULTILINE)
    assert text.endswith('  echo "The behaviour has changed."\n  exit 1\nfi\n')


@each_script
def test_a_script_runs_without_lossbook(script):
    assert "lossbook" not in script.read_text(encoding="utf-8")


@each_script
def test_the_python_in_a_script_compiles(script):
    text = script.read_text(encoding="utf-8")
    if "/bin/python" in text:
        compile(text.split("<<'EOF'\n")[1].split("\nEOF\n")[0], script.name, "exec")


def run(folder, *names, **scripts):
    for name, text in scripts.items():
        (folder / f"{name}.sh").write_text(text, encoding="utf-8")
    command = ["bash", FOLDER / "run.sh", *names]
    environment = {**os.environ, "FINDINGS_FOLDER": str(folder), "FINDINGS_LIMIT": "5"}
    return subprocess.run(command, env=environment, capture_output=True, text=True)


def test_the_runner_names_what_changed_and_goes_on_behind_it(tmp_path):
    done = run(tmp_path, a="exit 1\n", b="echo noise\nexit 0\n", c="exit 2\n")
    lines = done.stdout.splitlines()
    verdicts = [line.split(" (")[0].split(maxsplit=1) for line in lines]
    assert verdicts[:3] == [["a", "changed"], ["b", "same"], ["c", "could not run"]]
    assert done.stdout.endswith("1 the same, 1 changed, 1 could not be run.\n")
    assert done.returncode == 1


def test_the_runner_is_content_when_nothing_changed(tmp_path):
    done = run(tmp_path, a="exit 0\n", b="exit 2\n")
    assert done.returncode == 0


def test_the_runner_does_not_pass_when_nothing_could_be_run(tmp_path):
    assert run(tmp_path, a="exit 2\n").returncode == 2


def test_the_runner_runs_only_what_is_named(tmp_path):
    done = run(tmp_path, "b", a="exit 1\n", b="exit 0\n")
    assert done.returncode == 0
    assert "a " not in done.stdout.splitlines()[0]


def test_the_runner_ends_a_script_that_hangs(tmp_path):
    done = run(tmp_path, a="sleep 60\n", b="exit 0\n")
    assert "could not run" in done.stdout.splitlines()[0]
    assert done.returncode == 0
