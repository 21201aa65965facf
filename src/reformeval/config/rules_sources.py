"""What a reform file must satisfy where outcomes are of several sources."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from reformeval.config.models import Headline, Outcome, Source
from reformeval.config.study import group_values, territory_year
from reformeval.config.yaml_marks import Document, Path, dotted
from reformeval.errors import did_you_mean
from reformeval.parts import has
from reformeval.spec import Contrast, Group


def check(
    document: Document,
    keys: Mapping[str, Any],
    sources: Mapping[str, Source],
    source_names: Collection[str],
) -> dict[str, Source]:
    """Report sources of outcomes that cannot stand beside the reform's own.

    Parameters
    ----------
    document
        The reform file; problems are added to it.
    keys
        Its valid keys (`validation.by_key`).
    sources
        Sources that could be read.
    source_names
        All source files, those with faults included.

    Returns
    -------
    dict
        The further sources that can be used, by name.
    """
    own_name = keys.get("source")
    own = sources.get(own_name) if own_name is not None else None
    usable: dict[str, Source] = {}
    for path, name in _named(keys):
        there = exists(document, path, name, source_names) and name in sources
        if there and own is not None and _fits(document, path, name, keys, sources):
            usable[name] = sources[name]
    _own_is_used(document, keys)
    return usable


def exists(document: Document, path: Path, name: str, source_names: Collection[str]) -> bool:
    """Report a source that has no file; tell whether it has one."""
    if name not in source_names:
        document.add(
            path,
            f"`{dotted(path)}`: there is no config/sources/{name}.yaml",
            did_you_mean(name, source_names) or "write one, or start with `reformeval new`",
        )
    return name in source_names


def _named(keys: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """Give every place that names a source beside the reform's own."""
    outcomes: Mapping[str, Outcome] = keys.get("outcomes") or {}
    for name, outcome in outcomes.items():
        path: Path = ("outcomes", name)
        per = outcome.per.source if outcome.per else None
        for at, source in (((*path, "source"), outcome.source), ((*path, "per", "source"), per)):
            if source is not None and source != keys.get("source"):
                yield at, source


def _fits(
    document: Document,
    path: Path,
    name: str,
    keys: Mapping[str, Any],
    sources: Mapping[str, Source],
) -> bool:
    """Report a register, and periods or territories that are not those of the reform."""
    own, other = sources[keys["source"]], sources[name]
    here = f"`{dotted(path)}`"
    if other.is_register:
        document.add(
            path,
            f"{here}: '{name}' is a {other.kind} source: its persons are counted for a reform of "
            "its own units and window",
            f"write source: {name} for the reform and name the other source, a table, under its "
            "outcomes",
        )
        return False
    if other.frequency != own.frequency:
        document.add(
            path,
            f"{here}: '{name}' has a value a {other.frequency}, and the reform's source "
            f"'{keys['source']}' one a {own.frequency}",
            f"name a source with a value a {own.frequency}",
        )
        return False
    if (
        other.geography is not None
        and keys.get("geography") is None
        and territory_year(own, other.geography.as_of) is None
    ):
        document.add(
            path,
            f"{here}: `geography` is missing: the unit codes of '{name}' are of their own time",
            "say on which territories the reform is studied, e.g. geography: 2020",
        )
    return True


def _own_is_used(document: Document, keys: Mapping[str, Any]) -> None:
    """Ask that the source whose units are studied has an outcome."""
    outcomes: Mapping[str, Outcome] = keys.get("outcomes") or {}
    name = keys.get("source")
    used = [
        source in (None, name)
        for one in outcomes.values()
        for source in (one.source, (one.per.source or one.source) if one.per else one.source)
    ]
    if name is not None and used and not any(used):
        other = next(iter(outcomes.values())).source
        document.add(
            ("source",),
            f"`source`: no outcome is of '{name}', whose units would be studied",
            f"write source: {other} for the reform, and take it out of the outcomes",
        )


def headline(
    document: Document,
    keys: Mapping[str, Any],
    own: Mapping[str, tuple[str, ...]],
    others: Mapping[str, Source],
) -> None:
    """Ask that the sources of the headline's outcome have the headline's group.

    Parameters
    ----------
    own
        Group variables and values of the reform's own source.
    others
        The further sources that can be used, by name.
    """
    given: Headline | None = keys.get("headline")
    outcome: Outcome | None = (keys.get("outcomes") or {}).get(given.outcome) if given else None
    if given is None or outcome is None:
        return
    per = outcome.per.source if outcome.per else None
    for name in dict.fromkeys((outcome.source, per or outcome.source)):
        known = own if name in (None, keys.get("source")) else _groups_of(others.get(str(name)))
        lacking = [g for g in _terms(given.group) if known is not None and not has(known, g)]
        if lacking and any(has(one, lacking[0]) for one in _all(own, others)):
            document.add(
                ("headline", "group"),
                f"`headline.group`: the source {name or keys.get('source')} of "
                f"'{given.outcome}' has no group {lacking[0].name}",
                "choose a group that it has, e.g. all, or another outcome",
            )


def _groups_of(source: Source | None) -> Mapping[str, tuple[str, ...]] | None:
    return None if source is None else group_values(source, ())


def _all(
    own: Mapping[str, tuple[str, ...]], others: Mapping[str, Source]
) -> Iterator[Mapping[str, tuple[str, ...]]]:
    yield own
    for source in others.values():
        yield group_values(source, ())


def _terms(name: str) -> list[Group]:
    """Give the groups that a headline names: one, or both of a contrast."""
    return [
        Group(tuple((v, value) for v, _, value in (t.partition("=") for t in one.split(" & "))))
        for one in name.split(Contrast.BETWEEN)
        if one != Group().name
    ]
