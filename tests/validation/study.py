"""The study on simulated registers: bias with planted effects, size and coverage without.

    python -m tests.validation.study planted --registers 200
    python -m tests.validation.study null --registers 500
    python -m tests.validation.study verify
    python -m tests.validation.study report

Each register is one row group of its own in `.reformeval/validation/`, so a stopped study goes on
where it was. `verify` runs the first registers of both parts again and says whether the present
code still gives the same rows. `report` writes the summaries of this study and of `sizes` to
`docs/validation/`, where it was run, and the page `docs/validation.md` from all summaries there.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("POLARS_MAX_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import polars as pl

from reformeval.code_hash import code_hash
from tests.validation import page, register_page, registers, sizes, studies

RAW = studies.RAW
FIRST_SEED = {"planted": 1_000, "null": 5_000}
ROWS = {"planted": registers.planted_rows, "null": registers.null_rows}
PERSONS = 40_000
AGAIN = 10  # registers of each part that `verify` runs again
VERIFIED = RAW / "verified.txt"


def main() -> None:
    """Run a part of the study, or write its page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=["planted", "null", "verify", "report"])
    parser.add_argument("--registers", type=int, default=200)
    parser.add_argument("--persons", type=int, default=PERSONS)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    if arguments.part == "report":
        report(arguments.persons)
        return
    if arguments.part == "verify":
        verify(arguments.persons)
        return
    run(arguments.part, arguments.registers, arguments.persons, arguments.workers)


def run(part: str, count: int, persons: int, workers: int) -> None:
    """Simulate and estimate the registers that are not there yet."""
    folder = RAW / part
    folder.mkdir(parents=True, exist_ok=True)
    seeds = range(FIRST_SEED[part], FIRST_SEED[part] + count)
    missing = [seed for seed in seeds if not (folder / f"{seed}.parquet").exists()]
    given = registers.setting(persons, planted=part == "planted")
    code = code_hash(*register_page.MODULES)
    with ProcessPoolExecutor(workers) as pool:
        for done, seed in enumerate(
            pool.map(partial(_one, ROWS[part], given, folder, code), missing), 1
        ):
            print(f"{part}: register {seed} done, {done} of {len(missing)}", flush=True)


def _one(
    rows: Callable[[registers.Setting, int], list[dict[str, Any]]],
    given: registers.Setting,
    folder: Path,
    code: str,
    seed: int,
) -> int:
    path = folder / f"{seed}.parquet"
    temporary = path.with_suffix(".part")
    found = pl.DataFrame(rows(given, seed), infer_schema_length=None)
    found.with_columns(code_hash=pl.lit(code)).write_parquet(temporary)
    temporary.replace(path)
    return seed


def verify(persons: int) -> None:
    """Run the first registers of both parts again and note the code that gives the same rows.

    Raises
    ------
    SystemExit
        If a row differs.
    """
    for part, rows in ROWS.items():
        given = registers.setting(persons, planted=part == "planted")
        for seed in range(FIRST_SEED[part], FIRST_SEED[part] + AGAIN):
            before = pl.read_parquet(RAW / part / f"{seed}.parquet").drop("code_hash")
            if not pl.DataFrame(rows(given, seed), infer_schema_length=None).equals(before):
                raise SystemExit(f"{part}: register {seed} gives other rows: run the study again")
            print(f"{part}: register {seed} gives the same rows", flush=True)
    VERIFIED.write_text(f"{code_hash(*register_page.MODULES)} {AGAIN}", encoding="utf-8")


def report(persons: int) -> None:
    """Sum up the studies whose raw rows are here, and write the page from what is committed."""
    if all((RAW / part).exists() for part in ROWS):
        register_page.write(collect("planted"), collect("null"), persons, VERIFIED)
    if sizes.RAW.exists():
        sizes.report()
    page.write()


def collect(part: str) -> pl.DataFrame:
    """Every register of a part that is there."""
    return pl.read_parquet(sorted((RAW / part).glob("*.parquet")))


if __name__ == "__main__":
    main()
