"""`reformeval fetch` and what runs say before and after it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from bank_project import write_bank_project
from statbank_server import Bank, serve, status
from typer.testing import CliRunner

from reformeval.cli import app
from reformeval.config.loader import left_out, load


@pytest.fixture
def bank(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bank]:
    monkeypatch.delenv("REFORMEVAL_DATA", raising=False)
    with serve() as running:
        yield running


def said(*arguments: str | Path) -> str:
    done = CliRunner().invoke(app, [str(one) for one in arguments])
    return f"{done.output}{done.exception or ''}"


def test_absent_fetched_and_there(bank: Bank, tmp_path: Path) -> None:
    root = write_bank_project(tmp_path, bank.url)
    (line,) = left_out(load(root)).values()
    assert line.endswith(".parquet is not there; fetch it with: reformeval fetch bank")
    assert "fetch it with: reformeval fetch bank" in said("check", "-d", root)
    assert "fetch it with: reformeval fetch bank" in said("list", "-d", root)
    assert not bank.asked, "only fetch may ask the service"
    assert "96 cells, updated 2026-01-16" in said("fetch", "bank", "-d", root)
    assert left_out(load(root)) == {}
    asked = len(bank.asked)
    assert "placebo: right. 1 treated, 3 donors, 2020-04 to 2021-12" in said("check", "-d", root)
    assert "with --again it is fetched anew" in said("fetch", "bank", "-d", root)
    assert len(bank.asked) == asked
    assert "96 cells" in said("fetch", "bank", "--again", "-d", root)


def test_what_is_there_survives_a_failure(bank: Bank, tmp_path: Path) -> None:
    root = write_bank_project(tmp_path, bank.url)
    said("fetch", "bank", "-d", root)
    before = {path: path.read_bytes() for path in (root / "data").rglob("*") if path.is_file()}
    assert len(before) == 2
    bank.faults = [status(404)]
    message = said("fetch", "bank", "--again", "-d", root)
    assert "config/sources/bank.yaml:5: `url`" in message
    after = {path: path.read_bytes() for path in (root / "data").rglob("*") if path.is_file()}
    assert after == before


def test_what_cannot_be_fetched(bank: Bank, tmp_path: Path) -> None:
    root = write_bank_project(tmp_path, bank.url)
    assert "there is no source 'bnk'" in said("fetch", "bnk", "-d", root)
    path = root / "config/sources/bank.yaml"
    path.write_text(path.read_text().replace("table: '10540'", "table: 10540"))
    assert "must be text" in said("fetch", "bank", "-d", root)
    (root / "config/sources/plain.yaml").write_text(
        "kind: table\ntitle: T\nfrequency: year\nobtain: the hall\nfile: t.csv\n"
        "unit: {column: u}\nperiod: {column: t}\noutcomes: {y: {column: y, kind: mean}}\n"
    )
    assert "only statbank sources are fetched" in said("fetch", "plain", "-d", root)
