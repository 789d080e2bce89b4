"""Gives large blocks of memory back to the system when they are freed."""

import contextlib
import functools
import sys

_M_TRIM_THRESHOLD = -1  # malloc.h
_M_MMAP_THRESHOLD = -3
_LARGE_BYTES = 256 * 1024
_SPARE_BYTES = 1024 * 1024


@functools.cache
def give_large_blocks_back() -> None:
    """Let this process shrink again after each large page; it does something under glibc only, and once.

    From the first block of many megabytes that is freed, glibc takes those of up to that size from its heap
    (mallopt(3), "dynamic mmap threshold"), where small ones that outlive them keep the holes: after a few pages of
    5 MB, with 25 MB in use, a crawl held 90 MB more than before. With a threshold of our own it does not adjust itself.
    Other systems' allocators return large blocks without being asked.
    """
    if sys.platform == "linux":
        import ctypes  # only needed here

        with contextlib.suppress(AttributeError):  # musl has no such settings
            mallopt = ctypes.CDLL(None).mallopt
            mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
            mallopt(_M_TRIM_THRESHOLD, _SPARE_BYTES)
