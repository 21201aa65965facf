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

import numpy as np
import polars as pl
from numpy.typing import NDArray

from reformeval.errors import UserError

COARSE, FINE = 2.0**-10, 2.0**-41
MAX_SUM, MAX_COUNT = 2.0**42, 2**23
Floats = NDArray[np.float64]
# Adding and taking away 1.5 × 2⁵² steps rounds a double to whole steps.
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
        self._buffers = (np.empty(0), np.empty(0))

    def count(self, cell: NDArray[np.int64]) -> None:
        """Count rows; once for every batch, before its columns are added."""
        np.add.at(self._rows, cell, 1)
        if len(self._buffers[0]) < len(cell):
            self._buffers = (np.empty(len(cell)), np.empty(len(cell)))

    def add(
        self,
        name: str,
        cell: NDArray[np.int64],
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
        whole, rest = (buffer[: len(cell)] for buffer in self._buffers)
        if values.dtype.kind != "f":
            np.copyto(whole, values, casting="unsafe")
            np.add.at(self._sums[name], cell, whole)
            return
        np.add(values, _ROUND_COARSE, out=whole)
        whole -= _ROUND_COARSE
        np.add.at(self._sums[name], cell, whole)
        np.subtract(values, whole, out=rest)
        rest += _ROUND_FINE
        rest -= _ROUND_FINE
        rests = self._rests.setdefault(name, np.zeros(self._size + 1))
        np.add.at(rests, cell, rest)

    def tick(self, label: str, cell: NDArray[np.int64]) -> None:
        """Count rows under a label of one's own."""
        if label not in self._counts:
            self._counts[label] = np.zeros(self._size + 1, dtype=np.int64)
        np.add.at(self._counts[label], cell, 1)

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
            columns[f"rest:{name}"] = self._rests.get(name, sums * 0)[cells]
            missing = self._counts.get(f"missing:{name}")
            columns[f"n:{name}"] = self._rows[cells] - (0 if missing is None else missing[cells])
        for label, counts in self._counts.items():
            if not label.startswith("missing:"):
                columns[label] = counts[cells]
        return cells, pl.DataFrame(columns)


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
    together = pl.concat(parts, how="diagonal")
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
