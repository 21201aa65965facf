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
    words = {"permutation": "it", "rmspe_ratio": "the ratio", "conformal": "the other", "no": ""}
    said = _sizes.leanings(words, 20, noisy=True)
    near = _sizes.nearest(20, noisy=True)["permutation"]
    assert (near.donors, near.sd_ratio) == (19, 2.0)
    start = "with one treated unit, 19 donors and a ratio of 2 it rejects too often (28.6 % of true"
    assert said.startswith(start)
    assert "; the other keeps its level (" in said
    assert said.endswith(" at 5 %)")
    quiet = _sizes.leanings(words, 9, noisy=False)
    assert "it rejects too seldom" in quiet
    assert "the ratio rejects too often" in quiet
    assert "hagemann" not in _sizes.nearest(9, noisy=True)  # there is no such test
