"""Import of a legacy Quaero database (O2).

The old file is read, and its rows are made ours, on a thread of their own (``reader``). A ``preview`` only counts them;
a ``transfer`` has the library's writer store them in short transactions, each of which can be repeated. So other work
goes on meanwhile, and an import that was cancelled or killed goes on where it was when it is started again. ``service``
is what a front end sees of it.
"""
