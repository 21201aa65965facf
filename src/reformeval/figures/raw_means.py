"""Raw means: what happened in the treated units and their donors, before any estimation."""

from __future__ import annotations

import warnings

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from reformeval.figures import _layout, _time, style
from reformeval.figures.plan import Planned
from reformeval.report import units
from reformeval.report.results import Cells, Results
from reformeval.report.texts import say


def draw(results: Results, figure: Planned) -> Figure:
    """Mean of the treated units, of the donors, and every donor, by group."""
    spec, outcome = results.spec, figure.outcome
    kept = np.array([p not in spec.timing.dropped for p in spec.timing.periods])
    cells = [results.cells(outcome, group.name) for group in spec.groups]
    complete = [series.complete_donors(kept) for series in cells]
    single = len(spec.groups) == 1
    names = (results.treated_name, _mean_name([int(c.sum()) for c in complete]))
    view = _layout.by_group(
        results,
        figure,
        [
            *_time.reform_key(spec.timing),
            say("figure.raw_means.footnote"),
            _gaps_note(results, outcome),
        ],
        key=() if single else _key(*names),
        subtitle=say("figure.raw_means.subtitle_one") if single else None,
    )
    for ax, series, donors in zip(view.panels, cells, complete, strict=True):
        _panel(ax, series, donors, _time.years(spec.timing), names if single else None)
    _time.time_axis(view, spec.timing, room=0.16 if single else 0.0)
    _time.mark_reform(view, spec.timing)
    _layout.y_label(view, units.of_level(spec.outcome(outcome).measured_in))
    return view.figure


def _gaps_note(results: Results, outcome: str) -> str:
    rows = results.panel.filter(pl.col("outcome") == outcome)
    if rows["suppressed"].any():
        return say("figure.line_gaps.suppressed", n=results.spec.min_persons)
    return say("figure.line_gaps.missing") if rows["value"].null_count() else ""


def _mean_name(counts: list[int]) -> str:
    low, high = min(counts), max(counts)
    return say(
        "figure.raw_means.donor_mean" if low == high else "figure.raw_means.donor_mean_range",
        n=low,
        high=high,
    )


def _key(treated: str, donors: str) -> list[_layout.Handle]:
    return [
        _layout.stroke(style.TREATED, treated, 2.0),
        _layout.stroke(style.CONTRAST, donors, 1.8, "--"),
        _layout.stroke(style.DONOR, say("figure.raw_means.each_donor"), 0.8),
    ]


def _panel(
    ax: Axes, cells: Cells, complete: np.ndarray, x: np.ndarray, names: tuple[str, str] | None
) -> None:
    with warnings.catch_warnings():  # a period in which nobody has a value stays a gap
        warnings.simplefilter("ignore", RuntimeWarning)
        treated = (
            np.nanmean(cells.treated, axis=0) if len(cells.treated) else np.full(len(x), np.nan)
        )
        donors = np.nanmean(cells.donors[complete], axis=0) if complete.any() else treated * np.nan
    limits = _layout.limits_around(np.concatenate([cells.donors.ravel(), cells.treated.ravel()]))
    if limits is None or not np.isfinite(treated).any():
        _layout.empty_panel(ax, say("figure.no_values"))
        return
    lines = [np.column_stack([x, row]) for row in cells.donors if np.isfinite(row).any()]
    ax.add_collection(
        LineCollection(lines, colors=style.DONOR, linewidths=0.6, alpha=0.75, zorder=1)
    )
    ax.plot(x, donors, color=style.CONTRAST, linewidth=1.7, linestyle=(0, (5, 1.6)), zorder=3)
    # A single period between two gaps has no line: the dot keeps it in sight.
    ax.plot(x, treated, color=style.TREATED, linewidth=1.9, zorder=4)
    lonely = _lonely(treated)
    ax.plot(x[lonely], treated[lonely], "o", color=style.TREATED, markersize=2.2, zorder=4)
    ax.set_ylim(*limits)
    if names:
        ends = ((treated, names[0], style.TREATED), (donors, names[1], style.CONTRAST))
        _layout.label_ends(ax, [(*_layout.last(x, y), text, colour) for y, text, colour in ends])


def _lonely(values: np.ndarray) -> np.ndarray:
    known = np.concatenate([[False], np.isfinite(values), [False]])
    lonely: np.ndarray = known[1:-1] & ~known[:-2] & ~known[2:]
    return lonely
