"""Secrets that a person hands over as files, for a start without a keyring and with nobody to ask (J8).

They are only read, and only this process remembers them. Service managers and containers hand over secrets like this:
``LoadCredential=`` of systemd, for one.
"""

import os
import stat
import sys
from collections.abc import Mapping
from pathlib import Path

from quaero_desktop.domain.errors import SecretError
from quaero_desktop.domain.pasting import MAX_TEXT
from quaero_desktop.domain.secrets import Secret
from quaero_desktop.domain.text import single_line
from quaero_desktop.infra.paths import SECRETS_VARIABLE

_FOR_OTHERS = stat.S_IRWXO
_FOR_GROUP = stat.S_IRWXG


def folder(environ: Mapping[str, str]) -> Path | None:
    """Return the folder of secrets that ``QUAERO_SECRETS`` names; None when it names none.

    Raises:
        SecretError: it is no folder.
    """
    named = environ.get(SECRETS_VARIABLE)
    if not named:
        return None
    path = Path(named).expanduser()
    if not path.is_dir():
        raise SecretError(
            f"“{single_line(named, 200)}”, which {SECRETS_VARIABLE} names, is no folder.",
            "Name the folder that holds a file for each secret.",
        )
    return path


def read(where: Path, name: str) -> Secret | None:
    """Return the secret in a file of a folder; None when it has none of that name.

    Args:
        where: the folder.
        name: what the file is called.

    Raises:
        SecretError: it is no file, cannot be read, or others may read it.
    """
    if not name.strip(".") or any(character in name for character in "/\\\0"):
        return None
    path = where / name
    try:
        with open(path, "rb") as file:
            told = os.fstat(file.fileno())
            _refuse_what_others_read(path, told)
            content = file.read(MAX_TEXT + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SecretError(f"“{path}” cannot be read: {error.strerror}.", "Check its permissions.") from None
    return Secret(content.decode("utf-8-sig", "replace"))


def _refuse_what_others_read(path: Path, told: os.stat_result) -> None:
    if sys.platform == "win32":
        return
    # Where files have lists of who may read them, as systemd's have, the group's bits say what the longest list allows.
    by_root = told.st_uid == 0
    if told.st_mode & _FOR_OTHERS or (told.st_mode & _FOR_GROUP and not by_root):
        raise SecretError(f"Others may read “{path}”, so it is not used.", f"Close it to them: chmod 600 {path}")
