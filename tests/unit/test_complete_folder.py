"""A folder of files takes its place whole or not at all."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from reformeval.artefacts import complete_folder


def _fill(folder: Path, text: str) -> None:
    (folder / "inner").mkdir()
    (folder / "inner/file").write_text(text)


def _fill_a_full_disk(target: Path) -> None:
    with complete_folder(target) as folder:
        _fill(folder, "half")
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_folder_replaces_the_one_before(tmp_path: Path) -> None:
    for text in ("one", "two"):
        with complete_folder(tmp_path / "forms") as folder:
            _fill(folder, text)
    assert (tmp_path / "forms/inner/file").read_text() == "two"
    assert [path.name for path in tmp_path.iterdir()] == ["forms"]


def test_a_full_disk_leaves_the_folder_before(tmp_path: Path) -> None:
    with complete_folder(tmp_path / "forms") as folder:
        _fill(folder, "one")
    with pytest.raises(OSError, match="No space"):
        _fill_a_full_disk(tmp_path / "forms")
    assert (tmp_path / "forms/inner/file").read_text() == "one"
    assert [path.name for path in tmp_path.iterdir()] == ["forms"]


def test_what_a_killed_run_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / ".forms.abc/inner").mkdir(parents=True)
    (tmp_path / ".other.abc").mkdir()
    with complete_folder(tmp_path / "forms") as folder:
        _fill(folder, "one")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".other.abc", "forms"]
