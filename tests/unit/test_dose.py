"""Effects per dose: the file of dated values, the regression, its placebos and its words."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pyfixest
import pytest
from design_helpers import make_design, panel
from test_config_reform import BASE, changed, problems, project

from reformeval import periods
from reformeval.artefacts import DOSE, UNITS, read_table, table, write_table
from reformeval.assignments import in_space
from reformeval.config import loader, resolve
from reformeval.design import Series, with_dose
from reformeval.errors import UserError
from reformeval.estimators import dose
from reformeval.jobs._cli import Call
from reformeval.jobs.build_dose import build_dose
from reformeval.panel.dose import read
from reformeval.spec import Contrast, Dose, DoseSpec, Group, Step, Timing, to_json

WITH, WITHOUT = (Group((("family", f"{w}_children"),)) for w in ("with", "without"))
EVERYBODY = Group()
TIMING = Timing(
    "month", date(2020, 1, 1), date(2020, 6, 1), (), (Step("s", date(2020, 3, 1), "S"),), 0
)
ASKED = Dose("d.csv", "kommune", "fra", "kroner", (("family", "familie"),))


def doses(seed: int = 0, units: int = 6, n_periods: int = 12) -> np.ndarray:
    """A treated unit whose dose rises, rises again and falls; donors with doses of their own."""
    rng = np.random.default_rng(seed)
    out = np.outer(rng.uniform(4, 6, units), np.ones(n_periods))
    out[:, 5:] += 0.2
    out[1:, 8:] += rng.uniform(0, 0.3, units - 1)[:, None]
    out[0, 7:10] += 1.0
    out[0, 10:] += 0.5
    return out


def test_every_row_is_pyfixests() -> None:
    """The reform and placebos, coefficient and CRV1 variance, by pyfixest 0.60 to 1e-8."""
    y, d = panel(6, 12, seed=1)[0], doses()
    design = replace(make_design(y, 7, anticipation=1, dropped=[9]), dose=d[None])
    assignments = in_space(design, 0)
    fit = dose.estimate(design, assignments, {})
    kept = np.flatnonzero(design.in_pre | design.in_post)
    for a in (0, 2, 5):
        member = int(np.flatnonzero(assignments[a] >= 0)[0])
        paths = np.arange(6)
        paths[[0, member]] = paths[[member, 0]]
        frame = pl.DataFrame(
            {"y": y[:, kept].ravel(), "d": d[paths][:, kept].ravel(),
             "u": np.repeat(np.arange(6), len(kept)), "t": np.tile(kept, 6)}
        )  # fmt: skip
        plain = pyfixest.ssc(k_adj=False, G_adj=True)
        model = pyfixest.feols("y ~ d | u + t", data=frame, vcov={"CRV1": "u"}, ssc=plain)
        assert fit.estimate[0, a, 0] == pytest.approx(float(model.coef().iloc[0]), abs=1e-8)
        if a == 0:
            n, k = frame.height, 1 + len(kept)
            variance = float(model.se().iloc[0]) ** 2 * (n - 1) / (n - k)
            assert fit.covariance[0, 0, 0] == pytest.approx(variance, rel=1e-8)


def test_a_linear_effect_is_found_and_what_would_have_been() -> None:
    d = doses()
    rng = np.random.default_rng(3)
    without = rng.normal(size=(6, 1)) + rng.normal(size=12)
    design = replace(make_design(without + 3 * d, 7), dose=d[None])
    fit = dose.estimate(design, in_space(design, 0), {})
    assert fit.estimate[0, 0, 0] == pytest.approx(3)
    gap = (fit.observed - fit.counterfactual)[0, 0]
    np.testing.assert_allclose(gap, 3 * (d[0] - d[0, :7].mean()), atol=1e-9)
    # the order of units, and the outcome's and the dose's units of measurement
    order = [3, 0, 5, 1, 2, 4]
    again = replace(
        make_design((10 * (without + 3 * d) + 7)[order], 7, [1]), dose=2 * d[None, order]
    )
    other = dose.estimate(again, in_space(again, 0), {})
    assert other.estimate[0, 0, 0] == pytest.approx(10 * 3 / 2)
    np.testing.assert_allclose(np.sort(other.estimate[0, :, 0]), np.sort(5 * fit.estimate[0, :, 0]))


@pytest.mark.parametrize("treated", [[0], [0, 3]])
def test_acceptance_is_that_of_outcomes_less_c_per_dose(treated: list[int]) -> None:
    y, d = panel(6, 12, seed=4)[0], doses(2)
    design = replace(make_design(y, 7, treated), dose=d[None])
    assignments = in_space(design, 0)
    fit = dose.estimate(design, assignments, {})
    for c in np.linspace(-8, 8, 33):
        there = replace(make_design(y - c * d, 7, treated), dose=d[None])
        sizes = np.abs(dose.estimate(there, assignments, {}).estimate[0, :, 0])
        inside = (fit.accept_low[0, 1:, 0] <= c) & (c <= fit.accept_high[0, 1:, 0])
        clear = np.abs(sizes[1:] - sizes[0]) > 1e-9
        np.testing.assert_array_equal(inside[clear], (sizes[1:] >= sizes[0])[clear])


def test_a_dose_that_units_and_periods_explain_has_no_effect() -> None:
    flat = np.add.outer(np.arange(6.0), np.arange(12.0))
    both = np.stack([flat, np.full_like(flat, np.nan)])
    design = replace(make_design(panel(6, 12, series=2), 7), dose=both)
    assert np.isnan(dose.estimate(design, in_space(design, 0), {}).estimate).all()
    with pytest.raises(UserError, match=r"treatment\.dose"):
        dose.estimate(make_design(panel(6, 12), 7), in_space(design, 0), {})


def written(folder: Path, rows: str) -> Path:
    path = folder / "d.csv"
    path.write_text(f"kommune,fra,familie,kroner\n{rows}", encoding="utf-8")
    return path


ROWS = """\
A,2019-01-01,without_children,6000
A,2020-03-01,without_children,7000
A,2020-05-15,without_children,6500
A,2019-01-01,with_children,9000
A,2020-03-01,with_children,11000
,2018-01,,6000
,2020-04,,6100
,2018-01,with_children,9000
"""


def values(found: pl.DataFrame, unit: str, group: Group) -> list[float]:
    return found.filter(unit=unit, group=group.name)["value"].to_list()


def test_values_hold_until_the_next_and_for_units_without_their_own(tmp_path: Path) -> None:
    found = read(written(tmp_path, ROWS), ASKED, TIMING, ["A", "B"], [WITH, WITHOUT])
    assert found.schema == pl.Schema(DOSE)
    assert values(found, "A", WITHOUT) == [6000, 6000, 7000, 7000, 6500, 6500]
    assert values(found, "A", WITH) == [9000, 9000, 11000, 11000, 11000, 11000]
    assert values(found, "B", WITH) == [9000] * 6
    assert values(found, "B", WITHOUT) == [6000, 6000, 6000, 6100, 6100, 6100]
    crossed = Group((("family", "with_children"), ("origin", "other")))
    again = read(written(tmp_path, ROWS), ASKED, TIMING, ["B", "A"], [crossed])
    assert values(again, "A", crossed) == values(found, "A", WITH)


def test_a_group_without_rows_anywhere_has_no_dose(tmp_path: Path) -> None:
    rows = "".join(line + "\n" for line in ROWS.splitlines() if "_children" in line)
    rows += ",2018-01,without_children,6000\n"
    found = read(written(tmp_path, rows), ASKED, TIMING, ["A", "B"], [EVERYBODY, WITH, WITHOUT])
    assert set(found["group"]) == {WITH.name, WITHOUT.name}


@pytest.mark.parametrize(
    ("rows", "units", "expected"),
    [
        ("A,2019-13,,1\nA,2020-01,,x\n", "A", "d.csv:2: '2019-13' is not a month"),
        ("A,2019-13,,1\nA,2020-01,,x\n", "A", "d.csv:3: 'x' is not a value of the dose"),
        ("A,2019-01,,1\nA,2019-01,,2\n", "A", "d.csv:2: unit 'A' has two values"),
        ("A,2019-01,,1\n", "AB", "unit 'B' has no value of the dose for all"),
        ("A,2020-02,,1\n,2019-01,,1\n", "AB", "unit 'A' has no value of the dose for all at the"),
        ("C,2019-01,,1\n", "AB", "no unit of the reform has a value"),
    ],
)
def test_bad_files(tmp_path: Path, rows: str, units: str, expected: str) -> None:
    with pytest.raises(UserError) as caught:
        read(written(tmp_path, rows), ASKED, TIMING, list(units), [EVERYBODY])
    assert expected in str(caught.value)
    assert all(problem.fix for problem in caught.value.problems)


def test_a_column_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no column 'kronor' \(config key: treatment.dose.value\)"):
        read(written(tmp_path, ROWS), replace(ASKED, value="kronor"), TIMING, ["A"], [EVERYBODY])


def test_job_and_design(tmp_path: Path) -> None:
    """Every outcome of a group has its dose; a contrast has the difference of two."""
    roles = [("A", "treated"), ("B", "donor"), ("C", "left_out")]
    rows = [{"unit": unit, "role": role, "weight": 1.0} for unit, role in roles]
    write_table(table(rows, UNITS), tmp_path / "units.parquet", UNITS)
    spec = to_json(DoseSpec("r", TIMING, ASKED, (WITH, WITHOUT)))
    inputs = (tmp_path / "units.parquet", written(tmp_path, ROWS))
    build_dose(Call(spec, inputs, (tmp_path / "dose.parquet",)))
    found = read_table(tmp_path / "dose.parquet", DOSE)
    assert found["unit"].unique().sort().to_list() == ["A", "B"]
    pair = Contrast(WITH.name, WITHOUT.name)
    series = (
        Series("y", WITH.name, ""), Series("y", pair.name, "", pair), Series("y", "all", "")
    )  # fmt: skip
    made = make_design(np.zeros((3, 2, 6)), 2, units=["A", "B"], first=date(2020, 1, 1))
    design = with_dose(replace(made, series=series), found, ASKED.per)
    assert design.dose[0, 0].tolist() == [9, 9, 11, 11, 11, 11]
    assert design.dose[1, 0].tolist() == [3, 3, 4, 4, 4.5, 4.5]
    assert np.isnan(design.dose[2]).all()
    part = design.select(np.array([1]), np.array([0]))
    assert part.dose.shape == (1, 1, 6)


@pytest.mark.skipif("REFORMEVAL_DATA" not in os.environ, reason="needs the shared data")
def test_state_guideline_rates_by_family(tmp_path: Path) -> None:
    """The guideline's dated sets, and a city that pays 1,000 NOK more from March 2020 on."""
    file = Path(os.environ["REFORMEVAL_DATA"]) / "rates/state_guideline_rates_social_assistance.csv"
    if not file.exists():
        pytest.skip("no rates")
    rates = pl.read_csv(file).select("valid_from", "single", "couple", "child_0_5").drop_nulls()
    lines = [
        f"{unit},{start},{family},{value + more}"
        for start, single, couple, child in rates.iter_rows()
        for family, value in (("without_children", single), ("with_children", couple + child))
        for unit, more in (("", 0), ("A", 1000 if start >= "2020-03-01" else 0))
    ]
    lines += ["A,2020-03-01,without_children,7250", "A,2020-03-01,with_children,13900"]
    timing = replace(TIMING, first=date(2019, 1, 1), last=date(2022, 12, 1))
    found = read(written(tmp_path, "\n".join(lines)), ASKED, timing, ["A", "B"], [WITH, WITHOUT])
    path = values(found, "B", WITH)
    at = [periods.parse(text, "month") for text in ("2020-08", "2020-09", "2021-01")]
    assert [path[timing.periods.index(p)] for p in at] == [12900, 13200, 13650]
    gap = np.subtract(values(found, "A", WITHOUT), values(found, "B", WITHOUT))
    assert set(gap[:14]) == {0.0}
    assert set(gap[14:]) == {1000.0}


GIVEN = """\
  anticipation: 3
  dose: {file: d.csv, unit: kommune, from: fra, value: kroner, groups: {family: familie}}"""


def test_from_the_reform_file(tmp_path: Path) -> None:
    text = changed(BASE, "  anticipation: 3", GIVEN) + "  dose: {}\n"
    study = loader.load(project(tmp_path, text)).study("x")
    spec = resolve.estimate_spec(study, "dose")
    assert spec.dose == ASKED
    assert spec.unit.replace("{}", "percentage points") == "percentage points per 1,000 NOK"
    assert resolve.estimate_spec(study, "did").unit is None
    assert [g.name for g in resolve.dose_spec(study).groups][:2] == ["all", WITH.name]
    assert loader.dose_file(study, tmp_path).name == "d.csv"


@pytest.mark.parametrize(
    ("old", "new", "more", "expected"),
    [
        ("  anticipation: 3", GIVEN, "", "`treatment.dose`: no estimator uses it"),
        ("title", "title", "  dose: {}\n", "`estimators.dose` needs doses"),
        (
            "  anticipation: 3",
            GIVEN.replace("{family:", "{famly:"),
            "  dose: {}\n",
            "`treatment.dose.groups.famly`: the source has no group variable 'famly'",
        ),
    ],
)
def test_bad_doses(tmp_path: Path, old: str, new: str, more: str, expected: str) -> None:
    text = changed(BASE, old, new) if old != new else BASE
    assert any(expected in line for line in problems(tmp_path, text + more))
