"""The syntax of the whole command line: every command with its options, its help and an example."""

import argparse
import sys
from collections.abc import Sequence
from typing import NoReturn

from quaero_desktop import __version__
from quaero_desktop.cli.ending import EXIT_USAGE
from quaero_desktop.cli.syntax import (
    cleanup,
    crawling,
    credentials,
    definitions,
    documents,
    importing,
    jobs,
    maintenance,
    rules,
    sources,
)
from quaero_desktop.cli.syntax.base import Parser, add_globals, add_group, examples_text
from quaero_desktop.domain.errors import UsageError


class _Version(argparse.Action):
    def __call__(self, *_: object, **__: object) -> NoReturn:
        sys.stdout.write(f"quaero {__version__}\n")
        sys.exit(0)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Return what *arguments* ask for: ``command``, ``action`` where the command has some, and their options.

    Raises:
        UsageError: they make no sense.
        SystemExit: help or the version was asked for, and printed.
    """
    parser = build()
    given, unknown = parser.parse_known_args(_readied(parser, arguments))
    command = parser.commands().get(given.command)
    action = command.commands().get(getattr(given, "action", None) or "") if command is not None else None
    if unknown:
        (action or command or parser).error(f"unrecognized arguments: {' '.join(unknown)}")
    if given.library == "":
        raise UsageError("--library needs the name of a folder.")
    incomplete = command or parser
    if incomplete.commands() and action is None:
        sys.stderr.write(incomplete.format_help())
        sys.exit(EXIT_USAGE)
    return given


def _readied(parser: Parser, arguments: Sequence[str]) -> list[str]:
    """Return *arguments* with dashes made safe for argparse.

    The value of an option may begin with a dash (``--order -started``), and so may the words of a search
    (``search vacuum -full``): what looks like a short option there and is none is a word.
    """
    done: list[str] = []
    words: list[str] = []
    current = parser
    remaining = list(arguments)
    while remaining:
        argument = remaining.pop(0)
        searching = current.prog.endswith(" " + documents.SEARCH)
        if argument == "--":
            words += remaining
            break
        if current.takes_value(argument):
            if remaining and remaining[0] != "--" and remaining[0] not in current.option_strings():
                argument = f"{argument}={remaining.pop(0)}"
            done.append(argument)
        elif searching and not argument.startswith("--") and argument not in current.option_strings():
            words.append(argument)
        else:
            done.append(argument)
            current = current.commands().get(argument, current)
    return [*done, "--", *words] if words else done


def build() -> Parser:
    """Return the parser of the whole command line."""
    parser = Parser(
        prog="quaero",
        usage="quaero COMMAND ... [options]",
        description="Collect web knowledge into a private, searchable library.",
        epilog=examples_text(
            "quaero crawl https://docs.python.org/3/tutorial/ --scope prefix",
            "quaero search 'list comprehension'",
            "quaero COMMAND --help",
        ),
    )
    add_globals(parser, default=None)
    parser.add_argument("--version", action=_Version, nargs=0, help="Print the version and exit.")
    commands = add_group(parser, "command")
    for command in (
        crawling,
        jobs,
        rules,
        documents,
        sources,
        credentials,
        definitions,
        importing,
        cleanup,
        maintenance,
    ):
        command.add_syntax(commands)
    return parser
