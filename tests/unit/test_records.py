"""What was found in raw data: adding up over buckets, holding small counts back, the flow."""

from __future__ import annotations

import polars as pl

from reformeval.artefacts import SAMPLE_FLOW, SOURCE_DATA
from reformeval.register import records
from reformeval.register.forms import Repair
from reformeval.register.records import Record


def _unlinked(rule: str, count: int, of: int, source: str = "assistance") -> Record:
    return Record("unlinked", rule, source, count, of, "rows", f"Lost: {rule}.")


def test_counts_of_buckets_add_up() -> None:
    parts = [
        [_unlinked("not_resident", 4, 50), Record("rule", "a", "b", 0, None, "", "Rule.")],
        [_unlinked("not_resident", 9, 70), Record("rule", "a", "b", 0, None, "", "Rule.")],
        [records.of_repair(Repair("mended", "file.csv", 3, "Mended."))],
    ]
    frames = [records.frame(part) for part in parts]
    merged = records.merged(frames)
    assert merged.schema == pl.Schema(SOURCE_DATA)
    assert merged.select("kind", "rule", "source", "count", "of").rows() == [
        ("repair", "mended", "file.csv", 3, None),
        ("rule", "a", "b", 0, None),
        ("unlinked", "not_resident", "assistance", 13, 120),
    ]
    assert merged.equals(records.merged(frames[::-1]))


def test_small_counts_are_held_back_and_zero_is_not() -> None:
    given = records.frame([_unlinked(f"r{n}", n, 100) for n in (0, 1, 9, 10)])
    assert records.published(given, 10)["count"].to_list() == [0, None, None, 10]


def test_lines_for_the_log_hold_small_counts_back() -> None:
    given = [
        _unlinked("none", 0, 100),
        _unlinked("few", 3, 100),
        _unlinked("some", 1200, 5000),
        Record("rule", "residence", "population", 0, None, "", "Where a person lives."),
    ]
    assert list(records.lines(records.published(records.frame(given), 10), 10)) == [
        "assistance, few: fewer than 10 rows. Lost: few.",
        "assistance, some: 1,200 rows. Lost: some.",
        "population, residence: Where a person lives.",
    ]


def test_the_flow_tells_what_is_left_after_each_step() -> None:
    given = [
        _unlinked("no_id", 20, 1000),
        _unlinked("not_in_population", 80, 1000),
        _unlinked("not_resident", 30, 900),
        _unlinked("no_id", 0, 500, "earnings"),
        _unlinked("not_in_population", 5, 500, "earnings"),
        _unlinked("no_id", 0, 70, "population"),
    ]
    flow = records.linking_flow(records.published(records.frame(given), 10))
    assert flow.schema == pl.Schema(SAMPLE_FLOW)
    columns = ("population", "step", "person_periods", "person_periods_lost")
    assert flow.select(columns).rows() == [
        ("assistance", "read", 1000, 0),
        ("assistance", "no_id", 980, 20),
        ("assistance", "not_in_population", 900, 80),
        ("assistance", "not_resident", 870, 30),
        ("earnings", "read", 500, 0),
        ("earnings", "no_id", 500, 0),
        ("earnings", "not_in_population", None, None),
    ]
    assert flow["persons"].null_count() == flow.height
