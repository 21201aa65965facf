"""Every version of a unit over a span of time, on the territories of one year.

Mergers and changes of code give every version one territory. A version that was split, or lost a
part of itself, has several; its people are never divided by a guess. Either such territories are
put together to the smallest ones that are constant over the span, or the version has none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from reformeval.geography.classification import Classification, Version, components
from reformeval.spec import SplitRule


@dataclass(frozen=True, eq=False)
class Territories:
    """Where every version goes.

    Attributes
    ----------
    year
        The territory year: units are those of its first day.
    images
        Per version that is valid at some time of the span: the units of the year that its
        territory became, or was made from. None at all if the version ends in nothing.
    target
        Per version the code of its territory: the only image's, or ``5055+5056`` for a common
        territory of several. Versions with several images are absent where splits stop the run.
    blocks
        Per common territory of several units its code and those units.
    """

    year: int
    images: Mapping[Version, tuple[Version, ...]]
    target: Mapping[Version, str]
    blocks: Mapping[str, tuple[Version, ...]]

    def touched(self, version: Version) -> tuple[str, ...]:
        """Codes of all territories that a version is a part of, or has parts in."""
        if version in self.target:
            return (self.target[version],)
        return tuple(image.code for image in self.images[version])

    def label(self, target: str) -> str:
        """Name a territory: the unit's name in the territory year, or all names."""
        if target in self.blocks:
            *most, last = [version.label for version in self.blocks[target]]
            return f"{', '.join(most)} and {last}"
        labels = (v.label for found in self.images.values() for v in found if v.code == target)
        return next(labels, target)


def correspondence(
    classification: Classification, day: date, year: int
) -> Mapping[str, tuple[str, ...]]:
    """Give for every code of a day the codes of the territory year that its territory touches."""
    return {
        version.code: tuple(image.code for image in _images(classification, version, _start(year)))
        for version in classification.versions
        if version.covers(day)
    }


def onto(
    classification: Classification,
    year: int,
    first: date,
    last: date,
    splits: SplitRule = "stop",
) -> Territories:
    """Put all versions of a span on the territories of one year.

    Parameters
    ----------
    classification
        Versions and changes.
    year
        The territory year.
    first, last
        The span: versions valid on some day of it are mapped.
    splits
        ``common`` joins the units of the year that share a version of the span, so that every
        version has one territory that is the same at all times; these are the smallest such
        territories. ``stop`` gives a version with several images no territory.
    """
    day = _start(year)
    images = {
        version: _images(classification, version, day)
        for version in classification.versions
        if version.first <= last and version.until > first
    }
    if splits == "stop":
        target = {v: found[0].code for v, found in images.items() if len(found) == 1}
        return Territories(year, images, target, {})
    joined = [found for found in images.values() if found]
    units = {unit for found in joined for unit in found}
    name = {}
    blocks = {}
    for block in components(units, joined):
        members = tuple(sorted(block))
        code = "+".join(member.code for member in members)
        name.update(dict.fromkeys(members, code))
        if len(members) > 1:
            blocks[code] = members
    target = {version: name[found[0]] for version, found in images.items() if found}
    return Territories(year, images, target, dict(sorted(blocks.items())))


def _images(classification: Classification, version: Version, day: date) -> tuple[Version, ...]:
    """Units of a day that a version's territory became (earlier versions) or was made from."""
    later = version.first > day
    reached, done = {version}, set()
    while reached:
        step = {v for v in reached if not v.covers(day)}
        done |= reached - step
        onward = classification.previous if later else classification.next
        reached = {other for v in step for other in onward.get(v, ())}
    return tuple(sorted(done))


def _start(year: int) -> date:
    return date(year, 1, 1)
