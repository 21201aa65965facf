"""Words and numbers of reports: every text is used, every used one exists, digits make sense."""

from __future__ import annotations

import ast
import re
import string
from dataclasses import replace
from pathlib import Path

import pytest
from report_fixture import SMALL

from reformeval.report import numbers, texts
from reformeval.report.results import group_label
from reformeval.spec import Group

PACKAGE = Path(texts.__file__).parents[1]


def _keys_in_code() -> tuple[set[str], set[str]]:
    """Keys said literally, and patterns of those put together, over code and templates."""
    literal, patterns = set(), set()
    folders = ("figures", "tables", "report")
    for path in sorted(p for folder in folders for p in (PACKAGE / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                literal.add(node.value)
            if isinstance(node, ast.JoinedStr):
                parts = [
                    re.escape(v.value) if isinstance(v, ast.Constant) else "[^.]+"
                    for v in node.values
                ]
                patterns.add("".join(parts))
    for path in (PACKAGE / "report" / "templates").glob("*.j2"):
        text = path.read_text(encoding="utf-8")
        literal |= set(re.findall(r"""say\(["']([\w.]+)["']""", text))
        patterns |= {
            re.escape(p) + "[^.]+" for p in re.findall(r"""say\(["']([\w.]+\.)["'] ~""", text)
        }
    return literal, {
        p for p in patterns if p.startswith(tuple("abcdefghijklmnopqrstuvwxyz")) and r"\." in p
    }


def test_every_text_is_used() -> None:
    literal, patterns = _keys_in_code()
    unused = [
        key
        for key in texts.load()
        if key not in literal and not any(re.fullmatch(p, key) for p in patterns)
    ]
    assert unused == []


def test_every_text_that_is_said_exists() -> None:
    said = set()
    for folder in ("figures", "tables", "report"):
        for path in (PACKAGE / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "say":
                    said |= {
                        c.value
                        for c in ast.walk(node.args[0])
                        if isinstance(c, ast.Constant)
                        and "." in str(c.value)
                        and not isinstance(node.args[0], ast.JoinedStr)
                    }
    for path in (PACKAGE / "report" / "templates").glob("*.j2"):
        said |= set(
            re.findall(r"""say\(["']([\w.]+[a-z_])["']""", path.read_text(encoding="utf-8"))
        )
    assert len(said) > 100
    assert {key for key in said if not texts.has(key)} == set()


def test_templates_contain_no_prose() -> None:
    for path in (PACKAGE / "report" / "templates").glob("*.j2"):
        text = path.read_text(encoding="utf-8")
        bare = re.sub(r"\{%.*?%\}|\{\{.*?\}\}|<[^>]*>", " ", text, flags=re.S)
        assert re.findall(r"[A-Za-z]{2,}", bare) == [], path.name


def test_placeholders_of_texts_are_names() -> None:
    for key, text in texts.load().items():
        names = [name for _, name, _, _ in string.Formatter().parse(text) if name is not None]
        assert all(name.isidentifier() for name in names), key


def test_group_labels_name_the_variable_where_the_value_says_nothing() -> None:
    from report_fixture import make_spec

    spec = make_spec("x", SMALL)
    assert group_label(spec, Group()) == "All"
    assert group_label(spec, Group((("origin", "other"),))) == "Origin: other"
    cross = Group((("family", "with_children"), ("origin", "non_western")))
    assert group_label(spec, cross) == "With children, non western"
    given = replace(spec, value_labels={"non_western": "non-Western"})
    assert group_label(given, cross) == "With children, non-Western"


@pytest.mark.parametrize(
    ("value", "decimals", "expected"),
    [(-1234.5, 1, "−1,234.5"), (-0.001, 1, "0.0"), (float("inf"), 2, "∞"), (None, 1, "—"),
     (float("-inf"), 2, "−∞"), (12345678.0, 0, "12,345,678")],
)  # fmt: skip
def test_numbers_are_written_for_readers(value, decimals: int, expected: str) -> None:
    assert numbers.number(value, decimals) == expected


def test_digits_follow_the_uncertainty() -> None:
    rows = [{"ci_low": -w, "ci_high": w, "estimate": 0.0} for w in (300.0, 400.0, float("inf"))]
    assert numbers.outcome_decimals(rows) == 0
    assert numbers.outcome_decimals([{"ci_low": None, "ci_high": None, "estimate": 0.0078}]) == 4
    assert numbers.outcome_decimals([]) == 2
