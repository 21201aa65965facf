"""The time axis, in calendar years or since the reform, and the marks of the reform on it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import partial
from math import ceil

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, MultipleLocator

from reformeval import periods
from reformeval.figures import style
from reformeval.figures._layout import Page
from reformeval.report import dates
from reformeval.report.numbers import number
from reformeval.report.numbers import periods as periods_of
from reformeval.report.texts import say
from reformeval.spec import Timing

PER_YEAR = {"month": 12, "quarter": 4, "year": 1}
TICKS = {
    "month": (1, 2, 3, 6, 12, 24, 36, 48, 60, 120),
    "quarter": (1, 2, 4, 8, 12, 20, 40),
    "year": (1, 2, 5, 10, 20),
}


def year(period: date, timing: Timing) -> float:
    """Place of a period's middle on the time axis, in years."""
    per_year = PER_YEAR[timing.frequency]
    offset = 0.5 / per_year if per_year > 1 else 0.0
    return periods.number(period, timing.frequency) / per_year + offset


def years(timing: Timing) -> np.ndarray:
    """Places of all periods of the window."""
    return np.array([year(period, timing) for period in timing.periods])


def half(timing: Timing) -> float:
    """Half a period on the time axis."""
    return 0.5 / PER_YEAR[timing.frequency]


def time_axis(view: Page, timing: Timing, room: float = 0.0) -> None:
    """Calendar years as ticks, at the beginning of each; shorter windows get their periods.

    ``room`` leaves that share of the axis free on the right for names at the ends of lines.
    """
    first = year(timing.first, timing) - half(timing)
    last = year(timing.last, timing) + half(timing)
    short = last - first < 2.5 and timing.frequency != "year"
    for ax in view.filled:
        ax.set_xlim(first, last + room * (last - first))
        if short:
            step = ceil(len(timing.periods) / (4 if view.columns > 1 else 9))
            shown = timing.periods[::step]
            ax.set_xticks(
                [year(p, timing) for p in shown],
                [dates.tick(p, timing.frequency) for p in shown],
            )
        else:
            _year_ticks(ax, first, last, 9 if view.columns == 1 else 5)


def _year_ticks(ax: Axes, first: float, last: float, most: int) -> None:
    """Years as ticks up to the last period, smaller ones for the years between."""
    locator = MaxNLocator(most, integer=True, steps=[1, 2, 5, 10])
    ticks = [tick for tick in locator.tick_values(first, last) if first <= tick <= last]
    ax.set_xticks(ticks, [f"{tick:.0f}" for tick in ticks])
    if last - first < 16:
        ax.xaxis.set_minor_locator(FixedLocator([*range(ceil(first), int(last) + 1)]))


def mark_reform(view: Page, timing: Timing) -> None:
    """Mark steps, anticipation and dropped periods in every panel, and number the steps."""
    for ax in view.filled:
        _mark(ax, timing, partial(year, timing=timing), half(timing))


def _mark(ax: Axes, timing: Timing, at: Callable[[date], float], h: float) -> None:
    """Mark the reform on an axis where ``at`` places a period's middle and ``h`` is half of one."""
    if timing.anticipation and not timing.staggered:
        start = periods.shift(timing.adoption, -timing.anticipation, timing.frequency)
        ends = at(start) - h, at(timing.adoption) - h
        ax.axvspan(*ends, facecolor=style.SHADE, edgecolor="none", zorder=0)
    for period in timing.dropped:
        x = at(period)
        ax.axvspan(x - h, x + h, facecolor=style.DROPPED, edgecolor="none", zorder=0)
    for start in timing.adoptions:
        ax.axvline(at(start) - h, color=style.INK, linewidth=0.7, linestyle=(0, (4, 2)), zorder=1.5)
    for n, step in enumerate(timing.steps, start=1):
        x = at(step.start) - h
        ax.axvline(x, color=style.INK, linewidth=0.9, linestyle=(0, (4, 2)), zorder=1.5)
        if len(timing.steps) > 1:
            ax.annotate(
                str(n), (x, 1.0), xycoords=("data", "axes fraction"), xytext=(2.5, -1),
                textcoords="offset points", fontsize=8, va="top", color=style.INK,
            )  # fmt: skip


def event_marks(timing: Timing) -> list[str]:
    """Sentences that say what is marked on an axis of event time."""
    if timing.staggered:
        return [say("figure.mark.adoption_own"), *_further_marks(timing)]
    return [say("figure.mark.adoption"), *reform_key(timing)]


def mark_event_time(ax: Axes, timing: Timing) -> None:
    """Mark adoption, later steps, anticipation and dropped periods on an axis of event time."""
    if timing.staggered:  # a dropped period is at another event time for every cohort
        ax.axvline(-0.5, color=style.INK, linewidth=0.9, linestyle=(0, (4, 2)), zorder=1.5)
        ax.axvspan(-timing.anticipation - 0.5, -0.5, facecolor=style.SHADE, edgecolor="none",
                   zorder=0)  # fmt: skip
        return
    _mark(ax, timing, timing.event_time, 0.5)


def event_axis(view: Page, timing: Timing, label: str) -> None:
    """Event time on the horizontal axis, named under the lowest panel of each column."""
    first, last = timing.event_time(timing.first), timing.event_time(timing.last)
    if timing.staggered:
        first -= timing.event_time(timing.adoptions[-1])
    step = next((s for s in TICKS[timing.frequency] if (last - first) / s <= 7), 240)
    for ax in view.filled:
        ax.set_xlim(first - 0.5, last + 0.5)
        ax.xaxis.set_major_locator(MultipleLocator(step))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value, 0)))
    for ax in view.lowest:
        ax.set_xlabel(label, fontsize=8.4)


def reform_key(timing: Timing, marks: bool = True) -> list[str]:
    """Sentences for the footnote that say what the marks of the reform are."""
    if timing.staggered:
        first, last = (dates.label(timing.adoptions[i], timing.frequency) for i in (0, -1))
        key = "figure.mark.cohorts" if marks else "figure.mark.cohorts_ledger"
        notes = [say(key, n=len(timing.adoptions), first=first, last=last)]
        return notes + _further_marks(timing) if marks else notes
    names = [
        say(
            "figure.mark.step_numbered" if len(timing.steps) > 1 else "figure.mark.step_only",
            n=i + 1,
            period=dates.label(step.start, timing.frequency),
            label=step.label,
        )
        for i, step in enumerate(timing.steps)
    ]
    shown = "; ".join(names)
    if not marks:
        return [say("figure.mark.ledger", steps=shown)]
    return [say("figure.mark.steps", steps=shown), *_further_marks(timing)]


def _further_marks(timing: Timing) -> list[str]:
    """Sentences on anticipation and dropped periods."""
    notes = []
    if timing.anticipation:
        before = periods_of(timing.anticipation, timing.frequency)
        notes.append(say("figure.mark.anticipation", periods=before))
    if timing.dropped:
        dropped = ", ".join(dates.label(p, timing.frequency) for p in timing.dropped)
        notes.append(say("figure.mark.dropped", periods=dropped))
    return notes
