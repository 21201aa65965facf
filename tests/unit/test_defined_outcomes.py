"""Outcomes that a source defines: from YAML through the slices to the panel."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest
from register_helpers import GROUPS, RESIDENTS, people, person, prior, series, spec, timing

from reformeval import workflow
from reformeval.config import loader
from reformeval.config.resolve_outcomes import outcomes
from reformeval.errors import UserError
from reformeval.panel.from_register import build, truth
from reformeval.panel.result import PanelResult
from reformeval.register.columns import COLUMNS
from reformeval.register.expressions import parse
from reformeval.spec import Definition, PanelSpec, Population

ROOT = Path(__file__).parents[2]
B = person(90, "0000", unit="B")


def define(text: str, kind: str = "mean", scale: float = 1.0, **bounds: float) -> Definition:
    read = parse(text, COLUMNS)
    kinds = tuple((name, COLUMNS[name]) for name in read.columns)
    return Definition(read.text, kinds, kind, scale, **bounds)


def panel_of(
    register: pl.LazyFrame, definition: Definition, population: Population = RESIDENTS
) -> PanelResult:
    return build(register, GROUPS, asked(definition, population))


def asked(definition: Definition, population: Population = RESIDENTS) -> PanelSpec:
    asks = spec({"mine": population}, timing(3, 2))
    return replace(asks, outcomes=(replace(asks.outcomes[0], definition=definition),))


def test_share_mean_and_count() -> None:
    register = people(person(1, "1001", work="0110"), person(2, "0000", work="1111"), B)
    idle = define("NOT employed AND recipient", "share", 100.0)
    assert series(panel_of(register, idle).panel, "mine") == [50, 0, 0, 50]
    count = define("NOT employed AND recipient", "count")
    assert series(panel_of(register, count).panel, "mine") == [1, 0, 0, 1]
    mean = define("CASE WHEN employed THEN earnings / (hours * 4) END")
    assert series(panel_of(register, mean).panel, "mine") == [200, 200, 200, 200]
    assert series(panel_of(register, mean).panel, "mine", column="n_persons") == [1, 2, 2, 1]


def test_missing_is_not_zero() -> None:
    known = person(1, "0000", work="1111")
    unknown = person(2, "0000", work="1111").with_columns(earnings=None)
    found = panel_of(people(known, unknown, B), define("earnings + benefit"))
    assert series(found.panel, "mine") == [30_000] * 4
    assert series(found.panel, "mine", column="n_persons") == [1] * 4


def test_bounds_cut_off_values_before_they_are_summed() -> None:
    rich = person(1, "0000", work="1111").with_columns(earnings=900_000.0)
    register = people(rich, person(2, "0000", work="1111"), person(3, "0000"), B)
    found = panel_of(register, define("earnings", lower=3_000.0, upper=60_000.0))
    assert series(found.panel, "mine") == pytest.approx([31_000] * 4)


def test_prior_recipients_are_measured_in_the_month_and_grouped_before() -> None:
    # Family is frozen for the group and current in the expression.
    parent = person(1, "1100", family=["single", "single", "single_parent", "single_parent"])
    register = people(parent, person(2, "0000"), B)
    alone = define("family = 'single'", "share", 100.0)
    found = panel_of(register, alone, prior(2))
    assert series(found.panel, "mine") == [100, 100, 0, 0]


def test_truth_of_a_defined_outcome() -> None:
    register = people(person(1, "1111", work="1111"), person(2, "0000", work="1111"), B)
    untreated = people(person(1, "1111", work="1100"), person(2, "0000", work="1111"))
    works = asked(define("employed AND hours > 10", "share", 100.0))
    found = truth(register, untreated, GROUPS, works)
    assert found.sort("period")["effect"].to_list() == [0, 0, 50, 50]


def project(folder: Path, outcomes: str, reform: str = "") -> Path:
    """The shipped simulated source with other outcomes, and the shipped reform on it."""
    for name in ("config.yaml", "sources/simulated_register.yaml", "reforms/bergen_2020.yaml"):
        target = folder / "config" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "config" / name, target)
    source = folder / "config/sources/simulated_register.yaml"
    text = source.read_text(encoding="utf-8")
    head, rest = text.split("outcomes:\n", 1)
    source.write_text(head + outcomes + "\n# Words" + rest.split("\n# Words", 1)[1])
    if reform:
        path = folder / "config/reforms/bergen_2020.yaml"
        path.write_text(path.read_text(encoding="utf-8").replace("outcomes:\n", reform, 1))
    return folder


def test_the_page_on_outcomes_loads(tmp_path: Path) -> None:
    page = (ROOT / "docs/outcomes.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```yaml\n(outcomes:.*?)```", page, re.DOTALL)
    reform = "outcomes:\n  large_payments: {measured_in: per 1,000 residents}\n"
    reform = reform.replace("per 1,000 residents", '"per 1,000 residents"')
    config = loader.load(project(tmp_path, block, reform))
    found = {o.name: o for o in outcomes(config.study("bergen_2020"))}
    assert found["large_payments"].population == RESIDENTS
    assert found["large_payments"].label == "Payments above NOK 20,000, per 1,000 residents"
    assert found["large_payments"].definition == define("benefit > 20000", "rate", 1_000.0)
    assert found["employed"].definition is None


def test_faults_are_told_with_their_line_all_at_once(tmp_path: Path) -> None:
    outcomes = """outcomes:
  a: {expression: SUM(earnings), kind: mean, label: A}
  b: {expression: earnigns > 0, kind: share, label: B}
  c: {expression: earnings, kind: share, label: C}
  hours: {expression: hours, kind: mean, label: D}
  e: {expression: earnings, kind: mean, label: E, winsorise: {upper_percentile: 99}}
  f: {expression: earnings, kind: mean, label: F, winsorise: {lower: 5, upper: 1}}
"""
    with pytest.raises(UserError) as error:
        loader.load(project(tmp_path, outcomes))
    said = str(error.value)
    lines = (tmp_path / "config/sources/simulated_register.yaml").read_text().splitlines()
    first = lines.index("outcomes:") + 1
    for by, words in enumerate(
        [
            "the aggregate SUM is not allowed",
            "did you mean 'earnings'?",
            "gives a number, and a share needs true and false",
            "every register has an outcome of this name",
            "percentiles of buckets of persons do not add up",
            "lower, 5, is not below upper, 1",
        ],
        start=1,
    ):
        assert words in said
        assert f"simulated_register.yaml:{first + by}: " in said


def test_a_definition_reruns_only_what_reads_it(tmp_path: Path) -> None:
    def slices(expression: str, reform: str = "") -> dict[str, str]:
        outcomes = f"outcomes:\n  mine: {{expression: {expression}, kind: mean, label: Mine}}\n"
        plan = workflow.load(project(tmp_path / re.sub(r"\W", "_", expression), outcomes, reform))
        wild = SimpleNamespace(reform="bergen_2020", source="simulated_register", label="did")
        names = ("register", "panel", "estimate", "assess", "figures")
        return {name: getattr(plan, name)(wild) for name in names}

    assert slices("hours + 1") == slices("hours + 2")
    named = "outcomes:\n  mine: {measured_in: hours}\n"
    one, two = slices("hours + 3", named), slices("hours + 4", named)
    changed = {name for name in one if one[name] != two[name]}
    assert changed == {"panel", "figures"}
    assert json.loads(one["panel"])["source"]["content"]["outcomes"]["mine"]["label"] == "-"
