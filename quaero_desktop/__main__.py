"""The way in: the window or the command line, whichever the arguments mean.

Spawned parse processes import this module again under another name, so it imports nothing heavy by itself.
"""

import gc
import importlib
import importlib.util
import multiprocessing
import os
import re
import sys
from collections.abc import Mapping, Sequence
from typing import NoReturn

_COMMAND = re.compile(r"[a-z]+(-[a-z]+)*")
_OPTIONS_OF_THE_WINDOW = frozenset({"--library", "--self-test", "-v"})
_OPTIONS_WITH_A_VALUE = frozenset({"--library", "--self-test"})
_GARBAGE_THRESHOLD = 50_000
"""How many more objects there must be before the command line looks for garbage among the new ones."""


def main() -> None:
    """Run `quaero-desktop`, or `quaero` when the arguments hold one of its commands."""
    multiprocessing.freeze_support()
    arguments = sys.argv[1:]
    if not means_window(arguments):
        command_line()
        return
    obstacle = window_obstacle(os.environ)
    if obstacle is not None:
        _refuse(obstacle)
    # What is imported stays: to look for garbage in it takes a tenth of a start. The window collects by itself.
    gc.disable()
    try:
        # Before anything of Qt's: PySide reads the source of every module that is imported after it, in search of its
        # own “features” (https://github.com/napari/napari/issues/8584).
        importlib.import_module("quaero_desktop.services.compose")
        application = importlib.import_module("quaero_desktop.app")
    except ImportError as error:
        from quaero_desktop.infra.display import without_library

        _refuse(without_library(error))
    sys.exit(application.main(arguments))


def _refuse(obstacle: str) -> NoReturn:
    # A windowed bundle has no stderr.
    if sys.stderr is not None:
        sys.stderr.write(f"{obstacle}\nWithout a window: quaero crawl URL (from a checkout: dev.py run crawl URL).\n")
    sys.exit(2)


def command_line() -> None:
    """Run `quaero`."""
    multiprocessing.freeze_support()
    # What is imported stays, and a crawl makes hardly any cycles: to look for them as often as Python does by itself
    # takes a tenth of a start.
    gc.set_threshold(_GARBAGE_THRESHOLD)
    try:
        from quaero_desktop.cli.main import run

        run()
    except KeyboardInterrupt:  # while this was being imported: later the command line sees to it
        sys.exit(130)


def means_window(arguments: Sequence[str]) -> bool:
    """Return whether *arguments* ask for the window: no command, and no option that only the command line knows.

    Args:
        arguments: those after the program's name. Commands are plain words; an address has a dot, a colon or a slash.
    """
    rest = iter(arguments)
    for argument in rest:
        if argument.startswith("-"):
            name, equals, _ = argument.partition("=")
            if name not in _OPTIONS_OF_THE_WINDOW:
                # Before a command it belongs to that; alone, like --help, the command line knows best.
                return False
            if name in _OPTIONS_WITH_A_VALUE and not equals:
                next(rest, None)
        else:
            return _COMMAND.fullmatch(argument) is None
    return True


def window_obstacle(environ: Mapping[str, str], platform: str = sys.platform) -> str | None:
    """Return why no window can be opened here, as a sentence, or None when nothing is in the way."""
    if importlib.util.find_spec("PySide6") is None:
        return "The window needs PySide6, which is not installed."
    from quaero_desktop.infra.display import obstacle

    return obstacle(environ, platform)


if __name__ == "__main__":
    main()
