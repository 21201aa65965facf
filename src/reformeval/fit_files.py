"""The four files of a fit: paths, draws, weights and covariance.

Everything in a `Fit` comes back exactly from `read`, except some covariances. With one adoption
date, of an average over periods only the variance is kept (as ``cluster_variance`` in the draws),
because an average of event times is determined by the event times. Estimates by cohort are kept
whole, those by cohort and event time only where there are at most `MOST_JOINT` estimands.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from reformeval import artefacts
from reformeval.design import Design, Floats, Ints
from reformeval.errors import Problem, UserError
from reformeval.fit import Estimand, Fit

CLUSTER_VARIANCE, PLACEBO_VARIANCE = "cluster_variance", "placebo_variance"
_BUILT_IN = ("estimate", "accept_low", "accept_high", CLUSTER_VARIANCE, PLACEBO_VARIANCE)
_ESTIMAND = ("estimand", "step", "event_time", "cohort")
MOST_JOINT = 400  # estimands whose covariance is kept whole


def write(fit: Fit, design: Design, folder: Path) -> None:
    """Write ``paths``, ``draws``, ``weights`` and ``covariance`` as Parquet.

    Parameters
    ----------
    fit
        What an estimator returned for ``design``.
    design
        The design it was fitted on; it gives the labels.
    folder
        ``results/<reform>/estimates/<label>``; made when it is not there.
    """
    tables = {
        "paths": (paths(fit, design), artefacts.PATHS),
        "draws": (draws(fit, design), artefacts.DRAWS),
        "weights": (weights(fit, design), artefacts.WEIGHTS),
        "covariance": (covariance(fit, design), artefacts.COVARIANCE),
    }
    for name, (frame, schema) in tables.items():
        artefacts.write_table(frame, folder / f"{name}.parquet", schema)


def read(folder: Path, design: Design) -> Fit:
    """Read a fit back.

    Raises
    ------
    UserError
        If the files were written for another design.
    """
    table = {
        name: artefacts.read_table(folder / f"{name}.parquet", schema)
        for name, schema in (
            ("paths", artefacts.PATHS),
            ("draws", artefacts.DRAWS),
            ("weights", artefacts.WEIGHTS),
            ("covariance", artefacts.COVARIANCE),
        )
    }
    S, _, T = design.y.shape
    A = table["paths"].height // max(S * T, 1)
    _check_labels(table["paths"], design, A, folder)
    grid = table["paths"].select("observed", "counterfactual", "in_fit")
    estimands = _estimands(table["draws"])
    values = {
        str(name): rows
        for (name,), rows in table["draws"].partition_by("statistic", as_dict=True).items()
    }
    return Fit(
        estimands=estimands,
        assignments=_assignments(table["paths"], design, A),
        estimate=_floats(values["estimate"]["value"]).reshape(S, A, len(estimands)),
        accept_low=_scatter(values.get("accept_low"), design, A, estimands),
        accept_high=_scatter(values.get("accept_high"), design, A, estimands),
        observed=_floats(grid["observed"]).reshape(S, A, T),
        counterfactual=_floats(grid["counterfactual"]).reshape(S, A, T),
        in_fit=grid["in_fit"].to_numpy().reshape(S, A, T)[:, 0].copy(),
        unit_weights=_read_weights(table["weights"], "unit", design.units, design, A),
        period_weights=_read_weights(table["weights"], "period", _dates(design), design, A),
        statistics={
            name: _floats(rows["value"]).reshape(S, A)
            for name, rows in values.items()
            if name not in _BUILT_IN
        },
        covariance=_read_covariance(table["covariance"], values, "cluster", design, estimands),
        placebo_covariance=_read_covariance(
            table["covariance"], values, "placebo", design, estimands
        ),
    )


def paths(fit: Fit, design: Design) -> pl.DataFrame:
    """One row per series × assignment × period, in that order (`artefacts.PATHS`)."""
    shape = fit.observed.shape
    s, a, t = np.indices(shape).reshape(3, -1)
    since = {} if design.staggered else {"event_time": design.event_times[t]}
    return _frame(
        artefacts.PATHS,
        **since,
        **_series_columns(design, s),
        assignment=a,
        unit=_take(_named(fit, design), a),
        period=_take(design.periods, t, pl.Date),
        observed=fit.observed.ravel(),
        counterfactual=fit.counterfactual.ravel(),
        in_fit=np.broadcast_to(fit.in_fit[:, None, :], shape).ravel(),
    )


def draws(fit: Fit, design: Design) -> pl.DataFrame:
    """One row per series × assignment × estimand and statistic (`artefacts.DRAWS`).

    ``estimate`` and the further statistics have a row for every assignment, null where there is
    none; ``accept_low`` and ``accept_high`` only where they exist.
    """
    parts = [_draws(design, fit.estimands, "estimate", fit.estimate)]
    for name in ("accept_low", "accept_high"):
        part = _draws(design, fit.estimands, name, getattr(fit, name))
        parts.append(part.drop_nulls("value"))
    for name in sorted(fit.statistics):
        values = fit.statistics[name][:, :, None]
        parts.append(_draws(design, (Estimand("att"),), name, values))
    for name, block in (
        (CLUSTER_VARIANCE, fit.covariance),
        (PLACEBO_VARIANCE, fit.placebo_covariance),
    ):
        if block is not None:
            variance = np.diagonal(block, axis1=1, axis2=2)[:, None, :]
            parts.append(_draws(design, fit.estimands, name, variance))
    return pl.concat(parts)


def weights(fit: Fit, design: Design) -> pl.DataFrame:
    """Weights of units and periods per assignment (`artefacts.WEIGHTS`)."""
    parts = [_frame(artefacts.WEIGHTS)]
    for kind, keys, values in (
        ("unit", design.units, fit.unit_weights),
        ("period", _dates(design), fit.period_weights),
    ):
        if values is not None:
            s, a, k = np.nonzero(~np.isnan(values))
            parts.append(
                _frame(
                    artefacts.WEIGHTS,
                    **_series_columns(design, s),
                    assignment=a,
                    kind=pl.repeat(kind, len(s), eager=True),
                    key=_take(keys, k),
                    value=values[s, a, k],
                )
            )
    return pl.concat(parts)


def covariance(fit: Fit, design: Design) -> pl.DataFrame:
    """Covariance of row 0 by source (`artefacts.COVARIANCE`).

    ``cluster`` is the estimator's own: event times by event times for an event study, everything
    by everything for estimates by cohort (the att has neither cohort nor event time), otherwise
    one row per series, the variance of the att, with null event times. ``placebo`` is the mean
    product of the placebos' event paths (row 0 left out, around zero, as under the null), or the
    estimator's own, from placebos among donors alone.
    """
    parts = [_frame(artefacts.COVARIANCE)]
    events = [i for i, e in enumerate(fit.estimands) if e.kind == "event"]
    if fit.covariance is not None:
        chosen = events or [i for i, e in enumerate(fit.estimands) if e.kind == "att"][:1]
        if design.staggered or any(e.cohort is not None for e in fit.estimands):
            whole = len(fit.estimands) <= MOST_JOINT
            chosen = [i for i, e in enumerate(fit.estimands) if whole or e.kind != "catt"]
        block = fit.covariance[:, chosen][:, :, chosen]
        parts.append(_covariance(design, fit.estimands, chosen, "cluster", block))
    if events:
        block = placebo_covariance(fit.estimate[:, :, events])
        parts.append(_covariance(design, fit.estimands, events, "placebo", block))
    if fit.placebo_covariance is not None:
        every, block = list(range(len(fit.estimands))), fit.placebo_covariance
        parts.append(_covariance(design, fit.estimands, every, "placebo", block))
    return pl.concat(parts)


def placebo_covariance(estimate: Floats) -> Floats:
    """Mean product over placebos, (series, events, events); NaN where an event has no estimate."""
    placebos = estimate[:, 1:]
    known = np.isfinite(placebos)
    filled = np.where(known, placebos, 0.0)
    both = np.swapaxes(known, 1, 2).astype(float) @ known.astype(float)
    with np.errstate(invalid="ignore", divide="ignore"):
        block: Floats = np.swapaxes(filled, 1, 2) @ filled / both
    return block


def _frame(schema: artefacts.Schema, **columns: pl.Series | NDArray[Any]) -> pl.DataFrame:
    """Columns in the schema's order and types, missing ones null, NaN as null."""
    length = len(next(iter(columns.values()))) if columns else 0
    out = {}
    for name, kind in schema.items():
        if name not in columns:
            out[name] = pl.repeat(None, length, dtype=kind, eager=True)
        else:
            column = columns[name]
            series = column if isinstance(column, pl.Series) else pl.Series(column)
            out[name] = series.cast(kind)
            if kind == pl.Float64:
                out[name] = out[name].fill_nan(None)
    return pl.DataFrame(out)


def _take(labels: Sequence[Any], index: Ints, kind: Any = pl.String) -> pl.Series:
    return pl.Series(list(labels), dtype=kind).gather(index)


def _series_columns(design: Design, index: Ints) -> dict[str, pl.Series]:
    return {
        "outcome": _take([s.outcome for s in design.series], index),
        "group": _take([s.group for s in design.series], index),
    }


def _estimand_columns(estimands: Sequence[Estimand], index: Ints) -> dict[str, pl.Series]:
    return {
        "estimand": _take([e.kind for e in estimands], index),
        "step": _take([e.step for e in estimands], index),
        "event_time": _take([e.event_time for e in estimands], index, pl.Int32),
        "cohort": _take([e.cohort for e in estimands], index, pl.Date),
    }


def _draws(
    design: Design, estimands: Sequence[Estimand], statistic: str, values: Floats
) -> pl.DataFrame:
    s, a, e = np.indices(values.shape).reshape(3, -1)
    return _frame(
        artefacts.DRAWS,
        **_series_columns(design, s),
        **_estimand_columns(estimands, e),
        assignment=a,
        statistic=pl.repeat(statistic, len(s), eager=True),
        value=values.ravel(),
    )


def _covariance(
    design: Design, estimands: Sequence[Estimand], chosen: list[int], source: str, block: Floats
) -> pl.DataFrame:
    s, i, j = np.nonzero(~np.isnan(block))
    times = [estimands[c].event_time for c in chosen]
    cohorts = [estimands[c].cohort for c in chosen]
    return _frame(
        artefacts.COVARIANCE,
        **_series_columns(design, s),
        source=pl.repeat(source, len(s), eager=True),
        cohort_i=_take(cohorts, i, pl.Date),
        event_i=_take(times, i, pl.Int32),
        cohort_j=_take(cohorts, j, pl.Date),
        event_j=_take(times, j, pl.Int32),
        value=block[s, i, j],
    )


def _named(fit: Fit, design: Design) -> list[str]:
    """Name treated units of each assignment, joined by "+"; with "@" and their dates if several."""
    at = [f"@{t}" for t in range(len(design.periods))] if design.staggered else None
    return [
        "+".join(design.units[u] + (at[row[u]] if at else "") for u in np.flatnonzero(row >= 0))
        for row in fit.assignments
    ]


def _dates(design: Design) -> list[str]:
    return [period.isoformat() for period in design.periods]


def _floats(column: pl.Series) -> Floats:
    values: Floats = column.fill_null(float("nan")).to_numpy().astype(np.float64)
    return values


def _check_labels(frame: pl.DataFrame, design: Design, A: int, folder: Path) -> None:
    S, _, T = design.y.shape
    s, _, t = np.indices((S, A, T)).reshape(3, -1)
    expected = {**_series_columns(design, s), "period": _take(design.periods, t, pl.Date)}
    same = frame.height == S * A * T and A > 0
    if not same or not all(frame[name].equals(column) for name, column in expected.items()):
        raise UserError(
            Problem(
                "the estimates were made for other outcomes, groups or periods",
                where=str(folder),
                fix="delete the folder and run snakemake again",
            )
        )


def _estimands(frame: pl.DataFrame) -> tuple[Estimand, ...]:
    order = frame.filter(statistic="estimate").select(_ESTIMAND).unique(maintain_order=True)
    return tuple(Estimand(*row) for row in order.iter_rows())


def _assignments(frame: pl.DataFrame, design: Design, A: int) -> Ints:
    index = {unit: i for i, unit in enumerate(design.units)}
    names = frame["unit"].head(A * len(design.periods)).gather_every(len(design.periods))
    if design.staggered:
        return np.array([_dated(name, index) for name in names], dtype=np.int64)
    count = int(design.treated.sum())
    rows = np.full((A, len(design.units)), -1, dtype=np.int64)
    for row, name in zip(rows, names, strict=True):
        row[[index[unit] for unit in _split(name, index, count)]] = design.adoption
    return rows


def _dated(name: str, index: dict[str, int]) -> list[int]:
    """Adoption indices of units from ``code@index+code@index``; a code may itself contain both."""
    row = [-1] * len(index)
    for code, period in re.findall(r"(.+?)@(\d+)(?:\+|$)", name):
        row[index[code]] = int(period)
    return row


def _split(name: str, known: dict[str, int], count: int) -> list[str]:
    """Codes joined by "+", as many as ``count``; a code may itself contain one."""
    if count == 1:
        return [name] if name in known else []
    for position, letter in enumerate(name):
        if letter == "+" and name[:position] in known:
            rest = _split(name[position + 1 :], known, count - 1)
            if rest:
                return [name[:position], *rest]
    return []


def _positions(frame: pl.DataFrame, design: Design, labels: pl.DataFrame) -> tuple[Ints, ...]:
    """Positions of a file's rows on the axes series, assignments and ``labels``' rows."""
    series = pl.DataFrame(_series_columns(design, np.arange(len(design.series))))
    for position, table in (("s", series), ("k", labels)):
        frame = frame.join(
            table.with_row_index(position),
            on=table.columns,
            how="left",
            nulls_equal=True,
            maintain_order="left",
        )
    return tuple(frame[name].to_numpy().astype(np.int64) for name in ("s", "assignment", "k"))


def _labels(estimands: Sequence[Estimand]) -> pl.DataFrame:
    return pl.DataFrame(_estimand_columns(estimands, np.arange(len(estimands))))


def _scatter(
    frame: pl.DataFrame | None, design: Design, A: int, estimands: Sequence[Estimand]
) -> Floats:
    out = np.full((len(design.series), A, len(estimands)), np.nan)
    if frame is not None:
        out[_positions(frame, design, _labels(estimands))] = _floats(frame["value"])
    return out


def _read_weights(
    frame: pl.DataFrame, kind: str, keys: Sequence[str], design: Design, A: int
) -> Floats | None:
    rows = frame.filter(kind=kind)
    if rows.is_empty():
        return None
    out = np.full((len(design.series), A, len(keys)), np.nan)
    out[_positions(rows, design, pl.DataFrame({"key": list(keys)}))] = _floats(rows["value"])
    return out


def _read_covariance(
    frame: pl.DataFrame,
    values: Mapping[str, pl.DataFrame],
    source: Literal["cluster", "placebo"],
    design: Design,
    estimands: Sequence[Estimand],
) -> Floats | None:
    variance = values.get(f"{source}_variance")
    if variance is None:
        return None
    S, E = len(design.series), len(estimands)
    out = np.full((S, E, E), np.nan)
    diagonal = _floats(variance["value"]).reshape(S, E)
    out[:, np.arange(E), np.arange(E)] = diagonal
    rows = frame.filter(pl.col("source") == source)
    ends = []
    for end in ("i", "j"):
        cohort, event = pl.col(f"cohort_{end}"), pl.col(f"event_{end}")
        kind = (
            pl.when(cohort.is_not_null() & event.is_not_null()).then(pl.lit("catt"))
            .when(cohort.is_not_null()).then(pl.lit("cohort"))
            .when(event.is_not_null()).then(pl.lit("event")).otherwise(pl.lit("att"))
        )  # fmt: skip
        named = rows.select(
            "outcome", "group", kind.alias("estimand"),
            pl.lit(None, dtype=pl.String).alias("step"), event.alias("event_time"),
            cohort.alias("cohort"), pl.lit(0, dtype=pl.Int32).alias("assignment"),
        )  # fmt: skip
        ends.append(_positions(named, design, _labels(estimands)))
    (s, _, i), (_, _, j) = ends
    out[s, i, j] = _floats(rows["value"])
    return out
