"""What reading and linking found in the raw data: counts by rule, which add up over buckets.

A record never names a person. Records of all files and buckets, added up, are the artefact
`artefacts.SOURCE_DATA`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Literal

import polars as pl

from reformeval.artefacts import SOURCE_DATA, read_table
from reformeval.register.forms import Repair

Kind = Literal["repair", "unlinked", "count"]


@dataclass(frozen=True)
class Record:
    """How many rows a rule touched, of how many.

    Attributes
    ----------
    kind
        ``repair``: something was mended or looks wrong; ``unlinked``: rows that belong to no
        person-month; ``count``: plain size.
    rule
        Name of the rule.
    source
        File, or kind of file, that the rows come from.
    count, of
        Rows touched, and rows looked at; ``of`` is None where that says nothing.
    unit
        What is counted: rows, case-months, person-months.
    message
        What was found and what was done, without numbers.
    """

    kind: Kind
    rule: str
    source: str
    count: int
    of: int | None
    unit: str
    message: str


def of_repair(repair: Repair) -> Record:
    """Give a reader's repair as a record."""
    return Record("repair", repair.rule, repair.file, repair.count, None, "rows", repair.message)


def frame(records: Iterable[Record]) -> pl.DataFrame:
    """Give records as the artefact `artefacts.SOURCE_DATA`, in their order."""
    rows = [astuple(record) for record in records]
    return pl.DataFrame(rows, schema=dict(SOURCE_DATA), orient="row")


def merged(files: Iterable[Path]) -> pl.DataFrame:
    """Add up the records of several files: one row per rule, source and message."""
    found = pl.concat([read_table(path, SOURCE_DATA) for path in files])
    keys = ("kind", "rule", "source", "unit", "message")
    known = pl.when(pl.col("of").count() > 0).then(pl.col("of").sum()).alias("of")
    return (
        found.group_by(keys, maintain_order=True)
        .agg(pl.col("count").sum(), known)
        .sort("kind", "source", "rule", "message")
        .select(list(SOURCE_DATA))
    )
