"""A reform with outcomes, prices and a mapping of its own, from simulated register to checks."""

from __future__ import annotations

import shutil
from pathlib import Path

import polars as pl
import pytest
from small_project import ROOT, Project

pytestmark = pytest.mark.slow
OUTCOMES = """\
outcomes:
  full_time: {measured_in: percentage points}
  capped_real: {measured_in: NOK of 2020}
groups: [origin]
mappings: {origin: origin_eea_2008}
headline: {outcome: full_time, group: all, estimator: did}
estimators:
  did: {}
"""
DEFINED = """\
cpi: {file: cpi.csv, period: month, value: index, base: 2020}
outcomes:
  capped_real:
    expression: earnings + benefit
    kind: mean
    label: Income up to a bound, in constant prices
    deflate: true
    winsorise: {upper: 40000}
"""


def write(folder: Path) -> None:
    """The shipped reform and source, smaller and with other outcomes."""
    for name in ("sources/simulated_register.yaml", "reforms/bergen_2020.yaml"):
        (folder / "config" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "config" / name, folder / "config" / name)
    (folder / "config/config.yaml").write_text("seed: 1\n")
    source = folder / "config/sources/simulated_register.yaml"
    text = source.read_text(encoding="utf-8").replace("persons: 250000", "persons: 10000")
    source.write_text(text.replace("outcomes:\n", DEFINED, 1), encoding="utf-8")
    reform = folder / "config/reforms/bergen_2020.yaml"
    head = reform.read_text(encoding="utf-8").partition("outcomes:\n")[0]
    head = head.replace("population: {kind: prior_recipients, months: 12}", "population: residents")
    reform.write_text(head + OUTCOMES, encoding="utf-8")
    months = [f"{year}-{month:02d}" for year in range(2017, 2023) for month in range(1, 13)]
    rows = [f"{month},{100 + 0.25 * i}" for i, month in enumerate(months)]
    (folder / "data").mkdir()
    (folder / "data/cpi.csv").write_text("\n".join(["month,index", *rows]) + "\n")


def test_from_yaml_to_checks(tmp_path: Path) -> None:
    write(tmp_path)
    project = Project(tmp_path, ROOT)
    folder = tmp_path / "results/bergen_2020"
    run = project.run("results/bergen_2020/checks.parquet")
    assert run.status == 0, run.text
    panel = pl.read_parquet(folder / "panel.parquet")
    assert set(panel["group"]) == {
        "all",
        "origin=eea_plus",
        "origin=rest_of_population",
        "origin=rest_of_world",
    }
    everybody = panel.filter(pl.col("group") == "all")
    assert everybody.filter(pl.col("outcome") == "full_time")["value"].is_between(20, 90).all()
    checks = pl.read_parquet(folder / "checks.parquet")
    (said,) = checks.filter(pl.col("check") == "prices")["message"]
    assert "In prices of 2020" in said
    found = "\n".join(checks.filter(pl.col("check") == "source_data")["message"])
    assert "outcome capped_real" in found
    assert "Cut off at 40,000." in found
    assert "origin is by the mapping origin_eea_2008, version 1.0" in found

    # Another base divides every month by the same number; nothing is simulated again.
    project.edit("config/sources/simulated_register.yaml", "base: 2020", "base: 2017-01")
    plan = project.plan()
    assert "simulate_register" not in plan.rules
    assert {"check_data", "build_panel", "build_truth"} <= plan.rules
    run = project.run("results/bergen_2020/panel.parquet")
    assert run.status == 0, run.text
    real = pl.col("outcome") == "capped_real"
    key = ["unit", "period", "group"]
    ratio = (
        panel.filter(real)
        .join(pl.read_parquet(folder / "panel.parquet").filter(real), on=key)
        .select(ratio=pl.col("value") / pl.col("value_right"))["ratio"]
        .drop_nulls()
    )
    mean_2020 = 100 + 0.25 * (36 + 5.5)
    assert (ratio - mean_2020 / 100).abs().max() < 1e-12

    # A month without an index stops the run before results are touched.
    path = tmp_path / "data/cpi.csv"
    path.write_text(path.read_text().replace("2021-05,113.0\n", ""))
    run = project.run("results/bergen_2020/panel.parquet")
    assert run.status != 0
    assert "no value for 2021-05" in run.text
    assert (folder / "panel.parquet").is_file()
