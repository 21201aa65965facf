"""What jobs on a register read beside its buckets."""

from __future__ import annotations

from collections.abc import Iterator

from reformeval.artefacts import read_table
from reformeval.geography.moved import classification
from reformeval.geography.unit_map import Place
from reformeval.jobs._cli import Call
from reformeval.jobs._source import PanelJob
from reformeval.panel.counts import Counts
from reformeval.panel.holdings import Holdings, holdings
from reformeval.register.summary import SUMMARY, together


def held(job: PanelJob, call: Call) -> Holdings:
    """Add up the summaries among a job's inputs and put them on the reform's geography."""
    spec = job.panel
    files = call.within("summary")
    summary = together(read_table(path, SUMMARY) for path in files)
    register = str(files[0].parent.with_name("register"))
    place = Place(register, "unit", "person-periods", spec.reform, spec.timing.frequency)
    return holdings(summary, spec.geography, classification(spec.geography, call.inputs), place)


def counted(call: Call) -> Iterator[Counts]:
    """Read what was counted in the buckets, one after the other, from a job's inputs."""
    pairs = zip(call.within("cells"), call.within("flow"), strict=True)
    return (Counts.read(cells, flow) for cells, flow in pairs)
