"""Event study: the difference by event time, with bands for one period and for all at once."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reformeval.figures import _layout, _time, style
from reformeval.figures.plan import Planned
from reformeval.report import numbers
from reformeval.report.results import Results, Row, contrast_label, events
from reformeval.report.spec import ReportSpec
from reformeval.report.texts import say, say_or

FEW = 20
NARROW, WIDE = "#93bddb", "#d6e6f2"


def draw(results: Results, figure: Planned) -> Figure:
    """Event-time coefficients with pointwise and simultaneous bands, by group."""
    spec, outcome = results.spec, figure.outcome
    contrasts = next(e.contrasts for e in spec.estimators if e.label == figure.label)
    names = [*(group.name for group in spec.groups), *(c.name for c in contrasts)]
    rows = [results.rows(outcome, name, figure.label, "event") for name in names]
    pointwise = [events(series, "pointwise") for series in rows]
    simultaneous = [events(series, "simultaneous") for series in rows]
    reference = -(spec.timing.anticipation + 1)
    led = any(row["event_time"] < reference for series in rows for row in series)
    view = _layout.by_group(
        results,
        figure,
        [
            _reference_note(spec) if led else say("figure.event_study.no_leads"),
            _bands_note(pointwise, simultaneous),
            *_time.event_marks(spec.timing),
        ],
        key=_key(any(simultaneous), led),
        more=[contrast_label(spec, contrast) for contrast in contrasts],
    )
    for ax, name, point, simult in zip(view.panels, names, pointwise, simultaneous, strict=True):
        if np.isfinite(_columns(point, reference)[1]).sum() < 2:
            _layout.refused_panel(ax, results.att(outcome, name, figure.label))
        else:
            _panel(ax, point, simult, spec, reference)
    if not _layout.share_y(view):
        _layout.note_own_scales(view)
    unit = say(f"period.{spec.timing.frequency}.many")
    _time.event_axis(view, spec.timing, say("figure.event_study.x", periods=unit))
    _layout.y_label(view, say("figure.difference", measured_in=spec.outcome(outcome).measured_in))
    return view.figure


def _key(bands: bool, led: bool) -> list[_layout.Handle]:
    handles: list[_layout.Handle] = [
        _layout.stroke(style.BAND, say("figure.event_study.estimate"), 1.5, marker="."),
        _layout.swatch(NARROW, say("figure.event_study.pointwise")),
    ]
    if bands:
        handles.append(_layout.swatch(WIDE, say("figure.event_study.simultaneous")))
    if not led:
        return handles
    mark = _layout.stroke(style.INK, say("figure.event_study.reference_mark"), 0, marker="D")
    mark.set_markerfacecolor("white")
    mark.set_markersize(5)
    return [*handles, mark]


def _reference_note(spec: ReportSpec) -> str:
    names = {number: say(f"period.{spec.timing.frequency}.{number}") for number in ("one", "many")}
    if spec.timing.anticipation:
        n = spec.timing.anticipation + 1
        return say("figure.event_study.reference_earlier", n=n, **names)
    return say("figure.event_study.reference_last", **names)


def _bands_note(pointwise: list[list[Row]], simultaneous: list[list[Row]]) -> str:
    shown = [row for series in pointwise for row in series if row["ci_low"] is not None]
    if not shown:
        return say("figure.event_study.no_bands")
    levels = sorted({numbers.percent(row["ci_level"]) for row in shown})
    method = shown[0]["inference"]
    note = say(
        "figure.event_study.bands",
        level=" / ".join(levels),
        method=say_or(f"inference.{method}.how", method),
    )
    return f"{note} {say('figure.event_study.simultaneous_note')}" if any(simultaneous) else note


def _columns(rows: list[Row], reference: int) -> tuple[np.ndarray, ...]:
    """Event times from first to last without gaps, and estimate, low and high at each."""
    if not rows:
        return (np.empty(0),) * 4
    times = [row["event_time"] for row in rows] + [reference]
    x = np.arange(min(times), max(times) + 1)
    values = np.full((3, len(x)), np.nan)
    for row in rows:
        for k, name in enumerate(("estimate", "ci_low", "ci_high")):
            value = row[name]
            values[k, row["event_time"] - x[0]] = np.nan if value is None else value
    if times[:-1] and min(times[:-1]) < reference:
        values[0, reference - x[0]] = 0.0
    return (x.astype(float), *values)


def _panel(ax: Axes, rows: list[Row], simult: list[Row], spec: ReportSpec, reference: int) -> None:
    x, estimate, low, high = _columns(rows, reference)
    ax.axhline(0, color="#8a8a8a", linewidth=0.8, zorder=1)
    wide_x, _, wide_low, wide_high = _columns(simult, reference)
    limits = _layout.limits_around(np.concatenate([estimate, low, high, wide_low, wide_high]))
    if len(x) <= FEW:
        for xs, bottom, top, colour, width in (
            (wide_x, wide_low, wide_high, WIDE, 5.0),
            (x, low, high, NARROW, 5.0),
        ):
            drawn = np.isfinite(xs) & ~np.isnan(bottom)
            ends = _layout.finite(bottom[drawn]), _layout.finite(top[drawn])
            ax.vlines(xs[drawn], *ends, color=colour, linewidth=width, zorder=1.6)
        ax.plot(x, estimate, "o", color=style.INK, markersize=4, zorder=4)
    else:
        for xs, bottom, top, colour in (
            (wide_x, wide_low, wide_high, WIDE),
            (x, low, high, NARROW),
        ):
            if len(xs):
                ends = _layout.finite(bottom), _layout.finite(top)
                ax.fill_between(xs, *ends, where=~np.isnan(bottom), facecolor=colour,
                                edgecolor="none", step="mid", zorder=1.2)  # fmt: skip
        ax.plot(x, estimate, "-", marker=".", markersize=3, color=style.BAND, linewidth=1.1,
                zorder=3)  # fmt: skip
    if x[0] < reference:
        ax.plot([reference], [0], "D", color=style.INK, markerfacecolor="white", markersize=4.5,
                zorder=5)  # fmt: skip
    if limits:
        ax.set_ylim(*limits)
    _time.mark_event_time(ax, spec.timing)
