from __future__ import annotations

from pathlib import Path

from reformeval.inference import _router, _sizes

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


def test_leanings_are_those_measured() -> None:
    said = _sizes.lean("permutation", "it", 20, noisy=True)
    alike, unlike = _sizes.nearest("permutation", 20, noisy=True)
    assert (alike.donors, unlike.donors, unlike.sd_ratio) == (24, 24, 2.0)
    assert said.startswith("it rejects too often (measured with 24 donors and a ratio of 2: ")
    assert "too seldom" in _sizes.lean("permutation", "it", 20, noisy=False)
    assert "too often" in _sizes.lean("rmspe_ratio", "it", 9, noisy=False)
    assert _sizes.lean("cluster", "it", 9, noisy=True) == ""
