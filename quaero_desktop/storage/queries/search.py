"""Search: the documents that a person asks for, ranked and shortened.

Ranking has two steps. FTS5's bm25, with the title counted :data:`TITLE_WEIGHT` times, chooses the best
:data:`WINDOW` documents; those are put in order by how well the query and the title agree as well, since who types the
name of a page wants that page.
"""

import re
import sqlite3
import time
from operator import itemgetter

import msgspec

from quaero_desktop.domain.documents import SearchHit, SearchResults, check_window
from quaero_desktop.domain.searchquery import And, Node, Not, Or, SearchQuery, Term, parse, wanted_terms
from quaero_desktop.domain.text import storable_integer
from quaero_desktop.storage.fragments import AMONG, json_list
from quaero_desktop.storage.queries.searchsql import Match, Where, compiled
from quaero_desktop.storage.queries.snippets import Wanted, snippet, words_of

TITLE_WEIGHT = 10.0
WINDOW = 200
"""So many of the best matches by bm25 are ranked by their titles too. The same for each page of results."""
_OTHER_FORM = 0.5
"""How a match of another form of a word (its plural) compares with the same match of the word as it was typed."""

_READ_LENGTH = 200_000
"""So much of a text is looked through for the best place; matches are rarely all beyond it."""
_ALL = 2**62


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
    total, ranked = _found(connection, asked, limit, offset)
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
    _, ranked = _found(connection, asked, _ALL, 0)
    return [document_id for document_id, _ in ranked]


def _ms_since(started: float) -> int:
    return round((time.perf_counter() - started) * 1000)


# --- Finding and ranking --------------------------------------------------------------------------------------------

_Ranked = list[tuple[int, float]]


def _found(connection: sqlite3.Connection, asked: SearchQuery, limit: int, offset: int) -> tuple[int, _Ranked]:
    """Return the count and a page of what is asked for: the best first, or the newest where nothing can be ranked."""
    where = Where(connection, asked.conditions)
    match = compiled(asked.words, as_typed=False) if asked.words is not None else None
    if asked.words is None or match is None or match.all_but:
        return _newest(connection, match, where, limit, offset)
    return _best(connection, asked.words, match.expression, where, limit, offset)


def _newest(
    connection: sqlite3.Connection, left_out: Match | None, where: Where, limit: int, offset: int
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
    connection: sqlite3.Connection, words: Node, expression: str, where: Where, limit: int, offset: int
) -> tuple[int, _Ranked]:
    """Return the count and a page of what matches, best first."""
    as_typed = compiled(words, as_typed=True).expression
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
    connection: sqlite3.Connection, words: Node, expression: str, where: Where, most: int
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


def _with_title(connection: sqlite3.Connection, words: Node, expression: str, where: Where) -> list[int]:
    """Return documents whose titles match, shortest titles first: bm25 may have passed them over."""
    titles = compiled(_in_title(words), as_typed=False).expression
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
    wanted = [Wanted(term) for term in terms]
    rows = connection.execute(
        f"SELECT id, title, duplicate_of IS NOT NULL FROM documents WHERE id {AMONG}",
        (json_list(scores),),
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


def _title_factor(title: str, wanted: list[Wanted]) -> float:
    """Return what the score of a document with this title is multiplied by: from 1 to 2.5 for the very words."""
    name = _NUMBERING.sub("", title, count=1) if _NUMBERING.match(title) else title
    best = _agreement(name, wanted)
    if best < _SAME:
        first = _TITLE_PARTS.split(name, maxsplit=1)[0]
        if first != name:
            best = max(best, 0.9 * _agreement(first, wanted))
    return 1 + best


_SAME = 1.5


def _agreement(name: str, wanted: list[Wanted]) -> float:
    """Return how much of a name is asked for and the reverse: 0 for nothing, 0.8 for all, 1.5 in the order typed."""
    words = words_of(name)
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


def _hits(connection: sqlite3.Connection, ranked: _Ranked, terms: tuple[Term, ...]) -> tuple[SearchHit, ...]:
    rows = connection.execute(
        f"SELECT id, url, title, substr(search_text, 1, ?) FROM documents WHERE id {AMONG}",
        (_READ_LENGTH, json_list(document_id for document_id, _ in ranked)),
    )
    found = {row[0]: row[1:] for row in rows.fetchall()}
    wanted = [Wanted(term) for term in terms if not term.in_title]
    return tuple(
        SearchHit(document_id=document_id, url=url, title=title, snippet=snippet(text, wanted), score=round(score, 3))
        for document_id, score in ranked
        for url, title, text in (found[document_id],)
    )
