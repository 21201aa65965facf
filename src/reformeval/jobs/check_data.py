"""Build a reform's panel aside and check it, before any earlier result is touched.

Inputs: the source's data file, or its register, and the price index that it is deflated by.
Outputs: panel, units and sample flow under
``.reformeval/checked/<reform>/``, for `build_panel` to put among the results, and the data file's
hash, for the report. Where the data is
bad this job fails, and everything under ``results/`` stays as it was.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from reformeval.artefacts import PANEL, SAMPLE_FLOW, UNITS, write_json, write_table
from reformeval.errors import UserError
from reformeval.jobs._cli import Call, log, run
from reformeval.jobs._source import PanelJob, prices
from reformeval.panel.result import PanelResult
from reformeval.panel.validate import validate
from reformeval.provenance import sha256
from reformeval.register.schema import scan
from reformeval.spec import from_json


def check_data(call: Call) -> None:
    """Build, check and write the panel; every problem found is told at once."""
    job = from_json(PanelJob, call.spec)
    panel, units, flow, data = call.outputs
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
    write_table(result.panel, panel, PANEL)
    write_table(result.units, units, UNITS)
    write_table(result.flow, flow, SAMPLE_FLOW)
    write_json({path.name: sha256(path) for path in call.inputs}, data)


def build(job: PanelJob, data: Path, *others: Path) -> PanelResult:
    """Build the panel in memory with the module for this kind of source."""
    source: Any = job.source.model()
    module = job.source.panel_module()
    built: PanelResult
    if source.is_register:
        built = module.build(
            scan(data),
            source.register_groups(),
            job.panel,
            source.unit_labels(),
            prices(job.panel, others),
        )
    else:
        built = module.build(source, data, job.panel)
    return built


if __name__ == "__main__":
    run(check_data)
