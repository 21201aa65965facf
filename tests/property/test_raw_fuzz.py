"""Whatever the bytes of a raw file: rows that all came through, or a message; never a traceback."""

from __future__ import annotations

import csv
import gzip
import io
import tempfile
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from reformeval.errors import UserError
from reformeval.register.forms import Reading, gather
from reformeval.sources.raw import earnings, fixed_width, kostra_11f, person_months, population
from reformeval.sources.raw._findings import Findings
from reformeval.sources.raw.fixed_width import read_fixed_width
from reformeval.sources.raw.layout import Layout, layout_for
from reformeval.sources.raw.models import (
    EarningsFiles,
    ExitFiles,
    PersonMonthFiles,
    RawFiles,
    ResidenceFiles,
    SnapshotFiles,
)
from tests.kostra_helpers import GRANTS, record, save

FUZZ = settings(max_examples=60, deadline=None)


@contextmanager
def folder():
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@contextmanager
def blocks_of(size: int):
    before, fixed_width.BLOCK = fixed_width.BLOCK, size
    try:
        yield
    finally:
        fixed_width.BLOCK = before


def attempt(readings) -> Reading | None:
    """Give the reading, or None where the user is told what is wrong."""
    try:
        reading = gather(readings)
    except UserError as error:
        problems = error.problems
        reading = None
    if reading is None:
        assert all(problem.message and problem.where for problem in problems)
        return None
    assert all(repair.count > 0 and repair.message for repair in reading.repairs)
    return reading


# How a good file is spoilt: at a place, bytes are taken out and others put in.
edits = st.lists(
    st.tuples(
        st.floats(0, 1),
        st.integers(0, 6),
        st.one_of(
            st.binary(max_size=4), st.sampled_from([b" ", b"0", b"\n", b"\r\n", b"-1", b"\xe5"])
        ),
    ),
    max_size=3,
)


def spoilt(data: bytes, changes: list[tuple[float, int, bytes]]) -> bytes:
    for place, length, new in changes:
        at = int(place * len(data))
        data = data[:at] + new + data[at + length :]
    return data


LINES = [
    record(PERSON_JOURNALNR=f"J{i}", PERSON_FODSELSNR=f"010190{i:05d}", BIDRAG_JAN=1_000 * i,
           BIDRAG=1_000 * i + 9_000)
    for i in range(1, 7)
]  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(edits, st.sampled_from([37, 330, 10_000]), st.booleans())
def test_form_11f_loses_no_record_and_no_krone(changes, block, pad):
    with folder() as path, blocks_of(block):
        files = save(path, *LINES, pad=pad)
        file = path / "kostra" / "11f_2022.dat"
        file.write_bytes(spoilt(file.read_bytes(), changes))
        reading = attempt(kostra_11f.read_each(files, path))
        if reading is None:
            return
        # Each line again, by hand.
        layout = {field.name: field for field in layout_for("kostra_11f", 2022, "").fields}
        text = file.read_bytes().replace(b"\r\n", b"\n").decode("cp1252")
        lines = dict.fromkeys(line.ljust(324) for line in text.split("\n") if line.strip(" \r\x1a"))
        amounts = [
            line[layout[name].first - 1 : layout[name].last].strip()
            for line in lines
            for name in GRANTS
        ]
        frame = reading.frame.lazy().collect()
        identical = {repair.rule: repair.count for repair in reading.repairs}.get(
            "identical_records", 0
        )
        if not identical:
            assert frame["grant"].sum() == sum(int(amount or 0) for amount in amounts)
        assert frame["period"].is_between(date(2022, 1, 1), date(2022, 12, 1)).all()
        assert frame["recipient"].all()


ALPHABET = "abcæøåÆØÅé0123456789 -."


@FUZZ
@given(st.data(), st.sampled_from(["cp1252", "latin-1", "utf-8"]), st.integers(1, 200))
def test_what_is_written_by_a_layout_is_read_by_it(data, encoding, block):
    widths = data.draw(st.lists(st.integers(1, 6), min_size=1, max_size=5))
    gaps = data.draw(st.lists(st.integers(0, 2), min_size=len(widths), max_size=len(widths)))
    fields, at = [], 1
    for index, (width, gap) in enumerate(zip(widths, gaps, strict=True)):
        fields.append({"name": f"f{index}", "from": at + gap, "to": at + gap + width - 1})
        at += gap + width
    layout = Layout.model_validate({"fields": fields})
    row = st.tuples(*(st.text(ALPHABET, min_size=1, max_size=w) for w in widths)).filter(
        lambda texts: "".join(texts).strip(" ")
    )
    rows = data.draw(st.lists(row, min_size=1, max_size=8))
    lines = [
        "".join(" " * gap + text.ljust(w) for gap, text, w in zip(gaps, texts, widths, strict=True))
        for texts in rows
    ]
    end = data.draw(st.sampled_from(["\n", "\r\n"]))
    content = end.join(lines) + data.draw(st.sampled_from(["", end]))
    with folder() as path, blocks_of(block):
        file = path / "x.dat"
        packed = data.draw(st.booleans())
        encoded = content.encode(encoding)
        file.write_bytes(gzip.compress(encoded) if packed else encoded)
        files = RawFiles(file="x.dat", layout="x", encoding=encoding)
        findings = Findings(file, lambda found: [f"line {row + 1}" for row in found])
        names = [field.name for field in layout.fields]
        parts, refused = [], ""
        try:
            parts += read_fixed_width(file, layout, files, names, findings)
        except UserError as error:
            refused = str(error)
        findings.stop_if_any()
    if refused:
        # Letters that are UTF-8 by chance are taken for it, and said to be.
        assert "is utf-8, but is declared" in refused
        return
    assert pl.concat(parts).select(names).rows() == [
        tuple(text.strip(" ") or None for text in texts) for texts in rows
    ]


CSV = {
    "jobs": (
        EarningsFiles(file="f.csv"),
        earnings.read_each,
        b"person,period,employer,occupation,hours,earnings,on_16th\n"
        b"1,2020-01,a,2310,37.5,100,1\n2,202002,b,0110,,0,0\n3,2020M03,c,1,1,5,ja\n",
    ),
    "snapshot": (
        SnapshotFiles.model_validate(
            {"file": "f.csv", "columns": {"year": "year", "born": "born"}}
        ),
        population.read_snapshots,
        b"person,year,unit,age,born,sex,family,immigrant_category,country\n"
        b"1,2020,0301,40,1979-05,f,single,A,no\n2,2020,4601,,2001-01,m,couple,B,se\n",
    ),
    "residence": (
        ResidenceFiles(file="f.csv"),
        population.read_residence,
        b"person,from,to,unit\n1,2019-01,2019-12,0301\n1,2020-01,,4601\n",
    ),
    "exits": (
        ExitFiles(file="f.csv"),
        population.read_exits,
        b"person,period,kind\n1,2020-05,death\n2,2020-06-30,emigration\n",
    ),
}  # fmt: skip


@FUZZ
@given(st.sampled_from(sorted(CSV)), edits)
def test_text_forms_lose_no_row(kind, changes):
    files, read, good = CSV[kind]
    with folder() as path:
        file = path / "f.csv"
        file.write_bytes(spoilt(good, changes))
        reading = attempt(read(files, path))
        if reading is not None:
            text = file.read_bytes().decode("utf-8-sig")
            records = [
                fields for fields in csv.reader(io.StringIO(text, newline="")) if any(fields)
            ]
            assert reading.frame.lazy().collect().height == len(records) - 1


COLUMNS = {
    "person": [1, 2, 3], "period": [date(2020, m, 1) for m in (1, 2, 3)], "unit": ["a", "b", "c"],
    "age": [30, 40, 50], "sex": ["f", "m", "f"], "family": ["x"] * 3, "origin": ["y"] * 3,
    "recipient": [True, False, True], "benefit": [1.0, 0.0, 2.0], "employed": [True] * 3,
    "earnings": [1.0, 2.0, 3.0], "hours": [1.0, 2.0, 3.0],
}  # fmt: skip
OTHERS = st.one_of(
    st.lists(st.integers(-5, 10**6), min_size=3, max_size=3),
    st.lists(st.floats(width=32), min_size=3, max_size=3),
    st.lists(st.text(max_size=8), min_size=3, max_size=3),
    st.lists(st.booleans(), min_size=3, max_size=3),
    st.lists(st.dates(date(1, 1, 1)), min_size=3, max_size=3),
    st.lists(st.datetimes(datetime(1700, 1, 1), datetime(2200, 1, 1)), min_size=3, max_size=3),
    st.lists(st.binary(max_size=3), min_size=3, max_size=3),
    st.lists(st.timedeltas(), min_size=3, max_size=3),
    st.just([None] * 3),
    st.just([[1], [2], []]),
    st.just([{"a": 1}] * 3),
)


@FUZZ
@given(st.sampled_from(sorted(COLUMNS)), OTHERS, st.floats(0, 1))
def test_ready_tables_of_any_column_type_are_read_whole_or_refused(column, values, cut):
    table = pl.DataFrame(COLUMNS).with_columns(pl.Series(column, values, strict=False))
    with folder() as path:
        file = path / "p.parquet"
        table.write_parquet(file)
        files = PersonMonthFiles(file="p.parquet")
        reading = attempt(person_months.read_each(files, path))
        assert reading is None or reading.frame.lazy().collect().height == 3
        # A file cut off anywhere is damaged: never fewer rows without a word.
        whole = file.read_bytes()
        file.write_bytes(whole[: int(cut * (len(whole) - 1))])
        assert attempt(person_months.read_each(files, path)) is None
