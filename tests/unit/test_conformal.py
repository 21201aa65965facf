"""Conformal inference: algorithm 1 step by step, inversion against brute force, size, refusals."""

from __future__ import annotations

import warnings
from dataclasses import replace
from unittest import mock

import numpy as np
import pytest
from design_helpers import make_design, panel

from reformeval.assignments import in_space
from reformeval.design import Design
from reformeval.estimators import (
    _library,
    did,
    event_study,
    matched_sc,
    penalised_sc,
    sun_abraham,
    synthetic_control,
)
from reformeval.fit import Fit
from reformeval.inference import _conformal, conformal, conformal_iid
from reformeval.noise import serial_p


@pytest.fixture(autouse=True)
def _without_regressions(monkeypatch: pytest.MonkeyPatch) -> None:
    """No cluster covariance: nothing here reads it, and it takes most of the time."""
    monkeypatch.setattr(did, "_covariance", lambda *_: None)
    monkeypatch.setattr(event_study, "_covariance", lambda *_: None)


def made(method=did, effect: float = 0.0, seed: int = 0, periods: int = 40) -> tuple[Design, Fit]:
    y = panel(8, periods, seed)
    y[:, 0, 30:] += effect
    d = make_design(y, 30, dropped=(33,))
    return d, method.estimate(d, in_space(d, 1)[:1], {})


def shifted(d: Design, effect: float, used: np.ndarray) -> np.ndarray:
    """Residuals of the treated unit's gap to the donors' mean, around their own mean."""
    gap = d.y[0, 0] - effect * d.in_post - d.y[0, 1:].mean(axis=0)
    return gap[used] - gap[used].mean()


def constant_p(d: Design, effect: float) -> float:
    """Moving blocks, one after the other."""
    used = ~d.excluded
    residual, after = shifted(d, effect, used), d.in_post[used]
    size = [abs(np.roll(residual, -k)[after].sum()) for k in range(len(residual))]
    return float(np.mean(np.array(size) >= size[0] - 1e-9))


def test_average_is_algorithm_one_inverted() -> None:
    d, fit = made(effect=2.0)
    (found,) = conformal.infer(d, fit, 0.9)
    assert found.p_value[0, 0] == pytest.approx(constant_p(d, 0.0))
    assert found.level[0, 0] == pytest.approx(1 - 3 / 39)
    for end, inwards in ((found.low[0, 0], 1e-6), (found.high[0, 0], -1e-6)):
        assert constant_p(d, end + inwards) > 3 / 39 + 1e-9
        assert constant_p(d, end - inwards) <= 3 / 39 + 1e-9
    assert found.low[0, 0] <= fit.estimate[0, 0, 0] <= found.high[0, 0]
    assert found.status[0, 1:].tolist() == [""] * (len(fit.estimands) - 1)


def test_single_periods_are_ranks_inverted() -> None:
    d, fit = made(event_study, effect=2.0)
    (found,) = conformal.infer(d, fit, 0.9)
    for e in [i for i, one in enumerate(fit.estimands) if (one.event_time or -1) >= 0]:
        if not np.isfinite(fit.estimate[0, 0, e]):
            assert found.status[0, e] == ""
            continue
        at = 30 + fit.estimands[e].event_time
        used = d.in_pre.copy()
        used[at] = True

        def p(effect: float, used: np.ndarray = used) -> float:
            size = np.abs(shifted(d, effect, used))
            return float((size >= size[-1] - 1e-9).mean())

        assert found.p_value[0, e] == pytest.approx(p(0.0))
        for end, inwards in ((found.low[0, e], 1e-6), (found.high[0, e], -1e-6)):
            assert p(end + inwards) > 3 / 31 + 1e-9 >= p(end - inwards)


def test_more_periods_after_than_before_matter_to_the_average_alone() -> None:
    d = make_design(panel(8, 60), 24)
    every = in_space(d, 1)[:1]
    (found,) = conformal.infer(d, did.estimate(d, every, {}), 0.95)
    assert "36 periods after the reform and 24 before it" in found.reason[0, 0]
    (found,) = conformal.infer(d, event_study.estimate(d, every, {}), 0.95)
    assert not any("36 periods after" in reason for reason in found.reason.ravel())


def test_weighted_donors_are_fitted_anew_for_every_effect() -> None:
    d, fit = made(synthetic_control, effect=2.0)
    (found,) = conformal.infer(d, fit, 0.9)
    of = _conformal.path(d, fit, 0)
    order = _conformal.blocks(39)
    assert found.p_value[0, 0] == _conformal.constant_p(of, 0.0, order)
    width = found.high[0, 0] - found.low[0, 0]
    for end, inwards in ((found.low[0, 0], width), (found.high[0, 0], -width)):
        assert _conformal.constant_p(of, end + 0.01 * inwards, order) > 3 / 39 + 1e-9
        assert _conformal.constant_p(of, end - 0.001 * inwards, order) <= 3 / 39 + 1e-9


@pytest.mark.parametrize("seed", [1, 6, 7])
def test_ends_are_found_where_the_fit_before_is_far_from_the_fit_on_all_periods(seed: int) -> None:
    """A close fit before and an effect that grows: the spread before is no scale of the set."""
    y = panel(12, 24, 300 + seed)
    y[0, 0] = (y[0, 1] + y[0, 2]) / 2 + np.random.default_rng(seed).normal(0, 0.02, 24)
    y[0, 0, 12:] += np.linspace(0, 4, 12)
    d = make_design(y, 12)
    fit = synthetic_control.estimate(d, in_space(d, 1)[:1], {})
    (found,) = conformal.infer(d, fit, 0.9)
    of, order = _conformal.path(d, fit, 0), _conformal.blocks(24)
    low, high = found.low[0, 0], found.high[0, 0]
    accepted = [c for c in np.linspace(-12, 12, 97) if _conformal.constant_p(of, c, order) > 2 / 24]
    assert np.isfinite([low, high]).all()
    assert low <= min(accepted) < low + 0.25
    assert high - 0.25 < max(accepted) <= high


def test_as_many_periods_after_as_before_double_the_floor() -> None:
    d = make_design(panel(8, 24), 12)
    d.y[0, 0, 12:] += 100.0
    fit = did.estimate(d, in_space(d, 1)[:1], {})
    (found,) = conformal.infer(d, fit, 0.9)
    assert found.p_value[0, 0] == found.floor[0, 0] == 2 / 24
    (found,) = conformal.infer(d, fit, 0.95)
    assert found.status[0, 0] == "refused"
    assert "the smallest p is 2/24, above 0.05" in found.reason[0, 0]


def test_weights_of_units_are_those_of_the_estimate() -> None:
    weights = np.ones((1, 8))
    d = replace(make_design(panel(8, 40), 30), unit_weights=weights + np.arange(8.0))
    fit = did.estimate(d, in_space(d, 1)[:1], {})
    (found,) = conformal.infer(d, fit, 0.9)
    assert found.low[0, 0] <= fit.estimate[0, 0, 0] <= found.high[0, 0]


def test_only_the_two_counterfactuals_are_spoken_of() -> None:
    d, fit = made()
    assert conformal.infer(d, replace(fit, counterfactual=fit.counterfactual * 1.1), 0.9) == []
    d, fit = made(synthetic_control)
    ridge = replace(fit, counterfactual=fit.counterfactual + 0.1)
    assert conformal.infer(d, ridge, 0.9) == []


def test_a_cohort_at_one_event_time_is_not_a_period_of_an_event_study() -> None:
    """An estimator of staggered reforms may be asked about a reform with one date."""
    design = make_design(panel(8, 26, 1), 20)
    with mock.patch.object(_library, "_compare"):
        fit = sun_abraham.estimate(design, in_space(design, 0), {})
    (found,) = conformal.infer(design, fit, 0.9)
    kinds = np.array([estimand.kind for estimand in fit.estimands])
    assert np.isfinite(found.p_value[0, kinds == "event"]).sum() == 6  # those from adoption on
    assert (found.status[0, kinds != "event"] == "").all()


def test_too_few_periods_are_refused() -> None:
    d = make_design(panel(8, 12), 8)
    fit = did.estimate(d, in_space(d, 1)[:1], {})
    (found,) = conformal.infer(d, fit, 0.95)
    assert found.status[0, 0] == "refused"
    assert found.reason[0, 0] == (
        "12 periods: the smallest p is 1/12, above 0.05; it takes 20 periods"
    )
    assert np.isnan(found.p_value[0, 0])


def test_any_order_is_refused_where_residuals_are_correlated() -> None:
    rng = np.random.default_rng(0)
    for seed, rho, expected in ((3, 0.0, "ok"), (3, 0.8, "refused")):
        y = np.random.default_rng(seed).normal(size=(8, 60))
        for t in range(1, 60):
            y[:, t] += rho * y[:, t - 1]
        d = make_design(y, 48)
        fit = did.estimate(d, in_space(d, 1)[:1], {})
        (found,) = conformal_iid.infer(d, fit, 0.95)
        assert found.status[0, 0] == expected
        assert ("27 %" in found.reason[0, 0]) is (expected == "refused")
    d = make_design(rng.normal(size=(8, 40)), 24)
    fit = did.estimate(d, in_space(d, 1)[:1], {})
    assert "few to see serial correlation in" in conformal_iid.infer(d, fit, 0.95)[0].reason[0, 0]
    d = make_design(rng.normal(size=(8, 20)), 12)
    fit = did.estimate(d, in_space(d, 1)[:1], {})
    assert "too few to see" in conformal_iid.infer(d, fit, 0.95)[0].reason[0, 0]


def test_blocks_say_where_serial_correlation_and_few_periods_tell() -> None:
    y = np.random.default_rng(3).normal(size=(8, 72))
    for t in range(1, 72):
        y[:, t] += 0.6 * y[:, t - 1]
    for short in (True, False):
        d = make_design(y[:, 36:], 24) if short else make_design(y, 60)
        fit = did.estimate(d, in_space(d, 1)[:1], {})
        (found,) = conformal.infer(d, fit, 0.95)
        assert not short or found.status[0, 0] == "warn"
        assert ("a little too often" in found.reason[0, 0]) is short
        # single periods are ranked one by one, not in blocks
        fit = event_study.estimate(d, in_space(d, 1)[:1], {})
        assert "too often" not in "".join(conformal.infer(d, fit, 0.95)[0].reason[0])


def test_serial_correlation_is_ljung_box() -> None:
    x = np.random.default_rng(1).normal(size=30)
    c = x - x.mean()
    q = 30 * 32 * (c[1:] @ c[:-1] / (c @ c)) ** 2 / 29
    from scipy import stats

    assert serial_p(x, "month") == pytest.approx(stats.chi2.sf(q, 1))
    assert np.isnan(serial_p(x[:19], "month"))
    assert np.isnan(serial_p(np.ones(30), "month"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(serial_p(np.array([]), "month"))


def test_a_donor_like_the_treated_unit_leaves_nothing_to_compare() -> None:
    y = panel(8, 40)
    y[:, 3] = y[:, 0]
    d = make_design(y, 30)
    (found,) = conformal.infer(d, synthetic_control.estimate(d, in_space(d, 1)[:1], {}), 0.9)
    assert found.status[0, 0] == "refused"
    assert "without error before the reform" in found.reason[0, 0]


def test_level_is_held_when_residuals_are_exchangeable_in_time() -> None:
    draws, hits, joint = 400, 0, 0
    for seed in range(draws):
        d = make_design(np.random.default_rng(seed).normal(size=(6, 40)), 30)
        fit = did.estimate(d, in_space(d, 1)[:1], {})
        hits += conformal.infer(d, fit, 0.9)[0].p_value[0, 0] <= 0.1 + 1e-9
        of = _conformal.path(d, fit, 0)
        joint += _conformal.joint_p(of, _conformal.blocks) <= 0.1 + 1e-9
    limit = 0.1 + 3.5 * np.sqrt(0.09 / draws)
    assert 0.03 < hits / draws <= limit
    assert 0.03 < joint / draws <= limit


@pytest.mark.parametrize(("root", "low", "high"), [(0.5, 0.02, 0.09), (1.0, 0.20, 0.32)])
def test_a_gap_that_wanders_is_warned_of(root: float, low: float, high: float) -> None:
    """Two of 48 blocks, an autoregression or a random walk, over 36 and 12 periods."""
    noise = np.random.default_rng(3).normal(size=(600, 300))
    for t in range(1, 300):
        noise[:, t] += root * noise[:, t - 1]
    y = np.zeros((600, 4, 48))
    y[:, 0] = noise[:, -48:]
    y[:, 1] = 1.0  # donors that differ, and do not move
    d = make_design(y, 36)
    (found,) = conformal.infer(d, did.estimate(d, in_space(d, 1)[:1], {}), 0.95)
    assert low < (found.p_value[:, 0] <= 2 / 48 + 1e-9).mean() < high
    told = (np.char.find(found.reason[:, 0].astype(str), "wanders") >= 0).mean()
    assert told > 0.9 if root == 1 else told < 0.15
    few = d.select(np.arange(3), np.arange(4))
    fit = synthetic_control.estimate(few, few.adopted[None], {})
    (weighted,) = conformal.infer(few, fit, 0.95)
    assert not any("wanders" in reason for reason in weighted.reason[:, 0])
    if root == 1:  # of what blocks miss with few periods it is told instead
        assert all("a little too often" in reason for reason in weighted.reason[:, 0])


@pytest.mark.parametrize("method", [penalised_sc, matched_sc])
def test_other_ways_of_weighing_are_never_spoken_of(method) -> None:
    """One donor that is nearest by far is all of the mix, whatever weighs it."""
    y = panel(5, 26, 2)
    y[:, 0] = y[:, 1] - 0.1
    y[:, 2:] += 50
    d = make_design(y, 20)
    d = replace(d, covariates=y[:, :, :20].mean(axis=2)[..., None], covariate_names=("mean",))
    plain, other = (m.estimate(d, in_space(d, 1)[:1], {}) for m in (synthetic_control, method))
    np.testing.assert_allclose(plain.counterfactual, other.counterfactual)
    assert conformal.infer(d, plain, 0.9)
    assert not conformal.infer(d, other, 0.9)
