"""The index: all reforms, each with its headline and a link to its report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from reformeval.artefacts import write_text
from reformeval.report import words
from reformeval.report.results import read
from reformeval.report.spec import ReportSpec
from reformeval.report.texts import DEFAULT, say, speaking
from reformeval.report.write import environment


@dataclass(frozen=True)
class Entry:
    """One reform on the page, in its own language.

    ``link`` is empty where it has no report; then ``absent`` says where its data can be had.
    """

    title: str
    question: str
    link: str
    lead: str
    uncertainty: str
    truth: str
    simulated: str
    absent: str
    language: str


def write_index(results: Path, entries: Sequence[ReportSpec]) -> None:
    """Write ``<results>/index.html``.

    Parameters
    ----------
    results
        The folder that holds a folder for each reform.
    entries
        The reforms, in the order of the page. One without a report is listed with where its data
        can be had. Where they have different languages, the page around them has the default one.
    """
    page = environment().get_template("index.html.j2")
    shown = [_entry(results / spec.reform, spec) for spec in entries]
    languages = {spec.language for spec in entries}
    with speaking(languages.pop() if len(languages) == 1 else DEFAULT):
        text = page.render(entries=shown)
    write_text(text, results / "index.html")


def _entry(folder: Path, spec: ReportSpec) -> Entry:
    has_report = (folder / "report.html").exists()
    told = words.headline(read(folder, spec)) if has_report else None
    with speaking(spec.language):
        simulated = say("report.simulated") if spec.is_simulated else ""
        obtain = "; ".join(dict.fromkeys(source.obtain for source in spec.sources))
        absent = "" if has_report else say("index.absent", obtain=obtain)
    return Entry(
        title=spec.title,
        question=spec.question,
        link=f"{spec.reform}/report.html" if has_report else "",
        lead=told.lead if told else "",
        uncertainty=" ".join(told.uncertainty[:1]) if told else "",
        truth=told.truth if told else "",
        simulated=simulated,
        absent=absent,
        language=spec.language,
    )
