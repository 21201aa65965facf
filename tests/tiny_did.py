"""A difference-in-differences of a few lines, independent of the estimators' code.

One treated unit, balanced panel; used by the tests of inference, effects and files of a fit.
"""

from __future__ import annotations

from datetime import date

import numpy as np

from reformeval import periods
from reformeval.design import Design, Series
from reformeval.fit import Estimand, Fit
from reformeval.spec import Step


def design(
    seed: int = 0,
    units: int = 10,
    window: int = 12,
    adoption: int = 8,
    series: int = 2,
    anticipation: int = 0,
    treated: int = 1,
    effect: float = 0.0,
) -> Design:
    """Random walks plus noise; the first ``treated`` units adopt."""
    rng = np.random.default_rng(seed)
    y = rng.normal(size=(series, units, window)).cumsum(axis=2) + rng.normal(
        50, 5, (series, units, 1)
    )
    y[:, :treated, adoption:] += effect
    months = tuple(periods.shift(date(2020, 1, 1), i, "month") for i in range(window))
    adopted = np.full(units, -1, dtype=np.int64)
    adopted[:treated] = adoption
    return Design(
        y=y,
        n=np.full(y.shape, 100.0) + np.arange(units)[:, None],
        units=tuple(f"u{i:02d}" for i in range(units)),
        series=tuple(Series(f"outcome_{s}", "all", "residents") for s in range(series)),
        periods=months,
        frequency="month",
        adopted=adopted,
        anticipation=anticipation,
        excluded=np.zeros(window, dtype=bool),
        unit_weights=np.ones(y.shape[:2]),
        steps=(Step("first", months[adoption], "x"), Step("second", months[adoption + 2], "y")),
    )


def did(y: np.ndarray, pre: np.ndarray, post: np.ndarray) -> np.ndarray:
    """Estimates (series, units): each unit in turn against all others."""
    change = y[:, :, post].mean(axis=2) - y[:, :, pre].mean(axis=2)
    others = (change.sum(axis=1, keepdims=True) - change) / (change.shape[1] - 1)
    return change - others


def fit(d: Design, events: bool = False) -> Fit:
    """att and steps (or att and events) of the one treated unit and all placebos."""
    own = int(np.flatnonzero(d.treated)[0])
    order = [own, *(u for u in range(len(d.units)) if u != own)]
    base = np.flatnonzero(d.in_pre)[-1]
    at = np.eye(len(d.periods), dtype=bool)
    if events:
        times = [t for t in range(len(d.periods)) if t != base]
        estimands = (
            Estimand("att"),
            *(Estimand("event", event_time=int(d.event_times[t])) for t in times),
        )
        parts = [did(d.y, at[base], d.in_post), *(did(d.y, at[base], at[t]) for t in times)]
    else:
        estimands = (Estimand("att"), *(Estimand("step", step=s) for s in d.step_windows))
        parts = [did(d.y, d.in_pre, w) for w in (d.in_post, *d.step_windows.values())]
    estimate = np.stack(parts, axis=2)[:, order]
    low, high = accepted(estimate, 1 / (len(d.units) - 1))
    if events:
        low[:, :, 1:], high[:, :, 1:] = np.nan, np.nan
    assignments = np.full((len(order), len(order)), -1, dtype=np.int64)
    assignments[np.arange(len(order)), order] = d.adoption
    observed = d.y[:, order]
    before = (observed - others(d.y)[:, order])[:, :, d.in_pre].mean(axis=2, keepdims=True)
    return Fit(
        estimands=estimands,
        assignments=assignments,
        estimate=estimate,
        accept_low=low,
        accept_high=high,
        observed=observed,
        counterfactual=others(d.y)[:, order] + before,
        in_fit=np.tile(~d.excluded, (len(d.series), 1)),
    )


def others(y: np.ndarray) -> np.ndarray:
    """Mean over all other units."""
    return (y.sum(axis=1, keepdims=True) - y) / (y.shape[1] - 1)


def accepted(estimate: np.ndarray, slope: float) -> tuple[np.ndarray, np.ndarray]:
    """Where |e + slope c| >= |own - c|, for slope below 1: between the two crossings."""
    own = estimate[:, :1]
    ends = np.stack([(own - estimate) / (1 + slope), (own + estimate) / (1 - slope)])
    low, high = ends.min(axis=0), ends.max(axis=0)
    low[:, 0], high[:, 0] = np.nan, np.nan
    return low, high
