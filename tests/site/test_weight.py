"""Light pages: small files, and what few readers look at is fetched when they do."""

import re

import pytest

from . import built
from .conftest import PATIENCE, Visit, open_page

pytestmark = pytest.mark.site

LIMIT = 500_000
FRAMES = re.compile(r'data-frames="([^"]*)"')
DIAGRAMS = "book/concepts/families-and-choosing.html"
SLIDERS = "book/optimizers/momentum.html"


def test_no_page_is_heavy(html):
    heavy = [
        built.name_of(page) for page in built.pages() if page.stat().st_size > LIMIT
    ]
    assert heavy == []


def test_the_frames_of_sliders_are_files_beside_the_pages(html):
    frames = {
        (page, frame)
        for page in built.pages()
        for frames in FRAMES.findall(page.read_text(encoding="utf-8"))
        for frame in frames.split()
    }
    assert frames, "no page has a slider"
    missing = [
        (built.name_of(page), frame[:60])
        for page, frame in frames
        if not re.fullmatch(r"[\w./-]+\.png", frame)
        or not (page.parent / frame).exists()
    ]
    assert missing == []


def test_the_frames_of_a_slider_are_fetched_when_a_reader_reaches_for_it(offline, html):
    visit = Visit("sliders")
    page = open_page(offline, html / SLIDERS, visit)
    box = page.locator(".lb-frames").first
    frames = set(box.get_attribute("data-frames").split())

    def fetched():
        names = {request.rsplit("/", 1)[-1] for request in visit.requests}
        return {frame for frame in frames if frame.rsplit("/", 1)[-1] in names}

    assert len(fetched()) == 1
    with page.expect_event("requestfinished", timeout=PATIENCE):
        box.locator("input").focus()
    page.wait_for_function(
        "box => box.fetched.every((picture) => picture.complete)",
        arg=box.element_handle(),
        timeout=PATIENCE,
    )
    assert fetched() == frames
    page.close()


def test_a_page_without_a_diagram_does_not_fetch_mermaid(offline, html):
    visit = Visit("sliders")
    open_page(offline, html / SLIDERS, visit).close()
    assert [url for url in visit.requests if "mermaid" in url] == []


def test_mermaid_is_fetched_once_and_each_diagram_is_drawn_once(offline, html):
    visit = Visit("diagrams")
    page = open_page(offline, html / DIAGRAMS, visit)
    assert len([url for url in visit.requests if "mermaid" in url]) == 1
    page.evaluate(
        "() => { look.drawings = [...document.querySelectorAll('.lb-mermaid svg')]; }"
    )
    page.emulate_media(color_scheme="dark")
    page.evaluate("patience => look.untilTheme(true, patience)", PATIENCE)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate("look.drawings.length") > 1
    assert page.evaluate("look.drawings.every((drawing) => drawing.isConnected)")
    page.close()


def test_a_diagram_far_below_is_there_for_the_printer_without_scrolling(offline, html):
    page = open_page(offline, html / DIAGRAMS, Visit("diagrams"))
    assert page.evaluate("scrollY") == 0
    boxes = page.locator(".lb-mermaid")
    assert boxes.locator("svg").count() == boxes.count() > 1
    page.close()


def test_the_script_before_a_page_is_seen_is_not_mermaid(html):
    text = (html / DIAGRAMS).read_text(encoding="utf-8")
    assert re.findall(r"<script[^>]*mermaid[^>]*>", text) == []
