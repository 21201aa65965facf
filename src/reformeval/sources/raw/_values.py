"""Columns of a raw file to codes, numbers, months and days, strictly.

Whatever cannot be understood goes into the file's findings, with its rows; nothing is guessed and
nothing becomes missing on the way but what the source says is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import polars as pl

from reformeval import periods
from reformeval.errors import did_you_mean
from reformeval.sources import _cells
from reformeval.sources.raw._findings import ROW, Findings
from reformeval.sources.raw.models import RawFiles

_TRUE = ("1", "true", "t", "yes", "y", "ja", "j")
_FALSE = ("0", "false", "f", "no", "n", "nei")
_FIX_FILE = "correct these rows in the file, or name another column"
_FIX_TYPE = "write the file again with this column in its usual type, or name another column"


@dataclass(frozen=True)
class Columns:
    """Converts columns of one part of a file and notes what is wrong with them.

    Every method takes the column's name in the file, and the config key that named it.
    """

    part: pl.DataFrame
    files: RawFiles
    findings: Findings

    def bad(self, mask: pl.Series, values: pl.Series, what: str, key: str, fix: str) -> None:
        """Note the rows that a mask marks."""
        mask = mask.fill_null(value=False)
        if mask.any():
            rows = self.part[ROW].filter(mask)
            self.findings.bad(rows, values.filter(mask), what, fix, f"columns.{key}" if key else "")

    def texts(self, name: str, key: str, required: bool = False) -> pl.Series:
        """Codes as strings, without the white space around them; null where missing."""
        cells = self.part[name]
        texts = pl.Series([""] * len(cells)) if cells.dtype == pl.Null else _cells.as_text(cells)
        if texts is None:
            what = f"column '{name}' holds {cells.dtype}, not codes"
            self.bad(pl.repeat(True, len(cells), eager=True), cells, what, key, _FIX_TYPE)
            return pl.repeat(None, len(cells), dtype=pl.String, eager=True)
        texts = texts.str.strip_chars()
        marks = ["", *(mark.strip() for mark in self.files.missing + self.files.suppressed)]
        texts = pl.select(pl.when(~texts.is_in(marks)).then(texts)).to_series()
        if required:
            self.bad(texts.is_null(), texts, f"column '{name}' is empty", key, _FIX_FILE)
        return texts

    def units(self, name: str, key: str, known: Collection[str] | None) -> pl.Series:
        """Codes of municipalities; unknown ones are bad where the known ones are given."""
        texts = self.texts(name, key, required=True)
        if width := self.files.unit_width:
            short = texts.str.contains("^[0-9]+$") & (texts.str.len_chars() < width)
            texts = pl.select(
                pl.when(short).then(texts.str.zfill(width)).otherwise(texts)
            ).to_series()
            self.findings.repaired(
                "unit_codes_padded",
                int(short.sum()),
                f"municipality codes in column '{name}' shorter than {width} digits got their "
                "leading zeros back",
            )
        if known is not None:
            unknown = ~texts.is_in(list(known)) & texts.is_not_null()
            first = texts.filter(unknown.fill_null(value=False)).head(1).to_list()
            fix = did_you_mean(first[0], known) if first else ""
            what = f"column '{name}' holds unknown municipality codes"
            self.bad(unknown, texts, what, key, fix)
        return texts

    def numbers(self, name: str, key: str, at_least: float | None = None) -> pl.Series:
        """Numbers; null where missing or withheld."""
        cells = self.part[name]
        if cells.dtype == pl.Null:
            return cells.cast(pl.Float64)
        if not (cells.dtype.is_numeric() or cells.dtype == pl.String):
            what = f"column '{name}' holds {cells.dtype}, not numbers"
            self.bad(pl.repeat(True, len(cells), eager=True), cells, what, key, _FIX_TYPE)
            return pl.repeat(None, len(cells), dtype=pl.Float64, eager=True)
        read = _cells.numbers(cells, self.files)
        fix = "list marks under missing, set decimal and thousands, or correct the file"
        self.bad(read.bad, cells.cast(pl.String), f"column '{name}' holds no number", key, fix)
        if at_least is not None:
            what = f"column '{name}' is below {at_least:g}"
            self.bad(read.values < at_least, read.values, what, key, _FIX_FILE)
        return read.values

    def whole(self, name: str, key: str, low: int, high: int) -> pl.Series:
        """Whole numbers of a range, as integers."""
        values = self.numbers(name, key)
        wrong = (values % 1 != 0) | ~values.is_between(low, high)
        what = f"column '{name}' is no whole number from {low} to {high}"
        self.bad(wrong, values, what, key, _FIX_FILE)
        return pl.select(pl.when(~wrong).then(values).cast(pl.Int32)).to_series()

    def flags(self, name: str, key: str) -> pl.Series:
        """Yes or no: a Boolean column, 1 and 0, or words such as true, yes and ja."""
        cells = self.part[name]
        if cells.dtype == pl.Boolean:
            return cells
        texts = self.texts(name, key).str.to_lowercase()
        bad = ~texts.is_in([*_TRUE, *_FALSE]) & texts.is_not_null()
        self.bad(bad, texts, f"column '{name}' is neither yes nor no", key, "write 1 and 0")
        return texts.is_in(list(_TRUE))

    def months(self, name: str, key: str, required: bool = True) -> pl.Series:
        """Months as their first days, from months or days; null where missing."""
        return self._dates(name, key, required, self._month, pl.Date, "no month").dt.truncate("1mo")

    def days(self, name: str, key: str) -> pl.Series:
        """Days; a month stands for its first."""
        return self._dates(name, key, False, self._day, pl.Date, "no date")

    def month_of(self, period: str | None, year: str | None, month: str | None) -> pl.Series:
        """Months from one column, or from one with years and one with months 1 to 12."""
        if period is not None:
            return self.months(period, "period")
        if year is None or month is None:  # the models see to it
            raise ValueError("neither period nor year and month are named")
        self.texts(year, "year", required=True)
        self.texts(month, "month", required=True)
        years, numbers = self.whole(year, "year", 1800, 2200), self.whole(month, "month", 1, 12)
        return pl.select(pl.date(pl.lit(years), pl.lit(numbers), 1)).to_series()

    def _dates(
        self,
        name: str,
        key: str,
        required: bool,
        read: Callable[[str], date],
        kind: Any,
        what: str,
    ) -> pl.Series:
        cells = self.part[name]
        if cells.dtype in (pl.Date, pl.Datetime):
            days = cells.cast(pl.Date)
            if required:
                self.bad(days.is_null(), days, f"column '{name}' is empty", key, _FIX_FILE)
            return days
        texts = self.texts(name, key, required)
        known: dict[str, date | None] = {}
        for text in texts.drop_nulls().unique():
            try:
                known[text] = read(text)
            except (ValueError, OverflowError):
                known[text] = None
        days = texts.replace_strict(known, default=None, return_dtype=kind)
        wrong = days.is_null() & texts.is_not_null()
        fix = "correct these rows, or say with period_format how they are written"
        self.bad(wrong, texts, f"column '{name}' is {what}", key, fix)
        return days

    def _month(self, text: str) -> date:
        if self.files.period_format is None and len(text) == 6 and text.isdecimal():
            text = f"{text[:4]}-{text[4:]}"
        return _cells.period(text, "month", self.files.period_format)

    def _day(self, text: str) -> date:
        if self.files.period_format is not None:
            return datetime.strptime(text, self.files.period_format).date()
        if match := _cells.DATE.fullmatch(text):
            return date.fromisoformat(match[1])
        return periods.shift(self._month(text), 0, "month")


def empty(part: pl.DataFrame, kind: Any) -> pl.Series:
    """Fill a column that the file does not have with nulls."""
    return pl.repeat(None, part.height, dtype=kind, eager=True)
