"""Compiled loops over the rows of a batch, each in one pass and without temporary arrays."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

_MIX = np.uint64(0x9E3779B97F4A7C15)  # 2⁶⁴ divided by the golden ratio, spreads keys evenly


@numba.njit(cache=True, nogil=True)
def walk(
    person: NDArray[np.int64], days: NDArray[np.int32], table: NDArray[np.int32], first: int
) -> tuple[NDArray[np.int32], NDArray[np.bool_], NDArray[np.int64], int, int, bool]:
    """Go through rows that should be sorted by person and month.

    Parameters
    ----------
    person, days
        Person and date of each row.
    table, first
        Month that begins on each day from ``first`` on, negative where none does; the ends of the
        table stand for all days beyond them.

    Returns
    -------
    month, follows, starts, wrong, twice, unsorted
        Month of each row; rows whose person is there in the month before, too; first row of each
        person; rows whose month is negative; rows of the person and month of the row before;
        whether a row belongs before the one before it.
    """
    month = np.empty(person.size, dtype=np.int32)
    follows = np.zeros(person.size, dtype=np.bool_)
    starts = np.empty(person.size, dtype=np.int64)
    persons, wrong, twice, unsorted = 0, 0, 0, False
    before, last = np.int32(0), table.size - 1
    for i in range(person.size):
        now = table[min(max(days[i] - first, 0), last)]
        wrong += now < 0
        if i == 0 or person[i] != person[i - 1]:
            unsorted |= i > 0 and person[i] < person[i - 1]
            starts[persons] = i
            persons += 1
        else:
            follows[i] = now == before + 1
            twice += now == before
            unsorted |= now < before
        month[i] = before = now
    return month, follows, starts[:persons].copy(), wrong, twice, unsorted


@numba.njit(cache=True, nogil=True)
def runs(
    views: NDArray[np.uint64], most: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], bool]:
    """Find runs of rows with the same entry, in a column of two words per row.

    A row like the one before it costs one comparison; the entries of runs are looked for in a
    hash table with open addressing.

    Returns
    -------
    start, entry, first, all
        First row of each run, and the number of its entry; first row of each entry; False if
        there are more than ``most`` entries, a power of two: then the others are of no meaning.
    """
    start, entry = np.empty(len(views), dtype=np.int64), np.empty(len(views), dtype=np.int64)
    first = np.empty(most, dtype=np.int64)
    slots = np.full(2 * most, -1, dtype=np.int64)
    mask, found, count = np.uint64(slots.size - 1), 0, 0
    low, high = np.uint64(0), np.uint64(0)
    for i in range(len(views)):
        if i > 0 and views[i, 0] == low and views[i, 1] == high:
            continue
        low, high = views[i, 0], views[i, 1]
        slot = (((low * _MIX) ^ high) * _MIX >> np.uint64(32)) & mask
        while slots[slot] >= 0:
            row = first[slots[slot]]
            if views[row, 0] == low and views[row, 1] == high:
                break
            slot = (slot + np.uint64(1)) & mask
        if slots[slot] < 0:
            if found == most:
                return start, entry, first, False
            first[found] = i
            slots[slot] = found
            found += 1
        start[count], entry[count] = i, slots[slot]
        count += 1
    return start[:count].copy(), entry[:count].copy(), first[:found].copy(), True
