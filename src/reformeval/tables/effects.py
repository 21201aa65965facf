"""Tables of effects of one outcome: over the whole post-period, and by step of the reform."""

from __future__ import annotations

import polars as pl

from reformeval.report import dates, numbers, units
from reformeval.report.results import (
    Results,
    Row,
    best,
    contrast_label,
    group_label,
    label_words,
)
from reformeval.report.texts import say, say_or
from reformeval.spec import Contrast
from reformeval.tables._table import Cells, Column, Line, Table

CSV = [
    "outcome", "group", "estimator", "estimand", "step", "estimate", "std_error", "ci_low",
    "ci_high", "ci_level", "p_value", "p_value_floor", "inference", "status", "reason", "n_treated",
    "n_donors", "n_pre", "n_post", "n_persons", "baseline", "truth", "minimum_detectable",
    "verdict", "weights", "measured_in", "is_headline", "alternative", "p_adjusted", "versus",
    "cohort",
]  # fmt: skip


NAMES = {"att": "effects", "step": "steps", "cohort": "cohorts"}


class _Reasons:
    """Numbers for the reasons under a table, in order of first use."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def mark(self, reason: str | None) -> str:
        if not reason:
            return ""
        if reason not in self.texts:
            self.texts.append(reason)
        return str(self.texts.index(reason) + 1)


def whole_period(results: Results, outcome: str) -> Table:
    """Effects over all post-periods: every group and estimator, by the headline's inference."""
    return _build(results, outcome, "att")


def by_step(results: Results, outcome: str) -> Table | None:
    """Effects of each step's window; None where the reform has one step."""
    return _build(results, outcome, "step") if len(results.spec.timing.steps) > 1 else None


def by_cohort(results: Results, outcome: str) -> Table | None:
    """Effects of each cohort over its periods since adoption; None where there are no cohorts."""
    return _build(results, outcome, "cohort") if results.spec.timing.staggered else None


def by_contrast(results: Results, outcome: str) -> Table | None:
    """Differences of effects between groups, each below the two effects; None without any."""
    spec, what = results.spec, results.spec.outcome(outcome)
    reasons, sections, used = _Reasons(), [], []
    for contrast in spec.contrasts:
        rows = _with_both(results, outcome, contrast)
        lines = tuple(_line(results, row, reasons, group) for group, row in rows)
        used += [row for _, row in rows]
        if lines:
            sections.append((contrast_label(spec, contrast), lines))
    if not sections:
        return None
    note = say(
        "table.effects.note",
        measured_in=what.measured_in,
        level_unit=units.of_level(what.measured_in),
    )
    return Table(
        name=f"contrasts_{outcome}",
        title=say("table.effects.title_contrast", outcome=what.label),
        subtitle=say("table.effects.subtitle", measured_in=what.measured_in),
        columns=_columns("contrast", any(row["truth"] is not None for row in used)),
        sections=tuple(sections),
        notes=(note, say("table.effects.difference_note"), say("table.effects.floor")),
        footnotes=tuple(reasons.texts),
        data=_data(results, outcome, "contrast"),
    )


def _with_both(results: Results, outcome: str, contrast: Contrast) -> list[tuple[str, Row]]:
    """By estimator the effects in both groups, in words, and the difference after them."""
    words = {group.name: group_label(results.spec, group) for group in results.spec.groups}
    found: list[tuple[str, Row]] = []
    for estimator in results.spec.estimators:
        label = estimator.label
        difference = _one_each(
            results, results.rows(outcome, contrast.name, label, "contrast"), "contrast"
        )
        for name in (contrast.group, contrast.versus) if difference else ():
            for row in _one_each(results, results.rows(outcome, name, label, "att"), "att"):
                found.append((words[name], row))
        found += [(say("table.effects.difference"), row) for row in difference]
    return found


def by_later(results: Results, outcome: str) -> Table | None:
    """Effects on one outcome of the same persons by months later; None without several."""
    spec, family = results.spec, results.spec.family(outcome)
    if not family:
        return None
    reasons, sections, used = _Reasons(), [], []
    for group in spec.groups:
        lines = []
        for estimator in spec.estimators:
            for one in family:
                rows = results.rows(one.name, group.name, estimator.label, "att")
                for row in _one_each(results, rows, "att"):
                    used.append(row)
                    lines.append(_line(results, row, reasons, str(one.later)))
        if lines:
            sections.append((group_label(spec, group), tuple(lines)))
    what = spec.outcome(outcome)
    names = [one.name for one in family]
    data = results.effects.filter(
        pl.col("outcome").is_in(names) & (pl.col("estimand") == "att") & pl.col("versus").is_null()
    )
    return Table(
        name=f"later_{outcome}",
        title=say("table.effects.title_later", outcome=what.label),
        subtitle=say("table.effects.subtitle", measured_in=what.measured_in),
        columns=_columns("later", any(row["truth"] is not None for row in used)),
        sections=tuple(sections),
        notes=(say("table.effects.later_note"), say("table.effects.floor")),
        footnotes=tuple(reasons.texts),
        data=data.select(CSV),
    )


def _build(results: Results, outcome: str, estimand: str) -> Table:
    spec, what = results.spec, results.spec.outcome(outcome)
    reasons, sections, used = _Reasons(), [], []
    for group in spec.groups:
        lines = []
        for estimator in spec.estimators:
            rows = results.rows(outcome, group.name, estimator.label, estimand)
            if estimand == "att":
                rows = rows or results.rows(outcome, group.name, estimator.label, "dose")
            for row in _one_each(results, rows, estimand):
                used.append(row)
                lines.append(_line(results, row, reasons))
        if lines:
            sections.append((group_label(spec, group), tuple(lines)))
    headline = estimand == "att" and outcome == spec.headline.outcome
    notes = [
        say(
            "table.effects.note",
            measured_in=what.measured_in,
            level_unit=units.of_level(what.measured_in),
        ),
        say("table.effects.headline" if headline else "table.effects.exploratory"),
        say("table.effects.floor"),
    ]
    if estimand != "att":
        notes.insert(1, say(f"table.effects.each_{estimand}"))
    return Table(
        name=f"{NAMES[estimand]}_{outcome}",
        title=say(f"table.effects.title_{estimand}", outcome=what.label),
        subtitle=say("table.effects.subtitle", measured_in=what.measured_in),
        columns=_columns(estimand, any(row["truth"] is not None for row in used)),
        sections=tuple(sections),
        notes=tuple(notes),
        footnotes=tuple(reasons.texts),
        data=_data(results, outcome, estimand),
    )


def _one_each(results: Results, rows: list[Row], estimand: str) -> list[Row]:
    """Give the best row, or of steps and cohorts that of each."""
    timing = results.spec.timing
    wanted: dict[str, tuple[object, ...]] = {
        "step": tuple(step.id for step in timing.steps),
        "cohort": timing.adoptions,
    }
    parts = [rows]
    if estimand in wanted:
        parts = [[row for row in rows if row[estimand] == one] for one in wanted[estimand]]
    found = (best(part, results.preferred) for part in parts)
    return [row for row in found if row is not None]


def _columns(estimand: str, truth: bool) -> tuple[Column, ...]:
    which = {
        "step": ["step"], "cohort": ["cohort"], "contrast": ["group"], "later": ["later"],
    }.get(estimand, [])  # fmt: skip
    keys = ["estimator", *which, "inference", "estimate",
            "interval", "level", "p", "floor", "truth", "baseline", "detectable", "donors",
            "note"]  # fmt: skip
    left = {"estimator", "step", "cohort", "group", "inference", "note"}
    return tuple(
        Column(key, say(f"table.column.{key}"), key not in left)
        for key in keys
        if key != "truth" or truth
    )


def _line(results: Results, row: Row, reasons: _Reasons, which: str = "") -> Line:
    decimals = results.decimals[row["outcome"]]
    steps = {step.id: step.label for step in results.spec.timing.steps}
    shown = row["ci_low"] is not None
    verdict = row["status"] if row["status"] in ("refused", "failed") else ""
    cells: Cells = {
        "estimator": _estimator(results, row),
        "step": steps.get(row["step"], ""),
        "group": which,
        "later": which,
        "cohort": _cohort(results, row),
        "estimate": numbers.number(row["estimate"], decimals),
        "interval": numbers.interval(row["ci_low"], row["ci_high"], decimals)
        if shown
        else say(f"table.status.{verdict}") if verdict else numbers.number(None, 0),
        "level": numbers.percent(row["ci_level"]) if shown else numbers.number(None, 0),
        "p": numbers.p_value(row["p_value"]),
        "floor": numbers.p_value(row["p_value_floor"]) if shown and row["p_value_floor"] else
        numbers.number(None, 0),
        "inference": say_or(f"inference.{row['inference']}.name", row["inference"]),
        "truth": numbers.number(row["truth"], decimals),
        "baseline": numbers.number(row["baseline"], decimals),
        "detectable": numbers.number(row["minimum_detectable"], decimals),
        "donors": numbers.count(row["n_donors"]),
        "note": reasons.mark(row["reason"]),
    }  # fmt: skip
    return Line(cells, strong=bool(row["is_headline"]), muted=not shown)


def _cohort(results: Results, row: Row) -> str:
    at = row["cohort"]
    return "" if at is None else dates.label(at, results.spec.timing.frequency)


def _estimator(results: Results, row: Row) -> str:
    """Words for the label, with the unit of its effects where that is not the outcome's."""
    unit = f" ({units.of_row(results, row)})" if units.is_own(results, row) else ""
    return label_words(row["estimator"]) + unit


def _data(results: Results, outcome: str, estimand: str) -> pl.DataFrame:
    estimands = ["att", "dose"] if estimand == "att" else [estimand]
    rows = results.effects.filter(
        (pl.col("outcome") == outcome) & pl.col("estimand").is_in(estimands)
    )
    if estimand != "contrast":
        rows = rows.filter(pl.col("versus").is_null())
    return rows.select(CSV)
