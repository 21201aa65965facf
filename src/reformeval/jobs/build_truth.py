"""Compute the true effects of a simulated reform.

Inputs: the register and the same persons without the reform's effect. Output: ``truth.parquet``.
"""

from __future__ import annotations

from typing import Any

from reformeval.artefacts import TRUTH, write_table
from reformeval.jobs._cli import Call, log, run
from reformeval.jobs._source import PanelJob, prices
from reformeval.register.schema import scan
from reformeval.spec import from_json


def build_truth(call: Call) -> None:
    """Write the difference between both potential outcomes of the treated units."""
    job = from_json(PanelJob, call.spec)
    register, untreated = call.one("register.parquet"), call.one("register_untreated.parquet")
    source: Any = job.source.model()
    truth = job.source.panel_module().truth(
        scan(register),
        scan(untreated),
        source.register_groups(),
        job.panel,
        prices(job.panel, call.inputs),
    )
    log.info("%s: %d true effects", job.panel.reform, truth.height)
    write_table(truth, call.outputs[0], TRUTH)


if __name__ == "__main__":
    run(build_truth)
