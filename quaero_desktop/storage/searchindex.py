"""The full-text index: whether it says what stands in the documents, and how it is tidied."""

import sqlite3

from quaero_desktop.storage.database import Tx

_MERGED_PAGES = 64
"""How much of the index one transaction merges: some 10 ms, in which no page can be stored."""


def agrees(connection: sqlite3.Connection) -> bool:
    """Return whether the full-text index says of each document exactly what stands in it.

    Only FTS5's own integrity-check with rank 1 can tell, and that is an INSERT, which a read-only connection refuses.
    So it runs over a temporary index with a copy of this one's pages, whose content is a view of the documents.
    (https://www.sqlite.org/fts5.html#the_integrity_check_command)

    Args:
        connection: in a transaction, and not ``query_only``; the copy goes when the transaction is rolled back.
    """
    (definition,) = connection.execute("SELECT sql FROM main.sqlite_schema WHERE name = 'documents_fts'").fetchone()
    copied = definition.replace("TABLE documents_fts", "TABLE temp.index_copy").replace("'documents'", "'indexed'")
    connection.execute("CREATE TEMP VIEW indexed AS SELECT id, search_title, search_text FROM main.documents")
    connection.execute(copied)
    for part in ("data", "idx", "docsize", "config"):
        connection.execute(f"DELETE FROM temp.index_copy_{part}")
        connection.execute(f"INSERT INTO temp.index_copy_{part} SELECT * FROM main.documents_fts_{part}")
    try:
        connection.execute("INSERT INTO temp.index_copy (index_copy, rank) VALUES ('integrity-check', 1)")
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_CORRUPT_VTAB:
            return False
        raise
    return True


def merge(tx: Tx, *, begin: bool) -> bool:
    """Merge a little of the index, which makes it smaller and faster; return whether more is left.

    Args:
        tx: the running transaction.
        begin: whether this is the first of several calls.
    """
    # Minus begins a merge of everything, as "optimize" does in one go; then there is nothing left once a call changes
    # next to nothing. https://www.sqlite.org/fts5.html#the_merge_command
    before = tx.connection.total_changes
    pages = -_MERGED_PAGES if begin else _MERGED_PAGES
    tx.execute("INSERT INTO documents_fts (documents_fts, rank) VALUES ('merge', ?)", (pages,))
    return tx.connection.total_changes - before >= 2
