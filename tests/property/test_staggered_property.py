"""Staggered estimators on random panels: brute force, order, constants, scale."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from design_helpers import panel
from hypothesis import given, settings
from hypothesis import strategies as st
from staggered_helpers import staggered

from reformeval.design import Design
from reformeval.estimators import _discover, _library
from reformeval.fit import Fit

METHODS = [method for method in _discover.methods() if _discover.donors(method)]
# ... of which all but this one are weights on means that do not depend on the outcome
LINEAR = [method for method in METHODS if method != "synthetic_did"]
few = settings(max_examples=15, deadline=None)


@pytest.fixture(scope="module", autouse=True)
def _without_the_library() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_library, "_compare", lambda *_: None)
        yield


@st.composite
def designs(draw: st.DrawFn) -> Design:
    """Up to ten units, some of which never adopt, over six to nine periods."""
    periods = draw(st.integers(6, 9))
    cohorts = draw(st.lists(st.integers(2, periods - 1), min_size=2, max_size=6))
    never = draw(st.integers(2, 4))
    dates = cohorts + [-1] * never
    return staggered(panel(len(dates), periods, draw(st.integers(0, 10**6))), dates)


def fit(method: str, design: Design, rows: np.ndarray | None = None) -> Fit:
    own = design.adopted[None] if rows is None else rows
    found: Fit = _discover.load(method).estimate(design, own, {})
    return found


@pytest.mark.parametrize("method", METHODS)
@given(design=designs(), seed=st.integers(0, 100))
@few
def test_order_of_units_and_a_constant_and_scale(method: str, design: Design, seed: int) -> None:
    first = fit(method, design)
    order = np.random.default_rng(seed).permutation(len(design.units))
    shuffled = fit(method, design.select(np.array([0]), order))
    np.testing.assert_allclose(shuffled.estimate, first.estimate, atol=1e-9)
    moved = fit(method, replace(design, y=-3 * design.y + 100))
    np.testing.assert_allclose(moved.estimate, -3 * first.estimate, atol=1e-8)
    if method not in LINEAR:
        return
    np.testing.assert_allclose(shuffled.covariance, first.covariance, atol=1e-9)
    np.testing.assert_allclose(moved.covariance, 9 * first.covariance, atol=1e-8)
    shock = np.random.default_rng(seed).normal(size=len(design.periods))
    level = np.random.default_rng(seed + 1).normal(size=(len(design.units), 1))
    other = fit(method, replace(design, y=design.y + shock + level))
    np.testing.assert_allclose(other.estimate, first.estimate, atol=1e-9)
    np.testing.assert_allclose(other.covariance, first.covariance, atol=1e-9)


@given(design=designs())
@few
def test_imputation_is_least_squares_on_untreated_cells(design: Design) -> None:
    y, dates = design.y[0], design.adopted
    i, t = np.indices(y.shape)
    open_ = (dates[:, None] < 0) | (t < dates[:, None])
    columns = np.hstack([np.eye(len(y))[i.ravel()], np.eye(y.shape[1])[t.ravel()]])
    solved = np.linalg.lstsq(columns[open_.ravel()], y[open_], rcond=None)[0]
    effect = y - (columns @ solved).reshape(y.shape)
    found = fit("imputation", design)
    for k, estimand in enumerate(found.estimands):
        at = ~open_
        if estimand.cohort is not None:
            at = at & (dates == design.periods.index(estimand.cohort))[:, None]
        if estimand.event_time is not None:
            at = at & (design.own_times == estimand.event_time)
        if at.any():
            assert found.estimate[0, 0, k] == pytest.approx(effect[at].mean(), abs=1e-9)
        else:
            assert np.isnan(found.estimate[0, 0, k])


@pytest.mark.parametrize("method", LINEAR)
@given(design=designs())
@few
def test_the_att_combines_event_times_or_cohorts(method: str, design: Design) -> None:
    """Estimate and variance: averages are linear where shares are taken as given."""
    found = fit(method, design)
    assert found.covariance is not None
    covariance = found.covariance[0]
    assert np.allclose(covariance, covariance.T, equal_nan=True)
    known = np.isfinite(found.estimate[0, 0])
    low = np.linalg.eigvalsh(covariance[np.ix_(known, known)]).min()
    assert low > -1e-9
    weights = np.zeros(len(found.estimands))
    for k, estimand in enumerate(found.estimands):
        if estimand.kind == "event" and (estimand.event_time or 0) >= 0 and known[k]:
            weights[k] = (design.own_times == estimand.event_time)[design.treated].sum()
    weights /= weights.sum()
    combined = weights[known] @ found.estimate[0, 0, known]
    assert combined == pytest.approx(found.estimate[0, 0, 0], abs=1e-10)
