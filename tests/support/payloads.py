"""Texts as a hostile site, or a hostile file, writes them: about a hundred, to be shown wherever text is shown."""

import json
from functools import cache
from pathlib import Path

from quaero_desktop.domain.text import storable

_FILE = Path(__file__).resolve().parents[1] / "data" / "payloads.json"
_WEB, _WEB_HOST, _LOCAL = "http://WEB", "//WEBHOST", "//FILE"


def payloads(web: str = "http://payload.test", local: Path = Path("/payload.png")) -> list[str]:
    """Return the texts.

    Args:
        web: ``scheme://host:port`` of what they want to be fetched from the web.
        local: the picture that they want to be read from this computer.
    """
    host = web.partition(":")[2]
    return [
        text.replace(_WEB_HOST, host).replace(_WEB, web).replace(_LOCAL, f"//{local.as_posix()}") for text in _texts()
    ]


def storable_payloads(web: str = "http://payload.test", local: Path = Path("/payload.png")) -> list[str]:
    """Return the texts as they lie in a library: without NULs and halves of characters, which SQLite does not take."""
    return [storable(text) for text in payloads(web, local)]


@cache
def _texts() -> tuple[str, ...]:
    # A long one is written as what it repeats.
    return tuple(
        each if isinstance(each, str) else each["text"] * each["times"]
        for each in json.loads(_FILE.read_text(encoding="utf-8"))
    )
