"""What is wrong in the rows of one file: gathered over all its parts, reported at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from reformeval.errors import Problem, UserError
from reformeval.register.forms import Repair

EXAMPLES = 3
# Number of the row, beside the file's own columns; no header holds this character.
ROW = "\x00row"
Places = Callable[[Sequence[int]], list[str]]


@dataclass
class _Finding:
    count: int
    examples: list[str]
    fix: str


@dataclass
class Findings:
    """Problems and repairs of one file.

    Attributes
    ----------
    path
        The file.
    at
        Names rows by their number: lines of a text file, row and row group of a Parquet file.
    """

    path: Path
    at: Places
    _found: dict[tuple[str, str], _Finding] = field(default_factory=dict)
    _repairs: dict[str, tuple[int, str]] = field(default_factory=dict)

    def bad(self, rows: pl.Series, values: pl.Series, what: str, fix: str, key: str = "") -> None:
        """Add bad cells: the numbers of their rows, what stands there, and how to mend them."""
        if rows.is_empty():
            return
        finding = self._found.setdefault((what, key), _Finding(0, [], fix))
        finding.count += len(rows)
        if missing := EXAMPLES - len(finding.examples):
            first = pl.DataFrame({"row": rows, "value": values}).sort("row").head(missing)
            places = self.at(first["row"].to_list())
            finding.examples += [
                place if value is None else f"'{str(value).removesuffix('.0')}' ({place})"
                for value, place in zip(first["value"].to_list(), places, strict=True)
            ]

    def repaired(self, rule: str, count: int, message: str) -> None:
        """Count rows that a rule touched; nothing is recorded for none."""
        if count:
            self._repairs[rule] = (self._repairs.get(rule, (0, ""))[0] + count, message)

    def repairs(self) -> tuple[Repair, ...]:
        """Give all repairs so far, sorted by rule."""
        return tuple(
            Repair(rule, self.path.name, count, message)
            for rule, (count, message) in sorted(self._repairs.items())
        )

    def stop_if_any(self) -> None:
        """Stop if anything was found.

        Raises
        ------
        UserError
            With one problem for each column and kind of fault.
        """
        if self._found:
            raise UserError([self._problem(key, one) for key, one in self._found.items()])

    def _problem(self, key: tuple[str, str], finding: _Finding) -> Problem:
        what, config_key = key
        rest = finding.count - len(finding.examples)
        more = f" and {rest} more" if rest else ""
        rows = "1 row" if finding.count == 1 else f"{finding.count} rows"
        named = f" (config key: {config_key})" if config_key else ""
        message = f"{what} in {rows}: {', '.join(finding.examples)}{more}{named}"
        return Problem(message, where=str(self.path), fix=finding.fix)
