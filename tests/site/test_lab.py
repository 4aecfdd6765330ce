"""The lab: its numbers are lossbook's, and each table answers to pointer, key and address."""

import numpy as np
import pytest

import lossbook as lb

from .conftest import PATIENCE, Visit, open_page

pytestmark = pytest.mark.site

LAB = "book/lab.html"
ERRORS = [-40.0, -3.0, -1.0, -0.25, -1e-4, 0.0, 1e-7, 0.5, 1.0, 1.75, 2.0, 6.0, 25.0]
SETTINGS = {
    "mse": [{}],
    "mae": [{}],
    "huber": [{"delta": 0.3}, {"delta": 1.0}, {"delta": 4.0}],
    "quantile": [{"q": 0.05}, {"q": 0.5}, {"q": 0.9}],
    "log_cosh": [{}],
    "adaptive_robust": [
        {"alpha": alpha, "scale": scale}
        for alpha in (-6.0, -2.0, -0.25, 0.0, 0.25, 1.0, 1.75, 2.0)
        for scale in (0.2, 1.0, 3.0)
    ],
}


@pytest.fixture
def open_lab(browser, html):
    """Return a function that opens the lab at an address, in a window of its own."""
    contexts, visits = [], []

    def open_at(address="", width=1280, **options):
        # With less motion a page that is led to a place is there at once.
        calm = {"offline": True, "color_scheme": "light", "reduced_motion": "reduce"}
        context = browser.new_context(**{**calm, **options})
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        visits.append(Visit("lab"))
        path = html / LAB
        page = open_page(context, path, visits[-1], width)
        if address:
            page.goto(path.as_uri() + address)
        return page

    yield open_at
    for context in contexts:
        context.close()
    assert [error for visit in visits for error in visit.errors] == []
    requests = [url for visit in visits for url in visit.requests]
    assert [url for url in requests if not url.startswith(("file:", "data:"))] == []


@pytest.fixture(scope="module")
def lab(offline, html):
    """Return a page that does nothing but compute."""
    page = open_page(offline, html / LAB, Visit("lab"))
    yield page
    page.close()


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=0)


def table(page, name):
    return page.locator(f"[data-table={name}]")


def said(page, name):
    return table(page, name).locator(".lab-said").inner_text()


def wait_for_address(page, words):
    page.wait_for_function(
        "words => location.href.includes(words)", arg=words, timeout=PATIENCE
    )


def drag(page, handle, dx, dy):
    box = handle.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + dx, y + dy, steps=5)
    page.mouse.up()


# Numbers ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SETTINGS)
def test_a_loss_of_an_error_and_its_derivative_are_those_of_lossbook(lab, name):
    for settings in SETTINGS[name]:
        value, slope = lab.evaluate(
            """([name, errors, settings]) => ["value", "slope"].map((kind) =>
              errors.map((e) => lab.regression[name][kind](e, settings)))""",
            [name, ERRORS, settings],
        )

        def loss(y_pred, settings=settings):
            zeros = np.zeros(len(ERRORS))
            return getattr(lb, name)(zeros, y_pred, reduction="sum", **settings)

        separate = getattr(lb, name)(
            np.zeros(len(ERRORS)), np.array(ERRORS), reduction="none", **settings
        )
        close(value, separate)
        close(slope, lb.value_and_grad(loss)(np.array(ERRORS))[1])


@pytest.mark.parametrize("name", SETTINGS)
def test_no_line_has_a_lower_loss_than_the_one_that_is_drawn(lab, name):
    for settings in SETTINGS[name]:
        (slope, height), points = lab.evaluate(
            """([loss, settings]) => {
              const state = { ...lab.line.defaults, ...settings, loss };
              return [lab.line.fit(state), state.points];
            }""",
            [name, settings],
        )
        x, y = np.array(points).T

        def mean(a, b, settings=settings, x=x, y=y):
            return float(getattr(lb, name)(y, a * x + b, **settings))

        lowest = mean(slope, height)
        beside = [
            mean(slope + da, height + db)
            for far in (1e-3, 0.05, 1.0)
            for da in (-far, 0, far)
            for db in (-far, 0, far)
        ]
        assert lowest <= min(beside) * (1 + 1e-12)


# Playing ------------------------------------------------------------------------------


def test_an_outlier_pulled_down_by_the_mouse_takes_the_line_with_it(open_lab):
    page = open_lab("#line")
    before = said(page, "line")
    points = page.get_by_role("slider", name="Point ")
    low = float(points.last.get_attribute("aria-valuenow"))
    drag(page, points.last, 0, -60)
    wait_for_address(page, "points=")
    assert float(points.last.get_attribute("aria-valuenow")) > low + 1
    assert said(page, "line") != before


def test_a_finger_moves_a_point_and_does_not_scroll_the_page(open_lab):
    page = open_lab("#line", width=390, has_touch=True)
    point = page.get_by_role("slider", name="Point 10")
    table(page, "line").locator(".lab-said").scroll_into_view_if_needed()
    at, top = point.bounding_box(), page.evaluate("scrollY")
    client = page.context.new_cdp_session(page)
    for kind, dy in (("touchStart", 0), ("touchMove", -30), ("touchMove", -60)):
        where = {"x": at["x"] + at["width"] / 2, "y": at["y"] + at["height"] / 2 + dy}
        client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [where]})
    client.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    wait_for_address(page, "points=")
    assert page.evaluate("scrollY") == top


def test_keys_move_a_point_and_its_place_is_read_out(open_lab):
    page = open_lab("#line")
    point = page.get_by_role("slider", name="Point 10")
    point.focus()
    page.keyboard.press("ArrowUp")
    page.wait_for_function(
        "knob => knob.ariaValueNow === '-5.4'", arg=point.element_handle()
    )
    page.keyboard.press("Shift+ArrowLeft")
    page.wait_for_function(
        "knob => knob.ariaValueText.startsWith('x 3.50, y −5.40')",
        arg=point.element_handle(),
    )
    assert page.evaluate("document.activeElement.ariaLabel") == "Point 10"


def test_words_are_read_out_once_when_a_reader_rests(open_lab):
    page = open_lab("#line")
    page.evaluate(
        """() => {
          window.heard = [];
          const live = document.querySelector("[data-table=line] .lab-live");
          new MutationObserver(() => heard.push(live.textContent))
            .observe(live, { childList: true });
        }"""
    )
    page.get_by_role("slider", name="Point 10").focus()
    for _ in range(8):
        page.keyboard.press("ArrowUp")
    page.wait_for_function("heard.length > 0", timeout=PATIENCE)
    assert page.evaluate("heard") == [said(page, "line")]


def test_a_dot_dragged_on_the_surface_draws_a_line_of_the_readers_own(open_lab):
    page = open_lab("?loss=huber&delta=2#line")
    drag(page, page.get_by_role("slider", name="The line"), 40, 20)
    wait_for_address(page, "follow=0")
    assert "Your line" in said(page, "line")
    assert not page.get_by_label("Best line").is_checked()
    page.get_by_role("button", name="Start again").first.click()
    page.wait_for_url("**/lab.html#line", timeout=PATIENCE)
    assert "Squared error" in said(page, "line")


def test_an_address_that_was_kept_shows_the_same_again(open_lab):
    page = open_lab("#line")
    page.get_by_role("combobox", name="Loss").select_option("huber")
    page.get_by_label("Seam δ").fill("2.5")
    drag(page, page.get_by_role("slider", name="Point 3"), 10, -20)
    wait_for_address(page, "points=")
    kept, words = page.evaluate("location.search + location.hash"), said(page, "line")
    again = open_lab(kept)
    assert said(again, "line") == words
    assert again.get_by_label("Seam δ").input_value() == "2.5"


@pytest.mark.parametrize(
    "address",
    [
        "?loss=no_such_loss&delta=many&points=1,2;nonsense#line",
        "?loss=huber&delta=-1&slope=1e999&follow=0#line",
    ],
)
def test_an_address_that_makes_no_sense_shows_the_table_all_the_same(open_lab, address):
    page = open_lab(address)
    assert "nan" not in said(page, "line").lower()
    assert page.get_by_role("slider", name="Point 10").count() == 1


def test_a_link_on_the_page_changes_the_table_without_loading_it_anew(open_lab):
    page = open_lab("#line")
    page.evaluate("window.isTheSame = true")
    page.get_by_role("link", name="The 0.9 quantile").click()
    wait_for_address(page, "?loss=quantile&q=0.9#line")
    assert said(page, "line").startswith("Quantile")
    assert page.evaluate("window.isTheSame") is True


def test_the_first_pictures_are_there_without_scripts_and_on_paper(browser, html):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((html / LAB).as_uri())
    assert page.locator(".lab-plot .lab-point").count() >= 10
    assert page.locator(".lab-plot .lab-level").count() >= 10
    page.emulate_media(media="print")
    assert not page.locator(".lab-controls").first.is_visible()
    context.close()
