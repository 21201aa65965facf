"""Fetching a classification from Statistics Norway's service Klass, to be kept in a file.

The service's guide: https://data.ssb.no/api/klass/v1/api-guide.html. Two questions are asked: the
codes with the time each was valid, and the changes. Nothing else in the program needs the network.
"""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

from reformeval.artefacts import write_text
from reformeval.errors import Problem, UserError
from reformeval.geography import files
from reformeval.geography.classification import Classification, classify

SERVICE = "https://data.ssb.no/api/klass/v1"
MUNICIPALITIES = 131
START = "1838-01-01"  # when the first municipalities were formed
TRIES = 4
_TIMEOUT = (10, 60)  # seconds to connect, and to wait for the next bytes
_RETRIED = (429, 500, 502, 503, 504)


def fetch(
    path: Path,
    number: int = MUNICIPALITIES,
    service: str = SERVICE,
    today: date | None = None,
    wait: float = 1.0,
) -> Classification:
    """Fetch a classification and keep it in a file.

    Parameters
    ----------
    path
        The file to write, which ends in ``.json``; an earlier one is replaced only by a whole and
        consistent new one.
    number
        Number of the classification.
    service
        Address of the service.
    today
        The day that is recorded; default: today.
    wait
        Seconds before the first retry; each further one waits twice as long, or as long as the
        service says.

    Raises
    ------
    UserError
        If the service cannot be reached, refuses, or answers something else.
    """
    if path.suffix != ".json":
        raise UserError(
            Problem(
                "what is fetched is kept as JSON",
                str(path),
                "set geography_file in config/config.yaml to a name that ends in .json",
            )
        )
    day = (today or date.today()).isoformat()
    address = f"{service.rstrip('/')}/classifications/{number}"
    content = {
        "classification": number,
        "service": address,
        "fetched": day,
        "codes": _ask(f"{address}/codes", {"from": START}, "codes", wait),
        "codeChanges": _ask(f"{address}/changes", {"from": START}, "codeChanges", wait),
    }
    try:
        versions, changes, fetched = files.from_service(
            content["codes"], content["codeChanges"], day
        )
    except (ValueError, KeyError, TypeError) as error:
        raise _failed(address, f"the answer is of another form: {error!r}") from None
    if not versions or not changes:
        raise _failed(address, "the answer has no codes or no changes")
    classify(versions, changes, address, "", fetched)
    text = json.dumps(content, ensure_ascii=False, indent=0) + "\n"
    write_text(text, path)
    return files.read(path)


def _ask(address: str, parameters: dict[str, str], key: str, wait: float) -> Any:
    import requests  # only where something is fetched
    from requests.adapters import HTTPAdapter
    from urllib3.util.retry import Retry

    retry = Retry(
        TRIES,
        status_forcelist=_RETRIED,
        backoff_factor=wait,
        respect_retry_after_header=True,
        raise_on_status=False,
    )
    with requests.Session() as session:
        session.mount(address, HTTPAdapter(max_retries=retry))
        try:
            answer = session.get(
                address,
                params=parameters,
                headers={"Accept": "application/json"},
                timeout=_TIMEOUT,
            )
            answer.raise_for_status()
            return answer.json()[key]
        except (ValueError, KeyError, TypeError):
            raise _failed(address, f"the answer has no {key}") from None
        except requests.HTTPError:
            raise _failed(address, f"it answers {answer.status_code} {answer.reason}") from None
        except requests.RequestException as error:
            raise _failed(address, type(error).__name__) from None


def _failed(address: str, reason: str) -> UserError:
    return UserError(
        Problem(
            f"the classification could not be fetched: {reason}",
            address,
            "try again later; a file that was fetched before stays in use",
        )
    )
