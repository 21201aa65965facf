"""The files of sums over persons: one per bucket of a register, added up when they are read.

A file has a row for every outcome, group and unit, those without persons included. They hold sums
of persons' products by unit and pair of periods: they lie in the restricted folder and are no
result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from reformeval import artefacts
from reformeval.artefacts import PERSON_SUMS
from reformeval.design import Design, Floats
from reformeval.errors import Problem, UserError
from reformeval.register import person_effects
from reformeval.register.person_effects import Sums

Key = tuple[str, str]


def table(sums: Mapping[Key, Sums], units: Sequence[str]) -> pl.DataFrame:
    """Write sums by outcome and group as rows (`artefacts.PERSON_SUMS`).

    Parameters
    ----------
    sums
        By outcome and group; their clusters are ``units`` and their columns the window's periods.
    """
    parts = [
        pl.DataFrame(
            {
                "outcome": pl.repeat(outcome, len(units), eager=True),
                "group": pl.repeat(group, len(units), eager=True),
                "unit": pl.Series(units, dtype=pl.String),
                "rows": _lists(one.rows),
                "moment": _lists(one.moment),
                "cross": _lists(one.cross[(slice(None), *_upper(one.cross.shape[1]))]),
            },
            schema=dict(PERSON_SUMS),
        )
        for (outcome, group), one in sums.items()
    ]
    return pl.concat([pl.DataFrame(schema=dict(PERSON_SUMS)), *parts])


def read(paths: Sequence[Path], design: Design) -> tuple[Sums, ...]:
    """Add up the files of all buckets, series by series.

    Returns
    -------
    Per series of the design its sums; without rows for a series whose persons are not followed.

    Raises
    ------
    UserError
        If a file was written for other units or another window.
    """
    U, T = design.y.shape[1:]
    total = [person_effects.empty(U, T) for _ in design.series]
    for path in paths:
        parts = artefacts.read_table(path, PERSON_SUMS).partition_by(
            "outcome", "group", as_dict=True, maintain_order=True
        )
        for s, series in enumerate(design.series):
            part = parts.get((series.outcome, series.group))
            if part is not None:
                total[s] = total[s] + _sums(part, design, path)
    return tuple(total)


def _sums(part: pl.DataFrame, design: Design, path: Path) -> Sums:
    periods = len(design.periods)
    same = part["unit"].to_list() == list(design.units)
    if not same or not (part["moment"].list.len() == periods).all():
        raise UserError(
            Problem(
                "the sums over persons were made for other units or periods",
                where=str(path),
                fix="delete the file and run snakemake again",
            )
        )
    upper = _upper(periods)
    cross = np.zeros((part.height, periods, periods))
    cross[(slice(None), *upper)] = _array(part["cross"], len(upper[0]))
    below = np.swapaxes(cross, 1, 2) * (1 - np.eye(periods))
    rows = _array(part["rows"], periods).astype(np.int64)
    return Sums(cross + below, _array(part["moment"], periods), rows)


def _upper(size: int) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = np.triu_indices(size)
    return rows, columns


def _lists(values: np.ndarray) -> pl.Series:
    return pl.Series(np.ascontiguousarray(values)).arr.to_list()


def _array(values: pl.Series, size: int) -> Floats:
    flat = values.explode(empty_as_null=False).to_numpy()
    return flat.reshape(len(values), size).astype(np.float64)
