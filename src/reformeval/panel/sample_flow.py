"""Sample flow: persons and person-periods kept and lost on the way to each population."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from reformeval import periods
from reformeval.artefacts import SAMPLE_FLOW, table
from reformeval.errors import UserError
from reformeval.panel import populations
from reformeval.panel.populations import AGES, DEFAULT_SELECTION, Extract
from reformeval.spec import Population

Stage = tuple[str, pl.Expr, str]


def sample_flow(extract: Extract, wanted: Sequence[Population]) -> pl.DataFrame:
    """Count what each step towards each population keeps and loses, in one pass.

    Returns
    -------
    pl.DataFrame
        The artefact `artefacts.SAMPLE_FLOW`: steps in order, register first.
    """
    stages = {population: _stages(extract, population) for population in wanted}
    flags: dict[str, pl.Expr] = {}
    for index, (population, steps) in enumerate(stages.items()):
        flags |= _flags(extract, index, population, steps)
    counted = (
        extract.register.group_by("person")
        .agg(
            pl.len().alias("all"),
            *(flag.alias(name) for name, flag in flags.items()),
            _too_many_rows().alias("twice"),
        )
        .select(
            *(pl.col(name).sum().cast(pl.Int64).alias(f"{name} rows") for name in ("all", *flags)),
            *((pl.col(name) > 0).sum().cast(pl.Int64).alias(f"{name} persons")
              for name in ("all", *flags)),
            pl.col("person").filter("twice").min(),
        )
        .collect(engine="streaming")
        .row(0, named=True)
    )  # fmt: skip
    if counted["person"] is not None:
        raise UserError(
            f"the register has more rows for person {counted['person']} than there are months "
            "between their first and last; give one row per person and period"
        )
    rows: list[dict[str, Any]] = []
    for index, (population, steps) in enumerate(stages.items()):
        rows += _rows(counted, index, _name(population, wanted), steps)
    return table(rows, SAMPLE_FLOW)


def _too_many_rows() -> pl.Expr:
    """Whether a person has more rows than months between the first and the last."""
    first, last = pl.col("period").min().dt, pl.col("period").max().dt
    months = (last.year() - first.year()) * 12 + last.month().cast(pl.Int32) - first.month()
    return pl.len().cast(pl.Int32) > months + 1


def _stages(extract: Extract, population: Population) -> list[Stage]:
    """List the steps after the register: name, condition on a row, and why rows are lost."""
    timing = extract.timing
    at = periods.label(timing.pre_end, timing.frequency)
    window = " to ".join(periods.label(p, timing.frequency) for p in (timing.first, timing.last))
    ages = f"{AGES[0]}–{AGES[1]}"
    steps: list[Stage] = [("window", extract.in_window(), f"outside {window}")]
    if population.kind == "prior_recipients":
        months = population.months or DEFAULT_SELECTION
        return [
            *steps,
            ("age", extract.at_reference() & populations.of_age(),
             f"not in the register at ages {ages} in {at}"),
            ("units", extract.in_units(), f"living in a unit that is left out in {at}"),
            ("population",
             populations.selection(population, timing) & populations.receiving(),
             f"without assistance in the {months} periods up to {at}"),
        ]  # fmt: skip
    steps += [
        ("age", populations.of_age(), f"not aged {ages}"),
        ("units", extract.in_units(), "in a unit that is left out"),
    ]
    if population.kind == "current_recipients":
        steps.append(("population", populations.receiving(), "without assistance in the period"))
    return steps


def _flags(
    extract: Extract, index: int, population: Population, steps: Sequence[Stage]
) -> dict[str, pl.Expr]:
    """Rows of a person that each step keeps."""
    if population.kind != "prior_recipients":
        kept, flags = pl.lit(True), {}
        for name, condition, _ in steps:
            kept = kept & condition
            flags[f"{index} {name}"] = kept.sum()
        return flags
    # A frozen person is in with all rows of the window, or out with all of them.
    (_, window, _), (_, reference, _), (_, units, _), (_, received, _) = steps
    rows = (extract.in_window() & window).sum()
    inside, unit_kept = reference.any(), (reference & units).any()
    return {
        f"{index} window": rows,
        f"{index} age": rows * inside,
        f"{index} units": rows * unit_kept,
        f"{index} population": rows * (unit_kept & received.any()),
    }


def _rows(
    counted: dict[str, int], index: int, population: str, steps: Sequence[Stage]
) -> list[dict[str, Any]]:
    """Rows of one population, each with what it lost against the row before."""
    names = [("register", "all", "all rows of the register")]
    names += [(name, f"{index} {name}", why) for name, _, why in steps]
    rows: list[dict[str, Any]] = []
    for step, key, reason in names:
        persons, months = counted[f"{key} persons"], counted[f"{key} rows"]
        before = rows[-1] if rows else {"persons": persons, "person_periods": months}
        rows.append(
            {
                "population": population,
                "step": step,
                "persons": persons,
                "person_periods": months,
                "persons_lost": before["persons"] - persons,
                "person_periods_lost": before["person_periods"] - months,
                "reason": reason,
            }
        )
    return rows


def _name(population: Population, wanted: Sequence[Population]) -> str:
    """Give the kind; with its months where the same kind is used with several."""
    if sum(other.kind == population.kind for other in wanted) == 1:
        return population.kind
    return f"{population.kind} ({population.months or DEFAULT_SELECTION})"
