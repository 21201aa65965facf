"""Linking forms: who has a row, and missing against zero, cell by cell."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import polars as pl
import pytest
from link_helpers import COVERED, FIRST, LAST, case, cells, form, job, linked, month, snapshot

from reformeval.errors import UserError
from reformeval.register.link import EXTRAS, link
from reformeval.register.link_rules import LinkRules
from reformeval.register.schema import REGISTER

BOTH = [snapshot(1, 2020), snapshot(1, 2021)]
JANUARY = LinkRules(FIRST, LAST, "january", "on_16th", COVERED, COVERED)
MONTHLY = replace(JANUARY, residence="monthly")
FORMAL = replace(JANUARY, residence="formal")


# The truth table of missing against zero. Each row: cases and jobs of the month, whether the
# files cover it, and what the register says: recipient, benefit, loan, employed, earnings, hours.
def _cell(
    cases: list[dict[str, Any]], jobs: list[dict[str, Any]], covered: bool = True
) -> tuple[Any, ...]:
    months = COVERED if covered else (month("2021-01"), LAST)
    rules = replace(JANUARY, assistance=months, jobs=months)
    register, _ = linked(
        rules,
        population=BOTH,
        assistance=[case(1, "2020-03", **given) for given in cases],
        earnings=[job(1, "2020-03", **given) for given in jobs],
    )
    columns = ("recipient", "benefit", "loan", "employed", "earnings", "hours")
    return tuple(cells(register, column)["2020-03"] for column in columns)


NO_CASE, NO_JOB = (False, 0.0, 0.0), (False, 0.0, 0.0)


@pytest.mark.parametrize(
    ("cases", "expected"),
    [
        ([], NO_CASE),
        ([{"grant": 5000.0, "loan": 0.0}], (True, 5000.0, 0.0)),
        ([{"grant": 5000.0, "loan": None}], (True, 5000.0, 0.0)),
        ([{"grant": None, "loan": 900.0}], (True, 0.0, 900.0)),
        ([{"grant": None, "loan": None}], (True, None, None)),
        ([{"grant": 0.0, "loan": None}], (True, 0.0, 0.0)),
        ([{"grant": 5000.0}, {"grant": 700.0, "unit": "B"}], (True, 5700.0, 0.0)),
        ([{"grant": 5000.0}, {"grant": None, "unit": "B"}], (True, None, None)),
        ([{"grant": 300.0, "recipient": False}], (False, 300.0, 0.0)),
        ([{"grant": None, "recipient": False}], NO_CASE),
        ([{"grant": 1.0, "recipient": False}, {"grant": 2.0, "unit": "B"}], (True, 3.0, 0.0)),
    ],
)
def test_assistance_of_a_resident(cases: list[dict[str, Any]], expected: tuple[Any, ...]) -> None:
    assert _cell(cases, []) == (*expected, *NO_JOB)


@pytest.mark.parametrize(
    ("jobs", "expected"),
    [
        ([], NO_JOB),
        ([{}], (True, 30000.0, 37.5)),
        ([{}, {"earnings": 4000.0, "hours": 5.0}], (True, 34000.0, 42.5)),
        ([{}, {"earnings": 4000.0, "hours": 5.0, "on_16th": False}], (True, 34000.0, 37.5)),
        ([{"on_16th": False}], (False, 30000.0, 0.0)),
        ([{"earnings": None}], (True, None, 37.5)),
        ([{"hours": None}], (True, 30000.0, None)),
        ([{}, {"earnings": None, "hours": None}], (True, None, None)),
        ([{"on_16th": None}], (None, 30000.0, None)),
        ([{"on_16th": None}, {}], (True, 60000.0, None)),
        ([{"earnings": 0.0}], (True, 0.0, 37.5)),
    ],
)
def test_work_of_a_resident(jobs: list[dict[str, Any]], expected: tuple[Any, ...]) -> None:
    assert _cell([], jobs) == (*NO_CASE, *expected)


def test_months_that_the_files_do_not_cover_are_missing() -> None:
    assert _cell([], [], covered=False) == (None,) * 6


def test_without_files_everything_of_theirs_is_missing() -> None:
    rules = replace(JANUARY, assistance=None, jobs=None)
    register, _ = linked(rules, population=BOTH)
    for column in ("recipient", "benefit", "employed", "earnings", "hours"):
        assert register[column].null_count() == register.height == 24


def test_who_is_not_resident_has_no_row_and_is_counted() -> None:
    register, records = linked(
        population=[snapshot(1, 2020)],
        assistance=[case(1, "2020-03"), case(1, "2021-03"), case(1, "2021-04")],
        earnings=[job(1, "2021-03")],
    )
    assert set(cells(register, "benefit")) == {f"2020-{number:02d}" for number in range(1, 13)}
    lost = records["assistance", "not_resident"]
    assert (lost.count, lost.of, lost.unit) == (2, 3, "case-months")
    lost = records["earnings", "not_resident"]
    assert (lost.count, lost.of) == (1, 1)


def test_any_job_counts_where_the_rule_says_so() -> None:
    register, _ = linked(
        replace(JANUARY, employed="any_job"),
        population=BOTH,
        earnings=[job(1, "2020-03", on_16th=False)],
    )
    assert cells(register, "employed")["2020-03"] is True
    assert cells(register, "hours")["2020-03"] == 37.5
    assert cells(register, "employed")["2020-04"] is False


def test_two_payers_are_two_cases_and_one_recipient() -> None:
    register, records = linked(
        population=BOTH,
        assistance=[case(1, "2020-03"), case(1, "2020-03", unit="B"), case(1, "2020-04")],
    )
    march = register.filter(pl.col("period") == month("2020-03"))
    assert march.select("unit", "cases", "payers", "recipient").row(0) == ("A", 2, 2, True)
    assert cells(register, "cases")["2020-05"] == 0
    assert records["assistance", "paid_by_several"].count == 1
    assert ("assistance", "paid_from_outside") not in records  # nobody said which units there are


def test_who_is_paid_from_elsewhere_is_counted_and_kept() -> None:
    register, records = linked(
        replace(JANUARY, units=("A",)),
        population=BOTH,
        assistance=[case(1, "2020-03"), case(1, "2020-04", unit="B")],
    )
    assert records["assistance", "paid_from_outside"].count == 1
    assert records["assistance", "paid_from_outside"].of == 2
    assert cells(register, "recipient")["2020-04"] is True


def test_a_case_that_stands_twice_is_paid_once() -> None:
    register, records = linked(population=BOTH, assistance=[case(1, "2020-03")] * 2)
    assert cells(register, "benefit")["2020-03"] == 5000.0
    assert records["assistance", "same_case_twice"].count == 1
    # Without a journal number the two may be two cases.
    register, records = linked(population=BOTH, assistance=[case(1, "2020-03", journal=None)] * 2)
    assert cells(register, "benefit")["2020-03"] == 10000.0


def test_the_occupation_is_that_of_the_best_paid_job() -> None:
    jobs = [
        job(1, "2020-03", 100.0, occupation="1"),
        job(1, "2020-03", None, occupation="3"),
        job(1, "2020-03", 900.0, occupation="2"),
    ]
    register, _ = linked(population=BOTH, earnings=jobs)
    assert cells(register, "occupation")["2020-03"] == "2"
    assert cells(register, "jobs")["2020-03"] == 3


def test_the_municipality_of_january_holds_through_the_year() -> None:
    register, _ = linked(population=[snapshot(1, 2020), snapshot(1, 2021, "B")])
    units = cells(register, "unit")
    assert list(units.values()) == ["A"] * 12 + ["B"] * 12


SPELLS = [
    {"person": 1, "first": "2019-05", "last": "2020-04", "unit": "A"},
    {"person": 1, "first": "2020-05", "last": None, "unit": "B", "registered": "2020-08"},
]


def test_monthly_residence_follows_the_spells() -> None:
    register, records = linked(MONTHLY, population=BOTH, residence_spells=SPELLS)
    units = list(cells(register, "unit").values())
    assert units == ["A"] * 4 + ["B"] * 20
    assert records["residence_spells", "overlapping_spells"].count == 0


def test_formal_residence_follows_the_date_of_registration() -> None:
    register, records = linked(FORMAL, population=BOTH, residence_spells=SPELLS)
    units = list(cells(register, "unit").values())
    assert units == ["A"] * 7 + ["B"] * 17
    assert records["residence_spells", "no_date_of_registration"].count == 1


def test_formal_residence_keeps_a_gap_between_spells() -> None:
    spells = [
        {"person": 1, "first": "2019-05", "last": "2020-02", "unit": "A"},
        {"person": 1, "first": "2020-06", "last": None, "unit": "B", "registered": "2020-08"},
    ]
    register, _ = linked(FORMAL, population=BOTH, residence_spells=spells)
    months = list(cells(register, "unit"))
    assert months[:3] == ["2020-01", "2020-02", "2020-08"]


def test_a_move_that_was_never_registered_in_time_did_not_happen_formally() -> None:
    spells = [
        {"person": 1, "first": "2019-05", "last": "2020-02", "unit": "A"},
        {"person": 1, "first": "2020-03", "last": "2020-04", "unit": "B", "registered": "2020-06"},
        {"person": 1, "first": "2020-05", "last": None, "unit": "C", "registered": "2020-05"},
    ]
    register, _ = linked(FORMAL, population=BOTH, residence_spells=spells)
    units = cells(register, "unit")
    assert units["2020-04"] == "A"
    assert units["2020-05"] == "C"


def test_of_two_spells_the_later_has_the_months_and_the_earlier_resumes() -> None:
    spells = [
        {"person": 1, "first": "2020-01", "last": "2020-12", "unit": "A"},
        {"person": 1, "first": "2020-05", "last": "2020-06", "unit": "B"},
    ]
    register, records = linked(MONTHLY, population=BOTH, residence_spells=spells)
    assert "".join(cells(register, "unit").values()) == "AAAABBAAAAAA"
    assert records["residence_spells", "overlapping_spells"].count == 2


def test_spells_of_the_same_months_in_two_municipalities_stop() -> None:
    spells = [{"person": 1, "first": "2020-01", "last": "2020-03", "unit": u} for u in "AB"]
    with pytest.raises(UserError, match="1 persons have spells of the same months"):
        linked(MONTHLY, population=BOTH, residence_spells=spells)


def test_spells_that_end_before_they_begin_are_left_out_and_counted() -> None:
    spells = [*SPELLS, {"person": 1, "first": "2021-05", "last": "2021-01", "unit": "C"}]
    register, records = linked(MONTHLY, population=BOTH, residence_spells=[*spells, SPELLS[0]])
    assert records["residence_spells", "spell_ends_before_it_begins"].count == 1
    assert records["residence_spells", "same_spell_twice"].count == 1
    assert "C" not in cells(register, "unit").values()


def test_an_open_spell_that_begins_after_the_register_is_no_fault() -> None:
    spells = [*SPELLS, {"person": 2, "first": "2023-01", "last": None, "unit": "C"}]
    _, records = linked(MONTHLY, population=BOTH, residence_spells=spells)
    assert records["residence_spells", "spell_ends_before_it_begins"].count == 0


def test_death_ends_observation_for_good() -> None:
    register, records = linked(
        population=BOTH, exits=[{"person": 1, "period": "2020-06", "kind": "death"}]
    )
    assert max(cells(register, "unit")) == "2020-06"
    assert records["exits", "after_death"].count == 18


def test_emigration_ends_observation_until_the_next_snapshot_or_spell() -> None:
    left = [{"person": 1, "period": "2020-06", "kind": "emigration"}]
    register, records = linked(population=BOTH, exits=left)
    assert [m for m in cells(register, "unit") if m.startswith("2020")][-1] == "2020-06"
    assert "2021-01" in cells(register, "unit")
    assert records["exits", "after_emigration"].count == 6
    assert records["exits", "after_emigration"].kind == "count"
    spells = [
        {"person": 1, "first": "2020-01", "last": "2020-09", "unit": "A"},
        {"person": 1, "first": "2020-11", "last": None, "unit": "B"},
    ]
    register, records = linked(MONTHLY, population=BOTH, exits=left, residence_spells=spells)
    months = list(cells(register, "unit"))
    assert months[5:7] == ["2020-06", "2020-11"]
    assert records["exits", "after_emigration"].kind == "repair"
    assert records["exits", "after_emigration"].count == 3


def test_age_is_counted_from_the_month_of_birth_else_by_year() -> None:
    register, _ = linked(
        population=[snapshot(1, 2020, age=29, born="1990-06"), snapshot(2, 2020, age=29)]
    )
    assert [cells(register, "age")[f"2020-{m}"] for m in ("05", "06")] == [29, 30]
    assert set(cells(register, "age", person=2).values()) == {29}


def test_who_has_no_snapshot_of_the_year_gets_the_last_or_else_the_next() -> None:
    spells = [{"person": p, "first": "2020-03", "last": None, "unit": "A"} for p in (1, 2, 3)]
    register, records = linked(
        MONTHLY,
        population=[
            snapshot(1, 2021, age=40, family="couple"),
            snapshot(2, 2019, age=40, family="couple"),
            snapshot(2, 2022, age=44, family="single_parent"),
        ],
        residence_spells=spells,
    )
    assert cells(register, "age")["2020-03"] == 39
    assert cells(register, "age")["2021-03"] == 40
    assert cells(register, "family")["2020-03"] == "couple"
    assert cells(register, "age", person=2)["2021-03"] == 42
    assert cells(register, "age", person=3)["2020-03"] is None
    assert cells(register, "recipient", person=3)["2020-03"] is False
    assert records["population", "traits_of_another_year"].count == 10 + 22
    assert records["population", "no_snapshot"].count == 22


def test_the_family_of_a_spell_goes_before_that_of_the_snapshot() -> None:
    spells = [
        {"person": 1, "first": "2020-01", "last": "2020-02", "unit": "A", "family": "couple"},
        {"person": 1, "first": "2020-03", "last": None, "unit": "A"},
    ]
    register, _ = linked(MONTHLY, population=BOTH, residence_spells=spells)
    assert list(cells(register, "family").values())[:3] == ["couple", "couple", "single"]


def test_two_rows_of_a_person_in_a_snapshot() -> None:
    register, records = linked(population=[*BOTH, BOTH[0]])
    assert register.height == 24
    assert records["population", "same_row_twice"].count == 1
    with pytest.raises(UserError, match=r"2020.*1 of them in column unit") as error:
        linked(population=[*BOTH, snapshot(1, 2020, "B")])
    assert error.value.problems[0].where == "population"


def test_the_register_is_sorted_and_has_its_columns_whatever_the_order() -> None:
    rows = {
        "population": [snapshot(p, y, "AB"[p % 2]) for p in range(1, 9) for y in (2020, 2021)],
        "assistance": [
            case(p, f"2020-0{m}", grant=0.1 * p + 1e7 * m, journal=str(j))
            for p in range(1, 9) for m in range(1, 9) for j in range(3)
        ],
        "earnings": [
            job(p, f"2020-0{m}", earnings=1 / 3 + 1e9 * e) for p in range(1, 9)
            for m in range(1, 9) for e in range(3)
        ],
    }  # fmt: skip
    first, _ = linked(**rows)
    other, _ = linked(**{name: given[::-1] for name, given in rows.items()})
    assert first.schema == pl.Schema({**REGISTER, **EXTRAS})
    assert first.equals(first.sort("person", "period"))
    assert first.equals(other)


READY = [
    {"person": 1, "period": "2020-02", "unit": "A", "recipient": True},
    {"person": 1, "period": "2020-01", "unit": "A", "recipient": False},
    {"person": 1, "period": "2025-01", "unit": "A"},
]


def test_a_ready_table_is_checked_and_sorted() -> None:
    register, records = linked(person_months=[*READY, READY[0]])
    assert cells(register, "recipient") == {"2020-01": False, "2020-02": True}
    assert cells(register, "benefit") == {"2020-01": None, "2020-02": None}
    assert records["person_months", "same_row_twice"].count == 1


@pytest.mark.parametrize(("change", "units"), [({"unit": "B"}, 1), ({"benefit": 3.0}, 0)])
def test_person_months_that_contradict_each_other_stop(change: dict[str, Any], units: int) -> None:
    with pytest.raises(UserError, match=f"1 person-months .* {units} of them in column unit"):
        linked(person_months=[*READY, {**READY[0], **change}])


def test_further_columns_of_a_ready_table_stay() -> None:
    table = form("person_months", READY).with_columns(pl.lit("x").alias("school"))
    register, _ = link({"person_months": table}, JANUARY)
    assert register.columns == [*REGISTER, "school"]
