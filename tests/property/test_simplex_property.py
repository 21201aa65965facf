from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from reformeval.estimators import _simplex

sizes = {"rows": st.integers(1, 12), "columns": st.integers(1, 15), "seed": st.integers(0, 10**6)}
kinds = st.sampled_from(["continuous", "rounded", "twins", "inside"])


def _data(rows: int, columns: int, seed: int, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """General data, data with many ties, with identical columns, and with a perfect fit."""
    rng = np.random.default_rng(seed)
    x, b = rng.normal(size=(rows, columns)), rng.normal(size=rows)
    if kind == "rounded":
        x, b = np.round(x), np.round(b)
    elif kind == "twins" and columns > 1:
        x[:, 0] = x[:, -1]
    elif kind == "inside":
        b = x @ rng.dirichlet(np.ones(columns))
    return x, b


@given(**sizes, kind=kinds, ridge=st.sampled_from([0.0, 0.3]), intercept=st.booleans())
@settings(deadline=None)
def test_optimal_by_its_duality_gap(rows, columns, seed, kind, ridge, intercept) -> None:
    """No point of the simplex is better: the gradient at the solution says by how much at most."""
    x, b = _data(rows, columns, seed, kind)
    w = _simplex.solve(x, b, ridge=ridge, intercept=intercept)
    assert w.min() >= 0
    assert abs(w.sum() - 1) <= 1e-9
    centred, target = (x - x.mean(axis=0), b - b.mean()) if intercept else (x, b)
    error = centred @ w - target
    gradient = 2 * (centred.T @ error + ridge * w)
    value = float(error @ error + ridge * w @ w)
    gap = float(gradient @ w - gradient.min())
    assert gap <= 1e-8 * value + 1e-9 * float(np.sqrt((x**2).sum() + 1)) * 10
    assert gap <= 1e-7 * (value + 1)


@given(
    **sizes, kind=kinds, scale=st.sampled_from([1e-6, 0.01, 1000.0, 1e8]), intercept=st.booleans()
)
@settings(deadline=None)
def test_same_weights_in_any_order_and_any_unit(
    rows, columns, seed, kind, scale, intercept
) -> None:
    x, b = _data(rows, columns, seed, kind)
    w = _simplex.solve(x, b, intercept=intercept)
    order = np.random.default_rng(seed).permutation(columns)
    periods = np.random.default_rng(seed + 1).permutation(rows)
    shuffled = _simplex.solve(x[periods][:, order], b[periods], intercept=intercept)
    np.testing.assert_allclose(shuffled, w[order], atol=1e-6)
    scaled = _simplex.solve(scale * x, scale * b, intercept=intercept)
    np.testing.assert_allclose(scaled, w, atol=1e-6)


@given(rows=st.integers(3, 12), columns=st.integers(2, 8), seed=st.integers(0, 10**6))
@settings(deadline=None)
def test_recovers_weights_of_a_convex_combination(rows, columns, seed) -> None:
    if columns > rows:
        rows = columns + 1
    rng = np.random.default_rng(seed)
    x, true = rng.normal(size=(rows, columns)), rng.dirichlet(np.ones(columns))
    np.testing.assert_allclose(_simplex.solve(x, x @ true), true, atol=1e-7)


@given(
    **{**sizes, "columns": st.integers(2, 15)},
    kind=kinds,
    ridge=st.sampled_from([0.0, 0.3]),
    intercept=st.booleans(),
)
@settings(deadline=None)
def test_a_batch_gives_what_each_problem_gives_alone(
    rows, columns, seed, kind, ridge, intercept
) -> None:
    """Every unit is the target once, with the others as columns, and so is another path."""
    x, other = _data(rows, columns, seed, kind)
    targets = np.vstack([x.T, other])
    allowed = np.vstack([~np.eye(columns, dtype=bool), np.ones((1, columns), dtype=bool)])
    ridges = np.full(columns + 1, ridge)
    found = _simplex.solve_all(x.T, targets, allowed, ridges=ridges, intercept=intercept)
    alone = np.zeros_like(found)
    for row, own, target in zip(alone, allowed, targets, strict=True):
        row[own] = _simplex.solve(x[:, own], target, ridge=ridge, intercept=intercept)
    np.testing.assert_allclose(found, alone, atol=1e-7)
