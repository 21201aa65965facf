"""Table of the sample: what was kept and lost at each step, persons or rows."""

from __future__ import annotations

from reformeval.report.numbers import count
from reformeval.report.results import Results
from reformeval.report.texts import say, say_or
from reformeval.tables._table import Column, Line, Table

# Columns of the flow and their headings; a source that counts no persons has rows instead.
PERSONS = ("persons", "person_periods", "persons_lost", "person_periods_lost")
ROWS = {"person_periods": "rows", "person_periods_lost": "rows_lost"}


def build(results: Results) -> Table | None:
    """Build the sample flow by population; None where the source has no steps to show."""
    flow = results.flow
    if flow is None or flow.is_empty():
        return None
    counted = flow["persons"].null_count() < flow.height
    headings = dict(zip(PERSONS, PERSONS, strict=True)) if counted else ROWS
    sections: dict[str, list[Line]] = {}
    for row in flow.iter_rows(named=True):
        cells = {name: count(row[name]) for name in headings}
        cells |= {"step": row["step"] or "", "reason": row["reason"] or ""}
        heading = say_or(f"population.{row['population']}.name", row["population"] or "")
        sections.setdefault(heading, []).append(Line(cells))
    columns = [Column("step", say("table.column.flow_step"))]
    columns += [Column(name, say(f"table.column.{key}"), True) for name, key in headings.items()]
    columns.append(Column("reason", say("table.column.reason"), wide=True))
    return Table(
        name="sample_flow",
        title=say("table.sample_flow.title"),
        subtitle="",
        columns=tuple(columns),
        sections=tuple((heading, tuple(lines)) for heading, lines in sections.items()),
        notes=(say("table.sample_flow.note"),),
        footnotes=(),
        data=flow,
    )
