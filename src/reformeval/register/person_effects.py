"""Least squares with person effects, from sums that add up over buckets of persons.

With S_p the column sums of person p's T_p rows and M the matrix that takes out person means,

    X'MX = Σ_p (X_p'X_p − S_p S_p' / T_p)

so that a register is read once, person by person, and only sums over persons are kept (the
within transformation, Wooldridge 2010, section 10.5, written as sums). Every row of X here has a
single one: its column, such as the month. Regressors that are linear combinations of columns,
the same in all rows of a cluster, follow from the sums.

The sums are kept per cluster, Σ over the cluster's rows of x̃ x̃' and x̃ ỹ with x̃ and ỹ less their
person means. The score of a cluster at coefficients θ is then x̃ỹ − x̃x̃'θ: what elsewhere needs a
second pass over the residuals needs none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from reformeval.design import Bools, Floats, Ints

PERSONS_AT_ONCE = 4_096
_COLLINEAR = 1e-9


@dataclass(frozen=True, eq=False)
class Sums:
    """Sums over the rows of each cluster; those of several buckets are added.

    Persons with one row say nothing once their mean is taken out: they are in no sum.

    Attributes
    ----------
    cross
        (clusters, columns, columns) Σ x̃ x̃'.
    moment
        (clusters, columns) Σ x̃ ỹ.
    rows
        (clusters, columns) rows by column.
    persons
        Number of persons.
    movers
        Of these, persons with rows in more than one cluster.
    """

    cross: Floats
    moment: Floats
    rows: Ints
    persons: int = 0
    movers: int = 0

    def __add__(self, other: Sums) -> Sums:
        """Add the sums of another bucket."""
        return Sums(
            self.cross + other.cross,
            self.moment + other.moment,
            self.rows + other.rows,
            self.persons + other.persons,
            self.movers + other.movers,
        )

    def select(self, clusters: Ints) -> Sums:
        """Take some clusters out; they stand alone only where no person moves."""
        if self.movers:
            raise ValueError("persons move between clusters")
        return Sums(self.cross[clusters], self.moment[clusters], self.rows[clusters], self.persons)


@dataclass(frozen=True, eq=False)
class Solution:
    """Coefficients of the regressors that are not collinear, and their covariance.

    Attributes
    ----------
    kept
        (regressors,) False for those collinear with persons and with earlier regressors.
    coefficients, covariance
        (regressors,) and (regressors, regressors); NaN where not kept. The covariance is CRV1 by
        cluster.
    """

    kept: Bools
    coefficients: Floats
    covariance: Floats


def empty(clusters: int, columns: int) -> Sums:
    """Give the sums of no rows."""
    return Sums(
        np.zeros((clusters, columns, columns)),
        np.zeros((clusters, columns)),
        np.zeros((clusters, columns), dtype=np.int64),
    )


def accumulate(
    person: Ints, cluster: Ints, column: Ints, y: Floats, clusters: int, columns: int
) -> Sums:
    """Sum the rows of whole persons; arguments as of `add`."""
    return add(empty(clusters, columns), person, cluster, column, y)


def add(total: Sums, person: Ints, cluster: Ints, column: Ints, y: Floats) -> Sums:
    """Add the rows of further whole persons to sums, whose arrays are changed in place.

    Parameters
    ----------
    person
        (rows,) numbers; the rows of a person stand together.
    cluster, column
        (rows,) indices into the axes of the sums. A person has one row per column.
    y
        (rows,) outcome; rows where it is NaN are left out.

    Raises
    ------
    ValueError
        If a person has two rows in the same column, or rows that do not stand together.
    """
    known = ~np.isnan(y)
    if not known.all():
        person, cluster, column, y = person[known], cluster[known], column[known], y[known]
    starts = np.flatnonzero(np.diff(person, prepend=person[:1] - 1))
    if np.unique(person[starts]).size != starts.size:
        raise ValueError("the rows of a person must stand together")
    persons, movers = total.persons, total.movers
    for rows, first in _slices(starts, len(person)):
        count = np.diff(first, append=rows.stop - rows.start)
        several = count >= 2
        chosen = np.repeat(several, count)
        persons += int(several.sum())
        movers += _add(
            total,
            count[several],
            cluster[rows][chosen],
            column[rows][chosen],
            y[rows][chosen],
        )
    return replace(total, persons=persons, movers=movers)


def _slices(starts: Ints, rows: int) -> Iterator[tuple[slice, Ints]]:
    """Give some persons at a time: their rows, and where in these each person's begin."""
    for i in range(0, len(starts), PERSONS_AT_ONCE):
        some = starts[i : i + PERSONS_AT_ONCE]
        after = i + PERSONS_AT_ONCE
        end = int(starts[after]) if after < len(starts) else rows
        yield slice(int(some[0]), end), some - some[0]


def _add(total: Sums, count: Ints, cluster: Ints, column: Ints, y: Floats) -> int:
    """Add some persons' rows to the sums in place and return how many of them moved."""
    columns = total.moment.shape[1]
    first = np.cumsum(count) - count
    who = np.repeat(np.arange(len(count)), count)
    presence, values = np.zeros((2, len(count), columns))
    at = who * columns + column
    presence.ravel()[at] = 1.0
    values.ravel()[at] = y
    if presence.sum() != len(who):
        raise ValueError("a person has two rows in the same column")
    means = presence / count[:, None]
    values -= presence * (values.sum(axis=1) / count)[:, None]

    moved = np.zeros(len(count), dtype=bool)
    moved[who[cluster != cluster[first][who]]] = True
    stayed = np.flatnonzero(~moved)
    for g, own in _by_cluster(cluster[first][stayed]):
        here = presence[stayed[own]]
        rows = here.sum(axis=0)
        total.rows[g] += rows.astype(np.int64)
        total.moment[g] += values[stayed[own]].sum(axis=0)
        total.cross[g] += np.diag(rows) - here.T @ means[stayed[own]]
    if moved.any():
        some = moved[who]
        _add_movers(total, who[some], cluster[some], column[some], values, means)
    return int(moved.sum())


def _add_movers(
    total: Sums, who: Ints, cluster: Ints, column: Ints, values: Floats, means: Floats
) -> None:
    """Add what the rows of persons in several clusters give to each of them.

    With A the sums of a person's rows in a cluster, n their number and B the means of all its
    rows: Σ x̃x̃' = diag(A) − A'B − B'A + B'nB, and Σ x̃ỹ = A'ỹ − B'Σỹ.
    """
    clusters, columns = total.moment.shape
    pairs, pair = np.unique(who * clusters + cluster, return_inverse=True)
    inside = np.zeros((len(pairs), columns))
    inside[pair, column] = 1.0
    person = pairs // clusters
    mean, within = means[person], values[person] * inside
    beyond = inside - inside.sum(axis=1, keepdims=True) * mean
    for g, at in _by_cluster(pairs % clusters):
        rows = inside[at].sum(axis=0)
        total.rows[g] += rows.astype(np.int64)
        total.moment[g] += within[at].sum(axis=0) - mean[at].T @ within[at].sum(axis=1)
        total.cross[g] += np.diag(rows) - inside[at].T @ mean[at] - mean[at].T @ beyond[at]


def _by_cluster(cluster: Ints) -> Iterator[tuple[int, Ints]]:
    """Positions of each cluster that occurs."""
    order = np.argsort(cluster, kind="stable")
    bounds = np.flatnonzero(np.diff(cluster[order])) + 1
    for at in np.split(order, bounds):
        if at.size:
            yield int(cluster[at[0]]), at


def solve(sums: Sums, regressors: Floats, weights: Floats | None = None) -> Solution:
    """Regress y on person effects and linear combinations of the columns.

    Parameters
    ----------
    sums
        Of all buckets together.
    regressors
        (clusters, columns, regressors): the value of each regressor in a row of this cluster and
        column. Months are regressors like others. A regressor that is collinear with persons and
        earlier regressors is left out, so put the ones that may go last.
    weights
        (clusters,) weights of rows; only for persons who do not move.

    Returns
    -------
    Solution
        CRV1 covariance by cluster, G/(G−1) × (N−1)/(N−K) times the sandwich. K counts the
        regressors kept and one constant; persons are nested in clusters and do not count unless
        one of them moves, when all do (fixest's convention; DESIGN rule 6). N leaves out persons
        with one row.
    """
    if weights is not None and sums.movers:
        raise ValueError("weights of clusters need persons who stay in one")
    scale = np.ones(len(sums.cross)) if weights is None else weights
    used = sums.rows.any(axis=1)
    z, cross = regressors[used], sums.cross[used] * scale[used, None, None]
    own = np.swapaxes(z, 1, 2)  # (clusters, regressors, columns)
    gram, moment = (
        own @ cross @ z,
        (own @ (sums.moment[used] * scale[used, None])[..., None])[..., 0],
    )
    total = gram.sum(axis=0)
    kept = _independent(total)
    inverse = np.linalg.inv(total[np.ix_(kept, kept)])
    theta = inverse @ moment[:, kept].sum(axis=0)
    scores = moment[:, kept] - gram[:, kept][:, :, kept] @ theta
    n, clusters = int(sums.rows.sum()), int(used.sum())
    k = int(kept.sum()) + (sums.persons if sums.movers else 1)
    factor = clusters / (clusters - 1) * (n - 1) / (n - k) if clusters > 1 and n > k else np.nan
    half = inverse @ scores.T
    coefficients = np.full(len(kept), np.nan)
    covariance = np.full((len(kept), len(kept)), np.nan)
    coefficients[kept] = theta
    covariance[np.ix_(kept, kept)] = factor * half @ half.T
    return Solution(kept, coefficients, covariance)


def _independent(gram: Floats) -> Bools:
    """Which columns are no combination of earlier ones: Cholesky without the others."""
    size = np.diagonal(gram).copy()
    rest, kept = gram.copy(), np.zeros(len(gram), dtype=bool)
    for j in range(len(gram)):
        if size[j] > 0 and rest[j, j] > _COLLINEAR * size[j]:
            kept[j] = True
            row = rest[j] / rest[j, j]
            rest -= np.outer(rest[:, j], row)
    return kept
