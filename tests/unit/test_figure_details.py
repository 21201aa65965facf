"""What figures show of donors that adopt later, of long titles, and of event times."""

from __future__ import annotations

from datetime import date

from evidence_helpers import TIMING
from matplotlib.figure import Figure

from reformeval.figures import _layout, style
from reformeval.figures.calendar import LEFT_DONORS, NEVER, _donor_spans
from reformeval.report.results import events


def test_spans_of_a_donor() -> None:
    assert _donor_spans(TIMING, None) == [(TIMING.first, TIMING.last, NEVER)]
    assert _donor_spans(TIMING, date(2020, 6, 1)) == [
        (TIMING.first, date(2020, 5, 1), NEVER),
        (date(2020, 6, 1), TIMING.last, LEFT_DONORS),
    ]


def test_long_titles_of_panels_are_wrapped_and_short_ones_left() -> None:
    long = "With children against without children, born abroad"
    view = _layout.page("T", "S", ["All", "A", "B", "C", long], [])
    titles = [ax.get_title(loc="left") or ax.get_title() for ax in view.panels]
    assert titles[:4] == ["All", "A", "B", "C"]
    assert titles[4].replace("\n", " ") == long
    assert "\n" in titles[4]


def test_a_key_that_is_too_long_for_one_row_takes_two() -> None:
    heights = []
    for name in ("DiD", "penalisert syntetisk kontroll"):
        with style.context():
            view = _layout.page("T", "S", ["A"], [], [_layout.stroke("black", name)] * 6)
            view.figure.canvas.draw()
            (legend,) = view.figure.legends
            box = legend.get_window_extent()
            assert box.x1 <= view.figure.bbox.width
            assert box.y0 >= view.panels[0].get_window_extent().y1
        heights.append(box.height)
    assert heights[1] > 1.5 * heights[0]


def test_long_names_at_the_ends_of_lines_are_broken_and_keep_apart() -> None:
    ax = Figure().add_subplot()
    ax.set_ylim(0, 1)
    long = "Gjennomsnitt av 8 kontrollenheter"
    _layout.label_ends(ax, [(1.0, 0.5, long, "black"), (1.0, 0.51, "Bergen", "black")])
    shown = {text.get_text(): text.xy[1] for text in ax.texts}
    assert list(shown) == ["Gjennomsnitt av 8\nkontrollenheter", "Bergen"]
    first, second = shown.values()
    assert second - first >= 0.055 * 1.5 - 1e-12


def test_event_times_before_the_reform_are_not_hidden_by_a_method_without_them() -> None:
    def row(method: str, time: int, low: float | None) -> dict[str, object]:
        return {"band": "pointwise", "inference": method, "event_time": time, "ci_low": low}

    rows = [row("permutation", t, None if t == 1 else 0.0) for t in (-2, -1, 0, 1, 2)]
    rows += [row("conformal", t, 0.0) for t in (0, 2)]
    assert [r["event_time"] for r in events(rows, "pointwise")] == [-2, -1, 0, 1, 2]
    assert {r["inference"] for r in events(rows, "pointwise")} == {"permutation"}
