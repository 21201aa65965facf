"""Sum one bucket of persons for the estimators with person effects.

Inputs: a bucket of the register, the summaries of all buckets, and the changes of units over time
and the price index where they are needed. Output: sums by outcome, group and unit, in the
restricted folder.
"""

from __future__ import annotations

from typing import Any

from reformeval.artefacts import PERSON_SUMS, write_table
from reformeval.jobs._cli import Call, log, run
from reformeval.jobs._register import held
from reformeval.jobs._source import PanelJob, prices
from reformeval.panel.person_sums import build
from reformeval.person_files import table
from reformeval.spec import from_json


def sum_persons(call: Call) -> None:
    """Read one bucket in batches and write its sums."""
    job = from_json(PanelJob, call.spec)
    source: Any = job.source.model()
    index = prices(job.panel, call.inputs)
    units, sums = build(
        call.inputs[0], held(job, call), source.register_groups(), job.panel, index, log.info
    )
    rows = sum(int(one.rows.sum()) for one in sums.values())
    log.info("%s: %d series, %d person-months in them", job.panel.reform, len(sums), rows)
    write_table(table(sums, units), call.outputs[0], PERSON_SUMS)


if __name__ == "__main__":
    run(sum_persons)
