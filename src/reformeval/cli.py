"""The command line. Thin: it asks and prints."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from reformeval.errors import UserError

# Nothing heavy is imported up here, so that --help answers at once.
app = typer.Typer(
    name="reformeval",
    help="From population registers to honest evidence about a policy reform.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Folder = Annotated[
    Path,
    typer.Option(
        "--directory", "-d", help="The project's folder, with config/ in it.", file_okay=False
    ),
]


@app.command("list")
def list_(directory: Folder = Path()) -> None:
    """Show reforms and sources, and whether their data is there."""
    from reformeval import checking

    _end(checking.show(directory, _say))


@app.command()
def check(
    reforms: Annotated[
        list[str] | None, typer.Argument(help="Reforms whose data to check; default: all.")
    ] = None,
    directory: Folder = Path(),
) -> None:
    """Check all config, and the data it names. Ends with status 1 if something is wrong."""
    from reformeval import checking

    _end(checking.check(directory, reforms or [], _say))


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="Name of the reform, e.g. my_reform.")],
    data: Annotated[
        Path,
        typer.Option("--data", help="CSV, Parquet, Excel, Stata or SPSS file.", dir_okay=False),
    ],
    directory: Folder = Path(),
) -> None:
    """Look at a data file and write a source and a reform file for it, guesses marked."""
    from reformeval.scaffold.new import create

    create(name, data, directory, _say)


@app.command()
def geography(
    reforms: Annotated[
        list[str] | None, typer.Argument(help="Reforms; default: all that have a geography.")
    ] = None,
    first: Annotated[int, typer.Option("--from", help="First year, e.g. 2017.")] = 2017,
    last: Annotated[int, typer.Option("--to", help="Last year, e.g. 2022.")] = 2024,
    everything: Annotated[bool, typer.Option("--all", help="Show all units.")] = False,
    year: Annotated[
        int | None, typer.Option(help="Territory year; default: the reform's, or the last year.")
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(help="The classification; default: geography_file of config.yaml."),
    ] = None,
    fetch: Annotated[
        bool, typer.Option("--fetch", help="Fetch it from Statistics Norway first, and keep it.")
    ] = False,
    directory: Folder = Path(),
) -> None:
    """Show which units merged, were split or changed code, and what becomes of their data."""
    from reformeval.geography import telling

    if fetch:
        telling.fetch(directory, file, _say)
    telling.tell(directory, reforms or [], (first, last), _say, year, file, everything)


@app.command()
def fetch(
    source: Annotated[str, typer.Argument(help="Name of a source of kind statbank.")],
    again: Annotated[
        bool, typer.Option("--again", help="Also if the data is there: it may have been updated.")
    ] = False,
    directory: Folder = Path(),
) -> None:
    """Ask a statistics bank for a source's data and keep it in the data folder."""
    from reformeval import fetching

    fetching.fetch(directory, source, again, _say)


def _say(line: str) -> None:
    typer.echo(line)


def _end(problems: int) -> None:
    if problems:
        raise typer.Exit(1)


def main() -> None:
    """Run the command line; what the user can mend is told without a traceback."""
    # A console that cannot show a letter should show a stand-in, not fail.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        app()
    except UserError as error:
        typer.echo(str(error), err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
