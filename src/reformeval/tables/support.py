"""Table of support: treated units and donors by cohort and event time of a staggered reform."""

from __future__ import annotations

import polars as pl

from reformeval.report import dates
from reformeval.report.numbers import count, number
from reformeval.report.results import Results
from reformeval.report.texts import say
from reformeval.support import support
from reformeval.tables._table import Column, Line, Table

_COUNTS = ("treated", "never", "not_yet")


def build(results: Results) -> Table | None:
    """Count units by cohort and event time; None where all units adopt on one date."""
    timing = results.spec.timing
    if not timing.staggered:
        return None
    data = counts(results)
    sections: dict[str, list[Line]] = {}
    for row in data.iter_rows(named=True):
        cells = {name: count(row[name]) for name in _COUNTS}
        cells["event_time"] = number(row["event_time"], 0)
        at = say("table.support.cohort", period=dates.label(row["cohort"], timing.frequency))
        sections.setdefault(at, []).append(Line(cells, muted=row["event_time"] < 0))
    columns = [Column("event_time", say("table.column.event_time"), True)]
    columns += [Column(name, say(f"table.column.{name}"), True) for name in _COUNTS]
    return Table(
        name="support",
        title=say("table.support.title"),
        subtitle="",
        columns=tuple(columns),
        sections=tuple((heading, tuple(lines)) for heading, lines in sections.items()),
        notes=(say("table.support.note"),),
        footnotes=(),
        data=data,
    )


def counts(results: Results) -> pl.DataFrame:
    """``cohort, event_time, treated, never, not_yet`` for every retained period of the window."""
    timing = results.spec.timing
    units = results.units.filter(pl.col("role") != "left_out")
    place = {period: i for i, period in enumerate(timing.periods)}
    found = support(
        [-1 if period is None else place[period] for period in units["adopted"]],
        [i for period, i in place.items() if period not in timing.dropped],
        timing.anticipation,
    )
    rows = [
        (timing.periods[one.cohort], one.period - one.cohort, one.treated, one.never, one.not_yet)
        for one in found
    ]
    schema = {"cohort": pl.Date, "event_time": pl.Int32, **dict.fromkeys(_COUNTS, pl.Int64)}
    return pl.DataFrame(rows, schema=schema, orient="row")
