"""Write the tables and the report of a reform.

Inputs: the record of the data, the figures and every artefact up to the checks, texts and
templates. Outputs: ``report.html``, one page that needs nothing else, and the folder ``tables``.
"""

from __future__ import annotations

import json
from dataclasses import replace

from reformeval.jobs._cli import Call, log, run
from reformeval.jobs._report import ReportJob
from reformeval.report import write
from reformeval.report.results import read
from reformeval.spec import from_json
from reformeval.tables.write import build_tables, write_tables


def write_report(call: Call) -> None:
    """Write the tables, then the page that shows them."""
    job = from_json(ReportJob, call.spec)
    page, folder = call.outputs
    data = call.one("data.json")
    made_from = replace(job.made_from, inputs=json.loads(data.read_text(encoding="utf-8")))
    folder.mkdir(parents=True, exist_ok=True)
    results = read(page.parent, job.report)
    tables = build_tables(results)
    write_tables(tables, folder)
    write.write_report(results, tables, made_from.told())
    log.info("%s: %d kB", job.report.reform, page.stat().st_size // 1000)


if __name__ == "__main__":
    run(write_report)
