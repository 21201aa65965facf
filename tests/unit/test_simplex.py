from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from reformeval.estimators import _simplex


def objective(columns, target, weights, ridge=0.0, intercept=False) -> float:
    error = columns @ weights - target
    if intercept:
        error = error - error.mean()
    return float(error @ error + ridge * weights @ weights)


def test_interior_and_vertex_by_hand() -> None:
    columns = np.array([[0.0, 4.0], [0.0, 0.0]])
    np.testing.assert_allclose(_simplex.solve(columns, np.array([1.0, 7.0])), [0.75, 0.25])
    np.testing.assert_allclose(_simplex.solve(columns, np.array([9.0, 0.0])), [0, 1])


def test_intercept_fits_shape_not_level() -> None:
    columns = np.array([[0.0, 5.0], [1.0, 5.0], [2.0, 5.0]])
    target = np.array([100.0, 101.0, 102.0])
    np.testing.assert_allclose(_simplex.solve(columns, target, intercept=True), [1, 0], atol=1e-12)


def test_large_ridge_gives_equal_weights() -> None:
    rng = np.random.default_rng(0)
    weights = _simplex.solve(rng.normal(size=(5, 4)), rng.normal(size=5), ridge=1e12)
    np.testing.assert_allclose(weights, 0.25, atol=1e-9)


@pytest.mark.parametrize(
    ("ridge", "intercept"), [(0.0, False), (0.0, True), (2.0, False), (2.0, True)]
)
def test_no_worse_than_a_general_optimiser(ridge: float, intercept: bool) -> None:
    rng = np.random.default_rng(1)
    columns, target = rng.normal(size=(12, 6)), rng.normal(size=12)
    weights = _simplex.solve(columns, target, ridge=ridge, intercept=intercept)
    slow = minimize(
        lambda w: objective(columns, target, w, ridge, intercept),
        np.full(6, 1 / 6),
        method="SLSQP",
        bounds=[(0, 1)] * 6,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1},
        options={"ftol": 1e-14, "maxiter": 1000},
    )
    found = objective(columns, target, weights, ridge, intercept)
    assert found == pytest.approx(slow.fun, rel=1e-7)
    np.testing.assert_allclose(weights, slow.x, atol=1e-4)


def test_identical_columns_share_their_weight() -> None:
    rng = np.random.default_rng(2)
    base = rng.normal(size=(10, 3))
    target = base @ [0.5, 0.3, 0.2] + 0.1 * rng.normal(size=10)
    single = _simplex.solve(base, target)
    doubled = _simplex.solve(np.hstack([base, base[:, :1]]), target)
    np.testing.assert_allclose(doubled[[0, 3]], single[0] / 2, atol=1e-9)
    np.testing.assert_allclose(doubled[[1, 2]], single[1:], atol=1e-9)


def test_perfect_fit_with_many_solutions_takes_the_shortest() -> None:
    rng = np.random.default_rng(3)
    columns = rng.normal(size=(3, 12))
    target = columns.mean(axis=1)  # equal weights fit, and no solution is shorter
    np.testing.assert_allclose(_simplex.solve(columns, target), 1 / 12, atol=1e-8)
    order = rng.permutation(12)
    uneven = columns @ rng.dirichlet(np.ones(12))
    weights = _simplex.solve(columns, uneven)
    np.testing.assert_allclose(_simplex.solve(columns[:, order], uneven), weights[order], atol=1e-8)
    np.testing.assert_allclose(_simplex.solve(columns * 1e3, uneven * 1e3), weights, atol=1e-8)
    assert objective(columns, uneven, weights) < 1e-18


@pytest.mark.parametrize("seed", range(3))
def test_rows_fitted_exactly_beside_faint_ones_that_are_not(seed: int) -> None:
    """Differences between columns that matter may be smaller than rounding elsewhere."""
    rng = np.random.default_rng(seed)
    strong, faint = rng.normal(size=(2, 30)), 1e-7 * rng.normal(size=(8, 30))
    columns = np.vstack([strong, faint])
    target = np.concatenate([strong @ rng.dirichlet(np.ones(30)), 3e-7 * rng.normal(size=8)])
    weights = _simplex.solve(columns, target)
    order = rng.permutation(30)
    np.testing.assert_allclose(_simplex.solve(columns[:, order], target), weights[order], atol=1e-8)
    np.testing.assert_allclose(strong @ weights, target[:2], atol=1e-6)


def test_data_without_any_difference() -> None:
    np.testing.assert_allclose(_simplex.solve(np.ones((4, 5)), np.ones(4)), 0.2)


def test_a_solution_that_is_not_optimal_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        _simplex, "nnls", lambda system, _right, **_options: (np.ones(system.shape[1]), 0.0)
    )
    rng = np.random.default_rng(4)
    with pytest.raises(RuntimeError, match="relative gap"):
        _simplex.solve(rng.normal(size=(6, 3)), rng.normal(size=6))


@pytest.mark.parametrize("ridge", [0.0, 1e-9, 0.5])
def test_problems_with_rows_of_their_own(ridge: float) -> None:
    """One batch gives what `solve` gives for each problem on its rows, columns and data."""
    rng = np.random.default_rng(4)
    data = rng.normal(size=(3, 7, 12))
    which = np.array([0, 2, 1, 0, 2])
    targets = rng.normal(size=(5, 12))
    allowed = rng.random((5, 7)) < 0.8
    kept = rng.random((5, 12)) < 0.8
    found = _simplex.solve_each(data, which, targets, allowed, kept, np.full(5, ridge))
    for a in range(5):
        own, rows = allowed[a], kept[a]
        columns = data[which[a]][np.ix_(own, rows)].T
        alone = _simplex.solve(columns, targets[a, rows], ridge=ridge, intercept=True)
        np.testing.assert_allclose(found[a, own], alone, atol=1e-8)
        assert (found[a, ~own] == 0).all()


def test_problems_with_several_solutions_take_the_shortest() -> None:
    data = np.zeros((1, 4, 6))
    data[0, :3] = np.arange(6.0)  # three columns alike and one that is flat
    every = np.ones((1, 4), dtype=bool)
    rows = np.ones((1, 6), dtype=bool)
    which = np.zeros(1, dtype=np.int64)
    found = _simplex.solve_each(data, which, data[:, 0], every, rows, np.zeros(1))
    np.testing.assert_allclose(found[0], [1 / 3, 1 / 3, 1 / 3, 0], atol=1e-8)


@pytest.mark.parametrize("ridge", [1e-3, 0.1, 30.0, 1e4])
def test_many_columns_with_a_ridge(ridge: float) -> None:
    """More columns than rows, nearly all of them with weight: whole sets are exchanged at once."""
    rng = np.random.default_rng(5)
    paths = rng.normal(size=(60, 5)).cumsum(axis=1)
    others = ~np.eye(60, dtype=bool)
    found = _simplex.solve_all(paths, paths, others, ridges=np.full(60, ridge), intercept=True)
    for a in range(0, 60, 7):
        alone = _simplex.solve(paths[others[a]].T, paths[a], ridge=ridge, intercept=True)
        np.testing.assert_allclose(found[a, others[a]], alone, atol=1e-9)
