"""The effects table: the only place that makes its rows, and the rules every row keeps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import polars as pl

from reformeval import artefacts
from reformeval.design import Bools, Design, Floats, cells
from reformeval.estimators import _discover
from reformeval.evidence import Estimated, Evidence, behind, covered, family_of, treated_mean
from reformeval.fit import Estimand
from reformeval.inference import _router
from reformeval.intervals import Alternative, Band, Intervals, Status
from reformeval.spec import WeightKind

VERDICTS = ("effect", "no_effect_beyond_smallest", "inconclusive")
ESTIMANDS = ("att", "step", "event", "cohort", "catt", "dose", "contrast")
WHOLE = ("att", "contrast", "dose")  # estimands over the whole period after the reform
_SLACK = 1e-9


@dataclass(frozen=True, eq=False)
class _Cells:
    """Arrays (series, units, periods) of one estimator's design."""

    suppressed: Bools
    truth: Floats | None


def assemble(evidence: Evidence) -> pl.DataFrame:
    """Make the effects table of a reform (`artefacts.EFFECTS`), sorted by its key.

    Every estimator has a row for every series and estimand under the method that stands for the
    series, also where there is no estimate; under other methods, where they have something to say.

    Raises
    ------
    ValueError
        If a rule of `validate` is broken: a fault in the program.
    """
    rows = [row for one in evidence.estimated for row in _estimator_rows(evidence, one)]
    frame = artefacts.table(rows, artefacts.EFFECTS)
    finite = [pl.col(name).fill_nan(None) for name, kind in artefacts.EFFECTS.items()
              if kind == pl.Float64]  # fmt: skip
    frame = frame.with_columns(finite).sort(artefacts.EFFECTS_KEY, nulls_last=False)
    validate(frame)
    return frame


def validate(effects: pl.DataFrame) -> None:
    """Check the rules that every effects table keeps.

    Raises
    ------
    ValueError
        Naming each broken rule and how many rows break it.
    """
    if effects.schema != pl.Schema(artefacts.EFFECTS):
        raise ValueError("effects: columns or types are not the contract's")
    if effects.is_empty():
        return
    counts = effects.select(**{name: rule.sum() for name, rule in _broken().items()}).row(
        0, named=True
    )
    counts["the key is not unique"] = int(
        effects.select(artefacts.EFFECTS_KEY).is_duplicated().sum()
    )
    counts["more than one headline"] = max(effects["is_headline"].sum() - 1, 0)
    found = [f"{name} ({count} rows)" for name, count in counts.items() if count]
    if found:
        raise ValueError("effects: " + "; ".join(found))


def _broken() -> dict[str, pl.Expr]:
    """Per rule an expression that is true where a row breaks it."""
    col = pl.col
    low, high, estimate = col("ci_low"), col("ci_high"), col("estimate")
    silent = col("status").is_in(["refused", "failed"])
    scale = 1 + estimate.abs()
    allowed = {
        "status": get_args(Status),
        "alternative": get_args(Alternative),
        "band": get_args(Band),
        "weights": get_args(WeightKind),
        "estimand": ESTIMANDS,
    }
    floats = [name for name, kind in artefacts.EFFECTS.items() if kind == pl.Float64]
    return {
        **{
            f"unknown {name}": ~col(name).is_in(list(values)).fill_null(False)
            for name, values in allowed.items()
        },
        "reason is null, and not only when status is ok": col("reason").is_null()
        != (col("status") == "ok"),
        "a refused or failed row has an interval or a p-value": silent
        & pl.any_horizontal(low.is_not_null(), high.is_not_null(), col("p_value").is_not_null()),
        "a failed row has an estimate": (col("status") == "failed") & estimate.is_not_null(),
        "an ok or warned row has no estimate or p-value": ~silent
        & (estimate.is_null() | col("p_value").is_null()),
        "a number is NaN": pl.any_horizontal(col(floats).is_nan().fill_null(False)),
        "an estimate or standard error is infinite": pl.any_horizontal(
            col("estimate", "std_error").is_infinite().fill_null(False)
        ),
        "p is below its floor or above 1": (
            (col("p_value") < col("p_value_floor") - _SLACK) | (col("p_value") > 1 + _SLACK)
        ).fill_null(False),
        "an interval has one end": low.is_null() != high.is_null(),
        "an interval leaves out its estimate": (
            ((low > estimate + _SLACK * scale) | (high < estimate - _SLACK * scale))
            # conformal sets come from a fit of their own; such a row warns and says so
            & ~(col("inference").str.starts_with("conformal") & (col("status") == "warn"))
        ).fill_null(False),
        "a step row names no step, or another row does": (col("estimand") == "step")
        != col("step").is_not_null(),
        "an event row names no event time, or another row does": col("estimand").is_in(
            ["event", "catt"]
        )
        != col("event_time").is_not_null(),
        "a cohort row names no cohort, or another row does": col("estimand").is_in(
            ["cohort", "catt"]
        )
        != col("cohort").is_not_null(),
        "unknown verdict": ~col("verdict").is_in(list(VERDICTS)).fill_null(True),
        "a column that is never null is null": pl.any_horizontal(
            col(
                "reform", "outcome", "group", "estimator", "inference", "population", "measured_in",
                "ci_level", "p_value_floor", "n_treated", "n_donors", "n_pre", "n_post",
                "is_headline",
            ).is_null()
        ),
    }  # fmt: skip


def _estimator_rows(evidence: Evidence, one: Estimated) -> Iterator[dict[str, Any]]:
    facts = _cells_of(evidence, one.design)
    intervals = one.intervals or (_nothing(one, evidence.spec.ci_level),)
    adjusted = _adjusted(evidence, one)
    for s in range(len(one.design.series)):
        trouble = _trouble(one.design, s, facts.suppressed[s], evidence.spec.min_persons)
        series = _series_columns(evidence, one, s)
        for e, estimand in enumerate(one.estimands):
            point = _point_columns(one, s, estimand, facts)
            estimate = float(one.fit.estimate[s, 0, e]) if one.fit else float("nan")
            for which in intervals:
                first = _stands(one, s, which)
                band_of_another = which.band == "simultaneous" and estimand.kind != "event"
                if band_of_another or (not which.status[s, e] and not np.isnan(estimate)):
                    continue
                if np.isnan(estimate) and not first:
                    continue
                row = {**series, **point, "estimate": estimate, **_uncertainty(which, s, e)}
                if np.isnan(estimate):
                    why = trouble or _unfit(one, s)
                    row |= _absent(one.design, s, estimand, why, evidence.spec.ci_level)
                if which.alternative == "two-sided":
                    row["p_equivalence"] = _pick(one.equivalence.get(which.inference), s, e)
                    row["verdict"] = _verdict(row, evidence.spec.ci_level)
                if _is_joint(which) and estimand.kind == "att" and row["p_value"] is not None:
                    row["p_adjusted"] = None if adjusted is None else float(adjusted[s])
                row["is_headline"] = first and _is_headline(evidence, one, s, estimand)
                yield row


def _adjusted(evidence: Evidence, one: Estimated) -> Floats | None:
    """p-values adjusted for the family; None where they could never be small enough."""
    if one.fit is None:
        return None
    adjusted = np.full(len(one.design.series), np.nan)
    for contrasts in (False, True):
        family = family_of(one, one.fit, evidence.spec.headline, contrasts)
        if family.count > 0 and 1 / family.count <= 1 - evidence.spec.ci_level + _SLACK:
            adjusted = np.where(family.members, family.adjusted, adjusted)
    return adjusted


def _is_joint(which: Intervals) -> bool:
    """Whether the family's correction is of these tests: two-sided permutations of estimates."""
    return (which.inference, which.band, which.alternative) == (
        _router.FIRST,
        "pointwise",
        "two-sided",
    )


def _stands(one: Estimated, s: int, which: Intervals) -> bool:
    """Whether these are the intervals that stand for a series: of them there is always a row."""
    return (
        which.band == "pointwise"
        and which.alternative == "two-sided"
        and (which.inference == (one.chosen[s] if one.chosen else _router.FIRST))
    )


def _series_columns(evidence: Evidence, one: Estimated, s: int) -> dict[str, Any]:
    """Columns that all rows of a series and an estimator share."""
    design, series = one.design, one.design.series[s]
    treated, _, pre, post = design.counts(s)
    units, kept = design.usable(s)
    outcome = evidence.outcomes[series.outcome]
    group, versus = series.group, None
    if series.contrast is not None:
        group, versus = series.contrast.group, series.contrast.versus
    smallest = None
    if design.n is not None:
        persons = design.n[s][units][:, kept]
        smallest = int(np.nanmin(persons)) if np.isfinite(persons).any() else None
    return {
        "reform": evidence.spec.reform,
        "outcome": series.outcome,
        "group": group,
        "versus": versus,
        "population": series.population or outcome.population.kind,
        "measured_in": (one.spec.unit or "{}").replace("{}", outcome.measured_in),
        "estimator": one.spec.label,
        "weights": one.spec.weights,
        "n_treated": treated,
        "n_donors": design.compared_with(s),
        "n_pre": pre,
        "n_post": post,
        # in the outcome's unit, so not beside effects in another
        "baseline": None
        if one.spec.unit
        else treated_mean(design, s, design.y[s], kept & design.pre_cells),
        "min_cell": smallest,
    }


def _point_columns(one: Estimated, s: int, estimand: Estimand, facts: _Cells) -> dict[str, Any]:
    """Columns that all rows of an estimand share, whatever the inference."""
    design = one.design
    fit = one.fit
    chosen = behind(design, fit, s, estimand) if fit else covered(design, s, estimand)
    persons = None
    if design.n is not None and chosen.any():
        total = np.where(chosen, design.n[s], 0.0).sum(axis=1)
        mean = total / np.maximum(chosen.sum(axis=1), 1)
        persons = round(float(mean.sum())) if np.isfinite(mean).all() else None
    counts = {}
    if design.staggered:
        counts = {"n_treated": int(chosen.any(axis=1).sum())}
    kind: str = estimand.kind
    if kind == "att" and one.spec.dose is not None:
        kind = "dose"
    elif kind == "att" and design.series[s].contrast is not None:
        kind = "contrast"
    return {
        **counts,
        "estimand": kind,
        "step": estimand.step,
        "event_time": estimand.event_time,
        "cohort": estimand.cohort,
        "n_persons": persons,
        "truth": None if facts.truth is None else _truth(one, s, facts.truth[s], chosen),
    }


def _truth(one: Estimated, s: int, effect: Floats, chosen: Bools) -> float:
    """Mean of the true effect on cells, for methods of proportions in log points.

    What a dose does by each unit of it is not known from the effect of all of it.
    """
    design = one.design
    if one.spec.dose is not None:
        return float("nan")
    mean = treated_mean(design, s, effect, chosen)
    if one.spec.unit is None:
        return mean
    observed = treated_mean(design, s, design.y[s], chosen)
    if not observed > 0 or not mean < observed:
        return float("nan")
    return 100 * float(np.log(observed / (observed - mean)))


def _uncertainty(which: Intervals, s: int, e: int) -> dict[str, Any]:
    status = str(which.status[s, e])
    return {
        "std_error": float(which.std_error[s, e]),
        "ci_low": float(which.low[s, e]),
        "ci_high": float(which.high[s, e]),
        "ci_level": float(which.level[s, e]),
        "p_value": float(which.p_value[s, e]),
        "p_value_floor": float(which.floor[s, e]),
        "minimum_detectable": float(which.minimum_detectable[s, e]),
        "inference": which.inference,
        "alternative": which.alternative,
        "band": which.band,
        "status": status,
        "reason": None if status == "ok" else str(which.reason[s, e]),
    }


def _absent(
    design: Design, s: int, estimand: Estimand, trouble: tuple[str, str] | None, level: float
) -> dict[str, Any]:
    """Status and reason of a row without an estimate; nothing can be tested, so the floor is 1."""
    if trouble is None:
        if not covered(design, s, estimand).any():
            trouble = ("refused", "no retained period: dropped from the window or without data")
        elif design.staggered:
            trouble = ("refused", _unidentified(design, estimand))
        else:
            trouble = ("failed", "the estimator gave none")
    return {
        "status": trouble[0],
        "reason": trouble[1],
        "ci_level": level,
        "p_value_floor": 1.0,
        "n_persons": None,  # of cells that are suppressed for being small
    }


def _unfit(one: Estimated, s: int) -> tuple[str, str] | None:
    """Status and reason where a method cannot estimate a series that others can."""
    series = one.design.series
    fitted = [o for i, o in enumerate(series) if one.fit and np.isfinite(one.fit.estimate[i]).any()]
    if series[s] in fitted:
        return None
    if one.spec.method in _discover.NEEDS_PERSONS:
        return "refused", (
            "person effects need a value of the same persons before and after: a share or a mean "
            "of prior_recipients, linked by persons over all periods"
        )
    if one.spec.method in _discover.MATCHED:
        return "refused", "a covariate has no value for one of the units in this group"
    if one.spec.method in _discover.COMMON_WEIGHTS:
        others = ", ".join(o.outcome for o in fitted if o.group == series[s].group)
        return "refused", (
            "common weights need outcomes that are complete in the same units and periods: "
            f"{others} are weighed together and this outcome has others"
        )
    return None


def _unidentified(design: Design, estimand: Estimand) -> str:
    """Say why a staggered reform has no estimate of something that treated units were seen in."""
    if estimand.event_time == -design.anticipation - 1:
        return "the reference: effects are against this event time"
    return "no donor is untreated then, or no earlier period to compare with"


def _trouble(design: Design, s: int, suppressed: Bools, min_persons: int) -> tuple[str, str] | None:
    """Status and reason of a series that cannot be estimated, None if it can."""
    problem = design.problem(s)
    if problem is None:
        return None
    few = (
        "values withheld by the source"
        if design.series[s].population == "as_published"
        else f"fewer than min_persons = {min_persons} persons and are suppressed"
    )
    retained = suppressed & ~design.excluded
    count = int(retained[design.treated].sum())
    if count:
        hit = design.treated & retained.any(axis=1)
        names = ", ".join(unit for unit, here in zip(design.units, hit, strict=True) if here)
        return "refused", f"{count} cells of treated unit {names} have {few}"
    donors = int(retained[~design.treated].any(axis=1).sum())
    if donors:
        return "refused", f"{problem}; {donors} donors have cells with {few}"
    return "failed", problem


def _verdict(row: dict[str, Any], level: float) -> str | None:
    """Say what the row shows about the effect, for those over the whole period alone.

    ``inconclusive`` where the method cannot reject at 1 - level whatever the data; otherwise
    ``effect`` if it rejects no effect, ``no_effect_beyond_smallest`` if it rejects all effects of
    at least the smallest one of interest, and ``inconclusive`` if neither.
    """
    if row["estimand"] not in WHOLE or row["status"] not in ("ok", "warn"):
        return None
    alpha = 1 - level + _SLACK
    if row["p_value_floor"] > alpha:
        return "inconclusive"
    if row["p_value"] <= alpha:
        return "effect"
    equivalent = row["p_equivalence"] is not None and row["p_equivalence"] <= alpha
    return "no_effect_beyond_smallest" if equivalent else "inconclusive"


def _is_headline(evidence: Evidence, one: Estimated, s: int, estimand: Estimand) -> bool:
    headline, series = evidence.spec.headline, one.design.series[s]
    return estimand.kind == "att" and (series.outcome, series.group, one.spec.label) == (
        headline.outcome,
        headline.group,
        headline.estimator,
    )


def _cells_of(evidence: Evidence, design: Design) -> _Cells:
    series, units, window = design.series, list(design.units), design.periods
    hidden = cells(evidence.panel, "suppressed", series, units, window)
    truth = evidence.truth
    return _Cells(
        suppressed=np.nan_to_num(hidden) > 0,
        truth=None if truth is None else cells(truth, "effect", series, units, window),
    )


def _nothing(one: Estimated, level: float) -> Intervals:
    """Intervals of an estimator that could not be fitted to any series."""
    shape = (len(one.design.series), len(one.estimands))
    empty = np.full(shape, np.nan)
    return Intervals(
        inference=one.chosen[0] if one.chosen else _router.FIRST,
        alternative="two-sided",
        band="pointwise",
        std_error=empty,
        low=empty,
        high=empty,
        p_value=empty,
        floor=np.ones(shape),
        level=np.full(shape, level),
        minimum_detectable=empty,
        status=np.full(shape, "failed", dtype=object),
        reason=np.full(shape, "", dtype=object),
    )


def _pick(values: Floats | None, s: int, e: int) -> float | None:
    return None if values is None or np.isnan(values[s, e]) else float(values[s, e])
