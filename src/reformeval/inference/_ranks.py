"""Ranks among equally likely values: p-values, attainable levels, sets of accepted constants."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reformeval.design import Bools, Floats, Ints

# Two estimates closer than this share of their own size, or of the outcome's, are a tie: rounding
# in sums of the outcome is about 1e-15 of it. A tie counts against the reform.
TIE = 1e-12


def rank_p(values: Floats) -> Floats:
    """Share of a statistic's rows that are at least as large as row 0, itself included.

    Parameters
    ----------
    values
        (series, assignments), large is extreme and may be infinite; NaN rows are left out.
    """
    own = values[:, :1]
    known = ~np.isnan(values)
    with np.errstate(invalid="ignore", divide="ignore"):
        least = np.where(np.isfinite(own), own - TIE * np.abs(own), own)
        at_least = known & (values >= least)
        p: Floats = at_least.sum(axis=1) / known.sum(axis=1)
    return np.where(known[:, 0], p, np.nan)


def attained_rank(count: Ints, level: float) -> tuple[Ints, Bools]:
    """Find the number k for which 1 - k/A is the smallest attainable level >= ``level``.

    Returns
    -------
    rank, short
        k, at least 1; and where no level is high enough, so that k = 1 gives the highest.
    """
    rank = np.floor(count * (1 - level) + 1e-9).astype(np.int64)
    return np.clip(rank, 1, np.maximum(count - 1, 1)), rank < 1


@dataclass(frozen=True)
class Hull:
    """What a test accepts: the hull of a union of intervals.

    Attributes
    ----------
    low, high
        Ends of the hull; NaN where nothing is accepted.
    parts
        The intervals themselves: one where the set has no gap.
    """

    low: float
    high: float
    parts: tuple[tuple[float, float], ...]


def hull(low: Floats, high: Floats, rank: int) -> Hull:
    """Find the constants that lie in at least ``rank`` of the closed intervals."""
    real = low <= high
    starts, ends = np.sort(low[real]), np.sort(high[real])
    points = np.unique(np.concatenate([starts, ends]))
    at = np.searchsorted(starts, points, "right") - np.searchsorted(ends, points, "left") >= rank
    after = np.searchsorted(starts, points, "right") - np.searchsorted(ends, points, "right")
    if not at.any():
        return Hull(np.nan, np.nan, ())
    linked = at[:-1] & at[1:] & (after[:-1] >= rank)
    first = np.flatnonzero(at & ~np.concatenate([[False], linked]))
    last = np.flatnonzero(at & ~np.concatenate([linked, [False]]))
    parts = tuple((float(points[i]), float(points[j])) for i, j in zip(first, last, strict=True))
    return Hull(parts[0][0], parts[-1][1], parts)


def gaps_in_words(found: Hull) -> list[str]:
    """Say that a set of accepted values is not connected, and what it is; nothing if it is."""
    if len(found.parts) < 2:
        return []
    pieces = " and ".join(f"[{low:.4g}, {high:.4g}]" for low, high in found.parts[:4])
    more = f" and {len(found.parts) - 4} more" if len(found.parts) > 4 else ""
    return [f"the accepted values have gaps ({pieces}{more}): the interval is their hull"]


def percent(share: float) -> str:
    """Write a level as text, with one decimal only where it says something.

    Examples
    --------
    >>> percent(0.95), percent(13 / 14)
    ('95 %', '92.9 %')
    """
    return f"{100 * share:.1f}".removesuffix(".0") + " %"


def cannot_be_had(wanted: float, attained: float, what: str, count: int) -> str:
    """Say that a level is out of reach, with what is had instead.

    Examples
    --------
    >>> cannot_be_had(0.95, 0.9, "9 donors", 10)
    '90 %: 95 % cannot be had with 9 donors (smallest p is 1/10)'
    """
    return (
        f"{percent(attained)}: {percent(wanted)} cannot be had with {what} (smallest p is "
        f"1/{count})"
    )
