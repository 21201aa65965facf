"""What all estimators share: complete blocks, estimands, averages over units."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from reformeval.design import Bools, Design, Floats, Ints
from reformeval.errors import UnsupportedError
from reformeval.fit import Estimand, Fit, gather


def by_block(
    design: Design,
    assignments: Ints,
    estimands: Sequence[Estimand],
    estimate: Callable[[Design, Bools], Fit],
) -> Fit:
    """Estimate every complete block of a design and put the results together.

    Parameters
    ----------
    design
        Series may miss units and periods; one that cannot be estimated stays NaN.
    assignments
        (assignments, units) adoption indices; row 0 is the reform. A block takes those whose
        adopters all lie in it; the others stay NaN there.
    estimands
        Defined on the whole design, so that all blocks have the same.
    estimate
        Called with each block and its assignments as (assignments, units) booleans.

    Raises
    ------
    UnsupportedError
        If an assignment has another adoption date than the reform.
    """
    if not np.isin(assignments, (-1, design.adoption)).all():
        raise UnsupportedError("staggered or backdated assignments are not yet supported")
    return by_block_dated(
        design, assignments, estimands, lambda block, dates: estimate(block, dates >= 0)
    )


def by_block_dated(
    design: Design,
    assignments: Ints,
    estimands: Sequence[Estimand],
    estimate: Callable[[Design, Ints], Fit],
) -> Fit:
    """As `by_block`, for any adoption dates.

    Parameters
    ----------
    estimate
        Called with each block and its assignments as (assignments, units) adoption indices.
    """
    if assignments.ndim != 2 or assignments.shape[1] != len(design.units):
        raise ValueError("assignments must have shape (assignments, units)")
    if not np.array_equal(assignments[0], design.adopted):
        raise ValueError("row 0 of the assignments must be the reform's own")
    blocks = []
    for series, units, block in design.blocks():
        outside = np.delete(assignments, units, axis=1) >= 0
        rows = np.flatnonzero(~outside.any(axis=1))
        fit = estimate(block, assignments[np.ix_(rows, units)])
        blocks.append((series, units, rows, fit))
    if not blocks:
        return _nothing(design, assignments, tuple(estimands))
    return gather(design, assignments, blocks)


def _nothing(design: Design, assignments: Ints, estimands: tuple[Estimand, ...]) -> Fit:
    """Return a fit of NaN, for a design without any series that can be estimated."""
    series, _, periods = design.y.shape
    points = np.full((series, len(assignments), len(estimands)), np.nan)
    paths = np.full((series, len(assignments), periods), np.nan)
    return Fit(
        estimands=estimands,
        assignments=assignments,
        estimate=points,
        accept_low=points,
        accept_high=points,
        observed=paths,
        counterfactual=paths,
        in_fit=np.zeros((series, periods), dtype=bool),
    )


def equal_weights_only(design: Design, method: str) -> None:
    """Refuse weights of units where the method has no place for them."""
    spread = np.ptp(design.unit_weights, axis=1)
    if (spread > 1e-12 * np.abs(design.unit_weights).max(axis=1)).any():
        raise UnsupportedError(f"{method} weights treated units equally; use weights: equal")


def att_and_steps(design: Design) -> tuple[Estimand, ...]:
    """Estimands: the average over the post-periods, and one per step."""
    return (Estimand("att"), *(Estimand("step", step=step.id) for step in design.steps))


def windows(block: Design) -> Bools:
    """(estimands, periods) retained post-periods behind each of `att_and_steps`."""
    steps = [block.step_windows[step.id] & block.in_post for step in block.steps]
    return np.array([block.in_post, *steps])


def mean_over(values: Floats, mask: Bools) -> Floats:
    """Mean over the periods (last axis) of each mask: (..., masks); NaN for an empty mask.

    Values outside every mask may be missing.
    """
    counts = mask.sum(axis=-1)
    used = np.where(np.atleast_2d(mask).any(axis=0), values, 0.0)
    share = mask / np.where(counts == 0, np.nan, counts)[..., None]
    return np.asarray(used @ share.T)


def averages(block: Design, members: Bools) -> Floats:
    """(series, assignments, periods) weighted mean outcome of each assignment's members.

    Excluded periods, and assignments whose members have no weight, are NaN.
    """
    shares = unit_shares(block, members)
    retained = np.where(block.excluded, 0.0, block.y)
    return np.where(block.excluded, np.nan, shares @ retained)


def unit_shares(block: Design, members: Bools) -> Floats:
    """(series, assignments, units) weights of each assignment's members, summing to one."""
    weights = block.unit_weights[:, None, :] * members
    total = weights.sum(axis=2, keepdims=True)
    return np.asarray(weights / np.where(total == 0, np.nan, total))


def slopes(block: Design, members: Bools) -> Floats:
    """(series, assignments) weight of the reform's treated among donors less among treated.

    What one unit subtracted from the reform's treated units adds to each assignment's estimate,
    where donors are averaged with the units' own weights.
    """
    shares = unit_shares(block, ~members) - unit_shares(block, members)
    return np.asarray(shares[:, :, block.treated].sum(axis=2))
