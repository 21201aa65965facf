"""Common weights across outcomes, against the formula written out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from design_helpers import make_design, panel

from reformeval.assignments import in_space
from reformeval.design import Design, Series
from reformeval.errors import UserError
from reformeval.estimators import _simplex, common_sc, demeaned_sc, synthetic_control


def _design(seed: int = 0, outcomes: int = 3, units: int = 8) -> Design:
    scales = np.array([1.0, 1000.0, 0.01, 7.0])[:outcomes, None, None]
    return make_design(panel(units, 20, seed, outcomes) * scales, 14)


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("combine", ["concatenated", "averaged"])
def test_weights_and_effects_by_hand(combine: str, intercept: bool) -> None:
    design = _design()
    rows = in_space(design, 0)
    fit = common_sc.estimate(design, rows, {"combine": combine, "intercept": intercept})
    pre = design.y[:, :, :14]
    left = pre - pre.mean(axis=1, keepdims=True)
    own = left.mean(axis=2, keepdims=True) if intercept else 0.0
    scaled = (left - own) / (left - own).std(axis=(1, 2), keepdims=True)
    for a, row in enumerate(rows):
        unit, donors = int(np.flatnonzero(row >= 0)[0]), np.flatnonzero(row < 0)
        data = scaled.mean(axis=0)[None] if combine == "averaged" else scaled
        flat = data.transpose(1, 0, 2).reshape(8, -1)
        weights = _simplex.solve(flat[donors].T, flat[unit])
        np.testing.assert_allclose(
            fit.unit_weights[:, a, donors], np.tile(weights, (3, 1)), atol=1e-9
        )
        gap = design.y[:, unit] - weights @ design.y[:, donors]
        level = gap[:, :14].mean(axis=1) if intercept else 0.0
        np.testing.assert_allclose(
            fit.estimate[:, a, 0], gap[:, 14:].mean(axis=1) - level, rtol=1e-7, atol=1e-9
        )


def test_one_outcome_alone_has_the_separate_weights() -> None:
    design = _design(outcomes=1)
    rows = in_space(design, 0)
    for intercept, other in ((True, demeaned_sc), (False, synthetic_control)):
        fit = common_sc.estimate(design, rows, {"intercept": intercept})
        np.testing.assert_allclose(
            fit.estimate, other.estimate(design, rows, {}).estimate, atol=1e-8
        )


def test_units_of_measurement_and_the_order_of_outcomes_do_not_matter() -> None:
    design = _design()
    rows = in_space(design, 0)
    fit = common_sc.estimate(design, rows, {})
    factor, shift = np.array([2.0, 1e-5, 300.0]), np.array([0.0, 50.0, -2.0])
    again = common_sc.estimate(
        replace(design, y=design.y * factor[:, None, None] + shift[:, None, None]), rows, {}
    )
    np.testing.assert_allclose(again.unit_weights, fit.unit_weights, atol=1e-9)
    np.testing.assert_allclose(again.estimate / factor[:, None, None], fit.estimate, rtol=1e-6)
    order = np.array([2, 0, 1])
    turned = common_sc.estimate(design.select(order, np.arange(8)), rows, {})
    np.testing.assert_allclose(turned.estimate, fit.estimate[order], rtol=1e-7)


def test_a_convex_combination_in_every_outcome_gives_zero() -> None:
    y = panel(7, 20, seed=3, series=3)
    y[:, 0] = np.random.default_rng(1).dirichlet(np.ones(6)) @ y[:, 1:]
    design = make_design(y, 14)
    fit = common_sc.estimate(design, design.adopted[None], {"intercept": False})
    np.testing.assert_allclose(fit.estimate, 0, atol=1e-6)


def test_groups_have_weights_of_their_own_and_a_constant_outcome_adds_nothing() -> None:
    y = panel(7, 20, seed=4, series=4)
    y[1] = 5.0
    labels = [("a", "all"), ("b", "all"), ("a", "young"), ("c", "young")]
    design = replace(
        make_design(y, 14), series=tuple(Series(o, g, "as_published") for o, g in labels)
    )
    fit = common_sc.estimate(design, in_space(design, 0), {})
    assert np.array_equal(fit.unit_weights[0], fit.unit_weights[1])
    assert np.array_equal(fit.unit_weights[2], fit.unit_weights[3])
    assert np.abs(fit.unit_weights[0] - fit.unit_weights[2]).max() > 0.05
    alone = demeaned_sc.estimate(design, in_space(design, 0), {})
    np.testing.assert_allclose(fit.unit_weights[0], alone.unit_weights[0], atol=1e-8)
    np.testing.assert_allclose(fit.estimate[1], 0, atol=1e-9)


def test_an_outcome_that_misses_other_units_has_no_estimate() -> None:
    """It would need other weights; the reason stands in its row of the effects."""
    design = _design()
    y = design.y.copy()
    y[1, 5, 3] = np.nan
    design = replace(design, y=y)
    rows = in_space(design, 0)
    fit = common_sc.estimate(design, rows, {})
    assert [s.outcome for s in common_sc.common_outcomes(design)] == ["y0", "y2"]
    assert np.isnan(fit.estimate[1]).all()
    pair = common_sc.estimate(design.select(np.array([0, 2]), np.arange(8)), rows, {})
    np.testing.assert_allclose(fit.estimate[[0, 2]], pair.estimate, atol=1e-9)


def test_options() -> None:
    with pytest.raises(UserError, match="combine must be concatenated or averaged"):
        common_sc.estimate(_design(), _design().adopted[None], {"combine": "sum"})
    assert common_sc.check_options({"intercept": 1}) == ["intercept must be true or false"]
