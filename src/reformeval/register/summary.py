"""What a register holds by unit and period: known before anything is counted from it."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import polars as pl
from numpy.typing import NDArray

from reformeval.artefacts import Schema
from reformeval.errors import UserError
from reformeval.register.batches import YEARS, Source, month_start, read
from reformeval.spec import WORKING_AGE

SUMMARY: Schema = {
    "unit": pl.String,
    "period": pl.Date,
    "rows": pl.Int64,
    "persons": pl.Int64,
}
_FIRST, _MONTHS = YEARS[0] * 12, (YEARS[1] - YEARS[0] + 1) * 12
Counts = NDArray[np.int64]


def summarise(source: Source) -> pl.DataFrame:
    """Count rows, and persons of working age, by unit and period; every row is checked.

    Returns
    -------
    pl.DataFrame
        `SUMMARY`, sorted.
    """
    units: dict[str, int] = {}
    counts: Counts = np.zeros((0, _MONTHS, 2), dtype=np.int64)
    for batch in read(source, ["age"]):
        texts = batch.texts("unit")
        for unit in texts.values:
            units.setdefault(unit or "", len(units))
        if new := len(units) - len(counts):
            counts = np.concatenate([counts, np.zeros((new, _MONTHS, 2), dtype=np.int64)])
        of_values = np.array([units[unit or ""] for unit in texts.values])
        cell = texts.rows(of_values) * _MONTHS + (batch.month - _FIRST)
        age, there = batch.values("age")
        of_age = (age >= WORKING_AGE[0]) & (age <= WORKING_AGE[1])
        of_age = of_age if there is None else of_age & there
        for part, rows in ((0, cell), (1, cell[of_age])):
            counts[:, :, part] += np.bincount(rows, minlength=counts[:, :, 0].size).reshape(
                counts.shape[:2]
            )
    row, month = np.nonzero(counts[:, :, 0])
    return pl.DataFrame(
        {
            "unit": np.array(list(units), dtype=object)[row],
            "period": [month_start(int(number) + _FIRST) for number in month],
            "rows": counts[row, month, 0],
            "persons": counts[row, month, 1],
        },
        schema=dict(SUMMARY),
    ).sort("unit", "period")


def together(parts: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Add up the summaries of a register's buckets.

    Raises
    ------
    UserError
        If no bucket has rows.
    """
    added = pl.concat(parts).group_by("unit", "period").agg(pl.col("rows", "persons").sum())
    if not added.height:
        raise UserError("the register has no rows")
    return added.sort("unit", "period")
