"""Matching on covariates against pysyncon, a finer search, and where the answer is known."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from design_helpers import make_design, panel
from evidence_helpers import TIMING, units_of
from evidence_helpers import panel as frame_of
from pysyncon import Synth

from reformeval.artefacts import PANEL, UNITS, write_table
from reformeval.assignments import in_space
from reformeval.design import Design, from_panel, with_covariates
from reformeval.errors import UnsupportedError
from reformeval.estimators import _simplex, matched_sc, synthetic_control
from reformeval.jobs._cli import Call
from reformeval.jobs.estimate_effects import estimate_effects
from reformeval.spec import Covariate, EstimateSpec, to_json


def _with(design: Design, values: np.ndarray) -> Design:
    """Add covariates (units, covariates), the same for every series."""
    values = np.broadcast_to(values, (len(design.series), *values.shape)).copy()
    names = tuple(f"x{m}" for m in range(values.shape[2]))
    return replace(design, covariates=values, covariate_names=names)


def _loss(design: Design, weights: np.ndarray) -> float:
    gap = (design.y[0, 0] - weights @ design.y[0])[design.in_pre]
    return float(gap @ gap)


@pytest.mark.parametrize("seed", range(3))
def test_the_outcome_is_fitted_no_worse_than_by_pysyncon(seed: int) -> None:
    """Its search from equal weights, on outcomes and covariates scaled near 1."""
    y = panel(9, 24, seed)[0]
    y /= np.abs(y).max()
    rng = np.random.default_rng(seed)
    values = np.column_stack([y[:, :4].mean(axis=1), y[:, 10], y[:, 17], rng.normal(size=9)])
    design = _with(make_design(y, 18), values)
    fit = matched_sc.estimate(design, design.adopted[None], {})
    other = Synth()
    other.fit(
        X0=pd.DataFrame(values[1:].T, columns=range(1, 9)), X1=pd.Series(values[0], name=0),
        Z0=pd.DataFrame(y[1:, :18].T, columns=range(1, 9)), Z1=pd.Series(y[0, :18], name=0),
        optim_initial="equal",
    )  # fmt: skip
    theirs = np.concatenate([[0.0], other.W])
    assert _loss(design, fit.unit_weights[0, 0]) <= _loss(design, theirs) * 1.02


def test_donors_weights_are_the_inner_problems() -> None:
    """At the covariates' weights that it reports, its donors' weights are the best match."""
    rng = np.random.default_rng(5)
    y, values = panel(8, 20, 5)[0], rng.normal(size=(8, 3)) * [1.0, 100.0, 0.01]
    values[0] += 3 * values.std(axis=0)  # outside the hull: one best match
    design = _with(make_design(y, 14), values)
    fit = matched_sc.estimate(design, design.adopted[None], {})
    v = np.array([fit.statistics[f"covariate_weight:x{m}"][0, 0] for m in range(3)])
    assert v.sum() == pytest.approx(1)
    scaled = values / values.std(axis=0) * np.sqrt(v)
    expected = _simplex.solve(scaled[1:].T, scaled[0])
    np.testing.assert_allclose(fit.unit_weights[0, 0, 1:], expected, atol=1e-3)


def test_no_other_weights_of_two_covariates_fit_much_better() -> None:
    """Against 400 weights of the covariates in a row."""
    rng = np.random.default_rng(6)
    y = panel(7, 20, 6)[0]
    values = np.column_stack([y[:, :14].mean(axis=1), rng.normal(size=7)])
    design = _with(make_design(y, 14), values)
    fit = matched_sc.estimate(design, design.adopted[None], {})
    scaled = values / values.std(axis=0)
    losses = []
    for v in 1 / (1 + np.exp(-np.linspace(-10, 10, 400))):
        x = scaled * np.sqrt([v, 1 - v])
        losses.append(_loss(design, np.r_[0.0, _simplex.solve(x[1:].T, x[0])]))
    assert _loss(design, fit.unit_weights[0, 0]) <= min(losses) * 1.02


def test_all_periods_as_covariates_cannot_beat_the_synthetic_control() -> None:
    y = panel(8, 16, 7)[0]
    design = _with(make_design(y, 8), y[:, :8])
    fit = matched_sc.estimate(design, in_space(design, 0), {})
    plain = synthetic_control.estimate(design, in_space(design, 0), {})
    own, best = fit.statistics["pre_rmspe"][0], plain.statistics["pre_rmspe"][0]
    assert (own >= best - 1e-9).all()
    assert np.median(own / best) < 1.3


def test_units_of_measurement_and_order_do_not_matter() -> None:
    rng = np.random.default_rng(8)
    design = _with(make_design(panel(7, 18, 8)[0], 12), rng.normal(size=(7, 3)))
    rows = in_space(design, 0)
    fit = matched_sc.estimate(design, rows, {})
    assert design.covariates is not None
    scaled = replace(
        design, y=design.y * 1000 + 5, covariates=design.covariates * [3.0, 1e-4, 7e5] - [0, 9, 1]
    )
    again = matched_sc.estimate(scaled, rows, {})
    np.testing.assert_allclose(again.estimate / 1000, fit.estimate, rtol=1e-5, atol=1e-6)
    order = np.array([3, 0, 6, 2, 1, 5, 4])
    turned = matched_sc.estimate(design.select(np.array([0]), order), rows[:, order], {})
    np.testing.assert_allclose(turned.estimate, fit.estimate, atol=1e-6)
    turned = matched_sc.estimate(
        replace(design, covariates=design.covariates[:, :, [2, 0, 1]]), rows, {}
    )
    np.testing.assert_allclose(turned.estimate, fit.estimate, atol=1e-6)


def test_a_convex_combination_in_all_gives_zero() -> None:
    rng = np.random.default_rng(9)
    mix = rng.dirichlet(np.ones(6))
    y, values = panel(7, 24, 9)[0], rng.normal(size=(7, 2))
    y[0], values[0] = mix @ y[1:], mix @ values[1:]
    design = _with(make_design(y, 18), values)
    fit = matched_sc.estimate(design, design.adopted[None], {})
    np.testing.assert_allclose(fit.estimate, 0, atol=1e-5)


def test_missing_covariates() -> None:
    design = make_design(panel(6, 16, 1, 2), 10)
    with pytest.raises(UnsupportedError, match="needs covariates"):
        matched_sc.estimate(design, design.adopted[None], {})
    design = _with(design, np.random.default_rng(0).normal(size=(6, 2)))
    assert design.covariates is not None
    design.covariates[1, 4, 0] = np.nan
    fit = matched_sc.estimate(design, in_space(design, 0), {})
    assert np.isfinite(fit.estimate[0]).all()
    assert np.isnan(fit.estimate[1]).all()


def test_covariates_are_means_of_the_groups_own_outcome() -> None:
    frame = frame_of(units=5)
    design = from_panel(
        frame, units_of(frame), TIMING, ["employed"], ["all", "family=with_children"]
    )
    first, last = date(2019, 3, 1), date(2019, 6, 1)
    found = with_covariates(design, frame, [Covariate("early", "benefit", first, last)])
    assert found.covariates is not None
    for s, group in enumerate(("all", "family=with_children")):
        expected = (
            frame.filter(
                pl.col("group") == group,
                pl.col("outcome") == "benefit",
                pl.col("period").is_between(first, last),
            )
            .group_by("unit", maintain_order=True)
            .agg(pl.col("value").mean())
            .sort("unit")["value"]
        )
        np.testing.assert_allclose(found.covariates[s, :, 0], expected)


def test_prop99_with_lagged_outcomes(data_dir: Path) -> None:
    """The paper's lags alone (1975, 1980, 1988): its other predictors are not in the data."""
    wide = (
        pl.read_csv(data_dir / "prop99" / "california_prop99.csv", separator=";")
        .pivot("Year", index="State", values="PacksPerCapita", sort_columns=True)
        .sort("State")
    )
    y, units = wide.drop("State").to_numpy(), wide["State"].to_list()
    design = make_design(
        y, 19, treated=[units.index("California")], units=units, frequency="year",
        first=date(1970, 1, 1),
    )  # fmt: skip
    fit = matched_sc.estimate(_with(design, y[:, [5, 10, 18]]), design.adopted[None], {})
    # figures 2 and 3 of Abadie, Diamond & Hainmueller (2010): about 20 packs on average, 25 in 2000
    assert fit.estimate[0, 0, 0] == pytest.approx(-19.5, abs=1.5)
    assert fit.statistics["pre_rmspe"][0, 0] < 2.0


def test_the_job_reads_covariates_from_the_panel(tmp_path: Path) -> None:
    frame = frame_of(units=6)
    write_table(frame, tmp_path / "panel.parquet", PANEL)
    write_table(units_of(frame), tmp_path / "units.parquet", UNITS)
    covariate = Covariate("early", "benefit", date(2019, 3, 1), date(2019, 6, 1))
    spec = EstimateSpec(
        "r", "m", "matched_sc", TIMING, ("employed",), ("all",), covariates=(covariate,)
    )
    names = ("paths", "draws", "weights", "covariance")
    outputs = tuple(tmp_path / "m" / f"{name}.parquet" for name in names)
    estimate_effects(
        Call(to_json(spec), (tmp_path / "panel.parquet", tmp_path / "units.parquet"), outputs)
    )
    draws = pl.read_parquet(outputs[1])
    weight = draws.filter(pl.col("statistic") == "covariate_weight:early")["value"]
    assert weight.to_list() == [1.0] * 6
    assert draws.filter(pl.col("statistic") == "estimate")["value"].null_count() == 0
