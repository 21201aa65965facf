"""Cells of a table to numbers and periods, strictly: whatever is not one is reported."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

import polars as pl

from reformeval import periods
from reformeval.periods import Frequency

_SPACES = " \u00a0\u202f"
_MONTH = re.compile(r"(\d{4})[Mm](\d{2})")
DATE = re.compile(r"(\d{4}-\d{2}-\d{2})([T ]00:00(:00(\.0+)?)?)?")


class Marks(Protocol):
    """How a source writes numbers, and what stands where there is none."""

    @property
    def decimal(self) -> str: ...

    @property
    def thousands(self) -> str | None: ...

    @property
    def missing(self) -> tuple[str, ...]: ...

    @property
    def suppressed(self) -> tuple[str, ...]: ...


@dataclass(frozen=True, eq=False)
class Numbers:
    """A column of numbers; ``bad`` marks cells that are text and neither mark."""

    values: pl.Series
    suppressed: pl.Series
    bad: pl.Series


def numbers(cells: pl.Series, source: Marks) -> Numbers:
    """Read numbers from a column of strings, or take those of a numeric Parquet column.

    Missing and suppressed cells are null. Thousands marks must stand before groups of three
    digits, so that ``1.5`` is never read as 15.
    """
    if cells.dtype.is_numeric() or cells.dtype == pl.Boolean:
        values = cells.cast(pl.Float64).fill_nan(None)
        bad = values.is_infinite().fill_null(value=False)
        return Numbers(values, pl.repeat(False, len(cells), eager=True), bad)
    texts = cells.cast(pl.String).fill_null("").str.strip_chars()
    suppressed = texts.is_in([mark.strip() for mark in source.suppressed])
    missing = texts.is_in(["", *(mark.strip() for mark in source.missing)])
    texts = texts.str.replace_all("\u2212", "-", literal=True)
    shaped = texts.str.contains(f"^{number_pattern(source.decimal, source.thousands)}$")
    read = as_floats(texts, source.decimal, source.thousands)
    known = shaped & read.is_finite().fill_null(value=False)
    values = pl.select(pl.when(known & ~missing & ~suppressed).then(read)).to_series()
    return Numbers(values, suppressed, ~(known | missing | suppressed))


def _thousands(mark: str | None) -> str:
    if mark is None:
        return ""
    return _SPACES if mark in _SPACES else mark


def as_floats(texts: pl.Series, decimal: str, thousands: str | None) -> pl.Series:
    """Texts that `number_pattern` matches as floats; null where there is no number."""
    for mark in _thousands(thousands):
        texts = texts.str.replace_all(mark, "", literal=True)
    return texts.str.replace(decimal, ".", literal=True).cast(pl.Float64, strict=False)


def number_pattern(decimal: str, thousands: str | None) -> str:
    """Regular expression of a number with these marks, for whole texts."""
    d = re.escape(decimal)
    digits = r"\d+"
    if thousands is not None:
        digits = rf"(?:\d{{1,3}}(?:[{re.escape(_thousands(thousands))}]\d{{3}})+|\d+)"
    return rf"[+-]?(?:{digits}(?:{d}\d*)?|{d}\d+)(?:[eE][+-]?\d+)?"


def folded(label: str) -> str:
    """Give what labels have in common that differ only by white space or case."""
    return unicodedata.normalize("NFC", " ".join(label.split())).casefold()


def period(text: str, frequency: Frequency, form: str | None = None) -> date:
    """Read one period: by a strptime format, or in one of the plain forms.

    Plain are 2020-03, 2020M03, 2020-Q1, 2020K1, 1989, and a full date, which stands for the
    period it falls into.

    Raises
    ------
    ValueError
        If the text is not a period of this frequency.
    """
    text = text.strip()
    if form is not None:
        try:
            day = datetime.strptime(text, form).date()
        except ValueError:
            raise ValueError(f"'{text}' is not written as {form}") from None
    elif match := DATE.fullmatch(text):
        day = date.fromisoformat(match[1])
    elif frequency == "month" and (match := _MONTH.fullmatch(text)):
        day = periods.parse(f"{match[1]}-{match[2]}", frequency)
    else:
        day = periods.parse(text, frequency)
    return periods.shift(day, 0, frequency)


def period_from_parts(year: str, part: str, frequency: Frequency) -> date:
    """Read a period from numbers in two columns; ``part`` is ignored for years.

    Raises
    ------
    ValueError
        If they are not numbers of a year and of a part of it.
    """
    year, part = year.strip(), part.strip()
    if frequency == "year":
        return periods.parse(year, frequency)
    if not re.fullmatch(r"[0-9]{1,2}", part):
        raise ValueError(f"'{part}' is not the number of a {frequency}")
    shown = f"{int(part):02d}" if frequency == "month" else f"Q{int(part)}"
    return periods.parse(f"{year}-{shown}", frequency)


def as_text(cells: pl.Series) -> pl.Series | None:
    """Column of labels, codes or dates as strings, null as ""; None if it holds none of these."""
    kind = cells.dtype
    if kind == pl.Datetime:
        cells = cells.dt.strftime("%Y-%m-%d %H:%M:%S")
    elif kind.is_float():
        # A column of whole numbers becomes floating as soon as one is missing.
        whole = cells.fill_nan(None)
        if not (whole.drop_nulls() % 1 == 0).all():
            return None
        cells = whole.cast(pl.Int64, strict=False)
    elif not (kind.is_integer() or kind in (pl.String, pl.Date, pl.Categorical, pl.Enum)):
        return None
    return cells.cast(pl.String).fill_null("")
