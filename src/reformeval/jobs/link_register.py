"""Link the forms of one bucket of persons into person-months.

Input: the folder ``forms`` that `split_register` wrote. Outputs: the bucket's part of the
register, and the record of what linking found in it.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from reformeval.artefacts import SOURCE_DATA, atomically, write_table
from reformeval.errors import UserError
from reformeval.jobs._cli import Call, log, run
from reformeval.register import records
from reformeval.register.bucket_forms import load
from reformeval.register.link import link
from reformeval.register.link_rules import LinkSpec
from reformeval.spec import from_json

ROW_GROUP = 500_000


def link_register(call: Call) -> None:
    """Write the person-months of a bucket, sorted by person and month."""
    spec = from_json(LinkSpec, call.spec)
    register, record = call.outputs
    bucket = register.stem
    try:
        linked, found = link(load(call.inputs[0], bucket, spec.forms), spec.rules)
    except UserError as error:
        raise UserError([f"bucket {bucket}: {problem}" for problem in error.problems]) from None
    log.info("%s: %d person-months", bucket, linked.height)
    atomically(register, lambda path: _write(linked, path))
    write_table(records.frame(found), record, SOURCE_DATA)


def _write(linked: pl.DataFrame, path: Path) -> None:
    linked.write_parquet(path, compression="zstd", statistics=True, row_group_size=ROW_GROUP)


if __name__ == "__main__":
    run(link_register)
