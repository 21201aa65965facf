"""Write `docs/validation.md` from what is committed of every study in `docs/validation/`."""

from __future__ import annotations

from pathlib import Path

from reformeval.artefacts import write_text
from tests.validation import placebo_page, register_page, size_page, studies

PAGE = studies.DOCS / "validation.md"


def text() -> str:
    """Fill the template with every study's tables."""
    page = (Path(__file__).parent / "page.md").read_text(encoding="utf-8")
    sections = {"sizes": size_page.section(), "placebo": placebo_page.section()}
    for key, value in {**register_page.filled(), **sections}.items():
        page = page.replace("{{" + key + "}}", value)
    return page


def write() -> None:
    """Write the page."""
    write_text(text(), PAGE)
