"""Which column, or pair of columns, of a table holds the period, and how it is written."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import polars as pl

from reformeval import periods
from reformeval.errors import Problem, UserError
from reformeval.periods import Frequency
from reformeval.scaffold.shapes import HEADINGS
from reformeval.scaffold.sniff import Table
from reformeval.sources import _cells

NAMES = re.compile(
    r"(?i)(date|dato|datum|time|tid|period|periode|month|maaned|måned|manad|monat|mnd|quarter"
    r"|kvartal|quartal|year|år|aar|jahr|ar|annee|année|yyyymm)"
)
_MONTH_NAMES = re.compile(r"(?i)(m|mo|mon|month|monat|måned|maaned|mnd|mnr)")
_QUARTER_NAMES = re.compile(r"(?i)(q|qtr|quarter|quartal|kvartal)")
_FORMATS = (
    "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%d-%m-%Y", "%Y%m%d", "%Y%m", "%m/%Y", "%Y/%m",
    "%m.%Y", "%m-%Y", "%b %Y", "%B %Y", "%b-%y", "%Y.%m",
)  # fmt: skip
_MOST = 5_000

# Period by the text, or the texts of both columns, that it was read from.
Dates = dict[tuple[str, ...], date]


@dataclass(frozen=True)
class PeriodGuess:
    """Where the period stands.

    Attributes
    ----------
    columns
        Keys and values of the source file's ``period``.
    dates
        Period of each text in the column, or of each pair of texts.
    """

    frequency: Frequency
    columns: dict[str, str]
    dates: Dates

    @property
    def used(self) -> list[str]:
        """Names of the columns."""
        return [
            HEADINGS if key == "headings" else name
            for key, name in self.columns.items()
            if key != "format"
        ]

    @property
    def first(self) -> date:
        """First period of the file."""
        return min(self.dates.values())

    @property
    def last(self) -> date:
        """Last period of the file."""
        return max(self.dates.values())


def guess(table: Table) -> PeriodGuess:
    """Find the period: a column of months or quarters, then year and month, then years.

    Raises
    ------
    UserError
        If nothing looks like periods, or they are days.
    """
    if table.wide is not None:
        return _in_headings(table, table.wide)
    single = [found for name in table.frame.columns if (found := _column(table, name))]
    single.sort(key=lambda found: (not _named(found), -len(found.dates)))
    finer = [found for found in single if found.frequency != "year"]
    yearly = [found for found in single if found.frequency == "year"]
    pair = _pair(table, yearly)
    best = next(iter([*finer, *pair, *yearly]), None)
    if best is None:
        raise UserError(_nothing(table))
    return best


def _named(found: PeriodGuess) -> bool:
    return bool(NAMES.fullmatch(found.used[0]))


def _in_headings(table: Table, frequency: Frequency) -> PeriodGuess:
    labels = table.frame[HEADINGS].unique().to_list()
    dates: Dates = {(label,): periods.parse(label, frequency) for label in labels}
    return PeriodGuess(frequency, {"headings": "{period}"}, dates)


def _nothing(table: Table) -> Problem:
    return Problem(
        "no column looks like a period",
        str(table.path),
        "one column must hold months (2020-03), quarters (2020-Q1), years (2020) or dates, or one "
        "the year and one the month, or at least three columns must have them as headings",
    )


def _column(table: Table, name: str) -> PeriodGuess | None:
    texts = table.frame[name].unique().to_list()
    if not 1 < len(texts) <= _MOST or any(not text.strip() for text in texts):
        return None
    if all(_cells.DATE.fullmatch(text.strip()) for text in texts):
        days: Dates = {(t,): date.fromisoformat(t.strip()[:10]) for t in texts}
        return _of_days(table, name, days, {"column": name})
    for frequency in periods.FREQUENCIES:
        found = _parsed(texts, frequency)
        # A number is a year only if all are; 2020 pupils are none.
        if found and all(1800 <= day.year <= 2100 for day in found.values()):
            return PeriodGuess(frequency, {"column": name}, found)
    if name in table.numeric and not NAMES.fullmatch(name):
        return None
    for form in _FORMATS:
        try:
            days = {(t,): datetime.strptime(t.strip(), form).date() for t in texts}
        except ValueError:
            continue
        if all(1800 <= day.year <= 2100 for day in days.values()):
            return _of_days(table, name, days, {"column": name, "format": form})
    return None


def _parsed(texts: Iterable[str], frequency: Frequency) -> Dates | None:
    try:
        return {(text,): _cells.period(text, frequency) for text in texts}
    except (ValueError, OverflowError):
        return None


def _of_days(table: Table, name: str, days: Dates, columns: dict[str, str]) -> PeriodGuess:
    """Frequency of dates: years if all fall in one month, quarters if three months apart."""
    different = set(days.values())
    months = {day.month for day in different}
    per_month = Counter((day.year, day.month) for day in different)
    if len(different) > 1 and max(per_month.values()) > 1:
        raise UserError(
            Problem(
                f"column '{name}' holds days or weeks: up to {max(per_month.values())} in a month",
                str(table.path),
                "sum or average them to months first",
            )
        )
    frequency: Frequency = "month"
    if len(months) == 1 and len(different) > 1:
        frequency = "year"
    elif len({month % 3 for month in months}) == 1 and len(months) > 1:
        frequency = "quarter"
    dates = {text: periods.shift(day, 0, frequency) for text, day in days.items()}
    return PeriodGuess(frequency, columns, dates)


def _pair(table: Table, yearly: Sequence[PeriodGuess]) -> list[PeriodGuess]:
    """Year in one column, month or quarter in another."""
    kinds: tuple[tuple[Frequency, re.Pattern[str], int], ...] = (
        ("month", _MONTH_NAMES, 12),
        ("quarter", _QUARTER_NAMES, 4),
    )
    for year in yearly:
        for part, names, most in kinds:
            for name in table.frame.columns:
                if name not in table.numeric or not names.fullmatch(name):
                    continue
                texts = table.frame[name].unique().to_list()
                if {text.strip().lstrip("0") for text in texts} <= {
                    str(i) for i in range(1, most + 1)
                }:
                    return [_joined(table, year.used[0], name, part)]
    return []


def _joined(table: Table, year: str, part: str, frequency: Frequency) -> PeriodGuess:
    rows = table.frame.select(pl.col(year), pl.col(part)).unique().rows()
    dates: Dates = {(y, p): _cells.period_from_parts(y, p, frequency) for y, p in rows}
    return PeriodGuess(frequency, {"year": year, frequency: part}, dates)
