from __future__ import annotations

from unittest import mock

import numpy as np
import pytest
from design_helpers import make_design, panel
from staggered_helpers import example, staggered

from reformeval.assignments import in_space
from reformeval.errors import UnsupportedError
from reformeval.estimators import _double_weights, _moving, did, synthetic_did


def test_parallel_units_give_their_difference_exactly() -> None:
    """Levels and a common path: any weights give the effect, whatever the regularisation."""
    common = np.array([0.0, 1.0, -1.0, 2.0, 3.0, 1.0])
    y = np.array([5.0, 1.0, 2.0, 7.0])[:, None] + common
    y[0, 4:] += 2.5
    design = make_design(y, 4)
    fit = synthetic_did.estimate(design, in_space(design, 0), {})
    assert fit.estimate[0, 0, 0] == pytest.approx(2.5, abs=1e-12)
    assert fit.unit_weights[0].sum(axis=1) == pytest.approx(1)
    assert fit.period_weights[0].sum(axis=1) == pytest.approx(1)
    assert (fit.period_weights[0][:, 4:] == 0).all()


def test_double_difference_of_its_own_weights() -> None:
    design = make_design(panel(6, 12, seed=1), 8, anticipation=1)
    fit = synthetic_did.estimate(design, in_space(design, 0), {})
    y = design.y[0]
    for a in range(6):
        omega, lam = fit.unit_weights[0, a], fit.period_weights[0, a]
        contrast = y[:, design.in_post].mean(axis=1) - y @ lam
        assert fit.estimate[0, a, 0] == pytest.approx(contrast[a] - omega @ contrast, abs=1e-12)
        assert omega[a] == 0
        assert (lam[~design.in_pre] == 0).all()


def test_large_zeta_gives_equal_unit_weights() -> None:
    design = make_design(panel(6, 12, seed=2), 8)
    fit = synthetic_did.estimate(design, in_space(design, 0), {"zeta": 1e7})
    donors = ~np.eye(6, dtype=bool)
    np.testing.assert_allclose(fit.unit_weights[0][donors], 0.2, atol=1e-6)


def test_the_paper_s_penalty_with_several_treated_units() -> None:
    """Equation 5: zeta = (N1 T1)^(1/4) sigma, sigma over the donors alone."""
    design = make_design(panel(8, 14, seed=4), 9, treated=[0, 1, 2])
    steps = np.diff(design.y[0, 3:, :9], axis=1)
    zeta = (3 * 5) ** 0.25 * steps.std(ddof=1)
    own = design.adopted[None]
    fit, given = (synthetic_did.estimate(design, own, o) for o in ({}, {"zeta": float(zeta)}))
    np.testing.assert_allclose(fit.unit_weights, given.unit_weights, atol=1e-9)
    assert fit.estimate[0, 0, 0] == pytest.approx(given.estimate[0, 0, 0], abs=1e-9)


def test_flat_donors_make_it_did() -> None:
    """Period weights are equal where donors do not tell periods apart."""
    y = np.array([[1.0, 3.0, 2.0, 9.0], [5.0, 5.0, 5.0, 5.0], [2.0, 2.0, 2.0, 2.0]])
    design = make_design(y, 3)
    fit = synthetic_did.estimate(design, design.adopted[None], {})
    np.testing.assert_allclose(fit.period_weights[0, 0, :3], 1 / 3, atol=1e-9)
    simple = did.estimate(design, design.adopted[None], {})
    assert fit.estimate[0, 0, 0] == pytest.approx(simple.estimate[0, 0, 0])


def test_sigma_does_not_difference_across_a_dropped_period() -> None:
    rng = np.random.default_rng(3)
    y = rng.normal(size=(6, 14))
    dropped = [2, 3, 6]
    y[:, 4:6] += 100  # a level seen between two gaps only
    design = make_design(y, 10, dropped=dropped)
    donors = np.arange(6) != 0
    pairs = [(0, 1), (4, 5), (7, 8), (8, 9)]
    steps = np.array([y[donors, b] - y[donors, a] for a, b in pairs])
    which = np.zeros(1, dtype=np.int64)
    found = _double_weights.difference_sd(design.y, design.in_pre, which, donors[None])
    assert found[0] == pytest.approx(steps.std(ddof=1), rel=1e-12)


def test_no_adjacent_pre_periods_is_refused() -> None:
    design = make_design(panel(5, 10), 6, dropped=[1, 3, 5])
    with pytest.raises(UnsupportedError, match="adjacent"):
        synthetic_did.estimate(design, design.adopted[None], {})


@pytest.mark.parametrize("zeta", [-1, "2", True, float("nan"), float("inf")])
def test_bad_zeta(zeta: object) -> None:
    assert "zeta" in synthetic_did.check_options({"zeta": zeta})[0]


def test_zeta_of_zero_is_allowed() -> None:
    assert synthetic_did.check_options({"zeta": 0}) == []


def test_cohorts_are_reforms_of_their_own_against_units_that_never_adopt() -> None:
    dates = [6, 6, 9, 9, 9, 12, -1, -1, -1, -1, -1]
    design = staggered(panel(11, 15, seed=5), dates, anticipation=1, dropped=[4, 10])
    fit = synthetic_did.estimate(design, design.adopted[None], {})
    effects, cells = [], []
    units, times = np.zeros(11), np.zeros(15)
    for k, start in enumerate((6, 9, 12)):
        chosen = np.flatnonzero(np.isin(dates, (start, -1)))
        own = design.select(np.array([0]), chosen)
        alone = synthetic_did.estimate(own, own.adopted[None], {})
        effects.append(alone.estimate[0, 0, 0])
        cells.append(dates.count(start) * own.in_post.sum())
        assert fit.estimands[1 + k].cohort == design.periods[start]
        assert fit.estimate[0, 0, 1 + k] == pytest.approx(effects[-1], abs=1e-12)
        units[chosen] += cells[-1] * alone.unit_weights[0, 0]
        times += cells[-1] * alone.period_weights[0, 0]
    assert cells == [2 * 8, 3 * 5, 3]
    assert fit.estimate[0, 0, 0] == pytest.approx(np.average(effects, weights=cells), abs=1e-12)
    np.testing.assert_allclose(fit.unit_weights[0, 0], units / sum(cells), atol=1e-12)
    np.testing.assert_allclose(fit.period_weights[0, 0], times / sum(cells), atol=1e-12)


def test_paths_of_several_cohorts_are_apart_by_their_effects() -> None:
    """A constant effect on parallel units: the gap is each period's share of adopters times it."""
    rng = np.random.default_rng(1)
    y = rng.normal(size=(12, 1)) + rng.normal(size=(1, 8))
    design = staggered(y, example().adopted.tolist())
    y = y + 3.0 * design.post_cells
    design = staggered(y, design.adopted.tolist())
    fit = synthetic_did.estimate(design, design.adopted[None], {})
    gap = (fit.observed - fit.counterfactual)[0, 0]
    np.testing.assert_allclose(gap, 3.0 * design.post_cells.sum(axis=0) / 8, atol=1e-9)


def test_a_cohort_without_two_pre_periods_is_named() -> None:
    design = staggered(panel(6, 8), [1, 4, 4, -1, -1, -1])
    with pytest.raises(UnsupportedError, match=r"adopt in 2001-01-01 have none \(u00\)"):
        synthetic_did.estimate(design, design.adopted[None], {})


def test_without_units_that_never_adopt_there_is_no_estimate() -> None:
    design = staggered(panel(6, 8), [3, 3, 3, 5, 5, 5])
    assert np.isnan(synthetic_did.estimate(design, design.adopted[None], {}).estimate).all()


def test_acceptance_is_the_same_by_either_solver() -> None:
    """The compiled pieces of the path, and those it gives up on."""
    design = make_design(panel(9, 16, seed=6), 10, treated=[0, 3])
    rows = in_space(design, 0)
    compiled = synthetic_did.estimate(design, rows, {})
    solve = _moving.solve

    def gives_up(*args: object) -> tuple[np.ndarray, np.ndarray, bool]:
        weights, change, _ = solve(*args)
        return weights, change, False

    with mock.patch.object(_moving, "solve", gives_up):
        other = synthetic_did.estimate(design, rows, {})
    for name in ("accept_low", "accept_high"):
        np.testing.assert_allclose(
            getattr(compiled, name), getattr(other, name), rtol=1e-9, atol=1e-9
        )


def test_donors_are_units_that_never_adopt() -> None:
    assert synthetic_did.check_options({"donors": "never_treated"}) == []
    assert "never_treated" in synthetic_did.check_options({"donors": "not_yet_treated"})[0]
