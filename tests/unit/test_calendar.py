"""The calendar says of donors that adopt later until when they are donors."""

from __future__ import annotations

from datetime import date

from evidence_helpers import TIMING

from reformeval.figures.calendar import LEFT_DONORS, NEVER, _donor_spans


def test_spans_of_a_donor() -> None:
    assert _donor_spans(TIMING, None) == [(TIMING.first, TIMING.last, NEVER)]
    assert _donor_spans(TIMING, date(2020, 6, 1)) == [
        (TIMING.first, date(2020, 5, 1), NEVER),
        (date(2020, 6, 1), TIMING.last, LEFT_DONORS),
    ]
