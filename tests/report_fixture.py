"""Artefacts of a made-up reform, with every wrinkle that figures, tables and reports must bear."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from reformeval import periods
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
    table,
    write_table,
)
from reformeval.report.spec import Estimator, ReportSpec, SourceInfo
from reformeval.spec import Comparison, Group, Headline, Outcome, Population, Step, Timing

METHODS = ("did", "event_study", "synthetic_control", "synthetic_did")
NINE = tuple(
    Group(terms)
    for terms in (
        (),
        (("family", "with_children"),),
        (("family", "without_children"),),
        (("origin", "non_western"),),
        (("origin", "other"),),
        (("family", "with_children"), ("origin", "non_western")),
        (("family", "with_children"), ("origin", "other")),
        (("family", "without_children"), ("origin", "non_western")),
        (("family", "without_children"), ("origin", "other")),
    )
)
PRIOR = Population("prior_recipients", 12)
OUTCOMES = (
    Outcome("employed", PRIOR, "percentage points", "Work participation", 1.0),
    Outcome("earnings", PRIOR, "NOK per month", "Earnings from work"),
    Outcome(
        "recipients_per_1000",
        Population("residents"),
        "per 1,000 residents",
        "Recipients of social assistance per 1,000 residents",
    ),
    Outcome(
        "spell_months", Population("current_recipients"), "months", "Length of spells", None, 12
    ),
)
_LEVEL = {"employed": (35, 4), "earnings": (9_000, 1_500), "recipients_per_1000": (25, 6),
          "spell_months": (5, 0.6)}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """What a made-up reform looks like."""

    frequency: periods.Frequency = "month"
    first: str = "2017-01"
    last: str = "2022-08"
    steps: tuple[str, ...] = ("2020-03", "2021-03")
    dropped: tuple[str, ...] = ("2020-12",)
    anticipation: int = 3
    n_treated: int = 1
    n_donors: int = 24
    groups: tuple[Group, ...] = NINE
    outcomes: tuple[Outcome, ...] = OUTCOMES
    simulated: bool = True
    methods: tuple[str, ...] = METHODS
    suppressed_group: bool = True
    infinite: bool = True


def make(folder: Path, case: Case = Case()) -> ReportSpec:
    """Write all artefacts of the case into the folder and return its spec."""
    spec = make_spec(folder.name, case)
    rng = np.random.default_rng(7)
    codes = [f"{4600 + i}" for i in range(case.n_treated + case.n_donors)]
    _units(folder, codes, spec, case)
    panel, y = _panel(spec, codes, rng, case)
    write_table(panel, folder / "panel.parquet", PANEL)
    effects: list[dict[str, Any]] = []
    for estimator in spec.estimators:
        effects += _estimates(folder, spec, codes, y, estimator, case)
    write_table(table(effects, EFFECTS), folder / "effects.parquet", EFFECTS)
    write_table(_checks(spec), folder / "checks.parquet", CHECKS)
    _flow(folder)
    if case.simulated:
        write_table(table([], TRUTH), folder / "truth.parquet", TRUTH)
    return spec


def make_spec(name: str, case: Case) -> ReportSpec:
    def at(text: str) -> date:
        return periods.parse(text, case.frequency)

    words = ("Higher rates; child benefit disregarded", "Second increase", "Third increase")
    steps = tuple(Step(f"step_{i + 1}", at(text), words[i]) for i, text in enumerate(case.steps))
    timing = Timing(
        case.frequency, at(case.first), at(case.last), tuple(map(at, case.dropped)), steps,
        case.anticipation,
    )  # fmt: skip
    return ReportSpec(
        reform=name,
        title="Bergen raises social assistance rates above the state guideline",
        question="Did higher rates change work, earnings and the use of social assistance?",
        notes=("Fixed supplements were removed in the same month: the effect is of the package.",),
        timing=timing,
        treated=tuple(f"{4600 + i}" for i in range(case.n_treated)),
        comparison=Comparison(largest=case.n_donors),
        outcomes=case.outcomes,
        groups=case.groups,
        estimators=tuple(Estimator(method, method) for method in case.methods),
        headline=Headline(case.outcomes[0].name, "all", case.methods[0]),
        ci_level=0.95,
        min_persons=10,
        source=SourceInfo(
            "simulated_register", "Simulated register", "simulated", "made by the workflow itself",
            "MIT", ("No real person is in it.",),
        ),
        is_simulated=case.simulated,
        config="title: Bergen raises rates\nwindow: {from: 2017-01}\n",
        seed=20200301,
    )  # fmt: skip


def _units(folder: Path, codes: list[str], spec: ReportSpec, case: Case) -> None:
    names = [
        "Bergen", "Kristiansand", "Stavanger", "Trondheim", "Drammen", "Fredrikstad", "Sandnes",
        "Tromsø", "Sarpsborg", "Skien", "Ålesund", "Sandefjord", "Haugesund", "Tønsberg", "Moss",
        "Porsgrunn", "Bodø", "Arendal", "Hamar", "Larvik", "Halden", "Lillehammer", "Molde",
        "Harstad", "Gjøvik",
    ]  # fmt: skip
    rows = [
        {
            "unit": code,
            "label": names[i] if i < len(names) else f"Unit {code}",
            "role": "treated" if i < case.n_treated else "donor",
            "adopted": spec.timing.adoption if i < case.n_treated else None,
            "weight": 1.0,
        }
        for i, code in enumerate(codes)
    ]
    rows.append({"unit": "0301", "label": "Oslo", "role": "left_out", "reason": "excluded by name"})
    write_table(table(rows, UNITS), folder / "units.parquet", UNITS)


def _panel(
    spec: ReportSpec, codes: list[str], rng: np.random.Generator, case: Case
) -> tuple[pl.DataFrame, dict[tuple[str, str], np.ndarray]]:
    window = spec.timing.periods
    rows, cells = [], {}
    season = np.sin(2 * np.pi * np.array([p.month for p in window]) / 12)
    for outcome in spec.outcomes:
        level, spread = _LEVEL[outcome.name]
        for g, group in enumerate(spec.groups):
            base = level + spread * (rng.normal(size=(len(codes), 1)) + 0.3 * g)
            drift = np.cumsum(rng.normal(0, 0.04 * spread, (len(codes), len(window))), axis=1)
            noise = rng.normal(0, 0.03 * spread * (1 + g), (len(codes), len(window)))
            y = base + drift + noise + 0.15 * spread * season
            treated_now = np.array([p >= spec.timing.adoption for p in window])
            y[: case.n_treated, treated_now] -= 0.3 * spread * (g > 3)
            hidden = np.zeros(y.shape, dtype=bool)
            if case.suppressed_group and g == len(spec.groups) - 1 and g > 0:
                hidden[0, 5:9] = True
                hidden[3, :12] = True
            cells[outcome.name, group.name] = np.where(hidden, np.nan, y)
            for u, code in enumerate(codes):
                for t, period in enumerate(window):
                    rows.append((code, period, group.name, outcome.name, outcome.population.kind,
                                 None if hidden[u, t] else float(y[u, t]),
                                 40 + 11 * u if case.simulated else None,
                                 bool(hidden[u, t])))  # fmt: skip
    frame = pl.DataFrame(rows, schema=dict(PANEL), orient="row")
    return frame, cells


def _estimates(
    folder: Path,
    spec: ReportSpec,
    codes: list[str],
    cells: dict[tuple[str, str], np.ndarray],
    estimator: Estimator,
    case: Case,
) -> list[dict[str, Any]]:
    paths, draws, weights, effects = [], [], [], []
    for (outcome, group), y in cells.items():
        fitted = _fit(spec, codes, y, estimator.method, case)
        rows = _effects(spec, outcome, group, estimator, fitted, case)
        effects += rows
        if fitted is None:
            continue
        names = fitted["names"]
        window = spec.timing.periods
        for a, name in enumerate(names):
            for t, period in enumerate(window):
                pair = (_null(fitted[k][a, t]) for k in ("observed", "counterfactual"))
                event = spec.timing.event_time(period)
                in_fit = period <= spec.timing.pre_end
                paths.append((outcome, group, a, name, period, event, *pair, in_fit))
            draws.append((outcome, group, "att", None, None, None, a, "estimate",
                          float(fitted["att"][a])))  # fmt: skip
        if estimator.method.startswith("synthetic"):
            for u, value in fitted["weights"].items():
                weights.append((outcome, group, 0, "unit", u, float(value)))
    target = folder / "estimates" / estimator.label
    for name, rows, schema in (("paths", paths, PATHS), ("draws", draws, DRAWS),
                               ("weights", weights, WEIGHTS)):  # fmt: skip
        frame = pl.DataFrame(rows, schema=dict(schema), orient="row")
        write_table(frame, target / f"{name}.parquet", schema)
    return effects


def _null(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _fit(
    spec: ReportSpec, codes: list[str], y: np.ndarray, method: str, case: Case
) -> dict[str, Any] | None:
    """Crude stand-ins for the estimators: right in shape, not meant to be good."""
    window = spec.timing.periods
    kept = np.array([p not in spec.timing.dropped for p in window])
    pre = kept & np.array([p <= spec.timing.pre_end for p in window])
    post = kept & np.array([p >= spec.timing.adoption for p in window])
    whole = ~np.isnan(y[:, kept]).any(axis=1)
    if not whole[: case.n_treated].all():
        return None
    index = np.flatnonzero(whole)
    sets = [tuple(range(case.n_treated))]
    sets += [tuple(int(index[(i + j) % len(index)]) for j in range(case.n_treated))
             for i in range(1, len(index))]  # fmt: skip
    observed, counterfactual, att, events, first = [], [], [], [], {}
    for treated in sets:
        own = y[list(treated)].mean(axis=0)
        others = np.array([u for u in index if u not in treated])
        rest = y[others]
        if method.startswith("synthetic"):
            distance = np.abs(rest[:, pre] - own[pre]).mean(axis=1)
            weight = np.exp(-distance / distance.min())
            weight[weight < np.sort(weight)[-min(6, len(weight))]] = 0
            weight /= weight.sum()
            path = weight @ rest
            first = first or {codes[u]: w for u, w in zip(others, weight, strict=True)}
        else:
            path = rest.mean(axis=0) + (own[pre].mean() - rest[:, pre].mean())
        path = np.where(kept, path, np.nan)
        gap = own - path
        if method == "event_study":
            gap = gap - gap[window.index(spec.timing.pre_end)]
        observed.append(own)
        counterfactual.append(path)
        att.append(gap[post].mean())
        events.append(np.where(kept, gap, np.nan))
    names = ["+".join(codes[u] for u in s) for s in sets]
    return {"names": names, "observed": np.array(observed), "weights": first,
            "counterfactual": np.array(counterfactual), "att": np.array(att),
            "events": np.array(events), "n_pre": int(pre.sum()),
            "n_post": int(post.sum()), "donors": len(index) - case.n_treated}  # fmt: skip


def _effects(
    spec: ReportSpec,
    outcome: str,
    group: str,
    estimator: Estimator,
    fitted: dict[str, Any] | None,
    case: Case,
) -> list[dict[str, Any]]:
    what = spec.outcome(outcome)
    common = {
        "reform": spec.reform, "outcome": outcome, "group": group, "estimator": estimator.label,
        "population": what.population.kind, "alternative": "two-sided", "band": "pointwise",
        "weights": "equal", "measured_in": what.measured_in, "n_treated": case.n_treated,
        "is_headline": False, "min_cell": 24, "n_persons": 1_240, "inference": "permutation",
    }  # fmt: skip
    if fitted is None:
        common |= {"estimand": "att", "status": "refused", "ci_level": 0.95, "p_value_floor": 0.04,
                   "reason": "treated unit 4600 has 4 missing or suppressed cells"}  # fmt: skip
        return [common]
    n = len(fitted["att"])
    common |= {"n_donors": fitted["donors"], "n_pre": fitted["n_pre"], "n_post": fitted["n_post"],
               "p_value_floor": 1 / n, "baseline": _LEVEL[outcome][0]}  # fmt: skip
    sizes = np.sort(np.abs(fitted["att"][1:]))[::-1]
    own = float(fitted["att"][0])
    p = (1 + (sizes >= abs(own)).sum()) / n
    short = n < 20
    endless = case.infinite and group == spec.groups[-2 if len(spec.groups) > 1 else 0].name
    truth = -0.25 * _LEVEL[outcome][1] * (group.count("=") > 1) if case.simulated else None
    att = common | {
        "estimand": "att", "estimate": own, "std_error": float(sizes.std() + sizes.mean()),
        "ci_low": -np.inf if endless else own - sizes[0], "ci_high": own + sizes[0],
        "ci_level": 1 - 1 / n, "p_value": p, "status": "warn" if short or endless else "ok",
        "reason": _why(n, fitted["donors"], short, endless), "truth": truth,
        "minimum_detectable": float(2.2 * sizes[0]), "p_equivalence": 0.4,
        "verdict": "inconclusive" if outcome == "employed" else None,
        "is_headline": (outcome, group, estimator.label)
        == (spec.headline.outcome, spec.headline.group, spec.headline.estimator),
    }  # fmt: skip
    rows = [att]
    for i, step in enumerate(spec.timing.steps):
        rows.append(att | {"estimand": "step", "step": step.id, "is_headline": False,
                           "estimate": own * (0.8 + 0.4 * i)})  # fmt: skip
    if estimator.method in ("did", "event_study"):
        rows.append(
            att | {"inference": "cluster", "ci_low": None, "ci_high": None, "p_value": None,
                   "status": "refused", "ci_level": 0.95, "p_value_floor": 0.0,
                   "is_headline": False,
                   "reason": "with 1 treated unit and 24 donors a CRV1 test at 5 % rejects 68 % of "
                   "true nulls (simulated for this design)"}
        )  # fmt: skip
    if estimator.method == "event_study":
        rows += _event_rows(spec, common, fitted, endless)
    return rows


def _why(n: int, donors: int, short: bool, endless: bool) -> str | None:
    said = []
    if short:
        said.append(f"{100 - 100 / n:.1f} %: 95 % cannot be had with {donors} donors")
    if endless:
        said.append("the interval is unbounded: placebos move as much as the reform")
    return "; ".join(said) or None


def _event_rows(
    spec: ReportSpec, common: dict[str, Any], fitted: dict[str, Any], endless: bool
) -> list[dict[str, Any]]:
    rows = []
    for t, period in enumerate(spec.timing.periods):
        event = spec.timing.event_time(period)
        value = fitted["events"][0, t]
        if event == -(spec.timing.anticipation + 1):
            continue
        sizes = np.abs(fitted["events"][1:, t])
        for band, factor in (("pointwise", 1.0), ("simultaneous", 1.5)):
            gap = bool(np.isnan(value))
            half = np.inf if endless and event == 0 else float(sizes.max() * factor)
            rows.append(
                common | {"estimand": "event", "event_time": event, "band": band,
                          "estimate": None if gap else float(value), "ci_level": 0.96,
                          "ci_low": None if gap else float(value) - half,
                          "ci_high": None if gap else float(value) + half,
                          "status": "failed" if gap else "ok",
                          "reason": "the period is excluded" if gap else None}
            )  # fmt: skip
    return rows


def _checks(spec: ReportSpec) -> pl.DataFrame:
    rows = []
    for outcome in spec.outcomes:
        for g, group in enumerate(spec.groups):
            rows.append(
                {"reform": spec.reform, "outcome": outcome.name, "group": group.name,
                 "estimator": "event_study", "inference": "permutation", "check": "pre_trend",
                 "statistic": "mean_squared_coefficient", "value": 0.8 + g,
                 "p_value": 0.04 if g == 3 else 0.52, "threshold": 0.05,
                 "verdict": "warn" if g == 3 else "pass",
                 "message": "Before the reform the difference moved no more than among placebos"}
            )  # fmt: skip
    rows.append(
        {"reform": spec.reform, "outcome": spec.outcomes[0].name, "group": "all", "check": "gaps",
         "verdict": "info", "message": "donor Drammen has gaps and is left out of one series"}
    )  # fmt: skip
    return table(rows, CHECKS)


def _flow(folder: Path) -> None:
    rows = [
        {"population": "prior_recipients", "step": "in the register", "persons": 412_345,
         "person_periods": 22_345_678, "persons_lost": 0, "person_periods_lost": 0, "reason": ""},
        {"population": "prior_recipients", "step": "of working age", "persons": 301_222,
         "person_periods": 15_222_333, "persons_lost": 111_123, "person_periods_lost": 7_123_345,
         "reason": "under 18 or over 66"},
    ]  # fmt: skip
    write_table(table(rows, SAMPLE_FLOW), folder / "sample_flow.csv", SAMPLE_FLOW)


SMALL = Case(groups=NINE[:1], outcomes=OUTCOMES[:1], first="2019-01", last="2020-12",
             steps=("2020-03",), dropped=(), n_donors=8)  # fmt: skip
CASES = {
    "one_group": SMALL,
    "four_groups": Case(groups=(NINE[0], *NINE[3:6]), outcomes=OUTCOMES[:1], n_donors=13,
                        infinite=True),
    "years": Case("year", "1983", "2000", ("1989",), (), 0, groups=NINE[:1],
                  outcomes=OUTCOMES[1:2], n_donors=38, simulated=False),
    "quarters": Case("quarter", "2015-Q1", "2021-Q4", ("2019-Q1", "2020-Q2"), ("2020-Q3",), 1,
                     n_treated=3, groups=NINE[:3], outcomes=OUTCOMES[2:3], simulated=False),
}  # fmt: skip
