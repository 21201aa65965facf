"""Build a reform's panel aside and check it, before any earlier result is touched.

Inputs: the source's data file, or what was counted in the buckets of its register (`count_cells`)
with their summaries and the records of linking; the price index that outcomes are deflated by, the
changes of units over time, and the file that says when units adopt. Outputs: panel, units, sample
flow and what was done to the data, under ``.reformeval/checked/<reform>/``, for `build_panel` to
put among the results, and the hashes of the data, for the report. Where the data is bad this job
fails, and everything under ``results/`` stays as it was.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import polars as pl

from reformeval.artefacts import (
    PANEL,
    SAMPLE_FLOW,
    SOURCE_DATA,
    UNITS,
    read_table,
    write_json,
    write_table,
)
from reformeval.errors import UserError
from reformeval.geography.moved import classification
from reformeval.jobs._cli import Call, log, run
from reformeval.jobs._source import PanelJob, prices, with_adopted
from reformeval.panel.relative import relative, while_untreated, with_denominators
from reformeval.panel.result import PanelResult
from reformeval.panel.validate import validate
from reformeval.provenance import sha256
from reformeval.register.records import frame, lines, linking_flow, merged, published
from reformeval.spec import from_json

_OF_BUCKETS = (
    ("summary", ".parquet"),
    ("summary", ".json"),
    ("cells", ".parquet"),
    ("flow", ".parquet"),
    ("records", ".parquet"),
    ("records", ".json"),
)


def check_data(call: Call) -> None:
    """Build, check and write the panel; every problem found is told at once."""
    job = from_json(PanelJob, call.spec)
    panel, units, flow, data, found = call.outputs
    job = replace(job, panel=with_adopted(job, call.inputs))
    is_register = job.source.model().is_register
    result = _added_up(job, call) if is_register else build(job, *call.inputs)
    if problems := validate(result, job.panel, job.source.model()):
        raise UserError(problems)
    roles = dict(result.units["role"].value_counts().iter_rows())
    log.info(
        "%s: %d cells, %d of them without a value; units: %s",
        job.panel.reform,
        result.panel.height,
        result.panel["value"].null_count(),
        ", ".join(f"{count} {role}" for role, count in sorted(roles.items())),
    )
    write_table(result.panel, panel, PANEL)
    write_table(result.units, units, UNITS)
    records = merged([*_read(call.within("records")), frame(result.found)])
    shown = published(records, job.panel.min_persons)
    for line in lines(shown, job.panel.min_persons):
        log.info(line)
    write_table(pl.concat([linking_flow(shown), result.flow]), flow, SAMPLE_FLOW)
    write_table(shown, found, SOURCE_DATA)
    write_json(_hashes(call), data)


def _read(records: Sequence[Path]) -> list[pl.DataFrame]:
    """Read what reading and linking raw files found; small counts are still in it."""
    return [read_table(path, SOURCE_DATA) for path in records]


def build(job: PanelJob, data: Path, *others: Path) -> PanelResult:
    """Build the panel of a table in memory, outcomes on the scale that the reform asks for."""
    changes = classification(job.panel.geography, others)
    built: PanelResult = job.source.panel_module().build(
        job.source.model(), data, with_denominators(job.panel), changes
    )
    return _scaled(job, built)


def _scaled(job: PanelJob, built: PanelResult) -> PanelResult:
    return replace(built, panel=while_untreated(relative(built.panel, job.panel), job.panel))


def _added_up(job: PanelJob, call: Call) -> PanelResult:
    """Add up what was counted in the buckets of a register."""
    register = import_module("reformeval.jobs._register")
    source: Any = job.source.model()
    held = register.held(job, call)
    log.info("%s: %s person-months", job.panel.reform, f"{held.summary['rows'].sum():,}")
    built: PanelResult = job.source.panel_module().assemble(
        held,
        register.counted(call),
        source.register_groups(),
        with_denominators(job.panel),
        source.unit_labels(),
        prices(job.panel, call.inputs),
    )
    return _scaled(job, built)


def _hashes(call: Call) -> dict[str, str]:
    """Hash of each file of the data; those of buckets were made when they were checked."""
    made = [call.within(folder, suffix) for folder, suffix in _OF_BUCKETS]
    known = {path for paths in made for path in paths}
    found = {path.name: sha256(path) for path in call.inputs if path not in known}
    for path in (*call.within("records", ".json"), *call.within("summary", ".json")):
        found |= json.loads(path.read_text("utf-8"))
    return found


if __name__ == "__main__":
    run(check_data)
