"""Makes stdout and stderr take any text, whatever the terminal can show."""

import codecs
import os
import sys
from io import TextIOWrapper

_ERRORS = "quaero-plain"

_PLAIN = {
    "○": "o", "▶": ">", "‖": "=", "✓": "+", "✕": "x", "⊘": "-", "↷": "~", "·": "-", "•": "*",
    "…": "...", "—": "-", "–": "-", "−": "-", "×": "x", "“": '"', "”": '"', "‘": "'", "’": "'", "\xa0": " ",
}  # fmt: skip
"""What stands for our own signs where the encoding has no room for them."""


def prepare_streams() -> None:
    """Let stdout and stderr degrade what their encoding cannot hold, instead of raising in the middle of a line."""
    codecs.register_error(_ERRORS, _degrade)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            # Closed by whoever started us, or a program without a console.
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - lives as long as the process
        elif isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors=_ERRORS)


def _degrade(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(_PLAIN.get(character, "?") for character in error.object[error.start : error.end]), error.end
