"""The figures of the book: one style, and the plots that many chapters need.

The sliders and players, which work on a page without a kernel, are in `_widgets.py`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lossbook._book.widgets import DPI, Widget, player, slider

__all__ = [
    "COLORS",
    "Widget",
    "confusion",
    "contour",
    "curve",
    "image_grid",
    "learning_curves",
    "loss_and_slope",
    "path",
    "player",
    "slider",
    "use_style",
]

Function = Callable[[npt.NDArray[np.float64]], npt.ArrayLike]
Surface = Callable[[npt.NDArray[np.float64], npt.NDArray[np.float64]], npt.ArrayLike]

# Okabe and Ito (2008), told apart with every common kind of colour blindness.
COLORS = {
    "blue": "#0072B2",
    "vermillion": "#D55E00",
    "green": "#009E73",
    "purple": "#CC79A7",
    "orange": "#E69F00",
    "sky": "#56B4E9",
    "black": "#000000",
    "yellow": "#F0E442",
}
# Yellow stays out of the cycle: a thin yellow line on white cannot be seen.
_CYCLE = [color for name, color in COLORS.items() if name != "yellow"]
_STYLE: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.prop_cycle": cycler(color=_CYCLE),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 11,
    "figure.constrained_layout.use": True,
    "figure.dpi": DPI,
    "figure.facecolor": "white",
    "figure.figsize": (6.0, 3.4),
    "font.sans-serif": ["DejaVu Sans"],  # comes with matplotlib, so it is everywhere
    "font.size": 10,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.6,
    "image.cmap": "cividis",
    "image.interpolation": "nearest",
    "legend.fontsize": 9,
    "legend.edgecolor": "none",  # but opaque enough to be read over a surface
    "legend.framealpha": 0.85,
    "lines.linewidth": 2,
    "savefig.bbox": "standard",
    "savefig.dpi": DPI,
    "savefig.facecolor": "white",
    "svg.hashsalt": "lossbook",
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
}


def use_style() -> None:
    """Give all later figures the book's look, and notebooks stable PNG images.

    Notebooks get PNGs of exactly ``figsize`` times 100 pixels (the layout engine
    keeps labels inside, nothing is cropped) without the name and version of the
    software, so that the same figure gives the same bytes.
    """
    mpl.rcParams.update(_STYLE)
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if shell is None:
        return
    from matplotlib_inline.backend_inline import set_matplotlib_formats
    from matplotlib_inline.config import InlineBackend

    # Kept in the configuration too: the backend reads it again at the first plot.
    InlineBackend.instance(parent=shell).print_figure_kwargs = {
        "bbox_inches": None,
        "metadata": {"Software": None},
    }
    set_matplotlib_formats("png")


# --- plots ----------------------------------------------------------------------


def curve(
    ax: Axes,
    f: Function,
    lo: float,
    hi: float,
    *,
    xlabel: str | None = None,
    ylabel: str | None = None,
    points: int = 401,
    **line: Any,
) -> Axes:
    """Draw ``f`` from ``lo`` to ``hi``.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    f : callable
        Takes an array of shape (points,) and returns one of that shape.
    lo, hi : float
        Ends of the x-axis, ``lo < hi``.
    xlabel, ylabel : str, optional
        Names of the axes; "x" and "f(x)" where the axes have none yet.
    points : int
        Number of points.
    **line
        Passed on to ``ax.plot`` (label, color, linestyle, ...).

    Returns
    -------
    Axes
        ``ax``.

    Raises
    ------
    ValueError
        ``lo`` is not below ``hi``, or ``f`` returns another shape.
    """
    if not lo < hi:
        raise ValueError(f"lo={lo}, hi={hi}: pass the left end first")
    x = np.linspace(lo, hi, points)
    y = _same_shape(f(x), x)
    ax.plot(x, y, **line)
    ax.set_xlabel(xlabel or ax.get_xlabel() or "$x$")
    ax.set_ylabel(ylabel or ax.get_ylabel() or "$f(x)$")
    return ax


def loss_and_slope(
    loss: Function | Mapping[str, Function],
    slope: Function | Mapping[str, Function],
    lo: float = -3.0,
    hi: float = 3.0,
    *,
    xlabel: str = r"residual $\hat{y} - y$",
) -> Figure:
    """Draw one or several losses on the left and their slopes on the right.

    Parameters
    ----------
    loss, slope : callable, or mapping of name to callable
        Each takes an array and returns one of that shape. Names give a legend.
    lo, hi : float
        Ends of the x-axis.
    xlabel : str
        Name of both x-axes.

    Returns
    -------
    Figure
        Two panels.
    """
    figure, panels = plt.subplots(1, 2)
    for ax, functions, ylabel in (
        (panels[0], loss, "loss"),
        (panels[1], slope, "slope"),
    ):
        named = functions if isinstance(functions, Mapping) else {"": functions}
        for name, f in named.items():
            label = name or None
            curve(ax, f, lo, hi, xlabel=xlabel, ylabel=ylabel, label=label)
        ax.set_title(ylabel)
    if isinstance(loss, Mapping):
        panels[0].legend()
    return figure


def contour(
    ax: Axes,
    f: Surface,
    xlim: tuple[float, float],
    ylim: tuple[float, float],
    *,
    xlabel: str = r"$\theta_1$",
    ylabel: str = r"$\theta_2$",
    zlabel: str = "loss",
    levels: int | Sequence[float] = 20,
    points: int = 121,
) -> Axes:
    """Draw the surface ``f(x, y)`` as filled contours with a colour bar.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    f : callable
        Takes two arrays of shape (points, points) and returns one of that shape.
    xlim, ylim : tuple of float
        Ends of the axes.
    xlabel, ylabel, zlabel : str
        Names of the axes and of the colour bar.
    levels : int or sequence of float
        Number of contours, or their heights.
    points : int
        Number of points along each axis.

    Returns
    -------
    Axes
        ``ax``.
    """
    x, y = np.meshgrid(np.linspace(*xlim, points), np.linspace(*ylim, points))
    filled = ax.contourf(x, y, _same_shape(f(x, y), x), levels, cmap="Blues")
    ax.figure.colorbar(filled, ax=ax, label=zlabel)
    ax.grid(False)
    ax.set(xlim=xlim, ylim=ylim, xlabel=xlabel, ylabel=ylabel)
    return ax


def path(
    ax: Axes,
    points: npt.ArrayLike,
    *,
    label: str | None = None,
    color: str = COLORS["vermillion"],
) -> Axes:
    """Draw the way of an optimizer over a ``contour``: a ring first, a star last.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    points : array_like, shape (steps, 2)
        The parameters after each step, the start included.
    label : str, optional
        Name for the legend.
    color : str
        Colour of the line.

    Returns
    -------
    Axes
        ``ax``.

    Raises
    ------
    ValueError
        ``points`` has another shape.
    """
    steps = np.asarray(points, float)
    if steps.ndim != 2 or steps.shape[1] != 2 or not len(steps):
        raise ValueError(f"points has shape {steps.shape}: pass (steps, 2)")
    ax.plot(*steps.T, ".-", color=color, label=label, linewidth=1.5, markersize=4)
    ax.plot(*steps[0], "o", color=color, markerfacecolor="white", markersize=7)
    ax.plot(*steps[-1], "*", color=color, markersize=11)
    return ax


def image_grid(
    images: npt.ArrayLike, titles: Sequence[str] | None = None, *, columns: int = 5
) -> Figure:
    """Show grey images side by side, ink dark on white.

    Parameters
    ----------
    images : array_like, shape (n, height, width)
        All drawn on one scale, from 0 to the largest value.
    titles : sequence of str, optional
        One a picture.
    columns : int
        Pictures in a row.

    Returns
    -------
    Figure
        At most 6 x 4 inches.

    Raises
    ------
    ValueError
        The shape is another one, or the number of titles differs.
    """
    pictures = np.asarray(images)
    if pictures.ndim != 3 or not len(pictures):
        raise ValueError(f"images has shape {pictures.shape}: pass (n, height, width)")
    names = [""] * len(pictures) if titles is None else list(titles)
    if len(names) != len(pictures):
        raise ValueError(f"{len(names)} titles for {len(pictures)} images")
    columns = min(columns, len(pictures))
    rows = -(-len(pictures) // columns)
    cell = min(6.0 / columns, 4.0 / rows, 1.5)
    figure, axes = plt.subplots(
        rows, columns, squeeze=False, figsize=(6.0, min(4.0, rows * (cell + 0.25)))
    )
    for ax in axes.flat:
        ax.axis("off")
    for ax, picture, name in zip(axes.flat, pictures, names, strict=False):
        ax.imshow(picture, cmap="gray_r", vmin=0, vmax=pictures.max())
        ax.set_title(name, fontsize=9)
    return figure


def confusion(matrix: npt.ArrayLike, labels: Sequence[str] | None = None) -> Figure:
    """Show a confusion matrix; the shade is the share of the true class.

    Parameters
    ----------
    matrix : array_like of int, shape (classes, classes)
        Counts; rows are the true classes, columns the predicted ones.
    labels : sequence of str, optional
        Names of the classes; 0, 1, ... by default.

    Returns
    -------
    Figure
        One panel with the counts written into it, zeros left out.

    Raises
    ------
    ValueError
        The matrix is not square, or the number of labels differs.
    """
    counts = np.asarray(matrix)
    names = [str(n) for n in (range(len(counts)) if labels is None else labels)]
    if counts.shape != (len(names), len(names)):
        raise ValueError(
            f"matrix has shape {counts.shape} for {len(names)} labels: pass "
            "a square matrix and one label a class"
        )
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure, ax = plt.subplots(figsize=(5.0, 4.0))
    shades = ax.imshow(share, cmap="Blues", vmin=0, vmax=1)
    figure.colorbar(shades, ax=ax, label="share of the true class")
    for (row, column), count in np.ndenumerate(counts):
        ink = "white" if share[row, column] > 0.5 else "black"
        text = f"{count}" if count else ""
        ax.text(column, row, text, ha="center", va="center", color=ink, fontsize=8)
    ticks = range(len(names))
    ax.set_xticks(ticks, names)
    ax.set_yticks(ticks, names)
    ax.grid(False)
    ax.set(xlabel="predicted class", ylabel="true class")
    return figure


def learning_curves(
    histories: Mapping[str, npt.ArrayLike],
    *,
    xlabel: str = "epoch",
    ylabel: str = "loss",
    ax: Axes | None = None,
) -> Figure:
    """Draw learning curves: the median over the seeds, and a band of all seeds.

    Parameters
    ----------
    histories : mapping of name to array_like, shape (epochs,) or (seeds, epochs)
        One curve a name; epochs count from 1.
    xlabel, ylabel : str
        Names of the axes.
    ax : Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    Figure
        The figure of ``ax``, with a legend.

    Raises
    ------
    ValueError
        A history has another shape, or there is none.
    """
    if not histories:
        raise ValueError("histories is empty: pass at least one name and its values")
    ax = plt.subplots()[1] if ax is None else ax
    for name, values in histories.items():
        runs = np.atleast_2d(np.asarray(values, float))
        if runs.ndim != 2 or not runs.size:
            raise ValueError(f"{name}: shape {runs.shape}: pass (seeds, epochs)")
        epochs = np.arange(1, runs.shape[1] + 1)
        (line,) = ax.plot(epochs, np.median(runs, axis=0), label=name)
        if len(runs) > 1:
            low, high = runs.min(axis=0), runs.max(axis=0)
            ax.fill_between(epochs, low, high, color=line.get_color(), alpha=0.2, lw=0)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set(xlabel=xlabel, ylabel=ylabel)
    ax.legend()
    figure = ax.get_figure(root=True)
    assert figure is not None
    return figure


def _same_shape(values: npt.ArrayLike, x: npt.NDArray[Any]) -> npt.NDArray[Any]:
    y = np.asarray(values)
    if y.shape != x.shape:
        raise ValueError(
            f"the function gave shape {y.shape} for an input of shape {x.shape}: it "
            'has to act on each element (a loss needs reduction="none")'
        )
    return y
