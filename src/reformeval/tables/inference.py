"""Table of the headline under every method of inference: valid ones, and refused ones with why."""

from __future__ import annotations

from reformeval.report import numbers, units
from reformeval.report.results import SHOWN, Results, Row, by_worth
from reformeval.report.texts import say, say_or
from reformeval.tables._table import Cells, Column, Line, Table
from reformeval.tables.effects import CSV


def build(results: Results) -> Table | None:
    """Build the table of the headline's methods; None where there is no headline."""
    headline = results.headline
    if headline is None:
        return None
    keys = ("outcome", "group", "estimator", "estimand")
    rows = by_worth(results.rows(*(headline[key] for key in keys)), headline["inference"])
    valid = [row for row in rows if row["status"] in SHOWN]
    sections = {
        "valid": [_line(results, row) for row in valid],
        "refused": [_line(results, row) for row in rows if row["status"] not in SHOWN],
    }
    measured_in = units.of_row(results, headline)
    columns = ("inference", "alternative", "interval", "level", "p", "floor", "reason")
    return Table(
        name="inference",
        title=say("table.inference.title", outcome=results.spec.outcome(headline["outcome"]).label),
        subtitle=say("table.inference.subtitle", measured_in=measured_in),
        columns=tuple(
            Column(
                key,
                say("table.inference.reason") if key == "reason" else say(f"table.column.{key}"),
                key in ("interval", "level", "p", "floor"),
                wide=key == "reason",
            )
            for key in columns
        ),
        sections=tuple(
            (say(f"table.inference.{name}"), tuple(lines))
            for name, lines in sections.items()
            if lines
        ),
        notes=(say("table.inference.note"),),
        footnotes=(),
        data=results.effects.filter(**{key: headline[key] for key in keys}).select(CSV),
    )


def _line(results: Results, row: Row) -> Line:
    decimals = results.decimals[row["outcome"]]
    shown = row["ci_low"] is not None
    cells: Cells = {
        "inference": say_or(f"inference.{row['inference']}.name", row["inference"]),
        "alternative": say(f"table.alternative.{row['alternative']}"),
        "interval": numbers.interval(row["ci_low"], row["ci_high"], decimals),
        "level": numbers.percent(row["ci_level"]) if shown else numbers.number(None, 0),
        "p": numbers.p_value(row["p_value"]),
        "floor": numbers.p_value(row["p_value_floor"])
        if shown and row["p_value_floor"]
        else numbers.number(None, 0),
        "reason": row["reason"] or "",
    }
    return Line(cells, strong=bool(row["is_headline"]), muted=not shown)
