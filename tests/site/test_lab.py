"""The lab answers to pointer, finger, key and address, and does what its page says."""

import re
from html import unescape
from urllib.parse import parse_qsl, urlsplit

import pytest

import lossbook as lb

from . import built
from .conftest import LOOK, PATIENCE, Visit, open_page
from .test_keyboard import FOCUS

pytestmark = pytest.mark.site

LAB = "book/lab.html"
INTRO = "book/intro.html"


@pytest.fixture
def open_lab(browser, html):
    """Return a function that opens the lab at an address, in a window of its own."""
    contexts, visits = [], []

    def open_at(address="", width=1280, name=LAB, **options):
        # With less motion a page that is led to a place is there at once.
        calm = {"offline": True, "color_scheme": "light", "reduced_motion": "reduce"}
        context = browser.new_context(**{**calm, **options})
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        visits.append(Visit("lab"))
        path = html / name
        return open_page(context, path, visits[-1], width, address)

    yield open_at
    for context in contexts:
        context.close()
    assert [error for visit in visits for error in visit.errors] == []
    requests = [url for visit in visits for url in visit.requests]
    assert [url for url in requests if not url.startswith(("file:", "data:"))] == []


def table(page, name):
    return page.locator(f"[data-table={name}]")


def field(page, name):
    return page.locator(f".lab-table [name={name}]:visible")


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


def test_every_stop_of_the_tab_key_shows_where_it_is(open_lab):
    page = open_lab("?racers=adam&step=9#race")
    page.evaluate(LOOK)
    page.get_by_role("combobox", name="Loss").focus()
    stops = []
    for _ in range(200):
        page.keyboard.press("Tab")
        stop = page.evaluate(FOCUS)
        if stop is None:
            break
        stops.append(stop)
    handles = [stop for stop in stops if stop["name"].startswith("circle")]
    assert len(handles) == 14
    assert [
        stop["name"] for stop in stops if not (stop["shows"] and stop["seen"])
    ] == []


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
    field(page, "loss").select_option("huber")
    field(page, "delta").fill("2.5")
    drag(page, page.get_by_role("slider", name="Point 3"), 10, -20)
    wait_for_address(page, "points=")
    kept, words = page.evaluate("location.search + location.hash"), said(page, "line")
    again = open_lab(kept)
    assert said(again, "line") == words
    assert field(again, "delta").input_value() == "2.5"


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


def test_the_numbers_beside_the_curves_follow_the_logit(open_lab):
    page = open_lab("?z=-2&losses=hinge,mse#logits")
    row = page.locator("[data-when=two] [data-loss=hinge]")
    assert row.locator(".lab-number").all_inner_texts() == ["3", "−1"]
    drag(page, page.get_by_role("slider", name="The logit z, loss"), 60, 0)
    wait_for_address(page, "z=")
    z = float(field(page, "z").input_value())
    assert z > -1
    shown = row.locator(".lab-number").first.inner_text()
    assert float(shown) == pytest.approx(max(0, 1 - z), rel=1e-2)
    page.get_by_label("Binary cross-entropy").check()
    wait_for_address(page, "losses=hinge,mse,binary_cross_entropy")


def test_three_classes_have_logits_and_numbers_of_their_own(open_lab):
    page = open_lab("#logits")
    field(page, "kind").select_option("three")
    field(page, "z2").fill("3")
    wait_for_address(page, "kind=three&z2=3#logits")
    assert field(page, "z").count() == 0
    row = page.locator("[data-when=three] [data-loss=cross_entropy]")
    value, *slopes = (
        float(text.replace("−", "-"))
        for text in row.locator(".lab-number").all_inner_texts()
    )
    assert value == pytest.approx(
        lb.sparse_cross_entropy([0], [[0.0, 3.0, -1.0]], from_logits=True), rel=1e-2
    )
    assert sum(slopes) == pytest.approx(0, abs=2e-3)


# Press a button of the race, and give the step that is shown when that has been drawn.
PRESS = """async () => {
  document.querySelector(".lab-race").click();
  for (let i = 0; i < 3; i++) await new Promise(requestAnimationFrame);
  return document.querySelector("[name=step]").value;
}"""


def test_a_race_runs_to_its_end_and_can_be_stopped(open_lab):
    page = open_lab("?step=0#race", reduced_motion="no-preference")
    step = field(page, "step")
    page.get_by_role("button", name="Race").click()
    page.wait_for_function("step => step.value > 5", arg=step.element_handle())
    assert page.get_by_role("button", name="Pause").is_visible()
    stopped = page.evaluate(PRESS)
    page.wait_for_timeout(300)
    assert step.input_value() == stopped and int(stopped) < 200
    page.get_by_role("button", name="Race").click()
    page.wait_for_function("step => step.value === '200'", arg=step.element_handle())
    page.get_by_role("button", name="Race").wait_for()


def test_who_wants_less_motion_sees_the_end_of_the_race_at_once(open_lab):
    page = open_lab("?step=0#race")
    assert page.evaluate(PRESS) == "200"
    assert page.get_by_role("button", name="Race").is_visible()


def test_a_click_on_the_map_and_keys_choose_the_start(open_lab):
    page = open_lab("#race")
    map_ = table(page, "race").locator(".lab-plot").first
    map_.click(position={"x": 200, "y": 200})
    start = page.get_by_role("slider", name="The start")
    place = [
        float(part)
        for part in page.evaluate(
            "new Promise((done) => setTimeout(() => done(['x', 'y'].map((key) =>"
            " new URLSearchParams(location.search).get(key))), 900))"
        )
    ]
    assert place != [-4.0, 1.0]
    start.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function(
        "([knob, x]) => Number(knob.ariaValueNow) > x",
        arg=[start.element_handle(), place[0]],
    )


def test_a_surface_brings_its_start_and_rates_and_keeps_them_out_of_the_address(
    open_lab,
):
    page = open_lab("#race")
    before = page.get_by_label("Rate of Gradient descent").input_value()
    field(page, "surface").select_option("rosenbrock")
    wait_for_address(page, "lab.html?surface=rosenbrock#race")
    rate = page.get_by_label("Rate of Gradient descent")
    assert rate.input_value() != before
    rate.fill("0.004")
    wait_for_address(page, "?surface=rosenbrock&lr_gradient_descent=0.004#race")


def loss_of(page, racer):
    text = page.locator(f"[data-racer={racer}] .lab-number").inner_text()
    digits = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹−", "-0123456789-")
    return float(text.translate(digits).replace(" · 10", "e"))


def test_the_races_that_the_page_speaks_of_end_as_it_says(open_lab):
    def race(address):
        page = open_lab(address)
        return lambda racer: loss_of(page, racer)

    assert race("?lr_gradient_descent=0.079&step=200#race")("gradient_descent") < 1e-3
    assert race("?lr_gradient_descent=0.081&step=200#race")("gradient_descent") > 100
    valley = race("?surface=rosenbrock&step=200#race")
    assert valley("momentum") < 0.01 * valley("gradient_descent")
    saddle = race("?surface=saddle&step=60#race")
    assert saddle("adam") < 0.01 < 0.2 < saddle("gradient_descent")
    hills = race("?surface=hills&step=200#race")
    beside = race("?surface=hills&step=200&x=0.9#race")
    for racer in ("gradient_descent", "momentum", "adam"):
        assert hills(racer) < 0.01 and 0.4 < beside(racer) < 0.42


def test_the_lines_that_the_page_speaks_of_are_pulled_as_it_says(open_lab):
    def last_pull(address):
        page = open_lab(address)
        text = page.get_by_role("slider", name="Point 10").get_attribute(
            "aria-valuetext"
        )
        return abs(float(text.rpartition("pull ")[2].replace("−", "-")))

    assert "Point 10 pulls hardest, with 32 %" in said(open_lab("#line"), "line")
    assert last_pull("?loss=mae#line") == 1
    assert last_pull("?loss=huber&delta=1#line") == 1
    assert last_pull("?loss=quantile&q=0.9#line") == 0.1
    assert last_pull("?loss=adaptive_robust&alpha=-2#line") < 0.05


@pytest.mark.parametrize("width", [390, 320])
def test_no_table_is_wider_than_a_phone(open_lab, width):
    for address in ("#line", "?kind=three#logits", "?racers=adamw,nesterov#race"):
        page = open_lab(address, width=width)
        page.wait_for_function(
            "() => [...document.querySelectorAll('.lab-plot')].every((plot) =>"
            " plot.getBoundingClientRect().right <= innerWidth)"
        )
        assert page.evaluate("document.documentElement.scrollWidth") == width


def test_a_table_turns_dark_with_the_page(open_lab):
    page = open_lab("#line")
    ground = "getComputedStyle(document.querySelector('.lab-plot')).backgroundColor"
    light = page.evaluate(ground)
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"{ground} !== '{light}'", timeout=PATIENCE)


def test_the_picture_of_the_first_page_plays_once_and_again_when_asked(open_lab):
    page = open_lab(name=INTRO, reduced_motion="no-preference")
    button = page.locator(".lab-hero button")
    where = "document.querySelector('.lab-hero .lab-fallen').cy.baseVal.value"
    page.wait_for_function("b => b.textContent === 'Play'", arg=button.element_handle())
    low = page.evaluate(where)
    button.click()
    page.wait_for_function(f"{where} < {low} - 60")
    button.click()
    stopped = page.evaluate(where)
    page.wait_for_timeout(300)
    assert page.evaluate(where) == stopped
    assert button.inner_text() == "Play"


def test_who_wants_less_motion_gets_a_still_first_page(open_lab):
    page = open_lab(name=INTRO)
    drawn = page.locator(".lab-hero svg").inner_html()
    page.wait_for_timeout(500)
    assert page.locator(".lab-hero svg").inner_html() == drawn


def test_on_the_first_page_one_line_follows_the_point_and_one_stays(open_lab):
    page = open_lab(name=INTRO)
    (squares, size), (squares_end, size_end) = page.evaluate(
        "[0, 1].map((part) => lab.hero.fits(part).map(([slope]) => slope))"
    )
    assert squares > 0.5 and size > 0.5
    assert squares_end < 0.1 and size_end > 0.5


def test_only_pages_with_a_table_or_the_picture_load_scripts_of_the_lab(html):
    loading = {
        path.relative_to(html).as_posix()
        for path in html.glob("book/**/*.html")
        if "lab/formulas.js" in path.read_text(encoding="utf-8")
    }
    assert loading == {LAB, INTRO}


def settings_linked(html):
    """Return every address of a setting of the lab that a page links to."""
    link = re.compile(r'href="(?:[\w./-]*/)?(lab\.html\?[^"]+)"')
    return {
        unescape(address)
        for path in built.pages()
        for address in link.findall(path.read_text(encoding="utf-8"))
    }


def test_every_setting_that_the_book_links_to_is_one_that_the_lab_can_show(
    open_lab, html
):
    page, linked = open_lab(), settings_linked(html)
    assert len(linked) > 10
    for address in linked:
        parts = urlsplit(address)
        taken = page.evaluate(
            "([name, to]) => lab.page.taken(lab[name], new URL(to, location))",
            [parts.fragment, address],
        )
        for key, value in parse_qsl(parts.query, strict_parsing=True):
            assert taken.get(key) == value, address
