"""Large blocks of memory go back to the system."""

import subprocess
import sys

import pytest

# Blocks of several sizes, each followed by a small one that stays: on glibc's heap these would keep all the holes.
GROWTH = """
import ctypes, os, psutil
from quaero_desktop.infra.heap import give_large_blocks_back
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
def use(size):
    block = libc.malloc(size)
    ctypes.memset(block, 1, size)
    return block
give_large_blocks_back()
libc.free(use(20_000_000))
before = psutil.Process().memory_info().rss
blocks, stay = [], []
for number in range(10):
    blocks.append(use(5_000_000))
    stay.append(use(100_000))
for block in blocks:
    libc.free(block)
print(psutil.Process().memory_info().rss - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="others return large blocks by themselves")
def test_what_is_freed_between_small_blocks_that_stay_is_no_longer_ours():
    done = subprocess.run([sys.executable, "-c", GROWTH], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 10 * 100_000 + 5_000_000
