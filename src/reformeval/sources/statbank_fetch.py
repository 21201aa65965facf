"""Fetch a table from a statistics bank and keep it in the data folder, with its description."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import polars as pl

from reformeval.artefacts import atomically, write_json
from reformeval.errors import Problem, UserError
from reformeval.provenance import sha256
from reformeval.sources import _jsonstat
from reformeval.sources import _statbank_query as queries
from reformeval.sources._statbank_kept import description
from reformeval.sources._statbank_service import LONGEST_URL, Service
from reformeval.sources.statbank import CodeListSelection, StatBankSource


def fetch(
    source: StatBankSource, target: Path, service: Service, say: Callable[[str], None]
) -> None:
    """Ask for the source's selection and write the answer.

    Parameters
    ----------
    target
        The Parquet file: a text column for every variable that was chosen and for every contents
        code, and the status symbols. A cell without a value holds its symbol. Beside it lies a
        file ``.json`` with the query, labels, ``updated``, and the sha256 of both the file and
        what was received.
    say
        Takes a line for every request of several.

    Raises
    ------
    UserError
        If the service refuses or does not answer, or the table does not have what is selected.
    """
    try:
        _fetch(source, target, service, say)
    except _jsonstat.MalformedError as error:
        raise UserError(
            Problem(
                f"`table`: what {source.url} gives for table {source.table} cannot be used: "
                f"{error}",
                where=service.where,
                fix="see whether url is the address of a PxWebApi v2 service",
            )
        ) from None


def _fetch(
    source: StatBankSource, target: Path, service: Service, say: Callable[[str], None]
) -> None:
    service.configure()
    metadata, _ = service.ask(f"tables/{source.table}/metadata", {})
    lists = {
        name: _code_list(service, one.codelist)
        for name, one in source.selection.items()
        if isinstance(one, CodeListSelection)
    }
    known = queries.variables(metadata, lists)
    metric = _jsonstat.role(metadata, "metric")
    if len(metric) != 1:
        raise _jsonstat.MalformedError("it names no variable with the contents")
    chosen = queries.expand(source, known, metric[0], service.where)
    parts = queries.split(chosen, service.max_cells)
    frames, digest, updated = [], hashlib.sha256(), ""
    labels: dict[str, dict[str, str]] = {}
    for number, part in enumerate(parts, start=1):
        if len(parts) > 1:
            say(f"request {number} of {len(parts)}")
        answer, content = _ask(source, part, service)
        digest.update(content)
        updated = max(updated, str(answer.get("updated", "")))
        frames.append(_checked(_jsonstat.to_frame(answer), part, source))
        for name in part:
            labels.setdefault(name, {}).update(_jsonstat.codes(answer, name))
    frame = _by_contents(pl.concat(frames), metric[0], chosen)
    facts = {
        "query": json.loads(source.query),
        "fetched": datetime.now(UTC).isoformat(timespec="seconds"),
        "updated": updated or str(metadata.get("updated", "")),
        "title": str(metadata.get("label", "")),
        "source": str(metadata.get("source", "")),
        "notes": metadata.get("note", []),
        "requests": len(parts),
        "cells": sum(one.height for one in frames),
        "received_sha256": digest.hexdigest(),
        "labels": labels,
    }

    def write(path: Path) -> None:
        frame.write_parquet(path, compression="zstd")
        # The description first: a data file that is there is whole and described.
        write_json(facts | {"sha256": sha256(path)}, description(target))

    atomically(target, write)
    say(f"wrote {target}: {facts['cells']:,} cells, updated {facts['updated'] or 'unknown'}")


def _code_list(service: Service, name: str) -> dict[str, str]:
    answer, _ = service.ask(f"codelists/{name}", {})
    try:
        return {str(one["code"]): str(one["label"]) for one in answer["values"]}
    except (KeyError, TypeError):
        raise _jsonstat.MalformedError(f"code list {name} has no values") from None


def _ask(
    source: StatBankSource, part: queries.Codes, service: Service
) -> tuple[dict[str, Any], bytes]:
    """Ask for one part: in the address where that is short enough, in a body otherwise."""
    always, get, body = queries.request(source, part)
    path = f"tables/{source.table}/data"
    if len(urlencode(always | get)) + len(source.url) + len(path) < LONGEST_URL:
        return service.ask(path, always | get)
    return service.ask(path, always, body)


def _checked(frame: pl.DataFrame, part: queries.Codes, source: StatBankSource) -> pl.DataFrame:
    """Stop if the answer has other cells than were asked for."""
    single = {
        name
        for name, one in source.selection.items()
        if isinstance(one, CodeListSelection) and one.output == "single"
    }
    for name, codes in part.items():
        if name not in frame.columns:
            raise _jsonstat.MalformedError(f"the answer has no variable {name}")
        found = set(frame[name])
        if found != set(codes) and name not in single:
            lacks = sorted(set(codes) - found) or sorted(found - set(codes))
            raise _jsonstat.MalformedError(
                f"the answer has other codes of {name} than were asked for, such as {lacks[0]}"
            )
    extra = [n for n in frame.columns if n not in {*part, "value", "status"}]
    for name in extra:
        if frame[name].n_unique() > 1:
            raise _jsonstat.MalformedError(f"the answer is not summed over {name}")
    return frame.drop(extra)


def _by_contents(frame: pl.DataFrame, contents: str, chosen: queries.Codes) -> pl.DataFrame:
    """Give every contents code a column with values, and one with status symbols."""
    keys = [name for name in chosen if name != contents]
    filled = frame.with_columns(pl.col("value").fill_null(pl.col("status")).fill_null(""))
    wide = filled.pivot(on=contents, index=keys, values=["value", "status"])
    renamed: dict[str, str] = {}
    for code in chosen[contents]:
        renamed |= {f"value_{code}": code, f"status_{code}": f"{code} status"}
    return wide.rename(renamed).sort(keys)
