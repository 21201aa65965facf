"""Earnings, population and ready person-months: values, mappings, and what is refused."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest
from pydantic import ValidationError

from reformeval.errors import UserError
from reformeval.register.forms import EXIT, JOB, PERSON_MONTH, RESIDENCE, SNAPSHOT, gather
from reformeval.register.schema import REGISTER
from reformeval.sources.raw import earnings, person_months
from reformeval.sources.raw.models import (
    EarningsFiles,
    ExitFiles,
    PersonMonthFiles,
    RawFiles,
    ResidenceFiles,
    SnapshotFiles,
)
from reformeval.sources.raw.population import read_exits, read_residence, read_snapshots

YEARS = {"from": 2020, "to": 2021}


def collect(readings):
    reading = gather(readings)
    return reading.frame.lazy().collect(), {r.rule: r.count for r in reading.repairs}


def write(path, text):
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


JOBS = """person,period,employer,occupation,hours,earnings,on_16th
007,2020-03,900,2310,37.5,42000,1
007,2020-03,901,0110,,1500,0
008,202004,900,2310,20,0,true
"""


def test_jobs_keep_their_rows_codes_and_blanks(tmp_path):
    write(tmp_path / "jobs.csv", JOBS)
    frame, repairs = collect(earnings.read_each(EarningsFiles(file="jobs.csv"), tmp_path))
    assert frame.schema == pl.Schema(JOB)
    assert frame.rows() == [
        ("007", date(2020, 3, 1), "900", "2310", 37.5, 42_000.0, True),
        ("007", date(2020, 3, 1), "901", "0110", None, 1_500.0, False),
        ("008", date(2020, 4, 1), "900", "2310", 20.0, 0.0, True),
    ]
    assert repairs == {}


def test_jobs_by_other_names_marks_and_dates(tmp_path):
    write(
        tmp_path / "a.csv",
        "lnr;aar;mnd;orgnr;timer;lonn;fra;til\n1;2020;2;9;37,5;40 000;2020-02-16;\n"
        "1;2020;2;8;.;500;2019-05-01;2020-02-15\n2;2020;12;9;10;100;2020-12-17;2020-12-31\n",
    )
    columns = {
        "person": "lnr", "period": None, "year": "aar", "month": "mnd", "employer": "orgnr",
        "occupation": None, "hours": "timer", "earnings": "lonn", "on_16th": None,
        "start": "fra", "end": "til",
    }  # fmt: skip
    files = EarningsFiles.model_validate(
        {"file": "a.csv", "separator": ";", "decimal": ",", "thousands": " ", "missing": ["."],
         "columns": columns}
    )  # fmt: skip
    frame, _ = collect(earnings.read_each(files, tmp_path))
    assert frame["period"].to_list() == [date(2020, 2, 1)] * 2 + [date(2020, 12, 1)]
    assert frame["hours"].to_list() == [37.5, None, 10.0]
    assert frame["earnings"].to_list() == [40_000.0, 500.0, 100.0]
    assert frame["on_16th"].to_list() == [True, False, False]
    assert frame["occupation"].null_count() == 3


def test_jobs_of_fixed_width(tmp_path):
    write(
        tmp_path / "mine.csv",
        "name,from,to,type\nperson,1,3,\nperiod,4,9,\nearnings,10,14,integer\n",
    )
    write(tmp_path / "jobs.dat", "00720200342000\n00820201200000\n")
    columns = dict.fromkeys(("employer", "occupation", "hours", "on_16th"))
    files = EarningsFiles.model_validate(
        {"file": "jobs.dat", "layout": "mine.csv", "columns": columns}
    )
    frame, _ = collect(earnings.read_each(files, tmp_path))
    assert frame.select("person", "period", "earnings", "on_16th").rows() == [
        ("007", date(2020, 3, 1), 42_000.0, True),
        ("008", date(2020, 12, 1), 0.0, True),
    ]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("202004", "2020-13", "column 'period' is no month in 1 row: '2020-13' (line 4)"),
        ("42000", "-42000", "column 'earnings' is below 0 in 1 row: '-42000' (line 2)"),
        ("42000", "", "column 'earnings' is empty: a job without pay"),
        ("42000", "4 2", "column 'earnings' holds no number in 1 row: '4 2' (line 2)"),
        (",true", ",maybe", "column 'on_16th' is neither yes nor no in 1 row: 'maybe' (line 4)"),
        ("008,", ",", "column 'person' is empty in 1 row: line 4"),
        ("37.5", "-1", "column 'hours' is below 0"),
        ("employer", "firm", "no column 'employer' (config key: columns)"),
        ("008,202004", "008", "the header has 7 fields, but line 4 has 6"),
    ],
)
def test_what_is_wrong_with_jobs_is_named(tmp_path, old, new, message):
    write(tmp_path / "jobs.csv", JOBS.replace(old, new))
    with pytest.raises(UserError) as error:
        collect(earnings.read_each(EarningsFiles(file="jobs.csv"), tmp_path))
    assert message in str(error.value)
    assert "jobs.csv" in str(error.value)


def test_negative_earnings_are_kept_and_counted_when_asked_for(tmp_path):
    write(tmp_path / "jobs.csv", JOBS.replace("42000", "-42000"))
    files = EarningsFiles(file="jobs.csv", negative="keep")
    frame, repairs = collect(earnings.read_each(files, tmp_path))
    assert frame["earnings"][0] == -42_000.0
    assert repairs == {"negative_earnings_kept": 1}


def test_months_in_two_columns_are_1_to_12(tmp_path):
    write(tmp_path / "jobs.csv", "person,y,m,earnings\n1,2020,13,5\n1,2020,0,5\n1,2020,1,5\n")
    columns = dict.fromkeys(("employer", "occupation", "hours", "on_16th", "period"))
    files = {"file": "jobs.csv", "columns": columns | {"year": "y", "month": "m"}}
    with pytest.raises(UserError, match=r"from 1 to 12 in 2 rows: '13' \(line 2\), '0'"):
        collect(earnings.read_each(EarningsFiles.model_validate(files), tmp_path))


SNAPSHOT_ROWS = (
    "person,unit,age,sex,family,immigrant_category,country,b\n1,0301,40,f,single,A,NO,1979-06\n"
)


def test_snapshots_take_the_year_of_their_file(tmp_path):
    for year in (2020, 2021):
        write(tmp_path / f"s_{year}.csv", SNAPSHOT_ROWS.replace("40", str(year - 1980)))
    files = SnapshotFiles.model_validate({"file": "s_{year}.csv", "years": YEARS})
    frame, _ = collect(read_snapshots(files, tmp_path))
    assert frame.schema == pl.Schema(SNAPSHOT)
    assert frame.rows() == [
        ("1", year, "0301", age, "f", "single", "A", "NO", None)
        for year, age in ((2020, 40), (2021, 41))
    ]


@pytest.mark.parametrize(("born", "age"), [("1979-01", 41), ("1979-02", 40), ("1979-12", 40)])
def test_age_on_1_january_follows_from_the_month_of_birth(tmp_path, born, age):
    write(tmp_path / "s_2020.csv", SNAPSHOT_ROWS.replace("1979-06", born))
    files = SnapshotFiles.model_validate(
        {"file": "s_{year}.csv", "years": {"from": 2020, "to": 2020},
         "columns": {"age": None, "born": "b"}}
    )  # fmt: skip
    frame, _ = collect(read_snapshots(files, tmp_path))
    assert frame["age"].to_list() == [age]
    assert frame["born"].dt.strftime("%Y-%m").to_list() == [born]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (SNAPSHOT_ROWS + "1,0301,40,f,single,A,NO,1979-06\n",
         "a row shares person and year with another in 2 rows: line 2, line 3"),
        (SNAPSHOT_ROWS.replace("0301", "9999"), "unknown municipality codes in 1 row: '9999'"),
        (SNAPSHOT_ROWS.replace(",40,", ",140,"), "no whole number from 0 to 125"),
        (SNAPSHOT_ROWS.splitlines()[0] + "\n", "no rows under its header"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_snapshots_is_named(tmp_path, rows, message):
    write(tmp_path / "s.csv", rows.replace(",b\n", ",year\n").replace("1979-06", "2020"))
    files = SnapshotFiles.model_validate({"file": "s.csv", "columns": {"year": "year"}})
    with pytest.raises(UserError) as error:
        collect(read_snapshots(files, tmp_path, known_units=["0301", "4601"]))
    assert message in str(error.value)


def test_spells_of_residence_and_exits(tmp_path):
    write(
        tmp_path / "r.csv",
        "person,from,to,unit,reported\n1,2019-05-17,2020-03,0301,2019-06-02\n1,2020-04,,301,\n",
    )
    files = ResidenceFiles.model_validate(
        {"file": "r.csv", "unit_width": 4, "columns": {"registered": "reported"}}
    )
    frame, repairs = collect(read_residence(files, tmp_path))
    assert frame.schema == pl.Schema(RESIDENCE)
    assert frame.rows() == [
        ("1", date(2019, 5, 1), date(2020, 3, 1), "0301", date(2019, 6, 2), None),
        ("1", date(2020, 4, 1), None, "0301", None, None),
    ]
    assert repairs == {"unit_codes_padded": 1}
    write(tmp_path / "e.csv", "person,period,kind\n1,2020-05-09,D\n2,2020-06,U\n")
    files = ExitFiles(file="e.csv", kinds={"D": "death", "U": "emigration"})
    frame, _ = collect(read_exits(files, tmp_path))
    assert frame.schema == pl.Schema(EXIT)
    assert frame.rows() == [("1", date(2020, 5, 1), "death"), ("2", date(2020, 6, 1), "emigration")]
    with pytest.raises(UserError, match="no kind of exit in 2 rows"):
        collect(read_exits(ExitFiles(file="e.csv"), tmp_path))


def test_spells_that_end_before_they_begin(tmp_path):
    write(tmp_path / "r.csv", "person,from,to,unit\n1,2019-05,2019-04,0301\n")
    with pytest.raises(UserError, match=r"'to' is before 'from' in 1 row: '2019-04-01' \(line 2\)"):
        collect(read_residence(ResidenceFiles(file="r.csv"), tmp_path))


def ready(rows: int = 3) -> pl.DataFrame:
    months = [date(2020, 1 + i % 12, 1) for i in range(rows)]
    return pl.DataFrame(
        {
            "person": [i // 12 for i in range(rows)], "period": months, "unit": ["0301"] * rows,
            "age": [40] * rows, "sex": ["f"] * rows, "family": ["single"] * rows,
            "origin": ["x"] * rows, "recipient": [True] * rows, "benefit": [10.5] * rows,
            "employed": [False] * rows, "earnings": [0.0] * rows, "hours": [0.0] * rows,
        }
    )  # fmt: skip


def test_ready_person_months_of_any_names_and_formats(tmp_path):
    table = ready()
    table.write_parquet(tmp_path / "p.parquet")
    frame, _ = collect(person_months.read_each(PersonMonthFiles(file="p.parquet"), tmp_path))
    assert frame.schema == pl.Schema(PERSON_MONTH)
    assert frame.equals(table.select(pl.col(n).cast(k) for n, k in PERSON_MONTH.items()))
    renamed = table.rename({name: f"x_{name}" for name in table.columns})
    renamed.write_csv(tmp_path / "p.csv")
    files = PersonMonthFiles.model_validate(
        {"file": "p.csv", "columns": {name: f"x_{name}" for name in REGISTER}}
    )
    again, _ = collect(person_months.read_each(files, tmp_path))
    assert again.equals(frame)


def test_large_parquet_files_come_in_parts_and_double_rows_are_found_across(tmp_path, monkeypatch):
    monkeypatch.setattr("reformeval.sources.raw._open.PART", 100)
    table = ready(1_000)
    table.write_parquet(tmp_path / "p.parquet", row_group_size=250)
    files = PersonMonthFiles(file="p.parquet")
    parts = list(person_months.read_each(files, tmp_path))
    assert sum(part.frame.height for part in parts) == 1_000
    assert len(parts) >= 10
    double = pl.concat([table, table[3:4]])
    double.write_parquet(tmp_path / "p.parquet", row_group_size=250)
    with pytest.raises(UserError) as error:
        collect(person_months.read_each(files, tmp_path))
    assert (
        "shares person and period with another in 2 rows: row 4, row group 1, row 1001, row group 5"
        in str(error.value)
    )


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        (
            "benefit",
            ["10", "x", "1"],
            "'benefit' holds no number in 1 row: 'x' (row 2, row group 1)",
        ),
        ("benefit", [date(2020, 1, 1)] * 3, "'benefit' holds Date, not numbers in 3 rows"),
        ("benefit", [1.0, float("inf"), 2.0], "'benefit' holds no number in 1 row: 'inf'"),
        ("benefit", [1.0, -2.0, 2.0], "'benefit' is below 0 in 1 row: '-2' (row 2, row group 1)"),
        ("unit", [[1], [2], [3]], "'unit' holds List(Int64), not codes"),
        ("person", [1.5, 2.5, 3.0], "'person' holds Float64, not codes"),
        ("age", [40.5, 40.0, 41.0], "'age' is no whole number"),
        ("period", [1, 2, 3], "'period' is no month in 3 rows: '1' (row 1, row group 1)"),
        ("recipient", [0.5, 1.0, 1.0], "'recipient' holds Float64, not codes"),
    ],
)
def test_a_changed_column_type_is_named(tmp_path, column, values, message):
    table = ready().with_columns(pl.Series(column, values, strict=False))
    table.write_parquet(tmp_path / "p.parquet")
    with pytest.raises(UserError) as error:
        collect(person_months.read_each(PersonMonthFiles(file="p.parquet"), tmp_path))
    assert message in str(error.value)


def test_damaged_and_empty_parquet_files(tmp_path):
    files = PersonMonthFiles(file="p.parquet")
    (tmp_path / "p.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(UserError, match="cannot be read as Parquet"):
        collect(person_months.read_each(files, tmp_path))
    ready(0).write_parquet(tmp_path / "p.parquet")
    with pytest.raises(UserError, match="the file has no rows"):
        collect(person_months.read_each(files, tmp_path))


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"file": "a_{year}.csv"}, "years goes with"),
        ({"file": "a.csv", "years": YEARS}, "no {year}"),
        ({"file": "a_{year}.csv", "years": {"from": 2021, "to": 2020}}, "before from 2021"),
        ({"file": "a.xyz"}, "give format"),
        ({"file": "a.dat"}, "needs a layout"),
        ({"file": "a.csv", "layout": "x"}, "fixed width alone"),
        ({"file": "a.csv", "decimal": ",", "thousands": ","}, "same mark"),
        ({"file": "a.csv", "missing": ["."], "suppressed": ["."]}, "under suppressed"),
        ({"file": "a.csv", "encoding": "utf-9"}, "no text encoding"),
        ({"file": "a.csv", "seperator": ";"}, "seperator"),
    ],
)
def test_descriptions_that_contradict_themselves_are_refused(keys, message):
    with pytest.raises(ValidationError) as error:
        RawFiles.model_validate(keys)
    assert message in str(error.value)
