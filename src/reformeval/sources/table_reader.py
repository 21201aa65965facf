"""Read a table source into tidy cells, or say exactly what in the file stands in the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from reformeval.errors import Problem, UserError
from reformeval.sources import _cells, _table_keys
from reformeval.sources._grid import visible
from reformeval.sources._raw_table import (
    EXAMPLES,
    ROW,
    RawTable,
    apply_filter,
    as_texts,
    check_columns,
    open_table,
    unmatched,
)
from reformeval.sources._table_keys import GROUP, PERIOD, UNIT
from reformeval.sources.table import TableSource

CELLS: Mapping[str, Any] = {
    "unit": pl.String,
    "period": pl.Date,
    "group": pl.String,
    "outcome": pl.String,
    "value": pl.Float64,
    "n_persons": pl.Int64,
    "suppressed": pl.Boolean,
}


@dataclass(frozen=True, eq=False)
class Reading:
    """What a table held.

    Attributes
    ----------
    cells
        Tidy cells with the columns of `CELLS`, sorted by unit, period, group and outcome.
    rows, kept
        Rows in the file, and rows that the source's filter keeps; of a table with periods in its
        headings, units times periods.
    unit_labels
        Names of units by code, where the file has both in one cell.
    """

    cells: pl.DataFrame
    rows: int
    kept: int
    unit_labels: Mapping[str, str] = field(default_factory=dict)


def read_table(source: TableSource, data: Path) -> Reading:
    """Read a table source.

    Parameters
    ----------
    source
        What the file is and what its columns mean.
    data
        The file, or the folder that ``source.file`` is relative to.

    Returns
    -------
    Reading
        ``group`` is "all", or the terms of the source's group variables in the order of the
        source file (``sex=women & age=old``); variables at their published total are left out
        of it. Values are multiplied by the outcome's scale; missing and suppressed ones are null.

    Raises
    ------
    UserError
        With everything that is wrong in the file at the stage that failed.
    """
    raw = open_table(source, data)
    check_columns(raw)
    frame = apply_filter(raw, as_texts(raw))
    if problems := unmatched(raw, frame):
        raise UserError(problems)
    units, problems = _table_keys.units(raw, frame)
    periods, more = _table_keys.periods(raw, frame)
    problems += more
    groups, more = _table_keys.groups(raw, frame)
    problems += more
    columns, more = _numbers(raw, frame)
    problems += more
    if problems:
        raise UserError(problems)
    frame = frame.with_columns(units, periods, groups)
    _check_unique(raw, frame)
    cells = pl.concat([_cells_of(frame, source, name, columns) for name in source.outcomes])
    return Reading(
        cells.sort("unit", "period", "group", "outcome"),
        raw.frame.height,
        frame.height,
        _table_keys.unit_names(raw, frame),
    )


def _numbers(raw: RawTable, frame: pl.DataFrame) -> tuple[dict[str, _cells.Numbers], list[Problem]]:
    """Every value and persons column as numbers."""
    columns: dict[str, _cells.Numbers] = {}
    problems = []
    for key, column in raw.source.columns():
        if not key.startswith("outcomes."):
            continue
        if column not in columns:
            columns[column] = _cells.numbers(frame[column], raw.source)
        read = columns[column]
        if read.bad.any():
            problems.append(_not_numbers(raw, frame, read, column, key))
        elif key.endswith(".persons"):
            counts = read.values
            wrong = ((counts < 0) | (counts % 1 != 0) | (counts > 2**53)).fill_null(value=False)
            if wrong.any():
                rows = frame.filter(wrong)
                problems.append(
                    raw.problem(
                        f"column '{column}' holds {counts.filter(wrong)[0]:g} "
                        f"({raw.at(rows[ROW], column)[0]}), which is no number of persons "
                        f"(config key: {key})",
                        "name the column with counts of persons, or none",
                    )
                )
    return columns, problems


def _not_numbers(
    raw: RawTable, frame: pl.DataFrame, read: _cells.Numbers, column: str, key: str
) -> Problem:
    rows = frame.filter(read.bad).sort(ROW)
    texts = [str(text) for text in rows[column].head(EXAMPLES)]
    shown = ", ".join(
        f"'{text}' ({place})" for text, place in zip(texts, raw.at(rows[ROW], column), strict=True)
    )
    more = f" and {rows.height - len(texts)} more" if rows.height > len(texts) else ""
    other = "," if raw.source.decimal == "." else "."
    swapped = raw.source.model_copy(update={"decimal": other, "thousands": None})
    if not _cells.numbers(rows[column], swapped).bad.any():
        fix = f'set decimal: "{other}"'
    else:
        fix = (
            "list marks under missing or suppressed, set decimal and thousands to what the file "
            "uses, or correct the file"
        )
    return raw.problem(f"column '{column}' holds text: {shown}{more} (config key: {key})", fix)


def _check_unique(raw: RawTable, frame: pl.DataFrame) -> None:
    """One row per unit, period and group; say which column tells double rows apart."""
    keys = [UNIT, PERIOD, GROUP]
    double = frame.filter(pl.struct(keys).is_duplicated()).sort(*keys, ROW)
    if double.is_empty():
        return
    first = double.filter(pl.all_horizontal(pl.col(key) == pl.lit(double[key][0]) for key in keys))
    raise UserError(_duplicates(raw, double, first))


def _duplicates(raw: RawTable, double: pl.DataFrame, first: pl.DataFrame) -> Problem:
    unit, period, group = first.select(UNIT, PERIOD, GROUP).row(0)
    source = raw.source
    values = {o.column for o in source.outcomes.values()}
    values |= {o.persons for o in source.outcomes.values() if o.persons is not None}
    differ = [
        name for name in visible(raw.frame) if name not in values and first[name].n_unique() > 1
    ]
    message = (
        f"{double.height} rows share unit, period and group with another, such as '{unit}' in "
        f"{period} for {group} ({', '.join(raw.at(first[ROW]))})"
    )
    if source.unit.column in differ:
        fix = "unit.merge puts labels together that have rows in the same period: drop the merge"
    elif differ:
        examples = ", ".join(f"'{v}'" for v in sorted(map(str, first[differ[0]].unique()))[:3])
        fix = (
            f"they differ in column '{differ[0]}' ({examples}): keep one with filter, or declare "
            "the column under groups"
        )
    else:
        fix = "delete the double rows in the file"
    return raw.problem(message, fix)


def _cells_of(
    frame: pl.DataFrame, source: TableSource, name: str, columns: Mapping[str, _cells.Numbers]
) -> pl.DataFrame:
    outcome = source.outcomes[name]
    read = columns[outcome.column]
    persons = columns[outcome.persons].values if outcome.persons else None
    keys: Sequence[pl.Series] = [
        frame[column].alias(to)
        for column, to in ((UNIT, "unit"), (PERIOD, "period"), (GROUP, "group"))
    ]
    return pl.DataFrame(keys).select(
        *keys,
        pl.lit(name).alias("outcome"),
        (read.values * outcome.scale).alias("value"),
        pl.lit(persons, dtype=pl.Int64).alias("n_persons")
        if persons is None
        else persons.cast(pl.Int64).alias("n_persons"),
        read.suppressed.alias("suppressed"),
    )
