"""Compiled loops over the rows of a batch, each in one pass and without temporary arrays."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray


@numba.njit(cache=True, nogil=True)
def look_up(table: NDArray[np.int32], index: NDArray[Any], first: int) -> NDArray[np.int32]:
    """Entry of a table for each row, by its index less ``first``; the nearest end beyond it."""
    found = np.empty(index.size, dtype=np.int32)
    last = table.size - 1
    for i in range(index.size):
        found[i] = table[min(max(index[i] - first, 0), last)]
    return found


@numba.njit(cache=True, nogil=True)
def walk(
    person: NDArray[np.int64], month: NDArray[np.int32]
) -> tuple[NDArray[np.int64], int, int, bool]:
    """Go through rows that should be sorted by person and month.

    Returns
    -------
    starts, wrong, twice, unsorted
        First row of each person; rows whose month is negative; rows of the person and month of
        the row before; whether a row belongs before the one before it.
    """
    persons, wrong, twice, unsorted = 1, int(month[0] < 0), 0, False
    for i in range(1, person.size):
        wrong += month[i] < 0
        if person[i] != person[i - 1]:
            persons += 1
            unsorted |= person[i] < person[i - 1]
        else:
            twice += month[i] == month[i - 1]
            unsorted |= month[i] < month[i - 1]
    starts = np.zeros(persons, dtype=np.int64)
    at = 0
    for i in range(1, person.size):
        if person[i] != person[i - 1]:
            at += 1
            starts[at] = i
    return starts, wrong, twice, unsorted
