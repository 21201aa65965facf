"""Tables of checks: everything that was looked at, and what came of it."""

from __future__ import annotations

import polars as pl

from reformeval.report.numbers import p_value
from reformeval.report.results import Results, Row, contrast_label, group_label, label_words
from reformeval.report.texts import listed, say, say_or
from reformeval.tables._table import Cells, Column, Line, Table

SOUGHT = ("fail", "warn")
MOST_NAMED = 3
SCOPE = ("outcome", "group", "estimator")


def build(results: Results) -> Table:
    """Build the table of all checks, by kind."""
    rows = list(results.checks.iter_rows(named=True))
    return _table(results, "all", [[row] for row in rows], results.checks)


def attention(results: Results) -> Table:
    """Build the table of the headline's checks and of all that failed or warn.

    Rows that say the same about several outcomes, groups or estimators are one row.
    """
    sought: dict[tuple[object, ...], list[Row]] = {}
    for row in results.checks.iter_rows(named=True):
        if row["verdict"] in SOUGHT or results.concerns_headline(row):
            same = (row["check"], row["verdict"], row["message"], row["p_value"])
            sought.setdefault(same, []).append(row)
    chosen = [row for rows in sought.values() for row in rows]
    data = pl.DataFrame(chosen, schema=results.checks.schema)
    return _table(results, "attention", list(sought.values()), data)


def _table(results: Results, which: str, rows: list[list[Row]], data: pl.DataFrame) -> Table:
    sections: dict[str, list[Line]] = {}
    for same in rows:
        first = same[0]
        heading = say_or(f"check.{first['check']}", label_words(first["check"]).capitalize())
        line = Line(_cells(results, same), strong=first["verdict"] in SOUGHT)
        sections.setdefault(heading, []).append(line)
    keys = ("verdict", *SCOPE, "p", "message")
    return Table(
        name="checks" if which == "all" else f"checks_{which}",
        title=say(f"table.checks.title_{which}"),
        subtitle="",
        columns=tuple(
            Column(key, say(f"table.column.{key}"), key == "p", wide=key == "message")
            for key in keys
        ),
        sections=tuple((heading, tuple(lines)) for heading, lines in sections.items()),
        notes=(say("table.checks.note"),),
        footnotes=(),
        data=data,
    )


def _cells(results: Results, rows: list[Row]) -> Cells:
    spec, first = results.spec, rows[0]
    words = {
        "outcome": {outcome.name: outcome.label for outcome in spec.outcomes},
        "group": {group.name: group_label(spec, group) for group in spec.groups}
        | {contrast.name: contrast_label(spec, contrast) for contrast in spec.contrasts},
        "estimator": {one.label: label_words(one.label) for one in spec.estimators},
    }
    scope = {}
    for key in SCOPE:
        found = dict.fromkeys(row[key] for row in rows if row[key])
        names = [words[key].get(name, name) for name in found]
        what = say(f"table.checks.{key}s")
        several = say("table.checks.several", n=len(names), what=what)
        scope[key] = listed(names) if len(names) <= MOST_NAMED else several
    return {
        **scope,
        "verdict": say_or(f"verdict.check.{first['verdict']}", first["verdict"] or ""),
        "p": p_value(first["p_value"]),
        "message": first["message"] or "",
    }
