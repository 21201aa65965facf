"""Small designs for the tests of estimators and inference."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np

from reformeval import periods
from reformeval.design import Design, Series
from reformeval.spec import Step


def make_design(
    y: np.ndarray,
    adoption: int,
    treated: Sequence[int] = (0,),
    *,
    anticipation: int = 0,
    dropped: Sequence[int] = (),
    later_steps: Sequence[int] = (),
    unit_weights: np.ndarray | None = None,
    units: Sequence[str] | None = None,
    frequency: periods.Frequency = "month",
    first: date = date(2000, 1, 1),
) -> Design:
    """Design of outcomes (series, units, periods) or (units, periods), by period indices."""
    y = np.asarray(y, dtype=np.float64)
    y = y[None] if y.ndim == 2 else y
    series, n_units, n_periods = y.shape
    window = tuple(periods.shift(first, i, frequency) for i in range(n_periods))
    adopted = np.full(n_units, -1)
    adopted[list(treated)] = adoption
    starts = [adoption, *later_steps]
    return Design(
        y=y,
        n=None,
        units=tuple(units or [f"u{i:02d}" for i in range(n_units)]),
        series=tuple(Series(f"y{s}", "all", "as_published") for s in range(series)),
        periods=window,
        frequency=frequency,
        adopted=adopted.astype(np.int64),
        anticipation=anticipation,
        excluded=np.isin(np.arange(n_periods), list(dropped)),
        unit_weights=np.ones((series, n_units)) if unit_weights is None else unit_weights,
        steps=tuple(Step(f"step{i}", window[start], f"Step {i}") for i, start in enumerate(starts)),
    )


def panel(units: int, n_periods: int, seed: int = 0, series: int = 1) -> np.ndarray:
    """Outcomes (series, units, periods) with unit levels, a common factor and serial noise."""
    rng = np.random.default_rng(seed)
    level = 3 * rng.normal(size=(series, units, 1))
    common = rng.normal(size=(series, 1, n_periods)).cumsum(axis=2)
    loading = 1 + 0.3 * rng.normal(size=(series, units, 1))
    noise = rng.normal(size=(series, units, n_periods))
    for t in range(1, n_periods):
        noise[:, :, t] += 0.6 * noise[:, :, t - 1]
    return level + loading * common + noise
