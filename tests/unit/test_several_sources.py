"""Outcomes of several sources in one reform: config, panel, slices and what is said of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest

from reformeval import checking, workflow
from reformeval.config import loader, resolve
from reformeval.errors import UserError
from reformeval.fetching import fetch
from reformeval.jobs._source import PanelJob
from reformeval.jobs.check_data import build, problems_of
from reformeval.panel.result import PanelResult
from reformeval.spec import from_json, to_json
from reformeval.workflow_slices import whole_job
from tests.bank_project import write_bank_project
from tests.geography_helpers import write_csv
from tests.several_helpers import (
    BEYOND,
    LACKING,
    PEOPLE,
    REFORM,
    SEEKERS,
    UNITS,
    YEARS,
    births,
    people_csv,
    residents,
    seekers,
    write_project,
)
from tests.statbank_server import serve
from tests.unit.test_config_reform import BASE, changed
from tests.unit.test_config_reform import project as shipped

FILE = "config/reforms/towns.yaml"


@pytest.fixture(autouse=True)
def _own_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REFORMEVAL_DATA", raising=False)


def job_of(folder: Path, name: str = "towns") -> tuple[PanelJob, list[Path]]:
    study = loader.load(folder).study(name)
    job = from_json(PanelJob, to_json(whole_job(study)))
    files = [folder / "data" / source.file for source in study.sources.values()]  # type: ignore[union-attr]
    needed = loader.geography_needed(study, folder)
    return job, [files[0], *([needed] if needed else []), *files[1:]]


def panel_of(folder: Path) -> PanelResult:
    job, inputs = job_of(folder)
    result = build(job, *inputs)
    assert problems_of(result, job) == []
    return result


def values(result: PanelResult, outcome: str, group: str = "all") -> dict[tuple[str, int], float]:
    rows = result.panel.filter(outcome=outcome, group=group)
    return {(u, p.year): v for u, p, v in rows.select("unit", "period", "value").iter_rows()}


def test_cells_of_two_tables(tmp_path: Path) -> None:
    """A count is divided by the other table's, and an outcome is the other table's itself."""
    result = panel_of(write_project(tmp_path))
    per, own = values(result, "seekers"), values(result, "births")
    for unit in UNITS:
        for year in YEARS:
            if unit == LACKING:
                assert per[unit, year] is None
                assert (unit, year) not in own
            else:
                assert per[unit, year] == pytest.approx(
                    1000 * seekers(unit, year, "both") / residents(unit, year)
                )
                assert own[unit, year] == births(unit, year)
    assert set(result.units["unit"]) == set(UNITS), "units are those of the reform's own source"
    assert set(result.panel["outcome"]) == {"rate", "seekers", "births"}
    assert set(result.panel["population"]) == {"as_published"}


def test_what_a_source_does_not_have_is_said(tmp_path: Path) -> None:
    result = panel_of(write_project(tmp_path))
    here = set(result.panel.select("outcome", "group").unique().iter_rows())
    assert {g for o, g in here if o == "rate"} == {"all", "sex=women", "sex=men"}
    assert {g for o, g in here if o in ("seekers", "births")} == {"all"}
    sexes = ("sex=women", "sex=men")
    assert result.lacking == {(o, sex) for o in ("seekers", "births") for sex in sexes}
    found = {record.rule: record for record in result.found}
    absent, ignored = found["units_absent"], found["units_ignored"]
    assert (absent.kind, absent.count, absent.of, absent.unit) == ("unlinked", 1, 8, "units")
    assert f"births, residents are missing: {LACKING}." in absent.message
    assert (ignored.kind, ignored.count, ignored.of) == ("count", 1, 8)
    assert BEYOND in ignored.message
    told = [record.message for record in result.found if record.rule == "groups_absent"]
    assert told == [
        "Outcome seekers is not there for sex=women; sex=men: its source, or that of what it is "
        "counted per, does not have this division of persons.",
        "Outcome births is not there for sex=women; sex=men: its source does not have this "
        "division of persons.",
    ]
    flow = result.flow.filter(population="source people")
    assert flow["person_periods"].to_list()[0] == 8 * len(YEARS)
    assert flow["person_periods"].to_list()[-1] == 7 * len(YEARS)


def test_the_order_of_rows_changes_nothing(tmp_path: Path) -> None:
    one = panel_of(write_project(tmp_path / "a"))
    write_project(tmp_path / "b")
    head, *rows = people_csv().splitlines()
    (tmp_path / "b/data/people.csv").write_text("\n".join([head, *reversed(rows)]) + "\n")
    other = panel_of(tmp_path / "b")
    assert one.panel.equals(other.panel)
    assert one.found == other.found


def test_one_source_alone_is_as_it_was(tmp_path: Path) -> None:
    """The reform's own outcomes do not change with what stands beside them."""
    alone = REFORM.replace("  births: {source: people, of: rate, measured_in: per 1000}\n", "")
    alone = changed(alone, ", source: people, times: 1000}", ", times: 1}").replace(
        "outcome: residents", "outcome: persons"
    )
    source = changed(SEEKERS, "kind: count, label", "kind: count, persons: rate, label")
    one = panel_of(write_project(tmp_path / "a", alone, seekers=source))
    other = panel_of(write_project(tmp_path / "b"))
    rate = pl.col("outcome") == "rate"
    assert one.panel.filter(rate).equals(other.panel.filter(rate))


def test_gaps_are_missing(tmp_path: Path) -> None:
    folder = write_project(tmp_path)
    path = folder / "data/people.csv"
    text = path.read_text()
    path.write_text("\n".join(row for row in text.splitlines() if not row.startswith("03,2012")))
    result = panel_of(folder)
    assert values(result, "seekers")["03", 2012] is None
    assert ("03", 2012) not in values(result, "births")
    assert not result.panel["suppressed"].any()


def message(folder: Path) -> list[str]:
    job, inputs = job_of(folder)
    try:
        return [str(problem) for problem in problems_of(build(job, *inputs), job)]
    except UserError as error:
        return [str(problem) for problem in error.problems]


def kept(folder: Path, keep: Callable[[str], bool]) -> Path:
    path = folder / "data/people.csv"
    head, *rows = path.read_text().splitlines()
    path.write_text("\n".join([head, *filter(keep, rows)]) + "\n")
    return folder


def test_a_source_must_cover_the_window(tmp_path: Path) -> None:
    (told,) = message(kept(write_project(tmp_path), lambda row: row.split(",")[1] > "2009"))
    assert told.startswith(
        f"{FILE}: `outcomes.births.source`: the window begins in 2008, and the source people "
        "begins for the reform's units in 2010"
    )


def test_problems_of_all_sources_at_once(tmp_path: Path) -> None:
    """Neither a window that no source covers nor an unreadable cell hides the other."""
    reform = changed(REFORM, "{from: 2008, to: 2019}", "{from: 2007, to: 2019}")
    told = message(write_project(tmp_path, reform))
    assert [line.partition(": ")[2].partition("`:")[0] for line in told] == [
        "`window.from", "`outcomes.births.source"
    ]  # fmt: skip
    path = tmp_path / "data/people.csv"
    path.write_text(path.read_text().replace("01,2010,1020,", "01,2010,many,"))
    told = message(tmp_path)
    assert len(told) == 2
    assert told[0].startswith(f"{FILE}: `window.from`")
    assert told[1].startswith(f"{path}:")


def test_a_source_must_know_the_units(tmp_path: Path) -> None:
    folder = write_project(tmp_path)
    path = folder / "data/people.csv"
    path.write_text(path.read_text().replace("\n0", "\nK-0"))
    (told,) = message(folder)
    assert "the source people has none of the reform's units in the window" in told
    assert "unit.pattern in the source file" in told
    source = changed(PEOPLE, "unit: {column: town}", 'unit: {column: town, pattern: "K-{code}"}')
    path.write_text(path.read_text().replace("\n99", "\nK-99"))
    (folder / "config/sources/people.yaml").write_text(source)
    assert message(folder) == [], "as the fix says"


def test_the_treated_unit_must_be_there(tmp_path: Path) -> None:
    told = message(kept(write_project(tmp_path), lambda row: not row.startswith("01,")))
    assert len(told) == 2
    assert all("in the treated unit '01' in any period of the window" in line for line in told)


def test_each_source_is_put_on_the_geography(tmp_path: Path) -> None:
    """The further source has codes of their own time: B became part of A, C is D now."""
    own = changed(SEEKERS, "unit: {column", "geography: 2020\nunit: {column")
    other = changed(PEOPLE, "unit: {column", "geography: {as_of: period}\nunit: {column")
    reform = changed(REFORM, '["01"]', "[A]")
    reform = changed(reform, "from: 2015", "from: 2020")
    reform = changed(reform, "{from: 2008, to: 2019}", "{from: 2017, to: 2021}")
    reform = changed(reform, "  births: {source: people, of: rate, measured_in: per 1000}\n", "")
    folder = write_project(tmp_path, reform, other, own)
    (folder / "config/config.yaml").write_text("geography_file: made_vertices.csv\n")
    years = range(2017, 2022)
    rows = [f"{u},{y},both,{10 * (i + 2) + y % 3 * (i + 1)},{(i + 2) * y % 7}"
            for y in years for i, u in enumerate("ADN")]  # fmt: skip
    rows += [f"{u},{y},{s},1,1" for y in years for u in "ADN" for s in "wm"]
    (folder / "data/seekers.csv").write_text("town,year,sex,seekers,rate\n" + "\n".join(rows))
    rows = [f"{u},{y},{100 * (i + 1)},1" for y in years
            for i, u in enumerate("ABCN" if y < 2020 else "ADN")]  # fmt: skip
    (folder / "data/people.csv").write_text("town,year,residents,births\n" + "\n".join(rows))
    write_csv(folder / "data")
    job, inputs = job_of(folder)
    own_codes, others_codes = job.panel.geography, job.others[0].geography
    assert own_codes is not None
    assert others_codes is not None
    assert (own_codes.moves, others_codes.moves) == (False, True)
    result = build(job, *inputs)
    found = values(result, "seekers")
    assert found["A", 2018] == pytest.approx(1000 * (20 + 2018 % 3) / 300), "A and B together"
    assert found["A", 2020] == pytest.approx(1000 * (20 + 2020 % 3) / 100)
    assert found["D", 2018] == pytest.approx(1000 * (30 + 2018 % 3 * 2) / 300), "C, as D"
    assert any("A (2017 to 2021), B (2017 to 2019)" in one.message for one in result.found)


CASES = {
    "no such source": (
        ("source: people, of", "source: peple, of"),
        "11: `outcomes.births.source`: there is no config/sources/peple.yaml",
        "did you mean 'people'?",
    ),
    "no such source of a denominator": (
        ("source: people, times", "source: peeple, times"),
        "10: `outcomes.seekers.per.source`: there is no config/sources/peeple.yaml",
        "did you mean 'people'?",
    ),
    "no such outcome there": (
        ("of: rate", "of: ratte"),
        "11: `outcomes.births.of`: the source people has no outcome 'ratte'",
        "did you mean 'rate'?",
    ),
    "no such count there": (
        ("outcome: residents", "outcome: rate"),
        "10: `outcomes.seekers.per`: the source people has no count 'rate'",
        "there are: 'residents'",
    ),
    "population": (
        ("of: rate,", "of: rate, population: residents,"),
        "11: `outcomes.births.population`: the source cannot count residents",
        "take it out: a table says itself whom it counts",
    ),
    "later": (
        ("of: rate,", "of: rate, later: 2,"),
        "11: `outcomes.births.later` is for registers, whose persons are followed",
        "",
    ),
    "group of the headline": (
        ("outcome: seekers, group: all", "outcome: seekers, group: sex=women"),
        "13: `headline.group`: the source people of 'seekers' has no group sex=women",
        "choose a group that it has, e.g. all, or another outcome",
    ),
    "weights": (
        ("did: {}", "did: {weights: persons_pre, outcomes: [births, seekers, rate]}"),
        "15: `estimators.did.weights`: persons_pre needs counts of persons, and the source has "
        "none for rate, seekers, births",
        "",
    ),
    "nothing of its own": (
        ("  rate: {measured_in: per 1000}\n  seekers: {per: {outcome: residents, source: people, "
         "times: 1000}, measured_in: per 1000}\n", ""),
        "2: `source`: no outcome is of 'seekers', whose units would be studied",
        "write source: people for the reform, and take it out of the outcomes",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("edit", "expected", "fix"), CASES.values(), ids=CASES)
def test_bad_config(tmp_path: Path, edit: tuple[str, str], expected: str, fix: str) -> None:
    with pytest.raises(UserError) as caught:
        loader.load(write_project(tmp_path, changed(REFORM, *edit)))
    told = {f"{one.where}: {one.message}": one.fix for one in caught.value.problems}
    assert any(line.startswith(f"{FILE}:{expected}") for line in told), told
    assert fix in told[next(line for line in told if line.startswith(f"{FILE}:{expected}"))]


def test_all_problems_at_once(tmp_path: Path) -> None:
    text = REFORM
    for edit, *_ in (CASES["no such source of a denominator"], CASES["no such outcome there"]):
        text = changed(text, *edit)
    with pytest.raises(UserError) as caught:
        loader.load(write_project(tmp_path, changed(text, "estimator: did", "estimator: dod")))
    assert len(caught.value.problems) == 3


def test_another_frequency_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        loader.load(write_project(tmp_path, people=changed(PEOPLE, ": year\n", ": month\n")))
    told = [f"{one.where}: {one.message}" for one in caught.value.problems]
    assert told == [
        f"{FILE}:{line}: `outcomes.{key}`: 'people' has a value a month, and the reform's source "
        "'seekers' one a year"
        for line, key in ((10, "seekers.per.source"), (11, "births.source"))
    ]


def test_codes_of_their_own_time_need_a_geography(tmp_path: Path) -> None:
    other = changed(PEOPLE, "unit: {column", "geography: {as_of: period}\nunit: {column")
    with pytest.raises(UserError) as caught:
        loader.load(write_project(tmp_path, people=other))
    assert all("`geography` is missing" in one.message for one in caught.value.problems)


def test_registers_are_the_reforms_own_source(tmp_path: Path) -> None:
    text = changed(BASE, "source: simulated_register", "source: nav_jobseekers")
    text = changed(text, "points}", "points, source: simulated_register}")
    with pytest.raises(UserError) as caught:
        loader.load(shipped(tmp_path, text))
    (told,) = (one for one in caught.value.problems if ".source`" in one.message)
    assert "'simulated_register' is a simulated source: its persons are counted" in told.message
    assert "write source: simulated_register for the reform" in told.fix


def test_a_table_beside_a_register(tmp_path: Path) -> None:
    """The register counts for its own outcomes alone; the table's are as published."""
    text = changed(BASE, "outcomes:\n", "outcomes:\n  unemployed_share: {measured_in: per cent, "
                   "source: nav_jobseekers}\n")  # fmt: skip
    study = loader.load(shipped(tmp_path, text)).study("x")
    own, whole = resolve.own_panel_spec(study), resolve.panel_spec(study)
    assert [one.name for one in own.outcomes] == ["employed", "recipients_per_1000", "spell_months"]
    assert own.groups == whole.groups
    told = {one.name: one for one in whole.outcomes}
    assert told["unemployed_share"].population.kind == "as_published"
    assert told["employed"].population.kind == "prior_recipients"
    assert told["unemployed_share"].source == "nav_jobseekers"
    of = "per cent, source: nav_jobseekers"
    below = "per: {outcome: recipients, source: simulated_register}"
    per = changed(text, of, f"{of}, of: unemployed, {below}")
    with pytest.raises(UserError) as caught:
        loader.load(shipped(tmp_path / "b", per))
    assert any("cannot be divided by one of the register's" in p.message
               for p in caught.value.problems)  # fmt: skip


def asked(folder: Path, name: str) -> str:
    plan = workflow.load(folder)
    return str(getattr(plan, name)(SimpleNamespace(reform="towns", label="did", source="")))


def test_rules_see_all_files_and_their_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_project(tmp_path)
    monkeypatch.chdir(folder)
    assert asked(folder, "data") == "['data/seekers.csv']"
    assert asked(folder, "others") == "['data/people.csv']"
    before = asked(folder, "content")
    (folder / "data/people.csv").write_text(people_csv() + f"{BEYOND},2030,1,1\n")
    assert asked(folder, "content") != before


def test_slices_are_narrow(tmp_path: Path) -> None:
    """Words of the further source rerun nothing but the report; the register's rules see none."""
    folder = write_project(tmp_path)
    names = ("checked", "estimate", "assess", "report")
    before = {name: asked(folder, name) for name in names}
    path = folder / "config/sources/people.yaml"
    path.write_text(changed(PEOPLE, "counted in autumn", "counted in winter"))
    after = {name: asked(folder, name) for name in names}
    assert [name for name in names if before[name] != after[name]] == ["report"]
    path.write_text(changed(PEOPLE, "column: births", "column: residents"))
    assert asked(folder, "checked") != before["checked"]
    job = from_json(PanelJob, asked(folder, "panel"))
    assert job.others == ()
    assert [one.name for one in job.panel.outcomes] == ["rate", "seekers"]


def test_code_of_every_kind_of_source_is_hashed(tmp_path: Path) -> None:
    folder = write_project(tmp_path)
    words = changed(REFORM, "A made-up reform", "Another title")
    alone = write_project(tmp_path / "alone", words)
    bank = "\n".join(
        line for line in PEOPLE.splitlines() if not line.startswith(("kind", "file", "unit", "per"))
    )
    bank += '\nkind: statbank\ntable: "07459"\nselection: {Region: "*", Tid: "*"}\n'
    bank += "unit: {column: Region}\nperiod: {column: Tid}\n"
    other = write_project(tmp_path / "bank", people=bank)
    wildcards = SimpleNamespace(reform="towns", label="did")
    hashes = {
        where: {
            rule: workflow.load(where).code(rule)(wildcards)
            for rule in ("check_data", "count_cells")
        }
        for where in (folder, alone, other)
    }
    assert hashes[folder] == hashes[alone]
    assert hashes[folder]["check_data"] != hashes[other]["check_data"]
    assert hashes[folder]["count_cells"] == hashes[other]["count_cells"]


def test_a_reform_lacks_any_of_its_sources(tmp_path: Path) -> None:
    folder = write_project(tmp_path)
    (folder / "data/people.csv").unlink()
    (line,) = loader.left_out(loader.load(folder)).values()
    assert line.startswith("reformeval: towns left out: ")
    assert line.endswith("data/people.csv is not there; get it from: the registry")
    (folder / "data/seekers.csv").unlink()
    (line,) = loader.left_out(loader.load(folder)).values()
    assert "seekers.csv is not there; get it from: the job centre; " in line
    assert line.endswith("people.csv is not there; get it from: the registry")


def test_check_and_list_name_all_sources(tmp_path: Path) -> None:
    folder = write_project(tmp_path)
    said: list[str] = []
    assert checking.check(folder, (), said.append) == 0
    assert said[0].startswith("towns: right. 1 treated, 7 donors")
    said.clear()
    checking.show(folder, said.append)
    assert [line.strip() for line in said[2:]] == [
        f"source seekers: {folder}/data/seekers.csv is there",
        f"source people: {folder}/data/people.csv is there",
    ]
    (folder / "data/people.csv").write_text(people_csv().replace("births", "birth"))
    said.clear()
    assert checking.check(folder, (), said.append) == 1
    assert "config/sources/people.yaml:12" in said[-3] + said[-2], said


def test_tables_beside_a_register_are_read_by_check(tmp_path: Path) -> None:
    text = changed(BASE, "outcomes:\n", "outcomes:\n  residents: {measured_in: people, "
                   "source: people, scale: pre_mean}\n")  # fmt: skip
    folder = shipped(tmp_path, text)
    (folder / "config/sources/people.yaml").write_text(changed(PEOPLE, "y: year\n", "y: month\n"))
    path = folder / "data/people.csv"
    path.parent.mkdir()
    path.write_text("town,year,residents,births\n4601,2019-01,1,1\n")
    said: list[str] = []
    assert checking.check(folder, ("x",), said.append) == 0
    assert said[0] == "x: config is right; its data is made and checked by the run"
    path.write_text("town,year,residents,births\n4601,2019-01,many,1\n")
    said.clear()
    assert checking.check(folder, ("x",), said.append) == 1
    assert f"{path}" in said[1]
    assert "config/sources/people.yaml:11" in said[1]


def test_a_table_of_a_statistics_bank(tmp_path: Path) -> None:
    """Its names for units are not the reform's: those of the own source stand."""
    own = changed(PEOPLE, "y: year\n", "y: month\n").replace("file: people", "file: own")
    months = [f"{year}-{month:02d}" for year in (2020, 2021) for month in range(1, 13)]
    rows = [f"{unit},{month},{i + 10 + t * (i + 2) % 7},{i}" for t, month in enumerate(months)
            for i, unit in enumerate(("0301", "3002", "4601", "5501"))]  # fmt: skip
    with serve() as bank:
        folder = write_bank_project(tmp_path, bank.url)
        (folder / "config/sources/own.yaml").write_text(own)
        reform = folder / "config/reforms/placebo.yaml"
        text = changed(reform.read_text(), "source: bank\n", "source: own\n")
        text = changed(text, "share: {", "share: {source: bank, ")
        index = "  residents: {scale: pre_mean, measured_in: per cent of the mean}\nheadline:"
        reform.write_text(changed(text, "headline:", index))
        (folder / "data").mkdir()
        (folder / "data/own.csv").write_text("\n".join(["town,year,residents,births", *rows]))
        (line,) = loader.left_out(loader.load(folder)).values()
        assert line.endswith("fetch it with: reformeval fetch bank")
        fetch(folder, "bank", False, lambda _: None)
    job, inputs = job_of(folder, "placebo")
    result = build(job, *inputs)
    assert problems_of(result, job) == []
    assert result.panel.filter(outcome="share").height == 3 * 21
    assert dict(result.units.select("unit", "label").iter_rows())["0301"] == "0301"
    found = {record.rule: record.message for record in result.found}
    assert found["units_absent"].endswith("5501.")
    assert found["units_ignored"].endswith("0104.")


def test_a_source_named_again_is_the_reforms_own(tmp_path: Path) -> None:
    text = changed(REFORM, "rate: {measured_in", "rate: {source: seekers, measured_in")
    one, other = (panel_of(write_project(tmp_path / n, t)) for n, t in (("a", text), ("b", REFORM)))
    assert one.panel.equals(other.panel)


def test_what_the_report_names(tmp_path: Path) -> None:
    spec = resolve.report_spec(loader.load(write_project(tmp_path)).study("towns"))
    assert [(one.name, one.licence) for one in spec.sources] == [
        ("seekers", "free"),
        ("people", "free of charge"),
    ]
    assert spec.other_sources[0].outcomes == ("Job seekers", "Births per 1000")
    assert "Made-up people" in spec.config
    assert "people.csv" in spec.config


def test_names_that_several_sources_have_are_kept_apart(tmp_path: Path) -> None:
    """The reform studies its own `residents`, and counts per the other source's of that name."""
    own = SEEKERS + "  residents: {column: rate, kind: rate}\n"
    reform = changed(REFORM, "  rate: {measured_in: per 1000}\n", "  residents: {measured_in: x}\n")
    result = panel_of(write_project(tmp_path, reform, seekers=own))
    per = values(result, "seekers")
    assert per["01", 2010] == pytest.approx(
        1000 * seekers("01", 2010, "both") / residents("01", 2010)
    )
    assert values(result, "residents")["02", 2010] == 5 + 2 + (2010 * 2) % 7


def test_the_page_on_several_sources_loads(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs/adding-a-reform.md").read_text(encoding="utf-8")
    after = page.partition("test_several_sources.py")[2]
    block = after.partition("```yaml\n")[2].partition("```")[0]
    head, rest = REFORM.partition("outcomes:\n")[0], REFORM.partition("groups:")[2]
    text = changed(head, "source: seekers\n", "") + block + "groups:" + rest
    outcomes = loader.load(write_project(tmp_path, text)).reforms["towns"].outcomes
    shown = loader.load(write_project(tmp_path / "b")).reforms["towns"].outcomes
    assert outcomes == shown


def test_periods_and_treated_of_staggered_reforms(tmp_path: Path) -> None:
    reform = changed(
        REFORM,
        'treatment:\n  units: ["01"]\n  steps:\n    - {id: start, from: 2015}\n',
        "treatment: {adoption: {file: adoption.csv, unit: town, from: start}}\n"
        "comparison: never_treated\n",
    )
    reform = reform.replace("did: {}", "imputation: {donors: not_yet_treated}")
    reform = reform.replace("estimator: did", "estimator: imputation")
    folder = write_project(tmp_path, reform)
    rows = ["town,start", "01,2014", "02,2016", *(f"{unit}," for unit in UNITS[2:])]
    (folder / "data/adoption.csv").write_text("\n".join(rows) + "\n")
    said: list[str] = []
    assert checking.check(folder, (), said.append) == 0, said
    assert said[0].startswith("towns: right. 2 treated, 6 donors")


def test_date_of_a_cell_is_the_first_day(tmp_path: Path) -> None:
    result = panel_of(write_project(tmp_path))
    assert result.panel["period"].min() == date(2008, 1, 1)
    job, inputs = job_of(tmp_path)
    dropped = replace(job.panel.timing, dropped=(date(2008, 1, 1),))
    again = replace(job, panel=replace(job.panel, timing=dropped))
    kept(tmp_path, lambda row: row.split(",")[1] != "2008")
    assert problems_of(build(again, *inputs), again) == [], "a dropped period may be lacking"
