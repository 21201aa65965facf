"""PanelResult: what building a panel gives, from a register and from a table alike."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl

from reformeval.errors import Problem
from reformeval.register.records import Record


@dataclass(frozen=True, eq=False)
class PanelResult:
    """A reform's panel before it is written.

    Attributes
    ----------
    panel
        Cells of the treated units and the donors inside the window (`artefacts.PANEL`).
    units
        Every unit of the source with its role (`artefacts.UNITS`).
    flow
        What was kept and lost at each step (`artefacts.SAMPLE_FLOW`).
    available
        First and last period of the source before the window was cut out of it, for messages.
    found
        What was done to the data and found in it on the way, by rules that have names.
    lacking
        Outcomes and groups that are not there because a source does not have the group.
    problems
        What is wrong with sources beside the reform's own, for `panel.validate` to tell with what
        it finds itself.
    """

    panel: pl.DataFrame
    units: pl.DataFrame
    flow: pl.DataFrame
    available: tuple[date, date] | None = None
    found: tuple[Record, ...] = ()
    lacking: frozenset[tuple[str, str]] = frozenset()
    problems: tuple[Problem, ...] = ()
