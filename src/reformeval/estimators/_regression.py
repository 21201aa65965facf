"""The reform's own regression through pyfixest: an independent check, and cluster variances.

pyfixest counts nested fixed effects in the order of a Python set, so that its small-sample factor
changes with PYTHONHASHSEED. Here it leaves that factor out and the variance is multiplied by
(N - 1) / (N - K), K = regressors + period effects: the unit effects are nested in the clusters.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from reformeval.design import Bools, Design, Floats

_AGREEMENT = 1e-10
_AGREEMENT_POISSON = 1e-8  # of a logarithm: where iterated least squares stop


def own_row(
    block: Design, regressors: Floats, kept: Bools, expected: Floats, trends: bool = False
) -> Floats:
    """Cluster covariance (CRV1 by unit) of the reform's coefficients, series by series.

    Parameters
    ----------
    block
        Complete on the kept periods.
    regressors
        (regressors, units, periods).
    kept
        (periods,) periods in the regression.
    expected
        (series, regressors) coefficients from the closed form.
    trends
        Whether every unit has a linear trend. Outcome and regressors are then residuals on unit's
        constants and trends, which gives the same coefficients and scores, and the trends of all
        units but one, which the periods have, count in K.

    Returns
    -------
    (series, regressors, regressors); NaN for a series whose expected coefficients are NaN.

    Raises
    ------
    RuntimeError
        If a coefficient differs by more than 1e-10 of the outcome's largest value.
    """
    count = len(regressors)
    out = np.full((len(block.series), count, count), np.nan)
    for s in range(len(block.series)):
        if not np.isnan(expected[s]).any():
            weights = block.unit_weights[s]
            units = weights > 0
            centred = block.y[s][units][:, kept] - block.y[s][units][:, kept].mean()
            scale = float(centred.std()) or 1.0
            y, x = centred / scale, regressors[:, units][:, :, kept]
            if trends:
                y, x = _detrended(y, kept), _detrended(x, kept)
            more = len(y) - 1 if trends else 0
            found, covariance = _feols(y, x, weights[units], more)
            gap = float(np.abs(found * scale - expected[s]).max())
            if not gap <= _AGREEMENT * float(np.abs(block.y[s][units][:, kept]).max()):
                label = f"{block.series[s].outcome}, {block.series[s].group}"
                raise RuntimeError(f"{label}: pyfixest and the closed form differ by {gap:.1e}")
            out[s] = covariance * scale**2
    return out


def own_row_poisson(
    block: Design, series: int, regressor: Floats, kept: Bools, expected: float
) -> float:
    """Cluster variance (CRV1 by unit) of one coefficient of the reform's Poisson regression.

    Parameters
    ----------
    regressor
        (units, periods).
    expected
        The coefficient from the closed form, a difference of logarithms.

    Raises
    ------
    RuntimeError
        If pyfixest's coefficient differs by more than 1e-8.
    """
    import pyfixest  # two to four seconds, so only where it is used

    y = block.y[series][:, kept]
    # Units and periods without a single count have nothing to say on the coefficient.
    units, times = y.sum(axis=1) > 0, y.sum(axis=0) > 0
    y, x = y[units][:, times], regressor[:, kept][units][:, times]
    model = pyfixest.fepois(
        "y ~ x0 | unit + period",
        data=_frame(y, x[None]),
        vcov={"CRV1": "unit"},
        ssc=pyfixest.ssc(k_adj=False, G_adj=True),
        iwls_tol=1e-13,
        iwls_maxiter=200,
        store_data=False,
    )
    found = float(model.coef().iloc[0])
    if not abs(found - expected) <= _AGREEMENT_POISSON:
        label = f"{block.series[series].outcome}, {block.series[series].group}"
        gap = f"{abs(found - expected):.1e}"
        raise RuntimeError(f"{label}: pyfixest and the closed form differ by {gap}")
    return float(np.asarray(model._vcov)[0, 0]) * _factor(y.shape, 1)


def _frame(y: Floats, regressors: Floats) -> pl.DataFrame:
    """Cells as rows: y (units, periods), regressors x0, x1, … and the codes of both effects."""
    units, periods = y.shape
    return pl.DataFrame(
        {
            "y": y.ravel(),
            "unit": np.repeat(np.arange(units), periods),
            "period": np.tile(np.arange(periods), units),
            **{f"x{i}": x.ravel() for i, x in enumerate(regressors)},
        }
    )


def _factor(shape: tuple[int, ...], regressors: int) -> float:
    """Give (N - 1) / (N - K), NaN where no degree of freedom is left."""
    n, k = shape[0] * shape[1], regressors + shape[1]
    return (n - 1) / (n - k) if n > k else float("nan")


def _detrended(values: Floats, kept: Bools) -> Floats:
    """Residuals of each unit's values (..., kept periods) on a constant and time."""
    time = np.flatnonzero(kept).astype(np.float64)
    basis, _ = np.linalg.qr(np.column_stack([np.ones(len(time)), time - time.mean()]))
    return np.asarray(values - (values @ basis) @ basis.T)


def _feols(
    y: Floats, regressors: Floats, weights: Floats, projected: int = 0
) -> tuple[Floats, Floats]:
    """Coefficients and CRV1 covariance with unit and period effects.

    ``projected`` further coefficients were taken out of both sides beforehand.
    """
    import pyfixest  # two to four seconds, so only where it is used

    names = [f"x{i}" for i in range(len(regressors))]
    weight = np.repeat(weights / weights.mean(), y.shape[1])
    model = pyfixest.feols(
        f"y ~ {' + '.join(names)} | unit + period",
        data=_frame(y, regressors).with_columns(weight=weight),
        vcov={"CRV1": "unit"},
        weights="weight",
        ssc=pyfixest.ssc(k_adj=False, G_adj=True),
        store_data=False,
    )
    coefficients = model.coef()
    if list(coefficients.index) != names:
        raise RuntimeError("pyfixest left out a regressor as collinear")
    factor = _factor(y.shape, len(names) + projected)
    return np.asarray(coefficients, dtype=np.float64), np.asarray(model._vcov) * factor
