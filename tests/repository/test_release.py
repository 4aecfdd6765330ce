"""What a release rests on: one version, one address, and what is in the built files."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
import yaml

import lossbook

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))
import installed
import release
import repository

sys.path.pop(0)

ROOT = Path(__file__).parents[2]
# `make wheel` runs the tests where the package is installed and not beside them.
pytestmark = pytest.mark.skipif(
    not ((ROOT / ".git").exists() and (ROOT / "lossbook").is_dir()),
    reason="this is no checkout",
)

PLACES = (
    "lossbook/__init__.py",
    "CHANGELOG.md",
    "CITATION.cff",
    "README.md",
    "_config.yml",
    "pyproject.toml",
)


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """Return a copy of what names a version, an address or a date."""
    monkeypatch.delenv("GITHUB_REPOSITORY", raising=False)
    for name in PLACES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def put(folder, name, old, new):
    text = (folder / name).read_text(encoding="utf-8")
    assert old in text
    (folder / name).write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.fixture
def ready(copy):
    """Return a copy made ready as RELEASING.md says; the version is 9.8.7."""
    number, date = release.version(copy), release.newest(copy).date
    put(copy, "lossbook/__init__.py", number, "9.8.7")
    put(copy, "CHANGELOG.md", f"## {number} - {date}", "## 9.8.7 - 2031-02-03")
    citation = yaml.safe_load((copy / "CITATION.cff").read_text(encoding="utf-8"))
    citation |= {"version": "9.8.7", "date-released": "2031-02-03"}
    (copy / "CITATION.cff").write_text(yaml.safe_dump(citation), encoding="utf-8")
    readme = (copy / "README.md").read_text(encoding="utf-8")
    (copy / "README.md").write_text(repository.NOTE.sub("", readme), encoding="utf-8")
    return copy


def test_changelog_and_citation_say_the_version_and_the_date_of_the_package():
    assert release.version() == lossbook.__version__
    assert release.disagreements() == []
    assert "lossbook.__version__" in (ROOT / "pyproject.toml").read_text("utf-8")


def test_a_release_that_agrees_with_itself_and_its_tag_is_let_through(ready):
    assert release.hindrances(ready) == []
    assert release.hindrances(ready, "v9.8.7") == []


NOTE = "<!-- placeholder -->\nx\n<!-- /placeholder -->\n\n"
INIT, LOG, CITED = "lossbook/__init__.py", "CHANGELOG.md", "CITATION.cff"


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        (INIT, "9.8.7", "9.8.8", "CHANGELOG.md: its first entry is 9.8.7, not 9.8.8"),
        (LOG, "9.8.7", "9.9.0", "CHANGELOG.md: its first entry is 9.9.0, not 9.8.7"),
        (LOG, "2031-02-03", "unreleased", "put the date in the place of 'unreleased'"),
        (LOG, "2031-02-03", "2031-02-04", "date-released is 2031-02-03, not 2031"),
        (LOG, "2031-02-03", "soon", "soon is neither a date nor 'unreleased'"),
        (CITED, "9.8.7", "9.8.6", "CITATION.cff: version is 9.8.6, not 9.8.7"),
        (CITED, "date-released:", "day:", "date-released is unreleased, not 2031"),
        ("README.md", "## ", f"{NOTE}## ", "says that the address is a placeholder"),
    ],
)
def test_what_contradicts_a_release_is_named(ready, name, old, new, said):
    put(ready, name, old, new)
    assert any(said in line for line in release.hindrances(ready, "v9.8.7"))


@pytest.mark.parametrize("tag", ["9.8.7", "v9.8.8", "v9.8.7rc1"])
def test_a_tag_that_is_not_the_version_is_refused(ready, tag):
    assert release.hindrances(ready, tag) == [
        f"the tag is {tag}, and the version makes it v9.8.7"
    ]


def test_a_release_from_another_repository_than_the_one_named_is_refused(
    ready, monkeypatch
):
    named = repository.address(ready).partition("github.com/")[2]
    monkeypatch.setenv("GITHUB_REPOSITORY", named)
    assert release.hindrances(ready) == []
    monkeypatch.setenv("GITHUB_REPOSITORY", "somebody/elsewhere")
    (said,) = release.hindrances(ready)
    assert said.startswith("_config.yml") and "somebody/elsewhere" in said


def test_the_notes_of_a_release_are_its_part_of_the_changelog(ready):
    put(ready, "CHANGELOG.md", "## 9.8.7", "## 9.9.0 - unreleased\n\nNew.\n\n## 9.8.7")
    assert release.newest(ready) == release.Entry("9.9.0", "unreleased", "New.")


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/name/book",
        "https://github.com/name/book/",
        "https://github.com/name/book.git",
    ],
)
def test_an_address_is_written_as_github_writes_it(url):
    assert repository.cleaned(url) == "https://github.com/name/book"


@pytest.mark.parametrize(
    "url",
    ["", "name/book", "git@github.com:name/book.git", "https://github.com/name",
     "https://github.com//book", "https://github.com/name/book/tree/main"],
)  # fmt: skip
def test_what_is_no_address_of_a_repository_is_refused(url):
    assert repository.cleaned(url) == ""


def test_the_real_address_takes_the_place_of_the_placeholder_everywhere(copy):
    old, new = repository.address(copy), "https://github.com/name/book"
    (copy / "picture.png").write_bytes(b"\x89PNG" + old.encode())
    subprocess.run(["git", "init", "--quiet"], cwd=copy, check=True)
    subprocess.run(["git", "add", "--all"], cwd=copy, check=True)
    naming = [name for name in PLACES if old in (copy / name).read_text("utf-8")]
    assert sorted(repository.change(old, new, copy)) == sorted(naming)
    assert {"README.md", "_config.yml", "pyproject.toml", "CITATION.cff"} <= {*naming}
    assert repository.address(copy) == new
    readme = (copy / "README.md").read_text(encoding="utf-8")
    assert old not in readme and f"git+{new}@main" in readme
    assert "placeholder" not in readme
    assert old.encode() in (copy / "picture.png").read_bytes()


BUILD = """
import setuptools.build_meta as backend
print(backend.build_sdist("dist"), backend.build_wheel("dist"))
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Return the folder with the sdist and the wheel, built without a network."""
    folder = tmp_path_factory.mktemp("package")
    for name in installed.tracked():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    ran = subprocess.run(
        [sys.executable, "-c", BUILD],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": "", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    return folder / "dist"


def contents(dist):
    (wheel,), (sdist,) = dist.glob("*.whl"), dist.glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as inside, tarfile.open(sdist) as packed:
        names = {name.partition("/")[2] for name in packed.getnames()}
        metadata = next(n for n in inside.namelist() if n.endswith("/METADATA"))
        return {*inside.namelist()}, names, inside.read(metadata).decode("utf-8")


def test_wheel_and_sdist_hold_the_package_and_neither_tests_nor_the_book(built):
    wheel, sdist, _ = contents(built)
    package = {n for n in installed.tracked() if n.startswith("lossbook/")}
    assert installed.faults(wheel, sdist, package) == []
    assert "setup.py" in sdist, "without it the sdist cannot be built"
    about = {name.partition("/")[2] for name in wheel if ".dist-info/" in name}
    assert "licenses/LICENSE" in about
    besides = {"benchmarks", "book", "tests", ".github", "node_modules"}
    assert not besides & {name.partition("/")[0] for name in wheel | sdist}


def test_the_description_that_pypi_shows_is_the_readme_with_addresses(built):
    head, _, text = contents(built)[2].partition("\n\n")
    assert "Description-Content-Type: text/markdown" in head
    assert f"Version: {lossbook.__version__}\n" in head
    picture = (
        f"{repository.address()}/raw/v{lossbook.__version__}/book/_static/page.png"
    )
    assert f"]({picture})" in text
