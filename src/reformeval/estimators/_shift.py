"""Acceptance intervals of synthetic DiD: the period weights move with the effect subtracted.

Subtracting c from the reform's treated unit after adoption leaves the unit weights alone, as they
are fitted before adoption. Where that unit is a donor of placebo a it moves that donor's mean
after adoption, hence the period weights λ(c):

    est_a(c) = est_a + k c − Σ_t r_t (λ_t(c) − λ_t(0))

with k the weight of the reform's treated among the placebo's donors less that among its treated,
and r the placebo's gap before adoption. λ(c) solves a strictly convex quadratic programme whose
right-hand side is linear in c, so it is piecewise linear in c and each piece follows from its
active set by one small least-squares solve. `_edge` walks the pieces inwards from a point that is
certainly outside {c : |est_a(c)| >= |est_0 − c|} to the first crossing, and solves for it on its
piece: exact, no search. The set can in principle have holes; its outer ends are returned, which
can only widen the confidence interval.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from reformeval.design import Bools, Design, Floats
from reformeval.estimators import _acceptance, _simplex
from reformeval.estimators._double_weights import Fitted

_FAR = 1e6  # how many times the natural width counts as unbounded
_PIECES = 100_000


@dataclass(frozen=True)
class _Line:
    """One placebo's est_a(c) and the programme behind its period weights.

    ``columns`` (donors, pre-periods) and ``target``, ``direction`` (donors,) are demeaned over
    donors; the target at c is ``target + c * direction``. ``intercept`` and ``slope`` are those
    of est_a(c) but for the period weights' part, ``residual`` @ λ(c).
    """

    columns: Floats
    target: Floats
    direction: Floats
    ridge: float
    residual: Floats
    intercept: float
    slope: float
    own: float

    @cached_property
    def rows(self) -> Floats:
        """The columns as rows in memory, which the compiled solver takes."""
        return np.ascontiguousarray(self.columns.T)

    def flipped(self) -> _Line:
        """Replace c by -c."""
        return replace(self, direction=-self.direction, slope=-self.slope, own=-self.own)


def acceptance(
    block: Design, s: int, members: Bools, estimate: Floats, fitted: Fitted
) -> tuple[Floats, Floats]:
    """Find the ends of each placebo's acceptance interval.

    Parameters
    ----------
    s
        The series.
    members
        (assignments, units) treated units.
    estimate
        (assignments,) estimates.
    fitted
        Weights of all assignments.

    Returns
    -------
    low, high
        (assignments,), NaN for row 0.
    """
    gap = fitted.treated - fitted.units
    slopes = -gap[:, block.treated].sum(axis=1)
    low, high = (x[0, :, 0] for x in _acceptance.linear(estimate[None, :, None], slopes[:, None]))
    before, after = block.y[s][:, block.in_pre], block.y[s][:, block.in_post].mean(axis=1)
    for a, own in enumerate(members):
        moved = block.treated[~own]
        if a == 0 or not moved.any() or moved.all():
            continue  # the period weights do not move: the closed form holds
        donors, weights = before[~own], fitted.times[a, block.in_pre]
        residual = gap[a] @ before
        residual = residual - residual.mean()
        line = _Line(
            columns=donors - donors.mean(axis=0),
            target=after[~own] - after[~own].mean(),
            direction=-(moved - moved.mean()),
            ridge=fitted.ridges[a],
            residual=residual,
            intercept=estimate[a] + float(residual @ weights),
            slope=slopes[a],
            own=estimate[0],
        )
        high[a] = _edge(line, weights)
        low[a] = -_edge(line.flipped(), weights)
    return low, high


def _edge(line: _Line, weights: Floats) -> float:
    """Largest c with |est_a(c)| >= |est_0 - c|; infinite where there is none.

    ``weights`` are the period weights at c = 0. As every λ(c) lies in the simplex, est_a(c) stays
    within max |r_t - r λ(0)| of the line with those weights: beyond the first point nothing is
    inside unless the slope is 1.
    """
    fixed = float(line.residual @ weights)
    width = abs(line.intercept - fixed + line.slope * line.own)
    width += float(np.abs(line.residual - fixed).max())
    if width == 0.0:
        return line.own if abs(line.slope) < 1 else np.inf
    width /= max(1.0 - abs(line.slope), 1.0 / _FAR)
    point = line.own + 1.01 * width
    smallest = step = 1e-12 * width
    for piece in range(_PIECES):
        value, slope, reach = _piece(line, point)
        above, below = value + (point - line.own), value - (point - line.own)
        if above <= 0 or below >= 0:
            return np.inf if piece == 0 else point
        crossing = max(
            -above / (slope + 1) if slope > -1 else -np.inf,
            below / (1 - slope) if slope < 1 else -np.inf,
        )
        if crossing >= reach and crossing > -np.inf:
            return max(point + crossing, line.own)
        # a piece that ends where it began: the solver still sees the last one, so step further
        step = smallest if reach < -smallest else 10 * step
        point = max(point + min(reach, 0.0) - step, line.own)
    raise RuntimeError("synthetic_did: the path of the period weights does not end")


def _piece(line: _Line, point: float) -> tuple[float, float, float]:
    """est_a and its slope at a point, and how far down from there (<= 0) the slope holds."""
    from reformeval.estimators import _moving  # compiled code: imported where it is used

    target = line.target + point * line.direction
    weights, change, certain = _moving.solve(line.rows, target, line.direction, line.ridge)
    if not certain:
        weights = _simplex.solve(line.columns, target, ridge=line.ridge)
        used = weights > 0
        change = np.zeros_like(weights)
        change[used] = _direction(line.columns[:, used], line.direction, line.ridge)

    reach = _moving.reach(line.rows, target, line.direction, line.ridge, weights, change)
    value = line.intercept + line.slope * point - float(line.residual @ weights)
    return value, line.slope - float(line.residual @ change), reach


def _direction(columns: Floats, direction: Floats, ridge: float) -> Floats:
    """Change of the weights of an active set per unit of c; sums to zero."""
    count = columns.shape[1]
    if count == 1:
        return np.zeros(1)
    steps = np.vstack([columns[:, 1:] - columns[:, :1], ridge**0.5 * _contrasts(count)])
    right = np.concatenate([direction, np.zeros(count)])
    free = np.linalg.lstsq(steps, right, rcond=None)[0]
    return np.concatenate([[-free.sum()], free])


def _contrasts(count: int) -> Floats:
    """Weights as the first one less the others', (count, count - 1)."""
    return np.vstack([-np.ones(count - 1), np.eye(count - 1)])
