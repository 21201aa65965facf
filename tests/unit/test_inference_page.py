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


def test_measured_sizes_hold_where_units_are_alike() -> None:
    for size in _sizes.SIZES:
        error = (size.level * (1 - size.level) / size.draws) ** 0.5
        assert size.sd_ratio != 1 or size.rate <= size.level + 3.5 * error, size


def test_a_few_rows_are_measured_anew() -> None:
    from tests.validation import sizes

    for size in sizes.of_changes(9, 2.0, 400):
        known = next(
            s for s in _sizes.SIZES
            if (s.statistic, s.donors, s.sd_ratio) == (size.statistic, 9, 2.0)
        )  # fmt: skip
        assert abs(size.rate - known.rate) <= 4 * (known.rate * (1 - known.rate) / 400) ** 0.5
