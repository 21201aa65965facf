"""An event study with person effects on a register, against the same regression in pyfixest.

    python benchmarks/person_effects.py 1_000_000 --pyfixest
    python benchmarks/person_effects.py 100_000_000

Makes a register in buckets of whole persons, sorted by person and month: 25 units of which five
adopt in one month, 46 months, persons who are absent now and then. Then fits treated x month terms
for 45 months, months and persons, with standard errors clustered by unit. Each program runs in a
process of its own and reads the same files; CPU seconds and peak memory are that process's.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("POLARS_MAX_THREADS", "2")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import polars as pl

UNITS, TREATED, MONTHS, ADOPTION = 25, 5, 46, 24
REFERENCE = ADOPTION - 1
TERMS = [month for month in range(MONTHS) if month != REFERENCE]
BUCKET = 2_000_000


def main() -> None:
    """Make the register, run each program on it, and compare."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("rows", type=int, help="about how many person-months")
    parser.add_argument("--pyfixest", action="store_true", help="run pyfixest too")
    parser.add_argument("--folder", help="where the register is made, and deleted afterwards")
    parser.add_argument("--run", choices=RUNS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.run:
        RUNS[given.run](Path(given.folder))
        return
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        folder = Path(name)
        rows = generate(folder, given.rows)
        print(f"{rows:,} rows in {len(buckets(folder))} buckets", flush=True)
        own = measured("sums", folder)
        measured("scan", folder)
        if given.pyfixest:
            other = measured("pyfixest", folder)
            compare(own, other)


def generate(folder: Path, rows: int) -> int:
    """Write the buckets; each is drawn by itself, so that memory does not grow with rows."""
    count = max(1, round(rows / BUCKET))
    persons = round(rows / count / MONTHS / 0.9)
    total = 0
    for index in range(count):
        rng = np.random.default_rng([2020, index])
        person = np.repeat(np.arange(persons) * count + index, MONTHS)
        month = np.tile(np.arange(MONTHS), persons)
        unit = np.repeat(rng.integers(0, UNITS, persons), MONTHS)
        level = np.repeat(rng.normal(30, 10, persons), MONTHS)
        effect = 0.5 * ((unit < TREATED) & (month >= ADOPTION))
        shock = np.random.default_rng(1).normal(size=(UNITS, MONTHS))[unit, month]
        y = level + 0.1 * month + shock + effect + rng.normal(0, 5, len(month))
        often = 0.2 * rng.random(persons)
        seen = rng.random(len(month)) >= often.repeat(MONTHS)
        frame = pl.DataFrame(
            {
                "person": person[seen],
                "month": month[seen].astype(np.int32),
                "unit": unit[seen].astype(np.int32),
                "y": y[seen],
            }
        )
        total += frame.height
        frame.write_parquet(folder / f"{index + 1}-of-{count}.parquet")
    return total


def buckets(folder: Path) -> list[Path]:
    """Files of the register."""
    return sorted(folder.glob("*-of-*.parquet"))


def sums(folder: Path) -> None:
    """Fit by adding up sums over persons, bucket by bucket."""
    from reformeval.register import person_effects

    total = person_effects.empty(UNITS, MONTHS)
    for path in buckets(folder):
        columns = (column.to_numpy() for column in pl.read_parquet(path).get_columns())
        person, month, unit, y = columns
        total = person_effects.add(total, person, unit, month, y)
    terms = len(TERMS)
    regressors = np.zeros((UNITS, MONTHS, 2 * terms))
    regressors[:, TERMS, np.arange(terms)] = 1
    regressors[:TREATED, TERMS, terms + np.arange(terms)] = 1
    found = person_effects.solve(total, regressors)
    save(folder, "sums", found.coefficients[terms:], found.covariance[terms:, terms:])


def scan(folder: Path) -> None:
    """Only read the files and add up their columns."""
    for path in buckets(folder):
        pl.read_parquet(path).sum()


def pyfixest(folder: Path) -> None:
    """Fit with pyfixest, at its default tolerance."""
    import pyfixest as pf

    names = [f"x{month}" for month in TERMS]
    frame = pl.concat([pl.read_parquet(path) for path in buckets(folder)]).with_columns(
        ((pl.col("unit") < TREATED) & (pl.col("month") == month)).cast(pl.Int8).alias(name)
        for name, month in zip(names, TERMS, strict=True)
    )
    model = pf.feols(
        f"y ~ {' + '.join(names)} | person + month",
        frame,
        vcov={"CRV1": "unit"},
        ssc=pf.ssc(k_adj=False, G_adj=True),
        copy_data=False,
        store_data=False,
        lean=True,
    )
    n, k = model._N, len(names) + MONTHS
    covariance = np.asarray(model._vcov) * (n - 1) / (n - k)
    save(folder, "pyfixest", np.asarray(model.coef()), covariance)


def save(folder: Path, name: str, coefficients: np.ndarray, covariance: np.ndarray) -> None:
    """Leave the numbers for the comparison."""
    errors = np.sqrt(np.diagonal(covariance))
    (folder / f"{name}.json").write_text(json.dumps([list(coefficients), list(errors)]))


RUNS = {"sums": sums, "scan": scan, "pyfixest": pyfixest}


def measured(name: str, folder: Path) -> np.ndarray:
    """Run one program in a process of its own and say what it took."""
    command = [sys.executable, __file__, "1", "--run", name, "--folder", str(folder)]
    process = os.posix_spawn(
        sys.executable,
        command,
        os.environ,
        file_actions=[(os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0)],
    )
    _, status, usage = os.wait4(process, 0)
    if status:
        raise SystemExit(f"{name} ended with status {os.waitstatus_to_exitcode(status)}")
    seconds, memory = usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024
    print(f"{name}: {seconds:,.1f} s CPU, {memory:,.0f} MB", flush=True)
    found = folder / f"{name}.json"
    return np.array(json.loads(found.read_text())) if found.exists() else np.zeros((2, 0))


def compare(own: np.ndarray, other: np.ndarray) -> None:
    """Print how far the two are apart, relative to pyfixest's numbers."""
    gap = np.abs(own / other - 1).max(axis=1)
    print(f"largest relative difference: coefficients {gap[0]:.1e}, standard errors {gap[1]:.1e}")


if __name__ == "__main__":
    main()
