"""The library on disk: the only users of SQLite. Everything that changes a job goes through the ledger."""
