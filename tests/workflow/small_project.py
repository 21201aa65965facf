"""A small project and a copy of the program, for tests that edit either and look what reruns."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]

SOURCE = """\
kind: table
title: Made-up rates of six towns
frequency: month
obtain: it is made by the tests
file: towns.csv
unit: {column: town}
period: {column: month}
outcomes:
  rate: {column: rate, kind: rate}
"""
ABSENT_SOURCE = SOURCE.replace("towns.csv", "absent.csv").replace(
    "it is made by the tests", "the statistics office"
)
REFORM = """\
title: A made-up reform
question: Did it change the rate?
source: towns
window: {from: 2020-01, to: 2021-12}
treatment:
  units: [Ash]
  steps:
    - {id: start, from: 2021-03, label: The reform}
comparison: all
outcomes:
  rate: {measured_in: per 1000, label: Rate}
headline: {outcome: rate, group: all, estimator: did}
estimators:
  did: {}
  synthetic_control: {}
"""
SECOND_REFORM = REFORM.replace("[Ash]", "[Elm]").replace("  synthetic_control: {}\n", "")


def towns_csv(seed: int = 1) -> str:
    """Rates of six towns over 24 months."""
    rng = np.random.default_rng(seed)
    towns = ["Ash", "Beech", "Cedar", "Elm", "Fir", "Oak"]
    rows = ["town,month,rate"]
    for number, town in enumerate(towns):
        for month in range(24):
            value = 50 + number + 0.2 * month + rng.normal()
            rows.append(f"{town},{2020 + month // 12}-{month % 12 + 1:02d},{value:.3f}")
    return "\n".join(rows) + "\n"


def write_project(folder: Path) -> None:
    """Config and data of the small project."""
    files = {
        "config/config.yaml": "seed: 1\n",
        "config/sources/towns.yaml": SOURCE,
        "config/sources/absent.yaml": ABSENT_SOURCE,
        "config/reforms/ash.yaml": REFORM,
        "config/reforms/elm.yaml": SECOND_REFORM,
        "config/reforms/no_data.yaml": REFORM.replace("source: towns", "source: absent"),
        "data/towns.csv": towns_csv(),
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@dataclass(frozen=True)
class Run:
    """One call of Snakemake: how it ended, what it said and which jobs it ran or would run."""

    status: int
    text: str

    @property
    def jobs(self) -> set[str]:
        """``rule:wildcard,…`` of every job but ``all``."""
        found = set()
        for block in re.split(r"\n(?=\[?\S)", self.text):
            rule = re.search(r"^(?:local)?rule (\w+):", block, re.MULTILINE)
            if rule and rule[1] != "all":
                wildcards = re.search(r"wildcards: (.*)", block)
                values = re.findall(r"\w+=([^,\s]+)", wildcards[1]) if wildcards else []
                found.add(":".join([rule[1], ",".join(values)]) if values else rule[1])
        return found

    @property
    def rules(self) -> set[str]:
        """Names of the rules that ran or would run."""
        return {job.split(":")[0] for job in self.jobs}


@dataclass(frozen=True)
class Project:
    """A working directory with its own copy of the program."""

    folder: Path
    program: Path

    def run(self, *arguments: str, **environment: str) -> Run:
        """Run Snakemake here."""
        inherited = {k: v for k, v in os.environ.items() if k != "REFORMEVAL_DATA"}
        command = [sys.executable, "-m", "snakemake", "-s", str(self.program / "Snakefile")]
        done = subprocess.run(
            [*command, "-d", str(self.folder), "--cores", "2", *arguments],
            env={**inherited, "PYTHONPATH": str(self.program / "src"), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=300,
        )
        return Run(done.returncode, done.stdout)

    def plan(self, **environment: str) -> Run:
        """Say what a run would do."""
        run = self.run("--dry-run", **environment)
        assert run.status == 0, run.text
        return run

    def edit(self, name: str, old: str, new: str) -> None:
        """Edit a file of the project."""
        _edit(self.folder / name, old, new)

    def edit_program(self, name: str, old: str, new: str) -> None:
        """Edit a file of the package."""
        _edit(self.program / "src" / "reformeval" / name, old, new)

    def append_program(self, name: str, text: str) -> None:
        """Add lines to a file of the package."""
        path = self.program / "src" / "reformeval" / name
        path.write_text(path.read_text() + text)

    def results(self) -> dict[str, str]:
        """Hash of every result."""
        return {
            path.relative_to(self.folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted((self.folder / "results").rglob("*"))
            if path.is_file()
        }


def _edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text, f"{path} does not contain {old!r}"
    path.write_text(text.replace(old, new))


def copy_program(folder: Path) -> None:
    """Copy what a run needs of the repository, dates included."""
    folder.mkdir(parents=True)
    shutil.copy2(ROOT / "Snakefile", folder)
    for part in ("workflow", "profiles", "src"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))


def run_once(base: Path, write: Callable[[Path], None]) -> Project:
    """Write a project and a copy of the program, and run it."""
    copy_program(base / "program")
    write(base / "project")
    project = Project(base / "project", base / "program")
    run = project.run()
    assert run.status == 0, run.text
    return project


@contextmanager
def copied(finished: Project, tmp_path: Path) -> Iterator[Project]:
    """Give a copy of a finished project that a test may edit.

    The program stays in its place, because its templates are inputs by path; what a test edits
    there is put back, with its date.
    """
    shutil.copytree(finished.folder, tmp_path / "project", symlinks=True)
    kept = tmp_path / "src"
    shutil.copytree(finished.program / "src", kept)
    yield Project(tmp_path / "project", finished.program)
    shutil.rmtree(finished.program / "src")
    shutil.copytree(kept, finished.program / "src")


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The small project after one run; never edited."""
    return run_once(tmp_path_factory.mktemp("finished"), write_project)


@pytest.fixture
def project(finished: Project, tmp_path: Path) -> Iterator[Project]:
    """A copy of the finished project that a test may edit."""
    with copied(finished, tmp_path) as project:
        yield project
