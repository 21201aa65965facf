"""Outcomes of the same persons some months later: entry cohorts by months since entry."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from register_helpers import GROUPS, people, person, spec, timing
from test_config_reform import BASE, changed, problems, project
from test_spells import series

from reformeval.config import loader, resolve
from reformeval.figures.plan import planned
from reformeval.panel.from_register import build, truth
from reformeval.spec import Outcome, PanelSpec, Population

NEW = Population("entrants", after=2)


def asked(later: int, last: int = 7) -> PanelSpec:
    base = spec({"employed": NEW}, timing(last, 5, first=2))
    outcome = Outcome("seen", NEW, "points", "Seen", of="employed", later=later)
    return replace(base, outcomes=(outcome,))


def test_entrants_are_seen_months_after_their_entry() -> None:
    register = people(
        person(1, "0011000000", work="0000011111"),  # enters in month 2, works from month 5 on
        person(2, "0010000000", work="0000000000"),
        person(3, "00001100.0", work="0000111101"),  # enters in month 4, away in month 8
        person(90, "0000000000", unit="B"),
    )
    for later, expected in (
        (0, [0, None, 100, None, None, None]),
        (3, [50, None, 100, None, None, None]),
        (4, [50, None, None, None, None, None]),
    ):
        found = build(register, GROUPS, asked(later)).panel
        assert set(found["outcome"]) == {"seen"}
        assert series(found, "seen") == expected, later
    persons = series(build(register, GROUPS, asked(4)).panel, "seen", column="n_persons")
    assert persons[:3] == [2, 0, 0], "person 3 is not in the register four months after entry"


def test_months_of_entry_whose_later_month_is_beyond_the_register_are_missing() -> None:
    register = people(person(1, "0011111111"), *(person(90, "0" * 10, unit="B"),))
    whole = build(register, GROUPS, asked(0, last=9)).panel
    beyond = build(register, GROUPS, asked(9, last=9)).panel
    assert whole["value"].null_count() < beyond["value"].null_count() == beyond.height


def test_the_truth_of_a_later_month_is_that_months() -> None:
    register = people(person(1, "0010000000", work="0000011111"), person(90, "0" * 10, unit="B"))
    without = people(person(1, "0010000000", work="0000000000"))
    effects = [
        truth(register, without, GROUPS, asked(later)).filter(group="all")["effect"][0]
        for later in (0, 3)
    ]
    assert effects == [0, 100]


LATER = """\
  employed: {measured_in: percentage points}
  employed_0: {of: employed, later: 0, population: entrants, measured_in: points}
  employed_6: {of: employed, later: 6, population: entrants, measured_in: points}
"""


def test_from_the_reform_file(tmp_path: Path) -> None:
    text = changed(BASE, "  employed: {measured_in: percentage points}\n", LATER)
    text = changed(text, "from: 2017-01", "from: 2017-07")
    study = loader.load(project(tmp_path, text)).study("x")
    outcomes = {one.name: one for one in resolve.panel_spec(study).outcomes}
    assert outcomes["employed_6"].label.endswith(", 6 months later")
    assert outcomes["employed_6"].source_name == outcomes["employed"].source_name == "employed"
    report = resolve.report_spec(study)
    assert [o.name for o in report.family("employed_0")] == ["employed_0", "employed_6"]
    assert report.family("employed") == report.family("employed_6") == ()
    assert [f.outcome for f in planned(report) if f.kind == "later"] == ["employed_0"]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("later: 6", "later: -6", "`outcomes.employed_6.later` must be at least 0"),
        ("of: employed, later: 6", "of: emplyed", "the source has no outcome 'emplyed'"),
    ],
)
def test_bad_later(tmp_path: Path, old: str, new: str, expected: str) -> None:
    text = changed(BASE, "  employed: {measured_in: percentage points}\n", LATER)
    assert any(expected in line for line in problems(tmp_path, changed(text, old, new)))


def test_tables_follow_nobody(tmp_path: Path) -> None:
    from test_config_reform import TABLE

    text = changed(TABLE, "{measured_in: packs}", "{measured_in: packs, later: 2}")
    assert any("later` is for registers" in line for line in problems(tmp_path, text))
