"""What the columns of a table are: unit, period, groups, outcomes. All of it is a guess."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import log

import polars as pl

from reformeval import periods
from reformeval.errors import Problem, UserError
from reformeval.scaffold import period_guess
from reformeval.scaffold.period_guess import PeriodGuess
from reformeval.scaffold.sniff import Table
from reformeval.sources import _cells
from reformeval.sources._model import OutcomeKind

_UNIT_NAMES = re.compile(
    r"(?i)(unit|region|area|geo|kommune|fylke|enhet|county|counties|state|canton|kanton"
    r"|municipal|city|district|bezirk|kreis|land|country|province|bydel|gemeinde|fips|place|location)"
)
_PERSONS_NAMES = re.compile(
    r"(?i)(n|n_?persons?|persons?|n_?obs|obs|pop|population|folketall|befolkning|innbyggere|weights?"
    r"|((antall|number_of|number|no|num|count_of)_)?(personer|persons|people|residents|innbyggere|obs))"
)
_RATE_NAMES = re.compile(
    r"(^|_)(rates?|shares?|andel|prosent|percent|pct|perc|quote|prop)(_|$)|rate$|per_1_?000"
)
# Whole numbers that measure rather than count: amounts of money, time and age.
_AMOUNT_NAMES = re.compile(
    r"(^|_)(kr|nok|sek|dkk|eur|euros?|usd|chf|gbp|inntekt\w*|lonn\w*|belop\w*|stonad\w*|income\w*"
    r"|earnings?|wages?|salar\w*|amount\w*|prices?|pris\w*|hours|timer|days|dager|age|alder"
    r"|mean|average|avg|median|gjennomsnitt\w*|snitt|index|indeks)(_|$)"
)
# Names of columns that number persons.
_PERSON_IDS = re.compile(
    r"(fnr|fodselsnummer|fodselsnr|personnummer|pnr|lopenummer|lopenr|lnr|ssn|nin|pid|id|uid"
    r"|(person|individual|household|hushold|worker|respondent|patient)_?(id|nr|no|number|key)"
    r"|id_?(person|nr|no))"
)
_PER_CELL = 10
_TOTALS = frozenset(
    {"all", "alle", "total", "totalt", "i alt", "ialt", "sum", "both", "begge", "tot", "t",
     "insgesamt", "alt", "everyone", "everybody", "hele landet", "ensemble"}
)  # fmt: skip
_TOTAL_STARTS = ("both ", "begge ", "all ", "alle ", "total ", "totalt ", "i alt")
_WHOLES = frozenset(
    {"landet", "hele landet", "norge", "norway", "sverige", "sweden", "danmark", "denmark", "suomi",
     "finland", "schweiz", "suisse", "switzerland", "deutschland", "germany", "usa",
     "united states", "country", "nation", "national", "us"}
)  # fmt: skip
_FEW = 30


@dataclass(frozen=True)
class GroupGuess:
    """A column that splits people, its total and its values by slug."""

    column: str
    total: str
    values: dict[str, str]


@dataclass(frozen=True)
class OutcomeGuess:
    """A column with an outcome, and the column that counts persons behind it."""

    column: str
    kind: OutcomeKind
    persons: str | None


@dataclass
class Guess:
    """Everything guessed about a table.

    Attributes
    ----------
    filter
        Column to the one value kept, and the other values there are.
    left
        Columns that are not used, with the reason.
    remarks
        What whoever wrote the file should know: gaps, double rows.
    """

    unit: str
    units: list[str]
    merge: dict[str, str]
    period: PeriodGuess
    filter: dict[str, tuple[str, list[str]]] = field(default_factory=dict)
    groups: dict[str, GroupGuess] = field(default_factory=dict)
    outcomes: dict[str, OutcomeGuess] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)


def guess(table: Table) -> Guess:
    """Guess what each column of a table is.

    Raises
    ------
    UserError
        If there is no period, no unit or nothing measured.
    """
    period = period_guess.guess(table)
    unit = _unit(table, period)
    labels = table.frame[unit].unique().sort().to_list()
    merge = _merge(table.frame[unit])
    units = [label for label in labels if label not in merge]
    found = Guess(unit, units, merge, period)
    kept = _dimensions(table, found)
    _refuse_persons(table, kept, found)
    _outcomes(table, kept, found)
    _balance(kept, found)
    return found


def slug(text: str) -> str:
    """Turn a label into a name: letters, digits and underscores.

    Examples
    --------
    >>> slug("Andel av arbeidsstyrken (%)")
    'andel_av_arbeidsstyrken'
    """
    plain = re.sub(r"([a-zæøå0-9])([A-ZÆØÅ])", r"\1_\2", text).casefold()
    for letter, plainly in {"ø": "o", "æ": "ae", "ß": "ss"}.items():
        plain = plain.replace(letter, plainly)
    ascii_ = unicodedata.normalize("NFKD", plain).encode("ascii", "ignore").decode()
    name = re.sub(r"[^a-z0-9]+", "_", ascii_).strip("_")
    return name if name[:1].isalpha() else f"x_{name}".rstrip("_")


def _unique_slugs(texts: Sequence[str]) -> dict[str, str]:
    out: dict[str, str] = {}
    for text in texts:
        name, i = slug(text), 2
        while name in out or name == "all":
            name, i = f"{slug(text)}_{i}", i + 1
        out[name] = text
    return out


def _unit(table: Table, period: PeriodGuess) -> str:
    times = len(set(period.dates.values()))
    best: tuple[float, str] | None = None
    for name in table.frame.columns:
        cells = table.frame[name]
        different = cells.n_unique()
        text, named = name not in table.numeric, bool(_UNIT_NAMES.search(name))
        if name in period.used or different < 2 or not (text or (named and _whole(table, name))):
            continue
        if (cells.str.strip_chars() == "").any() or different * times > 4 * table.frame.height:
            continue
        score = 10 * named + 6 * text + log(different)
        if best is None or score > best[0]:
            best = (score, name)
    if best is None:
        raise UserError(
            Problem(
                "no column looks like a unit: text or codes that repeat in every period",
                str(table.path),
                "give the column a name such as unit, region, state or municipality",
            )
        )
    return best[1]


def _whole(table: Table, name: str) -> bool:
    numbers = table.numbers(name).drop_nulls()
    return bool((numbers % 1 == 0).all())


def _merge(cells: pl.Series) -> dict[str, str]:
    """Labels that differ only by white space or case: all go to the tidiest one."""
    alike: dict[str, list[str]] = {}
    for label in cells.unique().sort().to_list():
        alike.setdefault(_cells.folded(label), []).append(label)
    out: dict[str, str] = {}
    for labels in alike.values():
        tidy = min(labels, key=lambda label: (label != " ".join(label.split()), label))
        out |= {label: tidy for label in labels if label != tidy}
    return out


def _dimensions(table: Table, found: Guess) -> pl.DataFrame:
    """Find columns that split unit and period; return the rows that remain for everybody."""
    frame = table.frame.with_columns(pl.col(found.unit).replace(found.merge))
    keys = [found.unit, *found.period.used]
    cells = frame.select(keys).n_unique()
    candidates = [name for name in frame.columns if name not in keys and name not in table.numeric]
    # Codes such as 1 and 2 are numbers too; they are asked only while rows are still double.
    candidates += [name for name in table.numeric if frame[name].n_unique() <= _FEW]
    for name in sorted(candidates, key=lambda c: (c in table.numeric, frame.columns.index(c))):
        if name in table.numeric and frame.height == frame.select(keys).n_unique():
            continue
        values = frame[name].unique(maintain_order=True).to_list()
        splits = frame.select(*keys, name).n_unique() > cells
        if name not in table.numeric and (not splits or len(values) > _FEW):
            found.left[name] = _why_not(table, found.unit, name, values, splits)
            continue
        if not splits or (name in table.numeric and not _helps(frame, keys, name)):
            continue
        frame = _split(frame, found, name, values)
    return frame


def _helps(frame: pl.DataFrame, keys: Sequence[str], name: str) -> bool:
    """Whether a column of numbers tells all double rows apart."""
    return frame.select(*keys, name).n_unique() == frame.height


def _split(frame: pl.DataFrame, found: Guess, name: str, values: list[str]) -> pl.DataFrame:
    total = next((value for value in values if _is_total(value)), None)
    if total is None:
        kept = frame[name].value_counts(sort=True)[name][0] if len(values) > 1 else values[0]
        found.filter[name] = (kept, [value for value in values if value != kept])
        return frame.filter(pl.col(name) == kept)
    others = sorted(value for value in values if value != total)
    known = [slug(name), *found.groups]
    key = slug(name) if slug(name) not in found.groups else f"{slug(name)}_{len(known)}"
    found.groups["group" if key == "all" else key] = GroupGuess(name, total, _unique_slugs(others))
    return frame.filter(pl.col(name) == total)


def is_whole(unit: str) -> bool:
    """Whether a unit's label is that of all units together."""
    return unit.strip().casefold() in _WHOLES or _is_total(unit)


def _is_total(value: str) -> bool:
    text = value.strip().casefold()
    return text in _TOTALS or text.startswith(_TOTAL_STARTS)


def _why_not(table: Table, unit: str, name: str, values: list[str], splits: bool) -> str:
    cells = table.frame[name].str.strip_chars()
    texts = cells.filter(cells != "")
    numbers = texts.cast(pl.Float64, strict=False).is_not_null().sum()
    if texts.len() and numbers > 0.8 * texts.len():
        text = texts.filter(texts.cast(pl.Float64, strict=False).is_null())[0]
        return f"mostly numbers, but also text such as '{text}'"
    if table.frame.select(unit, name).n_unique() == table.frame[unit].n_unique():
        shown = ", ".join(values[:5]) + (", …" if len(values) > 5 else "")
        return f"the same for each unit ({shown}); to keep one kind of unit use filter"
    return "more values than groups have" if splits else "says no more than unit and period do"


def _refuse_persons(table: Table, kept: pl.DataFrame, found: Guess) -> None:
    """Stop at a file of persons: tables hold cells, and its values must not go into config.

    Raises
    ------
    UserError
        If rows pile up in each unit and period, and a column tells them apart that looks like
        the number of a person.
    """
    keys = [found.unit, *found.period.used]
    cells = kept.select(keys).n_unique()
    if kept.height < 2 * cells:
        return
    for name in kept.columns:
        if name in keys:
            continue
        named = bool(_PERSON_IDS.fullmatch(slug(name)))
        times = [*found.period.used, name]
        if not named and (
            not _whole_or_text(table, name)
            or kept.height < _PER_CELL * cells
            or kept[name].n_unique() < _PER_CELL * kept[found.unit].n_unique()
            or kept.select(times).n_unique() < kept.height
        ):
            continue
        raise UserError(
            Problem(
                f"this looks like one row per person: column '{name}' tells "
                f"{kept.height / cells:,.0f} rows of each '{found.unit}' and period apart",
                str(table.path),
                "make a table with one row per unit, period and group from it first (means, and "
                "the number of persons behind them), and keep the persons where they are",
            )
        )


def _whole_or_text(table: Table, name: str) -> bool:
    return name not in table.numeric or _whole(table, name)


def _outcomes(table: Table, kept: pl.DataFrame, found: Guess) -> None:
    used = {found.unit, *found.period.used, *found.filter}
    used |= {group.column for group in found.groups.values()}
    rows = Table(
        table.path, table.format, kept, table.numeric, decimal=table.decimal,
        thousands=table.thousands,
    )  # fmt: skip
    measured: list[str] = []
    persons = None
    for name in table.frame.columns:
        if name in used or name not in table.numeric:
            continue
        numbers = rows.numbers(name)
        reason = _no_outcome(kept, found, name, numbers)
        if _PERSONS_NAMES.fullmatch(slug(name)) and persons is None and _is_count(numbers):
            persons = name
        elif reason:
            found.left[name] = reason
        else:
            measured.append(name)
    if not measured and persons:
        measured, persons = [persons], None
    if not measured:
        raise UserError(
            Problem(
                "no column of numbers varies over units and periods",
                str(table.path),
                "; ".join(f"{name}: {reason}" for name, reason in found.left.items()),
            )
        )
    for name, column in _unique_slugs(measured).items():
        kind = _kind(column, rows.numbers(column))
        found.outcomes[name] = OutcomeGuess(column, kind, None if kind == "count" else persons)


def _no_outcome(kept: pl.DataFrame, found: Guess, name: str, numbers: pl.Series) -> str | None:
    different = set(numbers.drop_nulls().unique().to_list())
    if len(different) < 2:
        return "the same everywhere"
    if different <= {0.0, 1.0}:
        return "0 and 1 only: an indicator"
    for keys, what in (([found.unit], "in all periods of a unit"),
                       (found.period.used, "for all units of a period")):  # fmt: skip
        if kept.select(*keys, name).n_unique() == kept.select(keys).n_unique():
            return f"the same {what}"
    return None


def _is_count(numbers: pl.Series) -> bool:
    known = numbers.drop_nulls()
    return bool(((known % 1 == 0) & (known >= 0)).all())


def _kind(column: str, numbers: pl.Series) -> OutcomeKind:
    known = numbers.drop_nulls()
    if bool(((known >= 0) & (known <= 1)).all()):
        return "share"
    if _RATE_NAMES.search(slug(column)):
        return "rate"
    amount = _AMOUNT_NAMES.search(slug(column))
    return "count" if _is_count(known) and not amount else "mean"


def _balance(kept: pl.DataFrame, found: Guess) -> None:
    dates = found.period.dates
    keys = [found.unit, *found.period.used]
    double = kept.height - kept.select(keys).n_unique()
    if double:
        found.remarks.append(
            f"{double} rows share unit and period with another: another column must tell them "
            "apart; add it under filter or groups"
        )
    expected = periods.span(found.period.first, found.period.last, found.period.frequency)
    gaps = len(expected) - len(set(dates.values()))
    if gaps:
        found.remarks.append(f"{gaps} of {len(expected)} periods are missing for all units")
    sizes = kept.select(keys).unique().group_by(found.unit).len()
    short = sizes.filter(pl.col("len") < len(set(dates.values()))).sort(found.unit)
    if short.height:
        names = ", ".join(f"'{name}'" for name in short[found.unit].to_list()[:3])
        found.remarks.append(
            f"not balanced: {short.height} of {sizes.height} units miss periods, e.g. {names}"
        )
    else:
        found.remarks.append(f"balanced: every unit has all {len(set(dates.values()))} periods")
