"""Search: a query of a person, turned into what SQLite's FTS5 understands, and its results ranked and shortened.

No text that a person types reaches FTS5 but inside a quoted string, so no query can be an error (D3).

Ranking has two steps. FTS5's bm25, with the title counted :data:`TITLE_WEIGHT` times, chooses the best
:data:`WINDOW` documents; those are put in order by how well the query and the title agree as well, since who types the
name of a page wants that page.
"""

import re
import sqlite3
import time
import unicodedata
from bisect import bisect_left
from operator import itemgetter
from typing import Any, NamedTuple

import msgspec

from quaero_desktop.domain.cjk import join_cjk, split_cjk
from quaero_desktop.domain.documents import HIGHLIGHT_END, HIGHLIGHT_START, SearchHit, SearchResults, check_window
from quaero_desktop.domain.searchquery import (
    After,
    And,
    Before,
    Language,
    Node,
    Not,
    Or,
    Site,
    Term,
    UrlPart,
    forms,
    parse,
    wanted_terms,
)
from quaero_desktop.domain.text import storable_integer
from quaero_desktop.domain.urls import host_of

TITLE_WEIGHT = 10.0
WINDOW = 200
"""So many of the best matches by bm25 are ranked by their titles too. The same for each page of results."""
_OTHER_FORM = 0.5
"""How a match of another form of a word (its plural) compares with the same match of the word as it was typed."""

_encode = msgspec.json.Encoder().encode


def search(connection: sqlite3.Connection, query: str, limit: int = 20, offset: int = 0) -> SearchResults:
    """Return the documents that match *query*, best first.

    Args:
        connection: a reader's.
        query: anything, see :mod:`quaero_desktop.domain.searchquery`.
        limit: the most results.
        offset: how many of the best to pass over.

    Raises:
        UsageError: for a negative limit or offset.
    """
    check_window(limit, offset)
    started = time.perf_counter()
    asked = parse(query)
    if asked.words is None and asked.conditions is None:
        return SearchResults(results=(), total_count=0, took_ms=_ms_since(started), hint=asked.hint)
    where = _Where(connection, asked.conditions)
    match = _compiled(asked.words, as_typed=False) if asked.words is not None else None
    if asked.words is None or match is None or match.all_but:
        total, ranked = _newest(connection, match, where, limit, offset)
    else:
        total, ranked = _best(connection, asked.words, match.expression, where, limit, offset)
    hint = asked.hint
    if not total and not hint and isinstance(asked.words, And):
        hint = "No page has all of this. Put OR between words to find pages with any of them."
    results = _hits(connection, ranked, wanted_terms(asked.words))
    return SearchResults(results=results, total_count=total, took_ms=_ms_since(started), hint=hint)


def every(connection: sqlite3.Connection, query: str) -> list[int]:
    """Return the ids of all documents that match *query*, in the order in which :func:`search` finds them."""
    asked = parse(query)
    if asked.words is None and asked.conditions is None:
        return []
    where = _Where(connection, asked.conditions)
    match = _compiled(asked.words, as_typed=False) if asked.words is not None else None
    if asked.words is None or match is None or match.all_but:
        _, ranked = _newest(connection, match, where, _ALL, 0)
    else:
        _, ranked = _best(connection, asked.words, match.expression, where, _ALL, 0)
    return [document_id for document_id, _ in ranked]


_ALL = 2**62


def _ms_since(started: float) -> int:
    return round((time.perf_counter() - started) * 1000)


# --- FTS5 expressions -----------------------------------------------------------------------------------------------


class _Match(NamedTuple):
    """The documents that an FTS5 expression finds, or all but those: FTS5 itself knows no complement."""

    expression: str
    all_but: bool = False


def _compiled(node: Node, *, as_typed: bool) -> _Match:
    """Return the expression of a tree of words; with *as_typed* it wants the words in no other form (see `forms`)."""
    match node:
        case Term():
            return _Match(_term(node, (node.text,) if as_typed else forms(node)))
        case Not(part):
            # What is left out is left out in all its forms.
            return _complement(_compiled(part, as_typed=False))
        case And(parts):
            return _all_of([_compiled(part, as_typed=as_typed) for part in parts])
        case Or(parts):
            # De Morgan: what is in any of them is all but what is outside each of them.
            return _complement(_all_of([_complement(_compiled(part, as_typed=as_typed)) for part in parts]))
        case _:
            raise TypeError(f"{type(node).__name__} is no word")


def _complement(match: _Match) -> _Match:
    return _Match(match.expression, not match.all_but)


def _all_of(matches: list[_Match]) -> _Match:
    found = [match.expression for match in matches if not match.all_but]
    left_out = " OR ".join(match.expression for match in matches if match.all_but)
    if not found:
        return _Match(f"({left_out})", all_but=True)
    together = " AND ".join(found)
    return _Match(f"(({together}) NOT ({left_out}))" if left_out else f"({together})")


def _term(term: Term, spellings: tuple[str, ...]) -> str:
    strings = [_quoted(spelling) + (" *" if term.prefix else "") for spelling in spellings]
    return f"{'search_title : ' if term.in_title else ''}({' OR '.join(strings)})"


def _quoted(text: str) -> str:
    return '"' + split_cjk(text).replace('"', '""').strip() + '"'


# --- Conditions -----------------------------------------------------------------------------------------------------


class _Where:
    """Conditions on documents as SQL.

    Attributes:
        sql: a condition over ``{id}`` and the columns of the table ``d``; empty for none.
        reads_rows: whether it needs ``d``: some conditions can tell by the id alone.
        parameters: of the condition.
    """

    def __init__(self, connection: sqlite3.Connection, conditions: Node | None) -> None:
        self._connection = connection
        self.reads_rows = False
        self.parameters: dict[str, Any] = {}
        self.sql = self._compiled(conditions) if conditions is not None else ""

    def of_rows(self) -> str:
        """Return the condition for a query over ``documents d``."""
        return self.sql.replace("{id}", "d.id") if self.sql else "TRUE"

    def of_matches(self, expression: str) -> tuple[str, dict[str, Any]]:
        """Return what follows SELECT ... in a query for the matches of an FTS5 *expression*, and its parameters."""
        # CROSS JOIN keeps the order of the tables, and the plus keeps SQLite from asking FTS5 anew for each allowed id.
        join = " CROSS JOIN documents d ON d.id = documents_fts.rowid" if self.reads_rows else ""
        condition = f" AND {self.sql.replace('{id}', '+documents_fts.rowid')}" if self.sql else ""
        return (
            f"FROM documents_fts{join} WHERE documents_fts MATCH :match{condition}",
            self.parameters | {"match": expression},
        )

    def _compiled(self, node: Node) -> str:
        match node:
            case And(parts):
                return f"({' AND '.join(map(self._compiled, parts))})"
            case Or(parts):
                return f"({' OR '.join(map(self._compiled, parts))})"
            case Not(part):
                return f"NOT {self._compiled(part)}"
            case Site(host):
                ranges = self._named(_encode(_ranges_of(self._connection, host)).decode())
                return (
                    f"{{id}} IN (SELECT s.id FROM json_each({ranges}) r CROSS JOIN documents s"
                    " ON s.url >= json_extract(r.value, '$[0]') AND s.url < json_extract(r.value, '$[1]'))"
                )
            case UrlPart(text):
                pattern = "%" + re.sub(r"([\\%_])", r"\\\1", text).replace("*", "%") + "%"
                return f"{{id}} IN (SELECT s.id FROM documents s WHERE s.url LIKE {self._named(pattern)} ESCAPE '\\')"
            case After(at):
                return f"coalesce({self._column('published_at')}, {self._column('fetched_at')}) >= {self._named(at)}"
            case Before(at):
                return f"coalesce({self._column('published_at')}, {self._column('fetched_at')}) < {self._named(at)}"
            case Language(tag):
                language = self._column("language")
                return f"({language} = {self._named(tag)} OR {language} LIKE {self._named(tag + '-%')})"
            case _:
                raise TypeError(f"{type(node).__name__} is no filter")

    def _column(self, name: str) -> str:
        self.reads_rows = True
        return f"d.{name}"

    def _named(self, value: str | int) -> str:
        name = f"p{len(self.parameters)}"
        self.parameters[name] = value
        return f":{name}"


def _ranges_of(connection: sqlite3.Connection, host: str) -> list[tuple[str, str]]:
    """Return the ranges of URLs that belong to *host* and its sub-domains: one seek for each origin in the library."""
    ranges = []
    url = _first_url_from(connection, "")
    while url is not None:
        slash = url.find("/", url.find("://") + 3)
        origin = url if slash < 0 else url[:slash]
        # "0" follows "/": all URLs of the origin lie between them.
        if slash >= 0 and _belongs(host_of(url), host):
            ranges.append((f"{origin}/", f"{origin}0"))
        url = _first_url_from(connection, f"{url}\x01" if slash < 0 else f"{origin}0")
    return ranges


def _first_url_from(connection: sqlite3.Connection, start: str) -> str | None:
    row = connection.execute("SELECT min(url) FROM documents WHERE url >= ?", (start,)).fetchone()
    return None if row is None else row[0]


_PORT = re.compile(r":\d+$")


def _belongs(host: str, site: str) -> bool:
    if not _PORT.search(site):
        host = _PORT.sub("", host)
    return host == site or host.endswith(f".{site}")


# --- Finding and ranking --------------------------------------------------------------------------------------------

_Ranked = list[tuple[int, float]]


def _newest(
    connection: sqlite3.Connection, left_out: _Match | None, where: _Where, limit: int, offset: int
) -> tuple[int, _Ranked]:
    """Return the count and a page of what is not ranked, newest first."""
    condition = where.of_rows()
    parameters = dict(where.parameters)
    if left_out is not None:
        condition += " AND d.id NOT IN (SELECT rowid FROM documents_fts WHERE documents_fts MATCH :match)"
        parameters["match"] = left_out.expression
    (total,) = connection.execute(f"SELECT count(*) FROM documents d WHERE {condition}", parameters).fetchone()
    rows = connection.execute(
        f"SELECT d.id FROM documents d WHERE {condition}"
        " ORDER BY d.fetched_at DESC, d.id DESC LIMIT :limit OFFSET :offset",
        parameters | {"limit": storable_integer(limit), "offset": storable_integer(offset)},
    )
    return total, [(document_id, 0.0) for (document_id,) in rows.fetchall()]


def _best(
    connection: sqlite3.Connection, words: Node, expression: str, where: _Where, limit: int, offset: int
) -> tuple[int, _Ranked]:
    """Return the count and a page of what matches, best first."""
    as_typed = _compiled(words, as_typed=True).expression
    most = storable_integer(max(WINDOW, offset + limit))
    total, found = _by_bm25(connection, words, as_typed, where, most)
    others: _Ranked = []
    if expression != as_typed:
        # Apart, since bm25 takes a rare form for an important word: "vacuums" would decide over "vacuum".
        more, others = _by_bm25(connection, words, f"({expression} NOT {as_typed})", where, most)
        total += more
        if found and others and others[0][1]:
            scale = _OTHER_FORM * found[0][1] / others[0][1]
            others = [(document_id, score * scale) for document_id, score in others]
    if offset >= total or not limit:
        return total, []
    window = dict(found[:WINDOW] + others[:WINDOW])
    if total > len(window):
        worst = min(window.values())
        for document_id in _with_title(connection, words, expression, where):
            window.setdefault(document_id, worst)
    ranked = _by_title(connection, window, wanted_terms(words))
    if offset + limit > len(ranked):
        ranked += [row for row in found[WINDOW:] + others[WINDOW:] if row[0] not in window]
    return total, ranked[offset : offset + limit]


def _by_bm25(
    connection: sqlite3.Connection, words: Node, expression: str, where: _Where, most: int
) -> tuple[int, _Ranked]:
    """Return how many documents match, and the best *most* of them, best first."""
    matches, parameters = where.of_matches(expression)
    if where.sql:
        # One pass: it costs less to hand all rows over than to test them twice.
        rows = connection.execute(f"SELECT {_SCORED} {matches}", parameters).fetchall()
        rows.sort(key=_score, reverse=True)  # stable: the older of two equals comes first
        return len(rows), rows[:most]
    (total,) = connection.execute(f"SELECT count(*) {matches}", parameters).fetchone()
    if not total:
        return 0, []
    tells_nothing = total > _FEW and _is_everywhere(connection, words, total)
    scored, order = ("documents_fts.rowid, 1.0", "1 DESC") if tells_nothing else (_SCORED, "2 DESC, 1")
    sql = f"SELECT {scored} {matches} ORDER BY {order} LIMIT :most"
    return total, connection.execute(sql, parameters | {"most": most}).fetchall()


_SCORED = f"documents_fts.rowid, -bm25(documents_fts, {TITLE_WEIGHT}, 1.0)"
_score = itemgetter(1)
_FEW = 5_000


def _is_everywhere(connection: sqlite3.Connection, words: Node, total: int) -> bool:
    """Return whether each word is in more than half of the library.

    bm25 gives such words no weight at all, so the newest are as good as the best, and much cheaper to find.
    """
    if _has_or(words):
        return False
    (documents,) = connection.execute("SELECT count(*) FROM documents").fetchone()
    return 2 * total > int(documents)


def _has_or(node: Node) -> bool:
    return isinstance(node, Or) or (isinstance(node, And) and any(map(_has_or, node.parts)))


def _with_title(connection: sqlite3.Connection, words: Node, expression: str, where: _Where) -> list[int]:
    """Return documents whose titles match, shortest titles first: bm25 may have passed them over."""
    titles = _compiled(_in_title(words), as_typed=False).expression
    matches, parameters = where.of_matches(f"{expression} AND {titles}")
    rows = connection.execute(
        f"SELECT id FROM documents WHERE id IN (SELECT documents_fts.rowid {matches} LIMIT :most)"
        " ORDER BY length(title), id LIMIT :limit",
        parameters | {"most": 5 * WINDOW, "limit": WINDOW},
    )
    return [document_id for (document_id,) in rows.fetchall()]


def _in_title(node: Node) -> Node:
    match node:
        case Term():
            return msgspec.structs.replace(node, in_title=True)
        case And(parts):
            return And(tuple(_in_title(part) for part in parts if not isinstance(part, Not)))
        case Or(parts):
            return Or(tuple(map(_in_title, parts)))
        case _:
            return node


def _by_title(connection: sqlite3.Connection, scores: dict[int, float], terms: tuple[Term, ...]) -> _Ranked:
    """Return documents by score and by how well their titles fit; a duplicate comes after its original."""
    wanted = [_Wanted(term) for term in terms]
    rows = connection.execute(
        "SELECT id, title, duplicate_of IS NOT NULL FROM documents WHERE id IN (SELECT value FROM json_each(?))",
        (_encode(list(scores)).decode(),),
    )
    ranked = [
        (document_id, round(scores[document_id] * _title_factor(title, wanted), 12), is_duplicate)
        for document_id, title, is_duplicate in rows.fetchall()
    ]
    ranked.sort(key=lambda row: (-row[1], row[2], row[0]))
    return [(document_id, score) for document_id, score, _ in ranked]


# "25.1. Routine Vacuuming", "Chapter 11. Indexes", "E.3. Release notes": the number is no part of the name.
_NUMBERING = re.compile(
    r"(?:(?:chapter|appendix|part|section)\s+\w+[.:]?|(?:\d+|[a-z])(?:\.\d+)+\.?|\d+\.)\s+(?=\S)", re.IGNORECASE
)
# "json — JSON encoder and decoder — Python documentation": each part may be what the page is called by.
_TITLE_PARTS = re.compile(r"\s+[-–—|·•»:]+\s+|:\s+")


def _title_factor(title: str, wanted: "list[_Wanted]") -> float:
    """Return what the score of a document with this title is multiplied by: from 1 to 2.5 for the very words."""
    name = _NUMBERING.sub("", title, count=1) if _NUMBERING.match(title) else title
    best = _agreement(name, wanted)
    if best < _SAME:
        first = _TITLE_PARTS.split(name, maxsplit=1)[0]
        if first != name:
            best = max(best, 0.9 * _agreement(first, wanted))
    return 1 + best


_SAME = 1.5


def _agreement(name: str, wanted: "list[_Wanted]") -> float:
    """Return how much of a name is asked for and the reverse: 0 for nothing, 0.8 for all, 1.5 in the order typed."""
    words = _words(name)
    if not words:
        return 0.0
    found = [term for term in wanted if term.is_in(words)]
    if not found:
        return 0.0
    covered = min(len(words), sum(len(term.words) for term in found))
    precision, recall = covered / len(words), len(found) / len(wanted)
    if precision == recall == 1 and words == [word for term in wanted for word in term.words]:
        return _SAME
    return 1.6 * precision * recall / (precision + recall)


# --- Words of a text, as the index has them -------------------------------------------------------------------------

_TOKEN = re.compile(r"[^\W_]+")
_MARKED_LETTER = re.compile("[\u00c0-\u024f\u0370-\u03ff\u0400-\u052f\u1e00-\u1fff]")


def _folded(text: str) -> str:
    """Return *text* in lower case without diacritics, each character at its place."""
    if not text.isascii():
        text = _MARKED_LETTER.sub(lambda letter: _without_mark(letter[0]), text)
    return text.lower()


def _without_mark(letter: str) -> str:
    base = unicodedata.normalize("NFKD", letter)[0]
    return base if base.isalpha() else letter


def _words(text: str) -> list[str]:
    return _TOKEN.findall(_folded(split_cjk(text)))


class _Wanted:
    """A term as it is looked for in a text."""

    def __init__(self, term: Term) -> None:
        self.words = _words(term.text)
        self.prefix = term.prefix
        self._forms = [words for form in forms(term) if (words := _words(form))]
        self._patterns = [(words[0], re.compile(_pattern(words, prefix=term.prefix))) for words in self._forms]

    def is_in(self, words: list[str]) -> bool:
        """Return whether the term is among *words*, in any of its forms."""
        return any(
            _continues(words, start, form, self.prefix)
            for form in self._forms
            for start in range(len(words) - len(form) + 1)
        )

    def spans(self, folded: str, most: int) -> list[tuple[int, int]]:
        """Return where the term stands in a folded text, the first *most* places of each form."""
        spans = []
        for first, pattern in self._patterns:
            # str.find is many times faster than a pattern at passing over what does not match.
            start = folded.find(first)
            left = most
            while start >= 0 and left:
                found = pattern.match(folded, start)
                if found is not None and (start == 0 or not folded[start - 1].isalnum()):
                    spans.append(found.span())
                    left -= 1
                start = folded.find(first, found.end() if found is not None else start + 1)
        return spans


def _continues(words: list[str], start: int, form: list[str], prefix: bool) -> bool:
    end = start + len(form)
    if words[start : end - 1] != form[:-1]:
        return False
    return words[end - 1].startswith(form[-1]) if prefix else words[end - 1] == form[-1]


def _pattern(words: list[str], *, prefix: bool) -> str:
    return r"[\W_]+".join(words) + (r"[^\W_]*" if prefix else r"(?![^\W_])")


# --- Snippets -------------------------------------------------------------------------------------------------------

_SNIPPET_LENGTH = 220
"""Characters: some thirty English words."""
_READ_LENGTH = 200_000
"""So much of a text is looked through for the best place; matches are rarely all beyond it."""
_MOST_SPANS = 500
# Controls (our marks among them) and the overrides that let text lie about its order.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")


def _hits(connection: sqlite3.Connection, ranked: _Ranked, terms: tuple[Term, ...]) -> tuple[SearchHit, ...]:
    rows = connection.execute(
        "SELECT id, url, title, substr(search_text, 1, ?) FROM documents WHERE id IN (SELECT value FROM json_each(?))",
        (_READ_LENGTH, _encode([document_id for document_id, _ in ranked]).decode()),
    )
    found = {row[0]: row[1:] for row in rows.fetchall()}
    wanted = [_Wanted(term) for term in terms if not term.in_title]
    return tuple(
        SearchHit(document_id=document_id, url=url, title=title, snippet=_snippet(text, wanted), score=round(score, 3))
        for document_id, score in ranked
        for url, title, text in (found[document_id],)
    )


def _snippet(text: str, wanted: list[_Wanted]) -> str:
    """Return the part of *text* with the most of the wanted terms, as one line with the terms marked."""
    text = _UNSAFE.sub(" ", text)
    folded = _folded(text)
    spans = sorted((*span, number) for number, term in enumerate(wanted) for span in term.spans(folded, _MOST_SPANS))
    start, end = _best_part(text, spans)
    parts = ["… "] if start else []
    position = start
    for begin, stop, _ in spans[bisect_left(spans, (start,)) :]:
        if stop > end:
            break
        if begin >= position:
            parts += [text[position:begin], HIGHLIGHT_START, text[begin:stop], HIGHLIGHT_END]
            position = stop
    parts += [text[position:end], " …" if end < len(text) else ""]
    return join_cjk(re.sub(r"\s+", " ", "".join(parts)).strip())


def _best_part(text: str, spans: list[tuple[int, int, int]]) -> tuple[int, int]:
    """Return where a part of about the right length with the most different terms begins and ends."""
    best, best_value = (0, 0), (0, 0)
    last = 0
    inside: dict[int, int] = {}
    for first, (begin, _, number) in enumerate(spans):
        while last < len(spans) and spans[last][1] <= begin + _SNIPPET_LENGTH:
            inside[spans[last][2]] = inside.get(spans[last][2], 0) + 1
            last += 1
        value = (len(inside), min(last - first, 3))
        if value > best_value:
            best, best_value = (begin, spans[max(first, last - 1)][1]), value
        if number in inside:
            inside[number] -= 1
            if not inside[number]:
                del inside[number]
        last = max(last, first + 1)
    begin, end = best
    room = max(0, _SNIPPET_LENGTH - (end - begin))
    start = max(0, begin - room // 3)
    if start:
        start = text.find(" ", start, begin) + 1 or begin
    end = min(len(text), max(end, start + _SNIPPET_LENGTH))
    if end < len(text):
        end = max(text.rfind(" ", start, end), best[1]) if " " in text[start:end] else end
    return start, end
