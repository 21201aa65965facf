"""What putting units on territories did, with counts, for the checks of a reform."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import PurePath

import polars as pl

from reformeval import periods
from reformeval.geography.unit_map import Place, UnitMap
from reformeval.periods import Frequency
from reformeval.register.records import UNITS, Record

MERGED, COMMON, RECODED = "territory_merged", "territory_common", "territory_code_change"
INCOMPLETE, SPECIAL, SOURCE = "territory_incomplete", "special_code", "territory_file"


def notes(mapped: UnitMap, kept: Collection[str], place: Place) -> tuple[Record, ...]:
    """Say what was merged, mapped or is incomplete, one note a unit, and what the file was.

    Parameters
    ----------
    mapped
        How the units were put on territories.
    kept
        Treated units and donors: only they are told one by one.
    place
        What is counted, and the frequency of the periods.
    """
    file = PurePath(mapped.classification.file).name
    frequency, counted = place.frequency, place.counted
    special = mapped.geography.special
    found = [_of_file(mapped, file)]
    by_target = mapped.rows.filter(
        pl.col("target").is_in(list(kept)) | pl.col("target").is_in(list(special))
    ).group_by("target", maintain_order=True)
    missing = mapped.parts.join(mapped.rows, on=("unit", "period"), how="anti").rows_by_key(
        "target"
    )
    recoded = []
    for (target,), rows in sorted(by_target, key=lambda item: str(item[0][0])):
        code, count = str(target), int(rows["rows"].sum())
        name = f"{mapped.labels[code]} ({code})"
        moved = rows.filter(pl.col("unit") != code)
        if code in special:
            text = f"{special[code]} ({code}) is no unit and is left out of the comparison."
            found.append(Record("count", SPECIAL, file, count, None, counted, text))
            continue
        if code in mapped.territories.blocks:
            text = f"{_made(name, rows, frequency)} The smallest territory constant over time."
            found.append(Record("count", COMMON, file, count, None, counted, text))
        elif rows.select("period", "unit").group_by("period").len()["len"].max() != 1:
            text = _made(name, rows, frequency)
            if code in rows["unit"] and moved.height:
                text += f" The code {code} meant another territory while the others existed."
            found.append(Record("count", MERGED, file, count, None, counted, text))
        elif moved.height:
            recoded.append(f"{', '.join(moved['unit'].unique().sort())} as {name}")
        if code in missing:
            units = sorted({unit for _, unit in missing[code]})
            last = periods.label(max(period for period, _ in missing[code]), frequency)
            text = (
                f"{name} lacks {', '.join(units)}, part of its territory until then, in some "
                f"periods up to {last}."
            )
            lost, of = len(missing[code]), mapped.parts.filter(target=code).height
            found.append(Record("unlinked", INCOMPLETE, file, lost, of, "unit-periods", text))
    if recoded:
        text = f"Codes changed and territories did not: {'; '.join(recoded)}."
        found.append(Record("count", RECODED, file, len(recoded), None, UNITS, text))
    return tuple(found)


def _made(name: str, rows: pl.DataFrame, frequency: Frequency) -> str:
    spans = rows.group_by("unit").agg(
        pl.col("period").min().alias("first"), pl.col("period").max().alias("last")
    )
    told = [
        f"{unit} ({' to '.join(periods.label(p, frequency) for p in (first, last))})"
        for unit, first, last in spans.sort("first", "unit").iter_rows()
    ]
    return f"{name} is {', '.join(told)}."


def _of_file(mapped: UnitMap, file: str) -> Record:
    classification = mapped.classification
    own = mapped.geography.as_of
    fetched = f", fetched {classification.fetched}" if classification.fetched else ""
    text = (
        f"Units on the geography of {mapped.geography.year}; the data's codes are of "
        f"{own or 'their own time'}. Classification {file}{fetched}, last change "
        f"{classification.last_change}, SHA-256 {classification.sha256}."
    )
    return Record("rule", SOURCE, file, int(mapped.rows["rows"].sum()), None, "", text)
