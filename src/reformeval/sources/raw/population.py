"""The population: snapshots of 1 January, spells of residence, deaths and emigrations."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import polars as pl

from reformeval.errors import did_you_mean
from reformeval.register.forms import EXIT, RESIDENCE, SNAPSHOT, Reading
from reformeval.sources.raw._open import RawFile
from reformeval.sources.raw._read import Form, read_form
from reformeval.sources.raw._values import Columns, empty
from reformeval.sources.raw.models import (
    ExitColumns,
    ExitFiles,
    ResidenceColumns,
    ResidenceFiles,
    SnapshotColumns,
    SnapshotFiles,
)

_OLDEST = 125


def read_snapshots(
    files: SnapshotFiles, data: Path, known_units: Collection[str] | None = None
) -> Iterator[Reading]:
    """Read yearly snapshots into rows of `forms.SNAPSHOT`.

    Parameters
    ----------
    files
        Where the files are and what their columns mean.
    data
        Folder that the paths are relative to.
    known_units
        Codes of all municipalities; others stop the run. None where they are not known.

    Raises
    ------
    UserError
        If a person is twice in a file, or a value is not what its column holds.
    """
    form = Form(
        SNAPSHOT,
        lambda columns, raw: _snapshot(columns, raw, files.columns, known_units),
        once=("person", "year"),
    )
    return read_form(form, files, data)


def _snapshot(
    columns: Columns, raw: RawFile, named: SnapshotColumns, known: Collection[str] | None
) -> dict[str, pl.Series]:
    part = columns.part
    born = columns.months(named.born, "born", required=False) if named.born else None
    years = _years(columns, raw, named.year)
    age = columns.whole(named.age, "age", 0, _OLDEST) if named.age is not None else None
    if born is not None:
        since = pl.lit(years) * 12 - (pl.lit(born).dt.year() * 12 + pl.lit(born).dt.month() - 1)
        by_birth = pl.select(since // 12).to_series()
        late = by_birth < 0
        columns.bad(late, born, f"column '{named.born}' is after 1 January", "born", _FIX_BORN)
        age = by_birth if age is None else age.zip_with(age.is_not_null(), by_birth.cast(age.dtype))
    return {
        "person": columns.texts(named.person, "person", required=True),
        "year": years,
        "unit": columns.units(named.unit, "unit", known),
        "age": empty(part, pl.Int16) if age is None else age,
        **{
            name: empty(part, pl.String) if column is None else columns.texts(column, name)
            for name, column in (
                ("sex", named.sex),
                ("family", named.family),
                ("immigrant_category", named.immigrant_category),
                ("country", named.country),
            )
        },
        "born": empty(part, pl.Date) if born is None else born,
    }


_FIX_BORN = "a snapshot holds those born before it: correct these rows, or years"


def _years(columns: Columns, raw: RawFile, name: str | None) -> pl.Series:
    """Year of each row, from its column or from the file's name; both must agree."""
    if name is None:
        if raw.year is None:
            what = "neither the file's name nor a column says the year"
            everything = pl.repeat(True, columns.part.height, eager=True)
            columns.bad(everything, empty(columns.part, pl.String), what, "year", "name a column")
        return pl.repeat(raw.year, columns.part.height, dtype=pl.Int32, eager=True)
    columns.texts(name, "year", required=True)
    years = columns.whole(name, "year", 1800, 2200)
    if raw.year is not None:
        other = years != raw.year
        what = f"column '{name}' is not {raw.year}, the year of the file"
        columns.bad(other, years, what, "year", "correct the file's name, or the key file")
    return years


def read_residence(
    files: ResidenceFiles, data: Path, known_units: Collection[str] | None = None
) -> Iterator[Reading]:
    """Read spells of residence into rows of `forms.RESIDENCE`; see `read_snapshots`.

    Raises
    ------
    UserError
        If a spell ends before it begins, or a value is not what its column holds. Spells that
        overlap are left to linking, which knows the rule of residence.
    """
    form = Form(RESIDENCE, lambda columns, _: _spell(columns, files.columns, known_units))
    return read_form(form, files, data)


def _spell(
    columns: Columns, named: ResidenceColumns, known: Collection[str] | None
) -> dict[str, pl.Series]:
    first = columns.months(named.first, "from")
    last = columns.months(named.last, "to", required=False)
    what = f"column '{named.last}' is before '{named.first}'"
    columns.bad(last < first, last, what, "to", "correct these spells in the file")
    part = columns.part
    return {
        "person": columns.texts(named.person, "person", required=True),
        "first": first,
        "last": last,
        "unit": columns.units(named.unit, "unit", known),
        "registered": empty(part, pl.Date)
        if named.registered is None
        else columns.days(named.registered, "registered"),
        "family": empty(part, pl.String)
        if named.family is None
        else columns.texts(named.family, "family"),
    }


def read_exits(files: ExitFiles, data: Path) -> Iterator[Reading]:
    """Read deaths and emigrations into rows of `forms.EXIT`; see `read_snapshots`.

    Raises
    ------
    UserError
        If a kind of exit is not among ``files.kinds``, or a month is none.
    """
    form = Form(EXIT, lambda columns, _: _exit(columns, files.columns, files.kinds))
    return read_form(form, files, data)


def _exit(columns: Columns, named: ExitColumns, kinds: Mapping[str, str]) -> dict[str, pl.Series]:
    codes = columns.texts(named.kind, "kind", required=True)
    kind = codes.replace_strict(kinds, default=None, return_dtype=pl.String)
    unknown = kind.is_null() & codes.is_not_null()
    first = codes.filter(unknown).head(1).to_list()
    fix = f"list it under kinds; {did_you_mean(first[0], kinds)}" if first else ""
    columns.bad(unknown, codes, f"column '{named.kind}' is no kind of exit", "kind", fix)
    return {
        "person": columns.texts(named.person, "person", required=True),
        "period": columns.months(named.period, "period"),
        "kind": kind,
    }
