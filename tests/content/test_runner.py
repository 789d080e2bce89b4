"""The parse runner: a page can take down its own process and nothing else."""

import asyncio
import errno
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from quaero_desktop.content.runner import ParseRunner
from quaero_desktop.domain.errors import BugError
from quaero_desktop.domain.jobs import Cause
from quaero_desktop.domain.pages import PageInput, ParsedPage, ParseFailed, ParseResult
from quaero_desktop.domain.summaries import CorpusInput, Digest, Summary, SummaryInput
from tests.content import misbehaving
from tests.support.waiting import until

ROOT = Path(__file__).parents[2]
URL = "https://site.invalid/page"
MEMORY = 300_000_000
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
posix_only = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")

Make = Callable[..., ParseRunner]


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    """Makes runners of the parser that obeys; closes them at the end."""
    made: list[ParseRunner] = []

    def make(
        *, processes: int = 1, timeout: float = 30.0, memory_bytes: int = MEMORY, function: str = "obey"
    ) -> ParseRunner:
        name = function if ":" in function else f"{misbehaving.__name__}:{function}"
        made.append(ParseRunner(processes=processes, timeout=timeout, memory_bytes=memory_bytes, function=name))
        return made[-1]

    yield make
    for runner in made:
        await runner.aclose()


def page(order: str) -> PageInput:
    return PageInput(url=URL, body=order.encode(), content_type="text/html")


def markdown(result: ParseResult) -> str:
    assert isinstance(result, ParsedPage), result
    return result.markdown


def failure(result: ParseResult) -> tuple[Cause, str]:
    assert isinstance(result, ParseFailed), result
    assert result.url == URL
    return result.cause, result.message


def exists(pid: int) -> bool:
    """Whether there is a process *pid*, a zombie included."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def gone(file: Path) -> Callable[[], bool]:
    """Whether the process whose number is in *file* runs no more; a zombie may wait for whoever adopted it."""
    status = Path(f"/proc/{file.read_text()}/status")

    def condition() -> bool:
        try:
            return "\nState:\tZ" in status.read_text()
        except (FileNotFoundError, ProcessLookupError):
            return True

    return condition


def refuse_descriptors() -> None:
    raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


def text_in(path: Path) -> Callable[[], bool]:
    return lambda: path.exists() and path.read_text() != ""


class TestParsing:
    @pytest.mark.parametrize("size", [0, 100, 100_000, 5_000_000])
    async def test_brings_bytes_there_and_values_back(self, make: Make, size: int) -> None:
        given = PageInput(url=URL, body=os.urandom(size), content_type="text/html", charset="utf-8")
        result = await make(function="echo").parse(given)
        assert result == misbehaving.page_of(given, markdown(result))

    async def test_a_page_is_not_kept_while_it_is_parsed(self, make: Make, tmp_path: Path) -> None:
        body = f"wait {tmp_path / 'go'}".encode()
        parsing = asyncio.create_task(make().parse(PageInput(url=URL, body=body)))
        await until(text_in(tmp_path / "go.begun"))
        assert sys.getrefcount(body) == 2, "this function's, and that of the call"
        (tmp_path / "go").touch()
        assert markdown(await parsing) == (tmp_path / "go.begun").read_text()

    async def test_runs_in_another_process_and_keeps_it(self, make: Make) -> None:
        runner = make()
        pids = {markdown(await runner.parse(page("echo"))) for _ in range(5)}
        assert len(pids) == 1
        assert pids != {str(os.getpid())}

    async def test_pages_run_side_by_side(self, make: Make, tmp_path: Path) -> None:
        runner = make(processes=2)
        async with asyncio.TaskGroup() as group:
            for name in "ab":
                group.create_task(runner.parse(page(f"wait {tmp_path / name}")))
            for name in "ab":  # both have begun before either may end
                await until((tmp_path / f"{name}.begun").exists)
            for name in "ab":
                (tmp_path / name).touch()

    async def test_many_pages_at_once_all_get_their_own_answer(self, make: Make) -> None:
        runner = make(processes=2, function="echo")
        given = [PageInput(url=f"{URL}/{number}", body=b"%d" % number) for number in range(300)]
        results = await asyncio.gather(*(runner.parse(one) for one in given))
        assert [(result.url, result.source) for result in results if isinstance(result, ParsedPage)] == [
            (one.url, one.body) for one in given
        ]

    async def test_parses_with_the_extractor_unless_told_otherwise(self) -> None:
        runner = ParseRunner(timeout=30, memory_bytes=1_000_000_000)
        try:
            await runner.start()
            html = b"<html><title>Whales</title><body><main><h1>Whales</h1><p>They are large.</p></main></body></html>"
            result = await runner.parse(PageInput(url=URL, body=html, content_type="text/html"))
        finally:
            await runner.aclose()
        assert "They are large." in markdown(result)

    async def test_summarises_beside_parsing(self) -> None:
        runner = ParseRunner(processes=1, timeout=30, memory_bytes=1_000_000_000)
        try:
            text = "A runner keeps a few processes. It gives them pages, one at a time.\n"
            made = await runner.summarise(SummaryInput(text=text, title="Runners"))
            again = await runner.summarise(
                CorpusInput(documents=(Digest(title="a", summary=text, keywords=("runner",)),))
            )
        finally:
            await runner.aclose()
        assert isinstance(made, Summary)
        assert made.text == text.strip()
        assert isinstance(again, Summary)
        assert again.keywords == ("runner",)

    @pytest.mark.parametrize(
        "wrong", [{"processes": -1}, {"timeout": 0}, {"timeout": float("nan")}, {"memory_bytes": 0}]
    )
    async def test_refuses_numbers_that_make_no_sense(self, make: Make, wrong: dict[str, float]) -> None:
        with pytest.raises(BugError):
            make(**wrong)


class TestPagesThatCannotBeParsed:
    @pytest.mark.parametrize(
        ("order", "message"),
        [
            ("raise", "The page cannot be parsed: ValueError: broken markup."),
            ("recurse", "The page cannot be parsed: RecursionError: maximum recursion depth exceeded"),
            ("surrogate", "The page cannot be parsed: UnicodeEncodeError"),
            ("leave", "The page cannot be parsed: SystemExit: 4."),
            ("nothing", "The page cannot be parsed: TypeError: the parser returned NoneType."),
        ],
    )
    async def test_an_error_fails_the_page_and_keeps_the_process(self, make: Make, order: str, message: str) -> None:
        runner = make()
        before = markdown(await runner.parse(page("echo")))
        cause, text = failure(await runner.parse(page(order)))
        assert cause == Cause.PARSE
        assert text.startswith(message)
        assert markdown(await runner.parse(page("echo"))) == before

    async def test_a_page_that_cannot_be_sent_fails(self, make: Make) -> None:
        result = await make().parse(PageInput(url=URL + "/\ud800", body=b"echo"))
        assert isinstance(result, ParseFailed)
        assert result.cause == Cause.PARSE

    async def test_the_lack_of_descriptors_fails_pages_and_nothing_else(
        self, make: Make, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        runner = make()
        with monkeypatch.context() as patch:
            patch.setattr("socket.socketpair", refuse_descriptors)
            async with asyncio.timeout(5):
                for result in await asyncio.gather(*(runner.parse(page("echo")) for _ in range(3))):
                    message = "The parser process could not be started: [Errno 24] Too many open files."
                    assert failure(result) == (Cause.PARSE_CRASH, message)
        markdown(await runner.parse(page("echo")))

    @linux_only
    async def test_too_much_memory_fails_the_page_and_replaces_the_process(self, make: Make) -> None:
        runner = make()
        before = markdown(await runner.parse(page("echo")))
        assert failure(await runner.parse(page("memory"))) == (
            Cause.PARSE,
            "The page cannot be parsed: it needs more than 300 MB of memory.",
        )
        assert markdown(await runner.parse(page("echo"))) != before

    @posix_only
    @pytest.mark.parametrize(
        ("order", "how"),
        [("exit", "exit code 3"), ("segfault", "SIGSEGV"), ("killed", "SIGKILL")],
    )
    async def test_a_crash_fails_its_own_page_only(self, make: Make, tmp_path: Path, order: str, how: str) -> None:
        runner = make(processes=2)
        neighbour = asyncio.create_task(runner.parse(page(f"wait {tmp_path / 'go'}")))
        await until((tmp_path / "go.begun").exists)
        crashing = asyncio.create_task(runner.parse(page(order)))
        waiting = [asyncio.create_task(runner.parse(page("echo"))) for _ in range(5)]
        assert failure(await crashing) == (Cause.PARSE_CRASH, f"The parser crashed on this page ({how}).")
        for task in waiting:
            markdown(await task)
        (tmp_path / "go").touch()
        assert markdown(await neighbour) == (tmp_path / "go.begun").read_text()

    @posix_only
    @pytest.mark.parametrize("order", ["hang", "stuck"])
    async def test_a_page_without_end_is_killed_alone(self, make: Make, tmp_path: Path, order: str) -> None:
        runner = make(processes=2, timeout=0.5)
        await runner.start()
        started = time.monotonic()
        stuck = asyncio.create_task(runner.parse(page(f"{order} {tmp_path / 'pid'}")))
        others = [asyncio.create_task(runner.parse(page("echo"))) for _ in range(5)]
        assert failure(await stuck) == (Cause.PARSE_TIMEOUT, "Parsing the page took longer than 0.5 s.")
        assert time.monotonic() - started < 5
        pid = (tmp_path / "pid").read_text()
        for task in others:
            assert markdown(await task) != pid
        await until(lambda: not exists(int(pid)))
        assert markdown(await runner.parse(page("echo"))) != pid

    async def test_the_limit_counts_the_parsing_and_not_the_waiting(self, make: Make) -> None:
        runner = make(timeout=0.6)
        for result in await asyncio.gather(*(runner.parse(page("nap 0.2")) for _ in range(5))):
            markdown(result)

    async def test_a_page_does_not_pay_for_a_loop_that_was_held_up(self, make: Make) -> None:
        runner = make(timeout=0.4)
        await runner.parse(page("echo"))
        task = asyncio.create_task(runner.parse(page("nap 0.1")))
        await asyncio.sleep(0.02)
        time.sleep(1)  # noqa: ASYNC251 - this is what is tested
        markdown(await task)

    @posix_only
    async def test_an_idle_process_that_is_killed_harms_no_page(self, make: Make) -> None:
        runner = make()
        pid = int(markdown(await runner.parse(page("echo"))))
        os.kill(pid, signal.SIGKILL)
        await until(lambda: not exists(pid))
        assert markdown(await runner.parse(page("echo"))) != str(pid)

    @posix_only
    async def test_every_page_gets_an_answer_while_processes_are_killed(self, make: Make) -> None:
        runner = make(processes=2, function="echo")
        chance = random.Random(7)
        answered: list[ParseResult] = []
        pids: set[int] = set()
        kills = 0

        async def feed() -> None:
            for _ in range(100):
                answered.append(await runner.parse(PageInput(url=URL, body=bytes(50_000))))
                if isinstance(result := answered[-1], ParsedPage):
                    pids.add(int(result.markdown))

        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            feeders = [group.create_task(feed()) for _ in range(4)]
            while not all(feeder.done() for feeder in feeders):
                await asyncio.sleep(chance.uniform(0, 0.02))
                alive = [pid for pid in pids if exists(pid)]
                if alive and kills < 8:
                    os.kill(chance.choice(alive), signal.SIGKILL)
                    kills += 1
        crashed = [result for result in answered if isinstance(result, ParseFailed)]
        assert len(answered) == 400
        assert kills > 0
        assert len(crashed) <= kills
        assert {result.cause for result in crashed} <= {Cause.PARSE_CRASH}

    @pytest.mark.parametrize(
        "function", ["tests.no_such_module:parse", f"{misbehaving.__name__}:no_such_function", "os:abort"]
    )
    async def test_a_parser_that_cannot_be_used_fails_every_page(self, make: Make, function: str) -> None:
        runner = make(processes=2, function=function)
        await runner.start()
        async with asyncio.timeout(20):
            results = await asyncio.gather(*(runner.parse(page("echo")) for _ in range(4)))
        assert {failure(result)[0] for result in results} <= {Cause.PARSE_CRASH, Cause.PARSE}

    async def test_says_why_a_parser_cannot_be_started(self, make: Make) -> None:
        result = await make(function=f"{misbehaving.__name__}:missing").parse(page("echo"))
        assert failure(result)[1] == (
            "The parser process could not be started: AttributeError: "
            f"module '{misbehaving.__name__}' has no attribute 'missing'."
        )


class TestProcesses:
    async def test_import_neither_the_window_nor_the_network(self, make: Make) -> None:
        modules = set(json.loads(markdown(await make().parse(page("modules")))))
        assert "lxml" in modules
        assert not modules & {"PySide6", "shiboken6", "qasync", "httpx", "aiohttp", "aiosqlite", "typer", "rich"}

    @linux_only
    async def test_inherit_no_file(self, make: Make, tmp_path: Path) -> None:
        lock = os.open(tmp_path / "lock", os.O_CREAT | os.O_RDWR)
        os.set_inheritable(lock, True)
        try:
            opened = json.loads(markdown(await make().parse(page("descriptors"))))
        finally:
            os.close(lock)
        files = [name for name in opened if name.startswith("/") and not name.startswith("/proc/")]
        assert set(files) == {"/dev/null"}

    async def test_print_into_the_void(self, make: Make, capfd: pytest.CaptureFixture[str]) -> None:
        markdown(await make().parse(page("print")))
        assert capfd.readouterr() == ("", "")

    @posix_only
    async def test_leave_stopping_to_their_parent(self, make: Make) -> None:
        runner = make()
        before = markdown(await runner.parse(page("echo")))
        assert markdown(await runner.parse(page("terminate"))) == before

    @posix_only
    async def test_yield_to_the_window(self, make: Make) -> None:
        assert int(markdown(await make().parse(page("niceness")))) > os.nice(0)


class TestCancelling:
    async def test_a_waiting_page_is_forgotten(self, make: Make, tmp_path: Path) -> None:
        runner = make()
        first = asyncio.create_task(runner.parse(page(f"wait {tmp_path / 'go'}")))
        await until((tmp_path / "go.begun").exists)
        second = asyncio.create_task(runner.parse(page(f"wait {tmp_path / 'never'}")))
        await asyncio.sleep(0)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        (tmp_path / "go").touch()
        pid = markdown(await first)
        assert markdown(await runner.parse(page("echo"))) == pid
        assert not (tmp_path / "never.begun").exists()

    async def test_a_page_that_ends_soon_leaves_its_process_alive(self, make: Make, tmp_path: Path) -> None:
        runner = make()
        task = asyncio.create_task(runner.parse(page(f"wait {tmp_path / 'go'}")))
        await until(text_in(tmp_path / "go.begun"))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        (tmp_path / "go").touch()
        assert markdown(await runner.parse(page("echo"))) == (tmp_path / "go.begun").read_text()

    @posix_only
    async def test_a_page_without_end_frees_its_slot_soon(self, make: Make, tmp_path: Path) -> None:
        runner = make(timeout=60)
        task = asyncio.create_task(runner.parse(page(f"hang {tmp_path / 'pid'}")))
        await until(text_in(tmp_path / "pid"))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(5):
            assert markdown(await runner.parse(page("echo"))) != (tmp_path / "pid").read_text()


class TestClosing:
    @posix_only
    @pytest.mark.parametrize("order", ["hang", "stuck"])
    async def test_ends_stuck_pages_at_once(self, make: Make, tmp_path: Path, order: str) -> None:
        runner = make()
        stuck = asyncio.create_task(runner.parse(page(f"{order} {tmp_path / 'pid'}")))
        waiting = asyncio.create_task(runner.parse(page("echo")))
        await until(text_in(tmp_path / "pid"))
        started = time.monotonic()
        await runner.aclose()
        assert time.monotonic() - started < 10, "the page has a minute"
        assert not exists(int((tmp_path / "pid").read_text()))
        for task in (stuck, waiting):
            with pytest.raises(asyncio.CancelledError):
                await task

    async def test_may_come_early_and_twice(self, make: Make) -> None:
        unused, launching = make(), make(processes=2)
        await unused.aclose()
        await launching.start()
        await asyncio.gather(launching.aclose(), launching.aclose())
        await launching.aclose()
        for runner in (unused, launching):
            with pytest.raises(asyncio.CancelledError):
                await runner.parse(page("echo"))


DRIVER = f"""
import asyncio, sys
from quaero_desktop.content.runner import ParseRunner
from quaero_desktop.domain.pages import PageInput

async def main(orders):
    runner = ParseRunner(
        processes=len(orders), timeout=60, memory_bytes={MEMORY}, function="{misbehaving.__name__}:obey"
    )
    await runner.start()
    pages = [runner.parse(PageInput(url="{URL}", body=order.encode())) for order in orders]
    print("launched", flush=True)
    try:
        if orders[-1] == "print":
            print([type(result).__name__ for result in await asyncio.gather(*pages)])
        else:
            await asyncio.wait([asyncio.ensure_future(page) for page in pages], timeout=CLOSE_AFTER)
    finally:
        if CLOSE_AFTER is None:
            await runner.aclose()

if __name__ == "__main__":
    try:
        asyncio.run(main(sys.argv[1:]))
    except KeyboardInterrupt:
        print("interrupted")
"""


def drive(*arguments: str, close: bool = True, code: str | None = None) -> subprocess.Popen[str]:
    """Start a process of its own group that runs a runner; without *close* it ends without closing it."""
    start = arguments if code is None else ("-c", code.replace("CLOSE_AFTER", str(None if close else 1)), *arguments)
    return subprocess.Popen(
        [sys.executable, *start],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@linux_only
class TestTheParent:
    @pytest.mark.parametrize("order", ["hang", "stuck", "orphan"])
    async def test_takes_its_workers_along_when_it_is_killed(self, tmp_path: Path, order: str) -> None:
        orders = [f"{order} {tmp_path / name}" for name in "ab"]
        with drive(*orders, code=DRIVER) as parent:
            for name in "ab":
                await until(text_in(tmp_path / name))
            parent.kill()
        for name in "ab":
            await until(gone(tmp_path / name), seconds=2)

    async def test_can_exit_without_closing(self, tmp_path: Path) -> None:
        with drive(f"hang {tmp_path / 'pid'}", code=DRIVER, close=False) as parent:
            _, errors = await asyncio.to_thread(parent.communicate, timeout=10)
            assert parent.returncode == 0, errors
        await until(gone(tmp_path / "pid"), seconds=2)

    @pytest.mark.parametrize("moment", ["launching", "parsing"])
    async def test_is_the_only_one_that_hears_ctrl_c(self, tmp_path: Path, moment: str) -> None:
        with drive(*(f"hang {tmp_path / name}" for name in "ab"), code=DRIVER) as parent:
            assert parent.stdout is not None
            assert parent.stdout.readline() == "launched\n"
            if moment == "parsing":
                for name in "ab":
                    await until(text_in(tmp_path / name))
            os.killpg(parent.pid, signal.SIGINT)
            assert await asyncio.to_thread(parent.communicate, timeout=10) == ("interrupted\n", "")

    @pytest.mark.parametrize("kind", ["script", "module", "console script"])
    async def test_may_be_started_in_any_way(self, tmp_path: Path, kind: str) -> None:
        package = tmp_path / "driver_package"
        package.mkdir()
        (package / "__init__.py").touch()
        (package / "__main__.py").write_text(DRIVER.replace("CLOSE_AFTER", "None"))
        script = tmp_path / "driver"
        script.write_text(
            "import sys\nfrom driver_package.__main__ import asyncio, main\n"
            "if __name__ == '__main__':\n    sys.exit(asyncio.run(main(sys.argv[1:])))\n"
        )
        start = {"script": [str(package / "__main__.py")], "module": ["-m", "driver_package"]}.get(kind, [str(script)])
        process = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, *start, "echo", "print"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert (process.stdout, process.stderr) == ("launched\n['ParsedPage', 'ParsedPage']\n", "")

    async def test_may_run_the_loop_of_qt(self) -> None:
        code = f"""
import asyncio, os, time
os.environ["QT_QPA_PLATFORM"] = "offscreen"
os.environ["QT_API"] = "pyside6"
from PySide6.QtWidgets import QApplication
import qasync
from quaero_desktop.content.runner import ParseRunner
from quaero_desktop.domain.pages import PageInput

async def main():
    runner = ParseRunner(processes=2, timeout=0.5, memory_bytes={MEMORY}, function="{misbehaving.__name__}:obey")
    orders = ["echo"] * 50 + ["exit", "raise", "hang {os.devnull}", "echo"]
    pages = [runner.parse(PageInput(url="{URL}", body=order.encode())) for order in orders]
    results = await asyncio.gather(*pages)
    print(*[getattr(result, "cause", "page") for result in results[-5:]])
    pending = asyncio.ensure_future(runner.parse(PageInput(url="{URL}", body=b"hang {os.devnull}")))
    await asyncio.sleep(0.1)
    started = time.monotonic()
    await runner.aclose()
    print(time.monotonic() - started < 1, pending.cancelled())

if __name__ == "__main__":
    app = QApplication([])
    with asyncio.Runner(loop_factory=lambda: qasync.QEventLoop(app)) as runner:
        runner.run(main())
"""
        pytest.importorskip("qasync")
        with drive(code=code) as process:
            out, errors = await asyncio.to_thread(process.communicate, timeout=30)
        assert out == "page parse_crash parse parse_timeout page\nTrue True\n", errors
