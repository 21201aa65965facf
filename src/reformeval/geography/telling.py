"""What `reformeval geography` says: what happened to units between two years."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path

from reformeval.config import loader
from reformeval.config.models import Reform
from reformeval.errors import Problem, UserError, did_you_mean
from reformeval.geography import files
from reformeval.geography.classification import Classification, Event, events
from reformeval.geography.territories import Territories, onto

Say = Callable[[str], None]


def tell(
    root: Path,
    reforms: Sequence[str],
    years: tuple[int, int],
    say: Say,
    year: int | None = None,
    file: Path | None = None,
    everything: bool = False,
) -> None:
    """Say what changed for the units of reforms, and what becomes of them.

    Parameters
    ----------
    root
        The project's folder.
    reforms
        Names of reforms; none: all that have a geography.
    years
        First and last year.
    say
        Shows one line.
    year
        Territory year; default: the reform's, and with ``everything`` the last year.
    file
        The classification; default: the one that the settings name.
    everything
        Show the changes of all units instead.

    Raises
    ------
    UserError
        If the config has faults, a reform is not there, or the classification cannot be read.
    """
    first, last = years
    if first > last:
        raise UserError(f"--from {first} is after --to {last}")
    if file is not None and everything:
        config = None
        path = file
    else:
        config = loader.load(root)
        path = file or loader.geography_file(config.settings, root)
    classification = files.read(path)
    known = f"last change {classification.last_change}"
    if classification.fetched:
        known = f"fetched {classification.fetched}, {known}"
    say(f"{path.name}: {known}, SHA-256 {classification.sha256[:12]}")
    # What changed on the first day of the first year holds in all of its data.
    found = events(classification, date(first, 1, 1), date(last, 12, 31))
    if everything or config is None:
        _all(classification, found, year or last, years, say)
        return
    for name in _named(config, reforms):
        _one(classification, found, name, config.reforms[name], year, years, say)


def fetch(root: Path, file: Path | None, say: Say) -> None:
    """Fetch the classification of municipalities and keep it in the project's file."""
    from reformeval.geography import klass  # the only part that needs the network

    path = file or loader.geography_file(loader.load(root).settings, root)
    classification = klass.fetch(path)
    say(f"{path}: {len(classification.versions)} versions, {len(classification.changes)} changes")


def _named(config: loader.Config, reforms: Sequence[str]) -> list[str]:
    problems = [
        Problem(f"there is no reform {name}", fix=did_you_mean(name, config.reforms))
        for name in reforms
        if name not in config.reforms
    ]
    if problems:
        raise UserError(problems)
    chosen = list(reforms) or [n for n, r in config.reforms.items() if r.geography is not None]
    if not chosen:
        raise UserError(Problem("no reform has a geography", fix="show all units with --all"))
    return chosen


def _all(
    classification: Classification,
    found: Sequence[Event],
    year: int,
    years: tuple[int, int],
    say: Say,
) -> None:
    say(f"All changes from {years[0]} to {years[1]}; territories of {year}")
    lines = list(_lines(classification, found, year, years))
    for line in lines or ["  nothing changed"]:
        say(line)


def _one(
    classification: Classification,
    found: Sequence[Event],
    name: str,
    reform: Reform,
    year: int | None,
    years: tuple[int, int],
    say: Say,
) -> None:
    comparison = reform.comparison
    named = [*reform.treatment.units, *(comparison.units or ())]
    day = year or (reform.geography.year if reform.geography else years[1])
    say(f"{name}: {', '.join(named)} from {years[0]} to {years[1]}; territories of {day}")
    codes = {code for unit in named for code in unit.split("+")}
    territories = _common(classification, day, years)
    touched = {
        version
        for version, images in territories.images.items()
        if codes & {image.code for image in images}
    }
    absent = sorted(codes - {image.code for v in touched for image in territories.images[v]})
    if absent:
        say(f"  not on the geography of {day}: {', '.join(absent)}")
    mine = [event for event in found if touched & {*event.before, *event.after}]
    for line in list(_lines(classification, mine, day, years)) or ["  nothing changed"]:
        say(line)
    if comparison.units is None:
        chosen = f"the {comparison.largest} largest others" if comparison.largest else "all others"
        say(f"  donors are {chosen}: see their changes with --all")


def _common(classification: Classification, year: int, years: tuple[int, int]) -> Territories:
    return onto(classification, year, date(years[0], 1, 1), date(years[1], 12, 31), "common")


def _lines(
    classification: Classification, found: Sequence[Event], year: int, years: tuple[int, int]
) -> Iterator[str]:
    """Give the lines of each event: what it was, and what the data of its units comes to."""
    territories = _common(classification, year, years)
    width = max((len(event.kind) for event in found), default=0)
    for event in found:
        before, after = (" + ".join(map(str, side)) for side in (event.before, event.after))
        yield f"  {event.day}  {event.kind:<{width}}  {before} -> {after}"
        indent = " " * (16 + width)
        if event.same_code:
            codes = ", ".join(event.same_code)
            yield f"{indent}same code, other territory: {codes}"
        if event.kind != "name change":
            yield f"{indent}{_fate(event, territories)}"


def _fate(event: Event, territories: Territories) -> str:
    """Say what data of the event's units comes to on the territory year."""
    involved = [v for v in (*event.before, *event.after) if v in territories.target]
    targets = sorted({territories.target[version] for version in involved})
    divided = sorted({str(v) for v in involved if len(territories.images[v]) > 1})
    on = f"on {territories.year}"
    if divided:
        return (
            f"{on}, {', '.join(divided)} is known only in parts: the run stops, or with "
            f"splits: common they are one unit, {', '.join(targets)}"
        )
    if any(target in territories.blocks for target in targets):
        return f"{on}, with splits: common, a part of {', '.join(targets)}"
    how = "mapped to" if len(event.before) == len(event.after) == 1 else "added up to"
    return f"{on} {how} {', '.join(targets)}"
