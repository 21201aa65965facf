"""What an edit reruns, and what it does not."""

from __future__ import annotations

import os

import pytest
from small_project import Project, towns_csv

AFTER_ESTIMATES = {"assess_effects", "draw_figures", "write_report", "write_provenance"}
READ_BY_PEOPLE = {"draw_figures", "write_report", "write_index", "write_provenance"}


def of(rules: set[str], *reforms: str) -> set[str]:
    """Jobs of rules that run once per reform, and the index."""
    per_reform = rules - {"write_index"}
    return {f"{rule}:{reform}" for rule in per_reform for reform in reforms} | {"write_index"}


def test_a_second_run_has_nothing_to_do(project: Project) -> None:
    run = project.run()
    assert run.status == 0
    assert "Nothing to be done" in run.text
    assert run.jobs == set()


def test_an_edited_estimator_reruns_itself_and_what_follows(project: Project) -> None:
    project.append_program("estimators/synthetic_control.py", "\nEDITED = 1\n")
    expected = {"estimate_effects:ash,synthetic_control", *of(AFTER_ESTIMATES, "ash")}
    assert project.plan().jobs == expected


def test_code_that_all_estimators_share_reruns_them_all(project: Project) -> None:
    project.append_program("fit.py", "\nEDITED = 1\n")
    jobs = project.plan().jobs
    assert {j for j in jobs if j.startswith("estimate_effects")} == {
        "estimate_effects:ash,did",
        "estimate_effects:ash,synthetic_control",
        "estimate_effects:elm,did",
    }
    assert "build_panel:ash" not in jobs


@pytest.mark.parametrize(
    "name",
    ["estimators/did.py", "artefacts.py", "panel/from_table.py", "inference/permutation.py"],
)
def test_comments_and_docstrings_rerun_nothing(project: Project, name: str) -> None:
    project.append_program(name, '\n# A comment.\n"""And a loose string."""\n')
    assert project.plan().jobs == set()


def test_an_edited_inference_method_refits_nothing(project: Project) -> None:
    project.append_program("inference/permutation.py", "\nEDITED = 1\n")
    assert project.plan().jobs == of(AFTER_ESTIMATES, "ash", "elm")


def test_an_edited_check_refits_nothing(project: Project) -> None:
    project.append_program("diagnostics/balance.py", "\nEDITED = 1\n")
    assert project.plan().jobs == of(AFTER_ESTIMATES, "ash", "elm")


def test_an_edited_figure_assesses_nothing(project: Project) -> None:
    project.append_program("figures/raw_means.py", "\nEDITED = 1\n")
    assert project.plan().jobs == of(READ_BY_PEOPLE, "ash", "elm")


def test_an_edited_text_assesses_nothing(project: Project) -> None:
    project.append_program("report/texts/en.yaml", "\nunused_words: nothing\n")
    assert project.plan().jobs == of(READ_BY_PEOPLE, "ash", "elm")


def test_an_edited_template_draws_nothing(project: Project) -> None:
    project.append_program("report/templates/report.html.j2", "\n<!-- edited -->\n")
    assert project.plan().jobs == of(READ_BY_PEOPLE - {"draw_figures"}, "ash", "elm")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("label: Rate", "label: The rate"),
        ("label: The reform", "label: The law"),
        ("title: A made-up reform", "title: Another title"),
    ],
)
def test_other_words_for_a_reform_assess_nothing(project: Project, old: str, new: str) -> None:
    project.edit("config/reforms/ash.yaml", old, new)
    assert project.plan().jobs == of(READ_BY_PEOPLE, "ash")


def test_another_language_assesses_nothing(project: Project) -> None:
    project.edit("config/reforms/ash.yaml", "question:", "language: nb\nquestion:")
    assert project.plan().jobs == of(READ_BY_PEOPLE, "ash")


def test_a_text_in_a_language_that_no_reform_has_reruns_nothing(project: Project) -> None:
    project.append_program("report/texts/nb.yaml", "\nunused_words: nothing\n")
    assert project.plan().jobs == set()


def test_another_question_draws_nothing(project: Project) -> None:
    project.edit("config/reforms/ash.yaml", "Did it change", "How did it change")
    assert project.plan().jobs == of(READ_BY_PEOPLE - {"draw_figures"}, "ash")


def test_another_title_of_a_source_estimates_nothing(project: Project) -> None:
    project.edit("config/sources/towns.yaml", "Made-up rates", "Invented rates")
    assert project.plan().rules <= READ_BY_PEOPLE


def test_another_level_refits_nothing(project: Project) -> None:
    project.edit("config/config.yaml", "seed: 1", "seed: 1\nci_level: 0.8")
    assert not project.plan().rules & {"check_data", "build_panel", "estimate_effects"}
    assert "assess_effects:ash" in project.plan().jobs


def test_a_new_estimator_fits_only_itself(project: Project) -> None:
    project.edit("config/reforms/elm.yaml", "  did: {}\n", "  did: {}\n  synthetic_did: {}\n")
    fitted = {job for job in project.plan().jobs if job.startswith("estimate_effects")}
    assert fitted == {"estimate_effects:elm,synthetic_did"}


def test_another_window_reruns_the_reform_in_one_go(project: Project) -> None:
    project.edit("config/reforms/ash.yaml", "to: 2021-12", "to: 2021-10")
    jobs = project.plan().jobs
    assert {"check_data:ash", "build_panel:ash", "estimate_effects:ash,did"} <= jobs
    assert not [job for job in jobs if "elm" in job]


def test_changed_data_reruns_everything_made_from_it(project: Project) -> None:
    (project.folder / "data/towns.csv").write_text(towns_csv(seed=2))
    assert {"check_data:ash", "estimate_effects:ash,did", "check_data:elm"} <= project.plan().jobs


def test_an_older_file_in_the_place_of_the_data_is_noticed(project: Project) -> None:
    data = project.folder / "data/towns.csv"
    before = project.plan().jobs
    data.write_text(towns_csv(seed=2))
    os.utime(data, (1e9, 1e9))
    assert before == set()
    assert "check_data:ash" in project.plan().jobs


def test_a_touched_file_with_the_same_bytes_reruns_nothing(project: Project) -> None:
    (project.folder / "data/towns.csv").write_text(towns_csv())
    assert project.plan().jobs == set()
