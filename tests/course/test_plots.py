from __future__ import annotations

import base64
import io
import json
import shutil
import subprocess
import sys
from html.parser import HTMLParser

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from lossbook import plots
from lossbook._book import widgets

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
# Milliseconds. A wait ends when it is fulfilled: only a fault takes so long.
PATIENCE = 60_000


@pytest.fixture(autouse=True)
def styled():
    """Give each test the book's style and take its figures away afterwards."""
    with mpl.rc_context():
        plots.use_style()
        yield
    plt.close("all")


def draw(slope):
    figure, ax = plt.subplots()
    plots.curve(ax, lambda x: slope * x, -1, 1, ylabel="loss")
    ax.set_ylim(-2, 2)
    return figure


def draw_tiny(value):
    figure = plt.figure(figsize=(0.4, 0.3), layout="none")
    figure.add_axes((0, 0, 1, 1)).axvline(float(value))
    return figure


def a_slider(**changes):
    words = {"label": "slope", "alt": "A line of slope {value}", **changes}
    return plots.slider(draw_tiny, [0.0, 0.5, 1.0], **words)


def a_player(**changes):
    words = {"label": "step", "alt": "After step {value}", **changes}
    return plots.player(draw_tiny, 4, **words)


class Elements(HTMLParser):
    """All start tags of a page, as (name, attributes)."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.all: list[tuple[str, dict]] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.all.append((tag, dict(attrs)))

    def one(self, tag: str) -> dict:
        (found,) = [attrs for name, attrs in self.all if name == tag]
        return found

    @property
    def box(self) -> dict:
        (found,) = [a for _, a in self.all if a.get("class") == "lb-frames"]
        return found


def frames_of(widget) -> list[Image.Image]:
    coded = Elements(widget.html).box["data-frames"].split(" ")
    return [Image.open(io.BytesIO(base64.b64decode(frame))) for frame in coded]


# --- the style ------------------------------------------------------------------


def test_the_style_keeps_figures_inside_7_by_4_inches_on_opaque_white():
    figure, ax = plt.subplots()
    assert tuple(figure.get_size_inches()) <= (7, 4)
    assert figure.dpi == 100
    assert figure.get_facecolor() == ax.get_facecolor() == (1, 1, 1, 1)
    assert not ax.spines["top"].get_visible()
    assert not ax.spines["right"].get_visible()
    assert ax.spines["left"].get_visible()


def test_lines_take_the_okabe_ito_colours_without_the_pale_yellow():
    assert len(plots.COLORS) == 8
    cycle = mpl.rcParams["axes.prop_cycle"].by_key()["color"]
    assert cycle[:2] == [plots.COLORS["blue"], plots.COLORS["vermillion"]]
    assert plots.COLORS["yellow"] not in cycle
    assert len(set(cycle)) == 7


def test_labels_stay_inside_the_image_although_nothing_is_cropped():
    figure, ax = plt.subplots()
    ax.plot([0, 1], [0, 1e-3])
    ax.set(xlabel="x", ylabel="two\nlines", title="a title")
    buffer = io.BytesIO()
    figure.savefig(buffer)
    image = np.asarray(Image.open(buffer).convert("L"))
    assert image.shape == (340, 600)
    border = (image[0], image[-1], image[:, 0], image[:, -1])
    assert all(np.all(side == 255) for side in border)


NOTEBOOK = """
import matplotlib.pyplot as plt
from lossbook import plots
plots.use_style()
_ = plt.subplots()[1].plot([0, 1])
"""


def test_a_notebook_stores_the_same_png_each_time_and_no_software_in_it():
    nbformat = pytest.importorskip("nbformat")
    client = pytest.importorskip("nbclient")
    images = []
    source = nbformat.v4.new_notebook()
    # The second cell shows that the settings outlive the backend's own start.
    source.cells = [nbformat.v4.new_code_cell(NOTEBOOK) for _ in range(2)]
    client.NotebookClient(source, kernel_name="python3", startup_timeout=600).execute()
    for cell in source.cells:
        (output,) = cell.outputs
        assert output.data["text/plain"] == "<Figure size 600x340 with 1 Axes>"
        images.append(base64.b64decode(output.data["image/png"]))
    assert images[0] == images[1]
    assert b"Software" not in images[0]
    assert Image.open(io.BytesIO(images[0])).size == (600, 340)


def test_using_the_style_outside_a_notebook_does_not_load_ipython():
    code = (
        "import sys; from lossbook import plots; plots.use_style();"
        "print('IPython' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


# --- the helpers ----------------------------------------------------------------


def labels_of(ax) -> tuple[str, str]:
    return ax.get_xlabel(), ax.get_ylabel()


def test_curve_draws_the_function_and_names_the_axes():
    ax = plots.curve(plt.subplots()[1], np.square, -2, 2, label="square")
    x, y = ax.lines[0].get_data()
    assert (x[0], x[-1]) == (-2, 2)
    assert np.array_equal(y, x**2)
    assert labels_of(ax) == ("$x$", "$f(x)$")
    assert ax.lines[0].get_label() == "square"


def test_a_second_curve_keeps_the_names_that_the_first_one_gave():
    ax = plt.subplots()[1]
    plots.curve(ax, np.square, -2, 2, xlabel="residual (m)", ylabel="loss (m²)")
    plots.curve(ax, np.abs, -2, 2)
    assert labels_of(ax) == ("residual (m)", "loss (m²)")


def test_curve_tells_one_who_passes_a_mean_to_turn_the_reduction_off():
    ax = plt.subplots()[1]
    with pytest.raises(ValueError, match=r'shape \(\).*reduction="none"'):
        plots.curve(ax, np.mean, -1, 1)
    with pytest.raises(ValueError, match="left end first"):
        plots.curve(ax, np.abs, 1, -1)


def test_loss_and_slope_stand_side_by_side_with_all_axes_named():
    figure = plots.loss_and_slope(np.square, lambda r: 2 * r, -1, 1)
    left, right = figure.axes
    assert [ax.get_title() for ax in figure.axes] == ["loss", "slope"]
    assert left.get_xlabel() == right.get_xlabel() != ""
    assert (left.get_ylabel(), right.get_ylabel()) == ("loss", "slope")
    assert right.lines[0].get_ydata()[-1] == 2
    assert left.get_legend() is None


def test_several_losses_get_a_legend():
    losses = {"squared": np.square, "absolute": np.abs}
    figure = plots.loss_and_slope(losses, {"squared": np.positive, "absolute": np.sign})
    legend = figure.axes[0].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == list(losses)


def test_contour_names_both_axes_and_the_height():
    figure, ax = plt.subplots()
    out = plots.contour(ax, lambda x, y: x**2 + y, (-1, 2), (0, 3), zlabel="loss")
    assert out is ax
    assert labels_of(ax) == (r"$\theta_1$", r"$\theta_2$")
    assert (ax.get_xlim(), ax.get_ylim()) == ((-1, 2), (0, 3))
    assert figure.axes[1].get_ylabel() == "loss"


def test_path_goes_through_all_points_and_marks_both_ends():
    ax = plots.path(plt.subplots()[1], [(0, 1), (1, 2), (3, 4)], label="SGD")
    line, first, last = ax.lines
    assert line.get_xydata().tolist() == [[0, 1], [1, 2], [3, 4]]
    assert first.get_xydata().tolist() == [[0, 1]]
    assert last.get_xydata().tolist() == [[3, 4]]
    with pytest.raises(ValueError, match=r"pass \(steps, 2\)"):
        plots.path(ax, [1, 2, 3])


@pytest.mark.parametrize("n", [1, 3, 10, 25])
def test_an_image_grid_shows_each_image_under_its_title(n):
    images = np.arange(n * 4).reshape(n, 2, 2)
    figure = plots.image_grid(images, [f"image {i}" for i in range(n)])
    shown = [ax for ax in figure.axes if ax.images]
    assert [ax.get_title() for ax in shown] == [f"image {i}" for i in range(n)]
    assert shown[-1].images[0].get_array().tolist() == images[-1].tolist()
    assert len({ax.images[0].get_clim() for ax in shown}) == 1
    width, height = figure.get_size_inches()
    assert width <= 7
    assert height <= 4


def test_an_image_grid_refuses_other_shapes_and_missing_titles():
    with pytest.raises(ValueError, match=r"pass \(n, height, width\)"):
        plots.image_grid(np.zeros((28, 28)))
    with pytest.raises(ValueError, match="1 titles for 2 images"):
        plots.image_grid(np.zeros((2, 4, 4)), ["one"])


def test_a_confusion_matrix_shades_by_the_share_of_the_true_class():
    figure = plots.confusion([[8, 2], [0, 40]], ["cat", "dog"])
    ax = figure.axes[0]
    assert ax.images[0].get_array().tolist() == [[0.8, 0.2], [0, 1]]
    assert [text.get_text() for text in ax.texts] == ["8", "2", "", "40"]
    assert [text.get_text() for text in ax.get_xticklabels()] == ["cat", "dog"]
    assert labels_of(ax) == ("predicted class", "true class")


def test_a_confusion_matrix_takes_a_class_without_examples_but_no_oblong():
    plots.confusion([[0, 0], [1, 3]])
    with pytest.raises(ValueError, match="square matrix"):
        plots.confusion([[1, 2, 3], [4, 5, 6]])
    with pytest.raises(ValueError, match="one label a class"):
        plots.confusion([[1, 2], [3, 4]], ["only one"])


def test_learning_curves_are_medians_with_a_band_over_all_seeds():
    runs = [[3.0, 2.0], [9.0, 1.0], [4.0, 1.5]]
    figure = plots.learning_curves({"training": runs, "test": [5.0, 4.0]})
    ax = figure.axes[0]
    assert ax.lines[0].get_xydata().tolist() == [[1, 4.0], [2, 1.5]]
    (band,) = ax.collections
    assert band.get_datalim(ax.transData).y0 == 1.0
    assert band.get_datalim(ax.transData).y1 == 9.0
    assert labels_of(ax) == ("epoch", "loss")
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["training", "test"]


def test_learning_curves_draw_into_a_given_panel_and_refuse_nothing_at_all():
    figure, (_, right) = plt.subplots(1, 2)
    assert plots.learning_curves({"a": [1.0, 0.5]}, ax=right) is figure
    assert len(right.lines) == 1
    with pytest.raises(ValueError, match="histories is empty"):
        plots.learning_curves({})
    with pytest.raises(ValueError, match=r"a: shape .* pass \(seeds, epochs\)"):
        plots.learning_curves({"a": np.zeros((2, 2, 2))})


# --- sliders and players --------------------------------------------------------


def test_a_slider_holds_one_frame_a_value_all_of_one_size():
    frames = frames_of(plots.slider(draw, [-1, 0, 1], label="slope", alt="{value}"))
    assert [frame.size for frame in frames] == [(600, 340)] * 3
    assert {frame.mode for frame in frames} == {"P"}
    assert len({frame.tobytes() for frame in frames}) == 3


def test_fewer_colours_leave_white_white_and_the_rest_nearly_as_it_was():
    def scene(_):
        figure, ax = plt.subplots()
        plots.contour(ax, lambda x, y: x**2 + 3 * y**2, (-2, 2), (-1, 1))
        ax.plot(0, 0, ".", color=plots.COLORS["vermillion"])
        return figure

    frame = frames_of(plots.slider(scene, [0, 1], label="k", alt="{value}"))[0]
    exact = np.asarray(widgets._image(scene(0))).astype(int)
    error = np.abs(np.asarray(frame.convert("RGB")) - exact)
    assert error.mean() < 0.5
    assert error.max() < 40
    assert not error[np.all(exact == 255, axis=2)].any()


def test_the_image_shows_the_start_and_its_alt_text_says_which_value_it_is():
    widget = a_slider(start=1, unit="m")
    page = Elements(widget.html)
    coded = page.box["data-frames"].split(" ")
    assert page.one("img")["src"] == f"data:image/png;base64,{coded[1]}"
    assert page.one("img")["alt"] == "A line of slope 0.5 m"
    assert json.loads(page.box["data-alts"])[2] == "A line of slope 1 m"
    assert page.one("input")["value"] == "1"
    assert page.one("input")["max"] == "2"
    assert page.one("input")["aria-label"] == "slope"
    assert page.one("input")["aria-valuetext"] == "0.5 m"
    assert ">0.5 m</output>" in widget.html


def test_alt_may_be_a_function_of_the_value():
    page = Elements(a_slider(alt=lambda w: f"falls by {10 * w:.0f}").html)
    assert page.one("img")["alt"] == "falls by 0"
    assert json.loads(page.box["data-alts"]) == [
        "falls by 0",
        "falls by 5",
        "falls by 10",
    ]


def test_words_with_html_in_them_stay_words():
    nasty = '<script>alert("&{value}")</script>'
    widget = a_slider(label=nasty, alt=nasty, caption=nasty, unit="<b>")
    page = Elements(widget.html)
    assert [tag for tag, _ in page.all].count("script") == 1
    assert "b" not in [tag for tag, _ in page.all]
    assert page.one("input")["aria-label"] == nasty
    assert page.one("img")["alt"] == nasty.replace("{value}", "0 <b>")


def test_values_are_written_short_whatever_they_are():
    def shown(values):
        widget = plots.slider(draw_tiny, values, label="v", alt="{value}")
        return json.loads(Elements(widget.html).box["data-shown"])

    assert shown([0.1 + 0.2, 1e-5]) == ["0.3", "1e-05"]
    assert shown(np.linspace(0, 1, 4)) == ["0", "0.3333", "0.6667", "1"]
    assert shown(np.arange(1000, 1002)) == ["1000", "1001"]
    assert shown(["1", "2"]) == ["1", "2"]


def test_a_widget_names_no_address_outside_and_has_no_ids_to_collide():
    for widget in (a_slider(caption="Move it."), a_player()):
        assert "http://" not in widget.html
        assert "https://" not in widget.html
        assert all("id" not in attrs for _, attrs in Elements(widget.html).all)


def test_two_calls_give_the_same_bytes_and_a_short_constant_text():
    first, second = (
        plots.player(draw, [1, 2], label="s", alt="{value}") for _ in range(2)
    )
    assert first.html == second.html == first._repr_html_()
    assert repr(a_slider()) == "<slider: slope, 3 frames>"
    assert repr(a_player()) == "<player: step, 4 frames>"


def test_drawing_leaves_no_figure_open_for_the_notebook_to_show_again():
    a_slider()
    assert plt.get_fignums() == []


def test_a_widget_of_25_frames_is_well_under_a_megabyte():
    widget = plots.slider(draw, np.linspace(-1, 1, 25), label="w", alt="{value}")
    assert len(frames_of(widget)) == 25
    assert len(widget.html) < 500_000


def test_only_a_player_has_a_button_and_it_does_not_start_by_itself():
    buttons = [a for tag, a in Elements(a_player().html).all if tag == "button"]
    assert [button["class"] for button in buttons] == ["lb-play"]
    assert buttons[0]["data-interval"] == "120"
    assert "button" not in [tag for tag, _ in Elements(a_slider().html).all]


@pytest.mark.parametrize(
    ("change", "remedy"),
    [
        ({"alt": "A line"}, r"write what is seen, with \{value\} in it"),
        ({"alt": ""}, "write what is seen"),
        ({"alt": lambda value: ""}, "write what is seen"),
        ({"label": " "}, "say what the slider changes"),
        ({"start": 3}, "pass an index below 3"),
        ({"start": -1}, "pass an index below 3"),
    ],
)
def test_words_that_do_not_help_are_refused_with_a_remedy(change, remedy):
    with pytest.raises(ValueError, match=remedy):
        a_slider(**change)


@pytest.mark.parametrize("n", [0, 1, 41])
def test_too_few_and_too_many_frames_are_refused_before_any_is_drawn(n):
    with pytest.raises(ValueError, match="pass 2 to 40"):
        plots.slider(pytest.fail, range(n), label="n", alt="{value}")


def test_frames_of_different_sizes_are_refused():
    def grow(value):
        return plt.figure(figsize=(1 + value, 1), layout="none")

    with pytest.raises(ValueError, match="use one figsize"):
        plots.slider(grow, [0, 1], label="n", alt="{value}")


def test_a_draw_without_return_is_told_so():
    with pytest.raises(TypeError, match="return figure"):
        plots.slider(lambda value: None, [0, 1], label="n", alt="{value}")


def test_a_player_too_fast_to_see_is_refused():
    with pytest.raises(ValueError, match="interval_ms=5: pass 20 or more"):
        a_player(interval_ms=5)


# --- in a browser ---------------------------------------------------------------


@pytest.fixture(scope="module")
def browser():
    driver = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
    if CHROMIUM is None:
        pytest.skip("no chromium here: apt-get install chromium")
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with driver.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser, tmp_path):
    """Open widgets from a file; the page may neither fail nor ask for anything.

    Its clock stands still until a test moves it.
    """
    contexts, complaints = [], []

    def open_page(*widgets, **settings):
        file = tmp_path / "page.html"
        file.write_text("".join(w.html for w in widgets), encoding="utf-8")
        contexts.append(browser.new_context(**settings))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text))
        page.on("request", lambda request: complaints.append(request.url))
        page.set_default_timeout(PATIENCE)
        page.clock.install(time=0)
        page.goto(file.as_uri())
        page.clock.pause_at(1_000)
        complaints.remove(file.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert [c for c in complaints if not c.startswith("data:")] == []


def state(page, n=0):
    """Return what the n-th widget shows, which all has to fit together."""
    box = page.locator(".lb-frames").nth(n)
    i = int(box.locator("input").input_value())
    src = box.locator("img").get_attribute("src")
    coded = box.get_attribute("data-frames").split(" ")
    assert src == f"data:image/png;base64,{coded[i]}"
    shown = json.loads(box.get_attribute("data-shown"))[i]
    assert box.locator("output").inner_text() == shown
    assert box.locator("input").get_attribute("aria-valuetext") == shown
    alts = json.loads(box.get_attribute("data-alts"))
    assert box.locator("img").get_attribute("alt") == alts[i]
    return i


def test_the_keyboard_moves_one_slider_and_not_its_twin(open_page):
    page = open_page(a_slider(), a_player(), a_slider())
    page.locator("input").first.focus()
    page.keyboard.press("ArrowRight")
    assert [state(page, n) for n in range(3)] == [1, 0, 0]
    page.keyboard.press("End")
    page.locator("input").nth(2).focus()
    page.keyboard.press("ArrowRight")
    assert [state(page, n) for n in range(3)] == [2, 0, 1]


def test_without_javascript_the_first_frame_shows_and_no_dead_controls(open_page):
    page = open_page(a_player(start=1), java_script_enabled=False)
    assert page.locator("img").is_visible()
    assert page.locator("img").get_attribute("alt") == "After step 1"
    assert not page.locator("input").is_visible()
    assert not page.locator(".lb-play").is_visible()


def test_a_player_waits_plays_to_the_end_and_starts_over(open_page):
    page = open_page(a_player(interval_ms=20))
    page.clock.run_for(10_000)
    assert state(page) == 0
    button = page.locator(".lb-play")
    assert button.inner_text() == "Play"
    button.click()
    for frame in (1, 2):
        page.clock.run_for(20)
        assert state(page) == frame
        assert button.inner_text() == "Pause"
    page.clock.run_for(20)
    assert button.inner_text() == "Play"
    page.clock.run_for(10_000)
    assert state(page) == 3
    button.click()
    assert state(page) == 0
    page.clock.run_for(20)
    assert state(page) == 1


def test_each_of_several_players_goes_on_by_one_frame_a_press(open_page):
    page = open_page(a_player(), a_player(), a_slider(), reduced_motion="reduce")
    page.locator(".lb-play").first.click()
    page.clock.run_for(10_000)
    assert [state(page, n) for n in range(3)] == [1, 0, 0]


def test_pause_and_the_slider_stop_a_player(open_page):
    page = open_page(a_player(interval_ms=60_000))
    button = page.locator(".lb-play")
    button.click()
    assert button.inner_text() == "Pause"
    button.click()
    assert button.inner_text() == "Play"
    button.click()
    page.locator("input").focus()
    page.keyboard.press("ArrowRight")
    assert button.inner_text() == "Play"
    page.clock.run_for(200_000)
    assert state(page) == 1


def test_with_reduced_motion_the_button_goes_on_by_one_frame(open_page):
    page = open_page(a_player(interval_ms=20), reduced_motion="reduce")
    for expected in (1, 2, 3, 0):
        page.locator(".lb-play").click()
        page.clock.run_for(10_000)
        assert state(page) == expected
    assert page.locator(".lb-play").inner_text() == "Play"


def test_nothing_is_wider_than_a_phone(open_page):
    wide = plots.slider(draw, [0, 1], label="a slope with a long name", alt="{value}")
    page = open_page(wide, viewport={"width": 320, "height": 600})
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
