"""What reading and linking found in the raw data: counts by rule, which add up over buckets.

A record never names a person. Records of all files and buckets, added up, are the artefact
`artefacts.SOURCE_DATA`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass
from typing import Literal

import polars as pl

from reformeval.artefacts import SAMPLE_FLOW, SOURCE_DATA, table
from reformeval.register.forms import Repair

Kind = Literal["repair", "unlinked", "count", "rule"]
UNITS = "units"  # what is counted where it is municipalities and the like


@dataclass(frozen=True)
class Record:
    """How many rows a rule touched, of how many.

    Attributes
    ----------
    kind
        ``repair``: something was mended or looks wrong; ``unlinked``: rows that belong to no
        person-month; ``count``: plain size; ``rule``: a choice that was followed.
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


def merged(parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Add up the records of files, buckets and stages: one row per rule, source and message."""
    keys = ("kind", "rule", "source", "unit", "message")
    known = pl.when(pl.col("of").count() > 0).then(pl.col("of").sum()).alias("of")
    return (
        pl.concat(parts)
        .group_by(keys, maintain_order=True)
        .agg(pl.col("count").sum(), known)
        .sort("kind", "source", "rule", "message")
        .select(list(SOURCE_DATA))
    )


def published(records: pl.DataFrame, min_count: int) -> pl.DataFrame:
    """Hold back counts that are small enough to tell of single persons.

    Parameters
    ----------
    records
        Merged records.
    min_count
        Smallest count that is shown; smaller ones become null, 0 stays. Units are no persons:
        counts of them are shown whatever they are.
    """
    small = pl.col("count").is_between(1, min_count - 1) & (pl.col("unit") != UNITS)
    return records.with_columns(pl.when(~small).then("count").alias("count"))


def lines(records: pl.DataFrame, min_count: int) -> Iterator[str]:
    """Say each published record that touched a row, or that is a choice, for a log.

    Parameters
    ----------
    records
        Published records.
    min_count
        Smallest count that is shown.
    """
    for row in records.filter(pl.col("count").is_null() | (pl.col("count") > 0)).iter_rows(
        named=True
    ):
        number = f"fewer than {min_count}" if row["count"] is None else f"{row['count']:,}"
        yield f"{row['source']}, {row['rule']}: {number} {row['unit']}. {row['message']}"
    for row in records.filter(pl.col("kind") == "rule").iter_rows(named=True):
        yield f"{row['source']}, {row['rule']}: {row['message']}"


def linking_flow(records: pl.DataFrame) -> pl.DataFrame:
    """Give what was lost between the raw files and the register as steps of a sample flow.

    Parameters
    ----------
    records
        Published records: where a count is held back, so is what is left after it.

    Returns
    -------
    pl.DataFrame
        The artefact `artefacts.SAMPLE_FLOW`, one section per form; persons are not counted.
    """
    rows = []
    for source, steps in _STEPS.items():
        lost = {
            record["rule"]: record
            for record in records.filter(
                pl.col("kind") == "unlinked", pl.col("source") == source
            ).iter_rows(named=True)
        }
        left: int | None = None
        for step in (step for step in steps if step in lost):
            count, reason = lost[step]["count"], lost[step]["message"]
            if step == steps[0]:
                left = lost[step]["of"]
                rows.append(_flow_row(source, "read", left, 0, "all rows of the months asked for"))
            left = None if left is None or count is None else left - count
            rows.append(_flow_row(source, step, left, count, reason))
    return table(rows, SAMPLE_FLOW)


# Per form the steps that rows are lost at, in order.
_STEPS = dict.fromkeys(("assistance", "earnings"), ("no_id", "not_in_population", "not_resident"))


def _flow_row(
    source: str, step: str, left: int | None, lost: int | None, reason: str
) -> dict[str, object]:
    return {
        "population": source,
        "step": step,
        "person_periods": left,
        "person_periods_lost": lost,
        "reason": reason,
    }
