"""The index: all reforms, each with its headline and a link to its report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from reformeval.artefacts import write_text
from reformeval.report import words
from reformeval.report.results import read
from reformeval.report.spec import ReportSpec
from reformeval.report.write import environment


@dataclass(frozen=True)
class Entry:
    """One reform on the page; ``link`` is empty where it has no report."""

    title: str
    question: str
    link: str
    lead: str
    uncertainty: str
    truth: str
    simulated: bool
    obtain: str


def write_index(results: Path, entries: Sequence[ReportSpec]) -> None:
    """Write ``<results>/index.html``.

    Parameters
    ----------
    results
        The folder that holds a folder for each reform.
    entries
        The reforms, in the order of the page. One without a report is listed with where its data
        can be had.
    """
    page = environment().get_template("index.html.j2")
    shown = [_entry(results / spec.reform, spec) for spec in entries]
    write_text(page.render(entries=shown), results / "index.html")


def _entry(folder: Path, spec: ReportSpec) -> Entry:
    has_report = (folder / "report.html").exists()
    told = words.headline(read(folder, spec)) if has_report else None
    return Entry(
        title=spec.title,
        question=spec.question,
        link=f"{spec.reform}/report.html" if has_report else "",
        lead=told.lead if told else "",
        uncertainty=" ".join(told.uncertainty[:1]) if told else "",
        truth=told.truth if told else "",
        simulated=spec.is_simulated,
        obtain=spec.source.obtain,
    )
