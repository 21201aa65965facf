"""Sums over persons by cell that do not depend on the order of rows, or on how they are split.

Floating-point sums differ in their last digits with the order of adding. Here every number is
split into a multiple of 2⁻¹⁰ and a rest that is rounded to a multiple of 2⁻⁴¹: a sum of either is
exact in double precision as long as a cell holds less than 2⁴² (4 × 10¹²) and fewer than 2²³
(8 million) persons, so any order, any number of buckets and any machine gives the same bytes. At
most 2⁻⁴² (2 × 10⁻¹³) of a value is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numba
import numpy as np
import polars as pl
from numpy.typing import NDArray

from reformeval.errors import UserError

COARSE, FINE = 2.0**-10, 2.0**-41
MAX_SUM, MAX_COUNT = 2.0**42, 2**23
Floats = NDArray[np.float64]
Cells = NDArray[np.int32] | NDArray[np.int64]
# Adding and taking away 1.5 × 2⁵² steps rounds a double to whole steps. Compiled loops do that and
# add in one pass, in half the time of numpy's; without fast-math, which would take it for nothing.
_ROUND_COARSE, _ROUND_FINE = 1.5 * 2.0**52 * COARSE, 1.5 * 2.0**52 * FINE


class Sums:
    """Sum and number of values of several columns, by cell.

    Parameters
    ----------
    size
        Number of cells. Rows that count nowhere go to cell ``size``.
    names
        Columns to sum.
    """

    def __init__(self, size: int, names: Sequence[str]) -> None:
        self._size = size
        self._rows = np.zeros(size + 1, dtype=np.int64)
        self._sums = {name: np.zeros(size + 1) for name in names}
        self._rests: dict[str, Floats] = {}
        self._counts: dict[str, NDArray[np.int64]] = {}

    def count(self, cell: Cells) -> None:
        """Count rows; once for every batch, before its columns are added."""
        _count(cell, self._rows)

    def add(
        self,
        name: str,
        cell: Cells,
        values: NDArray[Any],
        there: NDArray[np.bool_] | None = None,
    ) -> None:
        """Add the values of one column.

        Parameters
        ----------
        cell
            Cell of each row, as given to `count`.
        values
            Numbers or flags; missing ones are 0.
        there
            Rows whose value is not missing; None: all.
        """
        if there is not None and not there.all():
            self.tick(f"missing:{name}", cell[~there])
        if values.dtype.kind != "f":
            _add_whole(cell, values, self._sums[name])
            return
        if name not in self._rests:
            self._rests[name] = np.zeros(self._size + 1)
        _add_floats(cell, values, self._sums[name], self._rests[name])

    def tick(self, label: str, cell: Cells) -> None:
        """Count rows under a label of one's own."""
        if label not in self._counts:
            self._counts[label] = np.zeros(self._size + 1, dtype=np.int64)
        _count(cell, self._counts[label])

    def table(self) -> tuple[NDArray[np.intp], pl.DataFrame]:
        """Give the cells with rows, and for each the parts of its sums and its counts.

        Returns
        -------
        tuple
            Cells, and a frame with the columns ``sum:<name>``, ``rest:<name>`` and ``n:<name>``,
            and a column per label of `tick`.
        """
        cells = np.flatnonzero(self._rows[: self._size])
        columns: dict[str, NDArray[Any]] = {}
        for name, sums in self._sums.items():
            columns[f"sum:{name}"] = sums[cells]
            rests = self._rests.get(name)
            columns[f"rest:{name}"] = np.zeros(len(cells)) if rests is None else rests[cells]
            missing = self._counts.get(f"missing:{name}")
            columns[f"n:{name}"] = self._rows[cells] - (0 if missing is None else missing[cells])
        for label, counts in self._counts.items():
            if not label.startswith("missing:"):
                columns[label] = counts[cells]
        return cells, pl.DataFrame(columns)


@numba.njit(cache=True, nogil=True)
def _count(cell: Cells, rows: NDArray[np.int64]) -> None:
    for i in range(cell.size):
        rows[cell[i]] += 1


@numba.njit(cache=True, nogil=True)
def _add_whole(cell: Cells, values: NDArray[Any], sums: Floats) -> None:
    for i in range(cell.size):
        if values[i] != 0:
            sums[cell[i]] += values[i]


@numba.njit(cache=True, nogil=True)
def _add_floats(cell: Cells, values: Floats, sums: Floats, rests: Floats) -> None:
    for i in range(cell.size):
        value = values[i]
        if value != 0.0:  # most amounts are; what is no number is not, and is found later
            whole = (value + _ROUND_COARSE) - _ROUND_COARSE
            sums[cell[i]] += whole
            rests[cell[i]] += ((value - whole) + _ROUND_FINE) - _ROUND_FINE


def merged(parts: Sequence[pl.DataFrame], keys: Sequence[str]) -> pl.DataFrame:
    """Add up cells of several buckets, or finest cells to coarser ones.

    Parameters
    ----------
    parts
        Frames as `Sums.table` gives them, with their keys. A column that a part lacks adds
        nothing.

    Raises
    ------
    UserError
        If a sum is too large to be exact, or values are no numbers.
    """
    together = parts[0] if len(parts) == 1 else pl.concat(parts, how="diagonal")
    added = together.group_by(list(keys)).agg(pl.exclude(*keys).sum())
    _refuse_inexact(added)
    return added


def _refuse_inexact(cells: pl.DataFrame) -> None:
    for column in cells.columns:
        kind, _, name = column.partition(":")
        values = cells[column]
        if kind == "sum" and not (values.abs() < MAX_SUM).all():
            raise UserError(
                f"the column {name} has values that are no numbers, or sums of more than "
                f"{MAX_SUM:.0e} in a cell; give the amounts in thousands, and missing values as "
                "missing"
            )
        if kind == "n" and not (values < MAX_COUNT).all():
            raise UserError(
                f"a cell has more than {MAX_COUNT:,} persons, and its sum of {name} is not exact"
            )


def total(name: str) -> pl.Expr:
    """Sum of a column from its two parts; missing where no value is there."""
    there = pl.col(f"n:{name}") > 0
    return pl.when(there).then(pl.col(f"sum:{name}") + pl.col(f"rest:{name}"))
