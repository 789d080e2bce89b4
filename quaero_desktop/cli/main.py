"""``quaero``: runs a command, and decides what happens when something goes wrong."""

import argparse
import errno
import logging
import os
import sys
from collections.abc import Sequence

from quaero_desktop.cli.ending import (
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    InterruptedByUserError,
    complain,
    exit_code_of,
    for_library,
)
from quaero_desktop.cli.streams import prepare_streams
from quaero_desktop.cli.syntax import commandline
from quaero_desktop.domain.errors import DiskFullError, KnownError


def run(arguments: Sequence[str] | None = None) -> None:
    """Run ``quaero`` and exit the process with its code."""
    sys.exit(execute(sys.argv[1:] if arguments is None else arguments))


def execute(arguments: Sequence[str]) -> int:
    """Run the command of *arguments* and return its exit code; what a person did wrong is told on stderr."""
    prepare_streams()
    library = None
    try:
        given = commandline.parse(arguments)
        library = given.library
        code = _dispatch(given)
        # Here and not at exit, where nobody could tell why it failed.
        sys.stdout.flush()
    except SystemExit as ended:
        # Help and the version; and rich, when whoever read our output has seen enough.
        return ended.code if isinstance(ended.code, int) else EXIT_FAILED
    except (InterruptedByUserError, KeyboardInterrupt):
        return EXIT_INTERRUPTED
    except KnownError as error:
        # Work that waits for room goes on by itself; a command that ended does not.
        hint = "Make room, and try again." if isinstance(error, DiskFullError) else error.hint
        complain(error.message, for_library(hint, library))
        return exit_code_of(error)
    except BrokenPipeError:
        _drop_output()
        return EXIT_FAILED
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
            _report_bug(error)
            return EXIT_FAILED
        _drop_output()
        complain(f"What the command prints cannot be written: {error.strerror}.")
        return EXIT_FAILED
    except Exception as error:
        _report_bug(error)
        return EXIT_FAILED
    return code


def _dispatch(given: argparse.Namespace) -> int:
    # Imported by need: listing jobs must not wait for what crawls.
    from quaero_desktop.cli.context import Options

    options = Options(library=given.library, json=given.json, verbose=given.verbose)
    match given.command:
        case "crawl" | "work":
            from quaero_desktop.cli import crawling

            return crawling.run_command(options, given)
        case "jobs":
            from quaero_desktop.cli import jobs

            return jobs.run_command(options, given)
        case "rules":
            from quaero_desktop.cli import rules

            return rules.run_command(options, given)
        case "documents" if given.action == "export":
            from quaero_desktop.cli import export

            return export.run_command(options, given)
        case "documents" | "search":
            from quaero_desktop.cli import documents

            return documents.run_command(options, given)
        case "sources":
            from quaero_desktop.cli import sources

            return sources.run_command(options, given)
        case "credentials":
            from quaero_desktop.cli import credentials

            return credentials.run_command(options, given)
        case "definitions":
            from quaero_desktop.cli import definitions

            return definitions.run_command(options, given)
        case "import":
            from quaero_desktop.cli import importing

            return importing.run_command(options, given)
        case "cleanup":
            from quaero_desktop.cli import cleanup

            return cleanup.run_command(options, given)
        case _:
            from quaero_desktop.cli import maintenance

            return maintenance.run_command(options, given)


def _drop_output() -> None:
    """Let the rest of our output go nowhere: it must not be flushed again, and fail again, at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _report_bug(error: Exception) -> None:
    """Tell of our own mistake, with what helps to find it and without secrets."""
    from quaero_desktop.services import compose

    diagnostics = compose.diagnostics("error")
    logging.getLogger(__name__).error(
        "Quaero made a mistake; nothing that was stored is lost. What helps to find it:", exc_info=error
    )
    diagnostics.close()
