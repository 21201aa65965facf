"""Reading a classification from the file that the project keeps of it.

Two forms are read, by the file's ending:

- ``.json``: what `geography.klass` fetched from Statistics Norway's service and kept, with the day;
- ``.csv``: the list of versions ``<name>_vertices.csv`` (name, code, label, validFrom, validTo)
  with its changes ``<name>_edges.csv`` beside it (from_name, to_name, changeOccurred), as R's
  klassR writes the graph of a classification.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

from reformeval.errors import Problem, UserError
from reformeval.geography.classification import (
    OPEN,
    Change,
    Classification,
    Version,
    classify,
)

VERTICES, EDGES = "vertices.csv", "edges.csv"
_VERSION_COLUMNS = ("name", "code", "label", "validFrom", "validTo")
_CHANGE_COLUMNS = ("from_name", "to_name", "changeOccurred")
_NO_END = ("", "NA", "null")
FETCH = "fetch it with `reformeval geography --fetch`, or name another file with geography_file"


def parts(path: Path) -> tuple[Path, ...]:
    """Give the files that a classification is read from: one for JSON, two for CSV.

    Raises
    ------
    UserError
        If the name ends otherwise than the two forms do.
    """
    if path.suffix == ".json":
        return (path,)
    if path.name.endswith(VERTICES):
        return (path, path.with_name(path.name.removesuffix(VERTICES) + EDGES))
    raise UserError(
        Problem(
            f"a classification is read from a file that ends in .json or {VERTICES}",
            where=str(path),
            fix="set geography_file in config/config.yaml",
        )
    )


def read(path: Path) -> Classification:
    """Read a classification.

    Parameters
    ----------
    path
        The JSON file, or the CSV file of versions.

    Raises
    ------
    UserError
        If a file is absent or cannot be read, naming the file and every line that is wrong.
    """
    texts = [_bytes(part) for part in parts(path)]
    sha256 = hashlib.sha256(b"".join(texts)).hexdigest()
    if path.suffix == ".json":
        versions, changes, fetched = _from_json(path, texts[0])
    else:
        versions, changes = _from_csv(parts(path), texts)
        fetched = None
    return classify(versions, changes, str(path), sha256, fetched)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        reason = "the classification is not there" if not path.exists() else str(error.strerror)
        raise UserError(Problem(reason, where=str(path), fix=FETCH)) from None


def _from_csv(paths: tuple[Path, ...], texts: list[bytes]) -> tuple[list[Version], list[Change]]:
    problems: list[Problem] = []
    named: dict[str, Version] = {}
    for where, row in _rows(paths[0], texts[0], _VERSION_COLUMNS, problems):
        first = _date(row["validFrom"], where, problems)
        until = OPEN if row["validTo"] in _NO_END else _date(row["validTo"], where, problems)
        if row["name"] in named:
            problems.append(Problem(f"the version '{row['name']}' is listed twice", where))
        if first and until:
            named[row["name"]] = Version(row["code"], first, until, row["label"])
    changes = []
    for where, row in _rows(paths[1], texts[1], _CHANGE_COLUMNS, problems):
        ends = [named.get(row[key]) for key in ("from_name", "to_name")]
        if ends[0] is None or ends[1] is None:
            problems.append(Problem("a change names a version that is not in the list", where))
            continue
        changes.append((ends[0], ends[1]))
        if _date(row["changeOccurred"], where, problems) not in (None, ends[1].first):
            problems.append(Problem(f"the change to {ends[1]} is not on the day it begins", where))
    if problems:
        raise UserError(problems)
    return list(named.values()), changes


def _rows(
    path: Path, text: bytes, columns: tuple[str, ...], problems: list[Problem]
) -> Iterable[tuple[str, Mapping[str, str]]]:
    try:
        lines = text.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        line = text[: error.start].count(b"\n") + 1
        raise UserError(Problem("the file is not UTF-8", f"{path}:{line}")) from None
    reader = csv.DictReader(lines, strict=True)
    missing = [name for name in columns if name not in (reader.fieldnames or ())]
    if missing:
        raise UserError(Problem(f"there is no column {', '.join(missing)}", f"{path}:1", FETCH))
    found = []
    try:
        for row in reader:
            where = f"{path}:{reader.line_num}"
            if any(row[name] is None for name in columns):
                problems.append(Problem("the line has too few cells", where))
            else:
                found.append((where, row))
    except csv.Error as error:
        raise UserError(Problem(f"no CSV: {error}", f"{path}:{reader.line_num}", FETCH)) from None
    return found


def _from_json(path: Path, text: bytes) -> tuple[list[Version], list[Change], date]:
    try:
        content = json.loads(text)
        return from_service(content["codes"], content["codeChanges"], content["fetched"])
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            Problem(f"no classification as fetched from the service: {error!r}", str(path), FETCH)
        ) from None


def from_service(
    codes: Iterable[Mapping[str, Any]], changes: Iterable[Mapping[str, Any]], fetched: str
) -> tuple[list[Version], list[Change], date]:
    """Make versions and changes of the service's list of codes and list of changes.

    A code's time is cut on every day on which a change names it, as the old code or the new: a
    municipality that takes in a neighbour keeps its code, and is another version from then on.
    """
    spans = sorted(
        (
            str(code["code"]),
            date.fromisoformat(code["validFromInRequestedRange"]),
            _end(code.get("validToInRequestedRange"), fetched),
            " ".join(str(code["name"]).split()),
        )
        for code in codes
    )
    pairs: set[tuple[date, str, str]] = {
        (date.fromisoformat(change["changeOccurred"]), str(one), str(other))
        for change in changes
        if (one := change["oldCode"]) and (other := change["newCode"])
    }
    cuts: dict[str, set[date]] = {}
    for day, *both in pairs:
        for code in both:
            cuts.setdefault(code, set()).add(day)
    versions = []
    for code, first, until, label in spans:
        inside = {day for day in cuts.get(code, ()) if first < day < until}
        days = pairwise(sorted({first, until} | inside))
        versions += [Version(code, a, b, label) for a, b in days]
    begins = {(v.code, v.first): v for v in versions}
    ends = {(v.code, v.until): v for v in versions}
    # A code that goes on over a day was itself and stays itself, whatever else joins or leaves.
    stays = [(ends[code, day], v) for (code, day), v in begins.items() if (code, day) in ends]
    moves = [
        (ends[old, day], begins[new, day])
        for day, old, new in pairs
        if (old, day) in ends and (new, day) in begins
    ]
    return versions, [*stays, *moves], date.fromisoformat(fetched)


def _end(text: str | None, fetched: str) -> date:
    """End of a code; the service ends codes that are still valid with the range asked for."""
    return OPEN if text is None or text > fetched else date.fromisoformat(text)


def _date(text: str, where: str, problems: list[Problem]) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        problems.append(Problem(f"'{text}' is not a date", where))
        return None
