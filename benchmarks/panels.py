"""Panels from a register of person-months, against other engines doing the same.

    python benchmarks/panels.py 10_000_000
    python benchmarks/panels.py 100_000_000 --run-only scan cells history duckdb_cells

Makes a register like a country's (`panel_register.py`), and from it

- *cells*: counts, shares, means and sums by municipality × month × family × origin;
- *history*: the same, the months of the spell in progress of current recipients, and the employment
  of prior recipients, frozen in the municipality and groups of the month before the reform.

The package's own functions are timed (`panel.from_register.count` for every bucket, then
`assemble`), next to a bare streaming scan of the same columns and to other engines
(`panel_engines.py`). Each contender runs in a process of its own on the same files; CPU seconds are
user + system time after imports, memory is the peak of the process. All cells are compared, and
the exit status is 1 if any differ. Needs duckdb, datafusion and pandas, as listed in
benchmarks/requirements.txt, for the contenders of those names only.
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
from pathlib import Path

os.environ.setdefault("POLARS_MAX_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numba
import panel_engines as engines
import polars as pl
from panel_engines import ADOPTION, KEYS, LONGEST, SELECTION, SUMS
from panel_register import FAMILIES, FIRST, MONTHS, ORIGINS, UNITS, files, generate

from reformeval import periods
from reformeval.artefacts import write_table
from reformeval.panel import from_register
from reformeval.panel.holdings import Holdings
from reformeval.register.groups import RegisterGroup
from reformeval.register.summary import SUMMARY, summarise, together
from reformeval.spec import Comparison, Group, Outcome, PanelSpec, Population, Step, Timing

CLOSE = 1e-9  # how far cells may differ, relative to their value
EVERY = 5.0  # seconds between lines of progress


def main() -> None:
    """Make the register, run every contender on it, compare, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("rows", type=int, help="about how many person-months")
    parser.add_argument("--buckets", type=int, default=8)
    parser.add_argument("--folder", help="where the register is made, and deleted afterwards")
    parser.add_argument("--run-only", nargs="+", choices=RUNS, help="contenders; default: all")
    parser.add_argument(
        "--times", type=int, default=1, help="runs in turn; shown is the middle one"
    )
    parser.add_argument("--run", choices=RUNS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.run:
        run(given.run, Path(given.folder))
        return
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        folder = Path(name)
        rows = generate(folder, given.rows, given.buckets, Progress())
        size = sum(path.stat().st_size for path in files(folder)) / 1e6
        print(f"{rows:,} person-months in {given.buckets} buckets, {size:,.0f} MB", flush=True)
        names = dict.fromkeys(["check", *(given.run_only or RUNS)])
        rounds = [{one: measured(one, folder) for one in names} for _ in range(given.times)]
        sys.exit(report({one: middle([each[one] for each in rounds]) for one in names}, folder))


class Progress:
    """Prints a line now and then."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def __call__(self, line: str) -> None:
        """Print the line, if the last one was some seconds ago."""
        if time.monotonic() - self._last > EVERY:
            self._last = time.monotonic()
            print(f"  {line}", file=sys.stderr, flush=True)


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
    """Make the panel with the package, and give the sums that it is made from."""
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
    counted = from_register.count(files(folder), held, groups, spec, Progress())
    panel = from_register.assemble(held, [counted], groups, spec).panel
    assert panel["value"].count() > 0
    return counted.cells


def finest(whole: pl.DataFrame) -> pl.DataFrame:
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
    if whole["population"].max() > 0:
        spells = part(1, spells=f"n spell {LONGEST}", spell=f"sum spell {LONGEST}")
        members = part(2, members="n employed", member_employed="sum employed")
        for more in (spells, members):
            found = found.join(more, on=KEYS, how="full", coalesce=True)
    return found


RUNS: dict[str, Callable[[Path], pl.DataFrame | None]] = {
    "check": check,
    "scan": engines.scan,
    "cells": cells,
    "polars_cells": engines.polars_cells,
    "duckdb_cells": lambda folder: engines.by_duckdb(folder, engines.RESIDENTS),
    "datafusion_cells": lambda folder: engines.by_datafusion(folder, engines.RESIDENTS),
    "history": history,
    "polars_history": engines.polars_history,
    "duckdb_filtered": lambda folder: engines.by_duckdb(folder, engines.FILTERED),
    "duckdb_windows": lambda folder: engines.by_duckdb(folder, engines.WINDOWS),
    "datafusion_filtered": lambda folder: engines.by_datafusion(folder, engines.FILTERED),
    "pandas_history": engines.pandas_history,
}


def run(name: str, folder: Path) -> None:
    """Run one contender in this process and say what it took."""
    own = name in ("check", "cells", "history")
    if own:
        numba.njit(lambda: None)()  # numba imports its compiler at the first call
    else:
        engines.load(name)
    before, start = cpu(), time.perf_counter()
    found = RUNS[name](folder)
    taken, passed, most = cpu() - before, time.perf_counter() - start, peak()
    if found is not None:
        (finest(found) if own else found).write_parquet(folder / f"{name}.parquet")
    print(json.dumps({"cpu": taken, "wall": passed, "peak": most}))


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
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        print(f"{name}: did not come to its end, status {done.returncode}", flush=True)
        return {}
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    print(
        f"{name}: {found['cpu']:.2f} s CPU, {found['peak']:,.0f} MB, {found['wall']:.2f} s",
        flush=True,
    )
    return found


def middle(runs: list[dict[str, float]]) -> dict[str, float]:
    """Give the run that took the middle time; empty if one did not come to its end."""
    if not all(runs):
        return {}
    return sorted(runs, key=lambda one: one["cpu"])[len(runs) // 2]


def report(found: dict[str, dict[str, float]], folder: Path) -> int:
    """Print the table, with the largest relative difference to the package's cells.

    Returns
    -------
    int
        1 if a contender did not come to its end or gives other cells, else 0.
    """
    print("\n| | CPU s | × scan | peak MB | differs by |\n|---|---|---|---|---|")
    bare = found.get("scan", {}).get("cpu", float("nan"))
    wrong = 0
    for name, took in found.items():
        if not took:
            wrong = 1
            continue
        own = "history" if "cells" not in name else "cells"
        far = difference(folder / f"{own}.parquet", folder / f"{name}.parquet")
        wrong |= far is not None and not far < CLOSE
        shown, used = "–" if far is None else f"{far:.0e}", took["cpu"]
        print(f"| `{name}` | {used:.1f} | {used / bare:.2f} | {took['peak']:,.0f} | {shown} |")
    return wrong


def difference(own: Path, other: Path) -> float | None:
    """Largest difference of two sets of cells, relative to the value; None: nothing to compare."""
    if own == other or not (own.is_file() and other.is_file()):
        return None
    a, b = (
        pl.read_parquet(path).with_columns(pl.col("period").cast(pl.Date)) for path in (own, other)
    )
    both = a.join(b, on=KEYS, how="full", suffix="_b", coalesce=True)
    gaps = [
        ((x - y).abs() / pl.max_horizontal(x.abs(), pl.lit(1.0))).max().alias(name)
        for name in a.columns[len(KEYS) :]
        for x, y in [(pl.col(c).cast(pl.Float64).fill_null(0.0) for c in (name, f"{name}_b"))]
    ]
    return float(max(both.select(gaps).row(0)))


if __name__ == "__main__":
    main()
