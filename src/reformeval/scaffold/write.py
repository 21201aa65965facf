"""The two YAML files that `reformeval new` writes: every guess and every gap is marked."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping

import yaml

from reformeval import periods
from reformeval.config.yaml_marks import FILL_IN
from reformeval.scaffold import columns
from reformeval.scaffold.columns import Guess
from reformeval.scaffold.sniff import Table
from reformeval.sources._model import OutcomeKind

_PLAIN = re.compile(r"[A-Za-zÀ-ÿ][\wÀ-ÿ ./()-]*")
_UNITS_SHOWN = 8
_COLUMN = 44

SETTINGS = """\
# yaml-language-server: $schema=schema/settings.json
# What holds for all reforms. Every key is optional.
reforms: all
data_dir: {data_dir}
seed: 20200301
ci_level: 0.95
disclosure:
  min_persons: 10          # a cell with fewer persons is not shown; never below 5
"""


def quoted(text: str) -> str:
    """Write text so that YAML reads it back as just this text."""
    if _PLAIN.fullmatch(text) and text == text.strip() and yaml.safe_load(text) == text:
        return text
    return json.dumps(text, ensure_ascii=False)


def _line(text: str, mark: str = "", comment: str = "") -> str:
    note = f"# {mark}: {comment}" if mark else ""
    return f"{text:<{_COLUMN}} {note}".rstrip()


def _guess(text: str, comment: str) -> str:
    return _line(text, "guess", comment)


def _fill(text: str, comment: str) -> str:
    return _line(text, FILL_IN, comment)


def _some(items: Iterable[str]) -> str:
    """Show a few of the items, on one line."""
    names = [_one_line(item) for item in items]
    more = f" and {len(names) - _UNITS_SHOWN} more" if len(names) > _UNITS_SHOWN else ""
    return ", ".join(names[:_UNITS_SHOWN]) + more


def _mapping(pairs: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{quoted(key)}: {quoted(value)}" for key, value in pairs.items()) + "}"


def source(table: Table, guess: Guess, file: str) -> str:
    """Write the source file.

    Parameters
    ----------
    file
        The data file, relative to the data folder.
    """
    period = guess.period
    first, last = (periods.label(p, period.frequency) for p in (period.first, period.last))
    lines = [
        "# yaml-language-server: $schema=../schema/source.json",
        "# A data source, written by `reformeval new`. Lines marked `guess` want a look.",
        "kind: table",
        _guess(f"title: {quoted(table.path.name)}", "the file's name; say what the data is"),
        _guess(f"frequency: {period.frequency}", f"the file has {first} to {last}"),
        _guess(f"obtain: {quoted('given as ' + table.path.name)}", "where others can get it"),
        "",
        f"file: {quoted(file)}",
        *_form(table),
        "",
        "unit:",
        _guess(f"  column: {quoted(guess.unit)}", f"{len(guess.units)} units: "
               f"{_some(guess.units)}"),
        *([_guess(f"  merge: {_mapping(guess.merge)}", "the same but for white space or case")]
          if guess.merge else []),
        "period:",
        *(_guess(f"  {key}: {quoted(value)}", _period_note(key)) for key, value in
          period.columns.items()),
        *_filter(guess),
        *_groups(guess),
        "",
        *_outcomes(guess),
        *_left(guess),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _period_note(key: str) -> str:
    notes = {"format": "as Python's strptime reads it", "headings": "one column a period"}
    return notes.get(key, "when")


def _form(table: Table) -> list[str]:
    if table.format == "excel":
        return ["format: excel", *_place(table), *_marks(table)]
    if table.format != "csv":
        return [f"format: {table.format}"]
    separator = json.dumps(table.separator)
    lines = [
        "format: csv",
        _guess(f"separator: {separator}", "between columns"),
        _guess(f"encoding: {table.encoding}", "of letters; utf-8, cp1252, latin-1 …"),
        _guess(f'decimal: "{table.decimal}"', "decimal mark"),
    ]
    if table.thousands:
        lines.append(_guess(f'thousands: "{table.thousands}"', "mark between thousands"))
    return lines + _marks(table)


def _place(table: Table) -> list[str]:
    """Where the table stands in a workbook."""
    lines = [
        _guess(f"sheet: {quoted(table.sheet or '')}", "the sheet with a table"),
        _guess(f"header: {table.header}", "row of the headings"),
    ]
    if table.last is not None:
        lines.append(_guess(f"last: {table.last}", "last row; notes stand below it"))
    if table.decimal != ".":
        lines.append(_guess(f'decimal: "{table.decimal}"', "decimal mark of numbers kept as text"))
    if table.thousands:
        lines.append(_guess(f'thousands: "{table.thousands}"', "mark between thousands"))
    return lines


def _marks(table: Table) -> list[str]:
    lines = []
    for key, marks in (("missing", table.missing), ("suppressed", table.suppressed)):
        if marks:
            text = json.dumps(list(marks), ensure_ascii=False)
            lines.append(_guess(f"{key}: {text}", "found among numbers; never read as 0"))
    return lines


def _filter(guess: Guess) -> list[str]:
    if not guess.filter:
        return []
    lines = ["", "# Only rows that pass every line here are read."]
    lines.append("filter:")
    for column, (kept, others) in guess.filter.items():
        lines.append(
            _guess(f"  {quoted(column)}: {quoted(kept)}", f"no total; also there: {_some(others)}")
        )
    return lines


def _groups(guess: Guess) -> list[str]:
    if not guess.groups:
        return []
    lines = ["", "groups:"]
    for name, group in guess.groups.items():
        lines += [
            f"  {name}:",
            _guess(f"    column: {quoted(group.column)}", "splits people"),
            _guess(f"    all: {quoted(group.total)}", "the published total"),
            _guess(f"    values: {_mapping(group.values)}", "name in reforms: code in the file"),
        ]
    return lines


def _outcomes(guess: Guess) -> list[str]:
    lines = ["outcomes:"]
    for name, outcome in guess.outcomes.items():
        lines += [
            f"  {name}:",
            f"    column: {quoted(outcome.column)}",
            _guess(f"    kind: {outcome.kind}", _KIND_NOTES[outcome.kind]),
        ]
        if outcome.persons:
            lines.append(
                _guess(f"    persons: {quoted(outcome.persons)}", "how many it is taken over")
            )
    return lines


_KIND_NOTES = {
    "share": "between 0 and 1; `scale: 100` makes per cent of it",
    "rate": "share, mean, rate or count",
    "mean": "share, mean, rate or count",
    "count": "counts of units of unequal size cannot be compared",
}


def _left(guess: Guess) -> list[str]:
    if not guess.left:
        return []
    lines = ["", "# Columns that are not used:"]
    return lines + [
        f"#   {_one_line(name)}: {_one_line(reason)}" for name, reason in guess.left.items()
    ]


def _one_line(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))


def reform(name: str, guess: Guess) -> str:
    """Write the reform file: it loads once the gaps are filled."""
    period = guess.period
    first, last = (periods.label(p, period.frequency) for p in (period.first, period.last))
    headline = next(
        (key for key, one in guess.outcomes.items() if one.kind != "count"),
        next(iter(guess.outcomes)),
    )
    title = name.replace("_", " ").replace("-", " ")
    groups = f"[{', '.join(guess.groups)}]"
    outcomes = [_outcome(key, one.kind, key == headline) for key, one in guess.outcomes.items()]
    lines = [
        "# yaml-language-server: $schema=../schema/reform.json",
        "# A reform, written by `reformeval new`. Fill in what is marked FILL IN, look at what is",
        "# marked guess, then run `reformeval check`.",
        _guess(f"title: {quoted(title[:1].upper() + title[1:])}", "one line for figures"),
        f"source: {name}",
        _guess(
            f"window: {{from: {first}, to: {last}}}", "all periods of the file; drop: [...] skips"
        ),
        "treatment:",
        _fill(f"  units: [{FILL_IN}]", f"who adopts, of: {_some(map(quoted, guess.units))}"),
        "  steps:",
        _fill(
            f"    - {{id: adoption, from: {FILL_IN}}}",
            f"when, e.g. {periods.EXAMPLES[period.frequency]}; first {period.frequency} with it",
        ),
        _guess("  anticipation: 0", f"{period.frequency}s before that people may have reacted in"),
        _comparison(guess),
        "outcomes:",
        *outcomes,
        _guess(f"groups: {groups}", "[a, [a, b]] crosses two") if guess.groups else "",
        "headline:                                    # the one effect named in advance",
        _guess(f"  outcome: {headline}", "the question's main outcome"),
        _guess("  group: all", "or a group's name"),
        _guess("  estimator: did", "one of the labels below"),
        "estimators:",
        "  did: {}",
        "  event_study: {}",
        "  synthetic_control: {}",
        "  synthetic_did: {}",
    ]
    return "\n".join(line for line in lines if line) + "\n"


def _outcome(name: str, kind: OutcomeKind, is_headline: bool) -> str:
    text = f"{name}: {{measured_in: {quoted(_MEASURED_IN[kind].format(name))}}}"
    if kind == "count" and not is_headline:
        return f"  # {text}  # left out: counts of units of unequal size cannot be compared"
    return _guess(f"  {text}", "words for figures")


def _comparison(guess: Guess) -> str:
    totals = [unit for unit in guess.units if columns.is_whole(unit)]
    if totals:
        listed = ", ".join(map(quoted, totals))
        return _guess(f"comparison: {{exclude: [{listed}]}}", "looks like all units together")
    return _guess("comparison: all", "or {units: [...]}, {exclude: [...]}: who may be a donor")


_MEASURED_IN = {"share": "share", "rate": "{}", "mean": "{}", "count": "persons"}
