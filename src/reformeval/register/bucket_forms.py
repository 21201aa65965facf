"""The forms of a source by bucket of persons: what splitting writes and linking reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import polars as pl

from reformeval.artefacts import Schema
from reformeval.register.forms import (
    ASSISTANCE,
    EXIT,
    JOB,
    PERSON_MONTH,
    RESIDENCE,
    SNAPSHOT,
)

FORMS: Mapping[str, Schema] = {
    "population": SNAPSHOT,
    "residence_spells": RESIDENCE,
    "exits": EXIT,
    "assistance": ASSISTANCE,
    "earnings": JOB,
    "person_months": PERSON_MONTH,
}


def load(folder: Path, bucket: str, forms: Iterable[str]) -> dict[str, pl.DataFrame]:
    """Read a bucket of the forms that were split; a form without rows in it is empty.

    ``exits`` are always there: without files nobody dies or emigrates.

    Parameters
    ----------
    folder
        With files ``<bucket>/<form>/*.parquet``.
    bucket
        Name of the bucket, e.g. ``1-of-8``.
    forms
        Forms of the source.
    """
    found = {}
    for form in dict.fromkeys([*forms, *(() if "person_months" in forms else ("exits",))]):
        files = sorted((folder / bucket / form).glob("*.parquet"))
        empty = pl.DataFrame(schema={**FORMS[form], "person": pl.Int64})
        found[form] = pl.read_parquet(files).drop("no_id") if files else empty
    return found
