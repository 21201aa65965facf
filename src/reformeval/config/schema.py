"""JSON schemas of the config files, for completion and checks in editors.

``python -m reformeval.config.schema config/schema`` writes them; a test keeps them in step.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field, TypeAdapter

from reformeval.config.models import Reform, Settings, Source
from reformeval.sources._mapping import GroupMapping

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schemas() -> dict[str, str]:
    """Give the text of each schema file by its name."""
    kinds: Any = Annotated[Source, Field(discriminator="kind")]
    found: dict[str, dict[str, Any]] = {
        "reform.json": _of(Reform),
        "settings.json": _of(Settings),
        "mapping.json": _of(GroupMapping),
        "source.json": TypeAdapter(kinds).json_schema(),
    }
    return {
        name: json.dumps({"$schema": _DIALECT, **schema}, ensure_ascii=False, indent=2) + "\n"
        for name, schema in found.items()
    }


def _of(model: type[BaseModel]) -> dict[str, Any]:
    return model.model_json_schema(by_alias=True)


def write(folder: Path) -> None:
    """Write all schema files into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in schemas().items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    write(Path(sys.argv[1] if len(sys.argv) > 1 else "config/schema"))
