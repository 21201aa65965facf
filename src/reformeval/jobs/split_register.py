"""Read raw register files and split them by person into buckets.

Inputs: the raw files. Outputs: the folder ``forms``, with the rows of every form by bucket, the
record of what reading found, and the files' hashes. Persons have numbers from here on; their ids
are not written.
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

from reformeval.artefacts import SOURCE_DATA, complete_folder, write_json, write_table
from reformeval.jobs._cli import Call, log, run
from reformeval.jobs._source import SplitJob
from reformeval.provenance import hashes
from reformeval.register import records
from reformeval.register.split import SplitRules, split
from reformeval.sources.register import RegisterSource
from reformeval.sources.register_files import readings
from reformeval.spec import from_json


def split_register(call: Call) -> None:
    """Write the forms by bucket, complete or not at all."""
    job = from_json(SplitJob, call.spec)
    forms, record, hashed = call.outputs
    source = cast(RegisterSource, job.source.model())
    rules = SplitRules(
        source.link_rules(),
        job.buckets,
        source.max_unlinked,
        {name: files.file for name, files in source.forms()},
    )
    with complete_folder(forms) as folder:
        found = split(readings(source, Path(job.data)), folder, rules, log.info)
    write_table(records.frame(found), record, SOURCE_DATA)
    data = Path(job.data).as_posix()
    made = {name.removeprefix(f"{data}/"): value for name, value in hashes(call.inputs).items()}
    write_json(made, hashed)


if __name__ == "__main__":
    run(split_register)
