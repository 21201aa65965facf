"""Every kind of bad reform file gives exactly its message, with file and line."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pytest

from reformeval.config.loader import load
from reformeval.config.resolve import estimate_spec, report_spec
from reformeval.errors import UserError
from reformeval.spec import Covariate

ROOT = Path(__file__).parents[2]
FILE = "config/reforms/x.yaml"

BASE = """\
title: A reform
source: simulated_register
population: {kind: prior_recipients, months: 12}
window: {from: 2017-01, to: 2022-08, drop: [2020-12]}
treatment:
  units: ["4601"]
  steps:
    - {id: first, from: 2020-03, label: First}
    - {id: second, from: 2021-03}
  anticipation: 3
comparison:
  largest: 24
  exclude: ["0301"]
outcomes:
  employed: {measured_in: percentage points}
  recipients_per_1000: {population: residents, measured_in: "per 1,000"}
  spell_months: {population: current_recipients, measured_in: months}
groups: [family, [family, origin]]
headline: {outcome: employed, group: all, estimator: did}
estimators:
  did: {}
  sc: {method: synthetic_control}
"""

TABLE = """\
title: A reform
source: california_prop99
window: {from: 1970, to: 2000}
treatment:
  units: [California]
  steps:
    - {id: law, from: 1989}
outcomes:
  packs_per_capita: {measured_in: packs}
headline: {outcome: packs_per_capita, estimator: did}
estimators: {did: }
"""


def project(folder: Path, reform: str, name: str = "x") -> Path:
    (folder / "config/reforms").mkdir(parents=True)
    shutil.copytree(ROOT / "config/sources", folder / "config/sources")
    (folder / "config/config.yaml").write_text("reforms: all\n")
    (folder / f"config/reforms/{name}.yaml").write_text(reform, encoding="utf-8")
    return folder


def problems(folder: Path, reform: str) -> list[str]:
    with pytest.raises(UserError) as caught:
        load(project(folder, reform))
    return [f"{problem.where}: {problem.message}" for problem in caught.value.problems]


def changed(text: str, old: str, new: str) -> str:
    assert text.count(old) == 1, old
    return text.replace(old, new)


@pytest.mark.parametrize("text", [BASE, TABLE])
def test_the_base_files_load(tmp_path: Path, text: str) -> None:
    assert list(load(project(tmp_path, text)).reforms) == ["x"]


CASES: dict[str, tuple[str, str, str]] = {
    # id: (text in BASE, replacement, problem without the file)
    "unknown key": ("title:", "titel:", "1: unknown key `titel`"),
    "nested key": ("largest: 24", "larges: 24", "12: unknown key `comparison.larges`"),
    "key in list": ("label: First", "lable: First", "8: unknown key `treatment.steps[0].lable`"),
    "missing in outcome": (
        "employed: {measured_in: percentage points}",
        "employed: {}",
        "15: `outcomes.employed.measured_in` is missing",
    ),
    "duplicate key": (
        "comparison:\n",
        "title: Again\ncomparison:\n",
        "11: `title` stands twice, first on line 1",
    ),
    "NO": ('["0301"]', "[NO]", "13: `comparison.exclude[0]`: YAML reads NO as false"),
    "ON as key": (
        "groups: [",
        "ON: 1\ngroups: [",
        "18: the key ON under `the file` is not text for YAML",
    ),
    "octal code": (
        '["0301"]',
        "[0301]",
        "13: `comparison.exclude[0]`: YAML reads 0301 as a number (with leading zero even to "
        "base 8)",
    ),
    "code with 8 or 9": (
        '["0301"]',
        "[0389]",
        "13: `comparison.exclude[0]`: YAML reads 0389 as a number (with leading zero even to "
        "base 8)",
    ),
    "code without quotes": (
        '["4601"]',
        "[4601]",
        "6: `treatment.units[0]` must be text, and 4601 is not text for YAML",
    ),
    "sexagesimal": (
        "title: A reform",
        "title: 12:30",
        "1: `title`: YAML reads 12:30 as a number to base 60",
    ),
    "exponent": (
        "percentage points}",
        "points, smallest_effect_of_interest: 1e5}",
        "15: `outcomes.employed.smallest_effect_of_interest`: YAML reads 1e5 as text, not as a "
        "number",
    ),
    "full date": (
        "from: 2017-01,",
        "from: 2017-01-01,",
        "4: `window.from`: 2017-01-01 is a full date, and the source's periods are months",
    ),
    "wrong frequency": (
        "from: 2020-03,",
        "from: 2020-Q1,",
        "8: `treatment.steps[0].from`: '2020-Q1' is not a month",
    ),
    "year for month": ("to: 2022-08", "to: 2022", "4: `window.to`: '2022' is not a month"),
    "outside the source": (
        "from: 2017-01",
        "from: 2015-01",
        "4: `window.from`: 2015-01 is outside the source, which has 2017-01 to 2022-08",
    ),
    "window reversed": (
        "from: 2017-01, to: 2022-08, drop: [2020-12]",
        "from: 2022-08, to: 2017-01",
        "4: `window` is reversed: it ends in 2017-01, before it starts in 2022-08",
    ),
    "drop outside": (
        "to: 2022-08, drop: [2020-12]",
        "to: 2022-07, drop: [2022-08]",
        "4: `window.drop[0]`: 2022-08 is not inside the window",
    ),
    "steps out of order": (
        "from: 2021-03",
        "from: 2019-03",
        "9: `treatment.steps[1].from`: 2019-03 is not after the step before it, 2020-03",
    ),
    "step outside window": (
        "to: 2022-08",
        "to: 2021-02",
        "9: `treatment.steps[1].from`: 2021-03 is outside the window 2017-01 to 2021-02",
    ),
    "duplicate step id": (
        "id: second",
        "id: first",
        "9: `treatment.steps[1].id`: 'first' is already the id of step 0",
    ),
    "too few periods before": (
        "anticipation: 3",
        "anticipation: 37",
        "10: `treatment.anticipation`: the window has 1 period before adoption in 2020-03 and its "
        "37 periods of anticipation; at least 2 are needed",
    ),
    "negative anticipation": (
        "anticipation: 3",
        "anticipation: -1",
        "10: `treatment.anticipation` must be at least 0, not '-1'",
    ),
    "selection before the source": (
        "months: 12}",
        "months: 36}",
        "3: `population`: prior_recipients are chosen over 36 months before adoption and its "
        "anticipation, and the source has 35",
    ),
    "unknown unit": (
        '["4601"]',
        '["4602"]',
        "6: `treatment.units[0]`: the source has no unit '4602'",
    ),
    "excluded twice": (
        '["0301"]',
        '["0301", "0301"]',
        "13: `comparison.exclude[1]`: '0301' is listed twice",
    ),
    "treated is excluded": (
        '["0301"]',
        '["4601"]',
        "13: `comparison.exclude[0]`: '4601' is treated, so it is no donor anyway",
    ),
    "donor is treated": (
        "  largest: 24",
        '  units: ["4601", "1103"]',
        "12: `comparison.units[0]`: '4601' is treated and cannot be its own donor",
    ),
    "donor is excluded": (
        "  largest: 24",
        '  units: ["1103", "0301"]',
        "12: `comparison.units[1]`: '0301' is also listed under comparison.exclude",
    ),
    "largest and units": (
        "  largest: 24",
        '  largest: 24\n  units: ["1103", "1108"]',
        "13: `comparison` has both largest and units",
    ),
    "donor adopts inside": (
        "  largest: 24",
        '  treated_from: {"1103": 2020-03}',
        "12: `comparison.treated_from.1103`: donor '1103' adopts in 2020-03, not after the reform",
    ),
    "unknown outcome": (
        "employed: {m",
        "emplyed: {m",
        "15: `outcomes.emplyed`: the source has no outcome 'emplyed'",
    ),
    "recipients need residents": (
        "population: residents",
        "population: prior_recipients",
        "16: `outcomes.recipients_per_1000` counts among residents, not among prior_recipients",
    ),
    "whom it counts": (
        "population: {kind: prior_recipients, months: 12}\n",
        "",
        "14: `outcomes.employed` does not say whom it counts",
    ),
    "months for residents": (
        "{kind: prior_recipients,",
        "{kind: residents,",
        "3: `population.months` is only for prior_recipients",
    ),
    "max_months elsewhere": (
        "percentage points}",
        "points, max_months: 6}",
        "15: `outcomes.employed.max_months` is only for spell_months, months_to_exit",
    ),
    "months elsewhere": (
        "percentage points}",
        "points, months: 6}",
        "15: `outcomes.employed.months` is only for months_received, months_received_next, "
        "reentry_rate",
    ),
    "entrants before the source": (
        "population: residents,",
        "population: {kind: entrants, after: 3},",
        "16: `outcomes.recipients_per_1000.population`: entrants are without assistance in the 3 "
        "months before, and the source begins in 2017-01",
    ),
    "after of others": (
        "{kind: prior_recipients, months: 12}",
        "{kind: prior_recipients, after: 6}",
        "3: `population.after` is only for entrants",
    ),
    "ages reversed": (
        "{kind: prior_recipients, months: 12}",
        "{kind: residents, ages: [30, 18]}",
        "3: `population.ages`: 30 is above 18",
    ),
    "unknown groups": (
        "{kind: prior_recipients, months: 12}",
        "{kind: residents, groups: frosen}",
        "3: `population.groups` is 'frosen'",
    ),
    "unknown population": (
        "{kind: prior_recipients, months: 12}",
        "prior_recipient",
        "3: `population` is 'prior_recipient'",
    ),
    "unknown group": (
        "groups: [family,",
        "groups: [famly,",
        "18: `groups`: the source has no group variable 'famly'",
    ),
    "unknown value": (
        "groups: [family,",
        "groups: [{family: [with_childen]},",
        "18: `groups`: family has no value 'with_childen'",
    ),
    "headline outcome": (
        "{outcome: employed,",
        "{outcome: earnings,",
        "19: `headline.outcome`: 'earnings' is not one of outcomes",
    ),
    "headline group": (
        "group: all,",
        "group: sex=male,",
        "19: `headline.group`: 'sex=male' is not one of groups",
    ),
    "headline estimator": (
        "estimator: did}",
        "estimator: synthetic_control}",
        "19: `headline.estimator`: 'synthetic_control' is not one of estimators",
    ),
    "headline descriptive": (
        "{outcome: employed,",
        "{outcome: spell_months,",
        "19: `headline.outcome`: 'spell_months' counts current_recipients and is only "
        "descriptive: who they are may change with the reform",
    ),
    "unknown method": (
        "method: synthetic_control",
        "method: synthetic_controls",
        "22: `estimators.sc.method`: there is no method 'synthetic_controls'",
    ),
    "label is no method": (
        "did: {}",
        "did: {}\n  dd: {}",
        "22: `estimators.dd`: there is no method 'dd'",
    ),
    "weights": (
        "method: synthetic_control",
        "method: synthetic_control, weights: persons_pre",
        "22: `estimators.sc.weights`: persons_pre is only for did, event_study and "
        "person_event_study",
    ),
    "option": (
        "did: {}",
        "did: {wieghts: equal}",
        "21: `estimators.did.wieghts`: unknown option 'wieghts'; the options are: trends",
    ),
    "option value": (
        "method: synthetic_control",
        "method: synthetic_control, holdout: x",
        "22: `estimators.sc.holdout`: holdout must be a whole number of pre-periods, at least 1",
    ),
    "label with a space": (
        "  sc: {",
        "  s c: {",
        "22: `estimators.s c`: 's c' may only have letters from a to z, digits, _ and -",
    ),
    "unknown source": (
        "simulated_register",
        "simulated_registers",
        "2: `source`: there is no config/sources/simulated_registers.yaml",
    ),
    "not filled in": (
        '["4601"]',
        "[FILL IN]",
        "6: `treatment.units[0]` is not filled in yet",
    ),
    "comma in a flow": (
        '"per 1,000"',
        "per 1,000 residents",
        "16: unknown key `outcomes.recipients_per_1000.000 residents`",
    ),
}

MATCHED = ("  sc: {method: synthetic_control}", "  sc: {method: matched_sc}")
COVARIATES = {
    "unknown outcome": (
        "{emploid: {}}",
        "18: `covariates.emploid`: the reform has no outcome 'emploid'",
    ),
    "unknown outcome by name": (
        "{early: {outcome: emploid}}",
        "18: `covariates.early.outcome`: the reform has no outcome 'emploid'",
    ),
    "after the reform": (
        "{employed: {over: {from: 2019-01, to: 2020-01}}}",
        "18: `covariates.employed.over`: 2019-01 to 2020-01 are not periods in order",
    ),
    "reversed": (
        "{employed: {over: {from: 2019-02, to: 2019-01}}}",
        "18: `covariates.employed.over`: 2019-02 to 2019-01 are not periods in order",
    ),
    "no period": (
        "{employed: {over: {from: 2019, to: 2019-01}}}",
        "18: `covariates.employed.over.from`: '2019' is not a month",
    ),
    "none": ("{}", "23: `estimators.sc`: there are no covariates to match on"),
}
INFERENCE = {
    "unknown method": ("[permutatoin]", "18: `inference[0]`: there is no method 'permutatoin'"),
    "auto in a list": ("[auto, cluster]", "18: `inference` is auto, or a list of methods without"),
    "twice": ("[cluster, cluster]", "18: `inference` names a method twice"),
    "empty": ("[]", "18: `inference`"),
}


@pytest.mark.parametrize(("old", "new", "expected"), CASES.values(), ids=CASES)
def test_bad_reform(tmp_path: Path, old: str, new: str, expected: str) -> None:
    found = problems(tmp_path, changed(BASE, old, new))
    assert f"{FILE}:{expected}" in found


@pytest.mark.parametrize(("given", "expected"), COVARIATES.values(), ids=COVARIATES)
def test_bad_covariates(tmp_path: Path, given: str, expected: str) -> None:
    text = changed(changed(BASE, *MATCHED), "groups: [", f"covariates: {given}\ngroups: [")
    found = problems(tmp_path, text)
    assert len(found) == 1
    assert found[0].startswith(f"{FILE}:{expected}")


def test_covariates_that_nobody_uses(tmp_path: Path) -> None:
    found = problems(tmp_path, changed(BASE, "groups: [", "covariates: {employed: }\ngroups: ["))
    assert found == [f"{FILE}:18: `covariates`: no estimator matches on them"]


def test_covariates_reach_the_estimator_that_matches(tmp_path: Path) -> None:
    given = (
        "covariates: {employed: , late: {outcome: employed, over: {from: 2019-06, to: 2019-11}}}"
    )
    text = changed(changed(BASE, *MATCHED), "groups: [", f"{given}\ngroups: [")
    study = load(project(tmp_path, text)).study("x")
    assert estimate_spec(study, "did").covariates == ()
    assert estimate_spec(study, "sc").covariates == (
        Covariate("employed", "employed", date(2017, 1, 1), date(2019, 11, 1)),
        Covariate("late", "employed", date(2019, 6, 1), date(2019, 11, 1)),
    )


@pytest.mark.parametrize(("given", "expected"), INFERENCE.values(), ids=INFERENCE)
def test_bad_inference(tmp_path: Path, given: str, expected: str) -> None:
    found = problems(tmp_path, changed(BASE, "groups: [", f"inference: {given}\ngroups: ["))
    assert len(found) == 1
    assert found[0].startswith(f"{FILE}:{expected}")


@pytest.mark.parametrize("given", ["auto", "[hagemann, permutation]", "t_few"])
def test_inference_is_known(tmp_path: Path, given: str) -> None:
    text = changed(BASE, "groups: [", f"inference: {given}\ngroups: [")
    assert load(project(tmp_path, text)).reforms["x"].inference


def test_the_language_reaches_the_report(tmp_path: Path) -> None:
    assert report_spec(load(project(tmp_path / "a", BASE)).study("x")).language == "en"
    text = changed(BASE, "groups: [", "language: nb\ngroups: [")
    assert report_spec(load(project(tmp_path / "b", text)).study("x")).language == "nb"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("nbb", "`language` is 'nbb'\n    fix: did you mean 'nb'?"),
        ("sv", "`language` is 'sv'\n    fix: there are: 'en', 'nb'"),
        ("no", "`language`: YAML reads no as false"),
    ],
)
def test_languages_that_do_not_exist(tmp_path: Path, given: str, expected: str) -> None:
    text = changed(BASE, "groups: [", f"language: {given}\ngroups: [")
    with pytest.raises(UserError) as caught:
        load(project(tmp_path, text))
    assert str(caught.value).startswith(f"{FILE}:18: {expected}")


@pytest.mark.parametrize(
    "case",
    [
        "NO",
        "octal code",
        "code without quotes",
        "full date",
        "exponent",
        "not filled in",
        "steps out of order",
        "unknown unit",
        "window reversed",
        "headline descriptive",
    ],
)
def test_one_fault_gives_one_problem(tmp_path: Path, case: str) -> None:
    old, new, expected = CASES[case]
    assert problems(tmp_path, changed(BASE, old, new)) == [f"{FILE}:{expected}"]


@pytest.mark.parametrize(
    ("old", "new", "fix"),
    [
        ("title:", "titel:", "did you mean 'title'?"),
        ("employed: {m", "emplyed: {m", "did you mean 'employed'?"),
        ('["4601"]', '["Bergn"]', 'did you mean "4601" (Bergen)?'),
        ('["4601"]', "[4601]", 'write it in quotes: "4601"'),
        ("simulated_register", "simulated_registers", "did you mean 'simulated_register'?"),
        ("groups: [family,", "groups: [famly,", "did you mean 'family'?"),
        ("from: 2017-01,", "from: 2017-01-01,", "write 2017-01"),
        ("{kind: prior_recipients, months: 12}", "resident", "did you mean 'residents'?"),
        ("method: synthetic_control", "method: synth_control", "did you mean 'synthetic_control'?"),
        ('"per 1,000"', "per 1,000 residents", "it must stand in quotes"),
    ],
)
def test_fix_names_the_nearest(tmp_path: Path, old: str, new: str, fix: str) -> None:
    with pytest.raises(UserError) as caught:
        load(project(tmp_path, changed(BASE, old, new)))
    assert any(fix in problem.fix for problem in caught.value.problems)


def test_all_problems_at_once(tmp_path: Path) -> None:
    text = changed(BASE, "title:", "titel:")
    text = changed(text, "from: 2021-03", "from: 2021-03-01")
    text = changed(text, '["0301"]', '[NO, "4601"]')
    text = changed(text, "recipients_per_1000: {", "recipient_per_1000: {")
    text = changed(text, "estimator: did}", "estimator: dod}")
    text = changed(text, "sc: {method", "sc: {metod")
    assert problems(tmp_path, text) == [
        f"{FILE}:1: unknown key `titel`",
        f"{FILE}:1: `title` is missing",
        f"{FILE}:9: `treatment.steps[1].from`: 2021-03-01 is a full date, and the source's periods "
        "are months",
        f"{FILE}:13: `comparison.exclude[0]`: YAML reads NO as false",
        f"{FILE}:13: `comparison.exclude[1]`: '4601' is treated, so it is no donor anyway",
        f"{FILE}:16: `outcomes.recipient_per_1000`: the source has no outcome 'recipient_per_1000'",
        f"{FILE}:19: `headline.estimator`: 'dod' is not one of estimators",
        f"{FILE}:22: `estimators.sc`: there is no method 'sc'",
    ]


def test_problems_of_all_files_at_once(tmp_path: Path) -> None:
    project(tmp_path, changed(BASE, "title:", "titel:"))
    (tmp_path / "config/config.yaml").write_text("seed: yes\ndisclosure: {min_persons: 3}\n")
    source = tmp_path / "config/sources/california_prop99.yaml"
    source.write_text(source.read_text().replace("kind: mean", "kind: means"))
    with pytest.raises(UserError) as caught:
        load(tmp_path)
    where = [problem.where.split(":")[0] for problem in caught.value.problems]
    assert set(where) == {
        "config/config.yaml",
        "config/sources/california_prop99.yaml",
        FILE,
    }


def test_population_of_a_table(tmp_path: Path) -> None:
    text = changed(TABLE, "window:", "population: residents\nwindow:")
    assert problems(tmp_path, text) == [
        f"{FILE}:3: `population`: the source cannot count residents"
    ]


def test_person_effects_need_persons_to_follow(tmp_path: Path) -> None:
    label = "did: {method: person_event_study}"
    other = changed(BASE, "{outcome: employed,", "{outcome: recipients_per_1000,")
    assert problems(tmp_path / "a", changed(other, "did: {}", label)) == [
        f"{FILE}:19: `headline.outcome`: person_event_study cannot follow the persons of "
        "'recipients_per_1000'"
    ]
    nobody = changed(BASE, "{kind: prior_recipients, months: 12}", "residents")
    assert problems(tmp_path / "b", changed(nobody, "did: {}", label)) == [
        f"{FILE}:21: `estimators.did`: no outcome has persons to follow"
    ]
    assert problems(tmp_path / "c", changed(TABLE, "{did: }", f"{{{label}}}")) == [
        f"{FILE}:11: `estimators.did`: person_event_study follows persons, and the source is a "
        "table"
    ]
    chosen = changed(
        BASE, "did: {}", "did: {}\n  p: {method: person_event_study, outcomes: [spell_months]}"
    )
    assert problems(tmp_path / "d", chosen) == [
        f"{FILE}:22: `estimators.p.outcomes[0]`: person_event_study cannot follow the persons of "
        "'spell_months'"
    ]
    indexed = changed(BASE, "percentage points}", "index, scale: pre_mean}")
    assert problems(tmp_path / "e", changed(indexed, "did: {}", label)) == [
        f"{FILE}:21: `estimators.did`: no outcome has persons to follow"
    ]
    load(project(tmp_path / "f", changed(BASE, "did: {}", label)))
    frozen = "{kind: residents, groups: frozen, movers: before}"
    residents = changed(BASE, "{kind: prior_recipients, months: 12}", frozen)
    load(project(tmp_path / "g", changed(residents, "did: {}", label)))


def test_a_donor_may_adopt_after_the_window(tmp_path: Path) -> None:
    text = changed(TABLE, "outcomes:", "comparison: {treated_from: {Ohio: 2001}}\noutcomes:")
    reform = load(project(tmp_path, text)).reforms["x"]
    assert reform.comparison.treated_from == {"Ohio": "2001"}


def test_anchors_and_merges(tmp_path: Path) -> None:
    text = changed(BASE, "employed: {", "employed: &points {")
    text = changed(text, "  spell_months", "  hours: {<<: *points, label: Hours}\n  spell_months")
    hours = load(project(tmp_path, text)).reforms["x"].outcomes["hours"]
    assert (hours.measured_in, hours.label) == ("percentage points", "Hours")


def test_file_name(tmp_path: Path) -> None:
    project(tmp_path, BASE, name="my reform")
    (tmp_path / "config/reforms/other.yml").write_text(BASE)
    with pytest.raises(UserError) as caught:
        load(tmp_path)
    assert [str(p.where) for p in caught.value.problems] == [
        "config/reforms/my reform.yaml:1",
        "config/reforms/other.yml",
    ]
