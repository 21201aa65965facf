"""Periods as readers expect them: ``2020-03`` in English, ``mars 2020`` in Norwegian."""

from __future__ import annotations

from datetime import date

from reformeval.periods import Frequency
from reformeval.report.texts import say


def label(period: date, frequency: Frequency) -> str:
    """Write a period in sentences and tables.

    Examples
    --------
    >>> label(date(2020, 4, 1), "quarter")
    '2020-Q2'
    """
    if frequency == "month":
        return say(f"date.month.{period.month}", year=period.year)
    return say(f"date.{frequency}", year=period.year, quarter=_quarter(period))


def tick(period: date, frequency: Frequency) -> str:
    """Write a period on an axis, where room is short.

    Examples
    --------
    >>> tick(date(2020, 9, 1), "month")
    '2020-09'
    """
    if frequency == "month":
        return say(f"tick.month.{period.month}", year=period.year)
    return say(f"tick.{frequency}", year=period.year, quarter=_quarter(period))


def _quarter(period: date) -> int:
    return (period.month + 2) // 3
