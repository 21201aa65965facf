"""A made-up register of person-months like a country's, for benchmarks of panels.

356 municipalities of very different size, ten years, persons who grow up, arrive, leave, move and
found families, and assistance in spells.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa

from reformeval import periods
from reformeval.register import bucket_names, buckets

FIRST, MONTHS = date(2013, 1, 1), 120
UNITS = tuple(f"{301 + 7 * i:04d}" for i in range(356))
FAMILIES = ("single", "couple", "couple_with_children", "single_parent")
ORIGINS = ("norwegian", "western", "non_western")
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


def generate(folder: Path, rows: int, count: int, progress: Callable[[str], None]) -> int:
    """Write the buckets, block by block of persons."""
    paths = [folder / "register" / f"{name}.parquet" for name in bucket_names.names(count)]
    total = number = 0
    with buckets.writing(paths, SCHEMA) as writer:
        while total < rows:
            share = min(1.0, (rows - total) / (BLOCK * MONTHS * 0.85))
            block = draw(number, max(200, round(BLOCK * share)))
            writer.write(block)
            total, number = total + block.num_rows, number + 1
            progress(f"{total:,} person-months made")
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
