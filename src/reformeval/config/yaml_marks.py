"""YAML with the line of every key: reading it without the traps of YAML 1.1.

`yaml.safe_load` reads an unquoted ``NO`` as false, ``0301`` as 193 and ``12:30`` as 750, keeps
the last of two equal keys without a word, and forgets where everything stood. Here the node
graph is read instead: traps and duplicate keys are problems with file and line.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

import yaml

from reformeval.errors import Problem

Path = tuple[str | int, ...]

FILL_IN = "FILL IN"
_MAX_NODES = 50_000
_MAX_DIGITS = 18
_TAG = "tag:yaml.org,2002:"
_LEADING_ZERO = re.compile(r"[-+]?0[0-9_]+")
_EXPONENT = re.compile(r"[-+]?[0-9][0-9_]*\.?[0-9_]*[eE][-+]?[0-9]+")
_NUMBER = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")

# What usually lies behind the words of the YAML library.
_HINTS = {
    "mapping values are not allowed": 'a text with a colon in it must stand in quotes: "a: b"',
    "'\\t' that cannot start": "indent with spaces, not with tabs",
    "unknown escape character": "write / instead of \\, or use single quotes",
    "while scanning an alias": 'a text that begins with * must stand in quotes: "*"',
    "while scanning an anchor": 'a text that begins with & must stand in quotes: "&"',
    "that cannot start any token": "a text that begins with %, @ or ` must stand in quotes",
    "expected ',' or": "close the bracket, put a comma between entries, and quote texts that "
    "hold commas, colons or brackets",
    "'<stream end>'": "close the bracket, or give the last key a value",
    "found unexpected end of stream": "close the quotation mark or bracket",
    "expected <block end>": "indent keys of one mapping alike, and close quotation marks and "
    "brackets on the lines before",
}


def dotted(path: Path) -> str:
    """Write a path the way a reader looks for it.

    Examples
    --------
    >>> dotted(("treatment", "steps", 1, "from"))
    'treatment.steps[1].from'
    """
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


@dataclass
class Document:
    """A YAML file as plain data, with the line of every key and what is wrong with it.

    Attributes
    ----------
    file
        Path shown in messages, relative to the working directory.
    data
        Mappings, lists, text, numbers, booleans and None; None if the file does not parse.
    lines
        Line of each key and list item.
    problems
        Problems with the line they stand on.
    """

    file: str
    data: Any = None
    lines: dict[Path, int] = field(default_factory=dict)
    problems: list[tuple[int, Problem]] = field(default_factory=list)
    _settled: set[Path] = field(default_factory=set)

    def line(self, path: Path) -> int:
        """Line of a path, or of the nearest key above it that the file has."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def where(self, path: Path) -> str:
        """Return ``file:line`` of a path."""
        return f"{self.file}:{self.line(path)}"

    def add(self, path: Path, message: str, fix: str = "") -> None:
        """Report a problem at a path, unless that very place was reported already."""
        if path in self._settled:
            return
        self._settled.add(path)
        self.at_line(self.line(path), message, fix)

    def at_line(self, line: int, message: str, fix: str = "") -> None:
        """Report a problem that belongs to a line rather than to a key."""
        problem = Problem(message, f"{self.file}:{line}", fix)
        if (line, problem) not in self.problems:
            self.problems.append((line, problem))


def read(text: str, file: str) -> Document:
    """Read YAML text; whatever is wrong with it ends up in ``problems``.

    Parameters
    ----------
    text
        The file's text.
    file
        Path to show in messages.
    """
    document = Document(file)
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        if node is None:
            document.at_line(1, "the file is empty", "write its keys")
        else:
            document.data = _Reader(document).value(node, ())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        said = " ".join(part for part in (error.context, error.problem) if part)
        begun = error.context_mark.line + 1 if error.context_mark else line
        if begun != line:
            said += f" (in what begins on line {begun})"
        hint = next((hint for sign, hint in _HINTS.items() if sign in said), "")
        document.at_line(line, f"this is not valid YAML: {said}", hint)
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1
        document.at_line(line, f"character U+{_code(error.character):04X} is not allowed in YAML")
    except (ValueError, OverflowError, RecursionError, yaml.YAMLError) as error:
        document.at_line(1, f"this is not valid YAML: {type(error).__name__}")
    return document


def _code(character: Any) -> int:
    return ord(character) if isinstance(character, str) else int(character)


class _Reader:
    """Turns nodes into plain data, noting lines, duplicate keys and traps."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.open: set[int] = set()
        self.count = 0

    def value(self, node: yaml.Node, path: Path) -> Any:
        self.count += 1
        if self.count > _MAX_NODES:
            raise yaml.YAMLError("the file's aliases multiply beyond any sensible size")
        self.document.lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        if id(node) in self.open:
            self.document.add(path, f"`{dotted(path)}` is an alias that contains itself")
            return None
        self.open.add(id(node))
        try:
            if not node.tag.startswith(_TAG):
                self._unknown_tag(node, path)
            if isinstance(node, yaml.MappingNode):
                return self._mapping(node, path)
            return [self.value(item, (*path, i)) for i, item in enumerate(node.value)]
        finally:
            self.open.discard(id(node))

    def _unknown_tag(self, node: yaml.Node, path: Path) -> None:
        self.document.add(
            path, f"`{dotted(path)}`: the tag {node.tag} is not used here", "delete the tag"
        )

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        out: dict[str, Any] = {}
        first: dict[Hashable, int] = {}
        merges: list[yaml.Node] = []
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if key_node.tag == f"{_TAG}merge":
                merges.append(value_node)
                continue
            key = self._key(key_node, path)
            if key is None:
                continue
            if key in first:
                self.document.at_line(
                    line,
                    f"`{dotted((*path, key))}` stands twice, first on line {first[key]}",
                    "delete one of the two; YAML would silently keep the last",
                )
                continue
            first[key] = line
            self.document.lines[(*path, key)] = line
            out[key] = self.value(value_node, (*path, key))
        for merged in merges:
            out = {**self._merged(merged, path), **out}
        return out

    def _merged(self, node: yaml.Node, path: Path) -> dict[str, Any]:
        """Keys brought in by ``<<: *anchor`` (or a list of anchors, of which the first wins)."""
        parts = node.value if isinstance(node, yaml.SequenceNode) else [node]
        out: dict[str, Any] = {}
        for part in parts:
            if not isinstance(part, yaml.MappingNode) or id(part) in self.open:
                self.document.at_line(
                    node.start_mark.line + 1, "`<<` can only bring in the keys of another mapping"
                )
                continue
            out = {**self.value(part, path), **out}
        return out

    def _key(self, node: yaml.Node, path: Path) -> str | None:
        line = node.start_mark.line + 1
        if not isinstance(node, yaml.ScalarNode):
            self.document.at_line(line, "a key must be plain text", "write the key in quotes")
            return None
        key = str(node.value)
        if not _encodes(key) or not node.tag.startswith(_TAG):
            self.document.at_line(line, "a key must be plain text", "write the key in quotes")
            return None
        plain = node.tag.removeprefix(_TAG) in {"str", "value", "timestamp"}
        if not plain or (node.style is None and _LEADING_ZERO.fullmatch(key)):
            self.document.at_line(
                line,
                f"the key {key} under `{dotted(path) or 'the file'}` is not text for YAML",
                f'write it in quotes: "{key}":',
            )
        return key

    def _scalar(self, node: yaml.ScalarNode, path: Path) -> Any:
        text, kind = str(node.value), node.tag.removeprefix(_TAG)
        if not _encodes(text):
            self.document.add(path, f"`{dotted(path)}` has a character that no file can hold")
            return "?"
        if text.strip() == FILL_IN:
            self.document.add(
                path,
                f"`{dotted(path)}` is not filled in yet",
                f"replace {FILL_IN}; the comment beside it says with what",
            )
            return text
        if kind == "null":
            return None
        if kind == "bool":
            return self._bool(text, path)
        if kind in {"int", "float"}:
            return self._number(text, path)
        if kind in {"str", "timestamp", "value", "merge"}:
            return self._plain(node, text, path)
        self._unknown_tag(node, path)
        return text

    def _bool(self, text: str, path: Path) -> bool | str:
        if text.lower() in {"true", "false"}:
            return text.lower() == "true"
        meant = "true" if text.lower() in {"yes", "on"} else "false"
        self._trap(path, text, meant, f'write "{text}" in quotes if it is a name, else {meant}')
        return text

    def _number(self, text: str, path: Path) -> int | float | str:
        if ":" in text:
            self._trap(path, text, "a number to base 60", f'write it in quotes: "{text}"')
        elif _LEADING_ZERO.fullmatch(text):
            self._leading_zero(text, path)
        elif not _NUMBER.fullmatch(text) or len(text) > _MAX_DIGITS:
            self._trap(
                path, text, "a number", "write numbers in plain digits, codes and names in quotes"
            )
        else:
            return int(text) if text.lstrip("+-").isdigit() else float(text)
        return text

    def _plain(self, node: yaml.ScalarNode, text: str, path: Path) -> str | float:
        if node.style is not None:
            return text
        if _LEADING_ZERO.fullmatch(text):
            self._leading_zero(text, path)
        elif _EXPONENT.fullmatch(text) and "_" not in text:
            self._trap(
                path, text, "text, not as a number", f"write {float(text):.15g}, or \"{text}\" if"
                " it is a name",
            )  # fmt: skip
        return text

    def _leading_zero(self, text: str, path: Path) -> None:
        self._trap(
            path,
            text,
            "a number (with leading zero even to base 8)",
            f'codes are text: write it in quotes, "{text}"',
        )

    def _trap(self, path: Path, text: str, read_as: str, fix: str) -> None:
        shown = text if len(text) <= 40 else f"{text[:40]}…"
        self.document.add(path, f"`{dotted(path)}`: YAML reads {shown} as {read_as}", fix)


def _encodes(text: str) -> bool:
    """Whether the text can be written: a lone surrogate from an escape cannot."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
