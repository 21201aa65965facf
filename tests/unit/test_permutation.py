from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import tiny_did
from design_helpers import make_design

from reformeval.assignments import in_space
from reformeval.estimators import did
from reformeval.fit import Estimand
from reformeval.inference import _ranks, permutation


def _brute_force(d, level: float, grid: np.ndarray) -> tuple[float, float, int]:
    """Smallest and largest accepted c on a grid, by shifting outcomes and estimating again."""
    count = len(d.units)
    rank = max(int(count * (1 - level) + 1e-9), 1)
    kept = []
    for c in grid:
        y = d.y[:1].copy()
        y[:, 0, d.in_post] -= c
        size = np.abs(tiny_did.did(y, d.in_pre, d.in_post)[0])
        if (size >= size[0] - 1e-12).sum() > rank:
            kept.append(c)
    return kept[0], kept[-1], rank


@pytest.mark.parametrize(("units", "level"), [(10, 0.95), (25, 0.95), (40, 0.9), (12, 0.7)])
def test_interval_equals_brute_force(units: int, level: float) -> None:
    for seed in range(3):
        d = tiny_did.design(seed, units, series=1, effect=2.0)
        fit = tiny_did.fit(d)
        found, *_ = permutation.infer(d, fit, level)
        step = 0.01
        grid = np.arange(-25, 25, step) + fit.estimate[0, 0, 0]
        low, high, rank = _brute_force(d, level, grid)
        assert found.level[0, 0] == pytest.approx(1 - rank / units)
        assert low - step <= found.low[0, 0] <= low
        assert high <= found.high[0, 0] <= high + step


def test_p_at_equals_shifting_the_outcome() -> None:
    d = tiny_did.design(5, 12, series=1, effect=1.0)
    fit = tiny_did.fit(d)
    for c in (-3.0, -0.5, 0.0, 0.7, 2.0, 5.0):
        y = d.y.copy()
        y[:, 0, d.in_post] -= c
        size = np.abs(tiny_did.did(y, d.in_pre, d.in_post)[0])
        expected = (size >= size[0] - 1e-12).mean()
        p = permutation.p_at(fit, np.full((1, 3), c))
        assert p[0, 0] == pytest.approx(expected)


def test_p_is_the_rank_and_ties_count() -> None:
    d = tiny_did.design(units=4, series=1)
    estimate = np.array([2.0, -2.0 * (1 + 1e-15), 1.0, -3.0])[None, :, None]
    low, high = tiny_did.accepted(estimate, 1 / 3)
    fit = replace(
        tiny_did.fit(d), estimands=(Estimand("att"),), estimate=estimate, accept_low=low,
        accept_high=high,
    )  # fmt: skip
    found, *_ = permutation.infer(d, fit, 0.95)
    assert found.p_value[0, 0] == 3 / 4
    assert found.floor[0, 0] == 1 / 4


def test_missing_placebos_are_not_counted() -> None:
    d = tiny_did.design(units=10, series=1)
    fit = tiny_did.fit(d)
    for values in (fit.estimate, fit.accept_low, fit.accept_high):
        values[:, [3, 7]] = np.nan
    found, *_ = permutation.infer(d, fit, 0.95)
    size = np.abs(fit.estimate[0, :, 0])
    assert found.floor[0, 0] == 1 / 8
    assert found.p_value[0, 0] == np.nansum(size >= size[0]) / 8


@pytest.mark.parametrize(
    ("count", "level", "rank", "short"),
    [(25, 0.95, 1, False), (14, 0.95, 1, True), (20, 0.95, 1, False), (40, 0.95, 2, False),
     (100, 0.95, 5, False), (39, 0.95, 1, False), (10, 0.9, 1, False), (2, 0.5, 1, False)],
)  # fmt: skip
def test_attained_rank(count: int, level: float, rank: int, short: bool) -> None:
    found, lacking = _ranks.attained_rank(np.array([count]), level)
    assert (found[0], bool(lacking[0])) == (rank, short)
    if not short:
        assert 1 - rank / count >= level - 1e-12 > 1 - (rank + 1) / count - 1e-9


def test_level_that_cannot_be_had_is_said() -> None:
    d = tiny_did.design(units=14)
    found, *_ = permutation.infer(d, tiny_did.fit(d), 0.95)
    assert set(found.status.ravel()) == {"warn"}
    assert found.reason[0, 0] == "92.9 %: 95 % cannot be had with 13 donors (smallest p is 1/14)"
    assert found.level[0, 0] == pytest.approx(13 / 14)


def test_level_that_can_be_had_is_ok() -> None:
    d = tiny_did.design(1, units=25)
    found, *_ = permutation.infer(d, tiny_did.fit(d), 0.95)
    assert set(found.status.ravel()) == {"ok"}
    assert set(found.reason.ravel()) == {""}
    assert found.level[0, 0] == pytest.approx(0.96)


def test_unbounded_interval_is_said() -> None:
    d = tiny_did.design(units=25, series=1)
    fit = tiny_did.fit(d)
    fit.accept_high[0, 4, 0] = np.inf
    found, *_ = permutation.infer(d, fit, 0.95)
    assert found.high[0, 0] == np.inf
    assert np.isfinite(found.low[0, 0])
    assert found.status[0, 0] == "warn"
    assert "unbounded" in found.reason[0, 0]


def test_gap_in_the_accepted_set_is_said() -> None:
    d = tiny_did.design(units=25, series=1)
    fit = tiny_did.fit(d)
    own = fit.estimate[0, 0, 0]
    fit.accept_low[0, 1:, 0], fit.accept_high[0, 1:, 0] = own - 1, own + 1
    fit.accept_low[0, 3, 0], fit.accept_high[0, 3, 0] = own + 5, own + 6
    found, *_ = permutation.infer(d, fit, 0.95)
    assert (found.low[0, 0], found.high[0, 0]) == pytest.approx((own - 1, own + 6))
    assert "hull" in found.reason[0, 0]


def test_touching_intervals_have_no_gap() -> None:
    hull, left = _ranks.hull, np.array([0.0, 1.0])
    assert hull(left, np.array([1.0, 2.0]), 1).parts == ((0.0, 2.0),)
    parted = hull(np.array([0.0, 1.5]), np.array([1.0, 2.0]), 1)
    assert (parted.low, parted.high) == (0.0, 2.0)
    assert parted.parts == ((0.0, 1.0), (1.5, 2.0))
    assert hull(left, np.array([1.0, 2.0]), 2).parts == ((1.0, 1.0),)
    assert hull(left, np.array([1.0, 2.0]), 3).parts == ()


def test_no_placebo_is_refused() -> None:
    d = tiny_did.design(units=10, series=1)
    fit = tiny_did.fit(d)
    fit.estimate[:, 1:] = np.nan
    found, *_ = permutation.infer(d, fit, 0.95)
    assert found.status[0, 0] == "refused"
    assert np.isnan([found.p_value[0, 0], found.low[0, 0], found.high[0, 0]]).all()
    assert found.reason[0, 0]


def test_no_estimate_is_failed() -> None:
    d = tiny_did.design(units=10)
    fit = tiny_did.fit(d)
    fit.estimate[1] = np.nan
    found, *_ = permutation.infer(d, fit, 0.95)
    assert set(found.status[1]) == {"failed"}
    assert np.isnan(found.p_value[1]).all()
    assert np.isfinite(found.p_value[0]).all()


def test_standard_error_and_detectable_effect() -> None:
    d = tiny_did.design(3, units=25, series=1)
    fit = tiny_did.fit(d)
    found, *_ = permutation.infer(d, fit, 0.95)
    sizes = np.sort(np.abs(fit.estimate[0, 1:, 0]))
    assert found.std_error[0, 0] == pytest.approx(np.sqrt((sizes**2).mean()))
    power = np.quantile(sizes, 0.6, method="inverted_cdf")
    donors = len(sizes)  # placebos share an effect through the treated unit as a donor
    assert found.minimum_detectable[0, 0] == pytest.approx(
        (sizes[-1] + power) * donors / (donors - 1)
    )


@pytest.mark.parametrize(("treated", "units"), [(2, 11), (4, 10), (5, 10)])
def test_an_effect_of_the_detectable_size_is_found_with_several_treated(
    treated: int, units: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(did, "_covariance", lambda *_: None)
    y = np.random.default_rng(5).normal(size=(150, units, 4))
    null = make_design(y, 2, range(treated))
    every = in_space(null, 1)
    found = permutation.infer(null, did.estimate(null, every, {}), 0.95)[0]
    y[:, :treated, 2:] += np.roll(found.minimum_detectable[:, 0], 1)[:, None, None]
    moved = make_design(y, 2, range(treated))
    again = permutation.infer(moved, did.estimate(moved, every, {}), 0.95)[0]
    assert 0.75 < (again.p_value[:, 0] <= 0.05 + 1e-9).mean() < 0.95


def test_pointwise_band_is_the_kth_largest_placebo() -> None:
    d = tiny_did.design(3, units=50, series=1)
    fit = tiny_did.fit(d, events=True)
    found = permutation.infer(d, fit, 0.95)[0]
    largest = np.sort(np.abs(fit.estimate[0, 1:, 4]))[-2]
    assert found.high[0, 4] - fit.estimate[0, 0, 4] == pytest.approx(largest)
    assert found.p_value[0, 4] == pytest.approx(
        (np.abs(fit.estimate[0, :, 4]) >= abs(fit.estimate[0, 0, 4])).mean()
    )


def test_simultaneous_band_agrees_with_its_p_value() -> None:
    for seed in range(5):
        d = tiny_did.design(seed, units=30, series=1, effect=3.0)
        fit = tiny_did.fit(d, events=True)
        pointwise, band, *_ = permutation.infer(d, fit, 0.95)
        assert band.band == "simultaneous"
        own = fit.estimate[0, 0, 1:]
        out = (band.low[0, 1:] > 0) | (band.high[0, 1:] < 0)
        assert (out == (band.p_value[0, 1:] <= 1 / 30 + 1e-12)).all()
        assert (band.p_value[0, 1:] >= pointwise.p_value[0, 1:] - 0.07).all()
        assert np.isnan(band.p_value[0, 0])
        half = (band.high - band.low)[0, 1:] / 2
        ratio = half / pointwise.std_error[0, 1:]
        post = np.array([e.event_time >= 0 for e in fit.estimands[1:]])
        for chosen in (post, ~post):  # one critical value for each set
            assert ratio[chosen] == pytest.approx(np.full(chosen.sum(), ratio[chosen][0]))
        assert np.allclose((band.high + band.low)[0, 1:] / 2, own)


def test_simultaneous_band_by_hand() -> None:
    """Every path over the root mean square of the placebos other than itself."""
    d = tiny_did.design(3, units=12, series=1, effect=1.0)
    fit = tiny_did.fit(d, events=True)
    band = permutation.infer(d, fit, 0.95)[1]
    chosen = [i for i, e in enumerate(fit.estimands) if e.event_time is not None and
              e.event_time >= 0]  # fmt: skip
    paths = np.abs(fit.estimate[0][:, chosen])
    sd = [np.sqrt((np.delete(paths, [0, a] if a else [0], axis=0) ** 2).mean(axis=0))
          for a in range(12)]  # fmt: skip
    largest = [(paths[a] / sd[a]).max() for a in range(1, 12)]
    half = (band.high - band.low)[0, chosen] / 2
    np.testing.assert_allclose(half, max(largest) * sd[0], rtol=1e-9)
    above = [1 + sum(m >= x for m in largest) for x in paths[0] / sd[0]]
    np.testing.assert_allclose(band.p_value[0, chosen], np.array(above) / 12)


def test_simultaneous_test_holds_its_size() -> None:
    rng = np.random.default_rng(1)
    hits, trials = 0, 400
    for _ in range(trials):
        d = tiny_did.design(units=20, series=1, window=10, adoption=4)
        d = replace(d, y=rng.standard_t(3, size=d.y.shape))
        band = permutation.infer(d, tiny_did.fit(d, events=True), 0.9)[1]
        hits += bool(band.p_value[0, 4:].min() <= 2 / 20 + 1e-12)  # from adoption on
    assert hits / trials <= 0.1 + 3.5 * np.sqrt(0.1 * 0.9 / trials)
    assert hits / trials >= 0.03  # conservative, not powerless


def test_equivalence() -> None:
    d = tiny_did.design(2, units=25, series=2)
    fit = tiny_did.fit(d)
    own = fit.estimate[:, 0]
    found = permutation.equivalence(d, fit, np.array([1000.0, np.nan]))
    assert found[0] == pytest.approx(np.full(3, 1 / 25))
    assert np.isnan(found[1]).all()
    small = np.abs(own[:, 0]) / 2
    assert permutation.equivalence(d, fit, small)[:, 0].tolist() == [1.0, 1.0]
    interval, *_ = permutation.infer(d, fit, 0.95)
    edge = max(abs(interval.low[0, 0]), abs(interval.high[0, 0]))
    assert permutation.equivalence(d, fit, np.array([edge * 1.001, 1]))[0, 0] <= 1 / 25 + 1e-12
    assert permutation.equivalence(d, fit, np.array([edge * 0.999, 1]))[0, 0] > 1 / 25


def test_rank_p_counts_infinite_and_leaves_out_missing() -> None:
    values = np.array([[2.0, np.inf, np.nan, 1.0], [np.inf, 1.0, np.inf, 2.0], [np.nan, 1, 2, 3]])
    assert _ranks.rank_p(values)[:2] == pytest.approx([2 / 3, 2 / 4])
    assert np.isnan(_ranks.rank_p(values)[2])
