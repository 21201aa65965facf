"""Minimum wages and teen employment (mpdta): published and csdid numbers.

References: Callaway & Sant'Anna, vignette of the R package did (group-time effects, simple average,
two-way fixed effects). Standard errors: Stata's csdid as diff-diff reproduces it.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from staggered_helpers import staggered

from reformeval.design import Design
from reformeval.diagnostics import goodman_bacon
from reformeval.estimators import _discover
from reformeval.fit import Fit

FILE = Path(os.environ.get("REFORMEVAL_DATA", "data")) / "mpdta/mpdta.csv"
pytestmark = pytest.mark.skipif(not FILE.is_file(), reason="mpdta is not there")

# R did: ATT(g, t), printed to four decimals
ATT = {
    (2004, 2004): -0.0105,
    (2004, 2005): -0.0704,
    (2004, 2006): -0.1373,
    (2004, 2007): -0.1008,
    (2006, 2006): -0.0046,
    (2006, 2007): -0.0412,
    (2007, 2007): -0.0261,
}


@pytest.fixture(scope="module")
def design() -> Design:
    rows = pl.read_csv(FILE).sort("countyreal", "year")
    y = rows["lemp"].to_numpy().reshape(-1, 5)
    first = rows["first.treat"].to_numpy().reshape(-1, 5)[:, 0]
    assert y.shape == (500, 5)
    return staggered(y, np.where(first > 0, first - 2003, -1).tolist())


def fit(method: str, design: Design, **options: str) -> Fit:
    found: Fit = _discover.load(method).estimate(design, design.adopted[None], options)
    return found


def shown(found: Fit, kind: str, cohort: int | None = None, event: int | None = None):  # type: ignore[no-untyped-def]
    """Estimate and standard error; the helper's years begin in 2000 and not in 2003."""
    (k,) = [
        k for k, e in enumerate(found.estimands)
        if e.kind == kind and e.event_time == event
        and (e.cohort.year + 3 if e.cohort else None) == cohort
    ]  # fmt: skip
    assert found.covariance is not None
    return found.estimate[0, 0, k], float(np.sqrt(found.covariance[0, k, k]))


@pytest.mark.parametrize("method", ["callaway_santanna", "sun_abraham"])
def test_group_time_effects(design: Design, method: str) -> None:
    found = fit(method, design)
    for (cohort, year), published in ATT.items():
        assert shown(found, "catt", cohort, year - cohort)[0] == pytest.approx(published, abs=5e-5)
    assert shown(found, "att")[0] == pytest.approx(-0.0400, abs=5e-5)


def test_standard_errors_are_csdids(design: Design) -> None:
    found = fit("callaway_santanna", design)
    # csdid: simple 0.0120; dynamic 0.0118, 0.0169, 0.0364, 0.0344; 2004 by year .0233 to .0344
    assert shown(found, "att")[1] == pytest.approx(0.0120, abs=5e-5)
    for event, error in enumerate((0.0118, 0.0169, 0.0364, 0.0344)):
        assert shown(found, "event", event=event)[1] == pytest.approx(error, abs=5e-5)
    for event, error in enumerate((0.0233, 0.0310, 0.0364, 0.0344)):
        assert shown(found, "catt", 2004, event)[1] == pytest.approx(error, abs=5e-5)


def test_the_joint_covariance_combines(design: Design) -> None:
    """The variance of a cohort's average follows from the covariance of its event times."""
    found = fit("callaway_santanna", design)
    own = [
        k for k, e in enumerate(found.estimands)
        if e.kind == "catt" and e.cohort == design.periods[1] and e.event_time in range(4)
    ]  # fmt: skip
    assert found.covariance is not None
    block = found.covariance[0][np.ix_(own, own)]
    assert np.sqrt(block.mean()) == pytest.approx(shown(found, "cohort", 2004)[1], rel=1e-12)


def test_imputation_and_two_stage_share_points(design: Design) -> None:
    """diff-diff 3.13 and pyfixest's did2s: -0.0477; standard errors as they print them."""
    points = [shown(fit(method, design), "att") for method in ("imputation", "two_stage")]
    assert [round(value, 4) for value, _ in points] == [-0.0477, -0.0477]
    assert [round(error, 4) for _, error in points] == [0.0132, 0.0135]


def test_local_projections_are_not_yet_treated_differences(design: Design) -> None:
    lp = fit("local_projections", design)
    cs = fit("callaway_santanna", design, donors="not_yet_treated")
    for event in (-4, -3, -2, 0, 1, 2, 3):
        value, error = shown(lp, "event", event=event)
        other = shown(cs, "event", event=event)
        assert value == pytest.approx(other[0], abs=1e-12)
        assert error == pytest.approx(other[1], rel=1e-6)


def test_two_way_fixed_effects(design: Design) -> None:
    """R did's vignette: -0.0365 (0.0133), beside the estimates as a check."""
    value, error = goodman_bacon.coefficient(design, 0)
    assert value == pytest.approx(-0.0365, abs=5e-5)
    assert error == pytest.approx(0.0133, abs=5e-5)


@pytest.mark.slow
def test_two_stage_is_pyfixests(design: Design) -> None:
    """pyfixest's did2s, as near as it stops, and both stages by least squares without iteration.

    Its standard error has another small-sample factor. Without the cohort of 2004, which has one
    untreated year: did2s fails there.
    """
    import pandas as pd
    import pyfixest

    design = design.select(np.array([0]), np.flatnonzero(design.adopted != 1))
    units = len(design.units)
    rows = pd.DataFrame(
        {
            "y": design.y[0].ravel(),
            "unit": np.repeat(np.arange(units), 5),
            "year": np.tile(np.arange(5), units),
            "treat": design.post_cells.ravel(),
        }
    )
    found = pyfixest.did2s(
        rows, yname="y", first_stage="~ 0 | unit + year", second_stage="~ i(treat, ref=False)",
        treatment="treat", cluster="unit",
    )  # fmt: skip
    value, error = shown(fit("two_stage", design), "att")
    assert float(found.coef().iloc[0]) == pytest.approx(value, abs=1e-5)
    effects = np.hstack([np.kron(np.eye(units), np.ones((5, 1))), np.tile(np.eye(5), (units, 1))])
    y, treated = design.y[0].ravel(), design.post_cells.ravel()
    fitted = effects @ np.linalg.lstsq(effects[~treated], y[~treated], rcond=None)[0]
    assert (y - fitted)[treated].mean() == pytest.approx(value, abs=1e-10)
    assert float(found.se().iloc[0]) == pytest.approx(error, rel=0.01)
