from __future__ import annotations

import numpy as np
import pytest
from design_helpers import make_design, panel

from reformeval.assignments import in_space
from reformeval.errors import UnsupportedError
from reformeval.estimators import synthetic_control


def hand() -> np.ndarray:
    """The treated unit is a quarter of donor 1 and three quarters of donor 2, then 2 above."""
    donors = np.array([[0.0, 4.0, 8.0, 4.0, 0.0, 8.0], [4.0, 0.0, 4.0, 0.0, 8.0, 4.0]])
    treated = 0.25 * donors[0] + 0.75 * donors[1] + np.array([0, 0, 0, 0, 1.0, 3.0])
    return np.vstack([treated, donors, donors.mean(axis=0) + 50])


def test_by_hand() -> None:
    design = make_design(hand(), 4, later_steps=[5])
    fit = synthetic_control.estimate(design, in_space(design, 0), {})
    np.testing.assert_allclose(fit.unit_weights[0, 0], [0, 0.25, 0.75, 0], atol=1e-12)
    np.testing.assert_allclose(fit.estimate[0, 0], [2, 1, 3], atol=1e-12)
    assert fit.in_fit[0].tolist() == [True] * 4 + [False] * 2


def test_ratio_over_a_perfect_fit_is_infinite_and_nothing_over_nothing_is_nan() -> None:
    y = hand()
    fit = synthetic_control.estimate(make_design(y, 4), make_design(y, 4).adopted[None], {})
    assert fit.statistics["pre_rmspe"][0, 0] == 0
    assert fit.statistics["post_rmspe"][0, 0] == pytest.approx(5**0.5)
    assert fit.statistics["rmspe_ratio"][0, 0] == np.inf
    y[0] = 0.25 * y[1] + 0.75 * y[2]
    none = synthetic_control.estimate(make_design(y, 4), make_design(y, 4).adopted[None], {})
    assert np.isnan(none.statistics["rmspe_ratio"][0, 0])


def test_heldout_ratio_is_that_of_an_earlier_adoption() -> None:
    """Weights fitted on the first periods, their error measured on those held out."""
    y = panel(7, 20, seed=1)
    design = make_design(y, 13)
    rows = in_space(design, 0)
    fit = synthetic_control.estimate(design, rows, {"holdout": 4})
    earlier = make_design(y, 9)
    refit = synthetic_control.estimate(earlier, in_space(earlier, 0), {})
    gap = (refit.observed - refit.counterfactual)[0]
    expected = np.sqrt((gap[:, 13:] ** 2).mean(axis=1) / (gap[:, 9:13] ** 2).mean(axis=1))
    np.testing.assert_allclose(fit.statistics["rmspe_ratio_heldout"][0], expected, rtol=1e-9)
    default = synthetic_control.estimate(design, rows, {})
    third = synthetic_control.estimate(design, rows, {"holdout": 3})  # 13 // 4
    np.testing.assert_allclose(
        default.statistics["rmspe_ratio_heldout"], third.statistics["rmspe_ratio_heldout"]
    )


def test_treated_unit_stays_in_the_placebos_donor_pools() -> None:
    y = panel(5, 12, seed=2)
    y[0, 1] = y[0, 0]  # unit 1 is the treated unit's twin
    design = make_design(y, 8)
    fit = synthetic_control.estimate(design, in_space(design, 0), {})
    assert fit.unit_weights[0, 1, 0] == pytest.approx(1)
    # weight 1 on the treated unit: accepted on a half-line
    low, high = fit.accept_low[0, 1, 0], fit.accept_high[0, 1, 0]
    assert np.isinf(low) or np.isinf(high)


def test_several_treated_units_are_averaged() -> None:
    y = panel(7, 12, seed=3)
    design = make_design(y, 8, treated=[1, 4])
    fit = synthetic_control.estimate(design, design.adopted[None], {})
    merged = np.concatenate(
        [y[:, [1, 4]].mean(axis=1, keepdims=True), y[:, [0, 2, 3, 5, 6]]], axis=1
    )
    alone = make_design(merged, 8)
    expected = synthetic_control.estimate(alone, alone.adopted[None], {})
    np.testing.assert_allclose(fit.estimate, expected.estimate, atol=1e-12)
    assert fit.unit_weights[0, 0, [1, 4]].tolist() == [0, 0]


@pytest.mark.parametrize("holdout", [0, -1, 2.5, True, "3"])
def test_bad_holdout(holdout: object) -> None:
    assert "holdout" in synthetic_control.check_options({"holdout": holdout})[0]


def test_holdout_that_leaves_nothing_to_fit() -> None:
    design = make_design(panel(5, 12), 8)
    with pytest.raises(UnsupportedError, match="8 pre-periods"):
        synthetic_control.estimate(design, design.adopted[None], {"holdout": 8})
