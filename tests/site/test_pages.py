"""Every page, opened from a folder with the network cut, as a reader would open it."""

import re

import pytest

from . import built
from .conftest import Visit, open_page

pytestmark = pytest.mark.site


def gather(visits, of):
    """Pages that have something to report, and what."""
    return {visit.name: of(visit) for visit in visits if of(visit)}


def test_a_page_asks_for_nothing_outside_its_folder(visits):
    def outside(visit):
        return [url for url in visit.requests if not url.startswith(("file:", "data:"))]

    assert gather(visits, outside) == {}


def test_no_script_fails_and_no_file_is_missing(visits):
    assert gather(visits, lambda visit: visit.errors) == {}
    assert gather(visits, lambda visit: visit.seen["unloaded"]) == {}
    assert gather(visits, lambda visit: visit.seen["brokenFonts"]) == {}


def test_every_formula_is_rendered(visits):
    assert gather(visits, lambda visit: visit.seen["unrendered"]) == {}
    assert any(visit.seen["formulas"] for visit in visits)


def test_every_diagram_is_drawn_and_says_what_it_shows(visits):
    assert gather(visits, lambda visit: visit.seen["undrawn"]) == {}
    assert gather(visits, lambda visit: visit.seen["mute"]) == {}
    assert any(visit.seen["diagrams"] for visit in visits)


def test_every_image_has_a_text_for_those_who_cannot_see_it(visits):
    assert gather(visits, lambda visit: visit.seen["withoutAlt"]) == {}


@pytest.mark.parametrize("width", [360, 420])
def test_nothing_is_wider_than_a_phone(visits, width):
    assert gather(visits, lambda visit: visit.too_wide[width]) == {}


def test_the_comma_after_a_short_formula_stays_on_its_line(offline, html):
    page = open_page(
        offline, html / "book" / "optimizers" / "momentum.html", Visit("m"), width=420
    )
    lines = page.evaluate(
        "[...document.querySelectorAll('.lb-together')]"
        ".map((piece) => piece.getClientRects().length)"
    )
    assert lines and set(lines) == {1}
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_stand_out_from_their_ground(visits, scheme):
    assert gather(visits, lambda visit: visit.faint[scheme]) == {}


def test_the_menu_opens_on_a_phone_and_leads_to_a_page(offline, html):
    page = open_page(offline, html / "book" / "intro.html", Visit("intro"), width=360)
    link = page.locator(".bd-sidebar-primary a", has_text="Notation")
    assert not link.is_visible()
    page.locator("button.primary-toggle:visible").click()
    link.click()
    page.wait_for_url("**/notation.html")
    page.close()


def test_the_button_for_the_theme_changes_the_page_and_its_diagrams(offline, html):
    page = open_page(offline, html / "book" / "intro.html", Visit("intro"))
    page.emulate_media(color_scheme="light")
    in_the_light = page.locator(".lb-mermaid .node rect").first.evaluate(
        "box => getComputedStyle(box).fill"
    )
    theme = "document.documentElement.dataset.theme"
    for _ in range(3):  # the button goes round: the system's theme, light, dark
        if page.evaluate(theme) == "dark":
            break
        page.locator("button.theme-switch-button:visible").click()
    assert page.evaluate(theme) == "dark"
    box = page.locator(".lb-mermaid .node rect").first
    assert box.evaluate("box => getComputedStyle(box).fill") != in_the_light
    page.close()


def test_search_finds_huber(offline, html):
    visit = Visit("search")
    page = offline.new_page()
    page.on("pageerror", lambda error: visit.errors.append(str(error)))
    page.goto((html / "search.html").as_uri() + "?q=Huber")
    hit = page.locator("#search-results li a[href*=bibliography]")
    hit.first.wait_for()
    assert visit.errors == []
    page.close()


def test_every_slider_changes_its_picture(visits):
    assert any(visit.moved for visit in visits), "no page has anything to move"

    def stuck(visit):
        return [label for label, pictures in visit.moved if pictures == 1]

    assert gather(visits, stuck) == {}


def test_a_player_moves_by_itself(visits):
    assert any(visit.played for visit in visits), "no page has anything to play"

    def still(visit):
        return [label for label, moves in visit.played if not moves]

    assert gather(visits, still) == {}


def test_every_page_of_the_contents_was_visited(visits):
    contents = (built.ROOT / "_toc.yml").read_text(encoding="utf-8")
    named = re.findall(r"(?:file|root): (\S+)", contents)
    assert {f"{name}.html" for name in named} <= {visit.name for visit in visits}
