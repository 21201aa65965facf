"""Synthetic control matched on covariates, which count as much as they help to fit the outcome.

With X_m covariate m (a mean over periods before the reform) divided by its standard deviation over
all units, and v_m ≥ 0 summing to one (Abadie, Diamond & Hainmueller 2010, section 2.3)

    w(v) = argmin Σ_m v_m (X1_m − Σ_j w_j X0_jm)²,   w ≥ 0,  Σ_j w_j = 1
    v    = argmin Σ_{t pre} (Y1_t − Σ_j w_j(v) Y0_jt)²

The outer problem has many local minima, and where a mix matches all covariates many w(v) are
equally good. Both are settled by rules that depend on neither labels nor units of measurement:

- to the inner problem the squared pre-period gaps are added at a weight of 1e-6 (outcomes divided
  by their standard deviation over units and periods): among mixes that match alike, the one that
  fits the outcome best is taken, as a bilevel problem asks (Malo and others 2024);
- v is searched on a grid of powers of the fourth root of 2, from equal weights and from each
  covariate weighing 64 times the others, by the move of one covariate's weight that helps most:
  from each by factors of 16 and 4, and from the best of these by 2, √2 and the fourth root of 2.

So the search is deterministic and can only end better than equal weights; it may miss the best v.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from reformeval.design import Bools, Design, Floats, Ints
from reformeval.errors import UnsupportedError
from reformeval.estimators import _options, _simplex, _synthetic
from reformeval.fit import Fit

_OUTCOME = 1e-6  # weight of the outcome's own gaps in the inner problem
_START, _COARSE, _FINE = 24, (16, 8), (4, 2, 1)  # in quarters of a power of 2
_BETTER = 1e-9  # relative fall of the squared gaps that counts as one
_RANGE = 80  # a weight is at most 2^20 times another


def check_options(options: Mapping[str, Any]) -> list[str]:
    """Problems with the options: ``holdout`` is a positive number of pre-periods."""
    return [*_options.unknown(options, ("holdout",)), *_synthetic.check_holdout(options)]


def estimate(design: Design, assignments: Ints, options: Mapping[str, Any]) -> Fit:
    """Estimate the average effect and each step's, for the reform and all placebos at once.

    Parameters
    ----------
    design
        One adoption date, equal weights of units, covariates. A series whose covariates are
        missing for a unit that it uses has no estimate.
    assignments
        (assignments, units) adoption indices; row 0 is the reform.
    options
        ``holdout`` as in `synthetic_control`.

    Returns
    -------
    Fit
        Estimands: att, then one per step. With unit weights and the statistics of
        `estimators._synthetic`, among them ``covariate_weight:<name>``, the v of each assignment.

    Raises
    ------
    UnsupportedError
        If there are no covariates, units are weighted, or ``holdout`` leaves no pre-period to fit.
    """
    _options.refuse(check_options(options))
    if design.covariates is None:
        raise UnsupportedError("matched_sc needs covariates; name them under covariates")
    return _synthetic.estimate(design, assignments, "matched_sc", weigh, options)


def weigh(block: Design, members: Bools, _treated: Floats, window: Bools) -> _synthetic.Mix:
    """Weights that match the treated average in the covariates, and those of the covariates."""
    assert block.covariates is not None
    weights = np.full((len(block.series), *members.shape), np.nan)
    chosen = np.full((*weights.shape[:2], len(block.covariate_names)), np.nan)
    shares = members / members.sum(axis=1, keepdims=True)
    for s, y in enumerate(block.y):
        values = block.covariates[s]
        if np.isnan(values).any():
            continue
        traits = _scaled(values - values.mean(axis=0), axis=0)
        paths = y[:, window] - y[:, window].mean(axis=0)
        size = _scaled(paths, axis=None) * (_OUTCOME / paths.shape[1]) ** 0.5
        for a, own in enumerate(members):
            problem = _Matching(traits, paths, size, shares[a], ~own)
            chosen[s, a], weights[s, a] = problem.search()
    names = (f"covariate_weight:{name}" for name in block.covariate_names)
    return _synthetic.Mix(weights, chosen=dict(zip(names, np.moveaxis(chosen, 2, 0), strict=True)))


def _scaled(values: Floats, axis: int | None) -> Floats:
    """Values over their standard deviation; zero where they do not vary."""
    spread = values.std(axis=axis)
    rounding = 1e-12 * np.abs(values).max()
    return np.asarray(np.where(spread > rounding, values, 0.0) / np.where(spread > 0, spread, 1.0))


@dataclass(frozen=True, eq=False)
class _Point:
    """Covariates' weights as quarters of powers of 2, and what follows from them."""

    powers: Ints
    loss: float
    weights: Floats


class _Matching:
    """One assignment's nested problem."""

    def __init__(
        self, traits: Floats, paths: Floats, size: Floats, share: Floats, allowed: Bools
    ) -> None:
        self.traits, self.paths, self.size = traits, paths, size
        self.share, self.allowed = share, allowed
        self.target = share @ paths
        self.known: dict[tuple[int, ...], _Point] = {}

    def search(self) -> tuple[Floats, Floats]:
        """Covariates' weights, summing to one, and donors' weights."""
        count = self.traits.shape[1]
        starts = [np.zeros(count, dtype=np.int64)]
        if count > 1:
            starts += list(np.eye(count, dtype=np.int64) * _START)
        best = self._climb(self.at(starts[0]), _COARSE)
        for start in starts[1:]:
            best = self._better(self._climb(self.at(start), _COARSE), best)
        best = self._climb(best, _FINE)
        return _simplex_of(best.powers), best.weights

    def _climb(self, best: _Point, steps: tuple[int, ...]) -> _Point:
        """Follow the moves that help most, in smaller and smaller steps."""
        for step in steps:
            while True:
                centre = best
                for move in _moves(centre.powers, step):
                    best = self._better(self.at(move), best)
                if best is centre:
                    break
        return best

    @staticmethod
    def _better(trial: _Point, best: _Point) -> _Point:
        return trial if trial.loss < best.loss * (1 - _BETTER) else best

    def at(self, powers: Ints) -> _Point:
        """Solve the inner problem at some v."""
        key = tuple(powers - powers.max())
        if key not in self.known:
            self.known[key] = self._solved(powers)
        return self.known[key]

    def _solved(self, powers: Ints) -> _Point:
        matched = self.traits * np.sqrt(_simplex_of(powers))
        both = np.hstack([matched, self.size])
        weights = _simplex.solve_all(both, (self.share @ both)[None], self.allowed[None])[0]
        gap = self.target - weights @ self.paths
        return _Point(powers, float(gap @ gap), weights)


def _moves(centre: Ints, step: int) -> Iterator[Ints]:
    """Weights with one covariate's raised or lowered, within the range of the grid."""
    for m in range(len(centre)):
        for change in (step, -step):
            trial = centre.copy()
            trial[m] += change
            if np.ptp(trial) <= _RANGE:
                yield trial


def _simplex_of(powers: Ints) -> Floats:
    """Weights in proportion to powers of the fourth root of 2, summing to one."""
    raw = 2.0 ** ((powers - powers.max()) / 4)
    return np.asarray(raw / raw.sum())
