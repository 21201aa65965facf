"""Units over time: events, and the territories that data is put on."""

from __future__ import annotations

from collections import Counter
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from reformeval.errors import UserError
from reformeval.geography import files
from reformeval.geography.classification import OPEN, Classification, Version, classify, events
from reformeval.geography.territories import correspondence, onto
from reformeval.geography.unit_map import targets, unit_map
from reformeval.spec import Geography
from tests.geography_helpers import KLASS, PLACE, day, made


@pytest.fixture(scope="module")
def klass(data_dir: Path) -> Classification:
    return files.read(data_dir / KLASS)


@pytest.fixture(scope="module")
def population(data_dir: Path) -> pl.DataFrame:
    """Population by municipality on 2020 geography and year, not imputed."""
    path = data_dir / "population/nor_population_by_age_b2020.parquet"
    return (
        pl.read_parquet(path)
        .filter(pl.col("granularity_geo") == "municip", ~pl.col("imputed"), pl.col("age") >= 0)
        .group_by(
            pl.col("location_code").str.strip_prefix("municip_nor").alias("unit"),
            pl.date(pl.col("calyear").cast(pl.Int32), 1, 1).alias("period"),
        )
        .agg(pl.col("pop_jan1_n").sum().cast(pl.Int64).alias("persons"))
        .filter(pl.col("unit") != "9999", pl.col("persons") > 0)
    )


def moved(counts: pl.DataFrame, klass: Classification, year: int, **keys: object) -> pl.DataFrame:
    """Persons by target and period."""
    geography = Geography(year, **keys)  # type: ignore[arg-type]
    mapped = unit_map(counts.rename({"persons": "rows"}), geography, klass, PLACE)
    return (
        counts.with_columns(mapped.target())
        .group_by("unit", "period")
        .agg(pl.col("persons").sum())
        .sort("unit", "period")
    )


def told(counts: pl.DataFrame, klass: Classification, year: int, **keys: object) -> list[str]:
    with pytest.raises(UserError) as caught:
        moved(counts, klass, year, **keys)
    assert all(problem.fix for problem in caught.value.problems)
    return [str(problem) for problem in caught.value.problems]


def counts(*rows: tuple[str, date, int]) -> pl.DataFrame:
    schema = {"unit": pl.String, "period": pl.Date, "persons": pl.Int64}
    return pl.DataFrame(rows, schema, orient="row")


def test_kinds_of_events() -> None:
    found = {event.before[0].code: event for event in events(made(), day(2000), day(2020))}
    assert {code: event.kind for code, event in found.items()} == {
        "A": "merger", "C": "code change", "E": "split", "G": "transfer",
    }  # fmt: skip
    assert {code: event.same_code for code, event in found.items()} == {
        "A": ("A",), "C": (), "E": ("E",), "G": ("G", "H"),
    }  # fmt: skip


def test_territories_of_the_small_world() -> None:
    world = made()
    stop = onto(world, 2020, day(2010), day(2020))
    before = {v.code: stop.target.get(v) for v in stop.images if v.covers(day(2010))}
    assert before == {
        "A": "A", "B": "A", "C": "D", "E": None, "G": None, "H": "H", "N": "N",
    }  # fmt: skip
    common = onto(world, 2020, day(2010), day(2020), "common")
    before = {v.code: common.target[v] for v in common.images if v.covers(day(2010))}
    assert before == {
        "A": "A", "B": "A", "C": "D", "E": "E+F", "G": "G+H", "H": "G+H", "N": "N",
    }  # fmt: skip
    assert set(common.blocks) == {"E+F", "G+H"}
    assert common.label("E+F") == "Town E and Town F"
    # Seen from before, mergers cannot be taken apart and splits can be put together.
    back = onto(world, 2010, day(2010), day(2020), "common")
    after = {v.code: back.target[v] for v in back.images if v.covers(day(2020))}
    assert after == {
        "A": "A+B", "D": "C", "E": "E", "F": "E", "G": "G", "H": "G+H", "N": "N",
    } or after["G"] == "G+H"  # fmt: skip


def test_common_territories_only_where_the_span_needs_them() -> None:
    later = onto(made(), 2020, day(2020), day(2024), "common")
    assert not later.blocks
    assert {v.code for v in later.images} == {"A", "D", "E", "F", "G", "H", "N"}


def test_a_unit_that_ends_in_nothing_has_no_territory() -> None:
    world = made([("A", 2000, 2010), ("B", 2000, None)], [])
    assert correspondence(world, day(2005), 2020) == {"A": (), "B": ("B",)}
    message = told(counts(("A", day(2005), 1)), world, 2020)[0]
    assert "A Town A ended on 2010-01-01" in message


@pytest.mark.parametrize(
    ("versions", "changes", "words"),
    [
        ([("A", 2000, 1999)], [], "ends before it begins"),
        ([("A", 2000, 2010), ("A", 2005, None)], [], "two meanings from 2005-01-01"),
    ],
)
def test_a_classification_that_contradicts_itself(
    versions: list[tuple[str, int, int | None]], changes: list[tuple[str, str, int]], words: str
) -> None:
    with pytest.raises(UserError, match=words):
        made(versions, changes)


def test_changes_join_versions_that_meet() -> None:
    a, b = Version("A", day(2000), day(2010), "a"), Version("B", day(2011), OPEN, "b")
    with pytest.raises(UserError, match="do not meet"):
        classify([a, b], [(a, b)])


def test_unknown_codes_are_told_at_once_with_what_they_are() -> None:
    data = counts(
        ("C", date(2021, 3, 1), 2), ("C", date(2021, 4, 1), 1), ("D", date(2019, 3, 1), 1),
        ("Q", date(2019, 3, 1), 5), ("9999", date(2019, 3, 1), 7),
    )  # fmt: skip
    messages = told(data, made(), 2020)
    assert len(messages) == 4
    by_code = {message.partition("holds ")[2].split(" ")[0]: message for message in messages}
    assert "data.csv: column 'kommune' holds C (3 cells, 2021-03 to 2021-04)" in by_code["C"]
    assert "C Town C ended on 2020-01-01 and became D Town D" in by_code["C"]
    assert "D Town D begins on 2020-01-01" in by_code["D"]
    assert "geography.special" in by_code["9999"]
    special = {"9999": "unknown"}
    assert len(told(data, made(), 2020, special=special)) == 3


def test_codes_of_one_year_whatever_the_period() -> None:
    data = counts(("C", date(2021, 3, 1), 2), ("B", date(2021, 3, 1), 1))
    found = moved(data, made(), 2020, as_of=2019)
    assert dict(found.select("unit", "persons").iter_rows()) == {"A": 1, "D": 2}


def test_a_null_code_is_told() -> None:
    data = pl.DataFrame(
        {"unit": [None], "period": [day(2010)], "persons": [3]},
        schema={"unit": pl.String, "period": pl.Date, "persons": pl.Int64},
    )
    assert "holds no code (3 cells" in told(data, made(), 2020)[0]


def test_a_code_that_changes_its_target_looks_at_the_period() -> None:
    # The code X is given to another unit after ten years.
    versions = [("X", 2000, 2010), ("Y", 2010, None), ("X", 2012, None), ("Z", 2000, 2012)]
    world = made(versions, [("X", "Y", 2010), ("Z", "X", 2012)])
    data = counts(("X", day(2005), 1), ("X", day(2015), 2), ("Z", day(2005), 4))
    found = moved(data, world, 2020)
    assert found.rows() == [("X", day(2005), 4), ("X", day(2015), 2), ("Y", day(2005), 1)]


def test_events_of_2020_and_2024(klass: Classification) -> None:
    found = events(klass, date(2019, 6, 1), date(2020, 6, 1))
    links = {(b.code, a.code) for event in found for b in event.before for a in event.after}
    assert len([c for c in klass.changes if c[1].first == day(2020)]) == 317
    assert ("1201", "4601") in links
    assert Counter(event.kind for event in found) == {
        "code change": 202, "merger": 38, "transfer": 2, "name change": 3,
    }  # fmt: skip
    same = {code: event for event in found for code in event.same_code}
    assert set(same) == {"1103", "5001"}
    assert [v.code for v in same["5001"].before] == ["5001", "5030"]
    assert [v.code for v in same["1103"].before] == ["1103", "1141", "1142"]
    (snillfjord,) = (e for e in found if "5012" in {v.code for v in e.before})
    assert snillfjord.kind == "transfer"
    assert [v.code for v in snillfjord.after] == ["5055", "5056", "5059"]
    (split,) = (e for e in events(klass, day(2023), day(2024)) if e.kind == "split")
    assert [v.code for v in (*split.before, *split.after)] == ["1507", "1508", "1580"]


def test_bergen_and_the_total_map_of_2017_to_2020(klass: Classification) -> None:
    found = correspondence(klass, day(2017), 2020)
    assert len(found) == 427  # 426 municipalities and the code for unknown
    assert found["1201"] == ("4601",)
    assert found["1601"] == found["1662"] == ("5001",)
    assert {code for code, to in found.items() if len(to) > 1} == {"1613", "1850"}
    assert {to for images in found.values() for to in images} == {
        v.code for v in klass.versions if v.covers(day(2020))
    }


def test_persons_are_preserved_on_2024(klass: Classification, population: pl.DataFrame) -> None:
    assert population.filter(unit="4601", period=day(2020))["persons"].item() == 283_929
    message = told(population, klass, 2024, as_of=2020)
    assert len(message) == 1
    assert "1507 Ålesund became parts of 1508 Ålesund, 1580 Haram" in message[0]
    assert "'1508+1580'" in message[0]
    common = moved(population, klass, 2024, as_of=2020, splits="common")
    totals = [f.group_by("period").agg(pl.col("persons").sum()).sort("period")
              for f in (population, common)]  # fmt: skip
    assert totals[0].equals(totals[1])
    aalesund = common.filter(unit="1508+1580", period=day(2020))["persons"].item()
    assert aalesund == population.filter(unit="1507", period=day(2020))["persons"].item()
    assert not common["unit"].is_in(["1508", "1580"]).any()


def test_persons_are_preserved_from_codes_of_their_time(
    klass: Classification, population: pl.DataFrame
) -> None:
    """Population of 2020's units, dealt to the units each was made from, comes back whole."""
    dealt = []
    for year in range(2005, 2025):
        parts: dict[str, list[str]] = {}
        for old, new in correspondence(klass, day(year), 2020).items():
            parts.setdefault(new[0], []).append(old)
        whole = population.filter(period=day(year))
        for unit, _, persons in whole.iter_rows():
            codes = sorted(parts[unit])
            share = [persons // len(codes)] * len(codes)
            share[0] += persons - sum(share)
            dealt += [(c, day(year), n) for c, n in zip(codes, share, strict=True)]
    data = counts(*dealt)
    messages = told(data, klass, 2020)
    codes = {message.partition("holds ")[2][:4] for message in messages}
    assert codes == {"0720", "1613", "1850", "5012"}  # Stokke, Snillfjord, Tysfjord
    common = moved(data, klass, 2020, splits="common")
    total = [f["persons"].sum() for f in (population.filter(pl.col("period") < day(2025)), common)]
    assert total[0] == total[1]
    merged = {"3803", "3804", "1806", "1875", "5055", "5056", "5059"}
    kept = population.filter(~pl.col("unit").is_in(list(merged)), pl.col("period") < day(2025))
    alone = common.filter(~pl.col("unit").str.contains("+", literal=True))
    assert alone.equals(kept.select("unit", "period", "persons").sort("unit", "period"))
    bergen = common.filter(unit="4601", period=day(2020))["persons"].item()
    assert bergen == 283_929


def test_agrees_with_the_redistricting_table_but_for_its_guesses(
    klass: Classification, data_dir: Path
) -> None:
    """The published table of old codes; it gives parts equal weights, which is refused here."""
    path = data_dir / "population/nor_locations_redistricting_b2020.parquet"
    table = pl.read_parquet(path).filter(pl.col("granularity_geo") == "municip")
    guessed: set[str] = set()
    dropped: set[str] = set()
    compared = 0
    for year in range(2000, 2021):
        theirs: dict[str, dict[str, float]] = {}
        for new, old, _, weight, _ in table.filter(calyear=year).iter_rows():
            theirs.setdefault(old[-4:], {})[new[-4:]] = weight
        ours = correspondence(klass, day(year), 2020)
        assert theirs.keys() <= ours.keys()
        for code, weights in theirs.items():
            compared += 1
            if set(weights) != set(ours[code]):
                dropped |= {code}
                assert set(weights) < set(ours[code])
            elif len(ours[code]) > 1:
                guessed |= {code}
                assert all(weight < 1 for weight in weights.values())
    assert compared == 8_921
    assert guessed == {"1613", "5012", "1850"}  # Snillfjord .35/.35/.3, Tysfjord .5/.5
    assert dropped == {"0720"}  # the part of Stokke that went to Tønsberg


def test_the_mapping_as_a_frame() -> None:
    frame = targets(onto(made(), 2020, day(2010), day(2020)))
    assert frame.filter(unit="A").rows() == [
        ("A", day(2000), day(2020), "A"), ("A", day(2020), None, "A"),
    ]  # fmt: skip
    assert frame.filter(unit="E", valid_to=day(2020))["target"].item() is None
