"""Quaero Desktop: collect web knowledge into a private, searchable library."""

__version__ = "0.1.0"
