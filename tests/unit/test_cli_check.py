"""`reformeval list` and `reformeval check`: what they say, and how they end."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from reformeval.cli import app

ROOT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "config", tmp_path / "config")
    return tmp_path


def run(*arguments: str | Path) -> tuple[int, str]:
    done = CliRunner().invoke(app, [str(a) for a in arguments])
    return done.exit_code, done.output


def test_list_says_what_is_there(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REFORMEVAL_DATA", raising=False)
    (project / "data/prop99").mkdir(parents=True)
    (project / "data/prop99/california_prop99.csv").write_text("x")
    status, said = run("list", "-d", project)
    assert status == 0
    assert "source simulated_register: made by the program" in said
    assert "california_prop99.csv is there" in said
    assert "arbeidsledighet.csv is not there; get it from: the statistics pages" in said
    assert "1989  California taxes" in said


def test_list_shows_the_rest_beside_faults(project: Path) -> None:
    (project / "config/reforms/broken.yaml").write_text("title: [\n")
    status, said = run("list", "-d", project)
    assert status == 1
    assert "bergen_2020" in said
    assert "config/reforms/broken.yaml:2: this is not valid YAML" in said


def test_check_goes_on_without_data(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REFORMEVAL_DATA", str(project / "nowhere"))
    status, said = run("check", "-d", project)
    assert status == 0
    assert said.count("is not there; get it from:") == 4
    assert "bergen_2020: config is right" in said
    assert said.endswith("No problems.\n")


def test_check_real_data(project: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REFORMEVAL_DATA", str(data_dir))
    status, said = run("check", "-d", project)
    assert status == 0, said
    assert "california_1989: right. 1 treated, 38 donors, 1970 to 2000, adopted 1989" in said
    assert "finnmark_kindergarten_2023: right. 1 treated, 13 donors, 2022-01 to 2026-01" in said
    assert "neuchatel_2002: right. 1 treated, 18 donors, 1993-01 to 2009-12" in said


def test_check_names_the_line_of_a_unit_that_the_data_lacks(
    project: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REFORMEVAL_DATA", str(data_dir))
    path = project / "config/reforms/california_1989.yaml"
    text = path.read_text().replace("[California]", "[Californa]")
    path.write_text(text)
    line = next(i for i, row in enumerate(text.splitlines(), 1) if "Californa" in row)
    status, said = run("check", "california_1989", "-d", project)
    assert status == 1
    assert f"config/reforms/california_1989.yaml:{line}: `treatment.units`" in said
    assert "did you mean 'California'?" in said
    assert said.endswith("1 problem\n")


SOURCE = """\
kind: table
title: T
frequency: year
obtain: nowhere
file: t.csv
unit: {column: unit}
period: {column: year}
outcomes:
  rate: {column: rates, kind: rate}
"""
REFORM = """\
title: T
source: s
window: {from: 2000, to: 2009}
treatment: {units: [A], steps: [{id: start, from: 2006}]}
outcomes: {rate: {measured_in: per cent}}
headline: {outcome: rate, estimator: did}
estimators:
  did: {}
"""


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose source names a column wrongly."""
    monkeypatch.delenv("REFORMEVAL_DATA", raising=False)
    for folder, name, text in (("sources", "s", SOURCE), ("reforms", "r", REFORM)):
        (tmp_path / "config" / folder).mkdir(parents=True)
        (tmp_path / f"config/{folder}/{name}.yaml").write_text(text)
    (tmp_path / "config/config.yaml").write_text("data_dir: .\n")
    rows = [f"{u},{2000 + t},{u == 'B'}.{t}" for u in "ABC" for t in range(10)]
    (tmp_path / "t.csv").write_text("\n".join(["unit,year,rate", *rows]) + "\n")
    return tmp_path


def test_check_names_the_line_of_a_column_that_the_data_lacks(small: Path) -> None:
    status, said = run("check", "-d", small)
    assert status == 1
    assert "no column 'rates' (config key: outcomes.rate.column, config/sources/s.yaml:9)" in said


def test_check_looks_at_no_data_while_settings_have_faults(small: Path) -> None:
    (small / "config/config.yaml").write_text("datadir: .\n")
    status, said = run("check", "-d", small)
    assert status == 1
    assert "config/config.yaml:1: unknown key `datadir`" in said
    assert "no data checked: config/config.yaml has faults" in said
    assert said.endswith("1 problem\n")


def test_list_shows_a_reform_with_faults(small: Path) -> None:
    (small / "config/reforms/r.yaml").write_text(REFORM.replace("[A]", "[FILL IN]"))
    status, said = run("list", "-d", small)
    assert status == 1
    assert "  r  has faults, see below\n" in said
    assert "none; start one" not in said
    assert "Sources without a reform" not in said


def test_weights_and_holdout_are_settled_before_any_run(small: Path) -> None:
    text = REFORM.replace(
        "did: {}", "did: {weights: persons_pre}\n  synthetic_control: {holdout: 6}"
    )
    (small / "config/reforms/r.yaml").write_text(text)
    status, said = run("check", "-d", small)
    assert status == 1
    assert "r.yaml:8: `estimators.did.weights`: persons_pre needs counts of persons" in said
    assert "r.yaml:9: `estimators.synthetic_control.holdout`: 6 leaves none of the 6 per" in said


def test_check_of_an_unknown_reform(project: Path) -> None:
    status, said = run("check", "bergen_2021", "-d", project)
    assert status == 1
    assert "there is no reform 'bergen_2021'" in said
    assert "did you mean 'bergen_2020'?" in said


def test_check_outside_a_project(tmp_path: Path) -> None:
    status, said = run("check", "-d", tmp_path)
    assert status == 1
    assert "config/config.yaml: there is no such file here" in said


def test_errors_come_without_traceback(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "reformeval.cli", "new", "mine", "--data", "nothing.csv"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == "nothing.csv: there is no such file\n    fix: correct --data\n"


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys, reformeval.cli;"
        "print([m for m in ('polars', 'numpy', 'pydantic', 'yaml') if m in sys.modules])"
    )
    started = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert time.perf_counter() - started < 5
