"""Whatever a service sends, it is read whole or refused by name."""

from __future__ import annotations

import json
import math
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reformeval.sources import _jsonstat

NAMES = st.lists(st.text("abcdef", min_size=1, max_size=3), min_size=1, max_size=4, unique=True)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=12,
)


@st.composite
def datasets(draw: st.DrawFn) -> tuple[dict[str, Any], dict[tuple[str, ...], float | None]]:
    """A dataset in one of the ways that JSON-stat allows, and its cells."""
    codes = [draw(NAMES) for _ in range(draw(st.integers(1, 3)))]
    ids = [f"d{i}" for i in range(len(codes))]
    size = [len(one) for one in codes]
    count = math.prod(size)
    values = draw(
        st.lists(
            st.one_of(st.none(), st.integers(-9, 9), st.floats(-1e9, 1e9)),
            min_size=count,
            max_size=count,
        )
    )
    sparse = {str(i): v for i, v in enumerate(values) if v is not None}
    dimension: dict[str, Any] = {}
    for name, listed in zip(ids, codes, strict=True):
        index = draw(st.sampled_from([listed, {code: i for i, code in enumerate(listed)}]))
        shuffled = draw(st.permutations(listed))
        dimension[name] = {
            "category": {"index": index, "label": {code: code.upper() for code in shuffled}}
        }
    given_values = draw(st.sampled_from([values, sparse]))
    dataset = {"id": ids, "size": size, "dimension": dimension, "value": given_values}
    dataset["status"] = {str(i): ":" for i, v in enumerate(values) if v is None}
    keys: list[tuple[str, ...]] = [()]
    for listed in codes:
        keys = [(*key, code) for key in keys for code in listed]
    return dataset, dict(zip(keys, values, strict=True))


@settings(max_examples=150, deadline=None)
@given(case=datasets())
def test_every_cell_is_where_it_was(case: Any) -> None:
    dataset, cells = case
    frame = _jsonstat.to_frame(_jsonstat.parse(json.dumps(dataset).encode()))
    read = {row[:-2]: row[-2:] for row in frame.iter_rows()}
    assert list(read) == list(cells), "the last dimension runs fastest"
    for key, value in cells.items():
        text, status = read[key]
        assert (None if text is None else float(text)) == value
        assert (status == ":") == (value is None)


@settings(max_examples=150, deadline=None)
@given(case=datasets(), where=st.sampled_from(["id", "size", "value", "status", "dimension"]),
       what=JSON)  # fmt: skip
def test_damaged_datasets(case: Any, where: str, what: Any) -> None:
    dataset, _ = case
    damaged = dataset | {where: what}
    try:
        frame = _jsonstat.to_frame(_jsonstat.parse(json.dumps(damaged).encode()))
    except _jsonstat.MalformedError:
        return
    assert frame.schema["value"] == pl.String
    assert frame.height == math.prod(int(one) for one in damaged["size"])


WHOLE = {
    "id": ["a"], "size": [1], "dimension": {"a": {"category": {"index": ["x"]}}}, "value": [1],
}  # fmt: skip


@pytest.mark.parametrize("where", ["id", "size", "value", "status", "dimension"])
@pytest.mark.parametrize("what", [True, 7, 1.5, "x", [], {}, [None], [[1]], {"a": 1}, {"-1": 1}])
def test_each_part_replaced(where: str, what: Any) -> None:
    try:
        frame = _jsonstat.to_frame(_jsonstat.parse(json.dumps(WHOLE | {where: what}).encode()))
    except _jsonstat.MalformedError:
        return
    assert frame.height == 1


@settings(max_examples=150, deadline=None)
@given(text=st.one_of(st.binary(max_size=60), JSON.map(lambda one: json.dumps(one).encode())))
def test_any_bytes(text: bytes) -> None:
    try:
        _jsonstat.to_frame(_jsonstat.parse(text))
    except _jsonstat.MalformedError:
        return


def test_numbers_keep_every_digit() -> None:
    text = (
        b'{"id":["a"],"size":[2],"dimension":{"a":{"category":{"index":["x","y"]}}},'
        b'"value":[0.30000000000000004, 12345678901234567890]}'
    )
    frame = _jsonstat.to_frame(_jsonstat.parse(text))
    assert frame["value"].to_list() == ["0.30000000000000004", "12345678901234567890"]
    with pytest.raises(_jsonstat.MalformedError, match="no whole JSON"):
        _jsonstat.parse(text[:50])
