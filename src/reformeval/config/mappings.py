"""Which group mappings there are: those of the program, and a project's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from reformeval.config import validation
from reformeval.config.yaml_marks import Document, read
from reformeval.sources._mapping import GroupMapping
from reformeval.spec import GroupCases

SHIPPED = Path(__file__).parents[1] / "mappings"
MAPPINGS_DIR = "config/mappings"


@dataclass(frozen=True)
class Named:
    """A mapping under its file stem."""

    name: str
    content: GroupMapping

    def cases(self) -> GroupCases:
        """Give what jobs read of it."""
        return GroupCases(
            self.name,
            self.content.version,
            self.content.variable,
            self._note(),
            tuple(
                (value, tuple(sorted(condition.items())))
                for value, listed in self.content.values.items()
                for condition in listed
            ),
        )

    def _note(self) -> str:
        valid, content = self.content.valid, self.content
        months = " ".join(
            f"{word} {month}"
            for word, month in (("from", valid.first), ("to", valid.last))
            if month
        )
        return (
            f"{content.variable} is by the mapping {self.name}, version {content.version}: "
            f"{content.title}." + (f" Official {months}." if months else "")
        )


@cache
def shipped() -> dict[str, Named]:
    """Read the mappings that come with the program, by name."""
    found = {}
    for path in sorted(SHIPPED.glob("*.yaml")):
        document = read(path.read_text(encoding="utf-8"), path.name)
        content = of(document)
        if content is None or document.problems:
            raise ValueError(f"{path}: {document.problems}")  # a fault in the program
        found[path.stem] = Named(path.stem, content)
    return found


def of(document: Document) -> GroupMapping | None:
    """Read one mapping; what is wrong with it is added to the document."""
    if document.data is None:
        return None
    if not isinstance(document.data, dict):
        document.add((), "the file must be a mapping of keys to values")
        return None
    return validation.whole(GroupMapping, document)


def with_own(documents: Mapping[str, Document]) -> dict[str, Named]:
    """Put a project's own mappings beside the program's, which keep their names.

    Parameters
    ----------
    documents
        Files of ``config/mappings`` by stem; problems are added to them.
    """
    found = dict(shipped())
    for name, document in documents.items():
        if name in found:
            document.at_line(
                1,
                f"the program has a mapping '{name}' of its own, which always means the same",
                "rename the file",
            )
        elif (content := of(document)) is not None:
            found[name] = Named(name, content)
    return found
