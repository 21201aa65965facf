"""The reform's own estimates through diff-diff: they must agree with the closed form.

The library sees a complete panel without excluded periods, always-treated units or codes of its
own: units and periods are numbers, units that never adopt have start 0. Where periods are excluded
it is not asked, for it takes the periods it is given as consecutive.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from reformeval.design import Design
from reformeval.fit import Estimand, Fit

if TYPE_CHECKING:
    import pandas

_AGREEMENT = 1e-10
_ERRORS = 1e-7

# (kind, cohort, event time) to the library's estimate and standard error; None: not to be compared
Found = dict[tuple[str, int | None, int | None], tuple[float, float | None]]


def callaway_santanna(block: Design, fit: Fit, options: Mapping[str, Any]) -> None:
    """Hold effects by cohort and event time against `CallawaySantAnna`."""

    def library(frame: pandas.DataFrame) -> Found:
        import diff_diff

        model = diff_diff.CallawaySantAnna(
            control_group=options.get("donors", "never_treated"),
            anticipation=block.anticipation,
            base_period=options.get("base_period", "universal"),
            estimation_method="reg",
            cband=False,
        )
        cells = model.fit(frame, "y", "unit", "period", "start").group_time_effects
        return {
            ("catt", int(g) - 1, int(t) - int(g)): (one["effect"], one["se"])
            for (g, t), one in cells.items()
        }

    _compare(block, fit, library)


def sun_abraham(block: Design, fit: Fit, options: Mapping[str, Any]) -> None:
    """Hold effects by cohort and event time against `SunAbraham`."""
    del options

    def library(frame: pandas.DataFrame) -> Found:
        import diff_diff

        model = diff_diff.SunAbraham(cluster="unit", anticipation=block.anticipation)
        found = model.fit(frame, "y", "unit", "period", "start")
        return {
            ("catt", int(g) - 1, int(e)): (one["effect"], one["se"])
            for (g, e), one in found.cohort_effects.items()
        }

    _compare(block, fit, library)


def imputation(block: Design, fit: Fit, options: Mapping[str, Any]) -> None:
    """Hold the att, event times and cohorts against `ImputationDiD`."""
    del options
    _compare(block, fit, lambda frame: _two_way(block, frame, "ImputationDiD"))


def two_stage(block: Design, fit: Fit, options: Mapping[str, Any]) -> None:
    """Hold the att, event times and cohorts against `TwoStageDiD`."""
    del options
    _compare(block, fit, lambda frame: _two_way(block, frame, "TwoStageDiD"))


def local_projections(block: Design, fit: Fit, options: Mapping[str, Any]) -> None:
    """Hold event times against `LPDiD`, which has other small-sample factors."""
    times = [e.event_time for e in fit.estimands if e.event_time is not None]
    before, after = -min(times), max(times)
    if block.anticipation or options.get("donors") == "never_treated":
        return  # not in the library

    def library(frame: pandas.DataFrame) -> Found:
        import diff_diff

        frame["treated"] = (frame["start"] > 0) & (frame["period"] >= frame["start"])
        frame["treated"] = frame["treated"].astype(int)
        model = diff_diff.LPDiD(
            pre_window=max(before, 2),
            post_window=after,
            reweight=options.get("weighting", "equal") == "equal",
        )
        found = model.fit(frame, "y", "unit", "period", "treated", only_event=True).event_study
        return {
            ("event", None, int(row.horizon)): (float(row.coefficient), None)
            for row in found.itertuples()
        }

    _compare(block, fit, library)


def _two_way(block: Design, frame: pandas.DataFrame, name: str) -> Found:
    import diff_diff

    model = getattr(diff_diff, name)(cluster="unit", anticipation=block.anticipation)
    found = model.fit(frame, "y", "unit", "period", "start", aggregate="all")
    out: Found = {}
    if not block.anticipation:  # else the library's averages have these periods in them
        out["att", None, None] = (found.overall_att, found.overall_se)
        for g, one in found.group_effects.items():
            out["cohort", int(g) - 1, None] = (one["effect"], one["se"])
    for e, one in found.event_study_effects.items():
        out["event", None, int(e)] = (one["effect"], one["se"])
    return out


def _compare(block: Design, fit: Fit, library: Callable[[pandas.DataFrame], Found]) -> None:
    """Compare all that both estimate.

    Raises
    ------
    RuntimeError
        If an estimate or a standard error differs by more than rounding.
    """
    if block.excluded.any() or fit.covariance is None:
        return
    place = {_key(block, estimand): k for k, estimand in enumerate(fit.estimands)}
    for s, series in enumerate(block.series):
        if not np.isfinite(fit.estimate[s, 0]).any():
            continue
        y = block.y[s]
        scale = float((y - y.mean()).std()) or 1.0
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = library(_frame(block, (y - y.mean()) / scale))
        for key, (effect, error) in found.items():
            k = place.get(key)
            if k is None or not np.isfinite([effect, fit.estimate[s, 0, k]]).all():
                continue
            gap = abs(fit.estimate[s, 0, k] / scale - effect)
            noise = 0.0
            if error:
                noise = abs(np.sqrt(fit.covariance[s, k, k]) / scale - error)
            if gap > _AGREEMENT or noise > _ERRORS:
                raise RuntimeError(
                    f"{series.outcome}, {series.group}, {fit.estimands[k]}: diff-diff and the "
                    f"closed form differ by {gap:.1e}, their standard errors by {noise:.1e}"
                )


def _key(block: Design, estimand: Estimand) -> tuple[str, int | None, int | None]:
    cohort = None if estimand.cohort is None else block.periods.index(estimand.cohort)
    return estimand.kind, cohort, estimand.event_time


def _frame(block: Design, y: np.ndarray) -> pandas.DataFrame:
    """Rows of unit and period as the library takes them."""
    import pandas

    units, periods = y.shape
    return pandas.DataFrame(
        {
            "y": y.ravel(),
            "unit": np.repeat(np.arange(units), periods),
            "period": np.tile(np.arange(periods) + 1, units),
            "start": np.repeat(block.adopted + 1, periods),
        }
    )
