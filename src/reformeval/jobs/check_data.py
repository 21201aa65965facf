"""Build a reform's panel aside and check it, before any earlier result is touched.

Inputs: the source's data file, or its register, the price index that it is deflated by, and the
file with the changes of units over time. Outputs: panel, units, sample flow and what was done to
the data, under ``.reformeval/checked/<reform>/``, for `build_panel` to put among the results, and
the data files' hashes, for the report. Where the data is bad this job fails, and everything under
``results/`` stays as it was.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from reformeval.artefacts import PANEL, SAMPLE_FLOW, SOURCE_DATA, UNITS, write_json, write_table
from reformeval.errors import UserError
from reformeval.geography.moved import classification, moved
from reformeval.geography.unit_map import Place
from reformeval.jobs._cli import Call, log, run
from reformeval.jobs._source import PanelJob, prices
from reformeval.panel.result import PanelResult
from reformeval.panel.units import members
from reformeval.panel.validate import validate
from reformeval.provenance import sha256
from reformeval.register.records import frame, published
from reformeval.register.schema import scan
from reformeval.spec import from_json


def check_data(call: Call) -> None:
    """Build, check and write the panel; every problem found is told at once."""
    job = from_json(PanelJob, call.spec)
    panel, units, flow, data, found = call.outputs
    result = build(job, *call.inputs)
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
    for record in result.found:
        log.info("%s: %s", record.rule, record.message)
    write_table(result.panel, panel, PANEL)
    write_table(result.units, units, UNITS)
    write_table(result.flow, flow, SAMPLE_FLOW)
    records = published(frame(result.found), job.panel.min_persons)
    write_table(records, found, SOURCE_DATA)
    write_json({path.name: sha256(path) for path in call.inputs}, data)


def build(job: PanelJob, data: Path, *others: Path) -> PanelResult:
    """Build the panel in memory with the module for this kind of source."""
    source: Any = job.source.model()
    module = job.source.panel_module()
    spec = job.panel
    changes = classification(spec.geography, others)
    built: PanelResult
    if source.is_register:
        place = Place(str(data), "unit", "person-periods", spec.reform, spec.timing.frequency)
        register, labels = scan(data), source.unit_labels() or {}
        onto = moved(register, spec.geography, changes, place)
        if onto is not None:
            register, labels = onto.frame, onto.labels | labels
        index = prices(spec, others)
        built = module.build(register, source.register_groups(), spec, labels, index)
        return (
            built
            if onto is None
            else replace(built, found=(*onto.notes(members(built.units)), *built.found))
        )
    built = module.build(source, data, spec, changes)
    return built


if __name__ == "__main__":
    run(check_data)
