"""Write raw register forms from a register of person-months, with the quirks of real ones.

What is written links back to exactly the register that it came from: same persons, months and
values, with the country of background as the origin, which is all that snapshots know of it. On the
way there are, as in real files, people paid by two municipalities, several jobs a month and jobs
that ended before the 16th, totals that do not add up, records twice, records of persons without a
number or of nobody in the population, spells left open at an emigration, and snapshots that know
nobody who came after 1 January.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
import polars.selectors as cs

from reformeval.errors import Problem, UserError
from reformeval.register.schema import scan
from reformeval.sources.raw._write_kostra import NO_CASES, STRANGER, draw, kostra_lines
from reformeval.sources.raw.models import (
    EarningsFiles,
    ExitFiles,
    Kostra11F,
    RawFiles,
    ResidenceFiles,
    SnapshotFiles,
)

LAYOUT = "kostra_11f_2022"
_OLD = 66  # who leaves at this age has left the register, not the country
_CSV: Mapping[str, Any] = {"separator": ";", "decimal": ","}
_TEXTS = ("unit", "sex", "family", "origin", "immigrant_category", "country")
_ENOUGH = 100  # rows in a file's part from which on there are strangers among them


def written(first: date, last: date) -> dict[str, RawFiles]:
    """Describe what `write_forms` writes from a register of these months, by the form's key."""
    years = {"from": first.year, "to": last.year}
    born = {"columns": {"born": "born"}}
    family = {"columns": {"family": "family"}}
    return {
        "population": SnapshotFiles.model_validate({"years": years, **_CSV, **born}),
        "residence_spells": ResidenceFiles.model_validate({**_CSV, **family}),
        "exits": ExitFiles.model_validate(_CSV),
        "assistance": Kostra11F.model_validate({"years": years, "layout": LAYOUT}),
        "earnings": EarningsFiles.model_validate({"years": years, **_CSV}),
    }


def write_forms(registers: Sequence[Path], folder: Path, seed: int) -> None:
    """Write all forms of a register.

    Parameters
    ----------
    registers
        Parquet files with the columns of `register.schema.REGISTER`, and ``immigrant_category``
        and ``country`` where the register knows them; every person is whole in one of them.
        Memory holds one of them at a time.
    folder
        Where the files go; their names and formats are those of `written`.
    seed
        Fixes who has which quirk; the files are the same bytes for the same seed and register.

    Raises
    ------
    UserError
        If a file has other columns, or amounts that the form cannot hold.
    """
    months = pl.concat([scan(path).select("period") for path in registers])
    first, last = months.select(pl.min("period"), pl.max("period").alias("last")).collect().row(0)
    forms = written(first, last)
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".forms.", dir=folder) as staged:
        names: dict[str, None] = {}
        for path in registers:
            register = _checked(path)
            marked = register.with_columns(
                person_id().alias("id"), pl.col("period").dt.year().alias("year")
            )
            for name, content in _texts(marked, forms, (first, last), seed).items():
                _append(Path(staged) / name, content)
                names[name] = None
        for name in names:
            done = Path(staged) / name
            if not done.stat().st_size:
                done.write_bytes(NO_CASES)
            (folder / name).parent.mkdir(exist_ok=True)
            done.replace(folder / name)


def _append(path: Path, content: bytes) -> None:
    """Add what one part of the register gives; a header is kept once."""
    path.parent.mkdir(exist_ok=True)
    if path.exists() and path.suffix == ".csv":
        content = content.partition(b"\n")[2]
    with path.open("ab") as file:
        file.write(content)


def person_id() -> pl.Expr:
    """Eleven digits for a person's number, in the same order; never those of a stand-in."""
    return (pl.col("person") * 100 + 11).cast(pl.String).str.zfill(11)


def _checked(path: Path) -> pl.DataFrame:
    text = cs.by_name(*_TEXTS, require_all=False).cast(pl.String)
    register = scan(path).with_columns(text).sort("person", "period").collect()
    missing = [name for name in register.columns if register[name].null_count()]
    if missing:
        message = f"column {missing[0]} is missing in some rows: forms cannot say so"
        raise UserError(Problem(message, str(path), "write forms of a complete register"))
    return register


def _texts(
    register: pl.DataFrame, forms: Mapping[str, RawFiles], ends: tuple[date, date], seed: int
) -> dict[str, bytes]:
    """Content of every file, by name, from the persons of one part of the register."""
    spells = _spells(register)
    texts = {
        forms["residence_spells"].file: _csv(_residence(spells, ends[1])),
        forms["exits"].file: _csv(_exits(spells, ends[1], seed)),
    }
    people = _people(register)
    for (year, snapshot), (_, assistance), (_, earnings) in zip(
        *(forms[name].names() for name in ("population", "assistance", "earnings")), strict=True
    ):
        of_year = register.filter(pl.col("year") == year)
        texts[snapshot] = _csv(_snapshot(of_year, people, int(year or 0), ends[1]))
        texts[assistance] = kostra_lines(of_year, LAYOUT, seed)
        texts[earnings] = _csv(_jobs(of_year, seed))
    return texts


def _csv(frame: pl.DataFrame) -> bytes:
    text = frame.with_columns(
        pl.col(pl.Float64)
        .cast(pl.String)
        .str.replace(".", ",", literal=True)
        .str.strip_suffix(",0")
    )
    return text.write_csv(separator=";").encode()


def _month(column: str) -> pl.Expr:
    return (pl.col(column).dt.year() * 12 + pl.col(column).dt.month() - 1).cast(pl.Int32)


def _people(register: pl.DataFrame) -> pl.DataFrame:
    """Month of birth, first and last month of each person; months count from year 0."""
    born = (_month("period") - pl.col("age").cast(pl.Int32) * 12).min()
    return register.group_by("person", maintain_order=True).agg(
        born.alias("born"),
        pl.col("age").sort_by("period").first().alias("first_age"),
        _month("period").min().alias("first_month"),
        _month("period").max().alias("last_month"),
    )


def _snapshot(of_year: pl.DataFrame, people: pl.DataFrame, year: int, end: date) -> pl.DataFrame:
    """Who was there on 1 January; who came later is in the next snapshot, where there is one."""
    january = year * 12
    turned_adult = (pl.col("first_age") == pl.col("first_age").min()) & (
        pl.col("first_age") * 12 + pl.col("born") == pl.col("first_month")
    )
    in_next = (pl.col("last_month") >= january + 12) & (year < end.year)
    listed = (pl.col("first_month") <= january) | turned_adult | ~in_next
    first = of_year.unique("person", keep="first", maintain_order=True)
    return (
        first.join(people, on="person", how="left", maintain_order="left")
        .filter(listed)
        .select(
            pl.col("id").alias("person"),
            "unit",
            ((january - pl.col("born")) // 12).alias("age"),
            (pl.col("born") // 12 * 100 + pl.col("born") % 12 + 1).alias("born"),
            "sex",
            "family",
            *_background(of_year),
        )
    )


def _background(register: pl.DataFrame) -> tuple[pl.Expr, ...]:
    """Immigrant category and country of background, made from the origin where not known."""
    category = pl.when(pl.col("origin") == "norwegian").then(pl.lit("A")).otherwise(pl.lit("B"))
    made = {"immigrant_category": category, "country": pl.col("origin")}
    return tuple(
        pl.col(name) if name in register.columns else instead.alias(name)
        for name, instead in made.items()
    )


def _spells(register: pl.DataFrame) -> pl.DataFrame:
    """Join months in one municipality and family to spells."""
    ordered = register.with_columns(_month("period").alias("month"))
    same = (
        (pl.col("month") == pl.col("month").shift() + 1)
        & (pl.col("unit") == pl.col("unit").shift())
        & (pl.col("family") == pl.col("family").shift())
    ).over("person")
    run = (~same.fill_null(value=False)).cum_sum()
    return ordered.group_by(run.alias("run"), maintain_order=True).agg(
        pl.col("person", "id", "unit", "family").first(),
        pl.col("period").first().alias("from"),
        pl.col("period").last().alias("to"),
        pl.col("age").last(),
    )


def _residence(spells: pl.DataFrame, end: date) -> pl.DataFrame:
    return spells.select(
        pl.col("id").alias("person"),
        pl.col("from").dt.strftime("%Y-%m"),
        pl.when(~_open(end)).then(pl.col("to").dt.strftime("%Y-%m")).alias("to"),
        "unit",
        "family",
    )


def _last_of_person() -> pl.Expr:
    return pl.col("to") == pl.col("to").max().over("person")


def _leaves(end: date) -> pl.Expr:
    """Spells that end because their person dies or leaves the country."""
    return _last_of_person() & (pl.col("to") < end) & (pl.col("age") < _OLD)


def _open(end: date) -> pl.Expr:
    """Spells without an end in the file: the last ones, and every other that an exit ends."""
    return (pl.col("to") == end) | (_leaves(end) & (pl.col("person") % 2 == 0))


def _exits(spells: pl.DataFrame, end: date, seed: int) -> pl.DataFrame:
    dies = draw(seed, 1, "person") < 0.1
    return spells.filter(_leaves(end)).select(
        pl.col("id").alias("person"),
        pl.col("to").dt.strftime("%Y-%m").alias("period"),
        pl.when(dies).then(pl.lit("death")).otherwise(pl.lit("emigration")).alias("kind"),
    )


def _jobs(of_year: pl.DataFrame, seed: int) -> pl.DataFrame:
    """One row per job and month: some people have two, some had one more before the 16th."""
    work = of_year.filter("employed").with_columns(
        (pl.col("earnings") % 1 == 0).alias("whole"),
        (100_000_000 + pl.col("person") * 7_919 % 899_999_000).alias("employer"),
    )
    second = pl.col("whole") & (draw(seed, 2, "person") < 0.1)
    before = pl.col("whole") & (draw(seed, 3, "person", "year") < 0.03)
    work = work.with_columns(
        pl.when(second).then(pl.col("hours") // 4).alias("second_hours"),
        pl.when(second).then(pl.col("earnings") // 400 * 100).alias("second_earnings"),
        pl.when(before).then(pl.col("earnings") // 2_000 * 100).alias("before_earnings"),
    )
    taken = pl.col("second_earnings").fill_null(0.0) + pl.col("before_earnings").fill_null(0.0)
    jobs = [
        _job(work, 0, pl.col("hours") - pl.col("second_hours").fill_null(0.0),
             pl.col("earnings") - taken, on_16th=True),
        _job(work.filter(second), 1, pl.col("second_hours"), pl.col("second_earnings"),
             on_16th=True),
        _job(work.filter(before), 2, pl.lit(10.0), pl.col("before_earnings"), on_16th=False),
    ]  # fmt: skip
    if work.height >= _ENOUGH:
        jobs.append(_job(work.head(1), 3, pl.lit(5.0), pl.lit(1_000.0), on_16th=True).with_columns(
            pl.lit(STRANGER).alias("person")
        ))  # fmt: skip
    return pl.concat(jobs).sort("period", "person", "employer")


def _job(
    work: pl.DataFrame, number: int, hours: pl.Expr, earnings: pl.Expr, *, on_16th: bool
) -> pl.DataFrame:
    occupations = ["2310", "5223", "0110", "9112", "3412"]
    chosen = (pl.col("person") + number) % len(occupations)
    return work.select(
        pl.col("id").alias("person"),
        pl.col("period").dt.strftime("%Y%m"),
        (pl.col("employer") + number).cast(pl.String).alias("employer"),
        chosen.replace_strict(list(range(len(occupations))), occupations).alias("occupation"),
        hours.alias("hours"),
        earnings.alias("earnings"),
        pl.lit(int(on_16th)).alias("on_16th"),
    )
