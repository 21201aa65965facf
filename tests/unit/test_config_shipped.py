"""The config that comes with the program: it loads, and says what the published figures need."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from reformeval.config import resolve, schema
from reformeval.config.loader import Config, data_dir, left_out, load
from reformeval.config.models import SOURCE_KINDS
from reformeval.spec import AssessSpec, EstimateSpec, PanelSpec, Population, from_json, to_json

ROOT = Path(__file__).parents[2]
REFORMS = [
    "bergen_2020",
    "california_1989",
    "finnmark_kindergarten_2023",
    "minimum_wage_2004",
    "neuchatel_2002",
]


@pytest.fixture(scope="module")
def config() -> Config:
    return load(ROOT)


def test_all_load(config: Config) -> None:
    assert list(config.selected) == REFORMS
    assert config.settings.disclosure.min_persons == 10


@pytest.mark.parametrize("name", REFORMS)
def test_specs_survive_json(config: Config, name: str) -> None:
    study = config.study(name)
    panel = resolve.panel_spec(study)
    assert from_json(PanelSpec, to_json(panel)) == panel
    assess = resolve.assess_spec(study)
    assert from_json(AssessSpec, to_json(assess)) == assess
    for label in study.reform.estimators:
        spec = resolve.estimate_spec(study, label)
        assert from_json(EstimateSpec, to_json(spec)) == spec
    report = resolve.report_spec(study)
    assert from_json(type(report), to_json(report)) == report
    assert report.outcome(report.headline.outcome).measured_in


def test_bergen(config: Config) -> None:
    spec = resolve.panel_spec(config.study("bergen_2020"))
    assert spec.treated == ("4601",)
    assert (spec.timing.adoption, spec.timing.pre_end) == (date(2020, 3, 1), date(2019, 11, 1))
    assert len(spec.timing.periods) == 68
    assert spec.timing.dropped == (date(2020, 12, 1),)
    assert {o.name: o.population for o in spec.outcomes} == {
        "employed": Population("prior_recipients", 12),
        "earnings": Population("prior_recipients", 12),
        "recipients_per_1000": Population("residents"),
        "spell_months": Population("current_recipients"),
    }
    assert next(o for o in spec.outcomes if o.name == "spell_months").max_months == 12
    assert [g.name for g in spec.groups] == [
        "all",
        "family=with_children",
        "family=without_children",
        "origin=non_western",
        "origin=other",
        "family=with_children & origin=non_western",
        "family=with_children & origin=other",
        "family=without_children & origin=non_western",
        "family=without_children & origin=other",
    ]
    assert "SIMULATED" in " ".join(config.reforms["bergen_2020"].notes)


def test_planted_effect_is_the_reform(config: Config) -> None:
    study = config.study("bergen_2020")
    planted = study.source.planted  # type: ignore[union-attr]
    assert (planted.unit,) == study.reform.treatment.units
    assert planted.start == study.reform.treatment.steps[0].start


def test_neuchatel_has_group_one(config: Config) -> None:
    spec = resolve.panel_spec(config.study("neuchatel_2002"))
    assert len(spec.comparison.exclude) == 7
    assert len(spec.timing.periods) == 204
    assert spec.outcomes[0].population == Population("as_published")


def test_california_counts_years(config: Config) -> None:
    timing = resolve.timing(config.study("california_1989"))
    assert timing.frequency == "year"
    assert (timing.event_time(date(1970, 1, 1)), timing.event_time(date(2000, 1, 1))) == (-19, 11)


def test_resolved_config_holds_no_folders(config: Config) -> None:
    text = resolve.resolved_yaml(config.study("bergen_2020"))
    shown = yaml.safe_load(text)
    assert shown["reform"]["bergen_2020"]["treatment"]["steps"][0]["from"] == "2020-03"
    assert shown["settings"] == {
        "seed": 20200301,
        "ci_level": 0.95,
        "disclosure": {"min_persons": 10},
        "geography_file": "klass_131.json",
    }


def test_data_dir(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REFORMEVAL_DATA", raising=False)
    assert data_dir(config.settings, "here") == Path("here/data")
    monkeypatch.setenv("REFORMEVAL_DATA", "/elsewhere")
    assert data_dir(config.settings, "here") == Path("/elsewhere")


def test_reforms_without_data_are_left_out_with_a_line(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REFORMEVAL_DATA", "/nowhere")
    lines = left_out(config)
    assert list(lines) == REFORMS[1:]
    assert lines["california_1989"] == (
        "reformeval: california_1989 left out: /nowhere/prop99/california_prop99.csv is not there; "
        f"get it from: {config.sources['california_prop99'].obtain}"
    )


def test_where_names_the_line(config: Config) -> None:
    lines = (ROOT / "config/reforms/bergen_2020.yaml").read_text().splitlines()
    line = next(i for i, text in enumerate(lines, 1) if text.startswith("comparison:"))
    assert config.where("reforms", "bergen_2020", "comparison", "largest").endswith(f":{line}")


def test_schema_files_are_in_step() -> None:
    written = {p.name: p.read_text(encoding="utf-8") for p in (ROOT / "config/schema").iterdir()}
    assert written == schema.schemas(), "run python -m reformeval.config.schema config/schema"


@pytest.mark.parametrize("path", sorted((ROOT / "config").rglob("*.yaml")), ids=lambda p: p.name)
def test_yaml_files_name_their_schema_and_obey_it(path: Path) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    text = path.read_text(encoding="utf-8")
    first = text.splitlines()[0]
    assert first.startswith("# yaml-language-server: $schema=")
    target = path.parent / first.partition("=")[2]
    jsonschema.validate(yaml.safe_load(text), json.loads(target.read_text(encoding="utf-8")))


def _keys(model: type[BaseModel]) -> set[str]:
    """Every key that a file may have, from the model's schema."""
    whole = model.model_json_schema()
    objects = [whole, *whole.get("$defs", {}).values()]
    return {key for part in objects for key in part.get("properties", {})}


@pytest.mark.parametrize("kind", SOURCE_KINDS)
def test_every_key_of_a_source_is_documented(kind: str) -> None:
    text = (ROOT / "docs/configuration.md").read_text(encoding="utf-8")
    section = next(part for part in text.split("\n## ") if f"`kind: {kind}`" in part)
    assert not sorted(key for key in _keys(SOURCE_KINDS[kind]) if f"`{key}`" not in section)


def test_reading_config_loads_no_data_library() -> None:
    code = (
        "import sys; from reformeval.config import loader; loader.load('.');"
        "print([m for m in ('polars', 'numpy', 'scipy', 'pyfixest') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
