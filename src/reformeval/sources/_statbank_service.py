"""Asking a PxWebApi v2 service: not too fast, not for ever, and again where that may help."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from reformeval.errors import Problem, UserError
from reformeval.sources import _jsonstat

MAX_CELLS, MAX_CALLS, WINDOW = 800_000, 30, 60.0
LONGEST_URL = 2_000  # services refuse addresses above about 2,100 characters
_AGAIN = frozenset({408, 429, 500, 502, 503, 504})
_CHUNK = 1 << 16


@dataclass(frozen=True)
class Clock:
    """Time, so that tests need not wait."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True)
class Patience:
    """How long to wait for the service.

    Attributes
    ----------
    silence
        Seconds without a byte after which a request is given up.
    whole
        Seconds within which an answer must be there completely.
    tries
        How often a request is made before it counts as failed.
    longest_wait
        Seconds that the service may ask to wait before the next try.
    largest
        Bytes of an answer above which it is given up.
    """

    silence: float = 30.0
    whole: float = 300.0
    tries: int = 5
    longest_wait: float = 600.0
    largest: int = 1_000_000_000


class _TryAgainError(Exception):
    """A failure that may pass, and how long the service asks to wait."""

    def __init__(self, told: str, wait: float | None = None) -> None:
        super().__init__(told)
        self.wait = wait


@dataclass
class Service:
    """One service; remembers when it was asked.

    Parameters
    ----------
    url
        Address up to the version.
    where
        File and key that an error names.
    """

    url: str
    language: str
    where: str
    clock: Clock = field(default_factory=Clock)
    patience: Patience = field(default_factory=Patience)
    max_cells: int = MAX_CELLS
    max_calls: int = MAX_CALLS
    window: float = WINDOW
    _asked: list[float] = field(default_factory=list)

    def configure(self) -> None:
        """Ask the service for its limits and keep to them."""
        limits, _ = self.ask("config", {})
        self.max_cells = _positive(limits.get("maxDataCells"), MAX_CELLS)
        self.max_calls = _positive(limits.get("maxCallsPerTimeWindow"), MAX_CALLS)
        self.window = float(_positive(limits.get("timeWindow"), int(WINDOW)))

    def ask(
        self, path: str, parameters: Mapping[str, str], body: Mapping[str, Any] | None = None
    ) -> tuple[dict[str, Any], bytes]:
        """Ask once, again where that may help, and give the answer parsed and as it came.

        Raises
        ------
        UserError
            If the service refuses, or does not answer after several tries.
        """
        query = urlencode({"lang": self.language, **parameters}, safe="*,()?", quote_via=quote)
        address = f"{self.url}/{path}?{query}"
        told = ""
        for attempt in range(self.patience.tries):
            self._keep_pace()
            try:
                content = self._once(address, body)
                return _jsonstat.parse(content), content
            except _jsonstat.MalformedError as error:
                told, wait = f"its answer is damaged: {error}", None
            except _TryAgainError as error:
                told, wait = str(error), error.wait
            if attempt + 1 < self.patience.tries:
                self._wait(2.0**attempt if wait is None else wait, address, told)
        raise self._failed(
            address,
            f"{told} (tried {self.patience.tries} times)",
            "try again later; a run does not need the service once the data is there",
        )

    def _wait(self, seconds: float, address: str, told: str) -> None:
        if seconds > self.patience.longest_wait:
            raise self._failed(address, f"{told}, in {seconds:.0f} seconds", "try again then")
        self.clock.sleep(seconds)

    def _keep_pace(self) -> None:
        """Wait until a further call is within the service's limit."""
        self._asked = [then for then in self._asked if self.clock.now() - then < self.window]
        if len(self._asked) >= self.max_calls:
            self.clock.sleep(self.window - (self.clock.now() - self._asked[0]))
        self._asked.append(self.clock.now())

    def _once(self, address: str, body: Mapping[str, Any] | None) -> bytes:
        import requests  # only where a service is asked

        end = self.clock.now() + self.patience.whole
        try:
            with requests.request(
                "GET" if body is None else "POST",
                address,
                json=body,
                headers={"User-Agent": "reformeval", "Accept": "application/json"},
                timeout=(self.patience.silence, self.patience.silence),
                stream=True,
            ) as answer:
                content = self._body(answer, end)
        except requests.exceptions.RequestException as error:
            raise _TryAgainError(_first_line(error)) from None
        if answer.status_code in _AGAIN:
            wait = answer.headers.get("Retry-After", "")
            raise _TryAgainError(
                f"it answers {answer.status_code}{_reason(content)}",
                float(wait) if wait.isdecimal() else None,
            )
        if answer.status_code != 200:
            raise self._refused(address, answer.status_code, content)
        return content

    def _body(self, answer: Any, end: float) -> bytes:
        """Read an answer piece by piece, within the time and size there is for it."""
        parts, size = [], 0
        for part in answer.iter_content(_CHUNK):
            parts.append(part)
            size += len(part)
            if size > self.patience.largest:
                raise _TryAgainError(f"its answer is above {self.patience.largest:,} bytes")
            if self.clock.now() > end:
                raise _TryAgainError(f"its answer is not whole after {self.patience.whole:g} s")
        expected = answer.headers.get("Content-Length", "")
        coded = answer.headers.get("Content-Encoding")
        if coded is None and expected.isdecimal() and size < int(expected):
            raise _TryAgainError(f"its answer was cut off: {size} of {expected} bytes")
        return b"".join(parts)

    def _refused(self, address: str, status: int, content: bytes) -> UserError:
        fixes = {
            400: "correct selection: the service does not understand it",
            403: "select less at once: the service gives fewer cells than it says",
            404: "correct url or table: the service has no such thing",
        }
        return self._failed(
            address, f"it answers {status}{_reason(content)}", fixes.get(status, "see its answer")
        )

    def _failed(self, address: str, told: str, fix: str) -> UserError:
        shown = address if len(address) < 200 else f"{address[:199]}…"
        return UserError(Problem(f"`url`: {shown}: {told}", where=self.where, fix=fix))


def _positive(value: object, default: int) -> int:
    text = str(value)
    return int(text) if text.isdecimal() and int(text) > 0 else default


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:200]}"


def _reason(content: bytes) -> str:
    """Give the service's own words, from a problem document or plain text."""
    try:
        said = _jsonstat.parse(content)
    except _jsonstat.MalformedError:
        text = content[:200].decode("utf-8", errors="replace")
        return "" if "<" in text or not text.strip() else f" ({' '.join(text.split())})"
    parts = [str(said[key]) for key in ("title", "detail") if said.get(key)]
    return f" ({': '.join(parts)[:300]})" if parts else ""
