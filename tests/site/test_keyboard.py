"""A page without a pointer: what scrolls, moves, opens and copies does so by key."""

import pytest

from .conftest import PATIENCE, Visit, open_page

pytestmark = pytest.mark.site

PAGE = "book/math/mean-squared-error.html"
# What has the focus, and whether an outline of 3:1 or better shows that it has.
FOCUS = """() => {
  const element = document.activeElement;
  if (!element || element === document.body) return null;
  const style = getComputedStyle(element);
  const [x, y] = [style.outlineColor, getComputedStyle(document.body).backgroundColor];
  const thickness = parseFloat(style.outlineWidth);
  const isOutlined = style.outlineStyle !== "none" && thickness >= 2;
  const { width, height } = element.getBoundingClientRect();
  return {
    name: `${element.tagName}.${element.className}`.slice(0, 90),
    shows: isOutlined && look.contrast(look.parse(x), look.parse(y)) >= 3,
    seen: width > 0 && height > 0 && Number(style.opacity) > 0.5,
  };
}"""


@pytest.fixture
def open_at(browser, html):
    """Return a function that opens a page, in a window that remembers nothing.

    A theme chosen in a window stays chosen in it.
    """
    context = browser.new_context(offline=True, color_scheme="light")
    context.set_default_timeout(PATIENCE)

    def open_one(name=PAGE, width=1280):
        return open_page(context, html / name, Visit(name), width)

    yield open_one
    context.close()


def focused(page, selector):
    return page.evaluate("s => document.activeElement.matches(s)", selector)


def test_the_first_tab_leads_past_the_contents_to_the_text(open_at):
    page = open_at()
    page.keyboard.press("Tab")
    assert focused(page, ".skip-link a")
    page.wait_for_function(
        "document.activeElement.getBoundingClientRect().top >= 0", timeout=PATIENCE
    )
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert focused(page, "main *")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_stop_of_the_tab_key_shows_where_it_is(open_at, scheme):
    page = open_at()
    page.emulate_media(color_scheme=scheme)
    page.evaluate(
        "([dark, patience]) => look.untilTheme(dark, patience)",
        [scheme == "dark", PATIENCE],
    )
    page.evaluate("look.unfold()")
    stops = []
    for _ in range(400):
        page.keyboard.press("Tab")
        stop = page.evaluate(FOCUS)
        if stop is None:
            break
        stops.append(stop)
    assert len(stops) > 60, "the walk ended too soon"
    assert [
        stop["name"] for stop in stops if not (stop["shows"] and stop["seen"])
    ] == []


def test_every_box_that_scrolls_on_a_phone_is_reached_and_moved_by_key(open_at):
    page = open_at("book/concepts/families-and-choosing.html", width=390)
    page.evaluate("look.unfold()")
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => done()))")
    wide = page.evaluate(
        """() => [...document.querySelectorAll("main *")]
          .filter((e) => /auto|scroll/.test(getComputedStyle(e).overflowX))
          .filter((e) => e.scrollWidth > e.clientWidth && e.checkVisibility())
          .map((e) => [e.className, e.tabIndex, e.ariaLabel])"""
    )
    assert wide, "nothing scrolls, so nothing was tried"
    assert [box for box in wide if box[1] != 0 or not box[2]] == []
    diagram = page.locator(".lb-scroll[tabindex='0']").first
    diagram.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function(
        "box => box.scrollLeft > 0", arg=diagram.element_handle(), timeout=PATIENCE
    )


def test_what_does_not_scroll_is_no_stop(open_at):
    page = open_at(width=1280)
    idle = page.evaluate(
        """() => [...document.querySelectorAll("main [tabindex='0'][role=group]")]
          .filter((e) => e.scrollWidth <= e.clientWidth).map((e) => e.className)"""
    )
    assert idle == []


def test_a_fold_opens_and_its_code_can_then_be_reached(open_at):
    page = open_at(width=390)
    page.locator("details summary").first.focus()
    page.keyboard.press("Enter")
    assert page.locator("details").first.get_attribute("open") is not None
    page.keyboard.press("Enter")
    assert page.locator("details").first.get_attribute("open") is None


def test_the_search_opens_takes_words_and_closes(open_at):
    page = open_at()
    page.keyboard.press("Control+k")
    assert focused(page, "input[type=search]")
    page.keyboard.press("Escape")
    assert not page.locator("#pst-search-dialog").is_visible()
    page.locator("button.search-button-field:visible").focus()
    page.keyboard.press("Enter")
    page.keyboard.type("Huber")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?q=Huber*", timeout=PATIENCE)


def test_the_button_for_the_theme_works_by_key(open_at):
    page = open_at()
    before = page.evaluate("document.documentElement.dataset.mode")
    page.locator("button.theme-switch-button:visible").focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.documentElement.dataset.mode") != before


def test_the_menu_on_a_phone_holds_the_focus_and_gives_it_back(open_at):
    page = open_at(width=390)
    page.locator("button.primary-toggle:visible").focus()
    page.keyboard.press("Enter")
    dialog = page.locator("#pst-primary-sidebar-modal")
    dialog.wait_for(timeout=PATIENCE)
    page.keyboard.press("Tab")
    assert focused(page, "#pst-primary-sidebar-modal *")
    page.keyboard.press("Escape")
    dialog.wait_for(state="hidden", timeout=PATIENCE)
    assert focused(page, "button.primary-toggle")


def test_a_copy_button_appears_with_the_focus_and_copies(open_at):
    page = open_at()
    button = page.locator("button.copybtn:visible").first  # not in a closed fold
    button.focus()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    assert page.evaluate(FOCUS)["seen"]
    page.keyboard.press("Enter")
    page.locator("button.copybtn.success").first.wait_for(timeout=PATIENCE)


def test_a_player_plays_and_pauses_by_key(open_at):
    page = open_at("book/optimizers/gradient-descent.html")
    play = page.locator(".lb-play").first
    play.focus()
    page.keyboard.press("Space")
    assert play.inner_text() == "Pause"
    page.keyboard.press("Space")
    assert play.inner_text() == "Play"
