"""Linking random forms against a naive reference that walks person by person and month by month."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from link_helpers import form

from reformeval import periods
from reformeval.register.link import link
from reformeval.register.link_rules import EmployedRule, LinkRules, ResidenceRule

FIRST, LAST = date(2020, 1, 1), date(2021, 12, 1)
MONTHS = periods.span(FIRST, LAST, "month")
PERSONS = (1, 2, 3)
Rows = list[dict[str, Any]]

month = st.integers(-3, 26).map(lambda i: periods.shift(FIRST, i, "month"))
person = st.sampled_from(PERSONS)
amount = st.one_of(st.none(), st.integers(0, 900).map(float))
truth = st.sampled_from([True, False, None])
snapshots = st.dictionaries(
    st.tuples(person, st.sampled_from([2019, 2020, 2021, 2022])),
    st.tuples(st.sampled_from("AB"), st.integers(17, 70)),
).map(
    lambda rows: [
        {"person": p, "year": y, "unit": unit, "age": age, "sex": "f", "family": f"{p}{y}"}
        for (p, y), (unit, age) in rows.items()
    ]
)
# First months are unlike within a person, so that no two spells tie.
spells = st.dictionaries(
    st.tuples(person, month), st.tuples(st.one_of(st.none(), month), st.sampled_from("ABC"))
).map(
    lambda rows: [
        {"person": p, "first": first, "last": last, "unit": unit}
        for (p, first), (last, unit) in rows.items()
    ]
)
exits = st.lists(
    st.fixed_dictionaries(
        {"person": person, "period": month, "kind": st.sampled_from(["death", "emigration"])}
    ),
    max_size=4,
)
cases = st.lists(
    st.fixed_dictionaries(
        {"person": person, "period": month, "unit": st.sampled_from("AB"),
         "recipient": st.booleans(), "grant": amount, "loan": amount}
    ),
    max_size=12,
)  # fmt: skip
jobs = st.lists(
    st.fixed_dictionaries(
        {"person": person, "period": month, "earnings": amount, "hours": amount, "on_16th": truth}
    ),
    max_size=12,
)


def _covers(spell: dict[str, Any], period: date) -> bool:
    return spell["first"] <= period and (spell["last"] is None or period <= spell["last"])


def _lives(
    who: int, period: date, rule: ResidenceRule, people: Rows, lived: Rows, left: Rows
) -> str | None:
    mine = [exit_ for exit_ in left if exit_["person"] == who and exit_["period"] < period]
    if any(exit_["kind"] == "death" for exit_ in mine):
        return None
    if rule == "january":
        stays = [
            {"first": date(r["year"], 1, 1), "last": date(r["year"], 12, 1), "unit": r["unit"]}
            for r in people if r["person"] == who
        ]  # fmt: skip
    else:
        stays = [spell for spell in lived if spell["person"] == who]
    here = [spell for spell in stays if _covers(spell, period)]
    if not here:
        return None
    spell = max(here, key=lambda one: one["first"])
    if any(spell["first"] <= exit_["period"] for exit_ in mine):
        return None
    return str(spell["unit"])


def _sum(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def _assistance(rows: Rows) -> tuple[Any, ...]:
    paid = []
    for row in rows:
        if row["grant"] is None and row["loan"] is None:
            paid.append((None, None) if row["recipient"] else (0.0, 0.0))
        else:
            paid.append((row["grant"] or 0.0, row["loan"] or 0.0))
    return (
        any(row["recipient"] for row in rows),
        _sum([grant for grant, _ in paid]),
        _sum([loan for _, loan in paid]),
    )


def _work(rows: Rows, rule: EmployedRule) -> tuple[Any, ...]:
    counts = [True if rule == "any_job" else row["on_16th"] for row in rows]
    employed = True if True in counts else None if None in counts else False
    hours = [row["hours"] for row, count in zip(rows, counts, strict=True) if count]
    return (
        employed,
        _sum([row["earnings"] for row in rows]),
        None if None in counts else _sum(hours),
    )


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(
    snapshots, spells, exits, cases, jobs,
    st.sampled_from(["january", "monthly"]), st.sampled_from(["on_16th", "any_job"]),
    st.sampled_from([None, (date(2020, 4, 1), LAST), (FIRST, date(2021, 3, 1))]),
)  # fmt: skip
def test_linking_is_what_a_walk_over_persons_and_months_gives(
    people: Rows,
    lived: Rows,
    left: Rows,
    paid: Rows,
    worked: Rows,
    residence: ResidenceRule,
    employed: EmployedRule,
    covered: tuple[date, date] | None,
) -> None:
    rules = LinkRules(FIRST, LAST, residence, employed, covered, covered)
    given_ = {"population": people, "exits": left, "assistance": paid, "earnings": worked}
    if residence != "january":
        given_["residence_spells"] = lived
    expected = []
    for who in PERSONS:
        for period in MONTHS:
            unit = _lives(who, period, residence, people, lived, left)
            if unit is None:
                continue
            known = covered is not None and covered[0] <= period <= covered[1]
            none: tuple[Any, ...] = (False, 0.0, 0.0) if known else (None, None, None)
            mine = [
                [row for row in rows if row["person"] == who and row["period"] == period]
                for rows in (paid, worked)
            ]
            expected.append(
                (who, period, unit)
                + (_assistance(mine[0]) if mine[0] else none)
                + (_work(mine[1], employed) if mine[1] else none)
            )
    register, records = link({name: form(name, rows) for name, rows in given_.items()}, rules)
    columns = (
        "person", "period", "unit", "recipient", "benefit", "loan", "employed", "earnings", "hours",
    )  # fmt: skip
    assert register.select(columns).rows() == expected
    # Nothing is lost silently: what is not in the register is in the records.
    lost = next(r for r in records if (r.source, r.rule) == ("assistance", "not_resident"))
    kept = int(register["cases"].fill_null(0).sum())
    assert lost.of == len(paid)
    assert kept + lost.count == len(paid)


@settings(max_examples=50, deadline=None)
@given(snapshots, cases, st.randoms(use_true_random=False))
def test_linking_does_not_depend_on_the_order_of_rows(
    people: Rows, paid: Rows, random: Any
) -> None:
    rules = LinkRules(FIRST, LAST, "january", "on_16th", (FIRST, LAST))
    results = []
    for _ in range(2):
        frames = {"population": form("population", people), "assistance": form("assistance", paid)}
        results.append(link({**frames, "exits": form("exits", [])}, rules)[0])
        random.shuffle(people)
        random.shuffle(paid)
    assert isinstance(results[0], pl.DataFrame)
    assert results[0].equals(results[1])
