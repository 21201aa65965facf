"""The forms that raw registers come in, normalised: what readers give and linking takes.

Whatever file a form was in, its rows arrive here with these columns and types. Codes are strings,
with their leading zeros; periods are the first day of the month. A reader stops where a value
cannot be understood; what it mends or only suspects, it counts in a `Repair`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import polars as pl

from reformeval.artefacts import Schema
from reformeval.register.schema import REGISTER

# One row per person and year: the state of 1 January. `age` is in completed years on that day;
# `born`, the first day of the month of birth, is null where the file gives none.
SNAPSHOT: Schema = {
    "person": pl.String,
    "year": pl.Int32,
    "unit": pl.String,
    "age": pl.Int16,
    "sex": pl.String,
    "family": pl.String,
    "immigrant_category": pl.String,
    "country": pl.String,
    "born": pl.Date,
}
# One row per spell of residence. `last` is the last month in the unit, null while it is open;
# `registered` is when the move was reported, null where unknown; `family` is null unless the
# file's spells are of residence and family together, and then goes before the yearly snapshot's.
RESIDENCE: Schema = {
    "person": pl.String,
    "first": pl.Date,
    "last": pl.Date,
    "unit": pl.String,
    "registered": pl.Date,
    "family": pl.String,
}
# One row per exit; `period` is the month of death or emigration, `kind` is one of EXIT_KINDS.
EXIT: Schema = {"person": pl.String, "period": pl.Date, "kind": pl.String}
EXIT_KINDS = ("death", "emigration")
# One row per case and month in which something was paid or flagged. `person` is null for a
# record without a valid number; `unit` is the municipality that pays; a case is unit × journal.
# `family` is derived from marital status and children under 18, with the codes of
# CASE_FAMILIES; null where one of them is not known.
ASSISTANCE: Schema = {
    "person": pl.String,
    "journal": pl.String,
    "unit": pl.String,
    "period": pl.Date,
    "recipient": pl.Boolean,
    "grant": pl.Float64,
    "loan": pl.Float64,
    "children": pl.Int16,
    "marital": pl.String,
    "family": pl.String,
    "conditions": pl.Boolean,
    "sanctions": pl.Boolean,
}
CASE_FAMILIES = ("single", "couple", "couple_with_children", "single_parent")
# One row per job and month; `hours` are contractual hours a week, `on_16th` whether the job ran
# on the 16th of the month.
JOB: Schema = {
    "person": pl.String,
    "period": pl.Date,
    "employer": pl.String,
    "occupation": pl.String,
    "hours": pl.Float64,
    "earnings": pl.Float64,
    "on_16th": pl.Boolean,
}
PERSON_MONTH: Schema = {**REGISTER, "person": pl.String}


@dataclass(frozen=True)
class Repair:
    """What a reader mended, or found and left as it is, by a rule that has a name.

    Attributes
    ----------
    rule
        Name of the rule, the same whatever the file: ``months_do_not_add_up``.
    file
        Name of the file.
    count
        Rows (or cases, as the message says) that the rule touched; at least 1.
    message
        What was found and what was done about it.
    """

    rule: str
    file: str
    count: int
    message: str


@dataclass(frozen=True, eq=False)
class Reading:
    """Rows of one form, in one of this module's schemas, and the repairs made on the way."""

    frame: pl.LazyFrame | pl.DataFrame
    repairs: tuple[Repair, ...] = ()


def gather(readings: Iterable[Reading]) -> Reading:
    """Put readings of one form together, in their order; repairs keep their files."""
    parts = list(readings)
    frames = [part.frame.lazy() for part in parts]
    repairs = tuple(repair for part in parts for repair in part.repairs)
    return Reading(pl.concat(frames), repairs)


def total(repairs: Iterable[Repair]) -> tuple[Repair, ...]:
    """One repair per rule over all files, sorted by rule, with the counts added up."""
    sums: dict[str, Repair] = {}
    for repair in sorted(repairs, key=lambda r: (r.rule, r.file)):
        known = sums.get(repair.rule)
        sums[repair.rule] = (
            repair
            if known is None
            else replace(
                known, file=f"{known.file}, {repair.file}", count=known.count + repair.count
            )
        )
    return tuple(sums.values())
