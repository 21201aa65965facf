"""What the estimators of staggered reforms share: they are weights on the means of cohorts.

On a complete panel every estimate of theirs is a sum over cohorts c (those who never adopt among
them) and periods t,

    est = sum_ct V[c, t] x mean of the outcome over the units of cohort c in period t

with weights V that depend on how many units adopt when, and on nothing else. A method is thus its
weights on cells (`Weights`). Placebos give the same dates to other units, so that the cohorts are
as large and the weights the same: all placebos of a series are one matrix product. What unit i
adds to the sampling error of an estimate is

    psi_i = (1 / n_c) (sum_t V[c, t] (y_it - mean_ct) + r_c),   c the cohort of i

with r what the means of cohorts differ from the method's own model of them; psi' psi is the
covariance clustered by unit, joint over all estimates.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from reformeval.design import Bools, Design, Floats, Ints
from reformeval.errors import UnsupportedError
from reformeval.estimators import _acceptance, _blocks, _options
from reformeval.fit import Estimand, Fit

_TINY = 1e-9


@dataclass(frozen=True, eq=False)
class Cohorts:
    """The cohorts of a complete block.

    Attributes
    ----------
    starts
        (cohorts,) index of the period in which each adopts, in order.
    sizes
        (cohorts + 1,) units in each; the last are the units that never adopt.
    kept
        (periods,) periods that are used.
    anticipation
        Periods before adoption in which a unit counts as neither untreated nor treated.
    """

    starts: Ints
    sizes: Ints
    kept: Bools
    anticipation: int

    @classmethod
    def of(cls, block: Design) -> Cohorts:
        """Count a block's cohorts."""
        sizes = [int((block.adopted == start).sum()) for start in (*block.cohorts, -1)]
        return cls(block.cohorts, np.array(sizes), ~block.excluded, block.anticipation)

    @property
    def after(self) -> Bools:
        """(cohorts + 1, periods) cells from adoption on."""
        index = np.arange(len(self.kept))
        late: Bools = index >= np.append(self.starts, len(index))[:, None]
        return late & self.kept

    @property
    def before(self) -> Bools:
        """(cohorts + 1, periods) cells before adoption and anticipation."""
        index = np.arange(len(self.kept))
        starts = np.append(self.starts - self.anticipation, len(index))
        early: Bools = index < starts[:, None]
        return early & self.kept

    def base(self, cohort: int) -> int:
        """Last retained period of a cohort before its anticipation: its reference; -1: none."""
        at = np.flatnonzero(self.before[cohort])
        return int(at[-1]) if at.size else -1


@dataclass(frozen=True, eq=False)
class Weights:
    """A method's weights on cells.

    Attributes
    ----------
    cells
        (cohorts, periods, cohorts + 1, periods) V of each cohort in each period; NaN where the
        method cannot estimate it.
    average
        (cohorts, periods) how much a cell counts in averages over several; None: its units.
    left
        From the cohorts' means of a series, (cohorts + 1, periods), to r of every cell's estimate,
        (cohorts, periods, cohorts + 1), as the model of untreated cells leaves it; None: zero.
    pooled
        Whether an average over cells is itself a regression's coefficient, so that the cells'
        distance from it is part of r.
    chance
        Whether the cohorts' shares, by which cells are averaged, count as random.
    factor
        What the covariance is multiplied by.
    """

    cells: Floats
    average: Floats | None = None
    left: Callable[[Floats], Floats] | None = None
    pooled: bool = False
    chance: bool = False
    factor: float = 1.0


@dataclass(frozen=True, eq=False)
class Method:
    """What `estimate` needs of a method.

    Attributes
    ----------
    weights
        From the cohorts and the options to the weights.
    leads
        Whether it estimates effects before adoption, as a check.
    cohorts
        Whether it estimates effects by cohort.
    """

    weights: Callable[[Cohorts, Mapping[str, Any]], Weights]
    verify: Callable[[Design, Fit, Mapping[str, Any]], None]
    leads: bool = True
    cohorts: bool = True
    known: tuple[str, ...] = field(default=("donors",))


def check_options(options: Mapping[str, Any], choices: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Problems with options that each take one of a few words."""
    said = _options.unknown(options, tuple(choices))
    return said + [
        f"{name} must be {' or '.join(allowed)}, not {options[name]!r}"
        for name, allowed in choices.items()
        if name in options and options[name] not in allowed
    ]


def estimands(design: Design, method: Method) -> tuple[Estimand, ...]:
    """List the att, all event times of the window, and each cohort's average and event times."""
    found = [Estimand("att")]
    pairs = [(int(c), int(t - c)) for c in design.cohorts for t in range(len(design.periods))]
    pairs = [(c, e) for c, e in pairs if method.leads or e >= 0]
    found += [Estimand("event", event_time=e) for e in sorted({e for _, e in pairs})]
    if method.cohorts:
        dates = {int(c): design.periods[int(c)] for c in design.cohorts}
        found += [Estimand("cohort", cohort=date) for date in dates.values()]
        found += [Estimand("catt", event_time=e, cohort=dates[c]) for c, e in pairs]
    return tuple(found)


def estimate(design: Design, assignments: Ints, options: Mapping[str, Any], method: Method) -> Fit:
    """Estimate every estimand of a method, for the reform and all placebos at once.

    Raises
    ------
    UnsupportedError
        If units are weighted, or a placebo has other adoption dates than the reform.
    RuntimeError
        If the reform's own estimates are not those of the library that the method is held against.
    """
    _blocks.equal_weights_only(design, "an estimator of staggered reforms")
    own_dates(design, assignments)
    wanted = estimands(design, method)

    def fit(block: Design, dates: Ints) -> Fit:
        found = _fit(block, dates, options, method, wanted)
        method.verify(block, found, options)
        return found

    return _blocks.by_block_dated(design, assignments, wanted, fit)


def own_dates(design: Design, assignments: Ints) -> None:
    """Refuse placebos that have other adoption dates than the reform."""
    if (np.sort(assignments, axis=1) != np.sort(design.adopted)).any():
        raise UnsupportedError("staggered or backdated placebos must have the reform's own dates")


def _fit(
    block: Design,
    dates: Ints,
    options: Mapping[str, Any],
    method: Method,
    wanted: tuple[Estimand, ...],
) -> Fit:
    cohorts = Cohorts.of(block)
    weights = method.weights(cohorts, options)
    shares, cells = _estimates(block, cohorts, weights, wanted)
    member = dates[:, None, :] == np.append(cohorts.starts, -1)[None, :, None]
    present = np.maximum(cohorts.sizes, 1)[None, :, None]
    share = member / present
    S, A, T = len(block.series), len(dates), len(block.periods)
    out = np.full((S, A, len(wanted)), np.nan)
    paths = np.full((2, S, A, T), np.nan)
    known = np.asarray(np.isfinite(shares).all(axis=(1, 2)))
    flat = np.nan_to_num(shares).reshape(len(wanted), -1)
    covariance = np.full((S, len(wanted), len(wanted)), np.nan)
    for s in range(S):
        y = np.where(block.excluded, 0.0, block.y[s])
        means = share @ y
        out[s] = np.where(known, means.reshape(A, -1) @ flat.T, np.nan)
        paths[:, s] = _paths(means, cohorts, weights)
        if known.any():
            psi = _influence(block, y, means[0], cohorts, weights, shares, cells, wanted, known)
            covariance[s][np.ix_(known, known)] = weights.factor * psi.T @ psi
    slopes = _slopes(block, member, cohorts, np.nan_to_num(shares), wanted)
    low, high = _acceptance.linear(out, slopes[None])
    events = np.array([estimand.event_time is not None for estimand in wanted])
    low[:, :, events], high[:, :, events] = np.nan, np.nan
    return Fit(
        estimands=wanted,
        assignments=dates,
        estimate=out,
        accept_low=low,
        accept_high=high,
        observed=paths[0],
        counterfactual=paths[1],
        in_fit=np.tile(cohorts.kept, (S, 1)),
        covariance=covariance,
    )


def _estimates(
    block: Design, cohorts: Cohorts, weights: Weights, wanted: tuple[Estimand, ...]
) -> tuple[Floats, Floats]:
    """Weights of each estimand on cohorts' means, and on estimated cells (cohorts, periods)."""
    sizes = cohorts.sizes[:-1, None]
    average = np.broadcast_to(sizes, cohorts.after[:-1].shape).astype(np.float64)
    average = average if weights.average is None else weights.average
    identified = np.isfinite(weights.cells).all(axis=(2, 3))
    on_cells = np.zeros((len(wanted), *average.shape))
    for e, estimand in enumerate(wanted):
        chosen = under(block, cohorts, estimand) & identified
        total = (average * chosen).sum()
        on_cells[e] = average * chosen / total if total > 0 else np.nan
    filled = np.nan_to_num(weights.cells)
    shares = np.einsum("egt,gtck->eck", on_cells, filled)
    return shares, on_cells


def under(block: Design, cohorts: Cohorts, estimand: Estimand) -> Bools:
    """(cohorts, periods) retained cells that an estimand averages over."""
    since = np.arange(len(cohorts.kept)) - cohorts.starts[:, None]
    chosen: Bools = np.tile(cohorts.kept, (len(cohorts.starts), 1))
    if estimand.cohort is not None:
        chosen &= (cohorts.starts == block.periods.index(estimand.cohort))[:, None]
    at: Bools = since >= 0 if estimand.event_time is None else since == estimand.event_time
    return chosen & at


def _paths(means: Floats, cohorts: Cohorts, weights: Weights) -> Floats:
    """Mean of all adopters by period, and what it would have been: (2, assignments, periods)."""
    share = cohorts.sizes[:-1] / cohorts.sizes[:-1].sum()
    observed = np.einsum("c,act->at", share, means[:, :-1])
    gap = np.einsum("gtck,ack->agt", weights.cells, means)
    empty = np.isnan(gap) & ~cohorts.after[:-1]
    effect = np.einsum("c,act->at", share, np.where(empty, 0.0, gap))
    observed = np.where(cohorts.kept, observed, np.nan)
    return np.array([observed, observed - effect])


def _influence(
    block: Design,
    y: Floats,
    means: Floats,
    cohorts: Cohorts,
    weights: Weights,
    shares: Floats,
    cells: Floats,
    wanted: tuple[Estimand, ...],
    known: Bools,
) -> Floats:
    """(units, known estimands) what each unit adds to the sampling error."""
    own = np.searchsorted(cohorts.starts, block.adopted)
    own = np.where(block.treated, own, len(cohorts.starts))
    deviation = y - means[own]
    psi: Floats = np.einsum("eut,ut->ue", shares[known][:, own], deviation)
    if weights.left is not None:
        left = np.einsum("egt,gtc->ce", cells[known], np.nan_to_num(weights.left(means)))
        psi += left[own]
    if weights.pooled:
        effect = np.nan_to_num(np.einsum("gtck,ck->gt", weights.cells, means))
        average = np.einsum("egt,gt->e", cells[known], effect)
        apart = np.einsum("egt,egt->ge", cells[known], effect - average[:, None, None])
        psi += np.vstack([apart, np.zeros(apart.shape[1])])[own]
    psi /= cohorts.sizes[own][:, None]
    if weights.chance:
        psi += _by_chance(means, cohorts, weights, cells, wanted, known, own)
    return psi


def _by_chance(
    means: Floats,
    cohorts: Cohorts,
    weights: Weights,
    cells: Floats,
    wanted: tuple[Estimand, ...],
    known: Bools,
    own: Ints,
) -> Floats:
    """Give the sampling error of the cohorts' shares in averages over several cohorts.

    With p_g the share of cohort g among all units, an average sum_k p_k a_k / sum_k p_k over cells
    k has derivative (a_g(k) - average) / sum_k p_k with respect to each cell's share (Callaway &
    Sant'Anna 2021, section 4.2).
    """
    units = len(own)
    effect = np.nan_to_num(np.einsum("gtck,ck->gt", weights.cells, means))
    out = np.zeros((units, int(known.sum())))
    for k, e in enumerate(np.flatnonzero(known)):
        if wanted[e].cohort is None:
            used = cells[e] > 0
            total = (cohorts.sizes[:-1, None] * used).sum()
            average = (cells[e] * effect).sum()
            gain = ((effect - average) * used).sum(axis=1) / total
            out[:, k] = np.append(gain, 0.0)[own] - (gain * cohorts.sizes[:-1]).sum() / units
    return out


def _slopes(
    block: Design, member: Bools, cohorts: Cohorts, shares: Floats, wanted: tuple[Estimand, ...]
) -> Floats:
    """Find what one unit off the reform's treated cells adds, (assignments, estimands)."""
    reform = member[0, :-1].astype(np.float64)
    met = np.einsum("acu,gu->acg", member / np.maximum(cohorts.sizes, 1)[None, :, None], reform)
    out = np.zeros((len(member), len(wanted)))
    for e, estimand in enumerate(wanted):
        chosen = under(block, cohorts, estimand) & cohorts.after[:-1]
        weight = shares[e] @ chosen.T.astype(np.float64)
        out[:, e] = -np.einsum("acg,cg->a", met, weight)
    return out


def small_sample(cohorts: Cohorts, regressors: int) -> float:
    """G/(G-1) x (N-1)/(N-K) of a regression with unit effects nested in the clusters."""
    units = int(cohorts.sizes.sum())
    rows = units * int(cohorts.kept.sum())
    return units / (units - 1) * (rows - 1) / (rows - regressors)
