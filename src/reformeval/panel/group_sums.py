"""From finest cells to the groups that a reform names: every group, unit and period, in order.

Sums are exact (`panel.sums`), so that the cells of a group can be added in any order. They are put
on a dense array with an axis for the unit, for each group variable and for the period; a group is
then a part of that array, summed over the variables.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from reformeval.panel.populations import Extract
from reformeval.panel.sums import refuse_inexact
from reformeval.spec import Group


class GroupSums:
    """The finest cells of one population, summed to groups a column at a time.

    Parameters
    ----------
    cells
        One row per cell of every population (`panel.counts.Counts.cells`).
    population
        Index of the population.
    extract
        The part of the register that was counted.
    groups
        Groups that the reform names.
    """

    def __init__(
        self, cells: pl.DataFrame, population: int, extract: Extract, groups: Sequence[Group]
    ) -> None:
        self._cells, self._rows = cells, cells["population"] == population
        self._groups = _in_order(groups)
        self._values = {name: sorted(group.values) for name, group in extract.groups.items()}
        self._shape = (
            len(extract.units),
            *(len(values) + 1 for values in self._values.values()),
            len(extract.timing.periods),
        )
        known = {"unit": sorted(extract.units), **self._values}
        place = [_index(self._column(name), values) for name, values in known.items()]
        periods = pl.Series(extract.timing.periods, dtype=pl.Date)
        place.append(periods.search_sorted(self._column("period")).to_numpy())
        self._place = np.ravel_multi_index(tuple(place), self._shape)

    def of(self, name: str) -> pl.DataFrame:
        """Sum a column's parts: rows as of `grid`, 0 in cells that nobody is in.

        Raises
        ------
        UserError
            If a sum is too large to be exact, or values are no numbers.
        """
        parts = (f"{part}:{name}" for part in ("sum", "rest", "n"))
        added = pl.DataFrame({part: self._by_group(part) for part in parts})
        refuse_inexact(added)
        return added

    def _column(self, name: str) -> pl.Series:
        return self._cells[name].filter(self._rows)

    def _by_group(self, column: str) -> NDArray[Any]:
        values = self._column(column).to_numpy()
        dense = np.zeros(np.prod(self._shape), dtype=values.dtype)
        dense[self._place] = values
        dense = dense.reshape(self._shape)
        variables = tuple(range(1, 1 + len(self._values)))
        parts = [dense[self._part(group)].sum(axis=variables) for group in self._groups]
        return np.stack(parts).ravel()

    def _part(self, group: Group) -> tuple[slice, ...]:
        """Part of the dense array that belongs to a group."""
        terms = dict(group.terms)
        at = (
            values.index(terms[name]) if name in terms else None
            for name, values in self._values.items()
        )
        return (slice(None), *(slice(None) if i is None else slice(i, i + 1) for i in at))


def grid(extract: Extract, groups: Sequence[Group]) -> pl.DataFrame:
    """Every group, unit and period of the window, whether or not anybody is in it."""
    names = pl.DataFrame({"group": [group.name for group in _in_order(groups)]})
    units = pl.DataFrame({"unit": sorted(extract.units)})
    periods = pl.DataFrame({"period": extract.timing.periods}, schema={"period": pl.Date})
    return names.join(units, how="cross").join(periods, how="cross")


def _in_order(groups: Sequence[Group]) -> list[Group]:
    return sorted(groups, key=lambda group: group.name)


def _index(values: pl.Series, known: Sequence[str]) -> NDArray[np.int64]:
    """Place of each value among the known ones, and after them where there is none."""
    codes = values.cast(pl.Enum(known)).to_physical().cast(pl.Int64)
    return codes.fill_null(len(known)).to_numpy()
