"""Write a simulated register as the raw files that offices hold.

Inputs: the buckets of the register. Output: the folder ``raw``, which a source with
``simulated_from`` reads.
"""

from __future__ import annotations

from reformeval.artefacts import complete_folder
from reformeval.jobs._cli import Call, log, run
from reformeval.jobs._source import RegisterJob
from reformeval.sources.raw.write import write_forms
from reformeval.spec import from_json


def write_raw_forms(call: Call) -> None:
    """Write every form, complete or not at all."""
    job = from_json(RegisterJob, call.spec)
    (raw,) = call.outputs
    with complete_folder(raw) as folder:
        write_forms(call.inputs, folder, job.seed)
    sizes = [path.stat().st_size for path in raw.rglob("*") if path.is_file()]
    log.info("%d files, %s bytes", len(sizes), f"{sum(sizes):,}")


if __name__ == "__main__":
    run(write_raw_forms)
