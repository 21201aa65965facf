"""The headline in plain words: what was found, how sure it is, and what it cannot show."""

from __future__ import annotations

import math
from dataclasses import dataclass

import polars as pl

from reformeval.report import dates, numbers, units
from reformeval.report.results import (
    SHOWN,
    Results,
    Row,
    contrast_label,
    group_label,
    label_words,
)
from reformeval.report.texts import has, say, say_or, speaking
from reformeval.spec import Contrast, Timing

COMMON_LEVELS = (0.99, 0.95, 0.9, 0.8, 0.75, 0.5)
FEW_TREATED = 5
SAID = ("ci_level",)  # checks whose content stands beside the interval
SAME = 1e-9


@dataclass(frozen=True)
class Headline:
    """What the report says about the effect named in advance.

    Attributes
    ----------
    lead
        The estimate in one sentence.
    uncertainty
        Interval, p-value, verdict, what could have been found.
    limits
        What the estimate cannot show.
    truth
        The planted effect beside it, for simulated data; "" otherwise.
    """

    lead: str
    uncertainty: tuple[str, ...]
    limits: tuple[str, ...]
    truth: str


def headline(results: Results) -> Headline:
    """Put the headline row of the effects into words, in the reform's language."""
    with speaking(results.spec.language):
        return _headline(results)


def _headline(results: Results) -> Headline:
    row = results.headline
    if row is None or row["estimate"] is None:
        reason = (row or {}).get("reason") or say("reason.none")
        return Headline(say("headline.none", reason=reason), (), _limits(results, row), "")
    sentences = (_interval, _level, _p, _verdict)
    said = tuple(text for sentence in sentences if (text := sentence(results, row)))
    return Headline(_lead(results, row), said, _limits(results, row), _truth(results, row))


def amount(results: Results, row: Row, value: float) -> str:
    """Write a size in the outcome's unit, without its sign."""
    size = numbers.number(abs(value), results.decimals[row["outcome"]])
    return say("number.measured", value=size, measured_in=units.of_row(results, row))


def signed(results: Results, row: Row, value: float) -> str:
    """Write a value in the outcome's unit, with its sign."""
    text = numbers.number(value, results.decimals[row["outcome"]], sign=True)
    return say("number.measured", value=text, measured_in=units.of_row(results, row))


def level(results: Results, row: Row, value: float | None) -> str:
    """Write a level of the outcome, as against a difference, in its unit."""
    text = numbers.number(value, results.decimals[row["outcome"]])
    if value is None:
        return text
    unit = units.of_level(units.of_row(results, row))
    return say("number.measured", value=text, measured_in=unit)


def lower_first(text: str) -> str:
    """Write a label inside a sentence: small first letter unless it is an abbreviation."""
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]


def method_name(results: Results, label: str) -> str:
    """Name of the method behind a label."""
    method = results.spec.method_of(label)
    return say_or(f"method.{method}.name", label_words(method))


def inference_words(name: str) -> str:
    """Name of a method of inference inside a sentence."""
    return say_or(f"inference.{name}.short", label_words(name))


def _lead(results: Results, row: Row) -> str:
    spec = results.spec
    outcome = spec.outcome(row["outcome"])
    group = next(g for g in spec.groups if g.name == row["group"])
    among = group_label(spec, group)
    if row["versus"] is not None:
        among = contrast_label(spec, Contrast(row["group"], row["versus"]))
    rounded = round(row["estimate"], results.decimals[row["outcome"]])
    way = "same" if rounded == 0 else "higher" if rounded > 0 else "lower"
    key = f"headline.staggered.{way}" if spec.timing.staggered else f"headline.{way}"
    return say(
        key,
        outcome=outcome.label
        if not group.terms
        else say("headline.among", outcome=outcome.label, group=among),
        treated=results.treated_name,
        amount=amount(results, row, row["estimate"]),
        start=words_of_start(spec.timing),
        periods=numbers.periods(row["n_post"], spec.timing.frequency),
        method=lower_first(method_name(results, row["estimator"])),
    )


def words_of_start(timing: Timing) -> str:
    """Name the period of adoption, or the first and the last of several."""
    first = dates.label(timing.adoption, timing.frequency)
    last = dates.label(timing.adoptions[-1], timing.frequency) if timing.staggered else first
    return first if last == first else say("number.interval", low=first, high=last)


def _interval(results: Results, row: Row) -> str:
    if row["ci_low"] is None:
        return say("headline.no_interval", reason=row["reason"] or say("reason.none"))
    low, high, level = row["ci_low"], row["ci_high"], numbers.percent(row["ci_level"])
    zero = "includes" if low <= 0 <= high else "excludes"
    infinite = sum(map(math.isinf, (low, high)))
    if infinite == 2:
        return say("headline.interval_none", level=level)
    if infinite:
        end = low if math.isfinite(low) else high
        kind = "from" if math.isfinite(low) else "to"
        text = say(f"headline.interval_{kind}", level=level, end=signed(results, row, end))
    else:
        decimals = results.decimals[row["outcome"]]
        text = say(
            "headline.interval",
            level=level,
            low=numbers.number(low, decimals, sign=True),
            high=signed(results, row, high),
        )
    return f"{text} {say(f'headline.zero.{zero}')}"


def _level(results: Results, row: Row) -> str:
    wanted, got = results.spec.ci_level, row["ci_level"]
    if row["ci_low"] is None or abs(wanted - got) < SAME:
        return ""
    values = {"wanted": numbers.percent(wanted), "got": numbers.percent(got), "n": row["n_donors"]}
    if got > wanted:
        return say("headline.level_above", **values)
    also = next((level for level in COMMON_LEVELS if level <= got + SAME), None)
    if also is None or abs(also - got) < SAME:
        return say("headline.level_below", **values)
    return say("headline.level_below_also", also=numbers.percent(also), **values)


def _p(results: Results, row: Row) -> str:
    if row["p_value"] is None:
        return ""
    p = numbers.p_value(row["p_value"])
    if row["inference"] != "permutation" or not row["p_value_floor"]:
        return say("headline.p_other", p=p, method=inference_words(row["inference"]))
    count = round(1 / row["p_value_floor"])
    return say(
        "headline.p_permutation",
        p=p,
        as_far=round(row["p_value"] * count),
        count=count,
        treated=results.treated_name,
        floor=numbers.p_value(row["p_value_floor"]),
    )


def _verdict(results: Results, row: Row) -> str:
    verdict = row["verdict"]
    if not verdict:
        return ""
    smallest = results.spec.outcome(row["outcome"]).smallest_effect_of_interest
    alpha = 1 - results.spec.ci_level
    said = []
    if row["p_value_floor"] > alpha + SAME:
        said.append(say("verdict.floor", alpha=numbers.percent(alpha)))
    elif verdict == "inconclusive" and smallest is None:
        said.append(say("verdict.inconclusive_unnamed"))
    elif has(f"verdict.{verdict}"):
        named = verdict == "no_effect_beyond_smallest" and smallest is not None
        size = _chosen(results, row, smallest) if named else ""
        said.append(say(f"verdict.{verdict}", smallest=size, alpha=numbers.percent(alpha)))
    if verdict != "effect":
        if row["minimum_detectable"] is not None and math.isfinite(row["minimum_detectable"]):
            size = amount(results, row, row["minimum_detectable"])
            own = numbers.percent(1 - row["ci_level"])
            said.append(say("verdict.detectable", size=size, alpha=own))
        if smallest is not None and verdict == "inconclusive":
            said.append(say("verdict.smallest", size=_chosen(results, row, smallest)))
    return " ".join(said)


def _chosen(results: Results, row: Row, value: float | None) -> str:
    text = numbers.number(None, 0) if value is None else numbers.given(value)
    return say("number.measured", value=text, measured_in=units.of_row(results, row))


def _truth(results: Results, row: Row) -> str:
    if row["truth"] is None:
        return ""
    held = ""
    if row["ci_low"] is not None:
        inside = row["ci_low"] <= row["truth"] <= row["ci_high"]
        held = say(f"headline.truth_{'inside' if inside else 'outside'}")
    return say("headline.truth", truth=signed(results, row, row["truth"]), held=held)


def _limits(results: Results, row: Row | None) -> tuple[str, ...]:
    spec = results.spec
    treated = len(results.treated)
    said = [
        say("limits.one_treated", treated=results.treated_name)
        if treated == 1
        else say("limits.few_treated", n=treated) if treated < FEW_TREATED else ""
    ]  # fmt: skip
    method = spec.method_of(spec.headline.estimator)
    key = f"method.{method}.untestable"
    said.append(say(key) if has(key) else "")
    if row is not None and row["status"] in SHOWN and row["inference"] == "permutation":
        floor = numbers.p_value(row["p_value_floor"])
        said.append(
            say("limits.floor", n=row["n_donors"], floor=floor, k=round(1 / row["p_value_floor"]))
        )
    if len(spec.timing.steps) > 1:
        said.append(say("limits.steps", n=len(spec.timing.steps)))
    population = spec.outcome(spec.headline.outcome).population.kind
    key = f"population.{population}.limit"
    said.append(say(key) if has(key) else "")
    said.extend(_troubles(results))
    return tuple(text for text in said if text)


def _troubles(results: Results) -> list[str]:
    """Put in words the headline's checks that failed or warn, but those already said."""
    rows = results.checks.filter(
        pl.col("verdict").is_in(["fail", "warn"]), ~pl.col("check").is_in(SAID)
    )
    return [
        say(
            "limits.check",
            check=say_or(f"check.{row['check']}", label_words(row["check"])),
            message=row["message"] or "",
        )
        for row in rows.iter_rows(named=True)
        if results.concerns_headline(row)
    ]
