"""Spells of assistance and what came before and after a month, person by person.

A spell is a run of months with assistance, in whatever unit; a month without, or outside the
register, ends it. Everything follows from the rows of one person in order, by shifting and
cumulating whole columns: no joins and no loops over persons.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from reformeval.register.batches import Batch, Flags

Counts = NDArray[np.int32]
Column = tuple[NDArray[np.int32] | Flags, Flags | None]


@dataclass(frozen=True, eq=False)
class History:
    """Months with assistance, and months in the register, around each row of a batch."""

    batch: Batch

    @cached_property
    def receiving(self) -> Flags:
        """Rows with assistance; a missing entry is none."""
        return self.batch.flags("recipient")

    @cached_property
    def follows(self) -> Flags:
        """Rows whose person is in the register in the month before, too."""
        person, month = self.batch.person, self.batch.month
        follows = np.zeros(len(person), dtype=np.bool_)
        follows[1:] = (person[1:] == person[:-1]) & (month[1:] == month[:-1] + 1)
        return follows

    @cached_property
    def so_far(self) -> Counts:
        """Months of the spell in progress up to each row; 0 in months without assistance."""
        return _run_so_far(self.receiving, self.follows)

    def column(self, name: str, months: int) -> Column:
        """One quantity for every row, and the rows for which it is known.

        Parameters
        ----------
        name
            ``so_far``: months of the spell in progress, at most ``months``; known in months with
            assistance.
        """
        if name == "so_far":
            return np.minimum(self.so_far, months), self.receiving
        raise ValueError(f"there is no history '{name}'")


def reach(name: str, months: int) -> tuple[int, int]:
    """Months before and after a month that a quantity of `History.column` looks at."""
    return {"so_far": (months - 1, 0)}[name]


def _run_so_far(flags: Flags, follows: Flags) -> Counts:
    """Length up to each row of the run of flagged rows that follow each other."""
    begins = flags.copy()
    begins[1:] &= ~(follows[1:] & flags[:-1])
    row = np.arange(len(flags), dtype=np.int32)
    start = np.maximum.accumulate(np.where(begins, row, 0))
    return np.where(flags, row - start + 1, 0).astype(np.int32)
