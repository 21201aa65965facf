"""The part of a reform's panel that one source gives: its outcomes, in the groups that it has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from reformeval.spec import Geography, Group, PanelSpec

OWN = ""  # the reform's own source, in the place of a name


def of_source(
    spec: PanelSpec,
    name: str,
    known: Mapping[str, tuple[str, ...]],
    geography: Geography | None,
) -> PanelSpec:
    """Give what is asked of one source.

    Parameters
    ----------
    spec
        What the reform asks of all its sources.
    name
        The source's name, or `OWN`.
    known
        Its group variables with their values; no values: not known before the data is read.
    geography
        How its units are put on territories.
    """
    return replace(
        spec,
        outcomes=tuple(one for one in spec.outcomes if one.source == name),
        denominators=tuple(one for one in spec.denominators if one.source == name),
        groups=tuple(group for group in spec.groups if has(known, group)),
        geography=geography,
    )


def has(known: Mapping[str, tuple[str, ...]], group: Group) -> bool:
    """Whether a source with these group variables and values has a group."""
    return all(
        variable in known and (not known[variable] or value in known[variable])
        for variable, value in group.terms
    )
