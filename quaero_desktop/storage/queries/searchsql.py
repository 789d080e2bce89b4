"""What a person searches for, as SQLite takes it: words as expressions of FTS5, and conditions on documents.

No text that a person types reaches FTS5 but inside a quoted string, so no query can be an error (D3).
"""

import re
import sqlite3
from typing import Any, NamedTuple

from quaero_desktop.domain.cjk import split_cjk
from quaero_desktop.domain.searchquery import After, And, Before, Language, Node, Not, Or, Site, Term, UrlPart, forms
from quaero_desktop.domain.urls import host_of
from quaero_desktop.storage.fragments import json_list
from quaero_desktop.storage.queries import catalogue

# --- Words ----------------------------------------------------------------------------------------------------------


class Match(NamedTuple):
    """The documents that an FTS5 expression finds, or all but those: FTS5 itself knows no complement."""

    expression: str
    all_but: bool = False


def compiled(node: Node, *, as_typed: bool) -> Match:
    """Return the expression of a tree of words.

    Args:
        node: the words.
        as_typed: whether they are wanted in no other form; see :func:`~quaero_desktop.domain.searchquery.forms`.
    """
    match node:
        case Term():
            return Match(_term(node, (node.text,) if as_typed else forms(node)))
        case Not(part):
            # What is left out is left out in all its forms.
            return _complement(compiled(part, as_typed=False))
        case And(parts):
            return _all_of([compiled(part, as_typed=as_typed) for part in parts])
        case Or(parts):
            # De Morgan: what is in any of them is all but what is outside each of them.
            return _complement(_all_of([_complement(compiled(part, as_typed=as_typed)) for part in parts]))
        case _:
            raise TypeError(f"{type(node).__name__} is no word")


def _complement(match: Match) -> Match:
    return Match(match.expression, not match.all_but)


def _all_of(matches: list[Match]) -> Match:
    found = [match.expression for match in matches if not match.all_but]
    left_out = " OR ".join(match.expression for match in matches if match.all_but)
    if not found:
        return Match(f"({left_out})", all_but=True)
    together = " AND ".join(found)
    return Match(f"(({together}) NOT ({left_out}))" if left_out else f"({together})")


def _term(term: Term, spellings: tuple[str, ...]) -> str:
    strings = [_quoted(spelling) + (" *" if term.prefix else "") for spelling in spellings]
    return f"{'search_title : ' if term.in_title else ''}({' OR '.join(strings)})"


def _quoted(text: str) -> str:
    return '"' + split_cjk(text).replace('"', '""').strip() + '"'


# --- Conditions -----------------------------------------------------------------------------------------------------


class Where:
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
                ranges = self._named(json_list(_ranges_of(self._connection, host)))
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
    # "0" follows "/": all URLs of the origin lie between them.
    return [
        (f"{origin}/", f"{origin}0")
        for url, origin in catalogue.origins(connection)
        if origin and _belongs(host_of(url), host)
    ]


_PORT = re.compile(r":\d+$")


def _belongs(host: str, site: str) -> bool:
    if not _PORT.search(site):
        host = _PORT.sub("", host)
    return host == site or host.endswith(f".{site}")
