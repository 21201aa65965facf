"""What cannot run says so in plain words, and earlier results stay as they were."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from small_project import SOURCE, Project, towns_csv


def test_a_reform_without_data_is_left_out_with_one_line(project: Project) -> None:
    run = project.plan()
    lines = [line for line in run.text.splitlines() if "no_data" in line]
    assert len(lines) == 1
    assert "left out" in lines[0]
    assert "absent.csv" in lines[0]
    assert "the statistics office" in lines[0]
    assert not (project.folder / "results/no_data").exists()


def test_a_left_out_reform_that_is_asked_for_names_its_file(project: Project) -> None:
    run = project.run("--dry-run", "results/no_data/report.html")
    assert run.status != 0
    assert "absent.csv" in run.text


@pytest.mark.slow
def test_the_environment_names_the_data_folder(project: Project) -> None:
    shutil.move(project.folder / "data", project.folder / "elsewhere")
    assert "ash left out" in project.plan().text
    run = project.plan(REFORMEVAL_DATA=str(project.folder / "elsewhere"))
    assert "ash left out" not in run.text


def test_config_errors_are_all_told_and_leave_results_alone(project: Project) -> None:
    before = project.results()
    project.edit("config/reforms/ash.yaml", "outcome: rate", "outcome: rat")
    project.edit("config/reforms/elm.yaml", "to: 2021-12", "to: 2021-13")
    project.edit("config/config.yaml", "seed: 1", "seeds: 1")
    run = project.run()
    assert run.status != 0
    assert "config/reforms/elm.yaml:4" in run.text
    assert "config/reforms/ash.yaml:12" in run.text
    assert "config/config.yaml:1" in run.text
    assert "Traceback" not in run.text
    assert run.jobs == set()
    assert project.results() == before


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("Ash,2020-05", "Ash,2020-06", "2020-06"),
        ("Elm,2020-05,", "Elm,2020-05,about ", "about"),
        ("Ash,2021-0", "Ashe,2021-0", "Ash"),
    ],
)
def test_bad_data_is_told_and_leaves_results_alone(
    project: Project, old: str, new: str, told: str
) -> None:
    before = project.results()
    project.edit("data/towns.csv", old, new)
    run = project.run("results/ash/provenance.json")
    assert run.status != 0
    assert told in run.text
    assert "Traceback" not in run.text
    assert run.rules == {"check_data"}
    assert project.results() == before


@pytest.mark.slow
def test_one_reform_with_bad_data_does_not_stop_another(project: Project) -> None:
    (project.folder / "data/other.csv").write_text(towns_csv(seed=3).replace("Elm", "Yew"))
    other = SOURCE.replace("towns.csv", "other.csv")
    (project.folder / "config/sources/other.yaml").write_text(other)
    project.edit("config/reforms/elm.yaml", "source: towns", "source: other")
    project.edit("config/config.yaml", "seed: 1", "seed: 1\nci_level: 0.8")
    before = project.results()
    run = project.run()
    after = project.results()
    assert run.status != 0
    assert "config/reforms/elm.yaml" in run.text
    changed = {Path(name).parts[1] for name in before if before[name] != after.get(name)}
    assert changed == {"ash"}


@pytest.mark.slow
def test_good_data_after_bad_gives_the_same_results(project: Project) -> None:
    before = project.results()
    project.edit("data/towns.csv", "Elm,2020-05,", "Elm,2020-05,about ")
    assert project.run().status != 0
    (project.folder / "data/towns.csv").write_text(towns_csv())
    assert project.run().status == 0
    after = project.results()
    differs = {Path(name).name for name in before if before[name] != after.get(name)}
    assert differs <= {"provenance.json"}
