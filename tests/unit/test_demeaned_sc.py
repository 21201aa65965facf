from __future__ import annotations

import numpy as np
from design_helpers import make_design, panel
from scipy.optimize import minimize

from reformeval.assignments import in_space
from reformeval.estimators import demeaned_sc, synthetic_control


def test_it_is_synthetic_control_on_units_less_their_pre_means() -> None:
    y = panel(7, 20, seed=1)[0]
    design = make_design(y, 13, later_steps=[16])
    rows = in_space(design, 0)
    found = demeaned_sc.estimate(design, rows, {})
    centred = make_design(y - y[:, :13].mean(axis=1, keepdims=True), 13, later_steps=[16])
    other = synthetic_control.estimate(centred, rows, {})
    np.testing.assert_allclose(found.estimate, other.estimate, atol=1e-10)
    np.testing.assert_allclose(found.unit_weights, other.unit_weights, atol=1e-9)
    np.testing.assert_allclose(found.accept_low, other.accept_low, atol=1e-9)


def test_no_worse_than_a_general_optimiser() -> None:
    y = panel(6, 30, seed=2)[0]
    found = demeaned_sc.estimate(make_design(y, 20), make_design(y, 20).adopted[None], {})
    target, donors = y[0, :20], y[1:, :20].T

    def loss(parameters: np.ndarray) -> float:
        return float(((target - parameters[0] - donors @ parameters[1:]) ** 2).sum())

    slow = minimize(
        loss,
        np.r_[0.0, np.full(5, 0.2)],
        method="SLSQP",
        bounds=[(None, None), *[(0, 1)] * 5],
        constraints={"type": "eq", "fun": lambda p: p[1:].sum() - 1},
        options={"ftol": 1e-14, "maxiter": 1000},
    )
    gap = (found.observed - found.counterfactual)[0, 0, :20]
    assert (gap**2).sum() <= slow.fun * (1 + 1e-9)
    np.testing.assert_allclose(found.unit_weights[0, 0, 1:], slow.x[1:], atol=1e-4)


def test_a_level_above_all_donors_is_no_misfit() -> None:
    """Where synthetic control cannot reach the treated unit, its shape is what counts."""
    y = panel(5, 16, seed=3)[0]
    y[0] = y[1:3].mean(axis=0) + 100
    y[0, 10:] += 2
    design = make_design(y, 10)
    found = demeaned_sc.estimate(design, in_space(design, 0), {})
    np.testing.assert_allclose(found.estimate[0, 0], 2, atol=1e-8)
    np.testing.assert_allclose(found.unit_weights[0, 0], [0, 0.5, 0.5, 0, 0], atol=1e-8)
    assert synthetic_control.estimate(design, in_space(design, 0), {}).estimate[0, 0, 0] > 50


def test_a_perfect_fit_with_many_solutions_takes_the_shortest() -> None:
    """Four periods, eight donors: rounding must not pick one of the solutions."""
    y = panel(9, 7, seed=0)[0]
    rows = in_space(make_design(y, 4), 0)
    expected = demeaned_sc.estimate(make_design(y, 4), rows, {}).unit_weights
    for constant in (-100.0, -3.0, 0.5, 7.0, 1e4):
        found = demeaned_sc.estimate(make_design(y + constant, 4), rows, {}).unit_weights
        np.testing.assert_allclose(found, expected, atol=1e-7)
