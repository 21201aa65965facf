"""Populations of a register: who is counted, in which unit and in which groups.

A population is a chain of steps over the rows of a batch. What is left after the last step is
counted in the panel, what each step loses in the sample flow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reformeval import periods
from reformeval.errors import Problem, UserError
from reformeval.panel.holdings import Holdings
from reformeval.panel.spells import History
from reformeval.register.batches import Batch, Flags
from reformeval.register.groups import RegisterGroup
from reformeval.spec import Population, Timing

DEFAULT_SELECTION = 12
DEFAULT_AFTER = 6
Codes = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Extract:
    """Which part of a register a panel is made from.

    Attributes
    ----------
    timing
        The window and the last period before anticipation.
    units
        Units that are counted.
    groups
        Group variables that split persons into cells.
    held
        What the register holds, and the territories that its codes of units mean.
    """

    timing: Timing
    units: tuple[str, ...]
    groups: Mapping[str, RegisterGroup]
    held: Holdings

    @property
    def keys(self) -> tuple[str, ...]:
        """Columns that identify a finest cell."""
        return ("unit", "period", *self.groups)

    def number(self, period: date) -> int:
        """Return the number of a period, as `Batch.month` has them."""
        return periods.number(period, self.timing.frequency)


@dataclass(frozen=True, eq=False)
class Members:
    """The rows of a batch that belong to a population, step by step.

    Attributes
    ----------
    steps
        Rows that are left after each step.
    unit
        Unit in which a row counts: index among the extract's units, −1 for others.
    classes
        Value of each group variable for a row; the number of values stands for none of them.
    """

    steps: Mapping[str, Flags]
    unit: Codes
    classes: Mapping[str, Codes]

    @property
    def chosen(self) -> Flags:
        """Rows that are left after the last step."""
        return [*self.steps.values()][-1]


@dataclass(frozen=True, eq=False)
class People:
    """The persons of a batch, as the populations of one panel need them."""

    batch: Batch
    extract: Extract

    @cached_property
    def in_window(self) -> Flags:
        """Rows inside the window."""
        first, last = (self.extract.number(p) for p in _window(self.extract.timing))
        flags: Flags = (self.batch.month >= first) & (self.batch.month <= last)
        return flags

    @cached_property
    def history(self) -> History:
        """Months with assistance, and in the register, of each person."""
        return History(self.batch)

    @cached_property
    def reference(self) -> NDArray[np.intp]:
        """Row of each person in the last period before anticipation; −1 if there is none."""
        rows = np.flatnonzero(self.batch.month == self.extract.number(self.extract.timing.pre_end))
        found = np.full(len(self.batch.starts), -1)
        found[np.searchsorted(self.batch.starts, rows, side="right") - 1] = rows
        return found

    @cached_property
    def unit(self) -> Codes:
        """Unit of each row among the extract's units; −1 for others."""
        index = {unit: i for i, unit in enumerate(self.extract.units)}
        spans = self.extract.held.spans
        first = {code: index.get(mine[0].target, -1) for code, mine in spans.items()}
        found = self._codes("unit", index | first, -1)
        moving = {code: mine for code, mine in spans.items() if len(mine) > 1}
        if moving:
            texts, month = self.batch.texts("unit"), self.batch.month
            rows = texts.rows(np.arange(len(texts.values)))
            for number, code in enumerate(texts.values):
                for span in moving.get(code or "", ()):
                    here = (rows == number) & (month >= self.extract.number(span.first))
                    here &= month <= self.extract.number(span.last)
                    found[here] = index.get(span.target, -1)
        return found

    @cached_property
    def goes_on(self) -> Flags:
        """Rows in the month after the row before, of the same person with the same codes."""
        goes_on = self.batch.follows.copy()
        codes = (name for group in self.extract.groups.values() for name in group.needs)
        for column in ("unit", *codes):
            goes_on[self.batch.texts(column).start] = False
        if any(len(spans) > 1 for spans in self.extract.held.spans.values()):
            goes_on[1:] &= self.unit[1:] == self.unit[:-1]  # a code can mean another territory
        return goes_on

    def of_age(self, ages: tuple[int, int]) -> Flags:
        """Rows at an age between the two, both included."""
        age, there = self.batch.values("age")
        flags: Flags = (age >= ages[0]) & (age <= ages[1])
        return flags if there is None else flags & there

    @cached_property
    def classes(self) -> Mapping[str, Codes]:
        """Value of each group variable for a row; the number of values stands for none of them."""
        return {name: self._value_of(group) for name, group in self.extract.groups.items()}

    def _value_of(self, group: RegisterGroup) -> Codes:
        none = len(group.values)
        if group.computed is None:
            index = {code: i for i, codes in enumerate(group.values.values()) for code in codes}
            return self._codes(group.column, index, none)
        found = np.full(len(self.batch), none, dtype=np.int32)
        for value, conditions in group.computed.cases:
            fits = [self._codes(name, dict.fromkeys(codes, 1), 0) for name, codes in conditions]
            found[np.logical_and.reduce(fits) > 0] = [*group.values].index(value)
        return found

    def before(self, values: NDArray[Any], missing: Any) -> NDArray[Any]:
        """Values of each row's person in the reference period; ``missing`` if there are none."""
        there = self.reference >= 0
        return self.rows_of(np.where(there, values[self.reference], values.dtype.type(missing)))

    def ever(self, rows: Flags) -> Flags:
        """All rows of persons who have one of these rows."""
        return self.rows_of(np.logical_or.reduceat(rows, self.batch.starts))

    def rows_of(self, per_person: NDArray[Any]) -> NDArray[Any]:
        """Give each row what its person has."""
        return np.repeat(per_person, self.batch.lengths)

    def _codes(self, column: str, index: Mapping[str, int], other: int) -> Codes:
        texts = self.batch.texts(column)
        found = [index.get(value, other) if value else other for value in texts.values]
        return texts.rows(np.array(found, dtype=np.int32))


def _window(timing: Timing) -> tuple[date, date]:
    return timing.first, timing.last


def members(people: People, population: Population) -> Members:
    """Find who belongs to a population.

    ``residents`` are the persons of the given ages in the period. ``current_recipients`` are
    those of them with assistance in it. ``prior_recipients`` lived in a unit at the given ages in
    the reference, the last period before anticipation, and had assistance in any period of the
    selection window that ends there; they count in every period of the window in which they are
    in the register. ``entrants`` are recipients who were in the register without assistance in
    the given number of months before. Each counts in the unit and the groups of the period, or of
    the reference.
    """
    unit, classes = people.unit, people.classes
    if population.frozen_groups:
        none = {name: len(group.values) for name, group in people.extract.groups.items()}
        classes = {name: people.before(codes, none[name]) for name, codes in classes.items()}
    steps = {"window": people.in_window}
    of_age = people.of_age(population.ages)
    if population.kind == "prior_recipients":
        steps["age"] = people.before(of_age, False)
    else:
        steps["age"] = of_age
    if population.frozen_units:
        if population.kind != "prior_recipients":
            steps["reference"] = people.rows_of(people.reference >= 0)
        unit = people.before(unit, -1)
    steps["units"] = unit >= 0
    if population.kind == "prior_recipients":
        selected = _selected(people, population)
        steps["population"] = people.ever(selected & people.history.receiving)
    elif population.kind == "current_recipients":
        steps["population"] = people.history.receiving
    elif population.kind == "entrants":
        steps["population"] = people.history.entering(population.after or DEFAULT_AFTER)
    return Members(_chained(steps), unit, classes)


def _selected(people: People, population: Population) -> Flags:
    """Rows of the months in which assistance makes a prior recipient."""
    last = people.extract.number(people.extract.timing.pre_end)
    first = last - (population.months or DEFAULT_SELECTION) + 1
    flags: Flags = (people.batch.month >= first) & (people.batch.month <= last)
    return flags


def _chained(steps: Mapping[str, Flags]) -> dict[str, Flags]:
    """Rows left after each step and all before it."""
    kept: Flags | None = None
    left = {}
    for name, rows in steps.items():
        kept = rows if kept is None else kept & rows
        left[name] = kept
    return left


def check_coverage(extract: Extract, population: Population) -> None:
    """Check that the register covers the periods that a population is chosen by.

    Raises
    ------
    UserError
        If the register begins after the selection window of prior recipients does, or later than
        the months without assistance before the first entrants of the window.
    """
    timing, first = extract.timing, extract.number(extract.held.first)
    begins = f"begin before the register, in {periods.label(extract.held.first, timing.frequency)}"
    if population.kind == "prior_recipients":
        months = population.months or DEFAULT_SELECTION
        known = extract.number(timing.pre_end) - first
        if 0 <= known < months - 1:
            at = periods.label(timing.pre_end, timing.frequency)
            raise UserError(
                Problem(
                    f"prior_recipients: the {months} periods up to {at} {begins}",
                    fix=f"set months to {known + 1} or less",
                )
            )
    if population.kind == "entrants":
        after = population.after or DEFAULT_AFTER
        known = extract.number(timing.first) - first
        if 0 <= known < after:
            at = periods.label(timing.first, timing.frequency)
            start = periods.shift(extract.held.first, after, timing.frequency)
            raise UserError(
                Problem(
                    f"entrants: the {after} periods before {at} {begins}",
                    fix=f"start the window in {periods.label(start, timing.frequency)}, or set "
                    "after to fewer periods",
                )
            )
