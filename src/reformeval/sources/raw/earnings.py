"""Monthly earnings as employers report them (a-ordningen): one row per job and month."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from reformeval.register.forms import JOB, Reading
from reformeval.sources.raw._read import Form, read_form
from reformeval.sources.raw._values import Columns, empty
from reformeval.sources.raw.models import EarningsFiles, JobColumns

_FIX_NEGATIVE = "correct these rows, or set negative: keep where they correct earlier months"


def read_each(files: EarningsFiles, data: Path) -> Iterator[Reading]:
    """Read jobs into rows of `forms.JOB`, a part of a file at a time.

    A person has as many rows in a month as jobs; who has none has no row, and whether that is
    0 or missing is for linking to say, which knows the residents. `on_16th` is the file's column,
    or follows from the first and last day of the job, or is true of every row where the files
    have neither.

    Parameters
    ----------
    files
        Where the files are and what their columns mean.
    data
        Folder that the paths are relative to.

    Raises
    ------
    UserError
        If a month, number or flag is none, earnings are empty, or they are negative and
        ``files.negative`` is ``stop``.
    """
    form = Form(JOB, lambda columns, _: _job(columns, files.columns, files.negative == "keep"))
    return read_form(form, files, data)


def _job(columns: Columns, named: JobColumns, keep: bool) -> dict[str, pl.Series]:
    part = columns.part
    period = columns.month_of(named.period, named.year, named.month)
    return {
        "person": columns.texts(named.person, "person", required=True),
        "period": period,
        "employer": _optional(columns, named.employer, "employer"),
        "occupation": _optional(columns, named.occupation, "occupation"),
        "hours": empty(part, pl.Float64)
        if named.hours is None
        else columns.numbers(named.hours, "hours", at_least=0),
        "earnings": _earnings(columns, named.earnings, keep),
        "on_16th": _on_16th(columns, named, period),
    }


def _optional(columns: Columns, name: str | None, key: str) -> pl.Series:
    return empty(columns.part, pl.String) if name is None else columns.texts(name, key)


def _earnings(columns: Columns, name: str, keep: bool) -> pl.Series:
    values = columns.numbers(name, "earnings")
    what = f"column '{name}' is empty: a job without pay has earnings 0"
    columns.bad(values.is_null(), values, what, "earnings", "fill these cells in the file")
    negative = (values < 0).fill_null(value=False)
    if keep:
        message = f"negative values in column '{name}' were kept as corrections of earlier months"
        columns.findings.repaired("negative_earnings_kept", int(negative.sum()), message)
    else:
        columns.bad(negative, values, f"column '{name}' is below 0", "earnings", _FIX_NEGATIVE)
    return values


def _on_16th(columns: Columns, named: JobColumns, period: pl.Series) -> pl.Series:
    if named.on_16th is not None:
        flags = columns.flags(named.on_16th, "on_16th")
        what = f"column '{named.on_16th}' is empty"
        columns.bad(flags.is_null(), flags, what, "on_16th", "fill these cells in the file")
        return flags
    if named.start is None:
        return pl.repeat(True, columns.part.height, eager=True)
    start = columns.days(named.start, "start")
    columns.bad(start.is_null(), start, f"column '{named.start}' is empty", "start", "fill it")
    day = period.dt.offset_by("15d")
    runs = start <= day
    if named.end is not None:
        end = columns.days(named.end, "end")
        columns.bad(end < start, end, f"column '{named.end}' is before the start", "end", "correct")
        runs &= (end >= day).fill_null(value=True)
    return runs
