"""Placebo distribution: the reform's estimate among those of every other assignment."""

from __future__ import annotations

import textwrap
from collections import Counter

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reformeval.figures import _layout, style
from reformeval.figures.plan import Planned
from reformeval.report import numbers, units
from reformeval.report.results import Results, Row, label_words
from reformeval.report.texts import say

STRIP = 200
BINS = 40
LETTERS, MOST = 11, 22  # of an estimator's name, in a line


def draw(results: Results, figure: Planned) -> Figure:
    """Estimates of all assignments, one strip an estimator, one panel a group."""
    spec, outcome = results.spec, figure.outcome
    labels = [estimator.label for estimator in spec.of_outcome(outcome)]
    height = 0.62 + 0.46 * len(labels)
    names = [label_words(name) for name in labels]
    # Room on the left for the longest word: long ones are not broken.
    letters = max(LETTERS, *(min(len(word), MOST) for name in names for word in name.split()))
    view = _layout.by_group(
        results,
        figure,
        [
            say("figure.placebos.footnote", treated=results.treated_name),
            _floor_note(results, outcome),
            say("figure.own_scales") if len(spec.groups) > 1 else "",
        ],
        key=[
            _layout.stroke(style.TREATED, results.treated_name, 0, marker="D"),
            _layout.stroke("#9a9a9a", say("figure.placebos.placebo"), 0, marker="o"),
        ],
        panel_height=max(height, 1.3),
        left=_layout.LEFT + 0.066 * (letters - LETTERS),
    )
    for i, (ax, group) in enumerate(zip(view.panels, spec.groups, strict=True)):
        if not _any_placebo(results, outcome, group.name):
            _layout.refused_panel(ax, results.att(outcome, group.name, labels[0]))
            continue
        _panel(ax, results, outcome, group.name, labels)
        shown = [textwrap.fill(name, letters) if i % view.columns == 0 else "" for name in names]
        ax.set_yticks(range(len(labels)), shown)
        ax.tick_params(axis="y", length=0, labelsize=8)
    measured_in = units.of_axis(spec, outcome)
    for ax in view.lowest:
        ax.set_xlabel(say("figure.effect", measured_in=measured_in), fontsize=8.4)
    return view.figure


def _any_placebo(results: Results, outcome: str, group: str) -> bool:
    return any(e.placebos(outcome, group).size for e in results.estimates.values())


def _floor_note(results: Results, outcome: str) -> str:
    floors = Counter(
        row["p_value_floor"]
        for row in results.effects.iter_rows(named=True)
        if row["outcome"] == outcome
        and row["estimand"] == "att"
        and row["inference"] == "permutation"
        and row["p_value"] is not None
    )
    if not floors:
        return say("figure.placebos.no_p")
    low, high = min(floors), max(floors)
    if high - low < 1e-12:
        return say("figure.placebos.floor", floor=numbers.p_value(low), n=round(1 / low))
    return say("figure.placebos.floor_range", low=numbers.p_value(low), high=numbers.p_value(high))


def _permutation_row(results: Results, outcome: str, group: str, label: str) -> Row | None:
    """Row of the test in both directions, which is what the footnote says of p."""
    rows = results.rows(outcome, group, label, "att")
    tests = (row for row in rows if row["inference"] == "permutation")
    return next((row for row in tests if row["alternative"] in (None, "two-sided")), None)


def _panel(ax: Axes, results: Results, outcome: str, group: str, labels: list[str]) -> None:
    ax.set_ylim(len(labels) - 0.5, -0.62)
    ax.axvline(0, color="#8a8a8a", linewidth=0.8, zorder=1)
    every = []
    for i, label in enumerate(labels):
        values = results.estimates[label].placebos(outcome, group)
        row = _permutation_row(results, outcome, group, label)
        if values.size:
            _strip(ax, i, values)
            every.append(values)
            p = None if row is None else row["p_value"]
            text = say("figure.placebos.p", p=numbers.p_value(p)) if p is not None else ""
        else:
            text = say("figure.placebos.refused")
        ax.annotate(
            text, (1.0, i - 0.34), xycoords=("axes fraction", "data"), ha="right", va="center",
            fontsize=7.8, color=style.INK,
        )  # fmt: skip
    limits = _layout.limits_around(np.concatenate(every)) if every else None
    ax.set_xlim(*(limits or (-1.0, 1.0)))
    _layout.plain_numbers(ax, "x")
    ax.spines["left"].set_visible(False)


def _strip(ax: Axes, at: int, values: np.ndarray) -> None:
    """Dots where there are few assignments, a small histogram where there are many."""
    placebos = values[1:]
    if len(placebos) <= STRIP:
        ax.plot(
            placebos, np.full(len(placebos), at), "o", color="#9a9a9a", markersize=4.2, alpha=0.55,
            markeredgewidth=0, zorder=2,
        )  # fmt: skip
    else:
        counts, edges = np.histogram(placebos, BINS)
        heights = 0.42 * counts / counts.max()
        ax.bar(
            edges[:-1], -heights, np.diff(edges), bottom=at + 0.2, align="edge", color="#bdbdbd",
            zorder=2,
        )  # fmt: skip
    ax.plot([values[0]], [at], "D", color=style.TREATED, markersize=6, zorder=4,
            markeredgecolor="white", markeredgewidth=0.6)  # fmt: skip
