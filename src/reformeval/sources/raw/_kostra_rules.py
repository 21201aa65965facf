"""The plausibility rules of form 11F: each mends or counts, under its own name.

The names are those in ``checks`` and in docs/raw-forms.md.
"""

from __future__ import annotations

import polars as pl

from reformeval.sources.raw._findings import ROW, Findings
from reformeval.sources.raw.models import MONTHS, Kostra11F

_KINDS = {"grant": "grants", "loan": "loans"}


def apply_rules(cases: pl.DataFrame, files: Kostra11F, findings: Findings) -> pl.DataFrame:
    """Apply all rules to the records of one file.

    Parameters
    ----------
    cases
        One row per record, with twelve flags, grants and loans, and the year's totals.
    files
        Limits and codes.
    findings
        Gets a repair for each rule that touched a record.

    Returns
    -------
    pl.DataFrame
        The records with every month's flag and amounts settled, and ``family``.
    """
    if cases.is_empty():
        return cases
    cases = _drop_identical(cases, findings)
    cases = _without_number(cases, files, findings)
    _count_double(cases, findings)
    _count_implausible(cases, files, findings)
    for kind in _KINDS:
        cases = _settle_amounts(cases, kind, findings)
    cases = _settle_flags(cases, findings)
    return _families(cases, files, findings)


def _count(cases: pl.DataFrame, which: pl.Expr) -> int:
    return int(cases.select(which.fill_null(value=False).sum()).item())


def _drop_identical(cases: pl.DataFrame, findings: Findings) -> pl.DataFrame:
    fields = [name for name in cases.columns if name != ROW]
    kept = cases.unique(fields, keep="first", maintain_order=True)
    message = "records that repeat another in every field were left out"
    findings.repaired("identical_records", cases.height - kept.height, message)
    return kept


def _without_number(cases: pl.DataFrame, files: Kostra11F, findings: Findings) -> pl.DataFrame:
    """Make stand-ins for person numbers missing, and journal numbers distinct over districts."""
    person, district = pl.col("person"), pl.col("district")
    stand_in = person.str.contains("^0*$")
    for ending in files.without_number:
        stand_in |= (person.str.len_chars() == 11) & person.str.ends_with(ending)
    none = person.is_null() | stand_in
    message = "records without a person number cannot be linked; they stay cases without a person"
    findings.repaired("no_person_number", _count(cases, none), message)
    with_district = district.is_not_null() & ~district.str.contains("^0*$")
    return cases.with_columns(
        pl.when(~none).then(person).alias("person"),
        pl.when(with_district)
        .then(pl.concat_str(district, pl.col("journal"), separator="/"))
        .otherwise(pl.col("journal"))
        .alias("journal"),
    )


def _count_double(cases: pl.DataFrame, findings: Findings) -> None:
    person, journal = pl.struct("unit", "person"), pl.struct("unit", "journal")
    message = "records share municipality and person number with another; all were kept as cases"
    double = person.is_duplicated() & pl.col("person").is_not_null()
    findings.repaired("person_in_several_records", _count(cases, double), message)
    message = "records share municipality and journal number with another; all were kept as cases"
    double = journal.is_duplicated() & pl.col("journal").is_not_null()
    findings.repaired("journal_in_several_records", _count(cases, double), message)


def _count_implausible(cases: pl.DataFrame, files: Kostra11F, findings: Findings) -> None:
    low, high = files.amount_range
    year = pl.sum_horizontal(_of_year(kind) for kind in _KINDS)
    message = f"records with grants and loans above {high:,.0f} in the year; the amounts were kept"
    findings.repaired("year_amount_too_high", _count(cases, year > high), message)
    message = f"records with grants and loans of at most {low:,.0f} in the year; they were kept"
    findings.repaired("year_amount_too_low", _count(cases, year <= low), message)


def _months(kind: str) -> pl.Expr:
    """Sum of a record's months; blank ones add nothing."""
    return pl.sum_horizontal(f"{kind}_{month}" for month in MONTHS)


def _of_year(kind: str) -> pl.Expr:
    """Take the year's total as stated, or else the sum of its months."""
    return pl.coalesce(f"{kind}_total", _months(kind))


def _settle_amounts(cases: pl.DataFrame, kind: str, findings: Findings) -> pl.DataFrame:
    """Say which blank months are zero: those of a year that the other months account for."""
    total, months = pl.col(f"{kind}_total"), _months(kind)
    message = (
        f"records whose monthly {_KINDS[kind]} do not add up to the year's; "
        "the months were kept as they are"
    )
    findings.repaired(f"{kind}_months_do_not_add_up", _count(cases, total != months), message)
    complete = (total == months).fill_null(value=False)
    return cases.with_columns(
        pl.when(complete).then(pl.col(name).fill_null(0.0)).otherwise(pl.col(name)).alias(name)
        for name in (f"{kind}_{month}" for month in MONTHS)
    )


def _settle_flags(cases: pl.DataFrame, findings: Findings) -> pl.DataFrame:
    unflagged, unknown, nothing, settled = [], [], [], []
    for month in MONTHS:
        flag, grant, loan = (pl.col(f"{part}_{month}") for part in ("flag", "grant", "loan"))
        paid = (pl.max_horizontal(grant, loan) > 0).fill_null(value=False)
        # A blank grant beside a loan was nothing; a loan is known only where the grant is.
        grants = pl.when(loan > 0).then(grant.fill_null(0.0)).otherwise(grant)
        unflagged.append(~flag & paid)
        unknown.append(flag & grants.is_null())
        nothing.append(~flag & ~paid)
        settled += [
            (flag | paid).alias(f"flag_{month}"),
            grants.alias(f"grant_{month}"),
            pl.when(grants.is_not_null()).then(loan.fill_null(0.0)).alias(f"loan_{month}"),
        ]
    message = "months with an amount but without a flag were taken as months of receipt"
    findings.repaired("amount_without_flag", _total(cases, unflagged), message)
    message = "months with a flag but without any amount: receipt is known, the amount is missing"
    findings.repaired("flag_without_amount", _total(cases, unknown), message)
    message = "records with neither a flag nor an amount in any month give no months"
    empty = int(cases.select(pl.all_horizontal(nothing).sum()).item())
    findings.repaired("record_without_months", empty, message)
    return cases.with_columns(settled)


def _total(cases: pl.DataFrame, masks: list[pl.Expr]) -> int:
    return int(cases.select(pl.sum_horizontal(mask.sum() for mask in masks)).item())


def _families(cases: pl.DataFrame, files: Kostra11F, findings: Findings) -> pl.DataFrame:
    """Children and family from the form; a number of children goes before yes or no."""
    number, said = pl.col("children"), pl.col("has_children")
    against = (number > 0) & ~said
    message = "records with a number of children but 'no' to having any; the number was taken"
    findings.repaired("children_contradict", _count(cases, against), message)
    any_children = pl.when(number > 0).then(True).otherwise(pl.coalesce(said, number > 0))
    couple = pl.col("marital").is_in(list(files.couple))
    family = (
        pl.when(couple & any_children)
        .then(pl.lit("couple_with_children"))
        .when(couple & ~any_children)
        .then(pl.lit("couple"))
        .when(~couple & any_children)
        .then(pl.lit("single_parent"))
        .when(~couple & ~any_children)
        .then(pl.lit("single"))
    )
    # "Yes" with a number of 0 is a number that was not filled in.
    children = (
        pl.when(number > 0).then(number).when(~said).then(0).when(said.is_null()).then(number)
    )
    return cases.with_columns(family.alias("family"), children.alias("children"))
