"""The bootstrap: sets up once, says why it cannot, and hands over cleanly."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def dev(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """packaging/dev.py, at work on a checkout of its own in which every command succeeds and is noted."""
    spec = importlib.util.spec_from_file_location("dev", ROOT / "packaging" / "dev.py")
    assert spec is not None
    assert spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    root = tmp_path / "checkout"
    levels = {level: root / "packaging" / f"{level}.lock" for level in ("run", "dev", "bundle")}
    for name in ("pyproject.toml", "quaero_desktop/__init__.py", *(f"packaging/{level}.lock" for level in levels)):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name, encoding="utf-8")
    module.ROOT, module.VENV = root, root / ".venv"
    module.VENV_PYTHON = root / ".venv" / "bin" / "python"
    module.STAMP = root / ".venv" / "stamp.json"
    module.LOCKS = levels
    module.BENCH_LOCK, module.BENCH_VENV = root / "packaging" / "bench.lock", root / ".venv-bench"
    module.BENCH_LOCK.write_text("bench", encoding="utf-8")
    module.commands = []

    def note(command: list[str], failure: str, **environment: str) -> None:
        module.commands.append(command)
        if "venv" in command:
            module.VENV_PYTHON.parent.mkdir(parents=True, exist_ok=True)
            module.VENV_PYTHON.write_text("", encoding="utf-8")

    monkeypatch.setattr(module, "run_or_stop", note)
    monkeypatch.setattr(module, "is_usable", lambda python: python.exists())
    return module


def test_the_first_call_sets_up_and_the_next_does_nothing(dev: Any):
    dev.set_up("run")
    assert [command[2] for command in dev.commands] == ["venv", "pip", "pip"]
    assert "--require-hashes" in dev.commands[1]
    assert dev.commands[1][-1].endswith("run.lock")
    assert "--no-build-isolation" in dev.commands[2]
    dev.commands.clear()
    dev.set_up("run")
    assert dev.commands == []


@pytest.mark.parametrize("changed", ["packaging/run.lock", "pyproject.toml", "quaero_desktop/__init__.py"])
def test_a_change_installs_again_into_the_same_environment(dev: Any, changed: str):
    dev.set_up("run")
    dev.commands.clear()
    (dev.ROOT / changed).write_text("other", encoding="utf-8")
    dev.set_up("run")
    assert [command[2] for command in dev.commands] == ["pip", "pip"]


def test_what_is_installed_for_testing_is_enough_for_running(dev: Any):
    dev.set_up("run")
    dev.set_up("dev")
    dev.commands.clear()
    dev.set_up("run")
    assert dev.commands == []


def test_what_builds_the_bundle_joins_what_is_installed(dev: Any):
    dev.set_up("dev")
    dev.set_up("bundle")
    dev.commands.clear()
    for level in ("run", "dev", "bundle"):
        dev.set_up(level)
    assert dev.commands == []


def test_peers_get_an_environment_of_their_own_once(dev: Any, monkeypatch: pytest.MonkeyPatch):
    became: list[list[str]] = []
    monkeypatch.setattr(dev, "become", became.append)
    monkeypatch.setattr(dev.os, "environ", {})
    dev.bench(["--quick", "crawl"])
    assert not dev.BENCH_VENV.exists()
    assert became == [[str(dev.VENV_PYTHON), "-P", "-m", "tests.benchmarks", "--quick", "crawl"]]
    dev.commands.clear()

    monkeypatch.setattr(dev, "make_venv", lambda folder: (folder / "bin").mkdir(parents=True))
    for _ in range(2):
        dev.bench(["--peers", "crawl"])
    [command] = dev.commands
    assert command[0] == str(dev.BENCH_VENV / "bin" / "python")
    assert {"--require-hashes", str(dev.BENCH_LOCK)} <= set(command)
    assert became[-1][-2:] == ["--peers", "crawl"]


def test_an_interrupted_set_up_is_done_again(dev: Any, monkeypatch: pytest.MonkeyPatch):
    def fail(*arguments: str) -> None:
        raise dev.SetupError("no network")

    with monkeypatch.context() as broken:
        broken.setattr(dev, "pip", fail)
        with pytest.raises(dev.SetupError, match="no network"):
            dev.set_up("run")
    assert not dev.is_set_up("run")
    dev.set_up("run")
    assert dev.is_set_up("run")


def test_a_broken_stamp_is_no_stamp(dev: Any):
    dev.set_up("run")
    for text in ("", "[]", "{", json.dumps({"run": "other"})):
        dev.STAMP.write_text(text, encoding="utf-8")
        assert not dev.is_set_up("run")


def test_a_second_set_up_waits_for_the_first(dev: Any):
    with dev.only_one():
        second = threading.Thread(target=dev.set_up, args=("run",))
        second.start()
        dev.STAMP.parent.mkdir()
        dev.VENV_PYTHON.parent.mkdir()
        dev.VENV_PYTHON.write_text("", encoding="utf-8")
        dev.STAMP.write_text(json.dumps({"run": dev.fingerprint("run")}), encoding="utf-8")
    second.join()
    assert dev.commands == []


@pytest.fixture
def pytest_calls(dev: Any, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What pytest was told, each time that dev.py ran it; every linter is content."""
    calls: list[list[str]] = []

    def note(command: list[str], **_: Any) -> subprocess.CompletedProcess[bytes]:
        if command[1:3] == ["-m", "pytest"]:
            calls.append(command[3:])
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.chdir(dev.ROOT)
    monkeypatch.setattr(dev.subprocess, "run", note)
    return calls


@pytest.mark.parametrize(("cores", "workers"), [(1, 2), (2, 3), (3, 4), (64, 4)])
def test_workers_share_the_whole_suite_file_by_file(
    dev: Any, pytest_calls: list[list[str]], monkeypatch: pytest.MonkeyPatch, cores: int, workers: int
):
    monkeypatch.setattr(dev.os, "sched_getaffinity", lambda _: set(range(cores)), raising=False)
    assert dev.main(["test"]) == 0
    [arguments] = pytest_calls
    assert {f"--numprocesses={workers}", "--dist=loadfile", "--no-loadscope-reorder", "--cov"} <= set(arguments)


@pytest.mark.parametrize(("platform", "asked"), [("linux", True), ("win32", False), ("darwin", False)])
def test_the_whole_suite_has_to_cover_storage_to_the_last_branch_where_that_is_possible(
    dev: Any, monkeypatch: pytest.MonkeyPatch, platform: str, asked: bool
):
    monkeypatch.setattr(dev.sys, "platform", platform)
    arguments = dev.whole_suite()
    assert ("--cov" in arguments, "--cover-whole=quaero_desktop/storage/*" in arguments) == (True, asked)


def test_a_part_of_the_tests_runs_in_one_process_and_without_coverage(dev: Any, pytest_calls: list[list[str]]):
    assert dev.main(["test", "tests/unit", "-x"]) == 0
    assert pytest_calls == [["tests/unit", "-x"]]


@pytest.mark.parametrize(
    ("asked", "drawn"), [("pictures", [("pictures", "1"), ("pictures", "2")]), ("--docs", [("--docs", "1")])]
)
def test_screenshots_are_drawn_in_two_resolutions_and_those_of_the_documentation_in_one(
    dev: Any, monkeypatch: pytest.MonkeyPatch, asked: str, drawn: list[tuple[str, str]]
):
    calls: list[tuple[str, str]] = []

    def note(command: list[str], *, env: dict[str, str], **_: Any) -> subprocess.CompletedProcess[bytes]:
        calls.append((Path(command[-1]).name, env["QT_SCALE_FACTOR"]))
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.chdir(dev.ROOT)
    monkeypatch.setattr(dev.subprocess, "run", note)
    assert dev.main(["screenshots", asked]) == 0
    assert calls == drawn


def test_a_linter_that_fails_fails_the_whole_after_the_tests(
    dev: Any, pytest_calls: list[list[str]], monkeypatch: pytest.MonkeyPatch, capsys
):
    note = dev.subprocess.run

    def mypy_fails(command: list[str], **options: Any) -> subprocess.CompletedProcess[bytes]:
        return subprocess.CompletedProcess(command, 1) if "mypy" in command else note(command, **options)

    monkeypatch.setattr(dev.subprocess, "run", mypy_fails)
    assert dev.main(["test"]) == 1
    assert len(pytest_calls) == 1
    assert "FAILED before the tests: mypy" in capsys.readouterr().err


def test_an_old_python_is_refused_with_both_versions(dev: Any):
    with pytest.raises(dev.SetupError, match=r"needs Python 3\.11 or newer; this is 3\.9\.2"):
        dev.require_python((3, 9, 2))


def test_a_python_without_ensurepip_names_the_missing_package(dev: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    with pytest.raises(dev.SetupError, match=r"apt install python3\.\d+-venv"):
        dev.require_venv()


def test_a_wrong_command_shows_the_right_ones(dev: Any, capsys):
    assert dev.main(["fly"]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert "dev.py run COMMAND" in output.err


def test_help_goes_to_stdout(dev: Any, capsys):
    assert dev.main(["--help"]) == 0
    assert "dev.py run COMMAND" in capsys.readouterr().out


HAND_OVER = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("dev", sys.argv[1])
dev = importlib.util.module_from_spec(spec)
spec.loader.exec_module(dev)
dev.become([sys.executable, "-c", sys.argv[2]])
"""


def hand_over(code: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", HAND_OVER, str(ROOT / "packaging" / "dev.py"), code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def test_the_exit_code_and_the_output_are_those_of_the_command():
    with hand_over("print('out'); raise SystemExit(3)") as process:
        assert process.communicate(timeout=30) == ("out\n", "")
    assert process.returncode == 3


@pytest.mark.skipif(os.name != "posix", reason="signals to a process group are POSIX")
def test_ctrl_c_reaches_the_command_exactly_once():
    code = """
import signal, sys
caught = []
signal.signal(signal.SIGINT, lambda number, frame: caught.append(number))
print("ready", flush=True)
sys.stdin.readline()
print(len(caught))
"""
    with hand_over(code) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        os.killpg(process.pid, signal.SIGINT)
        output, _ = process.communicate("the end\n", timeout=30)
    assert output == "1\n"
