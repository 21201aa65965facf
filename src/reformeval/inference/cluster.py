"""Cluster-robust (CRV1) inference with t(G - 1), refused where it is known to mislead.

V = G/(G-1) x (N-1)/(N-K) x (X'X)^-1 (sum_g X_g' u_g u_g' X_g) (X'X)^-1, from the estimator, which
also applies the factor (Cameron & Miller 2015, equations 11-12). With few treated or few donor
units CRV1 is far too small (MacKinnon & Webb 2020): the false-rejection rate quoted in
the reason is simulated for the design at hand. docs/methods/cluster.md has the rest.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from reformeval.design import Design, Floats
from reformeval.evidence import behind
from reformeval.fit import Fit
from reformeval.inference import _rules
from reformeval.intervals import Intervals

NAME = "cluster"
SPEAKS_OF = (
    "estimators with a cluster covariance (`did`, `event_study`, those of staggered reforms)"
)
FLOOR = "0"
POWER = 0.8
REFUSED_BELOW = 5
WARNED_BELOW = 10
OFTEN = 1.25  # times the nominal size
DRAWS = 200_000
SEED = 20_200_301


def infer(design: Design, fit: Fit, level: float) -> list[Intervals]:
    """Intervals and p-values from the fit's cluster covariance.

    Parameters
    ----------
    design
        The design of the fit; its counts decide on refusal.
    fit
        Estimates with their covariance.
    level
        Confidence level.

    Returns
    -------
    One `Intervals`, or none where the estimator gives no covariance. Refused entries keep their
    standard error and have neither interval nor p-value.
    """
    if fit.covariance is None:
        return []
    own, error = fit.estimate[:, 0], _errors(fit)
    df, status, reason = _validity(design, fit, error, level)
    valid = (status == "ok") | (status == "warn")
    with np.errstate(invalid="ignore", divide="ignore"):
        critical = stats.t.ppf(0.5 + level / 2, df)
        p = 2 * stats.t.sf(np.abs(own / error), df)
    half = critical * error
    return [
        Intervals(
            inference=NAME,
            alternative="two-sided",
            band="pointwise",
            std_error=error,
            low=np.where(valid, own - half, np.nan),
            high=np.where(valid, own + half, np.nan),
            p_value=np.where(valid, p, np.nan),
            floor=np.zeros(own.shape),
            level=np.full(own.shape, level),
            minimum_detectable=np.where(valid, half + stats.t.ppf(POWER, df) * error, np.nan),
            status=status,
            reason=reason,
        )
    ]


def equivalence(design: Design, fit: Fit, margin: Floats) -> Floats:
    """Two one-sided t tests of the hypothesis that the effect is at least ``margin`` in size.

    Parameters
    ----------
    margin
        (series,) smallest effect of interest; NaN where none is named.

    Returns
    -------
    (series, estimands); NaN where there is no margin, no covariance, or the method is refused.
    """
    own, error = fit.estimate[:, 0], _errors(fit)
    df, status, _ = _validity(design, fit, error, 0.95)
    with np.errstate(invalid="ignore", divide="ignore"):
        below = stats.t.sf((own + margin[:, None]) / error, df)
        above = stats.t.sf((margin[:, None] - own) / error, df)
    valid = (status == "ok") | (status == "warn")
    return np.where(valid, np.maximum(below, above), np.nan)


@lru_cache(maxsize=256)
def false_rejection(treated: int, donors: int, periods: int, alpha: float = 0.05) -> float:
    """Share of true nulls that a CRV1 t test rejects in a design of this shape.

    Units' changes from before to after adoption are independent standard normal, W_i. With unit
    and period effects and a balanced panel, CRV1 depends on the data only through them:

        tau = mean of W over treated - mean over donors
        V = sum (d_i - d)^2 e_i^2 / (sum (d_i - d)^2)^2 x G/(G-1) x (N-1)/(N-K)

    with e_i the deviation from the own arm's mean, N = G x periods and K = 1 + periods. Given the
    counts, tau is normal and the two sums of squares are chi-squared, so they are drawn directly.

    Parameters
    ----------
    treated, donors, periods
        Numbers of units and of retained periods.
    alpha
        Nominal size of the test.
    """
    G = treated + donors
    N, K = G * periods, 1 + periods
    rng = np.random.default_rng(SEED)
    tau = rng.standard_normal(DRAWS) * np.sqrt(1 / treated + 1 / donors)
    squares = [rng.chisquare(n - 1, DRAWS) if n > 1 else 0.0 for n in (treated, donors)]
    share = treated / G
    spread = treated * donors / G
    variance = ((1 - share) ** 2 * squares[0] + share**2 * squares[1]) / spread**2
    factor = G / (G - 1) * (N - 1) / (N - K)
    with np.errstate(divide="ignore"):
        t = np.abs(tau) / np.sqrt(variance * factor)
    return float((t > stats.t.ppf(1 - alpha / 2, G - 1)).mean())


def _errors(fit: Fit) -> Floats:
    """(series, estimands) standard errors; NaN where there is no variance."""
    if fit.covariance is None:
        return np.full(fit.estimate[:, 0].shape, np.nan)
    variance = np.diagonal(fit.covariance, axis1=1, axis2=2)
    return np.sqrt(np.where(variance > 0, variance, np.nan))


def _validity(
    design: Design, fit: Fit, error: Floats, level: float
) -> tuple[Floats, NDArray[Any], NDArray[Any]]:
    """Degrees of freedom (series, 1), and status and reason (series, estimands)."""
    shape = error.shape
    df = np.full((shape[0], 1), np.nan)
    status, reason = np.full(shape, "ok", dtype=object), np.full(shape, "", dtype=object)
    for s in range(shape[0]):
        facts = _rules.facts(design, fit, level)[s]
        if facts is not None and np.isfinite(fit.estimate[s, 0]).any():
            df[s] = max(facts.treated + facts.donors - 1, 1)
            status[s], reason[s] = _rules.judge(RULES, facts)
            for e, estimand in enumerate(fit.estimands if facts.dates > 1 else ()):
                cells = behind(design, fit, s, estimand).sum(axis=1)
                alike, count = _rules.equally_weighted(cells), int((cells > 0).sum())
                if np.isfinite(fit.estimate[s, 0, e]) and alike != facts.treated_equally:
                    own = replace(facts, treated=count, treated_equally=alike)
                    status[s, e], reason[s, e] = _rules.judge(RULES, own)
        unknown = ~np.isfinite(error[s])
        status[s, unknown], reason[s, unknown] = "refused", "there is no cluster variance"
    missing = ~np.isfinite(fit.estimate[:, 0])
    status[missing], reason[missing] = "failed", ""
    return df, status, reason


def _alike(facts: _rules.Facts) -> tuple[int, int]:
    """Treated units and donors, counted as units of equal weight."""
    return max(int(facts.treated_equally), 1), max(int(facts.donors_equally), 1)


def _rate(facts: _rules.Facts) -> float:
    return false_rejection(*_alike(facts), facts.pre + facts.post, facts.alpha)


def _why(facts: _rules.Facts) -> str:
    treated, donors = _alike(facts)
    text = _unequal(facts) + (
        f"with {_rules.units(treated, 'treated unit')} and {_rules.units(donors, 'donor')} a CRV1 "
        f"test at {100 * facts.alpha:g} % rejects {100 * _rate(facts):.0f} % of true nulls "
        "(simulated for this design, all units equally noisy)"
    )
    if facts.treated == 1:
        text += "; the one treated unit's residuals are zero in its own variance"
    if facts.equally < REFUSED_BELOW:
        text += f"; it takes at least {REFUSED_BELOW} units in each arm"
    return text


def _unequal(facts: _rules.Facts) -> str:
    """Say as how many alike units the units of an arm count that weigh unequally."""
    arms = (
        (facts.treated, facts.treated_equally, "treated unit"),
        (facts.donors, facts.donors_equally, "donor"),
    )
    said = [
        f"{_rules.units(count, noun)} count as {alike:.1f} of equal weight"
        for count, alike, noun in arms
        if alike < count
    ]
    return f"{' and '.join(said)}: " if said else ""


RULES = (
    _rules.Rule(
        "refused",
        f"the smaller of treated and donors has fewer than {REFUSED_BELOW} units, those that weigh "
        "unequally counted as fewer",
        lambda f: f.equally < REFUSED_BELOW,
        _why,
    ),
    _rules.Rule(
        "warn",
        f"the smaller has fewer than {WARNED_BELOW}, or more than {OFTEN:g} (1 − level) of true "
        "nulls would be rejected with so many units",
        lambda f: f.equally < WARNED_BELOW or _rate(f) > OFTEN * f.alpha,
        _why,
    ),
)
