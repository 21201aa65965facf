"""What is known about a reform once its estimates are made: the input of effects and checks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import polars as pl

from reformeval.design import Bools, Design, Floats
from reformeval.fit import Estimand, Fit
from reformeval.inference._family import Family, step_down
from reformeval.intervals import Intervals
from reformeval.spec import AssessSpec, EstimateSpec, Headline, Outcome


@dataclass(frozen=True, eq=False)
class Estimated:
    """One estimator label: its design, its fit and what inference made of it.

    Attributes
    ----------
    fit
        None where no series could be estimated.
    intervals
        Of every inference method that has something to say about the fit.
    chosen
        (series,) the method that stands for each series, as the router decides before any test.
    equivalence
        Per method the p-values, (series, estimands), of an effect at least as large as the
        smallest effect of interest.
    """

    spec: EstimateSpec
    design: Design
    fit: Fit | None
    intervals: tuple[Intervals, ...] = ()
    chosen: tuple[str, ...] = ()
    equivalence: Mapping[str, Floats] = field(default_factory=dict)

    @property
    def estimands(self) -> tuple[Estimand, ...]:
        """Of the fit; only the att where there is none."""
        return self.fit.estimands if self.fit else (Estimand("att"),)


@dataclass(frozen=True, eq=False)
class Evidence:
    """Everything `assess_effects` has read.

    Attributes
    ----------
    design
        All outcomes and groups with equal weights: for checks that need no estimator.
    estimated
        In the order of the reform file.
    panel, truth
        Artefacts; ``truth`` is None unless the source is simulated.
    source_data
        What reading and linking the source found; None for sources that keep no record of it.
    """

    spec: AssessSpec
    design: Design
    estimated: tuple[Estimated, ...]
    panel: pl.DataFrame
    truth: pl.DataFrame | None = None
    source_data: pl.DataFrame | None = None

    @property
    def outcomes(self) -> dict[str, Outcome]:
        """Outcomes by name."""
        return {outcome.name: outcome for outcome in self.spec.outcomes}


def family_of(one: Estimated, fit: Fit, headline: Headline, contrasts: bool = False) -> Family:
    """Adjust the att of an estimator for its many outcomes and groups, the headline left out.

    Contrasts between groups are a family of their own.
    """
    named = (headline.outcome, headline.group, headline.estimator)
    members = np.array(
        [
            (s.outcome, s.group, one.spec.label) != named and (s.contrast is not None) == contrasts
            for s in one.design.series
        ],
        dtype=bool,
    )
    att = [e.kind for e in fit.estimands].index("att")
    return step_down(fit.estimate[:, :, att], members)


def covered(design: Design, series: int, estimand: Estimand) -> Bools:
    """(units, periods) retained cells of treated units that an estimand averages over."""
    kept: Bools = design.treated[:, None] & design.usable(series)[1]
    if estimand.cohort is not None:
        kept &= (design.adopted == design.periods.index(estimand.cohort))[:, None]
    if estimand.kind == "step" and estimand.step is not None:
        return kept & design.step_windows[estimand.step]
    if estimand.event_time is not None:
        at: Bools = design.own_times == estimand.event_time
        return kept & at
    return kept & design.post_cells


def behind(design: Design, fit: Fit, series: int, estimand: Estimand) -> Bools:
    """(units, periods) those of the `covered` cells that the fit's estimate averages over.

    Where all units adopt, nobody is left to compare the last ones with: their cells count for
    nothing, and neither do those of others from then on.
    """
    chosen = covered(design, series, estimand)
    if not design.staggered or not np.isfinite(
        fit.estimate[series, 0, fit.estimands.index(estimand)]
    ):
        return chosen
    return chosen & _compared(design, fit, series)


@lru_cache(maxsize=64)
def _compared(design: Design, fit: Fit, series: int) -> Bools:
    """(units, periods) cells with an estimate; by period where a fit has none by cohort."""
    if not any(estimand.kind == "catt" for estimand in fit.estimands):
        units = design.usable(series)[0]
        first = np.where(design.treated, design.adopted - design.anticipation, len(design.periods))
        return np.tile(np.arange(len(design.periods)) < first[units].max(), (len(units), 1))
    found = np.zeros(design.y.shape[1:], dtype=bool)
    for estimand, value in zip(fit.estimands, fit.estimate[series, 0], strict=True):
        if estimand.kind == "catt" and np.isfinite(value):
            found |= covered(design, series, estimand)
    return found


def treated_mean(design: Design, series: int, cells: Floats, chosen: Bools) -> float:
    """Mean of chosen cells (units, periods), by the weights of units.

    NaN if there is nothing to average or any of the cells is missing.
    """
    weights = design.unit_weights[series][:, None] * chosen
    if not weights.sum() > 0:
        return float("nan")
    return float(np.average(cells[chosen], weights=weights[chosen]))
