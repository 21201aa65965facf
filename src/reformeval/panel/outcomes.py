"""Outcomes of a register: what is summed over persons, and what a cell's value is.

Every outcome is a sum over the persons of a cell, or that sum per person, so that groups and
their crosses follow from the finest cells without another look at the register.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import polars as pl

from reformeval.errors import Problem, UserError
from reformeval.panel import sums
from reformeval.panel.prices import Prices
from reformeval.register.expressions import Expression, parse
from reformeval.sources._register_keys import COUNTED_OVER
from reformeval.spec import Outcome

DEFAULT_MONTHS = 12


@dataclass(frozen=True)
class Measure:
    """How an outcome is made from the register.

    Attributes
    ----------
    column
        Column that is summed over persons; one that is not in the register has a name of its own.
    scale
        Factor on the value.
    per_person
        Whether the sum is divided by the persons whose column is not missing.
    expression
        What the column is computed as, where the source defines it.
    lower, upper
        Bounds that the column is cut off at; None: not.
    history
        What the column is computed as, where it follows from the months before and after: a name
        of `panel.spells`.
    months
        Months that such a computation looks over.
    later
        How many months later the same persons' column is looked at.
    of
        Column of the register, where ``column`` says more than its name.
    """

    column: str
    scale: float = 1.0
    per_person: bool = True
    expression: Expression | None = None
    lower: float | None = None
    upper: float | None = None
    history: str | None = None
    months: int = 0
    later: int = 0
    of: str = ""

    @property
    def needs(self) -> tuple[str, ...]:
        """Columns of the register that it is computed from."""
        if self.expression is not None:
            return self.expression.columns
        return ("recipient",) if self.history else (self.of or self.column,)


MEASURES = {
    "employed": Measure("employed", 100.0),
    "earnings": Measure("earnings"),
    "hours": Measure("hours"),
    "recipients": Measure("recipient", per_person=False),
    "recipients_per_1000": Measure("recipient", 1000.0),
    "benefit": Measure("benefit"),
    "benefit_real": Measure("benefit"),
    "earnings_real": Measure("earnings"),
    "spell_months": Measure("spell", history="so_far"),
    "exit_rate": Measure("exit", 100.0, history="exit"),
    "entry_rate": Measure("entry", 100.0, history="entry"),
    "reentry_rate": Measure("reentry", 100.0, history="reentry"),
    "months_to_exit": Measure("to_exit", history="to_exit"),
    "months_received": Measure("last", history="last"),
    "months_received_next": Measure("next", history="next"),
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
        only, kind = COUNTED_OVER.get(outcome.source_name, ()), outcome.population.kind
        if outcome.definition is None and outcome.source_name not in MEASURES:
            known = ", ".join(MEASURES)
            problems.append(
                Problem(
                    f"outcome {outcome.name}: a register has only {known}",
                    fix="define it in the source file, under outcomes",
                )
            )
        elif only and outcome.definition is None and kind not in only:
            problems.append(
                Problem(
                    f"outcome {outcome.name} cannot be counted over {kind}",
                    fix=f"give it population: {' or '.join(f'{{kind: {k}}}' for k in only)}",
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


def measure(outcome: Outcome) -> Measure:
    """Say how an outcome is made: as the source defines it, or as the program does."""
    how = _measure(outcome)
    if not outcome.later:
        return how
    column = f"{how.column} later {outcome.later}"
    return replace(how, column=column, later=outcome.later, of=how.of or how.column)


def _measure(outcome: Outcome) -> Measure:
    """Say how an outcome is made in the month that it is counted in."""
    given = outcome.definition
    if given is not None:
        return Measure(
            f"defined {outcome.source_name}",
            given.scale,
            given.kind != "count",
            parse(given.expression, dict(given.columns)),
            given.lower,
            given.upper,
        )
    how = MEASURES[outcome.source_name]
    if how.history is None:
        return how
    months = outcome.max_months or outcome.months or DEFAULT_MONTHS
    return replace(how, column=f"{how.column} {months}", months=months)


def measures(outcomes: Iterable[Outcome]) -> tuple[Measure, ...]:
    """Measures that these outcomes are summed from, each column once."""
    return tuple({(how := measure(outcome)).column: how for outcome in outcomes}.values())


def columns(outcomes: Iterable[Outcome]) -> tuple[str, ...]:
    """Columns of the register that these outcomes are computed from, each once."""
    return tuple(dict.fromkeys(name for one in measures(outcomes) for name in one.needs))


def value(outcome: Outcome, prices: Prices | None = None) -> pl.Expr:
    """Value of a cell from its sums; missing in a cell without persons.

    Raises
    ------
    UserError
        If the outcome is deflated and there is no price index.
    """
    how = measure(outcome)
    total, persons = sums.total(how.column), pl.col(f"n:{how.column}")
    amount = total / persons if how.per_person else total
    if outcome.prices_of is not None:
        if prices is None:
            raise UserError(f"outcome {outcome.name}: there is no price index to deflate it by")
        amount = amount * prices.factor()
    return how.scale * amount


def persons(outcome: Outcome) -> pl.Expr:
    """Persons behind a cell's value."""
    return pl.col(f"n:{measure(outcome).column}").fill_null(0)
