"""Sample flow: persons and person-periods kept and lost on the way to each population."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from reformeval import periods
from reformeval.artefacts import SAMPLE_FLOW, table
from reformeval.panel.populations import DEFAULT_AFTER, DEFAULT_SELECTION
from reformeval.spec import Population, Timing


def sample_flow(
    counted: pl.DataFrame, wanted: Sequence[Population], timing: Timing
) -> pl.DataFrame:
    """Say what each step towards each population keeps and loses.

    Parameters
    ----------
    counted
        Persons and person-periods after each step (`panel.counts.FLOW`), of all buckets.
    wanted
        The populations, in the order of their index in ``counted``.

    Returns
    -------
    pl.DataFrame
        The artefact `artefacts.SAMPLE_FLOW`: steps in order, register first.
    """
    found = {
        (row["population"], row["step"]): (row["persons"], row["person_periods"])
        for row in counted.iter_rows(named=True)
    }
    rows: list[dict[str, Any]] = []
    for index, population in enumerate(wanted):
        before: tuple[int, int] | None = None
        reasons = _reasons(population, timing)
        for step in (step for number, step in found if number == index):
            persons, months = found[index, step]
            lost = before or (persons, months)
            rows.append(
                {
                    "population": _name(population, wanted),
                    "step": step,
                    "persons": persons,
                    "person_periods": months,
                    "persons_lost": lost[0] - persons,
                    "person_periods_lost": lost[1] - months,
                    "reason": reasons[step],
                }
            )
            before = (persons, months)
    return table(rows, SAMPLE_FLOW)


def _reasons(population: Population, timing: Timing) -> dict[str, str]:
    """Say why rows are lost at each step of `panel.populations.members`."""
    at = periods.label(timing.pre_end, timing.frequency)
    window = " to ".join(periods.label(p, timing.frequency) for p in (timing.first, timing.last))
    ages = f"{population.ages[0]}–{population.ages[1]}"
    frozen = population.frozen_units
    reasons = {
        "register": "all rows of the register",
        "window": f"outside {window}",
        "age": f"not aged {ages}",
        "reference": f"not in the register in {at}",
        "units": f"living in a unit that is left out in {at}"
        if frozen
        else "in a unit that is left out",
    }
    if population.kind == "prior_recipients":
        months = population.months or DEFAULT_SELECTION
        reasons["age"] = f"not in the register at ages {ages} in {at}"
        reasons["population"] = f"without assistance in the {months} periods up to {at}"
    elif population.kind == "current_recipients":
        reasons["population"] = "without assistance in the period"
    elif population.kind == "entrants":
        after = population.after or DEFAULT_AFTER
        reasons["population"] = (
            f"without assistance in the period, or not known to be without in the {after} before"
        )
    return reasons


def _name(population: Population, wanted: Sequence[Population]) -> str:
    """Give the kind; with what it is chosen by where the same kind is used in several ways."""
    alike = [other for other in wanted if other.kind == population.kind]
    if len(alike) == 1:
        return population.kind
    months = {"prior_recipients": population.months, "entrants": population.after}
    told = {
        "months": months.get(population.kind) or "",
        "ages": "–".join(map(str, population.ages)),
        "groups": "frozen groups" if population.frozen_groups else "current groups",
        "units": "unit before" if population.frozen_units else "current unit",
    }
    differing = [
        str(text) for key, text in told.items() if len({_key(other, key) for other in alike}) > 1
    ]
    return f"{population.kind} ({', '.join(differing)})"


def _key(population: Population, key: str) -> object:
    return {
        "months": (population.months, population.after),
        "ages": population.ages,
        "groups": population.frozen_groups,
        "units": population.frozen_units,
    }[key]
