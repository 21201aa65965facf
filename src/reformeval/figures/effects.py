"""Forest plot: every estimator's effect with its interval, by group, and the truth if known."""

from __future__ import annotations

import textwrap

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reformeval.figures import _layout, style
from reformeval.figures.plan import Planned, title_of
from reformeval.report import numbers, units
from reformeval.report.results import SHOWN, Results, Row, group_label, label_words
from reformeval.report.spec import ReportSpec
from reformeval.report.texts import listed, say
from reformeval.report.words import inference_words

STEP = 0.21
GAP = 0.14
LEFT = 2.05


def draw(results: Results, figure: Planned) -> Figure:
    """Effects over the whole post-period by group and estimator, intervals as lines."""
    spec, outcome = results.spec, figure.outcome
    labels = [estimator.label for estimator in spec.of_outcome(outcome)]
    table = {
        (group.name, name): results.att(outcome, group.name, name)
        for group in spec.groups
        for name in labels
    }
    rows = [row for row in table.values() if row is not None]
    block = len(labels) * STEP + GAP
    view = _layout.page(
        title_of(results, figure),
        say("figure.effects.subtitle"),
        [""],
        _notes(spec, outcome, rows),
        key=_key(labels, any(row["truth"] is not None for row in rows)),
        panel_height=len(spec.groups) * block + 0.1,
        left=LEFT,
    )
    ax = view.panels[0]
    ax.set_ylim(len(spec.groups) * block, -0.1)
    limits = _limits(rows)
    ax.set_xlim(*limits)
    ax.axvline(0, color="#8a8a8a", linewidth=0.9, zorder=1)
    for g, group in enumerate(spec.groups):
        top = g * block
        if g % 2 == 0 and len(spec.groups) > 1:
            ax.axhspan(top - GAP / 2, top + block - GAP / 2, facecolor="#efefef", zorder=0)
        cells = [table[group.name, name] for name in labels]
        _truth(ax, cells, top - GAP / 2, top + block - GAP / 2)
        for i, row in enumerate(cells):
            _effect(ax, row, top + STEP * (i + 0.5), i, limits)
    centres = [g * block + (block - GAP) / 2 for g in range(len(spec.groups))]
    ax.set_yticks(centres, [textwrap.fill(group_label(spec, g), 26) for g in spec.groups])
    ax.tick_params(axis="y", length=0, labelsize=9, pad=10)
    ax.spines["left"].set_visible(False)
    _layout.plain_numbers(ax, "x", bins=9)
    ax.set_xlabel(say("figure.effect", measured_in=units.of_axis(spec, outcome)), fontsize=8.8)
    return view.figure


def _notes(spec: ReportSpec, outcome: str, rows: list[Row]) -> list[str]:
    shown = [row for row in rows if row["ci_low"] is not None]
    notes = [say("figure.effects.footnote")]
    if shown:
        levels = sorted({numbers.percent(row["ci_level"]) for row in shown})
        methods = [inference_words(name) for name in sorted({row["inference"] for row in shown})]
        floors = sorted({row["p_value_floor"] for row in shown if row["p_value_floor"]})
        notes.append(say("figure.effects.level", level=listed(levels), method=listed(methods)))
        if floors:
            notes.append(say("figure.effects.floor", floor=numbers.p_value(floors[-1])))
    if any(np.isinf(row[end]) for row in shown for end in ("ci_low", "ci_high")):
        notes.append(say("figure.effects.arrows"))
    if any(row["status"] not in SHOWN for row in rows):
        notes.append(say("figure.effects.refused_note"))
    named = outcome == spec.headline.outcome
    return [*notes, say("figure.effects.headline" if named else "figure.effects.exploratory")]


def _key(labels: list[str], truth: bool) -> list[_layout.Handle]:
    handles: list[_layout.Handle] = [
        _layout.stroke(_colour(i), label_words(name), 1.5, marker=_marker(i))
        for i, name in enumerate(labels)
    ]
    if truth:
        handles.append(_layout.stroke(style.TRUTH, say("figure.effects.truth"), 1.6, (0, (1, 1))))
    return handles


def _colour(i: int) -> str:
    return style.ESTIMATORS[i % len(style.ESTIMATORS)]


def _marker(i: int) -> str:
    return style.MARKERS[i % len(style.MARKERS)]


def _limits(rows: list[Row]) -> tuple[float, float]:
    names = ("estimate", "ci_low", "ci_high", "truth")
    values = [row[name] for row in rows for name in names if row[name] is not None]
    limits = _layout.limits_around(np.array([*values, 0.0], dtype=float), 0.05)
    return limits if limits and any(values) else (-1.0, 1.0)


def _truth(ax: Axes, rows: list[Row | None], top: float, bottom: float) -> None:
    truths = {row["truth"] for row in rows if row is not None and row["truth"] is not None}
    for value in sorted(truths):
        ax.plot([value, value], [top, bottom], color=style.TRUTH, linewidth=1.6,
                linestyle=(0, (1, 1)), zorder=2)  # fmt: skip


def _effect(ax: Axes, row: Row | None, y: float, i: int, limits: tuple[float, float]) -> None:
    colour, marker = _colour(i), _marker(i)
    if row is None or row["estimate"] is None:
        status = "missing" if row is None else row["status"]
        ax.annotate(
            say(f"figure.effects.status.{status}"), (0, y), xytext=(4, 0),
            textcoords="offset points", fontsize=7.8, color=style.MUTED, va="center",
            fontstyle="italic",
        )  # fmt: skip
        ax.plot([0], [y], "x", color=colour, markersize=4.5, zorder=3)
        return
    hollow = row["ci_low"] is None
    if not hollow:
        low, high = max(row["ci_low"], limits[0]), min(row["ci_high"], limits[1])
        ax.plot([low, high], [y, y], color=colour, linewidth=1.5, zorder=3)
        for end, edge, tip in ((row["ci_low"], limits[0], "<"), (row["ci_high"], limits[1], ">")):
            if np.isinf(end):
                ax.plot([edge], [y], tip, color=colour, markersize=5, clip_on=False, zorder=3)
    ax.plot(
        [row["estimate"]], [y], marker, color=colour, markersize=5.4, zorder=4,
        markerfacecolor="white" if hollow else colour, markeredgewidth=1.2 if hollow else 0.5,
        markeredgecolor=colour if hollow else "white",
    )  # fmt: skip
