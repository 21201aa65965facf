"""All inference of a reform of Bergen's size: 6 outcomes × 9 groups, 24 donors, 68 months.

``python benchmarks/inference.py`` fits the four estimators with all placebos (not timed) and times
what `assess_effects` does with them: every method, the router, equivalence tests, checks and the
effects table. Seconds are of the process's CPU (user and system).
"""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import evidence_helpers as helpers
import numpy as np
import polars as pl

from reformeval import artefacts, assessment, assignments, effects, fit_files, periods
from reformeval.design import from_panel
from reformeval.estimators import _discover
from reformeval.inference import _router
from reformeval.spec import AssessSpec, EstimateSpec, Headline, Outcome, Population, Step, Timing

TIMING = Timing(
    "month",
    periods.parse("2017-01", "month"),
    periods.parse("2022-08", "month"),
    (periods.parse("2020-12", "month"),),
    (
        Step("rates_2020", periods.parse("2020-03", "month"), "First"),
        Step("rates_2021", periods.parse("2021-03", "month"), "Second"),
    ),
    3,
)
METHODS = ("did", "event_study", "synthetic_control", "synthetic_did")
GROUPS = ("all", *(f"group={i}" for i in range(8)))
NAMES = tuple(f"y{i}" for i in range(6))
OUTCOMES = tuple(Outcome(y, Population("residents"), "points", y, 1.0) for y in NAMES)


def spec() -> AssessSpec:
    estimators = tuple(EstimateSpec("bench", m, m, TIMING, NAMES, GROUPS, seed=1) for m in METHODS)
    headline = Headline("y0", "all", "did")
    return AssessSpec("bench", TIMING, estimators, OUTCOMES, headline, 0.95, 10, 1)


def panel(units: int = 25) -> pl.DataFrame:
    rng, months = np.random.default_rng(0), TIMING.periods
    parts = []
    for outcome in OUTCOMES:
        for group in GROUPS:
            y = 50 + rng.normal(0, 3, (units, 1)) + rng.normal(0, 1, len(months))
            noise = rng.normal(0, 1, (units, len(months)))
            for t in range(1, len(months)):
                noise[:, t] += 0.5 * noise[:, t - 1]
            parts.append(
                pl.DataFrame({
                    "unit": np.repeat([f"{4600 + u}" for u in range(units)], len(months)),
                    "period": list(months) * units,
                    "group": group, "outcome": outcome.name, "population": "residents",
                    "value": (y + noise).ravel(),
                    "n_persons": np.repeat(rng.integers(50, 5_000, units), len(months)),
                    "suppressed": False,
                }, schema=dict(artefacts.PANEL))
            )  # fmt: skip
    return pl.concat(parts)


def main() -> None:
    frame, asked = panel(), spec()
    members = helpers.units_of(frame).with_columns(
        adopted=pl.when(pl.col("role") == "treated").then(pl.lit(TIMING.adoption))
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for one in asked.estimators:
            design = from_panel(frame, members, TIMING, one.outcomes, one.groups, one.weights)
            fit = _discover.load(one.method).estimate(design, assignments.in_space(design, 1), {})
            fit_files.write(fit, design, folder / one.label)
        start = time.process_time()
        found = assessment.gather(asked, frame, members, None, folder)
        gathered = time.process_time()
        table = effects.assemble(found)
        assembled = time.process_time()
        checks = assessment.checks(found)
        end = time.process_time()
    print(f"reading fits and all inference {gathered - start:6.1f} s")
    print(f"effects table ({table.height} rows)  {assembled - gathered:6.1f} s")
    print(f"checks ({checks.height} rows)         {end - assembled:6.1f} s")
    print(f"all                            {end - start:6.1f} s")
    for one in found.estimated:
        assert one.fit is not None
        for method, module in _router.chosen(("auto",)).items():
            start = time.process_time()
            module.infer(one.design, replace(one.fit), 0.95)
            print(f"  {one.spec.label:18} {method:18} {time.process_time() - start:6.2f} s")


if __name__ == "__main__":
    main()
