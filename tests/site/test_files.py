"""The built files, read without a browser: what they name must exist, and be theirs."""

import importlib.util
import re
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

import pytest

import lossbook

from . import built

pytestmark = pytest.mark.site

# What a browser fetches by itself; `link` also names relations that it leaves alone.
FETCHED = {
    "script": "src",
    "img": "src",
    "iframe": "src",
    "source": "src",
    "video": "src",
    "audio": "src",
    "embed": "src",
    "object": "data",
    "link": "href",
}
NOT_FETCHED = {"canonical", "next", "prev", "search", "author", "index", "up"}


class References(HTMLParser):
    """The names, links and fetched files of one page."""

    def __init__(self, page):
        super().__init__()
        self.ids, self.links, self.fetched = set(), set(), set()
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.ids.add(attrs.get("id"))
        if tag == "a" and attrs.get("href"):
            self.links.add(attrs["href"])
        address = attrs.get(FETCHED.get(tag, ""))
        if address and attrs.get("rel") not in NOT_FETCHED:
            self.fetched.add(address)


@pytest.fixture(scope="module")
def references(html):
    return {page: References(page) for page in built.pages()}


def is_local(address):
    parts = urlsplit(address)
    return not parts.scheme and not parts.netloc


def target_of(page, address):
    """The file that an address on a page leads to."""
    path = unquote(urlsplit(address).path)
    return (page.parent / path).resolve() if path else page


def test_pages_fetch_only_files_that_lie_beside_them(references):
    bad = [
        (page.name, address)
        for page, found in references.items()
        for address in found.fetched
        if not address.startswith("data:")
        if not is_local(address) or not target_of(page, address).exists()
    ]
    assert bad == []


def test_style_sheets_fetch_only_files_that_lie_beside_them(html):
    fetched = re.compile(r"""(?:url\(\s*|@import\s+)["']?([^"')\s;]+)""")
    bad = [
        (sheet.name, address)
        for sheet in html.rglob("*.css")
        for address in fetched.findall(sheet.read_text(encoding="utf-8"))
        if not address.startswith(("data:", "#"))
        if not is_local(address) or not target_of(sheet, address).exists()
    ]
    assert bad == []


def test_links_inside_the_book_lead_somewhere(references):
    bad = []
    for page, found in references.items():
        for address in filter(is_local, found.links):
            target, name = target_of(page, address), unquote(urlsplit(address).fragment)
            known = references.get(target)
            if not target.exists() or (name and known and name not in known.ids):
                bad.append((page.name, address))
    assert bad == []


def test_the_pages_of_functions_have_every_public_one(references):
    pages = (built.HTML / "book" / "reference").glob("api*.html")
    found = set().union(*(references[page].ids for page in pages))
    assert [name for name in lossbook.__all__ if f"lossbook.{name}" not in found] == []


def test_the_bibliography_says_what_references_bib_says():
    script = built.ROOT / "book" / "_ext" / "bibliography.py"
    spec = importlib.util.spec_from_file_location("bibliography", script)
    bibliography = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bibliography)
    written = bibliography.PAGE.read_text(encoding="utf-8")
    assert written == bibliography.page(), "run: python book/_ext/bibliography.py"
