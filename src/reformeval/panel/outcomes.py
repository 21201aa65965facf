"""Outcomes of a register: what is summed over persons, and what a cell's value is.

Every outcome is a sum over the persons of a cell, or that sum per person, so that groups and
their crosses follow from the finest cells without another look at the register.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from reformeval.errors import Problem, UserError
from reformeval.spec import Outcome

DEFAULT_MAX_MONTHS = 12


@dataclass(frozen=True)
class Measure:
    """How an outcome is made from a column of the register.

    Attributes
    ----------
    column
        Column summed over persons; ``spell`` stands for months of the spell in progress.
    scale
        Factor on the value.
    per_person
        Whether the sum is divided by the persons whose column is not missing.
    """

    column: str
    scale: float = 1.0
    per_person: bool = True


SPELL = "spell"
MEASURES = {
    "employed": Measure("employed", 100.0),
    "earnings": Measure("earnings"),
    "hours": Measure("hours"),
    "recipients": Measure("recipient", per_person=False),
    "recipients_per_1000": Measure("recipient", 1000.0),
    "benefit": Measure("benefit"),
    "spell_months": Measure(SPELL),
}
_ONLY_POPULATION = {
    "recipients": "residents",
    "recipients_per_1000": "residents",
    "spell_months": "current_recipients",
}


def check_outcomes(outcomes: Sequence[Outcome]) -> None:
    """Check that every outcome exists and counts a population that it has a meaning in.

    Raises
    ------
    UserError
        Naming every outcome that does not.
    """
    problems = []
    for outcome in outcomes:
        only, kind = _ONLY_POPULATION.get(outcome.name), outcome.population.kind
        if outcome.name not in MEASURES:
            known = ", ".join(MEASURES)
            problems.append(Problem(f"outcome {outcome.name}: a register has only {known}"))
        elif only and kind != only:
            problems.append(
                Problem(
                    f"outcome {outcome.name} cannot be counted over {kind}",
                    fix=f"give it population: {{kind: {only}}}",
                )
            )
        elif kind == "as_published":
            problems.append(
                Problem(
                    f"outcome {outcome.name}: a register needs to know whom to count",
                    fix="give it a population",
                )
            )
    if problems:
        raise UserError(problems)


def columns(outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    """Columns that these outcomes are summed from, spells left out, each once."""
    names = (MEASURES[outcome.name].column for outcome in outcomes)
    return tuple(dict.fromkeys(name for name in names if name != SPELL))


def sums(names: Sequence[str]) -> list[pl.Expr]:
    """Sum and number of values of each column, within a group of rows."""
    parts = []
    for name in names:
        parts.append(pl.col(name).cast(pl.Float64).sum().alias(f"sum:{name}"))
        parts.append(pl.col(name).count().cast(pl.Int64).alias(f"n:{name}"))
    return parts


def max_months(outcome: Outcome) -> int:
    """Months at which a spell's length is top-coded."""
    return outcome.max_months or DEFAULT_MAX_MONTHS


def value(name: str) -> pl.Expr:
    """Value of a cell from its sums; missing in a cell without persons."""
    measure = MEASURES[name]
    total, persons = pl.col(f"sum:{measure.column}"), pl.col(f"n:{measure.column}")
    amount = total / persons if measure.per_person else total
    return pl.when(persons > 0).then(measure.scale * amount)


def persons(name: str) -> pl.Expr:
    """Persons behind a cell's value."""
    return pl.col(f"n:{MEASURES[name].column}").fill_null(0)
