"""The files between stages: their columns, and reading and writing them whole.

Every artefact has a schema here, checked on writing and on reading, so that a stage never works
on a file that an older version or another program left behind. Columns are only ever added, at
the end.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl

from reformeval.errors import Problem, UserError

Schema = Mapping[str, Any]

PANEL: Schema = {
    "unit": pl.String,
    "period": pl.Date,
    "group": pl.String,
    "outcome": pl.String,
    "population": pl.String,
    "value": pl.Float64,
    "n_persons": pl.Int64,
    "suppressed": pl.Boolean,
}
UNITS: Schema = {
    "unit": pl.String,
    "label": pl.String,
    "role": pl.String,
    "adopted": pl.Date,
    "weight": pl.Float64,
    "reason": pl.String,
}
TRUTH: Schema = {
    "unit": pl.String,
    "period": pl.Date,
    "group": pl.String,
    "outcome": pl.String,
    "population": pl.String,
    "effect": pl.Float64,
}
SAMPLE_FLOW: Schema = {
    "population": pl.String,
    "step": pl.String,
    "persons": pl.Int64,
    "person_periods": pl.Int64,
    "persons_lost": pl.Int64,
    "person_periods_lost": pl.Int64,
    "reason": pl.String,
}
SOURCE_DATA: Schema = {
    "kind": pl.String,
    "rule": pl.String,
    "source": pl.String,
    "count": pl.Int64,
    "of": pl.Int64,
    "unit": pl.String,
    "message": pl.String,
}
DOSE: Schema = {
    "unit": pl.String,
    "period": pl.Date,
    "group": pl.String,
    "value": pl.Float64,
}
PATHS: Schema = {
    "outcome": pl.String,
    "group": pl.String,
    "assignment": pl.Int32,
    "unit": pl.String,
    "period": pl.Date,
    "event_time": pl.Int32,
    "observed": pl.Float64,
    "counterfactual": pl.Float64,
    "in_fit": pl.Boolean,
}
DRAWS: Schema = {
    "outcome": pl.String,
    "group": pl.String,
    "estimand": pl.String,
    "step": pl.String,
    "cohort": pl.Date,
    "event_time": pl.Int32,
    "assignment": pl.Int32,
    "statistic": pl.String,
    "value": pl.Float64,
}
WEIGHTS: Schema = {
    "outcome": pl.String,
    "group": pl.String,
    "assignment": pl.Int32,
    "kind": pl.String,
    "key": pl.String,
    "value": pl.Float64,
}
COVARIANCE: Schema = {
    "outcome": pl.String,
    "group": pl.String,
    "source": pl.String,
    "cohort_i": pl.Date,
    "event_i": pl.Int32,
    "cohort_j": pl.Date,
    "event_j": pl.Int32,
    "value": pl.Float64,
}
PERSON_SUMS: Schema = {
    "outcome": pl.String,
    "group": pl.String,
    "unit": pl.String,
    "rows": pl.List(pl.Int64),
    "moment": pl.List(pl.Float64),
    "cross": pl.List(pl.Float64),
}
EFFECTS: Schema = {
    "reform": pl.String,
    "outcome": pl.String,
    "group": pl.String,
    "estimator": pl.String,
    "estimand": pl.String,
    "step": pl.String,
    "event_time": pl.Int32,
    "estimate": pl.Float64,
    "std_error": pl.Float64,
    "ci_low": pl.Float64,
    "ci_high": pl.Float64,
    "ci_level": pl.Float64,
    "p_value": pl.Float64,
    "inference": pl.String,
    "p_value_floor": pl.Float64,
    "n_treated": pl.Int32,
    "n_donors": pl.Int32,
    "n_pre": pl.Int32,
    "n_post": pl.Int32,
    "n_persons": pl.Int64,
    "baseline": pl.Float64,
    "truth": pl.Float64,
    "status": pl.String,
    "reason": pl.String,
    "population": pl.String,
    "versus": pl.String,
    "cohort": pl.Date,
    "alternative": pl.String,
    "band": pl.String,
    "weights": pl.String,
    "measured_in": pl.String,
    "min_cell": pl.Int64,
    "p_adjusted": pl.Float64,
    "p_equivalence": pl.Float64,
    "minimum_detectable": pl.Float64,
    "verdict": pl.String,
    "is_headline": pl.Boolean,
}
EFFECTS_KEY = (
    "reform",
    "outcome",
    "population",
    "group",
    "versus",
    "estimator",
    "estimand",
    "step",
    "cohort",
    "event_time",
    "inference",
    "alternative",
    "band",
)
CHECKS: Schema = {
    "reform": pl.String,
    "outcome": pl.String,
    "group": pl.String,
    "estimator": pl.String,
    "step": pl.String,
    "inference": pl.String,
    "check": pl.String,
    "statistic": pl.String,
    "value": pl.Float64,
    "p_value": pl.Float64,
    "threshold": pl.Float64,
    "verdict": pl.String,
    "message": pl.String,
}


def table(rows: Sequence[Mapping[str, Any]], schema: Schema) -> pl.DataFrame:
    """Rows as a frame of the schema; a column that a row does not name is null there."""
    return pl.DataFrame([{name: row.get(name) for name in schema} for row in rows], schema=schema)


@contextmanager
def complete(path: Path) -> Iterator[Path]:
    """Give a temporary file beside ``path`` to fill, then put it in place at once.

    A run that is killed in between, or an error, leaves the old file or none, never half of one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def atomically(path: Path, write: Callable[[Path], None]) -> None:
    """Let ``write`` fill a temporary file beside ``path``, then put it in place at once."""
    with complete(path) as temporary:
        write(temporary)


@contextmanager
def complete_folder(folder: Path) -> Iterator[Path]:
    """Give an empty folder that takes its place only when everything in it is written.

    What a run that was killed left beside it is removed.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{folder.name}."
    for left in folder.parent.glob(f"{prefix}*"):
        shutil.rmtree(left)
    temporary = Path(tempfile.mkdtemp(prefix=prefix, dir=folder.parent))
    try:
        yield temporary
        shutil.rmtree(folder, ignore_errors=True)
        temporary.chmod(0o755)
        temporary.replace(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_text(text: str, path: Path) -> None:
    """Write a text file whole, in UTF-8."""
    atomically(path, lambda temporary: _put_text(temporary, text))


def _put_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")


def write_json(value: Any, path: Path) -> None:
    """Write JSON with sorted keys, so that equal values give equal bytes."""
    text = json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True, default=str)
    write_text(text + "\n", path)


def write_table(frame: pl.DataFrame, path: Path, schema: Schema) -> None:
    """Write a frame as Parquet (or CSV, by the path's ending) after checking its columns.

    Raises
    ------
    ValueError
        If columns or types are not those of the schema: a fault in the program, not in the data.
    """
    expected = pl.Schema(schema)
    if frame.schema != expected:
        raise ValueError(f"{path.name}: columns {frame.schema} are not the contract's {expected}")
    if path.suffix == ".csv":
        atomically(path, lambda temporary: frame.write_csv(temporary, float_precision=None))
    else:
        atomically(path, lambda temporary: frame.write_parquet(temporary, compression="zstd"))


def read_table(path: Path, schema: Schema) -> pl.DataFrame:
    """Read a Parquet artefact and check its columns against the contract.

    Raises
    ------
    UserError
        If the file lacks columns or they have other types; columns added at the end are ignored.
    """
    found = pl.read_parquet_schema(path)
    wrong = [name for name, kind in schema.items() if found.get(name) != kind]
    if wrong:
        raise UserError(
            Problem(
                f"columns {', '.join(wrong)} are missing or of another type than this version "
                "writes",
                where=str(path),
                fix="delete the file and run snakemake again",
            )
        )
    return pl.read_parquet(path, columns=list(schema))
