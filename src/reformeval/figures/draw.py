"""All figures of a reform: which there are, and writing them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from matplotlib.figure import Figure

from reformeval.figures import (
    calendar,
    effects,
    event_study,
    gaps,
    later,
    placebos,
    raw_means,
    style,
    synthetic_control,
)
from reformeval.figures.plan import Planned, planned
from reformeval.report.results import Results, read
from reformeval.report.spec import ReportSpec
from reformeval.report.texts import speaking

# Each kind takes the artefacts and which of its figures to draw.
Draw = Callable[[Results, Planned], Figure]

KINDS: dict[str, Draw] = {
    "calendar": calendar.draw,
    "raw_means": raw_means.draw,
    "effects": effects.draw,
    "later": later.draw,
    "event_study": event_study.draw,
    "synthetic_control": synthetic_control.draw,
    "gaps": gaps.draw,
    "placebos": placebos.draw,
}


def draw_figures(folder: Path, spec: ReportSpec) -> None:
    """Write every figure of a reform as PNG and PDF under ``<folder>/figures``.

    Parameters
    ----------
    folder
        ``results/<reform>``, with all artefacts up to the checks.
    spec
        The reform, as the report shows it.
    """
    results = read(folder, spec)
    with speaking(spec.language):
        for figure in planned(spec):
            with style.context():
                drawn = KINDS[figure.kind](results.of(figure.outcome), figure)
            style.save(drawn, folder / "figures" / figure.name)
