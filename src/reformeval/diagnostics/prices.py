"""Prices: in whose prices an outcome is."""

from __future__ import annotations

from typing import Any

from reformeval.design import Series
from reformeval.diagnostics import _rows
from reformeval.evidence import Evidence

NAME = "prices"


def check(evidence: Evidence) -> list[dict[str, Any]]:
    """One row per outcome that is deflated; a warning where its unit does not name the base."""
    rows = []
    for outcome in evidence.spec.outcomes:
        base = outcome.prices_of
        if base is None:
            continue
        message = f"In prices of {base}: every month's amounts are divided by the price index."
        named = base[:4] in outcome.measured_in
        if not named:
            message += f" Its unit does not say so: write it into measured_in, e.g. NOK of {base}."
        series = Series(outcome.name, "all", outcome.population.kind)
        verdict: _rows.Verdict = "info" if named else "warn"
        rows.append(
            _rows.row(evidence, NAME, series, verdict, message, statistic="base") | {"group": None}
        )
    return rows
