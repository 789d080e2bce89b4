"""``quaero``: the commands, their exit codes, and what happens when something goes wrong."""

import logging
import os
import sys
from collections.abc import Sequence
from typing import Annotated

import click
import typer

from quaero_desktop import __version__
from quaero_desktop.cli import crawling, documents, jobs, maintenance
from quaero_desktop.cli.context import (
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    InterruptedByUserError,
    Options,
    complain,
    exit_code_of,
)
from quaero_desktop.domain.errors import KnownError

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Collect web knowledge into a private, searchable library.",
)
app.command("crawl")(crawling.crawl)
app.command("work")(crawling.work)
app.add_typer(jobs.app, name="jobs")
app.add_typer(documents.app, name="documents")
app.command("search", context_settings={"ignore_unknown_options": True})(documents.search)
app.add_typer(maintenance.backup_app, name="backup")
app.command("verify")(maintenance.verify)

_FLAGS = frozenset({"--json", "-v", "--verbose"})


def _show_version(value: bool) -> None:
    if value:
        typer.echo(f"quaero {__version__}")
        raise typer.Exit


@app.callback()
def _globals(
    context: typer.Context,
    library: Annotated[
        str | None,
        typer.Option("--library", metavar="DIR", help="The library's folder (or QUAERO_LIBRARY in the environment)."),
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON value on stdout, everything else on stderr.")
    ] = False,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Say more on stderr.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    context.obj = Options(library=library, json=json, verbose=verbose)


def run(arguments: Sequence[str] | None = None) -> None:
    """Run ``quaero`` and exit the process with its code."""
    sys.exit(execute(sys.argv[1:] if arguments is None else arguments))


def execute(arguments: Sequence[str]) -> int:
    """Run the command of *arguments* and return its exit code; what a person did wrong is told on stderr."""
    try:
        result = app(args=globals_first(arguments), prog_name="quaero", standalone_mode=False)
    except InterruptedByUserError:
        return EXIT_INTERRUPTED
    except KnownError as error:
        complain(error.message, error.hint)
        return exit_code_of(error)
    except click.ClickException as error:
        error.show(sys.stderr)
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has seen enough; stdout must not be flushed again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILED
    except Exception:
        logging.getLogger(__name__).exception("quaero failed; this is a bug")
        return EXIT_FAILED
    return result if isinstance(result, int) else 0


def globals_first(arguments: Sequence[str]) -> list[str]:
    """Return *arguments* with the global options, which may stand anywhere before ``--``, moved to the front."""
    first: list[str] = []
    rest: list[str] = []
    remaining = list(arguments)
    while remaining:
        argument = remaining.pop(0)
        if argument == "--":
            rest += [argument, *remaining]
            break
        if argument in _FLAGS or argument.startswith("--library="):
            first.append(argument)
        elif argument == "--library" and remaining:
            first += [argument, remaining.pop(0)]
        else:
            rest.append(argument)
    return first + rest
