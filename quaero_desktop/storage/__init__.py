"""The library on disk: the only users of SQLite. Everything that changes a job goes through the ledger.

Where to look:

- the file: :mod:`sqlite` (one connection), :mod:`database` (the writer and its readers), :mod:`readers`, :mod:`errand`
  (long work on connections of its own), :mod:`opening`, :mod:`migrate`, :mod:`backup`, :mod:`files`;
- what changes jobs: :mod:`ledger`, each operation one transaction; :mod:`jobs`, the parts of those; :mod:`queue`;
- what is collected: :mod:`documents` (storing them), :mod:`summaries`, :mod:`material` (what steps work on),
  :mod:`searchindex`, :mod:`export`;
- what people set up: :mod:`sources`, :mod:`credentials`, :mod:`definitions`, :mod:`schedules`;
- what goes: :mod:`deletion` (into the trash and back), :mod:`trash`, :mod:`purge`, :mod:`retention`, :mod:`audit`;
- what front ends ask: :mod:`queries`, which only read;
- :mod:`importing`: taking over the database of the old Quaero;
- :mod:`verify` and :mod:`invariants`: whether all of it agrees;
- pieces that many share: :mod:`fragments` (SQL), :mod:`filters`, :mod:`masking`, :mod:`pace`.
"""
