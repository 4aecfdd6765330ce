"""A page shows its own sections: beside it on a screen, behind a button on a phone."""

import re

import pytest

from . import built
from .conftest import Visit, open_page

pytestmark = pytest.mark.site

PAGES = (
    "concepts/what-is-a-loss",
    "math/cross-entropy",
    "projects/at-scale",
    "reference/faq",
    "reference/field-guide",
)
CONTENTS = "nav.page-toc a[href^='#']"
SECTIONS = """[...document.querySelectorAll('.bd-article section > :is(h2, h3)')]
    .map(heading => '#' + heading.parentElement.id)"""


def listed(page):
    """Return the addresses that the contents show, without those folded away."""
    return page.evaluate(
        "selector => [...document.querySelectorAll(selector)]"
        ".filter(link => link.checkVisibility())"
        ".map(link => link.getAttribute('href'))",
        CONTENTS,
    )


@pytest.mark.parametrize("name", PAGES)
def test_a_page_lists_its_sections_beside_it(offline, html, name):
    path = html / "book" / f"{name}.html"
    page = open_page(offline, path, Visit(name), width=1280)
    sections = page.evaluate(SECTIONS)
    assert sections and listed(page) == sections
    box = page.locator("nav.page-toc").bounding_box()
    article = page.locator("article.bd-article").bounding_box()
    assert article["x"] + article["width"] <= box["x"] < 1280
    page.close()


@pytest.mark.parametrize("name", PAGES)
def test_a_phone_has_them_behind_a_button(offline, html, name):
    path = html / "book" / f"{name}.html"
    page = open_page(offline, path, Visit(name), width=390)
    sections = page.evaluate(SECTIONS)
    page.locator("button.secondary-toggle:visible").click(timeout=3_000)
    link = page.locator(CONTENTS).nth(1)
    link.click(timeout=3_000)
    page.wait_for_url(f"**{sections[1]}", timeout=3_000)
    seen = f"document.querySelector('{sections[1]}').getBoundingClientRect().top"
    page.wait_for_function(f"Math.abs({seen}) < 200", timeout=3_000)
    page.close()


def test_every_page_with_sections_has_contents(html):
    without = []
    for path in built.pages():
        text = path.read_text(encoding="utf-8")
        if "<h2>" in text.split("<article", 1)[-1] and "page-toc" not in text:
            without.append(path.name)
    assert without == []


def test_what_a_cell_gives_as_a_table_is_one_on_the_page(html):
    bars = re.compile(r"<p>\s*\|")  # a line of Markdown's bars, read as words
    texts = {path.name: path.read_text(encoding="utf-8") for path in built.pages()}
    assert [name for name, text in texts.items() if bars.search(text)] == []
    assert texts["elsewhere.html"].count("<table") >= 10
