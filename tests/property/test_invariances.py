"""Every estimator under every inference method: what must not change what they say.

Order of units, a constant and the unit of measurement change nothing but the unit of measurement;
a mix of donors shows no effect; and which unit is called treated gives every p-value once.
Estimators are found by their folder: a new one is under all of this by itself, or has to be listed
with a reason.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields, replace
from datetime import date
from functools import cache
from itertools import permutations
from pathlib import Path
from unittest import mock

import evidence_helpers
import numpy as np
import polars as pl
import pytest
from design_helpers import make_design, panel
from person_helpers import people, person_design
from staggered_helpers import staggered
from table_helpers import spec

from reformeval import assessment, assignments, effects
from reformeval.artefacts import CHECKS, EFFECTS, PANEL, write_table
from reformeval.design import Design, Floats
from reformeval.estimators import _discover, _library, _regression
from reformeval.fit import Fit
from reformeval.inference import _ranked, _router, permutation, permutation_t
from reformeval.intervals import Intervals
from reformeval.panel.relative import relative

LEVEL = 0.9
UNITS, BEFORE, AFTER = 14, 18, 5
TREATED = {"one": (4,), "several": (1, 4, 5, 8, 12)}
DATES = (3, 3, 5, 5, 5, 6, 3, 5, -1, -1, -1, -1)
LOG_POINTS = ("poisson_did",)  # effects have no unit of measurement, and counts no constant
PAIRS = [
    *((case, method) for case in TREATED for method in _discover.methods()),
    *(("staggered", method) for method in _discover.methods() if _discover.donors(method)),
]
slow = pytest.mark.slow
LONG = ("augmented_sc", "matched_sc", "synthetic_did")  # a second for all units in turn
RESCALED = [
    *((*pair, -1.0) for pair in PAIRS if pair[1] not in LOG_POINTS),  # counts are not negative
    *(pytest.param(*pair, factor, marks=slow) for pair in PAIRS for factor in (1e-3, 1e3)),
]
# Options under which a mix of donors has no effect whatever.
EXACT_FOR_A_MIX: dict[str, dict[str, float]] = {
    "synthetic_control": {},
    "demeaned_sc": {},
    "augmented_sc": {},
    "common_sc": {},
    "matched_sc": {},
    "synthetic_did": {"zeta": 0.0},  # a ridge draws weights away from the mix
    "penalised_sc": {"penalty": 1e-9},  # so do distances of single donors
}
EXACT = 1e-9  # of the outcome's size: sums of a few hundred numbers round to 1e-13 of it
LOOSER = {
    # a ridge of (1e-6 sigma)^2 makes the period weights unique: rounding counts a million times
    "synthetic_did": 1e-6,
}


@dataclass(frozen=True)
class Said:
    """What a design's fit and all inference methods say of the reform."""

    fit: Fit
    intervals: Mapping[tuple[str, str, str], Intervals]
    equivalence: Mapping[str, Floats]


def design_of(case: str, method: str, scale: float = 1.0, constant: float = 0.0) -> Design:
    """A design with everything that the method needs, its outcome moved and rescaled."""
    length = BEFORE + AFTER
    if case == "staggered":
        return staggered(scale * panel(len(DATES), 8, 3) + constant, DATES)
    if method in _discover.NEEDS_PERSONS:
        data = people(5, persons=20 * UNITS, units=UNITS, periods=length)
        data = replace(data, y=scale * data.y + constant)
        return person_design(data, BEFORE, TREATED[case])
    rng = np.random.default_rng(8)
    y = panel(UNITS, length, 2)
    if method in LOG_POINTS:
        y = np.exp(3 + y / 10)
    later = [BEFORE + 2]
    built = make_design(scale * y + constant, BEFORE, TREATED[case], later_steps=later)
    dose = rng.uniform(1, 2, (1, UNITS, length)).cumsum(axis=2) * (built.event_times >= 0)
    return replace(
        built,
        n=rng.integers(50, 400, (1, UNITS, 1)) + np.zeros(y.shape),
        dose=dose,
        covariates=np.stack([y[:, :, :9].mean(axis=2), rng.normal(size=(1, UNITS))], axis=2),
        covariate_names=("early", "other"),
    )


@contextmanager
def few_draws() -> Iterator[None]:
    """Sample placebos where there are more than fifty, and leave the library's check out."""
    with ExitStack() as stack:
        for module in (assignments, _ranked):
            stack.enter_context(mock.patch.object(module, "MAX_ENUMERATED", 50))
            stack.enter_context(mock.patch.object(module, "SAMPLED", 60))
        stack.enter_context(mock.patch.object(assignments, "SAMPLED_STAGGERED", 60))
        stack.enter_context(mock.patch.object(_library, "_compare"))
        yield


@contextmanager
def without_pyfixest() -> Iterator[None]:
    """Leave out the regressions beside the closed forms, for tests that need no variance."""

    def nothing(block: Design, regressors: np.ndarray, *_: object) -> np.ndarray:
        return np.full((len(block.series), len(regressors), len(regressors)), np.nan)

    with (
        mock.patch.object(_regression, "own_row", nothing),
        mock.patch.object(_regression, "own_row_poisson", return_value=float("nan")),
    ):
        yield


def said(method: str, design: Design, unit: float = 1.0) -> Said:
    """Estimate a design and let every inference method speak, of ``unit`` as a small effect too."""
    with few_draws():
        fit = _discover.load(method).estimate(design, assignments.in_space(design, 0), {})
        modules = _router.chosen([_router.AUTO])
        found = [one for each in modules.values() for one in each.infer(design, fit, LEVEL)]
        equivalence = {
            name: each.equivalence(design, fit, np.array([abs(unit)]))
            for name, each in modules.items()
            if hasattr(each, "equivalence")
        }
    return Said(
        fit, {(one.inference, one.alternative, one.band): one for one in found}, equivalence
    )


@cache
def plain(case: str, method: str) -> Said:
    """The design as it is."""
    return said(method, design_of(case, method))


def size_of(case: str, method: str) -> float:
    """The outcome's largest value, or that of effects that have no unit."""
    return 100.0 if method in LOG_POINTS else float(np.abs(design_of(case, method).y).max())


def same(one: Said, other: Said, method: str, size: float, factor: float = 1.0) -> None:
    """Hold two against each other, the other one's numbers times ``factor``."""
    within = LOOSER.get(method, EXACT)

    def close(found: np.ndarray, expected: np.ndarray, unit: float, what: str) -> None:
        np.testing.assert_allclose(
            found / unit, expected, rtol=within, atol=within * size, err_msg=what
        )

    close(other.fit.estimate[:, 0], one.fit.estimate[:, 0], factor, "estimate")
    if one.fit.covariance is not None and other.fit.covariance is not None:
        close(other.fit.covariance, one.fit.covariance, factor**2, "covariance")
    assert len(one.equivalence) > 1
    for name, p in one.equivalence.items():
        np.testing.assert_allclose(other.equivalence[name], p, rtol=1e-6, err_msg=name)
    turned = {"greater": "less", "less": "greater"} if factor < 0 else {}
    assert len(one.intervals) == len(other.intervals)
    for (name, side, band), expected in one.intervals.items():
        found = other.intervals[name, turned.get(side, side), band]
        what = f"{name}, {side}, {band}"
        ends = (found.low, found.high) if factor > 0 else (found.high, found.low)
        close(ends[0], expected.low, factor, f"{what}: low")
        close(ends[1], expected.high, factor, f"{what}: high")
        for field in ("std_error", "minimum_detectable"):
            close(getattr(found, field), getattr(expected, field), abs(factor), f"{what}: {field}")
        for field in ("p_value", "floor", "level"):
            np.testing.assert_allclose(
                getattr(found, field), getattr(expected, field), rtol=1e-6, err_msg=what
            )
        np.testing.assert_array_equal(found.status, expected.status, err_msg=what)
        if factor == 1:
            np.testing.assert_array_equal(found.reason, expected.reason, err_msg=what)


@pytest.mark.parametrize(("case", "method"), PAIRS)
def test_order_of_units(case: str, method: str) -> None:
    design = design_of(case, method)
    order = np.random.default_rng(1).permutation(len(design.units))
    shuffled = design.select(np.array([0]), order)
    same(plain(case, method), said(method, shuffled), method, size_of(case, method))


@pytest.mark.parametrize(("case", "method"), [p for p in PAIRS if p[1] not in LOG_POINTS])
def test_a_constant(case: str, method: str) -> None:
    moved = said(method, design_of(case, method, constant=50.0))
    same(plain(case, method), moved, method, size_of(case, method) + 50)


@pytest.mark.parametrize(("case", "method", "factor"), RESCALED)
def test_unit_of_measurement(case: str, method: str, factor: float) -> None:
    unit = 1.0 if method in LOG_POINTS else factor
    other = said(method, design_of(case, method, scale=factor), unit)
    same(plain(case, method), other, method, size_of(case, method), unit)


@pytest.mark.parametrize("factor", [1e-3, 1e3])
def test_an_indexed_outcome_has_no_unit_of_measurement(factor: float) -> None:
    """With ``scale: pre_mean`` the panel itself is the same, and so all that is made of it."""
    base = spec(window=(2000, 2007), adoption=2005)
    asked = replace(base, outcomes=(replace(base.outcomes[0], indexed=True),))
    values = np.exp(panel(2, 8, 1)[0] / 5)
    cells = [
        {"unit": unit, "period": date(2000 + t, 1, 1), "group": "all", "outcome": "y",
         "population": "as_published", "value": value, "n_persons": None, "suppressed": False}
        for unit, path in zip("AB", values.tolist(), strict=True) for t, value in enumerate(path)
    ]  # fmt: skip
    frame = pl.DataFrame(cells, schema=dict(PANEL))
    one, other = (
        relative(frame.with_columns(pl.col("value") * by), asked)["value"] for by in (1.0, factor)
    )
    assert one.mean() != pytest.approx(frame["value"].mean())
    np.testing.assert_allclose(other, one, rtol=1e-14)


@pytest.mark.parametrize(
    "method", [pytest.param(m, marks=slow) if m in LONG else m for m in _discover.methods()]
)
def test_which_unit_is_treated_gives_every_p_once(method: str) -> None:
    """Exact by symmetry for ranks among assignments, whatever the data.

    The other tests of donors' residuals or of residuals over time are not: residuals are taken
    around a mean that the treated unit is not part of, and time knows nothing of other units.
    """
    design = design_of("one", method)
    if method == "dose":  # a donor with a dose of its own is no unit without the reform
        path = design.dose[0, 4]  # type: ignore[index]
    ranks: dict[tuple[str, str], list[float]] = {}
    for unit in range(UNITS):
        adopted = np.full(UNITS, -1)
        adopted[unit] = BEFORE
        moved = replace(design, adopted=adopted)
        if method == "dose":
            moved = replace(moved, dose=(adopted >= 0)[None, :, None] * path)
        for found in _ranked_among_assignments(method, moved):
            key = (found.inference, found.alternative)
            ranks.setdefault(key, []).append(float(found.p_value[0, 0]))
    assert ("permutation", "two-sided") in ranks
    for key, values in ranks.items():
        expected = np.arange(1, UNITS + 1) / UNITS
        np.testing.assert_allclose(np.sort(values), expected, atol=1e-12, err_msg=str(key))


@pytest.mark.parametrize(
    "method",
    [pytest.param(m, marks=slow) if m in LONG else m for case, m in PAIRS if case == "staggered"],
)
def test_which_units_adopt_when_gives_every_p_once(method: str) -> None:
    """Two cohorts of one among five units: twenty ways, each of them once the reform."""
    y = panel(5, 7, 4)
    dates = list(permutations([3, 4, -1, -1, -1]))
    ranks: dict[str, list[float]] = {}
    for own in sorted(set(dates)):
        for found in _ranked_among_assignments(method, staggered(y, own)):
            ranks.setdefault(found.alternative, []).append(float(found.p_value[0, 0]))
    assert set(ranks) == {"two-sided", "greater", "less"}
    for side, values in ranks.items():
        np.testing.assert_allclose(np.sort(values), np.arange(1, 21) / 20, err_msg=side)


def _ranked_among_assignments(method: str, design: Design) -> list[Intervals]:
    with mock.patch.object(_library, "_compare"), without_pyfixest():
        rows = assignments.in_space(design, 0)
        fit = _discover.load(method).estimate(design, rows, {})
    found = [
        one
        for module in (permutation, permutation_t)
        for one in module.infer(design, fit, LEVEL)
        if one.band == "pointwise"
    ]
    return [one for one in found if one.status[0, 0] in ("ok", "warn")]


def test_weighing_methods_are_known() -> None:
    """A new one has to be said to be exact for a mix of donors, or why not."""
    weighing = {m for case, m in PAIRS if case == "one" and _weighs(m)}
    assert weighing == set(EXACT_FOR_A_MIX)


def _weighs(method: str) -> bool:
    return plain("one", method).fit.unit_weights is not None


@pytest.mark.parametrize("method", EXACT_FOR_A_MIX)
@pytest.mark.parametrize("seed", range(3))
def test_a_mix_of_donors_has_no_effect(method: str, seed: int) -> None:
    """The treated unit is the same mix of donors at all times, in its covariates too."""
    design = design_of("one", method)
    assert design.covariates is not None
    donors = ~design.treated
    mix = np.random.default_rng(seed).dirichlet(np.ones(int(donors.sum())))
    y, traits = design.y.copy(), design.covariates.copy()
    y[:, design.treated] = mix @ y[0, donors]
    traits[:, design.treated] = mix @ traits[0, donors]
    inside = replace(design, y=y, covariates=traits)
    options = EXACT_FOR_A_MIX[method]
    fit = _discover.load(method).estimate(inside, inside.adopted[None], options)
    np.testing.assert_allclose(fit.estimate, 0, atol=1e-6 * np.abs(y).max())


def fingerprint() -> str:
    """Hash of the bytes of all that is said of reforms in several units."""
    found = hashlib.sha256()
    for case, method in [pair for pair in PAIRS if pair[0] != "one"]:
        one = plain(case, method)
        arrays = [getattr(one.fit, field.name) for field in fields(one.fit)]
        arrays += [one.fit.statistics[name] for name in sorted(one.fit.statistics)]
        arrays += [
            getattr(each, field.name) for each in one.intervals.values() for field in fields(each)
        ]
        for array in arrays:
            if isinstance(array, np.ndarray):
                text = str(array.tolist()) if array.dtype == object else array.tobytes()
                found.update(text.encode() if isinstance(text, str) else text)
    return found.hexdigest()


@pytest.mark.slow
def test_hash_seeds() -> None:
    """The same bytes whatever the order of Python's sets."""
    here = Path(__file__).parent
    path = os.pathsep.join([str(here), str(here.parent), *sys.path])
    program = "import test_invariances; print(test_invariances.fingerprint())"
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": seed},
            stdout=subprocess.PIPE,
            text=True,
        )
        for seed in ("0", "1", "2")
    ]
    said_by = [run.communicate()[0].strip() for run in runs]
    assert [run.returncode for run in runs] == [0, 0, 0]
    assert len(said_by[0]) == 64
    assert len(set(said_by)) == 1


@pytest.mark.slow
def test_order_of_rows_in_the_panel(tmp_path: Path) -> None:
    """The same bytes of effects and checks from a panel whose rows are shuffled."""
    other = {*_discover.NEEDS_PERSONS, *_discover.MATCHED, "dose"}  # files beside the panel
    frame = evidence_helpers.panel(11)
    spec = evidence_helpers.assess_spec(tuple(m for m in _discover.methods() if m not in other))
    written = []
    with mock.patch.object(_library, "_compare"):
        for number in range(2):
            folder = tmp_path / str(number)
            found = evidence_helpers.evidence(folder, frame, spec)
            write_table(effects.assemble(found), folder / "effects.parquet", EFFECTS)
            write_table(assessment.checks(found), folder / "checks.parquet", CHECKS)
            written.append([(folder / f"{n}.parquet").read_bytes() for n in ("effects", "checks")])
            frame = frame.sample(fraction=1.0, shuffle=True, seed=number)
    assert written[0] == written[1]
