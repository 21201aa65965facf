from __future__ import annotations

from pathlib import Path

from reformeval.inference import _router

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_has_the_rules_that_the_program_applies() -> None:
    page = (DOCS / "inference.md").read_text(encoding="utf-8")
    assert _router.fill(page) == page
    assert _router.table() in page


def test_every_method_has_its_page() -> None:
    index = (DOCS / "methods" / "README.md").read_text(encoding="utf-8")
    for name in _router.names():
        assert f"[{name}]({name}.md)" in index
        page = (DOCS / "methods" / f"{name}.md").read_text(encoding="utf-8")
        for heading in ("**When.**", "**Assumption.**", "**When it fails.**", "## Sources"):
            assert heading in page, name
