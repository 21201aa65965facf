"""The reader of fixed-width files against pandas.read_fwf: the same file and fields, one run.

    python benchmarks/readers.py [records]

Prints CPU seconds, records a second, the ratio, and whether both read the same. Needs pandas.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("POLARS_MAX_THREADS", "2")

import numpy as np
import pandas as pd
import polars as pl

from reformeval.register.forms import gather
from reformeval.sources.raw import kostra_11f
from reformeval.sources.raw._open import raw_files
from reformeval.sources.raw._read import column_names
from reformeval.sources.raw._write_kostra import kostra_lines
from reformeval.sources.raw.layout import load_layout
from reformeval.sources.raw.models import Kostra11F

RECORDS = 100_000
LAYOUT = load_layout("kostra_11f_2022")


def main(records: int) -> None:
    """Write a year of form 11F and read the fields that the package needs, in both ways."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        files = Kostra11F.model_validate(
            {"file": "11f_{year}.dat", "years": {"from": 2022, "to": 2022}}
        )
        path = data / "11f_2022.dat"
        path.write_bytes(kostra_lines(person_months(records), "kostra_11f_2022", seed=1))
        lines = path.read_bytes().count(b"\n")
        print(f"{lines:,} records, {path.stat().st_size / 2**20:.0f} MB")
        names = column_names(files)
        ours, read = timed(lambda: pl.concat(raw_files(files, data)[0].parts(names)))
        theirs, frame = timed(lambda: by_pandas(path, names))
        whole, _ = timed(lambda: gather(kostra_11f.read_each(files, data)).frame.lazy().collect())
        same = all(same_column(read[name], frame[name]) for name in names)
        for name, seconds in (
            (f"fixed_width, {len(names)} fields", ours),
            (f"pandas.read_fwf, {len(names)} fields", theirs),
            ("kostra_11f.read_each: checked, repaired, long by month", whole),
        ):
            print(f"{name}: {seconds:.2f} s, {lines / seconds:,.0f} records a second")
        print(f"ratio {theirs / ours:.0f}, whole form {theirs / whole:.1f}; same values: {same}")


def person_months(persons: int) -> pl.DataFrame:
    """Recipients of a year: some months each."""
    rng = np.random.default_rng(1)
    months = rng.integers(1, 13, persons)
    person = np.repeat(np.arange(1, persons + 1), months)
    month = np.concatenate([np.arange(1, n + 1) for n in months])
    return pl.DataFrame({"person": person, "month": month}).with_columns(
        pl.date(2022, pl.col("month"), 1).alias("period"),
        pl.lit(2022).alias("year"),
        (pl.col("person") * 100 + 11).cast(pl.String).str.zfill(11).alias("id"),
        (1_000 + pl.col("person") % 350).cast(pl.String).alias("unit"),
        pl.lit("female").alias("sex"),
        pl.lit("single").alias("family"),
        pl.lit(True).alias("recipient"),
        (pl.col("person") * 37 % 12_000).cast(pl.Float64).alias("benefit"),
    )


def by_pandas(path: Path, names: list[str]) -> pd.DataFrame:
    """Read the same fields the usual way."""
    fields = LAYOUT.pick(names, str(path))
    return pd.read_fwf(
        path,
        colspecs=[(field.first - 1, field.last) for field in fields],
        names=names,
        dtype={field.name: "str" for field in fields if field.type == "text"},
        encoding="cp1252",
        header=None,
    )


def same_column(ours: pl.Series, theirs: pd.Series) -> bool:
    """Whether both columns hold the same texts or numbers, and nothing in the same rows."""
    cells = [None if cell != cell else cell for cell in theirs.to_list()]
    return ours.equals(pl.Series(cells, dtype=ours.dtype, strict=False), null_equal=True)


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    """CPU seconds of all threads, and the result."""
    start = time.process_time()
    result = call()
    return time.process_time() - start, result


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else RECORDS)
