"""One table of all benchmarks: what falls short stands out, and nothing that fails takes the others with it."""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest
from rich.console import Console

from tests.benchmarks import __main__ as bench
from tests.benchmarks import crawl
from tests.benchmarks.figures import Figure, Impossible, tell
from tests.benchmarks.measuring import Ended
from tests.benchmarks.table import BEGIN, END, Part, Report, inserted, mark, summary, unmeasured

FAST = Figure(what="ratio, ours : theirs", value=4.125, at_least=2.5, detail="236 : 57")
LATE = Figure(what="tick, p99", value=17.62, unit="ms", at_most=16, note="A note about it.")
PLAIN = Figure(what="pages a second", value=1234.5)
EVERY = Figure(what="pages", value=1170, at_least=1170, at_most=1170)
MISSING = unmeasured("against a peer", "it is not installed", failed=False)
BROKEN = unmeasured("memory", "ValueError: too\tfew pages\nand more", failed=True)


@pytest.mark.parametrize(
    ("figure", "measured", "wanted", "marked"),
    [
        (FAST, "4.12 (236 : 57)", "≥ 2.5", "yes"),
        (LATE, "17.6 ms", "≤ 16 ms", "**NO**"),
        (PLAIN, "1,234", "", ""),
        (EVERY, "1,170", "1,170", "yes"),
        (MISSING, "not measured: it is not installed", "", "not here"),
        (BROKEN, "not measured: ValueError: too few pages", "", "**FAILED**"),
        (Figure(what="violations", value=0, at_most=0), "0", "≤ 0", "yes"),
        (Figure(what="share", value=0.414, unit="%", at_least=0.1, at_most=3), "0.41 %", "≥ 0.1 % and ≤ 3 %", "yes"),
    ],
)
def test_a_row_says_what_is_what_should_be_and_whether_it_is(figure: Figure, measured: str, wanted: str, marked: str):
    assert (figure.measured, figure.wanted, mark(figure)) == (measured, wanted, marked)


REPORT = Report(
    "Measured.",
    {"Machine": "2 cores"},
    [Part("Engine", "bench crawl", [FAST, MISSING]), Part("Engine", "bench memory", [BROKEN]),
     Part("Window", "bench window", [LATE])],
)  # fmt: skip


def test_the_table_in_markdown():
    lines = REPORT.markdown().splitlines()
    assert lines[:4] == ["Measured.", "", "- Machine: 2 cores", ""]
    assert [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[4:12] if "---" not in line] == [
        ["Figure", "Measured", "Wanted", "Met", "Alone: dev.py …"],
        ["**Engine**", "", "", "", ""],
        ["Ratio, ours : theirs", "4.12 (236 : 57)", "≥ 2.5", "yes", "bench crawl"],
        ["Against a peer", "not measured: it is not installed", "", "not here", "bench crawl"],
        ["Memory", "not measured: ValueError: too few pages", "", "**FAILED**", "bench memory"],
        ["**Window**", "", "", "", ""],
        ["Tick, p99", "17.6 ms", "≤ 16 ms", "**NO**", "bench window"],
    ]
    assert len({len(line) for line in lines[4:12]}) == 1
    assert lines[13:] == [
        "4 figures: 1 as wanted, 1 short of it, 1 failed, 1 not possible here.",
        "",
        "- A note about it.",
    ]


def test_the_table_on_a_terminal_has_no_markdown():
    output = io.StringIO()
    REPORT.print(Console(file=output, width=100))
    assert "*" not in output.getvalue()
    assert {"FAILED", "NO", "Engine", "Window"} <= set(output.getvalue().split())


def test_what_falls_short_or_fails_is_no_good_and_what_is_not_here_is():
    assert not REPORT.good
    assert Report("", {}, [Part("Engine", "bench crawl", [FAST, MISSING, PLAIN])]).good
    assert not Report("", {}, [Part("Engine", "bench crawl", [BROKEN])]).good


def test_nothing_measured_is_said_too():
    assert summary([]) == "0 figures"


def test_the_table_replaces_the_one_between_the_marks_of_a_file(tmp_path: Path):
    file = tmp_path / "performance.md"
    bench.write("first\n", file)
    assert file.read_text(encoding="utf-8") == "first\n"
    file.write_text(f"# Above\n\n{BEGIN}\nold\n{END}\n\nBelow.\n", encoding="utf-8")
    bench.write("new\n", file)
    assert file.read_text(encoding="utf-8") == f"# Above\n\n{BEGIN}\n\nnew\n\n{END}\n\nBelow.\n"


def test_a_file_with_one_mark_only_is_written_whole():
    assert inserted(f"{BEGIN} but no end", "table") == "table"


# --- the process of one benchmark -----------------------------------------------------------------------------------


def figures_of(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: BaseException | None
) -> tuple[int, list[Figure]]:
    """What a benchmark leaves that tells one figure and then ends so."""

    def figures(quick: bool) -> Iterator[Figure]:
        yield FAST
        if error is not None:
            raise error

    monkeypatch.setitem(sys.modules, "tests.benchmarks.made_up", SimpleNamespace(figures=figures))
    answer = tmp_path / "answer"
    code = bench.measure(bench.Benchmark("made_up", "Engine", "something"), True, answer)
    return code, [bench._DECODER.decode(line) for line in answer.read_bytes().splitlines()]


def test_figures_arrive_as_they_were_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    assert figures_of(monkeypatch, tmp_path, None) == (0, [FAST])


@pytest.mark.parametrize(
    ("error", "reason"),
    [(ZeroDivisionError("by zero"), "ZeroDivisionError: by zero"), (SystemExit("no pages"), "SystemExit: no pages")],
)
def test_a_benchmark_that_fails_keeps_its_figures_and_says_why(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: BaseException, reason: str, capsys
):
    assert figures_of(monkeypatch, tmp_path, error) == (1, [FAST, unmeasured("something", reason, failed=True)])
    assert reason.partition(":")[0] in capsys.readouterr().err


def test_what_is_missing_here_is_no_failure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    missing = unmeasured("something", "no nginx", failed=False)
    assert figures_of(monkeypatch, tmp_path, Impossible("no nginx")) == (0, [FAST, missing])


# --- the process that makes the table -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("in_time", "code", "told", "reason"),
    [
        (True, -11, [FAST], "its process ended with exit code -11"),
        (False, -9, [FAST], "stopped after 3 minutes"),
        (True, 0, [], "it told no figure"),
    ],
)
def test_a_benchmark_whose_process_dies_is_a_row_too(
    monkeypatch: pytest.MonkeyPatch, in_time: bool, code: int, told: list[Figure], reason: str
):
    def die(command: list[str], environment: dict[str, str], seconds: float) -> tuple[bool, int]:
        assert seconds == 180
        encoded = [msgspec.json.encode(figure) for figure in told]
        Path(command[command.index("--inside") + 1]).write_bytes(b"\n".join(encoded))
        return in_time, code

    monkeypatch.setattr(bench, "_run_in_group", die)
    benchmark = bench.Benchmark("made_up", "Engine", "something", minutes=6)
    assert bench.run(benchmark, quick=True) == [*told, unmeasured("something", reason, failed=True)]


@pytest.mark.skipif(os.name != "posix", reason="process groups are POSIX")
def test_what_takes_too_long_is_ended_with_all_that_it_started(tmp_path: Path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    # Only the child of the child holds the pipe: its end is the end of file.
    held = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        command = ["sh", "-c", f"(exec 9>{pipe}; sleep 60) & wait"]
        assert bench._run_in_group(command, dict(os.environ), 0.2) == (False, -9)
        os.set_blocking(held, True)
        assert os.read(held, 1) == b""
    finally:
        os.close(held)


def test_a_benchmark_sees_nothing_of_the_person(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("QUAERO_QUEUE_NUM_WORKERS", "1")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.test")
    monkeypatch.setenv("QT_QPA_PLATFORM", "xcb")
    environment = bench._environment(tmp_path)
    assert not {"QUAERO_QUEUE_NUM_WORKERS", "HTTPS_PROXY"} & set(environment)
    assert environment["QT_QPA_PLATFORM"] == "xcb"
    assert environment["QUAERO_LIBRARY"].startswith(str(tmp_path))


def test_every_benchmark_of_the_folder_is_in_the_table():
    folder = Path(bench.__file__).parent
    sources = {path.stem: path.read_text(encoding="utf-8") for path in folder.glob("*.py")}
    tell_figures = {name for name, source in sources.items() if "\ndef figures(quick: bool)" in source}
    assert tell_figures == {benchmark.name for benchmark in bench.BENCHMARKS}


def test_a_benchmark_alone_ends_with_its_verdict(capsys):
    with pytest.raises(SystemExit) as ended:
        tell([FAST, LATE])
    assert ended.value.code == 1
    assert capsys.readouterr().out.splitlines() == [
        "ratio, ours : theirs: 4.12 (236 : 57)   wanted ≥ 2.5",
        "tick, p99: 17.6 ms   wanted ≤ 16 ms   NOT MET",
    ]
    with pytest.raises(SystemExit) as ended:
        tell([FAST, PLAIN])
    assert ended.value.code == 0


def test_an_unknown_name_is_refused_with_those_that_there_are(monkeypatch: pytest.MonkeyPatch, capsys):
    monkeypatch.setattr(sys, "argv", ["bench", "crawl", "fly"])
    with pytest.raises(SystemExit) as ended:
        bench.main()
    assert ended.value.code == 2
    assert "no benchmark is called fly; there are crawl queue" in capsys.readouterr().err


# --- against peers --------------------------------------------------------------------------------------------------


def test_a_peer_that_fails_or_is_not_here_is_a_row_and_the_others_are_compared(monkeypatch: pytest.MonkeyPatch):
    rates = {"Quaero": 4.0, "Quaero with rules": 3.9, "Scrapy 2": 1.0, "wget 1": 8.0}
    pages = frozenset(str(number) for number in range(crawl.PAGES["python"]))

    def timed(crawler: crawl.Crawler, site: object) -> crawl.Run:
        if crawler.name not in rates:
            raise RuntimeError("crawlee ended with exit code 1: no\nand a traceback")
        return crawl.Run(pages, 600, len(pages) / rates[crawler.name], Ended("", 200.0, 3.0))

    def not_run(url: str, folder: Path) -> tuple[Ended, float]:
        raise AssertionError

    monkeypatch.setattr(crawl, "served", lambda name: nullcontext(None))
    monkeypatch.setattr(crawl, "timed", timed)
    peers = [crawl.Crawler(name, not_run) for name in ("Scrapy 2", "Crawlee 1", "wget 1")]
    peers.append(crawl.Crawler("HTTrack", not_run, missing="it is not installed"))
    figures = list(crawl.compare("python", 2, peers))
    assert [(figure.value, mark(figure)) for figure in figures] == [
        (4.0, "yes"),
        (None, "**FAILED**"),
        (0.5, ""),
        (None, "not here"),
        (pytest.approx(0.975), "yes"),
        (527, "yes"),
    ]
    assert figures[1].measured == "not measured: crawlee ended with exit code 1: no"
    assert figures[5].detail == "Quaero 527, Scrapy 527, wget 527"
