"""Build a reform's panel from a table source: rows are chosen and named, never added up."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from reformeval import periods
from reformeval.artefacts import PANEL, SAMPLE_FLOW, table
from reformeval.errors import Problem, UserError
from reformeval.geography.moved import Moved, moved
from reformeval.geography.unit_map import Place
from reformeval.panel.result import PanelResult
from reformeval.panel.units import assign_roles, members
from reformeval.sources.table import TableSource
from reformeval.sources.table_reader import Reading, read_table
from reformeval.spec import AS_PUBLISHED, Group, PanelSpec

_KEYS = ("unit", "period", "group")
_CODE = pl.col("unit").alias("code")  # a row's own unit, where several share a territory


def build(
    source: TableSource, data: Path, spec: PanelSpec, classification: Path | None = None
) -> PanelResult:
    """Build the panel of a reform from a table.

    Parameters
    ----------
    source
        The table.
    data
        Its file, or the folder that ``source.file`` is relative to.
    spec
        The reform's units, window, outcomes and groups.
    classification
        File with the changes of units over time, where ``spec.geography`` needs them.

    Returns
    -------
    PanelResult
        ``panel`` has the published cells and no others: what the table lacks is absent. In
        ``flow`` the columns on persons are null, for a table does not say who is behind its
        rows, and ``person_periods`` counts rows of the table.

    Raises
    ------
    UserError
        If the file cannot be read as declared, the table has no rows for a group, or
        ``comparison.largest`` is asked for without counts of persons.
    """
    reading = read_table(source, data)
    cells = _in_groups(reading.cells, source, spec)
    in_window = cells.filter(pl.col("period").is_between(spec.timing.first, spec.timing.last))
    onto = _moved(in_window, source, data, spec, classification)
    universe = reading.cells if onto is None else onto.frame
    counted = cells if onto is None else onto.frame
    sizes = _sizes(counted, spec) if spec.comparison.largest is not None else None
    labels = {} if onto is None else onto.labels
    labels = {**labels, **reading.unit_labels, **source.unit.labels}
    units = assign_roles(universe["unit"].unique().to_list(), spec, sizes, labels)
    kept = members(units)
    chosen = (in_window if onto is None else universe).filter(pl.col("unit").is_in(kept))
    added = chosen
    if onto is not None:
        kinds = {one.name: source.outcome_kind(one.source_name) for one in spec.outcomes}
        added = onto.add_up(chosen, kinds)
    panel = (
        added.with_columns(pl.lit(AS_PUBLISHED).alias("population"))
        .select(list(PANEL))
        .sort("outcome", "group", "unit", "period")
    )
    flow = _flow(reading, (cells, in_window, chosen, added), source, spec)
    available = reading.cells["period"]
    first, last = available.min(), available.max()
    found = () if onto is None else onto.notes(kept)
    return PanelResult(panel, units, flow, (first, last), found)  # type: ignore[arg-type]


def _moved(
    cells: pl.DataFrame,
    source: TableSource,
    data: Path,
    spec: PanelSpec,
    classification: Path | None,
) -> Moved[pl.DataFrame] | None:
    """Put cells on the reform's territory year; None where they are on it."""
    file = data / source.file if data.is_dir() else data
    place = Place(str(file), source.unit.column, "cells", spec.reform, spec.timing.frequency)
    return moved(cells.with_columns(_CODE), spec.geography, classification, place)


def _in_groups(cells: pl.DataFrame, source: TableSource, spec: PanelSpec) -> pl.DataFrame:
    """Cells of the reform's outcomes and groups, under the reform's names of both."""
    published = set(cells["group"].unique())
    names = {_published_name(group, source): group.name for group in spec.groups}
    problems = [
        _no_rows(group, source, spec)
        for group in spec.groups
        if _published_name(group, source) not in published and not (spec.any_groups and group.terms)
    ]
    if problems:
        raise UserError(problems)
    named = pl.DataFrame(
        [(one.source_name, one.name) for one in spec.outcomes],
        schema={"outcome": pl.String, "name": pl.String},
        orient="row",
    )
    return (
        cells.filter(pl.col("group").is_in(list(names)))
        .with_columns(pl.col("group").replace(names))
        .join(named, on="outcome", maintain_order="left_right")
        .with_columns(pl.col("name").alias("outcome"))
        .drop("name")
    )


def _published_name(group: Group, source: TableSource) -> str:
    """Name the reader gives to a group: terms in the source file's order."""
    order = list(source.groups)
    terms = sorted(group.terms, key=lambda term: order.index(term[0]) if term[0] in order else -1)
    return Group(tuple(terms)).name


def _no_rows(group: Group, source: TableSource, spec: PanelSpec) -> Problem:
    where = f"config/reforms/{spec.reform}.yaml"
    asked = {variable for variable, _ in group.terms}
    untotalled = [v for v, g in source.groups.items() if g.all is None and v not in asked]
    unknown = sorted(asked - set(source.groups))
    if unknown:
        message = f"`groups`: the source has no group variable {unknown[0]}"
        fix = f"use one of: {', '.join(source.groups) or 'none, it has only totals'}"
    elif untotalled:
        message = (
            f"there is no total over {untotalled[0]} for the group {group.name}: the source "
            f"declares none, and shares and means cannot be added up (config key "
            f"groups.{untotalled[0]}.all)"
        )
        fix = (
            f"declare the total's code under groups.{untotalled[0]}.all in the source file, or "
            f"keep one value of column '{source.groups[untotalled[0]].column}' with filter"
        )
    else:
        message = f"`groups`: the table has no rows for {group.name}"
        fix = f"leave the group out of `groups`, or see whether {source.file} should have it"
    return Problem(message, where=where, fix=fix)


def _sizes(cells: pl.DataFrame, spec: PanelSpec) -> dict[str, float]:
    """Persons by unit in the last period before anticipation, for ``largest``.

    Raises
    ------
    UserError
        If no outcome of the reform has persons for everybody in that period.
    """
    timing = spec.timing
    at = cells.filter(
        pl.col("period") == timing.pre_end, pl.col("group") == "all", pl.col("n_persons") > 0
    )
    for outcome in spec.outcomes:
        persons = at.filter(pl.col("outcome") == outcome.name)
        if persons.height:
            by_unit = persons.group_by("unit").agg(pl.col("n_persons").cast(pl.Float64).sum())
            return dict(by_unit.iter_rows())
    raise UserError(
        Problem(
            f"`comparison.largest` needs persons by unit in "
            f"{periods.label(timing.pre_end, timing.frequency)}, and the source has none for "
            f"{', '.join(outcome.name for outcome in spec.outcomes)}",
            where=f"config/reforms/{spec.reform}.yaml",
            fix="name the column with persons in the source file (outcomes.<name>.persons), or "
            "name the donors under comparison.units",
        )
    )


def _rows(cells: pl.DataFrame) -> int:
    keys = pl.col(*_KEYS, *({"code"} & {*cells.columns}))
    return cells.select(keys).n_unique() if cells.height else 0


def _flow(
    reading: Reading,
    stages: tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame, pl.DataFrame],
    source: TableSource,
    spec: PanelSpec,
) -> pl.DataFrame:
    timing = spec.timing
    cells, in_window, chosen, added = stages
    window = " to ".join(periods.label(p, timing.frequency) for p in (timing.first, timing.last))
    groups = ", ".join(group.name for group in spec.groups)
    steps = [
        ("rows in the file", reading.rows, ""),
        ("rows that pass the source's filter", reading.kept, _filter_in_words(source)),
        ("rows of the reform's groups", _rows(cells), f"other groups than {groups}"),
        ("rows in the window", _rows(in_window), f"outside {window}"),
        ("rows of treated units and donors", _rows(chosen), "units left out, see units"),
    ]
    if spec.geography is not None and spec.geography.moves:
        on = f"rows on the geography of {spec.geography.year}"
        steps.append((on, _rows(added), "added up with other units of the same territory"))
    steps.append(
        (
            "rows with a value",
            _rows(added.filter(pl.col("value").is_not_null())),
            "missing or suppressed in every outcome",
        )
    )
    previous = [reading.rows, *(count for _, count, _ in steps)]
    return table(
        [
            {
                "population": AS_PUBLISHED,
                "step": step,
                "person_periods": count,
                "person_periods_lost": before - count,
                "reason": reason if before > count else "",
            }
            for (step, count, reason), before in zip(steps, previous, strict=False)
        ],
        SAMPLE_FLOW,
    )


def _filter_in_words(source: TableSource) -> str:
    conditions = [
        f"{column} is {' or '.join(map(str, wanted if isinstance(wanted, tuple) else [wanted]))}"
        for column, wanted in source.filter.items()
    ]
    conditions += [
        f"{column} is not {' or '.join(map(str, un if isinstance(un, tuple) else [un]))}"
        for column, un in source.exclude.items()
    ]
    return f"all but rows where {' and '.join(conditions)}"
