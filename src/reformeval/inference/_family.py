"""Many outcomes and groups at once: step-down max-T over the joint permutation.

A placebo is the same unit in every series, so that ranking the largest of several statistics keeps
their dependence (Westfall & Young 1993, algorithm 2.8; Romano & Wolf 2005). With t_sa the size of
series s's estimate under assignment a over the root mean square of its estimates over all
assignments, and series in the order of t_s0, largest first,

    p_(j) = max over i <= j of  #{a : max over s >= i of t_sa >= t_(i)0} / A

The scale is the same function of all assignments, the reform included, so that the test is exact
when units are exchangeable. A family is the att of all outcomes and groups of one estimator, the
headline left out: it is named in advance and tested by itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reformeval.design import Bools, Floats
from reformeval.inference._ranks import TIE


@dataclass(frozen=True, eq=False)
class Family:
    """Adjusted p-values of a family.

    Attributes
    ----------
    adjusted
        (series,) p-values; NaN outside the family.
    members
        (series,) those in the family.
    joint
        p-value of no effect in any member: the smallest adjusted one. NaN without members.
    count
        Assignments that every member has: the smallest p is one over it.
    """

    adjusted: Floats
    members: Bools
    joint: float
    count: int


def step_down(estimate: Floats, members: Bools) -> Family:
    """Adjust the p-values of a family.

    Parameters
    ----------
    estimate
        (series, assignments), the reform's first; NaN where there is none.
    members
        (series,) the family; members without an estimate, or that never move, are left out.
    """
    size = np.nanmax(np.abs(estimate), axis=1, initial=0.0)
    inside = members & np.isfinite(estimate[:, 0]) & (size > 0)
    chosen = np.flatnonzero(inside)
    adjusted = np.full(len(estimate), np.nan)
    if not chosen.size:
        return Family(adjusted, inside, float("nan"), 0)
    values = np.abs(estimate[chosen])
    values = values[:, np.isfinite(values).all(axis=0)]
    scaled = values / np.sqrt((values**2).mean(axis=1, keepdims=True))
    order = np.argsort(-scaled[:, 0], kind="stable")
    ranked = scaled[order]
    largest = np.maximum.accumulate(ranked[::-1], axis=0)[::-1]  # over this member and all below
    p = (largest >= ranked[:, :1] * (1 - TIE)).mean(axis=1)
    adjusted[chosen[order]] = np.maximum.accumulate(p)
    return Family(adjusted, inside, float(p[0]), values.shape[1])
