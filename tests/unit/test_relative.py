"""Counts per something and values indexed to their mean before the reform."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from table_helpers import source, spec
from test_config_reform import changed, problems, project

from reformeval.artefacts import PANEL
from reformeval.config import loader, resolve
from reformeval.jobs._source import PanelJob, SourceSlice
from reformeval.jobs.check_data import build
from reformeval.panel.relative import relative, with_denominators
from reformeval.panel.validate import validate
from reformeval.spec import Outcome, PanelSpec, Population

AS_PUBLISHED = Population("as_published")
HELPER = Outcome("force", AS_PUBLISHED, "", "force", in_levels=False)


def asked(dropped: tuple[int, ...] = (), **keys: object) -> PanelSpec:
    base = spec(window=(2000, 2005), adoption=2003, dropped=dropped)
    outcome = replace(base.outcomes[0], **keys)  # type: ignore[arg-type]
    below = (HELPER,) if keys.get("per") == "force" else ()
    return replace(base, outcomes=(outcome,), denominators=below)


def cells(values: list[float | None], outcome: str = "y", **keys: object) -> list[dict]:
    return [
        {"unit": "A", "period": date(2000 + i, 1, 1), "group": "all", "outcome": outcome,
         "population": "as_published", "value": value, "n_persons": 10 * (i + 1),
         "suppressed": False} | keys
        for i, value in enumerate(values)
    ]  # fmt: skip


def scaled(rows: list[dict], given: PanelSpec) -> pl.DataFrame:
    found = relative(pl.DataFrame(rows, schema=pl.Schema(PANEL)), given)
    assert found.schema == pl.Schema(PANEL)
    assert set(found["outcome"]) == {"y"}
    return found


def test_per_another_count() -> None:
    rows = cells([1.0, 2, 3, 4, 5, None])
    rows += cells([10.0, 0.0, None, 8.0, 10.0, 10.0], "force")
    found = scaled(rows, asked(per="force", times=1000.0))
    assert found["value"].to_list() == [100.0, None, None, 500.0, 500.0, None]
    assert found["n_persons"].to_list() == [10, 20, 30, 40, 50, 60], "the persons of the count"


def test_a_withheld_denominator_withholds() -> None:
    rows = cells([1.0, 2.0])
    rows += cells([10.0], "force") + cells([10.0, None], "force", suppressed=True)[1:]
    found = scaled(rows, asked(per="force"))
    assert found["value"].to_list() == [0.1, None]
    assert found["suppressed"].to_list() == [False, True]
    assert found["n_persons"].to_list() == [10, None]


def test_beside_an_outcome_that_is_not_divided() -> None:
    given = asked(per="force")
    plain = replace(given, outcomes=(*given.outcomes, Outcome("z", AS_PUBLISHED, "", "z")))
    rows = cells([1.0], "z") + cells([4.0]) + cells([2.0], "force")
    found = relative(pl.DataFrame(rows, schema=pl.Schema(PANEL)), plain)
    assert dict(found.select("outcome", "value").iter_rows()) == {"y": 2.0, "z": 1.0}


def test_per_persons() -> None:
    found = scaled(cells([1.0, 1.0, 6.0]), asked(per="persons", times=100.0))
    assert found["value"].to_list() == pytest.approx([10.0, 5.0, 20.0])


def test_index_is_100_on_average_over_retained_periods_before() -> None:
    found = scaled(cells([4.0, 99.0, 6.0, 10.0, 5.0]), asked(dropped=(2001,), indexed=True))
    assert found["value"].to_list() == [80.0, 1980.0, 120.0, 200.0, 100.0]
    none = scaled(cells([0.0, 0, 0, 10.0]), asked(indexed=True))
    assert none["value"].null_count() == 4, "nothing is in per cent of zero"


def test_through_a_table_and_its_checks(tmp_path: Path) -> None:
    """Counts of unequal units are refused in levels, and neither per something nor indexed."""
    lines = ["u,t,y,f"]
    for i, unit in enumerate("ABCD"):
        size = 100 * (i + 1)
        lines += [f"{unit},{2000 + t},{size + (t * (i + 2)) % 5},{10 * size}" for t in range(6)]
    (tmp_path / "t.csv").write_text("\n".join(lines))
    kinds = {
        name: {"column": column, "kind": "count"} for name, column in (("y", "y"), ("force", "f"))
    }
    table = source(outcomes=kinds)

    def told(given: PanelSpec) -> list[str]:
        job = PanelJob(SourceSlice("table", table.model_dump(by_alias=True, mode="json")), given)
        return [problem.message for problem in validate(build(job, tmp_path), given, table)]

    (message,) = told(asked())
    assert "counts persons in units of different size" in message
    assert told(asked(per="force")) == told(asked(indexed=True)) == []
    assert told(asked(in_levels=False)) == [], "poisson_did compares proportions"
    assert [o.name for o in with_denominators(asked(per="force")).outcomes] == ["y", "force"]


NAV = """\
title: A reform
source: nav_jobseekers
window: {from: 2019-01, to: 2021-12}
treatment:
  units: [Oslo]
  steps:
    - {id: first, from: 2020-03}
outcomes:
  unemployed: {measured_in: per cent of the mean before, scale: pre_mean}
  unemployed_share: {measured_in: per cent}
headline: {outcome: unemployed, estimator: did}
estimators:
  did: {}
  poisson: {method: poisson_did, outcomes: [unemployed]}
"""

CASES = {
    "per a share": (
        "per cent}",
        "per cent, per: unemployed}",
        "`outcomes.unemployed_share.per`: 'unemployed_share' is no count",
    ),
    "per no count": (
        "scale: pre_mean}",
        "per: unemployed_share}",
        "`outcomes.unemployed.per`: the source has no other count 'unemployed_share'",
    ),
    "factor": (
        "scale: pre_mean}",
        "per: {outcome: persons, times: 0}}",
        "`outcomes.unemployed.per.times` must be above 0",
    ),
    "scale": ("pre_mean}", "post_mean}", "`outcomes.unemployed.scale` is 'post_mean'"),
    "outcome of an estimator": (
        "[unemployed]}",
        "[unemploid]}",
        "`estimators.poisson.outcomes[0]`: the reform has no outcome 'unemploid'",
    ),
    "headline left out": (
        "did: {}",
        "did: {outcomes: [unemployed_share]}",
        "`estimators.did.outcomes` leaves out the headline's outcome 'unemployed'",
    ),
    "outcome without an estimator": (
        "did: {}",
        "did: {outcomes: [unemployed]}",
        "`outcomes.unemployed_share`: no estimator estimates 'unemployed_share'",
    ),
}


@pytest.mark.parametrize(("old", "new", "expected"), CASES.values(), ids=CASES)
def test_bad_scales(tmp_path: Path, old: str, new: str, expected: str) -> None:
    assert any(expected in line for line in problems(tmp_path, changed(NAV, old, new)))


def test_what_jobs_read(tmp_path: Path) -> None:
    study = loader.load(project(tmp_path, NAV)).study("x")
    counted, share = resolve.panel_spec(study).outcomes
    assert (counted.indexed, counted.in_levels, share.in_levels) == (True, True, True)
    poisson = resolve.estimate_spec(study, "poisson")
    assert (poisson.outcomes, poisson.unit) == (("unemployed",), "log points")
