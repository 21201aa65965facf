"""Reading YAML: lines, traps, and files that are no YAML at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from reformeval.config.loader import load
from reformeval.config.yaml_marks import dotted, read
from reformeval.errors import UserError


def told(text: str) -> list[str]:
    return [str(problem) for _, problem in read(text, "f.yaml").problems]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "f.yaml:1: the file is empty"),
        ("# only a comment\n", "f.yaml:1: the file is empty"),
        ("a: [1,\nb: 2\n", "f.yaml:3: this is not valid YAML"),
        ("a: 1\n\tb: 2\n", "f.yaml:2: this is not valid YAML"),
        ("a: 1\n---\nb: 2\n", "f.yaml:2: this is not valid YAML"),
        ("a: *nowhere\n", "f.yaml:1: this is not valid YAML"),
        ("a: \x07\n", "f.yaml:1: character U+0007 is not allowed in YAML"),
        ('a: "\\ud800"\n', "f.yaml:1: `a` has a character that no file can hold"),
        ("a: 1\nb: &x [*x]\n", "f.yaml:2: `b[0]` is an alias that contains itself"),
        ("a: !!python/name:os.system x\n", "f.yaml:1: `a`: the tag"),
        ("a: !money 3\n", "f.yaml:1: `a`: the tag !money is not used here"),
        ("? [1, 2]\n: 3\n", "f.yaml:1: a key must be plain text"),
        ("a: yes\n", "f.yaml:1: `a`: YAML reads yes as true"),
        ("a: Off\n", "f.yaml:1: `a`: YAML reads Off as false"),
        ("a: 0o17\n", None),
        ("a: 0x1F\n", "f.yaml:1: `a`: YAML reads 0x1F as a number"),
        ("a: 1_000\n", "f.yaml:1: `a`: YAML reads 1_000 as a number"),
        ("a: .nan\n", "f.yaml:1: `a`: YAML reads .nan as a number"),
        ("0301: 1\n", "f.yaml:1: the key 0301 under `the file` is not text for YAML"),
        ("1: a\n", "f.yaml:1: the key 1 under `the file` is not text for YAML"),
        ("~: a\n", "f.yaml:1: the key ~ under `the file` is not text for YAML"),
        ("a: 1\nb: 2\na: 3\n", "f.yaml:3: `a` stands twice, first on line 1"),
        ("a:\n  b: 1\n  b: 2\n", "f.yaml:3: `a.b` stands twice, first on line 2"),
        ("a: {<<: 3}\n", "f.yaml:1: `<<` can only bring in the keys of another mapping"),
    ],
)
def test_messages(text: str, message: str | None) -> None:
    found = told(text)
    starts = [problem[: len(message or "")] for problem in found]
    assert starts == ([] if message is None else [message])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("-3", -3),
        ("0", 0),
        ("0.5", 0.5),
        ("1.0e+5", 1e5),
        ("true", True),
        ("~", None),
        ("2020-03", "2020-03"),
        ("2020-03-01", "2020-03-01"),
        ("'0301'", "0301"),
        ('"NO"', "NO"),
        ("'1e5'", "1e5"),
        ("Møre og Romsdal", "Møre og Romsdal"),
    ],
)
def test_values(text: str, value: object) -> None:
    document = read(f"a: {text}\n", "f.yaml")
    assert not document.problems
    assert document.data == {"a": value}
    assert type(document.data["a"]) is type(value)


def test_lines() -> None:
    document = read("a: 1\nb:\n  - c: 2\n  - {d: 3,\n     e: 4}\n", "f.yaml")
    assert document.line(("b", 1, "e")) == 5
    assert document.line(("b", 0, "c")) == 3
    assert document.line(("b", 1, "nowhere", "at all")) == 4
    assert dotted(("b", 1, "e")) == "b[1].e"


def test_aliases_that_multiply_are_stopped() -> None:
    lines = ["a0: &a0 [x, x]"]
    lines += [f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]" for i in range(1, 40)]
    assert told("\n".join(lines)) == ["f.yaml:1: this is not valid YAML: YAMLError"]


def test_deep_nesting_is_no_traceback() -> None:
    assert told("a: " + "[" * 5_000)[0].startswith("f.yaml:1: this is not valid YAML")


@pytest.mark.parametrize(
    ("data", "where"),
    [(b"title: ok\nreforms: \xe5\n", "config/config.yaml:2"), (b"a: [", "config/config.yaml:1")],
)
def test_files_that_are_not_text(tmp_path: Path, data: bytes, where: str) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config/config.yaml").write_bytes(data)
    with pytest.raises(UserError) as caught:
        load(tmp_path)
    assert [problem.where for problem in caught.value.problems] == [where]


def test_a_folder_without_config(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"config/config\.yaml: there is no such file here"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("reforms: [nothing]", "config/config.yaml:1: `reforms`: there is no config/reforms/n"),
        ("seed: 1.5", "config/config.yaml:1: `seed` must be a whole number, not '1.5'"),
        ('seed: "1"', "config/config.yaml:1: `seed` must be a whole number, not '1'"),
        ("ci_level: 95", "config/config.yaml:1: `ci_level` must be below 1.0, not '95'"),
        (
            "disclosure:\n  min_persons: 4",
            "config/config.yaml:2: `disclosure.min_persons` must be at least 5, not '4'",
        ),
        ("data_dir:", "config/config.yaml:1: `data_dir` is empty"),
        ("- a", "config/config.yaml:1: the file must be a mapping of keys to values"),
    ],
)
def test_settings(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config/config.yaml").write_text(text + "\n")
    with pytest.raises(UserError) as caught:
        load(tmp_path)
    assert [str(p)[: len(message)] for p in caught.value.problems] == [message]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("title: x", "1: `kind` is missing"),
        ("kind: tabel", "1: `kind`: there is no kind 'tabel'"),
        ("kind: [table]", "1: `kind`: there is no kind '['table']'"),
        ("kind: table\nfrequency: months", "2: `frequency` is 'months'"),
        ("kind: table\nunit: {colunm: a}", "2: unknown key `unit.colunm`"),
        (
            "kind: table\noutcomes:\n  a: {column: a, kind: mean, scale: x}",
            "3: `outcomes.a.scale` must be a number, not 'x'",
        ),
        (
            "kind: table\nperiod: {column: a, year: b}",
            "2: `period`: give either column, or year with month or quarter, or headings",
        ),
        (
            "kind: simulated\ncities:\n  0301: {label: Oslo, population: 3}",
            "3: the key 0301 under `cities` is not text for YAML",
        ),
        ("kind: simulated\npersons: 3.0", "2: `persons` must be a whole number, not '3.0'"),
    ],
)
def test_sources(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "config/sources").mkdir(parents=True)
    (tmp_path / "config/config.yaml").write_text("seed: 1\n")
    (tmp_path / "config/sources/s.yaml").write_text(text + "\n")
    with pytest.raises(UserError) as caught:
        load(tmp_path)
    found = [str(p).splitlines()[0] for p in caught.value.problems]
    assert f"config/sources/s.yaml:{message}" in found
