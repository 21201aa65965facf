"""Treatment calendar: which unit is treated when, and which periods no estimator uses."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reformeval import periods
from reformeval.figures import _layout, _time, style
from reformeval.figures.plan import Planned, title_of
from reformeval.report import dates
from reformeval.report.results import Results
from reformeval.report.texts import say
from reformeval.spec import Timing

MOST_ROWS = 60
BEFORE, NEVER, LEFT_DONORS = "#bfd9ea", "#dedede", "#f6dcc6"
STEPS = ("#D55E00", "#A63603", "#7F2704", "#5a1a02")
LEFT = 1.75
Span = tuple[date, date, str]


def draw(results: Results, figure: Planned) -> Figure:
    """Units by periods: before, anticipation, each step, never treated, dropped."""
    timing = results.spec.timing
    treated, donors = results.treated, results.donors
    folded = len(treated) + len(donors) > MOST_ROWS
    starts, names = _treated_rows(results, folded)
    leaving = dict(results.spec.comparison.leaving)
    rows = [_spans(timing, start) for start in starts]
    rows += [_donor_spans(timing, None if folded else leaving.get(code)) for code in donors]
    names += (
        [say("figure.calendar.donors", n=len(donors))]
        if folded
        else [results.unit_labels[code] for code in donors]
    )
    left_out = results.units.filter(pl.col("role") == "left_out").height
    row = min(0.2, 8.0 / len(names)) if len(names) > 6 else 0.32
    view = _layout.page(
        title_of(results, figure),
        say("figure.calendar.subtitle", treated=len(treated), donors=len(donors)),
        [""],
        [
            *_time.reform_key(timing, marks=False),
            say("figure.calendar.left_out", n=left_out) if left_out else "",
        ],
        key=_key(timing, bool(leaving) and not folded),
        panel_height=row * len(names),
        left=LEFT,
    )
    ax = view.panels[0]
    for i in range(len(names)):
        _row(ax, i, timing, rows[i])
    ax.set_ylim(len(names), 0)
    ax.set_yticks(np.arange(len(names)) + 0.5, names)
    ax.tick_params(axis="y", length=0, labelsize=min(8.5, row * 46))
    for tick in ax.get_yticklabels()[: len(starts)]:
        tick.set_fontweight("bold")
    ax.spines["left"].set_visible(False)
    _time.time_axis(view, timing)
    return view.figure


def _treated_rows(results: Results, folded: bool) -> tuple[list[date], list[str]]:
    """When the units of each row adopt, and its name; one row a cohort where there are too many."""
    adopted = dict(results.units.select("unit", "adopted").iter_rows())
    timing = results.spec.timing
    if timing.staggered and folded:
        starts = list(timing.adoptions)
        counts = [list(adopted.values()).count(start) for start in starts]
        labels = [dates.label(start, timing.frequency) for start in starts]
        return starts, [
            say("figure.calendar.cohort", period=label, n=n)
            for label, n in zip(labels, counts, strict=True)
        ]
    codes = sorted(results.treated, key=lambda code: (adopted[code], code))
    return [adopted[code] for code in codes], [results.unit_labels[code] for code in codes]


def _key(timing: Timing, leaving: bool) -> list[_layout.Handle]:
    handles: list[_layout.Handle] = [_layout.swatch(BEFORE, say("figure.calendar.before"))]
    if timing.anticipation:
        handles.append(_layout.swatch(style.SHADE, say("figure.calendar.anticipation")))
    several = len(timing.steps) > 1
    for i in range(len(timing.steps) or 1):
        text = say("figure.calendar.step", n=i + 1) if several else say("figure.calendar.reform")
        handles.append(_layout.swatch(STEPS[i % len(STEPS)], text))
    handles.append(_layout.swatch(NEVER, say("figure.calendar.donor")))
    if leaving:
        handles.append(_layout.swatch(LEFT_DONORS, say("figure.calendar.left_donors")))
    if timing.dropped:
        handles.append(_layout.swatch("white", say("figure.calendar.dropped"), "/////"))
    return handles


def _row(ax: Axes, at: int, timing: Timing, spans: list[Span]) -> None:
    """Draw one unit's spans, then the dropped periods over them."""
    per, h = _time.PER_YEAR[timing.frequency], _time.half(timing)
    for first, stop, colour in spans:
        count = periods.number(stop, timing.frequency) - periods.number(first, timing.frequency)
        if count >= 0:
            left = _time.year(first, timing) - h
            ax.broken_barh([(left, (count + 1) / per)], (at + 0.07, 0.86), facecolor=colour)
    for period in timing.dropped:
        ax.broken_barh(
            [(_time.year(period, timing) - h, 1 / per)], (at + 0.07, 0.86), facecolor="white",
            edgecolor=style.MUTED, hatch="/////", linewidth=0,
        )  # fmt: skip


def _donor_spans(timing: Timing, leaves: date | None) -> list[Span]:
    """First and last period and colour of a donor, which may adopt itself."""
    if leaves is None:
        return [(timing.first, timing.last, NEVER)]
    last = periods.shift(leaves, -1, timing.frequency)
    return [(timing.first, last, NEVER), (leaves, timing.last, LEFT_DONORS)]


def _spans(timing: Timing, start: date) -> list[Span]:
    """First and last period and colour of what a treated unit goes through."""

    def before(period: date) -> date:
        return periods.shift(period, -1, timing.frequency)

    waiting = periods.shift(start, -timing.anticipation, timing.frequency)
    spans: list[Span] = [(timing.first, before(waiting), BEFORE)]
    if timing.anticipation:
        spans.append((waiting, before(start), style.SHADE))
    starts = [step.start for step in timing.steps] or [start]
    stops = [*(before(later) for later in starts[1:]), timing.last]
    for i, (first, stop) in enumerate(zip(starts, stops, strict=True)):
        spans.append((first, stop, STEPS[i % len(STEPS)]))
    return spans
