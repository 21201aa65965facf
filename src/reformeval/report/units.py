"""Units of measurement in the report's words: the reform file's own, and those of methods."""

from __future__ import annotations

from reformeval.report import numbers
from reformeval.report.results import Results, Row
from reformeval.report.spec import Estimator, ReportSpec
from reformeval.report.texts import say, say_or


def of_row(results: Results, row: Row) -> str:
    """Name the unit of a row of the effects."""
    estimator = next(e for e in results.spec.estimators if e.label == row["estimator"])
    return _of(estimator, results.spec.outcome(row["outcome"]).measured_in)


def of_axis(spec: ReportSpec, outcome: str) -> str:
    """Name the unit of the effects that `ReportSpec.of_outcome` gives."""
    return _of(spec.of_outcome(outcome)[0], spec.outcome(outcome).measured_in)


def is_own(results: Results, row: Row) -> bool:
    """Whether an effect is measured in another unit than its outcome."""
    return bool(row["measured_in"] != results.spec.outcome(row["outcome"]).measured_in)


def of_level(measured_in: str) -> str:
    """Name the unit of an outcome's level, given that of a difference of two levels.

    Examples
    --------
    >>> of_level("percentage points"), of_level("NOK per month")
    ('per cent', 'NOK per month')
    """
    points = say("level_unit.difference")
    return say("level_unit.level") if measured_in == points else measured_in


def _of(estimator: Estimator, measured_in: str) -> str:
    if estimator.dose is not None:
        amount, dose = estimator.dose
        per = say("number.measured", value=numbers.given(amount), measured_in=dose)
        return say("unit.per", measured_in=measured_in, per=per)
    if estimator.unit is None:
        return measured_in
    return say_or(f"unit.{estimator.unit.replace(' ', '_')}", estimator.unit)
