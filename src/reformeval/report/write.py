"""The report: one self-contained page about one reform."""

from __future__ import annotations

import base64
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import polars as pl
from markupsafe import Markup

from reformeval.artefacts import write_text
from reformeval.figures.plan import Planned, planned, title_of
from reformeval.report import dates, numbers, words
from reformeval.report.results import Results, group_label, label_words
from reformeval.report.spec import ReportSpec
from reformeval.report.texts import DEFAULT, listed, say, say_or, speaking, spoken
from reformeval.spec import Outcome, Population
from reformeval.tables import _table, checks
from reformeval.tables._table import Table

TEMPLATES = Path(__file__).parent / "templates"
MOST_ROWS = 150
MOST_DONORS = 60
MOST_LEFT_OUT = 30


@dataclass(frozen=True)
class Picture:
    """A figure inside the page."""

    kind: str
    alt: str
    caption: str
    width: int
    height: int
    data: str


@dataclass(frozen=True)
class OutcomePart:
    """Figures and tables of one outcome."""

    name: str
    label: str
    status: str
    facts: str
    pictures: tuple[Picture, ...]
    table: Markup
    steps: Markup | None = None
    contrasts: Markup | None = None
    later: Markup | None = None
    cohorts: Markup | None = None


@dataclass
class _Numbered:
    """Counts figures through the page."""

    folder: Path
    shown: int = 0


def write_report(
    results: Results, tables: Mapping[str, Table], made_from: Mapping[str, Any]
) -> None:
    """Write ``report.html`` into the results' folder, where the figures already are.

    Parameters
    ----------
    results
        Every artefact of the reform.
    tables
        Of `build_tables`, by file stem.
    made_from
        What the results were made from: names to values, or to tables of names and values.
        Nothing that changes from run to run, so that equal results give equal bytes.
    """
    page = environment().get_template("report.html.j2")
    with speaking(results.spec.language):
        text = page.render(**content(results, tables, made_from))
    write_text(text, results.folder / "report.html")


def environment() -> jinja2.Environment:
    """Templates, with the words at hand and no other way to write them."""
    env = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    env.globals["say"] = say
    env.globals["spoken"] = spoken
    env.globals["css"] = Markup((TEMPLATES / "style.css").read_text(encoding="utf-8"))
    return env


def content(
    results: Results, tables: Mapping[str, Table], made_from: Mapping[str, Any]
) -> dict[str, Any]:
    """Everything that the template shows."""
    spec = results.spec
    shown = {name: Markup(_table.html(table)) for name, table in tables.items() if name != "checks"}
    figures = _Numbered(results.folder)
    attention = checks.attention(results)
    return {
        "spec": spec,
        "messages": "" if spec.language == DEFAULT else say("report.messages"),
        "headline": words.headline(results),
        "numbers": _key_numbers(results),
        "inference_table": shown.get("inference"),
        "notes": [*spec.notes, *(n for one in spec.sources for n in one.notes)],
        "window": _window(spec),
        "treated": results.treated_name,
        "donors": _donors(results),
        "donor_count": len(results.donors),
        "left_out": _left_out(results),
        "populations": _populations(spec),
        "groups": [group_label(spec, group) for group in spec.groups],
        "sample_flow": shown.get("sample_flow"),
        "support": shown.get("support"),
        "calendar": _pictures(figures, results, ""),
        "outcomes": [_outcome(results, outcome, shown, figures) for outcome in spec.outcomes],
        "weights": [
            (label_words(label), shown[f"weights_{label}"])
            for label in (estimator.label for estimator in spec.estimators)
            if f"weights_{label}" in shown
        ],
        "check_counts": _check_counts(results.checks),
        "checks": Markup(_table.html(attention)) if 0 < len(attention.lines) <= MOST_ROWS else None,
        "many_checks": len(attention.lines) > MOST_ROWS,
        "methods": _methods(spec),
        "inferences": _inferences(results),
        "made_from": _made_from(made_from),
    }


def _outcome(
    results: Results, outcome: Outcome, shown: Mapping[str, Markup], figures: _Numbered
) -> OutcomePart:
    named = outcome.name == results.spec.headline.outcome
    return OutcomePart(
        name=outcome.name,
        label=outcome.label,
        status=say("report.outcome.with_headline" if named else "report.outcome.exploratory"),
        facts=say(
            "report.outcome.facts",
            measured_in=outcome.measured_in,
            population=words.lower_first(_population_name(outcome)),
        ),
        pictures=_pictures(figures, results, outcome.name),
        table=shown[f"effects_{outcome.name}"],
        steps=shown.get(f"steps_{outcome.name}"),
        contrasts=shown.get(f"contrasts_{outcome.name}"),
        later=shown.get(f"later_{outcome.name}"),
        cohorts=shown.get(f"cohorts_{outcome.name}"),
    )


def _pictures(figures: _Numbered, results: Results, outcome: str) -> tuple[Picture, ...]:
    chosen = [figure for figure in planned(results.spec) if figure.outcome == outcome]
    return tuple(_picture(figures, results, figure) for figure in chosen)


def _picture(figures: _Numbered, results: Results, figure: Planned) -> Picture:
    data = (figures.folder / "figures" / f"{figure.name}.png").read_bytes()
    width, height = struct.unpack(">II", data[16:24])
    figures.shown += 1
    reading = say(f"figure.{figure.kind}.reading")
    return Picture(
        kind=figure.kind,
        alt=say("report.figure.alt", title=title_of(results, figure), reading=reading),
        caption=say("report.figure.caption", n=figures.shown, text=reading),
        width=width // 2,
        height=height // 2,
        data=base64.b64encode(data).decode("ascii"),
    )


def _key_numbers(results: Results) -> list[tuple[str, str]]:
    """Headline's numbers for the box beside the words."""
    row = results.headline
    if row is None or row["estimate"] is None:
        return []
    decimals = results.decimals[row["outcome"]]
    level = numbers.percent(row["ci_level"])
    shown = [
        (say("report.numbers.estimate"), words.signed(results, row, row["estimate"])),
        (say("report.numbers.interval", level=level),
         numbers.interval(row["ci_low"], row["ci_high"], decimals)),
        (say("report.numbers.p"), numbers.p_value(row["p_value"])),
        (say("report.numbers.floor"), numbers.p_value(row["p_value_floor"])),
        (say("report.numbers.baseline"), words.level(results, row, row["baseline"])),
        (say("report.numbers.donors"), numbers.count(row["n_donors"])),
    ]  # fmt: skip
    if row["truth"] is not None:
        shown.insert(2, (say("report.numbers.truth"), words.signed(results, row, row["truth"])))
    return shown


def _window(spec: ReportSpec) -> str:
    timing = spec.timing
    return say(
        "report.data.window_text",
        first=dates.label(timing.first, timing.frequency),
        last=dates.label(timing.last, timing.frequency),
        periods=numbers.periods(len(timing.periods) - len(timing.dropped), timing.frequency),
    )


def _donors(results: Results) -> str:
    """Names of the donors; of very many the first and how many more."""
    names = [results.unit_labels[unit] for unit in results.donors]
    more = len(names) - MOST_DONORS
    if more > 1:
        names = [*names[:MOST_DONORS], say("report.data.more", n=numbers.count(more))]
    return listed(names)


def _left_out(results: Results) -> list[str]:
    """Units left out, by reason; long lists as a number."""
    rows = results.units.filter(pl.col("role") == "left_out").sort("unit")
    reasons: dict[str, list[str]] = {}
    for code, reason in rows["unit", "reason"].iter_rows():
        name = results.unit_labels[code]
        reasons.setdefault(reason or say("reason.none"), []).append(name)
    return [
        say(
            "report.data.left_out_reason",
            units=listed(names)
            if len(names) <= MOST_LEFT_OUT
            else say("report.data.units", n=numbers.count(len(names))),
            reason=reason,
        )
        for reason, names in reasons.items()
    ]


def _population_name(outcome: Outcome) -> str:
    return say(f"population.{outcome.population.kind}.name")


def _populations(spec: ReportSpec) -> list[tuple[str, str, list[str]]]:
    """Name, explanation and outcomes of each population, in order of first use."""
    found: dict[tuple[str, str], list[str]] = {}
    for outcome in spec.outcomes:
        key = _population_name(outcome), _explained(outcome.population, spec.min_persons)
        found.setdefault(key, []).append(
            say("report.data.outcome", outcome=outcome.label, measured_in=outcome.measured_in)
        )
    return [(name, text, outcomes) for (name, text), outcomes in found.items()]


def _explained(population: Population, least: int) -> str:
    """Say who is counted, and in which unit and groups."""
    text = say(
        f"population.{population.kind}.text",
        months=population.months or "",
        after=population.after or "",
        least=least,
    )
    if population.kind == "as_published":
        return text
    units = "before" if population.frozen_units else "current"
    groups = "frozen" if population.frozen_groups else "current"
    first, last = population.ages
    counted = say(f"population.counted.{units}_{groups}", first=first, last=last)
    return f"{text} {counted}"


def _check_counts(rows: pl.DataFrame) -> list[dict[str, str]]:
    """How often each check passed, warned and failed."""
    counts: dict[str, dict[str, int]] = {}
    for row in rows.iter_rows(named=True):
        found = counts.setdefault(row["check"], dict.fromkeys(("pass", "warn", "fail", "info"), 0))
        found[row["verdict"]] = found.get(row["verdict"], 0) + 1
    return [
        {"check": say_or(f"check.{name}", label_words(name).capitalize())}
        | {verdict: str(n) for verdict, n in found.items()}
        for name, found in counts.items()
    ]


def _methods(spec: ReportSpec) -> list[dict[str, str]]:
    described = []
    for estimator in spec.estimators:
        method = estimator.method
        options = ", ".join(f"{key} = {value}" for key, value in estimator.options.items())
        described.append(
            {
                "label": label_words(estimator.label),
                "name": say_or(f"method.{method}.name", label_words(method)),
                "text": say_or(f"method.{method}.text", say("method.other.text")),
                "weights": say(f"report.methods.weights.{estimator.weights}"),
                "options": options,
                "page": f"docs/methods/{method}.md",
            }
        )
    return described


def _inferences(results: Results) -> list[dict[str, str]]:
    names = results.effects["inference"].unique().sort().to_list()
    used: list[str] = sorted(names, key=lambda name: (name != results.preferred, name))
    return [
        {
            "name": say_or(f"inference.{name}.name", name),
            "text": say_or(f"inference.{name}.text", say("method.other.text")),
            "page": f"docs/methods/{name}.md",
        }
        for name in used
    ]


def _made_from(made_from: Mapping[str, Any]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Named parts with their rows; a single value is a part with one unnamed row."""
    parts = []
    for name in sorted(made_from):
        value = made_from[name]
        rows = (
            [(str(key), str(value[key])) for key in sorted(value)]
            if isinstance(value, Mapping)
            else [("", say("report.made_from.absent") if value is None else str(value))]
        )
        if rows:
            parts.append((say_or(f"report.made_from.{name}", label_words(name)), rows))
    return parts
