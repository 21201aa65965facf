"""Split raw forms into buckets of persons: the last step that sees ids.

Persons get numbers, the rank of their id among all ids of the population, so that a number does
not depend on the order of rows; ids are not written. A person's rows of every form go to the
bucket that the number leaves when divided by the number of buckets. Forms are read one file at a
time and streamed: memory holds the ids and one batch of rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from reformeval import periods
from reformeval.errors import Problem, UserError
from reformeval.register import bucket_names
from reformeval.register.bucket_forms import FORMS
from reformeval.register.forms import Reading
from reformeval.register.link_rules import LinkRules
from reformeval.register.records import Record, of_repair

# Forms that say who is in the population; persons of others are looked up there.
POPULATION = ("population", "residence_spells", "person_months")
_UNLINKED = "unlinked"
_SHOWN = 5
Readings = Callable[[], Iterable[Reading]]


@dataclass(frozen=True)
class SplitRules:
    """What the raw files must satisfy.

    Attributes
    ----------
    link
        Months of the register and of each form.
    buckets
        Into how many buckets persons are split.
    max_unlinked
        Largest share of cases, and of jobs, that may belong to nobody in the population.
    names
        Per form the files it is read from, for messages.
    """

    link: LinkRules
    buckets: int
    max_unlinked: float = 1.0
    names: Mapping[str, str] = field(default_factory=dict)


def split(
    readings: Mapping[str, Readings],
    folder: Path,
    rules: SplitRules,
    progress: Callable[[str], None] = lambda _: None,
) -> list[Record]:
    """Write ``<folder>/<bucket>/<form>/<file number>.parquet`` for every form.

    Parameters
    ----------
    readings
        Per form what reads its files, one after the other.
    folder
        An empty folder.
    rules
        What the files must satisfy.
    progress
        Called with one line per form.

    Returns
    -------
    list of Record
        Repairs of the readers, and rows that belong to nobody.

    Raises
    ------
    UserError
        If a form is empty in a month or year that it should cover, or has too many rows that
        belong to nobody.
    """
    records: list[Record] = []
    problems: list[Problem] = []
    with TemporaryDirectory(prefix=".ids.", dir=folder) as kept:
        known = {
            form: _keep(readings[form](), Path(kept) / form, records)
            for form in POPULATION
            if form in readings
        }
        numbers = _numbers(known.values())
        progress(f"{numbers.height:,} persons in the population")
        for form in readings:
            frames = known[form] if form in known else _frames(readings[form](), records)
            for index, rows in enumerate(frames):
                _partition(rows, numbers, folder, form, index, rules)
            counted = _count(folder, form)
            progress(f"{form}: {counted['rows'].sum():,} rows")
            records += _unlinked(form, counted, rules, problems)
            problems += _empty(form, counted, rules)
        for left in folder.glob(f"{_UNLINKED}/*/*.parquet"):
            left.unlink()
    if problems:
        raise UserError(problems)
    return records


def _keep(readings: Iterable[Reading], folder: Path, records: list[Record]) -> list[pl.LazyFrame]:
    """Write what was read aside, to be read twice: for the ids, then for the rows."""
    folder.mkdir()
    paths: list[Path] = []
    for index, frame in enumerate(_frames(readings, records)):
        paths.append(folder / f"{index}.parquet")
        frame.sink_parquet(paths[-1], compression="lz4")
    return [pl.scan_parquet(path) for path in paths]


def _frames(readings: Iterable[Reading], records: list[Record]) -> Iterable[pl.LazyFrame]:
    for reading in readings:
        records += map(of_repair, reading.repairs)
        yield reading.frame.lazy()


def _numbers(known: Iterable[list[pl.LazyFrame]]) -> pl.DataFrame:
    """Give every person of the population the rank of their id as number, from 1."""
    ids = [frame.select("person") for frames in known for frame in frames]
    unique = pl.concat(ids).drop_nulls().unique().collect(engine="streaming").sort("person")
    return unique.with_row_index("number", 1).select(
        "person", pl.col("number").cast(pl.Int64).alias("number")
    )


def _partition(
    rows: pl.LazyFrame,
    numbers: pl.DataFrame,
    folder: Path,
    form: str,
    index: int,
    rules: SplitRules,
) -> None:
    """Stream the rows of one file to the buckets; rows of nobody go aside, without their id."""
    inside = rows.filter(_inside(form, rules.link))
    numbered = inside.join(numbers.lazy(), on="person", how="left").with_columns(
        pl.col("person").is_null().alias("no_id"),
        pl.col("number").alias("person"),
        (pl.col("number") % rules.buckets).cast(pl.Int32).alias("bucket"),
    )

    names = bucket_names.names(rules.buckets)

    def path(file: Any) -> Path:
        bucket = file.partition_keys["bucket"][0]
        name = _UNLINKED if bucket is None else names[bucket]
        return Path(name, form, f"{index}.parquet")

    numbered.drop("number").sink_parquet(
        pl.PartitionBy(
            folder, key="bucket", include_key=False, approximate_bytes_per_file=None,
            file_path_provider=path,
        ),
        mkdir=True,
    )  # fmt: skip


def _inside(form: str, link: LinkRules) -> pl.Expr:
    """Rows of the register's months; population and exits are needed whole."""
    if "period" in FORMS[form] and form != "exits":
        return pl.col("period").is_between(link.first, link.last)
    return pl.lit(True)


def _scan(folder: Path, form: str) -> pl.LazyFrame | None:
    """Rows of a form in all buckets; None where there are none."""
    files = sorted(folder.glob(f"[!.]*/{form}/*.parquet"))
    return pl.scan_parquet(files) if files else None


def _count(folder: Path, form: str) -> pl.DataFrame:
    """Rows of a form by period, or by year for snapshots, and by whether they were linked."""
    period = next((name for name in ("period", "year") if name in FORMS[form]), None)
    key = pl.col(period) if period else pl.lit(None)
    scanned = _scan(folder, form)
    if scanned is None:
        none = {"period": pl.Date, "nobody": pl.Boolean, "no_id": pl.Boolean, "rows": pl.Int64}
        return pl.DataFrame(schema=none)
    return (
        scanned.group_by(key.alias("period"), pl.col("person").is_null().alias("nobody"), "no_id")
        .agg(pl.len().cast(pl.Int64).alias("rows"))
        .collect(engine="streaming")
    )


def _unlinked(
    form: str, counted: pl.DataFrame, rules: SplitRules, problems: list[Problem]
) -> list[Record]:
    """Count rows of nobody by reason; too many of them are a problem."""
    total = int(counted["rows"].sum())
    no_id = int(counted.filter("no_id")["rows"].sum())
    nobody = int(counted.filter("nobody")["rows"].sum())
    share = nobody / total if total else 0.0
    if form not in POPULATION and share > rules.max_unlinked:
        problems.append(
            Problem(
                f"column person: {nobody:,} of {total:,} rows ({share:.1%}) belong to nobody in "
                f"the population, {no_id:,} of them without an id",
                where=_where(form, rules),
                fix="check that ids are written alike in all files; if this is as it should be, "
                "raise max_unlinked",
            )
        )
    records = [
        Record(
            "unlinked", "no_id", form, no_id, total, "rows",
            "Rows without the id of a person: they belong to nobody and are left out.",
        )
    ]  # fmt: skip
    if form not in POPULATION:
        records.append(
            Record(
                "unlinked", "not_in_population", form, nobody - no_id, total, "rows",
                "Rows of persons who are not in the population register: left out.",
            )
        )  # fmt: skip
    return records


def _where(form: str, rules: SplitRules) -> str:
    return rules.names.get(form, form)


def _expected(form: str, link: LinkRules) -> list[Any]:
    """Give the periods in which a form must have rows."""
    if form == "population":
        return list(range(link.first.year, link.last.year + 1))
    covered: tuple[date, date] | None = {
        "assistance": link.assistance,
        "earnings": link.jobs,
        "person_months": (link.first, link.last),
    }.get(form)
    return periods.span(*covered, "month") if covered else []


def _empty(form: str, counted: pl.DataFrame, rules: SplitRules) -> list[Problem]:
    """Report periods without a row: a file that lacks them would be read as nobody having any."""
    found = set(counted["period"].to_list())
    missing = [period for period in _expected(form, rules.link) if period not in found]
    if counted.is_empty() and not missing and form != "exits":
        return [Problem("there are no rows", where=_where(form, rules))]
    if not missing:
        return []
    labels = [
        periods.label(period, "month") if isinstance(period, date) else str(period)
        for period in missing
    ]
    shown = ", ".join(labels[:_SHOWN]) + (" …" if len(labels) > _SHOWN else "")
    column = "year" if form == "population" else "period"
    return [
        Problem(
            f"column {column}: no rows in {len(missing)} of "
            f"{len(_expected(form, rules.link))} periods: {shown}",
            where=_where(form, rules),
            fix="give the files of these periods, or say which periods the files cover",
        )
    ]
