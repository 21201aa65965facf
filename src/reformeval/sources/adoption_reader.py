"""When each unit adopts, as a file of its own says it, or a column of the source's table."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from pathlib import Path

import polars as pl

from reformeval import periods
from reformeval.errors import Problem, UserError, did_you_mean
from reformeval.periods import Frequency
from reformeval.sources import _cells, _table_keys
from reformeval.sources._csv import read_csv, read_text
from reformeval.sources._raw_table import apply_filter, as_texts, check_columns, open_table
from reformeval.sources.table import TableSource
from reformeval.spec import Adoption

_SHOWN = 20


def from_file(path: Path, adoption: Adoption, frequency: Frequency) -> dict[str, date | None]:
    """Read a CSV file with one row per unit.

    Parameters
    ----------
    path
        The file.
    adoption
        Its columns, and what stands there for units that never adopt.
    frequency
        That of the source.

    Returns
    -------
    dict
        Period of adoption by unit; None for units that never adopt.

    Raises
    ------
    UserError
        With line, for every row that cannot be used; a unit may be there once.
    """
    frame, lines = read_csv(path, read_text(path, "utf-8-sig"), adoption.separator)
    problems = [
        Problem(
            f"no column '{column}' (config key: treatment.adoption.{key})",
            str(path),
            did_you_mean(column, frame.columns),
        )
        for key, column in (("unit", adoption.unit), ("from", adoption.start))
        if column not in frame.columns
    ]
    if problems:
        raise UserError(problems)
    units, starts = (
        frame[c].fill_null("").str.strip_chars() for c in (adoption.unit, adoption.start)
    )
    return _read(
        zip((f"{path}:{line}" for line in lines), units, starts, strict=True),
        adoption,
        frequency,
        once=True,
    )


def from_table(source: TableSource, data: Path, adoption: Adoption) -> dict[str, date | None]:
    """Read a column of the source's table that has a unit's period of adoption in all its rows.

    Raises
    ------
    UserError
        If there is no such column, it holds something else, or rows of a unit disagree.
    """
    raw = open_table(source, data)
    check_columns(raw)
    column = adoption.start
    if column not in raw.frame.columns:
        fix = did_you_mean(column, raw.frame.columns)
        raise UserError(
            raw.problem(f"no column '{column}' (config key: treatment.adoption.column)", fix)
        )
    texts = _cells.as_text(raw.frame[column])
    if texts is None:
        message = f"column '{column}' holds no periods (config key: treatment.adoption.column)"
        raise UserError(raw.problem(message, "name another column"))
    frame = apply_filter(raw, as_texts(raw).with_columns(texts.alias("_adoption")))
    units, problems = _table_keys.units(raw, frame)
    if problems:
        raise UserError(problems)
    stated = pl.DataFrame(
        {"unit": units, "from": frame["_adoption"].fill_null("").str.strip_chars()}
    )
    pairs = stated.unique().sort("unit", "from")
    rows = ((str(raw.path), unit, start) for unit, start in pairs.iter_rows())
    return _read(rows, adoption, source.frequency, once=False)


def _read(
    rows: Iterable[tuple[str, str, str]], adoption: Adoption, frequency: Frequency, *, once: bool
) -> dict[str, date | None]:
    found: dict[str, date | None] = {}
    problems: list[Problem] = []
    for where, unit, text in rows:
        when: date | None = None
        if not unit:
            problems.append(Problem("a row names no unit", where, "fill it, or delete the row"))
            continue
        if text and text not in adoption.never:
            try:
                when = _cells.period(text, frequency)
            except ValueError:
                like = periods.EXAMPLES[frequency]
                fix = f"write it like {like}; units that never adopt: nothing, or list the code "
                fix += "under treatment.adoption.never"
                problems.append(
                    Problem(f"unit '{unit}': '{text}' is not a {frequency}", where, fix)
                )
                continue
        if unit in found:
            said = "is there twice" if once else "has rows with different periods of adoption"
            problems.append(Problem(f"unit '{unit}' {said}", where, "keep one"))
        found[unit] = when
    if problems:
        raise UserError(problems[:_SHOWN])
    return found
