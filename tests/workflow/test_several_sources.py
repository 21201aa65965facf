"""Two tables in one reform, through Snakemake: files, reruns, and what the results say of both."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from small_project import ROOT, Project

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
