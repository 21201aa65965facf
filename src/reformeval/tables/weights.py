"""Table of donors' weights of one estimator label, by outcome and group."""

from __future__ import annotations

import polars as pl

from reformeval.report.numbers import number
from reformeval.report.results import Results, group_label, label_words
from reformeval.report.texts import say
from reformeval.tables._table import Column, Line, Table

SHOWN_FROM = 0.005


def build(results: Results, label: str) -> Table | None:
    """Weights of the reform's own fit; None where the label has none."""
    spec = results.spec
    own = results.estimates[label].weights.filter(
        (pl.col("assignment") == 0)
        & (pl.col("kind") == "unit")
        & pl.col("key").is_in(results.donors)
        & pl.col("value").is_not_null()
    )
    if own.is_empty():
        return None
    values = {(o, g, u): v for o, g, u, v in own["outcome", "group", "key", "value"].iter_rows()}
    sections = []
    for outcome in spec.outcomes:
        lines = []
        for unit in sorted(
            results.donors,
            key=lambda u: (-values.get((outcome.name, spec.groups[0].name, u), 0.0), u),
        ):
            found = [values.get((outcome.name, group.name, unit)) for group in spec.groups]
            if max((abs(v) for v in found if v is not None), default=0.0) >= SHOWN_FROM:
                cells = {f"g{i}": number(v, 2) for i, v in enumerate(found)}
                lines.append(Line({"unit": results.unit_labels[unit], **cells}))
        if lines:
            sections.append((outcome.label, tuple(lines)))
    columns = [Column("unit", say("table.column.donor"))]
    columns += [Column(f"g{i}", group_label(spec, g), True) for i, g in enumerate(spec.groups)]
    return Table(
        name=f"weights_{label}",
        title=say("table.weights.title", estimator=label_words(label)),
        subtitle=say("table.weights.subtitle"),
        columns=tuple(columns),
        sections=tuple(sections),
        notes=(say("table.weights.note", least=number(SHOWN_FROM, 3)),),
        footnotes=(),
        data=own.select("outcome", "group", unit=pl.col("key"), weight=pl.col("value")),
    )
