from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import tiny_did
from scipy import stats

from reformeval.design import Design
from reformeval.fit import Fit
from reformeval.inference import cluster


@pytest.mark.parametrize(
    ("treated", "donors", "published"),
    [(1, 24, 0.68), (2, 24, 0.27), (3, 24, 0.16), (4, 24, 0.12), (5, 24, 0.09), (1, 9, 0.47)],
)
def test_false_rejection_rates(treated: int, donors: int, published: float) -> None:
    found = cluster.false_rejection(treated, donors, 68)
    error = np.sqrt(published * (1 - published) / 20_000)
    assert found == pytest.approx(published, abs=0.005 + 3 * error)  # two printed digits


def test_false_rejection_equals_regressions_on_simulated_panels() -> None:
    """Two-way regressions with CRV1 computed from their residuals, unit by unit."""
    rng = np.random.default_rng(4)
    treated, donors, periods, trials = 2, 6, 8, 4_000
    G, N = treated + donors, (treated + donors) * periods
    d = np.repeat([1.0, 0.0], [treated, donors])
    post = np.repeat([0.0, 1.0], periods // 2)
    x = np.outer(d - d.mean(), post - post.mean())
    y = rng.normal(size=(trials, G, periods))
    y -= (
        y.mean(axis=1, keepdims=True)
        + y.mean(axis=2, keepdims=True)
        - y.mean(axis=(1, 2), keepdims=True)
    )
    tau = (y * x).sum(axis=(1, 2)) / (x**2).sum()
    residual = y - tau[:, None, None] * x
    scores = (residual * x).sum(axis=2)
    variance = (scores**2).sum(axis=1) / (x**2).sum() ** 2
    variance *= G / (G - 1) * (N - 1) / (N - 1 - periods)
    rejected = np.abs(tau) / np.sqrt(variance) > stats.t.ppf(0.975, G - 1)
    expected = cluster.false_rejection(treated, donors, periods)
    error = np.sqrt(expected * (1 - expected) / trials)
    assert rejected.mean() == pytest.approx(expected, abs=3.5 * error)


def test_many_clusters_have_the_right_size() -> None:
    assert cluster.false_rejection(60, 60, 40) == pytest.approx(0.05, abs=0.004)


def _with_covariance(d: Design, scale: float = 0.25) -> Fit:
    fit = tiny_did.fit(d)
    covariance = np.tile(np.eye(len(fit.estimands)) * scale, (len(d.series), 1, 1))
    return replace(fit, covariance=covariance)


@pytest.mark.parametrize(
    ("treated", "units", "status"),
    [(1, 25, "refused"), (4, 30, "refused"), (5, 30, "warn"), (26, 30, "refused"),
     (9, 40, "warn"), (10, 20, "ok"), (10, 49, "warn"), (20, 59, "ok")],
)  # fmt: skip
def test_refused_and_warned_by_the_smaller_arm(treated: int, units: int, status: str) -> None:
    d = tiny_did.design(units=units, treated=treated, series=1)
    fit = _with_covariance(d)
    (found,) = cluster.infer(d, fit, 0.95)
    assert set(found.status.ravel()) == {status}
    assert np.allclose(found.std_error, 0.5)
    assert (found.reason[0, 0] == "") == (status == "ok")
    if status == "refused":
        assert np.isnan([found.low, found.high, found.p_value, found.minimum_detectable]).all()
    else:
        own = fit.estimate[:, 0]
        half = stats.t.ppf(0.975, units - 1) * 0.5
        assert np.allclose(found.low, own - half)
        assert np.allclose(found.high, own + half)
        assert np.allclose(found.p_value, 2 * stats.t.sf(np.abs(own) / 0.5, units - 1))
    assert (found.floor == 0).all()


def test_the_reason_quotes_the_rate_of_this_design() -> None:
    d = tiny_did.design(units=25, series=1)
    (found,) = cluster.infer(d, _with_covariance(d), 0.95)
    assert "1 treated unit and 24 donors" in found.reason[0, 0]
    assert "rejects 68 % of true nulls" in found.reason[0, 0]
    assert "residuals are zero" in found.reason[0, 0]
    d = tiny_did.design(units=30, treated=5, series=1)
    (found,) = cluster.infer(d, _with_covariance(d), 0.95)
    assert "5 treated units and 25 donors" in found.reason[0, 0]


def test_units_of_unequal_weight_count_as_fewer() -> None:
    d = tiny_did.design(units=40, treated=12, series=1)
    weights = np.ones((1, 40))
    weights[0, 15] = 27.0  # a donor with half of all donors' weight
    (found,) = cluster.infer(replace(d, unit_weights=weights), _with_covariance(d), 0.95)
    assert found.status[0, 0] == "refused"
    assert found.reason[0, 0].startswith("28 donors count as 3.9 of equal weight: with 12 treated")


def test_dropped_donors_count_for_refusal() -> None:
    d = tiny_did.design(units=20, treated=10, series=2)
    y = d.y.copy()
    y[1, 10:16, 2] = np.nan
    (found,) = cluster.infer(replace(d, y=y), _with_covariance(d), 0.95)
    assert found.status[:, 0].tolist() == ["ok", "refused"]


def test_without_covariance_there_is_nothing() -> None:
    d = tiny_did.design(units=20, treated=10)
    assert cluster.infer(d, tiny_did.fit(d), 0.95) == []
    assert np.isnan(cluster.equivalence(d, tiny_did.fit(d), np.ones(2))).all()


def test_no_variance_is_refused() -> None:
    d = tiny_did.design(units=20, treated=10, series=1)
    fit = _with_covariance(d)
    assert fit.covariance is not None
    fit.covariance[0, 1, 1], fit.covariance[0, 2, 2] = 0.0, np.nan
    (found,) = cluster.infer(d, fit, 0.95)
    assert found.status[0].tolist() == ["ok", "refused", "refused"]
    assert np.isnan(found.p_value[0, 1:]).all()


def test_equivalence_is_two_one_sided_tests() -> None:
    d = tiny_did.design(units=20, treated=10, series=1)
    fit = _with_covariance(d)
    own = fit.estimate[0, 0, 0]
    found = cluster.equivalence(d, fit, np.array([abs(own) + 1.0]))[0, 0]
    assert found == pytest.approx(stats.t.sf(1.0 / 0.5, 19))
    few = tiny_did.design(units=20, treated=1, series=1)
    assert np.isnan(cluster.equivalence(few, _with_covariance(few), np.ones(1))).all()
