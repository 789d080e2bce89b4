"""Parsers for the runner's tests: each does with a page what its name says, or what the page's body orders."""

import ctypes
import importlib
import json
import os
import re
import signal
import sys
import time
from pathlib import Path

from quaero_desktop.domain.pages import PageInput, ParsedPage


def page_of(page: PageInput, text: str) -> ParsedPage:
    """Return *page* as parsed, with *text* as its markdown and its body as its source."""
    return ParsedPage(
        url=page.url,
        kind="html",
        content_type=page.content_type,
        title="A page",
        markdown=text,
        search_text="",
        links=(),
        other_links=0,
        canonical=None,
        description="",
        language="",
        author="",
        published=None,
        headings=((1, "A heading"),),
        truncated=False,
        thin=False,
        noindex=False,
        nofollow=False,
        content_hash="",
        source=page.body,
        charset="utf-8",
        extractor=1,
    )


def echo(page: PageInput) -> ParsedPage:
    """Return the body untouched, and the number of the process that had it."""
    return page_of(page, str(os.getpid()))


def obey(page: PageInput) -> ParsedPage:
    """Do what the body says: one word, and for some a path after it."""
    order, _, argument = page.body.decode().partition(" ")
    match order:
        case "echo":
            pass
        case "modules":
            importlib.import_module("quaero_desktop.content.extract")
            return page_of(page, json.dumps(sorted(sys.modules)))
        case "descriptors":
            with os.scandir("/proc/self/fd") as entries:
                return page_of(page, json.dumps([os.readlink(entry.path) for entry in entries]))
        case "niceness":
            return page_of(page, str(os.nice(0)))
        case "print":
            print("noise on stdout", flush=True)  # noqa: T201
            os.write(1, b"noise on descriptor 1\n")
            os.write(2, b"noise on descriptor 2\n")
        case "raise":
            raise ValueError("broken\nmarkup")
        case "recurse":
            return obey(page)
        case "surrogate":
            return page_of(page, "\ud800")
        case "exit":
            os._exit(3)
        case "leave":
            sys.exit(4)
        case "segfault":
            ctypes.string_at(0)
        case "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        case "memory":
            return page_of(page, "x" * 10**12)
        case "nothing":
            return None  # type: ignore[return-value]
        case "terminate":
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                os.kill(os.getpid(), number)
        case "hang" | "orphan":
            if order == "orphan":  # as on a system without PR_SET_PDEATHSIG
                ctypes.CDLL(None).prctl(1, 0, 0, 0, 0)
            Path(argument).write_text(str(os.getpid()))
            while True:
                time.sleep(60)
        case "stuck":  # in C, with the interpreter's lock held: no thread of the process runs any more
            Path(argument).write_text(str(os.getpid()))
            re.match(r"(a+)+$", "a" * 60 + "b")
        case "nap":
            time.sleep(float(argument))
        case "wait":
            Path(argument + ".begun").write_text(str(os.getpid()))
            while not Path(argument).exists():
                time.sleep(0.002)
    return page_of(page, str(os.getpid()))
