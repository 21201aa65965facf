"""What is known of a register before it is counted: its units by period, on the right geography."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import polars as pl

from reformeval.errors import UserError
from reformeval.geography import files
from reformeval.geography.notes import notes
from reformeval.geography.unit_map import Place, UnitMap, unit_map
from reformeval.register.records import Record
from reformeval.spec import Geography


@dataclass(frozen=True)
class Span:
    """The territory that a unit code means from one period to another."""

    first: date
    last: date
    target: str


@dataclass(frozen=True, eq=False)
class Holdings:
    """A register's units by period.

    Attributes
    ----------
    summary
        Rows and persons of working age by unit and period (`register.summary.SUMMARY`); units are
        territories.
    spans
        Per code of the register the territories that it means; codes that are not here are taken
        as they are.
    """

    summary: pl.DataFrame
    spans: Mapping[str, tuple[Span, ...]] = field(default_factory=dict)
    _map: UnitMap | None = None
    _place: Place | None = None

    @property
    def first(self) -> date:
        """First period of the register."""
        first: date = self.summary["period"].sort()[0]
        return first

    @property
    def last(self) -> date:
        """Last period of the register."""
        last: date = self.summary["period"].sort()[-1]
        return last

    @property
    def labels(self) -> dict[str, str]:
        """Names of the territories by code."""
        return self._map.labels if self._map else {}

    def notes(self, kept: Collection[str]) -> tuple[Record, ...]:
        """Say what was done to put these units on the geography."""
        return notes(self._map, kept, self._place) if self._map and self._place else ()


def holdings(
    summary: pl.DataFrame, geography: Geography | None, classification: Path | None, place: Place
) -> Holdings:
    """Put the summary of a register on the territory year of a reform.

    Parameters
    ----------
    summary
        Of the whole register, units as its rows have them.
    geography
        What the codes are and what they shall be.
    classification
        File with the changes of units over time.
    place
        Where the codes stand, for messages.

    Raises
    ------
    UserError
        With every code that cannot be put on a territory, and the choices there are.
    """
    if geography is None or not geography.moves:
        return Holdings(summary)
    if classification is None:
        raise UserError("the file with the changes of units is needed (geography_file)")
    counts = summary.select("unit", "period", "rows")
    mapped = unit_map(counts, geography, files.read(classification), place)
    targets = mapped.rows.select("unit", "period", "target")
    moved = (
        summary.join(targets, on=("unit", "period"))
        .group_by(pl.col("target").alias("unit"), "period")
        .agg(pl.col("rows", "persons").sum())
        .sort("unit", "period")
    )
    return Holdings(moved, _spans(targets), mapped, place)


def _spans(targets: pl.DataFrame) -> dict[str, tuple[Span, ...]]:
    found: dict[str, tuple[Span, ...]] = {}
    grouped = targets.group_by("unit", "target").agg(
        pl.col("period").min().alias("first"), pl.col("period").max().alias("last")
    )
    for unit, target, first, last in grouped.sort("unit", "first").iter_rows():
        found[unit] = (*found.get(unit, ()), Span(first, last, target))
    return found
