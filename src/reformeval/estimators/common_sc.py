"""Synthetic control with common weights: one mix of donors for all outcomes of a group.

With y_k outcome k, less each unit's own pre-mean and divided by its scale s_k, and K outcomes, the
weights of an assignment are (Sun, Ben-Michael & Feller 2025, section 2)

    concatenated   w = argmin Σ_k Σ_{t pre} (y1_kt − Σ_j w_j y_jkt)²
    averaged       w = argmin Σ_{t pre} (Σ_k y1_kt / K − Σ_j w_j Σ_k y_jkt / K)²

with w ≥ 0 and Σ_j w_j = 1. s_k is the standard deviation, over all units and pre-periods alike, of
what is left of outcome k without the means of units and of periods, so that neither the outcome's
unit of measurement nor the assignment decides how much it counts. The effect on each outcome is the
mean gap after adoption less that before.

Outcomes of a group count together where they are complete in the same units and periods: those of
the largest such set (on a tie the one named first). The others have no estimate, and a row that
says why.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from reformeval.design import Bools, Design, Floats, Ints, Series
from reformeval.estimators import _options, _simplex, _synthetic
from reformeval.fit import Fit

COMBINE = ("concatenated", "averaged")
_ROUNDING = 1e-12  # variation below this share of the data's size is none


def check_options(options: Mapping[str, Any]) -> list[str]:
    """Problems with the options: ``combine``, ``intercept`` (true or false) and ``holdout``."""
    problems = _options.unknown(options, ("combine", "intercept", "holdout"))
    if options.get("combine", COMBINE[0]) not in COMBINE:
        problems.append(f"combine must be {' or '.join(COMBINE)}")
    if not isinstance(options.get("intercept", True), bool):
        problems.append("intercept must be true or false")
    return [*problems, *_synthetic.check_holdout(options)]


def estimate(design: Design, assignments: Ints, options: Mapping[str, Any]) -> Fit:
    """Estimate the average effect and each step's, for the reform and all placebos at once.

    Parameters
    ----------
    design
        One adoption date, equal weights of units.
    assignments
        (assignments, units) adoption indices; row 0 is the reform.
    options
        ``combine``: concatenated (default) or averaged; ``intercept``: whether donors follow the
        treated unit's changes (default) or its level too; ``holdout`` as in `synthetic_control`.

    Returns
    -------
    Fit
        Estimands: att, then one per step. With unit weights, the same for all outcomes of a group,
        and the statistics of `estimators._synthetic`.

    Raises
    ------
    UnsupportedError
        If units are weighted, or ``holdout`` leaves no pre-period to fit.
    """
    _options.refuse(check_options(options))
    weigh_ = partial(
        weigh,
        averaged=options.get("combine") == "averaged",
        intercept=options.get("intercept", True),
        together=frozenset(common_outcomes(design)),
    )
    return _synthetic.estimate(design, assignments, "common_sc", weigh_, options)


def common_outcomes(design: Design) -> list[Series]:
    """List the series that are weighted together with the others of their group."""
    sets: dict[str, dict[bytes, list[Series]]] = {}
    for s, series in enumerate(design.series):
        if design.problem(s) is None:
            units, kept = design.usable(s)
            own = sets.setdefault(series.group, {})
            own.setdefault(units.tobytes() + kept.tobytes(), []).append(series)
    return [series for own in sets.values() for series in max(own.values(), key=len)]


def weigh(
    block: Design,
    members: Bools,
    treated: Floats,
    window: Bools,
    *,
    averaged: bool,
    intercept: bool,
    together: frozenset[Series],
) -> _synthetic.Mix:
    """Weights that bring the donors nearest to the treated average in all outcomes of a group."""
    weights = np.full((len(block.series), *members.shape), np.nan)
    groups: dict[str, list[int]] = {}
    for s, series in enumerate(block.series):
        if series in together:
            groups.setdefault(series.group, []).append(s)
    for chosen in groups.values():
        parts = [
            _standardised(block.y[s][:, window], treated[s][:, window], intercept) for s in chosen
        ]
        paths, targets = (
            np.mean(sides, axis=0) if averaged else np.hstack(sides)
            for sides in zip(*parts, strict=True)
        )
        weights[chosen] = _simplex.solve_all(np.asarray(paths), np.asarray(targets), ~members)
    level = _synthetic.level_gap(block, treated, weights, window) if intercept else 0.0
    return _synthetic.Mix(weights, level)


def _standardised(paths: Floats, targets: Floats, intercept: bool) -> tuple[Floats, Floats]:
    """Bring one outcome's paths and targets to a common scale; zero where nothing varies."""
    rounding = _ROUNDING * float(np.abs(paths).max())
    centre = paths.mean(axis=0)
    paths, targets = paths - centre, targets - centre
    left = paths - paths.mean(axis=1, keepdims=True) if intercept else paths
    if intercept:
        targets = targets - targets.mean(axis=1, keepdims=True)
    size = float(left.std())
    if size <= rounding:
        return np.zeros_like(left), np.zeros_like(targets)
    return left / size, targets / size
