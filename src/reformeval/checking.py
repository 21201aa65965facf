"""What `reformeval list` and `reformeval check` find out and say."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from reformeval import periods
from reformeval.config import loader, resolve
from reformeval.config.study import Study
from reformeval.errors import Problem, UserError, did_you_mean
from reformeval.sources.register import RegisterSource

if TYPE_CHECKING:
    from reformeval.panel.result import PanelResult

_KEY = re.compile(r"`([\w.]+)`")
_SOURCE_KEY = re.compile(r"config key:? ([^();,]+)")
Say = Callable[[str], None]


def show(root: Path, say: Say) -> int:
    """Say which reforms and sources there are, and whether their data is there.

    Returns
    -------
    int
        Number of problems in the config; they are said last.
    """
    config, problems = loader.load_leniently(root)
    # Files with faults are not in the config; the others are shown all the same.
    say(f"Reforms ({loader.REFORMS_DIR})")
    faulty = config.faulty_reforms
    width = max(map(len, [*config.reforms, *faulty]), default=0)
    for name, reform in config.reforms.items():
        named = config.sources_of(name)
        study = config.study(name) if config.sources.keys() >= {*named} else None
        when = _adoption(study) if study else ""
        skipped = "" if name in config.selected else "  (not selected in config.yaml)"
        say(f"  {name:<{width}}  {when}{reform.title}{skipped}")
        for source in named:
            say(f"  {'':<{width}}  source {source}: {_data(config, source)}")
    for name in faulty:
        say(f"  {name:<{width}}  has faults, see below")
    if not config.reforms and not faulty:
        say("  none; start one with `reformeval new`")
    used = {source for name in config.reforms for source in config.sources_of(name)}
    used |= {source for sources in faulty.values() for source in sources}
    unused = [name for name in config.sources if name not in used]
    if unused:
        say(f"Sources without a reform ({loader.SOURCES_DIR})")
        for name in unused:
            say(f"  {name}: {_data(config, name)}")
    _tell(problems, say)
    return len(problems)


def _adoption(study: Study) -> str:
    timing = resolve.timing(study)
    if timing.staggered:
        return "staggered  "
    return f"{periods.label(timing.adoption, timing.frequency)}  "


def _data(config: loader.Config, name: str) -> str:
    source = config.sources.get(name)
    if source is None:
        return "has faults"
    paths = loader.data_files(source, config.settings, config.root)
    if not paths:
        return "made by the program"
    if missing := loader.absent(source, config.settings, config.root):
        return f"{missing}; {loader.whence(name, source)}"
    more = f" and {len(paths) - 1} others are" if len(paths) > 1 else " is"
    return f"{paths[0]}{more} there"


def check(root: Path, reforms: Sequence[str], say: Say) -> int:
    """Check all config and, where the config is right, the data of each reform.

    Parameters
    ----------
    reforms
        Reforms whose data to check; none: all.

    Returns
    -------
    int
        Number of problems; each is said.
    """
    config, problems = loader.load_leniently(root)
    known = [*config.reforms, *(name for name in reforms if _has_faults(root, name))]
    problems += [
        Problem(f"there is no reform '{name}'", loader.REFORMS_DIR, did_you_mean(name, known))
        for name in reforms
        if name not in known
    ]
    chosen = [name for name in config.reforms if not reforms or name in reforms]
    _tell(problems, say)
    if chosen and any(problem.where.startswith(loader.SETTINGS_FILE) for problem in problems):
        say(f"no data checked: {loader.SETTINGS_FILE} has faults")
        chosen = []
    for name in chosen:
        found = [_with_line(config, name, one) for one in _check_data(config, name, say)]
        _tell(found, say)
        problems += found
    count = len(problems)
    say(f"{count} problem{'s' if count != 1 else ''}" if count else "No problems.")
    return count


def _with_line(config: loader.Config, name: str, problem: Problem) -> Problem:
    """Add the line of the key that a problem with the data begins with."""
    key = _KEY.match(problem.message)
    if key is None or problem.where != f"{loader.REFORMS_DIR}/{name}.yaml":
        source = _source_at(config, name, problem.where)

        def located(match: re.Match[str]) -> str:
            path = match[1].partition(" and ")[0].split(".")
            return f"{match[0]}, {config.where('sources', source, *path)}"

        return replace(problem, message=_SOURCE_KEY.sub(located, problem.message, count=1))
    return replace(problem, where=config.where("reforms", name, *key[1].split(".")))


def _source_at(config: loader.Config, name: str, where: str) -> str:
    """Name the source of a reform that the file in a problem's place belongs to."""
    names = config.sources_of(name)
    files = {n: loader.data_file(config.sources[n], config.settings, config.root) for n in names}
    here = [n for n, file in files.items() if file and where.startswith(str(file))]
    return max(here, key=lambda n: len(str(files[n])), default=names[0])


def _has_faults(root: Path, name: str) -> bool:
    return (root / loader.REFORMS_DIR / f"{name}.yaml").is_file()


def _check_data(config: loader.Config, name: str, say: Say) -> list[Problem]:
    """Build a reform's panel in memory and check it, as `check_data` does before a run."""
    if not config.sources.keys() >= {*config.sources_of(name)}:
        say(f"{name}: not checked further: its source has faults")
        return []
    study = config.study(name)
    paths = loader.data_files(study.source, config.settings, config.root)
    if missing := loader.absent_of(study, config.root):
        say(f"{name}: config is right; {'; '.join(missing)}")
        return _some_absent(paths)
    if study.source.is_register and (problems := _check_tables(config, study)):
        say(f"{name}: the data does not fit:")
        return problems
    if not paths:
        say(f"{name}: config is right; its data is made and checked by the run")
        return []
    if isinstance(study.source, RegisterSource):
        return _check_files(name, study.source, loader.data_dir(config.settings, config.root), say)
    from reformeval.jobs._source import with_adopted
    from reformeval.jobs.check_data import build, problems_of
    from reformeval.workflow_slices import whole_job

    job = whole_job(study)
    try:
        beside = (
            loader.cpi_file(study, config.root),
            loader.geography_needed(study, config.root),
            loader.adoption_file(study, config.root),
            *(
                loader.data_file(other, config.settings, config.root)
                for other in study.others.values()
            ),
        )
        inputs = [*paths, *(other for other in beside if other)]
        job = replace(job, panel=with_adopted(job, inputs))
        result = build(job, *inputs)
        problems = problems_of(result, job) or _dose(config, study, result)
    except UserError as error:
        problems = error.problems
    if problems:
        say(f"{name}: the data does not fit:")
        return problems
    roles = result.units["role"].to_list()
    timing = job.panel.timing
    since = "from " if timing.staggered else ""
    first, last = (periods.label(p, timing.frequency) for p in (timing.first, timing.last))
    say(
        f"{name}: right. {roles.count('treated')} treated, {roles.count('donor')} donors, "
        f"{first} to {last}, adopted "
        f"{since}{periods.label(timing.adoption, timing.frequency)}"
    )
    return []


def _check_tables(config: loader.Config, study: Study) -> list[Problem]:
    """Read the tables beside a register; only the run knows its units, and puts both together."""
    from reformeval.panel.relative import with_denominators
    from reformeval.parts import of_source
    from reformeval.spec import Comparison
    from reformeval.workflow_slices import whole_job

    job, problems = whole_job(study), []
    every = replace(job.panel, comparison=Comparison(), adoption=None, any_groups=True)
    for other in job.others:
        source = other.source.model()
        asked = of_source(every, other.name, source.group_values(), None)
        path = loader.data_file(study.others[other.name], config.settings, config.root)
        try:
            other.source.panel_module().build(source, path, with_denominators(asked))
        except UserError as error:
            problems += error.problems
    return problems


def _dose(config: loader.Config, study: Study, result: PanelResult) -> list[Problem]:
    """Read the file of doses as the run will; it may come later than the data."""
    path = loader.dose_file(study, config.root)
    if path is None or not path.is_file():
        return []
    from reformeval.panel.dose import read
    from reformeval.panel.units import members

    spec = resolve.dose_spec(study)
    try:
        read(path, spec.dose, spec.timing, members(result.units), spec.groups)
    except UserError as error:
        return error.problems
    return []


def _some_absent(paths: Sequence[Path]) -> list[Problem]:
    """Report files that are missing among others that are there; all missing is no fault."""
    missing = [path for path in paths if not path.is_file()]
    if len(missing) == len(paths):
        return []
    fix = "get it, or correct the keys file and years of its form"
    return [Problem("the file is missing, and others of the source are there", str(path), fix)
            for path in missing]  # fmt: skip


def _check_files(name: str, source: RegisterSource, data: Path, say: Say) -> list[Problem]:
    """Read the beginning of every form of a register; the run reads, links and checks the rest."""
    from reformeval.sources.register_files import readings

    problems: list[Problem] = []
    for read in readings(source, data).values():
        try:
            next(iter(read()), None)
        except UserError as error:
            problems += error.problems
    if problems:
        say(f"{name}: the files do not fit:")
    else:
        say(f"{name}: config and columns of the files are right; the run links and checks them")
    return problems


def _tell(problems: Sequence[Problem], say: Say) -> None:
    for problem in problems:
        say(str(problem))
