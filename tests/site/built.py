"""The built book: where it is, whether it is up to date, and a browser to open it."""

import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
from browser import find_browser as find_browser
from browser import open_browser as open_browser

sys.path.pop(0)

ROOT = Path(__file__).resolve().parents[2]
HTML = ROOT / "_build" / "html"
# What `make book` runs, with the jupyter-book of this interpreter, whatever PATH says.
JUPYTER_BOOK = Path(sys.executable).with_name("jupyter-book")
BUILD = [str(JUPYTER_BOOK), "build", ".", "-W", "--keep-going"]
SOURCES = ("_config.yml", "_toc.yml", "package-lock.json", "book", "lossbook")


def newest_source():
    """When a file that the pages are made of was last changed."""
    files = (
        file
        for source in SOURCES
        for file in [ROOT / source, *(ROOT / source).rglob("*")]
        if file.is_file() and "__pycache__" not in file.parts
    )
    return max(file.stat().st_mtime for file in files)


def is_up_to_date():
    # Every build writes the search index last; one with warnings takes back what it
    # remembers (book/_ext/fresh.py).
    index, memory = (
        HTML / "searchindex.js",
        ROOT / "_build/.doctrees/environment.pickle",
    )
    return (
        index.exists() and memory.exists() and index.stat().st_mtime >= newest_source()
    )


def build():
    """Build the pages where they are missing or old; the log's end, if that fails."""
    if is_up_to_date():
        return None
    run = subprocess.run(BUILD, cwd=ROOT, capture_output=True, text=True, check=False)
    return (run.stdout + run.stderr)[-4000:] if run.returncode else None


def pages():
    """Every page that a reader can reach; ``index.html`` only leads to the first."""
    return sorted(
        page
        for page in HTML.rglob("*.html")
        if page != HTML / "index.html" and "_static" not in page.parts
    )


def name_of(page):
    """Name a page as ``_toc.yml`` does."""
    return page.relative_to(HTML).with_suffix("").as_posix()
