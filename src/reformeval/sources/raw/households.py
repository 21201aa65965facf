"""From cases to households: which of a couple is the recipient of a case is arbitrary."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from reformeval.artefacts import Schema
from reformeval.register.forms import ASSISTANCE
from reformeval.sources.raw._findings import Findings
from reformeval.sources.raw._open import RawFile
from reformeval.sources.raw._read import Form, read_form
from reformeval.sources.raw._values import Columns, empty
from reformeval.sources.raw.models import HouseholdColumns, Households

MEMBERS: Schema = {"person": pl.String, "household": pl.String, "year": pl.Int32}


def read_households(files: Households, data: Path) -> pl.DataFrame:
    """Read who lives together into rows of `MEMBERS`; ``year`` is null where a row always holds.

    Raises
    ------
    UserError
        If a person is in two households of a year, or a value is missing.
    """

    def convert(columns: Columns, raw: RawFile) -> dict[str, pl.Series]:
        return _members(columns, raw, files.columns)

    once = ("person", "year") if files.years or files.columns.year else ("person",)
    readings = read_form(Form(MEMBERS, convert, once), files, data)
    return pl.concat(reading.frame.lazy() for reading in readings).collect()


def _members(columns: Columns, raw: RawFile, named: HouseholdColumns) -> dict[str, pl.Series]:
    year = empty(columns.part, pl.Int32)
    if named.year is not None:
        columns.texts(named.year, "year", required=True)
        year = columns.whole(named.year, "year", 1800, 2200)
    elif raw.year is not None:
        year = pl.repeat(raw.year, columns.part.height, dtype=pl.Int32, eager=True)
    return {
        "person": columns.texts(named.person, "person", required=True),
        "household": columns.texts(named.household, "household", required=True),
        "year": year,
    }


def couples(pairs: pl.DataFrame) -> pl.DataFrame:
    """Give both partners of each couple, columns person and partner, a household of their own.

    Returns
    -------
    pl.DataFrame
        Rows of `MEMBERS`, two for each couple however often and in whichever order it is listed.
    """
    first = pl.min_horizontal("person", "partner")
    second = pl.max_horizontal("person", "partner")
    both = pairs.select(first.alias("first"), second.alias("second")).unique(maintain_order=True)
    household = pl.concat_str("first", "second", separator="+").alias("household")
    members = both.select(pl.concat_list("first", "second").alias("person"), household)
    return members.explode("person").select(
        "person", "household", pl.lit(None, pl.Int32).alias("year")
    )


def lift_to_households(
    cases: pl.DataFrame, members: pl.DataFrame, findings: Findings | None = None
) -> pl.DataFrame:
    """Give each case to all members of its recipient's household.

    Every member is a recipient in the case's months, and the amounts are split in equal parts, so
    that sums over persons stay what was paid. Cases of persons in no household stay as they are.

    Parameters
    ----------
    cases
        Rows of `forms.ASSISTANCE`.
    members
        Rows of `MEMBERS`: adults alone, if only they are to share.
    findings
        Gets a repair with the number of case-months that were lifted.

    Returns
    -------
    pl.DataFrame
        Rows of `forms.ASSISTANCE`, in the order of the cases and, within, of persons.
    """
    keys = ["year"] if members["year"].is_not_null().all() else []
    household = ["household", *keys]
    mates = members.with_columns(pl.len().over(household).alias("size")).join(
        members.select(*household, member="person"), on=household
    )
    lifted = (
        cases.with_row_index("case")
        .with_columns(pl.col("period").dt.year().alias("year"))
        .join(mates.select("person", *keys, "member", "size"), on=["person", *keys], how="left")
        .with_columns(pl.coalesce("member", "person").alias("person"), pl.col("size").fill_null(1))
        .sort("case", "person")
        .with_columns(pl.col("grant", "loan") / pl.col("size"))
    )
    if findings is not None:
        count = lifted.filter(pl.col("size") > 1)["case"].n_unique()
        message = "case-months were lifted to all members of the household, in equal parts"
        findings.repaired("lifted_to_households", count, message)
    return lifted.select(pl.col(name).cast(kind) for name, kind in ASSISTANCE.items())
