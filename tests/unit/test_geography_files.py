"""Reading a classification from its files, and fetching it from a service on this machine."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlparse

import pytest

from reformeval.errors import UserError
from reformeval.geography import files, klass
from reformeval.geography.classification import events
from reformeval.geography.territories import correspondence
from tests.geography_helpers import CHANGES, KLASS, VERSIONS, day, made, write_csv

Answer = Callable[[str, dict[str, list[str]], int], tuple[int, bytes]]


def code(name: str, first: int, until: int | None) -> dict[str, Any]:
    last = None if until is None else f"{until}-01-01"
    return {
        "code": name,
        "name": f"Town  {name}",
        "validFromInRequestedRange": f"{first}-01-01",
        "validToInRequestedRange": last,
    }


def change(old: str | None, new: str | None, year: int) -> dict[str, Any]:
    return {"oldCode": old, "newCode": new, "changeOccurred": f"{year}-01-01"}


# As the service tells the small world: codes that go on are one entry and no change of their own.
CODES = [code("A", 2000, None), code("B", 2000, 2020), code("C", 2000, 2020), code("D", 2020, None),
         code("E", 2000, None), code("F", 2020, None), code("G", 2000, None),
         code("H", 2000, None), code("N", 2000, None)]  # fmt: skip
MOVES = [change("B", "A", 2020), change("C", "D", 2020), change("E", "F", 2020),
         change("G", "H", 2020)]  # fmt: skip


def good(path: str, _: dict[str, list[str]], __: int) -> tuple[int, bytes]:
    """The service's answer."""
    content = {"codes": CODES} if path.endswith("/codes") else {"codeChanges": MOVES}
    return 200, json.dumps(content).encode()


@contextmanager
def service(answer: Answer) -> Iterator[tuple[str, list[str]]]:
    """A server on this machine; gives its address and the list of what it was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            url = urlparse(self.path)
            status, body = answer(url.path, parse_qs(url.query), len(asked))
            self.send_response(status)
            if status == 429:
                self.send_header("Retry-After", "0")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/api/klass/v1", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_csv_is_read(tmp_path: Path) -> None:
    found = files.read(write_csv(tmp_path))
    assert found.versions == made().versions
    assert found.changes == made().changes
    assert len(found.sha256) == 64
    assert found.last_change == day(2020)


def test_the_real_file(data_dir: Path) -> None:
    found = files.read(data_dir / KLASS)
    assert (len(found.versions), len(found.changes)) == (2000, 2164)
    assert found.last_change == day(2024)


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (("made_vertices.csv", '"0","A"', '"1","A"'), "made_vertices.csv:3: the version '1' is"),
        (("made_vertices.csv", "2000-01-01,NA", "2000-13-01,NA"), ":14: '2000-13-01' is not a"),
        (("made_vertices.csv", "label", "navn"), "vertices.csv:1: there is no column label"),
        (("made_edges.csv", '"1"', '"99"'), "made_edges.csv:3: a change names a version"),
        (("made_edges.csv", "0,0,2020", "0,0,2019"), ":2: the change to A Town A is not on the"),
        (("made_edges.csv", ',"2"\n', "\n"), "made_edges.csv:2: the line has too few cells"),
    ],
)
def test_faults_are_told_with_their_line(
    tmp_path: Path, edit: tuple[str, str, str], words: str
) -> None:
    path = write_csv(tmp_path)
    name, old, new = edit
    text = (tmp_path / name).read_text(encoding="utf-8")
    assert old in text
    (tmp_path / name).write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(UserError) as caught:
        files.read(path)
    assert words in str(caught.value)


def test_files_that_are_not_there_or_not_text(tmp_path: Path) -> None:
    path = write_csv(tmp_path)
    (tmp_path / "made_edges.csv").write_bytes("blåbær".encode("cp1252"))
    with pytest.raises(UserError, match=r"made_edges.csv:1: the file is not UTF-8"):
        files.read(path)
    (tmp_path / "made_edges.csv").unlink()
    with pytest.raises(UserError, match=r"edges.csv: the classification is not there"):
        files.read(path)
    with pytest.raises(UserError, match=r"ends in \.json or vertices\.csv"):
        files.read(tmp_path / "klass.txt")


def test_fetching_gives_the_same_territories(tmp_path: Path) -> None:
    path = tmp_path / "new" / "klass.json"
    with service(good) as (address, asked):
        fetched = klass.fetch(path, service=address, today=date(2024, 5, 6))
    assert asked == [f"/api/klass/v1/classifications/131/{what}?from=1838-01-01"
                     for what in ("codes", "changes")]  # fmt: skip
    assert fetched.fetched == date(2024, 5, 6)
    again = files.read(path)
    assert (again.versions, again.changes) == (fetched.versions, fetched.changes)
    assert {v.label for v in again.versions if v.code == "A"} == {"Town A"}
    world = made()
    assert correspondence(again, day(2010), 2020) == correspondence(world, day(2010), 2020)
    kinds = [(e.kind, e.same_code) for e in events(again, day(2000), day(2020))]
    assert kinds == [(e.kind, e.same_code) for e in events(world, day(2000), day(2020))]
    assert len(VERSIONS) == len(again.versions)
    assert len(CHANGES) == len(again.changes)


def test_the_service_is_asked_again_when_it_is_busy(tmp_path: Path) -> None:
    def busy(path: str, query: dict[str, list[str]], number: int) -> tuple[int, bytes]:
        return (429 if number == 1 else 503, b"") if number < 3 else good(path, query, number)

    with service(busy) as (address, asked):
        klass.fetch(tmp_path / "k.json", service=address, wait=0.0)
    assert len(asked) == 4


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (404, b"", "it answers 404"),
        (400, b"", "it answers 400"),
        (503, b"", "it answers 503"),
        (200, b"<html>", "the answer has no codes"),
        (200, b'{"codes": [', "the answer has no codes"),
        (200, b'{"other": []}', "the answer has no codes"),
    ],
)
def test_a_bad_answer_leaves_the_earlier_file(
    tmp_path: Path, status: int, body: bytes, words: str
) -> None:
    path = tmp_path / "k.json"
    path.write_text("earlier", encoding="utf-8")
    with (
        service(lambda *_: (status, body)) as (address, _),
        pytest.raises(UserError, match=words) as caught,
    ):
        klass.fetch(path, service=address, wait=0.0)
    assert caught.value.problems[0].fix
    assert path.read_text(encoding="utf-8") == "earlier"
    assert list(tmp_path.iterdir()) == [path]


def test_answers_of_another_form_are_refused(tmp_path: Path) -> None:
    def empty(path: str, *_: object) -> tuple[int, bytes]:
        return 200, b'{"codes": []}' if path.endswith("codes") else b'{"codeChanges": []}'

    def odd(*_: object) -> tuple[int, bytes]:
        return 200, b'{"codes": [{"code": 1}], "codeChanges": []}'

    for answer, words in ((empty, "no codes or no changes"), (odd, "another form")):
        with service(answer) as (address, _), pytest.raises(UserError, match=words):
            klass.fetch(tmp_path / "k.json", service=address)


def test_no_service_and_no_json(tmp_path: Path) -> None:
    with service(good) as (address, _):
        pass
    with pytest.raises(UserError, match="could not be fetched: ConnectionError"):
        klass.fetch(tmp_path / "k.json", service=address, wait=0.0)
    with pytest.raises(UserError, match="kept as JSON"):
        klass.fetch(tmp_path / "k_vertices.csv")
    (tmp_path / "k.json").write_text('{"codes": []}', encoding="utf-8")
    with pytest.raises(UserError, match="no classification as fetched"):
        files.read(tmp_path / "k.json")
