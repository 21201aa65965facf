"""Balance: units and periods that a series loses to missing cells.

A period that no unit has is left out; a donor that misses any other period is left out of the
series; a treated unit that does makes the series impossible.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reformeval.diagnostics import _rows
from reformeval.evidence import Evidence

NAME = "balance"
_SHOWN = 8


def check(evidence: Evidence) -> list[dict[str, Any]]:
    """One row per series."""
    design = evidence.design
    leaving = {unit for one in evidence.spec.estimators for unit, _ in one.leaving}
    rows = []
    for s, series in enumerate(design.series):
        units, kept = design.usable(s)
        dropped = [
            u for u, ok in zip(design.units, units, strict=True) if not ok and u not in leaving
        ]
        asked = int((~design.excluded).sum())
        lost = asked - int(kept.sum())
        size = (
            f"{int(units.sum())} of {len(design.units)} units, {int(kept.sum())} of {asked} periods"
        )
        problem = design.problem(s)
        verdict: _rows.Verdict
        if problem:
            verdict, message = "fail", f"Cannot be estimated: {problem}."
        elif dropped or lost:
            verdict = "warn"
            names = ", ".join(dropped[:_SHOWN]) + (" …" if len(dropped) > _SHOWN else "")
            parts = []
            if dropped:
                donors = _rows.counted(len(dropped), "donor")
                parts.append(f"{donors} with missing cells left out ({names})")
            if lost:
                parts.append(f"{_rows.counted(lost, 'period')} without data left out")
            message = f"{'; '.join(parts)}. Used: {size}."
        else:
            verdict, message = "pass", f"Complete: {size}."
        missing = int(np.isnan(design.y[s][:, ~design.excluded]).sum())
        rows.append(
            _rows.row(
                evidence, NAME, series, verdict, message,
                statistic="missing_cells", value=float(missing),
            )
        )  # fmt: skip
    return rows
