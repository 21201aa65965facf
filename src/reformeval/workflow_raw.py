"""What the Snakefile asks of sources with raw register files: their inputs, params and patterns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from reformeval.code_hash import PACKAGE
from reformeval.config import loader
from reformeval.config.study import Study
from reformeval.jobs._source import SourceSlice, SplitJob
from reformeval.provenance import fingerprint
from reformeval.register.link_rules import LinkSpec
from reformeval.sources.register import RegisterSource
from reformeval.spec import to_json

Wildcards = Any
# Keys of a source that say nothing about how its files are read.
_UNREAD: dict[str, Any] = {
    "title": "-", "obtain": "-", "licence": None, "notes": (), "value_labels": {}, "groups": {},
    "outcomes": {}, "mappings": (), "cpi": None, "geography": None, "employed": "on_16th",
}  # fmt: skip


@dataclass(frozen=True)
class RawPlan:
    """The sources of kind `register` of a plan.

    Attributes
    ----------
    studies
        One study per source, by the source's name.
    restricted
        Folder of person-level data.
    """

    studies: Mapping[str, Study]
    restricted: Path

    @property
    def simulated_from(self) -> set[str]:
        """Names of the simulated sources whose registers are written as raw files."""
        sources = (cast(RegisterSource, study.source) for study in self.studies.values())
        return {one.simulated_from for one in sources if one.simulated_from is not None}

    def source(self, wildcards: Wildcards) -> RegisterSource:
        """Source of a job."""
        return cast(RegisterSource, self.studies[wildcards.source].source)

    def files(self, wildcards: Wildcards) -> list[str]:
        """Name every raw file of a source, and the layouts that say what they hold."""
        source = self.source(wildcards)
        if source.simulated_from is not None:
            return [str(self._folder(wildcards))]
        found = loader.data_files(source, self.studies[wildcards.source].settings)
        return [str(path) for path in (*found, *self._layouts(wildcards))]

    def content(self, wildcards: Wildcards) -> list[str]:
        """Fingerprint of each file, for one that is replaced by an older one."""
        return [fingerprint(Path(name)) for name in self.files(wildcards)]

    def split(self, wildcards: Wildcards) -> str:
        """Slice of `split_register`."""
        study, source = self.studies[wildcards.source], self.source(wildcards)
        # Names of units are told in results; here only their codes matter.
        read = source.model_copy(update={**_UNREAD, "units": dict.fromkeys(source.units, "-")})
        content = read.model_dump(mode="json", by_alias=True)
        folder = str(self._folder(wildcards))
        return to_json(SplitJob(SourceSlice(source.kind, content), folder, study.settings.buckets))

    def link(self, wildcards: Wildcards) -> str:
        """Slice of `link_register`."""
        source = self.source(wildcards)
        return to_json(LinkSpec(tuple(name for name, _ in source.forms()), source.link_rules()))

    def _folder(self, wildcards: Wildcards) -> Path:
        """Folder that the paths of a source's files are relative to."""
        simulated = self.source(wildcards).simulated_from
        if simulated is not None:
            return self.restricted / simulated / "raw"
        return loader.data_dir(self.studies[wildcards.source].settings)

    def _layouts(self, wildcards: Wildcards) -> list[Path]:
        """Files that say where the fields of a line stand."""
        shipped = sorted((PACKAGE / "sources/raw/layouts").iterdir())
        found: list[Path] = []
        for _, files in self.source(wildcards).forms():
            if files.file_format != "fixed_width":
                continue
            own = self._folder(wildcards) / files.layout if files.layout else None
            found += [own] if own is not None and own.is_file() else shipped
        return list(dict.fromkeys(found))
