"""Splitting raw forms by person: numbers, buckets, who belongs to nobody, and what stops."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from link_helpers import COVERED, FIRST, LAST, Row, case, form, job, snapshot

from reformeval.errors import UserError
from reformeval.register.forms import Reading, Repair
from reformeval.register.link_rules import LinkRules
from reformeval.register.records import Record
from reformeval.register.split import Readings, SplitRules, split

RULES = SplitRules(
    LinkRules(FIRST, LAST, "january", "on_16th", COVERED, COVERED),
    buckets=3,
    names={"population": "people/{year}.csv"},
)
MONTHS = [f"{year}-{m:02d}" for year in (2020, 2021) for m in range(1, 13)]
PEOPLE = [snapshot(p, year) for p in ("d", "b", "c", "a") for year in (2020, 2021)]
CASES = [case("a", text) for text in MONTHS]
JOBS = [job("b", text) for text in MONTHS]


def files(*given: list[Row], name: str, repairs: tuple[Repair, ...] = ()) -> Readings:
    def read() -> Iterable[Reading]:
        return (Reading(form(name, rows, ids=True), repairs) for rows in given)

    return read


def readings(**rows: list[Row]) -> dict[str, Readings]:
    """All forms, with the given rows for some."""
    given = {"population": PEOPLE, "exits": [], "assistance": CASES, "earnings": JOBS} | rows
    return {name: files(one, name=name) for name, one in given.items()}


def rows(folder: Path, name: str, bucket: str = "*") -> pl.DataFrame:
    return pl.concat([pl.read_parquet(p) for p in sorted(folder.glob(f"{bucket}/{name}/*"))])


def by_rule(records: list[Record]) -> dict[tuple[str, str], Record]:
    return {(record.source, record.rule): record for record in records}


def test_persons_are_numbered_by_the_rank_of_their_ids_and_whole_in_a_bucket(
    tmp_path: Path,
) -> None:
    split(readings(), tmp_path, RULES)
    assert rows(tmp_path, "population")["person"].unique().sort().to_list() == [1, 2, 3, 4]
    assert set(rows(tmp_path, "population", "2-of-3")["person"]) == {1, 4}
    assert set(rows(tmp_path, "assistance")["person"]) == {1}
    assert set(rows(tmp_path, "earnings", "3-of-3")["person"]) == {2}
    assert not list(tmp_path.glob("[12]-of-3/earnings/*"))


def test_no_id_is_left_behind(tmp_path: Path) -> None:
    people = [snapshot(f"secret{p}", y) for p in range(5) for y in (2020, 2021)]
    cases = [case("secret9", "2020-01"), *(case("secret1", text) for text in MONTHS)]
    split(readings(population=people, assistance=cases), tmp_path, RULES)
    assert not [p for p in tmp_path.rglob("*") if p.is_file() and b"secret" in p.read_bytes()]
    assert not list(tmp_path.glob("unlinked/**/*.parquet"))
    assert not list(tmp_path.glob(".ids*"))


def test_rows_of_nobody_are_counted_by_reason(tmp_path: Path) -> None:
    cases = [*CASES, case(None, "2020-01"), case("zz", "2020-01"), case("zz", "2020-02")]
    found = by_rule(split(readings(assistance=cases), tmp_path, RULES))
    no_id, unknown = found["assistance", "no_id"], found["assistance", "not_in_population"]
    assert (no_id.count, no_id.of, no_id.kind) == (1, 27, "unlinked")
    assert (unknown.count, unknown.of) == (2, 27)
    assert found["earnings", "not_in_population"].count == 0
    assert rows(tmp_path, "assistance").height == 24


def test_too_many_rows_of_nobody_stop(tmp_path: Path) -> None:
    cases = [*CASES, case(None, "2020-01"), case("zz", "2020-01")]
    with pytest.raises(UserError, match=r"column person: 2 of 26 rows \(7.7%\)") as error:
        split(readings(assistance=cases), tmp_path, replace(RULES, max_unlinked=0.05))
    assert error.value.problems[0].where == "assistance"
    assert "zz" not in str(error.value)


def test_a_year_without_a_snapshot_stops_and_names_the_file(tmp_path: Path) -> None:
    people = [row for row in PEOPLE if row["year"] == 2020]
    with pytest.raises(UserError, match=r"people/\{year\}.csv: column year: no rows in 1 of 2"):
        split(readings(population=people), tmp_path, RULES)


def test_months_without_a_row_stop(tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        split(readings(assistance=CASES[:14], earnings=[]), tmp_path, RULES)
    told = [str(problem).splitlines()[0] for problem in error.value.problems]
    assert told == [
        "assistance: column period: no rows in 10 of 24 periods: 2021-03, 2021-04, 2021-05, "
        "2021-06, 2021-07 …",
        "earnings: column period: no rows in 24 of 24 periods: 2020-01, 2020-02, 2020-03, "
        "2020-04, 2020-05 …",
    ]


def test_months_outside_what_the_files_cover_may_be_empty(tmp_path: Path) -> None:
    link = replace(RULES.link, assistance=(FIRST, LAST.replace(year=2020)))
    split(readings(assistance=CASES[:12]), tmp_path, replace(RULES, link=link))


def test_several_files_of_a_form_and_their_repairs(tmp_path: Path) -> None:
    repair = Repair("doubtful", "people/2020.csv", 2, "Looked wrong.")
    given = readings()
    given["population"] = files(PEOPLE[:4], PEOPLE[4:], name="population", repairs=(repair,))
    found = by_rule(split(given, tmp_path, RULES))
    assert rows(tmp_path, "population").height == 8
    record = found["people/2020.csv", "doubtful"]
    assert (record.kind, record.count, record.message) == ("repair", 2, "Looked wrong.")


def test_numbers_do_not_depend_on_the_order_of_rows(tmp_path: Path) -> None:
    for name, people in (("one", PEOPLE), ("other", PEOPLE[::-1])):
        (tmp_path / name).mkdir()
        split(readings(population=people), tmp_path / name, RULES)
    one, other = (rows(tmp_path / name, "population") for name in ("one", "other"))
    assert one.sort("person", "year").equals(other.sort("person", "year"))
