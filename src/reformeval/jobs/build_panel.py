"""Put the checked panel among the results.

Inputs: panel, units and sample flow that `check_data` built. Outputs: ``panel.parquet``,
``units.parquet`` and ``sample_flow.csv`` of a reform.
"""

from __future__ import annotations

from reformeval.artefacts import PANEL, SAMPLE_FLOW, UNITS, read_table, write_table
from reformeval.jobs._cli import Call, run


def build_panel(call: Call) -> None:
    """Copy the three tables, each checked against its columns."""
    for source, target, schema in zip(
        call.inputs, call.outputs, (PANEL, UNITS, SAMPLE_FLOW), strict=True
    ):
        write_table(read_table(source, schema), target, schema)


if __name__ == "__main__":
    run(build_panel)
