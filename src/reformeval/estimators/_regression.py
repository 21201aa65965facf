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


def own_row(block: Design, regressors: Floats, kept: Bools, expected: Floats) -> Floats:
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
            found, covariance = _feols(
                centred / scale, regressors[:, units][:, :, kept], weights[units]
            )
            gap = float(np.abs(found * scale - expected[s]).max())
            if not gap <= _AGREEMENT * float(np.abs(block.y[s][units][:, kept]).max()):
                label = f"{block.series[s].outcome}, {block.series[s].group}"
                raise RuntimeError(f"{label}: pyfixest and the closed form differ by {gap:.1e}")
            out[s] = covariance * scale**2
    return out


def _feols(y: Floats, regressors: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Coefficients and CRV1 covariance with unit and period effects."""
    import pyfixest  # two to four seconds, so only where it is used

    units, periods = y.shape
    names = [f"x{i}" for i in range(len(regressors))]
    frame = pl.DataFrame(
        {
            "y": y.ravel(),
            "unit": np.repeat(np.arange(units), periods),
            "period": np.tile(np.arange(periods), units),
            "weight": np.repeat(weights / weights.mean(), periods),
            **{name: x.ravel() for name, x in zip(names, regressors, strict=True)},
        }
    )
    model = pyfixest.feols(
        f"y ~ {' + '.join(names)} | unit + period",
        data=frame,
        vcov={"CRV1": "unit"},
        weights="weight",
        ssc=pyfixest.ssc(k_adj=False, G_adj=True),
        store_data=False,
    )
    coefficients = model.coef()
    if list(coefficients.index) != names:
        raise RuntimeError("pyfixest left out a regressor as collinear")
    n, k = units * periods, len(names) + periods
    factor = (n - 1) / (n - k) if n > k else np.nan
    return np.asarray(coefficients, dtype=np.float64), np.asarray(model._vcov) * factor
