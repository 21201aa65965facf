"""A run that is killed leaves nothing half-written, and the next one finishes it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest
from small_project import Project, write_project

from reformeval.artefacts import UNITS, table, write_table

WRITER = """
import sys, time
from pathlib import Path
from reformeval.artefacts import atomically

def write(path):
    path.write_bytes(b"half")
    print("writing", flush=True)
    time.sleep(60)

atomically(Path(sys.argv[1]), write)
"""


def test_a_killed_writer_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "units.parquet"
    write_table(table([{"unit": "a"}], UNITS), path, UNITS)
    before = path.read_bytes()
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        writer.send_signal(signal.SIGKILL)
    assert path.read_bytes() == before


@pytest.mark.slow
@pytest.mark.parametrize("rule", ["check_data", "estimate_effects", "draw_figures"])
def test_a_killed_run_is_finished_by_the_next(finished: Project, tmp_path: Path, rule: str) -> None:
    project = Project(tmp_path / "project", finished.program)
    write_project(project.folder)
    _run_and_kill(project, f"rule {rule}:")
    for path in (project.folder / "results").rglob("*.parquet"):
        if not path.name.startswith("."):
            pl.read_parquet(path)
    run = project.run("--unlock")
    run = project.run()
    assert run.status == 0, run.text
    before, after = finished.results(), project.results()
    differs = {name for name in before if before[name] != after.get(name)}
    assert {Path(name).name for name in differs} <= {"provenance.json"}


def _run_and_kill(project: Project, when: str) -> None:
    """Run Snakemake and kill it and its jobs once it says that a rule has started."""
    command = [sys.executable, "-m", "snakemake", "-s", str(project.program / "Snakefile")]
    run = subprocess.Popen(
        [*command, "-d", str(project.folder), "--cores", "2"],
        env={**os.environ, "PYTHONPATH": str(project.program / "src"), "REFORMEVAL_DATA": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert run.stdout is not None
    for line in run.stdout:
        if when in line:
            time.sleep(0.3)
            break
    os.killpg(run.pid, signal.SIGKILL)
    run.stdout.close()
    run.wait()
