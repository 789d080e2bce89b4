"""What front ends ask the library: plain functions over a reader's connection, each meant to run in one snapshot.

Nothing here writes. Jobs in the trash and all below them do not exist here. Lists are read in two steps, first the ids
in order and then the rows of one page, so that a filter or a sort never carries whole rows along; counts come from the
counters that the database keeps with the work.
"""
