"""A page that a reader prints: dark on white, answers open, nothing cut or to press."""

import re

import pypdfium2
import pytest
from pypdfium2 import raw

from . import built
from .conftest import Visit, open_page
from .test_paper import pdf, pdf_checks

pytestmark = pytest.mark.site

CHAPTER = "book/concepts/what-is-a-loss"


@pytest.fixture
def dark_page(browser):
    context = browser.new_context(offline=True, color_scheme="dark")
    page = open_page(context, built.HTML / f"{CHAPTER}.html", Visit(CHAPTER))
    page.locator(".lb-mermaid svg").first.wait_for()
    yield page
    context.close()


def colours(path):
    """Give the colours of all words on a PDF's pages, as numbers from 0 to 255."""
    found = set()
    with pypdfium2.PdfDocument(path) as document:
        for page in document:
            for item in page.get_objects([raw.FPDF_PAGEOBJ_TEXT]):
                found.add(fill_of(item))
    return found


def fill_of(item):
    parts = [raw.c_uint() for _ in range(4)]
    raw.FPDFPageObj_GetFillColor(item, *parts)
    return tuple(part.value for part in parts[:3])


def contrast_with_white(colour):
    def linear(part):
        part /= 255
        return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4

    red, green, blue = map(linear, colour)
    return 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05)


STATE = """() => ({
  theme: document.documentElement.dataset.theme,
  open: [...document.querySelectorAll("details")].map((e) => e.open),
})"""


# What stands in the answers between formulas, which are drawn after their line.
# The heads of folded cells are buttons: paper has the cells alone.
PLAIN_WORDS = """() => [...document.querySelectorAll("details :is(p, li)")]
  .filter((e) => !e.closest(".cell summary"))
  .flatMap((e) => [...e.childNodes])
  .filter((node) => node.nodeType === Node.TEXT_NODE && node.data.trim().length > 3)
  .map((node) => node.data.trim())"""


CODE_LINES = """() => [...document.querySelectorAll(".cell details:not([open]) pre")]
  .flatMap((e) => e.textContent.split("\\n")).filter((line) => line.trim())"""


def test_a_dark_page_is_printed_dark_on_white_with_its_answers(dark_page, tmp_path):
    code = dark_page.evaluate(CODE_LINES)
    dark_page.locator("details:not(.cell details) summary").first.click()
    before = dark_page.evaluate(STATE)
    assert before["theme"] == "dark"
    assert True in before["open"] and False in before["open"]
    answers = dark_page.evaluate(PLAIN_WORDS)
    path = tmp_path / "page.pdf"
    dark_page.pdf(path=path, format="A4")  # like the menu, it tells the page
    with pypdfium2.PdfDocument(path) as document:
        text = pdf_checks.squeeze(
            "".join(page.get_textpage().get_text_range() for page in document)
        )
    assert len(answers) > len(before["open"])
    assert len(code) > 5
    words = [*answers, *code]
    assert [w for w in words if pdf_checks.squeeze(w) not in text] == []
    faint = [c for c in colours(path) if contrast_with_white(c) < 4.5]
    assert faint == []
    assert dark_page.evaluate(STATE) == before
    dark_page.locator(".lb-mermaid svg").first.wait_for()


def test_paper_has_no_menus_and_nothing_to_press(dark_page):
    dark_page.emulate_media(media="print")
    shown = dark_page.evaluate(
        """() => [...document.querySelectorAll(
            `nav, button, input, dialog, .headerlink, .bd-sidebar, .prev-next-area,
             .cell summary`)]
          .filter((e) => e.checkVisibility()).map((e) => e.outerHTML.slice(0, 80))"""
    )
    assert shown == []
    assert dark_page.locator(".lb-frames output").first.is_visible()
    assert dark_page.locator(".bd-article h1").first.is_visible()
    assert dark_page.locator("h1:visible").count() == 1


def test_a_diagram_drawn_for_the_dark_has_dark_words_on_paper(dark_page):
    dark_page.emulate_media(media="print")
    words = dark_page.evaluate(
        """() => [...document.querySelectorAll(".lb-mermaid svg :is(p, span, text)")]
          .filter((e) => e.textContent.trim())
          .map((e) => getComputedStyle(e)[e.localName === "text" ? "fill" : "color"])"""
    )
    assert words
    shades = {tuple(map(int, re.findall(r"\d+", colour)[:3])) for colour in words}
    assert [shade for shade in shades if contrast_with_white(shade) < 7] == []


@pytest.mark.parametrize(
    "name",
    [
        CHAPTER,
        "book/reference/glossary",
        "book/reference/api",
        "book/reference/api-tools",
    ],
)
def test_nothing_is_cut_at_the_edge_of_a_sheet(browser, name):
    context = browser.new_context(offline=True, viewport=pdf.PAPER)
    page = open_page(context, built.HTML / f"{name}.html", Visit(name))
    page.set_viewport_size(pdf.PAPER)
    page.emulate_media(media="print")
    wrong = page.evaluate(pdf.LOOK)["wrong"]
    assert [line for line in wrong if "edge" in line] == []
    context.close()


def addresses_printed(browser, name):
    """Give what is printed behind each link that leads out of a page."""
    page = browser.new_page()
    page.goto((built.HTML / f"{name}.html").as_uri())
    page.emulate_media(media="print")
    printed = page.evaluate(
        """() => [...document.querySelectorAll(".bd-article a.external")]
          .map((a) => [a.href, getComputedStyle(a, "::after").content])"""
    )
    page.close()
    return printed


def test_a_link_says_on_paper_where_it_leads_unless_it_stands_there(browser):
    named = addresses_printed(browser, "book/reference/how-this-book-is-tested")
    assert named
    assert all(address.rstrip("/") in content for address, content in named)
    written_out = addresses_printed(browser, "book/reference/bibliography")
    assert {content for _, content in written_out} == {"none"}
