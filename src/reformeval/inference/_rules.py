"""When a method is valid: facts of a series, and rules over them.

Facts are counts and what was seen before the reform. No p-value and no estimate of the effect is
among them, so that the choice of a method cannot depend on what it finds. A method lists its rules
in ``RULES``; the table in docs/inference.md is made of the same rules.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

from reformeval import noise
from reformeval.design import Bools, Design, Floats, Ints
from reformeval.evidence import behind
from reformeval.fit import Fit
from reformeval.inference import _changes

Kind = Literal["changes", "weights", "other"]


@dataclass(frozen=True)
class Facts:
    """What is known of one series under one estimator before anything is tested.

    Attributes
    ----------
    treated, donors, pre, post
        Units and periods behind the series: treated units are those that the att averages over.
    dates
        Different adoption dates among the treated units.
    kind
        ``changes``: the estimate is the treated units' mean change less the donors' (did,
        event_study); ``weights``: weighted donors without period weights (synthetic_control).
    equal_weights
        Whether all units weigh the same.
    sizes
        Whether the persons behind every unit are known before the reform.
    varied
        Whether donors differ in their change; False makes every standard error zero.
    assignments
        Assignments with an estimate, the reform's own included.
    noise
        Treated sd ÷ donors' sd before the reform (`noise.before_reform`); NaN: not known.
    serial
        p-value of no serial correlation in the gap before the reform; NaN: not known.
    persistence
        First-order autocorrelation of the gap before the reform; NaN: not known.
    level
        The configured confidence level.
    clustered
        Whether the estimator gives a cluster covariance.
    fewer
        How many times fewer persons the treated units have than donors, by means of 1 ÷ persons
        before the reform; NaN: not known.
    treated_equally, donors_equally
        As `equally_weighted` counts them, by the cells of the att where units adopt on several
        dates, else by the units' weights.
    """

    treated: int
    donors: int
    pre: int
    post: int
    dates: int
    kind: Kind
    equal_weights: bool
    sizes: bool
    varied: bool
    assignments: int
    noise: float
    serial: float
    persistence: float
    level: float
    clustered: bool
    fewer: float
    treated_equally: float
    donors_equally: float

    @property
    def equally(self) -> float:
        """Units in the smaller arm, counted as units of equal weight."""
        return min(self.treated_equally, self.donors_equally)

    @property
    def smaller(self) -> int:
        """Units in the smaller arm."""
        return min(self.treated, self.donors)

    @property
    def alpha(self) -> float:
        """The configured size of a test."""
        return round(1 - self.level, 9)


@dataclass(frozen=True)
class Rule:
    """One condition under which a method is refused or warned of.

    Attributes
    ----------
    when
        The condition in words, for the documentation.
    holds
        The condition.
    reason
        What the effects table says of a series where it holds.
    """

    status: Literal["refused", "warn"]
    when: str
    holds: Callable[[Facts], bool]
    reason: Callable[[Facts], str]


def units(number: int, noun: str) -> str:
    """Put a number before a noun.

    Examples
    --------
    >>> units(1, "donor"), units(9, "donor")
    ('1 donor', '9 donors')
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"


ONE_DATE = Rule(
    "refused",
    "units adopt on different dates (staggered)",
    lambda f: f.dates > 1,
    lambda f: f"staggered adoption: the method needs one adoption date, and here are {f.dates}",
)
EQUAL_WEIGHTS = Rule(
    "refused",
    "units are weighted (`weights: persons_pre`)",
    lambda f: not f.equal_weights,
    lambda _: "units are weighted by persons: the method treats units alike; use weights: equal",
)
VARIED = Rule(
    "refused",
    "donors do not differ in their change",
    lambda f: not f.varied,
    lambda _: "all donors change by the same amount: there is nothing to judge the reform by",
)


def equally_weighted(weights: Floats | Ints) -> float:
    """Count as how many units of equal weight units count: (sum of w)^2 / sum of w^2.

    A mean is as variable, and its variance as hard to estimate, as of so many alike units
    (Kish 1965; for clusters Carter, Schnepel & Steigerwald 2017).

    Examples
    --------
    >>> equally_weighted(np.ones(7)), equally_weighted(np.array([6.0, 1, 1, 1, 1]))
    (7.0, 2.5)
    """
    total = float((weights**2).sum())
    return round(float(weights.sum()) ** 2 / total, 9) if total > 0 else 0.0


def noisy(consequence: str) -> Rule:
    """Warn of a treated unit much noisier than donors, and of what follows for the method."""
    return Rule(
        "warn",
        f"the treated unit is more than {noise.LIMIT:g} times as noisy as donors before the reform",
        lambda f: noise.is_noisy(f.noise),
        lambda f: (
            f"before the reform {noise.who_varies(f.treated)} {f.noise:.2f} times as much as the "
            f"donors{consequence}"
        ),
    )


def enough_in_each_arm(least: int, why: str) -> Rule:
    """Refuse where the smaller arm has fewer than ``least`` units."""
    return Rule(
        "refused",
        f"the smaller of treated and donors has fewer than {least} units",
        lambda f: f.smaller < least,
        lambda f: (
            f"{units(f.treated, 'treated unit')} and {units(f.donors, 'donor')}: it takes at least "
            f"{least} in each arm, as {why}"
        ),
    )


def judge(rules: Sequence[Rule], facts: Facts) -> tuple[str, str]:
    """Status (``ok``, ``warn``, ``refused``) and reason of a method for a series."""
    for status in ("refused", "warn"):
        said = [rule.reason(facts) for rule in rules if rule.status == status and rule.holds(facts)]
        if said:
            return status, said[0] if status == "refused" else "; ".join(said)
    return "ok", ""


@lru_cache(maxsize=4)
def facts(design: Design, fit: Fit, level: float) -> tuple[Facts | None, ...]:
    """Facts of every series; None where the series cannot be estimated."""
    return tuple(_facts(design, fit, s, level) for s in range(len(design.series)))


def _facts(design: Design, fit: Fit, s: int, level: float) -> Facts | None:
    dates = design.cohorts.size
    weights = design.unit_weights[s]
    equal = bool(np.ptp(weights) <= 1e-12 * np.abs(weights).max())
    if design.problem(s) is not None:
        return None
    treated, donors, pre, post = design.counts(s)
    assignments = int(np.isfinite(fit.estimate[s, :, 0]).sum())
    if dates > 1:
        donors = design.compared_with(s)
        cells = behind(design, fit, s, fit.estimands[0]).sum(axis=1)
        treated = int((cells > 0).sum())
        return Facts(
            treated, donors, pre, post, dates, "other", equal, False, True, assignments,
            float("nan"), float("nan"), float("nan"), level, fit.covariance is not None,
            float("nan"), equally_weighted(cells), float(donors),
        )  # fmt: skip
    used, kept = design.usable(s)
    before = kept & design.in_pre
    changes = _changes.of(design, fit)
    sizes = design.n is not None and bool((design.n[s][used][:, before] > 0).all())
    gap = (fit.observed - fit.counterfactual)[s, 0]
    gap = gap[before & np.isfinite(gap)]
    return Facts(
        treated=treated,
        donors=donors,
        pre=pre,
        post=post,
        dates=dates,
        kind=_kind(fit, changes is not None),
        equal_weights=equal,
        sizes=sizes,
        varied=changes is None or changes.varied(design, s),
        assignments=assignments,
        noise=noise.before_reform(design, s)[0],
        serial=noise.serial_p(gap, design.frequency),
        persistence=noise.persistence(gap),
        level=level,
        clustered=fit.covariance is not None,
        fewer=_fewer(design, s, before) if sizes else float("nan"),
        treated_equally=equally_weighted(weights[used & design.treated]),
        donors_equally=equally_weighted(weights[used & ~design.treated]),
    )


def _fewer(design: Design, s: int, before: Bools) -> float:
    assert design.n is not None
    used = design.usable(s)[0]
    inverse = 1 / design.n[s][:, before].mean(axis=1)
    treated, donors = inverse[used & design.treated], inverse[used & ~design.treated]
    return float(treated.mean() / donors.mean())


def _kind(fit: Fit, has_changes: bool) -> Kind:
    if has_changes:
        return "changes"
    weighted = fit.unit_weights is not None and fit.period_weights is None
    return "weights" if weighted else "other"
