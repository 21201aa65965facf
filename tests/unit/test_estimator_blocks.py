"""Gaps, excluded periods and refused assignments, for every estimator alike."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from design_helpers import make_design, panel

from reformeval.assignments import in_space
from reformeval.errors import UnsupportedError, UserError
from reformeval.estimators import _blocks, _discover

# need persons, covariates, doses, counts
APART = (*_discover.NEEDS_PERSONS, *_discover.MATCHED, "dose", "poisson_did")
METHODS = tuple(m for m in _discover.methods() if m not in APART)


# weights that are common to all outcomes need a donor's values in all of them
@pytest.mark.parametrize("method", [m for m in METHODS if m != "common_sc"])
def test_a_donor_with_a_gap_is_left_out_of_that_series_only(method: str) -> None:
    estimate = _discover.load(method).estimate
    y = panel(6, 10, seed=1, series=2)
    y[1, 3, 4] = np.nan
    design = make_design(y, 6)
    rows = in_space(design, 0)
    fit = estimate(design, rows, {})

    keep = [0, 1, 2, 4, 5]
    alone = make_design(y[:1], 6)
    without = make_design(y[1:, keep], 6)
    np.testing.assert_allclose(
        fit.estimate[0], estimate(alone, in_space(alone, 0), {}).estimate[0], atol=1e-12
    )
    np.testing.assert_allclose(
        fit.estimate[1, keep], estimate(without, in_space(without, 0), {}).estimate[0], atol=1e-12
    )
    assert np.isnan(fit.estimate[1, 3]).all(), "the unit with the gap has no placebo"
    assert np.isnan(fit.accept_low[1, 3]).all()


@pytest.mark.parametrize("method", METHODS)
def test_a_series_that_cannot_be_estimated_is_nan_and_hurts_no_other(method: str) -> None:
    estimate = _discover.load(method).estimate
    y = panel(6, 10, seed=2, series=2)
    y[0, 0, 7] = np.nan  # the treated unit
    design = make_design(y, 6)
    fit = estimate(design, in_space(design, 0), {})
    assert np.isnan(fit.estimate[0]).all()
    assert np.isnan(fit.counterfactual[0]).all()
    assert np.isfinite(fit.estimate[1, :, 0]).all()

    nothing = estimate(make_design(y[:1], 6), in_space(design, 0), {})
    assert np.isnan(nothing.estimate).all()
    assert nothing.estimate.shape == fit.estimate[:1].shape
    assert nothing.estimands == fit.estimands


@pytest.mark.parametrize("method", METHODS)
def test_dropped_and_anticipation_periods_do_not_matter(method: str) -> None:
    """Whatever stands in a dropped period, or (but for event studies) in anticipation."""
    estimate = _discover.load(method).estimate
    y = panel(6, 14, seed=3)
    design = make_design(y, 9, anticipation=2, dropped=[3, 11])
    rows = in_space(design, 0)
    fit = estimate(design, rows, {})
    other = y.copy()
    other[:, 0, [3, 11]] = 1e6
    other[:, 2, [7, 8]] -= 50
    again = estimate(replace(design, y=other), rows, {})
    np.testing.assert_allclose(again.estimate[..., 0], fit.estimate[..., 0], atol=1e-9)
    np.testing.assert_allclose(again.accept_high, fit.accept_high, atol=1e-9)
    assert not fit.in_fit[0, [3, 11]].any()
    assert np.isnan(fit.observed[..., [3, 11]]).all()


@pytest.mark.parametrize("method", METHODS)
def test_other_adoption_dates_are_refused(method: str) -> None:
    estimate = _discover.load(method).estimate
    design = make_design(panel(6, 10), 6)
    rows = in_space(design, 0)
    backdated = rows.copy()
    backdated[2, 2] = 4
    with pytest.raises(UnsupportedError, match="staggered"):
        estimate(design, backdated, {})
    staggered = make_design(panel(6, 10), 6)
    staggered.adopted[3] = 7
    if not _discover.donors(method):
        with pytest.raises(UnsupportedError, match="staggered"):
            estimate(staggered, staggered.adopted[None], {})
    with pytest.raises(ValueError, match="row 0"):
        estimate(design, rows[1:], {})


@pytest.mark.parametrize("method", METHODS)
def test_unknown_options_are_refused(method: str) -> None:
    design = make_design(panel(6, 10), 6)
    with pytest.raises(UserError, match="unknown option 'ridge'"):
        _discover.load(method).estimate(design, in_space(design, 0), {"ridge": 1})


@pytest.mark.parametrize("method", ["synthetic_control", "synthetic_did", "sun_abraham"])
def test_unit_weights_are_refused_where_they_have_no_place(method: str) -> None:
    design = make_design(panel(6, 10), 6, unit_weights=np.arange(1.0, 7)[None])
    with pytest.raises(UnsupportedError, match="weights: equal"):
        _discover.load(method).estimate(design, in_space(design, 0), {})


@pytest.mark.parametrize("method", METHODS)
def test_gap_of_the_paths_is_the_estimate(method: str) -> None:
    design = make_design(panel(7, 12, series=2), 8, treated=[1, 4], anticipation=1)
    fit = _discover.load(method).estimate(design, in_space(design, 0), {})
    gap = (fit.observed - fit.counterfactual)[..., design.in_post].mean(axis=2)
    np.testing.assert_allclose(gap, fit.estimate[..., 0], atol=1e-12)
    own = design.y[:, [1, 4]].mean(axis=1)
    np.testing.assert_allclose(fit.observed[:, 0], own, atol=1e-12)


def test_mean_over_an_empty_window_is_nan() -> None:
    means = _blocks.mean_over(np.array([1.0, 3.0, np.nan]), np.array([[1, 1, 0], [0, 0, 0]]) > 0)
    assert means[0] == 2
    assert np.isnan(means[1])
