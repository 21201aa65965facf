"""Languages: every file says everything, reports in another language are wholly in it."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser
from pathlib import Path

import pytest
from report_fixture import CASES, SMALL, make

from reformeval import discovery
from reformeval.figures import draw
from reformeval.figures.plan import Planned
from reformeval.report import dates, numbers, texts, units, words
from reformeval.report.index import write_index
from reformeval.report.results import label_words, read
from reformeval.report.spec import ReportSpec
from reformeval.report.write import write_report
from reformeval.tables.write import build_tables, write_tables

OTHERS = [language for language in texts.languages() if language != texts.DEFAULT]
# Texts that may be the same in another language: names, symbols, words that both have.
SAME = {
    "date.year", "figure.mark.ledger", "group.vague", "headline.p_other", "limits.check",
    "list.between", "method.dose.label", "number.measured", "number.percent",
    "report.data.outcome", "table.checks.several", "table.column.alternative",
    "table.column.estimator", "table.column.p", "tick.year", "unit.per", "figure.of_method",
    "figure.mark.step_numbered", "figure.mark.step_only", "figure.placebos.p",
    *(f"inference.{name}.{part}" for name in ("conley_taber", "ferman_pinto", "hagemann")
      for part in ("name", "short")),
}  # fmt: skip


def _names(text: str) -> list[str]:
    return sorted(name for _, name, _, _ in string.Formatter().parse(text) if name is not None)


@pytest.fixture
def norwegian() -> Iterator[None]:
    with texts.speaking("nb"):
        yield


def test_there_are_other_languages() -> None:
    assert texts.DEFAULT in texts.languages()
    assert "nb" in OTHERS


@pytest.mark.parametrize("language", OTHERS)
def test_a_language_has_every_text_in_the_same_order(language: str) -> None:
    assert list(texts.load(language)) == list(texts.load())


@pytest.mark.parametrize("language", OTHERS)
def test_a_language_keeps_every_placeholder(language: str) -> None:
    told = texts.load(language)
    wrong = {key for key, text in texts.load().items() if _names(text) != _names(told[key])}
    assert wrong == set()


@pytest.mark.parametrize("language", OTHERS)
def test_no_text_was_left_in_english(language: str) -> None:
    told = texts.load(language)
    assert {key for key, text in texts.load().items() if told[key] == text} <= SAME
    assert all(text.strip() for key, text in told.items() if not key.startswith("number."))


def test_every_method_and_check_has_its_words() -> None:
    wanted = {f"check.{name}" for name in discovery.names("diagnostics")}
    for name in discovery.names("inference"):
        wanted |= {f"inference.{name}.{part}" for part in ("name", "short", "how", "text")}
    for name in discovery.names("estimators"):
        wanted |= {f"method.{name}.{part}" for part in ("name", "label", "text", "untestable")}
    assert {key for key in wanted if not texts.has(key)} == set()


def test_a_language_is_spoken_until_the_end_of_its_block() -> None:
    with texts.speaking("nb"):
        assert (texts.spoken(), texts.say("group.all")) == ("nb", "Alle")
    assert (texts.spoken(), texts.say("group.all")) == ("en", "All")


@pytest.mark.parametrize(
    ("value", "decimals", "expected"),
    [(-1234.5, 1, "−1\u00a0234,5"), (12345678.0, 0, "12\u00a0345\u00a0678"), (0.25, 2, "0,25"),
     (float("inf"), 2, "∞"), (None, 1, "—")],
)  # fmt: skip
@pytest.mark.usefixtures("norwegian")
def test_norwegian_numbers(value: float | None, decimals: int, expected: str) -> None:
    assert numbers.number(value, decimals) == expected


@pytest.mark.usefixtures("norwegian")
def test_norwegian_shares_counts_and_dates() -> None:
    assert numbers.percent(0.923) == "92,3\u00a0%"
    assert [numbers.p_value(p) for p in (0.36, 0.0256, 0.0001)] == ["0,36", "0,026", "< 0,001"]
    assert numbers.count(1_234_567) == "1\u00a0234\u00a0567"
    assert numbers.given(1500.5) == "1\u00a0500,5"
    assert numbers.periods(3, "month") == "3 måneder"
    assert dates.label(date(2020, 3, 1), "month") == "mars 2020"
    assert dates.tick(date(2020, 9, 1), "month") == "sep. 2020"
    assert dates.label(date(2020, 4, 1), "quarter") == "2. kvartal 2020"
    assert dates.label(date(2020, 1, 1), "year") == "2020"


@pytest.mark.usefixtures("norwegian")
def test_norwegian_names_of_methods_and_units(tmp_path: Path) -> None:
    spec = make(tmp_path, SMALL)
    assert label_words("event_study") == "hendelsesstudie"
    assert label_words("my_own_label") == "my own label"
    assert words.inference_words("permutation") == "permutasjonstest"
    assert units.of_level("prosentpoeng") == "prosent"
    per_dose = replace(spec.estimators[0], unit="{} per 1,000 NOK", dose=(1000.0, "kroner"))
    shown = replace(spec, estimators=(per_dose,))
    assert units.of_axis(shown, "employed") == "percentage points per 1\u00a0000 kroner"
    shown = replace(spec, estimators=(replace(spec.estimators[0], unit="log points"),))
    assert units.of_axis(shown, "employed") == "log-poeng"


class _Page(HTMLParser):
    """Language and words of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.languages: list[str | None] = []
        self.words: list[str] = []
        self._silent = 0
        self.feed(path.read_text(encoding="utf-8"))
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attrs):
        self._silent += tag == "style"
        self.languages += [dict(attrs)["lang"]] if "lang" in dict(attrs) else []

    def handle_endtag(self, tag):
        self._silent -= tag == "style"

    def handle_data(self, data):
        if not self._silent:
            self.words.append(data)


def _write(folder: Path, spec: ReportSpec) -> None:
    results = read(folder, spec)
    tables = build_tables(results)
    write_tables(tables, folder / "tables")
    write_report(results, tables, {"seed": 1, "versions": {"polars": "2.1.0"}})


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ReportSpec]:
    folder = tmp_path_factory.mktemp("results") / "made_up"
    spec = replace(make(folder, SMALL), language="nb")
    draw.draw_figures(folder, spec)
    _write(folder, spec)
    return folder, spec


def test_a_norwegian_report_holds_no_english_text(written: tuple[Path, ReportSpec]) -> None:
    folder, _ = written
    pages = [folder / "report.html", *sorted(folder.glob("tables/*.html"))]
    english = [
        " ".join(text.split())
        for key, text in texts.load().items()
        if key not in {*SAME, "level_unit.difference"} and len(text) > 12 and not _names(text)
    ]
    assert len(english) > 100
    for path in pages:
        page = _Page(path)
        assert page.languages == ["nb"], path.name
        assert [text for text in english if text in page.text] == [], path.name
        assert not re.search(r"\{\w+\}", page.text), path.name


def test_a_norwegian_report_says_what_the_english_one_says(
    written: tuple[Path, ReportSpec],
) -> None:
    folder, spec = written
    page = _Page(folder / "report.html").text
    row = read(folder, spec).headline
    assert row is not None
    size = f"{abs(row['estimate']):.{read(folder, spec).decimals['employed']}f}"
    assert f"{size.replace('.', ',')} percentage points lavere i Bergen" in page
    assert "fra og med mars 2020" in page
    assert "(forskjell-i-forskjeller)" in page
    assert "gjengitt på engelsk" in page
    assert "Dataene er simulerte" in page


def test_tables_as_csv_are_the_same_in_every_language(
    written: tuple[Path, ReportSpec], tmp_path: Path
) -> None:
    folder, spec = written
    write_tables(build_tables(read(folder, replace(spec, language="en"))), tmp_path)
    paths = sorted(tmp_path.glob("*.csv"))
    assert len(paths) > 3
    for path in paths:
        assert path.read_bytes() == (folder / "tables" / path.name).read_bytes(), path.name


def test_the_same_report_has_the_same_bytes(written: tuple[Path, ReportSpec]) -> None:
    folder, spec = written
    paths = [folder / "report.html", *sorted(folder.glob("tables/*"))]
    before = [path.read_bytes() for path in paths]
    _write(folder, spec)
    assert [path.read_bytes() for path in paths] == before


def test_figures_speak_the_language(written: tuple[Path, ReportSpec]) -> None:
    folder, spec = written
    with texts.speaking("nb"):
        figure = draw.KINDS["effects"](read(folder, spec), Planned("effects", "employed", "", "e"))
        figure.canvas.draw()
    found = figure.findobj(match=lambda artist: hasattr(artist, "get_text"))
    shown = " ".join(text.get_text().replace("\n", " ") for text in found)
    assert "effekter av reformen etter gruppe og estimator" in shown
    assert "hendelsesstudie" in shown
    assert "ved permutasjonstest" in shown


def test_the_index_speaks_a_language_that_all_reforms_share(
    written: tuple[Path, ReportSpec],
) -> None:
    folder, spec = written
    there = replace(spec, reform="absent")
    write_index(folder.parent, [spec, there])
    page = _Page(folder.parent / "index.html")
    assert page.languages == ["nb"]
    assert "Evalueringer av reformer" in page.text
    assert "Ikke kjørt" in page.text


def test_the_index_of_several_languages_is_in_english_around_them(
    written: tuple[Path, ReportSpec],
) -> None:
    folder, spec = written
    there = replace(spec, reform="absent", language="en")
    write_index(folder.parent, [spec, there])
    page = _Page(folder.parent / "index.html")
    assert page.languages == ["en", "nb"]
    assert "Evaluations of reforms" in page.text
    assert "fra og med mars 2020" in page.text
    assert "Not run" in page.text


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(CASES) - {"one_group"}))
def test_every_case_gives_a_norwegian_report(tmp_path: Path, name: str) -> None:
    spec = replace(make(tmp_path, CASES[name]), language="nb")
    draw.draw_figures(tmp_path, spec)
    _write(tmp_path, spec)
    page = _Page(tmp_path / "report.html")
    assert page.languages == ["nb"]
    assert "Hva resultatet ikke kan vise" in page.text
