"""Selection: whether the reform can change who is counted."""

from __future__ import annotations

from typing import Any

from reformeval.design import Series
from reformeval.diagnostics import _rows
from reformeval.evidence import Evidence
from reformeval.spec import Population

NAME = "selection"


def check(evidence: Evidence) -> list[dict[str, Any]]:
    """One row per outcome of a population that is selected by its receipt of benefit."""
    rows = []
    for outcome in evidence.spec.outcomes:
        found = _judge(outcome.population)
        if found:
            verdict, message = found
            series = Series(outcome.name, "all", outcome.population.kind)
            rows.append(
                _rows.row(
                    evidence, NAME, series, verdict, message, statistic=outcome.population.kind
                )
                | {"group": None}
            )
    return rows


def _judge(population: Population) -> tuple[_rows.Verdict, str] | None:
    if population.kind == "current_recipients":
        return "warn", (
            "Counts whoever receives benefit in each period. The reform may change who that is, so "
            "the estimate mixes its effect on people with a change of people: descriptive."
        )
    if population.kind == "entrants":
        return "warn", (
            f"Counts people with assistance after {population.after} periods without, anew in each "
            "period. The reform may change who that is, so the estimate mixes its effect on people "
            "with a change of people: descriptive."
        )
    if population.kind == "prior_recipients":
        return "info", (
            f"Counts people who received benefit in the {population.months} periods before "
            "anticipation, fixed then. Their receipt falls afterwards by construction, in every "
            "unit alike: compare with the donors, not with the time before."
        )
    return None
