"""Conformal inference with residuals in any order, where they show no serial correlation.

As `conformal`, with random permutations of the residuals in place of block moves. There are many
more, so that p can be small with few periods. If residuals depend on those before, permuted ones do
not look like them: with an autoregression of 0.5 the test rejects 27 % of true nulls at 5 %.
So it is refused unless the residuals before the reform pass a test for serial correlation
(`noise.serial_p`). docs/methods/conformal_iid.md has the rest.
"""

from __future__ import annotations

import numpy as np

from reformeval.design import Design
from reformeval.fit import Fit
from reformeval.inference import _build, _conformal, _rules
from reformeval.intervals import Intervals
from reformeval.noise import LEAST_FOR_SERIAL

NAME = "conformal_iid"
SPEAKS_OF = "att of `did` and `synthetic_control`"
FLOOR = f"1 ÷ (1 + draws), draws = {_conformal.IID_DRAWS:,}"
PASSED_FROM = 0.1
SEEN_FROM = 48


def _small(p: float) -> str:
    return f"= {p:.3f}" if p >= 0.001 else "below 0.001"


RULES = (
    _rules.ONE_DATE,
    _rules.Rule(
        "refused",
        f"fewer than {LEAST_FOR_SERIAL} pre-periods, or residuals that do not vary",
        lambda f: not np.isfinite(f.serial),
        lambda f: (
            f"{f.pre} periods before the reform are too few to see whether residuals depend on "
            "those before, which this test takes as not so"
            if f.pre < LEAST_FOR_SERIAL
            else "the residuals before the reform do not vary"
        ),
    ),
    _rules.Rule(
        "refused",
        f"serial correlation before the reform (Ljung-Box p below {PASSED_FROM:g})",
        lambda f: bool(f.serial < PASSED_FROM),
        lambda f: (
            f"residuals before the reform depend on those before (Ljung-Box p {_small(f.serial)}); "
            "with an autoregression of 0.5 permuting them in any order rejects 27 % of true nulls "
            "at 5 %"
        ),
    ),
    _rules.Rule(
        "warn",
        f"fewer than {SEEN_FROM} pre-periods, in which serial correlation is easily missed",
        lambda f: f.pre < SEEN_FROM,
        lambda f: (
            f"{f.pre} periods before the reform are few to see serial correlation in: of series "
            "with an autoregression of 0.5 a third pass with 24 periods and 15 % with 36, and "
            "this test rejects 27 % of their true nulls at 5 %"
        ),
    ),
)


def infer(design: Design, fit: Fit, level: float) -> list[Intervals]:
    """Intervals of the att; none for a fit whose counterfactual is not one of the two.

    Parameters
    ----------
    design, fit
        One adoption date.
    level
        The configured confidence level; the attained one stands in ``Intervals.level``.
    """
    if _conformal.is_event_study(fit):
        return []
    found = _build.empty(fit, level)
    speaks = np.zeros(len(fit.estimands), dtype=bool)
    for s, facts in enumerate(_rules.facts(design, fit, level)):
        if facts is None or facts.dates > 1:
            continue
        of = _conformal.path(design, fit, s)
        if of is None:
            continue
        speaks[0] = True
        if _rules.judge(RULES, facts)[0] != "refused":
            own = float(fit.estimate[s, 0, 0])
            _conformal.fill_average(found, of, _conformal.shuffles, s, 0, own)
    if not speaks.any():
        return []
    return [_build.intervals(NAME, design, fit, level, RULES, found, speaks)]
