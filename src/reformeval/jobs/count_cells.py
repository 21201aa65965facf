"""Count one bucket of a register for a reform: sums by cell, and the sample flow.

Inputs: the bucket, the summaries of all buckets, and where they are needed the changes of units
over time and the file that says when units adopt. Outputs: cells and flow. They are not suppressed
and stay in the restricted folder; `check_data` adds up those of all buckets.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from reformeval.jobs._cli import Call, log, run
from reformeval.jobs._register import held
from reformeval.jobs._source import PanelJob, with_adopted
from reformeval.panel.from_register import count
from reformeval.panel.relative import with_denominators
from reformeval.spec import from_json


def count_cells(call: Call) -> None:
    """Read the bucket in batches and write its sums."""
    job = from_json(PanelJob, call.spec)
    job = replace(job, panel=with_adopted(job, call.inputs))
    bucket, *_ = call.inputs
    source: Any = job.source.model()
    spec = with_denominators(job.panel)
    counted = count(bucket, held(job, call), source.register_groups(), spec, log.info)
    log.info("%s, %s: %d cells", job.panel.reform, bucket.stem, counted.cells.height)
    for line in counted.lines():
        log.info(line)
    counted.write(*call.outputs)


if __name__ == "__main__":
    run(count_cells)
