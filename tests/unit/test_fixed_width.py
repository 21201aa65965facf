from __future__ import annotations

import gzip
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from reformeval.errors import UserError
from reformeval.sources.raw import fixed_width
from reformeval.sources.raw._findings import ROW, Findings
from reformeval.sources.raw.fixed_width import read_fixed_width
from reformeval.sources.raw.layout import Layout, load_layout
from reformeval.sources.raw.models import RawFiles

LAYOUT = Layout.model_validate(
    {
        "zeros_are_blank": True,
        "fields": [
            {"name": "id", "from": 1, "to": 3},
            {"name": "name", "from": 4, "to": 8},
            {"name": "sex", "from": 9, "to": 9, "codes": {"1": "man", "2": "woman"}},
            {"name": "amount", "from": 10, "to": 14, "type": "integer"},
            {"name": "rate", "from": 15, "to": 18, "type": "decimal", "decimals": 2},
            {"name": "day", "from": 19, "to": 24, "type": "date", "format": "%d%m%y"},
        ],
    }
)
NAMES = [field.name for field in LAYOUT.fields]
GOOD = "001Åse  1000420150311219"
SPARSE = "002 Bø" + " " * 12 + "000000"


def read(
    path: Path, text: str | bytes, names: list[str] = NAMES, layout: Layout = LAYOUT, **keys: object
) -> tuple[pl.DataFrame, Findings]:
    files = RawFiles.model_validate({"file": "x.dat", "layout": "x", "encoding": "cp1252"} | keys)
    data = text if isinstance(text, bytes) else text.encode(files.encoding)
    path = path / "x.dat"
    path.write_bytes(data)
    findings = Findings(path, lambda rows: [f"line {row + 1}" for row in rows])
    frames = list(read_fixed_width(path, layout, files, names, findings))
    findings.stop_if_any()
    return (pl.concat(frames) if frames else pl.DataFrame()), findings


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "utf-8", "cp865"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_fields_come_in_their_types_whatever_the_encoding(tmp_path, encoding, end):
    frame, _ = read(tmp_path, GOOD + end + SPARSE + end, encoding=encoding)
    assert frame.select(NAMES).rows() == [
        ("001", "Åse", "1", 42, 1.5, date(2019, 12, 31)),
        ("002", "Bø", None, None, None, None),
    ]
    assert frame[ROW].to_list() == [0, 1]


def test_positions_can_count_bytes(tmp_path):
    layout = Layout.model_validate(
        {"fields": [{"name": "name", "from": 1, "to": 5}, {"name": "code", "from": 6, "to": 7}]}
    )
    names = ["name", "code"]
    by_bytes, _ = read(tmp_path, "Åse 01\n", names, layout, encoding="utf-8", positions="bytes")
    by_chars, _ = read(tmp_path, "Åse  01\n", names, layout, encoding="utf-8")
    assert by_bytes[names].rows() == by_chars[names].rows() == [("Åse", "01")]


@pytest.mark.parametrize("block", [1, 7, 25, 60, 10_000])
def test_the_size_of_blocks_changes_nothing(tmp_path, monkeypatch, block):
    monkeypatch.setattr(fixed_width, "BLOCK", block)
    text = "\r\n".join([GOOD, SPARSE, "", GOOD, SPARSE]) + "\r\n\r\n"
    frame, _ = read(tmp_path, text)
    assert frame[ROW].to_list() == [0, 1, 3, 4]
    assert frame["name"].to_list() == ["Åse", "Bø", "Åse", "Bø"]


def test_packed_files_and_marks_at_both_ends_of_a_file(tmp_path):
    frame, _ = read(tmp_path, gzip.compress((GOOD + "\n").encode("cp1252")))
    assert frame.height == 1
    frame, _ = read(tmp_path, (GOOD + "\n").encode("utf-8-sig"), encoding="utf-8")
    assert frame["id"].to_list() == ["001"]
    frame, _ = read(tmp_path, (GOOD + "\n\x1a").encode("cp1252"))
    assert frame.height == 1


def test_a_decimal_mark_in_the_file_goes_before_the_implied_one(tmp_path):
    text = "".join(SPARSE[:14] + rate + SPARSE[18:] + "\n" for rate in ("1,25", " -75", "   7"))
    frame, _ = read(tmp_path, text, decimal=",")
    assert frame["rate"].to_list() == [1.25, -0.75, 0.07]


@pytest.mark.parametrize("others", [[], ["00007"], ["7    "]])
def test_whole_numbers_with_blanks_signs_and_zeros_around_them(tmp_path, others):
    amounts = ["   42", "00042", "42   ", "     ", "  -42", "00000", "   +7", *others]
    for chosen in (amounts, *([one] for one in amounts)):
        text = "".join(GOOD.replace("00042", amount) + "\n" for amount in chosen)
        frame, _ = read(tmp_path, text)
        assert frame["amount"].to_list() == [int(a) if a.strip() else None for a in chosen]
        assert frame["sex"].to_list() == ["1"] * len(chosen)


@pytest.mark.parametrize("amount", ["4 2  ", "4_2  ", "4.2  ", "- 42 ", "0x42 ", "٤٢   "])
def test_what_only_looks_like_a_whole_number_is_refused(tmp_path, amount):
    with pytest.raises(UserError, match=r"amount .* holds no whole number"):
        read(tmp_path, GOOD.replace("00042", amount), encoding="utf-8")


def test_lines_without_their_trailing_blanks_are_filled_up_when_allowed(tmp_path):
    frame, findings = read(tmp_path, "001 Bø\n" + GOOD + "\n", pad=True)
    assert frame["name"].to_list() == ["Bø", "Åse"]
    (repair,) = findings.repairs()
    assert (repair.rule, repair.count) == ("short_lines_padded", 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD + "\n" + GOOD[:-2] + "\n", "24 characters in 1 row: '22 characters' (line 2)"),
        (GOOD + "\n\n" + GOOD + "x\n", "24 characters in 1 row: '25 characters' (line 3)"),
        (GOOD.replace("00042", "  4x2") + "\n", "amount (positions 10-14) holds no whole number"),
        (GOOD.replace("0150", "nan ") + "\n", "rate (positions 15-18) holds no number"),
        (GOOD.replace("0150", " inf") + "\n", "rate (positions 15-18) holds no number"),
        (GOOD.replace("311219", "311319") + "\n", "day (positions 19-24) holds no date"),
        (GOOD.replace("1000", "3000") + "\n", "sex (positions 9-9) holds none of the codes 1, 2"),
        (GOOD.replace("  1", "\t 1") + "\n", "a control character stands in 1 row: 'byte 0x09'"),
        ("", "the file is empty"),
        (b"\x1f\x8b\x08\x00broken", "the gzip file is damaged"),
        (GOOD.encode("utf-8") + b"\n", "the file is utf-8, but is declared cp1252"),
        (SPARSE.encode("cp1252") + b"\n\x81", "line 2 is not cp1252"),
    ],
)
def test_what_is_wrong_is_named_with_line_and_field(tmp_path, text, message):
    with pytest.raises(UserError) as error:
        read(tmp_path, text)
    assert message in str(error.value)
    assert "x.dat" in str(error.value)


def test_all_problems_of_a_file_come_at_once_with_their_counts(tmp_path, monkeypatch):
    monkeypatch.setattr(fixed_width, "BLOCK", 30)
    bad = GOOD.replace("00042", "xxxxx")
    with pytest.raises(UserError) as error:
        read(tmp_path, "\n".join([bad, GOOD, bad, bad, bad, GOOD[:5]]))
    assert len(error.value.problems) == 2
    assert "in 4 rows: 'xxxxx' (line 1), 'xxxxx' (line 3), 'xxxxx' (line 4) and 1 more" in str(
        error.value
    )


def test_wrong_bytes_are_told_by_their_line_in_any_block(tmp_path, monkeypatch):
    monkeypatch.setattr(fixed_width, "BLOCK", 30)
    with pytest.raises(UserError, match="line 4 is not utf-8"):
        read(
            tmp_path, b"\n".join([b"001" + b" " * 21] * 3 + [b"\xe5" + b" " * 23]), encoding="utf-8"
        )


def test_a_field_that_the_layout_does_not_have(tmp_path):
    with pytest.raises(UserError, match=r"no field 'amonut'.*\n.*did you mean 'amount'"):
        read(tmp_path, GOOD, ["amonut"])


def test_encodings_without_ascii_are_refused(tmp_path):
    with pytest.raises(UserError, match="cannot be in utf-16"):
        read(tmp_path, GOOD, encoding="utf-16")


# Positions as published by Statistics Norway for the reporting years (kostra-kontrollprogram,
# kravspesifikasjon/file_description_11F_2022.md, ..._2026.md and the change logs between them).
PUBLISHED = {
    "kostra_11f_2022": (324, {"PERSON_JOURNALNR": 11, "PERSON_FODSELSNR": 19, "STMND_12": 74,
                              "BIDRAG": 76, "LAAN_DES": 251, "VEDTAKDATO": 307}),
    "kostra_11f_2024": (324, {"PERSON_JOURNALNR": 9, "PERSON_FODSELSNR": 17, "STMND_12": 72,
                              "BIDRAG": 74, "LAAN_DES": 249, "VEDTAKDATO": 307}),
    "kostra_11f_2025": (338, {"PERSON_JOURNALNR": 17, "PERSON_FODSELSNR": 25, "STMND_12": 80,
                              "BIDRAG": 82, "LAAN_DES": 257, "VEDTAKDATO": 319}),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_shipped_layouts_have_the_published_positions(name):
    layout = load_layout(name)
    length, starts = PUBLISHED[name]
    assert layout.width == length == max(field.last for field in layout.fields)
    assert {field.name: field.first for field in layout.fields if field.name in starts} == starts
    covered = sum(field.width for field in layout.fields)
    assert covered == length  # without gaps or overlaps


def test_a_layout_can_be_a_table(tmp_path):
    table = "name,from,to,type,codes,format\nsex,9,9,text,1=man;2=woman,\nday,19,24,date,,%d%m%y\n"
    (tmp_path / "mine.csv").write_text(table)
    layout = load_layout("mine.csv", tmp_path)
    frame, _ = read(tmp_path, GOOD + "\n", ["sex", "day"], layout)
    assert frame[["sex", "day"]].rows() == [("1", date(2019, 12, 31))]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fields: []", "fields: Tuple should have at least 1 item"),
        ("fields: [{name: a, from: 3, to: 1}]", "to 1 is before from 3"),
        ("fields: [{name: a, from: 1, to: 3}, {name: b, from: 3, to: 4}]", "a and b overlap"),
        ("fields: [{name: a, from: 1, to: 3}, {name: a, from: 4, to: 4}]", "a stands twice"),
        ("length: 2\nfields: [{name: a, from: 1, to: 3}]", "ends at 3, after length 2"),
        ("fields: [{name: a, from: 1, to: 1, codes: {'10': x}}]", "longer than the field"),
        ("fields: [{name: a, from: 1, to: 1, type: date}]", "date needs one"),
        ("fields: [", "cannot be read"),
        ("- 1", "valid dictionary"),
    ],
)
def test_faulty_layouts_are_refused_with_the_reason(tmp_path, text, message):
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(UserError) as error:
        load_layout("bad.yaml", tmp_path)
    assert message in str(error.value)


def test_an_unknown_layout_names_the_nearest():
    with pytest.raises(UserError, match="did you mean 'kostra_11f_2025'"):
        load_layout("kostra_11f_2027")
