"""Sums over persons by cell that do not depend on the order of rows, or on how they are split.

Floating-point sums differ in their last digits with the order of adding. Here every number is
split into a multiple of 2⁻¹⁰ and a rest that is rounded to a multiple of 2⁻⁴¹: a sum of either is
exact in double precision as long as a cell holds less than 2⁴² (4 × 10¹²) and fewer than 2²³
(8 million) persons, so any order, any number of buckets and any machine gives the same bytes. At
most 2⁻⁴² (2 × 10⁻¹³) of a value is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numba
import numpy as np
import polars as pl
from numpy.typing import NDArray

from reformeval.errors import UserError

COARSE, FINE = 2.0**-10, 2.0**-41
MAX_SUM, MAX_COUNT = 2.0**42, 2**23
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
# Adding and taking away 1.5 × 2⁵² steps rounds a double to whole steps. Compiled loops do that and
# add in one pass, in half the time of numpy's; without fast-math, which would take it for nothing.
_ROUND_COARSE, _ROUND_FINE = 1.5 * 2.0**52 * COARSE, 1.5 * 2.0**52 * FINE


class Stretches(NamedTuple):
    """Rows that count, as stretches of rows one after the other that count in cells side by side.

    Attributes
    ----------
    start, end
        First row of each stretch, and the row after its last.
    cell
        Cell of the first row.
    """

    start: Ints
    end: Ints
    cell: Ints


class Sums:
    """Sum and number of values of several columns, by cell.

    Periods are the last axis of the cells, so that a person's rows lie in stretches of cells: a
    loop without jumps adds these in a small part of the time that it takes row by row.

    Parameters
    ----------
    size
        Number of cells.
    names
        Columns to sum.
    """

    def __init__(self, size: int, names: Sequence[str]) -> None:
        self._size = size
        self._rows = np.zeros(size, dtype=np.int64)
        self._sums = {name: np.zeros(size) for name in names}
        self._rests: dict[str, Floats] = {}
        self._counts: dict[str, Ints] = {}

    def count(self, rows: Stretches) -> None:
        """Count rows; once for every batch."""
        _count(*rows, self._rows)

    def add(
        self, name: str, rows: Stretches, values: NDArray[Any], there: Flags | None = None
    ) -> None:
        """Add the values of one column.

        Parameters
        ----------
        rows
            As given to `count`.
        values
            Numbers or flags of all rows of the batch; missing ones are 0.
        there
            Rows whose value is not missing; None: all.
        """
        if there is not None:
            self.tick(f"missing:{name}", rows, ~there)
        if values.dtype.kind != "f":
            _add_whole(*rows, _as_numbers(values), self._sums[name])
            return
        if name not in self._rests:
            self._rests[name] = np.zeros(self._size)
        numbers = values.astype(np.float64, copy=False)
        _add_floats(*rows, numbers, self._sums[name], self._rests[name])

    def tick(self, label: str, rows: Stretches, which: Flags) -> None:
        """Count rows where ``which`` is true under a label of one's own."""
        if label not in self._counts:
            self._counts[label] = np.zeros(self._size, dtype=np.int64)
        _add_whole(*rows, _as_numbers(which), self._counts[label])

    def table(self) -> tuple[NDArray[np.intp], pl.DataFrame]:
        """Give the cells with rows, and for each the parts of its sums and its counts.

        Returns
        -------
        tuple
            Cells, and a frame with the columns ``sum:<name>``, ``rest:<name>`` and ``n:<name>``,
            and a column per label of `tick`.
        """
        cells = np.flatnonzero(self._rows)
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


def _as_numbers(values: NDArray[Any]) -> NDArray[Any]:
    return values.view(np.uint8) if values.dtype == np.bool_ else values


@numba.njit(cache=True, nogil=True)
def _count(start: Ints, end: Ints, cell: Ints, rows: Ints) -> None:
    for s in range(start.size):
        inside = rows[cell[s] : cell[s] + end[s] - start[s]]
        for i in range(inside.size):
            inside[i] += 1


# Many stretches hold nothing but zeros, of amounts that few persons receive, and amounts are often
# whole: what would add nothing is found out in the values, which saves going to the sums.
@numba.njit(cache=True, nogil=True)
def _add_whole(
    start: Ints, end: Ints, cell: Ints, values: NDArray[Any], sums: NDArray[Any]
) -> None:
    for s in range(start.size):
        given = values[start[s] : end[s]]
        some = False
        for i in range(given.size):
            some |= given[i] != 0
        if not some:
            continue
        inside = sums[cell[s] : cell[s] + given.size]
        for i in range(given.size):
            inside[i] += given[i]


@numba.njit(cache=True, nogil=True)
def _add_floats(
    start: Ints, end: Ints, cell: Ints, values: Floats, sums: Floats, rests: Floats
) -> None:
    for s in range(start.size):
        given = values[start[s] : end[s]]
        some = parts = 0
        for i in range(given.size):
            some += given[i] != 0.0
        if some == 0:
            continue
        inside = sums[cell[s] : cell[s] + given.size]
        for i in range(given.size):
            whole = (given[i] + _ROUND_COARSE) - _ROUND_COARSE
            inside[i] += whole
            parts += given[i] != whole
        if parts == 0:
            continue
        rest = rests[cell[s] : cell[s] + given.size]
        for i in range(given.size):
            whole = (given[i] + _ROUND_COARSE) - _ROUND_COARSE
            rest[i] += ((given[i] - whole) + _ROUND_FINE) - _ROUND_FINE


def added(one: pl.DataFrame, other: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
    """Add up the cells of two buckets.

    Parameters
    ----------
    one, other
        Frames as `Sums.table` gives them, with their keys. A column that one lacks adds nothing.
    """
    both = pl.concat([one, other], how="diagonal")
    return both.group_by(list(keys)).agg(pl.exclude(*keys).sum())


def refuse_inexact(cells: pl.DataFrame) -> None:
    """Stop at sums that are not exact.

    Raises
    ------
    UserError
        If a sum is too large to be exact, or values are no numbers.
    """
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
