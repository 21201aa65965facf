"""Support of staggered reforms: which units stand behind each cohort, and which against it.

Donors are counted anew at every event time of a cohort: units that never adopt, and those that
adopt later than that, anticipation included. It needs no estimate: it says where there can be one.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reformeval import periods
from reformeval.design import Design
from reformeval.diagnostics import _rows
from reformeval.evidence import Evidence
from reformeval.support import Support, support

NAME = "cohorts"
FEW = 5


def check(evidence: Evidence) -> list[dict[str, Any]]:
    """One row per series and cohort, where units adopt in different periods."""
    rows = []
    for s, series in _rows.able(evidence.design) if evidence.design.staggered else ():
        units, kept = evidence.design.usable(s)
        table = support(
            evidence.design.adopted[units].tolist(),
            np.flatnonzero(kept).tolist(),
            evidence.design.anticipation,
        )
        for start in evidence.design.cohorts:
            own = [one for one in table if one.cohort == start]
            verdict, message = _judge(evidence.design, own)
            rows.append(
                _rows.row(
                    evidence, NAME, series, verdict, message,
                    statistic="treated_units", value=float(own[0].treated), threshold=float(FEW),
                )
            )  # fmt: skip
    return rows


def _judge(design: Design, own: list[Support]) -> tuple[_rows.Verdict, str]:
    first = own[0]
    at = periods.label(design.periods[first.cohort], design.frequency)
    after = [one for one in own if one.period >= first.cohort]
    before = [one for one in own if one.period < first.cohort - design.anticipation]
    counts = [one.not_yet for one in after]
    text = (
        f"{at}: {_rows.counted(first.treated, 'unit')} adopt{_s(first.treated)}, seen in "
        f"{_rows.counted(len(before), 'period')} before and {len(after)} after; "
        f"{_rows.counted(first.never, 'donor')} never adopt{_s(first.never)}"
    )
    most, least = max(counts, default=0), min(counts, default=0)
    if most:
        text += f", and {most} to {least} others have not adopted yet"
    if not after or not before:
        return "fail", f"{text}. Nothing can be estimated of it."
    if all(one.never + one.not_yet == 0 for one in after):
        return "fail", f"{text}. No donor is left to compare it with."
    if first.treated < FEW:
        return "warn", (
            f"{text}. So few units have no standard error that could be trusted: its rows are "
            "refused under cluster, and the permutation test stands for them."
        )
    return "pass", f"{text}."


def _s(number: int) -> str:
    return "s" if number == 1 else ""
