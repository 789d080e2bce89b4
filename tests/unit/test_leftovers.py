"""The guards of tests/conftest.py: what a test leaves behind fails it alone; what must be covered whole is."""

import textwrap
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def run_tests(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch):
    """Run test code in a pytest of its own under our conftest, with a short grace."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    conftest = (ROOT / "tests" / "conftest.py").read_text(encoding="utf-8")
    pytester.makeconftest(conftest.replace("GRACE_SECONDS = 3.0", "GRACE_SECONDS = 0.2"))
    pytester.makeini("[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n")

    def run(code: str, *options: str) -> pytest.RunResult:
        pytester.makepyfile(textwrap.dedent(code))
        return pytester.runpytest_subprocess("-p", "no:randomly", "-p", "no:cacheprovider", *options)

    return run


@pytest.mark.parametrize(
    ("code", "line"),
    [
        (
            """
            import threading
            def test_leaks():
                threading.Thread(target=threading.Event().wait, args=(5,), name="stray", daemon=True).start()
            """,
            "- a thread: stray (daemon)",
        ),
        (
            """
            import asyncio
            async def stray():
                await asyncio.sleep(60)
            async def test_leaks():
                test_leaks.task = asyncio.create_task(stray())
                await asyncio.sleep(0)
            """,
            "- an asyncio task: *stray*",
        ),
        (
            """
            import asyncio
            async def stray():
                await asyncio.sleep(60)
            async def main():
                asyncio.create_task(stray())
                await asyncio.sleep(0)
            def test_leaks():
                asyncio.run(main())
            """,
            "- an asyncio task: *stray*",
        ),
        (
            """
            import subprocess, sys
            def test_leaks():
                test_leaks.process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
            """,
            "- a process: *input()*",
        ),
        (
            """
            def test_leaks(qapp):
                from PySide6.QtWidgets import QWidget
                test_leaks.window = QWidget()
            """,
            "- a window: *QWidget*",
        ),
    ],
    ids=["thread", "task", "task of asyncio.run", "process", "window"],
)
def test_what_is_left_behind_fails_its_test_only(run_tests, code: str, line: str):
    result = run_tests(textwrap.dedent(code) + "\ndef test_next():\n    pass\n")
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*ERROR at teardown of test_leaks*", "The test left behind:", line])


def test_a_worker_watches_its_tests_and_not_itself(run_tests):
    result = run_tests(
        """
        import subprocess, sys, threading
        def test_leaks():
            threading.Thread(target=threading.Event().wait, args=(5,), name="stray", daemon=True).start()
            test_leaks.process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        def test_next():
            pass
        """,
        "--numprocesses=1",
        "--dist=loadfile",
    )
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["The test left behind:", "- a thread: stray (daemon)", "- a process: *input()*"])
    result.stdout.no_fnmatch_line("*execnet*")


def test_a_worker_can_tell_of_a_test_whatever_it_logs(run_tests):
    result = run_tests(
        """
        import logging
        def test_logs():
            logging.getLogger().error("half a character: \\ud800")
        def test_fails():
            assert "half a character: \\ud800" == ""
        """,
        "--numprocesses=1",
        "--dist=loadfile",
    )
    result.assert_outcomes(passed=1, failed=1)


def test_workers_begin_with_the_files_that_take_long(run_tests, pytester: pytest.Pytester):
    files = [f"test_{letter}" for letter in "abcd"]
    pytester.makepyfile(**dict.fromkeys(files, "def test_quick():\n    pass"))
    pytester.makepyfile(
        test_c="""
        import pytest
        @pytest.mark.slow
        def test_long():
            pass
        def test_quick():
            pass
        """
    )
    options = ("--numprocesses=1", "--dist=loadfile", "--no-loadscope-reorder", "-v", "-W", "ignore")
    result = run_tests("def test_quick(): pass", *options)
    result.assert_outcomes(passed=6)
    passed = [line.split()[-1].partition("::")[0] for line in result.outlines if " PASSED " in line]
    assert passed[:2] == ["test_c.py"] * 2


def test_what_ends_in_time_is_fine(run_tests):
    result = run_tests(
        """
        import asyncio, subprocess, sys, threading
        import pytest

        @pytest.fixture(scope="module")
        def helper():
            stop = threading.Event()
            thread = threading.Thread(target=stop.wait)
            thread.start()
            yield
            stop.set()
            thread.join()

        async def test_tasks(helper):
            await asyncio.create_task(asyncio.sleep(0))
            await asyncio.to_thread(int)

        def test_threads():
            threading.Timer(0.05, int).start()

        def test_processes():
            subprocess.run([sys.executable, "-c", ""], check=True)

        def test_windows(qtbot):
            from PySide6.QtWidgets import QWidget
            qtbot.addWidget(QWidget())
        """
    )
    result.assert_outcomes(passed=4)


# --- what must be covered whole ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("files", "line"), [("store/*", "store/shelf.py * 2->4*"), ("shop/*", "No data to report.*")], ids=["part", "none"]
)
def test_a_session_that_leaves_lines_uncovered_fails_and_names_them_before_its_summary(
    run_tests, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, files: str, line: str
):
    monkeypatch.delenv("COVERAGE_FILE", raising=False)
    pytester.makepyprojecttoml("[tool.coverage.run]\nbranch = true")
    shelf = pytester.mkpydir("store") / "shelf.py"
    shelf.write_text("def half(n):\n    if n % 2:\n        n += 1\n    return n / 2\n", encoding="utf-8")
    test = """
        from store.shelf import half

        def test_half():
            assert half(1) == 1
        """
    result = run_tests(test, "--cov=store", f"--cover-whole={files}", "-W", "ignore")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines([f"*not covered whole: {files}*", line, "ERROR: *", "*1 passed*"])
