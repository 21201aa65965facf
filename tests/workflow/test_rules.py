"""The rules' form: one job module each, a docstring, a log, timings, and clean lint."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RULES = {
    match[1]: match[2]
    for path in sorted((ROOT / "workflow/rules").glob("*.smk"))
    for match in re.finditer(
        r"^rule (\w+):\n(.*?)(?=^rule |\Z)", path.read_text(), re.MULTILINE | re.DOTALL
    )
}


def test_rules_are_the_job_modules() -> None:
    jobs = {path.stem for path in (ROOT / "src/reformeval/jobs").glob("[a-z]*.py")}
    assert set(RULES) == jobs
    assert len(RULES) >= 9


@pytest.mark.parametrize("rule", sorted(RULES))
def test_a_rule_says_what_it_does_and_keeps_its_log(rule: str) -> None:
    text = RULES[rule]
    assert text.lstrip().startswith('"""')
    assert re.search(rf'log:\s+"logs/[^"]*\b{rule}\b[^"]*\.log"', text)
    assert f'command("{rule}")' in text
    assert f'code=plan.code("{rule}")' in text


def test_files_of_rules_are_short_and_say_what_goes_in_and_out() -> None:
    files = sorted((ROOT / "workflow/rules").glob("*.smk"))
    assert len((ROOT / "Snakefile").read_text().splitlines()) <= 60
    for path in files:
        text = path.read_text()
        assert len(text.splitlines()) <= 200
        for word in ("# inputs:", "# outputs:", "# steps:"):
            assert word in text, f"{path.name} lacks {word}"


def test_lint_finds_nothing_but_the_missing_container() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "snakemake", "-s", str(ROOT / "Snakefile"), "--lint"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    text = run.stdout + run.stderr
    found = set(re.findall(r"^ +\* (.*)$", text, re.MULTILINE))
    assert found == {"Specify a conda environment or container for each rule.:"}, text
