"""Checks of staggered reforms: support, Goodman-Bacon, cohorts too small to be judged."""

from __future__ import annotations

import numpy as np
import pytest
from design_helpers import panel
from staggered_helpers import example, staggered

from reformeval.assignments import in_space
from reformeval.diagnostics import goodman_bacon
from reformeval.estimators import _discover
from reformeval.evidence import behind, covered
from reformeval.inference import _router, _rules, cluster, permutation
from reformeval.support import Support, support


def test_support_by_hand() -> None:
    found = support([1, 3, 3, -1], [0, 1, 2, 3, 4], 0)
    assert found[1] == Support(cohort=1, period=1, treated=1, never=1, not_yet=2)
    assert found[3].not_yet == 0
    assert {one.cohort for one in found} == {1, 3}
    assert support([2, 4], [0, 1, 2, 3, 4], 1)[2].not_yet == 1  # affected from period 3 on
    assert support([2, 4], [0, 1, 2, 3, 4], 2)[2].not_yet == 0


def test_the_decomposition_adds_up_to_two_way_fixed_effects() -> None:
    """And agrees with least squares, and pair by pair with diff-diff."""
    import diff_diff
    import pandas as pd

    for dates in (example().adopted.tolist(), [2, 2, 4, 4, 5, 5]):
        design = staggered(panel(len(dates), 8, seed=3), dates)
        pairs = goodman_bacon.decompose(design, 0)
        value, error = goodman_bacon.coefficient(design, 0)
        assert sum(pair.weight for pair in pairs) == pytest.approx(1)
        assert sum(p.weight * p.estimate for p in pairs) == pytest.approx(value, abs=1e-12)
        assert error > 0
        rows = pd.DataFrame(
            {
                "y": design.y[0].ravel(),
                "unit": np.repeat(np.arange(len(dates)), 8),
                "time": np.tile(np.arange(8) + 1, len(dates)),
                "start": np.repeat(design.adopted + 1, 8),
            }
        )
        found = diff_diff.BaconDecomposition().fit(rows, "y", "unit", "time", "start")
        assert found.twfe_estimate == pytest.approx(value, abs=1e-10)
        theirs = sorted(found.to_dataframe()["weight"])
        np.testing.assert_allclose(sorted(p.weight for p in pairs), theirs, atol=1e-8)


def test_a_cohort_of_one_is_refused_under_cluster_and_ranked_by_permutation() -> None:
    dates = [3] + [5] * 12 + [-1] * 15
    design = staggered(panel(28, 8, seed=4), dates)
    fit = _discover.load("callaway_santanna").estimate(design, in_space(design, 0), {})
    (own,) = cluster.infer(design, fit, 0.95)
    ranked = permutation.infer(design, fit, 0.95)[0]
    assert _router.headline(design, fit, ("auto",), 0.95) == ("cluster",)
    for k, estimand in enumerate(fit.estimands):
        if np.isnan(fit.estimate[0, 0, k]):
            continue
        if estimand.cohort == design.periods[3] or (estimand.event_time or 0) > 2:
            assert own.status[0, k] == "refused"
            assert "1 treated unit and 15 donors" in own.reason[0, k]
            assert np.isnan(own.p_value[0, k])
        else:
            assert own.status[0, k] == "ok", estimand
        assert np.isfinite(ranked.p_value[0, k])


@pytest.mark.parametrize("method", ["callaway_santanna", "imputation", "local_projections"])
def test_where_all_adopt_the_last_are_donors_and_not_treated(method: str) -> None:
    design = staggered(panel(23, 12, seed=4), [4] * 3 + [8] * 20, anticipation=1)
    options = {"donors": "not_yet_treated"}
    fit = _discover.load(method).estimate(design, in_space(design, 0), options)
    (facts,) = _rules.facts(design, fit, 0.95)
    assert facts is not None
    assert (facts.treated, facts.donors) == (3, 20)
    assert design.compared_with(0) == 20
    assert _router.headline(design, fit, ("auto",), 0.95) == ("permutation",)
    (own,) = cluster.infer(design, fit, 0.95)
    assert own.status[0, 0] == "refused"  # 17 % of true nulls rejected as one of 23 and 20
    assert "3 treated units and 20 donors" in own.reason[0, 0]
    cells = behind(design, fit, 0, fit.estimands[0])
    assert np.array_equal(np.flatnonzero(cells.any(axis=1)), [0, 1, 2])
    assert np.array_equal(np.flatnonzero(cells.any(axis=0)), [4, 5, 6])


def test_cells_behind_an_estimate_are_those_covered_where_some_never_adopt() -> None:
    design = example(seed=3)
    fit = _discover.load("callaway_santanna").estimate(design, in_space(design, 0), {})
    for k, estimand in enumerate(fit.estimands):
        if np.isfinite(fit.estimate[0, 0, k]):
            cells = behind(design, fit, 0, estimand)
            assert np.array_equal(cells, covered(design, 0, estimand)), estimand


def test_a_unit_that_is_most_of_the_average_leaves_few_that_count() -> None:
    dates = [3] + [19] * 12 + [-1] * 20
    design = staggered(panel(33, 21, seed=4), dates)
    fit = _discover.load("callaway_santanna").estimate(design, in_space(design, 0)[:1], {})
    (facts,) = _rules.facts(design, fit, 0.95)
    assert facts is not None
    assert (facts.treated, facts.donors) == (13, 20)
    assert facts.equally == pytest.approx(42**2 / (18**2 + 12 * 2**2))
    assert _router.headline(design, fit, ("auto",), 0.95) == ("permutation",)
    (own,) = cluster.infer(design, fit, 0.95)
    assert own.status[0, 0] == "refused"
    assert own.reason[0, 0].startswith(
        "13 treated units count as 4.7 of equal weight: with 4 treated units and 20 donors a CRV1"
    )
    first = next(k for k, one in enumerate(fit.estimands) if one.event_time == 0)
    assert own.status[0, first] == "ok"  # every unit is there once


def test_few_treated_units_are_ranked() -> None:
    design = staggered(panel(9, 8, seed=5), [3, 5, 5] + [-1] * 6)
    fit = _discover.load("imputation").estimate(design, in_space(design, 0), {})
    assert _router.headline(design, fit, ("auto",), 0.95) == ("permutation",)
    found = permutation.infer(design, fit, 0.95)[0]
    assert found.floor[0, 0] == pytest.approx(1 / (9 * 28))
    assert np.isfinite([found.low[0, 0], found.high[0, 0]]).all()


def test_every_method_of_inference_takes_or_refuses_staggered_designs() -> None:
    design = example(seed=6)
    fit = _discover.load("callaway_santanna").estimate(design, in_space(design, 0), {})
    for name, module in _router.chosen(("auto",)).items():
        for found in module.infer(design, fit, 0.95):
            said = set(found.status.ravel()) - {""}
            assert said <= {"ok", "warn", "refused", "failed"}, name
            if name not in ("cluster", "permutation"):
                assert said <= {"refused", "failed"}, name
