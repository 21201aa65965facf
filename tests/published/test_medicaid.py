"""Medicaid expansion: the event study of Rambachan & Roth's example (ehec data)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from design_helpers import make_design

from reformeval.design import Design
from reformeval.estimators import event_study

# coefficient, standard error, and half a unit of the last digit printed
PUBLISHED = {
    2008: (-0.0053, 0.0087, 5.1e-5),
    2014: (0.0464, 0.0092, 5.1e-5),
    2015: (0.0692, 0.01035, 5.1e-6),
}


def medicaid(data_dir: Path) -> Design:
    """Years before 2016 without states that expanded in 2015; 2014's expansion is the reform."""
    frame = pl.read_csv(
        data_dir / "ehec_medicaid" / "ehec_data.csv",
        schema_overrides={"year": pl.Int64, "yexp2": pl.Int64},
    ).filter(pl.col("year") < 2016, pl.col("yexp2").is_null() | (pl.col("yexp2") != 2015))
    assert frame.height == 344
    wide = frame.sort("year").pivot("year", index=["stfips", "yexp2"], values="dins")
    wide = wide.sort("stfips")
    expanded = (wide["yexp2"] == 2014).fill_null(False)
    return make_design(
        wide.drop("stfips", "yexp2").to_numpy(),
        adoption=2014 - 2008,
        treated=expanded.arg_true().to_list(),
        units=wide["stfips"].to_list(),
        frequency="year",
    )


def results(data_dir: Path) -> dict[str, list[float]]:
    design = medicaid(data_dir)
    fit = event_study.estimate(design, design.adopted[None], {})
    errors = fit.covariance[0].diagonal() ** 0.5
    return {
        str("att" if e.event_time is None else 2014 + e.event_time): [
            float(fit.estimate[0, 0, i]),
            float(errors[i]),
        ]
        for i, e in enumerate(fit.estimands)
    }


def test_event_study(data_dir: Path) -> None:
    found = results(data_dir)
    assert len(found) == 8  # the att and seven years; 2013 is the base
    for year, (estimate, error, tolerance) in PUBLISHED.items():
        assert found[str(year)][0] == pytest.approx(estimate, abs=5.1e-5)
        assert found[str(year)][1] == pytest.approx(error, abs=tolerance)
    mean = (found["2014"][0] + found["2015"][0]) / 2
    assert found["att"][0] == pytest.approx(mean, abs=1e-14)


@pytest.mark.slow
def test_standard_errors_do_not_depend_on_the_hash_seed(data_dir: Path) -> None:
    here = results(data_dir)
    code = (
        "import json, sys; from pathlib import Path; from test_medicaid import results;"
        "print(json.dumps(results(Path(sys.argv[1]))))"
    )
    path = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])
    for seed in range(6):
        run = subprocess.run(
            [sys.executable, "-c", code, str(data_dir)],
            env={**os.environ, "PYTHONHASHSEED": str(seed), "PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == 0, run.stderr
        found = json.loads(run.stdout)
        for key, values in here.items():
            assert found[key] == pytest.approx(values, rel=1e-9, abs=1e-15), (seed, key)
