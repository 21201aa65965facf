"""A small project whose reforms start from a simulated register, and from raw files of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_project import Project, run_once

CITIES = {
    "0301": ("Oslo", 300000),
    "1103": ("Stavanger", 140000),
    "3005": ("Drammen", 100000),
    "4204": ("Kristiansand", 110000),
    "4601": ("Bergen", 280000),
    "5001": ("Trondheim", 200000),
}
PERIOD = "period: {from: 2018-01, to: 2020-06}\n"
SIMULATED = (
    """\
kind: simulated
title: A small simulated register
obtain: it is made by the program
persons: 4000
burn_in: 36
"""
    + PERIOD
    + "cities:\n"
    + "".join(
        f'  "{code}": {{label: {label}, population: {size}}}\n'
        for code, (label, size) in CITIES.items()
    )
    + """\
groups:
  family:
    column: family
    values:
      with_children: [couple_with_children, single_parent]
      without_children: [single, couple]
planted:
  unit: "4601"
  from: 2019-07
  history_until: 2019-06
  employed: {with_children_other: -5.0}
"""
)
LINKED = (
    """\
kind: register
title: The same register, linked from raw files
obtain: the tests
"""
    + PERIOD
    + """\
residence: monthly
population: {separator: ";", decimal: ",", columns: {born: born}}
residence_spells: {separator: ";", decimal: ",", columns: {family: family}}
exits: {separator: ";", decimal: ","}
assistance: {layout: kostra_11f_2022}
earnings: {separator: ";", decimal: ","}
units:
"""
    + "".join(f'  "{code}": {label}\n' for code, (label, _) in CITIES.items())
    + SIMULATED[SIMULATED.index("groups:") : SIMULATED.index("planted:")]
)
REFORM = """\
title: A made-up reform
question: Did it change anything?
source: SOURCE
population: residents
window: {from: 2018-06, to: 2020-06}
treatment:
  units: ["4601"]
  steps: [{id: start, from: 2019-07}]
comparison: all
outcomes:
  employed: {measured_in: percentage points}
  earnings: {measured_in: NOK}
  recipients_per_1000: {measured_in: per 1000}
  spell_months: {population: current_recipients, measured_in: months, max_months: 5}
groups: [family]
headline: {outcome: employed, group: all, estimator: did}
estimators: {did: {}}
"""


def write_raw_project(folder: Path) -> None:
    """Config of two reforms that ask the same: of the register, and of raw files made from it."""
    files = {
        "config/config.yaml": "seed: 1\nbuckets: 3\ndisclosure: {min_persons: 5}\n",
        "config/sources/simulated.yaml": SIMULATED,
        "config/sources/linked.yaml": LINKED + "simulated_from: simulated\n",
        "config/reforms/direct.yaml": REFORM.replace("SOURCE", "simulated"),
        "config/reforms/linked.yaml": REFORM.replace("SOURCE", "linked"),
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture(scope="session")
def linked_once(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The raw project after one run; never edited."""
    return run_once(tmp_path_factory.mktemp("linked"), write_raw_project)
