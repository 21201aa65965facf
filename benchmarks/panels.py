"""Panels from a register of person-months, against other engines doing the same.

    python benchmarks/panels.py 10_000_000
    python benchmarks/panels.py 100_000_000 --run-only scan cells history duckdb_cells

Makes a register like a country's: 356 municipalities of very different size, ten years, persons who
grow up, arrive, leave, move and found families, and assistance in spells. Then makes

- *cells*: counts, shares, means and sums by municipality × month × family × origin;
- *history*: the same, the months of the spell in progress of current recipients, and the employment
  of prior recipients, frozen in the municipality and groups of the month before the reform.

The package's own functions are timed (`panel.from_register.count` for every bucket, then
`assemble`), next to a bare streaming scan of the same columns. Each contender runs in a process of
its own on the same files; CPU seconds are user + system time after imports, memory is the peak of
the process. All cells are compared. Needs duckdb, datafusion and pandas, as listed in
benchmarks/requirements.txt.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

os.environ.setdefault("POLARS_MAX_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import polars as pl
import pyarrow as pa

from reformeval import periods
from reformeval.artefacts import write_table
from reformeval.panel import from_register
from reformeval.panel.holdings import Holdings
from reformeval.register import bucket_names, buckets
from reformeval.register.groups import RegisterGroup
from reformeval.register.summary import SUMMARY, summarise, together
from reformeval.spec import Comparison, Group, Outcome, PanelSpec, Population, Step, Timing

FIRST, MONTHS, ADOPTION = date(2013, 1, 1), 120, 84
REFERENCE, SELECTION, LONGEST = ADOPTION - 1, 12, 12
UNITS = tuple(f"{301 + 7 * i:04d}" for i in range(356))
FAMILIES = ("single", "couple", "couple_with_children", "single_parent")
ORIGINS = ("norwegian", "western", "non_western")
KEYS = ("unit", "period", "family", "origin")
SUMS = ("n", "recipient", "employed", "earnings", "benefit")
MORE = ("spells", "spell", "members", "member_employed")
BLOCK = 15_000  # persons drawn at a time
TEXT = pa.dictionary(pa.int32(), pa.string())
SCHEMA = pa.schema(
    {
        "person": pa.int64(),
        "period": pa.date32(),
        "unit": TEXT,
        "age": pa.int16(),
        "sex": TEXT,
        "family": TEXT,
        "origin": TEXT,
        "recipient": pa.bool_(),
        "benefit": pa.float64(),
        "employed": pa.bool_(),
        "earnings": pa.float64(),
        "hours": pa.float64(),
    }
)


def main() -> None:
    """Make the register, run every contender on it, compare, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("rows", type=int, help="about how many person-months")
    parser.add_argument("--buckets", type=int, default=8)
    parser.add_argument("--folder", help="where the register is made, and deleted afterwards")
    parser.add_argument("--run-only", nargs="+", choices=RUNS, help="contenders; default: all")
    parser.add_argument("--run", choices=RUNS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.run:
        run(given.run, Path(given.folder))
        return
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        folder = Path(name)
        rows = generate(folder, given.rows, given.buckets)
        size = sum(path.stat().st_size for path in files(folder)) / 1e9
        print(f"{rows:,} person-months in {given.buckets} buckets, {size:.1f} GB", flush=True)
        found = {
            one: measured(one, folder)
            for one in dict.fromkeys(["check", *(given.run_only or RUNS)])
        }
        report(found, folder)


def generate(folder: Path, rows: int, count: int) -> int:
    """Write the buckets, block by block of persons."""
    paths = [folder / "register" / f"{name}.parquet" for name in bucket_names.names(count)]
    total = number = 0
    with buckets.writing(paths, SCHEMA) as writer:
        while total < rows:
            share = min(1.0, (rows - total) / (BLOCK * MONTHS * 0.85))
            block = draw(number, max(200, round(BLOCK * share)))
            writer.write(block)
            total, number = total + block.num_rows, number + 1
    return total


def draw(number: int, persons: int) -> pa.Table:
    """Draw a block of persons, month by month."""
    rng = np.random.default_rng([2013, number])
    sizes = np.arange(1, len(UNITS) + 1) ** -0.9
    sizes /= sizes.sum()
    born = rng.integers(-68 * 12, -6 * 12, persons)  # months before the first
    arrives = np.where(rng.random(persons) < 0.12, rng.integers(0, MONTHS, persons), 0)
    leaves = np.where(rng.random(persons) < 0.10, rng.integers(1, MONTHS, persons), MONTHS)
    origin = rng.choice(3, persons, p=[0.82, 0.07, 0.11])
    standing, wage = rng.random(persons), rng.lognormal(10.4, 0.35, persons)
    unit = rng.choice(len(UNITS), persons, p=sizes)
    family, receives = (
        rng.choice(4, persons, p=[0.42, 0.24, 0.28, 0.06]),
        rng.random(persons) < 0.02,
    )
    spell = np.zeros(persons, dtype=np.int64)
    shape = (MONTHS, persons)
    columns = {
        name: np.empty(shape, dtype=np.int64) for name in ("unit", "family", "age", "benefit")
    }
    columns |= {
        name: np.empty(shape, dtype=np.int64) for name in ("recipient", "employed", "earnings")
    }
    for month in range(MONTHS):
        moving = rng.random(persons) < 0.004
        unit = np.where(moving, rng.choice(len(UNITS), persons, p=sizes), unit)
        changing = rng.random(persons) < 0.003
        family = np.where(changing, rng.choice(4, persons), family)
        stay, begin = 0.80 + 0.015 * np.minimum(spell, 10), 0.002 * (1 + 3 * (origin == 2))
        receives = rng.random(persons) < np.where(receives, stay, begin)
        spell = np.where(receives, spell + 1, 0)
        employed = standing + rng.normal(0, 0.05, persons) > 0.25 + 0.35 * receives
        columns["unit"][month], columns["family"][month] = unit, family
        columns["age"][month] = (month - born) // 12
        columns["recipient"][month], columns["employed"][month] = receives, employed
        columns["benefit"][month] = receives * rng.gamma(4, 2300, persons)
        columns["earnings"][month] = employed * wage * rng.lognormal(0, 0.08, persons)
    month = np.broadcast_to(np.arange(MONTHS)[:, None], shape)
    here = (month >= arrives) & (month < leaves) & (columns["age"] >= 16)
    chosen = np.ascontiguousarray(here.T)
    fixed = {"person": np.arange(persons) + number * BLOCK + 1, "origin": origin}
    columns |= {name: np.broadcast_to(values, shape) for name, values in fixed.items()}
    columns["sex"] = np.broadcast_to(np.arange(persons) % 2, shape)
    flat = {name: np.ascontiguousarray(values.T)[chosen] for name, values in columns.items()}
    starts = np.array([periods.shift(FIRST, i, "month") for i in range(MONTHS)], "datetime64[D]")
    flat["period"] = starts[np.ascontiguousarray(month.T)[chosen]]
    flat["hours"] = flat["employed"] * 37.5
    codes = {"unit": UNITS, "family": FAMILIES, "origin": ORIGINS, "sex": ("female", "male")}
    return pa.Table.from_arrays(
        [array(flat[field.name], field, codes.get(field.name)) for field in SCHEMA], schema=SCHEMA
    )


def array(values: np.ndarray, field: pa.Field, codes: tuple[str, ...] | None) -> pa.Array:
    """One column in the type of the register."""
    if codes is not None:
        index = pa.array(values.astype(np.int32))
        return pa.DictionaryArray.from_arrays(index, pa.array(codes))
    kinds = {pa.bool_(): np.bool_, pa.int16(): np.int16, pa.float64(): np.float64}
    return pa.array(values.astype(kinds.get(field.type, values.dtype)), type=field.type)


def files(folder: Path) -> list[Path]:
    """Give the buckets of the register."""
    return sorted((folder / "register").glob("*.parquet"))


# The package


def check(folder: Path) -> None:
    """Check every row and count rows and persons by unit and month; once per register."""
    found = together(summarise(path) for path in files(folder))
    write_table(found, folder / "summary.parquet", SUMMARY)


def cells(folder: Path) -> pl.DataFrame:
    """Count residents."""
    return package(folder, history=False)


def history(folder: Path) -> pl.DataFrame:
    """Count residents, spells of current recipients, and prior recipients."""
    return package(folder, history=True)


def package(folder: Path, history: bool) -> pl.DataFrame:
    """Make the panel with the package, and give its finest cells."""
    residents, now = Population("residents"), Population("current_recipients")
    outcomes = [
        Outcome(name, residents, "-", name)
        for name in ("recipients", "recipients_per_1000", "employed", "earnings", "benefit")
    ]
    if history:
        outcomes.append(Outcome("spell_months", now, "-", "spell", max_months=LONGEST))
        before = Population("prior_recipients", SELECTION)
        outcomes.append(Outcome("employed", before, "-", "employed before"))
    split = {"family": FAMILIES, "origin": ORIGINS}
    groups = {name: RegisterGroup(name, {c: (c,) for c in codes}) for name, codes in split.items()}
    crosses = [
        Group((("family", family), ("origin", origin))) for family in FAMILIES for origin in ORIGINS
    ]
    month = [periods.shift(FIRST, i, "month") for i in range(MONTHS)]
    timing = Timing("month", month[0], month[-1], (), (Step("s", month[ADOPTION], "s"),), 0)
    spec = PanelSpec(
        "benchmark", timing, UNITS[:1], Comparison(), tuple(outcomes), (Group(), *crosses), 5
    )
    held = Holdings(pl.read_parquet(folder / "summary.parquet"))
    counted = from_register.count(files(folder), held, groups, spec)
    before = cpu()
    panel = from_register.assemble(held, [counted], groups, spec).panel
    print(f"assemble {cpu() - before}", file=sys.stderr)
    assert panel["value"].count() > 0
    return finest(counted.cells, history)


def finest(whole: pl.DataFrame, history: bool) -> pl.DataFrame:
    """Bring the package's sums into the form of the others'."""

    def part(population: int, **named: str) -> pl.DataFrame:
        return (
            whole.filter(population=population)
            .select(
                *KEYS,
                *(
                    (
                        pl.col(f"sum:{c}") + pl.col(f"rest:{c}")
                        if kind == "sum"
                        else pl.col(f"n:{c}")
                    ).alias(to)
                    for to, (kind, _, c) in (
                        (to, text.partition(" ")) for to, text in named.items()
                    )
                ),
            )
            .with_columns(pl.col(pl.Enum).cast(pl.String))
        )

    names = {name: f"sum {name}" for name in SUMS[1:]}
    found = part(0, n="n recipient", **names)
    if history:
        spells = part(1, spells=f"n spell {LONGEST}", spell=f"sum spell {LONGEST}")
        members = part(2, members="n employed", member_employed="sum employed")
        for more in (spells, members):
            found = found.join(more, on=KEYS, how="full", coalesce=True)
    return found


# The others


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


ADDED = ", ".join(f"sum(CAST({c} AS DOUBLE)) AS {c}" for c in SUMS[1:])
RESIDENTS = f"""
SELECT {", ".join(KEYS)}, count(*) AS n, {ADDED}
FROM register WHERE age BETWEEN 18 AND 66 GROUP BY {", ".join(KEYS)}
"""
NUMBER = "(date_part('year', period) * 12 + date_part('month', period))"
AT = f"{FIRST.year * 12 + 1 + REFERENCE}"
SELECTED = f"{NUMBER} BETWEEN {AT} - {SELECTION - 1} AND {AT}"
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
SELECT * FROM here FULL JOIN before USING ({", ".join(KEYS)})
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
SELECT * FROM here FULL JOIN spelled USING ({", ".join(KEYS)})
FULL JOIN before USING ({", ".join(KEYS)})
"""


def by_duckdb(folder: Path, query: str) -> pl.DataFrame:
    """Run a query with DuckDB on two threads."""
    import duckdb

    base = duckdb.connect(config={"threads": 2, "temp_directory": str(folder / "spill")})
    base.execute(
        f"CREATE VIEW register AS SELECT * FROM read_parquet('{folder}/register/*.parquet')"
    )
    return pl.DataFrame(pl.from_arrow(base.execute(query).to_arrow_table()))


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


RUNS: dict[str, Callable[[Path], pl.DataFrame | None]] = {
    "check": check,
    "scan": scan,
    "cells": cells,
    "polars_cells": polars_cells,
    "duckdb_cells": lambda folder: by_duckdb(folder, RESIDENTS),
    "datafusion_cells": lambda folder: by_datafusion(folder, RESIDENTS),
    "history": history,
    "duckdb_filtered": lambda folder: by_duckdb(folder, FILTERED),
    "duckdb_windows": lambda folder: by_duckdb(folder, WINDOWS),
    "datafusion_filtered": lambda folder: by_datafusion(folder, FILTERED),
    "pandas_history": pandas_history,
}


def run(name: str, folder: Path) -> None:
    """Run one contender in this process and say what it took."""
    __import__(
        {"duckdb": "duckdb", "datafusion": "datafusion", "pandas": "pandas"}.get(
            name.partition("_")[0], "polars"
        )
    )
    before, start = cpu(), time.perf_counter()
    found = RUNS[name](folder)
    taken, passed = cpu() - before, time.perf_counter() - start
    if found is not None:
        found.write_parquet(folder / f"{name}.parquet")
    print(json.dumps({"cpu": taken, "wall": passed, "peak": peak()}))


def peak() -> float:
    """Peak memory of this process in MB; getrusage would give the parent's, if that is larger."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def cpu() -> float:
    """User and system seconds of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def measured(name: str, folder: Path) -> dict[str, float]:
    """Run one contender in a process of its own; empty where it does not come to its end."""
    command = [sys.executable, __file__, "0", "--folder", str(folder), "--run", name]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        print(
            f"{name}: {done.stderr.strip().splitlines()[-1:]}, status {done.returncode}", flush=True
        )
        return {}
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    print(
        f"{name}: {found['cpu']:.2f} s CPU, {found['peak']:,.0f} MB, {found['wall']:.2f} s",
        flush=True,
    )
    return found


def report(found: dict[str, dict[str, float]], folder: Path) -> None:
    """Print the table, with the largest relative difference to the package's cells."""
    print("\n| | CPU s | × scan | peak MB | differs by |\n|---|---|---|---|---|")
    bare = found.get("scan", {}).get("cpu", float("nan"))
    for name, took in found.items():
        if took:
            own = "history" if "cells" not in name else "cells"
            far = difference(folder / f"{own}.parquet", folder / f"{name}.parquet")
            cpu = took["cpu"]
            print(f"| `{name}` | {cpu:.1f} | {cpu / bare:.2f} | {took['peak']:,.0f} | {far} |")


def difference(own: Path, other: Path) -> str:
    """Largest difference of two sets of cells, relative to the value."""
    if own == other or not (own.is_file() and other.is_file()):
        return "–"
    a, b = (
        pl.read_parquet(path).with_columns(pl.col("period").cast(pl.Date)) for path in (own, other)
    )
    both = a.join(b, on=KEYS, how="full", suffix="_b", coalesce=True)
    gaps = [
        ((x - y).abs() / pl.max_horizontal(x.abs(), pl.lit(1.0))).max().alias(name)
        for name in a.columns[len(KEYS) :]
        for x, y in [(pl.col(c).cast(pl.Float64).fill_null(0.0) for c in (name, f"{name}_b"))]
    ]
    return f"{max(both.select(gaps).row(0)):.0e}"


if __name__ == "__main__":
    main()
