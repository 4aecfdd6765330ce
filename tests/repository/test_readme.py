"""What a stranger meets first: the README on GitHub and on PyPI, and its commands."""

import os
import re
import runpy
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml
from markdown_it import MarkdownIt
from mdit_py_plugins.anchors import anchors_plugin

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
FRAMEWORKS = ("torch", "tensorflow", "keras")
TEXTS = ("README.md", "CONTRIBUTING.md", "RELEASING.md", "CHANGELOG.md")
config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
ADDRESS = config["repository"]["url"]


def fenced(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


# `make wheel` runs the tests where the package is installed and not beside them.
in_checkout = pytest.mark.skipif(
    not (ROOT / "lossbook").is_dir(), reason="this is no checkout"
)


def described():
    return runpy.run_path(str(ROOT / "setup.py"))["description"]()


class Page(HTMLParser):
    """The links, pictures and anchors of a text, as GitHub and PyPI render it."""

    def __init__(self, markdown):
        super().__init__()
        self.targets, self.anchors = [], set()
        rendered = MarkdownIt("gfm-like").use(anchors_plugin, max_level=4)
        self.feed(rendered.render(markdown))

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.anchors.add(f"#{attrs.get('id')}")
        self.targets += [attrs[key] for key in ("href", "src") if key in attrs]


def run(code, *first):
    """Run the README's Python in a process of its own; return what it prints."""
    code = "\n".join([*first, code])
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.splitlines()


def promised(code):
    """Return what the comments behind the prints say that will be printed."""
    lines = [line.partition("  # ") for line in code.splitlines()]
    return [said for call, _, said in lines if call.startswith("print(")]


def test_the_first_lines_of_use_run_as_they_stand_and_load_no_framework():
    first = fenced("python")[0]
    seen = f"import sys; print([m for m in {FRAMEWORKS} if m in sys.modules])"
    *printed, loaded = run(first + seen)
    assert len(printed) >= 3
    # A remark may follow: "2.06e-09, and not 0".
    assert printed == [said.partition(", and ")[0] for said in promised(first)]
    assert loaded == "[]"


def test_the_lines_for_pytorch_run_after_those_before_them():
    pytest.importorskip("torch")
    blocks = fenced("python")
    assert len(blocks) >= 2
    printed = run("\n".join(blocks))
    said = [part for block in blocks for part in promised(block)]
    assert printed == [part.partition(", and ")[0] for part in said]


@pytest.mark.parametrize("name", TEXTS)
def test_every_relative_link_leads_to_a_file_of_the_repository(name):
    page = Page((ROOT / name).read_text(encoding="utf-8"))
    for target in page.targets:
        if target.startswith("#"):
            assert target in page.anchors
        elif not urlsplit(target).scheme:
            assert (ROOT / target).is_file(), f"{name} leads to {target}"


def test_the_readme_shows_its_picture_from_the_clone_itself():
    pictures = re.findall(r"!\[(.+?)\]\((.+?)\)", README)
    assert [target for _, target in pictures] == ["book/_static/page.png"]


@in_checkout
def test_on_pypi_every_link_is_an_address_or_a_place_on_the_page():
    page, original = Page(described()), Page(README)
    assert len(page.targets) == len(original.targets) >= 4
    for target, before in zip(page.targets, original.targets, strict=True):
        assert target.startswith("https://") or target in page.anchors
        # The file at the tag of the version, which stays what it was.
        inside = target.startswith((f"{ADDRESS}/blob/v", f"{ADDRESS}/raw/v"))
        assert inside != bool(urlsplit(before).scheme or before.startswith("#"))
        assert target.endswith(before)


@in_checkout
def test_on_pypi_the_text_is_that_of_the_readme():
    without_links = re.compile(r"\]\(.+?\)")
    assert without_links.sub("]", described()) == without_links.sub("]", README)


def test_the_commands_are_targets_of_the_makefile():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    texts = [(ROOT / name).read_text(encoding="utf-8") for name in TEXTS]
    named = set(re.findall(r"(?:`|^)make ([a-z]+)\b", "\n".join(texts), re.MULTILINE))
    assert {"book", "test"} <= named
    assert named <= targets


def test_the_commands_without_make_are_those_that_make_runs():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    listed = README.partition("## Without make")[2].partition("```sh\n")[2]
    for extras in re.findall(r"-e (\"\.\[.+?\]\")", listed.partition("```")[0]):
        assert f"-e {extras}" in makefile
    for option in ("npm ci --ignore-scripts", "build . -W --keep-going", "--nbval "):
        assert option in listed and option in makefile


@pytest.fixture
def empty_clone(tmp_path):
    if not shutil.which("make"):
        pytest.skip("make is not installed")
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def make(folder, *arguments):
    return subprocess.run(
        ["make", *arguments],
        cwd=folder,
        env={**os.environ, "MAKEFLAGS": ""},
        capture_output=True,
        text=True,
    )


def interpreter(folder, script):
    path = folder / "python-of-theirs"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return f"PYTHON={path}"


def test_an_old_python_is_refused_before_anything_is_made(empty_clone):
    older = (
        f'exec "{sys.executable}" -c "import sys; sys.version_info = (3, 10, 0)\n$2"'
    )
    ran = make(empty_clone, "book", interpreter(empty_clone, older))
    assert ran.returncode != 0
    assert "needs Python 3.11 or newer" in ran.stderr and "PYTHON=" in ran.stderr
    assert not (empty_clone / ".venv").exists()


def test_an_environment_that_broke_off_is_not_taken_for_one(empty_clone):
    # Debian's python3 without python3-venv leaves an interpreter and no pip behind.
    breaks = (
        'case "$1" in -m) mkdir -p .venv/bin; touch .venv/bin/python; exit 1;; esac'
    )
    ran = make(empty_clone, "book", interpreter(empty_clone, breaks))
    assert ran.returncode != 0
    assert not (empty_clone / ".venv").exists()
