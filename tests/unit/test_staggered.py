"""Estimators of staggered reforms: formulas by hand, placebos, refusals, files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from design_helpers import panel
from staggered_helpers import example, staggered

from reformeval import fit_files
from reformeval.assignments import SAMPLED_STAGGERED, in_space
from reformeval.errors import UnsupportedError, UserError
from reformeval.estimators import _discover, _library
from reformeval.fit import Fit

METHODS = [method for method in _discover.methods() if _discover.donors(method)]
LEADS = ["callaway_santanna", "sun_abraham", "local_projections"]


def estimate(method: str, design: object, rows: np.ndarray | None = None, **options: str) -> Fit:
    """Fit a method; without rows the reform alone."""
    own = design.adopted[None] if rows is None else rows  # type: ignore[attr-defined]
    fit: Fit = _discover.load(method).estimate(design, own, options)
    return fit


def values(fit: Fit, kind: str) -> dict[tuple[int | None, int | None], float]:
    """Row 0 of the first series by (year of cohort, event time)."""
    return {
        (e.cohort.year if e.cohort else None, e.event_time): float(fit.estimate[0, 0, k])
        for k, e in enumerate(fit.estimands)
        if e.kind == kind
    }


@pytest.mark.parametrize("donors", ["never_treated", "not_yet_treated"])
def test_callaway_santanna_by_hand(donors: str) -> None:
    design = example(seed=3)
    y, dates = design.y[0], design.adopted
    found = values(estimate("callaway_santanna", design, donors=donors), "catt")
    total = weight = 0.0
    for g in (3, 5, 6):
        for t in range(8):
            late = dates == -1
            if donors == "not_yet_treated":
                late |= dates > max(t, g - 1)
            late &= dates != g
            change = y[:, t] - y[:, g - 1]
            expected = change[dates == g].mean() - change[late].mean()
            if t != g - 1:
                assert found[2000 + g, t - g] == pytest.approx(expected, abs=1e-12)
            if t >= g:
                total += expected * (dates == g).sum()
                weight += (dates == g).sum()
    att = values(estimate("callaway_santanna", design, donors=donors), "att")
    assert att[None, None] == pytest.approx(total / weight, abs=1e-12)


def test_imputation_by_hand() -> None:
    design = example(seed=4)
    y, dates = design.y[0], design.adopted
    units, periods = y.shape
    i, t = np.indices(y.shape)
    untreated = (dates[:, None] < 0) | (t < dates[:, None])
    columns = np.hstack([np.eye(units)[i.ravel()], np.eye(periods)[t.ravel()]])
    solved = np.linalg.lstsq(columns[untreated.ravel()], y[untreated], rcond=None)[0]
    effect = y - (columns @ solved).reshape(y.shape)
    for method in ("imputation", "two_stage"):
        fit = estimate(method, design)
        assert values(fit, "att")[None, None] == pytest.approx(effect[~untreated].mean())
        at = (t - dates[:, None] == 1) & ~untreated
        assert values(fit, "event")[None, 1] == pytest.approx(effect[at].mean())
        own = ~untreated & (dates == 5)[:, None]
        assert values(fit, "cohort")[2005, None] == pytest.approx(effect[own].mean())


def test_sun_abraham_is_the_saturated_regression() -> None:
    design = example(seed=5)
    y, dates = design.y[0], design.adopted
    i, t = np.indices(y.shape)
    cells = [(g, e) for g in (3, 5, 6) for e in range(-g, 8 - g) if e != -1]
    dummies = [((dates[i] == g) & (t - g == e)).ravel() for g, e in cells]
    columns = np.column_stack([np.eye(12)[i.ravel()], np.eye(8)[t.ravel()][:, 1:], *dummies])
    solved = np.linalg.lstsq(columns, y.ravel(), rcond=None)[0][-len(cells) :]
    found = values(estimate("sun_abraham", design), "catt")
    for (g, e), expected in zip(cells, solved, strict=True):
        assert found[2000 + g, e] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_a_constant_effect_is_found_exactly(method: str) -> None:
    rng = np.random.default_rng(1)
    base = rng.normal(size=(12, 1)) + rng.normal(size=(1, 8))
    design = staggered(base, example().adopted.tolist())
    design = replace(design, y=(base + 2.5 * design.post_cells)[None])
    fit = estimate(method, design, in_space(design, 1)[:200])
    for e, estimand in enumerate(fit.estimands):
        value = fit.estimate[0, 0, e]
        if estimand.event_time is not None and estimand.event_time < 0:
            assert np.isnan(value) or value == pytest.approx(0, abs=1e-9)
        else:
            assert value == pytest.approx(2.5, abs=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_a_placebo_is_the_reform_of_other_units(method: str) -> None:
    design = example(seed=6, series=2)
    rows = in_space(design, 2)
    assert len(rows) == SAMPLED_STAGGERED + 1
    assert len(np.unique(rows, axis=0)) == len(rows)
    fit = estimate(method, design, rows)
    for a in (1, 57):
        alone = estimate(method, replace(design, adopted=rows[a]))
        np.testing.assert_allclose(fit.estimate[:, a], alone.estimate[:, 0], atol=1e-11)


@pytest.mark.parametrize("method", METHODS)
def test_acceptance_is_where_the_placebo_is_as_extreme(method: str) -> None:
    """Take constants off the reform's treated cells and estimate anew."""
    design = example(seed=7)
    rows = in_space(design, 3)[:40]
    fit = estimate(method, design, rows)
    for c in (-2.0, 0.7):
        for k, estimand in enumerate(fit.estimands):
            if estimand.kind not in ("att", "cohort"):
                assert np.isnan(fit.accept_low[..., k]).all()
                continue
            taken = design.post_cells.copy()
            if estimand.cohort:
                taken &= (design.adopted == design.periods.index(estimand.cohort))[:, None]
            moved = estimate(method, replace(design, y=design.y - c * taken), rows)
            assert moved.estimate[0, 0, k] == pytest.approx(fit.estimate[0, 0, k] - c, abs=1e-9)
            extreme = np.abs(moved.estimate[0, 1:, k]) >= np.abs(moved.estimate[0, 0, k]) - 1e-12
            inside = (fit.accept_low[0, 1:, k] <= c) & (c <= fit.accept_high[0, 1:, k])
            np.testing.assert_array_equal(inside, extreme)


@pytest.mark.parametrize("method", METHODS)
def test_anticipation_and_excluded_periods(method: str) -> None:
    """Neither is in a reference or a fit; units adopt on several dates."""
    dates = [5, 5, 7, 7, -1, -1, -1]
    design = staggered(panel(7, 11, seed=8), dates, anticipation=1, dropped=[2, 9])
    fit = estimate(method, design)
    y = design.y.copy()
    y[:, :, [2, 9]] = 1e5
    y[:, [0, 1], 4] -= 50
    y[:, [2, 3], 6] -= 50
    again = estimate(method, replace(design, y=y))
    steady = [
        k for k, e in enumerate(fit.estimands)
        if e.kind in ("att", "cohort") or (e.event_time or 0) >= 0
    ]  # fmt: skip
    np.testing.assert_allclose(again.estimate[..., steady], fit.estimate[..., steady], atol=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_anticipation_agrees_with_the_library(method: str) -> None:
    """The estimator itself stops where the library says otherwise."""
    design = staggered(panel(9, 9, seed=9), [4, 4, 6, 6, 6, -1, -1, -1, -1], anticipation=1)
    assert np.isfinite(estimate(method, design).estimate[0, 0, 0])


def test_a_disagreement_with_the_library_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_library, "_AGREEMENT", -1.0)
    with pytest.raises(RuntimeError, match="diff-diff and the closed form differ"):
        estimate("callaway_santanna", example())


def test_local_projections_of_both_weightings_agree_with_the_library() -> None:
    design = example(seed=10)
    equal = values(estimate("local_projections", design), "event")
    variance = values(estimate("local_projections", design, weighting="variance"), "event")
    assert equal[None, 0] != variance[None, 0]


def test_no_donor_is_untreated_then() -> None:
    """Without units that never adopt, nothing is said of periods in which all have adopted."""
    design = staggered(panel(6, 8, seed=11), [3, 3, 3, 5, 5, 5])
    for method in ("callaway_santanna", "imputation", "two_stage", "local_projections"):
        fit = estimate(method, design, donors="not_yet_treated")
        events = values(fit, "event")
        assert np.isfinite(events[None, 1]), method
        assert np.isnan(events[None, 2]), method
        assert np.isfinite(fit.estimate[0, 0, 0])
    for donors in ("never_treated",):
        fit = estimate("callaway_santanna", design, donors=donors)
        assert np.isnan(fit.estimate).all()


def test_bad_options_and_weights() -> None:
    design = example()
    with pytest.raises(UserError, match="donors must be never_treated, not 'not_yet_treated'"):
        estimate("sun_abraham", design, donors="not_yet_treated")
    with pytest.raises(UserError, match="unknown option 'ridge'"):
        estimate("imputation", design, ridge="1")
    weights = np.arange(1.0, 13)[None]
    with pytest.raises(UnsupportedError, match="weights: equal"):
        estimate("two_stage", replace(design, unit_weights=weights))
    rows = np.array([design.adopted, np.where(design.adopted == 3, 4, design.adopted)])
    with pytest.raises(UnsupportedError, match="the reform's own dates"):
        estimate("two_stage", design, rows)


@pytest.mark.parametrize("method", METHODS)
def test_files_give_the_fit_back(tmp_path: Path, method: str) -> None:
    design = example(seed=12, series=2)
    design = replace(design, units=tuple(f"u+{i}@{i}" for i in range(12)))
    fit = estimate(method, design, in_space(design, 4)[:20])
    fit_files.write(fit, design, tmp_path)
    back = fit_files.read(tmp_path, design)
    assert back.estimands == fit.estimands
    for name in ("assignments", "estimate", "accept_low", "accept_high", "observed", "covariance"):
        np.testing.assert_array_equal(getattr(back, name), getattr(fit, name), err_msg=name)


def test_few_assignments_are_enumerated() -> None:
    design = staggered(panel(6, 6), [2, 3, 3, -1, -1, -1])
    rows = in_space(design, 0)
    assert len(rows) == 6 * 10
    assert len(np.unique(rows, axis=0)) == 60
    assert (rows[0] == design.adopted).all()


def test_pre_and_post_of_a_unit() -> None:
    design = staggered(panel(4, 7), [2, 5, -1, -1], anticipation=1, dropped=[6])
    assert design.staggered
    assert design.cohorts.tolist() == [2, 5]
    assert np.flatnonzero(design.pre_cells[1]).tolist() == [0, 1, 2, 3]
    assert np.flatnonzero(design.post_cells[0]).tolist() == [2, 3, 4, 5]
    assert not design.post_cells[2:].any()
    assert np.flatnonzero(design.in_pre).tolist() == [0]
    assert design.counts(0) == (2, 2, 4, 4)
    with pytest.raises(UnsupportedError, match="for staggered reforms there are callaway_santanna"):
        _ = design.adoption
