"""What browsers write for "Copy as cURL", for a shell of Unix and for the command prompt of Windows."""

import re

import msgspec

from quaero_desktop.domain.errors import UsageError

_COMMAND = re.compile(r"\s*curl(?:\.exe)?\s", re.IGNORECASE)
_FOR_WINDOWS = re.compile(r'\^"|\^\r?\n')
_BACKSLASHES = re.compile(r"\\+")
# Of the options that browsers write, and people add, those that take a value.
_WITH_VALUE = frozenset(
    "-H --header -b --cookie -u --user --oauth2-bearer --url -X --request -d --data --data-raw --data-binary"
    " --data-ascii --data-urlencode -A --user-agent -e --referer -o --output -F --form -m --max-time --connect-timeout"
    " -x --proxy -c --cookie-jar -T --upload-file --cacert --cert --key --resolve --json -w --write-out -r --range"
    " --retry -K --config -D --dump-header --limit-rate --interface --dns-servers -y -Y -z -C -E -P -Q -t".split()
)
_ANSI = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "e": "\x1b", "E": "\x1b", "f": "\f", "v": "\v"}
_CODE = re.compile(r"x([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{1,4})|U([0-9A-Fa-f]{1,8})|([0-7]{1,3})")


class Curl(msgspec.Struct, frozen=True, kw_only=True):
    """What a command asks for; its ``repr`` shows none of it, since it holds secrets.

    Attributes:
        url: as it stands there.
        headers: name and value, in order.
        cookies: the value of ``-b``.
        user: the value of ``-u``: ``name:password``.
        bearer: the value of ``--oauth2-bearer``.
    """

    url: str
    headers: tuple[tuple[str, str], ...] = ()
    cookies: str = ""
    user: str = ""
    bearer: str = ""

    def __repr__(self) -> str:
        return "Curl(••••)"


def is_curl(text: str) -> bool:
    """Return whether *text* is such a command."""
    return _COMMAND.match(text) is not None


def parse(text: str) -> Curl:
    """Return what a command asks for.

    Raises:
        UsageError: it cannot be read.
    """
    words = _words_of_windows(text) if _FOR_WINDOWS.search(text) else _words_of_unix(text)
    url = cookies = user = bearer = ""
    headers: list[tuple[str, str]] = []
    waiting = iter(words[1:])
    for word in waiting:
        option, value = _option(word)
        if not option:
            url = url or word
            continue
        if option not in _WITH_VALUE:
            continue
        if value is None:
            value = next(waiting, None)
            if value is None:
                raise UsageError(f"The cURL command ends after {option}.", "Copy all of it.")
        match option:
            case "-H" | "--header":
                name, colon, said = value.partition(":")
                if colon:
                    headers.append((name.strip(), said.strip()))
            case "-b" | "--cookie":
                cookies = value
            case "-u" | "--user":
                user = value
            case "--oauth2-bearer":
                bearer = value
            case "--url":
                url = value
    if not url:
        raise UsageError("The cURL command names no address.", "Copy all of it.")
    return Curl(url=url, headers=tuple(headers), cookies=cookies, user=user, bearer=bearer)


def _option(word: str) -> tuple[str, str | None]:
    """Return the option that *word* is, and the value that is glued to it; an empty option for an argument."""
    if word.startswith("--"):
        name, equals, value = word.partition("=")
        return name, value if equals else None
    if word.startswith("-") and len(word) > 1:
        short = word[:2]
        return short, word[2:] if short in _WITH_VALUE and len(word) > 2 else None
    return "", None


def _words_of_unix(text: str) -> list[str]:
    """Split as a POSIX shell does, with the ``$'…'`` that browsers write where a value has odd characters."""
    words: list[str] = []
    word: list[str] | None = None
    position, end = 0, len(text)
    while position < end:
        character = text[position]
        if character == "'":
            position, part = _until(text, position + 1, "'")
            word = _grown(word, part)
        elif text.startswith("$'", position):
            position, part = _ansi(text, position + 2)
            word = _grown(word, part)
        elif character == '"':
            position, part = _double(text, position + 1)
            word = _grown(word, part)
        elif character == "\\":
            following = text[position + 1 : position + 3]
            skipped = 2 if following == "\r\n" else 1
            if following[:skipped] not in ("\n", "\r\n"):
                word = _grown(word, following[:1])
            position += 1 + skipped
        elif character.isspace():
            if word is not None:
                words.append("".join(word))
            word = None
            position += 1
        else:
            word = _grown(word, character)
            position += 1
    if word is not None:
        words.append("".join(word))
    return words


def _grown(word: list[str] | None, part: str) -> list[str]:
    word = [] if word is None else word
    word.append(part)
    return word


def _until(text: str, start: int, quote: str) -> tuple[int, str]:
    end = text.find(quote, start)
    if end < 0:
        raise _cut_off()
    return end + 1, text[start:end]


def _double(text: str, position: int) -> tuple[int, str]:
    parts: list[str] = []
    while position < len(text):
        character = text[position]
        if character == '"':
            return position + 1, "".join(parts)
        if character == "\\" and text[position + 1 : position + 2] in ('"', "\\", "$", "`", "\n"):
            parts.append("" if text[position + 1] == "\n" else text[position + 1])
            position += 2
        else:
            parts.append(character)
            position += 1
    raise _cut_off()


def _ansi(text: str, position: int) -> tuple[int, str]:
    parts: list[str] = []
    while position < len(text):
        character = text[position]
        if character == "'":
            return position + 1, "".join(parts)
        if character != "\\":
            parts.append(character)
            position += 1
        elif code := _CODE.match(text, position + 1):
            digits = code[1] or code[2] or code[3]
            number = int(digits, 16) if digits else int(code[4], 8)
            parts.append(chr(number) if number < 0x110000 else "\ufffd")
            position = code.end()
        else:
            parts.append(_ANSI.get(text[position + 1 : position + 2], text[position + 1 : position + 2]))
            position += 2
    raise _cut_off()


def _words_of_windows(text: str) -> list[str]:
    """Split as the command prompt hands a command on, and as the program then reads its arguments."""
    return _arguments(_without_carets(text))


def _without_carets(text: str) -> str:
    """Return *text* as the command prompt hands it on: a caret outside of quotes keeps the next character as it is."""
    parts: list[str] = []
    quoted = False
    position = 0
    while position < len(text):
        character = text[position]
        if character == "^" and not quoted:
            position += 1
            if text.startswith(("\r\n", "\n"), position):
                # The end of a line goes; a caret before an empty line stands for a line feed.
                position += 2 if text[position] == "\r" else 1
                if text.startswith(("\r\n", "\n"), position):
                    parts.append("\n")
                    position += 2 if text[position] == "\r" else 1
            else:
                parts.append(text[position : position + 1])
                position += 1
            continue
        if character == '"':
            quoted = not quoted
        parts.append(character)
        position += 1
    return "".join(parts)


def _arguments(text: str) -> list[str]:
    """Split by the rules of Microsoft's C runtime: backslashes count before a quote only, and "" is one quote."""
    words: list[str] = []
    word: list[str] | None = None
    quoted = False
    position, end = 0, len(text)
    while position < end:
        character = text[position]
        if run := _BACKSLASHES.match(text, position):
            slashes = len(run[0])
            position += slashes
            word = word or []
            if text.startswith('"', position):
                word.append("\\" * (slashes // 2))
                if slashes % 2:
                    word.append('"')
                    position += 1
            else:
                word.append("\\" * slashes)
        elif character == '"':
            word = word or []
            if quoted and text.startswith('""', position):
                word.append('"')
                position += 2
            else:
                quoted = not quoted
                position += 1
        elif character.isspace() and not quoted:
            if word is not None:
                words.append("".join(word))
            word = None
            position += 1
        else:
            word = word or []
            word.append(character)
            position += 1
    if quoted:
        raise _cut_off()
    if word is not None:
        words.append("".join(word))
    return words


def _cut_off() -> UsageError:
    return UsageError("The cURL command is cut off: a quotation mark is missing.", "Copy all of it.")
