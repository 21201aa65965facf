"""What linking is told: which months, where a person lives, and what counts as a job.

Only the choices live here, so that reading config loads no data library; `register.link` follows
them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

ResidenceRule = Literal["january", "monthly", "formal"]
EmployedRule = Literal["on_16th", "any_job"]

RESIDENCE_RULES: dict[ResidenceRule, str] = {
    "january": "the municipality of 1 January holds through the year",
    "monthly": "the municipality that a person lives in on the first day of the month",
    "formal": "the municipality that a person is registered in, from the month the move was "
    "reported",
}
EMPLOYED_RULES: dict[EmployedRule, str] = {
    "on_16th": "who has a job that runs on the 16th of the month",
    "any_job": "who has any job in the month",
}


@dataclass(frozen=True)
class LinkRules:
    """The choices that turn raw forms into person-months.

    Attributes
    ----------
    first, last
        Months of the register.
    residence
        Which municipality a person counts in.
    employed
        What makes a person employed in a month.
    assistance, jobs
        First and last month that the files cover; None where there are no such files. A resident
        without a row has no assistance, or no job, in these months; in others it is not known.
    units
        Municipalities that people live in, where all are known. Any may pay assistance, but who is
        paid from outside them is counted.
    """

    first: date
    last: date
    residence: ResidenceRule = "january"
    employed: EmployedRule = "on_16th"
    assistance: tuple[date, date] | None = None
    jobs: tuple[date, date] | None = None
    units: tuple[str, ...] = ()


@dataclass(frozen=True)
class LinkSpec:
    """What `link_register` reads: the forms that there are, and the choices."""

    forms: tuple[str, ...]
    rules: LinkRules
