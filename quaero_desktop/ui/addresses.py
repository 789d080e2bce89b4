"""Web addresses in what is pasted, dropped or opened anywhere in the window."""

import re
from pathlib import Path

from PySide6.QtCore import QMimeData

from quaero_desktop.domain import urls
from quaero_desktop.domain.errors import KnownError, UsageError

MOST_ADDRESSES = 10_000
"""More addresses than that are not meant as seeds of one crawl."""
_MOST_CHARACTERS = 2_000_000
"""So much of a text is looked at: addresses of the longest kind for a thousand crawls."""

_WITH_SCHEME = re.compile(r"""\bhttps?://[^\s<>"'`{}|\\^\x00-\x1f\x7f-\x9f]+""", re.IGNORECASE)
_LABEL = r"[^\W_](?:[\w-]{0,61}[^\W_])?"
_ALONE = re.compile(rf"(?P<host>(?:{_LABEL}\.)+(?P<end>[^\W\d_]{{2,24}}))\.?(?P<port>:\d{{1,5}})?(?P<rest>[/?#]\S*)?")
_PUNCTUATION = ".,;:!?*'\""
_BRACKETS = {")": "(", "]": "[", "}": "{"}
# What comes after the dot of a file's name, and only seldom of a site's: with nothing after it, it is a file.
_FILE_ENDINGS = frozenset(
    "ai app bat bin bmp bz c cc cfg conf cpp cs css csv dat db dll doc docx eml epub exe gif go gz h htm html ico ini"
    " iso jar java jpeg jpg js json jsonl key ko lock log lua md mk mov mp pages pdf php pl png po pot ppt pptx ps py"
    " rar rb rs rst rtf sh so sql svg swp tar tex tgz tif tiff toml ts tsv txt vb wav webp xls xlsx xml xz yaml yml"
    " zip".split()
)
_DATABASE_ENDINGS = frozenset({".db", ".sqlite", ".sqlite3"})


def urls_in(text: str) -> tuple[str, ...]:
    """Return the web addresses in a text, as they stand there, each once.

    Those with http or https are found anywhere, without the punctuation around them; one without, like
    ``docs.python.org/3``, only where it is alone on its line.
    """
    found: dict[str, None] = {}
    for line in text[:_MOST_CHARACTERS].splitlines():
        line = line.strip()
        if not line:
            continue
        here = [_trimmed(match[0]) for match in _WITH_SCHEME.finditer(line)]
        if not here and (alone := _ALONE.fullmatch(line)) and _is_meant(alone):
            here = [line]
        for address in here:
            if _is_address(address):
                found[address] = None
                if len(found) == MOST_ADDRESSES:
                    return tuple(found)
    return tuple(found)


def urls_in_file(file: Path) -> tuple[str, ...]:
    """Return the web addresses in a text file, for example one with an address on each line, or a saved shortcut.

    Raises:
        KnownError: it cannot be read, or holds none.
    """
    if file.exists() and not file.is_file():
        # A folder; or a pipe, which would be waited for.
        raise KnownError(f"“{file.name}” cannot be read: it is no ordinary file.")
    try:
        with file.open("rb") as opened:
            content = opened.read(_MOST_CHARACTERS)
    except OSError as error:
        raise KnownError(f"“{file.name}” cannot be read: {error.strerror or error}.") from error
    encoding = "utf-16" if content.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    found = urls_in(content.decode(encoding, "replace"))
    if not found:
        raise KnownError(f"There is no web address in “{file.name}”.", "One address a line is what it should hold.")
    return found


def urls_in_mime(data: QMimeData) -> tuple[str, ...]:
    """Return the web addresses in what was pasted or dropped: text, links, or files that hold some. Never raises."""
    found: dict[str, None] = {}
    for url in data.urls()[:MOST_ADDRESSES]:
        if url.isLocalFile():
            try:
                found.update(dict.fromkeys(urls_in_file(Path(url.toLocalFile()))))
            except KnownError:
                continue
        elif url.scheme().lower() in ("http", "https"):
            found[url.toString(url.ComponentFormattingOption.FullyEncoded)] = None
    if not found and data.hasText():
        found.update(dict.fromkeys(urls_in(data.text())))
    return tuple(found)


def database_in(data: QMimeData) -> Path | None:
    """Return the SQLite file that was dropped, if it was one alone and has the name of one."""
    urls_given = data.urls()
    if len(urls_given) != 1 or not urls_given[0].isLocalFile():
        return None
    file = Path(urls_given[0].toLocalFile())
    return file if file.suffix.lower() in _DATABASE_ENDINGS else None


def _trimmed(address: str) -> str:
    """Return an address without the punctuation of the sentence, or the Markdown, that it stands in."""
    address = address.partition("](")[0]
    while address:
        last = address[-1]
        if last in _PUNCTUATION or (last in _BRACKETS and address.count(last) > address.count(_BRACKETS[last])):
            address = address[:-1]
        else:
            return address
    return address


def _is_meant(alone: re.Match[str]) -> bool:
    if alone["rest"] or alone["port"] or alone["host"].lower().startswith("www."):
        return True
    return alone["end"].lower() not in _FILE_ENDINGS


def _is_address(address: str) -> bool:
    try:
        urls.seed(address)
    except UsageError:
        return False
    return True
