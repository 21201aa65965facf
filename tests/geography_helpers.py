"""A small made-up classification, and the places that tests say codes stand in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path

from reformeval.geography.classification import OPEN, Classification, Version, classify
from reformeval.geography.unit_map import Place

KLASS = "klass_131/klass_131_graph_vertices.csv"
PLACE = Place("data.csv", "kommune", "cells", "r", "month")

# Code, from, until: A takes in B and keeps its code; C is recoded to D; E is split into E and F,
# and a part of G goes to H, which goes on.
VERSIONS = (
    ("A", 2000, 2020),
    ("B", 2000, 2020),
    ("A", 2020, None),
    ("C", 2000, 2020),
    ("D", 2020, None),
    ("E", 2000, 2020),
    ("E", 2020, None),
    ("F", 2020, None),
    ("G", 2000, 2020),
    ("H", 2000, 2020),
    ("G", 2020, None),
    ("H", 2020, None),
    ("N", 2000, None),
)
CHANGES = (
    ("A", "A", 2020),
    ("B", "A", 2020),
    ("C", "D", 2020),
    ("E", "E", 2020),
    ("E", "F", 2020),
    ("G", "G", 2020),
    ("G", "H", 2020),
    ("H", "H", 2020),
)


def day(year: int | None) -> date:
    """The first day of a year; None: no end."""
    return OPEN if year is None else date(year, 1, 1)


def made(
    versions: Iterable[tuple[str, int, int | None]] = VERSIONS,
    changes: Iterable[tuple[str, str, int]] = CHANGES,
) -> Classification:
    """A classification from codes and years; labels are the codes in words."""
    built = [Version(c, day(a), day(b), f"Town {c}") for c, a, b in versions]
    ends = {(v.code, v.until): v for v in built}
    begins = {(v.code, v.first): v for v in built}
    links = [(ends[old, day(year)], begins[new, day(year)]) for old, new, year in changes]
    return classify(built, links, "made.csv", "0" * 64)


def write_csv(
    folder: Path,
    versions: Sequence[tuple[str, int, int | None]] = VERSIONS,
    changes: Sequence[tuple[str, str, int]] = CHANGES,
) -> Path:
    """The two CSV files of a classification; the one of versions is returned."""
    names = {(c, a): f"{i}" for i, (c, a, _) in enumerate(versions)}
    ends = {(c, b): names[c, a] for c, a, b in versions}
    rows = ['"name","code","label","variant","validFrom","validTo"']
    for code, first, until in versions:
        name = names[code, first]
        last = "NA" if until is None else f"{until}-01-01"
        rows.append(f'"{name}","{code}","Town {code}",1,{first}-01-01,{last}')
    path = folder / "made_vertices.csv"
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    edges = ["from,to,changeOccurred,from_name,to_name"]
    for old, new, year in changes:
        edges.append(f'0,0,{year}-01-01,"{ends[old, year]}","{names[new, year]}"')
    (folder / "made_edges.csv").write_text("\n".join(edges) + "\n", encoding="utf-8")
    return path
