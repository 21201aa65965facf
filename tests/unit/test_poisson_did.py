"""Poisson difference-in-differences: closed form against pyfixest, and its acceptance intervals."""

from __future__ import annotations

import numpy as np
import polars as pl
import pyfixest
import pytest
from design_helpers import make_design

from reformeval.assignments import in_space
from reformeval.errors import UserError
from reformeval.estimators import poisson_did


def counts(units: int = 7, n_periods: int = 12, seed: int = 0) -> np.ndarray:
    """Counts of units of very different size."""
    rng = np.random.default_rng(seed)
    size = np.exp(rng.normal(3, 1.2, units))[:, None]
    month = np.exp(rng.normal(0, 0.3, n_periods))
    return rng.poisson(size * month * np.exp(0.2 * rng.normal(size=(units, n_periods)))) + 0.0


def reference(y: np.ndarray, treated: np.ndarray, post: np.ndarray) -> tuple[float, float]:
    """Coefficient and CRV1 variance without small-sample factor, by pyfixest 0.60's fepois."""
    units, n_periods = y.shape
    frame = pl.DataFrame(
        {
            "y": y.ravel(),
            "d": np.outer(treated, post).astype(float).ravel(),
            "u": np.repeat(np.arange(units), n_periods),
            "t": np.tile(np.arange(n_periods), units),
        }
    )
    plain = pyfixest.ssc(k_adj=False, G_adj=False)
    fit = pyfixest.fepois(
        "y ~ d | u + t", data=frame, vcov={"CRV1": "u"}, ssc=plain, iwls_tol=1e-13, iwls_maxiter=99
    )
    return float(fit.coef().iloc[0]), float(fit._vcov[0, 0])


def test_every_row_is_pyfixests() -> None:
    """To 1e-8: two treated units, a dropped period, two steps."""
    y = counts()
    design = make_design(y, 7, treated=[0, 3], anticipation=1, dropped=[10], later_steps=[9])
    assignments = in_space(design, 0)
    fit = poisson_did.estimate(design, assignments, {})
    kept = design.in_pre | design.in_post
    for a in (0, 1, 5, 20):
        found, variance = reference(y[:, kept], assignments[a] >= 0, design.in_post[kept])
        assert fit.estimate[0, a, 0] == pytest.approx(100 * found, abs=1e-6)
        if a == 0:
            n, k, g = kept.sum() * 7, 1 + kept.sum(), 7
            factor = g / (g - 1) * (n - 1) / (n - k)
            assert fit.covariance[0, 0, 0] == pytest.approx(1e4 * variance * factor, rel=1e-6)
    second = design.in_pre | design.step_windows["step1"]
    found, _ = reference(y[:, second], design.treated, design.step_windows["step1"][second])
    assert fit.estimate[0, 0, 2] == pytest.approx(100 * found, abs=1e-6)


def test_a_planted_change_in_proportion_is_found_whatever_the_size_of_units() -> None:
    base = np.outer([10.0, 500.0, 90.0, 1000.0], [1.0, 1.2, 0.8, 1.1, 1.4, 0.9])
    base[1, 3:] *= 1.25
    design = make_design(base, 3, treated=[1])
    fit = poisson_did.estimate(design, in_space(design, 0), {})
    assert fit.estimate[0, 0, 0] == pytest.approx(100 * np.log(1.25))
    np.testing.assert_allclose(
        fit.observed[0, 0] / fit.counterfactual[0, 0], [1, 1, 1, 1.25, 1.25, 1.25]
    )
    # another scale of the counts changes nothing
    scaled = make_design(7 * base, 3, treated=[1])
    again = poisson_did.estimate(scaled, in_space(scaled, 0), {})
    np.testing.assert_allclose(again.estimate, fit.estimate, atol=1e-9)


@pytest.mark.parametrize("treated", [[0], [2, 5]])
def test_acceptance_is_that_of_counts_divided_by_exp_c(treated: list[int]) -> None:
    y = counts(seed=3)
    design = make_design(y, 7, treated=treated)
    assignments = in_space(design, 0)
    fit = poisson_did.estimate(design, assignments, {})
    low, high = fit.accept_low[0, 1:, 0], fit.accept_high[0, 1:, 0]
    assert np.isnan(fit.accept_low[0, 0]).all()
    for c in np.linspace(-150, 150, 41):
        moved = y.copy()
        moved[np.ix_(treated, np.flatnonzero(design.in_post))] *= np.exp(-c / 100)
        there = make_design(moved, 7, treated=treated)
        sizes = np.abs(poisson_did.estimate(there, assignments, {}).estimate[0, :, 0])
        clear = np.abs(sizes[1:] - sizes[0]) > 1e-9
        extreme = sizes[1:] >= sizes[0]
        inside = (low <= c) & (c <= high)
        np.testing.assert_array_equal(inside[clear], extreme[clear])


def test_totals_of_zero_have_no_estimate() -> None:
    y = counts()
    y[0, :7] = 0
    fit = poisson_did.estimate(design := make_design(y, 7), in_space(design, 0), {})
    assert np.isnan(fit.estimate[0, 0]).all()
    assert np.isfinite(fit.estimate[0, 1:]).all()


def test_negative_values_are_told() -> None:
    design = make_design(counts() - 1000, 7)
    with pytest.raises(UserError, match="poisson_did needs values of at least 0: see y0"):
        poisson_did.estimate(design, in_space(design, 0), {})
