"""Versions of units over time and the changes that lead from one to the next.

A code is not a territory: Trondheim was 5001 before and after it took in Klæbu on 1 January 2020.
So what is followed is a *version*: one code with one territory, from one day until another. A
change leads from a version that ends on a day to one that begins on it. Several changes of one
day that share versions are one *event*: a merger, a split, or a transfer of parts.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from itertools import pairwise
from typing import Literal, TypeVar

from reformeval.errors import Problem, UserError

OPEN = date.max  # the end of a version that is still valid
_SHOWN = 8

Kind = Literal["code change", "name change", "merger", "split", "transfer"]
K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, order=True)
class Version:
    """One code with one territory and one name, valid from ``first`` until before ``until``."""

    code: str
    first: date
    until: date
    label: str

    def covers(self, day: date) -> bool:
        """Whether the version is valid on a day."""
        return self.first <= day < self.until

    def __str__(self) -> str:
        return f"{self.code} {self.label}"


Change = tuple[Version, Version]


@dataclass(frozen=True)
class Event:
    """What happened to some units on one day.

    Attributes
    ----------
    kind
        ``merger``: several became one. ``split``: one became several. ``transfer``: several
        became several, parts changing hands. With one unit before and after it is a ``code
        change`` or, where the code stayed, a ``name change``.
    before, after
        Versions that ended and that began, sorted.
    same_code
        Codes that stand on both sides of a merger, split or transfer: the same code, with another
        territory from that day on.
    """

    day: date
    kind: Kind
    before: tuple[Version, ...]
    after: tuple[Version, ...]

    @property
    def same_code(self) -> tuple[str, ...]:
        """Codes that mean another territory from this day on."""
        if self.kind in ("code change", "name change"):
            return ()
        return tuple(sorted({v.code for v in self.before} & {v.code for v in self.after}))


@dataclass(frozen=True, eq=False)
class Classification:
    """All versions and changes of a classification, and the file that they were read from.

    Attributes
    ----------
    versions, changes
        Sorted; make them with `classify`, which checks them.
    file, sha256
        Name and hash of the file.
    fetched
        Day on which the file was fetched, where it says so.
    """

    versions: tuple[Version, ...]
    changes: tuple[Change, ...]
    file: str = ""
    sha256: str = ""
    fetched: date | None = None

    @cached_property
    def by_code(self) -> Mapping[str, tuple[Version, ...]]:
        """Versions of each code, in order of time."""
        found: dict[str, list[Version]] = {}
        for version in self.versions:
            found.setdefault(version.code, []).append(version)
        return {code: tuple(versions) for code, versions in found.items()}

    @cached_property
    def next(self) -> Mapping[Version, tuple[Version, ...]]:
        """Versions that each version became."""
        return _grouped(self.changes)

    @cached_property
    def previous(self) -> Mapping[Version, tuple[Version, ...]]:
        """Versions that each version was made from."""
        return _grouped((after, before) for before, after in self.changes)

    @property
    def last_change(self) -> date | None:
        """Day of the latest change; later ones are not known."""
        return max((after.first for _, after in self.changes), default=None)

    def version(self, code: str, day: date) -> Version | None:
        """Return the version of a code that is valid on a day."""
        return next((v for v in self.by_code.get(code, ()) if v.covers(day)), None)


def classify(
    versions: Iterable[Version],
    changes: Iterable[Change],
    file: str = "",
    sha256: str = "",
    fetched: date | None = None,
) -> Classification:
    """Check versions and changes and put them in order.

    Raises
    ------
    UserError
        If versions of a code overlap, a version ends before it begins, or a change leads from a
        version that does not end, or to one that does not begin, on its day.
    """
    ordered, links = tuple(sorted(set(versions))), tuple(sorted(set(changes)))
    made = Classification(ordered, links, file, sha256, fetched)
    wrong = [f"{v} ends before it begins" for v in ordered if v.until <= v.first]
    for code, mine in made.by_code.items():
        wrong += [
            f"{code} has two meanings from {b.first}: {a.label} and {b.label}"
            for a, b in pairwise(mine)
            if b.first < a.until
        ]
    known = set(ordered)
    wrong += [
        f"the change from {before} (until {_day(before.until)}) to {after} (from {after.first}) "
        "joins versions that do not meet"
        for before, after in links
        if before.until != after.first or not {before, after} <= known
    ]
    if wrong:
        more = [f"and {len(wrong) - _SHOWN} more of this sort"] if len(wrong) > _SHOWN else []
        fix = "fetch the classification again with `reformeval geography --fetch`"
        raise UserError([Problem(text, where=file, fix=fix) for text in wrong[:_SHOWN] + more])
    return made


def events(classification: Classification, after: date, until: date) -> tuple[Event, ...]:
    """Give the events after one day up to and including another, in order of day and code."""
    days: dict[date, list[Change]] = {}
    for change in classification.changes:
        if after < change[1].first <= until:
            days.setdefault(change[1].first, []).append(change)
    found = []
    for day, changes in days.items():
        # The same version never stands on both sides of a day.
        for block in components({v for change in changes for v in change}, changes):
            found.append(_event(day, block))
    return tuple(sorted(found, key=lambda event: (event.day, event.after, event.before)))


def components(nodes: Collection[K], links: Iterable[Collection[K]]) -> list[frozenset[K]]:
    """Find the connected components of a graph whose links may join more than two nodes.

    Examples
    --------
    >>> [sorted(block) for block in components([1, 2, 3, 4], [(1, 3), (3, 4)])]
    [[1, 3, 4], [2]]
    """
    block_of = {node: {node} for node in nodes}
    for link in links:
        blocks = {id(block_of[node]): block_of[node] for node in link}
        largest, *others = sorted(blocks.values(), key=len, reverse=True)
        for block in others:
            largest |= block
            block_of.update(dict.fromkeys(block, largest))
    return [frozenset(block) for block in {id(b): b for b in block_of.values()}.values()]


def _event(day: date, block: Collection[Version]) -> Event:
    before = tuple(sorted(v for v in block if v.until == day))
    after = tuple(sorted(v for v in block if v.first == day))
    kind: Kind
    if len(before) > 1:
        kind = "merger" if len(after) == 1 else "transfer"
    elif len(after) > 1:
        kind = "split"
    else:
        kind = "name change" if before[0].code == after[0].code else "code change"
    return Event(day, kind, before, after)


def _grouped(pairs: Iterable[Change]) -> dict[Version, tuple[Version, ...]]:
    found: dict[Version, list[Version]] = {}
    for one, other in pairs:
        found.setdefault(one, []).append(other)
    return {one: tuple(sorted(others)) for one, others in found.items()}


def _day(day: date) -> str:
    return "now" if day == OPEN else str(day)
