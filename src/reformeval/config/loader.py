"""Reading a project's config: every problem of every file at once, with file and line."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reformeval.config import mappings, resolve, rules, rules_source, validation
from reformeval.config.mappings import Named
from reformeval.config.models import SOURCE_KINDS, Reform, Settings, Source
from reformeval.config.study import Study, other_sources
from reformeval.config.yaml_marks import Document, read
from reformeval.errors import Problem, UserError, did_you_mean
from reformeval.geography import files
from reformeval.parts import OWN
from reformeval.sources.register import RegisterSource

SETTINGS_FILE = "config/config.yaml"
REFORMS_DIR = "config/reforms"
SOURCES_DIR = "config/sources"
DATA_VARIABLE = "REFORMEVAL_DATA"


@dataclass(frozen=True)
class Config:
    """All config of a project.

    Attributes
    ----------
    root
        The working directory: all paths in config start there.
    reforms, sources
        By file stem, in alphabetical order.
    mappings
        Group mappings, the program's and the project's own.
    """

    root: Path
    settings: Settings
    reforms: dict[str, Reform]
    sources: dict[str, Source]
    mappings: dict[str, Named] = field(default_factory=dict, repr=False)
    _documents: dict[str, Document] = field(default_factory=dict, repr=False, compare=False)

    @property
    def selected(self) -> tuple[str, ...]:
        """Names of the reforms that ``reforms`` in the settings asks for."""
        asked = self.settings.reforms
        return tuple(self.reforms) if asked == "all" else tuple(asked)

    @property
    def faulty_reforms(self) -> dict[str, tuple[str, ...]]:
        """Reforms that are left out for their faults, with the sources that each names."""
        out = {}
        for file, document in self._documents.items():
            name = Path(file).stem
            if file.startswith(f"{REFORMS_DIR}/") and name not in self.reforms:
                out[name] = tuple(_named_sources(document.data))
        return out

    def sources_of(self, name: str) -> tuple[str, ...]:
        """Names of a reform's sources, its own first."""
        reform = self.reforms[name]
        return (reform.source, *other_sources(dict(reform)))

    def study(self, name: str) -> Study:
        """Return one reform with its sources and the settings."""
        reform = self.reforms[name]
        own, *others = self.sources_of(name)
        return Study(
            name,
            reform,
            own,
            self.sources[own],
            self.settings,
            tuple(self.mappings[mapping] for mapping in reform.mappings.values()),
            {other: self.sources[other] for other in others},
        )

    def where(self, kind: str, name: str, *path: str | int) -> str:
        """Return ``file:line`` of a key, e.g. ``where("reforms", "bergen_2020", "window")``."""
        file = f"config/{kind}/{name}.yaml"
        document = self._documents.get(file)
        return document.where(path) if document else file


def load(root: Path | str = ".") -> Config:
    """Read all config under a working directory.

    Raises
    ------
    UserError
        With every problem of every file.
    """
    config, problems = load_leniently(Path(root))
    if problems:
        raise UserError(problems)
    return config


def load_leniently(root: Path) -> tuple[Config, list[Problem]]:
    """Read all config; files with faults are left out of the result and in the problems.

    Parameters
    ----------
    root
        The working directory.
    """
    settings_document = _read(root, SETTINGS_FILE) if (root / SETTINGS_FILE).is_file() else None
    if settings_document is None:
        problem = Problem(
            "there is no such file here",
            SETTINGS_FILE,
            "run in the project's folder, or start one with `reformeval new`",
        )
        return Config(root, Settings.model_validate({}), {}, {}), [problem]
    source_documents = {name: _read(root, file) for name, file in _files(root, SOURCES_DIR)}
    reform_documents = {name: _read(root, file) for name, file in _files(root, REFORMS_DIR)}
    own = {name: _read(root, file) for name, file in _files(root, mappings.MAPPINGS_DIR)}
    known = mappings.with_own(own)
    settings = _settings(settings_document, list(reform_documents))
    sources = {
        name: source
        for name, document in source_documents.items()
        if (source := _source(document, known)) is not None
    }
    for name, source in sources.items():
        rules_source.check_simulated(source_documents[name], source, sources)
    reforms = {
        name: reform
        for name, document in reform_documents.items()
        if (reform := _reform(document, sources, list(source_documents), known)) is not None
        and {reform.source, *other_sources(dict(reform))} <= sources.keys()
    }
    documents = [
        settings_document,
        *own.values(),
        *source_documents.values(),
        *reform_documents.values(),
    ]
    faulty = {document.file for document in documents if document.problems}
    config = Config(
        root,
        settings,
        {n: r for n, r in reforms.items() if f"{REFORMS_DIR}/{n}.yaml" not in faulty},
        {n: s for n, s in sources.items() if f"{SOURCES_DIR}/{n}.yaml" not in faulty},
        known,
        {document.file: document for document in documents},
    )
    problems = [p for document in documents for _, p in sorted(document.problems, key=_by_line)]
    return config, [*problems, *_misnamed(root)]


def _by_line(entry: tuple[int, Problem]) -> int:
    return entry[0]


def data_dir(settings: Settings, root: Path | str = ".") -> Path:
    """Folder with data files: the environment's, else the one that the settings name."""
    return Path(root) / (os.environ.get(DATA_VARIABLE) or settings.data_dir)


def data_file(source: Source, settings: Settings, root: Path | str = ".") -> Path | None:
    """Return the file that a source reads; None for a source that makes its data itself."""
    name: str | None = getattr(source, "file", None)
    return None if name is None else data_dir(settings, root) / name


def data_files(source: Source, settings: Settings, root: Path | str = ".") -> list[Path]:
    """Return all files that a source reads; none for a source that makes its data itself.

    A pattern stands for the files that it finds, or for itself where it finds none.
    """
    if not isinstance(source, RegisterSource):
        path = data_file(source, settings, root)
        return [] if path is None else [path]
    if source.simulated_from is not None:
        return []
    folder = data_dir(settings, root)
    return [
        path
        for name in source.files()
        for path in (sorted(folder.glob(name)) if "*" in name else ()) or [folder / name]
    ]


def absent(source: Source, settings: Settings, root: Path | str = ".") -> str:
    """Name the first file of a source that is not there, and how many; empty if all are."""
    missing = [path for path in data_files(source, settings, root) if not path.is_file()]
    more = f" nor are {len(missing) - 1} others" if len(missing) > 1 else ""
    return f"{missing[0]} is not there{more}" if missing else ""


def cpi_file(study: Study, root: Path | str = ".") -> Path | None:
    """Return the price index that a reform is deflated by; None where no outcome is."""
    table = resolve.cpi(study)
    return None if table is None else data_dir(study.settings, root) / table.file


def adoption_file(study: Study, root: Path | str = ".") -> Path | None:
    """Return the file that says when units adopt; None where there is no file of its own."""
    table = resolve.adoption(study)
    if table is None or not table.file:
        return None
    return data_dir(study.settings, root) / table.file


def dose_file(study: Study, root: Path | str = ".") -> Path | None:
    """Return the file with the doses of a reform; None where it has none."""
    dose = resolve.dose(study)
    return None if dose is None else data_dir(study.settings, root) / dose.file


def geography_file(settings: Settings, root: Path | str = ".") -> Path:
    """Return the file with the changes of units over time."""
    return data_dir(settings, root) / settings.geography_file


def geography_needed(study: Study, root: Path | str = ".") -> Path | None:
    """Return the file with the changes of units, where a reform's data must be put on others."""
    found = (resolve.geography(study, name) for name in (OWN, *study.others))
    needed = any(geography is not None and geography.moves for geography in found)
    return geography_file(study.settings, root) if needed else None


def whence(name: str, source: Source) -> str:
    """Say how a source's absent data can be had."""
    if source.kind == "statbank":
        return f"fetch it with: reformeval fetch {name}"
    return f"get it from: {source.obtain}"


def absent_of(study: Study, root: Path | str = ".") -> list[str]:
    """Say of each of a reform's sources whose data is not there what is absent, and whence."""
    found = (
        (absent(source, study.settings, root), whence(name, source))
        for name, source in study.sources.items()
    )
    return [f"{missing}; {where}" for missing, where in found if missing]


def left_out(config: Config) -> dict[str, str]:
    """Say for each selected reform whose data is not there where it can be had."""
    out: dict[str, str] = {}
    for name in config.selected:
        study = config.study(name)
        index = cpi_file(study, config.root)
        adoption = adoption_file(study, config.root)
        dose = dose_file(study, config.root)
        if lacking := absent_of(study, config.root):
            out[name] = f"reformeval: {name} left out: {'; '.join(lacking)}"
        elif index is not None and not index.is_file():
            where = f"it is the price index of the source {study.source_name} (cpi.file)"
            out[name] = f"reformeval: {name} left out: {index} is not there; {where}"
        elif adoption is not None and not adoption.is_file():
            where = "it says when units adopt (treatment.adoption.file)"
            out[name] = f"reformeval: {name} left out: {adoption} is not there; {where}"
        elif dose is not None and not dose.is_file():
            where = "it has the doses of the reform (treatment.dose.file)"
            out[name] = f"reformeval: {name} left out: {dose} is not there; {where}"
        else:
            path = geography_needed(study, config.root)
            parts = [part for part in files.parts(path) if not part.is_file()] if path else []
            if parts:
                where = "get it with: reformeval geography --fetch"
                out[name] = f"reformeval: {name} left out: {parts[0]} is not there; {where}"
    return out


def _named_sources(data: Any) -> Iterator[str]:
    """Names under the keys ``source`` of a reform file, which may have faults."""
    if isinstance(data, dict):
        outcomes = data.get("outcomes")
        inside = list(outcomes.values()) if isinstance(outcomes, dict) else []
        inside += [one.get("per") for one in inside if isinstance(one, dict)]
        for part in (data, *inside):
            if isinstance(part, dict) and "source" in part:
                yield str(part["source"])


def _files(root: Path, folder: str) -> Iterator[tuple[str, str]]:
    for path in sorted((root / folder).glob("*.yaml")):
        if not path.name.startswith(".") and path.is_file():
            yield path.stem, f"{folder}/{path.name}"


def _misnamed(root: Path) -> list[Problem]:
    """Files that look like config and would be passed over."""
    problems = []
    for folder in (REFORMS_DIR, SOURCES_DIR, mappings.MAPPINGS_DIR):
        for path in sorted((root / folder).glob("*.yml")):
            if not path.name.startswith("."):
                file = f"{folder}/{path.name}"
                problems.append(Problem("only files that end in .yaml are read", file, "rename it"))
    return problems


def _read(root: Path, file: str) -> Document:
    try:
        text = (root / file).read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        document = Document(file)
        line = error.object[: error.start].count(b"\n") + 1
        document.at_line(line, "the file is not UTF-8", "save it as UTF-8")
        return document
    except OSError as error:
        document = Document(file)
        document.at_line(1, f"the file cannot be read: {error.strerror}")
        return document
    document = read(text, file)
    stem = Path(file).stem
    if not stem.replace("_", "").replace("-", "").isalnum() or not stem.isascii():
        document.at_line(
            1,
            f"the file name '{stem}' may only have letters, digits, _ and -",
            "rename the file; its name becomes part of other names",
        )
    return document


def _settings(document: Document, reforms: list[str]) -> Settings:
    if document.data is None:
        return Settings.model_validate({})
    keys = validation.by_key(Settings, document)
    asked = keys.get("reforms", "all")
    for i, name in enumerate(() if asked == "all" else asked):
        if name not in reforms:
            document.add(
                ("reforms", i),
                f"`reforms`: there is no {REFORMS_DIR}/{name}.yaml",
                did_you_mean(name, reforms),
            )
    return Settings.model_construct(**{**dict(Settings.model_validate({})), **keys})


def _source(document: Document, known: dict[str, Named]) -> Source | None:
    if document.data is None:
        return None
    if not isinstance(document.data, dict):
        document.add((), "the file must be a mapping of keys to values")
        return None
    kind: Any = document.data.get("kind")
    if not isinstance(kind, str) or kind not in SOURCE_KINDS:
        said = "`kind` is missing" if kind is None else f"`kind`: there is no kind '{kind}'"
        document.add(("kind",), said, did_you_mean(str(kind or ""), SOURCE_KINDS))
        return None
    source = validation.whole(SOURCE_KINDS[kind], document)
    if source is not None:
        rules_source.check(document, source, known)
    return source


def _reform(
    document: Document, sources: dict[str, Source], names: list[str], known: dict[str, Named]
) -> Reform | None:
    if document.data is None:
        return None
    keys = validation.by_key(Reform, document)
    if isinstance(document.data, dict):
        rules.check(document, keys, sources, names, known)
    complete = keys.keys() >= Reform.model_fields.keys()
    return Reform.model_construct(**keys) if complete else None
