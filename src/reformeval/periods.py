"""Months, quarters and years: parsing, writing and counting them.

A period is the ``datetime.date`` of its first day, in every file and every array.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Literal, get_args

Frequency = Literal["month", "quarter", "year"]

FREQUENCIES: tuple[Frequency, ...] = get_args(Frequency)
_MONTHS = {"month": 1, "quarter": 3, "year": 12}
_PATTERNS: dict[Frequency, re.Pattern[str]] = {
    "month": re.compile(r"(?P<year>\d{4})-(?P<part>\d{2})"),
    "quarter": re.compile(r"(?P<year>\d{4})-?[QqKk](?P<part>\d)"),
    "year": re.compile(r"(?P<year>\d{4})"),
}
EXAMPLES: dict[Frequency, str] = {"month": "2020-03", "quarter": "2020-Q1", "year": "2020"}


def parse(text: str, frequency: Frequency) -> date:
    """Read a period such as ``2020-03``, ``2020-Q1`` or ``2020``.

    Raises
    ------
    ValueError
        If the text is not a period of this frequency; the message shows how one looks.

    Examples
    --------
    >>> parse("2020-Q2", "quarter")
    datetime.date(2020, 4, 1)
    """
    match = _PATTERNS[frequency].fullmatch(text.strip())
    if match:
        part = int(match.groupdict().get("part") or 1)
        if 1 <= part <= 12 // _MONTHS[frequency] or frequency == "year":
            return date(int(match["year"]), (part - 1) * _MONTHS[frequency] + 1, 1)
    raise ValueError(f"'{text}' is not a {frequency}; write it like {EXAMPLES[frequency]}")


def label(period: date, frequency: Frequency) -> str:
    """Write a period the way `parse` reads it.

    Examples
    --------
    >>> label(date(2020, 4, 1), "quarter")
    '2020-Q2'
    """
    if frequency == "year":
        return f"{period.year}"
    if frequency == "quarter":
        return f"{period.year}-Q{(period.month + 2) // 3}"
    return f"{period.year}-{period.month:02d}"


def number(period: date, frequency: Frequency) -> int:
    """Count of periods since year 0: differences of numbers are event times."""
    return (period.year * 12 + period.month - 1) // _MONTHS[frequency]


def shift(period: date, by: int, frequency: Frequency) -> date:
    """Return the period ``by`` periods later (earlier when negative)."""
    months = (number(period, frequency) + by) * _MONTHS[frequency]
    return date(months // 12, months % 12 + 1, 1)


def span(first: date, last: date, frequency: Frequency) -> list[date]:
    """All periods from ``first`` to ``last``, both included; empty if ``last`` is earlier."""
    count = number(last, frequency) - number(first, frequency) + 1
    return [shift(first, i, frequency) for i in range(max(count, 0))]
