"""Cell size: persons behind the smallest cell, and cells that are suppressed."""

from __future__ import annotations

from typing import Any

import numpy as np

from reformeval.design import cells
from reformeval.diagnostics import _rows
from reformeval.evidence import Evidence

NAME = "cell_size"


def check(evidence: Evidence) -> list[dict[str, Any]]:
    """One row per series; without counts of persons there is nothing to check."""
    design, limit = evidence.design, evidence.spec.min_persons
    retained = ~design.excluded
    hidden = np.nan_to_num(
        cells(evidence.panel, "suppressed", design.series, list(design.units), design.periods)
    )
    rows = []
    for s, series in enumerate(design.series):
        counts = np.full(0, np.nan) if design.n is None else design.n[s][:, retained]
        by_unit = hidden[s][:, retained].sum(axis=1)
        own, donors = int(by_unit[design.treated].sum()), int((by_unit[~design.treated] > 0).sum())
        known = bool(np.isfinite(counts).any())
        smallest = float(np.nanmin(counts)) if known else float("nan")
        few = (
            "withheld by the source"
            if series.population == "as_published"
            else f"with fewer than {limit} persons"
        )
        verdict: _rows.Verdict = "pass"
        if own:
            verdict = "fail"
            message = f"{_rows.counted(own, 'cell')} of the treated unit {few}."
        elif donors:
            verdict = "warn"
            message = f"{_rows.counted(donors, 'donor')} with cells {few}."
        elif known:
            message = f"The smallest cell has {smallest:.0f} persons; at least {limit} are needed."
        else:
            verdict = "info"
            message = "The source has no counts of persons: cell sizes are not known."
        rows.append(
            _rows.row(
                evidence, NAME, series, verdict, message,
                statistic="smallest_cell", value=smallest, threshold=float(limit),
            )
        )  # fmt: skip
    return rows
