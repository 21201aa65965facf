"""From the files of the fits to the effects table and the checks of one reform."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from reformeval import artefacts, discovery, effects, fit_files
from reformeval.design import from_panel
from reformeval.evidence import Estimated, Evidence
from reformeval.inference import _router
from reformeval.spec import AssessSpec, EstimateSpec


def assess(
    spec: AssessSpec,
    panel: pl.DataFrame,
    units: pl.DataFrame,
    truth: pl.DataFrame | None,
    estimates: Path,
    source_data: pl.DataFrame | None = None,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Put uncertainty on every estimate of a reform and run every check.

    Parameters
    ----------
    spec
        What the reform asks.
    panel, units, truth
        Artefacts; no truth unless the source is simulated.
    estimates
        ``results/<reform>/estimates``: one folder of fit files per estimator label.
    source_data
        Artefact; None for sources that keep no record of how they were read.

    Returns
    -------
    effects, checks
        `artefacts.EFFECTS` and `artefacts.CHECKS`.
    """
    evidence = gather(spec, panel, units, truth, estimates, source_data)
    return effects.assemble(evidence), checks(evidence)


def gather(
    spec: AssessSpec,
    panel: pl.DataFrame,
    units: pl.DataFrame,
    truth: pl.DataFrame | None,
    estimates: Path,
    source_data: pl.DataFrame | None = None,
) -> Evidence:
    """Read the fits of a reform and let every inference method speak; as `assess`."""
    groups = dict.fromkeys(group for one in spec.estimators for group in one.groups)
    names = [outcome.name for outcome in spec.outcomes]
    return Evidence(
        spec=spec,
        design=from_panel(panel, units, spec.timing, names, list(groups)),
        estimated=tuple(
            _estimated(spec, one, panel, units, estimates / one.label) for one in spec.estimators
        ),
        panel=panel,
        truth=truth,
        source_data=source_data,
    )


def checks(evidence: Evidence) -> pl.DataFrame:
    """Run every check of `reformeval.diagnostics`, in alphabetical order."""
    rows = [
        row
        for name in discovery.names("diagnostics")
        for row in discovery.load("diagnostics", name).check(evidence)
    ]
    frame = artefacts.table(rows, artefacts.CHECKS)
    return frame.with_columns(pl.col("value", "p_value", "threshold").fill_nan(None))


def _estimated(
    spec: AssessSpec,
    one: EstimateSpec,
    panel: pl.DataFrame,
    units: pl.DataFrame,
    folder: Path,
) -> Estimated:
    design = from_panel(
        panel, units, one.timing, one.outcomes, one.groups, one.weights, one.contrasts
    )
    fit = fit_files.read(folder, design)
    methods = _router.chosen(spec.inference)
    # A smallest effect is in the outcome's unit, which the method's effects may not be.
    named = {outcome.name: outcome.smallest_effect_of_interest for outcome in spec.outcomes}
    sizes = named if one.unit is None else dict.fromkeys(named)
    margin = np.array(
        [np.nan if sizes[s.outcome] is None else sizes[s.outcome] for s in design.series],
        dtype=np.float64,
    )
    return Estimated(
        spec=one,
        design=design,
        fit=fit,
        intervals=tuple(
            found for method in methods.values()
            for found in method.infer(design, fit, spec.ci_level)
        ),
        chosen=_router.headline(design, fit, spec.inference, spec.ci_level),
        equivalence={
            name: method.equivalence(design, fit, margin)
            for name, method in methods.items() if hasattr(method, "equivalence")
        },
    )  # fmt: skip
