"""What a population must satisfy, given its outcome, its source and the reform's dates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reformeval import periods
from reformeval.config import rules_time
from reformeval.config.models import Population, Source, Treatment, Window
from reformeval.config.yaml_marks import Document, Path, dotted
from reformeval.errors import did_you_mean
from reformeval.sources._register_keys import COUNTED_OVER

_ONLY_FOR = {"months": "prior_recipients", "after": "entrants"}


def counted(document: Document, path: Path, name: str, population: Population | None) -> None:
    """Ask that an outcome says whom it counts, and counts those it has a meaning in."""
    only = COUNTED_OVER.get(name, ())
    if population is None:
        document.add(
            path,
            f"`{dotted(path)}` does not say whom it counts",
            "give the reform or the outcome a population: residents, prior_recipients, "
            "current_recipients or entrants",
        )
    elif only and population.kind not in only:
        document.add(
            path,
            f"`{dotted(path)}` counts among {' or '.join(only)}, not among {population.kind}",
            f"give it population: {only[0]}",
        )


def check(
    document: Document,
    path: Path,
    population: Population | None,
    source: Source,
    keys: Mapping[str, Any],
) -> None:
    """Report what is wrong with a population by itself and given the source."""
    if population is None:
        return
    if population.kind not in source.populations():
        fix = (
            did_you_mean(population.kind, source.populations())
            if source.is_register
            else "take it out: a table says itself whom it counts"
        )
        document.add(path, f"`{dotted(path)}`: the source cannot count {population.kind}", fix)
        return
    if not source.is_register:
        for key in ("months", "after", "ages", "groups", "movers"):
            if getattr(population, key) is not None:
                document.add(
                    (*path, key),
                    f"`{dotted((*path, key))}` is only for registers",
                    "take it out: a table says itself whom it counts",
                )
        return
    for key, kind in _ONLY_FOR.items():
        if getattr(population, key) is not None and population.kind != kind:
            document.add(
                (*path, key), f"`{dotted((*path, key))}` is only for {kind}", "take it out"
            )
    if population.ages is not None and population.ages[0] > population.ages[1]:
        document.add(
            (*path, "ages"),
            f"`{dotted(path)}.ages`: {population.ages[0]} is above {population.ages[1]}",
            "give the lower age first",
        )
    if population.kind == "prior_recipients":
        _selection(document, path, population.months or 12, source, keys.get("treatment"))
    if population.kind == "entrants":
        _new(document, path, population.after or 6, source, keys.get("window"))


def _selection(
    document: Document, path: Path, months: int, source: Source, treatment: Treatment | None
) -> None:
    """Ask that the selection window of prior recipients lies inside the source."""
    before = rules_time.months_before(source, treatment) if treatment else None
    if before is not None and before < months:
        document.add(
            path,
            f"`{dotted(path)}`: prior_recipients are chosen over {months} months before "
            f"adoption and its anticipation, and the source has {before}",
            "choose fewer months",
        )


def _new(document: Document, path: Path, after: int, source: Source, window: Window | None) -> None:
    """Ask that the months without assistance before the first entrants lie inside the source."""
    limits = source.period_range()
    if window is None or limits is None:
        return
    try:
        first = periods.parse(window.first, source.frequency)
    except ValueError:
        return  # reported with the window
    earliest = periods.shift(limits[0], after, source.frequency)
    if first < earliest:
        document.add(
            path,
            f"`{dotted(path)}`: entrants are without assistance in the {after} months before, and "
            f"the source begins in {periods.label(limits[0], source.frequency)}",
            f"start the window in {periods.label(earliest, source.frequency)}, or set after to "
            "fewer months",
        )
