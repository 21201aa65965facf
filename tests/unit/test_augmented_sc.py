"""Ridge-augmented synthetic control against pysyncon and against its formula written out."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from design_helpers import make_design, panel
from pysyncon import AugSynth, Dataprep

from reformeval.assignments import in_space
from reformeval.errors import UnsupportedError, UserError
from reformeval.estimators import _simplex, augmented_sc, synthetic_control


def test_weights_are_pysyncons_at_the_same_penalty() -> None:
    """On outcomes near 1, where pysyncon's optimiser is accurate to about 1e-6."""
    y = panel(9, 24, seed=4)[0]
    y /= np.abs(y).max()
    y[0] += 0.2  # outside the hull, so that there is something to correct
    found = augmented_sc.estimate(
        make_design(y, 16), make_design(y, 16).adopted[None], {"penalty": 0.05}
    )
    long = pl.DataFrame(
        {
            "unit": np.repeat([f"u{i}" for i in range(9)], 24),
            "time": np.tile(np.arange(24), 9),
            "y": y.ravel(),
        }
    ).to_pandas()
    other = AugSynth()
    other.fit(
        Dataprep(
            foo=long,
            predictors=[],
            predictors_op="mean",
            time_predictors_prior=range(16),
            dependent="y",
            unit_variable="unit",
            time_variable="time",
            treatment_identifier="u0",
            controls_identifier=[f"u{i}" for i in range(1, 9)],
            time_optimize_ssr=range(16),
        ),
        lambda_=0.05,
        use_covariates=False,
    )
    np.testing.assert_allclose(found.unit_weights[0, 0, 1:], other.W, atol=1e-5)
    assert (found.unit_weights[0, 0] < -1e-3).any()


def test_penalty_is_chosen_by_leaving_out_one_period_at_a_time() -> None:
    y = panel(7, 18, seed=5)[0]
    y[0] += 3
    design = make_design(y, 12)
    found = augmented_sc.estimate(design, in_space(design, 0), {})
    for a, own in enumerate(in_space(design, 0)[:, :] >= 0):
        donors, target = y[~own, :12], y[own, :12].mean(axis=0)
        X, aim = donors - donors.mean(axis=0), target - donors.mean(axis=0)
        grid = np.linalg.svd(X, compute_uv=False)[0] ** 2 * 1e-8 ** (np.arange(21) / 20)
        errors = np.empty((12, 21))
        for t in range(12):
            k = np.arange(12) != t
            w = _simplex.solve(donors[:, k].T, target[k])
            for g, penalty in enumerate(grid):
                inverse = np.linalg.inv(X[:, k].T @ X[:, k] + penalty * np.eye(11))
                both = w + (aim[k] - w @ X[:, k]) @ inverse @ X[:, k].T
                errors[t, g] = (aim[t] - both @ X[:, t]) ** 2
        mean, se = errors.mean(axis=0), errors.std(axis=0, ddof=1) / 12**0.5
        best = grid[mean <= mean.min() + se[mean.argmin()]].max()
        w = _simplex.solve(donors.T, target)
        w = w + (aim - w @ X) @ np.linalg.inv(X.T @ X + best * np.eye(12)) @ X.T
        np.testing.assert_allclose(found.unit_weights[0, a, ~own], w, atol=1e-8)


def test_it_fits_better_before_and_sums_to_one() -> None:
    y = panel(8, 20, seed=6)[0]
    y[0] += 2
    design = make_design(y, 14)
    found = augmented_sc.estimate(design, in_space(design, 0), {})
    plain = synthetic_control.estimate(design, in_space(design, 0), {})
    np.testing.assert_allclose(found.unit_weights.sum(axis=2), 1, atol=1e-9)
    assert found.statistics["pre_rmspe"][0, 0] < plain.statistics["pre_rmspe"][0, 0]


def test_a_huge_penalty_is_synthetic_control() -> None:
    y = panel(6, 16, seed=7)[0]
    design = make_design(y, 11)
    found = augmented_sc.estimate(design, in_space(design, 0), {"penalty": 1e12})
    plain = synthetic_control.estimate(design, in_space(design, 0), {})
    np.testing.assert_allclose(found.estimate, plain.estimate, atol=1e-8)


def test_too_few_periods_to_choose_a_penalty_are_refused() -> None:
    design = make_design(panel(5, 8, seed=8)[0], 2)
    with pytest.raises(UnsupportedError, match="give the option penalty"):
        augmented_sc.estimate(design, in_space(design, 0), {"holdout": 1})
    with pytest.raises(UserError, match="penalty must be a number above 0"):
        augmented_sc.estimate(design, in_space(design, 0), {"penalty": 0})
