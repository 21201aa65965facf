"""Draw every figure of a reform.

Inputs: every artefact up to the checks, and the texts. Output: the folder ``figures``, with one
PNG and one PDF per kind and outcome.
"""

from __future__ import annotations

from reformeval.figures import draw
from reformeval.jobs._cli import Call, log, run
from reformeval.report.spec import ReportSpec
from reformeval.spec import from_json


def draw_figures(call: Call) -> None:
    """Draw into the folder beside the artefacts."""
    (folder,) = call.outputs
    spec = from_json(ReportSpec, call.spec)
    folder.mkdir(parents=True, exist_ok=True)
    draw.draw_figures(folder.parent, spec)
    log.info("%s: %d files", spec.reform, len(list(folder.iterdir())))


if __name__ == "__main__":
    run(draw_figures)
