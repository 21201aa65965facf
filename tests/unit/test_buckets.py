"""Buckets of a register: how persons are divided, read in batches, and refused when wrong."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from register_helpers import FIRST, GROUPS, RESIDENTS, in_buckets, month, person, spec, timing

from reformeval.errors import UserError
from reformeval.panel.from_register import build
from reformeval.register import batches, bucket_names, buckets
from reformeval.register.batches import read
from reformeval.register.summary import SUMMARY, summarise, together

PEOPLE = pl.concat(
    [
        person(1, "010.", unit=["A", "A", "B", "B"]),
        person(2, "0000"),
        person(3, "0011", unit="B", age=17),
        person(7, "1"),
    ]
)


def _file(folder: Path, rows: pl.DataFrame, name: str = "1-of-1", **options: int) -> Path:
    path = folder / f"{name}.parquet"
    rows.write_parquet(path, **options)
    return path


def _refused(path: Path, columns: tuple[str, ...] = ("age",)) -> str:
    with pytest.raises(UserError) as caught:
        list(read(path, columns))
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_buckets_hold_whole_persons_by_remainder(tmp_path: Path) -> None:
    paths = in_buckets(PEOPLE, tmp_path, 3)
    assert [path.name for path in paths] == [
        "1-of-3.parquet",
        "2-of-3.parquet",
        "3-of-3.parquet",
    ]
    persons = [pl.read_parquet(path)["person"].unique().to_list() for path in paths]
    assert [sorted(found) for found in persons] == [[3], [1, 7], [2]]
    assert bucket_names.remainder(paths[1]) == (1, 3)
    assert bucket_names.remainder(Path("register.parquet")) is None
    assert bucket_names.remainder(Path("4-of-3.parquet")) is None


def test_nothing_is_put_in_place_when_writing_fails(tmp_path: Path) -> None:
    table = PEOPLE.to_arrow()
    paths = [tmp_path / f"{name}.parquet" for name in bucket_names.names(2)]
    with pytest.raises(KeyError), buckets.writing(paths, table.schema) as writer:
        writer.write(table.drop_columns("person"))
    assert not list(tmp_path.iterdir())


def test_row_groups_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buckets, "ROW_GROUP", 5)
    (path,) = in_buckets(PEOPLE, tmp_path, 1)
    metadata = pq.ParquetFile(path).metadata
    assert max(metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)) == 5
    assert metadata.row_group(0).column(0).statistics.max is not None
    assert pl.read_parquet(path).equals(PEOPLE)


def test_row_groups_are_whole_however_rows_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buckets, "ROW_GROUP", 4)
    path = tmp_path / "1-of-1.parquet"
    with buckets.writing([path], PEOPLE.to_arrow().schema) as writer:
        for one in PEOPLE.partition_by("person", maintain_order=True):
            writer.write(one.to_arrow())
    metadata = pq.ParquetFile(path).metadata
    sizes = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
    assert sizes == [4, 4, 4]
    assert pl.read_parquet(path).equals(PEOPLE)


@pytest.mark.parametrize("rows", [1, 2, 3, 5, 100])
def test_batches_hold_whole_persons_whatever_their_size(tmp_path: Path, rows: int) -> None:
    path = _file(tmp_path, PEOPLE, row_group_size=3)
    found = list(read(path, ["age"], rows))
    seen = [number for batch in found for number in set(batch.person.tolist())]
    assert sorted(seen) == [1, 2, 3, 7]
    assert sum(len(batch) for batch in found) == PEOPLE.height
    for batch in found:
        assert batch.person[batch.starts].tolist() == sorted(set(batch.person.tolist()))
        assert (batch.person[batch.starts][batch.of_person] == batch.person).all()


@pytest.mark.parametrize("kind", ["codes", "text", "categories"])
def test_texts_are_told_apart_however_they_lie_in_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(batches, "_MOST", 2)
    texts = ["longer than twelve bytes", None, "", "short", "longer than twelve other bytes", "x"]
    rows = PEOPLE.with_columns(family=pl.Series([texts[(i // 2) % 6] for i in range(12)]))
    path = tmp_path / "register.parquet"
    stored = pl.Categorical if kind == "categories" else pl.String
    table = rows.with_columns(pl.col("family").cast(stored)).to_arrow()
    pq.write_table(table, path, use_dictionary=kind == "codes", row_group_size=5)
    found = {}
    for batch in read(path, ["family"]):
        texts = batch.texts("family")
        assert len(set(texts.values)) == len(texts.values)
        keys = zip(batch.person.tolist(), batch.month.tolist(), strict=True)
        found |= dict(zip(keys, texts.rows(np.array(texts.values)), strict=True))
    assert [found[key] for key in sorted(found)] == rows["family"].to_list()


def test_a_frame_may_be_in_any_order() -> None:
    shuffled = PEOPLE.sample(fraction=1, shuffle=True, seed=3)
    inner, ends = read(shuffled.lazy(), ["age"])
    assert inner.person.tolist() == [2] * 4 + [3] * 4
    assert ends.person.tolist() == [1] * 3 + [7]
    assert ends.month.tolist() == [2020 * 12, 2020 * 12 + 1, 2020 * 12 + 2, 2020 * 12]


def test_the_summary_counts_rows_and_persons_of_working_age(tmp_path: Path) -> None:
    found = together(summarise(path) for path in in_buckets(PEOPLE, tmp_path, 3))
    assert found.schema == pl.Schema(SUMMARY)
    rows = {(unit, period): counts for unit, period, *counts in found.iter_rows()}
    assert rows["A", FIRST] == [3, 3]
    assert rows["B", month(2)] == [2, 1]
    assert rows["B", month(3)] == [1, 0]


def test_a_person_month_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    once = person(5, "00")
    text = _refused(_file(tmp_path, pl.concat([once, once]).sort("period")))
    assert "2 person-months are there more than once, 0 of them in two units" in text
    assert "person 5 in 2020-01, both in A" in text
    moved = pl.concat([once, once.with_columns(unit=pl.lit("B"))]).sort("period")
    assert "person 5 in 2020-01, in A and in B" in _refused(_file(tmp_path, moved))


def test_a_person_month_that_is_there_twice_across_batches_is_refused(tmp_path: Path) -> None:
    path = _file(tmp_path, pl.concat([PEOPLE, person(7, "1")]))
    with pytest.raises(UserError, match="person 7 in 2020-01"):
        list(read(path, ["age"], PEOPLE.height))


def test_rows_in_another_order_are_refused(tmp_path: Path) -> None:
    assert "not sorted" in _refused(_file(tmp_path, PEOPLE.reverse()))
    mixed = _file(tmp_path, pl.concat([person(9, "0"), PEOPLE]))
    with pytest.raises(UserError, match="not sorted"):
        list(read(mixed, ["age"], 1))


def test_periods_that_are_no_months_are_refused(tmp_path: Path) -> None:
    for day in (date(2020, 1, 15), date(1066, 10, 1), date(2999, 1, 1)):
        wrong = PEOPLE.with_columns(
            period=pl.when(pl.col("person") == 7).then(day).otherwise("period")
        )
        text = _refused(_file(tmp_path, wrong))
        assert "1 values of the column period are no first day of a month" in text
        assert str(day) in text


@pytest.mark.parametrize("name", ["person", "period", "unit"])
def test_missing_keys_are_refused(tmp_path: Path, name: str) -> None:
    chosen = pl.when(pl.col("age") != 17).then(name)
    text = _refused(_file(tmp_path, PEOPLE.with_columns(chosen.alias(name))))
    assert f"4 rows of the register have no {name}" in text
    assert "rows 1 to 12" in text


def test_a_person_in_the_wrong_bucket_is_refused(tmp_path: Path) -> None:
    text = _refused(_file(tmp_path, PEOPLE, "1-of-2"))
    assert "3 persons are in the wrong bucket: person 1 belongs in 2-of-2" in text


def test_columns_of_another_type_are_refused_with_the_file(tmp_path: Path) -> None:
    text = _refused(_file(tmp_path, PEOPLE.with_columns(pl.col("age").cast(pl.String))))
    assert "column age of the register is String, not Int16" in text
    assert "no column age" in _refused(_file(tmp_path, PEOPLE.drop("age")))


def test_a_file_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    path = _file(tmp_path, PEOPLE)
    whole = path.read_bytes()
    for kept in (whole[: len(whole) // 2], b"", whole[:100] + b"\xff" * 200 + whole[300:]):
        path.write_bytes(kept)
        assert "damaged or cut off" in _refused(path)
    path.unlink()
    assert "is not there" in _refused(path)


def test_a_register_without_rows_is_refused(tmp_path: Path) -> None:
    path = _file(tmp_path, PEOPLE.clear())
    with pytest.raises(UserError, match="no rows"):
        build(path, GROUPS, spec({"employed": RESIDENTS}, timing(1, 1)))


def test_an_empty_bucket_adds_nothing(tmp_path: Path) -> None:
    given = spec({"employed": RESIDENTS}, timing(1, 1))
    paths = in_buckets(PEOPLE, tmp_path, 11)
    assert pq.ParquetFile(paths[5]).metadata.num_rows == 0
    one = build(PEOPLE.lazy(), GROUPS, given)
    assert build(paths, GROUPS, given).panel.equals(one.panel)


def test_values_that_are_no_numbers_are_refused() -> None:
    rows = PEOPLE.with_columns(earnings=pl.lit(float("nan")))
    with pytest.raises(UserError, match="earnings has values that are no numbers"):
        build(rows.lazy(), GROUPS, spec({"earnings": RESIDENTS}, timing(1, 1)))


def test_text_columns_may_be_stored_in_any_way(tmp_path: Path) -> None:
    given = spec({"employed": RESIDENTS}, timing(1, 1))
    wanted = build(PEOPLE.lazy(), GROUPS, given).panel
    text = ("unit", "family", "origin", "sex")
    for kind in (pl.Categorical, pl.String):
        rows = PEOPLE.with_columns(pl.col(text).cast(kind))
        assert build(_file(tmp_path, rows), GROUPS, given).panel.equals(wanted)
    plain = tmp_path / "1-of-1.parquet"
    pq.write_table(pa.table(PEOPLE.to_arrow()), plain, use_dictionary=False)
    assert build(plain, GROUPS, given).panel.equals(wanted)
