"""Two tables in one reform, through Snakemake: files, reruns, and what the results say of both."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from small_project import ROOT, Project

from reformeval.config import loader
from reformeval.provenance import sha256
from tests.several_helpers import LACKING, write_project

pytestmark = pytest.mark.slow


def test_two_tables_to_report(tmp_path: Path) -> None:
    project = Project(write_project(tmp_path), ROOT)
    run = project.run()
    assert run.status == 0, run.text
    folder = tmp_path / "results/towns"
    report = (folder / "report.html").read_text(encoding="utf-8")
    for words in (
        "Source: Made-up job seekers.",
        "Source of Job seekers; Births per 1000: Made-up people.",
        "The data: the registry.",
        "Licence: free of charge.",
        "Job seekers are counted in spring.",
        "People are counted in autumn.",
    ):
        assert words in report
    inputs = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))["inputs"]
    files = {name: sha256(tmp_path / "data" / name) for name in ("seekers.csv", "people.csv")}
    assert inputs == files
    assert all(digest in report for digest in files.values())

    effects = pl.read_parquet(folder / "effects.parquet")
    assert effects.filter("is_headline")["outcome"].to_list() == ["seekers"]
    series = set(effects.select("outcome", "group").unique().iter_rows())
    assert {group for outcome, group in series if outcome == "rate"} == {
        "all", "sex=women", "sex=men"
    }  # fmt: skip
    assert {group for outcome, group in series if outcome != "rate"} == {"all"}
    donors = dict(effects.select("outcome", "n_donors").iter_rows())
    assert donors == {"rate": 7, "seekers": 6, "births": 6}
    checks = pl.read_parquet(folder / "checks.parquet").filter(check="source_data")
    told = dict(checks.select("message", "verdict").iter_rows())
    absent = next(one for one in told if "without rows in it" in one)
    assert LACKING in absent
    assert told[absent] == "warn"
    assert told[next(one for one in told if "births is not there for sex=women" in one)] == "info"

    assert project.plan().jobs == set()
    project.edit("data/people.csv", "01,2010,1020,", "01,2010,1021,")
    assert "check_data:towns" in project.plan().jobs
    (tmp_path / "data/people.csv").unlink()
    plan = project.run("--dry-run")
    assert "towns left out: " in plan.text
    assert "get it from: the registry" in plan.text


COUNTED = """\
outcomes:
  employed: {measured_in: percentage points}
  recipients:
    population: residents
    per: {outcome: people, source: towns, times: 1000}
    measured_in: per 1000 people
  crowd: {source: towns, of: people, scale: pre_mean, measured_in: per cent of the mean before}
groups: [family]
headline: {outcome: employed, group: all, estimator: did}
estimators: {did: {}}
"""
TOWNS = """\
kind: table
title: Made-up people of towns
frequency: month
obtain: it is made by the tests
file: summary/towns.parquet
unit: {column: town}
period: {column: month}
outcomes:
  people: {column: people, kind: count, label: People}
"""


ALONE = """\
outcomes:
  employed: {measured_in: percentage points}
  recipients: {population: residents, measured_in: persons}
groups: [family]
headline: {outcome: employed, group: all, estimator: did}
estimators:
  did: {outcomes: [employed]}
  poisson: {method: poisson_did, outcomes: [recipients]}
"""


def people_of(unit: str, period: date) -> int:
    """People of a town, whatever they are."""
    return 1000 + int(unit) % 97 + period.month % 5 * (int(unit) % 7)


def write_beside_a_register(folder: Path) -> None:
    """Two reforms on one register: `both` also has a table's outcomes, `alone` does not."""
    text = (ROOT / "config/reforms/bergen_2020.yaml").read_text(encoding="utf-8")
    head = text.partition("outcomes:\n")[0]
    source = (ROOT / "config/sources/simulated_register.yaml").read_text(encoding="utf-8")
    for name, content in {
        "config.yaml": "seed: 1\nbuckets: 2\n",
        "sources/simulated_register.yaml": source.replace("persons: 250000", "persons: 10000"),
        "sources/towns.yaml": TOWNS,
        "reforms/both.yaml": head + COUNTED,
        "reforms/alone.yaml": head + ALONE,
    }.items():
        path = folder / "config" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    units = loader.load(folder).sources["simulated_register"].unit_labels() or {}
    months = [date(year, month, 1) for year in range(2017, 2023) for month in range(1, 13)]
    rows = [(unit, month, people_of(unit, month)) for unit in units for month in months]
    # in a folder that has the name of one with summaries of buckets
    (folder / "data/summary").mkdir(parents=True)
    columns = ["town", "month", "people"]
    pl.DataFrame(rows, columns, orient="row").write_parquet(folder / "data/summary/towns.parquet")


def test_a_table_beside_a_register(tmp_path: Path) -> None:
    """Persons are counted of the register alone; cells of both stand in one panel."""
    write_beside_a_register(tmp_path)
    project = Project(tmp_path, ROOT)
    run = project.run("results/both/checks.parquet", "results/alone/panel.parquet")
    assert run.status == 0, run.text
    both, alone = (
        pl.read_parquet(tmp_path / f"results/{name}/panel.parquet") for name in ("both", "alone")
    )
    employed = pl.col("outcome") == "employed"
    assert both.filter(employed).equals(alone.filter(employed))
    count = pl.col("outcome") == "recipients"
    assert set(both.filter(count)["group"]) == {"all"}
    key = ["unit", "period", "group"]
    pairs = both.filter(count).join(alone.filter(count), on=key).drop_nulls("value_right")
    assert pairs.height > 1000
    for unit, period, found, persons in pairs.select(*key[:2], "value", "value_right").iter_rows():
        assert abs(found - 1000 * persons / people_of(unit, period)) < 1e-9
    assert dict(both.select("outcome", "population").unique().iter_rows()) == {
        "employed": "prior_recipients", "recipients": "residents", "crowd": "as_published"
    }  # fmt: skip
    effects = pl.read_parquet(tmp_path / "results/both/effects.parquet")
    assert set(effects.filter(pl.col("truth").is_not_null())["outcome"]) == {"employed"}
    hashes = json.loads((tmp_path / ".reformeval/checked/both/data.json").read_text())
    assert sha256(tmp_path / "data/summary/towns.parquet") == hashes["towns.parquet"]
