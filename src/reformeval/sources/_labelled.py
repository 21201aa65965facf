"""Stata and SPSS files, with value labels, special missing values and Stata's own periods."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from reformeval import periods
from reformeval.errors import Problem, UserError
from reformeval.periods import Frequency
from reformeval.sources.table import Format

_NAMES: dict[Format, str] = {"stata": "Stata", "spss": "SPSS"}
# Stata counts these from the first period of 1960.
_COUNTED: dict[str, Frequency] = {"%tm": "month", "%tq": "quarter"}


def read_labelled(path: Path, kind: Format, labels: bool, decimal: str) -> pl.DataFrame:
    """Read a Stata or SPSS file.

    Parameters
    ----------
    labels
        Whether cells with a value label become the label.
    decimal
        Mark to write numbers with in columns that become text.

    Returns
    -------
    pl.DataFrame
        A column with labels or special missing values is text: labels, ``.a`` to ``.z`` for
        Stata's, and "" for missing. Stata's monthly and quarterly dates become periods.

    Raises
    ------
    UserError
        If the file cannot be read.
    """
    import pyreadstat  # only where such a file is read

    read = pyreadstat.read_dta if kind == "stata" else pyreadstat.read_sav
    try:
        raw, facts = read(path, user_missing=True, output_format="polars")
    except Exception as error:  # a damaged file can fail in any layer below
        told = (str(error).splitlines() or ["damaged"])[0]
        raise UserError(
            Problem(
                f"cannot be read as {_NAMES[kind]}: {told}",
                where=str(path),
                fix="get it anew, or correct the key format",
            )
        ) from None
    if raw.is_empty():
        raise UserError(Problem("the file has no rows", where=str(path), fix="get it anew"))
    columns = []
    for name in raw.columns:
        stated = facts.variable_value_labels.get(name, {}) if labels else {}
        ranges = facts.missing_ranges.get(name, [])
        form = str(facts.original_variable_types.get(name, ""))[:3]
        columns.append(_column(raw[name], stated, ranges, form, decimal))
    return pl.DataFrame(columns)


def _column(
    cells: pl.Series,
    labels: Mapping[Any, str],
    ranges: Sequence[Any],
    form: str,
    decimal: str,
) -> pl.Series:
    if form in _COUNTED and cells.dtype.is_numeric():
        return _as_texts(cells, lambda cell: _counted(cell, _COUNTED[form]))
    if not labels and not ranges and cells.dtype != pl.Object:
        return cells

    def text(cell: Any) -> str:
        if cell in labels:
            return labels[cell]
        if any(r["lo"] <= cell <= r["hi"] for r in ranges if isinstance(cell, type(r["lo"]))):
            return ""  # missing by the file's own word
        if isinstance(cell, str):
            return f".{cell}" if cells.dtype == pl.Object else cell
        if isinstance(cell, float):
            return str(int(cell)) if cell.is_integer() else repr(cell).replace(".", decimal)
        return str(cell)

    return _as_texts(cells, text)


def _as_texts(cells: pl.Series, text: Callable[[Any], str]) -> pl.Series:
    """Turn a column to text, each different cell once."""
    values = cells.to_list()
    texts = {cell: "" if cell is None else text(cell) for cell in set(values)}
    return pl.Series(cells.name, [texts[cell] for cell in values], pl.String)


def _counted(cell: float, frequency: Frequency) -> str:
    """Write a number of periods since 1960 as a period."""
    start = periods.parse({"month": "1960-01", "quarter": "1960-Q1"}[frequency], frequency)
    return periods.label(periods.shift(start, int(cell), frequency), frequency)
