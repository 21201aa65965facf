"""Effects by months later: one outcome of the same persons, seen further and further on."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reformeval.figures import _layout, style
from reformeval.figures.plan import Planned
from reformeval.report import units
from reformeval.report.results import Results, Row, label_words
from reformeval.report.texts import say
from reformeval.spec import Outcome

APART = 0.16  # of the smallest gap between months, between two estimators


def draw(results: Results, figure: Planned) -> Figure:
    """Estimates and intervals against months later, one panel a group."""
    spec = results.spec
    family = spec.family(figure.outcome)
    labels = [estimator.label for estimator in spec.of_outcome(figure.outcome)]
    view = _layout.by_group(
        results,
        figure,
        [say("figure.later.footnote"), say("figure.own_scales") if len(spec.groups) > 1 else ""],
        key=[
            _layout.stroke(_colour(i), label_words(name), 1.5, marker=_marker(i))
            for i, name in enumerate(labels)
        ],
    )
    for ax, group in zip(view.panels, spec.groups, strict=True):
        _panel(ax, results, family, group.name, labels)
    for ax in view.lowest:
        ax.set_xlabel(say("figure.later.x"), fontsize=8.4)
    unit = units.of_axis(spec, figure.outcome)
    _layout.y_label(view, say("figure.effect", measured_in=unit))
    return view.figure


def _colour(i: int) -> str:
    return style.ESTIMATORS[i % len(style.ESTIMATORS)]


def _marker(i: int) -> str:
    return style.MARKERS[i % len(style.MARKERS)]


def _panel(
    ax: Axes, results: Results, family: tuple[Outcome, ...], group: str, labels: list[str]
) -> None:
    months = np.array([outcome.later for outcome in family], dtype=float)
    apart = APART * float(np.diff(months).min())
    ax.axhline(0, color="#8a8a8a", linewidth=0.8, zorder=1)
    for i, label in enumerate(labels):
        rows = [results.att(outcome.name, group, label) for outcome in family]
        x = months + apart * (i - (len(labels) - 1) / 2)
        values = np.array([_numbers(row) for row in rows])
        shown = np.isfinite(values[:, 1:]).all(axis=1)
        ax.vlines(x[shown], values[shown, 1], values[shown, 2], color=_colour(i), linewidth=1.4)
        ax.plot(x, values[:, 0], _marker(i), color=_colour(i), markersize=4.6, zorder=3)
    ax.set_xticks(months, [f"{month:.0f}" for month in months])


def _numbers(row: Row | None) -> list[float]:
    names = ("estimate", "ci_low", "ci_high")
    return [
        float("nan") if row is None or row[name] is None else float(row[name]) for name in names
    ]
