"""Design: the arrays that every estimator takes, built once and validated once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from reformeval import periods
from reformeval.errors import UnsupportedError
from reformeval.periods import Frequency
from reformeval.spec import Contrast, Covariate, Step, Timing, WeightKind

if TYPE_CHECKING:
    from reformeval.register.person_effects import Sums

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Series:
    """One outcome in one group, counted over one population.

    A contrast's series is the difference of two groups in every cell; ``group`` is its name.
    """

    outcome: str
    group: str
    population: str
    contrast: Contrast | None = None


@dataclass(frozen=True, eq=False)
class Design:
    """What happened, to whom and when: the input of every estimator.

    Attributes
    ----------
    y
        Outcomes, (series, units, periods); NaN is missing.
    n
        Persons per cell, same shape, or None where the source has none.
    units, series, periods
        Labels of the three axes; ``periods`` is the whole window, excluded ones included.
    adopted
        (units,) index into ``periods`` of adoption, -1 for units that never adopt.
    anticipation
        Periods before adoption kept out of the reference and the fit.
    excluded
        (periods,) periods that no estimator uses.
    unit_weights
        (series, units) weights of units in averages over treated and over donors.
    steps
        The reform's dated ledger.
    persons
        Per series the sums over persons by unit and period, for estimators with person effects;
        None where nobody asked for them.
    dose
        How much of the reform a unit had, shaped as ``y`` and in the unit that effects are given
        for; NaN for series without a dose. None where nobody asked for it.
    covariates, covariate_names
        (series, units, covariates) means of outcomes over periods before the reform, in the
        series' group, and their names; None where nobody asked for them.
    """

    y: Floats
    n: Floats | None
    units: tuple[str, ...]
    series: tuple[Series, ...]
    periods: tuple[date, ...]
    frequency: Frequency
    adopted: Ints
    anticipation: int
    excluded: Bools
    unit_weights: Floats
    steps: tuple[Step, ...]
    persons: tuple[Sums, ...] | None = None
    dose: Floats | None = None
    covariates: Floats | None = None
    covariate_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        shape = (len(self.series), len(self.units), len(self.periods))
        if self.y.shape != shape or (self.n is not None and self.n.shape != shape):
            raise ValueError(f"y and n must have shape {shape}")
        if self.adopted.shape != shape[1:2] or self.excluded.shape != shape[2:]:
            raise ValueError("adopted must be (units,) and excluded (periods,)")
        if self.unit_weights.shape != shape[:2]:
            raise ValueError(f"unit_weights must have shape {shape[:2]}")
        if self.dose is not None and self.dose.shape != shape:
            raise ValueError(f"dose must have shape {shape}")
        if self.persons is not None and [one.moment.shape for one in self.persons] != [
            shape[1:] for _ in self.series
        ]:
            raise ValueError(f"persons must have {shape[0]} sums of shape {shape[1:]}")
        expected = (*shape[:2], len(self.covariate_names))
        if self.covariates is not None and self.covariates.shape != expected:
            raise ValueError(f"covariates must have shape {expected}")

    @cached_property
    def treated(self) -> Bools:
        """(units,) units that adopt inside the window."""
        return self.adopted >= 0

    @cached_property
    def by_name(self) -> Ints:
        """Indices of the units in the order of their names: chance goes by it, not by position."""
        return np.argsort(np.array(self.units), kind="stable")

    @cached_property
    def cohorts(self) -> Ints:
        """Indices of the periods in which units adopt, in order: one per cohort."""
        return np.unique(self.adopted[self.treated])

    @cached_property
    def staggered(self) -> bool:
        """Whether units adopt in different periods."""
        return self.cohorts.size > 1

    @cached_property
    def adoption(self) -> int:
        """Index of the one period in which all treated units adopt.

        Raises
        ------
        UnsupportedError
            If units adopt in different periods.
        """
        if self.cohorts.size != 1:
            raise UnsupportedError(
                f"units adopt in {self.cohorts.size} different periods, and this needs one; for "
                "staggered reforms there are callaway_santanna, sun_abraham, imputation, "
                "two_stage, local_projections and synthetic_did"
            )
        return int(self.cohorts[0])

    @cached_property
    def event_times(self) -> Ints:
        """(periods,) periods since adoption."""
        return np.arange(len(self.periods)) - self.adoption

    @cached_property
    def in_pre(self) -> Bools:
        """(periods,) periods before the first adoption and its anticipation, excluded ones out.

        In these no unit is affected yet.
        """
        if not self.cohorts.size:
            return ~self.excluded
        before: Bools = np.arange(len(self.periods)) < self.cohorts[0] - self.anticipation
        return before & ~self.excluded

    @cached_property
    def in_post(self) -> Bools:
        """(periods,) periods from the first adoption on, excluded ones left out."""
        if not self.cohorts.size:
            return np.zeros(len(self.periods), dtype=bool)
        after: Bools = np.arange(len(self.periods)) >= self.cohorts[0]
        return after & ~self.excluded

    @cached_property
    def own_times(self) -> Ints:
        """(units, periods) periods since the unit's own adoption; of no meaning for donors."""
        return np.arange(len(self.periods)) - self.adopted[:, None]

    @cached_property
    def pre_cells(self) -> Bools:
        """(units, periods) treated units before their adoption and anticipation."""
        before: Bools = self.own_times < -self.anticipation
        return before & self.treated[:, None] & ~self.excluded

    @cached_property
    def post_cells(self) -> Bools:
        """(units, periods) treated units from their adoption on."""
        after: Bools = self.own_times >= 0
        return after & self.treated[:, None] & ~self.excluded

    @cached_property
    def step_windows(self) -> dict[str, Bools]:
        """Per step the retained periods from its date to the next step's."""
        starts = [self.periods.index(step.start) for step in self.steps]
        index = np.arange(len(self.periods))
        return {
            step.id: (index >= start) & (index < end) & ~self.excluded
            for step, start, end in zip(
                self.steps, starts, [*starts[1:], len(self.periods)], strict=True
            )
        }

    def usable(self, series: int) -> tuple[Bools, Bools]:
        """Units and periods on which a series is complete.

        A period without a value in any unit is left out for all; a unit that misses any other
        retained period is left out.

        Returns
        -------
        units, kept
            Boolean arrays (units,) and (periods,).
        """
        missing = np.isnan(self.y[series])
        kept = ~self.excluded & ~missing.all(axis=0)
        return ~missing[:, kept].any(axis=1), kept

    def counts(self, series: int) -> tuple[int, int, int, int]:
        """Treated units, donors, pre-periods and post-periods behind a series' estimates.

        Donors are the units that never adopt, and periods those that are before or after the
        adoption of some treated unit.
        """
        units, kept = self.usable(series)
        return (
            int((units & self.treated).sum()),
            int((units & ~self.treated).sum()),
            int((kept & self.pre_cells.any(axis=0)).sum()),
            int((kept & self.post_cells.any(axis=0)).sum()),
        )

    def compared_with(self, series: int) -> int:
        """Donors of a series; where all units adopt, those that do so last: until then they are."""
        if self.staggered and self.counts(series)[1] == 0:
            return int((self.adopted == self.cohorts[-1]).sum())
        return self.counts(series)[1]

    def problem(self, series: int) -> str | None:
        """Why a series cannot be estimated; None if it can."""
        units, kept = self.usable(series)
        if not units[self.treated].all():
            names = [u for u, t, ok in zip(self.units, self.treated, units, strict=True)
                     if t and not ok]  # fmt: skip
            gaps = np.isnan(self.y[series][:, kept]).any(axis=1)
            count = int(np.isnan(self.y[series][self.treated & gaps][:, kept]).sum())
            return f"treated unit {', '.join(names)} has {count} missing or suppressed cells"
        treated, donors, pre, post = self.counts(series)
        if treated == 0:
            return "no treated unit"
        if donors < 2 and not (self.staggered and donors == 0):
            return f"{donors} donors have complete data; at least 2 are needed"
        if pre < 2 or post < 1:
            return f"{pre} periods before and {post} after adoption have data"
        return None

    def blocks(self) -> Iterator[tuple[Ints, Ints, Design]]:
        """Split into sub-designs without missing values.

        Yields
        ------
        series, units, design
            Indices into this design's axes, and the sub-design on them with the periods that
            are missing for all its units excluded. Series with a `problem` are left out.
        """
        patterns: dict[tuple[bytes, bytes], list[int]] = {}
        for s in range(len(self.series)):
            if self.problem(s) is None:
                units, kept = self.usable(s)
                patterns.setdefault((units.tobytes(), kept.tobytes()), []).append(s)
        for members in patterns.values():
            units, kept = self.usable(members[0])
            rows, cols = np.array(members), np.flatnonzero(units)
            yield rows, cols, self.select(rows, cols, excluded=~kept)

    def select(self, series: Ints, units: Ints, excluded: Bools | None = None) -> Design:
        """Return the design of some series and units, optionally with other excluded periods."""
        grid = np.ix_(series, units)
        return replace(
            self,
            y=self.y[grid],
            n=None if self.n is None else self.n[grid],
            units=tuple(self.units[u] for u in units),
            series=tuple(self.series[s] for s in series),
            adopted=self.adopted[units],
            unit_weights=self.unit_weights[grid],
            covariates=None if self.covariates is None else self.covariates[grid],
            excluded=self.excluded if excluded is None else excluded,
            persons=None
            if self.persons is None
            else tuple(self.persons[s].select(units) for s in series),
            dose=None if self.dose is None else self.dose[grid],
        )


def from_panel(
    panel: pl.DataFrame,
    units: pl.DataFrame,
    timing: Timing,
    outcomes: Sequence[str],
    groups: Sequence[str],
    weights: WeightKind = "equal",
    contrasts: Sequence[Contrast] = (),
) -> Design:
    """Build the design of a reform from its panel and units.

    Parameters
    ----------
    panel, units
        Artefacts ``panel.parquet`` and ``units.parquet``; units left out are ignored.
    timing
        Window, steps, anticipation and dropped periods.
    outcomes, groups
        Series to include, in this order: every outcome in every group that it has cells in.
    weights
        ``equal``, or ``persons_pre``: mean persons over the pre-periods, by series.
    contrasts
        Differences of groups, each a further series of every outcome, after its groups.

    Raises
    ------
    UnsupportedError
        If ``persons_pre`` is asked for and a series has no counts of persons.
    """
    members = units.filter(pl.col("role") != "left_out").sort("unit")
    codes = members["unit"].to_list()
    window = timing.periods
    population = dict(panel.select("outcome", "population").unique().iter_rows())
    here = set(panel.select("outcome", "group").unique().iter_rows())
    series = tuple(
        one
        for o in outcomes
        for one in (
            *(Series(o, g, population.get(o, "")) for g in groups if (o, g) in here),
            *(
                Series(o, c.name, population.get(o, ""), c)
                for c in contrasts
                if {(o, c.group), (o, c.versus)} <= here
            ),
        )
    )
    y, n = (cells(panel, column, series, codes, window) for column in ("value", "n_persons"))
    index = {period: i for i, period in enumerate(window)}
    return Design(
        y=y,
        n=None if np.isnan(n).all() else n,
        units=tuple(codes),
        series=series,
        periods=window,
        frequency=timing.frequency,
        adopted=np.array([index[p] if p else -1 for p in members["adopted"]], dtype=np.int64),
        anticipation=timing.anticipation,
        excluded=np.isin(np.array(window, dtype="O"), np.array(timing.dropped, dtype="O")),
        unit_weights=_unit_weights(y, n, series, timing, weights),
        steps=timing.steps,
    )


def with_dose(design: Design, dose: pl.DataFrame, per: float) -> Design:
    """Give a design the doses of `artefacts.DOSE`, in units of ``per``.

    A contrast's dose is that of its group less that of the other.
    """
    outcomes = pl.DataFrame({"outcome": list(dict.fromkeys(s.outcome for s in design.series))})
    frame = dose.join(outcomes, how="cross")
    found = cells(frame, "value", design.series, design.units, design.periods)
    return replace(design, dose=found / per)


def with_covariates(design: Design, panel: pl.DataFrame, covariates: Sequence[Covariate]) -> Design:
    """Add what units are matched on: the mean of an outcome over periods, in each series' group.

    Dropped periods are left out, and periods that no unit has; a unit that misses another has no
    value.
    """
    values = np.full((*design.y.shape[:2], len(covariates)), np.nan)
    for m, one in enumerate(covariates):
        wanted = tuple(replace(series, outcome=one.outcome) for series in design.series)
        y = cells(panel, "value", wanted, design.units, design.periods)
        over = np.array([one.first <= period <= one.last for period in design.periods])
        for s in range(len(design.series)):
            kept = over & ~design.excluded & ~np.isnan(y[s]).all(axis=0)
            if kept.any():
                values[s, :, m] = y[s][:, kept].mean(axis=1)
    return replace(design, covariates=values, covariate_names=tuple(one.name for one in covariates))


def cells(
    panel: pl.DataFrame,
    column: str,
    series: Sequence[Series],
    units: Sequence[str],
    window: Sequence[date],
) -> Floats:
    """One column of the panel as an array (series, units, periods), NaN where there is none.

    Of a contrast, values and effects are those of its group less those of the other; persons are
    those of the smaller, and a cell is suppressed where one of the two is.
    """
    sides = [s if s.contrast is None else replace(s, group=s.contrast.group) for s in series]
    out = _cells(panel, column, sides, units, window)
    rows = [i for i, s in enumerate(series) if s.contrast is not None]
    if rows:
        against = [replace(s, group=s.contrast.versus) for s in series if s.contrast is not None]
        other = _cells(panel, column, against, units, window)
        combine = {"n_persons": np.minimum, "suppressed": np.maximum}.get(column, np.subtract)
        out[rows] = combine(out[rows], other)
    return out


def _cells(
    panel: pl.DataFrame,
    column: str,
    series: Sequence[Series],
    units: Sequence[str],
    window: Sequence[date],
) -> Floats:
    grid = (
        pl.DataFrame({"outcome": [s.outcome for s in series], "group": [s.group for s in series]})
        .join(pl.DataFrame({"unit": units}, schema={"unit": pl.String}), how="cross")
        .join(pl.DataFrame({"period": window}, schema={"period": pl.Date}), how="cross")
    )
    joined = grid.join(
        panel.select("outcome", "group", "unit", "period", pl.col(column).cast(pl.Float64)),
        on=["outcome", "group", "unit", "period"],
        how="left",
        maintain_order="left",
        validate="m:1",  # a contrast can read a group that is there by itself
    )
    values = joined[column].fill_null(float("nan")).to_numpy()
    return values.reshape(len(series), len(units), len(window)).astype(np.float64)


def _unit_weights(
    y: Floats, n: Floats, series: Sequence[Series], timing: Timing, weights: WeightKind
) -> Floats:
    if weights == "equal":
        return np.ones(y.shape[:2])
    last = periods.number(timing.pre_end, timing.frequency) - periods.number(
        timing.first, timing.frequency
    )
    pre = n[:, :, : last + 1]
    counted = np.isfinite(pre)
    means: Floats = np.where(counted, pre, 0.0).sum(axis=2) / np.maximum(counted.sum(axis=2), 1)
    # units without values are left out of a series anyway, and need no weight
    lacking = (means <= 0) & np.isfinite(y[:, :, : last + 1]).any(axis=2)
    if lacking.any():
        outcomes = sorted(
            {s.outcome for s, none in zip(series, lacking, strict=True) if none.any()}
        )
        raise UnsupportedError(
            "weights: persons_pre needs the persons behind every unit before the reform, and the "
            f"source has none for some units in {', '.join(outcomes)}"
        )
    return means
