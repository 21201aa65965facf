"""How noisy the treated unit was before the reform, and how its noise follows in time.

Facts of the pre-periods that decide which inference can be trusted: `reformeval.diagnostics`
reports them and `reformeval.inference` reads them.
"""

from __future__ import annotations

import numpy as np

from reformeval import periods
from reformeval.design import Bools, Design, Floats

LIMIT = 1.5  # a ratio of standard deviations beyond which units are not alike
LEAST_FOR_SERIAL = 20  # pre-periods below which no serial correlation could be seen


def before_reform(design: Design, series: int) -> tuple[float, float]:
    """`noise` over a series' usable units and pre-periods."""
    units, kept = design.usable(series)
    return noise(design, series, units, kept & design.in_pre)


def is_quiet(ratio: float) -> bool:
    """Whether the treated unit is clearly quieter than the donors; not where that is unknown."""
    return bool(ratio < 1 / LIMIT)


def is_noisy(ratio: float) -> bool:
    """Whether the treated unit is clearly noisier than the donors; not where that is unknown."""
    return bool(ratio > LIMIT)


def who_varies(treated: int) -> str:
    """Name the treated unit or units, with the verb.

    Examples
    --------
    >>> who_varies(1), who_varies(3)
    ('the treated unit varies', 'the 3 treated units vary')
    """
    return "the treated unit varies" if treated == 1 else f"the {treated} treated units vary"


def noise(design: Design, series: int, units: Bools, before: Bools) -> tuple[float, float]:
    """Ratio of the treated's to the donors' sd before the reform: first differences, levels.

    NaN where there are fewer than three differences between adjacent periods, or no noise.
    """
    gap = gaps(design, series, units)
    adjacent = before[1:] & before[:-1]
    if adjacent.sum() < 3:
        return float("nan"), float("nan")
    return _ratio(np.diff(gap)[:, adjacent]), _ratio(gap[:, before])


def gaps(design: Design, series: int, units: Bools) -> Floats:
    """Gaps (1 + donors, periods) of the treated to the donors, and of each donor to others.

    A mean of several treated units is quieter than each of them: its gap is put on the scale of
    one unit, with which it varies as the donors' do where all units are alike.
    """
    y = design.y[series]
    treated, donors = units & design.treated, units & ~design.treated
    share = design.unit_weights[series][treated] / design.unit_weights[series][treated].sum()
    by_chance = 1 / donors.sum()  # of the donors' mean, in variances of a unit
    scale = np.sqrt((1 + by_chance) / ((share**2).sum() + by_chance))
    found = [scale * (share @ y[treated] - y[donors].mean(axis=0))]
    for unit in np.flatnonzero(donors):
        others = units.copy()
        others[unit] = False
        found.append(y[unit] - y[others].mean(axis=0))
    return np.array(found)


def _ratio(values: Floats) -> float:
    spread = values.std(axis=1, ddof=1)
    donors = np.sqrt((spread[1:] ** 2).mean())
    return float(spread[0] / donors) if donors > 0 else float("nan")


def serial_p(residual: Floats, frequency: periods.Frequency) -> float:
    """p-value of no serial correlation in residuals before the reform.

    The smaller of two Ljung-Box tests (Ljung & Box 1978, equation 1.2): of the first lag alone,
    and of as many as make a year where there are three years of periods.

    Returns
    -------
    NaN with fewer than `LEAST_FOR_SERIAL` periods, or residuals that do not vary.
    """
    from scipy import stats

    n = len(residual)
    year = {"month": 12, "quarter": 4, "year": 1}[frequency]
    lags = {1, year} if n >= 3 * year else {1}
    correlation = _autocorrelations(residual, max(lags))
    terms = n * (n + 2) * correlation**2 / (n - np.arange(1, max(lags) + 1))
    return min(float(stats.chi2.sf(terms[:m].sum(), m)) for m in lags)


def persistence(residual: Floats) -> float:
    """First-order autocorrelation of residuals before the reform; NaN as in `serial_p`."""
    return float(_autocorrelations(residual, 1)[0])


def _autocorrelations(residual: Floats, lags: int) -> Floats:
    """(lags,) of residuals around their mean, NaN where they cannot be told."""
    unknown = np.full(lags, np.nan)
    if len(residual) < LEAST_FOR_SERIAL:  # none, where an estimator is silent on the time before
        return unknown
    centred = residual - residual.mean()
    total = float(centred @ centred)
    if total <= 1e-24 * max(float(residual @ residual), 1e-300):
        return unknown
    return np.array([centred[k:] @ centred[:-k] / total for k in range(1, lags + 1)])
