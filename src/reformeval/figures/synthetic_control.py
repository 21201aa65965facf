"""Counterfactual path: the treated units and what the estimator says without the reform."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reformeval.figures import _layout, _time, style
from reformeval.figures.plan import NEGATIVE_WEIGHTS, Planned
from reformeval.report import units
from reformeval.report.results import Curves, Results
from reformeval.report.spec import ReportSpec
from reformeval.report.texts import say


def draw(results: Results, figure: Planned) -> Figure:
    """Observed and counterfactual path of the treated units, by group."""
    spec, outcome = results.spec, figure.outcome
    single = len(spec.groups) == 1
    method = spec.method_of(figure.label)
    footnote = "free" if method in NEGATIVE_WEIGHTS else "footnote"
    names = (results.treated_name, say("figure.synthetic_control.counterfactual"))
    view = _layout.by_group(
        results,
        figure,
        [
            *_time.reform_key(spec.timing),
            say(f"figure.synthetic_control.{footnote}", n=len(results.donors)),
        ],
        subtitle=say(f"figure.synthetic_control.how.{method}"),
        key=() if single else _key(*names),
    )
    estimates = results.estimates[figure.label]
    for ax, group in zip(view.panels, spec.groups, strict=True):
        curves = estimates.curves(outcome, group.name)
        if curves is None:
            _layout.refused_panel(ax, results.att(outcome, group.name, figure.label))
        else:
            _panel(ax, curves, spec, names if single else None)
    _time.time_axis(view, spec.timing, room=0.16 if single else 0.0)
    _time.mark_reform(view, spec.timing)
    _layout.y_label(view, units.of_level(spec.outcome(outcome).measured_in))
    return view.figure


def _key(treated: str, counterfactual: str) -> list[_layout.Handle]:
    return [
        _layout.stroke(style.TREATED, treated, 2.0),
        _layout.stroke(style.CONTRAST, counterfactual, 1.8, "--"),
        _layout.swatch("#f6d9c5", say("figure.synthetic_control.gap")),
    ]


def _panel(ax: Axes, curves: Curves, spec: ReportSpec, names: tuple[str, str] | None) -> None:
    x = np.array([_time.year(p, spec.timing) for p in curves.periods])
    observed, counterfactual = curves.observed[0], curves.counterfactual[0]
    after = np.array([p >= spec.timing.adoption for p in curves.periods])
    ax.fill_between(x, observed, counterfactual, where=after, facecolor="#f6d9c5",
                    edgecolor="none", zorder=1)  # fmt: skip
    ax.plot(
        x, counterfactual, color=style.CONTRAST, linewidth=1.6, linestyle=(0, (5, 1.6)), zorder=3
    )
    ax.plot(x, observed, color=style.TREATED, linewidth=1.7, zorder=2.5)
    limits = _layout.limits_around(np.concatenate([observed, counterfactual]))
    if limits:
        ax.set_ylim(*limits)
    if names:
        ends = ((observed, names[0], style.TREATED), (counterfactual, names[1], style.CONTRAST))
        _layout.label_ends(ax, [(*_layout.last(x, y), text, colour) for y, text, colour in ends])
