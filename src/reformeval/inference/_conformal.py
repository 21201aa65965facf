"""Conformal tests over time: residuals of a fit to all periods, under a supposed effect.

Take the supposed effect off the treated path; if it is right, what is left is the path without a
reform in every period. The counterfactual is fitted to all periods of it, so that those before and
after are treated alike, and a statistic of the residuals after adoption is ranked among the same
statistic of permuted residuals (Chernozhukov, Wüthrich & Zhu 2021, algorithm 1). Two
counterfactuals: the donors' mean and a constant (``did``), whose tests invert in closed form, and
weighted donors (``synthetic_control``), fitted anew for every supposed effect.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from reformeval.design import Bools, Design, Floats, Ints
from reformeval.estimators import _acceptance, _simplex
from reformeval.fit import Fit
from reformeval.inference import _build
from reformeval.inference._ranks import Hull, attained_rank, gaps_in_words, hull

IID_DRAWS = 1_999
SEED = 20_200_301
_CHOSEN = ("penalty", "covariate_weight")  # statistics of fits that choose more than weights
_AGREEMENT = 1e-6  # of the outcome's largest value
_TIE = 1e-9
_GRID = np.linspace(-3.0, 3.0, 25)
_DOUBLINGS, _HALVINGS = 20, 10

Orders = Callable[[int], Ints]


@dataclass(frozen=True, eq=False)
class Path:
    """One series over the pre- and post-periods.

    Attributes
    ----------
    treated, donors
        (periods,) mean of the treated units, and (donors, periods).
    shares
        (donors,) weights of donors in their mean.
    after
        (periods,) those from adoption on.
    weighted
        Whether the counterfactual is weighted donors; otherwise their mean and a constant.
    """

    treated: Floats
    donors: Floats
    shares: Floats
    after: Bools
    weighted: bool

    def residuals(self, effect: float, used: Bools) -> Floats:
        """Take a constant effect off, fit on the used periods, and give the residuals there."""
        donors, own = self.donors[:, used], (self.treated - effect * self.after)[used]
        if self.weighted:
            return np.asarray(own - _simplex.solve(donors.T, own) @ donors)
        gap = own - self.shares @ donors
        return np.asarray(gap - gap.mean())

    @property
    def everything(self) -> Bools:
        """(periods,) all of them."""
        return np.ones(len(self.after), dtype=bool)


def blocks(periods: int) -> Ints:
    """(periods, periods) indices of the moving-block permutations, all cyclic shifts."""
    index = np.arange(periods)
    shifted: Ints = (index[None] + index[:, None]) % periods
    return shifted


@lru_cache(maxsize=8)
def shuffles(periods: int) -> Ints:
    """(1 + draws, periods) indices of permutations in any order, the same every time."""
    rng = np.random.default_rng(SEED)
    drawn = rng.permuted(np.tile(np.arange(periods), (IID_DRAWS, 1)), axis=1)
    every: Ints = np.vstack([np.arange(periods), drawn])
    return every


def path(design: Design, fit: Fit, s: int) -> Path | None:
    """Take a series' path; None where the fit's counterfactual is neither of the two."""
    if design.problem(s) is not None or fit.period_weights is not None:
        return None
    if any(name.split(":")[0] in _CHOSEN for name in fit.statistics):
        return None  # like plainly weighted donors by chance, and not when refitted
    units, kept = design.usable(s)
    used = kept & (design.in_pre | design.in_post)
    weights, own, others = design.unit_weights[s], units & design.treated, units & ~design.treated
    found = Path(
        treated=np.average(design.y[s][own], axis=0, weights=weights[own])[used],
        donors=design.y[s][others][:, used],
        shares=weights[others] / weights[others].sum(),
        after=design.in_post[used],
        weighted=fit.unit_weights is not None,
    )
    gap = (fit.observed - fit.counterfactual)[s, 0][used][~found.after]
    if is_event_study(fit):
        gap = gap - gap.mean()  # its base is one period, not the mean of all
    size = float(np.abs(found.treated).max())
    gap = gap - found.residuals(0.0, ~found.after)
    return found if np.isfinite(gap).all() and np.abs(gap).max() <= _AGREEMENT * size else None


def is_event_study(fit: Fit) -> bool:
    """Whether the fit has a coefficient per period instead of a base of all pre-periods."""
    return any(e.kind == "event" for e in fit.estimands)


def joint_p(of: Path, orders: Orders) -> float:
    """Test no effect in any period: the mean size of residuals after adoption (q = 1)."""
    size = np.abs(of.residuals(0.0, of.everything))
    return _share(size[orders(len(size))] @ of.after)


def constant_p(of: Path, effect: float, orders: Ints) -> float:
    """Test a constant effect: the size of the sum of residuals after adoption."""
    return _share(np.abs(of.residuals(effect, of.everything)[orders] @ of.after))


def fill_average(
    found: _build.Numbers, of: Path, orders: Orders, s: int, e: int, estimate: float
) -> None:
    """Put p-value and interval of the average, supposing a constant effect, in place."""
    order = orders(len(of.treated))
    count, level = len(order), float(found.level[s, e])
    rank, short = (x[0] for x in attained_rank(np.array([count]), level))
    least = least_p(of, order)
    found.floor[s, e], found.level[s, e] = least, 1 - rank / count
    short = short or least > 1 - level + 1e-9
    residual = of.residuals(0.0, ~of.after)
    found.std_error[s, e] = np.nan
    if short or float(np.abs(residual).max()) <= _TIE * float(np.abs(of.treated).max()):
        found.note[s, e] = (
            f"{len(of.after)} periods, {of.after.sum()} of them after the reform: the smallest p "
            f"is {round(least * count)}/{count}, above {1 - level:.2g}"
            if short
            else "the counterfactual follows the treated unit without error before the reform: "
            "there are no residuals to compare with"
        )
        return
    found.p_value[s, e] = constant_p(of, 0.0, order)
    notes = []
    if of.weighted:
        low, high, whole = _searched(of, order, 1 - found.level[s, e])
        notes += [] if whole else ["the accepted values have gaps: the interval is their hull"]
    else:
        ends = _closed(of, order, int(rank))
        low, high = ends.low, ends.high
        notes += gaps_in_words(ends)
    found.low[s, e], found.high[s, e] = low, high
    if np.isinf([low, high]).any():
        notes.append("the interval has no end: residuals after the reform never stand out")
    if not low <= estimate <= high:
        notes.append(
            "the estimate, fitted on the time before alone, is outside: the interval supposes a "
            "constant effect and is fitted on all periods"
        )
    found.note[s, e] = "; ".join(notes)


def _closed(of: Path, order: Ints, rank: int) -> Hull:
    """Invert for the mean of donors and a constant: sums of residuals are linear in the effect."""
    residual, step = of.residuals(0.0, of.everything), of.after - of.after.mean()
    sums, steps = residual[order] @ of.after, step[order] @ of.after
    estimate = (sums / steps[0])[None, :, None]
    low, high = _acceptance.linear(estimate, (-steps / steps[0])[None, :, None])
    return hull(low[0, 1:, 0], high[0, 1:, 0], rank)


def least_p(of: Path, order: Ints) -> float:
    """Smallest p-value of a constant effect: the one far from all that is accepted.

    With a constant in the fit the residuals of an effect of one period after the other sum to zero.
    Where as many periods lie after the reform as before, the sum over those before is then as
    large as that over those after, whatever the effect.
    """
    if of.weighted:
        return 1 / len(order)
    step = of.after - of.after.mean()
    return _share(np.abs(step[order] @ of.after))


def _searched(of: Path, order: Ints, alpha: float) -> tuple[float, float, bool]:
    """Invert by a grid that grows until both ends are rejected, and bisection.

    The sum of residuals after adoption falls in the effect, because weights between 0 and 1 are a
    projection on a convex set: where it is zero p is 1, and there the grid has its centre. Its
    spacing follows the residuals of that fit. Ends are rounded outwards by less than a thousandth
    of it; infinite where no end is found within 2^20 grids.
    """

    def accepted(effect: float) -> bool:
        return constant_p(of, effect, order) > alpha + 1e-12

    centre = _centre(of)
    width = float(np.sqrt((of.residuals(centre, of.everything) ** 2).mean()))
    grid = centre + width * _GRID
    inside = np.array([accepted(c) for c in grid])
    inside[len(grid) // 2] = True
    first, last = np.flatnonzero(inside)[[0, -1]]
    ends = []
    for sign, at in ((-1, first), (1, last)):
        inner, reach = float(grid[at]), width
        outer = float(grid[at + sign]) if 0 <= at + sign < len(grid) else None
        for _ in range(_DOUBLINGS):
            if outer is not None:
                break
            reach *= 2
            far = inner + sign * reach
            inner, outer = (far, None) if accepted(far) else (inner, far)
        if outer is None:
            ends.append(sign * np.inf)
            continue
        for _ in range(_HALVINGS):
            middle = (inner + outer) / 2
            inner, outer = (middle, outer) if accepted(middle) else (inner, middle)
        ends.append(outer)
    return ends[0], ends[1], bool(inside[first : last + 1].all())


def _centre(of: Path) -> float:
    """Find the effect at which the residuals after adoption sum to zero."""
    from scipy.optimize import brentq

    def total(effect: float) -> float:
        return float(of.residuals(effect, of.everything) @ of.after)

    gap = of.treated - of.donors  # the weighted donors lie between the smallest and the largest
    beyond = float(np.ptp(gap)) or 1.0
    low, high = float(gap.min()) - beyond, float(gap.max()) + beyond
    return float(brentq(total, low, high, xtol=1e-9 * (high - low)))


def fill_periods(found: _build.Numbers, of: Path, fit: Fit, s: int, shown: Ints) -> None:
    """Put p-values and intervals of single periods in place, for the mean of donors.

    Each period by itself is added to those before; the rank of its residual is that of delta, its
    gap less their mean less the supposed effect. For delta > 0 period t is as extreme up to
    max(d_t, -d_t n / (T0 - 1)), with d_t its own distance and n = T0 + 1 (and mirrored below 0).
    """
    gap = of.treated - of.shares @ of.donors
    distance = gap[~of.after] - gap[~of.after].mean()
    count = len(distance) + 1
    stretch = count / (count - 2)
    level = float(found.level[s, shown[0]]) if shown.size else 0.0
    rank, short = (x[0] for x in attained_rank(np.array([count]), level))
    above = np.sort(np.maximum(distance, -distance * stretch))[::-1]
    below = np.sort(np.maximum(-distance, distance * stretch))[::-1]
    for e, value in zip(shown, gap[of.after] - gap[~of.after].mean(), strict=True):
        found.floor[s, e], found.level[s, e] = 1 / count, 1 - rank / count
        if short:
            found.note[s, e] = (
                f"{count - 1} periods before the reform: the smallest p is 1/{count}, above "
                f"{1 - level:.2g}"
            )
            continue
        reach = above if value > 0 else below
        found.p_value[s, e] = (1 + (reach >= abs(value) * (1 - _TIE)).sum()) / count
        found.low[s, e], found.high[s, e] = value - above[rank - 1], value + below[rank - 1]
        if not found.low[s, e] <= fit.estimate[s, 0, e] <= found.high[s, e]:
            found.note[s, e] = (
                "the estimate, against the reference period alone, is outside: the interval is "
                "against the mean of all periods before"
            )


def _share(values: Floats) -> float:
    """Share of values at least as large as the first."""
    return float((values >= values[0] - _TIE * np.abs(values).max()).mean())
