"""Tables, report and index: numbers as in the effects, words that exist, nothing from elsewhere."""

from __future__ import annotations

import hashlib
import itertools
import os
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import polars as pl
import pytest
from report_fixture import CASES, NINE, OUTCOMES, SMALL, Case, make

from reformeval.artefacts import EFFECTS, write_table
from reformeval.figures.draw import draw_figures
from reformeval.report import numbers, texts, words
from reformeval.report.index import write_index
from reformeval.report.results import group_label, read
from reformeval.report.spec import ReportSpec
from reformeval.report.write import write_report
from reformeval.spec import from_json, to_json
from reformeval.tables import _table
from reformeval.tables.write import build_tables, write_tables

MADE_FROM = {
    "seed": 1,
    "lock": None,
    "versions": {"polars": "2.1.0"},
    "inputs": {"a.csv": "ab" * 32},
}
PACKAGE = Path(texts.__file__).parents[1]
MEDIUM = Case(groups=(NINE[0], *NINE[3:6]), outcomes=OUTCOMES[:2], n_donors=13, infinite=False)


def write_page(folder: Path, spec: ReportSpec, made_from: dict[str, object]) -> None:
    """The tables and the page, as the job writes them."""
    results = read(folder, spec)
    tables = build_tables(results)
    write_tables(tables, folder / "tables")
    write_report(results, tables, made_from)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, object]:
    folder = tmp_path_factory.mktemp("results") / "made_up"
    spec = make(folder, MEDIUM)
    draw_figures(folder, spec)
    write_page(folder, spec, MADE_FROM)
    return folder, spec


class _Page(HTMLParser):
    """Tags, words and links of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self._silent = 0
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._silent += tag == "style"

    def handle_endtag(self, tag):
        self._silent -= tag == "style"

    def handle_data(self, data):
        if not self._silent:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def test_nothing_is_loaded_from_elsewhere(written) -> None:
    folder, spec = written
    write_index(folder.parent, [spec])
    for path in (
        folder / "report.html",
        folder.parent / "index.html",
        *folder.glob("tables/*.html"),
    ):
        text = path.read_text(encoding="utf-8")
        page = _Page(text)
        for tag, attributes in page.tags:
            assert tag not in ("script", "link", "iframe", "object"), path.name
            assert (attributes.get("src") or "data:").startswith(
                "data:image/png;base64,"
            ) or tag != "img"
            assert not re.match(r"(?:https?:)?//", attributes.get("href") or "")
        assert "@import" not in text
        assert not re.search(r"url\(", text)


def test_links_and_ids_meet(written) -> None:
    folder, _ = written
    page = _Page((folder / "report.html").read_text(encoding="utf-8"))
    ids = [a["id"] for _, a in page.tags if a.get("id")]
    assert len(ids) == len(set(ids))
    inner = {a["href"][1:] for tag, a in page.tags if tag == "a" and a["href"].startswith("#")}
    assert inner
    assert inner <= set(ids)


def test_headings_descend_one_level_at_a_time_and_pictures_have_words(written) -> None:
    folder, spec = written
    page = _Page((folder / "report.html").read_text(encoding="utf-8"))
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in itertools.pairwise(levels))
    pictures = [a for tag, a in page.tags if tag == "img"]
    assert len(pictures) == 1 + 6 * len(spec.outcomes)
    assert all(len(a["alt"] or "") > 40 and a["width"] and a["height"] for a in pictures)
    assert len({a["alt"] for a in pictures}) == len(pictures)


def test_headline_numbers_are_those_of_the_effects(written) -> None:
    folder, spec = written
    row = pl.read_parquet(folder / "effects.parquet").filter("is_headline").row(0, named=True)
    decimals = read(folder, spec).decimals["employed"]
    text = _Page((folder / "report.html").read_text(encoding="utf-8")).text
    for value in (row["ci_low"], row["ci_high"], row["baseline"]):
        assert numbers.number(value, decimals) in text
    assert f"{abs(row['estimate']):.{decimals}f} percentage points" in text
    assert f"p = {numbers.p_value(row['p_value'])}" in text
    assert "92.9 %" in text


def test_every_number_of_the_tables_is_that_of_the_effects(written) -> None:
    folder, spec = written
    results = read(folder, spec)
    tables = build_tables(results)
    labels = {group_label(spec, group): group.name for group in spec.groups}
    for outcome in spec.outcomes:
        decimals = results.decimals[outcome.name]
        for heading, lines in tables[f"effects_{outcome.name}"].sections:
            for line in lines:
                label = line.cells["estimator"].replace(" ", "_")
                method = {"Permutation": "permutation", "Cluster-robust": "cluster"}
                row = next(
                    r
                    for r in results.rows(outcome.name, labels[heading], label, "att")
                    if r["inference"] == method[line.cells["inference"]]
                    and r["alternative"] == "two-sided"
                )
                assert line.cells["estimate"] == numbers.number(row["estimate"], decimals)
                assert line.cells["p"] == numbers.p_value(row["p_value"])
                shown = line.cells["interval"]
                if row["ci_low"] is None:
                    assert shown in ("refused", "not estimated")
                else:
                    assert shown == numbers.interval(row["ci_low"], row["ci_high"], decimals)
    written_csv = pl.read_csv(folder / "tables" / "effects_employed.csv")
    expected = results.effects.filter(outcome="employed", estimand="att")
    assert written_csv["estimate"].to_list() == expected["estimate"].to_list()


def test_no_effect_is_left_out_of_the_tables(written) -> None:
    folder, spec = written
    results = read(folder, spec)
    tables = build_tables(results)
    lines = sum(len(tables[f"effects_{o.name}"].lines) for o in spec.outcomes)
    att = results.effects.filter(estimand="att")
    assert lines == att.select("outcome", "group", "estimator").unique().height
    headline = att.filter(outcome="employed", group="all", estimator="did")
    assert len(tables["inference"].lines) == headline.height > 1


def test_refused_rows_are_there_with_their_reasons(written) -> None:
    folder, spec = written
    text = _Page((folder / "report.html").read_text(encoding="utf-8")).text
    rows = read(folder, spec).effects.filter(pl.col("status") == "refused")
    assert rows.height
    for reason in rows["reason"].unique():
        assert reason in text
    assert "68 % of true nulls" in (folder / "tables" / "inference.tex").read_text().replace(
        "\\%", "%"
    ).replace("~", " ")


def test_tables_have_no_stars_and_say_level_and_floor(written) -> None:
    folder, _ = written
    page = _Page((folder / "tables" / "effects_employed.html").read_text(encoding="utf-8")).text
    assert "*" not in page
    assert "92.9" in page
    assert "0.071" in page
    assert "exploratory" in page


def test_latex_escapes_what_would_break_it(written) -> None:
    folder, _ = written
    assert _table.escape("5 % & a_b −1 ∞ {x} #") == r"5 \% \& a\_b $-$1 $\infty$ \{x\} \#"
    for path in (folder / "tables").glob("*.tex"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"(?<!\\)(?:%(?! needs)|#|_)", text), path.name
        assert text.count(r"\begin{") == text.count(r"\end{")


def test_simulated_data_is_said_and_the_truth_stands_beside(written) -> None:
    folder, spec = written
    text = _Page((folder / "report.html").read_text(encoding="utf-8")).text
    assert "The data are simulated" in text
    assert "the true effect is 0.00 percentage points" in text
    assert spec.is_simulated


def test_level_that_cannot_be_had_is_told(written) -> None:
    folder, spec = written
    told = words.headline(read(folder, spec))
    assert (
        "A 95\u00a0% interval cannot be had with 13 donors; the interval shown is 92.9\u00a0%, the "
        "highest level there is, which is also a valid 90\u00a0% interval." in told.uncertainty
    )
    assert any("cannot be below 0.071 (1 in 14)" in limit for limit in told.limits)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"verdict": "effect"}, "evidence of an effect at the 5"),
        ({"verdict": "no_effect_beyond_smallest"}, "Effects of 1 percentage points or more"),
        ({"verdict": "inconclusive"}, "inconclusive"),
        ({"ci_low": float("-inf")}, "without a lower end"),
        ({"ci_high": float("inf"), "ci_low": float("-inf")}, "has no ends"),
        ({"ci_low": 0.1, "ci_high": 5.0, "estimate": 1.0}, "does not include 0"),
        ({"estimate": 0.001}, ": the same in Bergen"),
        ({"estimate": -2.0}, "percentage points lower"),
        ({"truth": 99.0}, "does not contain it"),
        ({"ci_low": None, "ci_high": None, "p_value": None, "status": "refused",
          "reason": "too few"}, "No interval can be given: too few"),
        ({"estimate": None, "ci_low": None, "ci_high": None, "p_value": None, "status": "failed",
          "reason": "empty cells"}, "There is no headline estimate: empty cells"),
        ({"p_value_floor": 0.0, "inference": "cluster", "ci_level": 0.95}, "p = "),
    ],
)  # fmt: skip
def test_headline_says_what_the_row_says(tmp_path: Path, change, expected: str) -> None:
    spec = make(tmp_path, replace(SMALL, n_donors=24, infinite=False))
    frame = pl.read_parquet(tmp_path / "effects.parquet")
    named = pl.col("is_headline")
    frame = frame.with_columns(
        pl.when(named).then(pl.lit(value, dtype=EFFECTS[name])).otherwise(pl.col(name)).alias(name)
        for name, value in change.items()
    )
    write_table(frame, tmp_path / "effects.parquet", EFFECTS)
    told = words.headline(read(tmp_path, spec))
    assert expected in " ".join([told.lead, *told.uncertainty, *told.limits, told.truth])


def test_floor_above_the_level_is_inconclusive_whatever_the_estimate(written) -> None:
    folder, spec = written
    text = " ".join(words.headline(read(folder, spec)).uncertainty)
    assert "no outcome could reach the 5\u00a0% level" in text


def test_headline_names_its_checks_that_warn(tmp_path: Path) -> None:
    spec = make(tmp_path, replace(SMALL, n_donors=24, infinite=False))
    results = read(tmp_path, spec)
    assert not any("moved apart" in limit for limit in words.headline(results).limits)
    own = (pl.col("outcome") == spec.headline.outcome) & (pl.col("group") == spec.headline.group)
    changed = results.checks.with_columns(
        verdict=pl.when(own & (pl.col("check") == "pre_trend")).then(pl.lit("fail"))
        .otherwise("verdict"),
        message=pl.lit("They moved apart."),
    )  # fmt: skip
    told = words.headline(replace(results, checks=changed)).limits
    assert [limit for limit in told if "moved apart" in limit] == [
        "Differences before the reform: They moved apart."
    ]


def test_power_is_told_at_the_level_of_the_test(written) -> None:
    folder, spec = written
    text = " ".join(words.headline(read(folder, spec)).uncertainty)
    assert "A test at the 7.1\u00a0% level, which matches the interval" in text


@pytest.mark.slow
def test_report_is_the_same_under_any_hash_seed(tmp_path: Path) -> None:
    spec = make(tmp_path / "made_up", replace(SMALL, n_donors=5))
    (tmp_path / "spec.json").write_text(to_json(spec), encoding="utf-8")
    program = (
        "import sys; from pathlib import Path\n"
        "from reformeval.spec import from_json\n"
        "from reformeval.report.spec import ReportSpec\n"
        "from reformeval.figures.draw import draw_figures\n"
        "from reformeval.tables.write import build_tables, write_tables\n"
        "from reformeval.report.results import read\n"
        "from reformeval.report.write import write_report\n"
        "from reformeval.report.index import write_index\n"
        "folder = Path(sys.argv[1])\n"
        "spec = from_json(ReportSpec, Path(sys.argv[2]).read_text(encoding='utf-8'))\n"
        "draw_figures(folder, spec)\n"
        "results = read(folder, spec); tables = build_tables(results)\n"
        "write_tables(tables, folder / 'tables')\n"
        "write_report(results, tables, {'seed': 1, 'code': {'b': 'x', 'a': 'y'}})\n"
        "write_index(folder.parent, [spec])\n"
    )
    hashes = []
    for seed in ("0", "3"):
        done = subprocess.run(
            [sys.executable, "-c", program, str(tmp_path / "made_up"), str(tmp_path / "spec.json")],
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(PACKAGE.parent)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        files = sorted(
            p for p in tmp_path.rglob("*") if p.suffix in (".png", ".pdf", ".html", ".tex", ".csv")
        )
        assert len(files) > 20
        hashes.append({p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in files})
    assert hashes[0] == hashes[1]


def test_reports_have_no_times_paths_or_dates_of_today(written) -> None:
    folder, _ = written
    text = (folder / "report.html").read_text(encoding="utf-8")
    assert str(folder) not in text
    for path in (folder / "figures").glob("*.pdf"):
        assert b"CreationDate" not in path.read_bytes()


def test_index_lists_reforms_with_and_without_results(tmp_path: Path) -> None:
    one = make(tmp_path / "one", SMALL)
    draw_figures(tmp_path / "one", one)
    write_page(tmp_path / "one", one, {})
    two = replace(one, reform="two", title="Another reform", question="")
    write_index(tmp_path, [one, two])
    page = _Page((tmp_path / "index.html").read_text(encoding="utf-8"))
    assert [a["href"] for tag, a in page.tags if tag == "a"] == ["one/report.html"]
    assert words.headline(read(tmp_path / "one", one)).lead in page.text
    assert "Another reform" in page.text
    assert "made by the workflow itself" in page.text


def test_notes_from_config_are_escaped(tmp_path: Path) -> None:
    spec = replace(make(tmp_path, SMALL), title="A <b>bold</b> & plain reform")
    draw_figures(tmp_path, spec)
    write_page(tmp_path, spec, {})
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<b>bold" not in text
    assert "&lt;b&gt;bold" in text


@pytest.mark.parametrize("name", sorted(CASES))
def test_every_case_gives_a_report(tmp_path: Path, name: str) -> None:
    spec = make(tmp_path, CASES[name])
    draw_figures(tmp_path, spec)
    write_page(tmp_path, spec, MADE_FROM)
    assert "What it cannot show" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_spec_survives_json() -> None:
    from report_fixture import make_spec

    spec = make_spec("made_up", Case())
    again = from_json(type(spec), to_json(spec))
    assert again == spec
