"""The statistics bank: what is asked, how often, what is kept, and what is told when it fails."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pydantic import ValidationError
from statbank_server import (
    MONTHS,
    REGIONS,
    Bank,
    dripping,
    half_json,
    serve,
    silent,
    status,
    truncated,
    value_of,
)
from table_helpers import spec

from reformeval.errors import UserError
from reformeval.panel import from_statbank
from reformeval.sources import _statbank_service
from reformeval.sources._statbank_kept import description
from reformeval.sources._statbank_query import split
from reformeval.sources._statbank_service import Clock, Patience, Service
from reformeval.sources.statbank import StatBankSource
from reformeval.sources.statbank_fetch import fetch
from reformeval.sources.table_reader import read_table

SUMMED = {"codelist": "agg_KommSummer", "codes": "*", "output": "aggregated"}


@pytest.fixture
def bank() -> Iterator[Bank]:
    with serve() as running:
        yield running


class Waiting:
    """A clock that only moves when it is waited for."""

    def __init__(self) -> None:
        self.time = 0.0
        self.waits: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.time += seconds

    @property
    def clock(self) -> Clock:
        return Clock(lambda: self.time, self.sleep)


def source(url: str = "https://bank.test/v2", **keys: Any) -> StatBankSource:
    content: dict[str, Any] = {
        "kind": "statbank",
        "title": "Registered unemployed",
        "obtain": "the bank",
        "frequency": "month",
        "url": url,
        "table": "10540",
        "selection": {"Region": "*", "Tid": "*"},
        "unit": {"column": "Region"},
        "period": {"column": "Tid"},
        "outcomes": {"unemployed": {"column": "Ledige", "kind": "count"}},
    }
    return StatBankSource.model_validate(content | keys)


def fetched(
    bank: Bank, folder: Path, waiting: Waiting | None = None, **keys: Any
) -> tuple[StatBankSource, Path]:
    given = source(bank.url, **keys)
    clock = (waiting or Waiting()).clock
    patience = Patience(silence=0.3, whole=5.0)
    service = Service(given.url, given.language, "s.yaml:1", clock, patience)
    fetch(given, folder / given.file, service, lambda _: None)
    return given, folder / given.file


def refusal(bank: Bank, folder: Path, **keys: Any) -> str:
    with pytest.raises(UserError) as caught:
        fetched(bank, folder, **keys)
    assert not [path for path in folder.rglob("*") if path.is_file()], "nothing may be left behind"
    assert all(problem.fix for problem in caught.value.problems)
    return str(caught.value)


def test_every_cell_arrives(bank: Bank, tmp_path: Path) -> None:
    given, path = fetched(bank, tmp_path, selection={"Region": "*", "Tid": "*", "Kjonn": ["0"]})
    cells = read_table(given.as_table(), tmp_path).cells
    assert cells.height == len(REGIONS) * len(MONTHS)
    for unit, period, value, suppressed in cells.select(
        "unit", "period", "value", "suppressed"
    ).iter_rows():
        expected = value_of(unit, "0", "Ledige", f"{period:%YM%m}")
        assert value == expected
        assert suppressed == (expected is None)
    kept = pl.read_parquet(path)
    assert kept.columns == ["Region", "Kjonn", "Tid", "Ledige", "Ledige status"]
    withheld = kept.filter(pl.col("Region") == "4601", pl.col("Tid") == "2020M03")
    assert withheld.select("Ledige", "Ledige status").rows() == [(":", ":")]


def test_what_is_kept_beside_the_data(bank: Bank, tmp_path: Path) -> None:
    given, path = fetched(bank, tmp_path)
    facts = json.loads(description(path).read_text(encoding="utf-8"))
    assert facts["updated"] == "2026-01-16T07:00:00Z"
    assert facts["query"]["selection"] == {"Region": "*", "Tid": "*"}
    assert facts["labels"]["Region"]["4601"] == "Bergen"
    assert facts["cells"] == 96
    assert len(facts["sha256"]) == len(facts["received_sha256"]) == 64
    other = source(bank.url, selection={"Region": ["4601"], "Tid": "*"})
    assert given.file != other.file, "each query has its own file"
    assert given.file == source(bank.url, title="Other words").file


def test_summed_code_list_groups_and_two_contents(bank: Bank, tmp_path: Path) -> None:
    given, path = fetched(
        bank,
        tmp_path,
        selection={"Region": SUMMED, "Tid": "from(2021M11)", "Kjonn": "*"},
        unit={"column": "Region", "pattern": "K-{code}"},
        groups={"sex": {"column": "Kjonn", "all": "0", "values": {"men": "1", "women": "2"}}},
        outcomes={
            "unemployed": {"column": "Ledige", "kind": "count"},
            "share": {"column": "Prosent", "kind": "share", "scale": 0.01},
        },
    )
    method, asked, _ = bank.data_requests[0]
    assert method == "GET"
    assert "codelist%5BRegion%5D=agg_KommSummer" in asked
    cells = read_table(given.as_table(), tmp_path).cells
    assert cells.height == 2 * 3 * 2 * 2
    moss = cells.filter(
        pl.col("unit") == "3103", pl.col("group") == "sex=women", pl.col("outcome") == "unemployed"
    )
    sums = [value_of("3002", "2", "Ledige", m) + value_of("0104", "2", "Ledige", m)  # type: ignore[operator]
            for m in ("2021M11", "2021M12")]  # fmt: skip
    assert moss["value"].to_list() == sums
    shares = cells.filter(pl.col("outcome") == "share", pl.col("unit") == "0301")
    assert shares["value"][0] == pytest.approx(value_of("0301", "0", "Prosent", "2021M11") / 100)  # type: ignore[operator]
    result = from_statbank.build(given, path, monthly(given))
    assert dict(result.units.select("unit", "label").iter_rows()) == {
        "0301": "Oslo",
        "3103": "Moss",
    }


def monthly(given: StatBankSource) -> Any:
    from dataclasses import replace

    asked = spec(treated=("0301",), outcomes=("unemployed",))
    timing = replace(
        asked.timing, frequency="month", first=date(2021, 11, 1), last=date(2021, 12, 1)
    )
    assert given.frequency == "month"
    return replace(asked, timing=timing)


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        (["2020M02", "2020M01"], ["2020M01", "2020M02"]),
        ("top(2)", ["2021M11", "2021M12"]),
        ("to(2020M02)", ["2020M01", "2020M02"]),
        ("range(2020M12, 2021M01)", ["2020M12", "2021M01"]),
        ("202?M12", ["2020M12", "2021M12"]),
        (["*M01", "2020M02"], ["2020M01", "2020M02", "2021M01"]),
    ],
)
def test_ways_to_choose(bank: Bank, tmp_path: Path, codes: Any, expected: list[str]) -> None:
    _, path = fetched(bank, tmp_path, selection={"Region": ["0301"], "Tid": codes})
    assert pl.read_parquet(path)["Tid"].to_list() == expected


def test_large_questions_are_split_and_long_ones_posted(bank: Bank, tmp_path: Path) -> None:
    _, whole = fetched(bank, tmp_path / "whole")
    bank.max_cells = 10
    bank.asked.clear()
    _, parts = fetched(bank, tmp_path / "parts")
    assert len(bank.data_requests) == 12
    assert pl.read_parquet(parts).equals(pl.read_parquet(whole))


def test_a_long_question_is_posted(
    bank: Bank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, by_get = fetched(bank, tmp_path / "get", selection={"Region": SUMMED, "Tid": "*"})
    monkeypatch.setattr("reformeval.sources.statbank_fetch.LONGEST_URL", 100)
    _, by_post = fetched(bank, tmp_path / "post", selection={"Region": SUMMED, "Tid": "*"})
    assert [method for method, _, _ in bank.data_requests] == ["GET", "POST"]
    body = bank.data_requests[1][2]
    assert {one.get("codelist") for one in body["selection"]} == {None, "agg_KommSummer"}
    assert pl.read_parquet(by_post).equals(pl.read_parquet(by_get))
    assert _statbank_service.LONGEST_URL < 2100


@pytest.mark.parametrize("most", [1, 3, 7, 50, 1000])
def test_parts_hold_everything_once(most: int) -> None:
    chosen = {"a": [str(i) for i in range(13)], "b": ["x", "y", "z"], "c": ["1"]}
    parts = split(chosen, most)
    cells = [(a, b) for part in parts for a in part["a"] for b in part["b"]]
    assert len(cells) == len(set(cells)) == 39
    assert max(len(p["a"]) * len(p["b"]) * len(p["c"]) for p in parts) <= most


def test_thirty_calls_a_minute(bank: Bank, tmp_path: Path) -> None:
    bank.max_cells = 2
    waiting = Waiting()
    fetched(bank, tmp_path, waiting)
    assert len(bank.asked) == 2 + 48
    assert waiting.waits == [60.0], "50 calls fit into two minutes"


@pytest.mark.parametrize(
    ("fault", "waits"),
    [
        (status(429, Retry_After="17"), [17.0]),
        (status(429), [1.0]),
        (status(503), [1.0]),
        (status(502, Retry_After="Fri, 16 Jan 2026 08:00:00 GMT"), [1.0]),
        (truncated, [1.0]),
        (half_json, [1.0]),
        (silent, [1.0]),
    ],
)
def test_what_passes_is_tried_again(
    bank: Bank, tmp_path: Path, fault: Any, waits: list[float]
) -> None:
    bank.faults = [fault]
    waiting = Waiting()
    _, path = fetched(bank, tmp_path, waiting)
    assert waiting.waits == waits
    assert pl.read_parquet(path).height == 96


def test_a_body_that_never_ends(bank: Bank, tmp_path: Path) -> None:
    given = source(bank.url)
    bank.faults = [dripping]
    service = Service(given.url, "no", "s.yaml:1", Clock(), Patience(whole=0.2, tries=1))
    with pytest.raises(UserError, match=r"is not whole after 0\.2 s \(tried 1 times\)"):
        fetch(given, tmp_path / "x.parquet", service, lambda _: None)


@pytest.mark.parametrize(
    ("faults", "told"),
    [
        ([status(400)], ["it answers 400 (A fault: made by the tests)", "correct selection"]),
        ([status(403)], ["it answers 403", "select less at once"]),
        ([status(404)], ["it answers 404", "correct url or table"]),
        ([status(401)], ["it answers 401"]),
        ([status(503)] * 5, ["it answers 503", "tried 5 times", "try again later"]),
        ([status(429, Retry_After="86400")], ["it answers 429", "in 86400 seconds"]),
        ([truncated] * 5, ["tried 5 times"]),
        ([half_json] * 5, ["its answer is damaged: no whole JSON", "tried 5 times"]),
    ],
)
def test_what_does_not_pass_is_told(
    bank: Bank, tmp_path: Path, faults: list[Any], told: list[str]
) -> None:
    bank.faults = faults
    message = refusal(bank, tmp_path)
    assert "s.yaml:1" in message
    assert f"`url`: {bank.url}" in message
    assert all(part in message for part in told), message


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"table": "99999"}, ["tables/99999/metadata", "404 (Non-existent table)"]),
        ({"selection": {"Region": "*", "Tid": "*", "Kjon": "*"}},
         ["no variable 'Kjon'", "did you mean 'Kjonn'?"]),
        ({"selection": {"Region": ["0302"], "Tid": "*"}},
         ["`selection.Region`: '0302' stands for no code", "did you mean '3002'?"]),
        ({"selection": {"Region": "*", "Tid": "from(2019M01)"}}, ["'from(2019M01)' stands for no"]),
        ({"selection": {"Region": "*", "Tid": "top(0)"}}, ["'top(0)' stands for no code"]),
        ({"selection": {"Tid": "*"}, "unit": {"column": "Tid"}},
         ["'Region' must be chosen", 'add Region: "*"']),
        ({"outcomes": {"y": {"column": "Ledig", "kind": "count"}}},
         ["`selection.ContentsCode`: 'Ledig'", "did you mean 'Ledige'?"]),
        ({"selection": {"Region": {"codelist": "agg_None"}, "Tid": "*"}}, ["codelists/agg_None"]),
    ],
)  # fmt: skip
def test_what_the_table_does_not_have(
    bank: Bank, tmp_path: Path, keys: dict[str, Any], told: list[str]
) -> None:
    message = refusal(bank, tmp_path, **keys)
    assert all(part in message for part in told), message


def test_nobody_there(tmp_path: Path) -> None:
    with serve() as bank:
        pass
    assert "ConnectionError" in refusal(bank, tmp_path)


def test_another_service(bank: Bank, tmp_path: Path) -> None:
    def page(handler: Any) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "2")
        handler.end_headers()
        handler.wfile.write(b"{}")

    bank.faults = [page, page]
    assert "`table`: what" in refusal(bank, tmp_path)


def test_kept_data_that_was_changed(bank: Bank, tmp_path: Path) -> None:
    given, path = fetched(bank, tmp_path)
    asked = monthly(given)
    assert from_statbank.build(given, tmp_path, asked).panel.height > 0
    pl.read_parquet(path).head(3).write_parquet(path)
    with pytest.raises(UserError, match="it is not what was fetched"):
        from_statbank.build(given, path, asked)
    description(path).unlink()
    with pytest.raises(UserError, match="its description beside it is not there"):
        from_statbank.build(given, path, asked)
    path.unlink()
    with pytest.raises(UserError, match="the file is not there"):
        from_statbank.build(given, tmp_path, asked)


def test_symbols_must_be_declared(bank: Bank, tmp_path: Path) -> None:
    given, _ = fetched(bank, tmp_path, suppressed=[])
    with pytest.raises(UserError, match="column 'Ledige' holds text: ':'"):
        read_table(given.as_table(), tmp_path)


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"url": "data.ssb.no/api"}, "pattern"),
        ({"url": "https://data.ssb.no/api/"}, "pattern"),
        ({"table": "10540/data"}, "pattern"),
        ({"selection": {"Tid": "*"}}, "unit.column names the variable 'Region'"),
        ({"period": {"headings": "{period}"}}, "name it as column"),
        ({"selection": {}}, "at least 1"),
        ({"file": "x.parquet"}, "Extra inputs"),
        ({"missing": [":"]}, "listed under missing and under suppressed"),
    ],
)
def test_refused(keys: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError) as caught:
        source(**keys)
    assert told in str(caught.value)
