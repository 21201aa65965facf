"""What is committed of the studies: tables and the facts of their runs, in `docs/validation/`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from reformeval.artefacts import write_text

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
FOLDER = DOCS / "validation"
RAW = ROOT / ".reformeval" / "validation"
FACTS = FOLDER / "studies.json"


def facts(study: str) -> dict[str, Any]:
    """Seeds, counts and code hashes of a study's run."""
    found: dict[str, Any] = json.loads(FACTS.read_text(encoding="utf-8"))[study]
    return found


def note(study: str, new: dict[str, Any]) -> None:
    """Put the facts of a study's run in place of the old ones."""
    every = json.loads(FACTS.read_text(encoding="utf-8")) if FACTS.exists() else {}
    every[study] = new
    write_text(json.dumps(every, indent=2, sort_keys=True) + "\n", FACTS)
