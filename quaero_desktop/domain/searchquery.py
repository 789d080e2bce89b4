"""The query language of the library (D3).

A person types words; all of them must be there. Beyond that::

    "exact phrase"      these words in this order        one OR other      either of the two
    -word  -"a phrase"  must not be there                prefix*           words that begin so
    title:word          only in the title                (a OR b) c        grouping
    site:host           that host and its sub-domains    url:part          that text in the URL, * for any text
    after:2024          from the start of that year on   before:2024-05    up to the start of that month
    lang:en             that language, en-gb too

``OR`` binds its two neighbours and nothing else, as in the search engines of the web: ``a b OR c`` is ``a (b OR c)``.
Dates are ``YYYY``, ``YYYY-MM`` or ``YYYY-MM-DD`` in UTC. They are compared with the day a page says it was published,
and with the day it was fetched when it says none. A value in quotation marks may hold blanks: ``title:"a b"``.

Every text is a query: :func:`parse` never raises. Where a text makes no sense it is read as well as possible, and the
hint says how it was read.
"""

import re
import unicodedata
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from quaero_desktop.domain import urls
from quaero_desktop.domain.text import storable

MAX_LENGTH = 1_000
"""The characters of a query that are read; nobody types more, and a pasted page is no question."""
MAX_TERMS = 32
_MAX_DEPTH = 16


class Term(msgspec.Struct, frozen=True):
    """A word or a phrase to look for.

    Attributes:
        text: as it was typed, without quotation marks and star.
        quoted: whether it is meant exactly; a plain word also finds its plural (see :func:`forms`).
        prefix: whether the last word may go on.
        in_title: whether only the title counts.
    """

    text: str
    quoted: bool = False
    prefix: bool = False
    in_title: bool = False


class Site(msgspec.Struct, frozen=True):
    """Pages of a host and its sub-domains, in canonical spelling; with a port only pages of that port."""

    host: str


class UrlPart(msgspec.Struct, frozen=True):
    """Pages whose URL holds this text anywhere; ``*`` stands for any text."""

    text: str


class After(msgspec.Struct, frozen=True):
    """Pages of this moment or later, in milliseconds UTC."""

    at: int


class Before(msgspec.Struct, frozen=True):
    """Pages earlier than this moment, in milliseconds UTC."""

    at: int


class Language(msgspec.Struct, frozen=True):
    """Pages in this language, a BCP 47 tag in lower case, or in a variety of it."""

    tag: str


class And(msgspec.Struct, frozen=True):
    """All of the parts, of which there are at least two."""

    parts: "tuple[Node, ...]"


class Or(msgspec.Struct, frozen=True):
    """At least one of the parts, of which there are at least two."""

    parts: "tuple[Node, ...]"


class Not(msgspec.Struct, frozen=True):
    """Whatever is not the part."""

    part: "Node"


Filter = Site | UrlPart | After | Before | Language
Node = Term | Filter | And | Or | Not


class SearchQuery(msgspec.Struct, frozen=True):
    """A query as it was understood.

    Attributes:
        words: what the text must hold: a tree over terms alone; None for anything.
        conditions: what must hold of the page beside: a tree over filters alone; None for nothing.
        hint: what a person should know about how it was read, or empty.
    """

    words: Node | None = None
    conditions: Node | None = None
    hint: str = ""


def parse(text: str) -> SearchQuery:
    """Return the best reading of *text*, whatever it is."""
    hints: list[str] = []
    if len(text) > MAX_LENGTH:
        text = text[:MAX_LENGTH]
        hints.append(f"Only the first {MAX_LENGTH:,} characters of the query were read.")
    # What cannot be bound cannot be in the library either.
    text = storable(text.replace("\0", " "))
    tree = _Parser(_tokens(text, hints), hints).query()
    words, conditions, mixed = _split(tree) if tree is not None else (None, None, False)
    if mixed:
        hints.append("Filters like site: hold for the whole query: they cannot be mixed with words by OR or -( ).")
    if tree is None and text.strip() and not hints:
        hints.append("There is no word to look for in this query.")
    elif isinstance(words, Not):
        hints.append("Nothing but words to leave out: these are all other pages, newest first.")
    return SearchQuery(words, conditions, " ".join(dict.fromkeys(hints)))


def wanted_terms(node: Node | None) -> tuple[Term, ...]:
    """Return the terms of a tree that a page may match, in their order: all but those that are left out."""
    match node:
        case Term():
            return (node,)
        case And(parts) | Or(parts):
            return tuple(dict.fromkeys(term for part in parts for term in wanted_terms(part)))
        case _:
            return ()


def forms(term: Term) -> tuple[str, ...]:
    """Return the spellings that a term stands for: a plain English word with its plural or singular.

    Only words of four or more ASCII letters, and only by the regular rules: ``index`` finds ``indexes`` and not
    ``indices``. A spelling that is no word finds nothing, so it does no harm.
    """
    text = term.text
    word = text.lower()
    if term.quoted or term.prefix or len(word) < 4 or not (word.isascii() and word.isalpha()):
        return (text,)
    if word.endswith("ies"):
        return (word, word[:-3] + "y")
    if word.endswith(("sses", "shes", "ches", "xes", "zes")):
        return (word, word[:-2], word[:-1])
    if word.endswith("s"):
        return (word, word + "es") if word.endswith(("ss", "us", "is")) else (word, word[:-1])
    if word.endswith(("x", "z", "ch", "sh")):
        return (word, word + "es")
    if word.endswith("y") and word[-2] not in "aeiou":
        return (word, word[:-1] + "ies")
    return (word, word + "s")


def has_words(text: str) -> bool:
    """Return whether the index can hold anything of *text*: a letter, a digit or a private character.

    These are the characters that SQLite's ``unicode61`` makes words of: https://sqlite.org/fts5.html#unicode61_tokenizer
    """
    return any(character.isalnum() or unicodedata.category(character) == "Co" for character in text)


# --- Tokens ---------------------------------------------------------------------------------------------------------

_FIELDS = ("title", "site", "url", "after", "before", "lang")
_QUOTES = '"“”„'
_WORD = re.compile(rf"[^\s{_QUOTES}]+")
_FIELD = re.compile(rf"({'|'.join(_FIELDS)}):", re.IGNORECASE)
# What looks like a field: not 10:30, std::vector or a URL.
_UNKNOWN_FIELD = re.compile(rf"([A-Za-z]{{2,20}}):(?=[^\W\d]|[{_QUOTES}])")
_WEB_ADDRESS = re.compile(r"https?://[^/]", re.IGNORECASE)


class _Token(NamedTuple):
    """``(``, ``)``, ``-``, ``OR``, ``AND``, ``field`` (text: its name), ``word`` or ``phrase``."""

    kind: str
    text: str = ""
    prefix: bool = False


def _tokens(text: str, hints: list[str]) -> list[_Token]:
    tokens: list[_Token] = []
    position = 0
    while position < len(text):
        character = text[position]
        rest = text[position + 1 : position + 2]
        if character.isspace():
            position += 1
        elif character in "()":
            tokens.append(_Token(character))
            position += 1
        elif character in _QUOTES:
            position = _phrase(text, position + 1, tokens, hints)
        elif character == "-" and rest.strip() and rest != "-":  # "--option" is a word, a lone dash is nothing
            tokens.append(_Token("-"))
            position += 1
        elif field := _FIELD.match(text, position):
            tokens.append(_Token("field", field[1].lower()))
            position = field.end()
        else:
            word = _WORD.match(text, position)
            assert word is not None
            _word(word[0], text[word.end() : word.end() + 1], tokens, hints)
            position = word.end()
    return tokens


def _phrase(text: str, start: int, tokens: list[_Token], hints: list[str]) -> int:
    end = next((index for index in range(start, len(text)) if text[index] in _QUOTES), None)
    if end is None:
        hints.append("A quotation mark is not closed; everything after it was taken for one phrase.")
        end = len(text)
    prefix = text[end + 1 : end + 2] == "*"
    tokens.append(_Token("phrase", text[start:end], prefix))
    return end + 1 + prefix


def _word(word: str, following: str, tokens: list[_Token], hints: list[str]) -> None:
    after_field = bool(tokens) and tokens[-1].kind == "field"
    # "count(*)" is a word; in "(this or that)" the last parenthesis closes a group.
    closing = min(len(word) - len(word.rstrip(")")), max(0, word.count(")") - word.count("(")))
    if closing:
        word = word[:-closing]
    if word in ("OR", "AND") and not after_field:
        tokens += [_Token(word), *[_Token(")")] * closing]
        return
    unknown = None if after_field else _UNKNOWN_FIELD.match(word + following)
    if unknown is not None:
        hints.append(f"“{unknown[1]}:” is no field; the fields are {', '.join(f'{field}:' for field in _FIELDS)}.")
        tokens.append(_Token("word", unknown[1]))
        word = word[unknown.end() :]
    elif not after_field and _WEB_ADDRESS.match(word):
        tokens.append(_Token("field", "url"))
    if word:
        tokens.append(_Token("word", word.rstrip("*"), word.endswith("*")))
    tokens += [_Token(")")] * closing


# --- The tree -------------------------------------------------------------------------------------------------------


class _Parser:
    """Recursive descent: all_of = {any_of}; any_of = one {OR one}; one = {- | field} (word | phrase | ( all_of ))."""

    def __init__(self, tokens: list[_Token], hints: list[str]) -> None:
        self._tokens = tokens
        self._hints = hints
        self._position = 0
        self._terms = 0

    def query(self) -> Node | None:
        """Read all tokens."""
        parts = []
        while self._position < len(self._tokens):
            parts.append(self._all_of(None, 0))
            # Only a parenthesis that was never opened stops it early.
            self._position += 1
        return _joined(And, parts)

    def _next(self) -> str | None:
        return self._tokens[self._position].kind if self._position < len(self._tokens) else None

    def _all_of(self, field: str | None, depth: int) -> Node | None:
        parts = []
        while self._next() not in (None, ")"):
            if self._next() == "AND":
                self._position += 1
            else:
                parts.append(self._any_of(field, depth))
        return _joined(And, parts)

    def _any_of(self, field: str | None, depth: int) -> Node | None:
        parts = [self._operand(field, depth)]
        while self._next() == "OR":
            self._position += 1
            parts.append(self._operand(field, depth))
        return _joined(Or, parts)

    def _operand(self, field: str | None, depth: int) -> Node | None:
        if self._next() in (None, "OR", "AND", ")"):
            self._hint("OR stands between two words; here one is missing.")
            return None
        return self._one(field, depth)

    def _one(self, field: str | None, depth: int) -> Node | None:
        negated = False
        while (kind := self._next()) in ("-", "field"):
            if kind == "-":
                negated = not negated
            else:
                field = self._tokens[self._position].text
            self._position += 1
        if kind == "(":
            node = self._group(field, depth + 1)
        elif kind in ("word", "phrase"):
            node = self._leaf(field, self._tokens[self._position])
            self._position += 1
        else:
            node = None
            if field is not None:
                self._hint(f"“{field}:” needs a value right after the colon.")
        return Not(node) if negated and node is not None else node

    def _group(self, field: str | None, depth: int) -> Node | None:
        self._position += 1
        if depth > _MAX_DEPTH:
            self._hint("Parentheses are nested too deeply; some were left out.")
            return None
        node = self._all_of(field, depth)
        if self._next() == ")":
            self._position += 1
        else:
            self._hint("A parenthesis is not closed.")
        return node

    def _leaf(self, field: str | None, token: _Token) -> Node | None:
        if self._terms >= MAX_TERMS:
            self._hint(f"Only the first {MAX_TERMS} words of the query were used.")
            return None
        self._terms += 1
        value = token.text.strip()
        match field:
            case "site":
                return self._site(value)
            case "url":
                value = f"{value}*" if token.prefix else value
                return UrlPart(value) if value.strip("*") else None
            case "after" | "before":
                return self._date(field, value)
            case "lang":
                return self._language(value)
        if not has_words(value):
            return None
        if token.kind == "word" and re.search(r"\w\*\w", value):
            self._hint("A star works at the end of a word only.")
        return Term(value, quoted=token.kind == "phrase", prefix=token.prefix, in_title=field == "title")

    def _site(self, value: str) -> Node | None:
        value = value.removeprefix("*").lstrip(".")
        without_scheme = re.sub(r"^[a-z]+://", "", value, flags=re.IGNORECASE)
        host, _, path = without_scheme.partition("/")
        canonical = urls.identity(f"https://{host}/") if host else None
        if canonical is None or not urls.host_of(canonical):
            self._hint(f"“{value[:100]}” is no name of a site.")
            return None
        host = urls.host_of(canonical)
        return And((Site(host), UrlPart(f"{host}/{path}"))) if path else Site(host)

    def _date(self, field: str, value: str) -> Node | None:
        at = _start_of(value)
        if at is None:
            self._hint(f"“{value[:100]}” is no date; {field}: takes 2024, 2024-05 or 2024-05-31.")
            return None
        return After(at) if field == "after" else Before(at)

    def _language(self, value: str) -> Node | None:
        tag = value.lower().replace("_", "-")
        if not re.fullmatch(r"[a-z]{2,3}(-[a-z0-9]{1,8})*", tag):
            self._hint(f"“{value[:100]}” is no language; lang: takes a code like en, de or zh-tw.")
            return None
        return Language(tag)

    def _hint(self, hint: str) -> None:
        self._hints.append(hint)


def _joined(kind: type[And] | type[Or], parts: list[Node | None]) -> Node | None:
    """Return the parts that are there as one node."""
    found: list[Node] = []
    for part in parts:
        if isinstance(part, kind):
            found += part.parts
        elif part is not None:
            found.append(part)
    found = list(dict.fromkeys(found))
    return kind(tuple(found)) if len(found) > 1 else found[0] if found else None


def _split(node: Node) -> tuple[Node | None, Node | None, bool]:
    """Return the words and the filters of a tree apart, and whether that changed its meaning."""
    match node:
        case Term():
            return node, None, False
        case Not(part):
            words, filters, mixed = _split(part)
            both = words is not None and filters is not None
            return _negated(words), _negated(filters), mixed or both
        case And(parts) | Or(parts):
            kind = type(node)
            split = [_split(part) for part in parts]
            words = _joined(kind, [part[0] for part in split])
            filters = _joined(kind, [part[1] for part in split])
            mixed = any(part[2] for part in split)
            if kind is Or and words is not None and filters is not None:
                filters = _joined(And, [part[1] for part in split])
                mixed = True
            return words, filters, mixed
        case _:
            return None, node, False


def _negated(node: Node | None) -> Node | None:
    match node:
        case None:
            return None
        case Not(part):
            return part
        case _:
            return Not(node)


_DATE = re.compile(r"([0-9]{4})(?:-([0-9]{1,2})(?:-([0-9]{1,2}))?)?")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _start_of(value: str) -> int | None:
    """Return the first millisecond (UTC) of a year, month or day, or None when *value* names none."""
    match = _DATE.fullmatch(value)
    if match is None:
        return None
    year, month, day = (int(part) if part else 1 for part in match.groups())
    try:
        moment = datetime(year, month, day, tzinfo=UTC)
    except ValueError:
        return None
    return int((moment - _EPOCH).total_seconds()) * 1000
