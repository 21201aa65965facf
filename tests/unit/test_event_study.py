from __future__ import annotations

import numpy as np
import pytest
from design_helpers import make_design, panel

from reformeval.assignments import in_space
from reformeval.estimators import did, event_study

HAND = np.array([[1.0, 2.0, 4.0, 7.0, 9.0], [0.0, 0.0, 1.0, 1.0, 1.0], [2.0, 0.0, 1.0, 3.0, 1.0]])


def test_by_hand() -> None:
    design = make_design(HAND, 3, anticipation=1)
    fit = event_study.estimate(design, in_space(design, 0), {})
    kinds = [(e.kind, e.event_time) for e in fit.estimands]
    assert kinds == [("att", None), ("event", -3), ("event", -1), ("event", 0), ("event", 1)]
    # gap of the treated unit to the donors' mean: 0, 2, 3, 5, 8; the reference is the second
    np.testing.assert_allclose(fit.estimate[0, 0], [4.5, -2, 1, 3, 6], atol=1e-14)
    np.testing.assert_allclose(fit.counterfactual[0, 0], [3, 2, 3, 4, 3], atol=1e-14)
    assert np.isfinite(fit.accept_low[0, 1:, 0]).all()
    assert np.isnan(fit.accept_low[0, :, 1:]).all(), "event times are not inverted"


def test_dropped_periods_are_nan_and_the_reference_moves_back() -> None:
    y = panel(6, 12, seed=1)
    design = make_design(y, 8, anticipation=1, dropped=[3, 10])
    fit = event_study.estimate(design, in_space(design, 0), {})
    assert event_study.reference(design) == -2
    lost = [e.event_time for i, e in enumerate(fit.estimands) if np.isnan(fit.estimate[0, 0, i])]
    assert lost == [-5, 2]
    moved = make_design(y, 8, anticipation=1, dropped=[6])
    assert event_study.reference(moved) == -3


def test_series_without_the_reference_is_nan() -> None:
    y = panel(6, 12, seed=2, series=2)
    y[1, :, 6] = np.nan
    design = make_design(y, 8, anticipation=1)
    fit = event_study.estimate(design, in_space(design, 0), {})
    assert np.isnan(fit.estimate[1]).all()
    assert np.isnan(fit.covariance[1]).all()
    assert np.isfinite(fit.estimate[0]).all()


def test_att_against_did_with_one_pre_period() -> None:
    """With every pre-period but the reference dropped the two methods are the same."""
    y = panel(6, 9, seed=3)
    design = make_design(y, 5)
    events = event_study.estimate(design, in_space(design, 0), {})
    only = y[:, :, 4:]
    # did needs two pre-periods: repeat the reference
    doubled = make_design(np.concatenate([only[:, :, :1], only], axis=2), 2)
    simple = did.estimate(doubled, in_space(doubled, 0), {})
    np.testing.assert_allclose(events.estimate[..., 0], simple.estimate[..., 0], atol=1e-12)
    np.testing.assert_allclose(events.accept_low[..., 0], simple.accept_low[..., 0], atol=1e-12)


def test_joint_cluster_covariance_by_hand() -> None:
    """CRV1 from a saturated dummy regression; the att's is the combination of the events'."""
    units, periods, adoption = 9, 5, 3
    y = panel(units, periods, seed=4)[0]
    treated = [0, 3, 4]
    design = make_design(y, adoption, treated=treated)
    fit = event_study.estimate(design, design.adopted[None], {})

    is_treated = np.isin(np.arange(units), treated)
    columns = [np.outer(is_treated, np.arange(periods) == t).ravel() for t in (0, 1, 3, 4)]
    x = np.array(columns, dtype=float).T
    z = np.hstack([np.repeat(np.eye(units), periods, axis=0), np.tile(np.eye(periods), (units, 1))])
    x = x - z @ np.linalg.lstsq(z, x, rcond=None)[0]
    target = y.ravel() - z @ np.linalg.lstsq(z, y.ravel(), rcond=None)[0]
    bread = np.linalg.inv(x.T @ x)
    beta = bread @ x.T @ target
    residual = (target - x @ beta).reshape(units, periods, 1)
    scores = (x.reshape(units, periods, 4) * residual).sum(axis=1)
    n, k = units * periods, 4 + periods
    meat = scores.T @ scores * units / (units - 1) * (n - 1) / (n - k)
    covariance = bread @ meat @ bread
    np.testing.assert_allclose(fit.estimate[0, 0, 1:], beta, atol=1e-12)
    np.testing.assert_allclose(fit.covariance[0, 1:, 1:], covariance, rtol=1e-8, atol=1e-13)
    att = np.array([0, 0, 0.5, 0.5])
    assert fit.covariance[0, 0, 0] == pytest.approx(att @ covariance @ att, rel=1e-8)
    np.testing.assert_allclose(fit.covariance[0, 0, 1:], att @ covariance, rtol=1e-8, atol=1e-13)
