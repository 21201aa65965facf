"""`reformeval new`: from a data file to a source and a reform that only lack a unit and a date."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

from reformeval import periods
from reformeval.artefacts import write_text
from reformeval.config import loader, schema, validation
from reformeval.config.models import Settings
from reformeval.config.yaml_marks import FILL_IN, read
from reformeval.errors import Problem, UserError
from reformeval.scaffold import columns, sniff, write
from reformeval.scaffold.columns import Guess
from reformeval.sources.table import TableSource

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


def create(name: str, data: Path, root: Path, say: Callable[[str], None]) -> None:
    """Write ``config/sources/<name>.yaml`` and ``config/reforms/<name>.yaml``.

    Parameters
    ----------
    name
        The reform's name: the file stem of both files.
    data
        A CSV, Parquet, Excel, Stata or SPSS file.
    root
        The project's folder; it may be empty.
    say
        Takes each line of what the user is told.

    Raises
    ------
    UserError
        If the name cannot be used, a file is there already, or the data cannot be read.
    """
    source_file = f"{loader.SOURCES_DIR}/{name}.yaml"
    reform_file = f"{loader.REFORMS_DIR}/{name}.yaml"
    _refuse(name, root, [source_file, reform_file])
    table = sniff.open_file(data)
    guess = columns.guess(table)
    settings, created = _settings(root, data)
    file = _relative(data, loader.data_dir(settings, root))
    source_text, reform_text = write.source(table, guess, file), write.reform(name, guess)
    _check(source_text, source_file)
    if created:
        schema.write(root / "config/schema")
        write_text(created, root / loader.SETTINGS_FILE)
        say(f"wrote {loader.SETTINGS_FILE}")
    write_text(source_text, root / source_file)
    write_text(reform_text, root / reform_file)
    _report(guess, source_file, reform_file, reform_text, say)


def _refuse(name: str, root: Path, files: list[str]) -> None:
    if not _NAME.fullmatch(name):
        raise UserError(
            Problem(
                f"'{name}' cannot be a reform's name",
                fix="use letters, digits, _ and -: it becomes the name of files and folders",
            )
        )
    problems = [
        Problem("is there already and is not overwritten", file, "choose another name or delete it")
        for file in files
        if (root / file).exists()
    ]
    if problems:
        raise UserError(problems)


def _settings(root: Path, data: Path) -> tuple[Settings, str]:
    """Read the settings of the folder, or give the text of a new settings file."""
    path = root / loader.SETTINGS_FILE
    if path.is_file():
        document = read(path.read_text(encoding="utf-8"), loader.SETTINGS_FILE)
        keys = validation.by_key(Settings, document)
        if document.problems:
            raise UserError([problem for _, problem in document.problems])
        return Settings.model_construct(**keys), ""
    folder = _relative(data.parent, root)
    text = write.SETTINGS.format(data_dir=write.quoted(folder))
    return Settings.model_validate({"data_dir": folder}), text


def _relative(path: Path, folder: Path) -> str:
    """Give the path as seen from a folder; whole where the two lie far apart."""
    seen = Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()
    far = seen.startswith("../../..")
    return path.resolve().as_posix() if far else seen


def _check(text: str, file: str) -> None:
    """Say so before writing if the source would not load: a fault of the program."""
    document = read(text, file)
    if validation.whole(TableSource, document) is None or document.problems:
        raise UserError(
            [
                Problem("this file cannot be described automatically", file),
                *(problem for _, problem in document.problems),
            ]
        )


def _report(
    guess: Guess, source_file: str, reform_file: str, reform: str, say: Callable[[str], None]
) -> None:
    period = guess.period
    first, last = (periods.label(p, period.frequency) for p in (period.first, period.last))
    when = " and ".join(f"'{name}'" for name in period.used)
    say(f"wrote {source_file}")
    say(f"wrote {reform_file}")
    say("")
    say("Guessed (marked `# guess` in the files):")
    say(f"  unit       '{guess.unit}': {len(guess.units)} units")
    say(f"  period     {when}: {period.frequency}s {first} to {last}")
    for label, target in guess.merge.items():
        say(f"  merged     '{label}' with '{target}'")
    for column, (kept, others) in guess.filter.items():
        more = f"{len(others)} other value{'s' if len(others) != 1 else ''}"
        say(f"  filter     '{column}' = '{kept}': no total found, so {more} left out")
    for name, group in guess.groups.items():
        say(f"  group      {name}: {', '.join(group.values)}; total '{group.total}'")
    for name, outcome in guess.outcomes.items():
        persons = f", persons in '{outcome.persons}'" if outcome.persons else ""
        say(f"  outcome    {name}: {outcome.kind} in '{outcome.column}'{persons}")
    for column, reason in guess.left.items():
        say(f"  not used   '{column}': {reason}")
    for remark in guess.remarks:
        say(f"  note       {remark}")
    say("")
    say(f"Left to fill in, in {reform_file}:")
    for number, line in enumerate(reform.splitlines(), start=1):
        before, _, comment = line.partition(f"# {FILL_IN}: ")
        if comment:
            key = "treatment.units" if "units" in before else "treatment.steps[0].from"
            say(f"  line {number:<3} {key}: {comment}")
    say("")
    say("Then run: reformeval check")
