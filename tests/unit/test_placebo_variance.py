"""The placebo variance: by hand, whatever units are called, and when it is valid."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from design_helpers import make_design, panel
from scipy import stats
from staggered_helpers import staggered

from reformeval import assignments, fit_files
from reformeval.assignments import in_space
from reformeval.design import Design
from reformeval.estimators import did, synthetic_did
from reformeval.fit import Fit
from reformeval.inference import _router, placebo_variance
from reformeval.inference.placebo_variance import false_rejection
from reformeval.intervals import Intervals


def alone(design: Design) -> Fit:
    return synthetic_did.estimate(design, design.adopted[None], {})


def infer(design: Design, level: float = 0.95) -> Intervals:
    (found,) = placebo_variance.infer(design, alone(design), level)
    return found


def test_every_donor_in_turn_without_the_treated_unit() -> None:
    design = make_design(panel(17, 14, seed=1), 9)
    donors = design.select(np.array([0]), np.arange(1, 17))
    found = []
    for u in range(16):
        adopted = np.where(np.arange(16) == u, 9, -1)
        found.append(alone(replace(donors, adopted=adopted)).estimate[0, 0, 0])
    error = infer(design).std_error[0, 0]
    assert error == pytest.approx(np.std(found), rel=1e-9)
    own = alone(design).estimate[0, 0, 0]
    z = stats.norm.ppf(0.975)
    assert infer(design).low[0, 0] == pytest.approx(own - z * error)
    assert infer(design).high[0, 0] == pytest.approx(own + z * error)
    assert infer(design).p_value[0, 0] == pytest.approx(2 * stats.norm.sf(abs(own) / error))


def test_cohorts_keep_their_structure() -> None:
    design = staggered(panel(7, 10, seed=2), [4, 6, -1, -1, -1, -1, -1])
    donors = design.select(np.array([0]), np.arange(2, 7))
    found = [
        alone(replace(donors, adopted=np.array(dates))).estimate[0, 0]
        for dates in sorted(set(permutations([4, 6, -1, -1, -1])))
    ]
    assert len(found) == 20
    fit = alone(design)
    assert fit.placebo_covariance is not None
    expected = np.cov(np.array(found).T, ddof=0)
    np.testing.assert_allclose(fit.placebo_covariance[0], expected, rtol=1e-8)


def test_drawn_placebos_do_not_depend_on_names_or_order() -> None:
    design = make_design(panel(14, 10, seed=3), 6, treated=[0, 1, 2])
    every = infer(design).std_error[0, 0]
    with (
        mock.patch.object(assignments, "MAX_ENUMERATED", 10),
        mock.patch.object(assignments, "SAMPLED_STAGGERED", 120),
    ):
        drawn = infer(design).std_error[0, 0]
        order = np.random.default_rng(1).permutation(14)
        moved = replace(design.select(np.array([0]), order), units=design.units)
        assert infer(moved).std_error[0, 0] == pytest.approx(drawn, rel=1e-9)
    assert drawn != every
    assert drawn == pytest.approx(every, rel=4 / np.sqrt(2 * 120))  # four standard errors


def test_files_give_it_back(tmp_path: Path) -> None:
    for design in (
        make_design(panel(8, 12, seed=4), 8),
        staggered(panel(9, 10, seed=4), [4, 6, 6, -1, -1, -1, -1, -1, -1]),
        staggered(panel(6, 10, seed=4), [4, 4, 6, -1, -1, -1]),  # no variance
    ):
        fit = alone(design)
        fit_files.write(fit, design, tmp_path)
        back = fit_files.read(tmp_path, design)
        assert fit.placebo_covariance is not None
        np.testing.assert_array_equal(back.placebo_covariance, fit.placebo_covariance)
        assert back.covariance is None


def test_too_few_donors_are_refused() -> None:
    design = make_design(panel(5, 12, seed=5), 8, treated=[0, 1])
    found = infer(design)
    assert found.status[0, 0] == "refused"
    assert found.reason[0, 0].startswith("2 treated units and 3 donors: as many donors as treated")
    found = infer(make_design(panel(9, 12, seed=5), 8, treated=range(5)))
    assert found.reason[0, 0].startswith("5 treated units and 4 donors")
    found = infer(make_design(panel(10, 12, seed=5), 8))
    assert found.status[0, 0] == "refused"
    assert "with 9 donors a z test at 5 % rejects at least 8.4 % of true" in found.reason[0, 0]
    assert np.isfinite(found.std_error[0, 0])
    assert np.isnan(found.low[0, 0])


def test_few_treated_units_are_warned_of() -> None:
    found = infer(make_design(panel(31, 12, seed=6), 8))
    assert found.status[0, 0] == "warn"
    said = found.reason[0, 0].split("; ")
    assert said[0].startswith("with 30 donors a z test at 5 % rejects at least 6.0 % of true nulls")
    assert said[1].startswith("1 treated unit: the interval takes their noise to be normal")
    dates = [6] * 12 + [8] * 3 + [-1] * 40
    found = infer(staggered(panel(55, 10, seed=6), dates))
    assert found.status[0].tolist() == ["ok", "ok", "warn"]
    assert found.reason[0, 2].startswith("3 treated units")


@pytest.mark.parametrize(("treated", "donors"), [(1, 7), (4, 12)])
def test_the_rate_of_false_rejections_is_that_of_draws(treated: int, donors: int) -> None:
    """With equal weights: changes of units are all that counts, and are drawn directly."""
    rng = np.random.default_rng(7)
    change = rng.normal(size=(20_000, treated + donors))
    own = change[:, :treated].mean(axis=1) - change[:, treated:].mean(axis=1)
    spread = change[:, treated:].var(axis=1, ddof=1) * (1 / treated + 1 / (donors - treated))
    rate = (np.abs(own) / np.sqrt(spread) > stats.norm.ppf(0.975)).mean()
    assert false_rejection(treated, donors, 0.05) == pytest.approx(rate, abs=0.006)


@pytest.mark.slow
@pytest.mark.parametrize(("donors", "low", "high"), [(14, 0.08, 0.13), (39, 0.045, 0.08)])
def test_where_it_is_refused_and_no_longer_warned_of(donors: int, low: float, high: float) -> None:
    """False rejections at 5 % by the estimator itself, in noise: the table on the method's page."""
    rng = np.random.default_rng([donors, 10])
    design = make_design(rng.normal(size=(1_000, donors + 1, 36)), 24)
    fit = alone(design)
    assert fit.placebo_covariance is not None
    ratio = np.abs(fit.estimate[:, 0, 0]) / np.sqrt(fit.placebo_covariance[:, 0, 0])
    assert low < (ratio > stats.norm.ppf(0.975)).mean() < high
    assert placebo_variance.LEAST == 15
    assert placebo_variance.ENOUGH == 40


def test_variance_with_equal_weights_is_the_formula_s() -> None:
    """A huge ridge on unit weights, and donors that differ by their change alone."""
    y = np.zeros((9, 6))
    y[:, 4:] = np.random.default_rng(8).normal(size=(9, 1))
    y[:, 1] += 1e-3 * np.arange(9)  # something to take differences of
    design = make_design(y, 4, treated=[0, 1])
    fit = synthetic_did.estimate(design, design.adopted[None], {"zeta": 1e6})
    assert fit.placebo_covariance is not None
    expected = y[2:, 5].var(ddof=1) * (1 / 2 + 1 / 5)
    assert fit.placebo_covariance[0, 0, 0] == pytest.approx(expected, rel=1e-2)


def test_equivalence() -> None:
    design = make_design(panel(31, 12, seed=6), 8)
    fit = alone(design)
    error, own = infer(design).std_error[0, 0], fit.estimate[0, 0, 0]
    found = placebo_variance.equivalence(design, fit, np.array([5.0]))
    expected = max(stats.norm.sf((own + 5) / error), stats.norm.sf((5 - own) / error))
    assert found[0, 0] == pytest.approx(expected)


def test_it_stands_for_the_headline_only_where_asked_for_and_units_are_many() -> None:
    few = make_design(panel(31, 12, seed=6), 8)
    fit = synthetic_did.estimate(few, in_space(few, 0), {})
    assert _router.headline(few, fit, ["placebo_variance", "permutation"], 0.95) == ("permutation",)
    assert _router.headline(few, fit, ["placebo_variance"], 0.95) == ("placebo_variance",)
    assert _router.headline(few, fit, [_router.AUTO], 0.95) == ("permutation",)
    many = staggered(panel(55, 10, seed=6), [6] * 12 + [8] * 3 + [-1] * 40)
    fit = alone(many)
    assert _router.headline(many, fit, [_router.AUTO], 0.95) == ("permutation",)


def test_other_estimators_have_none() -> None:
    design = make_design(panel(9, 12, seed=9), 8)
    assert placebo_variance.infer(design, did.estimate(design, in_space(design, 0), {}), 0.9) == []
