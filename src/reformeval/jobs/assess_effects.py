"""Put uncertainty on every estimate of a reform and run every check.

Inputs: panel, units, truth (simulated sources), what was found in the source's data (registers)
and the files of every fit. Outputs:
``effects.parquet``, ``effects.csv`` and ``checks.parquet``.
"""

from __future__ import annotations

import polars as pl

from reformeval.artefacts import (
    CHECKS,
    EFFECTS,
    PANEL,
    SOURCE_DATA,
    TRUTH,
    UNITS,
    read_table,
    write_table,
)
from reformeval.assessment import assess
from reformeval.jobs._cli import Call, log, run
from reformeval.spec import AssessSpec, from_json


def assess_effects(call: Call) -> None:
    """Write the effects table, as Parquet and as CSV, and the checks."""
    spec = from_json(AssessSpec, call.spec)
    out, csv, checked = call.outputs
    truth = call.all("truth.parquet")
    found = call.all("source_data.parquet")
    effects, checks = assess(
        spec,
        read_table(call.one("panel.parquet"), PANEL),
        read_table(call.one("units.parquet"), UNITS),
        read_table(truth[0], TRUTH) if truth else None,
        out.parent / "estimates",
        pl.concat([read_table(path, SOURCE_DATA) for path in found]) if found else None,
    )
    log.info("%s: %s", spec.reform, _counts(effects["status"].to_list()))
    log.info("%s: checks: %s", spec.reform, _counts(checks["verdict"].to_list()))
    write_table(effects, out, EFFECTS)
    write_table(effects, csv, EFFECTS)
    write_table(checks, checked, CHECKS)


def _counts(values: list[str]) -> str:
    return ", ".join(f"{values.count(value)} {value}" for value in sorted(set(values)))


if __name__ == "__main__":
    run(assess_effects)
