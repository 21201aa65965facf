"""Placebo reforms on real data: no state did anything, at a date drawn at random.

    python -m tests.validation.placebo run
    python -m tests.validation.placebo report
    python -m tests.validation.placebo verify

Unemployment of 53 units over 566 months (`state_unemployment` of the real data). A draw is a unit
and a window of 48 months, of which the last 12 are called after the reform: a simple random sample,
without replacement, of the 27,507 pairs that there are. Its Monte-Carlo error is therefore that of
a share of these pairs, however much their windows overlap. `run` keeps what it has in
`.reformeval/validation/placebo/`, one file per estimator and unit, and runs again what
other code has made; `report` writes `docs/validation/placebo.csv`; `verify` runs two units again.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

os.environ.setdefault("POLARS_MAX_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import polars as pl

from reformeval import periods
from reformeval.artefacts import write_text
from reformeval.assignments import in_space
from reformeval.code_hash import code_hash
from reformeval.design import Design, Series
from reformeval.estimators import _discover
from reformeval.fit import Fit
from reformeval.inference import _changes, _router
from reformeval.spec import Step
from tests.validation import crv1, placebo_summary, registers, studies

RAW = studies.RAW / "placebo"
TABLE = studies.FOLDER / "placebo.csv"
BEFORE, AFTER = 36, 12
DRAWS = 2_000
SEED = 1976
AGAIN = (3, 17)  # units that `verify` runs again
LEVEL = 0.95
PANDEMIC = 2020
FEWER = {"matched_sc": 1_000}  # a search for every placebo


@dataclass(frozen=True)
class Method:
    """An estimator as it is run here.

    Attributes
    ----------
    method, options
        As in a reform file.
    outcomes
        Names of `States.outcomes`; the first is the one that is tested.
    """

    method: str
    options: Mapping[str, Any] = field(default_factory=dict)
    outcomes: tuple[str, ...] = ("unemployment",)


METHODS = {
    "did": Method("did"),
    "did, trends": Method("did", {"trends": "unit"}),
    "event_study": Method("event_study"),
    "synthetic_control": Method("synthetic_control"),
    "demeaned_sc": Method("demeaned_sc"),
    "penalised_sc": Method("penalised_sc"),
    "augmented_sc": Method("augmented_sc"),
    "common_sc": Method("common_sc", outcomes=("unemployment", "employment")),
    "matched_sc": Method("matched_sc"),
    "synthetic_did": Method("synthetic_did"),
    "poisson_did": Method("poisson_did", outcomes=("unemployed",)),
}
LEFT_OUT = {
    "person_event_study": "needs persons",
    "dose": "with one treated unit and a dose of one it is did",
    "imputation": "with one date it is did",
    "two_stage": "with one date it is did",
    "callaway_santanna": "with one date it is event_study",
    "sun_abraham": "with one date it is event_study",
    "local_projections": "with one date it is event_study",
}


@dataclass(frozen=True, eq=False)
class States:
    """The panel.

    Attributes
    ----------
    units
        Names, sorted.
    years
        (months,) calendar year of each.
    outcomes
        Each (units, months): ``unemployment``, per cent of the labour force, unrounded;
        ``employment``, per cent of the civilian population; ``unemployed``, persons.
    population
        (units, months) civilian population.
    """

    units: tuple[str, ...]
    years: np.ndarray
    outcomes: Mapping[str, np.ndarray]
    population: np.ndarray

    @property
    def windows(self) -> int:
        """How many windows there are."""
        return len(self.years) - BEFORE - AFTER + 1


def load(data: Path) -> States:
    """Read the panel; it has no gaps."""
    table = pl.read_parquet(data / "state_unemployment" / "state_unemployment.parquet")
    table = table.sort("State", "year", "month").select(
        "State",
        "year",
        unemployment=100 * pl.col("total_unem") / (pl.col("total_unem") + pl.col("total_emp")),
        employment=100 * pl.col("total_emp") / pl.col("civilian"),
        unemployed=pl.col("total_unem").cast(pl.Float64),
        population=pl.col("civilian").cast(pl.Float64),
    )
    units = tuple(table["State"].unique(maintain_order=True))

    def grid(column: str) -> np.ndarray:
        return table[column].to_numpy().reshape(len(units), -1)

    names = ("unemployment", "employment", "unemployed")
    return States(units, grid("year")[0], {name: grid(name) for name in names}, grid("population"))


def sample(states: States, draws: int) -> np.ndarray:
    """(draws, 3) number, unit and first month of each draw; the first ones are a sample too."""
    rng = np.random.default_rng(SEED)
    pairs = rng.choice(len(states.units) * states.windows, draws, replace=False)
    return np.column_stack([np.arange(draws), *divmod(pairs, states.windows)])


def design(states: States, unit: int, starts: np.ndarray, outcomes: tuple[str, ...]) -> Design:
    """One unit as treated in many windows: a window is a group, its outcomes are series."""
    length = BEFORE + AFTER
    months = tuple(periods.shift(placebo_summary.FIRST, i, "month") for i in range(length))

    def windows(values: np.ndarray) -> np.ndarray:
        return np.stack([values[:, start : start + length] for start in starts])

    y = np.stack([windows(states.outcomes[name]) for name in outcomes], axis=1)
    adopted = np.full(len(states.units), -1)
    adopted[unit] = BEFORE
    n = np.repeat(windows(states.population), len(outcomes), axis=0)
    covariates = [windows(states.outcomes[name]) for name in ("unemployment", "employment")]
    means = np.stack([one[:, :, :BEFORE].mean(axis=2) for one in covariates], axis=2)
    return Design(
        y=y.reshape(-1, *y.shape[2:]),
        n=n,
        units=states.units,
        series=tuple(Series(o, str(start), "civilian") for start in starts for o in outcomes),
        periods=months,
        frequency="month",
        adopted=adopted,
        anticipation=0,
        excluded=np.zeros(length, dtype=bool),
        unit_weights=np.ones((len(n), len(states.units))),
        steps=(Step("reform", months[BEFORE], "Placebo"),),
        covariates=np.repeat(means, len(outcomes), axis=0),
        covariate_names=("unemployment", "employment"),
    )


def fit(states: States, label: str, unit: int, starts: np.ndarray) -> tuple[Design, Fit]:
    """Estimate a method's att for one unit in many windows, and for every other as placebo."""
    chosen = METHODS[label]
    built = design(states, unit, starts, chosen.outcomes)
    with registers.without_pyfixest():
        found = _discover.load(chosen.method).estimate(built, in_space(built, 0), chosen.options)
    return built, found


def tests(states: States, label: str, draws: np.ndarray) -> list[dict[str, Any]]:
    """Every inference method on draws (draws, 3) of one unit; all on the true null."""
    (unit,), starts = np.unique(draws[:, 1]), draws[:, 2]
    built, found = fit(states, label, int(unit), starts)
    step = len(METHODS[label].outcomes)
    error = clustered_errors(built, found)
    rows = []
    for name, module in _router.chosen([_router.AUTO]).items():
        for one in module.infer(built, found, LEVEL):
            if one.band != "pointwise" or name == "cluster":
                continue  # CRV1, refused with one treated unit, is added below
            rows += [
                {
                    "inference": name,
                    "alternative": one.alternative,
                    "p_value": one.p_value[s, 0],
                    "low": one.low[s, 0],
                    "high": one.high[s, 0],
                    "level": one.level[s, 0],
                    "floor": one.floor[s, 0],
                    "status": one.status[s, 0],
                    "draw": int(draws[s // step, 0]),
                }
                for s in range(0, len(built.series), step)
                if one.status[s, 0]  # "" where the method does not speak of the att
            ]
    if error is not None:
        rows += _clustered(found, error, draws)
    where = {int(number): int(start) for number, _, start in draws}
    estimates = {int(d[0]): found.estimate[i * step, 0, 0] for i, d in enumerate(draws)}
    return [
        {
            "unit": states.units[int(unit)],
            "start": where[row["draw"]],
            "pandemic": touches(states, where[row["draw"]]),
            "estimator": label,
            "estimate": estimates[row["draw"]],
            **row,
        }
        for row in rows
    ]


def touches(states: States, start: int) -> bool:
    """Whether a window has a month of the pandemic's first year."""
    return bool((states.years[start : start + BEFORE + AFTER] == PANDEMIC).any())


def clustered_errors(built: Design, found: Fit) -> np.ndarray | None:
    """(series,) clustered standard errors of the att; None for a fit that has no changes.

    The package refuses them with one treated unit; here they stand beside the others.
    """
    changes = _changes.of(built, found)
    if changes is None:
        return None
    events = sum(e.kind == "event" for e in found.estimands)
    square = crv1.variance(
        changes.value[:, :, 0], built.treated, len(built.periods), max(events, 1)
    )
    return np.sqrt(square)


def _clustered(found: Fit, error: np.ndarray, draws: np.ndarray) -> list[dict[str, Any]]:
    from scipy import stats

    df = found.assignments.shape[1] - 1
    own = found.estimate[:, 0, 0]
    p = 2 * stats.t.sf(np.abs(own) / error, df)
    half = stats.t.ppf(0.5 + LEVEL / 2, df) * error
    return [
        {
            "inference": "cluster", "alternative": "two-sided", "p_value": p[s],
            "low": own[s] - half[s], "high": own[s] + half[s], "level": LEVEL, "floor": 0.0,
            "status": "refused", "draw": int(draws[s, 0]),
        }
        for s in range(len(own))
    ]  # fmt: skip


@cache
def code(label: str) -> str:
    """Hash of the code of an estimator and of all inference methods."""
    used = (f"reformeval.inference.{name}" for name in _router.names())
    return code_hash(f"reformeval.estimators.{METHODS[label].method}", *used)


def run(data: Path, workers: int | None, labels: Sequence[str]) -> None:
    """Draw, estimate and test; what the present code has made is not run again."""
    RAW.mkdir(parents=True, exist_ok=True)
    states = load(data)
    chosen = sample(states, DRAWS)
    parts = [
        (label, chosen[(chosen[:, 1] == unit) & (chosen[:, 0] < FEWER.get(label, DRAWS))])
        for label in labels
        for unit in np.unique(chosen[:, 1])
    ]
    parts = [part for part in parts if len(part[1]) and not _made(*part)]
    # polars is not safe in a forked process
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        for done, text in enumerate(pool.map(partial(_one, states), parts), 1):
            print(f"placebo: {text}, {done} of {len(parts)}", flush=True)


def _file(label: str, draws: np.ndarray) -> Path:
    return RAW / f"{label}-{draws[0, 1]}.parquet"


def _made(label: str, draws: np.ndarray) -> bool:
    path = _file(label, draws)
    return path.exists() and set(pl.read_parquet(path)["code_hash"]) == {code(label)[:16]}


def _one(states: States, part: tuple[str, np.ndarray]) -> str:
    label, draws = part
    path = _file(label, draws)
    frame = pl.DataFrame(tests(states, label, draws), infer_schema_length=None)
    frame.with_columns(code_hash=pl.lit(code(label)[:16])).write_parquet(path.with_suffix(".part"))
    path.with_suffix(".part").replace(path)
    return f"{label}, {states.units[draws[0, 1]]}"


def verify(data: Path) -> None:
    """Run two units again and note the code that gives the same rows.

    Raises
    ------
    SystemExit
        If a row differs.
    """
    states = load(data)
    chosen = sample(states, DRAWS)
    for label in METHODS:
        few = chosen[chosen[:, 0] < FEWER.get(label, DRAWS)]
        for unit in AGAIN:
            draws = few[few[:, 1] == unit]
            before = pl.read_parquet(_file(label, draws)).drop("code_hash")
            if not pl.DataFrame(tests(states, label, draws), infer_schema_length=None).equals(
                before
            ):
                raise SystemExit(f"{label}, {states.units[unit]}: other rows: run the study again")
            print(f"{label}, {states.units[unit]}: the same rows", flush=True)
    again = {label: code(label)[:16] for label in METHODS}
    studies.note("placebo", {**studies.facts("placebo"), "again": again})


def report(data: Path) -> None:
    """Sum up the draws that are here."""
    states = load(data)
    raw = pl.read_parquet(sorted(RAW.glob("*.parquet")))
    table = placebo_summary.summary(raw).with_columns(seed=pl.lit(SEED))
    write_text(table.with_columns(pl.selectors.float().round_sig_figs(6)).write_csv(), TABLE)
    ran = raw.group_by("estimator").agg(pl.col("code_hash").unique().sort().str.join(" "))
    studies.note(
        "placebo",
        {
            "again": None,
            "code": dict(ran.sort("estimator").iter_rows()),
            "pairs": len(states.units) * states.windows,
            "seed": SEED,
            "units": len(states.units),
        },
    )


def main() -> None:
    """Run the study, or write its table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=["run", "report", "verify"])
    parser.add_argument("--only", nargs="+", choices=list(METHODS), default=list(METHODS))
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    data = Path(os.environ.get("REFORMEVAL_DATA") or studies.ROOT.parent / "shared" / "data")
    if arguments.part == "run":
        run(data, arguments.workers, arguments.only)
    elif arguments.part == "report":
        report(data)
    else:
        verify(data)


if __name__ == "__main__":
    main()
