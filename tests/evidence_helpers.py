"""Evidence about a small reform, for tests of effects and checks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from reformeval import artefacts, assessment, assignments, fit_files, periods
from reformeval.design import from_panel
from reformeval.estimators import _discover
from reformeval.evidence import Evidence
from reformeval.spec import AssessSpec, EstimateSpec, Headline, Outcome, Population, Step, Timing

TIMING = Timing(
    frequency="month",
    first=periods.parse("2019-01", "month"),
    last=periods.parse("2020-12", "month"),
    dropped=(periods.parse("2020-07", "month"),),
    steps=(
        Step("first", periods.parse("2020-01", "month"), "First"),
        Step("second", periods.parse("2020-06", "month"), "Second"),
    ),
    anticipation=2,
)
OUTCOMES = (
    Outcome("employed", Population("prior_recipients", 12), "points", "Employed", 1.0),
    Outcome("benefit", Population("current_recipients"), "NOK", "Benefit"),
)
GROUPS = ("all", "family=with_children")


def assess_spec(
    methods: tuple[str, ...] = ("did", "event_study", "synthetic_control"),
) -> AssessSpec:
    names = tuple(outcome.name for outcome in OUTCOMES)
    return AssessSpec(
        reform="test_reform",
        timing=TIMING,
        estimators=tuple(
            EstimateSpec("test_reform", m, m, TIMING, names, GROUPS, seed=1) for m in methods
        ),
        outcomes=OUTCOMES,
        headline=Headline("employed", "all", "did"),
        ci_level=0.95,
        min_persons=10,
        seed=1,
    )


def panel(units: int = 25, effect: float = 3.0, seed: int = 0, treated: int = 1) -> pl.DataFrame:
    """Unit effects, month effects and noise; the treated units' outcomes move by ``effect``."""
    rng = np.random.default_rng(seed)
    months = TIMING.periods
    names = [f"{4600 + u}" for u in range(units)]
    rows = []
    for outcome in OUTCOMES:
        for group in GROUPS:
            y = 60 + rng.normal(0, 3, (units, 1)) + rng.normal(0, 1, len(months))
            y = y + rng.normal(0, 0.5, (units, len(months)))
            y[:treated] += effect * (np.array(months) >= TIMING.adoption)
            for u, unit in enumerate(names):
                for t, month in enumerate(months):
                    rows.append(
                        (unit, month, group, outcome.name, outcome.population.kind, y[u, t],
                         200 + u + t, False)
                    )  # fmt: skip
    return pl.DataFrame(rows, schema=dict(artefacts.PANEL), orient="row")


def units_of(frame: pl.DataFrame, treated: int = 1) -> pl.DataFrame:
    names = frame["unit"].unique().sort().to_list()
    return artefacts.table(
        [
            {
                "unit": unit, "label": f"City {unit}", "weight": 1.0, "reason": None,
                "role": "treated" if i < treated else "donor",
                "adopted": TIMING.adoption if i < treated else None,
            }
            for i, unit in enumerate(names)
        ],
        artefacts.UNITS,
    )  # fmt: skip


def truth_of(frame: pl.DataFrame, effect: float, treated: int = 1) -> pl.DataFrame:
    """The planted effect, growing by 0.1 a month so that averages differ."""
    names = frame["unit"].unique().sort().to_list()[:treated]
    later = frame.filter(pl.col("unit").is_in(names), pl.col("period") >= TIMING.adoption)
    months = pl.col("period").dt.month().cast(pl.Float64)
    return later.select(
        "unit", "period", "group", "outcome", "population", effect=effect + 0.1 * months
    )


def suppress(frame: pl.DataFrame, where: pl.Expr) -> pl.DataFrame:
    return frame.with_columns(
        value=pl.when(where).then(None).otherwise("value"),
        n_persons=pl.when(where).then(4).otherwise("n_persons"),
        suppressed=where,
    ).cast(dict(artefacts.PANEL))


def evidence(
    folder: Path,
    frame: pl.DataFrame,
    spec: AssessSpec | None = None,
    truth: pl.DataFrame | None = None,
    treated: int = 1,
) -> Evidence:
    """Estimate, write the fits, and gather everything as the job does."""
    spec = spec or assess_spec()
    members = units_of(frame, treated)
    for one in spec.estimators:
        design = from_panel(
            frame, members, one.timing, one.outcomes, one.groups, one.weights, one.contrasts
        )
        fit = _discover.load(one.method).estimate(
            design, assignments.in_space(design, one.seed), one.options
        )
        fit_files.write(fit, design, folder / one.label)
    return assessment.gather(spec, frame, members, truth, folder)
