"""Prices: a consumer price index from a file, and what a month's kroner are worth in the base's.

Cell sums are multiplied by one factor per month, so that deflating adds up like the sums do.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from reformeval import periods
from reformeval.errors import Problem, UserError, did_you_mean
from reformeval.spec import Cpi

_PERIOD = re.compile(r"(\d{4})[-M]?(\d{2})(?:-01)?")
_SHOWN = 6


@dataclass(frozen=True, eq=False)
class Prices:
    """What to multiply a month's amounts by to have them in prices of the base.

    Attributes
    ----------
    factors
        By month.
    """

    factors: dict[date, float]

    def factor(self) -> pl.Expr:
        """Give the factor of each row's period."""
        return pl.col("period").replace_strict(
            list(self.factors), list(self.factors.values()), return_dtype=pl.Float64
        )


def read(path: Path, cpi: Cpi, wanted: Sequence[date]) -> Prices:
    """Read a monthly price index.

    Parameters
    ----------
    path
        CSV file.
    cpi
        Its columns, and the base: a year stands for the mean of its twelve months.
    wanted
        Months whose amounts are to be deflated.

    Raises
    ------
    UserError
        If the file cannot be read, a value is not a positive number, a month is there twice, or
        months are missing: nothing is extrapolated.
    """
    index = _index(path, cpi)
    base = _months_of(cpi.base)
    missing = sorted({*base, *wanted} - index.keys())
    if missing:
        shown = ", ".join(periods.label(month, "month") for month in missing[:_SHOWN])
        more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
        raise UserError(
            Problem(
                f"the price index has no value for {shown}{more}",
                where=str(path),
                fix="add these months, or shorten the window (values are never extrapolated)",
            )
        )
    level = math.fsum(index[month] for month in base) / len(base)
    return Prices({month: level / index[month] for month in wanted})


def _months_of(base: str) -> list[date]:
    if len(base) == 4:
        return [date(int(base), month, 1) for month in range(1, 13)]
    return [periods.parse(base, "month")]


def _index(path: Path, cpi: Cpi) -> dict[date, float]:
    problems: list[Problem] = []
    found: dict[date, float] = {}
    for line, period, value in _rows(path, cpi):
        where = f"{path}:{line}"
        month, number = _month(period), _number(value, cpi.decimal)
        if month is None:
            fix = "write months as 2020-01, 2020M01 or 2020-01-01"
            problems.append(Problem(f"'{period}' in column {cpi.period} is no month", where, fix))
        elif number is None:
            said = f"'{value}' in column {cpi.value} is not a number above 0"
            problems.append(Problem(said, where, f"the decimal mark is '{cpi.decimal}'"))
        elif month in found:
            problems.append(Problem(f"the month {period} is there twice", where, "keep one"))
        else:
            found[month] = number
    if problems:
        raise UserError(problems[:20])
    return found


def _rows(path: Path, cpi: Cpi) -> list[tuple[int, str, str]]:
    """Line, period and value of each row of the file."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, delimiter=cpi.separator)
            columns = list(reader.fieldnames or ())
            unknown = [name for name in (cpi.period, cpi.value) if name not in columns]
            if unknown:
                raise UserError(
                    [
                        Problem(
                            f"the price index has no column '{name}'",
                            str(path),
                            did_you_mean(name, columns),
                        )
                        for name in unknown
                    ]
                )
            return [
                (reader.line_num, (row[cpi.period] or "").strip(), (row[cpi.value] or "").strip())
                for row in reader
            ]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(
            Problem(f"the price index cannot be read: {error}", str(path), "give a CSV in UTF-8")
        ) from None


def _month(text: str) -> date | None:
    match = _PERIOD.fullmatch(text)
    if match is None or not 1 <= int(match[2]) <= 12 or int(match[1]) < 1:
        return None
    return date(int(match[1]), int(match[2]), 1)


def _number(text: str, decimal: str) -> float | None:
    try:
        value = float(text.replace(decimal, "."))
    except ValueError:
        return None
    return value if math.isfinite(value) and value > 0 else None
