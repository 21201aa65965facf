"""Numbers as readers expect them: few digits, a real minus sign, the language's marks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from reformeval.periods import Frequency
from reformeval.report.texts import say

MINUS = "−"
MAX_DECIMALS = 6


def decimals_for(scale: float) -> int:
    """Decimals that show two or three significant digits of an uncertainty of this size.

    Examples
    --------
    >>> [decimals_for(x) for x in (350.0, 20.0, 1.2, 0.42, 0.004)]
    [0, 1, 2, 3, 5]
    """
    if not math.isfinite(scale) or scale <= 0:
        return 2
    return min(max(0, math.ceil(1.75 - math.log10(scale))), MAX_DECIMALS)


def outcome_decimals(rows: Iterable[Mapping[str, Any]]) -> int:
    """Decimals for all numbers of one outcome, from the widths of its intervals.

    Where no interval is finite, from the size of its estimates.
    """
    rows = list(rows)
    widths = [
        (row["ci_high"] - row["ci_low"]) / 2
        for row in rows
        if row["ci_low"] is not None and row["ci_high"] is not None
    ]
    sizes = [abs(row["estimate"]) for row in rows if row["estimate"] is not None]
    for candidates in (widths, sizes):
        finite = sorted(x for x in candidates if math.isfinite(x) and x > 0)
        if finite:
            return decimals_for(finite[len(finite) // 2])
    return 2


def number(value: float | None, decimals: int, sign: bool = False) -> str:
    """Write a number; infinite ones as ∞, none as an em dash.

    Examples
    --------
    >>> number(-1234.5, 1), number(float("inf"), 2), number(None, 1), number(-0.001, 1)
    ('−1,234.5', '∞', '—', '0.0')
    """
    if value is None or math.isnan(value):
        return "—"
    if math.isinf(value):
        return "∞" if value > 0 else f"{MINUS}∞"
    rounded = round(value, decimals) + 0.0
    text = _marked(f"{abs(rounded):,.{decimals}f}")
    if rounded < 0:
        return MINUS + text
    return f"+{text}" if sign and rounded > 0 else text


def _marked(text: str) -> str:
    """Put the language's decimal mark and thousands separator into a number."""
    whole, _, part = text.partition(".")
    whole = whole.replace(",", say("number.thousands"))
    return f"{whole}{say('number.decimal')}{part}" if part else whole


def given(value: float) -> str:
    """Write a number that somebody chose, with the decimals it was given.

    Examples
    --------
    >>> given(1.0), given(0.05), given(1500.0)
    ('1', '0.05', '1,500')
    """
    decimals = next((d for d in range(MAX_DECIMALS) if round(value, d) == value), MAX_DECIMALS)
    return number(value, decimals)


def p_value(value: float | None) -> str:
    """Write a p-value: two decimals, three below 0.1.

    Examples
    --------
    >>> p_value(0.36), p_value(1 / 39), p_value(0.0002), p_value(None)
    ('0.36', '0.026', '< 0.001', '—')
    """
    if value is None or math.isnan(value):
        return "—"
    if value < 0.0005:
        return f"< {number(0.001, 3)}"
    return number(value, 3 if value < 0.0995 else 2)


def percent(share: float | None) -> str:
    """Write a level such as 0.95 as ``95 %``, with one decimal where it needs one."""
    if share is None:
        return "—"
    text = f"{100 * share:.1f}".removesuffix(".0")
    return say("number.percent", value=_marked(text))


def interval(low: float | None, high: float | None, decimals: int) -> str:
    """Write an interval as ``low to high``."""
    if low is None or high is None:
        return "—"
    return say("number.interval", low=number(low, decimals), high=number(high, decimals))


def count(value: int | None) -> str:
    """Write a whole number with thousands separators."""
    return "—" if value is None else _marked(f"{value:,}")


def periods(n: int, frequency: Frequency) -> str:
    """Write a number of periods, e.g. ``3 months``."""
    word = "one" if n == 1 else "many"
    return f"{count(n)} {say(f'period.{frequency}.{word}')}"
