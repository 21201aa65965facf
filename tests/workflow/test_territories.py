"""A reform on a territory year, from the file of changes to the checks."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from small_project import Project, towns_csv

# Beech is taken into Elm, which keeps its code, on the first day of 2021.
pytestmark = pytest.mark.slow
VERSIONS = """\
name,code,label,validFrom,validTo
1,Ash,Ash,2000-01-01,NA
2,Beech,Beech,2000-01-01,2021-01-01
3,Cedar,Cedar,2000-01-01,NA
4,Elm,Elm,2000-01-01,2021-01-01
5,Elm,Greater Elm,2021-01-01,NA
6,Fir,Fir,2000-01-01,NA
7,Oak,Oak,2000-01-01,NA
"""
CHANGES = """\
from_name,to_name,changeOccurred
2,5,2021-01-01
4,5,2021-01-01
"""


def in_codes_of_their_time(folder: Path) -> None:
    header, *lines = towns_csv().splitlines()
    kept = [f"{line},100" for line in lines if not line.startswith("Beech,2021")]
    text = "\n".join([f"{header},people", *kept]) + "\n"
    (folder / "data/towns.csv").write_text(text, encoding="utf-8")
    (folder / "data/towns_vertices.csv").write_text(VERSIONS, encoding="utf-8")
    (folder / "data/towns_edges.csv").write_text(CHANGES, encoding="utf-8")


def test_units_are_put_on_the_territory_year(project: Project) -> None:
    in_codes_of_their_time(project.folder)
    source, target = "config/sources/towns.yaml", "results/ash/provenance.json"
    project.edit("config/config.yaml", "seed: 1", "seed: 1\ngeography_file: towns_vertices.csv")
    project.edit(source, "file: towns.csv", "file: towns.csv\ngeography: {as_of: period}")
    project.edit("config/reforms/ash.yaml", "window:", "geography: 2021\nwindow:")
    project.edit("config/reforms/elm.yaml", "window:", "geography: 2021\nwindow:")

    before = project.results()
    refused = project.run(target)
    assert refused.status != 0
    assert "`outcomes.rate` is a share, mean or rate without persons" in refused.text
    assert project.results() == before

    project.edit(source, "kind: rate", "kind: rate, persons: people")
    run = project.run(target)
    assert run.status == 0, run.text
    results = project.folder / "results/ash"
    panel = pl.read_parquet(results / "panel.parquet")
    assert sorted(panel["unit"].unique()) == ["Ash", "Cedar", "Elm", "Fir", "Oak"]
    elm = panel.filter(unit="Elm").sort("period")
    assert elm["n_persons"].to_list() == [200] * 12 + [100] * 12
    checks = pl.read_parquet(results / "checks.parquet").filter(check="source_data")
    told = dict(checks.select("statistic", "message").iter_rows())
    assert told["towns_vertices.csv.territory_merged"].startswith(
        "towns_vertices.csv: 36 cells. Greater Elm (Elm) is Beech (2020-01 to 2020-12), Elm"
    )
    hashed = json.loads((results / "provenance.json").read_text("utf-8"))
    assert "towns_edges.csv" in json.dumps(hashed)

    # Another file of changes builds the panel again.
    path = project.folder / "data/towns_vertices.csv"
    path.write_text(VERSIONS.replace("Greater Elm", "New Elm"), encoding="utf-8")
    assert "check_data" in project.run("--dry-run", target).rules
