"""The instance lock: one writer at a time, and none after a crash."""

import errno
import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

from quaero_desktop.domain.errors import BugError, LibraryError, LibraryInUseError
from quaero_desktop.infra import lock as lock_module
from quaero_desktop.infra.lock import InstanceLock, holder_of, is_held

ROOT = Path(__file__).parents[2]
HOLD = """
import sys
from pathlib import Path
from quaero_desktop.infra.lock import InstanceLock
lock = InstanceLock(Path(sys.argv[1]))
lock.acquire()
print("held", flush=True)
sys.stdin.read()
"""
HOLD_AND_LEAVE_A_CHILD = """
import subprocess, sys
from pathlib import Path
from quaero_desktop.infra.lock import InstanceLock
lock = InstanceLock(Path(sys.argv[1]))
lock.acquire()
child = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], close_fds=False)
print(child.pid, flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "library.lock"


@contextmanager
def another_process(code, path):
    """Run *code* with the lock's path until the end of the block; yields the process after its first line."""
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_the_second_process_is_told_who_has_the_library(path):
    with another_process(HOLD, path) as process:
        assert process.stdout.readline() == "held\n"
        with pytest.raises(LibraryInUseError) as caught:
            InstanceLock(path).acquire()
        assert caught.value.message == f"Another Quaero (process {process.pid}) is using this library."
        assert "--library" in caught.value.hint


def test_a_killed_process_leaves_no_lock_behind(path):
    with another_process(HOLD, path) as process:
        assert process.stdout.readline() == "held\n"
        process.kill()
        process.wait()
        assert holder_of(path) == process.pid
        with InstanceLock(path) as lock:
            assert lock.held
            assert holder_of(path) == os.getpid()


def test_a_child_that_outlives_its_parent_does_not_keep_the_lock(path):
    with another_process(HOLD_AND_LEAVE_A_CHILD, path) as process:
        child = int(process.stdout.readline())
        process.stdin.write("die\n")
        process.stdin.flush()
        # Not wait(): the child shares our pipe, and lives until that closes.
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        os.kill(child, 0)
        with InstanceLock(path):
            os.kill(child, 0)


def test_two_locks_in_one_process_exclude_each_other(path):
    with InstanceLock(path):
        with pytest.raises(LibraryInUseError, match="This Quaero"):
            InstanceLock(path).acquire()
        assert is_held(path)
    with InstanceLock(path):
        pass


def test_closing_another_handle_on_the_file_does_not_drop_the_lock(path):
    with InstanceLock(path):
        path.read_bytes()
        assert is_held(path)


def test_a_lock_is_taken_once_and_given_back_as_often_as_one_likes(path):
    lock = InstanceLock(path)
    lock.acquire()
    with pytest.raises(BugError):
        lock.acquire()
    assert is_held(path)
    lock.release()
    lock.release()
    assert not is_held(path)


def test_the_file_stays_and_only_its_user_can_read_it(path):
    with InstanceLock(path):
        inode = path.stat().st_ino
    assert path.stat().st_ino == inode
    if sys.platform != "win32":
        assert path.stat().st_mode & 0o777 == 0o600


def test_without_a_folder_there_is_a_clear_error(tmp_path):
    with pytest.raises(LibraryError):
        InstanceLock(tmp_path / "missing" / "library.lock").acquire()


def test_a_file_system_without_locks_is_a_clear_error_and_leaves_nothing_open(path, monkeypatch):
    def no_locks(handle, *, shared):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(lock_module, "_lock", no_locks)
    lock = InstanceLock(path)
    with pytest.raises(LibraryError, match="cannot be locked"):
        lock.acquire()
    assert not lock.held


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\xff\xfe", b"-1", b"9" * 400])
def test_whatever_stands_in_the_file_the_lock_works(content, path):
    path.write_bytes(content)
    with InstanceLock(path):
        assert holder_of(path) == os.getpid()


class TestAsking:
    def test_asking_creates_nothing(self, path, tmp_path):
        assert not is_held(path)
        assert not is_held(tmp_path / "missing" / "library.lock")
        assert list(tmp_path.iterdir()) == []

    def test_asking_leaves_the_file_and_the_lock_alone(self, path):
        with InstanceLock(path):
            before = (path.read_bytes(), path.stat().st_mtime_ns)
            assert is_held(path)
            assert is_held(path)
            assert (path.read_bytes(), path.stat().st_mtime_ns) == before

    def test_asking_all_the_time_lets_nobody_fail_to_acquire(self, path):
        path.touch()
        stop = threading.Event()

        def ask():
            while not stop.is_set():
                is_held(path)
                stop.wait(0.0002)

        asker = threading.Thread(target=ask)
        asker.start()
        try:
            for _ in range(200):
                InstanceLock(path).__enter__().release()
        finally:
            stop.set()
            asker.join()
