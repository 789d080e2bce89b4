"""What becomes of jobs: the parts of the ledger's transactions, each of which joins one that runs.

Nothing here begins or ends a transaction. Who hands jobs out, and stores what comes of them, is the ledger.
"""
