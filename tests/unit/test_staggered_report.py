"""A staggered reform from its table to effects, checks, figures and tables, in one process."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from reformeval import assessment, fit_files
from reformeval.artefacts import CHECKS, EFFECTS, PANEL, UNITS, write_table
from reformeval.assignments import in_space
from reformeval.config import loader, resolve
from reformeval.design import from_panel
from reformeval.estimators import _discover
from reformeval.figures import style
from reformeval.figures.draw import KINDS
from reformeval.figures.plan import planned
from reformeval.jobs._source import PanelJob, SourceSlice, with_adopted
from reformeval.jobs.check_data import build
from reformeval.report import words
from reformeval.report.results import Results, read
from reformeval.tables.write import build_tables

SOURCE = """\
kind: table
title: Rates of towns
frequency: year
obtain: made by the tests
file: towns.csv
unit: {column: town}
period: {column: year}
outcomes:
  rate: {column: rate, kind: rate}
"""
REFORM = """\
title: Towns adopt one after another
source: towns
window: {from: 2001, to: 2010}
treatment:
  adoption: {column: first, never: ["0"]}
  anticipation: 1
comparison: not_yet_treated
outcomes:
  rate: {measured_in: per cent}
headline: {outcome: rate, estimator: callaway_santanna}
estimators:
  callaway_santanna: {}
  imputation: {}
  synthetic_did: {donors: never_treated}
"""
FIRST = [2004, 2006, 2006, 2007, 2001, 2015, *([0] * 14)]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    folder = tmp_path_factory.mktemp("project")
    rng = np.random.default_rng(1)
    rows = ["town,year,first,rate"]
    for i, first in enumerate(FIRST):
        for year in range(2001, 2011):
            effect = 5.0 if first and year >= first else 0.0
            rate = 10 + i + 0.5 * year % 3 + rng.normal() * 0.3 + effect
            rows.append(f"T{i:02d},{year},{first},{rate:.4f}")
    for name, text in {
        "config/config.yaml": "reforms: all\n",
        "config/sources/towns.yaml": SOURCE,
        "config/reforms/x.yaml": REFORM,
        "data/towns.csv": "\n".join(rows) + "\n",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("REFORMEVAL_DATA", raising=False)
        return _run(folder)


def _run(folder: Path) -> Results:
    study = loader.load(folder).study("x")
    inputs = [folder / "data/towns.csv"]
    source = SourceSlice("table", study.source.model_dump(mode="json", by_alias=True))
    job = PanelJob(source, resolve.panel_spec(study))
    made = build(PanelJob(source, with_adopted(job, inputs)), *inputs)
    spec, out = resolve.assess_spec(study), folder / "results/x"
    write_table(made.panel, out / "panel.parquet", PANEL)
    write_table(made.units, out / "units.parquet", UNITS)
    for one in spec.estimators:
        design = from_panel(made.panel, made.units, one.timing, one.outcomes, one.groups)
        rows = in_space(design, one.seed)
        fit = _discover.load(one.method).estimate(design, rows, one.options)
        fit_files.write(fit, design, out / "estimates" / one.label)
    effects, checks = assessment.assess(spec, made.panel, made.units, None, out / "estimates")
    write_table(effects, out / "effects.parquet", EFFECTS)
    write_table(checks, out / "checks.parquet", CHECKS)
    return read(out, resolve.report_spec(study))


def test_effects(results: Results) -> None:
    own = results.effects.filter(pl.col("alternative") == "two-sided", band="pointwise")
    assert set(own["estimand"]) == {"att", "event", "cohort", "catt"}
    headline = results.headline
    assert headline is not None
    assert headline["inference"] == "permutation", "four treated units"
    assert headline["estimate"] == pytest.approx(5, abs=0.5)
    assert headline["ci_low"] < 5 < headline["ci_high"]
    cluster = own.filter(inference="cluster", estimand="cohort")
    assert set(cluster["status"]) == {"refused"}
    assert cluster["reason"].str.contains("treated unit").all()
    at_reference = own.filter(inference="permutation", estimand="event", event_time=-2)
    assert "the reference" in at_reference.filter(estimator="callaway_santanna")["reason"][0]
    cohorts = own.filter(inference="permutation", estimand="cohort", estimator="imputation")
    assert dict(cohorts.select(pl.col("cohort").dt.year(), "n_treated").iter_rows()) == {
        2004: 1, 2006: 2, 2007: 1,
    }  # fmt: skip


def test_synthetic_did_by_cohort(results: Results) -> None:
    own = results.effects.filter(
        pl.col("alternative") == "two-sided", estimator="synthetic_did", inference="permutation"
    )
    assert own["estimand"].to_list() == ["att", "cohort", "cohort", "cohort"]
    assert own["estimate"].to_list() == pytest.approx([5.0] * 4, abs=0.6)
    assert own["n_treated"].to_list() == [4, 1, 2, 1]
    assert ((own["ci_low"] < own["estimate"]) & (own["estimate"] < own["ci_high"])).all()
    assert np.isfinite(own["ci_high"][0])


def test_checks_and_units(results: Results) -> None:
    reasons = dict(results.units.select("unit", "reason").iter_rows())
    assert "always treated" in reasons["T04"]
    assert reasons["T05"] is None, "adopts after the window: a donor"
    support = results.checks.filter(check="cohorts")
    assert support["verdict"].to_list() == ["warn"] * 3
    assert "15 donors never adopt, and 3 to 0 others have not adopted yet" in support["message"][0]
    bacon = results.checks.filter(check="goodman_bacon", statistic="forbidden_weight")
    assert 0 < bacon["value"][0] < 1
    choices = results.checks.filter(check="choices")
    assert choices["estimator"].to_list() == ["callaway_santanna", "imputation", "synthetic_did"]
    assert "event time −2" in choices["message"][0]
    assert "weighted periods up to event time −2" in choices["message"][2]


def test_tables_words_and_figures(results: Results) -> None:
    tables = build_tables(results)
    assert {"effects_rate", "cohorts_rate", "support"} <= set(tables)
    assert [line.cells["cohort"] for line in tables["cohorts_rate"].lines] == 3 * [
        "2004", "2006", "2007",
    ]  # fmt: skip
    # in 2006 the adopter of 2007 is in its anticipation already
    assert tables["support"].data.filter(event_time=0)["not_yet"].to_list() == [3, 0, 0]
    said = words.headline(results)
    assert "4 treated units" in said.lead
    assert "since each adopted (2004 to 2007)" in said.lead
    kinds = [figure.kind for figure in planned(results.spec)]
    assert kinds.count("event_study") == 2
    for figure in planned(results.spec):
        with style.context():
            assert KINDS[figure.kind](results, figure).axes
