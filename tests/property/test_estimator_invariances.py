"""What must not change an estimate, and what must change it in proportion."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from design_helpers import make_design, panel
from hypothesis import given, settings
from hypothesis import strategies as st

from reformeval.assignments import in_space
from reformeval.design import Design
from reformeval.estimators import _discover, _library, did, event_study, synthetic_control
from reformeval.fit import Fit

# persons, counts and covariates have invariances of their own
METHODS = tuple(
    m
    for m in _discover.methods()
    if m not in (*_discover.NEEDS_PERSONS, *_discover.MATCHED, "poisson_did", "dose")
)
REFERENCE = ("event_study", "callaway_santanna", "sun_abraham", "local_projections")
few = settings(max_examples=12, deadline=None)
shapes = {
    "seed": st.integers(0, 10**6),
    "units": st.integers(4, 9),
    "pre": st.integers(4, 12),  # a method that leaves out one twice needs as many
    "anticipation": st.integers(0, 1),
}


def _design(seed: int, units: int, pre: int, anticipation: int, series: int = 1) -> Design:
    return make_design(
        panel(units, pre + anticipation + 3, seed, series),
        pre + anticipation,
        treated=[seed % units],
        anticipation=anticipation,
    )


def _fit(method: str, design: Design) -> Fit:
    return _discover.load(method).estimate(design, in_space(design, 0), {})


def _same(found: np.ndarray, expected: np.ndarray, scale: float = 1.0) -> None:
    """Equal to 1e-7 of the data's size; infinite ends in the same place."""
    np.testing.assert_allclose(found / scale, expected / scale, rtol=1e-6, atol=1e-7)


@pytest.fixture(scope="module", autouse=True)
def _without_the_library() -> Iterator[None]:
    """Elsewhere every fit is held against diff-diff; here there are hundreds of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_library, "_compare", lambda *_: None)
        yield


@pytest.mark.parametrize("method", METHODS)
@given(**shapes)
@few
def test_order_of_units(method: str, seed, units, pre, anticipation) -> None:
    design = _design(seed, units, pre, anticipation)
    order = np.random.default_rng(seed).permutation(units)
    shuffled = design.select(np.array([0]), order)
    rows = in_space(design, 0)
    fit = _discover.load(method).estimate(design, rows, {})
    again = _discover.load(method).estimate(shuffled, rows[:, order], {})
    _same(again.estimate, fit.estimate)
    _same(again.accept_low, fit.accept_low)
    _same(again.counterfactual, fit.counterfactual)
    if fit.unit_weights is not None and again.unit_weights is not None:
        _same(again.unit_weights, fit.unit_weights[:, :, order])
    if fit.covariance is not None and again.covariance is not None:
        _same(again.covariance, fit.covariance)


@pytest.mark.parametrize("method", METHODS)
@given(**shapes)
@few
def test_order_of_pre_and_of_post_periods(method: str, seed, units, pre, anticipation) -> None:
    """The att knows which periods are before and after, not their order.

    Apart from SDID's σ̂ and the penalty that is chosen on the last pre-periods: they are given.
    """
    design = _design(seed, units, pre, anticipation)
    rng = np.random.default_rng(seed)
    before, after = np.flatnonzero(design.in_pre), np.flatnonzero(design.in_post)
    if method in REFERENCE:  # the reference is the last of them
        before = before[:-1]
    order = np.arange(len(design.periods))
    order[before], order[after] = rng.permutation(before), rng.permutation(after)
    module = _discover.load(method)
    options = {"synthetic_did": {"zeta": 1.0}, "penalised_sc": {"penalty": 0.1}}.get(method, {})
    rows = in_space(design, 0)
    fit = module.estimate(design, rows, options)
    again = module.estimate(replace(design, y=design.y[:, :, order]), rows, options)
    # σ̂ also sets the tiny ridge of the period weights, which decides between near ties
    tolerance = 1e-3 if method == "synthetic_did" else 1e-7
    np.testing.assert_allclose(again.estimate[..., 0], fit.estimate[..., 0], atol=tolerance)


@pytest.mark.parametrize("method", METHODS)
@given(**shapes, constant=st.sampled_from([-100.0, 0.5, 1e4]))
@few
def test_adding_a_constant(method: str, seed, units, pre, anticipation, constant) -> None:
    design = _design(seed, units, pre, anticipation)
    fit, again = _fit(method, design), _fit(method, replace(design, y=design.y + constant))
    _same(again.estimate, fit.estimate)
    _same(again.counterfactual - constant, fit.counterfactual)
    for name in fit.statistics:
        _same(again.statistics[name], fit.statistics[name])


@pytest.mark.parametrize("method", [m for m in METHODS if m != "synthetic_did"])
@given(**shapes)
@few
def test_adding_period_effects(method: str, seed, units, pre, anticipation) -> None:
    """A common shock moves no estimate (but SDID's, whose σ̂ is made of changes over time)."""
    design = _design(seed, units, pre, anticipation)
    shock = np.random.default_rng(seed).normal(size=len(design.periods)) * 5
    module, rows = _discover.load(method), in_space(design, 0)
    fit = module.estimate(design, rows, {})
    _same(module.estimate(replace(design, y=design.y + shock), rows, {}).estimate, fit.estimate)


@pytest.mark.parametrize("method", METHODS)
@given(**shapes, scale=st.sampled_from([1000.0, 0.01, 1e-6]))
@few
def test_rescaling(method: str, seed, units, pre, anticipation, scale) -> None:
    design = _design(seed, units, pre, anticipation)
    fit, again = _fit(method, design), _fit(method, replace(design, y=design.y * scale))
    _same(again.estimate / scale, fit.estimate)
    _same(again.accept_low / scale, fit.accept_low)
    _same(again.accept_high / scale, fit.accept_high)
    for name in ("unit_weights", "period_weights"):
        if getattr(fit, name) is not None:
            _same(getattr(again, name), getattr(fit, name))
    if fit.covariance is not None and again.covariance is not None:
        _same(again.covariance / scale**2, fit.covariance)
    for name in ("rmspe_ratio", "rmspe_ratio_heldout"):
        if name in fit.statistics:
            _same(again.statistics[name], fit.statistics[name])


@pytest.mark.parametrize("method", METHODS)
@given(**shapes)
@few
def test_every_row_is_estimated_as_if_it_were_the_reform(
    method: str, seed, units, pre, anticipation
) -> None:
    """Placebos are treated alike: naming another unit as treated permutes the estimates."""
    design = _design(seed, units, pre, anticipation)
    fit = _fit(method, design)
    other = (seed + 1) % units
    adopted = np.full(units, -1)
    adopted[other] = design.adoption
    swapped = _fit(method, replace(design, adopted=adopted))
    row = {int(np.flatnonzero(r >= 0)[0]): i for i, r in enumerate(swapped.assignments)}
    for i, assignment in enumerate(fit.assignments):
        unit = int(np.flatnonzero(assignment >= 0)[0])
        _same(swapped.estimate[0, row[unit]], fit.estimate[0, i])


@given(**shapes)
@few
def test_synthetic_control_of_a_convex_combination_is_exact(seed, units, pre, anticipation) -> None:
    """A treated unit inside its donors' hull, at all times: no effect, whatever the weights."""
    design = _design(seed, units, max(pre, units + 1), anticipation)
    y = design.y.copy()
    donors = ~design.treated
    weights = np.random.default_rng(seed).dirichlet(np.ones(units - 1))
    y[:, design.treated] = (weights @ y[0, donors])[None]
    fit = synthetic_control.estimate(replace(design, y=y), design.adopted[None], {})
    np.testing.assert_allclose(fit.estimate, 0, atol=1e-6)
    np.testing.assert_allclose(fit.unit_weights[0, 0, donors], weights, atol=1e-6)
    assert fit.statistics["pre_rmspe"][0, 0] == 0


@given(**shapes, weighted=st.booleans())
@few
def test_closed_form_is_the_dummy_regression(seed, units, pre, anticipation, weighted) -> None:
    """Placebo by placebo, did and event study against weighted least squares on dummies."""
    rng = np.random.default_rng(seed)
    design = _design(seed, units, pre, anticipation)
    if weighted:
        design = replace(design, unit_weights=rng.uniform(0.2, 3, (1, units)))
    rows = in_space(design, 0)[:4]
    root = np.sqrt(np.repeat(design.unit_weights[0], len(design.periods)))
    flat = design.y[0].ravel()
    unit = np.repeat(np.eye(units), len(design.periods), axis=0)
    period = np.tile(np.eye(len(design.periods)), (units, 1))
    simple, events = (m.estimate(design, rows, {}) for m in (did, event_study))
    base = len(design.periods) - 3 - anticipation - 1
    for a, row in enumerate(rows):
        member = (row >= 0)[:, None]
        kept = np.tile(design.in_pre | design.in_post, units)
        x = np.hstack([(member & design.in_post).reshape(-1, 1), unit, period])[kept]
        beta = np.linalg.lstsq(x * root[kept, None], flat[kept] * root[kept], rcond=None)[0]
        np.testing.assert_allclose(simple.estimate[0, a, 0], beta[0], atol=1e-9)
        times = [t for t in range(len(design.periods)) if t != base]
        dummies = np.stack(
            [(member & (np.arange(len(design.periods)) == t)).ravel() for t in times]
        )
        x = np.hstack([dummies.T, unit, period])
        beta = np.linalg.lstsq(x * root[:, None], flat * root, rcond=None)[0]
        np.testing.assert_allclose(events.estimate[0, a, 1:], beta[: len(times)], atol=1e-9)
