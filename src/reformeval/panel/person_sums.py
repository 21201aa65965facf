"""Sums over persons for estimators with person effects, from one bucket of a register.

Persons are those of a population that is chosen before the reform, with the unit and the groups
that they are frozen in: the persons of the panel's cells.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reformeval.design import Floats, Ints
from reformeval.panel import counts, from_register, outcomes
from reformeval.panel.counts import Progress
from reformeval.panel.from_register import Groups
from reformeval.panel.holdings import Holdings
from reformeval.panel.populations import Extract, Members, People, members
from reformeval.panel.prices import Prices
from reformeval.person_files import Key
from reformeval.register import person_effects
from reformeval.register.batches import Source, read
from reformeval.register.person_effects import Sums
from reformeval.spec import Group, Outcome, PanelSpec, Population


def build(
    source: Source,
    held: Holdings,
    groups: Groups,
    spec: PanelSpec,
    prices: Prices | None = None,
    progress: Progress = lambda _: None,
) -> tuple[tuple[str, ...], dict[Key, Sums]]:
    """Sum the persons of a bucket, by outcome and group.

    Parameters
    ----------
    source
        The bucket.
    held
        What the whole register holds: which units are kept hangs on it.
    groups
        Group variables by name.
    spec
        What the reform asks.
    prices
        Price index, where an outcome is deflated.
    progress
        Called with a line now and then.

    Returns
    -------
    units, sums
        Treated units and donors; and by outcome and group the sums with these as clusters and the
        window's periods as columns. Only for outcomes that `follows_persons`. Dropped periods have
        no rows.
    """
    extract = from_register.extract(held, groups, spec)
    wanted = [outcome for outcome in spec.outcomes if follows_persons(outcome)]
    tallies = [
        _Tally(extract, population, [o for o in wanted if o.population == population], prices)
        for population in counts.populations(wanted)
    ]
    rows = 0
    for batch in read(source, counts.columns(extract.groups, wanted)):
        rows += len(batch)
        people = People(batch, extract)
        for tally in tallies:
            tally.add(people)
        progress(f"{rows:,} person-months read")
    found = {
        (outcome, group.name): tally.of(outcome, group)
        for tally in tallies
        for outcome in tally.finest
        for group in spec.groups
    }
    return extract.units, found


def follows_persons(outcome: Outcome) -> bool:
    """Whether an outcome is a value of each of the same persons before and after the reform.

    Not one that is made of cells: per another outcome, or indexed to the unit's mean.
    """
    population, how = outcome.population, outcomes.measure(outcome)
    frozen = population.frozen_units and population.frozen_groups
    chosen_before = frozen and population.kind in ("prior_recipients", "residents")
    of_person = how.per_person and how.history is None
    return chosen_before and of_person and outcome.per is None and not outcome.indexed


class _Tally:
    """The sums of one population, by finest cell: unit and value of each group variable."""

    def __init__(
        self,
        extract: Extract,
        population: Population,
        wanted: Sequence[Outcome],
        prices: Prices | None,
    ) -> None:
        timing = extract.timing
        self._extract, self._population, self._wanted = extract, population, wanted
        sizes = [len(group.values) + 1 for group in extract.groups.values()]
        self._shape = (len(extract.units), *sizes)
        self._kept = np.array([period not in timing.dropped for period in timing.periods])
        self._factor = np.ones(len(timing.periods))
        if prices is not None:
            self._factor = np.array([prices.factors[period] for period in timing.periods])
        size = int(np.prod(self._shape))
        self.finest = {o.name: person_effects.empty(size, len(timing.periods)) for o in wanted}

    def add(self, people: People) -> None:
        """Add a batch."""
        found = members(people, self._population)
        column = people.batch.month - self._extract.number(self._extract.timing.first)
        rows = np.flatnonzero(found.chosen)
        rows = rows[self._kept[column[rows]]]
        column = column[rows].astype(np.int64)
        person, cell = people.batch.of_person[rows], self._cell(found, rows)
        for outcome in self._wanted:
            y = _values(people, outcome, rows)
            if outcome.prices_of is not None:
                y *= self._factor[column]
            total = self.finest[outcome.name]
            self.finest[outcome.name] = person_effects.add(total, person, cell, column, y)

    def of(self, outcome: str, group: Group) -> Sums:
        """Add the cells of a group up to their units."""
        finest, units = self.finest[outcome], self._shape[0]
        unit, *classes = np.unravel_index(np.arange(len(finest.cross)), self._shape)
        inside = np.ones(len(unit), dtype=bool)
        index = dict(zip(self._extract.groups, classes, strict=True))
        for variable, value in group.terms:
            inside &= index[variable] == list(self._extract.groups[variable].values).index(value)
        by_unit = np.zeros((units, len(unit)))
        by_unit[unit[inside], np.flatnonzero(inside)] = 1.0
        return Sums(
            np.tensordot(by_unit, finest.cross, axes=1),
            by_unit @ finest.moment,
            by_unit.astype(np.int64) @ finest.rows,
        )

    def _cell(self, found: Members, rows: Ints) -> Ints:
        index = (found.unit[rows], *(found.classes[name][rows] for name in self._extract.groups))
        return np.ravel_multi_index(index, self._shape).astype(np.int64)


def _values(people: People, outcome: Outcome, rows: Ints) -> Floats:
    """Values of an outcome in some rows, whose means over persons are the cells' values."""
    how = outcomes.measure(outcome)
    values, there = counts.values_of(people, how)
    found: Floats = values[rows].astype(np.float64)
    if how.lower is not None or how.upper is not None:
        found = np.clip(found, how.lower, how.upper)
    if there is not None:
        found[~there[rows]] = np.nan
    return how.scale * found
