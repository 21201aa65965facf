"""What results were made from: inputs, code, environment; and when, by whom and at what cost.

`MadeFrom` holds what the report may embed, because it is the same whenever the same results are
made again. Commit, times and memory differ from run to run: they stand in ``provenance.json``
alone, which is written last.
"""

from __future__ import annotations

import csv
import hashlib
import platform
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

MAX_HASHED = 100_000_000  # bytes; as max-checksum-file-size of the profile
PACKAGES = (
    "reformeval",
    "great-tables",
    "jinja2",
    "matplotlib",
    "numpy",
    "polars",
    "pyarrow",
    "pydantic",
    "pyfixest",
    "scipy",
    "snakemake",
)


@dataclass(frozen=True)
class MadeFrom:
    """What results depend on besides the config.

    Attributes
    ----------
    code
        Hash of the code of each job, by the job's name.
    lock
        sha256 of ``requirements.lock``; None where there is no such file.
    seed
        The seed of everything that is drawn.
    inputs
        sha256 of each data file, by its name.
    """

    code: Mapping[str, str]
    lock: str | None
    seed: int
    inputs: Mapping[str, str] = field(default_factory=dict)

    @property
    def versions(self) -> dict[str, str]:
        """Versions of Python and of the packages that decide numbers and pictures."""
        return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}

    def told(self) -> dict[str, Any]:
        """Everything here by name, as the report shows it."""
        return {
            "inputs": dict(self.inputs),
            "code": dict(self.code),
            "lock": self.lock,
            "seed": self.seed,
            "versions": self.versions,
        }


def sha256(path: Path) -> str:
    """Hash of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fingerprint(path: Path) -> str:
    """Tell a file from another in its place, a large one by size and date; ``""`` if absent."""
    if not path.is_file():
        return ""
    facts = path.stat()
    if facts.st_size > MAX_HASHED:
        return f"{facts.st_size} bytes, {facts.st_mtime_ns}"
    return sha256(path)


def hashes(paths: Iterable[Path]) -> dict[str, str]:
    """Hash of every file, and of every file below every folder, by path; hidden files left out."""
    files = [f for path in paths for f in (path.rglob("*") if path.is_dir() else [path])]
    return {
        file.as_posix(): sha256(file)
        for file in sorted(files)
        if file.is_file() and not file.name.startswith(".")
    }


def git_state(folder: Path, file: Path | None = None) -> dict[str, Any] | None:
    """Commit and whether anything differs from it; None outside a git repository.

    Parameters
    ----------
    folder
        Any folder of the repository.
    file
        A file that must be tracked there: code that is installed inside somebody's repository
        is not that repository's code.
    """
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None or (file and _git(folder, "ls-files", "--error-unmatch", str(file)) is None):
        return None
    return {"commit": commit, "dirty": bool(_git(folder, "status", "--porcelain"))}


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def timings(folders: Iterable[Path]) -> list[dict[str, Any]]:
    """Seconds and peak memory of every job, from Snakemake's benchmark files.

    Returns
    -------
    list
        ``job, seconds, cpu_seconds, peak_memory_mb``; None where a job was too quick to measure.
    """
    rows = []
    for path in sorted(file for folder in folders for file in folder.glob("*.tsv")):
        with path.open(encoding="utf-8", newline="") as file:
            last = list(csv.DictReader(file, delimiter="\t"))[-1]
        rows.append(
            {
                "job": path.stem,
                "seconds": _number(last["s"]),
                "cpu_seconds": _number(last["cpu_time"]),
                "peak_memory_mb": _number(last["max_rss"]),
            }
        )
    return rows


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def record(
    reform: str,
    made_from: MadeFrom,
    outputs: Iterable[Path],
    logs: Iterable[Path],
    code_file: Path,
) -> dict[str, Any]:
    """Everything that ``provenance.json`` says about a reform.

    Parameters
    ----------
    outputs
        Files and folders whose bytes are recorded.
    logs
        Folders with the benchmark files of the jobs.
    code_file
        A source file of the program: it tells the repository the code came from.
    """
    jobs = timings(logs)
    return {
        "reform": reform,
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "code": {
            "repository": git_state(code_file.parent, code_file),
            "hashes": dict(made_from.code),
        },
        "project": git_state(Path.cwd()),
        "environment": {
            "versions": made_from.versions,
            "platform": platform.platform(),
            "lock_sha256": made_from.lock,
        },
        "seed": made_from.seed,
        "inputs": dict(made_from.inputs),
        "outputs": hashes(outputs),
        "jobs": jobs,
        "seconds": sum(job["seconds"] or 0 for job in jobs),
        "peak_memory_mb": max((job["peak_memory_mb"] or 0 for job in jobs), default=None),
    }
