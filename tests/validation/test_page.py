"""The page of the studies is what their committed tables say."""

from __future__ import annotations

from tests.validation import page


def test_the_page_is_written_from_what_is_committed() -> None:
    assert page.text() == page.PAGE.read_text(encoding="utf-8")
