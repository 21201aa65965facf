"""Difference-in-differences with linear trends of units: a sensitivity."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pyfixest
import pytest
from design_helpers import make_design, panel
from test_config_reform import BASE, changed, problems

from reformeval.assignments import in_space
from reformeval.estimators import did

TRENDS = {"trends": "unit"}


@pytest.mark.parametrize("weighted", [False, True])
def test_every_row_is_the_regression_with_a_trend_for_each_unit(weighted: bool) -> None:
    """Coefficients and CRV1 of pyfixest 0.60 with every unit's trend spelt out, to 1e-8."""
    units, periods = 6, 12
    y = panel(units, periods, seed=2)[0]
    weights = np.linspace(0.5, 2, units) if weighted else np.ones(units)
    design = make_design(
        y,
        7,
        treated=[1, 4],
        anticipation=1,
        dropped=[3],
        later_steps=[10],
        unit_weights=weights[None],
    )
    assignments = in_space(design, 0)
    fit = did.estimate(design, assignments, TRENDS)
    windows = {0: design.in_post, 2: design.step_windows["step1"]}
    for a, e in ((0, 0), (0, 2), (5, 0)):
        kept = design.in_pre | windows[e]
        treated = assignments[a] >= 0
        time = np.tile(np.flatnonzero(kept), units).astype(float)
        unit = np.repeat(np.arange(units), kept.sum())
        frame = pl.DataFrame(
            {"y": y[:, kept].ravel(), "u": unit, "p": time,
             "d": np.outer(treated, windows[e][kept]).astype(float).ravel(),
             "w": np.repeat(weights, kept.sum()),
             **{f"t{u}": time * (unit == u) for u in range(1, units)}}
        )  # fmt: skip
        terms = " + ".join(f"t{u}" for u in range(1, units))
        model = pyfixest.feols(
            f"y ~ d + {terms} | u + p", data=frame, vcov={"CRV1": "u"}, weights="w",
            ssc=pyfixest.ssc(k_adj=False, G_adj=True),
        )  # fmt: skip
        assert fit.estimate[0, a, e] == pytest.approx(float(model.coef()["d"]), abs=1e-8)
        if a == 0:
            n, k = frame.height, 1 + int(kept.sum()) + units - 1
            variance = float(model.se()["d"]) ** 2 * (n - 1) / (n - k)
            assert fit.covariance[0, e, e] == pytest.approx(variance, rel=1e-6)


def test_a_trend_of_each_unit_is_taken_out_and_a_step_is_found() -> None:
    rng = np.random.default_rng(0)
    t = np.arange(10)
    y = rng.normal(size=(5, 1)) + rng.normal(size=(5, 1)) * t + np.sin(t)
    y[2, 6:] += 4
    design = make_design(y, 6, treated=[2])
    fit = did.estimate(design, in_space(design, 0), TRENDS)
    assert fit.estimate[0, 0, 0] == pytest.approx(4)
    gap = (fit.observed - fit.counterfactual)[0, 0]
    np.testing.assert_allclose(gap, np.where(t >= 6, 4.0, 0.0), atol=1e-9)
    plain = did.estimate(design, in_space(design, 0), {})
    assert abs(plain.estimate[0, 0, 0] - 4) > 0.1


def test_acceptance_is_that_of_outcomes_less_c() -> None:
    y = panel(6, 10, seed=5)[0]
    design = make_design(y, 6)
    assignments = in_space(design, 0)
    fit = did.estimate(design, assignments, TRENDS)
    for c in np.linspace(-6, 6, 25):
        moved = y.copy()
        moved[0, 6:] -= c
        sizes = np.abs(did.estimate(make_design(moved, 6), assignments, TRENDS).estimate[0, :, 0])
        inside = (fit.accept_low[0, 1:, 0] <= c) & (c <= fit.accept_high[0, 1:, 0])
        clear = np.abs(sizes[1:] - sizes[0]) > 1e-9
        np.testing.assert_array_equal(inside[clear], (sizes[1:] >= sizes[0])[clear])


def test_trends_are_no_headline(tmp_path: Path) -> None:
    found = problems(tmp_path / "a", changed(BASE, "did: {}", "did: {trends: unit}"))
    assert any("`estimators.did.trends`: an estimate with trends of units is" in f for f in found)
    found = problems(
        tmp_path / "b", changed(BASE, "did: {}", "did: {}\n  d: {method: did, trends: 1}")
    )
    assert any("`estimators.d.trends`: trends must be unit" in line for line in found)
