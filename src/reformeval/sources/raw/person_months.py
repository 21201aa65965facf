"""A ready table of person-months, under whatever column names."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

import polars as pl

from reformeval.register.forms import PERSON_MONTH, Reading
from reformeval.sources.raw._read import Form, read_form
from reformeval.sources.raw._values import Columns, empty
from reformeval.sources.raw.models import PersonMonthColumns, PersonMonthFiles

_OLDEST = 125


def read_each(
    files: PersonMonthFiles, data: Path, known_units: Collection[str] | None = None
) -> Iterator[Reading]:
    """Read person-months into rows of `forms.PERSON_MONTH`, a part of a file at a time.

    Columns that the source sets to null are null in every row: they were not asked for.

    Parameters
    ----------
    files
        Where the files are and what their columns mean.
    data
        Folder that the paths are relative to.
    known_units
        Codes of all municipalities; others stop the run. None where they are not known.

    Raises
    ------
    UserError
        If a person is twice in a month of one file, a benefit, earnings or hours are negative, or
        a value is not what its column holds.
    """
    form = Form(
        PERSON_MONTH,
        lambda columns, _: _rows(columns, files.columns, known_units),
        once=("person", "period"),
    )
    return read_form(form, files, data)


def _rows(
    columns: Columns, named: PersonMonthColumns, known: Collection[str] | None
) -> dict[str, pl.Series]:
    rows = {
        "person": columns.texts(named.person, "person", required=True),
        "period": columns.month_of(named.period, named.year, named.month),
        "unit": columns.units(named.unit, "unit", known),
    }
    for name, kind in PERSON_MONTH.items():
        if name in rows:
            continue
        column = getattr(named, name)
        if column is None:
            rows[name] = empty(columns.part, kind)
        elif kind == pl.Boolean:
            rows[name] = columns.flags(column, name)
        elif kind == pl.Int16:
            rows[name] = columns.whole(column, name, 0, _OLDEST)
        elif kind == pl.Float64:
            rows[name] = columns.numbers(column, name, at_least=0)
        else:
            rows[name] = columns.texts(column, name)
    return rows
