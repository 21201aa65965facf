"""Form 11F from person-months: the cases of a year as lines of fixed width."""

from __future__ import annotations

import polars as pl

from reformeval.errors import Problem, UserError
from reformeval.sources.raw.layout import Layout, load_layout
from reformeval.sources.raw.models import MONTHS, KostraColumns

ENCODING = "cp1252"
STRANGER = "99999999911"  # an id that no person has
NO_CASES = b" "  # a file of one blank says that nobody was paid
_CASEWORKERS = ("Åse Bø", "Kari Nord", "Øystein Li", "Line Ærø")
_ENOUGH = 50  # cases from which on there are records of nobody, and one twice


def draw(seed: int, salt: int, *columns: str) -> pl.Expr:
    """Give a number from 0 to below 1 that depends on the columns, the seed and the purpose."""
    mixed = pl.lit(seed % 65_536 * 521_288 + salt * 362_437, pl.Int64)
    for column in columns:
        mixed = (mixed + pl.col(column).cast(pl.Int64)) * 1_103_515_245 % 2**31
        mixed = (mixed ^ (mixed // 2**15)) * 1_220_703_125 % 2**31
    return mixed / 2**31


def kostra_lines(of_year: pl.DataFrame, layout: str, seed: int) -> bytes:
    """Write the records of a year.

    Parameters
    ----------
    of_year
        Person-months of one year, with the person's ``id`` and ``year``.
    layout
        Name of the layout.
    seed
        Fixes who has which quirk.

    Returns
    -------
    bytes
        Lines in cp1252, ended as Windows does; none where nobody was paid.

    Raises
    ------
    UserError
        If an amount is not of whole kroner, which the form demands.
    """
    paid = of_year.filter("recipient")
    if (paid["benefit"] % 1 != 0).any():
        message = "some benefits are not of whole kroner, which form 11F cannot hold"
        raise UserError(Problem(message, fix="round them"))
    if paid.is_empty():
        return b""
    records = _records(_payments(paid, seed), seed)
    lines = _lines(records, load_layout(layout))
    return "".join(f"{line}\r\n" for line in lines).encode(ENCODING)


def _payments(paid: pl.DataFrame, seed: int) -> pl.DataFrame:
    """One row per payer and month: some people are paid by a second municipality as well."""
    units = sorted(paid["unit"].unique())
    following = dict(zip(units, [*units[1:], units[0]], strict=True))
    two = (draw(seed, 11, "person", "year") < 0.03) & pl.lit(len(units) > 1)
    part = pl.when(two).then(pl.col("benefit") * 0.3 // 1).otherwise(0.0)
    mine = paid.with_columns((pl.col("benefit") - part).alias("grant"))
    other = paid.filter(two).with_columns(
        (pl.col("benefit") * 0.3 // 1).alias("grant"), pl.col("unit").replace_strict(following)
    )
    return pl.concat([mine, other])


def _records(payments: pl.DataFrame, seed: int) -> pl.DataFrame:
    """One row per case: person and municipality, with twelve flags and amounts."""
    month = pl.col("period").dt.month()
    cases = payments.sort("person", "unit", "period").group_by(
        "person", "id", "year", "unit", maintain_order=True
    ).agg(
        pl.col("sex").first(),
        pl.col("family").last(),
        month.min().alias("first"),
        *((month == m).any().alias(f"flag_{m}") for m in MONTHS),
        *(pl.col("grant").filter(month == m).sum().alias(f"grant_{m}") for m in MONTHS),
    )  # fmt: skip
    borrows = draw(seed, 12, "person", "year") < 0.05
    loan = pl.when(borrows).then(500 + 100 * (pl.col("person") % 40)).otherwise(0)
    off = pl.when(draw(seed, 13, "person", "year") < 0.01).then(10).otherwise(0)
    cases = cases.with_columns(
        *(pl.when(pl.col("first") == m).then(loan).otherwise(0).alias(f"loan_{m}") for m in MONTHS),
        (pl.sum_horizontal(f"grant_{m}" for m in MONTHS) + off).alias("grant_total"),
        loan.alias("loan_total"),
        pl.col("person").cast(pl.String).str.zfill(8).alias("journal"),
        (draw(seed, 14, "person", "year") < 0.5).alias("blank"),
    ).sort("unit", "journal")
    if cases.height < _ENOUGH:
        return cases
    nobody = cases.head(2).with_columns(
        pl.Series("id", [None, STRANGER]), pl.Series("journal", ["UTEN NR", "UKJENT"])
    )
    return pl.concat([cases, cases.tail(1), nobody])


def _lines(cases: pl.DataFrame, layout: Layout) -> pl.Series:
    """Put every field at its place; fields that are not known are blank."""
    named = KostraColumns.model_validate({})
    with_children = pl.col("family").is_in(["couple_with_children", "single_parent"])
    couple = pl.col("family").is_in(["couple", "couple_with_children"])
    odd, third = pl.col("person") % 2 == 1, pl.col("person") % 3
    values: dict[str | None, pl.Expr] = {
        named.unit: pl.col("unit"),
        named.version: pl.col("year").cast(pl.String).str.slice(-2),
        named.journal: pl.col("journal"),
        named.person: pl.col("id"),
        "KJONN": pl.when(pl.col("sex") == "male").then(pl.lit("1")).otherwise(pl.lit("2")),
        named.marital: pl.when(couple & odd).then(pl.lit("2")).when(couple).then(pl.lit("3"))
        .when(odd).then(pl.lit("1")).otherwise(pl.lit("4")),
        named.has_children: pl.when(with_children).then(pl.lit("1")).otherwise(pl.lit("2")),
        named.children: pl.when(with_children).then(third + 1),
        named.conditions: pl.when(odd).then(pl.lit("1")).otherwise(pl.lit("2")),
        named.sanctions[0]: pl.when(pl.col("person") % 37 == 0).then(pl.lit("01")),
        "SAKSBEHANDLER": (pl.col("person") % len(_CASEWORKERS)).replace_strict(
            list(range(len(_CASEWORKERS))), list(_CASEWORKERS)
        ),
        named.grant_total: pl.col("grant_total"),
        named.loan_total: pl.col("loan_total"),
    }  # fmt: skip
    for month, flag, grant, loan in zip(
        MONTHS, named.flags, named.grants, named.loans, strict=True
    ):
        flagged = pl.col(f"flag_{month}")
        written = flagged | ~pl.col("blank")
        values[flag] = pl.when(flagged).then(pl.lit(f"{month:02d}"))
        values[grant] = pl.when(written).then(pl.col(f"grant_{month}"))
        values[loan] = pl.when(written).then(pl.col(f"loan_{month}"))
    parts, at = [], 1
    for field in sorted(layout.fields, key=lambda field: field.first):
        value = values.get(field.name, pl.lit(None, pl.String))
        if field.type == "integer":
            value = value.cast(pl.Int64).cast(pl.String).str.zfill(field.width)
        text = value.cast(pl.String).fill_null("").str.pad_end(field.width)
        parts += [pl.lit(" " * (field.first - at)), text]
        at = field.last + 1
    parts.append(pl.lit(" " * (layout.width + 1 - at)))
    lines = cases.select(pl.concat_str(parts).alias("line"))["line"]
    too_long = lines.str.len_chars() != layout.width
    if too_long.any():
        message = f"{int(too_long.sum())} cases do not fit into the fields of {layout.title}"
        raise UserError(Problem(message, fix="codes of units have four characters there"))
    return lines
