from __future__ import annotations

import numpy as np
import pytest
from design_helpers import make_design, panel

from reformeval.assignments import in_space
from reformeval.estimators import _regression, did
from reformeval.fit import Estimand

# one treated unit, two donors; anticipation in period 2; steps at 3 and 5; period 6 dropped
HAND = np.array(
    [
        [10.0, 12.0, 99.0, 20.0, 22.0, 30.0, 99.0],
        [1.0, 1.0, 5.0, 2.0, 4.0, 6.0, 0.0],
        [3.0, 5.0, 5.0, 4.0, 6.0, 6.0, 0.0],
    ]
)


def test_by_hand() -> None:
    design = make_design(HAND, 3, anticipation=1, later_steps=[5], dropped=[6])
    fit = did.estimate(design, in_space(design, 0), {})
    assert fit.estimands == (
        Estimand("att"), Estimand("step", step="step0"), Estimand("step", step="step1"),
    )  # fmt: skip
    # treated: 11 before; 24 after (21 in step 0, 30 in step 1); donors: 2.5; 14/3 (4, 6)
    before = 11 - 2.5
    expected = [24 - 14 / 3 - before, 21 - 4 - before, 30 - 6 - before]
    np.testing.assert_allclose(fit.estimate[0, 0], expected, atol=1e-13)
    np.testing.assert_allclose(fit.counterfactual[0, 0, [0, 3, 5]], [10.5, 11.5, 14.5])
    assert fit.in_fit[0].tolist() == [True, True, False, True, True, True, False]


def test_placebo_keeps_the_treated_unit_as_donor() -> None:
    design = make_design(HAND, 3, anticipation=1, dropped=[6])
    fit = did.estimate(design, in_space(design, 0), {})
    # unit 1: 1 before, 4 after; donors 0 and 2: 7.5 before, 14.667 after
    assert fit.estimate[0, 1, 0] == pytest.approx((4 - 1) - ((24 + 16 / 3) / 2 - 7.5))


def test_weights_are_those_of_units() -> None:
    weights = np.array([[1.0, 3.0, 1.0]])
    design = make_design(HAND, 3, anticipation=1, dropped=[6], unit_weights=weights)
    fit = did.estimate(design, in_space(design, 0), {})
    donors = (3 * (4 - 1) + (16 / 3 - 4)) / 4
    assert fit.estimate[0, 0, 0] == pytest.approx(13 - donors)


def test_step_without_retained_periods_is_nan() -> None:
    design = make_design(HAND, 3, anticipation=1, later_steps=[6], dropped=[6])
    fit = did.estimate(design, in_space(design, 0), {})
    assert np.isfinite(fit.estimate[0, :, :2]).all()
    assert np.isnan(fit.estimate[0, :, 2]).all()
    assert np.isnan(fit.covariance[0, 2]).all()


@pytest.mark.parametrize("weighted", [False, True])
def test_cluster_variance_is_crv1_by_hand(weighted: bool) -> None:
    """CRV1 from the residuals of a dummy regression, with (N-1)/(N-K) G/(G-1)."""
    units, periods, adoption = 7, 9, 5
    y = panel(units, periods, seed=4)[0]
    weights = np.linspace(0.5, 2, units) if weighted else np.ones(units)
    design = make_design(y, adoption, treated=[2, 5], unit_weights=weights[None])
    fit = did.estimate(design, design.adopted[None], {})

    treated = np.outer(np.isin(np.arange(units), [2, 5]), np.arange(periods) >= adoption)
    dummies = np.hstack(
        [np.repeat(np.eye(units), periods, axis=0), np.tile(np.eye(periods), (units, 1))]
    )
    root = np.sqrt(np.repeat(weights, periods))[:, None]
    x, z = treated.reshape(-1, 1) * root, dummies * root
    x = x - z @ np.linalg.lstsq(z, x, rcond=None)[0]
    target = y.ravel() * root.ravel()
    target = target - z @ np.linalg.lstsq(z, target, rcond=None)[0]
    beta = float(x[:, 0] @ target / (x[:, 0] @ x[:, 0]))
    scores = (x[:, 0] * (target - x[:, 0] * beta)).reshape(units, periods).sum(axis=1)
    n, k = units * periods, 1 + periods
    factor = units / (units - 1) * (n - 1) / (n - k)
    variance = (scores @ scores) / (x[:, 0] @ x[:, 0]) ** 2 * factor
    assert fit.estimate[0, 0, 0] == pytest.approx(beta, abs=1e-12)
    assert fit.covariance[0, 0, 0] == pytest.approx(variance, rel=1e-9)
    assert np.isnan(fit.covariance[0, 0, 1]), "entries off the diagonal are not estimated"


def test_units_without_weight_are_left_out_of_the_regression() -> None:
    y = panel(6, 9, seed=5)
    weights = np.array([[1.0, 1, 1, 0, 1, 1]])
    design = make_design(y, 5, unit_weights=weights)
    fit = did.estimate(design, in_space(design, 0), {})
    smaller = make_design(y[:, [0, 1, 2, 4, 5]], 5)
    alone = did.estimate(smaller, smaller.adopted[None], {})
    assert fit.estimate[0, 0, 0] == pytest.approx(alone.estimate[0, 0, 0], abs=1e-13)
    assert fit.covariance[0, 0, 0] == pytest.approx(alone.covariance[0, 0, 0], rel=1e-10)
    assert np.isnan(fit.estimate[0, 3, 0])


def test_disagreement_with_pyfixest_is_an_error() -> None:
    design = make_design(panel(6, 9, seed=6), 5)
    regressor = np.outer(design.treated, design.in_post).astype(float)[None]
    right = did.estimate(design, design.adopted[None], {}).estimate[:, 0, :1]
    _regression.own_row(design, regressor, ~design.excluded, right)
    with pytest.raises(RuntimeError, match="pyfixest and the closed form differ"):
        _regression.own_row(design, regressor, ~design.excluded, right + 1e-8)


def test_acceptance_of_a_placebo() -> None:
    """With two donors the treated unit has weight 1/2 among each placebo's donors."""
    design = make_design(HAND, 3, anticipation=1, dropped=[6])
    fit = did.estimate(design, in_space(design, 0), {})
    own, placebo = fit.estimate[0, :2, 0]
    ends = sorted([(own - placebo) / 1.5, (own + placebo) / 0.5])
    assert [fit.accept_low[0, 1, 0], fit.accept_high[0, 1, 0]] == pytest.approx(ends)
    assert np.isnan(fit.accept_low[0, 0]).all()
