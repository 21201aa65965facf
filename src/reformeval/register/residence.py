"""Who lives where in which month: population snapshots, spells of residence, and exits.

Months are whole numbers here, year × 12 + month − 1, so that lengths and gaps are differences.
"""

from __future__ import annotations

from datetime import date

import polars as pl

from reformeval.errors import Problem, UserError
from reformeval.register.link_rules import LinkRules
from reformeval.register.records import Kind, Record

# The rows that survive an exit, by what ended: a death ends everything, an emigration its spell.
_SPELL = ("first", "last", "unit", "family")


def number(column: str) -> pl.Expr:
    """Month of a date as a whole number."""
    return pl.col(column).dt.year() * 12 + pl.col(column).dt.month().cast(pl.Int32) - 1


def as_date(column: str) -> pl.Expr:
    """First day of a month given as a whole number."""
    return pl.date(pl.col(column) // 12, pl.col(column) % 12 + 1, 1)


def month_number(period: date) -> int:
    """Month of one date as a whole number."""
    return period.year * 12 + period.month - 1


def months(
    snapshot: pl.DataFrame, residence: pl.DataFrame | None, exits: pl.DataFrame, rules: LinkRules
) -> tuple[pl.DataFrame, list[Record]]:
    """Give one row per person and month of residence.

    Parameters
    ----------
    snapshot, residence, exits
        Forms of `register.forms`, with numbers for persons. Residence is None under ``january``.
    rules
        The months and the residence rule.

    Returns
    -------
    months, records
        ``person``, ``month`` (a whole number), ``unit``, ``family`` (null unless the spells tell
        it), sorted by person and month.

    Raises
    ------
    UserError
        If a person lives in two municipalities in a month, or has two rows in a snapshot.
    """
    snapshot, records = _one_row_a_year(snapshot)
    if residence is None:
        spells = snapshot.select(
            "person",
            (pl.col("year") * 12).cast(pl.Int32).alias("first"),
            (pl.col("year") * 12 + 11).cast(pl.Int32).alias("last"),
            "unit",
            pl.lit(None, pl.String).alias("family"),
        )
    else:
        spells, found = _spells(residence, rules)
        records += found
    lived, found = _one_row_a_month(spells, rules)
    records += found
    observed, ended = _until_exit(lived, exits, rules)
    records += ended
    return _with_traits(observed, snapshot, records)


def _one_row_a_year(snapshot: pl.DataFrame) -> tuple[pl.DataFrame, list[Record]]:
    once = snapshot.unique()
    twice = once.filter(once.select("person", "year").is_duplicated())
    if twice.height:
        per_person = twice.group_by("person", "year").agg(pl.col("unit").n_unique())
        split = per_person.filter(pl.col("unit") > 1)
        years = ", ".join(str(year) for year in sorted(twice["year"].unique()))
        raise UserError(
            Problem(
                f"columns person and year: {per_person.height} persons have rows that differ in "
                f"the snapshot of {years}, {split.height} of them in column unit",
                where="population",
                fix="keep one row per person and year",
            )
        )
    record = Record(
        "repair", "same_row_twice", "population", snapshot.height - once.height, snapshot.height,
        "rows", "Rows that stand twice in a snapshot: one of them is kept.",
    )  # fmt: skip
    return once.sort("person", "year"), [record]


def _spells(residence: pl.DataFrame, rules: LinkRules) -> tuple[pl.DataFrame, list[Record]]:
    """Spells as first and last month, by the date that the residence rule goes by."""
    end = month_number(rules.last)
    spells = residence.unique().select(
        "person",
        number("first").alias("first"),
        number("last").fill_null(end).alias("last"),
        "unit",
        "family",
        number("registered").alias("registered"),
    )
    reversed_ = spells.filter(pl.col("last") < pl.col("first"))
    # An open spell that begins after the register is no fault.
    reversed_ = reversed_.filter(pl.col("first") <= end)
    kept = spells.filter(pl.col("last") >= pl.col("first"))
    records = [
        Record(
            "repair", "same_spell_twice", "residence_spells", residence.height - spells.height,
            residence.height, "spells", "Spells that stand twice: one of them is kept.",
        ),
        Record(
            "repair", "spell_ends_before_it_begins", "residence_spells", reversed_.height,
            residence.height, "spells", "Spells whose last month is before the first: left out.",
        ),
    ]  # fmt: skip
    if rules.residence != "formal":
        return kept.select("person", *_SPELL), records
    formal, unknown = _by_registration(kept)
    records.append(
        Record(
            "repair", "no_date_of_registration", "residence_spells", unknown, kept.height, "spells",
            "Moves without a date of registration: taken as registered when they were made.",
        )
    )  # fmt: skip
    return formal, records


def _by_registration(spells: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """Begin each spell when its move was registered; the spell before it lasts until then.

    A move that was registered no earlier than a later one never counted. A gap between two spells
    stays a gap: who left the country is not resident until the return is registered.
    """
    ordered = spells.sort("person", "first", "last", "unit", "family", nulls_last=True)
    before = pl.col("last").cum_max().shift(1).over("person")
    gap = (pl.col("first") > before + 1).fill_null(True)
    stays = ordered.with_columns(
        gap.cast(pl.Int32).cum_sum().over("person").alias("stay"),
        pl.coalesce("registered", "first").alias("start"),
    )
    later = pl.col("start").cum_min(reverse=True).shift(-1).over("person", "stay")
    formal = stays.with_columns(
        pl.col("start").alias("first"),
        pl.coalesce(later - 1, pl.col("last").max().over("person", "stay")).alias("last"),
    )
    return (
        formal.filter(pl.col("last") >= pl.col("first")).select("person", *_SPELL),
        spells["registered"].null_count(),
    )


def _one_row_a_month(spells: pl.DataFrame, rules: LinkRules) -> tuple[pl.DataFrame, list[Record]]:
    """Months of the spells inside the register; where two cover a month, the later one has it."""
    first, last = month_number(rules.first), month_number(rules.last)
    inside = spells.filter(pl.col("last") >= first, pl.col("first") <= last)
    lived = inside.with_columns(
        pl.int_ranges(
            pl.col("first").clip(lower_bound=first), pl.col("last").clip(upper_bound=last) + 1,
            dtype=pl.Int32,
        ).alias("month")
    ).explode("month").sort("person", "month", "first", "last", "unit", "family")  # fmt: skip
    same = lived.filter(lived.select("person", "month").is_duplicated())
    tied = same.filter(same.select("person", "month", "first", "last").is_duplicated())
    if tied.height:
        raise UserError(
            Problem(
                f"columns first and last: {tied['person'].n_unique()} persons have spells of the "
                "same months that differ in column unit or family",
                where="residence_spells",
                fix="keep one spell per person and months",
            )
        )
    once = lived.unique(["person", "month"], keep="last", maintain_order=True)
    record = Record(
        "repair", "overlapping_spells", "residence_spells" if rules.residence != "january" else
        "population", lived.height - once.height, lived.height, "person-months",
        "Months that two spells of a person cover: the spell that begins later has them.",
    )  # fmt: skip
    return once, [record]


def _until_exit(
    lived: pl.DataFrame, exits: pl.DataFrame, rules: LinkRules
) -> tuple[pl.DataFrame, list[Record]]:
    """End observation with the month of death, and a spell with the month of emigration.

    A spell that begins after an emigration is a return and stays. A year that begins with a
    snapshot is cut by every exit in it, which is no fault; a spell should have ended by itself.
    """
    kind: Kind = "count" if rules.residence == "january" else "repair"
    when = exits.select("person", number("period").cast(pl.Int32).alias("exit"), "kind").unique()
    died = when.filter(pl.col("kind") == "death").group_by("person").agg(pl.col("exit").min())
    alive = lived.join(died, on="person", how="left").filter(
        pl.col("exit").is_null() | (pl.col("month") <= pl.col("exit"))
    )
    left = when.filter(pl.col("kind") != "death").select("person", "exit").sort("exit")
    observed = (
        alive.drop("exit")
        .with_columns((pl.col("month") - 1).alias("before"))
        .sort("before")
        .join_asof(
            left,
            left_on="before",
            right_on="exit",
            by="person",
            strategy="backward",
            check_sortedness=False,
        )
        .filter(pl.col("exit").is_null() | (pl.col("exit") < pl.col("first")))
        .select("person", "month", "unit", "family")
        .sort("person", "month")
    )
    records = [
        Record(
            kind, "after_death", "exits", lived.height - alive.height, lived.height,
            "person-months", "Months of residence after the month of death: left out.",
        ),
        Record(
            kind, "after_emigration", "exits", alive.height - observed.height, lived.height,
            "person-months", "Months of a spell after the month of emigration: left out.",
        ),
    ]  # fmt: skip
    return observed, records


def _with_traits(
    observed: pl.DataFrame, snapshot: pl.DataFrame, records: list[Record]
) -> tuple[pl.DataFrame, list[Record]]:
    """Add what snapshots tell: those of the year, else the last before it, else the next.

    Age is counted from the month of birth where that is known; else it is that of 1 January, and
    moves by the years between where the snapshot is of another year.
    """
    traits = snapshot.select(
        "person",
        "year",
        pl.col("year").alias("told"),
        pl.col("age").cast(pl.Int32),
        "sex",
        pl.col("family").alias("family_then"),
        "immigrant_category",
        "country",
        number("born").alias("born"),
    ).sort("year")
    asked = observed.with_columns((pl.col("month") // 12).cast(pl.Int32).alias("year"))
    pairs = asked.select("person", "year").unique().sort("year")
    back = pairs.join_asof(
        traits, on="year", by="person", strategy="backward", check_sortedness=False
    )
    # The next snapshot speaks for who came after 1 January and was in none before.
    unknown = back.filter(pl.col("told").is_null()).select("person", "year")
    ahead = unknown.join_asof(
        traits, on="year", by="person", strategy="forward", check_sortedness=False
    )
    told = pl.concat([back.filter(pl.col("told").is_not_null()), ahead])
    joined = asked.join(told, on=["person", "year"], how="left", maintain_order="left")
    by_year = pl.col("age") + pl.col("year") - pl.col("told")
    aged = pl.coalesce((pl.col("month") - pl.col("born")) // 12, by_year)
    other = joined.filter(pl.col("told") != pl.col("year")).height
    records = [
        *records,
        Record(
            "repair", "traits_of_another_year", "population", other, joined.height,
            "person-months", "Months without a snapshot of their year: age, family and country "
            "background come from the last snapshot before, else from the next.",
        ),
        Record(
            "repair", "no_snapshot", "population", joined["told"].null_count(), joined.height,
            "person-months", "Months of residents who are in no snapshot: age, family and country "
            "background are missing.",
        ),
    ]  # fmt: skip
    traits_known = joined.select(
        "person",
        "month",
        "unit",
        aged.cast(pl.Int16).alias("age"),
        "sex",
        pl.coalesce("family", "family_then").alias("family"),
        "immigrant_category",
        "country",
    )
    return traits_known, records
