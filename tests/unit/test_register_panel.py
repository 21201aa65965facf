"""Panels of tiny registers, with every number known by hand."""

from __future__ import annotations

import polars as pl
import pytest
from register_helpers import (
    CURRENT,
    GROUPS,
    RESIDENTS,
    month,
    people,
    person,
    prior,
    series,
    spec,
    timing,
)

from reformeval.artefacts import PANEL, SAMPLE_FLOW, TRUTH, UNITS
from reformeval.errors import UserError
from reformeval.panel.from_register import build, truth
from reformeval.spec import Comparison, Group, Population

B = person(90, "0000", unit="B")


def test_every_outcome_of_residents() -> None:
    register = people(
        person(1, "1001", work="0110"),
        person(2, "0000", work="1111"),
        person(3, "11..", work="0000"),
        B,
    )
    wanted = ("employed", "earnings", "hours", "recipients", "recipients_per_1000", "benefit")
    found = build(register, GROUPS, spec(dict.fromkeys(wanted, RESIDENTS), timing(3, 2)))
    third = 100 / 3
    assert series(found.panel, "employed") == pytest.approx([third, 2 * third, 100, 50])
    assert series(found.panel, "earnings") == pytest.approx([10_000, 20_000, 30_000, 15_000])
    assert series(found.panel, "hours") == pytest.approx([12.5, 25, 37.5, 18.75])
    assert series(found.panel, "recipients") == [2, 1, 0, 1]
    assert series(found.panel, "recipients_per_1000") == pytest.approx([2000 / 3, 1000 / 3, 0, 500])
    assert series(found.panel, "benefit") == pytest.approx([16_000 / 3, 8_000 / 3, 0, 4_000])
    assert series(found.panel, "employed", column="n_persons") == [3, 3, 2, 2]
    assert found.panel.schema == pl.Schema(PANEL)
    assert found.units.schema == pl.Schema(UNITS)
    assert found.flow.schema == pl.Schema(SAMPLE_FLOW)
    assert found.available == (month(0), month(3))


def test_missing_is_not_zero() -> None:
    one = person(1, "00", work="11")
    two = person(2, "00", work="11").with_columns(earnings=None)
    register = people(one, two, person(90, "00", unit="B"))
    wanted = {"earnings": RESIDENTS, "employed": RESIDENTS}
    found = build(register, GROUPS, spec(wanted, timing(1, 1)))
    assert series(found.panel, "earnings") == [30_000, 30_000]
    assert series(found.panel, "earnings", column="n_persons") == [1, 1]
    assert series(found.panel, "employed", column="n_persons") == [2, 2]


def test_residents_count_where_and_what_they_are_in_the_month() -> None:
    mover = person(
        1, "0000", unit=["A", "A", "B", "B"], family=["single", "single_parent"] * 2, work="1111"
    )
    both = (Group(), Group((("family", "with_children"),)))
    register = people(mover, person(2, "0000"), person(3, "0000", unit="B"))
    found = build(register, GROUPS, spec({"employed": RESIDENTS}, timing(3, 2), both))
    assert series(found.panel, "employed") == [50, 50, 0, 0]
    assert series(found.panel, "employed", unit="B") == [0, 0, 50, 50]
    families = "family=with_children"
    assert series(found.panel, "employed", group=families) == [None, 100, None, None]
    assert series(found.panel, "employed", group=families, column="n_persons") == [0, 1, 0, 0]
    assert series(found.panel, "employed", unit="B", group=families) == [None, None, None, 100]


def test_ages_outside_18_to_66_do_not_count() -> None:
    grows = person(1, "0000", age=[17, 18, 66, 67], work="1111")
    register = people(grows, person(2, "0000"), B)
    found = build(register, GROUPS, spec({"employed": RESIDENTS}, timing(3, 2)))
    assert series(found.panel, "employed") == [0, 50, 50, 0]


def test_groups_and_crosses_add_up_from_the_finest_cells() -> None:
    register = people(
        person(1, "00", family="couple_with_children", origin="non_western", work="11"),
        person(2, "00", family="single_parent", origin="western", work="00"),
        person(3, "00", family="couple", origin="non_western", work="00"),
        person(4, "00", origin="norwegian", work="10"),
        person(90, "00", unit="B"),
    )
    family, origin = ("family", "with_children"), ("origin", "non_western")
    groups = (Group(), Group((family,)), Group((origin,)), Group((family, origin)))
    found = build(register, GROUPS, spec({"employed": RESIDENTS}, timing(1, 1), groups))
    assert series(found.panel, "employed") == [50, 25]
    assert series(found.panel, "employed", group="family=with_children") == [50, 50]
    assert series(found.panel, "employed", group="origin=non_western") == [50, 50]
    cross = "family=with_children & origin=non_western"
    assert series(found.panel, "employed", group=cross) == [100, 100]


def test_prior_recipients_are_frozen_before_anticipation_and_followed_anywhere() -> None:
    # Adoption in month 4, anticipation 1: chosen over months 1 and 2, frozen in month 2.
    members = [
        person(1, "010000", unit=["A", "A", "A", "B", "B", "B"], work="000111"),
        person(2, "001...", work="111..."),
    ]
    others = [
        person(3, "100000", work="111111"),  # before the selection window
        person(4, "000111", work="111111"),  # after it
        person(5, "011111", unit=["B", "B", "B", "A", "A", "A"], work="111111"),  # of unit B
        person(6, "01.000", work="111111"),  # not in the register when membership is frozen
        person(7, "011000", age=[66, 66, 67, 67, 67, 67], work="111111"),  # too old by then
    ]
    found = build(
        people(*members, *others),
        GROUPS,
        spec({"employed": prior(2)}, timing(5, 4, anticipation=1)),
    )
    assert series(found.panel, "employed", column="n_persons") == [2, 2, 2, 1, 1, 1]
    assert series(found.panel, "employed") == [50, 50, 50, 100, 100, 100]
    assert series(found.panel, "employed", unit="B") == [100] * 6


def test_prior_recipients_keep_the_group_of_the_reference_month() -> None:
    changes = person(1, "1000", family=["single", "single_parent", "single", "single"])
    register = people(changes, person(2, "1000"), person(3, "1000", unit="B"))
    groups = (Group((("family", "with_children"),)), Group((("family", "without_children"),)))
    found = build(register, GROUPS, spec({"employed": prior(2)}, timing(3, 2), groups))
    for group in groups:
        assert series(found.panel, "employed", group=group.name, column="n_persons") == [1] * 4


def test_prior_recipients_need_the_register_to_cover_the_selection_window() -> None:
    register = people(person(1, "1000"), B)
    with pytest.raises(UserError, match="set months to 2 or less"):
        build(register, GROUPS, spec({"employed": prior(3)}, timing(3, 2)))


def test_spell_months_count_the_spell_in_progress_up_to_the_cap() -> None:
    register = people(
        person(1, "0111101", unit=["A", "A", "B", "A", "A", "A", "A"]),
        person(2, "0011.11"),
        person(90, "0000000", unit="B"),
    )
    found = build(
        register, GROUPS, spec({"spell_months": CURRENT}, timing(6, 5), max_months=3)
    ).panel
    # Known from the third month on. Person 1: 3 (capped from month 3), then gone, then 1.
    # Person 2: 1, 2, away, 1, 2. A move to B and back does not end person 1's spell.
    assert series(found, "spell_months") == [None, None, 1, 2.5, 3, 1, 1.5]
    assert series(found, "spell_months", unit="B") == [None, None, 2, None, None, None, None]
    assert series(found, "spell_months", column="n_persons") == [0, 1, 1, 2, 1, 1, 2]


def test_spell_months_use_the_register_before_the_window() -> None:
    register = people(person(1, "11111"), person(90, "00000", unit="B"))
    when = timing(4, 4, first=3)
    found = build(register, GROUPS, spec({"spell_months": CURRENT}, when, max_months=4))
    assert series(found.panel, "spell_months") == [4, 4]


def test_spells_at_the_start_of_the_register_are_missing_for_everybody() -> None:
    # The second spell is short beyond doubt, but a mean over known spells alone would be biased.
    register = people(person(1, "1111"), person(2, "0100"), person(90, "0000", unit="B"))
    found = build(register, GROUPS, spec({"spell_months": CURRENT}, timing(3, 3), max_months=3))
    assert series(found.panel, "spell_months") == [None, None, 3, 3]


def test_two_rows_for_one_person_and_month_are_refused() -> None:
    twice = people(person(1, "11"), person(1, "1"), person(90, "00", unit="B"))
    for outcome in ({"spell_months": CURRENT}, {"employed": RESIDENTS}, {"employed": prior(1)}):
        with pytest.raises(UserError, match="one row per person and period"):
            build(twice, GROUPS, spec(outcome, timing(1, 1)))


def test_small_cells_are_suppressed_with_their_count() -> None:
    register = people(
        *(person(i, "00", work="11") for i in range(3)),
        *(person(10 + i, "00", unit="B", work="11") for i in range(2)),
    )
    found = build(register, GROUPS, spec({"employed": RESIDENTS}, timing(1, 1), min_persons=3))
    assert series(found.panel, "employed") == [100, 100]
    assert series(found.panel, "employed", unit="B") == [None, None]
    assert series(found.panel, "employed", unit="B", column="n_persons") == [None, None]
    assert series(found.panel, "employed", unit="B", column="suppressed") == [True, True]
    assert not any(series(found.panel, "employed", column="suppressed"))


def test_the_largest_donors_are_kept_and_ties_go_by_code() -> None:
    sizes = {"A": 1, "B": 2, "C": 1, "D": 1, "E": 3}
    frames = [
        person(100 * (ord(unit) - 64) + i, "00", unit=unit)
        for unit, size in sizes.items()
        for i in range(size)
    ]
    comparison = Comparison(largest=2, exclude=("E",))
    found = build(
        people(*frames),
        GROUPS,
        spec({"employed": RESIDENTS}, timing(1, 1), comparison=comparison),
        {"B": "Bee"},
    )
    roles = dict(found.units.select("unit", "role").iter_rows())
    assert roles == {"A": "treated", "B": "donor", "C": "donor", "D": "left_out", "E": "left_out"}
    assert found.units["weight"].to_list() == [1, 1, 1, 0, 0]
    assert found.units["label"].to_list() == ["A", "Bee", "C", "D", "E"]
    assert set(found.panel["unit"]) == {"A", "B", "C"}
    assert found.units.filter(pl.col("role") == "left_out")["reason"].null_count() == 0


def test_sample_flow_says_who_is_lost_where() -> None:
    register = people(
        person(1, "01000"),
        person(2, "00000", unit="B"),
        person(3, "01000", unit="C"),
        person(4, "00000", age=[17, 17, 18, 18, 18]),
    )
    given = spec(
        {"employed": prior(2), "recipients": RESIDENTS, "benefit": CURRENT},
        timing(4, 3, first=1),
        comparison=Comparison(exclude=("C",)),
    )
    flow = build(register, GROUPS, given).flow
    counts = {
        (row["population"], row["step"]): (row["persons"], row["person_periods"])
        for row in flow.iter_rows(named=True)
    }
    assert counts["residents", "register"] == (4, 20)
    assert counts["residents", "window"] == (4, 16)
    assert counts["residents", "age"] == (4, 15)
    assert counts["residents", "units"] == (3, 11)
    assert counts["current_recipients", "population"] == (1, 1)
    assert counts["prior_recipients", "age"] == (4, 16)
    assert counts["prior_recipients", "units"] == (3, 12)
    assert counts["prior_recipients", "population"] == (1, 4)
    lost = flow.filter(pl.col("population") == "residents")
    assert lost["person_periods_lost"].to_list() == [0, 4, 1, 4]
    assert flow["reason"].null_count() == 0


def test_truth_is_the_difference_of_the_two_potential_outcomes() -> None:
    treated = [person(1, "1000", work="1100"), person(2, "1000", work="1111")]
    donors = [person(3, "1000", unit="B", work="1111"), person(4, "1000", work="1111")]
    untreated = people(person(1, "1000", work="1111"), person(2, "1000", work="1111"))
    found = truth(
        people(*treated, *donors), untreated, GROUPS, spec({"employed": prior(1)}, timing(3, 1))
    )
    assert found.schema == pl.Schema(TRUTH)
    assert set(found["unit"]) == {"A"}
    assert series(found, "employed", column="effect") == pytest.approx([0, 0, -100 / 3, -100 / 3])


def test_truth_is_zero_where_the_effect_was_planted_elsewhere() -> None:
    register = people(person(1, "10", work="11"), person(2, "10", unit="B", work="10"))
    untreated = people(person(2, "10", unit="B", work="11"))
    found = truth(register, untreated, GROUPS, spec({"employed": prior(1)}, timing(1, 1)))
    assert series(found, "employed", column="effect") == [0, 0]


def test_columns_of_another_type_are_named() -> None:
    register = people(person(1, "00"), B).drop("earnings").with_columns(pl.col("age").cast(str))
    with pytest.raises(UserError) as caught:
        build(register, GROUPS, spec({"earnings": RESIDENTS}, timing(1, 1)))
    text = str(caught.value)
    assert "no column earnings" in text
    assert "column age of the register is String" in text


@pytest.mark.parametrize(
    ("name", "population", "message"),
    [
        ("recipients", prior(1), "kind: residents"),
        ("spell_months", RESIDENTS, "kind: current_recipients"),
        ("income", RESIDENTS, "a register has only employed"),
        ("employed", Population("as_published"), "give it a population"),
    ],
)
def test_outcomes_without_meaning_are_refused(
    name: str, population: Population, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        build(people(person(1, "00"), B), GROUPS, spec({name: population}, timing(1, 1)))


def test_unknown_groups_are_refused() -> None:
    groups = (Group((("family", "large"),)),)
    with pytest.raises(UserError, match="no family=large"):
        build(people(B), GROUPS, spec({"employed": RESIDENTS}, timing(1, 1), groups))


def test_text_may_be_categorical() -> None:
    register = people(person(1, "11", work="10"), person(90, "00", unit="B"))
    encoded = register.with_columns(pl.col("unit", "family", "origin").cast(pl.Categorical))
    groups = (Group(), Group((("family", "without_children"),)))
    given = spec({"employed": prior(1), "spell_months": CURRENT}, timing(1, 1), groups)
    assert build(register, GROUPS, given).panel.equals(build(encoded, GROUPS, given).panel)


def test_a_window_outside_the_register_gives_missing_cells() -> None:
    outcomes = {"employed": RESIDENTS, "spell_months": CURRENT}
    found = build(people(person(1, "11"), B), GROUPS, spec(outcomes, timing(30, 28, first=20)))
    assert found.panel["value"].null_count() == found.panel.height > 0
    assert found.available == (month(0), month(3))
