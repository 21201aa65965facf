from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from evidence_helpers import GROUPS, TIMING, panel, units_of

from reformeval.design import Design, from_panel
from reformeval.errors import UnsupportedError


def _design(frame: pl.DataFrame, weights: str = "equal") -> Design:
    return from_panel(frame, units_of(frame), TIMING, ["employed"], GROUPS, weights)  # type: ignore[arg-type]


def test_cells_stand_where_their_labels_say() -> None:
    frame = panel(units=4)
    design = _design(frame.sample(fraction=1.0, shuffle=True, seed=1))
    assert [(s.outcome, s.group) for s in design.series] == [("employed", g) for g in GROUPS]
    cell = frame.filter(
        outcome="employed", group=GROUPS[1], unit="4602", period=design.periods[9]
    ).row(0, named=True)
    assert design.units[2] == "4602"
    assert design.y[1, 2, 9] == cell["value"]
    assert design.n is not None
    assert design.n[1, 2, 9] == cell["n_persons"]
    assert design.adopted.tolist() == [12, -1, -1, -1]
    assert np.flatnonzero(design.excluded).tolist() == [18]


def test_weights_are_mean_persons_before_anticipation() -> None:
    # persons are 200 + unit + month: later months must not move the frozen weights
    design = _design(panel(units=4), "persons_pre")
    before = np.arange(24)[: 12 - TIMING.anticipation]
    expected = 200 + np.arange(4) + before.mean()
    np.testing.assert_allclose(design.unit_weights, [expected, expected])
    assert (_design(panel(units=4)).unit_weights == 1).all()


def test_weights_by_persons_need_persons() -> None:
    bare = panel(units=4).with_columns(n_persons=pl.lit(None, dtype=pl.Int64))
    with pytest.raises(UnsupportedError, match=r"persons_pre.*none for some units in employed"):
        _design(bare, "persons_pre")
