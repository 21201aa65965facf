"""Panels of random registers against the same numbers counted person by person."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from register_helpers import (
    CURRENT,
    GROUPS,
    RESIDENTS,
    in_buckets,
    month,
    person,
    prior,
    spec,
    timing,
)

from reformeval.panel.from_register import build
from reformeval.panel.result import PanelResult
from reformeval.register import batches
from reformeval.spec import Group

MONTHS, ADOPTION, SELECTION, CAP = 8, 5, 3, 3
WHEN = timing(MONTHS - 1, ADOPTION, anticipation=1)
CROSS = Group((("family", "with_children"), ("origin", "non_western")))
SPEC = spec(
    {
        "employed": prior(SELECTION),
        "recipients": RESIDENTS,
        "earnings": RESIDENTS,
        "spell_months": CURRENT,
    },
    WHEN,
    (Group(), CROSS),
    max_months=CAP,
)
PERSON = st.fixed_dictionaries(
    {
        "assistance": st.text("01.", min_size=MONTHS, max_size=MONTHS),
        "work": st.text("01", min_size=MONTHS, max_size=MONTHS),
        "unit": st.lists(st.sampled_from("AB"), min_size=MONTHS, max_size=MONTHS),
        "family": st.sampled_from(["single", "single_parent"]),
        "origin": st.sampled_from(["western", "non_western"]),
    }
)
PEOPLE = st.lists(PERSON, min_size=1, max_size=8)


def _rows(drawn: list[dict]) -> pl.DataFrame:
    always = [person(900, "0" * MONTHS), person(901, "0" * MONTHS, unit="B")]
    return pl.concat([*always, *(person(i, **traits) for i, traits in enumerate(drawn))])


@settings(max_examples=40, deadline=None)
@given(PEOPLE, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(drawn: list[dict], random) -> None:
    rows = _rows(drawn)
    order = list(range(rows.height))
    random.shuffle(order)
    one, other = (build(frame.lazy(), GROUPS, SPEC) for frame in (rows, rows[order]))
    _assert_equal(one, other)


@settings(max_examples=25, deadline=None)
@given(PEOPLE, st.integers(1, 5), st.integers(1, 40), st.randoms(use_true_random=False))
def test_the_number_of_buckets_does_not_matter(
    drawn: list[dict], count: int, batch: int, random
) -> None:
    rows = _rows(drawn)
    # Amounts whose sum depends on the order of adding, were it not exact.
    pay = [random.choice([0.1, 1e9 / 3, -7e-5, 31_415.93]) for _ in range(rows.height)]
    rows = rows.with_columns(earnings=pl.Series(pay))
    with TemporaryDirectory() as folder, patch.object(batches, "ROWS", batch):
        paths = in_buckets(rows, Path(folder), count)
        _assert_equal(build(rows.lazy(), GROUPS, SPEC), build(paths, GROUPS, SPEC))


def _assert_equal(one: PanelResult, other: PanelResult) -> None:
    """To the last bit."""
    for name in ("panel", "flow", "units"):
        files = BytesIO(), BytesIO()
        for result, file in zip((one, other), files, strict=True):
            getattr(result, name).write_parquet(file)
        assert files[0].getvalue() == files[1].getvalue()
    assert one.available == other.available


@settings(max_examples=60, deadline=None)
@given(PEOPLE)
def test_cells_equal_a_count_person_by_person(drawn: list[dict]) -> None:
    found = build(_rows(drawn).lazy(), GROUPS, SPEC).panel
    cells = {
        (r["outcome"], r["unit"], r["group"], r["period"]): (r["value"], r["n_persons"])
        for r in found.iter_rows(named=True)
    }
    for unit in "AB":
        for t in range(MONTHS):
            lengths = [_spell(p["assistance"], t) for p in drawn if _here(p, t, unit, "1")]
            members = [p for p in drawn if _member(p, unit) and p["assistance"][t] != "."]
            key = (unit, "all", month(t))
            assert cells["recipients", *key][0] == len(lengths)
            mean = sum(lengths) / len(lengths) if lengths and t >= CAP - 1 else None
            assert cells["spell_months", *key] == (pytest.approx(mean), len(lengths))
            for group, chosen in (("all", members), (CROSS.name, [*filter(_crossed, members)])):
                work = [100.0 * (p["work"][t] == "1") for p in chosen]
                mean = sum(work) / len(work) if work else None
                assert cells["employed", unit, group, month(t)] == (
                    pytest.approx(mean),
                    len(chosen),
                )


def _here(p: dict, t: int, unit: str, letters: str) -> bool:
    return p["unit"][t] == unit and p["assistance"][t] in letters


def _spell(assistance: str, t: int) -> int:
    upto = assistance[: t + 1]
    return min(len(upto) - len(upto.rstrip("1")), CAP)


def _member(p: dict, unit: str) -> bool:
    reference = ADOPTION - 2
    received = "1" in p["assistance"][reference - SELECTION + 1 : reference + 1]
    return received and _here(p, reference, unit, "01")


def _crossed(p: dict) -> bool:
    return p["family"] == "single_parent" and p["origin"] == "non_western"
