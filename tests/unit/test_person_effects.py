from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from person_helpers import People, people

from reformeval.register import person_effects
from reformeval.register.person_effects import Sums, accumulate, solve

REFERENCE = 4


def terms(data: People) -> list[int]:
    return [k for k in range(data.periods) if k != REFERENCE]


def movers_regressors(data: People, treated: int) -> tuple[np.ndarray, np.ndarray]:
    """Columns arm x period, and month dummies with treated x period terms on them."""
    column = (data.unit < treated) * data.periods + data.period
    k = len(terms(data))
    z = np.zeros((2 * data.periods, data.periods + k))
    for arm in (0, 1):
        z[arm * data.periods + np.arange(data.periods), np.arange(data.periods)] = 1
    z[data.periods + np.array(terms(data)), data.periods + np.arange(k)] = 1
    return column, np.broadcast_to(z, (data.units, *z.shape))


def frozen_regressors(data: People, treated: int) -> np.ndarray:
    """Month dummies and treated x period terms on columns that are periods."""
    k = len(terms(data))
    z = np.zeros((data.units, data.periods, data.periods + k))
    z[:, np.arange(data.periods), np.arange(data.periods)] = 1
    z[:treated, terms(data), data.periods + np.arange(k)] = 1
    return z


def reference_fit(data: People, treated: int) -> tuple[np.ndarray, np.ndarray, int]:
    """pyfixest's coefficients, covariance without factor for K, and N."""
    import pyfixest

    frame = data.frame()
    names = {k: f"x{k}" for k in terms(data)}
    arm = pl.col("unit") < treated
    model = pyfixest.feols(
        f"y ~ {' + '.join(names.values())} | person + period",
        frame.with_columns(
            (arm & (pl.col("period") == k)).cast(pl.Float64).alias(name)
            for k, name in names.items()
        ),
        vcov={"CRV1": "unit"},
        ssc=pyfixest.ssc(k_adj=False, G_adj=True),
        demeaner=pyfixest.MapDemeaner(fixef_tol=1e-13),
    )
    assert list(model.coef().index) == list(names.values())
    return np.asarray(model.coef()), np.asarray(model._vcov), model._N


@pytest.mark.parametrize("seed", range(3))
def test_frozen_persons_are_pyfixests(seed: int) -> None:
    data = people(seed, absent=0.35)
    found = solve(data.sums(), frozen_regressors(data, 5))
    coefficients, covariance, n = reference_fit(data, 5)
    np.testing.assert_allclose(found.coefficients[data.periods :], coefficients, rtol=1e-8)
    k = len(coefficients) + data.periods  # persons are nested in units
    own = found.covariance[data.periods :, data.periods :]
    np.testing.assert_allclose(own, covariance * (n - 1) / (n - k), rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_moving_persons_are_pyfixests_and_count_in_the_factor(seed: int) -> None:
    data = people(seed, moving=0.3)
    column, z = movers_regressors(data, 5)
    sums = accumulate(data.person, data.unit, column, data.y, data.units, 2 * data.periods)
    assert sums.movers > 20
    found = solve(sums, z)
    coefficients, covariance, n = reference_fit(data, 5)
    assert n == sums.rows.sum()
    np.testing.assert_allclose(found.coefficients[data.periods :], coefficients, rtol=1e-8)
    k = len(coefficients) + data.periods + sums.persons - 1
    own = found.covariance[data.periods :, data.periods :]
    np.testing.assert_allclose(own, covariance * (n - 1) / (n - k), rtol=1e-7, atol=1e-12)


def test_general_group_terms_by_dummies() -> None:
    """Two treated groups with their own event times, against dummies for every person."""
    data = people(11, persons=150)
    z = np.zeros((data.units, data.periods, 3 * data.periods))
    z[:, np.arange(data.periods), np.arange(data.periods)] = 1
    for g, units in enumerate(((0, 1), (2, 3, 4))):
        for k in terms(data):
            z[units, k, (g + 1) * data.periods + k] = 1
    found = solve(data.sums(), z)
    rows = data.rows(~np.isnan(data.y))
    x = z[rows.unit, rows.period][:, found.kept]
    dummies = rows.person[:, None] == np.unique(rows.person)
    expected = np.linalg.lstsq(np.hstack([x, dummies]), rows.y, rcond=None)[0][: x.shape[1]]
    np.testing.assert_allclose(found.coefficients[found.kept], expected, rtol=1e-8, atol=1e-10)


def test_collinear_regressors_are_left_out_and_said() -> None:
    data = people(12)
    z = frozen_regressors(data, 5)
    twice = np.concatenate([z, z[:, :, -1:], np.ones((data.units, data.periods, 1))], axis=2)
    found = solve(data.sums(), twice)
    expected = np.ones(twice.shape[2], dtype=bool)
    # the last month (persons are one constant each), the copy, and the constant
    expected[[data.periods - 1, -2, -1]] = False
    np.testing.assert_array_equal(found.kept, expected)
    plain = solve(data.sums(), z)
    np.testing.assert_allclose(found.coefficients[:-2], plain.coefficients, rtol=1e-9)
    assert np.isnan(found.covariance[-1]).all()


def buckets(data: People, count: int) -> list[People]:
    return [data.rows(data.person % count == i) for i in range(count)]


@pytest.mark.parametrize("moving", [0.0, 0.3])
def test_buckets_add_up(moving: float, monkeypatch: pytest.MonkeyPatch) -> None:
    data = people(13, moving=moving)
    whole = data.sums()
    monkeypatch.setattr(person_effects, "PERSONS_AT_ONCE", 7)
    parts = person_effects.empty(data.units, data.periods)
    for bucket in buckets(data, 7):
        parts = parts + bucket.sums()
    for name in ("cross", "moment"):
        np.testing.assert_allclose(getattr(parts, name), getattr(whole, name), atol=1e-10)
    np.testing.assert_array_equal(parts.rows, whole.rows)
    assert (parts.persons, parts.movers) == (whole.persons, whole.movers)


def test_persons_seen_once_are_in_no_sum() -> None:
    data = people(14)
    once = People(
        np.array([10_000]), np.array([3]), np.array([5]), np.array([1e6]), data.units, data.periods
    )
    both = data.sums() + once.sums()
    np.testing.assert_array_equal(both.cross, data.sums().cross)
    assert both.persons == data.sums().persons
    assert both.rows.sum() == data.sums().rows.sum()


def test_no_rows_are_sums_of_zero() -> None:
    data = people(15)
    nothing = data.rows(np.zeros(len(data.y), dtype=bool)).sums()
    assert not nothing.cross.any()
    assert nothing.persons == 0
    unknown = People(data.person, data.unit, data.period, data.y * np.nan, 12, 10).sums()
    assert not unknown.rows.any()


def test_rows_that_are_not_sorted_or_not_unique_are_refused() -> None:
    data = people(16)
    with pytest.raises(ValueError, match="stand together"):
        data.rows(np.random.default_rng(0).permutation(len(data.y))).sums()
    double = np.sort(np.r_[np.arange(len(data.y)), 5])
    with pytest.raises(ValueError, match="two rows in the same column"):
        data.rows(double).sums()


def test_large_levels_cost_no_digits() -> None:
    """Earnings in kroner with large person effects: differences are taken before squares."""
    data = people(17, missing=0.0)
    far = People(
        data.person, data.unit, data.period, data.y + 1e6 * data.person, data.units, data.periods
    )
    z = frozen_regressors(data, 5)
    near, moved = solve(data.sums(), z), solve(far.sums(), z)
    np.testing.assert_allclose(
        moved.coefficients[near.kept], near.coefficients[near.kept], rtol=1e-6, atol=1e-7
    )


def test_weights_need_persons_who_stay() -> None:
    data = people(18, moving=0.5)
    with pytest.raises(ValueError, match="stay in one"):
        solve(data.sums(), frozen_regressors(data, 5), np.ones(data.units))
    with pytest.raises(ValueError, match="move"):
        data.sums().select(np.array([0, 1]))
    kept: Sums = people(18).sums().select(np.array([0, 1]))
    assert kept.moment.shape == (2, 10)
