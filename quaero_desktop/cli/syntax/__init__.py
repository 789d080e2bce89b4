"""The syntax of ``quaero``: which commands there are, with their options, their help and examples.

It is read whatever the command is, so it imports no more than words: what a command does stands in the module of its
name one folder above, and is imported by need.
"""
