"""Leaving: donors that adopt after the reform, and until when they are donors."""

from __future__ import annotations

from typing import Any

from reformeval import periods
from reformeval.diagnostics import _rows
from reformeval.evidence import Evidence

NAME = "leaving"


def check(evidence: Evidence) -> list[dict[str, Any]]:
    """One row per donor that leaves."""
    timing = evidence.spec.timing
    leaving = dict(pair for one in evidence.spec.estimators for pair in one.leaving)
    rows = []
    for unit, start in sorted(leaving.items()):
        when = periods.label(start, timing.frequency)
        message = (
            f"Donor {unit} adopts in {when} and is a donor until then. Effects over periods on "
            "both sides are means of parts with and without it, weighted by their periods; the "
            "number of donors counts those of the whole window. As a placebo it has no effect over "
            "later periods."
        )
        rows.append(_rows.row(evidence, NAME, None, "info", message))
    return rows
