"""`reformeval geography`, and a reform on another territory year from config to panel."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from reformeval.cli import app
from reformeval.config import resolve
from reformeval.config.loader import load, load_leniently
from reformeval.spec import Geography, PanelSpec, from_json, to_json
from tests.geography_helpers import KLASS, write_csv

ROOT = Path(__file__).parents[2]
SOURCE = """\
kind: table
title: Towns
frequency: year
obtain: the tests
file: towns.csv
geography: {as_of: period}
unit: {column: town}
period: {column: year}
outcomes:
  jobs: {column: jobs, kind: rate, persons: people}
"""
REFORM = """\
title: A reform
source: towns
geography: 2020
window: {from: 2015, to: 2022}
treatment:
  units: [A]
  steps: [{id: start, from: 2021}]
comparison: all
outcomes:
  jobs: {measured_in: per 1000}
headline: {outcome: jobs, group: all, estimator: did}
estimators: {did: {}}
"""


def run(*arguments: str | Path) -> tuple[int, str]:
    done = CliRunner().invoke(app, [str(a) for a in arguments])
    return done.exit_code, done.output + (str(done.exception) if done.exception else "")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("REFORMEVAL_DATA", raising=False)
    files = {
        "config/config.yaml": "geography_file: made_vertices.csv\n",
        "config/sources/towns.yaml": SOURCE,
        "config/reforms/towns.yaml": REFORM,
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "data").mkdir()
    write_csv(tmp_path / "data")
    rows = ["town,year,jobs,people"]
    for year in range(2015, 2023):
        for i, town in enumerate("ABCHN" if year < 2020 else "ADHN"):
            rows.append(f"{town},{year},{20 + i + (year * (i + 2)) % 5},{100 + i}")
    (tmp_path / "data/towns.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return tmp_path


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_bergen(data_dir: Path, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "config", tmp_path / "config")
    file = data_dir / KLASS
    status, said = run(
        "geography", "bergen_2020", "--from", 2017, "--to", 2022, "--file", file, "-d", tmp_path
    )
    assert status == 0
    lines = said.splitlines()
    assert lines[1:] == [
        "bergen_2020: 4601 from 2017 to 2022; territories of 2020",
        "  2020-01-01  code change  1201 Bergen -> 4601 Bergen",
        "                           on 2020 mapped to 4601",
        "  donors are the 24 largest others: see their changes with --all",
    ]


def test_all_units_with_the_choices(data_dir: Path) -> None:
    status, said = run(
        "geography", "--all", "--from", 2017, "--to", 2024, "--year", 2024, "--file",
        data_dir / KLASS,
    )  # fmt: skip
    assert status == 0
    assert "2024-01-01  split        1507 Ålesund -> 1508 Ålesund + 1580 Haram" in said
    assert "same code, other territory: 5001" in said
    assert (
        "on 2024, 1507 Ålesund is known only in parts: the run stops, or with "
        "splits: common they are one unit, 1508+1580" in said
    )


def test_units_of_a_reform(project: Path) -> None:
    status, said = run("geography", "-d", project, "--from", 2015, "--to", 2022)
    assert status == 0
    assert "  2020-01-01  merger  A Town A + B Town B -> A Town A" in said
    assert "same code, other territory: A" in said
    status, said = run("geography", "town", "-d", project)
    assert status == 1
    assert "did you mean 'towns'?" in said
    assert run("geography", "-d", project, "--from", 2022, "--to", 2015)[0] == 1


def test_check_builds_the_panel_on_the_territory_year(project: Path) -> None:
    status, said = run("check", "-d", project)
    assert (status, "1 treated, 3 donors, 2015 to 2022" in said) == (0, True), said
    spec = resolve.panel_spec(load(project).study("towns"))
    assert spec.geography == Geography(2020, None, "stop", {"9999": "unknown"}, "made_vertices.csv")
    assert from_json(PanelSpec, to_json(spec)) == spec
    edit(project / "data/towns.csv", "D,2021", "C,2021")
    status, said = run("check", "-d", project)
    assert status == 1
    assert "holds C (1 cell, 2021): C Town C ended on 2020-01-01 and became D Town D" in said


def test_without_the_classification_the_reform_is_left_out(project: Path) -> None:
    (project / "data/made_edges.csv").unlink()
    from reformeval.config.loader import left_out

    assert "get it with: reformeval geography --fetch" in left_out(load(project))["towns"]


def test_config_says_the_territory_year(project: Path) -> None:
    edit(project / "config/reforms/towns.yaml", "geography: 2020\n", "")
    (problem,) = load_leniently(project)[1]
    assert problem.message.startswith("`geography` is missing: the source's unit codes are of")
    edit(
        project / "config/reforms/towns.yaml",
        "window:",
        "geography: {year: 2020, split: x}\nwindow:",
    )
    told = "\n".join(map(str, load_leniently(project)[1]))
    assert "unknown key `geography.split`" in told
    assert "did you mean 'splits'?" in told


def test_a_simulated_register_stays_on_its_year(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "config", tmp_path / "config")
    source = tmp_path / "config/sources/simulated_register.yaml"
    edit(source, "geography: 2020 ", "geography: 2019 ")
    problems = load_leniently(tmp_path)[1]
    assert any("a simulated register is not put on others" in str(p) for p in problems)
