"""What the syntax of each command is made of: the parser, common options and types of values.

The standard library's argparse rather than a framework: ``quaero --version`` starts in the time that Python needs, and
every sentence about a wrong command line is ours.
"""

import argparse
import difflib
import re
import shutil
from collections.abc import Callable
from typing import Any, NoReturn

from quaero_desktop.domain.cleanup import parse_age
from quaero_desktop.domain.crawl import CrawlConfig
from quaero_desktop.domain.errors import UsageError

WITHOUT_KEYRING = (
    "Without a keyring, secrets are asked for at each start. Where there is nobody to ask, let QUAERO_SECRETS of the"
    "\nenvironment name a folder with a file for each: called by the number or the name of its credential, and"
    "\nreadable by you alone (chmod 600). Quaero only reads it."
)
_WIDEST = 100
_DEFAULTS = CrawlConfig(seeds=())
_ARGUMENT = re.compile(r"argument (?P<name>[^:]+): (?P<what>.*)", re.DOTALL)
_CHOICE = re.compile(r"invalid choice: '?(?P<given>.*?)'? \(choose from (?P<choices>.*)\)", re.DOTALL)


class Parser(argparse.ArgumentParser):
    """A parser that raises :class:`UsageError` with a sentence, where argparse would print and exit."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(
            **settings,
            add_help=False,
            # "--max" today would be another option tomorrow.
            allow_abbrev=False,
            formatter_class=_Formatter,
        )
        self.add_argument("-h", "--help", action="help", help="Show this help and exit.")

    def error(self, message: str) -> NoReturn:
        """Refuse the command line.

        Raises:
            UsageError: always.
        """
        raise UsageError(self._sentence(message), f"Help: {self.prog} --help")

    def _sentence(self, message: str) -> str:
        """Return argparse's *message* as a sentence."""
        if message.startswith("unrecognized arguments: "):
            unknown = message.removeprefix("unrecognized arguments: ").split(" ")[0]
            if not unknown.startswith("-"):
                return f"“{unknown}” is one word too many."
            # Without their dashes, which would make any two of them alike.
            options = {option.lstrip("-"): option for option in self.option_strings()}
            near = difflib.get_close_matches(unknown.partition("=")[0].lstrip("-"), options, 1)
            return f"There is no option {unknown}." + (f" Did you mean {options[near[0]]}?" if near else "")
        if message.startswith("the following arguments are required: "):
            return f"{message.removeprefix('the following arguments are required: ')} is missing."
        argument = _ARGUMENT.fullmatch(message)
        if argument is None:
            return message
        name, what = argument["name"], argument["what"]
        if choice := _CHOICE.fullmatch(what):
            choices = choice["choices"].replace("'", "").split(", ")
            near = difflib.get_close_matches(choice["given"], choices, 1)
            return f"There is no command “{choice['given']}”." + (
                f" Did you mean {near[0]}?" if near else f" There are {', '.join(choices)}."
            )
        if what.startswith("expected "):
            return f"{name} needs a value."
        return f"{name} {what}"

    def option_strings(self) -> list[str]:
        """Return the names of the options that this parser and its commands know."""
        names = list(self._option_string_actions)
        for command in self.commands().values():
            names += command.option_strings()
        return names

    def takes_value(self, option: str) -> bool:
        """Return whether *option* is one of this parser's that takes a value."""
        action = self._option_string_actions.get(option)
        return action is not None and action.nargs != 0

    def commands(self) -> "dict[str, Parser]":
        """Return the parsers of the commands below this one."""
        for action in self._actions:
            if isinstance(action, argparse._SubParsersAction):
                return dict(action.choices)
        return {}


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Help no wider than can be read; examples as they were written."""

    def __init__(self, prog: str) -> None:
        width = min(shutil.get_terminal_size().columns, _WIDEST) - 1
        super().__init__(prog, max_help_position=26, width=max(width, 40))


def add_group(parser: Parser, where: str) -> Any:
    """Return the group that the commands, or the actions of one command, are added to; *where* they are stored."""
    return parser.add_subparsers(
        dest=where, metavar=where.upper(), title=where + "s", prog=parser.prog, parser_class=Parser
    )


def add_command(group: Any, name: str, summary: str, *examples: str, usage: str = "", more: str = "") -> Parser:
    """Add a command to a group and return its parser.

    Args:
        group: as :func:`add_group` made it.
        name: what is typed.
        summary: one sentence for the list of commands.
        examples: whole command lines.
        usage: the arguments that are not options.
        more: what else there is to say in its help.
    """
    command: Parser = group.add_parser(
        name,
        help=summary,
        description=f"{summary}\n{more}" if more else summary,
        epilog=examples_text(*examples),
    )
    command.usage = " ".join(filter(None, (command.prog, usage, "[options]")))
    # Only what was given: the options before the command must not be undone by the defaults of those after it.
    add_globals(command, default=argparse.SUPPRESS)
    return command


def add_globals(parser: Parser, default: Any) -> None:
    """Add the options that every command knows, before it and after it."""
    group = parser.add_argument_group("options of every command")
    group.add_argument(
        "--library",
        metavar="DIR",
        default=default,
        help="The library's folder. [default: QUAERO_LIBRARY of the environment, else your data folder]",
    )
    off = default if default is argparse.SUPPRESS else False
    group.add_argument(
        "--json", action="store_true", default=off, help="Print one JSON value on stdout, everything else on stderr."
    )
    group.add_argument("-v", "--verbose", action="store_true", default=off, help="Say more on stderr.")


def examples_text(*lines: str) -> str:
    """Return the examples at the end of a help text."""
    return "examples:\n" + "\n".join(f"  {line}" for line in lines)


def add_window(parser: Parser, what: str, limit: int) -> None:
    """Add the options that choose a part of a list."""
    parser.add_argument(
        "--limit", metavar="N", type=whole_number, default=limit, help=f"The most {what}. [default: {limit}]"
    )
    parser.add_argument(
        "--offset", metavar="N", type=whole_number, default=0, help=f"How many {what} to pass over first. [default: 0]"
    )


def add_rules(parser: Parser, *, default: bool = True) -> None:
    """Add the options that say how far a crawl goes."""
    add = parser.add_argument
    add(
        "--scope",
        metavar="host|prefix|domain",
        type=scope,
        help="How far to go: the same host, below the folder of URL, or all hosts of its domain."
        + (f" [default: {_DEFAULTS.scope}]" if default else ""),
    )
    add(
        "--include",
        metavar="P",
        action="append",
        default=[],
        help="Only URLs that fit P: words match anywhere; * is any text and ? any one character, and after a * the rest"
        " must be the end (*.pdf, */old/*); or re: and a regular expression. Can be repeated: one of them is enough.",
    )
    add(
        "--exclude",
        metavar="P",
        action="append",
        default=[],
        help="No URLs that fit P. Wins over --include; can be repeated.",
    )


def add_job_id(parser: Parser) -> None:
    """Add the job that a command is about."""
    parser.add_argument("id", metavar="ID", type=identifier, help="The job's number.")


# --- values -----------------------------------------------------------------------------------------------------------


def _checked(convert: Callable[[str], Any], wanted: str, text: str) -> Any:
    try:
        return convert(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"needs {wanted}, not “{text[:60]}”.") from None


def whole_number(text: str) -> int:
    """Return a whole number, for ``type=``."""
    value: int = _checked(int, "a whole number", text)
    return value


def identifier(text: str) -> int:
    """Return the number of a job, a source or the like, for ``type=``."""
    value: int = _checked(int, "a number, as the lists show it", text)
    return value


def seconds(text: str) -> float:
    """Return a number of seconds, for ``type=``."""
    value: float = _checked(float, "a number of seconds", text)
    return value


def age(text: str) -> int:
    """Return the milliseconds of an age like 30d, for ``type=``."""
    try:
        return parse_age(text)
    except UsageError as error:
        raise argparse.ArgumentTypeError(f"needs an age. {error.message} {error.hint}") from None


def scope(text: str) -> str:
    """Return the name of a scope, for ``type=``."""
    if text not in ("host", "prefix", "domain"):
        raise argparse.ArgumentTypeError(f"needs host, prefix or domain, not “{text[:60]}”.")
    return text


def parent(text: str) -> str | int:
    """Return root, all or the number of a job, for ``type=``."""
    if text in ("all", "root"):
        return text
    if text.isascii() and text.isdigit():
        return int(text)
    raise argparse.ArgumentTypeError(f"needs root, all or the number of a job, not “{text[:60]}”.")
