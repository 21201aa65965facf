"""Tables in every format through Snakemake: one panel, and a report on the real workbook."""

from __future__ import annotations

import csv
import io
import shutil
from pathlib import Path

import pandas as pd
import polars as pl
import pyreadstat
import pytest
from bank_project import write_bank_project
from openpyxl import Workbook
from small_project import REFORM, ROOT, SOURCE, Project, copy_program, towns_csv
from statbank_server import serve

from reformeval.fetching import fetch

pytestmark = pytest.mark.slow
HEADINGS = "period: {headings: '{period}'}\n"
WIDE = SOURCE.replace("period: {column: month}\n", HEADINGS).replace(
    "column: rate", "column: value"
)
FORMATS = {
    "towns.csv": SOURCE,
    "towns.parquet": SOURCE,
    "towns.dta": SOURCE,
    "towns.sav": SOURCE,
    "long.xlsx": SOURCE,
    "wide.csv": WIDE,
    "wide.xlsx": WIDE + "header: 3\nlast: 9\n",
}
NAV_REFORM = """\
title: A placebo reform in Bergen
source: nav_workbook_2022
window: {from: 2022-01, to: 2022-10}
treatment:
  units: ["4601"]
  steps: [{id: start, from: 2022-06, label: Nothing happened}]
comparison: {units: ["0301", "1103", "1108", "3005", "3024", "4204", "5001", "5401"]}
outcomes:
  unemployed_share: {measured_in: percentage points}
headline: {outcome: unemployed_share, group: all, estimator: did}
estimators: {did: {}}
"""


def write_formats(folder: Path) -> None:
    """Write one table in every format."""
    folder.mkdir(parents=True)
    text = towns_csv()
    table = pd.read_csv(io.StringIO(text))
    wide = table.pivot(index="town", columns="month", values="rate").reset_index()
    codes = dict(enumerate(sorted(set(table["town"])), start=1))
    coded = table.assign(town=table["town"].map({town: i for i, town in codes.items()}))
    (folder / "towns.csv").write_text(text)
    table.to_parquet(folder / "towns.parquet")
    pyreadstat.write_dta(coded, folder / "towns.dta", variable_value_labels={"town": codes})
    pyreadstat.write_sav(coded, folder / "towns.sav", variable_value_labels={"town": codes})
    wide.to_csv(folder / "wide.csv", index=False)
    for name, rows in {
        "long": [table.columns.tolist(), *table.to_numpy().tolist()],
        "wide": [["Rates"], [], wide.columns.tolist(), *wide.to_numpy().tolist(), ["A note"]],
    }.items():
        book = Workbook()
        for row in rows:
            book.active.append(row)
        book.save(folder / f"{name}.xlsx")


def test_every_format_gives_the_same_panel(tmp_path: Path) -> None:
    project = Project(tmp_path / "project", tmp_path / "program")
    copy_program(project.program)
    write_formats(project.folder / "data")
    targets = []
    for file, source in FORMATS.items():
        name = file.replace(".", "_")
        for kind, text in (
            ("sources", source.replace("towns.csv", file)),
            ("reforms", REFORM.replace("source: towns", f"source: {name}")),
        ):
            path = project.folder / f"config/{kind}/{name}.yaml"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        targets.append(f"results/{name}/panel.parquet")
    (project.folder / "config/config.yaml").write_text("seed: 1\n")
    run = project.run(*targets)
    assert run.status == 0, run.text
    first, *others = (pl.read_parquet(project.folder / target) for target in targets)
    assert first.height == 6 * 24
    for target, other in zip(targets[1:], others, strict=True):
        assert other.equals(first), target


def test_the_real_workbook_from_file_to_report(data_dir: Path, tmp_path: Path) -> None:
    project = Project(tmp_path / "project", tmp_path / "program")
    copy_program(project.program)
    for folder in ("sources", "reforms"):
        (project.folder / "config" / folder).mkdir(parents=True)
    shutil.copy(ROOT / "config/sources/nav_workbook_2022.yaml", project.folder / "config/sources")
    (project.folder / "config/config.yaml").write_text("seed: 1\n")
    (project.folder / "config/reforms/bergen.yaml").write_text(NAV_REFORM)
    run = project.run(REFORMEVAL_DATA=str(data_dir))
    assert run.status == 0, run.text
    results = project.folder / "results/bergen"
    units = pl.read_parquet(results / "units.parquet")
    assert dict(units.filter(pl.col("role") == "treated").select("unit", "label").rows()) == {
        "4601": "Bergen"
    }
    assert units["role"].to_list().count("donor") == 8
    with (results / "effects.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["is_headline"] == "true"]
    panel = pl.read_parquet(results / "panel.parquet")
    expected = by_hand(panel, pl.col("period").dt.month() >= 6)
    assert float(rows[0]["estimate"]) == pytest.approx(expected, abs=1e-12)
    assert (results / "report.html").is_file()


def test_a_statistics_bank_is_asked_once_and_never_by_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REFORMEVAL_DATA", raising=False)
    project = Project(tmp_path / "project", tmp_path / "program")
    copy_program(project.program)
    with serve() as bank:
        write_bank_project(project.folder, bank.url)
        before = project.run()
        assert before.status == 0, before.text
        assert "fetch it with: reformeval fetch bank" in before.text
        assert not bank.asked
        fetch(project.folder, "bank", again=False, say=lambda _: None)
    run = project.run()
    assert run.status == 0, run.text
    panel = pl.read_parquet(project.folder / "results/placebo/panel.parquet")
    assert panel.height == 4 * 21
    assert (project.folder / "results/placebo/report.html").is_file()


def by_hand(panel: pl.DataFrame, post: pl.Expr) -> float:
    """Difference in differences of one treated unit: means over units and periods."""
    means = panel.group_by(pl.col("unit") == "4601", post.alias("post")).agg(pl.col("value").mean())
    cells = {(treated, late): value for treated, late, value in means.iter_rows()}
    changes = {t: cells[t, True] - cells[t, False] for t in (True, False)}
    return float(changes[True] - changes[False])
