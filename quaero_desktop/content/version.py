"""The version of the extraction, apart from it: who only compares it need not load lxml."""

EXTRACTOR_VERSION = 1
"""Grows with each change that makes another text of a page; a page of an older version can be extracted again."""
