"""Counts by cell, and histories, by other engines: what `benchmarks/panels.py` compares with."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from panel_register import FIRST, files

ADOPTION = 84
REFERENCE, SELECTION, LONGEST = ADOPTION - 1, 12, 12
KEYS = ("unit", "period", "family", "origin")
SUMS = ("n", "recipient", "employed", "earnings", "benefit")


def scan(folder: Path) -> None:
    """Read the columns of *cells* by streaming, and nothing else."""
    names = ("person", "period", "age", "recipient", "employed", "earnings", "benefit")
    rows = pl.scan_parquet(files(folder))
    rows.select(
        *(pl.col(name).sum() if name != "period" else pl.col(name).max() for name in names),
        pl.col("unit", "family", "origin").max(),
    ).collect(engine="streaming")


def polars_cells(folder: Path) -> pl.DataFrame:
    """Count residents with a streaming group-by of polars."""
    rows = pl.scan_parquet(files(folder)).filter(pl.col("age").is_between(18, 66))
    sums = [pl.col(name).cast(pl.Float64).sum() for name in SUMS[1:]]
    return rows.group_by(KEYS).agg(pl.len().alias("n"), *sums).collect(engine="streaming")


def polars_history(folder: Path) -> pl.DataFrame:
    """Make *history* with polars: recipients first, so that windows and joins see few rows."""
    rows = pl.scan_parquet(files(folder)).with_columns(
        month=pl.col("period").dt.year().cast(pl.Int32) * 12 + pl.col("period").dt.month(),
        of_age=pl.col("age").is_between(18, 66),
    )
    recipients = rows.filter("recipient").select("person", "month", "of_age", *KEYS).collect()
    recipients = recipients.sort("person", "month").with_columns(
        island=pl.col("month") - pl.int_range(pl.len()).over("person")
    )
    lengths = recipients.with_columns(length=pl.int_range(1, pl.len() + 1).over("person", "island"))
    spells = (
        lengths.filter("of_age")
        .group_by(KEYS)
        .agg(pl.len().alias("spells"), pl.col("length").clip(upper_bound=LONGEST).sum())
        .rename({"length": "spell"})
    )
    selected = recipients.filter(pl.col("month").is_between(int(AT) - SELECTION + 1, int(AT)))
    frozen = rows.filter(pl.col("month") == int(AT), "of_age").select(
        "person", *KEYS[:1], *KEYS[2:]
    )
    kept = frozen.join(selected.select("person").unique().lazy(), on="person", how="semi")
    members = (
        rows.select("person", "period", "employed")
        .join(kept, on="person")
        .group_by(KEYS)
        .agg(pl.len().alias("members"), pl.col("employed").sum().alias("member_employed"))
        .collect(engine="streaming")
    )
    found = polars_cells(folder).join(spells, on=KEYS, how="full", coalesce=True)
    return found.join(members, on=KEYS, how="full", coalesce=True)


ADDED = ", ".join(f"sum(CAST({c} AS DOUBLE)) AS {c}" for c in SUMS[1:])
RESIDENTS = f"""
SELECT {", ".join(KEYS)}, count(*) AS n, {ADDED}
FROM register WHERE age BETWEEN 18 AND 66 GROUP BY {", ".join(KEYS)}
"""
NUMBER = "(date_part('year', period) * 12 + date_part('month', period))"
AT = f"{FIRST.year * 12 + 1 + REFERENCE}"
SELECTED = f"{NUMBER} BETWEEN {AT} - {SELECTION - 1} AND {AT}"


def keys(*tables: str) -> tuple[str, ...]:
    """Give the key columns of a row of some of these tables, by name."""
    return tuple(f"coalesce({', '.join(f'{table}.{key}' for table in tables)})" for key in KEYS)


def joined(table: str, *before: str) -> str:
    """Join a table to those before it, fully: not every engine merges the keys of USING."""
    on = (f"{one} = {table}.{key}" for one, key in zip(keys(*before), KEYS, strict=True))
    return f"FULL JOIN {table} ON {' AND '.join(on)}"


def named(*tables: str) -> str:
    """Select the keys of full joins by their names."""
    return ", ".join(f"{one} AS {key}" for one, key in zip(keys(*tables), KEYS, strict=True))


# All rows through windows over persons.
WINDOWS = f"""
WITH numbered AS (
  SELECT *, {NUMBER} AS month,
    {NUMBER} - row_number() OVER (PARTITION BY person, recipient ORDER BY period) AS island
  FROM register),
followed AS (
  SELECT *, row_number() OVER (PARTITION BY person, recipient, island ORDER BY period) AS length,
    max(CASE WHEN recipient AND {SELECTED} THEN 1 ELSE 0 END) OVER (PARTITION BY person) AS prior,
    {
    ", ".join(
        f"max(CASE WHEN month = {AT} AND age BETWEEN 18 AND 66 THEN {c} END) "
        f"OVER (PARTITION BY person) AS old_{c}"
        for c in ("unit", "family", "origin")
    )
}
  FROM numbered),
here AS (
  SELECT {", ".join(KEYS)}, count(*) AS n,
    {", ".join(f"sum(CAST({c} AS DOUBLE)) AS {c}" for c in SUMS[1:])},
    sum(CASE WHEN recipient THEN 1 ELSE 0 END) AS spells,
    sum(CASE WHEN recipient THEN least(length, {LONGEST}) ELSE 0 END) AS spell
  FROM followed WHERE age BETWEEN 18 AND 66 GROUP BY {", ".join(KEYS)}),
before AS (
  SELECT old_unit AS unit, period, old_family AS family, old_origin AS origin,
    count(*) AS members, sum(CASE WHEN employed THEN 1 ELSE 0 END) AS member_employed
  FROM followed WHERE prior = 1 AND old_unit IS NOT NULL
  GROUP BY old_unit, period, old_family, old_origin)
SELECT {named("here", "before")}, {", ".join(SUMS)}, spells, spell, members, member_employed
FROM here {joined("before", "here")}
"""
# Recipients first, so that windows and joins see few rows.
FILTERED = f"""
WITH recipients AS (
  SELECT person, period, unit, age, family, origin,
    {NUMBER} - row_number() OVER (PARTITION BY person ORDER BY period) AS island
  FROM register WHERE recipient),
lengths AS (
  SELECT *, row_number() OVER (PARTITION BY person, island ORDER BY period) AS length
  FROM recipients),
spelled AS (
  SELECT {", ".join(KEYS)}, count(*) AS spells, sum(least(length, {LONGEST})) AS spell
  FROM lengths WHERE age BETWEEN 18 AND 66 GROUP BY {", ".join(KEYS)}),
members AS (
  SELECT person, unit, family, origin FROM register
  WHERE {NUMBER} = {AT} AND age BETWEEN 18 AND 66 AND person IN (
    SELECT person FROM register WHERE recipient AND {SELECTED})),
before AS (
  SELECT m.unit, r.period, m.family, m.origin,
    count(*) AS members, sum(CASE WHEN r.employed THEN 1 ELSE 0 END) AS member_employed
  FROM register r JOIN members m ON r.person = m.person
  GROUP BY m.unit, r.period, m.family, m.origin),
here AS ({RESIDENTS})
SELECT {named("here", "spelled", "before")},
  {", ".join(SUMS)}, spells, spell, members, member_employed
FROM here {joined("spelled", "here")} {joined("before", "here", "spelled")}
"""


def load(name: str) -> None:
    """Import what a contender runs on."""
    engine = name.partition("_")[0]
    __import__(engine if engine in ("duckdb", "datafusion", "pandas") else "polars")


def by_duckdb(folder: Path, query: str) -> pl.DataFrame:
    """Run a query with DuckDB on two threads."""
    import duckdb

    base = duckdb.connect(config={"threads": 2, "temp_directory": str(folder / "spill")})
    base.execute(
        f"CREATE VIEW register AS SELECT * FROM read_parquet('{folder}/register/*.parquet')"
    )
    return pl.DataFrame(pl.from_arrow(base.sql(query).to_arrow_table()))


def by_datafusion(folder: Path, query: str) -> pl.DataFrame:
    """Run a query with DataFusion on two partitions."""
    import datafusion

    context = datafusion.SessionContext(datafusion.SessionConfig().with_target_partitions(2))
    context.register_parquet("register", str(folder / "register"))
    return pl.DataFrame(pl.from_arrow(context.sql(query).to_arrow_table()))


def pandas_history(folder: Path) -> pl.DataFrame:
    """Make *history* with pandas, as such scripts are written."""
    import pandas as pd

    names = ["person", "age", "recipient", "employed", "earnings", "benefit", *KEYS]
    rows = pd.concat([pd.read_parquet(path, columns=names) for path in files(folder)])
    rows = rows.sort_values(["person", "period"], ignore_index=True)
    period = pd.to_datetime(rows["period"])
    rows["month"] = period.dt.year * 12 + period.dt.month
    rows["of_age"] = rows["age"].between(18, 66)
    last = rows.groupby("person")[["month", "recipient"]].shift()
    goes_on = rows["recipient"] & (last["recipient"] == True) & (last["month"] == rows["month"] - 1)  # noqa: E712
    island = (~goes_on).cumsum()
    rows["spell"] = (rows.groupby(island).cumcount() + 1).clip(upper=LONGEST)
    by, at = list(KEYS), int(AT)
    here = (
        rows[rows["of_age"]]
        .groupby(by, observed=True)
        .agg(n=("person", "size"), **{name: (name, "sum") for name in SUMS[1:]})
    )
    now = rows[rows["of_age"] & rows["recipient"]].groupby(by, observed=True)
    selected = rows["recipient"] & rows["month"].between(at - SELECTION + 1, at)
    frozen = rows[(rows["month"] == at) & rows["of_age"]]
    frozen = frozen[frozen["person"].isin(rows.loc[selected, "person"].unique())]
    kept = rows[["person", "period", "employed"]].merge(
        frozen[["person", "unit", "family", "origin"]], on="person"
    )
    members = kept.groupby(by, observed=True)["employed"].agg(members="size", member_employed="sum")
    spells = now["spell"].agg(spells="size", spell="sum")
    return pl.from_pandas(here.join(spells, how="outer").join(members, how="outer").reset_index())
