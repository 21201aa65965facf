"""Putting a method's numbers and its rules together into `Intervals`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reformeval.design import Bools, Design, Floats
from reformeval.fit import Fit
from reformeval.inference import _rules
from reformeval.intervals import Alternative, Band, Intervals

SILENT = ""  # status of an entry that a method says nothing about


@dataclass(frozen=True, eq=False)
class Numbers:
    """What a method computed; every array (series, estimands), NaN where it computed nothing.

    Attributes
    ----------
    note
        What a reader must know of an entry that is valid all the same; "" for nothing.
    """

    std_error: Floats
    low: Floats
    high: Floats
    p_value: Floats
    floor: Floats
    level: Floats
    minimum_detectable: Floats
    note: NDArray[Any]


def empty(fit: Fit, level: float) -> Numbers:
    """Numbers to be filled in; a floor that stays NaN counts as 1: nothing could be tested."""
    shape = fit.estimate[:, 0].shape
    nothing = [np.full(shape, np.nan) for _ in range(6)]
    return Numbers(
        std_error=nothing[0],
        low=nothing[1],
        high=nothing[2],
        p_value=nothing[3],
        floor=nothing[5],
        level=np.full(shape, level),
        minimum_detectable=nothing[4],
        note=np.full(shape, "", dtype=object),
    )


def intervals(
    name: str,
    design: Design,
    fit: Fit,
    level: float,
    rules: Sequence[_rules.Rule],
    numbers: Numbers,
    speaks: Bools,
    *,
    alternative: Alternative = "two-sided",
    band: Band = "pointwise",
) -> Intervals:
    """Apply a method's rules: what is refused keeps its standard error and says why.

    Parameters
    ----------
    speaks
        (estimands,) those the method is about; the others get no row.
    """
    shape = fit.estimate[:, 0].shape
    status = np.full(shape, SILENT, dtype=object)
    reason = np.full(shape, "", dtype=object)
    for s, facts in enumerate(_rules.facts(design, fit, level)):
        known = np.isfinite(fit.estimate[s, 0]) & speaks
        if facts is None or not known.any():
            continue
        verdict, why = _rules.judge(rules, facts)
        for e in np.flatnonzero(known):
            if verdict != "refused" and not np.isfinite(numbers.p_value[s, e]):
                status[s, e], reason[s, e] = "refused", numbers.note[s, e] or NO_NUMBER
            else:
                said = [why, *([numbers.note[s, e]] if verdict != "refused" else [])]
                reason[s, e] = "; ".join(text for text in said if text)
                status[s, e] = "warn" if verdict == "ok" and reason[s, e] else verdict
    valid = np.isin(status, ("ok", "warn"))

    def shown(values: Floats) -> Floats:
        return np.where(valid, values, np.nan)

    return Intervals(
        inference=name,
        alternative=alternative,
        band=band,
        std_error=numbers.std_error,
        low=shown(numbers.low),
        high=shown(numbers.high),
        p_value=shown(numbers.p_value),
        floor=np.where(np.isnan(numbers.floor), 1.0, np.minimum(numbers.floor, 1.0)),
        level=numbers.level,
        minimum_detectable=shown(numbers.minimum_detectable),
        status=status,
        reason=reason,
    )


NO_NUMBER = "the method gives no p-value for this estimate"
