"""Gaps: observed minus counterfactual of the treated units, among those of all placebos."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from reformeval.figures import _layout, _time, style
from reformeval.figures.plan import Planned
from reformeval.report.results import Curves, Results
from reformeval.report.spec import ReportSpec
from reformeval.report.texts import say

MOST_LINES = 120


def draw(results: Results, figure: Planned) -> Figure:
    """Gap of the reform and of every placebo, by group."""
    spec, outcome = results.spec, figure.outcome
    estimates = results.estimates[figure.label]
    curves = [estimates.curves(outcome, group.name) for group in spec.groups]
    counts = [len(c.units) - 1 for c in curves if c is not None]
    n = max(counts, default=0)
    view = _layout.by_group(
        results,
        figure,
        [
            *_time.reform_key(spec.timing),
            say("figure.gaps.footnote", n=n),
            say("figure.gaps.thinned", n=MOST_LINES, total=n) if n > MOST_LINES else "",
        ],
        key=[
            _layout.stroke(style.TREATED, results.treated_name, 2.0),
            _layout.stroke(style.DONOR, say("figure.gaps.placebos", n=n), 0.9),
        ],
    )
    for ax, group, paths in zip(view.panels, spec.groups, curves, strict=True):
        if paths is None:
            _layout.refused_panel(ax, results.att(outcome, group.name, figure.label))
        else:
            _panel(ax, paths, spec)
    if not _layout.share_y(view):
        _layout.note_own_scales(view)
    _time.time_axis(view, spec.timing)
    _time.mark_reform(view, spec.timing)
    _layout.y_label(view, say("figure.difference", measured_in=spec.outcome(outcome).measured_in))
    return view.figure


def _panel(ax: Axes, curves: Curves, spec: ReportSpec) -> None:
    x = np.array([_time.year(p, spec.timing) for p in curves.periods])
    gap = curves.observed - curves.counterfactual
    rows = np.arange(1, len(gap))
    if len(rows) > MOST_LINES:
        rows = rows[np.linspace(0, len(rows) - 1, MOST_LINES).astype(int)]
    lines = [np.column_stack([x, gap[i]]) for i in rows if np.isfinite(gap[i]).any()]
    ax.axhline(0, color="#8a8a8a", linewidth=0.8, zorder=1)
    ax.add_collection(
        LineCollection(lines, colors=style.DONOR, linewidths=0.6, alpha=0.8, zorder=2)
    )
    ax.plot(x, gap[0], color=style.TREATED, linewidth=1.7, zorder=4)
    limits = _layout.limits_around(gap[np.concatenate([[0], rows])])
    if limits:
        ax.set_ylim(*limits)
