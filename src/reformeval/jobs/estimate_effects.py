"""Estimate every outcome in every group with one estimator, for the reform and all placebos.

Inputs: ``panel.parquet`` and ``units.parquet``; for methods with person effects the sums of every
bucket, for methods whose effects are per dose ``dose.parquet``. Outputs: the four files of a fit
under ``estimates/<label>/``.
"""

from __future__ import annotations

from dataclasses import replace

from reformeval import fit_files, person_files
from reformeval.artefacts import DOSE, PANEL, UNITS, read_table
from reformeval.assignments import in_space
from reformeval.design import from_panel, with_covariates, with_dose
from reformeval.estimators import _discover, _leaving
from reformeval.jobs._cli import Call, log, run
from reformeval.spec import EstimateSpec, from_json


def estimate_effects(call: Call) -> None:
    """Fit one estimator label of one reform."""
    spec = from_json(EstimateSpec, call.spec)
    panel, units, *more = call.inputs
    design = from_panel(
        read_table(panel, PANEL),
        read_table(units, UNITS),
        spec.timing,
        spec.outcomes,
        spec.groups,
        spec.weights,
        spec.contrasts,
    )
    if spec.dose is not None:
        design = with_dose(design, read_table(call.one("dose.parquet"), DOSE), spec.dose.per)
    elif more:
        design = replace(design, persons=person_files.read(more, design))
    if spec.covariates:
        design = with_covariates(design, read_table(panel, PANEL), spec.covariates)
    assignments = in_space(design, spec.seed)
    log.info(
        "%s: %d series, %d units, %d periods, %d assignments",
        spec.label,
        len(design.series),
        len(design.units),
        len(design.periods),
        len(assignments),
    )
    method = _discover.load(spec.method).estimate
    here = {unit: start for unit, start in spec.leaving if unit in design.units}
    leaves = [design.periods.index(start) for start in here.values()]
    fit = _leaving.estimate(method, design, assignments, spec.options, leaves)
    fit_files.write(fit, design, call.outputs[0].parent)


if __name__ == "__main__":
    run(estimate_effects)
