"""Penalised synthetic control against pysyncon, a general optimiser and the choice written out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from design_helpers import make_design, panel
from pysyncon import PenalizedSynth
from scipy.optimize import minimize

from reformeval.assignments import in_space
from reformeval.errors import UnsupportedError, UserError
from reformeval.estimators import _simplex, penalised_sc, synthetic_control


def _gap(columns: np.ndarray, target: np.ndarray, weights: np.ndarray, penalty: float) -> float:
    """Upper bound of what a better solution could gain, as a share of the objective."""
    C = columns.T - target[:, None]
    cost = penalty * (C**2).sum(axis=0)
    slope = 2 * C.T @ (C @ weights) + cost
    return float((weights @ slope - slope.min()) / (((C @ weights) ** 2).sum() + cost @ weights))


def test_weights_are_pysyncons() -> None:
    """Outcomes near 1, each period scaled by its spread as pysyncon does; its accuracy is 3e-4."""
    y = panel(9, 12, seed=4)[0]
    pre = y / np.abs(y).max()
    pre /= pre.std(axis=0, ddof=1)
    other = PenalizedSynth()
    other.fit(
        X0=pd.DataFrame(pre[1:].T, columns=range(1, 9)),
        X1=pd.Series(pre[0], name=0),
        lambda_=0.2,
    )
    own = _simplex.solve_all(pre, pre[:1], np.arange(9)[None] > 0, penalties=np.array([0.2]))
    np.testing.assert_allclose(own[0, 1:], other.W, atol=1e-3)
    assert _gap(pre[1:], pre[0], own[0, 1:], 0.2) <= _gap(pre[1:], pre[0], other.W, 0.2) + 1e-12


@pytest.mark.parametrize(("units", "periods"), [(5, 3), (6, 10), (12, 4), (40, 8)])
@pytest.mark.parametrize("penalty", [1e-6, 1e-3, 0.1, 3.0])
def test_no_better_weights_exist(units: int, periods: int, penalty: float) -> None:
    """Targets outside, inside and at a donor's place, with more donors than periods and fewer."""
    rng = np.random.default_rng(units)
    paths = rng.normal(size=(units, periods)) * 1e3 + 1e4
    targets = np.vstack([paths.mean(axis=0), 2 * paths[0] - paths[1], paths[2]])
    allowed = np.ones((3, units), dtype=bool)
    found = _simplex.solve_all(paths, targets, allowed, penalties=np.full(3, penalty))
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert found.min() >= 0
    assert np.count_nonzero(found, axis=1).max() <= periods + 1  # Theorem 1 of the paper
    for target, weights in zip(targets[:2], found[:2], strict=True):
        assert _gap(paths, target, weights, penalty) < 1e-8
    np.testing.assert_allclose(found[2], np.arange(units) == 2, atol=1e-9)


def test_a_general_optimiser_finds_the_same() -> None:
    rng = np.random.default_rng(1)
    paths, target = rng.normal(size=(6, 12)), rng.normal(size=12)
    found = _simplex.solve_all(
        paths, target[None], np.ones((1, 6), dtype=bool), penalties=np.array([0.3])
    )[0]
    C = paths.T - target[:, None]
    slow = minimize(
        lambda w: ((C @ w) ** 2).sum() + 0.3 * w @ (C**2).sum(axis=0),
        np.full(6, 1 / 6), method="SLSQP", bounds=[(0, 1)] * 6,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1},
        options={"ftol": 1e-14, "maxiter": 1000},
    )  # fmt: skip
    np.testing.assert_allclose(found, slow.x, atol=1e-4)


def test_identical_donors_share_and_alike_units_have_equal_weights() -> None:
    rng = np.random.default_rng(2)
    paths = rng.normal(size=(5, 9))
    paths[3] = paths[1]
    target = (0.5 * paths[1] + 0.3 * paths[0] + 0.2 * paths[2])[None]
    allowed = np.ones((1, 5), dtype=bool)
    found = _simplex.solve_all(paths, target, allowed, penalties=np.array([0.01]))[0]
    assert found[1] == found[3] > 0.1
    flat = _simplex.solve_all(np.ones((4, 6)), np.ones((1, 6)), allowed[:, :4],
                              penalties=np.array([0.01]))  # fmt: skip
    np.testing.assert_allclose(flat, 0.25)


def test_penalty_is_the_one_that_predicts_the_last_quarter_best() -> None:
    y = panel(8, 20, seed=5)[0]
    design = make_design(y, 16)
    found = penalised_sc.estimate(design, in_space(design, 0), {})
    allowed = ~(in_space(design, 0) >= 0)
    for a, own in enumerate(allowed):
        target = y[~own]
        errors = [
            ((target[:, 12:16] - _simplex.solve_all(
                y[:, :12], target[:, :12], own[None], penalties=np.array([penalty])
            ) @ y[:, 12:16]) ** 2).sum()
            for penalty in penalised_sc.GRID
        ]  # fmt: skip
        best = penalised_sc.GRID[int(np.argmin(errors))]
        assert found.statistics["penalty"][0, a] == best
        weights = _simplex.solve_all(
            y[:, :16], target[:, :16], own[None], penalties=np.array([best])
        )
        np.testing.assert_allclose(found.unit_weights[0, a], weights[0], atol=1e-12)


def test_from_a_small_penalty_to_a_large_one() -> None:
    """From the synthetic control to the nearest donor."""
    y = panel(7, 24, seed=6)[0]
    design = make_design(y, 18)
    rows = in_space(design, 0)
    small = penalised_sc.estimate(design, rows, {"penalty": 1e-9})
    plain = synthetic_control.estimate(design, rows, {})
    np.testing.assert_allclose(small.estimate, plain.estimate, atol=1e-6)
    large = penalised_sc.estimate(design, rows, {"penalty": 1e6}).unit_weights[0]
    distance = ((y[:, None, :18] - y[None, :, :18]) ** 2).sum(axis=2) + np.diag([np.inf] * 7)
    for row, weights in zip(rows, large, strict=True):
        nearest = distance[int(np.flatnonzero(row >= 0)[0])].argmin()
        np.testing.assert_allclose(weights, np.arange(7) == nearest, atol=1e-5)


def test_what_cannot_be_is_refused() -> None:
    design = make_design(panel(5, 8, seed=8)[0], 2)
    with pytest.raises(UnsupportedError, match="give the option penalty"):
        penalised_sc.estimate(design, in_space(design, 0), {"holdout": 1})
    with pytest.raises(UserError, match="penalty must be a number above 0; it has no unit"):
        penalised_sc.estimate(design, in_space(design, 0), {"penalty": -1})
