"""What the jobs after the effects table read: slices of config with what results are made from."""

from __future__ import annotations

from dataclasses import dataclass

from reformeval.provenance import MadeFrom
from reformeval.report.spec import ReportSpec


@dataclass(frozen=True)
class ReportJob:
    """What `write_report` reads."""

    report: ReportSpec
    made_from: MadeFrom


@dataclass(frozen=True)
class ProvenanceJob:
    """What `write_provenance` reads; ``logs`` are folders with the jobs' timings."""

    reform: str
    made_from: MadeFrom
    logs: tuple[str, ...]


@dataclass(frozen=True)
class IndexJob:
    """What `write_index` reads."""

    reforms: tuple[ReportSpec, ...]
