"""Names of files made of web addresses: readable, and harmless on every system, whatever the address holds."""

import hashlib
import unicodedata
import urllib.parse

from quaero_desktop.domain.text import single_line
from quaero_desktop.domain.urls import host_of, path_of

_STEM_BYTES = 100
_FOLDER_BYTES = 60
_WAY_BYTES = 120
"""So much of a path may be folders. With the name it stays well below the 260 characters that Windows puts up with."""

_MOST_READ = 8_000
"""A title can be megabytes."""

_HTML = (".html", ".htm", ".xhtml", ".shtml", ".md", ".markdown")
_FORBIDDEN = str.maketrans(dict.fromkeys('<>:"/\\|?*', "_") | dict.fromkeys("[]", None))
# What Windows takes for a device, with any extension.
# https://learn.microsoft.com/windows/win32/fileio/naming-a-file
_DEVICES = frozenset(
    {"con", "prn", "aux", "nul", "conin$", "conout$", "clock$"}
    | {f"{device}{number}" for device in ("com", "lpt") for number in "0123456789¹²³"}
)


class FileNames:
    """Gives each page a path of its own, below a folder for its host.

    No two are the same where large and small letters are, nor is one of them a folder of another. The same pages in the
    same order get the same paths.

    Args:
        suffix: what the names of files end in.
        reserved: paths that are taken already.
    """

    def __init__(self, suffix: str = ".md", reserved: tuple[str, ...] = ()) -> None:
        self._suffix = suffix
        self._taken = set(map(_key, reserved))
        self._folders: dict[str, str] = {}
        self._numbers: dict[str, int] = {}

    def of(self, url: str) -> str:
        """Return the path for the page at a canonical *url*, with slashes; call it once for each page."""
        path, _, query = path_of(url).partition("?")
        *folders, last = (_decoded(segment) for segment in path.split("/")[1:])
        for ending in _HTML:
            if last.lower().endswith(ending) and len(last) > len(ending):
                last = last[: -len(ending)]
                break
        whole = "_".join(filter(None, (last or "index", _decoded(query))))
        stem = safe_name(whole, _STEM_BYTES)
        way, is_whole = self._way(host_of(url), folders)
        if not is_whole or len(stem.encode()) >= _STEM_BYTES:
            # What was cut off is what told it from others.
            stem = f"{safe_name(stem, _STEM_BYTES - 9)}~{hashlib.sha256(url.encode()).hexdigest()[:8]}"
        return self._free(f"{way}/{stem}")

    def _way(self, host: str, folders: list[str]) -> tuple[str, bool]:
        """Return the folders of a page, and whether they are all there and whole."""
        way = self._folder("", safe_name(host, _FOLDER_BYTES))
        is_whole = len(host.encode()) < _FOLDER_BYTES
        for folder in folders:
            name = safe_name(folder, _FOLDER_BYTES) if folder else "_"
            if len(way.encode()) + len(name.encode()) > _WAY_BYTES:
                return way, False
            is_whole = is_whole and len(name.encode()) < _FOLDER_BYTES
            way = self._folder(f"{way}/", name)
        return way, is_whole

    def _folder(self, above: str, name: str) -> str:
        """Return the folder *name*, as it was spelt first."""
        key = _key(above + name)
        found = self._folders.get(key)
        if found is None:
            found = above + name
            number = 1
            while _key(found) in self._taken:
                number += 1
                found = f"{above}{name}-{number}"
            self._folders[key] = self._folders[_key(found)] = found
        return found

    def _free(self, path: str) -> str:
        """Return a path like *path* that nothing else has."""
        key = _key(path)
        number = self._numbers.get(key, 1)
        while True:
            found = f"{path}{'' if number == 1 else f'-{number}'}{self._suffix}"
            number += 1
            if _key(found) not in self._taken and _key(found) not in self._folders:
                self._numbers[key] = number
                self._taken.add(_key(found))
                return found


def safe_name(text: str, most_bytes: int = 100) -> str:
    """Return *text* as the name of a file or folder that every system takes and that means nothing special to any.

    Args:
        text: anything.
        most_bytes: the most bytes of the name, in UTF-8.
    """
    name = unicodedata.normalize("NFC", single_line(text[:_MOST_READ].translate(_FORBIDDEN), 1_000))
    # Hidden files, the folder above, options of commands, somebody's home.
    if name[:1] in (".", "-", "~"):
        name = "_" + name.lstrip(".-~")
    name = name.encode("utf-8", "replace")[:most_bytes].decode("utf-8", "ignore")
    # Windows drops blanks and dots at the end.
    name = name.rstrip(" .").lstrip()
    if name.partition(".")[0].rstrip().casefold() in _DEVICES:
        name = f"_{name}"
    return name or "_"


def _decoded(text: str) -> str:
    """Return a part of a URL as people read it; as it is where its escapes are no text."""
    try:
        return urllib.parse.unquote(text, errors="strict")
    except UnicodeDecodeError:
        return text


def _key(path: str) -> str:
    return unicodedata.normalize("NFC", path.casefold())
