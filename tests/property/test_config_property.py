"""Whatever stands in a config file, reading it gives config or a UserError, never a traceback."""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from reformeval.config.loader import load
from reformeval.config.yaml_marks import read
from reformeval.errors import UserError

ROOT = Path(__file__).parents[2]
BERGEN = (ROOT / "config/reforms/bergen_2020.yaml").read_text(encoding="utf-8")

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["all", "did", "employed", "2020-03", "family", "4601", "residents", "NO"]),
)
trees = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=8,
)


def load_with(reform: bytes, file: str = "config/reforms/x.yaml") -> None:
    """Load a project with one file of these bytes; any problem must name a file and a line."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "config/reforms").mkdir(parents=True)
        shutil.copytree(ROOT / "config/sources", folder / "config/sources")
        (folder / "config/config.yaml").write_text("seed: 1\n")
        (folder / file).write_bytes(reform)
        try:
            load(folder)
        except UserError as error:
            found = error.problems
        else:
            return
    assert found
    assert all(re.search(r"\.yaml:\d+$", problem.where) for problem in found)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=st.characters(), max_size=80))
def test_any_text(text: str) -> None:
    document = read(text, "f.yaml")
    assert document.problems or document.data is not None or text.strip()


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="ab:-[]{}&*!|>'\"%@#?,~<=. 0123\n\tNOeyx\\u_", max_size=60))
def test_any_yaml_like_text(text: str) -> None:
    read(text, "f.yaml")


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=60), st.sampled_from(["config/config.yaml", "config/sources/x.yaml"]))
def test_any_bytes(data: bytes, file: str) -> None:
    load_with(data, file)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_reform_with_any_part_replaced(data: st.DataObject) -> None:
    tree = yaml.safe_load(BERGEN)
    where: Any = tree
    while True:
        keys = list(where) if isinstance(where, dict) else list(range(len(where)))
        key = data.draw(st.sampled_from(keys))
        inner = where[key]
        if isinstance(inner, dict | list) and inner and data.draw(st.booleans()):
            where = inner
            continue
        where[key] = data.draw(trees)
        break
    load_with(yaml.safe_dump(tree, allow_unicode=True).encode("utf-8", "replace"))


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["simulated_register", "nav_jobseekers"]), st.data())
def test_a_source_with_any_part_replaced(name: str, data: st.DataObject) -> None:
    tree = yaml.safe_load((ROOT / f"config/sources/{name}.yaml").read_text(encoding="utf-8"))
    key = data.draw(st.sampled_from(list(tree)))
    tree[key] = data.draw(trees)
    load_with(yaml.safe_dump(tree).encode("utf-8", "replace"), f"config/sources/{name}.yaml")


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(st.integers(0, len(BERGEN) - 1), st.integers(0, 40), st.text(max_size=5))
def test_a_reform_with_any_slice_replaced(start: int, length: int, new: str) -> None:
    text = BERGEN[:start] + new + BERGEN[start + length :]
    load_with(text.encode("utf-8", "replace"))
