"""Raw forms of a simulated register link back to exactly that register."""

from __future__ import annotations

from datetime import date
from functools import cache
from pathlib import Path

import polars as pl
import pytest
import yaml

from reformeval.errors import UserError
from reformeval.register.forms import gather, total
from reformeval.register.link import link
from reformeval.register.link_rules import LinkRules
from reformeval.register.schema import REGISTER
from reformeval.sources.raw import earnings, kostra_11f, population
from reformeval.sources.raw.write import person_id, write_forms, written
from reformeval.sources.simulated import SimulatedSource
from reformeval.sources.simulated_register import simulate_frames

SOURCE = Path(__file__).parents[2] / "config" / "sources" / "simulated_register.yaml"
FIRST, LAST = date(2017, 1, 1), date(2022, 8, 1)
FORMS = {
    "population": population.read_snapshots,
    "residence_spells": population.read_residence,
    "exits": population.read_exits,
    "assistance": kostra_11f.read_each,
    "earnings": earnings.read_each,
}


@cache
def register() -> pl.DataFrame:
    source = SimulatedSource.model_validate(yaml.safe_load(SOURCE.read_text(encoding="utf-8")))
    return simulate_frames(source.model_copy(update={"persons": 2_500}), seed=3)[0]


def write(folder: Path, seed: int = 5, buckets: int = 1, frame: pl.DataFrame | None = None) -> Path:
    whole = register() if frame is None else frame
    paths = []
    for bucket in range(buckets):
        paths.append(folder / f"{bucket}.parquet")
        whole.filter(pl.col("person") % buckets == bucket).write_parquet(paths[-1])
    write_forms(paths, folder / "raw", seed)
    return folder / "raw"


def read(data: Path, first: date = FIRST, last: date = LAST) -> dict:
    """Forms with the numbers of persons in place of their ids, and the repairs by rule."""
    readings = {
        name: gather(FORMS[name](files, data)) for name, files in written(first, last).items()
    }
    frames = {name: reading.frame.lazy().collect() for name, reading in readings.items()}
    ids = register().select("person", person_id().alias("id")).unique()
    numbers = dict(zip(ids["id"], ids["person"], strict=True))
    repairs = total(repair for reading in readings.values() for repair in reading.repairs)
    return {
        "raw": frames,
        "repairs": {repair.rule: repair.count for repair in repairs},
        **{
            name: frame.with_columns(
                pl.col("person").replace_strict(numbers, default=None, return_dtype=pl.Int64)
            ).filter(pl.col("person").is_not_null())
            for name, frame in frames.items()
        },
    }


@pytest.mark.parametrize("buckets", [1, 3])
def test_linking_what_was_written_gives_the_register_back(tmp_path, buckets):
    forms = read(write(tmp_path, buckets=buckets))
    covered = (FIRST, LAST)
    rules = LinkRules(FIRST, LAST, "monthly", "on_16th", covered, covered)
    linked, _ = link({name: forms[name] for name in FORMS}, rules)
    expected = register().select(*REGISTER, "immigrant_category", "country")
    expected = expected.with_columns(
        pl.col("immigrant_category", "country").cast(pl.String),
        pl.col("country").cast(pl.String).alias("origin"),
    ).sort("person", "period")
    assert linked.select(expected.columns).equals(expected)


def test_a_register_without_countries_is_written_with_its_origin(tmp_path):
    whole = register().filter(pl.col("person") % 5 == 0)
    raw = write(tmp_path, frame=whole.drop("immigrant_category", "country"))
    snapshot = pl.read_csv(raw / "population" / "snapshot_2019.csv", separator=";")
    assert set(snapshot["country"]) == {"norwegian", "western", "non_western"}
    assert set(snapshot.filter(country="norwegian")["immigrant_category"]) == {"A"}


def test_the_forms_have_the_quirks_of_real_ones(tmp_path):
    forms = read(write(tmp_path))
    cases, jobs = forms["assistance"], forms["earnings"]
    payers = cases.group_by("person", "period").agg(pl.col("unit").n_unique())["unit"]
    assert 0.005 < (payers > 1).mean() < 0.08
    per_month = jobs.filter("on_16th").group_by("person", "period").len()["len"]
    assert 0.05 < (per_month > 1).mean() < 0.2
    assert 0.005 < (~jobs["on_16th"]).mean() < 0.06
    assert cases["loan"].sum() > 0
    assert {"identical_records", "no_person_number", "grant_months_do_not_add_up"} <= set(
        forms["repairs"]
    )
    # Nobody's records: an id that no person has, in both kinds of files.
    assert forms["raw"]["assistance"].height > cases.height
    assert forms["raw"]["earnings"].height > jobs.height
    # Spells left open although an exit ends them, and people who are in no snapshot yet.
    spells, exits = forms["residence_spells"], forms["exits"]
    left_open = spells.filter(pl.col("last").is_null()).join(exits, on="person")
    assert left_open.height > 0
    assert set(exits["kind"]) == {"death", "emigration"}
    seen = register().select("person", pl.col("period").dt.year().alias("year")).unique()
    assert seen.join(forms["population"], on=["person", "year"], how="anti").height > 0
    text = (tmp_path / "raw" / "kostra" / "11f_2019.dat").read_bytes()
    assert "Åse Bø".encode("cp1252") in text
    assert text.endswith(b"\r\n")


def test_the_same_seed_gives_the_same_bytes_whatever_the_order_of_rows(tmp_path):
    files = [path.relative_to(tmp_path / "a" / "raw") for path in written_files(tmp_path / "a")]
    shuffled = register().sample(fraction=1.0, shuffle=True, seed=1)
    written_files(tmp_path / "b", frame=shuffled)
    written_files(tmp_path / "c", seed=6)
    assert len(files) == 3 * 6 + 2
    a, b, c = ({f: (tmp_path / x / "raw" / f).read_bytes() for f in files} for x in "abc")
    assert a == b
    assert a != c


def written_files(folder: Path, **keys) -> list[Path]:
    folder.mkdir()
    raw = write(folder, **keys)
    return sorted(path for path in raw.rglob("*") if path.is_file())


def test_a_year_without_recipients_is_a_file_of_one_blank(tmp_path):
    late = pl.col("period") >= date(2018, 1, 1)
    frame = register().filter(pl.col("period") < date(2019, 1, 1))
    frame = frame.with_columns(
        (pl.col("recipient") & late).alias("recipient"),
        pl.when(late).then("benefit").otherwise(0.0).alias("benefit"),
    )
    raw = write(tmp_path, frame=frame)
    assert (raw / "kostra" / "11f_2017.dat").read_bytes() == b" "
    with pytest.raises(UserError, match="the year 2017 has no records"):
        list(kostra_11f.read_each(written(FIRST, date(2018, 12, 1))["assistance"], raw))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (pl.when(pl.col("recipient")).then(0.5).otherwise(0.0).alias("benefit"), "whole kroner"),
        (pl.lit("03012", pl.String).alias("unit"), "do not fit into the fields"),
        (pl.lit(None, pl.String).alias("family"), "column family is missing"),
    ],
)
def test_registers_that_the_forms_cannot_hold_are_refused(tmp_path, change, message):
    with pytest.raises(UserError, match=message):
        write(tmp_path, frame=register().with_columns(change))
    assert not list((tmp_path / "raw").rglob("*.dat"))
