"""The size study: how often every test rejects, with and without an effect.

    python -m tests.validation.sizes
    python -m tests.validation.sizes --verify
    python -m tests.validation.study report

Every test is the package's own, on many series of one design at once; a series is one draw. Cells
of `size_cells.grid` lie in `.reformeval/validation/sizes/` as p-values, so that a stopped study
goes on where it was. `--verify` runs the first draws of some cells again and notes which code gives
the same p-values. The report writes `docs/validation/sizes.csv`, the page, and the rows of
`reformeval.inference._sizes`.
"""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("POLARS_MAX_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import re
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl

from reformeval.artefacts import write_text
from reformeval.code_hash import code_hash
from reformeval.inference import _sizes
from tests.validation import size_cells, size_rows, size_tests, studies
from tests.validation.size_cells import Cell

RAW = studies.RAW / "sizes"
CSV = studies.FOLDER / "sizes.csv"
DRAWS = 2_000
VERIFIED = RAW / "verified.txt"
AGAIN = (Cell(1, 9, 2.0, "ar1"), Cell(1, 19, 1.0), Cell(5, 39, 1.0))
FIRST = 250  # draws of them
MODULES = tuple(
    f"reformeval.{module}"
    for module in (
        "estimators.did",
        "estimators.synthetic_control",
        *(f"inference.{name.split(',')[0]}" for name in size_tests.ONE if "known" not in name),
    )
)
_ROWS = re.compile(r"(# rows\n).*?(# end\n)", re.DOTALL)


def main() -> None:
    """Run the study, or a part of it again."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=DRAWS)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--verify", action="store_true")
    arguments = parser.parse_args()
    if arguments.verify:
        verify()
    else:
        run(arguments.draws, arguments.workers)


def run(draws: int, workers: int | None) -> None:
    """Draw and test the cells that are not there yet."""
    RAW.mkdir(parents=True, exist_ok=True)
    missing = [cell for cell in size_cells.grid() if not _path(cell).exists()]
    missing.sort(key=lambda cell: -cell.donors)  # the long ones first
    code = code_hash(*MODULES)
    with ProcessPoolExecutor(workers) as pool:
        for done, text in enumerate(pool.map(partial(_one, draws, code), missing), 1):
            print(f"{text}; {done} of {len(missing)}", flush=True)


def _path(cell: Cell) -> Path:
    return RAW / f"{cell.seed}-{cell.effect:g}.parquet"  # the seed is the same with an effect


def _one(draws: int, code: str, cell: Cell) -> str:
    start = time.process_time()
    found = [
        pl.DataFrame(
            {
                "p_value": tests.p_value,
                "refused_5": tests.refused[0],
                "refused_10": tests.refused[1],
            }
        ).with_columns(
            method=pl.lit(tests.method),
            estimator=pl.lit(tests.estimator),
            alternative=pl.lit(tests.alternative),
            why=pl.lit(tests.why),
            step=pl.lit(tests.step),
            code_hash=pl.lit(code),
        )
        for tests in size_tests.of_cell(cell, draws)
    ]
    temporary = _path(cell).with_suffix(".part")
    pl.concat(found).write_parquet(temporary)
    temporary.replace(_path(cell))
    return f"{cell}: {time.process_time() - start:.0f} s"


def read(cell: Cell) -> tuple[list[size_tests.Tests], set[str]]:
    """Read what was found in a cell, and with which code."""
    raw = pl.read_parquet(_path(cell))
    by = ["method", "estimator", "alternative", "why", "step"]
    tests = [
        size_tests.Tests(
            method, estimator, alternative,
            part["p_value"].to_numpy(),
            np.stack([part["refused_5"].to_numpy(), part["refused_10"].to_numpy()]),
            why, step,
        )
        for (method, estimator, alternative, why, step), part in raw.group_by(
            by, maintain_order=True
        )
    ]  # fmt: skip
    return tests, set(raw["code_hash"])


def verify() -> None:
    """Run the first draws of some cells again and note the code that gives the same p-values.

    Raises
    ------
    SystemExit
        If a p-value or a refusal differs.
    """
    for cell in AGAIN:
        for now, before in zip(size_tests.of_cell(cell, FIRST), read(cell)[0], strict=True):
            same = np.allclose(now.p_value, before.p_value[:FIRST], atol=1e-9, equal_nan=True)
            if not same or (now.refused != before.refused[:, :FIRST]).any():
                raise SystemExit(f"{cell}, {now.method} of {now.estimator}: run the study again")
    VERIFIED.write_text(code_hash(*MODULES), encoding="utf-8")


def report() -> None:
    """Write the table, the study's facts, and the rows that the package quotes."""
    rows, codes, draws = [], set(), set()
    for cell in size_cells.grid():
        tests, code = read(cell)
        codes |= code
        draws |= {len(one.p_value) for one in tests}
        rows += [row for one in tests for row in size_rows.of(cell, one)]
    table = size_rows.table(rows)
    write_text(size_rows.csv(table), CSV)
    again = VERIFIED.read_text(encoding="utf-8") if VERIFIED.exists() else None
    studies.note(
        "sizes",
        {
            "code": sorted(codes),
            "again": again and {"code": again, "cells": len(AGAIN), "draws": FIRST},
            "draws": max(draws),
            "bootstrap": size_tests.PLACEBOS,
        },
    )
    path = Path(str(_sizes.__file__))
    text = path.read_text(encoding="utf-8")
    quoted = "".join(
        f'    Size("{s.statistic}", {s.donors}, {s.sd_ratio}, {s.level}, {s.rate}, {s.draws}),\n'
        for s in size_rows.quoted(pl.read_csv(CSV))
    )
    filled = _ROWS.sub(lambda m: f"{m[1]}SIZES: tuple[Size, ...] = (\n{quoted})\n{m[2]}", text)
    write_text(filled, path)


if __name__ == "__main__":
    main()
