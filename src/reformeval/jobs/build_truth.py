"""Compute the true effects of a simulated reform.

Inputs: the buckets of the register, those of the persons without the reform's effect, and the
price index that outcomes are deflated by. Output: ``truth.parquet``.
"""

from __future__ import annotations

from typing import Any

from reformeval.artefacts import TRUTH, write_table
from reformeval.jobs._cli import Call, log, run
from reformeval.jobs._source import PanelJob, prices, with_adopted
from reformeval.panel.relative import with_denominators
from reformeval.spec import from_json


def build_truth(call: Call) -> None:
    """Write the difference between both potential outcomes of the treated units."""
    job = from_json(PanelJob, call.spec)
    register, untreated = (call.within(folder) for folder in ("register", "register_untreated"))
    source: Any = job.source.model()
    truth = job.source.panel_module().truth(
        register,
        untreated,
        source.register_groups(),
        with_denominators(with_adopted(job, call.inputs)),
        prices(job.panel, call.inputs),
        log.info,
    )
    log.info("%s: %d true effects", job.panel.reform, truth.height)
    write_table(truth, call.outputs[0], TRUTH)


if __name__ == "__main__":
    run(build_truth)
