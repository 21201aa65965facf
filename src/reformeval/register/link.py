"""Link the forms of a bucket of persons into person-months.

The population decides who has a row: one per person and month of residence. What the other forms
say is joined to these rows, and what fits none of them is counted. A benefit is the sum of the
grants of a month; loans stand beside it. A missing row and a missing value are two things:

==========================================  ==========  =======  ========  ==================
person and month                            recipient   benefit  employed  earnings and hours
==========================================  ==========  =======  ========  ==================
resident, has a case, amounts known         yes         their sum
resident, has a case, no amount known       yes         missing
resident, no case, files cover the month    no          0
resident, has jobs, all amounts known                            by rule   their sum
resident, has jobs, an amount missing                            by rule   missing
resident, no job, files cover the month                          no        0
resident, files do not cover the month      missing     missing  missing   missing
not resident                                no row: never 0
==========================================  ==========  =======  ========  ==================
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import polars as pl

from reformeval.errors import Problem, UserError
from reformeval.register import residence
from reformeval.register.link_rules import EMPLOYED_RULES, RESIDENCE_RULES, LinkRules
from reformeval.register.records import Record
from reformeval.register.schema import REGISTER

# Further columns of a linked register, after those of `register.schema.REGISTER`.
EXTRAS = {
    "immigrant_category": pl.String,
    "country": pl.String,
    "loan": pl.Float64,
    "cases": pl.Int16,
    "payers": pl.Int16,
    "children": pl.Int16,
    "conditions": pl.Boolean,
    "sanctions": pl.Boolean,
    "jobs": pl.Int16,
    "occupation": pl.String,
}
_KEY = ("person", "period")


def link(forms: Mapping[str, pl.DataFrame], rules: LinkRules) -> tuple[pl.DataFrame, list[Record]]:
    """Link the forms of some persons.

    Parameters
    ----------
    forms
        Frames of `register.forms` with numbers for persons, by name: ``population``,
        ``residence_spells`` (unless the rule is ``january``), ``exits``, ``assistance``,
        ``earnings``; or ``person_months`` alone. Every person is in them whole, in any order.
    rules
        The choices.

    Returns
    -------
    register, records
        Person-months sorted by person and month, with the columns `REGISTER` and `EXTRAS`; and
        what was found, in counts that add up over buckets.

    Raises
    ------
    UserError
        If person-months or spells contradict each other.
    """
    if "person_months" in forms:
        return _ready(forms["person_months"], rules)
    lived, records = residence.months(
        forms["population"], forms.get("residence_spells"), forms["exits"], rules
    )
    lived = lived.with_columns(residence.as_date("month").alias("period")).drop("month")
    cases, found = _cases(forms.get("assistance"), rules.units)
    linked, unlinked = _joined(lived, cases, rules.assistance, "assistance", "case-months")
    records += [*found, *unlinked]
    work = _work(forms.get("earnings"), rules)
    linked, unlinked = _joined(linked, work, rules.jobs, "earnings", "job-months")
    records += unlinked
    return _register(linked), [*records, *_rules(rules), _size(linked)]


def _joined(
    lived: pl.DataFrame,
    sums: pl.DataFrame,
    covered: tuple[date, date] | None,
    source: str,
    unit: str,
) -> tuple[pl.DataFrame, list[Record]]:
    """Join sums by person and month, with zero for who has no row where the files cover it."""
    joined = lived.join(
        sums.with_columns(pl.lit(True).alias("found")),
        on=_KEY, how="left", maintain_order="left",
    )  # fmt: skip
    known = pl.col("period").is_between(*covered) if covered else pl.lit(False)
    absent = known & pl.col("found").is_null()
    zeros = [
        pl.when(absent).then(pl.lit(_none(kind), kind)).otherwise(pl.col(name)).alias(name)
        for name, kind in sums.schema.items()
        if name in _ZERO
    ]
    lost = sums.join(lived, on=_KEY, how="anti")
    records = [
        Record(
            "unlinked", "not_resident", source, int(lost["rows"].sum()), int(sums["rows"].sum()),
            unit, "Persons of the population register who live in no municipality in the month.",
        )
    ]  # fmt: skip
    return joined.with_columns(zeros).drop("found", "rows"), records


# Columns that are zero, or no, for a resident without a row; others are missing then.
_ZERO = (
    "recipient", "benefit", "loan", "cases", "payers",
    "employed", "earnings", "hours", "jobs",
)  # fmt: skip


def _none(kind: pl.DataType) -> bool | int:
    return False if kind == pl.Boolean else 0


def _cases(
    assistance: pl.DataFrame | None, units: tuple[str, ...]
) -> tuple[pl.DataFrame, list[Record]]:
    """Sum cases to one row per person and month: two payers are two cases and one recipient."""
    given = pl.DataFrame(schema=_CASES) if assistance is None else assistance
    # Sums of decimals depend on the order of rows: it is fixed here.
    cases = given.select(*_CASES).sort(list(_CASES), nulls_last=True)
    # Without a journal number two equal rows may be two cases.
    known = cases.filter(pl.col("journal").is_not_null())
    once = pl.concat([known.unique(maintain_order=True), cases.filter(pl.col("journal").is_null())])
    amount = pl.when(pl.any_horizontal(pl.col("grant", "loan").is_not_null()))
    paid = once.with_columns(
        amount.then(pl.col(name).fill_null(0.0)).alias(name) for name in ("grant", "loan")
    )
    # A blank amount beside a filled one is none; a flagged month with neither is assistance of
    # unknown size.
    unknown = (pl.col("recipient") & pl.col("benefit").is_null()).any()
    sums = paid.rename({"grant": "benefit"}).group_by(_KEY, maintain_order=True).agg(
        pl.col("recipient").any(),
        *(pl.when(~unknown).then(pl.col(name).sum()).alias(name)
          for name in ("benefit", "loan")),
        pl.len().cast(pl.Int16).alias("cases"),
        pl.col("unit").n_unique().cast(pl.Int16).alias("payers"),
        pl.col("children").max(),
        pl.col("conditions").max(),
        pl.col("sanctions").max(),
        pl.len().cast(pl.Int64).alias("rows"),
    )  # fmt: skip
    several = sums.filter(pl.col("payers") > 1).height
    records = [
        Record(
            "repair", "same_case_twice", "assistance", cases.height - once.height, cases.height,
            "case-months", "Months of a case that stand twice in all columns: one of them is kept.",
        ),
        Record(
            "count", "paid_by_several", "assistance", several, sums.height, "person-months",
            "Recipients whom more than one municipality pays in the month: one recipient with "
            "the sum of both.",
        ),
    ]  # fmt: skip
    if units:
        elsewhere = once.filter(~pl.col("unit").is_in(units)).height
        records.append(Record(
            "count", "paid_from_outside", "assistance", elsewhere, once.height, "case-months",
            "Case-months that a municipality pays which is not among the units of the source, or "
            "that has another code on the source's geography: they count where the person lives.",
        ))  # fmt: skip
    return sums, records


_CASES = {
    "person": pl.Int64, "period": pl.Date, "unit": pl.String, "journal": pl.String,
    "recipient": pl.Boolean, "grant": pl.Float64, "loan": pl.Float64, "children": pl.Int16,
    "conditions": pl.Boolean, "sanctions": pl.Boolean,
}  # fmt: skip
_JOBS = {
    "person": pl.Int64, "period": pl.Date, "earnings": pl.Float64, "hours": pl.Float64,
    "on_16th": pl.Boolean, "occupation": pl.String, "employer": pl.String,
}  # fmt: skip


def _work(earnings: pl.DataFrame | None, rules: LinkRules) -> pl.DataFrame:
    """Sum jobs to one row per person and month.

    Earnings are those of all jobs of the month; hours are those of the jobs that make a person
    employed. The occupation is that of the job with the highest earnings.
    """
    given = pl.DataFrame(schema=_JOBS) if earnings is None else earnings
    jobs = given.select(*_JOBS).sort(list(_JOBS), nulls_last=True)
    counts = pl.col("on_16th") if rules.employed == "on_16th" else pl.lit(True)
    jobs = jobs.with_columns(counts.alias("counts"))
    hours = pl.col("hours").filter(pl.col("counts"))
    return jobs.group_by(_KEY, maintain_order=True).agg(
        pl.col("counts").any(ignore_nulls=False).alias("employed"),
        pl.when(pl.col("earnings").null_count() == 0).then(pl.col("earnings").sum()).alias(
            "earnings"
        ),
        pl.when((hours.null_count() == 0) & (pl.col("counts").null_count() == 0))
        .then(hours.sum()).alias("hours"),
        pl.len().cast(pl.Int16).alias("jobs"),
        pl.col("occupation").sort_by("earnings", descending=True, nulls_last=True).first(),
        pl.len().cast(pl.Int64).alias("rows"),
    )  # fmt: skip


def _register(linked: pl.DataFrame) -> pl.DataFrame:
    """Put the columns in their order and types; `origin` is the country background."""
    columns = {**REGISTER, **EXTRAS}
    return (
        linked.with_columns(pl.col("country").alias("origin"))
        .select(pl.col(name).cast(kind) for name, kind in columns.items())
        .sort(_KEY)
    )


def _ready(table: pl.DataFrame, rules: LinkRules) -> tuple[pl.DataFrame, list[Record]]:
    """Check a table of person-months that somebody else linked, and sort it."""
    inside = table.filter(pl.col("period").is_between(rules.first, rules.last))
    once = inside.unique()
    twice = once.filter(once.select(_KEY).is_duplicated())
    if twice.height:
        several = twice.group_by(_KEY).agg(pl.col("unit").n_unique()).filter(pl.col("unit") > 1)
        raise UserError(
            Problem(
                f"columns person and period: {twice.select(_KEY).unique().height} person-months "
                f"have rows that differ, {several.height} of them in column unit",
                where="person_months",
                fix="give one row per person and month",
            )
        )
    record = Record(
        "repair", "same_row_twice", "person_months", inside.height - once.height, inside.height,
        "rows", "Person-months that stand twice in all columns: one of them is kept.",
    )  # fmt: skip
    rest = [name for name in once.columns if name not in REGISTER]
    ordered = once.select(
        *(pl.col(name).cast(kind) for name, kind in REGISTER.items()), *rest
    ).sort(_KEY)
    return ordered, [record, _size(ordered)]


def _rules(rules: LinkRules) -> list[Record]:
    """Record the choices that were followed."""
    said = [
        ("residence", "population", f"Where a person lives: {RESIDENCE_RULES[rules.residence]}.")
    ]
    if rules.jobs is not None:
        said.append(("employed", "earnings", f"Who is employed: {EMPLOYED_RULES[rules.employed]}."))
    return [Record("rule", rule, source, 0, None, "", text) for rule, source, text in said]


def _size(register: pl.DataFrame) -> Record:
    return Record(
        "count", "person_months", "register", register.height, None, "person-months",
        "Months of residence of all persons.",
    )  # fmt: skip
