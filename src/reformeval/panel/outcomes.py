"""Outcomes of a register: what is summed over persons, and what a cell's value is.

Every outcome is a sum over the persons of a cell, or that sum per person, so that groups and
their crosses follow from the finest cells without another look at the register.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import polars as pl

from reformeval.errors import Problem, UserError
from reformeval.panel.prices import Prices
from reformeval.register import expression_polars
from reformeval.register.expressions import Expression, parse
from reformeval.spec import Outcome

DEFAULT_MAX_MONTHS = 12


@dataclass(frozen=True)
class Measure:
    """How an outcome is made from the register.

    Attributes
    ----------
    column
        Column summed over persons; ``spell`` stands for months of the spell in progress, and an
        outcome that the source defines has a name of its own here.
    scale
        Factor on the value.
    per_person
        Whether the sum is divided by the persons whose column is not missing.
    expression
        What the column is computed as, where the source defines it.
    lower, upper
        Bounds that the column is cut off at; None: not.
    """

    column: str
    scale: float = 1.0
    per_person: bool = True
    expression: Expression | None = None
    lower: float | None = None
    upper: float | None = None

    @property
    def needs(self) -> tuple[str, ...]:
        """Columns of the register that it is computed from."""
        if self.expression is not None:
            return self.expression.columns
        return () if self.column == SPELL else (self.column,)


SPELL = "spell"
MEASURES = {
    "employed": Measure("employed", 100.0),
    "earnings": Measure("earnings"),
    "hours": Measure("hours"),
    "recipients": Measure("recipient", per_person=False),
    "recipients_per_1000": Measure("recipient", 1000.0),
    "benefit": Measure("benefit"),
    "benefit_real": Measure("benefit"),
    "earnings_real": Measure("earnings"),
    "spell_months": Measure(SPELL),
}
_ONLY_POPULATION = {
    "recipients": "residents",
    "recipients_per_1000": "residents",
    "spell_months": "current_recipients",
}


def measure(outcome: Outcome) -> Measure:
    """Say how an outcome is made: as the source defines it, or as the program does."""
    given = outcome.definition
    if given is None:
        return MEASURES[outcome.name]
    return Measure(
        f"defined {outcome.name}",
        given.scale,
        given.kind != "count",
        parse(given.expression, dict(given.columns)),
        given.lower,
        given.upper,
    )


def measures(outcomes: Iterable[Outcome]) -> tuple[Measure, ...]:
    """Measures that these outcomes are summed from, spells left out, each column once."""
    found = (measure(outcome) for outcome in outcomes)
    return tuple({one.column: one for one in found if one.column != SPELL}.values())


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
        if outcome.definition is None and outcome.name not in MEASURES:
            known = ", ".join(MEASURES)
            problems.append(
                Problem(
                    f"outcome {outcome.name}: a register has only {known}",
                    fix="define it in the source file, under outcomes",
                )
            )
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


def columns(outcomes: Iterable[Outcome]) -> tuple[str, ...]:
    """Columns of the register that these outcomes are computed from, each once."""
    return tuple(dict.fromkeys(name for one in measures(outcomes) for name in one.needs))


def computed(wanted: Iterable[Measure]) -> list[pl.Expr]:
    """Columns that are not in the register, computed from it row by row."""
    return [
        expression_polars.column(one.expression.tree).alias(one.column)
        for one in wanted
        if one.expression is not None
    ]


def sums(wanted: Iterable[Measure]) -> list[pl.Expr]:
    """Sum and number of values of each measure, within a group of rows.

    Where values are cut off, also how many were: all of them add up over groups of rows. The
    columns of `computed` must be there.
    """
    parts = []
    for one in wanted:
        raw = pl.col(one.column).cast(pl.Float64)
        cut = raw if one.lower is None and one.upper is None else raw.clip(one.lower, one.upper)
        parts.append(cut.sum().alias(f"sum:{one.column}"))
        parts.append(raw.count().cast(pl.Int64).alias(f"n:{one.column}"))
        if cut is not raw:
            parts.append((raw != cut).sum().cast(pl.Int64).alias(f"cut:{one.column}"))
    return parts


def max_months(outcome: Outcome) -> int:
    """Months at which a spell's length is top-coded."""
    return outcome.max_months or DEFAULT_MAX_MONTHS


def value(outcome: Outcome, prices: Prices | None = None) -> pl.Expr:
    """Value of a cell from its sums; missing in a cell without persons.

    Raises
    ------
    UserError
        If the outcome is deflated and there is no price index.
    """
    how = measure(outcome)
    total, persons = pl.col(f"sum:{how.column}"), pl.col(f"n:{how.column}")
    amount = total / persons if how.per_person else total
    if outcome.prices_of is not None:
        if prices is None:
            raise UserError(f"outcome {outcome.name}: there is no price index to deflate it by")
        amount = amount * prices.factor()
    return pl.when(persons > 0).then(how.scale * amount)


def persons(outcome: Outcome) -> pl.Expr:
    """Persons behind a cell's value."""
    return pl.col(f"n:{measure(outcome).column}").fill_null(0)
