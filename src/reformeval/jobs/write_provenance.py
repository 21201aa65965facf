"""Record what a reform's results are, what they were made from, when and at what cost.

Inputs: the record of the data and every result of a reform. Output: ``provenance.json``. Nothing
reads it, so that commit, times and memory, which differ from run to run, change no other file.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from reformeval.artefacts import write_json
from reformeval.jobs._cli import Call, log, run
from reformeval.jobs._report import ProvenanceJob
from reformeval.provenance import record
from reformeval.spec import from_json


def write_provenance(call: Call) -> None:
    """Write the record, with the sha256 of every output."""
    job = from_json(ProvenanceJob, call.spec)
    data, *outputs = call.inputs
    made_from = replace(job.made_from, inputs=json.loads(data.read_text(encoding="utf-8")))
    found = record(
        job.reform, made_from, outputs, [Path(folder) for folder in job.logs], Path(__file__)
    )
    log.info("%s: %d files, %.1f s of jobs", job.reform, len(found["outputs"]), found["seconds"])
    write_json(found, call.outputs[0])


if __name__ == "__main__":
    run(write_provenance)
