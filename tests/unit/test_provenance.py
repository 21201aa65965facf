"""What is recorded about how results were made."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest

from reformeval import provenance
from reformeval.provenance import MadeFrom, git_state, hashes, record, timings


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    done = subprocess.run(
        ["git", "-C", str(folder), *identity, *arguments],
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / "code.py").write_text("x = 1\n")
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "First")
    return folder


def test_a_clean_commit(repository: Path) -> None:
    commit = git(repository, "rev-parse", "HEAD")
    assert git_state(repository) == {"commit": commit, "dirty": False}


def test_edits_and_new_files_make_it_dirty(repository: Path) -> None:
    (repository / "new.py").write_text("")
    state = git_state(repository)
    assert state is not None
    assert state["dirty"]


def test_outside_a_repository_there_is_no_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert git_state(tmp_path) is None


def test_code_installed_inside_another_repository_is_not_of_that_commit(repository: Path) -> None:
    installed = repository / "env" / "module.py"
    installed.parent.mkdir()
    installed.write_text("")
    assert git_state(installed.parent, installed) is None
    assert git_state(repository, repository / "code.py") is not None


def test_hashes_of_files_and_folders_leave_hidden_files_out(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for name in ("b", "folder/a", "folder/.hidden"):
        (tmp_path / name).write_text(name)
    found = hashes([tmp_path / "b", tmp_path / "folder"])
    assert found == {
        (tmp_path / name).as_posix(): hashlib.sha256(name.encode()).hexdigest()
        for name in ("b", "folder/a")
    }


def test_timings_come_from_benchmark_files(tmp_path: Path) -> None:
    head = "s\th:m:s\tmax_rss\tcpu_time\n"
    (tmp_path / "check_data.tsv").write_text(head + "1.5\t0:00:01\t200.0\t1.2\n")
    (tmp_path / "build_panel.tsv").write_text(head + "0.1\t0:00:00\tNA\t-\n")
    (tmp_path / "check_data.log").write_text("not this one")
    assert timings([tmp_path, tmp_path / "absent"]) == [
        {"job": "build_panel", "seconds": 0.1, "cpu_seconds": None, "peak_memory_mb": None},
        {"job": "check_data", "seconds": 1.5, "cpu_seconds": 1.2, "peak_memory_mb": 200.0},
    ]


def test_a_record_sums_up(
    tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(repository)
    monkeypatch.setattr(provenance, "timings", lambda _: [
        {"job": "a", "seconds": 1.0, "cpu_seconds": 1.0, "peak_memory_mb": None},
        {"job": "b", "seconds": 2.0, "cpu_seconds": 1.0, "peak_memory_mb": 5.0},
    ])  # fmt: skip
    made_from = MadeFrom(code={"check_data": "abc"}, lock=None, seed=3, inputs={"d.csv": "ff"})
    found = record("r", made_from, [repository / "code.py"], [tmp_path], repository / "code.py")
    assert found["code"]["repository"] == found["project"]
    assert not found["project"]["dirty"]
    assert found["seconds"] == 3.0
    assert found["peak_memory_mb"] == 5.0
    assert found["inputs"] == {"d.csv": "ff"}
    assert list(found["outputs"]) == [(repository / "code.py").as_posix()]
    assert found["environment"]["versions"]["python"]


def test_what_the_report_embeds_is_the_same_on_every_run() -> None:
    made_from = MadeFrom(code={}, lock="aa", seed=3)
    assert made_from.told() == MadeFrom(code={}, lock="aa", seed=3).told()
    assert set(made_from.told()) == {"inputs", "code", "lock", "seed", "versions"}
