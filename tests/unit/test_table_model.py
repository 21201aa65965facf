"""What a table source file may say."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError
from table_helpers import source

from reformeval.sources.table import TableSource


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"file": "t.xls"}, "ending of file 't.xls' is not known"),
        ({"encoding": "cp9999"}, "no text encoding 'cp9999'"),
        ({"encoding": "base64"}, "no text encoding 'base64'"),
        ({"separator": ";;"}, "at most 1 character"),
        ({"decimal": ",", "thousands": ","}, "the same mark"),
        ({"missing": ["."], "suppressed": [".", "*"]}, "'.' is listed under missing and"),
        ({"period": {}}, "give either column, or year"),
        ({"period": {"column": "t", "year": "j"}}, "give either column, or year"),
        ({"period": {"column": "t", "month": "m"}}, "go with year"),
        ({"period": {"year": "j", "format": "%Y"}}, "format goes with column"),
        ({"period": {"year": "j", "month": "m"}}, "with frequency year, beside year goes no"),
        ({"frequency": "month", "period": {"year": "j"}}, "beside year goes the key month"),
        (
            {"frequency": "quarter", "period": {"year": "j", "month": "m"}},
            "beside year goes the key quarter",
        ),
        ({"groups": {"all": {"column": "s", "values": {"a": 1}}}}, "cannot be called 'all'"),
        ({"groups": {"s": {"column": "s", "values": {"all": 1}}}}, "names the total"),
        ({"groups": {"s": {"column": "s", "all": 1, "values": {"a": "1"}}}}, "the code '1'"),
        ({"groups": {"a b": {"column": "s", "values": {"a": 1}}}}, "pattern"),
        ({"outcomes": {}}, "at least 1"),
        ({"outcomes": {"y": {"column": "y", "kind": "sum"}}}, "'share', 'mean', 'rate' or"),
        ({"outcomes": {"y": {"column": "y", "kind": "mean", "scale": "2"}}}, "valid number"),
        ({"outcomes": {"y": {"column": "y", "kind": "mean", "scale": 0}}}, "greater than 0"),
        ({"filter": {"k": True}}, "valid string"),
        ({"colum": "t"}, "Extra inputs are not permitted"),
    ],
)
def test_refused(keys: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError) as caught:
        source(**keys)
    assert told in str(caught.value)


def test_json_round_trip() -> None:
    given = source(
        filter={"k": ["a", 1]},
        groups={"s": {"column": "s", "all": 0, "values": {"women": 1}}},
        missing=["."],
    )
    assert TableSource.model_validate_json(given.model_dump_json()) == given


def test_what_a_reform_may_ask_for() -> None:
    given = source(
        groups={"s": {"column": "s", "values": {"women": 1, "men": 2}}},
        outcomes={
            "out_of_work": {"column": "a", "kind": "rate"},
            "b": {"column": "b", "kind": "count", "label": "B!"},
        },
        unit={"column": "u", "labels": {"4601": "Bergen"}},
    )
    assert given.outcome_names() == {"out_of_work", "b"}
    assert given.outcome_kind("b") == "count"
    assert given.default_outcome_label("out_of_work") == "Out of work"
    assert given.default_outcome_label("b") == "B!"
    assert given.group_values() == {"s": ("women", "men")}
    assert given.populations() == {"as_published"}
    assert given.unit_labels() == {"4601": "Bergen"}
    assert given.period_range() is None
    assert not given.is_register


@pytest.mark.parametrize(
    ("file", "expected"),
    [("a.csv", "csv"), ("a.CSV.gz", "csv"), ("a.tsv", "csv"), ("a.parquet", "parquet")],
)
def test_format_by_ending(file: str, expected: str) -> None:
    assert source(file=file).file_format == expected


def test_declared_format_wins() -> None:
    assert source(file="a.dat", format="csv").file_format == "csv"
