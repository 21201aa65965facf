"""List all reforms with their headlines.

Inputs: the reports, texts and templates. Output: ``results/index.html``.
"""

from __future__ import annotations

from reformeval.jobs._cli import Call, log, run
from reformeval.jobs._report import IndexJob
from reformeval.report import index
from reformeval.spec import from_json


def write_index(call: Call) -> None:
    """Write the page that leads to every report."""
    job = from_json(IndexJob, call.spec)
    index.write_index(call.outputs[0].parent, job.reforms)
    log.info("%d reforms", len(job.reforms))


if __name__ == "__main__":
    run(write_index)
