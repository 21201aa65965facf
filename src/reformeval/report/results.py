"""The artefacts of one reform, read once for figures, tables and report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from reformeval.artefacts import (
    CHECKS,
    DRAWS,
    EFFECTS,
    PANEL,
    PATHS,
    SAMPLE_FLOW,
    TRUTH,
    UNITS,
    WEIGHTS,
    Schema,
    read_table,
    table,
)
from reformeval.report import numbers
from reformeval.report.spec import ReportSpec
from reformeval.report.texts import listed, say, say_or
from reformeval.spec import Contrast, Group

Row = Mapping[str, Any]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
SHOWN = ("ok", "warn")
VAGUE = ("other", "others", "none", "unknown", "yes", "no", "true", "false")
_WORTH = {"ok": 0, "warn": 0, "refused": 1, "failed": 2}


@dataclass(frozen=True, eq=False)
class Estimates:
    """Paths, draws and weights of one estimator label."""

    paths: pl.DataFrame
    draws: pl.DataFrame
    weights: pl.DataFrame

    @cached_property
    def _paths(self) -> dict[tuple[object, ...], pl.DataFrame]:
        return self.paths.partition_by("outcome", "group", as_dict=True)

    @cached_property
    def _placebos(self) -> dict[tuple[object, ...], pl.DataFrame]:
        att = self.draws.filter((pl.col("statistic") == "estimate") & (pl.col("estimand") == "att"))
        return att.partition_by("outcome", "group", as_dict=True)

    def curves(self, outcome: str, group: str) -> Curves | None:
        """Paths of a series for all assignments; None if it was not estimated."""
        rows = self._paths.get((outcome, group))
        if rows is None or rows["counterfactual"].drop_nulls().is_empty():
            return None
        rows = rows.sort("assignment", "period")
        units = rows.group_by("assignment", maintain_order=True).agg(pl.col("unit").first())
        shape = (units.height, -1)
        own = rows.filter(pl.col("assignment") == 0)
        return Curves(
            units=tuple(units["unit"].to_list()),
            periods=tuple(own["period"].to_list()),
            observed=_array(rows["observed"]).reshape(shape),
            counterfactual=_array(rows["counterfactual"]).reshape(shape),
            in_fit=own["in_fit"].to_numpy().astype(bool),
        )

    def placebos(self, outcome: str, group: str) -> Floats:
        """Return the att of every assignment that has one, the reform's own first."""
        rows = self._placebos.get((outcome, group))
        if rows is None:
            return np.empty(0)
        values = _array(rows.sort("assignment")["value"])
        return values[np.isfinite(values)] if np.isfinite(values[0]) else np.empty(0)


@dataclass(frozen=True, eq=False)
class Curves:
    """Observed and counterfactual paths of one series.

    Attributes
    ----------
    units
        Codes of the treated units of each assignment, joined by ``+``.
    observed, counterfactual
        (assignments, periods), NaN where there is none.
    in_fit
        (periods,) periods the estimator was fitted on.
    """

    units: tuple[str, ...]
    periods: tuple[date, ...]
    observed: Floats
    counterfactual: Floats
    in_fit: Bools


def _array(column: pl.Series) -> Floats:
    values: Floats = column.cast(pl.Float64).fill_null(float("nan")).to_numpy().astype(np.float64)
    return values


@dataclass(frozen=True, eq=False)
class Cells:
    """Values of one series by unit and period of the window, NaN where missing."""

    treated: Floats
    donors: Floats

    def complete_donors(self, kept: Bools) -> Bools:
        """Donors without a gap in any period that some unit has, as the estimators require."""
        everything = np.vstack([self.treated, self.donors])
        kept = kept & ~np.isnan(everything).all(axis=0)
        gaps: Bools = np.asarray(np.isnan(self.donors[:, kept]).any(axis=1))
        return np.logical_not(gaps)


@dataclass(frozen=True, eq=False)
class Results:
    """Everything on disk about one reform, with the spec that names it."""

    folder: Path
    spec: ReportSpec
    panel: pl.DataFrame
    units: pl.DataFrame
    effects: pl.DataFrame
    checks: pl.DataFrame
    truth: pl.DataFrame | None
    flow: pl.DataFrame | None
    estimates: Mapping[str, Estimates]

    @cached_property
    def unit_labels(self) -> dict[str, str]:
        """Code of a unit to its name; the code where it has none."""
        return {code: name or code for code, name in self.units["unit", "label"].iter_rows()}

    @cached_property
    def treated(self) -> list[str]:
        """Codes of the treated units."""
        return self._with_role("treated")

    @cached_property
    def donors(self) -> list[str]:
        """Codes of the donors."""
        return self._with_role("donor")

    def of(self, outcome: str) -> Results:
        """Narrow to the groups that an outcome has: its source may not divide persons as others."""
        here = set(self.panel.filter(pl.col("outcome") == outcome)["group"].unique())
        lacking = [group for group in self.spec.groups if group.terms and group.name not in here]
        if not outcome or not lacking:
            return self
        groups = tuple(group for group in self.spec.groups if group not in lacking)
        estimators = tuple(
            replace(e, contrasts=tuple(c for c in e.contrasts if {c.group, c.versus} <= here))
            for e in self.spec.estimators
        )
        return replace(self, spec=replace(self.spec, groups=groups, estimators=estimators))

    def _with_role(self, role: str) -> list[str]:
        chosen = self.units.filter(pl.col("role") == role).sort("unit")
        codes: list[str] = chosen["unit"].to_list()
        return codes

    def cells(self, outcome: str, group: str) -> Cells:
        """Panel values of one series: treated units and donors by period, NaN where missing."""
        window = self.spec.timing.periods
        rows = self._cells.get((outcome, group))
        found = {} if rows is None else {(u, p): v for u, p, v in rows.iter_rows()}

        def grid(units: list[str]) -> Floats:
            values = [[found.get((u, p)) for p in window] for u in units]
            return np.array(values, dtype=np.float64).reshape(len(units), len(window))

        return Cells(grid(self.treated), grid(self.donors))

    @cached_property
    def _cells(self) -> dict[tuple[object, ...], pl.DataFrame]:
        parts = self.panel.partition_by("outcome", "group", as_dict=True)
        return {key: part.select("unit", "period", "value") for key, part in parts.items()}

    @cached_property
    def treated_name(self) -> str:
        """The treated units in words; from four on their number."""
        names = [self.unit_labels[code] for code in self.treated]
        return listed(names) if len(names) <= 3 else say("unit.several", n=len(names))

    @cached_property
    def decimals(self) -> dict[str, int]:
        """Decimals by outcome, the same in every figure, table and sentence."""
        att = self.effects.filter(pl.col("estimand") == "att")
        return {
            outcome.name: numbers.outcome_decimals(
                att.filter(pl.col("outcome") == outcome.name).iter_rows(named=True)
            )
            for outcome in self.spec.outcomes
        }

    @cached_property
    def headline(self) -> Row | None:
        """The headline's row of the effects, None if there is none."""
        rows = self.effects.filter(
            pl.col("is_headline") & pl.col("estimand").is_in(["att", "contrast", "dose"])
        )
        return next(iter(rows.to_dicts()), None)

    @cached_property
    def preferred(self) -> str:
        """The inference that figures and tables show first: that of the headline."""
        return str(self.headline["inference"]) if self.headline else "permutation"

    def concerns_headline(self, check: Row) -> bool:
        """Whether a check is about the headline: its outcome and group, and its estimator.

        Differences before the reform are estimated by an event study, whatever the headline is.
        """
        headline = self.spec.headline
        scope = ["outcome", "group", *(["estimator"] if check["check"] != "pre_trend" else [])]
        return all(check[key] in (None, "", getattr(headline, key)) for key in scope)

    def att(self, outcome: str, group: str, estimator: str) -> Row | None:
        """Return the best row for an effect: a valid interval before a refused one."""
        kinds = ("att", "dose", "contrast")
        rows = (self.rows(outcome, group, estimator, kind) for kind in kinds)
        return best(next(filter(None, rows), []), self.preferred)

    def rows(self, outcome: str, group: str, estimator: str, estimand: str) -> list[Row]:
        """Rows of the effects, in the order of the file; a contrast's group is its name."""
        index: list[Row] = self._index.get((outcome, group, estimator, estimand), [])
        return index

    @cached_property
    def _index(self) -> dict[tuple[str, str, str, str], list[Row]]:
        rows: dict[tuple[str, str, str, str], list[Row]] = {}
        for row in self.effects.iter_rows(named=True):
            group = row["group"]
            if row["versus"] is not None:
                group = Contrast(group, row["versus"]).name
            key = (row["outcome"], group, row["estimator"], row["estimand"])
            rows.setdefault(key, []).append(row)
        return rows


def by_worth(rows: Sequence[Row], preferred: str) -> list[Row]:
    """Sort rows: those with an interval first, two-sided before one-sided, the preferred method."""

    def worth(row: Row) -> tuple[int, bool, bool, bool]:
        return (
            _WORTH[row["status"]],
            row["alternative"] not in (None, "two-sided"),
            row["inference"] != preferred,
            row["inference"] != "permutation",
        )

    return sorted(rows, key=worth)


def best(rows: Sequence[Row], preferred: str) -> Row | None:
    """Return the row with the most valid inference, None if there are no rows."""
    return next(iter(by_worth(rows, preferred)), None)


def events(rows: list[Row], band: str) -> list[Row]:
    """Rows of the event times of one band, of the method that has most of them with an interval.

    A method that only speaks of periods after adoption would hide those before.
    """
    rows = [row for row in rows if row["band"] == band]
    methods = sorted({row["inference"] for row in rows}, key=lambda m: (m != "permutation", m))

    def shown(method: str) -> int:
        return sum(r["ci_low"] is not None for r in rows if r["inference"] == method)

    if not methods:
        return []
    chosen = max(methods, key=shown)
    return sorted((r for r in rows if r["inference"] == chosen), key=lambda r: r["event_time"])


def read(folder: Path, spec: ReportSpec) -> Results:
    """Read the artefacts of a reform's folder; estimates that are not there are empty."""
    flow = folder / "sample_flow.csv"
    units = read_table(folder / "units.parquet", UNITS)
    if spec.timing.staggered:
        adoptions = tuple(units["adopted"].drop_nulls().unique().sort())
        spec = replace(spec, timing=replace(spec.timing, adoptions=adoptions))
    return Results(
        folder=folder,
        spec=spec,
        panel=read_table(folder / "panel.parquet", PANEL),
        units=units,
        effects=read_table(folder / "effects.parquet", EFFECTS),
        checks=read_table(folder / "checks.parquet", CHECKS),
        truth=_read_if(folder / "truth.parquet", TRUTH),
        flow=pl.read_csv(flow, schema=pl.Schema(SAMPLE_FLOW)) if flow.exists() else None,
        estimates={e.label: _estimates(folder / "estimates" / e.label) for e in spec.estimators},
    )


def _estimates(folder: Path) -> Estimates:
    parts = (("paths", PATHS), ("draws", DRAWS), ("weights", WEIGHTS))
    frames = [_read_if(folder / f"{name}.parquet", schema) for name, schema in parts]
    return Estimates(
        *(
            table([], schema) if frame is None else frame
            for frame, (_, schema) in zip(frames, parts, strict=True)
        )
    )


def _read_if(path: Path, schema: Schema) -> pl.DataFrame | None:
    return read_table(path, schema) if path.exists() else None


def group_label(spec: ReportSpec, group: Group) -> str:
    """Words for a group: those of its values in the source file, or the values written out."""
    if not group.terms:
        return say("group.all")
    text = ", ".join(
        spec.value_labels.get(value) or _term_words(variable, value)
        for variable, value in group.terms
    )
    return text[:1].upper() + text[1:]


def contrast_label(spec: ReportSpec, contrast: Contrast) -> str:
    """Words for a contrast: those of its groups."""
    words = {group.name: group_label(spec, group) for group in spec.groups}
    one, other = (words.get(name, name) for name in (contrast.group, contrast.versus))
    return say("group.versus", group=one, versus=other[:1].lower() + other[1:])


def _term_words(variable: str, value: str) -> str:
    words = value.replace("_", " ")
    if value.lower() in VAGUE or value.isdigit():
        return say("group.vague", variable=variable.replace("_", " "), value=words)
    return words


def label_words(label: str) -> str:
    """Words for an estimator's label: those of the method that it is named after, or its own."""
    return say_or(f"method.{label}.label", label.replace("_", " "))
