"""A small project whose outcomes are of two tables: job seekers, and the people they live among."""

from __future__ import annotations

from pathlib import Path

UNITS = ("01", "02", "03", "04", "05", "06", "07", "08")
YEARS = range(2008, 2020)
LACKING, BEYOND = "06", "99"  # a unit that people.csv lacks, and one that only it has

SEEKERS = """\
kind: table
title: Made-up job seekers
frequency: year
obtain: the job centre
licence: free
notes: [Job seekers are counted in spring.]
file: seekers.csv
unit: {column: town}
period: {column: year}
groups:
  sex: {column: sex, all: both, values: {women: w, men: m}}
outcomes:
  seekers: {column: seekers, kind: count, label: Job seekers}
  rate: {column: rate, kind: rate, label: Rate}
"""
PEOPLE = """\
kind: table
title: Made-up people
frequency: year
obtain: the registry
licence: free of charge
notes: [People are counted in autumn.]
file: people.csv
unit: {column: town}
period: {column: year}
outcomes:
  residents: {column: residents, kind: count, label: Residents}
  rate: {column: births, kind: rate, label: Births per 1000}
"""
REFORM = """\
title: A made-up reform
source: seekers
window: {from: 2008, to: 2019}
treatment:
  units: ["01"]
  steps:
    - {id: start, from: 2015}
outcomes:
  rate: {measured_in: per 1000}
  seekers: {per: {outcome: residents, source: people, times: 1000}, measured_in: per 1000}
  births: {source: people, of: rate, measured_in: per 1000}
groups: [sex]
headline: {outcome: seekers, group: all, estimator: did}
estimators:
  did: {}
"""


def seekers(unit: str, year: int, sex: str) -> int:
    """Job seekers, in whole numbers that differ from town to town."""
    part = {"both": 2, "w": 1, "m": 1}[sex]
    return part * (40 * int(unit) + (year * (int(unit) + 2)) % 11)


def residents(unit: str, year: int) -> int:
    """Residents of a town."""
    return 1000 * int(unit) + 10 * (year - 2008)


def births(unit: str, year: int) -> float:
    """Births per 1000 residents."""
    return 10 + int(unit) + (year * int(unit)) % 5


def seekers_csv() -> str:
    """The file of the reform's own source."""
    rows = ["town,year,sex,seekers,rate"]
    rows += [
        f"{u},{y},{s},{seekers(u, y, s)},{5 + int(u) + (y * int(u)) % 7}"
        for u in UNITS
        for y in YEARS
        for s in ("both", "w", "m")
    ]
    return "\n".join(rows) + "\n"


def people_csv() -> str:
    """The file of the further source."""
    units = [unit for unit in (*UNITS, BEYOND) if unit != LACKING]
    rows = [f"{u},{y},{residents(u, y)},{births(u, y)}" for u in units for y in YEARS]
    return "\n".join(["town,year,residents,births", *rows]) + "\n"


def write_project(
    folder: Path, reform: str = REFORM, people: str = PEOPLE, seekers: str = SEEKERS
) -> Path:
    """Config and data of a project with one reform, `towns`."""
    for name, text in {
        "config/config.yaml": "seed: 1\n",
        "config/sources/seekers.yaml": seekers,
        "config/sources/people.yaml": people,
        "config/reforms/towns.yaml": reform,
        "data/seekers.csv": seekers_csv(),
        "data/people.csv": people_csv(),
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder
