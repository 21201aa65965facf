"""Spells by hand: what is known in each month, and what is not."""

from __future__ import annotations

import numpy as np
import pytest
from register_helpers import (
    CURRENT,
    GROUPS,
    RESIDENTS,
    people,
    person,
    prior,
    series,
    spec,
    timing,
)

from reformeval.errors import UserError
from reformeval.panel.from_register import build
from reformeval.panel.spells import History
from reformeval.register.batches import Batch, read
from reformeval.spec import Comparison, Group, Population

B = person(90, "00000000", unit="B")
FAMILIES = (Group(), Group((("family", "with_children"),)))


def _history(assistance: str) -> History:
    rows = [person(1, "1"), person(5, assistance), person(9, "1")]
    (inner, _) = read(people(*rows), ["recipient"])
    assert isinstance(inner, Batch)
    return History(inner)


def _column(assistance: str, name: str, months: int = 1) -> list[float | None]:
    values, there = _history(assistance).column(name, months)
    known = np.ones(len(values), dtype=bool) if there is None else there
    return [float(v) if k else None for v, k in zip(values, known, strict=True)]


def test_months_so_far_and_left() -> None:
    assert _history("0111.110").so_far.tolist() == [0, 1, 2, 3, 1, 2, 0]
    assert _history("0111.110").left.tolist() == [0, 3, 2, 1, 2, 1, 0]
    assert _column("0111011", "so_far", 2) == [None, 1, 2, 2, None, 1, 2]


def test_an_exit_is_known_where_the_next_month_is() -> None:
    assert _column("0110.11", "exit") == [None, 0, 1, None, 0, None]
    assert _column("11.0", "exit") == [0, None, None]


def test_an_entry_is_known_for_those_without_before() -> None:
    assert _column("0110.11", "entry") == [None, 1, None, None, None, None]
    assert _column("0011", "entry") == [None, 0, 1, None]


def test_months_to_the_exit_are_capped_and_censored() -> None:
    assert _column("01110", "to_exit", 12) == [None, 3, 2, 1, None]
    assert _column("01111", "to_exit", 12) == [None] * 5
    assert _column("01111", "to_exit", 3) == [None, 3, 3, None, None]
    assert _column("011.1", "to_exit", 3) == [None] * 4


def test_a_reentry_needs_all_months_to_be_seen() -> None:
    # Leaves after the first month; the first month without is the second.
    assert _column("1001", "reentry", 2) == [1, None, None, None]
    assert _column("1001", "reentry", 1) == [0, None, None, None]
    assert _column("1010", "reentry", 1)[0] == 1
    assert _column("1010", "reentry", 2)[0] == 1
    assert _column("101", "reentry", 2)[0] is None  # seen to return, but not for long enough
    assert _column("10.1", "reentry", 1)[0] is None


def test_months_received_before_and_after() -> None:
    assert _column("10111", "last", 3) == [None, None, 2, 2, 3]
    assert _column("10111", "next", 2) == [1, 2, 2, None, None]
    assert _column("101.1", "last", 2) == [None, 1, 1, None]


def test_rates_by_month_and_missing_at_the_ends() -> None:
    register = people(person(1, "01101100"), person(2, "01111111"), B)
    outcomes = {"exit_rate": CURRENT, "entry_rate": RESIDENTS, "months_received": RESIDENTS}
    found = build(register, GROUPS, spec(outcomes, timing(7, 5), months=3)).panel
    assert series(found, "exit_rate") == [None, 0, 50, 0, 0, 50, 0, None]
    assert series(found, "entry_rate") == [None, 100, None, None, 100, None, None, 0]
    assert series(found, "months_received") == [None, None, 2, 2.5, 2.5, 2.5, 2.5, 2]
    assert series(found, "exit_rate", column="n_persons") == [0, 2, 2, 1, 2, 2, 1, 0]


def test_entrants_are_new_after_months_without() -> None:
    register = people(
        person(1, "00010011"),
        person(2, "0.001101"),
        person(3, "01000100", unit="B"),
        person(4, "00000000"),
    )
    new = Population("entrants", after=2)
    given = spec({"months_received_next": new}, timing(7, 5, first=2), months=1)
    found = build(register, GROUPS, given)
    assert series(found.panel, "months_received_next", column="n_persons") == [0, 1, 1, 0, 1, 0]
    assert series(found.panel, "months_received_next") == [None, 0, 1, None, 1, None]
    assert series(found.panel, "months_received_next", "B", column="n_persons")[3] == 1
    steps = dict(found.flow.select("step", "person_periods").iter_rows())
    assert steps["population"] == 4


def test_entrants_need_the_register_to_begin_before() -> None:
    given = spec({"employed": Population("entrants", after=3)}, timing(7, 5, first=1))
    with pytest.raises(UserError, match="start the window in 2020-04"):
        build(people(person(1, "00010011"), B), GROUPS, given)


def test_units_before_and_groups_frozen_for_residents() -> None:
    mover = person(
        1, "0000", unit=["A", "A", "B", "B"], family=["single", "single", "single_parent", "single"]
    )
    late = person(2, "..00", unit="A", family="single_parent")
    rest = [person(3, "0000"), person(4, "0000", unit="B")]
    when = timing(3, 2)

    def counts(unit: str, group: str, **traits: str) -> list[int]:
        given = spec({"employed": Population("residents", **traits)}, when, FAMILIES)
        found = build(people(mover, late, *rest), GROUPS, given).panel
        return series(found, "employed", unit, group, "n_persons")

    children = "family=with_children"
    assert counts("A", "all") == [2, 2, 2, 2]
    assert counts("A", "all", movers="before") == [2, 2, 2, 2]
    assert counts("B", "all", movers="before") == [1, 1, 1, 1]
    assert counts("B", children) == [0, 0, 1, 0]
    assert counts("A", children) == [0, 0, 1, 1]
    assert counts("A", children, movers="before") == [0, 0, 1, 0]
    assert counts("A", children, groups="frozen") == [0, 0, 0, 0]
    assert counts("A", "all", groups="frozen") == [2, 2, 2, 2]


def test_prior_recipients_may_count_where_and_what_they_are_now() -> None:
    mover = person(1, "1000", unit=["A", "A", "B", "B"], family=["single"] * 3 + ["single_parent"])
    others = [person(3, "1000"), person(4, "1000", unit="B")]
    here = Population("prior_recipients", 2, groups="current", movers="current")
    found = build(people(mover, *others), GROUPS, spec({"employed": here}, timing(3, 2), FAMILIES))
    assert series(found.panel, "employed", column="n_persons") == [2, 2, 1, 1]
    children = "family=with_children"
    assert series(found.panel, "employed", "B", children, "n_persons") == [0, 0, 0, 1]


def test_ages_are_those_of_the_population() -> None:
    register = people(person(1, "00", age=[29, 30]), person(2, "00", age=70), person(3, "00"), B)
    young = Population("residents", ages=(18, 29))
    found = build(register, GROUPS, spec({"employed": young, "hours": RESIDENTS}, timing(1, 1)))
    assert series(found.panel, "employed", column="n_persons") == [1, 0]
    assert series(found.panel, "hours", column="n_persons") == [2, 2]
    assert set(found.flow["population"]) == {"residents (18–29)", "residents (18–66)"}
    assert "not aged 18–29" in found.flow["reason"].to_list()


def test_the_flow_tells_who_was_not_there_before() -> None:
    register = people(person(1, "..0"), person(2, "000"), person(3, "000", unit="C"), B)
    given = spec(
        {"employed": Population("residents", movers="before")},
        timing(2, 2),
        comparison=Comparison(exclude=("C",)),
    )
    flow = build(register, GROUPS, given).flow
    lost = dict(flow.select("step", "persons_lost").iter_rows())
    assert lost == {"register": 0, "window": 0, "age": 0, "reference": 1, "units": 1}


@pytest.mark.parametrize(
    ("name", "population", "message"),
    [
        ("exit_rate", RESIDENTS, "kind: current_recipients"),
        ("entry_rate", CURRENT, "kind: residents"),
        ("reentry_rate", RESIDENTS, "kind: entrants"),
        ("recipients", prior(1), "kind: residents"),
    ],
)
def test_spells_over_others_are_refused(name: str, population: Population, message: str) -> None:
    with pytest.raises(UserError, match=message):
        build(people(person(1, "00"), B), GROUPS, spec({name: population}, timing(1, 1)))
