"""`reformeval new`: what it guesses from a file, what it writes, and that it can then be used."""

from __future__ import annotations

import gzip
from pathlib import Path

import polars as pl
import pyreadstat
import pytest
from table_helpers import workbook
from typer.testing import CliRunner

from reformeval.cli import app
from reformeval.config.loader import load
from reformeval.errors import UserError
from reformeval.scaffold import columns, sniff
from reformeval.scaffold.columns import GroupGuess, OutcomeGuess, guess, slug
from reformeval.scaffold.new import create
from reformeval.scaffold.write import quoted
from reformeval.sources.table_reader import read_table

UNITS = ["Ås", "Bø", "Hå", "Ski", "Moss"]


def months(first: int = 2018, years: int = 2) -> list[str]:
    return [f"{first + i // 12}-{i % 12 + 1:02d}" for i in range(12 * years)]


def panel(units: list[str] = UNITS, periods: list[str] | None = None) -> pl.DataFrame:
    """A balanced panel with a rate that varies in both dimensions."""
    times = periods or months()
    rows = [
        {"kommune": unit, "periode": time, "rate": 2.5 + u + 0.25 * (t % 3) + 0.5 * (u * t % 2)}
        for u, unit in enumerate(units)
        for t, time in enumerate(times)
    ]
    return pl.DataFrame(rows)


def write(frame: pl.DataFrame, path: Path, separator: str = ",", encoding: str = "utf-8") -> Path:
    text = frame.write_csv(separator=separator).encode(encoding)
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return path


def fill(root: Path, name: str, unit: str, start: str) -> None:
    path = root / f"config/reforms/{name}.yaml"
    text = path.read_text(encoding="utf-8")
    assert text.count("[FILL IN]") == text.count("from: FILL IN}") == 1
    text = text.replace("[FILL IN]", f'["{unit}"]').replace("from: FILL IN}", f"from: {start}}}")
    path.write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "separator", "encoding"),
    [
        ("a.csv", ",", "utf-8"),
        ("a.csv", ";", "utf-8-sig"),
        ("a.csv", ";", "cp1252"),
        ("a.txt", "\t", "utf-8"),
        ("a.csv", "|", "latin-1"),
        ("a.csv.gz", ";", "cp1252"),
        ("a.dat", ",", "utf-8"),
    ],
)
def test_from_file_to_a_reform_that_passes_check(
    tmp_path: Path, name: str, separator: str, encoding: str
) -> None:
    data = write(panel(), tmp_path / name, separator, encoding)
    runner = CliRunner()
    done = runner.invoke(app, ["new", "mine", "--data", str(data), "-d", str(tmp_path)])
    assert done.exit_code == 0, done.output
    unfilled = runner.invoke(app, ["check", "-d", str(tmp_path)])
    assert unfilled.exit_code == 1
    text = (tmp_path / "config/reforms/mine.yaml").read_text(encoding="utf-8").splitlines()
    lines = [i for i, line in enumerate(text, start=1) if "# FILL IN: " in line]
    assert len(lines) == 2
    for line in lines:
        assert f"config/reforms/mine.yaml:{line}: " in unfilled.output
    assert "2 problems" in unfilled.output
    fill(tmp_path, "mine", "Ås", "2019-01")
    checked = runner.invoke(app, ["check", "-d", str(tmp_path)])
    assert checked.exit_code == 0, checked.output
    assert "mine: right. 1 treated, 4 donors, 2018-01 to 2019-12, adopted 2019-01" in checked.output
    source = load(tmp_path).sources["mine"]
    assert (source.kind, source.unit.column) == ("table", "kommune")  # type: ignore[union-attr]


def test_parquet_with_numbers_as_years(tmp_path: Path) -> None:
    frame = panel(periods=[str(y) for y in range(2000, 2012)]).with_columns(
        pl.col("periode").cast(pl.Int32)
    )
    frame.write_parquet(tmp_path / "p.parquet")
    create("mine", tmp_path / "p.parquet", tmp_path, lambda _: None)
    fill(tmp_path, "mine", "Bø", "2006")
    checked = CliRunner().invoke(app, ["check", "-d", str(tmp_path)])
    assert "mine: right. 1 treated, 4 donors, 2000 to 2011, adopted 2006" in checked.output


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    data = write(panel(), tmp_path / "a.csv")
    create("mine", data, tmp_path, lambda _: None)
    fill(tmp_path, "mine", "Bø", "2019-01")
    before = {p: p.read_bytes() for p in (tmp_path / "config").rglob("*.yaml")}
    with pytest.raises(UserError, match="is there already and is not overwritten") as caught:
        create("mine", data, tmp_path, lambda _: None)
    assert len(caught.value.problems) == 2
    assert {p: p.read_bytes() for p in (tmp_path / "config").rglob("*.yaml")} == before


def test_a_second_reform_keeps_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REFORMEVAL_DATA", raising=False)
    (tmp_path / "data").mkdir()
    create("one", write(panel(), tmp_path / "data/a.csv"), tmp_path, lambda _: None)
    settings = tmp_path / "config/config.yaml"
    settings.write_text("data_dir: data\nseed: 7\n")
    create("two", write(panel(), tmp_path / "b.csv"), tmp_path, lambda _: None)
    assert settings.read_text() == "data_dir: data\nseed: 7\n"
    assert "file: ../b.csv" in (tmp_path / "config/sources/two.yaml").read_text().replace('"', "")


@pytest.mark.parametrize("name", ["my reform", "", "../x", "ø"])
def test_names_that_cannot_be_files(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="cannot be a reform's name"):
        create(name, write(panel(), tmp_path / "a.csv"), tmp_path, lambda _: None)
    assert not (tmp_path / "config").exists()


def guessed(frame: pl.DataFrame, tmp_path: Path, separator: str = ",") -> columns.Guess:
    return guess(sniff.open_file(write(frame, tmp_path / "g.csv", separator)))


@pytest.mark.parametrize(
    ("texts", "separator", "decimal", "thousands"),
    [
        (["1.5", "2"], ",", ".", None),
        (["1,5", "2"], ";", ",", None),
        (["1 234,5", "2"], ";", ",", " "),
        (["1.234,5", "2"], ";", ",", "."),
        (["1,234.5", "2"], ",", ".", ","),
        (["1,234", "12"], ",", ".", ","),
        (["0,123", "1,234"], ";", ",", None),
        (["0.123", "1.234"], ";", ".", None),
    ],
)
def test_decimal_and_thousands(
    tmp_path: Path, texts: list[str], separator: str, decimal: str, thousands: str | None
) -> None:
    frame = pl.DataFrame({"a": ["x", "y"], "b": texts})
    table = sniff.open_file(write(frame, tmp_path / "n.csv", separator))
    assert (table.decimal, table.thousands) == (decimal, thousands)
    assert table.numeric == {"b"}
    assert table.numbers("b")[1] == pytest.approx(
        float(texts[1].replace(thousands or "_", "").replace(decimal, "."))
    )


def test_marks_for_missing_and_suppressed(tmp_path: Path) -> None:
    frame = panel().with_columns(
        pl.when(pl.int_range(pl.len()) == 3)
        .then(pl.lit("*"))
        .when(pl.int_range(pl.len()) == 30)
        .then(pl.lit(":"))
        .otherwise(pl.col("rate").cast(pl.String))
        .alias("rate")
    )
    table = sniff.open_file(write(frame, tmp_path / "m.csv"))
    assert (table.missing, table.suppressed) == ((":",), ("*",))
    create("mine", tmp_path / "m.csv", tmp_path, lambda _: None)
    text = (tmp_path / "config/sources/mine.yaml").read_text(encoding="utf-8")
    assert 'missing: [":"]' in text
    assert 'suppressed: ["*"]' in text


@pytest.mark.parametrize(
    ("periods", "frequency", "extra"),
    [
        (["2018-01", "2018-02", "2018-03"], "month", {}),
        (["2018M01", "2018M02", "2018M03"], "month", {}),
        (["2018-Q1", "2018-Q2", "2018-Q3"], "quarter", {}),
        (["2018K1", "2018K2", "2018K3"], "quarter", {}),
        (["2018", "2019", "2020"], "year", {}),
        (["2018-01-01", "2018-02-01", "2018-03-01"], "month", {}),
        (["2018-03-31", "2018-06-30", "2018-09-30"], "quarter", {}),
        (["2018-12-31", "2019-12-31", "2020-12-31"], "year", {}),
        (["01.01.2018", "01.02.2018", "01.03.2018"], "month", {"format": "%d.%m.%Y"}),
        (["03/2018", "04/2018", "05/2018"], "month", {"format": "%m/%Y"}),
    ],
)
def test_periods(tmp_path: Path, periods: list[str], frequency: str, extra: dict[str, str]) -> None:
    found = guessed(panel(periods=periods), tmp_path).period
    assert found.frequency == frequency
    assert found.columns == {"column": "periode", **extra}
    assert len(set(found.dates.values())) == 3


def test_year_and_month_in_two_columns(tmp_path: Path) -> None:
    frame = panel().with_columns(
        pl.col("periode").str.head(4).alias("year"),
        pl.col("periode").str.tail(2).str.strip_chars_start("0").alias("month"),
    )
    found = guessed(frame.drop("periode"), tmp_path).period
    assert (found.frequency, found.columns) == ("month", {"year": "year", "month": "month"})
    assert len(set(found.dates.values())) == 24


def test_groups_filters_and_columns_that_say_nothing(tmp_path: Path) -> None:
    frame = (
        panel()
        .join(pl.DataFrame({"Kjønn": ["Begge kjønn", "Kvinner", "Menn"]}), how="cross")
        .join(pl.DataFrame({"status": ["open", "open", "hidden"]}).unique(), how="cross")
        .with_columns(
            pl.lit("yes").alias("checked"),
            pl.col("kommune").replace_strict(dict(zip(UNITS, "AABBC", strict=True))).alias("part"),
            (pl.col("kommune") == "Ås").cast(pl.Int8).alias("treated"),
            pl.int_range(pl.len()).alias("persons"),
        )
    )
    found = guessed(frame, tmp_path)
    assert found.unit == "kommune"
    assert found.groups == {
        "kjonn": GroupGuess("Kjønn", "Begge kjønn", {"kvinner": "Kvinner", "menn": "Menn"})
    }
    assert list(found.filter) == ["status"]
    assert found.outcomes == {"rate": OutcomeGuess("rate", "rate", "persons")}
    assert set(found.left) == {"checked", "part", "treated"}
    assert "indicator" in found.left["treated"]


def test_labels_that_differ_by_white_space_are_merged(tmp_path: Path) -> None:
    frame = panel().with_columns(
        pl.when((pl.col("kommune") == "Ski") & (pl.col("periode") < "2019"))
        .then(pl.lit("Ski "))
        .otherwise(pl.col("kommune"))
        .alias("kommune")
    )
    found = guessed(frame, tmp_path)
    assert found.merge == {"Ski ": "Ski"}
    assert found.units == sorted(UNITS)
    assert found.remarks == ["balanced: every unit has all 24 periods"]


def test_gaps_and_double_rows_are_told(tmp_path: Path) -> None:
    short = panel().filter((pl.col("kommune") != "Moss") | (pl.col("periode") != "2018-05"))
    assert guessed(short, tmp_path).remarks == [
        "not balanced: 1 of 5 units miss periods, e.g. 'Moss'"
    ]
    double = pl.concat([panel(), panel().head(3)])
    assert "3 rows share unit and period" in guessed(double, tmp_path).remarks[0]


def test_a_file_of_persons_is_refused(tmp_path: Path) -> None:
    rows = [
        {
            "fnr": 70_000_000 + 97 * p,
            "kommune": UNITS[p % 5],
            "periode": time,
            "inntekt": 100 * p + t,
        }
        for p in range(200)
        for t, time in enumerate(months(years=1))
    ]
    for column in ("fnr", "serial"):
        data = write(pl.DataFrame(rows).rename({"fnr": column}), tmp_path / f"{column}.csv")
        with pytest.raises(UserError, match=f"one row per person: column '{column}'"):
            create("mine", data, tmp_path, lambda _: None)
    assert not (tmp_path / "config").exists()


def test_whole_amounts_are_no_counts(tmp_path: Path) -> None:
    frame = panel().with_columns(
        (pl.col("rate") * 1000).cast(pl.Int64).alias("Inntekt (kr)"),
        (pl.col("rate") * 100).cast(pl.Int64).alias("antall_ledige"),
        pl.lit(5000).alias("Antall personer"),
    )
    found = guessed(frame, tmp_path).outcomes
    assert found["inntekt_kr"] == OutcomeGuess("Inntekt (kr)", "mean", "Antall personer")
    assert found["antall_ledige"].kind == "count"


def test_an_outcome_left_out_can_be_put_back(tmp_path: Path) -> None:
    frame = panel().with_columns((pl.col("rate") * 100).cast(pl.Int64).alias("antall"))
    create("mine", write(frame, tmp_path / "a.csv"), tmp_path, lambda _: None)
    fill(tmp_path, "mine", "Ås", "2019-01")
    path = tmp_path / "config/reforms/mine.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("  # antall:", "  antall:"), "utf-8")
    assert list(load(tmp_path).reforms["mine"].outcomes) == ["rate", "antall"]


def test_the_country_is_no_donor_and_counts_are_left_out(tmp_path: Path) -> None:
    frame = panel([*UNITS, "Landet"]).with_columns(
        (pl.col("rate") * 100).cast(pl.Int64).alias("antall")
    )
    create("mine", write(frame, tmp_path / "a.csv"), tmp_path, lambda _: None)
    fill(tmp_path, "mine", "Ås", "2019-01")
    reform = load(tmp_path).reforms["mine"]
    assert reform.comparison.exclude == ("Landet",)
    assert list(reform.outcomes) == ["rate"]


def wide(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.pivot(on="periode", index="kommune", values="rate")


def write_stata(frame: pl.DataFrame, path: Path) -> Path:
    codes = {float(i): unit for i, unit in enumerate(UNITS)}
    of = {unit: code for code, unit in codes.items()}
    coded = frame.with_columns(pl.col("kommune").replace_strict(of).alias("kommune"))
    pyreadstat.write_dta(coded, path, variable_value_labels={"kommune": codes})
    return path


def write_spss(frame: pl.DataFrame, path: Path) -> Path:
    pyreadstat.write_sav(frame, path)
    return path


def write_excel(frame: pl.DataFrame, path: Path, above: int = 0, notes: bool = False) -> Path:
    rows = [["Rates"]] * min(above, 1) + [[]] * (above - 1)
    rows += [list(frame.columns), *map(list, frame.rows())]
    return workbook(path, Notes=[["Read me"]], Table=[*rows, *([[], ["A note"]] if notes else [])])


@pytest.mark.parametrize(
    ("kind", "lines"),
    [
        ("long.xlsx", ["format: excel", "sheet: Table", "header: 1"]),
        ("notes.xlsx", ["header: 3", "last: 123"]),
        ("wide.xlsx", ['headings: "{period}"', "header: 3", "last: 8"]),
        ("wide.csv", ['headings: "{period}"', "column: value"]),
        ("a.dta", ["format: stata"]),
        ("a.sav", ["format: spss"]),
    ],
)
def test_other_formats_can_be_used_at_once(tmp_path: Path, kind: str, lines: list[str]) -> None:
    path, frame = tmp_path / kind, panel()
    {
        "long.xlsx": lambda: write_excel(frame, path),
        "notes.xlsx": lambda: write_excel(frame, path, above=2, notes=True),
        "wide.xlsx": lambda: write_excel(wide(frame), path, above=2, notes=True),
        "wide.csv": lambda: write(wide(frame), path),
        "a.dta": lambda: write_stata(frame, path),
        "a.sav": lambda: write_spss(frame, path),
    }[kind]()
    create("mine", path, tmp_path, lambda _: None)
    text = (tmp_path / "config/sources/mine.yaml").read_text(encoding="utf-8")
    assert all(line in text for line in lines), text
    fill(tmp_path, "mine", "Ås", "2019-01")
    done = CliRunner().invoke(app, ["check", "-d", str(tmp_path)])
    assert "mine: right. 1 treated, 4 donors, 2018-01 to 2019-12" in done.output, done.output
    source = load(tmp_path).sources["mine"]
    cells = read_table(source, path).cells  # type: ignore[arg-type]
    expected = frame.sort("kommune", "periode")["rate"].to_list()
    assert cells["value"].to_list() == expected


@pytest.mark.parametrize(
    ("sheets", "told"),
    [
        ({key: [["u", "t"], [1, 2], [3, 4]] for key in "AB"}, "2 sheets hold tables: 'A', 'B'"),
        ({"A": [["only text"]]}, "no sheet holds a table"),
        ({"A": [["u", "t"], [1, 2], ["x"], ["u", "t"], [3, 4]]}, "no sheet holds a table"),
        ({"A": []}, "no sheet holds a table"),
    ],
)
def test_workbooks_that_a_person_must_describe(
    tmp_path: Path, sheets: dict[str, list[list[object]]], told: str
) -> None:
    path = workbook(tmp_path / "t.xlsx", **sheets)
    with pytest.raises(UserError, match=told) as caught:
        sniff.open_file(path)
    assert "docs/adding-a-source.md" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("a,b\n", "the file has no rows under its header"),
        ("kommune,rate\nA,1.5\nB,2.5\n", "no column looks like a period"),
        ("kommune,2018,2019\nA,1,2\nB,2,3\n", "no column looks like a period"),
        ("year,x\n2018,1\n2019,2\n", "no column looks like a unit"),
        (
            "unit,year,x\nA,2018,1\nA,2019,1\nB,2018,1\nB,2019,1\n",
            "no column of numbers varies over units and periods",
        ),
        (
            "unit,date,x\n" + "".join(f"{u},2018-01-{d:02d},{d}\n" for u in "AB" for d in (1, 2)),
            "column 'date' holds days or weeks",
        ),
        ("PK\x03\x04", "cannot be read as an Excel workbook"),
        ("$FL2 no more", "cannot be read as SPSS"),
        ("<stata_dta>", "cannot be read as Stata"),
    ],
)
def test_files_that_cannot_be_used(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "bad.csv").write_text(text)
    done = CliRunner().invoke(
        app, ["new", "mine", "--data", str(tmp_path / "bad.csv"), "-d", str(tmp_path)]
    )
    assert isinstance(done.exception, UserError)
    assert message in str(done.exception)
    assert not (tmp_path / "config").exists()


@pytest.mark.parametrize(
    "text",
    ["NO", "yes", "0301", "1e5", "a: b", "a # b", " a", "", "-", "St. Gallen", "Ås", "2020-01-01",
     'say "hi"', "back\\slash", "~", "null", "12:30", "*", "tab\there"],
)  # fmt: skip
def test_quoted_text_reads_back(text: str) -> None:
    from reformeval.config.yaml_marks import read

    document = read(f"a: {quoted(text)}\nb: {{c: {quoted(text)}}}\n", "f.yaml")
    assert not document.problems
    assert document.data == {"a": text, "b": {"c": text}}


@pytest.mark.parametrize(
    ("text", "name"),
    [("PacksPerCapita", "packs_per_capita"), ("Kjønn", "kjonn"), ("2018 (%)", "x_2018")],
)
def test_slug(text: str, name: str) -> None:
    assert slug(text) == name
