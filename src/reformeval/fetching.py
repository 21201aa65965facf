"""`reformeval fetch`: the only command that asks a service; runs use what it has kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from reformeval.config import loader
from reformeval.errors import Problem, UserError, did_you_mean
from reformeval.sources.statbank import StatBankSource


def fetch(root: Path, name: str, again: bool, say: Callable[[str], None]) -> None:
    """Fetch the data of one source into the data folder.

    Parameters
    ----------
    again
        Whether to ask although the data is there.
    say
        Takes each line of what the user is told.

    Raises
    ------
    UserError
        If there is no such source, it is of another kind, or the service does not give the data;
        what was there before is then still there.
    """
    config, problems = loader.load_leniently(root)
    file = f"{loader.SOURCES_DIR}/{name}.yaml"
    source = config.sources.get(name)
    if source is None:
        faults = [problem for problem in problems if problem.where.startswith(f"{file}:")]
        known = [n for n, s in config.sources.items() if isinstance(s, StatBankSource)]
        absent = Problem(
            f"there is no source '{name}'", loader.SOURCES_DIR, did_you_mean(name, known)
        )
        raise UserError(faults or [absent])
    if not isinstance(source, StatBankSource):
        raise UserError(
            Problem(f"the source is a {source.kind}: only statbank sources are fetched", file,
                    f"get its data from: {source.obtain}")
        )  # fmt: skip
    target = loader.data_dir(config.settings, config.root) / source.file
    if target.is_file() and not again:
        say(f"{target} is there; with --again it is fetched anew")
        return
    from reformeval.sources import statbank_fetch
    from reformeval.sources._statbank_service import Service

    service = Service(source.url, source.language, config.where("sources", name, "url"))
    statbank_fetch.fetch(source, target, service, say)
