"""From a source's selection to requests that the service accepts."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reformeval.errors import Problem, UserError, did_you_mean
from reformeval.sources import _jsonstat
from reformeval.sources.statbank import CodeListSelection, Selection, StatBankSource

_CALL = re.compile(r"(top|from|to|range)\(([^()]*)\)")
# Variable to codes, in the service's order.
Codes = dict[str, list[str]]


@dataclass(frozen=True)
class Variable:
    """A variable of the table, with the codes of the code list that was chosen for it."""

    name: str
    labels: Mapping[str, str]
    optional: bool
    is_time: bool


def variables(
    metadata: Mapping[str, Any], lists: Mapping[str, Mapping[str, str]]
) -> list[Variable]:
    """Describe the table's variables; ``lists`` has the codes of chosen code lists.

    Raises
    ------
    MalformedError
        If the metadata is no JSON-stat.
    """
    try:
        names = [str(name) for name in metadata["id"]]
    except (KeyError, TypeError):
        raise _jsonstat.MalformedError("no JSON-stat dataset") from None
    time = _jsonstat.role(metadata, "time")
    return [
        Variable(
            name,
            lists.get(name) or _jsonstat.codes(metadata, name),
            bool((metadata["dimension"][name].get("extension") or {}).get("elimination")),
            name in time,
        )
        for name in names
    ]


def expand(source: StatBankSource, known: Sequence[Variable], contents: str, where: str) -> Codes:
    """Turn the selection into codes; the contents are those that outcomes name.

    Raises
    ------
    UserError
        With every variable and code that the table does not have, and every variable that must
        be chosen and is not.
    """
    asked: dict[str, Selection] = {contents: source.contents(), **source.selection}
    names = {variable.name: variable for variable in known}
    problems = [
        Problem(
            f"`selection`: table {source.table} has no variable '{name}'",
            where,
            did_you_mean(name, names),
        )
        for name in source.selection
        if name not in names
    ]
    chosen: Codes = {}
    for name, variable in names.items():
        if name in asked:
            codes, more = _codes(asked[name], variable, where)
            problems += more
            chosen[name] = codes
        elif not variable.optional:
            problems.append(
                Problem(
                    f"`selection`: the variable '{name}' must be chosen: the service does not "
                    "sum over it",
                    where,
                    f'add {name}: "*", or some of its codes: '
                    f"{', '.join(list(variable.labels)[:5])}",
                )
            )
    missing = [c for c in source.contents() if c not in chosen.get(contents, [c])]
    problems += [
        Problem(f"`selection.{contents}` leaves out '{code}', which an outcome names", where,
                f"take {contents} out of selection: outcomes name the contents")
        for code in missing
    ]  # fmt: skip
    if problems:
        raise UserError(problems)
    return chosen


def _codes(asked: Selection, variable: Variable, where: str) -> tuple[list[str], list[Problem]]:
    """Codes of one variable in the table's order, each once."""
    wanted = asked.codes if isinstance(asked, CodeListSelection) else asked
    known = list(variable.labels)
    found: set[str] = set()
    problems = []
    for text in (wanted,) if isinstance(wanted, str) else wanted:
        hits = _matching(text.strip(), known, variable.is_time)
        if not hits:
            problems.append(
                Problem(
                    f"`selection.{variable.name}`: '{text}' stands for no code of the table",
                    where,
                    did_you_mean(text, known),
                )
            )
        found |= set(hits)
    return [code for code in known if code in found], problems


def _matching(text: str, known: Sequence[str], is_time: bool) -> Sequence[str]:
    """Codes that one entry stands for; none if it stands for none."""
    if text in known:
        return [text]
    if call := _CALL.fullmatch(text):
        name, arguments = call[1], [part.strip() for part in call[2].split(",")]
        if name == "top":
            count = int(arguments[0]) if arguments[0].isdecimal() else 0
            # Of periods the newest, whichever way the table lists them.
            return sorted(known)[-count:] if is_time and count else known[:count]
        ends = [known.index(code) for code in arguments if code in known]
        if len(ends) != (2 if name == "range" else 1) or len(ends) != len(arguments):
            return []
        first = 0 if name == "to" else ends[0]
        last = len(known) - 1 if name == "from" else ends[-1]
        return known[first : last + 1]
    if "*" in text or "?" in text:
        pattern = re.escape(text).replace(r"\*", ".*").replace(r"\?", ".")
        return [code for code in known if re.fullmatch(pattern, code)]
    return []


def split(chosen: Codes, most: int) -> list[Codes]:
    """Cut a selection into parts of at most ``most`` cells each.

    Examples
    --------
    >>> [part["a"] for part in split({"a": ["1", "2", "3"], "b": ["x", "y"]}, 4)]
    [['1', '2'], ['3']]
    """
    cells = math.prod(len(codes) for codes in chosen.values())
    if cells <= most:
        return [chosen]
    longest = max(chosen, key=lambda name: len(chosen[name]))
    codes = chosen[longest]
    if len(codes) < 2:
        return [chosen]
    step = max(1, most // (cells // len(codes)))
    parts = (chosen | {longest: codes[i : i + step]} for i in range(0, len(codes), step))
    return [small for part in parts for small in split(part, most)]


def request(
    source: StatBankSource, part: Codes
) -> tuple[dict[str, str], dict[str, str], dict[str, Any]]:
    """Parameters that every request has, those of a GET, and the body of a POST."""
    lists = {n: s for n, s in source.selection.items() if isinstance(s, CodeListSelection)}
    always = {"outputFormat": "json-stat2"}
    always |= {f"outputValues[{name}]": one.output for name, one in lists.items()}
    get = {f"valueCodes[{name}]": ",".join(codes) for name, codes in part.items()}
    get |= {f"codelist[{name}]": one.codelist for name, one in lists.items()}
    selection = [
        {"variableCode": name, "valueCodes": codes}
        | ({"codelist": lists[name].codelist} if name in lists else {})
        for name, codes in part.items()
    ]
    return always, get, {"selection": selection}
