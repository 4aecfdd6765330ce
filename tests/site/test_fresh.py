"""A second build of a small book: what has changed is new on its pages, and no more."""

import os
import shutil
import subprocess
import sys

import pytest

from . import built

pytestmark = pytest.mark.site

OPTIONS = ("-C", "-W", "--keep-going", "-d", "memory")
SETTINGS = {
    "extensions": "fresh,stamp",
    "html_static_path": "looks",
    "html_css_files": "own.css",
    "master_doc": "index",
}
FILES = {
    "index.rst": "Home\n====\n\n.. toctree::\n\n   first\n   second\n",
    "first.rst": "First\n=====\n\nWords.\n",
    "second.rst": "Second\n======\n\nWords.\n",
    "looks/own.css": "p { color: black; }\n",
    "looks/own.js": "let one;\n",
    "_config.yml": "title: small\n",
    "package-lock.json": "{}\n",
    # An extension of the book's: it says on every page what it read in its own time.
    "ext/stamp.py": (
        "WORD = 'before'\n"
        "def read(app, name, source):\n"
        "    source[0] += f'\\nStamp {WORD}.\\n'\n"
        "def setup(app):\n"
        "    app.connect('source-read', read)\n"
        "    return {'parallel_read_safe': True}\n"
    ),
}


class SmallBook:
    def __init__(self, folder):
        self.folder, self.pages = folder, folder / "out"
        for name, text in FILES.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        shutil.copy(built.ROOT / "book/_ext/fresh.py", folder / "ext")

    def run(self):
        settings = [f"-D{key}={value}" for key, value in SETTINGS.items()]
        return subprocess.run(
            [sys.executable, "-m", "sphinx", *OPTIONS, *settings, ".", "out"],
            cwd=self.folder,
            env=os.environ | {"PYTHONPATH": str(self.folder / "ext")},
            capture_output=True,
            text=True,
            check=False,
        )

    def build(self):
        run = self.run()
        assert run.returncode == 0, run.stderr
        return run.stdout

    def change(self, name, old, new):
        file = self.folder / name
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new))

    def page(self, name):
        return (self.pages / f"{name}.html").read_text()


@pytest.fixture
def book(tmp_path):
    book = SmallBook(tmp_path)
    book.build()
    return book


def test_a_second_build_writes_nothing(book):
    written = {page: page.stat().st_mtime_ns for page in book.pages.rglob("*")}
    book.build()
    assert {page: page.stat().st_mtime_ns for page in book.pages.rglob("*")} == written


def test_a_changed_style_or_script_is_copied_and_asked_for_anew(book):
    old = book.page("first")
    book.change("looks/own.css", "black", "navy")
    book.change("looks/own.js", "one", "two")
    book.build()
    assert "navy" in (book.pages / "_static" / "own.css").read_text()
    assert "two" in (book.pages / "_static" / "own.js").read_text()
    # The link names the content, so that no browser shows the style it has kept.
    assert book.page("first") != old


def test_a_changed_extension_reads_every_page_anew(book):
    assert "Stamp before." in book.page("second")
    book.change("ext/stamp.py", "'before'", "'after'")
    book.build()
    assert "Stamp after." in book.page("first")
    assert "Stamp after." in book.page("second")


@pytest.mark.parametrize("name", ["_config.yml", "package-lock.json"])
def test_changed_settings_write_every_page_anew(book, name):
    page = book.pages / "first.html"
    page.write_text("old")
    book.build()
    assert page.read_text() == "old"
    (book.folder / name).write_text("{}\n\n")
    book.build()
    assert page.read_text() != "old"


def test_a_new_title_stands_in_the_menus_of_all_pages(book):
    book.change("second.rst", "Second\n======", "Another\n=======")
    book.build()
    assert "Another" in book.page("first")
    assert "Second" not in book.page("first")


def test_a_page_whose_source_is_gone_goes_too(book):
    book.change("index.rst", "   second\n", "")
    (book.folder / "second.rst").unlink()
    book.build()
    assert not (book.pages / "second.html").exists()
    assert "Second" not in book.page("first")


def test_a_build_with_a_warning_fails_again_until_it_is_mended(book):
    book.change("first.rst", "Words.", "Words of :doc:`nowhere`.")
    assert book.run().returncode != 0
    assert book.run().returncode != 0
    book.change("first.rst", " of :doc:`nowhere`", "")
    book.build()


def test_a_build_that_was_killed_is_begun_anew(book):
    page = book.pages / "first.html"
    page.write_text("half")
    (book.folder / "memory" / "unfinished").touch()
    book.build()
    assert "Words." in page.read_text()
