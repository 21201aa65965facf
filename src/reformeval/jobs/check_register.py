"""Check one bucket of a register, and count its rows and persons by unit and period.

Input: a bucket. Outputs: its summary, unsuppressed and therefore in the restricted folder, and
its hash, for the report.
"""

from __future__ import annotations

from reformeval.artefacts import write_json, write_table
from reformeval.jobs._cli import Call, log, run
from reformeval.provenance import sha256
from reformeval.register.batches import check_source
from reformeval.register.schema import REGISTER
from reformeval.register.summary import SUMMARY, summarise


def check_register(call: Call) -> None:
    """Read every row of the bucket once; whatever is wrong with it stops the run here."""
    (bucket,), (summary, data) = call.inputs, call.outputs
    check_source(bucket, REGISTER)
    found = summarise(bucket)
    log.info(
        "%s: %s person-months of %d units",
        bucket.stem,
        f"{found['rows'].sum():,}",
        found["unit"].n_unique(),
    )
    write_table(found, summary, SUMMARY)
    write_json({f"{bucket.parent.name}/{bucket.name}": sha256(bucket)}, data)


if __name__ == "__main__":
    run(check_register)
