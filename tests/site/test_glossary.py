"""Links of the reference pages lead to the section that shows what they name."""

import json
import re
import unicodedata
from functools import cache
from pathlib import PurePosixPath

import pytest
import snowballstemmer
from bs4 import BeautifulSoup

from . import built

pytestmark = pytest.mark.site

REFERENCE = built.ROOT / "book" / "reference"
LINK = re.compile(r"\[([^\[\]]+)\]\(([^)#\s]*)#([^)\s]+)\)")
ROW = re.compile(r"^\| <a id=\"([^\"]+)\"></a>(.*) \|$", re.MULTILINE)
# Words that a link may add to those of the section without promising anything.
SMALL = "a an the of in on at to it its is that what how for and or one with"
stem = cache(snowballstemmer.stemmer("english").stemWord)


def stems(text):
    return [stem(word) for word in re.findall(r"\w+", text.lower())]


def slug(name):
    """Compare names of sections as MyST writes them in links, and Sphinx in pages."""
    plain = unicodedata.normalize("NFKD", name.lower())  # Lovász is Lovasz to Sphinx
    return re.sub(r"[^a-z0-9]", "", plain)


@cache
def parts(page):
    """Return ``{name: section}`` of a built page, without its pictures."""
    text = re.sub(r'src="data:[^"]*"', "", page.read_text(encoding="utf-8"))
    article = text[text.index("<article") : text.index("</article>")]
    soup = BeautifulSoup(article, "html.parser")
    for link in soup.find_all("a", class_="headerlink"):
        link.decompose()
    return {slug(part["id"]): part for part in soup.find_all("section", id=True)}


@cache
def sections(page):
    """Return ``{name: stems of the text}`` of all sections of a built page."""
    return {name: stems(part.get_text(" ")) for name, part in parts(page).items()}


def text_of(source, page, section):
    """Return the stems of the section that a link on a reference page leads to."""
    target = PurePosixPath("book/reference") / (page or source)
    path = (built.HTML / target).with_suffix(".html").resolve()
    return sections(path)[slug(section)]


def holds(text, name):
    words = stems(name)
    return any(
        text[i : i + len(words)] == words for i in range(len(text) - len(words) + 1)
    )


def source_of(name):
    """Return the Markdown of a page, a notebook's included."""
    text = (REFERENCE / name).read_text(encoding="utf-8")
    if not name.endswith(".ipynb"):
        return text
    cells = json.loads(text)["cells"]
    prose = [c["source"] for c in cells if c["cell_type"] == "markdown"]
    return "\n\n".join("".join(lines) for lines in prose)


def names_of(row):
    """List the names of a term: the bold one, and those in brackets after it."""
    term = row.split(" | ")[0]
    return re.split(
        r", (?![^(]*\))", re.sub(r"[*`]|\(|\)$", "", term.replace(" (", ", "))
    )


def test_each_row_of_the_glossary_leads_to_a_section_that_shows_the_term(html):
    rows = ROW.findall(source_of("glossary.md"))
    assert len(rows) > 150
    lost = []
    for name, row in rows:
        for words, page, section in LINK.findall(row)[-1:]:
            # Where no name of it is in the section, the link says how it is called.
            if not any(
                holds(text_of("glossary.md", page, section), n)
                for n in [*names_of(row), words]
            ):
                lost.append((name, page, section))
    assert lost == []


def test_a_term_without_a_link_is_shown_nowhere(html):
    without = [
        r for _, r in ROW.findall(source_of("glossary.md")) if not LINK.search(r)
    ]
    pages = [
        page
        for page in built.pages()
        if re.match("book/(?!intro|reference)", built.name_of(page))
    ]
    shown = [
        (name, page.name)
        for row in without
        for name in names_of(row)
        for page in pages
        if any(holds(text, name) for text in sections(page).values())
    ]
    assert shown == []


@pytest.mark.parametrize("name", ["faq.md", "notation.md", "field-guide.ipynb"])
def test_a_link_to_a_section_says_what_is_there(html, name):
    links = LINK.findall(source_of(name))
    lost = []
    for words, page, section in links:
        # Left out: its own table, names of authors, and the lab, which has tests of its
        # own for every link that leads into it.
        if not page or "bibliography" in page or "lab.md" in page:
            continue
        text = set(text_of(name, page, section))
        if not set(stems(words)) - set(stems(SMALL)) <= text:
            lost.append((words, page, section))
    assert lost == []


@cache
def formulas(page):
    """Return ``{name: the TeX of its formulas}`` of all sections of a built page."""
    return {
        name: [tex.get_text() for tex in part.find_all("annotation")]
        for name, part in parts(page).items()
    }


def test_a_letter_with_several_meanings_is_used_in_each_place_that_is_named(html):
    _, table = source_of("notation.md").split("## Letters with several meanings")
    rows = re.findall(r"^\| \$(.+?)\$ \| (.*) \|$", table, re.MULTILINE)
    assert len(rows) >= 8
    lost = []
    for letters, row in rows:
        uses = re.compile(
            "|".join(
                rf"(?<![\\A-Za-z]){re.escape(letter)}(?![A-Za-z])"
                for letter in letters.split(", ")
            )
        )
        for words, page, section in LINK.findall(row):
            target = (built.HTML / "book/reference" / page).with_suffix(".html")
            if not any(map(uses.search, formulas(target.resolve())[slug(section)])):
                lost.append((letters, words, page))
    assert lost == []
