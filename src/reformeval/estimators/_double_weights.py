"""Unit and period weights of synthetic DiD for many assignments of one cohort at once.

The two least-squares problems of `synthetic_did`, solved as one batch each. Problems share their
data (all placebos of a series) or have versions of it of their own (`_refit`: a constant taken off
the reform's treated cells).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reformeval.design import Bools, Design, Floats, Ints
from reformeval.errors import UnsupportedError
from reformeval.estimators import _simplex

_RIDGE = 1e-6


@dataclass(frozen=True, eq=False)
class Cohort:
    """Units that adopt together: the index of the period, and the periods before and after.

    Attributes
    ----------
    pre, post
        (periods,) retained periods before adoption and its anticipation, and from adoption on.
    share
        Treated cells as a share of those of all cohorts: its weight in the att.
    """

    start: int
    pre: Bools
    post: Bools
    share: float


@dataclass(frozen=True, eq=False)
class Fitted:
    """What was fitted to every problem.

    Attributes
    ----------
    treated
        (problems, units) share of each unit in the mean of the treated.
    units, times
        (problems, units) and (problems, periods) weights, zero for others than donors and
        pre-periods.
    ridges
        (problems,) ridge of the period weights.
    effect
        (problems,) the treated units' effect.
    """

    treated: Floats
    units: Floats
    times: Floats
    ridges: Floats
    effect: Floats


def cohorts(block: Design) -> tuple[Cohort, ...]:
    """Cohorts with a retained period after adoption, in order of adoption.

    Raises
    ------
    UnsupportedError
        If one has no two adjacent pre-periods that are retained.
    """
    index = np.arange(len(block.periods))
    masks = [
        (int(start), ~block.excluded & (index < start - block.anticipation),
         ~block.excluded & (index >= start))
        for start in block.cohorts
    ]  # fmt: skip
    masks = [one for one in masks if one[2].any()]
    short = [start for start, pre, _ in masks if not (pre[1:] & pre[:-1]).any()]
    if short:
        dates = ", ".join(block.periods[start].isoformat() for start in short)
        names = [
            unit for unit, at in zip(block.units, block.adopted, strict=True) if at in short
        ]  # fmt: skip
        raise UnsupportedError(
            "synthetic_did needs two adjacent pre-periods that are not dropped, and units that "
            f"adopt in {dates} have none ({', '.join(names[:5])}{' …' if len(names) > 5 else ''}): "
            "begin the window earlier, or give a file of adoption dates without these units"
        )
    cells = [int((block.adopted == start).sum()) * int(post.sum()) for start, _, post in masks]
    return tuple(
        Cohort(*one, share=own / sum(cells)) for one, own in zip(masks, cells, strict=True)
    )


def fit(data: Floats, which: Ints, dates: Ints, cohort: Cohort, zeta: float | None) -> Fitted:
    """Fit both weights of every problem.

    Parameters
    ----------
    data
        (versions, units, periods) outcomes, without missing values in pre- and post-periods.
    which
        (problems,) the version that a problem is on.
    dates
        (problems, units) adoption indices; donors are the units with -1, which never adopt.
    zeta
        Penalty on unit weights; None for the paper's.
    """
    members, donors = dates == cohort.start, dates == -1
    treated = members / members.sum(axis=1, keepdims=True)
    before = np.ascontiguousarray(data[:, :, cohort.pre])
    after = data[:, :, cohort.post].mean(axis=2)
    sigma = difference_sd(data, cohort.pre, which, donors)
    length = before.shape[2]

    penalty = (members.sum(axis=1) * cohort.post.sum()) ** 0.25 * sigma
    penalty = penalty if zeta is None else np.full(len(dates), zeta)
    target, ridge = _mixed(before, which, treated), penalty**2 * length
    if len(data) == 1:
        units = _simplex.solve_all(before[0], target, donors, ridges=ridge, intercept=True)
    else:
        every = np.ones((len(dates), length), dtype=bool)
        units = _simplex.solve_each(before, which, target, donors, every, ridge)

    ridges = (_RIDGE * sigma) ** 2 * donors.sum(axis=1)
    times = np.zeros((len(dates), data.shape[2]))
    times[:, cohort.pre] = _simplex.solve_each(
        before.transpose(0, 2, 1), which, after[which],
        np.ones((len(dates), length), dtype=bool), donors, ridges,
    )  # fmt: skip
    gap = _mixed(before, which, treated - units)
    effect = ((treated - units) * after[which]).sum(axis=1)
    effect = effect - (gap * times[:, cohort.pre]).sum(axis=1)
    return Fitted(treated, units, times, ridges, effect)


def difference_sd(data: Floats, in_pre: Bools, which: Ints, donors: Bools) -> Floats:
    """(problems,) pooled standard deviation (n - 1) of the donors' first differences.

    Over adjacent retained pre-periods: an excluded one leaves a gap that is not differenced across.
    """
    adjacent = in_pre[1:] & in_pre[:-1]
    steps = np.diff(np.where(in_pre, data, 0.0), axis=2)[:, :, adjacent]
    steps = steps - steps.mean(axis=(1, 2), keepdims=True)  # sums of squares lose fewer digits
    count = donors.sum(axis=1) * steps.shape[2]
    total = (donors * steps.sum(axis=2)[which]).sum(axis=1)
    squares = (donors * (steps**2).sum(axis=2)[which]).sum(axis=1)
    spread = np.maximum(squares - total**2 / count, 0.0)
    return np.asarray(np.sqrt(spread / (count - 1)))


def _mixed(data: Floats, which: Ints, weights: Floats) -> Floats:
    """(problems, periods) weighted sum of each problem's units."""
    if len(data) == 1:
        return np.asarray(weights @ data[0])
    return np.asarray((weights[:, None, :] @ data[which])[:, 0])


def average(found: Sequence[Floats], of: Sequence[Cohort]) -> Floats:
    """Mean over cohorts, each by its share."""
    return np.asarray(sum(one.share * part for one, part in zip(of, found, strict=True)))
