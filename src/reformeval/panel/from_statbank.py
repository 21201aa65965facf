"""Build a reform's panel from a table of a statistics bank that was fetched before."""

from __future__ import annotations

import re
from pathlib import Path

from reformeval.panel import from_table
from reformeval.panel.result import PanelResult
from reformeval.sources._statbank_kept import labels_of
from reformeval.sources._table_keys import unit_pattern
from reformeval.sources.statbank import StatBankSource
from reformeval.spec import PanelSpec


def build(
    source: StatBankSource, data: Path, spec: PanelSpec, classification: Path | None = None
) -> PanelResult:
    """Build the panel as from any table; units have the names that the service gives them.

    Parameters
    ----------
    data
        The kept answer, or the data folder.
    classification
        File with the changes of units over time, where ``spec.geography`` needs them.

    Raises
    ------
    UserError
        If the answer is not there, was changed after it was fetched, or does not fit.
    """
    table = source.as_table()
    path = data / table.file if data.is_dir() else data
    if not path.is_file():
        return from_table.build(table, data, spec, classification)  # says what is absent
    labels = dict(labels_of(source, path))
    if source.unit.pattern is not None:
        form = re.compile(unit_pattern(source.unit.pattern))
        matches = ((form.match(code), label) for code, label in labels.items())
        labels = {match["code"]: label for match, label in matches if match}
    return from_table.build(source.as_table(labels), path, spec, classification)
