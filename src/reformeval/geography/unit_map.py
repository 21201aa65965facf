"""Unit codes of real data on the territories of one year, or everything that forbids it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import polars as pl

from reformeval import periods
from reformeval.errors import Problem, UserError, did_you_mean
from reformeval.geography.classification import OPEN, Classification, Version
from reformeval.geography.territories import Territories, onto
from reformeval.periods import Frequency
from reformeval.spec import Geography

_SHOWN = 12
TARGETS: Mapping[str, pl.DataType | type[pl.DataType]] = {
    "unit": pl.String,
    "valid_from": pl.Date,
    "valid_to": pl.Date,
    "target": pl.String,
}


@dataclass(frozen=True)
class Place:
    """Where unit codes stand, in how many of what, and which reform asks for them."""

    file: str
    column: str
    counted: str
    reform: str
    frequency: Frequency


@dataclass(frozen=True, eq=False)
class UnitMap:
    """How the units of some data are put on a territory year; made by `unit_map`.

    Attributes
    ----------
    rows
        One row per code and period in the data: ``unit, period, rows, target``. Every target is
        known.
    parts
        One row per target, period of the data and unit of the period that the target's territory
        is made from: ``target, period, unit``. Special codes are in none.
    """

    geography: Geography
    classification: Classification
    territories: Territories
    rows: pl.DataFrame
    parts: pl.DataFrame

    def target(self, unit: str = "unit", period: str = "period") -> pl.Expr:
        """Give the territory of each row, from its columns with the code and the period.

        Codes that mean the same territory in every period of the data, nearly all of them, are
        looked up by themselves; only the others look at the period too.
        """
        by_code = self.rows.group_by("unit").agg(
            pl.col("target").n_unique().alias("targets"), pl.col("target").first()
        )
        steady = by_code.filter(pl.col("targets") == 1).sort("unit")
        code = pl.col(unit).cast(pl.String)
        found = code.replace_strict(
            steady["unit"], steady["target"], default=None, return_dtype=pl.String
        )
        moving = by_code.filter(pl.col("targets") > 1)["unit"].implode()
        spans = (
            self.rows.filter(pl.col("unit").is_in(moving))
            .group_by("unit", "target")
            .agg(pl.col("period").min().alias("first"), pl.col("period").max().alias("last"))
            .sort("unit", "first")
        )
        for name, target, first, last in spans.iter_rows():
            here = (code == name) & pl.col(period).is_between(first, last)
            found = pl.when(here).then(pl.lit(target)).otherwise(found)
        return found.alias(unit)

    @cached_property
    def labels(self) -> dict[str, str]:
        """Names of all targets."""
        targets = self.rows["target"].unique().sort()
        special = self.geography.special
        return {t: special.get(t) or self.territories.label(t) for t in targets}


def targets(territories: Territories) -> pl.DataFrame:
    """Give the mapping as a frame: ``unit, valid_from, valid_to (null while valid), target``.

    ``target`` is null where the territory year knows a version only in parts and splits stop.
    """
    rows = [
        (v.code, v.first, None if v.until == OPEN else v.until, territories.target.get(v))
        for v in territories.images
    ]
    return pl.DataFrame(rows, schema=dict(TARGETS), orient="row").sort("unit", "valid_from")


def unit_map(
    counts: pl.DataFrame, geography: Geography, classification: Classification, place: Place
) -> UnitMap:
    """Put the units of some data on a territory year.

    Parameters
    ----------
    counts
        Rows of the data by ``unit`` and ``period``: columns ``unit, period, rows``.
    geography
        The territory year, what the codes of the data belong to, and what to do with splits.
    classification
        Versions of units and their changes.
    place
        Where the codes stand, for messages.

    Raises
    ------
    UserError
        With every code that the classification does not know, that was not valid in its period,
        that ends in no other, or that the territory year knows only in parts while splits stop.
    """
    days = counts.select(pl.col("period").unique().sort(), pl.lit(None).alias("day"))
    fixed = None if geography.as_of is None else date(geography.as_of, 1, 1)
    days = days.select("period", pl.lit(fixed, pl.Date).fill_null(pl.col("period")).alias("day"))
    first, last = days["day"].min(), days["day"].max()
    assert isinstance(first, date)  # polars gives dates for dates
    assert isinstance(last, date)
    territories = onto(classification, geography.year, first, last, geography.splits)
    valid = pl.col("valid_from").le(pl.col("day")) & (
        pl.col("valid_to").is_null() | (pl.col("day") < pl.col("valid_to"))
    )
    known = days.join(targets(territories), how="cross").filter(valid).drop("day")
    special = pl.col("unit").is_in(list(geography.special))
    rows = (
        counts.join(known, on=("unit", "period"), how="left", maintain_order="left")
        .with_columns(pl.when(special).then("unit").otherwise("target").alias("target"))
        .select("unit", "period", "rows", "target", "valid_from")
        .sort("unit", "period")
    )
    lost = rows.filter(pl.col("target").is_null())
    if lost.height:
        common = onto(classification, geography.year, first, last, "common")
        raise UserError(list(_problems(lost, geography, classification, common, place)))
    touched = [
        (version.code, version.first, code)
        for version in territories.images
        for code in territories.touched(version)
    ]
    schema = {"unit": pl.String, "valid_from": pl.Date, "target": pl.String}
    parts = (
        known.filter(~special)
        .drop("target")
        .join(pl.DataFrame(touched, schema, orient="row"), on=("unit", "valid_from"))
        .select("target", "period", "unit")
        .sort("target", "period", "unit")
    )
    return UnitMap(geography, classification, territories, rows.drop("valid_from"), parts)


def _problems(
    lost: pl.DataFrame,
    geography: Geography,
    classification: Classification,
    common: Territories,
    place: Place,
) -> Iterator[Problem]:
    """One problem per code; unknown codes beyond the first dozen are counted."""
    by_code = (
        lost.group_by("unit")
        .agg(
            pl.col("rows").sum(),
            pl.col("period").min().alias("first"),
            pl.col("period").max().alias("last"),
            pl.col("valid_from").is_not_null().any().alias("known"),
        )
        .sort("unit", nulls_last=True)
    )
    divided = by_code.filter("known")
    for code, rows, first, last, _ in divided.iter_rows():
        held = _held(code, rows, first, last, place)
        day = first if geography.as_of is None else date(geography.as_of, 1, 1)
        version = classification.version(code, day)
        assert version is not None  # it was found on this day
        yield _divided(version, held, geography, common, place)
    unknown = by_code.filter(~pl.col("known"))
    for code, rows, first, last, _ in unknown.head(_SHOWN).iter_rows():
        held = _held(code, rows, first, last, place)
        day = first if geography.as_of is None else date(geography.as_of, 1, 1)
        yield _unknown(code, day, held, geography, classification, place)
    if unknown.height > _SHOWN:
        more = unknown.slice(_SHOWN)
        yield Problem(
            f"column '{place.column}' holds {more.height} more codes that are not valid in their "
            f"period ({more['rows'].sum():,} {place.counted})",
            place.file,
        )


def _held(code: str | None, rows: int, first: date, last: date, place: Place) -> str:
    span = " to ".join(dict.fromkeys(periods.label(p, place.frequency) for p in (first, last)))
    count = f"{rows:,} {place.counted.removesuffix('s') if rows == 1 else place.counted}"
    return f"column '{place.column}' holds {code or 'no code'} ({count}, {span})"


def _divided(
    version: Version,
    held: str,
    geography: Geography,
    common: Territories,
    place: Place,
) -> Problem:
    images = common.images[version]
    if not images:
        return Problem(
            f"{held}: {version} ended on {version.until} and the classification does not say what "
            "became of it",
            place.file,
            f"fetch the classification again, or declare {version.code} under geography.special "
            "in the source file",
        )
    became = "became" if version.first < date(geography.year, 1, 1) else "was made from"
    return Problem(
        f"{held}: the territory of {version} {became} parts of "
        f"{', '.join(str(image) for image in images)} on the geography of {geography.year}, and "
        "how its people divide is not known",
        place.file,
        f"study them as one unit, '{common.target[version]}', with geography: "
        f"{{year: {geography.year}, splits: common}} in config/reforms/{place.reform}.yaml, or "
        "choose a year on which it is whole (`reformeval geography` shows the changes)",
    )


def _unknown(
    code: str | None,
    day: date,
    held: str,
    geography: Geography,
    classification: Classification,
    place: Place,
) -> Problem:
    versions = classification.by_code.get(code or "", ())
    if versions:
        nearest = min(versions, key=lambda v: min(abs(v.first - day), abs(v.until - day)))
        if nearest.until <= day:
            later = ", ".join(map(str, classification.next.get(nearest, ()))) or "nothing"
            when = f"{nearest} ended on {nearest.until} and became {later}"
        else:
            when = f"{nearest} begins on {nearest.first}"
        own = "the codes of one year: write geography: <that year>"
        if geography.as_of is not None:
            own = f"other codes than those of {geography.as_of}: mend geography"
        return Problem(
            f"{held}: {when}", place.file, f"if the file is on {own}, in the source file"
        )
    valid = {v.code for v in classification.versions if v.covers(day)}
    near = did_you_mean(code, valid) if code else "give every row a code"
    near = near if near.startswith("did") or not code else "correct the code"
    return Problem(
        f"{held}, which is no code of the classification",
        place.file,
        f"{near}; a code that is no unit (abroad, unknown) is declared under geography.special "
        "in the source file",
    )
