"""Study: one reform with its sources and the settings, from which everything is resolved."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from reformeval.config.mappings import Named
from reformeval.config.models import Reform, Settings, Source
from reformeval.parts import OWN


@dataclass(frozen=True)
class Study:
    """One reform with everything that its results depend on.

    Attributes
    ----------
    name
        File stem of the reform file.
    source_name
        File stem of the source file.
    mappings
        Those that the reform names.
    others
        Further sources that outcomes are of, by name.
    """

    name: str
    reform: Reform
    source_name: str
    source: Source
    settings: Settings
    mappings: tuple[Named, ...] = ()
    others: Mapping[str, Source] = field(default_factory=dict)

    @property
    def sources(self) -> dict[str, Source]:
        """Every source by name, the reform's own first."""
        return {self.source_name: self.source, **self.others}

    @property
    def group_values(self) -> dict[str, tuple[str, ...]]:
        """Group variables and their values in any source (`group_values`)."""
        return group_values(self.source, self.mappings, self.others)

    def other(self, name: str | None) -> str:
        """Name of a source in the specs, where the reform's own has none."""
        return name if name is not None and name in self.others else OWN

    def of(self, name: str) -> Source:
        """Return a source by its name in the specs."""
        return self.others.get(name, self.source)


def group_values(
    source: Source, mappings: Collection[Named], others: Mapping[str, Source] | None = None
) -> dict[str, tuple[str, ...]]:
    """Group variables and their values for a reform that names these mappings.

    Those of mappings are in the place of the source's. Values that only further sources have come
    after them.
    """
    mapped = {one.content.variable: tuple(one.content.values) for one in mappings}
    known = source.group_values() | mapped
    for other in (others or {}).values():
        for variable, values in other.group_values().items():
            known[variable] = tuple(dict.fromkeys((*known.get(variable, ()), *values)))
    return known


def territory_year(source: Source, as_of: int | Literal["period"]) -> int | None:
    """Year of the territories of a reform that names none.

    Parameters
    ----------
    source
        The reform's own source.
    as_of
        What the codes of the data in question belong to.
    """
    first = source.geography.as_of if source.geography else as_of
    return next((year for year in (first, as_of) if year != "period"), None)


def other_sources(reform: Mapping[str, Any]) -> tuple[str, ...]:
    """Name the sources of a reform's outcomes beside its own, each once, in order.

    Parameters
    ----------
    reform
        The keys ``source`` and ``outcomes`` of a reform.
    """
    named = [
        name
        for one in (reform.get("outcomes") or {}).values()
        for name in (one.source, one.per.source if one.per else None)
    ]
    return tuple(dict.fromkeys(name for name in named if name and name != reform.get("source")))
