"""Data on the territories of one year: the one door through which panels use geography."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import polars as pl

from reformeval.errors import UserError
from reformeval.geography import cells, files
from reformeval.geography.notes import notes
from reformeval.geography.unit_map import Place, UnitMap, unit_map
from reformeval.register.records import Record
from reformeval.sources._model import OutcomeKind
from reformeval.spec import Geography

Frame = TypeVar("Frame", pl.DataFrame, pl.LazyFrame)


@dataclass(frozen=True, eq=False)
class Moved(Generic[Frame]):
    """Rows whose unit is a territory.

    Attributes
    ----------
    frame
        The rows that were given, all of them and in their order, ``unit`` replaced. Units that
        share a territory now share its code.
    """

    frame: Frame
    _map: UnitMap
    _place: Place

    @property
    def labels(self) -> dict[str, str]:
        """Names of the territories by code."""
        return self._map.labels

    def add_up(self, rows: pl.DataFrame, kinds: Mapping[str, OutcomeKind]) -> pl.DataFrame:
        """Add up cells that share a territory (`cells.add_up`)."""
        return cells.add_up(rows, self._map, kinds, self._place)

    def notes(self, kept: Collection[str]) -> tuple[Record, ...]:
        """Say what was done, for these territories (`notes.notes`)."""
        return notes(self._map, kept, self._place)


def classification(geography: Geography | None, inputs: Iterable[Path]) -> Path | None:
    """Find the file with the changes of units among a job's inputs; None where it is not read."""
    if geography is None or not geography.moves:
        return None
    (path,) = (path for path in inputs if path.name == geography.file)
    return path


def moved(
    rows: Frame, geography: Geography | None, classification: Path | None, place: Place
) -> Moved[Frame] | None:
    """Put rows with columns ``unit`` and ``period`` on the territory year of a reform.

    Parameters
    ----------
    rows
        Cells, or a register of any size: it is streamed once for its codes by period.
    geography
        What the codes are and what they shall be.
    classification
        File with the changes of units over time.
    place
        Where the codes stand, for messages.

    Returns
    -------
    Moved or None
        None if the codes are taken as they are.

    Raises
    ------
    UserError
        With every code that cannot be put on a territory, and the choices there are.
    """
    if geography is None or not geography.moves:
        return None
    if classification is None:
        raise UserError("the file with the changes of units is needed (geography_file)")
    counts = _counted(rows)
    if counts.is_empty():
        raise UserError(f"{place.file}: there are no rows to put on the geography")
    mapped = unit_map(counts, geography, files.read(classification), place)
    return Moved(rows.with_columns(mapped.target()), mapped, place)


def _counted(rows: pl.DataFrame | pl.LazyFrame) -> pl.DataFrame:
    return (
        rows.lazy()
        .group_by(pl.col("unit").cast(pl.String), "period")
        .agg(pl.len().cast(pl.Int64).alias("rows"))
        .sort("unit", "period")
        .collect(engine="streaming")
    )
