"""From raw register files to reports: the same panel as without the detour, and what stops it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from raw_project import LINKED, REFORM
from small_project import Project, copied

pytestmark = pytest.mark.slow


@pytest.fixture
def project(linked_once: Project, tmp_path: Path) -> Iterator[Project]:
    """A copy of the finished project that a test may edit."""
    with copied(linked_once, tmp_path) as project:
        yield project


def _results(project: Project, reform: str, name: str) -> pl.DataFrame:
    return pl.read_parquet(project.folder / "results" / reform / name)


def test_raw_files_give_the_panel_of_the_register(linked_once: Project) -> None:
    direct, linked = (
        _results(linked_once, reform, "panel.parquet") for reform in ("direct", "linked")
    )
    assert direct.height > 0
    assert direct["value"].null_count() < direct.height / 4
    assert linked.equals(direct)
    effects = [
        _results(linked_once, reform, "effects.parquet").drop("reform", "truth")
        for reform in ("direct", "linked")
    ]
    assert effects[0].equals(effects[1])
    assert (linked_once.folder / "results/linked/report.html").stat().st_size > 10_000


def test_what_linking_found_is_told_and_names_nobody(linked_once: Project) -> None:
    checks = _results(linked_once, "linked", "checks.parquet").filter(
        pl.col("check") == "source_data"
    )
    told = "\n".join(checks["message"])
    assert "the municipality that a person lives in on the first day of the month" in told
    assert "earnings.not_in_population" in checks["statistic"].to_list()
    assert _results(linked_once, "direct", "checks.parquet").filter(
        pl.col("statistic") == "earnings.not_in_population"
    ).is_empty()  # fmt: skip
    flow = pl.read_csv(linked_once.folder / "results/linked/sample_flow.csv")
    assert {"assistance", "earnings"} <= set(flow["population"])
    ids = set(
        pl.read_csv(
            linked_once.folder / "restricted/simulated/raw/population/snapshot_2019.csv",
            separator=";",
            infer_schema=False,
        )["person"]
    )
    assert len(next(iter(ids))) == 11
    readable = [
        path
        for folder in ("results", "logs", ".reformeval")
        for path in (linked_once.folder / folder).rglob("*")
        if path.suffix in {".csv", ".log", ".json", ".html", ".tsv"}
    ]
    assert readable
    for path in readable:
        text = path.read_text(encoding="utf-8", errors="replace")
        assert not [one for one in ids if one in text], path
    # Nor does any file of the register that is linked.
    for path in (linked_once.folder / "restricted/linked").rglob("*.parquet"):
        columns = pl.read_parquet_schema(path)
        assert columns.get("person", pl.Int64) == pl.Int64, path


def test_nothing_reruns_and_a_change_reruns_what_it_concerns(project: Project) -> None:
    assert project.plan().jobs == set()
    project.append_program("register/link.py", "\n_EDITED = 1\n")
    rules = project.plan().rules
    assert "link_register" in rules
    assert not {"split_register", "write_raw_forms", "simulate_register"} & rules
    shutil.copy(
        Path(__file__).parents[2] / "src/reformeval/register/link.py",
        project.program / "src/reformeval/register/link.py",
    )
    project.append_program("figures/style.py", "\n_EDITED = 1\n")
    assert not {"link_register", "split_register", "check_data"} & project.plan().rules


def test_a_choice_reruns_linking_and_a_word_does_not(project: Project) -> None:
    project.edit("config/sources/linked.yaml", "Trondheim", "Trondhjem")
    assert not {"link_register", "split_register"} & project.plan().rules
    project.edit("config/sources/linked.yaml", "residence: monthly", "employed: any_job")
    rules = project.plan().rules
    assert {"link_register", "count_cells"} <= rules
    assert "simulate_register" not in rules


def _own_files(project: Project) -> None:
    """Let the linked reform read its files from the data folder, as a researcher's own."""
    shutil.copytree(project.folder / "restricted/simulated/raw", project.folder / "data")
    (project.folder / "config/sources/own.yaml").write_text(LINKED)
    (project.folder / "config/reforms/own.yaml").write_text(REFORM.replace("SOURCE", "own"))


def test_a_researchers_own_files(project: Project) -> None:
    _own_files(project)
    run = project.run("results/own/report.html")
    assert run.status == 0, run.text
    own, direct = (_results(project, reform, "panel.parquet") for reform in ("own", "direct"))
    assert own.equals(direct)
    hashes = json.loads((project.folder / ".reformeval/checked/own/data.json").read_text())
    assert {"kostra/11f_2019.dat", "population/exits.csv", "register/1-of-3.parquet"} <= set(hashes)
    assert project.run("--dry-run", "results/own/report.html").jobs == set()
    # A file that is not there any more, and one that is replaced by an older one.
    jobs = project.folder / "data/earnings/jobs_2019.csv"
    text = jobs.read_text()
    jobs.unlink()
    told = [line for line in project.plan().text.splitlines() if "own left out" in line]
    assert len(told) == 1
    assert "jobs_2019.csv is not there" in told[0]
    jobs.write_text(text.replace(";37", ";36"))
    os.utime(jobs, (0, 0))
    assert {"split_register", "link_register"} <= project.plan().rules


@pytest.mark.parametrize(
    ("name", "old", "new", "told"),
    [
        ("population/snapshot_2019.csv", ";4601;", ";4699;", "unknown municipality codes"),
        ("earnings/jobs_2019.csv", ";201903;", ";201913;", "201913"),
        ("population/exits.csv", ";emigration", ";holiday", "holiday"),
    ],
)
def test_bad_files_stop_and_leave_nothing_that_looks_complete(
    project: Project, name: str, old: str, new: str, told: str
) -> None:
    _own_files(project)
    path = project.folder / "data" / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    before = project.results()
    run = project.run("results/own/report.html")
    assert run.status != 0
    assert told in run.text
    assert Path(name).name in run.text
    assert "Traceback" not in run.text
    assert not (project.folder / "restricted/own/forms").exists()
    assert project.results() == before


def test_a_killed_split_is_done_again(project: Project) -> None:
    _own_files(project)
    command = [sys.executable, "-m", "snakemake", "-s", str(project.program / "Snakefile")]
    target = "results/own/panel.parquet"
    run = subprocess.Popen(
        [*command, "-d", str(project.folder), "--cores", "2", target],
        env={**os.environ, "PYTHONPATH": str(project.program / "src"), "REFORMEVAL_DATA": ""},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    restricted = project.folder / "restricted/own"
    for _ in range(600):
        if list(restricted.glob(".forms.*/*")):
            break
        time.sleep(0.1)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    assert list(restricted.glob(".forms.*"))
    assert not (restricted / "forms").exists()
    project.run("--unlock")
    done = project.run(target)
    assert done.status == 0, done.text
    assert not list(restricted.glob(".forms.*"))
    own, direct = (_results(project, reform, "panel.parquet") for reform in ("own", "direct"))
    assert own.equals(direct)
