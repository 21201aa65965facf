"""Bands over event times from placebo paths: they hold for a whole set of event times at once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from reformeval.design import Floats, Ints
from reformeval.fit import Fit
from reformeval.inference._ranks import TIE
from reformeval.intervals import Intervals


def simultaneous(fit: Fit, pointwise: Intervals, ranks: Ints) -> Intervals:
    """Bands that hold for a whole set of event times at once.

    M_a = max over the set of |est_a(t)| / sd_a(t), with sd_a(t) the root mean square of the
    placebos other than a: a placebo is never scaled by itself, just as the reform is not.

    Parameters
    ----------
    pointwise
        Of the same fit: the standard errors, levels and reasons are its own.
    ranks
        (series, estimands) k of the attained level 1 - k/A.
    """
    shape = fit.estimate[:, 0].shape
    half, p = np.full(shape, np.nan), np.full(shape, np.nan)
    times = np.array([e.event_time if e.kind == "event" else np.nan for e in fit.estimands])
    times = times.astype(np.float64)
    for chosen in (np.flatnonzero(times >= 0), np.flatnonzero(times < 0)):
        for s in range(shape[0]):
            own = fit.estimate[s, 0, chosen]
            columns = chosen[np.isfinite(own)]
            paths = np.abs(fit.estimate[s][:, columns])
            paths = paths[np.isfinite(paths).all(axis=1)]
            if columns.size and len(paths) >= 4:
                scaled, sd = _scaled(paths)
                largest = scaled[1:].max(axis=1)
                k = min(int(ranks[s, columns].max()), len(largest))
                half[s, columns] = np.sort(largest)[::-1][k - 1] * sd
                above = largest[:, None] >= scaled[0] * (1 - TIE)
                p[s, columns] = (1 + above.sum(axis=0)) / len(paths)
    own = fit.estimate[:, 0]
    event = np.isfinite(times)[None, :] & np.isfinite(own)
    able = event & np.isfinite(p)
    status = np.where(able, pointwise.status, np.where(event, "refused", "failed"))
    few = "fewer than 3 placebos: a simultaneous band needs their spread"
    return replace(
        pointwise,
        band="simultaneous",
        low=np.where(able, own - half, np.nan),
        high=np.where(able, own + half, np.nan),
        p_value=p,
        minimum_detectable=np.full(shape, np.nan),
        status=status.astype(object),
        reason=np.where(able, pointwise.reason, np.where(event, few, "")).astype(object),
    )


def _scaled(paths: Floats) -> tuple[Floats, Floats]:
    """Absolute paths (assignments, events) over the placebo sd, and row 0's sd."""
    squares = paths**2
    total = squares[1:].sum(axis=0)
    others = np.sqrt(np.maximum(total - squares, 0.0) / (len(paths) - 2))
    others[0] = np.sqrt(total / (len(paths) - 1))
    with np.errstate(invalid="ignore", divide="ignore"):
        scaled = np.where(paths > 0, paths / others, 0.0)
    return scaled, others[0]
