"""What was chosen in estimates of staggered reforms: donors, reference, weights, periods."""

from __future__ import annotations

from typing import Any

from reformeval import periods
from reformeval.diagnostics import _rows
from reformeval.evidence import Evidence

NAME = "choices"
_DONORS = {
    "never_treated": "units that never adopt",
    "not_yet_treated": "units that have not adopted yet, and those that never do",
}


def check(evidence: Evidence) -> list[dict[str, Any]]:
    """One row per estimator, where units adopt in different periods."""
    rows = []
    for one, _ in _rows.fits(evidence) if evidence.design.staggered else ():
        options, design = one.spec.options, one.design
        back = design.anticipation + 1
        reference = (
            "before adoption the period before, afterwards the reference "
            if options.get("base_period") == "varying"
            else "event time "
        )
        dropped = [periods.label(p, design.frequency) for p in one.spec.timing.dropped]
        message = (
            f"Donors: {_DONORS.get(str(options.get('donors')), 'as the method has them')}. "
            f"Reference: {reference}−{back}. Units count alike; the att averages each treated unit "
            f"and period alike. Excluded periods: {', '.join(dropped) or 'none'}."
        )
        if one.spec.method in ("imputation", "two_stage"):
            message = message.replace(f"event time −{back}", "all untreated cells of the unit")
        if one.spec.method == "synthetic_did":
            message = message.replace(
                f"event time −{back}", f"weighted periods up to event time −{back}"
            )
        rows.append(
            _rows.row(
                evidence, NAME, None, "info", message, one.spec.label,
                statistic="anticipation", value=float(design.anticipation),
            )
        )  # fmt: skip
    return rows
