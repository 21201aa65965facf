"""Conformal inference by moving blocks: the time before the reform is the yardstick.

The residuals keep their order in time and are moved round as one block, so that their serial
correlation is kept (Chernozhukov, Wüthrich & Zhu 2021, section 2.2, moving-block permutations). For
the att: a constant effect is supposed, the fit is on all periods, and the interval is every value
that is not rejected. For the periods of an event study after adoption: one period at a time. The
joint test of no effect in any period is a check (`conformal_joint`). docs/methods/conformal.md.
"""

from __future__ import annotations

import math

import numpy as np

from reformeval.design import Design
from reformeval.fit import Fit
from reformeval.inference import _build, _conformal, _rules
from reformeval.intervals import Intervals

NAME = "conformal"
SPEAKS_OF = "att of `did` and `synthetic_control`; periods from adoption on of `event_study`"
FLOOR = (
    "1 ÷ periods (att; 2 ÷ periods for `did` with as many of them after the reform as before), "
    "1 ÷ (1 + pre-periods) (single periods)"
)
WANDERS_FROM = 0.6  # first-order autocorrelation
PASSED_FROM = 0.1  # p-value of no serial correlation
LONG_FROM = 60  # periods


def _wanders(f: _rules.Facts) -> bool:
    """Whether the gap to the donors' plain mean does not come back before the reform."""
    return f.kind == "changes" and bool(f.persistence > WANDERS_FROM)


def least_periods(level: float) -> int:
    """Periods that it takes for a smallest p of 1 - level.

    Examples
    --------
    >>> least_periods(0.95)
    20
    """
    return math.ceil(1 / (1 - level) - 1e-9)


_MORE_AFTER = _rules.Rule(
    "warn",
    "more periods after adoption than before (att)",
    lambda f: f.post > f.pre,
    lambda f: (
        f"{f.post} periods after the reform and {f.pre} before it: a fit on all periods takes "
        "up much of the effect"
    ),
)
# Blocks that go round the ends join periods that were not neighbours: their sums vary less than
# that of the periods after the reform, by less the more periods there are.
_FEW_TO_GO_ROUND = _rules.Rule(
    "warn",
    f"serial correlation before the reform (Ljung-Box p below {PASSED_FROM:g}) and fewer than "
    f"{LONG_FROM} periods (att)",
    lambda f: bool(
        f.serial < PASSED_FROM
        and f.pre + f.post < LONG_FROM
        and not _wanders(f)  # which is said anyway
    ),
    lambda f: (
        f"residuals before the reform depend on those before, and with {f.pre + f.post} periods "
        "blocks reject a little too often (measured with an autoregression of 0.5 and 36 periods: "
        "7 to 8 % of true nulls at 5.6 %)"
    ),
)
RULES = (
    _rules.ONE_DATE,
    _rules.Rule(
        "refused",
        "too few periods: the smallest p is above 1 − level",
        lambda f: f.pre + f.post < least_periods(f.level),
        lambda f: (
            f"{f.pre + f.post} periods: the smallest p is 1/{f.pre + f.post}, above {f.alpha:.2g}; "
            f"it takes {least_periods(f.level)} periods"
        ),
    ),
    _rules.Rule(
        "warn",
        "donors are not weighted, and the gap before adoption has a first-order autocorrelation "
        f"above {WANDERS_FROM:g}",
        _wanders,
        lambda f: (
            f"the gap before the reform wanders (first-order autocorrelation {f.persistence:.2f}), "
            "and the test takes it to come back: of a random walk over 36 and 12 periods it "
            "rejects 26 % of true nulls at 4 %"
        ),
    ),
    _MORE_AFTER,
    _FEW_TO_GO_ROUND,
)
# A period by itself is added to those before: the fit is not on all periods.
RULES_OF_PERIODS = tuple(rule for rule in RULES if rule not in (_MORE_AFTER, _FEW_TO_GO_ROUND))


def infer(design: Design, fit: Fit, level: float) -> list[Intervals]:
    """Conformal intervals; none for a fit whose counterfactual is not one of the two.

    Parameters
    ----------
    design, fit
        One adoption date.
    level
        The configured confidence level; the attained one stands in ``Intervals.level``.
    """
    found = _build.empty(fit, level)
    speaks = np.zeros(len(fit.estimands), dtype=bool)
    after = np.array(
        [e.kind == "event" and (e.event_time or 0) >= 0 for e in fit.estimands], dtype=bool
    )
    for s, facts in enumerate(_rules.facts(design, fit, level)):
        if facts is None or facts.dates > 1:
            continue
        of = _conformal.path(design, fit, s)
        if of is None:
            continue
        if not _conformal.is_event_study(fit):
            speaks[0] = True
            if _rules.judge(RULES, facts)[0] != "refused":
                own = float(fit.estimate[s, 0, 0])
                _conformal.fill_average(found, of, _conformal.blocks, s, 0, own)
        elif not of.weighted:
            shown = np.flatnonzero(after & np.isfinite(fit.estimate[s, 0]))
            speaks |= after
            _conformal.fill_periods(found, of, fit, s, shown)
    if not speaks.any():
        return []
    rules = RULES_OF_PERIODS if _conformal.is_event_study(fit) else RULES
    return [_build.intervals(NAME, design, fit, level, rules, found, speaks)]
