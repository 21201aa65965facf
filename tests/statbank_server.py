"""A statistics bank on this machine that speaks PxWebApi v2, faults included."""

from __future__ import annotations

import itertools
import json
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

REGIONS = {"0301": "Oslo", "3002": "Moss (2020-2023)", "0104": "Moss (-2019)", "4601": "Bergen"}
SUMMED = {"K-0301": ("Oslo", ["0301"]), "K-3103": ("Moss", ["3002", "0104"])}
MONTHS = [f"{2020 + i // 12}M{i % 12 + 1:02d}" for i in range(24)]
DIMENSIONS: dict[str, dict[str, str]] = {
    "Region": REGIONS,
    "Kjonn": {"0": "Begge kjønn", "1": "Menn", "2": "Kvinner"},
    "ContentsCode": {"Ledige": "Registrerte ledige (personer)", "Prosent": "Prosent"},
    "Tid": {month: month for month in MONTHS},
}
Fault = Callable[[BaseHTTPRequestHandler], None]


def value_of(region: str, sex: str, contents: str, month: str) -> float | None:
    """The number in a cell of the table; Bergen's are withheld in 2020M03."""
    if region == "4601" and month == "2020M03":
        return None
    base = 100 * (list(REGIONS).index(region) + 1) + 10 * int(sex) + MONTHS.index(month)
    return base / 10 + 0.05 if contents == "Prosent" else base


@dataclass
class Bank:
    """The server's table, its limits, the faults it commits next and what it was asked."""

    url: str = ""
    max_cells: int = 800_000
    faults: list[Fault] = field(default_factory=list)
    asked: list[tuple[str, str, Any]] = field(default_factory=list)

    @property
    def data_requests(self) -> list[tuple[str, str, Any]]:
        """Requests for data."""
        return [one for one in self.asked if "/data" in one[1]]


def answer(bank: Bank, path: str, query: dict[str, list[str]], body: Any) -> tuple[int, Any]:
    """Status and JSON for a request."""
    if path == "/config":
        return 200, {
            "apiVersion": "2.0.0", "maxDataCells": bank.max_cells,
            "maxCallsPerTimeWindow": 30, "timeWindow": 60,
        }  # fmt: skip
    if path == "/codelists/agg_KommSummer":
        values = [{"code": c, "label": n, "valueMap": v} for c, (n, v) in SUMMED.items()]
        return 200, {"id": "agg_KommSummer", "type": "Aggregation", "values": values}
    if path == "/tables/10540/metadata":
        return 200, dataset({name: list(codes) for name, codes in DIMENSIONS.items()}, values=False)
    if path != "/tables/10540/data":
        return 404, {"type": "Parameter error", "title": "Non-existent table", "status": 404}
    chosen, summed = selected(query, body)
    unknown = [n for n, codes in chosen.items() if not codes or not set(codes) <= known(n, summed)]
    if unknown or "Tid" not in chosen or "ContentsCode" not in chosen:
        return 400, {"title": "Non-existent value", "detail": f"in {unknown}", "status": 400}
    if math.prod(len(codes) for codes in chosen.values()) > bank.max_cells:
        return 403, {"title": "Too many cells selected", "status": 403}
    return 200, dataset(chosen)


def selected(query: dict[str, list[str]], body: Any) -> tuple[dict[str, list[str]], set[str]]:
    """Codes by variable, and the variables whose codes are those of a code list."""
    assert query["outputFormat"] == ["json-stat2"]
    assert query["lang"] == ["no"]
    if body is not None:
        chosen = {one["variableCode"]: one["valueCodes"] for one in body["selection"]}
        lists = {one["variableCode"] for one in body["selection"] if "codelist" in one}
    else:
        chosen = {
            k[11:-1]: v[0].split(",") for k, v in query.items() if k.startswith("valueCodes[")
        }
        lists = {k[9:-1] for k in query if k.startswith("codelist[")}
    for name in lists:
        assert query[f"outputValues[{name}]"] == ["aggregated"]
    return chosen, lists


def known(name: str, summed: set[str]) -> set[str]:
    return set(SUMMED) if name in summed else set(DIMENSIONS[name])


def dataset(chosen: dict[str, list[str]], values: bool = True) -> dict[str, Any]:
    """JSON-stat 2.0; a variable that is not chosen is summed over, that is Kjonn 0."""
    labels = DIMENSIONS | {"Region": REGIONS | {c: n for c, (n, _) in SUMMED.items()}}
    out: dict[str, Any] = {
        "version": "2.0", "class": "dataset", "label": "10540: Registrerte ledige",
        "source": "Statistisk sentralbyrå", "updated": "2026-01-16T07:00:00Z",
        "id": list(chosen), "size": [len(codes) for codes in chosen.values()],
        "role": {"time": ["Tid"], "geo": ["Region"], "metric": ["ContentsCode"]},
        "dimension": {
            name: {
                "label": name,
                "category": {
                    "index": {code: i for i, code in enumerate(codes)},
                    "label": {code: labels[name][code] for code in codes},
                },
                "extension": {"elimination": name == "Kjonn"},
            }
            for name, codes in chosen.items()
        },
    }  # fmt: skip
    if values:
        cells = [
            cell(dict(zip(chosen, at, strict=True))) for at in itertools.product(*chosen.values())
        ]
        out["value"] = cells
        out["status"] = {str(i): ":" for i, one in enumerate(cells) if one is None}
    return out


def cell(at: dict[str, str]) -> float | None:
    parts = SUMMED.get(at["Region"], ("", [at["Region"]]))[1]
    sums = [value_of(p, at.get("Kjonn", "0"), at["ContentsCode"], at["Tid"]) for p in parts]
    return None if None in sums else sum(one for one in sums if one is not None)


def status(code: int, **headers: str) -> Fault:
    """Answer with this status."""

    def fault(handler: BaseHTTPRequestHandler) -> None:
        text = json.dumps({"title": "A fault", "detail": "made by the tests", "status": code})
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(text)))
        handler.end_headers()
        handler.wfile.write(text.encode())

    return fault


def truncated(handler: BaseHTTPRequestHandler) -> None:
    """Promise more than is sent."""
    handler.send_response(200)
    handler.send_header("Content-Length", "5000")
    handler.end_headers()
    handler.wfile.write(b'{"version": "2.0", "value": [1, 2')
    handler.close_connection = True


def half_json(handler: BaseHTTPRequestHandler) -> None:
    """Send half an answer as if it were whole."""
    handler.send_response(200)
    handler.end_headers()
    handler.wfile.write(b'{"version": "2.0", "value": [1, 2')
    handler.close_connection = True


def silent(handler: BaseHTTPRequestHandler) -> None:
    """Say nothing for a while."""
    time.sleep(0.6)
    handler.close_connection = True


def dripping(handler: BaseHTTPRequestHandler) -> None:
    """Send a byte now and then, for ever."""
    handler.send_response(200)
    handler.end_headers()
    for _ in range(40):
        try:
            handler.wfile.write(b" ")
            handler.wfile.flush()
        except OSError:
            return
        time.sleep(0.05)
    handler.close_connection = True


@contextmanager
def serve() -> Iterator[Bank]:
    """Run the bank on 127.0.0.1."""
    bank = Bank()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.reply(None)

        def do_POST(self) -> None:
            self.reply(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def reply(self, body: Any) -> None:
            parts = urlsplit(self.path)
            bank.asked.append((self.command, self.path, body))
            if bank.faults:
                bank.faults.pop(0)(self)
                return
            code, content = answer(bank, parts.path[3:], parse_qs(parts.query), body)
            text = json.dumps(content).encode()
            self.send_response(code)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    bank.url = f"http://127.0.0.1:{server.server_address[1]}/v2"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield bank
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
