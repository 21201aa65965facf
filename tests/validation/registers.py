"""One simulated register of the validation study: made, turned into a panel, and estimated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from unittest import mock

import numpy as np
import polars as pl

from reformeval import assignments, design, evidence
from reformeval.config import loader, resolve
from reformeval.design import Design
from reformeval.estimators import _discover, _regression
from reformeval.fit import Fit
from reformeval.inference import permutation
from reformeval.panel import from_register
from reformeval.sources.simulated import SimulatedSource
from reformeval.sources.simulated_register import simulate_frames
from reformeval.spec import Outcome, PanelSpec, Population
from tests.validation import crv1
from tests.validation.studies import ROOT

REFORM = "bergen_2020"
LEVEL = 0.95

# Outcomes of the source that the shipped reform leaves out. The remaining one, recipients, is a
# count of units of different size, which every estimator refuses.
_FURTHER = (
    Outcome("hours", Population("prior_recipients", 12), "hours per week", "Hours"),
    Outcome("benefit", Population("prior_recipients", 12), "NOK per month", "Benefit"),
)


@dataclass(frozen=True)
class Setting:
    """What every register of a study shares: the shipped reform at another scale."""

    source: SimulatedSource
    spec: PanelSpec
    labels: tuple[str, ...]


def setting(persons: int, planted: bool, treated: str | None = None) -> Setting:
    """The shipped reform with fewer persons, no suppression, and effects on or off."""
    study = loader.load(ROOT).study(REFORM)
    source = study.source.model_copy(update={"persons": persons})
    if not planted:
        source = source.with_effects(employed={}, benefit={})
    spec = replace(resolve.panel_spec(study), min_persons=1)
    spec = replace(spec, outcomes=(*spec.outcomes, *_FURTHER))
    if treated is not None:
        source, spec = source.with_effects(unit=treated), replace(spec, treated=(treated,))
    return Setting(source, spec, tuple(study.reform.estimators))


@dataclass(frozen=True)
class Draw:
    """Panel, units and truth of one register."""

    panel: pl.DataFrame
    units: pl.DataFrame
    truth: pl.DataFrame


def draw(given: Setting, seed: int) -> Draw:
    """Simulate a register and build its panel in memory."""
    observed, untreated = simulate_frames(given.source, seed)
    groups = given.source.register_groups()
    result = from_register.build(observed.lazy(), groups, given.spec)
    truth = from_register.truth(observed.lazy(), untreated.lazy(), groups, given.spec)
    return Draw(result.panel, result.units, truth)


@contextmanager
def without_pyfixest() -> Iterator[None]:
    """Leave out the regressions that only add the clustered variance: 0.2 s a series."""

    def nothing(block: Design, regressors: Any, *_: Any) -> Any:
        return np.full((len(block.series), len(regressors), len(regressors)), np.nan)

    with (
        mock.patch.object(_regression, "own_row", nothing),
        mock.patch.object(_regression, "own_row_poisson", return_value=float("nan")),
    ):
        yield


def arrays(given: Setting, drawn: Draw) -> Design:
    """The design of a draw."""
    return design.from_panel(
        drawn.panel,
        drawn.units,
        given.spec.timing,
        [outcome.name for outcome in given.spec.outcomes],
        [group.name for group in given.spec.groups],
    )


def fits(built: Design, labels: tuple[str, ...]) -> dict[str, Fit]:
    """Every estimator on the design, for the reform and all placebos."""
    rows = assignments.in_space(built, seed=0)
    with without_pyfixest():
        return {label: _discover.load(label).estimate(built, rows, {}) for label in labels}


def planted_rows(given: Setting, seed: int) -> list[dict[str, Any]]:
    """Estimate and truth of the att for every estimator, outcome and group."""
    drawn = draw(given, seed)
    built = arrays(given, drawn)
    truth = _true_att(built, drawn.truth)
    return [
        {
            "seed": seed,
            "estimator": label,
            "outcome": series.outcome,
            "group": series.group,
            "estimate": float(fit.estimate[s, 0, 0]),
            "truth": truth[s],
        }
        for label, fit in fits(built, given.labels).items()
        for s, series in enumerate(built.series)
    ]


def _true_att(built: Design, truth: pl.DataFrame) -> list[float]:
    """Planted effect averaged over the same periods as each series' att."""
    cells = {
        (row["outcome"], row["group"], row["period"]): row["effect"]
        for row in truth.iter_rows(named=True)
    }
    out = []
    for s, series in enumerate(built.series):
        chosen = evidence.covered(built, s, _ATT).any(axis=0)
        kept = [p for p, used in zip(built.periods, chosen, strict=True) if used]
        values = [cells.get((series.outcome, series.group, p)) for p in kept]
        complete = bool(values) and all(v is not None for v in values)
        out.append(float(np.mean(np.array(values, dtype=float))) if complete else float("nan"))
    return out


DRAWN, OWN = "drawn at random", "Bergen"


def null_rows(
    given: Setting, seed: int, cities: Sequence[str] = (DRAWN, OWN)
) -> list[dict[str, Any]]:
    """Tests of the true null with a city drawn at random as treated, and with the reform's own."""
    built = arrays(given, draw(given, seed))
    units = {
        DRAWN: int(np.random.default_rng([seed, 25]).integers(len(built.units))),
        OWN: int(np.flatnonzero(built.treated)[0]),
    }
    out = []
    for treated in cities:
        unit = units[treated]
        adopted = np.full(len(built.units), -1)
        adopted[unit] = built.adoption
        moved = replace(built, adopted=adopted)
        for label, fit in fits(moved, given.labels).items():
            out += _tests(moved, label, fit, {"seed": seed, "treated": treated})
    return out


def _tests(built: Design, label: str, fit: Fit, common: dict[str, Any]) -> list[dict[str, Any]]:
    pointwise = permutation.infer(built, fit, LEVEL)[0]
    return [
        {
            **common,
            "estimator": label,
            "outcome": series.outcome,
            "group": series.group,
            "p_value": float(pointwise.p_value[s, 0]),
            "covers": bool(pointwise.low[s, 0] <= 0 <= pointwise.high[s, 0]),
            "level": float(pointwise.level[s, 0]),
            "crv1_p": _crv1_p(built, s) if label == "did" else None,
        }
        for s, series in enumerate(built.series)
        if np.isfinite(fit.estimate[s, 0, 0])
    ]


def _crv1_p(built: Design, s: int) -> float:
    """p-value of the clustered t-test of the did, from post-minus-pre differences by unit."""
    from scipy import stats

    units, kept = built.usable(s)
    y, treated = built.y[s][units], built.treated[units]
    change = y[:, kept & built.in_post].mean(axis=1) - y[:, kept & built.in_pre].mean(axis=1)
    effect = change[treated].mean() - change[~treated].mean()
    used = int((kept & (built.in_pre | built.in_post)).sum())
    error = float(crv1.variance(change, treated, used)) ** 0.5
    return float(2 * stats.t.sf(abs(effect) / error, len(change) - 1))


_ATT = evidence.Estimand("att")
