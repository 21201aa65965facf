"""Populations of a register: who is counted, in which unit and group, summed to finest cells.

Everything here streams over the register; only recipients' months and the frozen membership of
prior recipients are held in memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from reformeval import periods
from reformeval.errors import Problem, UserError
from reformeval.panel import outcomes
from reformeval.panel.outcomes import SPELL, Measure
from reformeval.periods import Frequency
from reformeval.spec import Population, Timing

AGES = (18, 66)
DEFAULT_SELECTION = 12
_SPELL = outcomes.MEASURES["spell_months"]


@dataclass(frozen=True, eq=False)
class Extract:
    """A register, and which part of it a panel is made from.

    Attributes
    ----------
    register
        Person-months.
    timing
        The window and the last period before anticipation.
    units
        Units that are counted.
    codes
        Raw columns that split persons into finest cells.
    start
        First period of the register.
    """

    register: pl.LazyFrame
    timing: Timing
    units: tuple[str, ...]
    codes: tuple[str, ...]
    start: date

    @property
    def keys(self) -> tuple[str, ...]:
        """Columns that identify a finest cell."""
        return ("unit", "period", *self.codes)

    def in_window(self) -> pl.Expr:
        """Rows inside the window."""
        return pl.col("period").is_between(self.timing.first, self.timing.last)

    def at_reference(self) -> pl.Expr:
        """Rows of the last period before anticipation."""
        return pl.col("period") == self.timing.pre_end

    def in_units(self) -> pl.Expr:
        """Rows in units that are counted."""
        return pl.col("unit").cast(pl.String).is_in(list(self.units))


def of_age() -> pl.Expr:
    """Rows of persons of working age."""
    return pl.col("age").is_between(*AGES)


def selection(population: Population, timing: Timing) -> pl.Expr:
    """Rows of the months in which assistance makes a prior recipient."""
    months = population.months or DEFAULT_SELECTION
    first = periods.shift(timing.pre_end, 1 - months, timing.frequency)
    return pl.col("period").is_between(first, timing.pre_end)


def receiving() -> pl.Expr:
    """Rows with assistance; a missing entry is none."""
    return pl.col("recipient").fill_null(False)


def cells(extract: Extract, population: Population, measures: Sequence[Measure]) -> pl.DataFrame:
    """Sum over the persons of a population by finest cell.

    Parameters
    ----------
    population
        ``residents`` and ``current_recipients`` count persons of working age where they live in
        the month, in the groups they belong to then. ``prior_recipients`` are those who lived in
        a unit at working age in the last period before anticipation and had assistance in any
        period of the selection window; they keep that unit and those groups, and count in every
        period of the window in which they are in the register, wherever they then live.
    measures
        What to sum.
    """
    rows = extract.register.filter(extract.in_window()).with_columns(outcomes.computed(measures))
    if population.kind == "prior_recipients":
        frozen = members(extract, population)
        # Computed before the join, which puts frozen groups in the place of those of the month.
        columns = (measure.column for measure in measures)
        rows = rows.select("person", "period", *columns).join(frozen.lazy(), on="person")
    else:
        rows = rows.filter(extract.in_units(), of_age())
        if population.kind == "current_recipients":
            rows = rows.filter(receiving())
    found = rows.group_by(extract.keys).agg(outcomes.sums(measures))
    return found.collect(engine="streaming").pipe(_as_text, extract)


def members(extract: Extract, population: Population) -> pl.DataFrame:
    """Prior recipients with the unit and the codes they are frozen in.

    Raises
    ------
    UserError
        If the register begins after the selection window does.
    """
    timing, months = extract.timing, population.months or DEFAULT_SELECTION
    known = periods.number(timing.pre_end, timing.frequency) - periods.number(
        extract.start, timing.frequency
    )
    if 0 <= known < months - 1:
        raise UserError(
            Problem(
                f"prior_recipients: the {months} periods up to "
                f"{periods.label(timing.pre_end, timing.frequency)} begin before the register, in "
                f"{periods.label(extract.start, timing.frequency)}",
                fix=f"set months to {known + 1} or less",
            )
        )
    received = extract.register.filter(selection(population, timing), receiving())
    at_reference = extract.register.filter(extract.at_reference(), of_age(), extract.in_units())
    chosen = (
        at_reference.select("person", "period", "unit", *extract.codes)
        .join(received.select("person").unique(), on="person", how="semi")
        .collect(engine="streaming")
    )
    _refuse_duplicates(chosen)
    return chosen.drop("period")


def spell_cells(extract: Extract, longest: int) -> pl.DataFrame:
    """Sum months of the spell in progress over current recipients, by finest cell.

    A spell is a run of periods with assistance, in whatever unit; a period without, or outside
    the register, ends it. Lengths are top-coded at ``longest``. Before that many periods of the
    register have passed, the length of a spell that was running at its start is not known: then
    sums are missing for everybody, and only the persons are counted.

    Parameters
    ----------
    longest
        Months at which lengths are top-coded, KOSTRA's convention being 12.
    """
    timing = extract.timing
    first = periods.shift(timing.first, 1 - longest, timing.frequency)
    known_from = periods.shift(extract.start, longest - 1, timing.frequency)
    recipients = (
        extract.register.filter(receiving(), pl.col("period").is_between(first, timing.last))
        .select(
            "person", "period", "age", *(pl.col(c).cast(pl.Categorical) for c in _text(extract))
        )
        .collect(engine="streaming")
    )
    _refuse_duplicates(recipients)
    parts = [
        rows.filter(extract.in_window(), extract.in_units(), of_age())
        .group_by(extract.keys)
        .agg(outcomes.sums([_SPELL]))
        for rows in _carried(recipients, longest, timing.frequency)
    ]
    empty = recipients.clear().with_columns(pl.lit(0).alias(SPELL))
    found = pl.concat([empty.group_by(extract.keys).agg(outcomes.sums([_SPELL])), *parts])
    known = pl.when(pl.col("period") >= known_from).then(pl.col(f"sum:{SPELL}"))
    return found.with_columns(known.alias(f"sum:{SPELL}")).pipe(_as_text, extract)


def _carried(
    recipients: pl.DataFrame, longest: int, frequency: Frequency
) -> Iterator[pl.DataFrame]:
    """Yield each period's recipients with the length of their spell so far.

    Lengths are carried from one period to the next: window functions over persons need many
    times the memory and time.
    """
    before: tuple[date, pl.DataFrame] | None = None
    for rows in recipients.sort("period").partition_by("period", maintain_order=True):
        period = rows["period"][0]
        if before is not None and before[0] == periods.shift(period, -1, frequency):
            rows = rows.join(before[1], on="person", how="left")
        else:
            rows = rows.with_columns(pl.lit(None, dtype=pl.Int32).alias(SPELL))
        length = (pl.col(SPELL).fill_null(0) + 1).clip(upper_bound=longest).cast(pl.Int32)
        rows = rows.with_columns(length.alias(SPELL))
        before = (period, rows.select("person", SPELL))
        yield rows


def _refuse_duplicates(rows: pl.DataFrame) -> None:
    """Stop where a person has two rows in a period and would be counted twice, silently."""
    twice = rows.filter(rows.select("person", "period").is_duplicated())
    if twice.height:
        person, period = twice.select("person", "period").sort("person", "period").row(0)
        raise UserError(
            f"the register has more than one row for person {person} in {period:%Y-%m}; give one "
            "row per person and period"
        )


def _text(extract: Extract) -> tuple[str, ...]:
    return ("unit", *extract.codes)


def _as_text(frame: pl.DataFrame, extract: Extract) -> pl.DataFrame:
    """Turn unit and codes into plain text, however the register encodes them."""
    return frame.with_columns(pl.col(name).cast(pl.String) for name in _text(extract))
