"""Jobs' arguments, and errors without traceback."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from reformeval.errors import Problem, UserError
from reformeval.jobs._cli import Call, log, run


@pytest.fixture(autouse=True)
def restored_logging() -> Iterator[None]:
    root = logging.getLogger()
    kept, level = list(root.handlers), root.level
    yield
    root.handlers[:] = kept
    root.setLevel(level)


def test_a_call_has_the_spec_and_files_in_order() -> None:
    seen: list[Call] = []
    run(seen.append, ["--spec", "{}", "--in", "x/a.csv", "y/b.csv", "--out", "c", "d"])
    assert seen == [
        Call("{}", (Path("x/a.csv"), Path("y/b.csv")), (Path("c"), Path("d"))),
    ]
    assert seen[0].one("b.csv") == Path("y/b.csv")
    assert seen[0].all("none") == []


def test_a_job_without_inputs_is_fine() -> None:
    seen: list[Call] = []
    run(seen.append, ["--spec", "{}", "--in", "--out", "c"])
    assert seen[0].inputs == ()


def test_what_the_user_can_mend_is_told_without_traceback(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def job(_: Call) -> None:
        raise UserError([Problem("bad", "x.yaml:3", "mend it"), Problem("worse")])

    with pytest.raises(SystemExit) as stopped:
        run(job, ["--spec", "{}", "--out", "c"])
    assert stopped.value.code == 1
    said = capsys.readouterr().err
    assert said == "x.yaml:3: bad\n    fix: mend it\nworse\n"


def test_a_fault_in_the_program_keeps_its_traceback() -> None:
    def job(_: Call) -> None:
        raise ValueError("a fault")

    with pytest.raises(ValueError, match="a fault"):
        run(job, ["--spec", "{}", "--out", "c"])


def test_the_log_goes_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    def job(_: Call) -> None:
        log.info("3 cells")
        logging.getLogger("matplotlib").info("noise")

    run(job, ["--spec", "{}", "--out", "c"])
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "3 cells" in captured.err
    assert "wrote c" in captured.err
    assert "noise" not in captured.err
