"""What the Snakefile asks of the config: which reforms run, and each rule's files and params.

Every rule gets the smallest slice of config that its job reads, without the words that only the
report shows, and a hash of the code that it runs. So a changed label or note draws and writes
again but estimates nothing, and a changed estimator reruns that estimator and what follows it.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from reformeval import discovery
from reformeval.code_hash import PACKAGE, code_hash
from reformeval.config import loader, resolve
from reformeval.config.study import Study
from reformeval.errors import UserError
from reformeval.estimators import _discover
from reformeval.geography import files
from reformeval.jobs._report import IndexJob, ProvenanceJob, ReportJob
from reformeval.jobs._source import ADOPTION_READER, RegisterJob, modules
from reformeval.provenance import MadeFrom, fingerprint, sha256
from reformeval.register import bucket_names
from reformeval.report import texts
from reformeval.sources.register import RegisterSource
from reformeval.sources.simulated import SimulatedSource
from reformeval.spec import PER_DOSE, to_json
from reformeval.workflow_raw import RawPlan
from reformeval.workflow_slices import (
    bare,
    bare_assess,
    bare_estimate,
    own_job,
    source_slice,
    whole_job,
)

FIT_FILES = ("paths", "draws", "weights", "covariance")
RULES = ("check_data", "build_panel", "assess_effects", "draw_figures", "write_report")
REGISTER_RULES = ("check_register", "count_cells")
SIMULATED_RULES = ("simulate_register", "build_truth")
LINKED_RULES = ("split_register", "link_register")
Wildcards = Any
FromWildcards = Callable[[Wildcards], Any]


@dataclass(frozen=True)
class Plan:
    """The reforms that a working directory's config lets run, and their data.

    Attributes
    ----------
    left_out
        Per reform whose data is not there the line that says where it can be had.
    """

    config: loader.Config
    left_out: dict[str, str]

    @cached_property
    def studies(self) -> dict[str, Study]:
        """Every reform that the settings let run, by name."""
        return {name: self.config.study(name) for name in self.config.selected}

    @property
    def present(self) -> list[str]:
        """Reforms of the default target: those whose data is there."""
        return [name for name in self.studies if name not in self.left_out]

    @property
    def restricted(self) -> Path:
        """Folder of person-level data."""
        return Path(self.config.settings.restricted_dir)

    @cached_property
    def simulated(self) -> dict[str, SimulatedSource]:
        """Simulated sources that a reform is on, or that raw files are written from, by name."""
        used = {study.source_name for study in self.studies.values()}
        used |= self.raw.simulated_from
        return {
            name: source
            for name, source in self.config.sources.items()
            if name in used and isinstance(source, SimulatedSource)
        }

    @cached_property
    def raw(self) -> RawPlan:
        """What sources with raw register files need."""
        studies = {
            s.source_name: s for s in self.studies.values() if isinstance(s.source, RegisterSource)
        }
        return RawPlan(studies, self.restricted)

    def names(self, simulated: bool = False) -> str:
        """Pattern of the reforms' names, for a wildcard constraint."""
        return _either(
            n for n, s in self.studies.items() if s.source_name in self.simulated or not simulated
        )

    @property
    def sources(self) -> str:
        """Pattern of the names of all sources with a register."""
        return _either({*self.simulated, *self.raw.studies})

    @property
    def simulated_sources(self) -> str:
        """Pattern of the simulated sources' names."""
        return _either(self.simulated)

    @property
    def raw_sources(self) -> str:
        """Pattern of the names of sources with raw register files."""
        return _either(self.raw.studies)

    @property
    def any_label(self) -> str:
        """Pattern of the estimators' labels."""
        return _either({label for s in self.studies.values() for label in s.reform.estimators})

    def labels(self, wildcards: Wildcards) -> list[str]:
        """Labels of a reform's estimators."""
        return list(self.studies[wildcards.reform].reform.estimators)

    @property
    def buckets(self) -> int:
        """How many files a register is cut into."""
        return self.config.settings.buckets

    def data(self, wildcards: Wildcards) -> list[str]:
        """Name the files that a reform's panel is made from."""
        study = self.studies[wildcards.reform]
        if not study.source.is_register:
            return [str(loader.data_file(study.source, study.settings))]
        counted = f"counts/{study.name}"
        return [
            *self._in_buckets(study, "summary", "parquet", "json"),
            *self._in_buckets(study, f"{counted}/cells", "parquet"),
            *self._in_buckets(study, f"{counted}/flow", "parquet"),
            *self._records(study),
        ]

    def others(self, wildcards: Wildcards) -> list[str]:
        """Name the data files of further sources that a reform's outcomes are of, in order."""
        study = self.studies[wildcards.reform]
        return [str(loader.data_file(one, study.settings)) for one in study.others.values()]

    def _records(self, study: Study) -> list[str]:
        """Files with what reading and linking raw files found."""
        if study.source_name not in self.raw.studies:
            return []
        folder = f"{self.restricted}/{study.source_name}/records"
        split = [f"{folder}/files.json", f"{folder}/split.parquet"]
        return [*split, *self._in_buckets(study, "records", "parquet")]

    def _in_buckets(self, study: Study, folder: str, *suffixes: str) -> list[str]:
        """Files of every bucket in a folder of a register."""
        place = self.restricted / study.source_name / folder
        names = bucket_names.names(self.buckets)
        return [f"{place}/{name}.{suffix}" for suffix in suffixes for name in names]

    def cpi(self, wildcards: Wildcards) -> list[str]:
        """Name the price index that a reform's panel is deflated by, if any outcome is."""
        path = loader.cpi_file(self.studies[wildcards.reform], self.config.root)
        return [] if path is None else [str(path)]

    def adoption(self, wildcards: Wildcards) -> list[str]:
        """Name the file that says when units adopt, if they do so in periods of their own."""
        path = loader.adoption_file(self.studies[wildcards.reform], self.config.root)
        return [] if path is None else [str(path)]

    def geography(self, wildcards: Wildcards) -> list[str]:
        """Name the files with the changes of units, where a reform's data must be put on others."""
        study = self.studies[wildcards.reform]
        path = loader.geography_needed(study, self.config.root)
        return [] if path is None else [str(part) for part in files.parts(path)]

    def content(self, wildcards: Wildcards) -> list[str]:
        """Fingerprints of a reform's data files, for one that is replaced by an older one.

        Snakemake compares dates, and an older file looks as if it had been there before.
        """
        is_register = self.studies[wildcards.reform].source.is_register
        own = [] if is_register else self.data(wildcards)
        return [fingerprint(Path(path)) for path in (*own, *self.others(wildcards))]

    def potential(self, wildcards: Wildcards) -> list[str]:
        """Name the buckets of the registers with and without the reform's effect."""
        study = self.studies[wildcards.reform]
        folders = ("register", "register_untreated")
        return [path for folder in folders for path in self._in_buckets(study, folder, "parquet")]

    def truth(self, wildcards: Wildcards) -> list[str]:
        """Name the true effects of a reform, where the source is simulated."""
        simulated = self.studies[wildcards.reform].source_name in self.simulated
        return [f"results/{wildcards.reform}/truth.parquet"] if simulated else []

    def dose_file(self, wildcards: Wildcards) -> list[str]:
        """Name the file with the doses of a reform."""
        path = loader.dose_file(self.studies[wildcards.reform], self.config.root)
        return [] if path is None else [str(path)]

    def doses(self, wildcards: Wildcards) -> list[str]:
        """Name the doses by unit and period, for a method whose effects are per dose."""
        study = self.studies[wildcards.reform]
        needed = resolve.estimate_spec(study, wildcards.label).dose is not None
        return [f"results/{wildcards.reform}/dose.parquet"] if needed else []

    def dose(self, wildcards: Wildcards) -> str:
        """Slice of `build_dose`."""
        spec = resolve.dose_spec(self.studies[wildcards.reform])
        return to_json(replace(spec, timing=bare(spec.timing)))

    def person_sums(self, wildcards: Wildcards) -> list[str]:
        """Name the sums over persons of every bucket, for a method with person effects."""
        study = self.studies[wildcards.reform]
        if resolve.estimate_spec(study, wildcards.label).method not in _discover.NEEDS_PERSONS:
            return []
        return self._in_buckets(study, f"person_sums/{study.name}", "parquet")

    def fits(self, wildcards: Wildcards) -> list[str]:
        """Every file of every fit of a reform."""
        folder = f"results/{wildcards.reform}/estimates"
        return [
            f"{folder}/{label}/{name}.parquet"
            for label in self.labels(wildcards)
            for name in FIT_FILES
        ]

    def register(self, wildcards: Wildcards) -> str:
        """Slice of `simulate_register` and `write_raw_forms`."""
        source = self.simulated[wildcards.source]
        told = source_slice(source, groups={}, outcomes={}, cpi=None, mappings=())
        return to_json(RegisterJob(told, self.config.settings.seed))

    def panel(self, wildcards: Wildcards) -> str:
        """Slice of `build_truth` and `sum_persons`."""
        return to_json(own_job(self.studies[wildcards.reform]))

    def checked(self, wildcards: Wildcards) -> str:
        """Slice of `check_data`: that of all sources."""
        return to_json(whole_job(self.studies[wildcards.reform]))

    def count(self, wildcards: Wildcards) -> str:
        """Slice of `count_cells`: that of the panel, without what only a whole panel needs."""
        job = own_job(self.studies[wildcards.reform])
        counted = replace(job.panel, min_persons=1, weighted_by_persons=False, cpi=None)
        return to_json(replace(job, panel=counted))

    def estimate(self, wildcards: Wildcards) -> str:
        """Slice of `estimate_effects`."""
        spec = resolve.estimate_spec(self.studies[wildcards.reform], wildcards.label)
        return to_json(bare_estimate(spec))

    def assess(self, wildcards: Wildcards) -> str:
        """Slice of `assess_effects`."""
        return to_json(bare_assess(resolve.assess_spec(self.studies[wildcards.reform])))

    def figures(self, wildcards: Wildcards) -> str:
        """Slice of `draw_figures`: what the report says, without what only it shows."""
        spec = resolve.report_spec(self.studies[wildcards.reform])
        return to_json(replace(spec, question="", notes=(), config=""))

    def words(self, wildcards: Wildcards) -> list[str]:
        """Name the file with the words of a reform's language."""
        return [str(texts.path(self.studies[wildcards.reform].reform.language))]

    @property
    def all_words(self) -> list[str]:
        """Name the files with the words that the index may need."""
        spoken = {study.reform.language for study in self.studies.values()} | {texts.DEFAULT}
        return [str(texts.path(language)) for language in sorted(spoken)]

    def report(self, wildcards: Wildcards) -> str:
        """Slice of `write_report`."""
        spec = resolve.report_spec(self.studies[wildcards.reform])
        return to_json(ReportJob(spec, self._made_from(wildcards)))

    def index(self, _: Wildcards) -> str:
        """Slice of `write_index`: all reforms, those without data too."""
        specs = (resolve.report_spec(study) for study in self.studies.values())
        return to_json(IndexJob(tuple(replace(spec, config="") for spec in specs)))

    def provenance(self, wildcards: Wildcards) -> str:
        """Slice of `write_provenance`."""
        study = self.studies[wildcards.reform]
        logs = [f"logs/{study.name}"]
        if study.source.is_register:
            logs.append(f"logs/{study.source_name}")
        return to_json(ProvenanceJob(study.name, self._made_from(wildcards), tuple(logs)))

    def _made_from(self, wildcards: Wildcards) -> MadeFrom:
        study = self.studies[wildcards.reform]
        code = {rule: self.code(rule)(wildcards) for rule in RULES}
        for label in study.reform.estimators:
            method = resolve.estimate_spec(study, label).method
            code[f"estimate_effects.{label}"] = _estimator_code(method)
            if method in PER_DOSE:
                code["build_dose"] = self.code("build_dose")(wildcards)
            if method in _discover.NEEDS_PERSONS:
                code["sum_persons"] = self.code("sum_persons")(wildcards)
        code |= {rule: self.code(rule)(wildcards) for rule in self._register_rules(study)}
        lock = PACKAGE.parents[1] / "requirements.lock"
        return MadeFrom(
            code=dict(sorted(code.items())),
            lock=sha256(lock) if lock.is_file() else None,
            seed=study.settings.seed,
        )

    def _register_rules(self, study: Study) -> tuple[str, ...]:
        """Rules that a reform's register is made by."""
        if study.source_name in self.raw.studies:
            return (*LINKED_RULES, *REGISTER_RULES)
        return (*SIMULATED_RULES, *REGISTER_RULES) if study.source.is_register else ()

    def code(self, rule: str) -> FromWildcards:
        """Give the function from wildcards to the hash of a rule's code."""
        job = f"reformeval.jobs.{rule}"

        def hashed(wildcards: Wildcards) -> str:
            if rule == "estimate_effects":
                spec = resolve.estimate_spec(self.studies[wildcards.reform], wildcards.label)
                return _estimator_code(spec.method)
            if rule in ("check_data", "count_cells", "build_truth", "sum_persons"):
                study = self.studies[wildcards.reform]
                others = study.others.values() if rule == "check_data" else ()
                kinds = [one.kind for one in (study.source, *others)]
                read = [module for kind in kinds for module in modules(kind)]
                if study.reform.treatment.adoption is not None:
                    read.append(ADOPTION_READER)
                return code_hash(job, *dict.fromkeys(read))
            if rule == "assess_effects":
                return code_hash(job, *_modules("inference"), *_modules("diagnostics"))
            return code_hash(job)

        return hashed


def load(root: Path) -> Plan:
    """Read the config of a working directory.

    Raises
    ------
    UserError
        With every problem of every file.
    """
    config = loader.load(root)
    return Plan(config, loader.left_out(config))


def load_or_exit(root: Path) -> Plan:
    """Read the config for a run: problems end it, and reforms without data are named.

    Jobs are to run with the Python that runs Snakemake, whatever stands first on PATH.

    Raises
    ------
    SystemExit
        With status 1 after printing every problem in the config.
    """
    paths = [str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]
    os.environ["PATH"] = os.pathsep.join(paths)
    try:
        plan = load(root)
    except UserError as error:
        print(f"reformeval: the config cannot be used, nothing was run\n{error}", file=sys.stderr)
        raise SystemExit(1) from None
    for line in plan.left_out.values():
        print(line, file=sys.stderr)
    return plan


def command(rule: str) -> str:
    """Give the shell command of a rule: its job, with the rule's params, inputs and outputs.

    The hash seed is fixed because pyfixest orders fixed effects by a set: standard errors would
    differ in their last digits from run to run. Threads of linear algebra that wait for each other
    cost more than small matrices do.
    """
    return (
        "PYTHONHASHSEED=0 POLARS_MAX_THREADS={threads} OPENBLAS_NUM_THREADS={threads}"
        f" python -m reformeval.jobs.{rule}"
        " --spec {params.spec:q} --in {input:q} --out {output:q} > {log:q} 2>&1"
    )


def templates() -> list[str]:
    """Give the files that pages are filled into: inputs of the rules that write them."""
    files = (PACKAGE / "report" / "templates").rglob("*")
    return sorted(str(path) for path in files if path.is_file())


def _estimator_code(method: str) -> str:
    return code_hash("reformeval.jobs.estimate_effects", f"reformeval.estimators.{method}")


def _modules(package: str) -> list[str]:
    return [f"reformeval.{package}.{name}" for name in discovery.names(package)]


def _either(names: Iterable[str]) -> str:
    """Pattern that matches these names and no others; with none it matches nothing."""
    return "|".join(re.escape(name) for name in sorted(names)) or "(?!)"
