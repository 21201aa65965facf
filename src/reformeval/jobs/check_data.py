"""Build a reform's panel aside and check it, before any earlier result is touched.

Inputs: the source's data file, or what was counted in the buckets of its register (`count_cells`)
with their summaries and the records of linking; the price index that outcomes are deflated by, the
changes of units over time, the file that says when units adopt, and last the data files of further
sources that outcomes are of. Outputs: panel, units, sample
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
from reformeval.errors import Problem, UserError
from reformeval.geography.moved import classification
from reformeval.jobs._cli import Call, log, run
from reformeval.jobs._source import PanelJob, prices, with_adopted
from reformeval.panel.joined import Part, for_members, joined, with_groups_told
from reformeval.panel.relative import relative, while_untreated, with_denominators
from reformeval.panel.result import PanelResult
from reformeval.panel.validate import validate
from reformeval.parts import OWN, of_source
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
    result = build(job, *call.inputs)
    if problems := problems_of(result, job):
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
    linked = replace(call, inputs=call.inputs[: len(call.inputs) - len(job.others)])
    records = merged([*_read(linked.within("records")), frame(result.found)])
    shown = published(records, job.panel.min_persons)
    for line in lines(shown, job.panel.min_persons):
        log.info(line)
    write_table(pl.concat([linking_flow(shown), result.flow]), flow, SAMPLE_FLOW)
    write_table(shown, found, SOURCE_DATA)
    write_json(_hashes(call, job), data)


def _read(records: Sequence[Path]) -> list[pl.DataFrame]:
    """Read what reading and linking raw files found; small counts are still in it."""
    return [read_table(path, SOURCE_DATA) for path in records]


def build(job: PanelJob, *inputs: Path) -> PanelResult:
    """Build the panel in memory from a job's inputs, outcomes on the scale that is asked for."""
    count = len(inputs) - len(job.others)
    source = job.source.model()
    own = job
    if job.others:
        mapped = {mapping.variable: mapping.values for mapping in job.panel.mappings}
        known = source.group_values() | mapped
        own = replace(job, panel=of_source(job.panel, OWN, known, job.panel.geography))
    make = _added_up if source.is_register else _of_table
    built = make(own, inputs[:count])
    if job.others:
        parts, problems = _parts(job, built, inputs)
        built = joined(built, parts)
        built = replace(built, problems=(*problems, *built.problems))
    scaled = while_untreated(relative(built.panel, job.panel), job.panel)
    built = replace(built, panel=scaled)
    return with_groups_told(built, job.panel) if job.others else built


def problems_of(result: PanelResult, job: PanelJob) -> list[Problem]:
    """Find what makes a panel unfit (`validate`)."""
    others = {other.name: other.source.model() for other in job.others}
    return validate(result, job.panel, job.source.model(), others=others)


def _of_table(job: PanelJob, inputs: Sequence[Path]) -> PanelResult:
    data, *others = inputs
    changes = classification(job.panel.geography, others)
    built: PanelResult = job.source.panel_module().build(
        job.source.model(), data, with_denominators(job.panel), changes
    )
    return built


def _parts(
    job: PanelJob, own: PanelResult, inputs: Sequence[Path]
) -> tuple[list[Part], list[Problem]]:
    """Build what each further source gives for the units of the reform's own.

    Returns
    -------
    What could be built, and why others could not.
    """
    parts, problems = [], []
    for other, path in zip(job.others, inputs[-len(job.others) :], strict=True):
        model = other.source.model()
        asked = of_source(job.panel, other.name, model.group_values(), other.geography)
        asked = for_members(asked, own)
        one = replace(job, source=other.source, panel=asked, others=())
        try:
            parts.append(Part(other.name, asked, _of_table(one, (path, *inputs))))
        except UserError as error:
            problems += error.problems
    return parts, problems


def _added_up(job: PanelJob, inputs: Sequence[Path]) -> PanelResult:
    """Add up what was counted in the buckets of a register."""
    register = import_module("reformeval.jobs._register")
    source: Any = job.source.model()
    call = Call("", tuple(inputs), ())
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
    return built


def _hashes(call: Call, job: PanelJob) -> dict[str, str]:
    """Hash of each file of the data; those of buckets were made when they were checked.

    A further source's file is under the source's name where another of the same name is there.
    """
    count = len(call.inputs) - len(job.others)
    call, beside = replace(call, inputs=call.inputs[:count]), call.inputs[count:]
    made = [call.within(folder, suffix) for folder, suffix in _OF_BUCKETS]
    known = {path for paths in made for path in paths}
    found = {path.name: sha256(path) for path in call.inputs if path not in known}
    for other, path in zip(job.others, beside, strict=True):
        digest = sha256(path)
        same = found.get(path.name, digest) == digest
        found[path.name if same else f"{other.name}: {path.name}"] = digest
    for path in (*call.within("records", ".json"), *call.within("summary", ".json")):
        found |= json.loads(path.read_text("utf-8"))
    return found


if __name__ == "__main__":
    run(check_data)
