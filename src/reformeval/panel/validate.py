"""Check a panel before anything is estimated from it: every problem at once, each with its fix."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import polars as pl

from reformeval import periods
from reformeval.design import Bools, Design, Floats, from_panel
from reformeval.errors import Problem, did_you_mean
from reformeval.panel.result import PanelResult
from reformeval.panel.units import DONOR, LEFT_OUT, TREATED
from reformeval.parts import OWN
from reformeval.sources._model import SourceModel
from reformeval.spec import Outcome, PanelSpec, Timing

MIN_DONORS, MIN_PRE, MIN_POST = 2, 2, 1
# Larger differences in size make a comparison of counts one of sizes.
MAX_SIZE_RATIO = 1.1
_SHOWN = 4


@dataclass(frozen=True)
class Dropped:
    """A donor that a series does without, because cells of it are missing."""

    outcome: str
    group: str
    unit: str
    missing: tuple[date, ...]


def validate(
    result: PanelResult,
    spec: PanelSpec,
    source: SourceModel,
    where: str | None = None,
    others: Mapping[str, SourceModel] | None = None,
) -> list[Problem]:
    """Find what makes a panel unfit for its reform.

    Suppressed cells are no problem here: the rows that they spoil are refused in the effects
    table, with the reason. Nor is a donor with missing periods, which is left out of its series
    (`dropped_donors`), as long as two donors remain.

    Parameters
    ----------
    result
        The panel, its units and the source's range of periods.
    spec
        What the reform asks for.
    source
        The source: which outcomes are counts.
    where
        Where the reform is written; by default its file under ``config/reforms``.
    others
        The further sources that outcomes are of, by name.

    Returns
    -------
    list of Problem
        Empty if the panel is fit. Problems with units and window come alone, for the others
        would only repeat them.
    """
    found = [*_unknown_units(result, spec), *_duplicates(result, spec)]
    found = found or [*_window(result, spec), *_donors(result, spec)]
    found += result.problems
    if not found:
        design = _design(result, spec)
        found = [
            *_no_cells(result, spec),
            *_treated_cells(result, spec, design),
            *_complete_donors(design, spec),
            *_lengths(design, spec),
            *_constant(design),
            *_counts_of_unequal_units(design, spec, {**(others or {}), OWN: source}),
            *(_without_persons(design) if spec.weighted_by_persons else ()),
        ]
    place = where or f"config/reforms/{spec.reform}.yaml"
    return [replace(problem, where=problem.where or place) for problem in found]


def _unknown_units(result: PanelResult, spec: PanelSpec) -> Iterator[Problem]:
    labels: Mapping[str, str] = dict(result.units.select("label", "unit").iter_rows())
    known = set(labels.values())
    comparison = spec.comparison
    named = {
        "treatment.adoption" if spec.adoption else "treatment.units": spec.treated,
        "comparison.units": comparison.units or (),
        "comparison.exclude": comparison.exclude,
        "comparison.treated_from": comparison.later,
    }
    for key, units in named.items():
        for unit in units:
            if unit in known:
                continue
            fix = did_you_mean(unit, known | set(labels))
            if unit in labels:
                fix = f"write the unit's code: '{labels[unit]}'"
            common = next((code for code in sorted(known) if unit in code.split("+")), None)
            if common:
                fix = f"it is part of a common territory: write '{common}'"
            yield Problem(f"`{key}`: there is no unit '{unit}' in the data", fix=fix)


def _duplicates(result: PanelResult, spec: PanelSpec) -> Iterator[Problem]:
    keys = ["outcome", "group", "unit", "period"]
    double = result.panel.filter(pl.struct(keys).is_duplicated()).sort(keys)
    if double.height:
        outcome, group, unit, period = double.select(keys).row(0)
        at = periods.label(period, spec.timing.frequency)
        yield Problem(
            f"{double.height} cells of the panel are there more than once, such as {outcome} for "
            f"{group} in '{unit}', {at}",
            fix="keep one row per unit, period and group in the data (source key filter)",
        )


def _window(result: PanelResult, spec: PanelSpec) -> Iterator[Problem]:
    """Report a window that begins or ends where no unit has data."""
    timing = spec.timing
    own = [one.name for one in spec.outcomes if one.source == OWN]  # others: `panel.joined`
    chosen = result.panel.filter(pl.col("outcome").is_in(own)) if own else result.panel
    present = chosen.filter(_has_data())["period"]
    first, last = present.min(), present.max()
    write = _writer(timing)
    asked = f"{write(timing.first)} to {write(timing.last)}"
    range_ = result.available
    if not timing.first <= timing.adoption <= timing.last:
        yield Problem(
            f"`window`: adoption in {write(timing.adoption)} is outside {asked}",
            fix="choose a window around adoption",
        )
    has = f"the data runs from {write(range_[0])} to {write(range_[1])}" if range_ else ""
    if not isinstance(first, date) or not isinstance(last, date):
        yield Problem(
            f"`window`: no treated unit or donor has data in {asked}" + (f"; {has}" if has else ""),
            fix="choose a window inside the data, and outcomes that it has values for",
        )
        return
    for key, at, edge in (("from", timing.first, first), ("to", timing.last, last)):
        if at != edge and at not in timing.dropped:
            side = "after" if key == "to" else "before"
            yield Problem(
                f"`window.{key}`: {write(at)} is {side} the data of all treated units and donors",
                fix=f"write {key}: {write(edge)}",
            )


def _no_cells(result: PanelResult, spec: PanelSpec) -> Iterator[Problem]:
    """Report series of which there is no cell at all, where its source has the group."""
    here = set(result.panel.select("outcome", "group").unique().iter_rows())
    for outcome in spec.outcomes:
        for group in spec.groups:
            series = (outcome.name, group.name)
            if series not in here and series not in result.lacking:
                yield _no_values(*series)


def _no_values(outcome: str, group: str) -> Problem:
    return Problem(
        f"`outcomes.{outcome}`: no unit has a value for {group} in the window",
        fix="choose another window, or leave the outcome or the group out",
    )


def _without_persons(design: Design) -> Iterator[Problem]:
    """Report units that weights by persons would leave out without a word."""
    for s, series in enumerate(design.series):
        units, kept = design.usable(s)
        before = kept & design.in_pre
        counts = np.zeros((len(design.units), 1)) if design.n is None else design.n[s][:, before]
        lacking = units & ~(np.nan_to_num(counts) > 0).any(axis=1)
        if lacking.any():
            names = [u for u, none in zip(design.units, lacking, strict=True) if none]
            yield Problem(
                f"`estimators`: weights: persons_pre, but {series.outcome} for {series.group} has "
                f"no persons before the reform in {', '.join(names[:_SHOWN])}",
                fix="fill the source's persons column, exclude the units, or use weights: equal",
            )


def _donors(result: PanelResult, spec: PanelSpec) -> Iterator[Problem]:
    roles = result.units["role"].to_list()
    donors = roles.count(DONOR)
    if spec.adoption is not None:
        yield from _staggered_donors(result, spec, donors)
    elif donors < MIN_DONORS:
        reasons = result.units.filter(pl.col("role") == LEFT_OUT)["reason"].value_counts(sort=True)
        lost = "; ".join(f"{count} {reason}" for reason, count in reasons.iter_rows())
        left = "the list of donors is empty" if donors == 0 else f"only {donors} donor is left"
        key = "comparison.units" if spec.comparison.units is not None else "comparison.exclude"
        yield Problem(
            f"`comparison`: {left} of {len(roles) - roles.count(TREATED)} other units"
            + (f" ({lost})" if lost else "")
            + f"; at least {MIN_DONORS} are needed",
            fix=f"let more units serve as donors (key {key})",
        )


def _staggered_donors(result: PanelResult, spec: PanelSpec, donors: int) -> Iterator[Problem]:
    """Ask for units that never adopt, or, where those that adopt later will do, for two cohorts."""
    treated = result.units.filter(pl.col("role") == TREATED)
    cohorts = treated["adopted"].n_unique()
    if spec.comparison.donors == "never_treated" and donors < MIN_DONORS:
        yield Problem(
            f"`comparison: never_treated`: {donors or 'no'} unit{'' if donors == 1 else 's'} of "
            f"{donors + treated.height} never adopt{'s' if donors == 1 else ''}; at least "
            f"{MIN_DONORS} are needed",
            fix="write comparison: not_yet_treated (units that adopt later are donors until then)",
        )
    elif donors == 0 and cohorts < 2:
        yield Problem(
            "`treatment.adoption`: all units adopt in the same period, so there is no donor",
            fix="add units that never adopt or adopt at another time",
        )


def _has_data() -> pl.Expr:
    return pl.col("value").is_not_null() | pl.col("suppressed")


def _design(result: PanelResult, spec: PanelSpec) -> Design:
    """Arrays of the reform in which suppressed cells are infinite rather than missing."""
    shown = pl.when(pl.col("suppressed")).then(float("inf")).otherwise("value").alias("value")
    outcomes = [outcome.name for outcome in spec.outcomes]
    groups = [group.name for group in spec.groups]
    panel = result.panel.with_columns(shown)
    return from_panel(panel, result.units, spec.timing, outcomes, groups)


def _writer(timing: Timing) -> Callable[[date], str]:
    return lambda period: periods.label(period, timing.frequency)


def _listed(dates: Sequence[date], timing: Timing) -> str:
    shown = ", ".join(periods.label(d, timing.frequency) for d in dates[:_SHOWN])
    return shown + (f" and {len(dates) - _SHOWN} more" if len(dates) > _SHOWN else "")


def _missing(design: Design, series: int, unit: int) -> tuple[date, ...]:
    """Periods that a unit misses while some other unit has them."""
    _, kept = design.usable(series)
    gaps = np.isnan(design.y[series, unit]) & kept
    return tuple(design.periods[t] for t in np.flatnonzero(gaps))


def dropped_donors(design: Design) -> list[Dropped]:
    """Donors that series do without, with the periods that they miss."""
    return [
        Dropped(series.outcome, series.group, design.units[u], missing)
        for s, series in enumerate(design.series)
        for u in np.flatnonzero(~design.treated)
        if (missing := _missing(design, s, int(u)))
    ]


def _treated_cells(result: PanelResult, spec: PanelSpec, design: Design) -> Iterator[Problem]:
    """Report cells of a treated unit that have no value and are not withheld."""
    empty = result.panel.filter(pl.col("unit").is_in(spec.treated), pl.col("n_persons") == 0)
    for s, series in enumerate(design.series):
        _, kept = design.usable(s)
        if not kept.any():
            yield _no_values(series.outcome, series.group)
            continue
        for u in np.flatnonzero(design.treated):
            unit = design.units[u]
            nobody = empty.filter(
                pl.col("unit") == unit,
                pl.col("outcome") == series.outcome,
                pl.col("group") == series.group,
            )["period"].sort()
            dates = sorted({*_missing(design, s, int(u)), *nobody} - set(spec.timing.dropped))
            if not dates:
                continue
            what = "no persons" if len(nobody) else "no value"
            count = (
                "any period"
                if len(dates) >= kept.sum()
                else f"{len(dates)} of {kept.sum()} periods"
            )
            group = "everybody" if series.group == "all" else f"the group {series.group}"
            keys = "`outcomes`" if series.group == "all" else "`groups`"
            yield Problem(
                f"{keys}: {group} has {what} for {series.outcome} in the treated unit '{unit}' in "
                f"{count} of the window ({_listed(dates, spec.timing)})",
                fix="leave it out, change the window, or list these periods under window.drop",
            )


def _complete_donors(design: Design, spec: PanelSpec) -> Iterator[Problem]:
    dropped = dropped_donors(design)
    total = int((~design.treated).sum())
    if total == 0:
        return  # staggered, with donors among the units that adopt later
    for series in design.series:
        lost = [d for d in dropped if (d.outcome, d.group) == (series.outcome, series.group)]
        if total - len(lost) >= MIN_DONORS or not lost:
            continue
        examples = "; ".join(
            f"'{d.unit}' misses {_listed(d.missing, spec.timing)}" for d in lost[:_SHOWN]
        )
        yield Problem(
            f"`comparison`: {total - len(lost)} of {total} donors have all periods of "
            f"{series.outcome} for {series.group}; at least {MIN_DONORS} must ({examples})",
            fix="shorten the window, list the missing periods under window.drop, or let more "
            "units serve as donors",
        )


def _lengths(design: Design, spec: PanelSpec) -> Iterator[Problem]:
    """Report series with too few periods on one side of adoption."""
    for s, series in enumerate(design.series):
        *_, pre, post = design.counts(s)
        if design.usable(s)[1].any() and (pre < MIN_PRE or post < MIN_POST):
            adoption = periods.label(spec.timing.adoption, spec.timing.frequency)
            yield Problem(
                f"`window`: {series.outcome} for {series.group} has data in {pre} periods before "
                f"and {post} after adoption in {adoption}; at least {MIN_PRE} and {MIN_POST} are "
                "needed",
                fix="lengthen the window, or shorten treatment.anticipation and window.drop",
            )


def _known(design: Design, series: int) -> tuple[Floats, Bools]:
    """Values of a series in its kept periods, withheld ones missing, and which are known."""
    _, kept = design.usable(series)
    values = design.y[series][:, kept]
    return values, np.isfinite(values)


def _constant(design: Design) -> Iterator[Problem]:
    """Report series that move in no unit: nothing can be estimated from them."""
    for s, series in enumerate(design.series):
        values, known = _known(design, s)
        low = np.where(known, values, np.inf).min(axis=1, initial=np.inf)
        high = np.where(known, values, -np.inf).max(axis=1, initial=-np.inf)
        if known.any() and not (high > low).any():
            yield Problem(
                f"`outcomes.{series.outcome}`: the value for {series.group} is constant over the "
                "whole window in every unit, so there is nothing to estimate",
                fix="leave it out, or see whether its column is the right one (source key "
                f"outcomes.{series.outcome}.column)",
            )


def _is_level_of_count(outcome: Outcome, source: SourceModel) -> bool:
    """Whether an estimator compares the number of persons of units."""
    plain = outcome.per is None and not outcome.indexed
    kind = source.outcome_kind(outcome.source_name)
    return plain and outcome.in_levels and kind == "count"


def _counts_of_unequal_units(
    design: Design, spec: PanelSpec, sources: Mapping[str, SourceModel]
) -> Iterator[Problem]:
    """Refuse counts where units differ in size: levels would compare sizes."""
    told: set[str] = set()
    asked = {outcome.name: outcome for outcome in spec.outcomes}
    for s, series in enumerate(design.series):
        source = sources[asked[series.outcome].source]
        if series.outcome in told or not _is_level_of_count(asked[series.outcome], source):
            continue
        sizes = _pre_means(design, s)
        if sizes.size and sizes.max() > MAX_SIZE_RATIO * sizes.min():
            told.add(series.outcome)
            relative = sorted(
                name
                for name in source.outcome_names()
                if source.outcome_kind(name) in ("share", "rate")
            )
            instead = f" ({', '.join(relative)})" if relative else ""
            yield Problem(
                f"`outcomes.{series.outcome}` counts persons in units of different size (means "
                f"before adoption from {sizes.min():,.4g} to {sizes.max():,.4g}): the same change "
                "in per cent is another number of persons in each, so that levels cannot be "
                "compared",
                fix=f"use a share or a rate{instead}, count it per something (per: persons) or in "
                "per cent of the mean before (scale: pre_mean), or estimate it by poisson_did",
            )


def _pre_means(design: Design, series: int) -> Floats:
    """Size of units: mean persons before adoption, or the mean count where there are none."""
    values = design.y[series] if design.n is None else design.n[series]
    if np.isnan(values).all():
        values = design.y[series]
    known = np.isfinite(values) & design.in_pre
    totals = np.where(known, values, 0.0).sum(axis=1)
    counts = known.sum(axis=1)
    means: Floats = totals[counts > 0] / counts[counts > 0]
    return means
