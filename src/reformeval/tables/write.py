"""All tables of a reform: building and writing them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from reformeval.report.results import Results
from reformeval.report.texts import speaking
from reformeval.tables import _table, checks, effects, inference, sample_flow, support, weights
from reformeval.tables._table import Table


def build_tables(results: Results) -> dict[str, Table]:
    """Build every table of a reform, by file stem, in the reform's language."""
    with speaking(results.spec.language):
        return _build_tables(results)


def _build_tables(results: Results) -> dict[str, Table]:
    spec = results.spec
    tables: list[Table | None] = []
    for outcome in spec.outcomes:
        tables.append(effects.whole_period(results, outcome.name))
        tables.append(effects.by_step(results, outcome.name))
        tables.append(effects.by_cohort(results, outcome.name))
        tables.append(effects.by_contrast(results, outcome.name))
        tables.append(effects.by_later(results, outcome.name))
    tables += [weights.build(results, estimator.label) for estimator in spec.estimators]
    tables += [
        inference.build(results),
        support.build(results),
        sample_flow.build(results),
        checks.build(results),
    ]
    return {table.name: table for table in tables if table is not None}


def write_tables(tables: Mapping[str, Table], folder: Path) -> None:
    """Write tables as CSV, LaTeX and HTML into a folder, ``results/<reform>/tables``."""
    for table in tables.values():
        _table.write(table, folder)
