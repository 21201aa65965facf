"""Counting a bucket of a register: sums by finest cell, and the sample flow, that add up.

What this gives for a register is the sum of what it gives for its buckets. The counts are not
suppressed, so they stay with the register.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from reformeval.artefacts import Schema, atomically, read_table, write_table
from reformeval.panel import outcomes
from reformeval.panel.outcomes import Measure
from reformeval.panel.populations import Extract, Members, People, members
from reformeval.panel.sums import Stretches, Sums, added, refuse_inexact
from reformeval.register import expression_polars
from reformeval.register.batches import Batch, month_start
from reformeval.register.groups import RegisterGroup
from reformeval.spec import Outcome, Population

FLOW: Schema = {
    "population": pl.Int32,
    "step": pl.String,
    "persons": pl.Int64,
    "person_periods": pl.Int64,
}
Progress = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Counts:
    """What was counted, additive over buckets.

    Attributes
    ----------
    cells
        One row per cell: ``population`` (its index among the wanted ones), the keys of
        `Extract.keys`, and the columns of `Sums.table`.
    flow
        Persons and person-periods after each step towards each population (`FLOW`).
    """

    cells: pl.DataFrame
    flow: pl.DataFrame

    @classmethod
    def together(cls, parts: Iterable[Counts], extract: Extract) -> Counts:
        """Add up the counts of a register's buckets, one after the other."""
        total = reduce(lambda so_far, part: so_far._plus(part, extract), parts)
        refuse_inexact(total.cells)
        return total

    def _plus(self, other: Counts, extract: Extract) -> Counts:
        cells = added(self.cells, other.cells, ["population", *extract.keys])
        flow = pl.concat([self.flow, other.flow])
        return Counts(cells, flow.group_by("population", "step", maintain_order=True).sum())

    def write(self, cells: Path, flow: Path) -> None:
        """Write both tables as Parquet."""
        atomically(cells, lambda path: self.cells.write_parquet(path, compression="zstd"))
        write_table(self.flow, flow, FLOW)

    @classmethod
    def read(cls, cells: Path, flow: Path) -> Counts:
        """Read what `write` has written."""
        return cls(pl.read_parquet(cells), read_table(flow, FLOW))

    def lines(self) -> list[str]:
        """Say what each step towards each population has left, for the log."""
        return [
            "person-months left: "
            + ", ".join(f"{step} {rows:,}" for step, rows in steps["step", "person_periods"].rows())
            for steps in self.flow.partition_by("population", maintain_order=True)
        ]


def populations(wanted: Iterable[Outcome]) -> list[Population]:
    """List the populations of these outcomes, each once, in order."""
    return list(dict.fromkeys(outcome.population for outcome in wanted))


def columns(groups: Mapping[str, RegisterGroup], wanted: Sequence[Outcome]) -> tuple[str, ...]:
    """Columns of a register that these outcomes are counted from."""
    codes = sorted({name for group in groups.values() for name in group.needs})
    always = ("person", "period", "unit", "age", "recipient")
    return tuple(dict.fromkeys((*always, *codes, *outcomes.columns(wanted))))


def count(
    batches: Iterable[Batch], extract: Extract, wanted: Sequence[Outcome], progress: Progress
) -> Counts:
    """Count one bucket.

    Parameters
    ----------
    batches
        Batches of the bucket with the columns that `columns` names.
    extract
        The part of the register that is counted.
    wanted
        Outcomes, each with its population.
    progress
        Called with a line now and then.
    """
    tallies = [
        _Tally(extract, population, [o for o in wanted if o.population == population])
        for population in populations(wanted)
    ]
    rows = persons = 0
    for batch in batches:
        rows, persons = rows + len(batch), persons + len(batch.starts)
        people = People(batch, extract)
        for tally in tallies:
            tally.add(people)
        progress(f"{rows:,} person-months of {persons:,} persons read")
    parts = [
        tally.table().with_columns(population=pl.lit(i, pl.Int32))
        for i, tally in enumerate(tallies)
    ]
    flow = [
        {"population": i, "step": step, "persons": counted[0], "person_periods": counted[1]}
        for i, tally in enumerate(tallies)
        for step, counted in {"register": (persons, rows), **tally.flow}.items()
    ]
    return Counts(pl.concat(parts, how="diagonal"), pl.DataFrame(flow, schema=dict(FLOW)))


class _Tally:
    """The sums and the flow of one population."""

    def __init__(self, extract: Extract, population: Population, wanted: Sequence[Outcome]) -> None:
        self.flow: dict[str, tuple[int, int]] = {}
        self._extract, self._population = extract, population
        self._measures = outcomes.measures(wanted)
        self._values = {name: (*group.values, None) for name, group in extract.groups.items()}
        # Periods last: the months of a person lie side by side, which is several times as fast.
        self._shape = (
            len(extract.units),
            *(len(values) for values in self._values.values()),
            len(extract.timing.periods),
        )
        self._size = int(np.prod(self._shape))
        self._sums = Sums(self._size, [measure.column for measure in self._measures])

    def add(self, people: People) -> None:
        """Add a batch."""
        found = members(people, self._population)
        for step, rows in found.steps.items():
            persons, months = self.flow.get(step, (0, 0))
            anyone = np.logical_or.reduceat(rows, people.batch.starts)
            self.flow[step] = (
                persons + int(np.count_nonzero(anyone)),
                months + int(np.count_nonzero(rows)),
            )
        stretches = self._stretches(people, found)
        self._sums.count(stretches)
        for measure in self._measures:
            values, there = values_of(people, measure)
            if measure.lower is not None or measure.upper is not None:
                whole = values
                values = np.clip(whole, measure.lower, measure.upper)
                cut = values != whole if there is None else (values != whole) & there
                self._sums.tick(f"cut:{measure.column}", stretches, cut)
                values = values if there is None else np.where(there, values, 0.0)
            self._sums.add(measure.column, stretches, values, there)

    def table(self) -> pl.DataFrame:
        """Cells with their keys."""
        cells, sums = self._sums.table()
        unit, *classes, period = np.unravel_index(cells, self._shape)
        first = self._extract.number(self._extract.timing.first)
        months = pl.Series([month_start(first + i) for i in range(self._shape[-1])], dtype=pl.Date)
        keys = {
            "unit": _coded(self._extract.units, unit),
            "period": months[period],
        }
        for (name, values), index in zip(self._values.items(), classes, strict=True):
            keys[name] = _coded(values, index)
        return pl.DataFrame(keys).hstack(sums)

    def _stretches(self, people: People, found: Members) -> Stretches:
        """Months of a person, one after the other, that count in the same unit and groups."""
        goes_on = people.goes_on & found.chosen
        goes_on[1:] &= found.chosen[:-1]
        start = np.flatnonzero(found.chosen ^ goes_on)
        end = np.flatnonzero(found.chosen ^ np.append(goes_on[1:], False)) + 1
        classes = (found.classes[name][start] for name in self._values)
        month = people.batch.month[start] - self._extract.number(self._extract.timing.first)
        cell = np.ravel_multi_index((found.unit[start], *classes, month), self._shape)
        return Stretches(start, end, cell.astype(np.int64, copy=False))


def _coded(values: Sequence[str | None], index: NDArray[np.intp]) -> pl.Series:
    """Values by index, as codes: sums of buckets are merged by them in a fraction of the time."""
    return pl.Series(values, dtype=pl.Enum(sorted(filter(None, values))))[index]


def values_of(people: People, measure: Measure) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
    """Values of a measure for every row, and which are there.

    Those of a later month are known for persons who are in the register in all months until then.
    """
    values, there = _values_of(people, measure)
    if not measure.later:
        return values, there
    row = np.minimum(np.arange(len(values)) + measure.later, len(values) - 1)
    known = people.history.observed_after >= measure.later
    if there is not None:
        known &= there[row]
    return np.where(known, values[row], values.dtype.type(0)), known


def _values_of(people: People, measure: Measure) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
    """Values of a measure in the month of each row."""
    if measure.history is not None:
        return people.history.column(measure.history, measure.months)
    if measure.expression is None:
        return people.batch.values(measure.of or measure.column)
    computed = expression_polars.column(measure.expression.tree).cast(pl.Float64)
    # added to the columns: alone, an expression that simplifies to a constant has a single row
    rows = people.batch.rows.with_columns(computed.alias(measure.column))
    found = rows[measure.column]
    return found.fill_null(0.0).to_numpy(), found.is_not_null().to_numpy()
