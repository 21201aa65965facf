"""Raw forms of a simulated register, split and linked, give that register back value by value."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from reformeval.config import loader
from reformeval.errors import UserError
from reformeval.register import bucket_names
from reformeval.register.bucket_forms import load
from reformeval.register.link import link
from reformeval.register.records import Record
from reformeval.register.schema import REGISTER
from reformeval.register.split import SplitRules, split
from reformeval.sources.raw.write import write_forms, written
from reformeval.sources.register import RegisterSource
from reformeval.sources.register_files import readings
from reformeval.sources.simulated import SimulatedSource
from reformeval.sources.simulated_register import simulate_frames

ROOT = Path(__file__).parents[2]
BUCKETS = 3
KEY = ("person", "period")
BACKGROUND = ("immigrant_category", "country")


@pytest.fixture(scope="module")
def simulated() -> SimulatedSource:
    source = loader.load(ROOT).sources["simulated_register"]
    assert isinstance(source, SimulatedSource)
    return source.model_copy(update={"persons": 1_500})


@pytest.fixture(scope="module")
def source() -> RegisterSource:
    source = loader.load(ROOT).sources["simulated_raw"]
    assert isinstance(source, RegisterSource)
    return source


@pytest.fixture(scope="module")
def register(simulated: SimulatedSource) -> pl.DataFrame:
    """The simulated register, persons numbered as linking numbers them: by the rank of ids."""
    frame, _ = simulate_frames(simulated, seed=3)
    rank = pl.col("person").rank("dense").cast(pl.Int64)
    texts = pl.col(*BACKGROUND).cast(pl.String)
    return frame.select(*REGISTER, texts).with_columns(rank.alias("person")).sort(KEY)


@pytest.fixture(scope="module")
def raw(register: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("raw")
    parts = []
    for part in range(BUCKETS):
        parts.append(folder / f"part_{part}.parquet")
        register.filter(pl.col("person") % BUCKETS == part).write_parquet(parts[-1])
    write_forms(parts, folder / "raw", seed=5)
    return folder / "raw"


def linked(
    source: RegisterSource, raw: Path, folder: Path, buckets: int = BUCKETS
) -> tuple[pl.DataFrame, list[Record]]:
    """Split and link a source's raw files."""
    rules = SplitRules(source.link_rules(), buckets, source.max_unlinked)
    folder.mkdir()
    records = split(readings(source, raw), folder, rules)
    names = [name for name, _ in source.forms()]
    parts = []
    for bucket in bucket_names.names(buckets):
        forms = load(folder, bucket, names)
        part, found = link(forms, source.link_rules())
        parts.append(part)
        records += found
    return pl.concat(parts).sort(KEY), records


def test_the_shipped_source_reads_what_the_program_writes(source: RegisterSource) -> None:
    assert dict(source.forms()) == written(*source.period_range())


def test_raw_forms_link_back_to_the_register(
    register: pl.DataFrame, source: RegisterSource, raw: Path, tmp_path: Path
) -> None:
    found, records = linked(source, raw, tmp_path / "forms")
    # The origin is the country, which is all that a snapshot knows of it.
    expected = register.with_columns(pl.col("country").alias("origin"))
    assert found.select(expected.columns).equals(expected)
    counts: dict[str, int] = {}
    for record in records:
        counts[record.rule] = counts.get(record.rule, 0) + record.count
    # The quirks were there, and were mended.
    for rule in ("not_in_population", "paid_by_several", "grant_months_do_not_add_up"):
        assert counts[rule] > 0, sorted(counts)
    assert counts["after_emigration"] + counts["after_death"] > 0
    assert counts["not_resident"] == counts["no_snapshot"] == 0
    assert (found["jobs"] > 1).sum() > 0
    assert (found["payers"] > 1).sum() > 0


def test_groups_of_raw_and_simulated_source_hold_the_same_people(
    register: pl.DataFrame, simulated: SimulatedSource, source: RegisterSource
) -> None:
    groups = (given.register_groups()["origin"] for given in (simulated, source))
    direct, raw = (
        register.select(
            pl.col(group.column)
            .cast(pl.String)
            .replace_strict({code: name for name, codes in group.values.items() for code in codes})
        ).to_series()
        for group in groups
    )
    assert (direct == raw).all()
    assert set(source.mappings) == set(simulated.mappings)


def test_buckets_add_up_whatever_their_number(
    source: RegisterSource, raw: Path, tmp_path: Path
) -> None:
    few, of_few = linked(source, raw, tmp_path / "few", 1)
    many, of_many = linked(source, raw, tmp_path / "many", 7)
    assert few.equals(many)

    def totals(records: list[Record]) -> dict[tuple[str, str], tuple[int, int]]:
        found: dict[tuple[str, str], tuple[int, int]] = {}
        for one in records:
            count, of = found.get((one.source, one.rule), (0, 0))
            found[one.source, one.rule] = count + one.count, of + (one.of or 0)
        return found

    assert totals(of_few) == totals(of_many)


def test_the_municipality_of_january_moves_nobody_within_a_year(
    register: pl.DataFrame, source: RegisterSource, raw: Path, tmp_path: Path
) -> None:
    january = source.model_copy(update={"residence": "january"})
    found, _ = linked(january, raw, tmp_path / "forms")
    year = pl.col("period").dt.year()
    assert found.group_by("person", year).agg(pl.col("unit").n_unique())["unit"].max() == 1
    # Who was there on 1 January counts there; all else about them is as by month.
    first = register.filter(pl.col("period").dt.month() == 1).select(
        "person", year.alias("year"), pl.col("unit").alias("january")
    )
    both = register.with_columns(year.alias("year")).join(first, on=["person", "year"])
    expected = both.select(*KEY, pl.col("january").alias("unit"), "benefit", "earnings")
    mine = found.select(*KEY, "unit", "benefit", "earnings").join(expected, on=KEY, how="semi")
    assert mine.equals(expected.sort(KEY))


def _edited(raw: Path, folder: Path, name: str, old: str, new: str) -> Path:
    shutil.copytree(raw, folder / "raw")
    path = folder / "raw" / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    return folder / "raw"


def test_an_unknown_municipality_stops_with_file_line_and_column(
    source: RegisterSource, raw: Path, tmp_path: Path
) -> None:
    edited = _edited(raw, tmp_path, "population/snapshot_2019.csv", ";4601;", ";4699;")
    with pytest.raises(UserError, match=r"2019.csv: column 'unit' .* 1 row: '4699' \(line \d+\)"):
        linked(source, edited, tmp_path / "forms")
    kept = source.model_copy(update={"other_units": "keep"})
    found, _ = linked(kept, edited, tmp_path / "kept")
    assert found.height


def test_a_missing_file_of_a_year_stops_with_its_name(
    source: RegisterSource, raw: Path, tmp_path: Path
) -> None:
    shutil.copytree(raw, tmp_path / "raw")
    (tmp_path / "raw/earnings/jobs_2020.csv").unlink()
    with pytest.raises(UserError, match=r"jobs_2020.csv: there is no file for 2020"):
        linked(source, tmp_path / "raw", tmp_path / "forms")


def test_ids_of_another_kind_stop(source: RegisterSource, raw: Path, tmp_path: Path) -> None:
    shutil.copytree(raw, tmp_path / "raw")
    for path in (tmp_path / "raw/earnings").iterdir():
        frame = pl.read_csv(path, separator=";", infer_schema=False)
        frame.with_columns(pl.concat_str(pl.lit("x"), "person").alias("person")).write_csv(
            path, separator=";"
        )
    with pytest.raises(UserError, match=r"column person: .* rows \(100.0%\) belong to nobody"):
        linked(source, tmp_path / "raw", tmp_path / "forms")


def test_a_residence_of_two_municipalities_stops(
    source: RegisterSource, raw: Path, tmp_path: Path
) -> None:
    shutil.copytree(raw, tmp_path / "raw")
    path = tmp_path / "raw/population/residence.csv"
    frame = pl.read_csv(path, separator=";", infer_schema=False)
    other = frame.head(1).with_columns(
        pl.when(pl.col("unit") == "4601")
        .then(pl.lit("0301"))
        .otherwise(pl.lit("4601"))
        .alias("unit")
    )
    pl.concat([frame, other]).write_csv(path, separator=";")
    with pytest.raises(UserError, match="1 persons have spells of the same months"):
        linked(source, tmp_path / "raw", tmp_path / "forms")


def test_a_form_that_is_not_there_is_missing_and_not_zero(
    source: RegisterSource, raw: Path, tmp_path: Path
) -> None:
    bare = source.model_copy(update={"assistance": None})
    assert replace(bare.link_rules()).assistance is None
    found, _ = linked(bare, raw, tmp_path / "forms")
    assert found["benefit"].null_count() == found["recipient"].null_count() == found.height
    assert found["earnings"].null_count() == 0
