"""Read the files of the source `register`: each form with its own reader."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from reformeval.register.forms import Reading
from reformeval.register.split import Readings
from reformeval.sources.raw import earnings, kostra_11f, person_months, population
from reformeval.sources.register import RegisterSource

_READERS: dict[str, Callable[..., Iterable[Reading]]] = {
    "population": population.read_snapshots,
    "residence_spells": population.read_residence,
    "exits": population.read_exits,
    "assistance": kostra_11f.read_each,
    "earnings": earnings.read_each,
    "person_months": person_months.read_each,
}
# Forms whose units are where people live; who pays assistance may be any municipality.
_WITH_RESIDENCE = ("population", "residence_spells", "person_months")


def readings(source: RegisterSource, data: Path) -> dict[str, Readings]:
    """Give per form what reads its files, one after the other.

    Parameters
    ----------
    source
        Where the files are, how they are written and which units there are.
    data
        Folder that their paths are relative to.
    """
    found: dict[str, Readings] = {}
    for form, files in source.forms():
        known = {"known_units": source.known_units()} if form in _WITH_RESIDENCE else {}
        found[form] = partial(_READERS[form], files, data, **known)
    return found
