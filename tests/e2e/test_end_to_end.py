"""From an empty folder with config to reports, twice, on a tiny simulated register."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from reformeval import artefacts

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
LABELS = ("did", "event_study", "person_event_study", "synthetic_control", "synthetic_did")


def write_project(folder: Path) -> None:
    """Write the shipped example, with few persons, five cities and two outcomes."""
    source = shipped("sources/simulated_register.yaml")
    cities = source["cities"]
    source["persons"] = 6000
    source["cities"] = {code: cities[code] for code in sorted(cities)[:5]} | {
        "4601": cities["4601"]
    }
    reform = shipped("reforms/bergen_2020.yaml")
    reform["window"] = {"from": "2019-01", "to": "2021-06", "drop": ["2020-12"]}
    reform["comparison"] = "all"
    reform["outcomes"] = {n: reform["outcomes"][n] for n in ("employed", "recipients_per_1000")}
    reform["groups"] = ["family"]
    reform["estimators"] = {label: {} for label in LABELS}
    settings = {"seed": 7, "buckets": 2, "disclosure": {"min_persons": 5}}
    for name, content in {
        "config.yaml": settings,
        "sources/simulated_register.yaml": source,
        "reforms/bergen_2020.yaml": reform,
    }.items():
        path = folder / "config" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(content, sort_keys=False))


def shipped(name: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((ROOT / "config" / name).read_text())
    return content


def start(folder: Path, hash_seed: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "snakemake", "-s", str(ROOT / "Snakefile"), "-d", str(folder)]
    return subprocess.Popen(
        [*command, "--cores", "1"],
        env={**os.environ, "PYTHONHASHSEED": str(hash_seed)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture(scope="module")
def twice(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two folders with the same config, each run once, under different hash seeds."""
    folders = tmp_path_factory.mktemp("first"), tmp_path_factory.mktemp("second")
    for folder in folders:
        write_project(folder)
    runs = [start(folder, seed) for seed, folder in enumerate(folders)]
    for run in runs:
        said, _ = run.communicate(timeout=900)
        assert run.returncode == 0, said
    return folders


def test_every_result_is_there(twice: tuple[Path, Path]) -> None:
    results = twice[0] / "results"
    reform = results / "bergen_2020"
    assert (results / "index.html").stat().st_size > 1000
    assert "bergen_2020/report.html" in (results / "index.html").read_text()
    assert "Bergen" in (reform / "report.html").read_text()
    for name, schema in {
        "panel": artefacts.PANEL,
        "units": artefacts.UNITS,
        "truth": artefacts.TRUTH,
        "effects": artefacts.EFFECTS,
        "checks": artefacts.CHECKS,
        **{f"estimates/{label}/paths": artefacts.PATHS for label in LABELS},
        **{f"estimates/{label}/draws": artefacts.DRAWS for label in LABELS},
    }.items():
        assert not artefacts.read_table(reform / f"{name}.parquet", schema).is_empty(), name
    assert {path.suffix for path in (reform / "figures").glob("[a-z]*")} == {".png", ".pdf"}
    tables = {path.suffix for path in (reform / "tables").glob("[a-z]*")}
    assert tables == {".csv", ".html", ".tex"}


def test_the_headline_is_there_with_an_interval(twice: tuple[Path, Path]) -> None:
    effects = pl.read_parquet(twice[0] / "results/bergen_2020/effects.parquet")
    headline = effects.filter("is_headline")
    assert headline.height == 1
    row = headline.row(0, named=True)
    assert row["ci_low"] < row["estimate"] < row["ci_high"]
    assert row["truth"] is not None
    assert set(effects["estimator"]) == set(LABELS)


def test_person_effects_are_estimated_where_persons_are_followed(twice: tuple[Path, Path]) -> None:
    effects = pl.read_parquet(twice[0] / "results/bergen_2020/effects.parquet")
    att = effects.filter(estimand="att", inference="permutation", alternative="two-sided")
    rows = att.filter(estimator="person_event_study")
    assert rows.height == att.filter(estimator="event_study").height
    others = rows.filter(pl.col("outcome") == "recipients_per_1000")
    assert set(others["status"]) == {"refused"}
    assert others["reason"].str.contains("same persons before and after").all()
    key = ["outcome", "group"]
    own = rows.filter(outcome="employed").join(att.filter(estimator="event_study"), on=key)
    assert own["estimate"].is_not_null().all()
    # few leave the register in these 30 months, so that the two differ by little
    gap = (own["estimate"] - own["estimate_right"]).abs()
    assert (gap < own["std_error_right"]).all()
    assert (gap > 0).all()


def test_persons_stay_out_of_the_results(twice: tuple[Path, Path]) -> None:
    for path in (twice[0] / "results").rglob("*.parquet"):
        assert "person" not in pl.read_parquet_schema(path), path
    register = twice[0] / "restricted/simulated_register/register"
    assert {path.name for path in register.iterdir()} == {"1-of-2.parquet", "2-of-2.parquet"}


def test_provenance_holds_the_hash_of_every_output(twice: tuple[Path, Path]) -> None:
    folder = twice[0] / "results/bergen_2020"
    record = json.loads((folder / "provenance.json").read_text())
    files = {
        p.relative_to(twice[0]).as_posix(): p
        for p in folder.rglob("*")
        if p.is_file() and p.name[0] != "."
    }
    del files["results/bergen_2020/provenance.json"]
    assert record["outputs"].keys() == files.keys()
    for name, path in files.items():
        assert record["outputs"][name] == hashlib.sha256(path.read_bytes()).hexdigest()
    jobs = {job["job"] for job in record["jobs"]}
    assert {"simulate_register", "check_register.1-of-2", "check_data"} <= jobs
    assert {"count_cells.simulated_register.2-of-2", "estimate_effects.did"} <= jobs
    assert record["inputs"].keys() == {"register/1-of-2.parquet", "register/2-of-2.parquet"}
    assert record["seed"] == 7


def test_a_second_run_has_nothing_to_do(twice: tuple[Path, Path]) -> None:
    run = start(twice[0], 0)
    said, _ = run.communicate(timeout=60)
    assert run.returncode == 0
    assert "Nothing to be done" in said


def test_another_folder_and_hash_seed_give_the_same_bytes(twice: tuple[Path, Path]) -> None:
    first, second = (
        {
            path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for part in ("results", "restricted", ".reformeval")
            for path in (folder / part).rglob("*")
            if path.is_file() and path.name != "provenance.json"
        }
        for folder in twice
    )
    assert len(first) > 40
    assert {name for name in first if first[name] != second.get(name)} == set()
    assert first.keys() == second.keys()
