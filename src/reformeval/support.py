"""Which units stand behind a cohort at each event time, and which could be compared with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Support:
    """Units by cohort and event time.

    Attributes
    ----------
    cohort, period
        Indices of periods: the cohort's adoption, and the one spoken of.
    treated, never, not_yet
        Units of the cohort, units that never adopt, and units that adopt later than this period
        and the cohort's reference, anticipation included.
    """

    cohort: int
    period: int
    treated: int
    never: int
    not_yet: int


def support(adopted: Sequence[int], retained: Sequence[int], anticipation: int) -> list[Support]:
    """Count units by cohort and retained period.

    Parameters
    ----------
    adopted
        Index of the period in which each unit adopts, -1 for never.
    retained
        Indices of the periods that are used.
    """
    found = []
    for cohort in sorted({start for start in adopted if start >= 0}):
        before = [t for t in retained if t < cohort - anticipation]
        for t in retained:
            latest = max(t, before[-1] if before else -1)
            later = (s for s in adopted if s != cohort and s - anticipation > latest)
            count = sum(1 for _ in later)
            found.append(
                Support(cohort, t, list(adopted).count(cohort), list(adopted).count(-1), count)
            )
    return found
