"""Acceptance intervals against the definition they solve: |est_a(c)| >= |est_0 - c|."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from design_helpers import make_design, panel
from hypothesis import given, settings
from hypothesis import strategies as st

from reformeval.assignments import in_space
from reformeval.design import Design
from reformeval.estimators import _acceptance, _discover

values = st.integers(-20, 20).map(lambda x: x / 4) | st.floats(-1e6, 1e6, allow_subnormal=False)
slopes = st.sampled_from([-1.0, 1.0, 0.0, 0.5, -0.5, 1 - 1e-14]) | st.floats(-0.99, 0.99)


@given(own=values, placebo=values, slope=slopes, constants=st.lists(values, min_size=1))
def test_linear_against_the_definition(own, placebo, slope, constants) -> None:
    low, high = _acceptance.linear(np.array([[[own], [placebo]]]), np.array([[[0.0], [slope]]]))
    assert np.isnan(low[0, 0, 0])
    assert np.isnan(high[0, 0, 0])
    ends = low[0, 1, 0], high[0, 1, 0]
    assert ends[0] <= ends[1]
    slope = float(np.round(slope, 12))
    for c in [*constants, own, 0.0, *(e for e in ends if np.isfinite(e))]:
        margin = abs(placebo + slope * c) - abs(own - c)
        size = 1e-9 * (abs(own) + abs(placebo) + abs(c))
        if abs(margin) > size:  # equality is decided by rounding
            assert (ends[0] <= c <= ends[1]) == (margin > 0)


@pytest.mark.parametrize(
    ("own", "placebo", "slope", "low", "high"),
    [
        (2.0, 0.0, 0.0, 2.0, 2.0),  # a placebo of nothing accepts the estimate alone
        (2.0, 1.0, 0.0, 1.0, 3.0),
        (2.0, -1.0, 0.0, 1.0, 3.0),
        (2.0, 1.0, 1.0, 0.5, np.inf),
        (2.0, -3.0, 1.0, -np.inf, 2.5),
        (2.0, -2.0, 1.0, -np.inf, np.inf),  # its mirror image, as with two units
        (2.0, 2.0, -1.0, -np.inf, np.inf),  # the reform itself under another name
        (2.0, 3.0, -1.0, -np.inf, 2.5),
        (2.0, 1.0, -1.0, 1.5, np.inf),
    ],
)
def test_linear_by_hand(own, placebo, slope, low, high) -> None:
    found = _acceptance.linear(np.array([[[own], [placebo]]]), np.array([[[0.0], [slope]]]))
    assert [x[0, 1, 0] for x in found] == [low, high]


def test_missing_estimates_have_no_interval() -> None:
    low, high = _acceptance.linear(np.array([[[1.0], [np.nan], [2.0]]]), np.zeros((1, 3, 1)))
    assert np.isnan(low[0, :2]).all()
    assert np.isfinite([low[0, 2], high[0, 2]]).all()


def test_slopes_beyond_one_accept_everything() -> None:
    """The set is then two half-lines, whose hull is the whole line."""
    low, high = _acceptance.linear(np.ones((1, 2, 1)), np.full((1, 2, 1), 1.5))
    assert (low[0, 1, 0], high[0, 1, 0]) == (-np.inf, np.inf)


def _att(method: str, design: Design, rows: np.ndarray, c: float, mask: np.ndarray) -> np.ndarray:
    """Estimates of every assignment once c is taken off the treated units' cells."""
    shifted = design.y.copy()
    shifted[:, np.ix_(design.treated, mask)[0], np.flatnonzero(mask)] -= c
    return _discover.load(method).estimate(replace(design, y=shifted), rows, {}).estimate[0]


@pytest.mark.slow
@pytest.mark.parametrize("method", ["did", "synthetic_control"])
@given(seed=st.integers(0, 1000), treated=st.sampled_from([(0,), (1, 3)]))
@settings(max_examples=10, deadline=None)
def test_linear_methods_by_refitting(method: str, seed: int, treated: tuple[int, ...]) -> None:
    """For the att and for a step, whose effect is taken off that step's periods only."""
    design = make_design(panel(6, 13, seed), 8, treated=treated, later_steps=[10])
    rows = in_space(design, 0)
    fit = _discover.load(method).estimate(design, rows, {})
    for e, mask in enumerate([design.in_post, design.step_windows["step1"]]):
        e = 2 if e else 0
        for c in [0.0, *fit.estimate[0, 0, [e]] * 0.7, -1.3, 4.0]:
            refit = np.abs(_att(method, design, rows, c, mask)[:, e])
            inside = (fit.accept_low[0, 1:, e] <= c) & (c <= fit.accept_high[0, 1:, e])
            sure = np.abs(refit[1:] - refit[0]) > 1e-9
            np.testing.assert_array_equal(inside[sure], (refit[1:] >= refit[0])[sure])


@pytest.mark.slow
@given(
    seed=st.integers(0, 1000),
    units=st.integers(5, 10),
    pre=st.integers(3, 16),
    treated=st.sampled_from([(0,), (0, 2)]),
)
@settings(max_examples=15, deadline=None)
def test_synthetic_did_by_refitting(
    seed: int, units: int, pre: int, treated: tuple[int, ...]
) -> None:
    """The ends are where a refit with moved period weights crosses; nothing accepted lies outside.

    Holes inside are possible and rare; at least the estimate itself is always accepted.
    """
    design = make_design(panel(units, pre + 4, seed), pre, treated=treated)
    rows = in_space(design, 0)[:8]
    fit = _discover.load("synthetic_did").estimate(design, rows, {})
    own = fit.estimate[0, 0, 0]
    low, high = fit.accept_low[0, :, 0], fit.accept_high[0, :, 0]
    wide = 2 * float(np.nanmax(np.abs(np.where(np.isfinite([low, high]), [low, high], 1)))) + 1
    for c in np.linspace(own - wide, own + wide, 15):
        refit = np.abs(_att("synthetic_did", design, rows, c, design.in_post)[:, 0])
        accepted = refit[1:] > refit[0] + 1e-9
        assert not (accepted & ((c < low[1:]) | (c > high[1:]))).any()
    for a in range(1, len(rows)):
        assert low[a] <= own <= high[a]
        for end, outward in ((low[a], -1), (high[a], 1)):
            if np.isfinite(end):
                at = np.abs(_att("synthetic_did", design, rows, end, design.in_post)[[0, a], 0])
                assert at[0] == pytest.approx(at[1], abs=1e-7)
                c = end + outward * 1e-5
                after = np.abs(_att("synthetic_did", design, rows, c, design.in_post)[[0, a], 0])
                assert after[1] < after[0] + 1e-9
