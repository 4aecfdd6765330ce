"""One build, one browser and one visit to each page for all site tests."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from filelock import FileLock

from . import built

LOOK = (Path(__file__).parent / "look.js").read_text(encoding="utf-8")
PHONES = (360, 420)
# Anything still drawing after this many milliseconds counts as not drawn. A wait ends
# when it is fulfilled: only a fault takes so long, and a busy machine no fault.
PATIENCE = 60_000


@dataclass
class Visit:
    """What was seen on one page, opened as a file with the network cut."""

    name: str
    requests: list = field(default_factory=list)
    errors: list = field(default_factory=list)
    seen: dict = field(default_factory=dict)
    too_wide: dict = field(default_factory=dict)
    faint: dict = field(default_factory=dict)
    moved: list = field(default_factory=list)
    played: list = field(default_factory=list)


def open_page(context, path, visit, width=1280, address=""):
    """Open a page as a file, writing down what it asks for and complains about.

    The address follows the name of the file: an opened page that is led on from there
    may still be asking for something, which then counts as not found.
    """
    page = context.new_page()
    page.set_viewport_size({"width": width, "height": 800})
    page.on("request", lambda request: visit.requests.append(request.url))
    page.on("requestfailed", lambda request: visit.errors.append(request.url[:200]))
    page.on("pageerror", lambda error: visit.errors.append(str(error)))
    page.on(
        "console",
        lambda line: visit.errors.append(line.text) if line.type == "error" else None,
    )
    page.goto(path.as_uri() + address)
    page.bring_to_front()  # what no window shows is neither drawn nor animated
    page.evaluate(LOOK)
    page.evaluate("patience => look.untilDrawn(patience)", PATIENCE)
    return page


def visit_page(context, path):
    visit = Visit(path.relative_to(built.HTML).as_posix())
    page = open_page(context, path, visit)
    page.evaluate("look.unfold()")
    visit.seen = page.evaluate("look.content()")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.evaluate(
            "([dark, patience]) => look.untilTheme(dark, patience)",
            [scheme == "dark", PATIENCE],
        )
        visit.faint[scheme] = page.evaluate("look.faint()")
    for width in PHONES:
        page.set_viewport_size({"width": width, "height": 800})
        visit.too_wide[width] = page.evaluate("look.tooWide()")
    visit.moved = [move(box) for box in page.locator(".lb-frames").all()]
    visit.played = [play(box) for box in page.locator(".lb-frames:has(.lb-play)").all()]
    page.close()
    return visit


def move(box):
    """Name a slider; count the pictures, texts and values that its keys lead to."""
    slider, shown = box.locator("input[type=range]"), set()
    slider.focus()
    for key in ("Home", "ArrowRight", "End"):
        slider.press(key)
        picture = box.locator("img").get_attribute("src")
        shown.add((picture, box.locator("output").inner_text()))
    return box.get_attribute("aria-label"), len(shown)


def play(box):
    """Name a player; say whether it goes on from its first picture by itself."""
    box.locator("input[type=range]").press("Home")
    first = box.locator("img").get_attribute("src")
    box.locator(".lb-play").click()
    moves = box.evaluate(
        "(box, [first, patience]) => look.until(() =>"
        " box.querySelector('img').getAttribute('src') !== first, patience)",
        [first, PATIENCE],
    )
    return box.get_attribute("aria-label"), moves


@pytest.fixture(scope="session")
def html():
    """Return the folder of built pages, built now if they are missing or old."""
    lock = built.ROOT / "_build/tests.lock"
    lock.parent.mkdir(exist_ok=True)
    with FileLock(lock):  # by one worker, for all
        failure = built.build()
    if failure:
        pytest.fail(f"`make book` fails:\n{failure}", pytrace=False)
    return built.HTML


@pytest.fixture(scope="session")
def browser(html):
    if built.find_browser() is None:
        pytest.skip("no Chromium here: apt-get install chromium")
    with built.open_browser() as browser:
        yield browser


@pytest.fixture(scope="session")
def offline(browser):
    """Return a browser window that has no network."""
    context = browser.new_context(offline=True, color_scheme="light")
    context.set_default_timeout(PATIENCE)
    yield context
    context.close()


@pytest.fixture(scope="session")
def visits(browser):
    # A window of their own: a theme that a test has chosen stays chosen in its window.
    context = browser.new_context(offline=True, color_scheme="light")
    context.set_default_timeout(PATIENCE)
    seen = [visit_page(context, path) for path in built.pages()]
    context.close()
    return seen
