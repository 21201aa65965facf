"""Spells of assistance and what came before and after a month, person by person.

A spell is a run of months with assistance, in whatever unit; a month without, or outside the
register, ends it. Everything follows from the rows of one person in order, by going through them
once or by shifting and cumulating whole columns: no joins.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numba
import numpy as np
from numpy.typing import NDArray

from reformeval.register.batches import Batch, Flags

Counts = NDArray[np.int32]
Column = tuple[NDArray[np.int32] | Flags, Flags]


@dataclass(frozen=True, eq=False)
class History:
    """Months with assistance, and months in the register, around each row of a batch."""

    batch: Batch

    @cached_property
    def receiving(self) -> Flags:
        """Rows with assistance; a missing entry is none."""
        return self.batch.flags("recipient")

    @cached_property
    def so_far(self) -> Counts:
        """Months of the spell in progress up to each row; 0 in months without assistance."""
        return _run_so_far(self.receiving, self.batch.follows)

    @cached_property
    def left(self) -> Counts:
        """Months of the spell in progress from each row on; 0 in months without assistance."""
        return _run_so_far(self.receiving[::-1], self._followed[::-1])[::-1]

    @cached_property
    def observed_before(self) -> Counts:
        """Months without a gap that the person was in the register before each row."""
        return _run_so_far(np.ones(len(self.batch), dtype=np.bool_), self.batch.follows) - 1

    @cached_property
    def observed_after(self) -> Counts:
        """Months without a gap that the person is in the register after each row."""
        everywhere = np.ones(len(self.batch), dtype=np.bool_)
        return _run_so_far(everywhere, self._followed[::-1])[::-1] - 1

    @cached_property
    def _followed(self) -> Flags:
        """Rows whose person is in the register in the month after, too."""
        return np.append(self.batch.follows[1:], False)

    @cached_property
    def _months_until(self) -> Counts:
        """Months with assistance in all rows before each row, and in all rows."""
        return np.append(np.int32(0), np.cumsum(self.receiving, dtype=np.int32))

    def received(self, first: int, last: int) -> Counts:
        """Months with assistance from ``first`` to ``last`` rows after each row, both included.

        Only of meaning where the person is in the register in all of these months.
        """
        row = np.arange(len(self.batch))
        end, start = (np.clip(row + by, 0, len(row)) for by in (last + 1, first))
        return self._months_until[end] - self._months_until[start]

    def entering(self, without: int) -> Flags:
        """Rows with assistance after at least so many months in the register without."""
        new: Flags = self.receiving & (self.observed_before >= without)
        new &= self.received(-without, -1) == 0
        return new

    def column(self, name: str, months: int) -> Column:
        """One quantity for every row, 0 where it is not known, and the rows for which it is.

        Whoever is not in the register for a month that is looked at has no known value: not
        being there is not being without assistance.

        Parameters
        ----------
        name
            ``so_far``: months of the spell in progress, at most ``months``. ``exit``: no
            assistance in the next month. ``to_exit``: months until the first without, at most
            ``months``. ``reentry``: of those who leave after the month, assistance again within
            ``months`` of the first month without. These are known in months with assistance.
            ``entry``: assistance in the month, known for those without in the month before.
            ``last`` and ``next``: months with assistance among the ``months`` up to this one, and
            after it.
        """
        values, known = self._column(name, months)
        return values * known, known

    def _column(self, name: str, months: int) -> Column:
        after, before = self.observed_after, self.observed_before
        if name == "so_far":
            return np.minimum(self.so_far, months), self.receiving
        if name == "exit":
            return self.left == 1, self.receiving & (after >= 1)
        if name == "to_exit":
            ended = (after >= self.left) | (self.left >= months)
            return np.minimum(self.left, months), self.receiving & ended
        if name == "reentry":
            leaving = (self.left == 1) & (after >= months + 1)
            return self.received(2, months + 1) > 0, leaving
        if name == "entry":
            return self.receiving, (before >= 1) & (self.received(-1, -1) == 0)
        if name == "last":
            return self.received(1 - months, 0), before >= months - 1
        if name == "next":
            return self.received(1, months), after >= months
        raise ValueError(f"there is no history '{name}'")


def reach(name: str, months: int) -> tuple[int, int]:
    """Months before and after a month that a quantity of `History.column` looks at."""
    return {
        "so_far": (months - 1, 0),
        "exit": (0, 1),
        "to_exit": (0, months),
        "reentry": (0, months + 1),
        "entry": (1, 0),
        "last": (months - 1, 0),
        "next": (0, months),
    }[name]


@numba.njit(cache=True, nogil=True)
def _run_so_far(flags: Flags, follows: Flags) -> Counts:
    """Length up to each row of the run of flagged rows that follow each other."""
    length = np.zeros(flags.size, dtype=np.int32)
    run = 0
    for i in range(flags.size):
        if flags[i]:
            run = run + 1 if follows[i] else 1
            length[i] = run
        else:
            run = 0
    return length
