"""KOSTRA form 11F, municipal social assistance: from one record a case and year to case-months."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import groupby
from pathlib import Path

import polars as pl

from reformeval.errors import Problem, UserError
from reformeval.register.forms import ASSISTANCE, Reading
from reformeval.sources.raw._findings import ROW
from reformeval.sources.raw._kostra_rules import apply_rules
from reformeval.sources.raw._open import RawFile, raw_files
from reformeval.sources.raw._read import column_names
from reformeval.sources.raw._values import Columns, empty
from reformeval.sources.raw.households import lift_to_households, read_households
from reformeval.sources.raw.models import MONTHS, Kostra11F, KostraColumns

_UNTICKED = ("0", "00")


def read_each(
    files: Kostra11F, data: Path, known_units: Collection[str] | None = None
) -> Iterator[Reading]:
    """Read form 11F into rows of `forms.ASSISTANCE`, one file at a time.

    A person whom two municipalities pay is two cases here, and one recipient once linking has put
    the cases together. Grants and loans stay apart. With ``files.households`` cases are lifted to
    all members of the household.

    Parameters
    ----------
    files
        Where the files are, their layout, and the names of the fields.
    data
        Folder that the paths are relative to.
    known_units
        Codes of all municipalities; others stop the run. None where they are not known.

    Raises
    ------
    UserError
        If a line has a wrong length, a field holds what it cannot hold, an amount is negative, a
        record is of another year than its file, or a year has no record. What is only implausible
        is counted in repairs: docs/raw-forms.md lists the rules.
    """
    members = read_households(files.households, data) if files.households is not None else None
    listed = raw_files(files, data)
    for year, of_year in groupby(listed, key=lambda raw: raw.year):
        records = 0
        for raw in of_year:
            cases = _cases(raw, files, known_units)
            records += cases.height
            cases = apply_rules(cases, files, raw.findings)
            raw.findings.stop_if_any()
            rows = _long(cases)
            if members is not None:
                rows = lift_to_households(rows, members, raw.findings)
            yield Reading(rows, raw.findings.repairs())
        if not records:
            named = "the file has" if year is None else f"the year {year} has"
            fix = "get the file anew, or leave the year out with the key years"
            raise UserError(Problem(f"{named} no records", str(data / files.file), fix))


def _cases(raw: RawFile, files: Kostra11F, known: Collection[str] | None) -> pl.DataFrame:
    """All records of a file, one row each, in the order of the file."""
    parts = [
        pl.DataFrame(_record(Columns(part, files, raw.findings), raw, files, known))
        for part in raw.parts(column_names(files))
    ]
    raw.findings.stop_if_any()
    if not parts:
        message = "the file holds blanks alone: the municipality reports no cases"
        raw.findings.repaired("file_without_cases", 1, message)
        return pl.DataFrame()
    return pl.concat(parts)


def _record(
    columns: Columns, raw: RawFile, files: Kostra11F, known: Collection[str] | None
) -> dict[str, pl.Series]:
    named, part = files.columns, columns.part
    values = {
        ROW: part[ROW],
        "person": columns.texts(named.person, "person"),
        "journal": columns.texts(named.journal, "journal"),
        "district": _optional(columns, named.district, "district"),
        "unit": columns.units(named.unit, "unit", known),
        "year": _years(columns, raw, named),
        "marital": columns.texts(named.marital, "marital"),
        "has_children": _yes(columns, named.has_children, "has_children"),
        "children": columns.whole(named.children, "children", 0, 99),
        "conditions": _yes(columns, named.conditions, "conditions"),
        "sanctions": _any_ticked(columns, named.sanctions),
    }
    for month, flag, grant, loan in zip(
        MONTHS, named.flags, named.grants, named.loans, strict=True
    ):
        values[f"flag_{month}"] = _flag(columns, flag, month)
        values[f"grant_{month}"] = columns.numbers(grant, "grants", at_least=0)
        values[f"loan_{month}"] = columns.numbers(loan, "loans", at_least=0)
    for name, column in (("grant_total", named.grant_total), ("loan_total", named.loan_total)):
        values[name] = (
            empty(part, pl.Float64) if column is None else columns.numbers(column, name, at_least=0)
        )
    return values


def _optional(columns: Columns, name: str | None, key: str) -> pl.Series:
    return empty(columns.part, pl.String) if name is None else columns.texts(name, key)


def _years(columns: Columns, raw: RawFile, named: KostraColumns) -> pl.Series:
    """Year of each record: its own two digits, which must be those of the file's name."""
    if named.version is None:
        if raw.year is None:
            fix = "put {year} into the key file, or name the field with columns.version"
            raise UserError(Problem("nothing says which year this is", str(raw.path), fix))
        return pl.repeat(raw.year, columns.part.height, dtype=pl.Int32, eager=True)
    digits = columns.texts(named.version, "version", required=True)
    wrong = ~digits.str.contains("^([0-9]{2}|[0-9]{4})$")
    what = f"field '{named.version}' is no year of two digits"
    columns.bad(wrong, digits, what, "version", "correct these lines, or name another layout")
    years = digits.str.slice(-2).cast(pl.Int32, strict=False) + 2000
    if raw.year is not None:
        other = years != raw.year
        what = f"field '{named.version}' is not of {raw.year}, the year of the file"
        fix = "the lines are of another year, or laid out otherwise: correct file, years or layout"
        columns.bad(other & ~wrong, digits, what, "version", fix)
    return years


def _yes(columns: Columns, name: str | None, key: str) -> pl.Series:
    """Field with 1 for yes and 2 for no; null where it is not filled in."""
    if name is None:
        return empty(columns.part, pl.Boolean)
    texts = columns.texts(name, key)
    bad = ~texts.is_in(["1", "2", *_UNTICKED]) & texts.is_not_null()
    columns.bad(bad, texts, f"field '{name}' is neither 1 (yes) nor 2 (no)", key, "correct it")
    return pl.select(pl.when(texts == "1").then(True).when(texts == "2").then(False)).to_series()


def _any_ticked(columns: Columns, names: tuple[str, ...]) -> pl.Series:
    ticked = pl.repeat(False, columns.part.height, eager=True)
    for name in names:
        texts = columns.texts(name, "sanctions")
        ticked |= texts.is_not_null() & ~texts.is_in(list(_UNTICKED)).fill_null(value=False)
    return ticked


def _flag(columns: Columns, name: str, month: int) -> pl.Series:
    """Field of a month: filled with the month's number, or not."""
    texts = columns.texts(name, "flags")
    ticked = texts.is_in([f"{month}", f"{month:02d}"]).fill_null(value=False)
    bad = ~ticked & ~texts.is_in(list(_UNTICKED)) & texts.is_not_null()
    what = f"field '{name}' is neither {month:02d} nor blank"
    columns.bad(bad, texts, what, "flags", "correct these lines, or name another layout")
    return ticked


def _long(cases: pl.DataFrame) -> pl.DataFrame:
    """One row per case and month with a flag or an amount, sorted as the file and by month."""
    if cases.is_empty():
        return pl.DataFrame(schema=ASSISTANCE)
    months = [
        cases.lazy()
        .with_columns(
            pl.date(pl.col("year"), month, 1).alias("period"),
            pl.col(f"flag_{month}").alias("recipient"),
            pl.col(f"grant_{month}").alias("grant"),
            pl.col(f"loan_{month}").alias("loan"),
        )
        .filter(pl.col("recipient"))
        for month in MONTHS
    ]
    return (
        pl.concat(months)
        .sort(ROW, "period")
        .select(pl.col(name).cast(kind) for name, kind in ASSISTANCE.items())
        .collect()
    )
