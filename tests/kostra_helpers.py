"""Records of form 11F, written field by field by the layout that ships for a year."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from reformeval.sources.raw.layout import Layout, layout_for
from reformeval.sources.raw.models import Kostra11F, Years, by_month

GRANTS = by_month("BIDRAG")
LOANS = by_month("LAAN")


def line(layout: Layout, **values: Any) -> str:
    """One line: numbers are filled up with zeros, text with blanks."""
    chars = [" "] * layout.width
    for field in layout.fields:
        value = values.pop(field.name, None)
        if value is None:
            continue
        text = str(value)
        text = text.zfill(field.width) if isinstance(value, int) else text.ljust(field.width)
        assert len(text) == field.width, field.name
        chars[field.first - 1 : field.last] = text
    assert not values, f"no fields {sorted(values)}"
    return "".join(chars)


def record(year: int = 2022, **values: Any) -> str:
    """A record that breaks no rule: 9,000 NOK in January and February."""
    layout = layout_for("kostra_11f", year, "tests")
    usual: dict[str, Any] = {
        "KOMMUNE_NR": "0301",
        "VERSION": f"{year % 100:02d}",
        "PERSON_JOURNALNR": "J1",
        "PERSON_FODSELSNR": "01019012345",
        "KJONN": "2",
        "EKTSTAT": "1",
        "BU18": "2",
        "BIDRAG": 18_000,
        "LAAN": 0,
        "BIDRAG_JAN": 9_000,
        "BIDRAG_FEB": 9_000,
        "STMND_1": "01",
        "STMND_2": "02",
        "SAKSBEHANDLER": "Åse",
        "VILKARSOSLOV": "1",
    }
    return line(layout, **(usual | values))


def save(
    folder: Path, *lines: str, year: int = 2022, encoding: str = "cp1252", **keys: Any
) -> Kostra11F:
    """Write a year's file and describe it."""
    path = folder / "kostra" / f"11f_{year}.dat"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes("".join(text + "\r\n" for text in lines).encode(encoding))
    return Kostra11F(years=Years(first=year, last=year), encoding=encoding, **keys)
