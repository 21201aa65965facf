"""Event study with person effects: one coefficient per period, within persons.

    y_pt = α_p + δ_t + Σ_k β_k treated_p 1[t = k] + ε_pt,   k all event times but the reference r

over the months of persons whose unit is frozen before the reform, every person with the weight
of the unit divided by its persons. As treated × period is saturated, each arm has its own profile
of periods γ, with L the arm's sum of X'MX over persons and b that of X'My (`register.
person_effects`): L γ = b, γ_r = 0, and

    β_k = γ_treated,k − γ_donors,k

L and b are sums over units, so that every assignment of the reform to other units follows from
the same sums. The att is the mean of the coefficients from adoption on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from reformeval.design import Bools, Design, Floats, Ints, Series
from reformeval.errors import UnsupportedError
from reformeval.estimators import _acceptance, _blocks, _options, event_study
from reformeval.fit import Estimand, Fit
from reformeval.register import person_effects
from reformeval.register.person_effects import Sums

_AGREEMENT = 1e-8
_NO_LINK = 1e-10  # of an arm's largest entry: below it two periods share no person
_AT_ONCE = 256


def check_options(options: Mapping[str, Any]) -> list[str]:
    """Problems with the options: the method has none."""
    return _options.unknown(options)


def estimate(design: Design, assignments: Ints, options: Mapping[str, Any]) -> Fit:
    """Estimate the att and every event time's effect, for the reform and all placebos at once.

    Parameters
    ----------
    design
        One adoption date, with the sums over persons.
    assignments
        (assignments, units) adoption indices; row 0 is the reform.
    options
        None are known.

    Returns
    -------
    Fit
        Estimands as in `event_study`. NaN where a period is excluded, and where no chain of
        persons links a period to the reference in both arms. The covariance of row 0 is CRV1 by
        unit, joint over event times, from the regression of all terms on the sums, which must
        give the same coefficients. Events have no acceptance intervals.

    Raises
    ------
    UnsupportedError
        If the design has no sums over persons.
    """
    _options.refuse(check_options(options))
    if design.persons is None or design.n is None:
        raise UnsupportedError("person_event_study needs a source with a register of persons")
    base = event_study.reference(design)
    times = [int(k) for k in design.event_times if k != base]
    estimands = (Estimand("att"), *(Estimand("event", event_time=k) for k in times))
    return _blocks.by_block(
        design, assignments, estimands, lambda block, members: _fit(block, members, base, estimands)
    )


def _fit(block: Design, members: Bools, base: int, estimands: tuple[Estimand, ...]) -> Fit:
    at_base = block.event_times == base
    shape = (len(block.series), len(members), len(estimands))
    estimate, slopes = np.full(shape, np.nan), np.full((*shape[:2], 1), np.nan)
    covariance = np.full((shape[0], shape[2], shape[2]), np.nan)
    observed = _blocks.averages(block, members)
    counterfactual = np.full(observed.shape, np.nan)
    for s, sums in enumerate(block.persons or ()):
        if block.excluded[at_base].any():
            continue
        weights = _row_weights(block, s)
        effects, slopes[s, :, 0] = _effects(block, sums, weights, members, at_base)
        estimate[s, :, 0] = effects[:, block.in_post].mean(axis=1)
        estimate[s, :, 1:] = effects[:, ~at_base]
        counterfactual[s] = observed[s] - effects
        covariance[s] = _covariance(block, s, weights, effects[0], at_base)
    low, high = np.full_like(estimate, np.nan), np.full_like(estimate, np.nan)
    low[:, :, :1], high[:, :, :1] = _acceptance.linear(estimate[:, :, :1], slopes)
    return Fit(
        estimands=estimands,
        assignments=np.where(members, block.adoption, -1),
        estimate=estimate,
        accept_low=low,
        accept_high=high,
        observed=observed,
        counterfactual=counterfactual,
        in_fit=np.tile(~block.excluded, (len(block.series), 1)),
        covariance=covariance,
    )


def _row_weights(block: Design, s: int) -> Floats:
    """(units,) weight of a person's rows: that of the unit, over its mean persons before.

    With ``weights: persons_pre`` it is 1 for everybody: the plain regression on persons.
    """
    assert block.n is not None
    last = block.adoption - block.anticipation
    before = np.nanmean(block.n[s][:, :last], axis=1)
    return np.asarray(block.unit_weights[s] / before)


def _effects(
    block: Design, sums: Sums, weights: Floats, members: Bools, at_base: Bools
) -> tuple[Floats, Floats]:
    """Coefficients (assignments, periods), and what one unit taken off the treated adds to the att.

    Taking 1 off the rows of the reform's treated units after adoption changes their X'My by X'MX
    times the post-periods.
    """
    cross = sums.cross * weights[:, None, None]
    shift = np.where(block.treated[:, None], -(cross @ block.in_post.astype(float)), 0.0)
    right = np.stack([sums.moment * weights[:, None], shift], axis=2)
    both = np.concatenate(
        [
            _profiles(cross, right, some, at_base) - _profiles(cross, right, ~some, at_base)
            for some in np.split(members, np.arange(_AT_ONCE, len(members), _AT_ONCE))
        ]
    )
    effects = np.where(block.excluded, np.nan, both[:, :, 0])
    return effects, both[:, block.in_post, 1].mean(axis=1)


def _profiles(cross: Floats, right: Floats, members: Bools, at_base: Bools) -> Floats:
    """Solve for each arm's profile; NaN where a period is not linked to the reference.

    Returns
    -------
    (assignments, periods, right sides)
    """
    share = members.astype(float)
    system = np.tensordot(share, cross, axes=1)
    sides = np.tensordot(share, right, axes=1)
    linked = _linked(system, at_base)
    free = linked & ~at_base
    pairs = free[:, :, None] & free[:, None, :]
    system = np.where(pairs, system, 0.0) + np.eye(len(at_base)) * ~free[:, :, None]
    profile = np.linalg.solve(system, np.where(free[:, :, None], sides, 0.0))
    return np.where(linked[:, :, None], profile, np.nan)


def _linked(system: Floats, at_base: Bools) -> Bools:
    """Say whether a chain of persons leads from the reference to a period.

    Two periods have an entry where a person is seen in both.

    Returns
    -------
    (assignments, periods)
    """
    size = np.abs(system).max(axis=(1, 2), keepdims=True)
    seen = (np.abs(system) > _NO_LINK * size) & (size > 0)
    linked: Bools = (
        np.broadcast_to(at_base, system.shape[:2]) & seen[:, at_base].any(axis=(1, 2))[:, None]
    )
    while True:
        more = linked | (seen & linked[:, None, :]).any(axis=2)
        if np.array_equal(more, linked):
            return linked
        linked = more


def _covariance(block: Design, s: int, weights: Floats, effects: Floats, at_base: Bools) -> Floats:
    """(estimands, estimands) covariance of the reform's estimates, from its own regression."""
    count = int((~at_base).sum()) + 1
    out = np.full((count, count), np.nan)
    shown = np.isfinite(effects) & ~at_base
    columns = np.flatnonzero(shown)
    if not columns.size or not np.isfinite(effects[block.in_post]).all():
        return out
    k = len(columns)
    regressors = np.zeros((len(block.units), len(at_base), 2 * k))
    regressors[:, columns, np.arange(k)] = 1.0
    regressors[np.ix_(block.treated, columns)] += np.eye(k, 2 * k, k)
    assert block.persons is not None
    found = person_effects.solve(block.persons[s], regressors, weights)
    _agree(found.coefficients[k:], effects[columns], block.series[s])
    post = block.in_post[columns]
    combine = np.vstack([post / post.sum(), np.eye(k)])
    place = np.concatenate([[0], 1 + np.flatnonzero(shown[~at_base])])
    out[np.ix_(place, place)] = combine @ found.covariance[k:, k:] @ combine.T
    return out


def _agree(found: Floats, expected: Floats, series: Series) -> None:
    scale = float(np.abs(expected).max()) or 1.0
    gap = float(np.abs(found - expected).max())
    if not gap <= _AGREEMENT * scale:
        label = f"{series.outcome}, {series.group}"
        raise RuntimeError(f"{label}: the regression and the profiles differ by {gap:.1e}")
