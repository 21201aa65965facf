"""Making rows of the checks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from reformeval.design import Design, Series
from reformeval.evidence import Estimated, Evidence
from reformeval.fit import Fit

Verdict = Literal["pass", "warn", "fail", "info"]


def row(
    evidence: Evidence,
    check: str,
    series: Series | None,
    verdict: Verdict,
    message: str,
    estimator: str | None = None,
    **columns: Any,
) -> dict[str, Any]:
    """One row of `artefacts.CHECKS`; columns that are not given stay null."""
    return {
        "reform": evidence.spec.reform,
        "outcome": series.outcome if series else None,
        "group": series.group if series else None,
        "estimator": estimator,
        "check": check,
        "verdict": verdict,
        "message": message,
        **columns,
    }


def able(design: Design) -> Iterator[tuple[int, Series]]:
    """Series of a design that can be estimated."""
    for s, series in enumerate(design.series):
        if design.problem(s) is None:
            yield s, series


def fits(evidence: Evidence) -> Iterator[tuple[Estimated, Fit]]:
    """Estimators that have a fit."""
    for one in evidence.estimated:
        if one.fit is not None:
            yield one, one.fit


def counted(number: int, noun: str) -> str:
    """Put a number before a noun.

    Examples
    --------
    >>> counted(1, "donor"), counted(3, "donor")
    ('1 donor', '3 donors')
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"


def ordinal_of(p: float, count: int) -> str:
    """Put a permutation rank in words: how many of all assignments are at least as extreme.

    Examples
    --------
    >>> ordinal_of(4 / 19, 19)
    'rank 4 of 19'
    """
    return f"rank {round(p * count)} of {count}"
