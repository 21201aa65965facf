"""Estimators of staggered reforms against other people's packages.

synthdid-py and moderndid are not among the requirements: their numbers are stored, with the script
that made them and their versions (tests/references). pyfixest is run here. The placebo variance is
in test_prop99.py.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest
from staggered_helpers import staggered

from reformeval.design import Design
from reformeval.estimators import _discover
from reformeval.fit import Estimand, Fit

if TYPE_CHECKING:
    import pandas

STORED = json.loads(
    (Path(__file__).parents[1] / "references" / "staggered.json").read_text(encoding="utf-8")
)
CONTROL = {"never_treated": "nevertreated", "not_yet_treated": "notyettreated"}


def fit(method: str, design: Design, **options: str) -> Fit:
    found: Fit = _discover.load(method).estimate(design, design.adopted[None], options)
    return found


def frame_of(design: Design) -> pandas.DataFrame:
    """Long data for pyfixest: numbers for units and periods, cohort 0 for never."""
    import pandas as pd

    units, length = design.y.shape[1:]
    return pd.DataFrame(
        {
            "y": design.y[0].ravel(),
            "unit": np.repeat(np.arange(units), length),
            "year": np.tile(np.arange(length), units),
            "start": np.repeat(np.where(design.treated, design.adopted, 0), length),
            "treat": design.post_cells.ravel(),
        }
    )


def errors(found: Fit) -> np.ndarray:
    assert found.covariance is not None
    return np.sqrt(found.covariance[0].diagonal())


@pytest.mark.parametrize("stored", STORED["synthdid"], ids=lambda one: one["name"])
def test_synthetic_did_is_synthdid_py_s(stored: dict[str, Any]) -> None:
    """Its Frank-Wolfe steps stop before the optimum: the estimates differ by up to 5e-4."""
    design = staggered(np.array(stored["y"]), stored["dates"])
    found = fit("synthetic_did", design).estimate[0, 0]
    np.testing.assert_allclose(found, [stored["att"], *stored["cohorts"]], atol=1e-3)


def load(name: str, data_dir: Path) -> tuple[Design, int]:
    """Design of a data set, and the year of its first period."""
    if name == "mpdta":
        rows = pl.read_csv(data_dir / "mpdta" / "mpdta.csv").select(
            unit="countyreal", year="year", y="lemp", start="first.treat"
        )
    else:
        rows = pl.read_csv(
            data_dir / "ehec_medicaid" / "ehec_data.csv",
            schema_overrides={"year": pl.Int64, "yexp2": pl.Int64},
        ).select(
            unit="stfips", year="year", y="dins",
            start=pl.when(pl.col("yexp2") <= 2019).then(pl.col("yexp2")).otherwise(0),
        )  # fmt: skip
    rows = rows.sort("unit", "year")
    first, length = rows["year"].min(), rows["year"].n_unique()
    assert isinstance(first, int)
    y = rows["y"].to_numpy().reshape(-1, length)
    start = rows["start"].to_numpy().reshape(-1, length)[:, 0]
    return staggered(y, np.where(start > 0, start - first, -1).tolist()), first


@pytest.mark.parametrize("donors", CONTROL)
@pytest.mark.parametrize("name", ["mpdta", "medicaid"])
def test_callaway_santanna_is_moderndid_s(name: str, donors: str, data_dir: Path) -> None:
    """Every cohort in every year with a universal base, and the simple average.

    Both are sums of means and influence functions, so that only rounding is between them.
    """
    design, first = load(name, data_dir)
    stored = STORED["moderndid"][f"{name}, {CONTROL[donors]}"]
    found = fit("callaway_santanna", design, donors=donors)
    place = {estimand: k for k, estimand in enumerate(found.estimands)}
    error = errors(found)
    compared = 0
    for start, year, att, se in stored["cells"]:
        cohort = design.periods[start - first]
        k = place[Estimand("catt", event_time=year - start, cohort=cohort)]
        if se is None:
            assert np.isnan(found.estimate[0, 0, k]), "the reference"
            continue
        assert found.estimate[0, 0, k] == pytest.approx(att, abs=1e-12)
        assert error[k] == pytest.approx(se, rel=1e-9)
        compared += 1
    assert compared == len(stored["cells"]) - design.cohorts.size
    assert found.estimate[0, 0, 0] == pytest.approx(stored["att"], abs=1e-12)
    assert error[0] == pytest.approx(stored["att_se"], rel=1e-9)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of cells that no unit has
@pytest.mark.parametrize("name", ["mpdta", "medicaid"])
def test_sun_abraham_is_pyfixest_s_saturated_regression(name: str, data_dir: Path) -> None:
    """Event times by least squares on the same cells: 1e-9. No unit is always treated here.

    Its factor for small samples depends on PYTHONHASHSEED (which fixed effects it takes for
    nested), so that standard errors are compared up to one factor that all share, near 1.
    """
    import pyfixest

    design, _ = load(name, data_dir)
    model = pyfixest.event_study(
        frame_of(design), yname="y", idname="unit", tname="year", gname="start",
        estimator="saturated", cluster="unit",
    )  # fmt: skip
    theirs = model.aggregate(weighting="shares")
    ours = fit("sun_abraham", design)
    place = {e.event_time: k for k, e in enumerate(ours.estimands) if e.kind == "event"}
    k = [place[int(float(period))] for period in theirs.index]
    assert len(k) > 6
    points = theirs["Estimate"].to_numpy(dtype=np.float64)
    np.testing.assert_allclose(ours.estimate[0, 0, k], points, atol=1e-9)
    ratio = errors(ours)[k] / theirs["Std. Error"].to_numpy(dtype=np.float64)
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-6)
    assert ratio[0] == pytest.approx(1, rel=0.06)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["imputation", "two_stage"])
def test_two_stages_of_medicaid_are_pyfixest_s(method: str, data_dir: Path) -> None:
    """The points of did2s, average and event times: 1e-7, what its demeaning converges to.

    Gardner's standard error is compared for two_stage; it has another factor for small samples.
    """
    import pyfixest

    design, _ = load("medicaid", data_dir)
    frame = frame_of(design)
    since = frame["year"] - frame["start"]
    frame["since"] = np.where((frame["start"] > 0) & (since >= 0), since, -1)

    def two_stages(second: str) -> Any:
        return pyfixest.did2s(
            frame, yname="y", first_stage="~ 0 | unit + year", second_stage=second,
            treatment="treat", cluster="unit",
        )  # fmt: skip

    average, events = two_stages("~ i(treat, ref=False)"), two_stages("~ i(since, ref=-1)")
    ours = fit(method, design)
    assert ours.estimate[0, 0, 0] == pytest.approx(float(average.coef().iloc[0]), abs=1e-7)
    place = {e.event_time: k for k, e in enumerate(ours.estimands) if e.kind == "event"}
    theirs = events.coef().to_numpy()
    k = [place[event] for event in range(len(theirs))]
    np.testing.assert_allclose(ours.estimate[0, 0, k], theirs, atol=1e-7)
    if method == "two_stage":
        assert errors(ours)[0] == pytest.approx(float(average.se().iloc[0]), rel=0.01)
