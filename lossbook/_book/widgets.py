"""Figures that the reader can move, on a page without a kernel.

``slider`` and ``player`` draw all their frames beforehand, so that they need no kernel,
no network and no library in the browser.
"""

from __future__ import annotations

import base64
import html
import io
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

DPI = 100
MAX_FRAMES = 40


@dataclass(frozen=True, repr=False)
class Widget:
    """Precomputed frames with a slider, shown by a notebook as its last value.

    Attributes
    ----------
    html : str
        All of it: frames, controls and script, without any address outside.
    summary : str
        One line of text where HTML cannot be shown.
    """

    html: str
    summary: str

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        """Return the summary, which is the same on every machine."""
        return self.summary


def slider(
    draw: Callable[[Any], Figure],
    values: Iterable[Any],
    *,
    label: str,
    alt: str | Callable[[Any], str],
    unit: str = "",
    start: int = 0,
    caption: str | None = None,
) -> Widget:
    """Draw a figure for each value, and let the reader move between them.

    Parameters
    ----------
    draw : callable
        Takes one of the values and returns its Figure, all of one size.
    values : iterable
        2 to 40 of them.
    label : str
        What the slider changes; its visible name.
    alt : str or callable
        Text for those who cannot see the figure. Either a format string with
        ``{value}`` in it, which becomes the value with its unit, or a function of
        the value.
    unit : str
        Written after the value.
    start : int
        Index of the value shown first.
    caption : str, optional
        A line below.

    Returns
    -------
    Widget
        A notebook shows it as HTML. It works without a kernel and offline.

    Raises
    ------
    ValueError
        Too few or too many values, no label, an alt text that does not tell the
        values apart, frames of different sizes, ``start`` out of range.
    TypeError
        ``draw`` does not return a Figure.
    """
    shown = _Words(label, alt, unit, start, caption)
    return _widget("slider", draw, list(values), shown, "")


def player(
    draw: Callable[[Any], Figure],
    frames: int | Iterable[Any],
    *,
    label: str,
    alt: str | Callable[[Any], str],
    unit: str = "",
    start: int = 0,
    caption: str | None = None,
    interval_ms: int = 120,
) -> Widget:
    """Draw frames, and let the reader play them or move between them.

    It starts when the button is pressed, never by itself. Where the reader's system
    asks for less motion, the button goes on by one frame.

    Parameters
    ----------
    draw, label, alt, unit, start, caption
        As for ``slider``.
    frames : int or iterable
        The values to draw, 2 to 40; a number n stands for 0, 1, ..., n - 1.
    interval_ms : int
        Milliseconds a frame, at least 20.

    Returns
    -------
    Widget
        A notebook shows it as HTML. It works without a kernel and offline.

    Raises
    ------
    ValueError, TypeError
        As for ``slider``; also for an ``interval_ms`` below 20.
    """
    if interval_ms < 20:
        raise ValueError(f"interval_ms={interval_ms}: pass 20 or more")
    values = list(range(frames) if isinstance(frames, int) else frames)
    shown = _Words(label, alt, unit, start, caption)
    return _widget("player", draw, values, shown, _PLAY.format(interval_ms))


@dataclass(frozen=True)
class _Words:
    """What a widget says about its frames."""

    label: str
    alt: str | Callable[[Any], str]
    unit: str
    start: int
    caption: str | None

    def value(self, value: Any) -> str:
        number = isinstance(value, (float, np.floating))
        return f"{f'{value:.4g}' if number else value} {self.unit}".rstrip()

    def alts(self, values: Sequence[Any]) -> list[str]:
        if callable(self.alt):
            texts = [self.alt(value) for value in values]
        else:
            texts = [self.alt.replace("{value}", self.value(v)) for v in values]
        if not all(text.strip() for text in texts) or len(set(texts)) == 1:
            raise ValueError(
                f"alt={self.alt!r} does not tell the values apart: write what is "
                "seen, with {value} in it, or pass a function of the value"
            )
        return texts


def _widget(
    kind: str,
    draw: Callable[[Any], Figure],
    values: Sequence[Any],
    words: _Words,
    button: str,
) -> Widget:
    """Check, draw, and fill the template in."""
    if not 2 <= len(values) <= MAX_FRAMES:
        raise ValueError(f"{len(values)} values: pass 2 to {MAX_FRAMES}, one a frame")
    if not 0 <= words.start < len(values):
        raise ValueError(f"start={words.start}: pass an index below {len(values)}")
    if not words.label.strip():
        raise ValueError("label is empty: say what the slider changes")
    shown, alts = [words.value(value) for value in values], words.alts(values)
    frames, (width, height) = _frames(draw, values)
    page = _TEMPLATE.format(
        label=html.escape(words.label),
        frames=" ".join(frames),
        alts=html.escape(json.dumps(alts, ensure_ascii=False)),
        shown=html.escape(json.dumps(shown, ensure_ascii=False)),
        first=frames[words.start],
        alt=html.escape(alts[words.start]),
        value=html.escape(shown[words.start]),
        width=width,
        height=height,
        last=len(values) - 1,
        start=words.start,
        button=button,
        caption=f"<p>{html.escape(words.caption)}</p>\n" if words.caption else "",
        script=_SCRIPT,
    )
    return Widget(page, f"<{kind}: {words.label}, {len(values)} frames>")


def _frames(
    draw: Callable[[Any], Figure], values: Sequence[Any]
) -> tuple[list[str], tuple[int, int]]:
    """Draw all values; return base64 PNGs and the size in pixels they share."""
    images = [_image(draw(value)) for value in values]
    sizes = sorted({image.size for image in images})
    if len(sizes) > 1:
        raise ValueError(f"frames of different sizes {sizes}: use one figsize in draw")
    return [_encode(image) for image in images], sizes[0]


def _image(figure: Figure) -> Image.Image:
    if not isinstance(figure, Figure):
        raise TypeError(
            f"draw returned {type(figure).__name__}: end it with `return figure`"
        )
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, pil_kwargs={"compress_level": 1})
    plt.close(figure)  # else the notebook would show the frames once more
    return Image.open(buffer).convert("RGB")


def _encode(image: Image.Image) -> str:
    """Return the image as base64 PNG with 256 colours, a third of the size."""
    few = image.quantize(
        256, Image.Quantize.MAXCOVERAGE, kmeans=1, dither=Image.Dither.NONE
    )
    buffer = io.BytesIO()
    few.save(buffer, "PNG", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode("ascii")


# There are no ids in it: a script takes each widget that none has taken before, so
# the same widget may stand on a page twice. The controls show once they work.
_TEMPLATE = """\
<div class="lb-frames" role="group" aria-label="{label}"
 data-alts="{alts}"
 data-shown="{shown}"
 data-frames="{frames}">
<img src="data:image/png;base64,{first}" alt="{alt}" width="{width}" \
height="{height}" style="max-width:100%;height:auto;background:white">
<div class="lb-controls" hidden>
{button}<label>{label}
<input type="range" min="0" max="{last}" step="1" value="{start}" autocomplete="off" \
aria-label="{label}" aria-valuetext="{value}" data-lm-suppress-shortcuts="true" \
style="width:min(20em,100%);vertical-align:middle"></label>
<output aria-live="off">{value}</output>
</div>
{caption}<script>{script}</script>
</div>"""

_PLAY = """\
<button type="button" class="lb-play" data-interval="{}" \
data-lm-suppress-shortcuts="true">Play</button>
"""

_SCRIPT = """
for (const box of document.querySelectorAll(".lb-frames:not([data-ready])")) {
  box.dataset.ready = "yes";
  const [image, range, output, play, controls] =
    ["img", "input", "output", ".lb-play", ".lb-controls"].map(
      (part) => box.querySelector(part));
  const frames = box.dataset.frames.split(" ");
  const alts = JSON.parse(box.dataset.alts), shown = JSON.parse(box.dataset.shown);
  const show = (i) => {
    range.value = i;
    image.src = "data:image/png;base64," + frames[i];
    image.alt = alts[i];
    output.value = shown[i];
    range.setAttribute("aria-valuetext", shown[i]);
  };
  controls.hidden = false;
  let timer = 0;
  const stop = () => {
    clearInterval(timer);
    timer = 0;
    if (play) play.textContent = "Play";
  };
  range.addEventListener("input", () => { stop(); show(range.valueAsNumber); });
  if (!play) continue;
  const last = frames.length - 1;
  const step = () => {
    if (range.valueAsNumber < last) show(range.valueAsNumber + 1);
    if (range.valueAsNumber >= last || !box.isConnected) stop();
  };
  play.addEventListener("click", () => {
    if (timer) return stop();
    const ended = range.valueAsNumber >= last;
    if (ended) show(0);
    if (matchMedia("(prefers-reduced-motion: reduce)").matches)
      return ended ? undefined : step();
    play.textContent = "Pause";
    timer = setInterval(step, Number(play.dataset.interval));
  });
}
"""
