"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder with real data; tests that need it are skipped, with a reason, without it."""
    folder = Path(os.environ.get("REFORMEVAL_DATA") or ROOT.parent / "shared" / "data").resolve()
    if not folder.is_dir():
        pytest.skip(f"real data is not there: set REFORMEVAL_DATA (looked in {folder})")
    return folder
