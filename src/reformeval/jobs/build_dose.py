"""Put the dose of every unit, group and period among the results.

Inputs: ``units.parquet`` and the file of dated values. Output: ``dose.parquet``.
"""

from __future__ import annotations

from reformeval.artefacts import DOSE, UNITS, read_table, write_table
from reformeval.jobs._cli import Call, log, run
from reformeval.panel.dose import read
from reformeval.panel.units import members
from reformeval.spec import DoseSpec, from_json


def build_dose(call: Call) -> None:
    """Read the file for the treated units and the donors."""
    spec = from_json(DoseSpec, call.spec)
    units, file = call.inputs
    dose = read(file, spec.dose, spec.timing, members(read_table(units, UNITS)), spec.groups)
    low, high = dose["value"].min(), dose["value"].max()
    log.info("%s: dose from %s to %s %s", spec.reform, low, high, spec.dose.measured_in)
    write_table(dose, call.outputs[0], DOSE)


if __name__ == "__main__":
    run(build_dose)
