"""What all figures share: the grid of panels, number axes, key, footnote, names of lines.

Sizes are inches, laid out by hand: automatic layout costs more than drawing.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.textpath import TextPath
from matplotlib.ticker import FuncFormatter, MaxNLocator

from reformeval.figures import style
from reformeval.figures.plan import Planned, title_of
from reformeval.report.numbers import number
from reformeval.report.results import Results, Row, group_label
from reformeval.report.texts import say

LEFT, RIGHT, LINE = 0.82, 0.24, 0.165
END = 18  # letters of a name at the end of a line
KEY = 8.6  # size of the letters of a key
EMPTY = "empty"
Handle = Line2D | Patch
Dash = Literal["-", "--"] | tuple[float, tuple[float, ...]]


@dataclass(frozen=True)
class Page:
    """A figure with its panels, one a group, in reading order."""

    figure: Figure
    panels: tuple[Axes, ...]
    columns: int
    key_top: float

    @property
    def filled(self) -> list[Axes]:
        """Panels that show something."""
        return [ax for ax in self.panels if ax.get_gid() != EMPTY]

    @property
    def lowest(self) -> list[Axes]:
        """Filled panels with no panel below: there is room for the name of an axis."""
        bottom = [ax for ax in self.panels[-self.columns :] if ax.get_gid() != EMPTY]
        return bottom or self.filled[-1:]


def by_group(
    results: Results,
    figure: Planned,
    footnote: Sequence[str],
    key: Sequence[Handle] = (),
    subtitle: str | None = None,
    panel_height: float | None = None,
    more: Sequence[str] = (),
    left: float = LEFT,
) -> Page:
    """Lay out a figure of one outcome with one panel a group; the rest as `page`.

    Parameters
    ----------
    more
        Titles of panels after those of the groups.
    subtitle
        Where it is not the one of the figure's kind.
    """
    return page(
        title_of(results, figure),
        subtitle or say(f"figure.{figure.kind}.subtitle"),
        [*(group_label(results.spec, group) for group in results.spec.groups), *more],
        footnote,
        key,
        panel_height,
        left,
    )


def page(
    title: str,
    subtitle: str,
    panel_titles: Sequence[str],
    footnote: Sequence[str],
    key: Sequence[Handle] = (),
    panel_height: float | None = None,
    left: float = LEFT,
) -> Page:
    """Lay out a figure: title, subtitle, key, panels, footnote.

    Parameters
    ----------
    panel_titles
        One a panel; a single panel has no title of its own.
    footnote
        Sentences; they are wrapped together.
    key
        Handles with labels; direct labels are better where there is one panel.
    """
    n = len(panel_titles)
    columns = n if n <= 3 else 2 if n == 4 else 3
    rows = ceil(n / columns)
    height = panel_height or {1: 3.9, 2: 3.0, 3: 2.5}.get(columns, 2.5) - 0.12 * (rows > 2)
    labels = [textwrap.fill(label, {1: 98, 2: 46}.get(columns, 32)) for label in panel_titles]
    more = 0.15 * max(label.count("\n") for label in labels)
    notes = textwrap.wrap(" ".join(s for s in footnote if s), 168)
    titles, subtitles = textwrap.wrap(title, 98), textwrap.wrap(subtitle, 132)
    above = 0.2 + 0.22 * len(titles) + 0.19 * len(subtitles)
    key_columns = _key_columns(key)
    key_height = 0.27 + 0.2 * (ceil(len(key) / key_columns) - 1) if key else 0.0
    top = above + key_height + (0.26 + more if n > 1 else 0.08)
    bottom = 0.52 + LINE * len(notes)
    gap_x, gap_y = 0.62, 0.58 + more
    total = top + rows * height + (rows - 1) * gap_y + bottom
    figure = Figure(figsize=(style.WIDTH, total))
    width = (style.WIDTH - left - RIGHT - (columns - 1) * gap_x) / columns
    axes = []
    for i, label in enumerate(labels):
        row, column = divmod(i, columns)
        x = left + column * (width + gap_x)
        y = total - top - (row + 1) * height - row * gap_y
        ax = figure.add_axes((x / style.WIDTH, y / total, width / style.WIDTH, height / total))
        if n > 1:
            ax.set_title(label, fontweight="bold", fontsize=9.2)
        axes.append(ax)
    _write_around(figure, total, titles, subtitles, notes)
    if key:
        _key(figure, key, (total - above) / total, key_columns)
    return Page(figure, tuple(axes), columns, (total - above) / total)


def _write_around(
    figure: Figure, total: float, titles: list[str], subtitles: list[str], notes: list[str]
) -> None:
    left = 0.12 / style.WIDTH
    figure.text(
        left, (total - 0.1) / total, "\n".join(titles), fontsize=11.5, fontweight="bold", va="top",
        linespacing=1.3,
    )  # fmt: skip
    figure.text(
        left, (total - 0.14 - 0.22 * len(titles)) / total, "\n".join(subtitles),
        color=style.MUTED, fontsize=9, va="top", linespacing=1.35,
    )  # fmt: skip
    figure.text(
        left, 0.07 / total, "\n".join(notes), color=style.MUTED, fontsize=7.8, va="bottom",
        linespacing=1.35,
    )  # fmt: skip


def _key_columns(handles: Sequence[Handle]) -> int:
    """As many columns as fit side by side: all, unless names are long."""
    look = FontProperties(family=style.RC["font.family"], size=KEY)
    # Of a name, with its symbol and the space to the next.
    widths = [
        TextPath((0, 0), str(h.get_label()), prop=look).get_extents().width + 3.7 * KEY
        for h in handles
    ]
    room = 72 * (style.WIDTH - 0.1)

    def needed(columns: int) -> float:  # matplotlib fills columns one by one, longer ones first
        return float(sum(part.max() for part in np.array_split(widths, columns)))

    fitting = (n for n in range(len(widths), 1, -1) if needed(n) <= room)
    return next(fitting, 1)


def _key(figure: Figure, handles: Sequence[Handle], y: float, columns: int) -> None:
    figure.legend(
        handles=list(handles),
        loc="upper left",
        bbox_to_anchor=(0.02 / style.WIDTH, y),
        ncols=columns,
        frameon=False,
        fontsize=KEY,
        handlelength=1.7,
        handletextpad=0.5,
        columnspacing=1.5,
        borderaxespad=0.25,
    )


def y_label(view: Page, text: str) -> None:
    """Name the vertical axis of the first panel of each row, and write its numbers plainly."""
    for i, ax in enumerate(view.panels):
        if ax.get_gid() == EMPTY:
            continue
        if i % view.columns == 0:
            # A long name is broken rather than run past the panel.
            ax.set_ylabel(textwrap.fill(text, 34 if len(view.panels) > 3 else 52), fontsize=8.6)
            ax.yaxis.set_label_coords(
                -0.62 / (ax.get_position().width * style.WIDTH), 0.5, transform=ax.transAxes
            )
        plain_numbers(ax, "y")


def plain_numbers(ax: Axes, axis: str, bins: int = 5) -> None:
    """Ticks with a real minus sign and thousands separators, as many decimals as they need."""
    which = ax.yaxis if axis == "y" else ax.xaxis
    which.set_major_locator(MaxNLocator(bins, steps=[1, 2, 2.5, 5, 10]))

    def text(value: float, _: int | None) -> str:
        ticks = which.get_majorticklocs()
        step = abs(ticks[1] - ticks[0]) if len(ticks) > 1 else 1.0
        decimals = next((d for d in range(7) if abs(round(step, d) - step) < step * 1e-6), 6)
        return number(value, decimals)

    which.set_major_formatter(FuncFormatter(text))


def share_y(view: Page) -> bool:
    """Give all panels one vertical scale unless it would flatten one of them.

    Returns
    -------
    Whether the scale is shared.
    """
    limits = np.array([ax.get_ylim() for ax in view.filled])
    if len(limits) < 2:
        return True
    spans = limits[:, 1] - limits[:, 0]
    low, high = limits[:, 0].min(), limits[:, 1].max()
    if high - low > 2.5 * float(spans.min()):
        return False
    for ax in view.filled:
        ax.set_ylim(low, high)
    return True


def limits_around(values: np.ndarray, pad: float = 0.06) -> tuple[float, float] | None:
    """Limits for an axis that shows all finite values with some room; None if there are none."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return None
    low, high = float(finite.min()), float(finite.max())
    room = (high - low) * pad or max(abs(high) * 0.05, 1e-9)
    return low - room, high + room


def empty_panel(ax: Axes, text: str) -> None:
    """Say in a panel why it is empty, and keep everything else out of it."""
    ax.set_gid(EMPTY)
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set_visible(False)
    ax.text(
        0.5, 0.5, textwrap.fill(text, 36), transform=ax.transAxes, ha="center", va="center",
        color=style.MUTED, fontsize=8.5, linespacing=1.4,
    )  # fmt: skip


def refused_panel(ax: Axes, row: Row | None) -> None:
    """Say in a panel why an estimator has nothing to show for its series."""
    reason = (row or {}).get("reason") or say("reason.none")
    empty_panel(ax, say("figure.not_estimated", reason=reason))


def note_own_scales(view: Page) -> None:
    """Say beside the key that the panels have different vertical scales."""
    view.figure.text(
        1 - RIGHT / style.WIDTH, view.key_top - 0.07 / view.figure.get_figheight(),
        say("figure.own_scales"),
        ha="right", va="top", fontsize=8.2, color=style.MUTED, fontstyle="italic",
    )  # fmt: skip


def finite(values: np.ndarray) -> np.ndarray:
    """Bring infinite ends to numbers far outside any axis, which matplotlib then cuts off."""
    clipped: np.ndarray = np.clip(values, -1e12, 1e12)
    return clipped


def last(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Last point of a line that has a value."""
    i = int(np.flatnonzero(np.isfinite(y))[-1]) if np.isfinite(y).any() else -1
    return float(x[i]), float(y[i])


def label_ends(ax: Axes, ends: Sequence[tuple[float, float, str, str]]) -> None:
    """Write names at the right ends of lines, broken and moved apart to have room.

    Parameters
    ----------
    ends
        (x, y, text, colour) of each line's last point.
    """
    low, high = ax.get_ylim()
    apart = (high - low) * 0.055
    ordered = sorted(ends, key=lambda end: end[1])
    names = [textwrap.fill(text, END) for _, _, text, _ in ordered]
    heights: list[float] = []
    for i, (_, y, _, _) in enumerate(ordered):
        breaks = sum(name.count("\n") for name in names[i - 1 : i + 1]) / 2
        heights.append(max(y, heights[-1] + apart * (1 + breaks)) if heights else y)
    excess = max(heights[-1] - high, 0.0) if heights else 0.0
    for (x, _, _, colour), text, y in zip(ordered, names, heights, strict=True):
        ax.annotate(
            text, (x, y - excess), xytext=(5, 0), textcoords="offset points", color=colour,
            fontsize=8.8, va="center", fontweight="bold", annotation_clip=False,
        )  # fmt: skip


def swatch(colour: str, label: str, hatch: str = "") -> Rectangle:
    """Return a patch for the key."""
    edge = style.MUTED if hatch else "none"
    return Rectangle((0, 0), 1, 1, facecolor=colour, edgecolor=edge, hatch=hatch, label=label)


def stroke(
    colour: str, label: str, width: float = 1.8, dash: Dash = "-", marker: str = ""
) -> Line2D:
    """Return a line for the key."""
    return Line2D([], [], color=colour, linewidth=width, linestyle=dash, marker=marker, label=label)
